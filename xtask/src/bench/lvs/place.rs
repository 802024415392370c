//! Where it is measured: a balancer, and a node that has the addresses of all real servers.
//!
//! The two are machines of their own: what the servers' kernel does with a check must not count as work of
//! who made it. So they have a processor each, and what crosses the wire is worked on by that of the
//! receiver. (Over `lo`, or with one processor for both, a sender does the receiver's work, too.)

use std::fs;
use std::path::{Path, PathBuf};

use lab::{Lab, Node};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use super::conf::SERVERS;
use super::standin::StandIn;
use crate::bench::place::{Binary, copy};
use crate::bench::tree::Daemon;

/// The processor of the balancer.
const BALANCERS: usize = 0;
/// The processor of the servers, and of the wire.
pub(super) const SERVERS_OWN: usize = 1;
/// The address of the servers' node on the wire.
const GATEWAY: &str = "10.77.0.2";

/// The nodes, and copies of the binaries.
pub(super) struct Place {
    /// The balancer.
    pub node: Node,
    /// The real servers.
    pub servers: Node,
    /// What is asked of the kernel.
    pub stand_in: StandIn,
    programs: Vec<PathBuf>,
    lab: Lab,
}

impl Place {
    /// Makes it.
    pub(super) fn new(binaries: &[Binary]) -> Result<Self, String> {
        // A check is a descriptor, and at the responder another.
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|e| e.to_string())?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(|e| e.to_string())?;
        let lab = Lab::new("lvs").map_err(|e| e.to_string())?;
        let wired = wire(&lab).map_err(|e| e.to_string());
        let stand_in = StandIn::build(lab.dir())?;
        let copy =
            |(index, binary): (usize, &Binary)| copy(&binary.path, &lab.dir().join(format!("bin{index}")));
        let programs = binaries.iter().enumerate().map(copy).collect::<Result<_, _>>()?;
        let (node, servers) = wired?;
        Ok(Self { node, servers, stand_in, programs, lab })
    }

    /// The binaries of so many rounds, in the order in which they are measured: there and back again.
    pub(super) fn turns(&self, rounds: u32) -> impl Iterator<Item = usize> + use<> {
        let last = self.programs.len();
        let there = move |round: u32, place: usize| if round % 2 == 1 { last - 1 - place } else { place };
        (0..rounds).flat_map(move |round| (0..last).map(move |place| there(round, place)))
    }

    /// Makes the node as new.
    pub(super) fn reset(&self) -> Result<(), String> {
        let reset = || -> lab::Result<()> {
            self.node.power_off()?;
            self.node.power_on()?;
            self.node.run("ip", &["link", "set", "lo", "up"])?;
            self.node.run("ip", &["route", "replace", SERVERS, "via", GATEWAY])?;
            // What it starts inherits its processor.
            self.node.inside_run(|| stay_on(BALANCERS))?;
            self.servers.run("sysctl", &["-qw", "net.core.somaxconn=65535"])?;
            // Answers of the stand-in that wait to be read.
            self.node.run("sysctl", &["-qw", "net.unix.max_dgram_qlen=100000"])?;
            // It has kept its part of the kernel, and with it what the daemon before left in the table.
            if self.stand_in.kernel {
                self.node.run("ipvsadm", &["-C"])?;
            }
            Ok(())
        };
        reset().map_err(|e| e.to_string())
    }

    /// Starts a binary.
    pub(super) fn start(&self, binary: usize, conf: &str) -> Result<Daemon, String> {
        let program = self.programs.get(binary).ok_or("no such binary")?;
        Daemon::start_with(&self.node, program, conf, &self.stand_in.begin()?)
    }

    /// Removes what is of no use after a run that went well.
    pub(super) fn tidy(&self) {
        let dir: &Path = self.lab.dir();
        let _ = fs::remove_dir_all(dir);
        // Empty now, unless the user keeps other labs there.
        let _ = dir.parent().map(fs::remove_dir);
    }
}

/// The balancer and the servers, with a wire between them.
fn wire(lab: &Lab) -> lab::Result<(Node, Node)> {
    let (lan, node, servers) = (lab.lan("wire")?, lab.node("balancer")?, lab.node("servers")?);
    if processors() > 1 {
        lab.receive_on(1 << SERVERS_OWN)?;
        servers.receive_on(1 << SERVERS_OWN)?;
        node.receive_on(1 << BALANCERS)?;
    }
    node.attach(&lan, "eth0", &["10.77.0.1/24"], None)?;
    servers.attach(&lan, "eth0", &[&format!("{GATEWAY}/24")], None)?;
    servers.run("ip", &["route", "replace", "local", SERVERS, "dev", "lo"])?;
    Ok((node, servers))
}

/// How many processors there are. A guest has one.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Has the calling thread, and what it starts, stay on a processor where there is more than one.
pub(super) fn stay_on(processor: usize) {
    let mut set = CpuSet::new();
    // What is measured is less exact elsewhere, but true.
    if processors() > 1 && set.set(processor).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}
