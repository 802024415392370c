//! Where it is measured: one node that has the addresses of all real servers.

use std::fs;
use std::path::{Path, PathBuf};

use lab::{Lab, Node};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::conf::SERVERS;
use super::standin::StandIn;
use crate::bench::place::{Binary, copy};
use crate::bench::tree::Daemon;

/// The node, and copies of the binaries.
pub(super) struct Place {
    /// Balancer and real servers.
    pub node: Node,
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
        let node = lab.node("balancer").map_err(|e| e.to_string())?;
        let stand_in = StandIn::build(lab.dir())?;
        let copy =
            |(index, binary): (usize, &Binary)| copy(&binary.path, &lab.dir().join(format!("bin{index}")));
        let programs = binaries.iter().enumerate().map(copy).collect::<Result<_, _>>()?;
        Ok(Self { node, stand_in, programs, lab })
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
            self.node.run("ip", &["route", "replace", "local", SERVERS, "dev", "lo"])?;
            // The second: answers of the stand-in that wait to be read.
            let settings = ["net.core.somaxconn=65535", "net.unix.max_dgram_qlen=100000"];
            self.node.run("sysctl", &["-qw", settings[0], settings[1]])?;
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
