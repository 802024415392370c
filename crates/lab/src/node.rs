//! A node: a host of the lab, with its own network, processes, `/run` and `/tmp`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::{IpNet, Mac};
use linux::netlink::LinkSpec;
use linux::netns::Netns;

use crate::error::{Context, LabError, Result};
use crate::inside::{Inside, Plan};
use crate::process::Process;
use crate::world::{Lan, Shared};

/// Where a link is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// At the switch: the node sees its carrier go.
    Switch,
    /// In the node: somebody said `ip link set down`.
    Node,
}

/// A host of the lab. Dropping it switches it off for good.
pub struct Node {
    name: String,
    number: u8,
    dir: PathBuf,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    /// `None` while the node is off.
    inside: Option<Inside>,
    net: Netns,
    ports: BTreeMap<String, Port>,
}

/// One network device of a node.
struct Port {
    lan: String,
    /// The other end of the cable, a device of the switch.
    at_switch: String,
    addresses: Vec<IpNet>,
}

impl Node {
    pub(crate) fn new(shared: Arc<Shared>, name: &str, number: u8) -> Result<Self> {
        let dir = shared.dir.join(name);
        fs::create_dir_all(&dir).during(|| format!("{}", dir.display()))?;
        let inside = Inside::start(plan(&shared, name, None))?;
        let state = State { net: inside.net().clone(), inside: Some(inside), ports: BTreeMap::new() };
        Ok(Self { name: name.to_owned(), number, dir, shared, state: Mutex::new(state) })
    }

    /// Its name, which is also its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory: configurations and logs. It is the same path inside and outside.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Plugs a cable from a new device of this node into a LAN, and switches it on. The hardware
    /// address is `02:00:00:00:NODE:DEVICE`, counted from 1 and 0, if none is given.
    ///
    /// # Errors
    /// The node is off, or the kernel refused a step.
    pub fn attach(&self, lan: &Lan, device: &str, addresses: &[&str], mac: Option<Mac>) -> Result<()> {
        let mut state = self.state();
        let count = u8::try_from(state.ports.len()).unwrap_or(u8::MAX);
        let mac = mac.unwrap_or(Mac([2, 0, 0, 0, self.number, count]));
        let at_switch = format!("{}.{device}", self.name);
        let parse = |text: &&str| {
            text.parse::<IpNet>().map_err(|e| LabError::Expectation(format!("address \"{text}\": {e}")))
        };
        let addresses: Vec<IpNet> = addresses.iter().map(parse).collect::<Result<_>>()?;
        let net = state.net.clone();
        let (port, bridge, peer) = (at_switch.clone(), lan.name().to_owned(), device.to_owned());
        let what = || format!("cable from {} to {}", self.name, lan.name());
        self.shared.switch.links(what, move |links| {
            links.add_veth(&port, &peer, net)?;
            links.enslave(&port, &bridge)
        })?;
        configure(state.inside(&self.name)?, device, mac, &addresses)?;
        state.ports.insert(device.to_owned(), Port { lan: lan.name().to_owned(), at_switch, addresses });
        Ok(())
    }

    /// Says which processors work on what comes in at devices that are added from now on, as
    /// [`Lab::receive_on`](crate::Lab::receive_on) does for the switch.
    ///
    /// # Errors
    /// The node is off, the kernel is too old, or it has no such processor.
    pub fn receive_on(&self, processors: u32) -> Result<()> {
        self.inside_run(move || crate::world::steer(processors))?
            .during(|| format!("processors of {}", self.name))
    }

    /// Starts a program inside the node. Its output is appended to `LOG.log` in the node's directory.
    ///
    /// # Errors
    /// The node is off, or the program cannot be started.
    pub fn spawn<S: AsRef<OsStr>>(
        &self,
        log: &str,
        program: impl AsRef<OsStr>,
        args: &[S],
    ) -> Result<Process> {
        let path = self.dir.join(format!("{log}.log"));
        let what = || format!("{}: starting {log}", self.name);
        let output = fs::File::options().create(true).append(true).open(&path).during(what)?;
        let errors = output.try_clone().during(what)?;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(output).stderr(errors);
        // A daemon signals its process group; we are not of it.
        command.process_group(0);
        let child = self.state().inside(&self.name)?.spawn(command).during(what)?;
        Ok(Process::new(format!("{log} on {}", self.name), child, path))
    }

    /// Runs a program inside the node to its end.
    ///
    /// # Errors
    /// The node is off, the program cannot be started, or it fails.
    pub fn run<S: AsRef<OsStr>>(&self, program: &str, args: &[S]) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        let what = format!("{}: {program}", self.name);
        let output = self.inside_run(move || command.output())?.during(|| what.clone())?;
        if output.status.success() {
            return Ok(output);
        }
        let text = format!("\n{}", String::from_utf8_lossy(&output.stderr));
        Err(LabError::Tool { what, status: output.status, output: text })
    }

    /// Runs a closure on a thread inside the node: what it opens is open there.
    ///
    /// # Errors
    /// The node is off.
    pub fn inside_run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        Ok(self.state().inside(&self.name)?.run(work))
    }

    /// Gives the node an empty directory of its own in place of one that exists; gone with the power.
    ///
    /// # Errors
    /// The node is off, or there is no such directory.
    pub fn own_directory(&self, path: &str) -> Result<()> {
        let target = path.to_owned();
        self.inside_run(move || crate::inside::mount_memory(&target))?
            .during(|| format!("{}: {path}", self.name))
    }

    /// Writes a file into the node's directory and gives back its path.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, text).during(|| format!("{}", path.display()))?;
        Ok(path)
    }

    /// Whether an address is on one of its devices. A node without power has none.
    ///
    /// # Errors
    /// The kernel's list cannot be read.
    pub fn has_ip(&self, address: IpAddr) -> Result<bool> {
        let Some(pid) = self.first_pid() else { return Ok(false) };
        let list = if address.is_ipv4() { "fib_trie" } else { "if_inet6" };
        let path = format!("/proc/{pid}/net/{list}");
        let text = fs::read_to_string(&path).during(|| path)?;
        Ok(lists_address(&text, address))
    }

    /// The kernel's table of virtual servers, as `/proc/net/ip_vs` shows it.
    ///
    /// # Errors
    /// The node is off, or its kernel has no virtual servers.
    pub fn ip_vs(&self) -> Result<String> {
        self.network_file("ip_vs")
    }

    /// Whether the kernel's table of balanced connections has an established one from a client's `port`.
    ///
    /// # Errors
    /// The node is off, or its kernel has no virtual servers.
    pub fn balances(&self, port: u16) -> Result<bool> {
        // Protocol, client's address and port, ... in hexadecimal digits.
        let port = format!("{port:04X}");
        let ours =
            |line: &str| line.split_whitespace().nth(2) == Some(&port) && line.contains(" ESTABLISHED ");
        Ok(self.network_file("ip_vs_conn")?.lines().any(ours))
    }

    fn network_file(&self, name: &str) -> Result<String> {
        let pid = self.first_pid().ok_or_else(|| LabError::Off(self.name.clone()))?;
        let path = format!("/proc/{pid}/net/{name}");
        fs::read_to_string(&path).during(|| path)
    }

    /// Cuts or mends the cable of a device.
    ///
    /// # Errors
    /// There is no such device, or the kernel refused.
    pub fn link(&self, device: &str, up: bool, cut: Cut) -> Result<()> {
        let state = self.state();
        let port = state.port(&self.name, device)?;
        let what = || format!("{}: {device} {}", self.name, if up { "up" } else { "down" });
        match cut {
            Cut::Switch => {
                let port = port.at_switch.clone();
                self.shared.switch.links(what, move |links| links.set_up(&port, up))
            }
            Cut::Node => {
                let device = device.to_owned();
                state.inside(&self.name)?.links(what, move |links| links.set_up(&device, up))
            }
        }
    }

    /// Adds a macvlan with a hardware address and addresses of its own, as FRR's VRRP needs it.
    ///
    /// # Errors
    /// The node is off, or the kernel refused.
    pub fn add_macvlan(&self, name: &str, parent: &str, mac: Mac, addresses: &[&str]) -> Result<()> {
        let (name, parent) = (name.to_owned(), parent.to_owned());
        let addresses: Vec<IpNet> = addresses.iter().filter_map(|a| a.parse().ok()).collect();
        let what = || format!("{}: macvlan", self.name);
        self.state().inside(&self.name)?.links(what, move |links| {
            links.add_macvlan(&name, &parent, mac)?;
            addresses.into_iter().try_for_each(|a| links.add_address(&name, a))?;
            links.set_up(&name, true)
        })
    }

    /// Pulls the plug: every process dies at once without a chance to say a word, and the switch sees
    /// the cables go.
    ///
    /// # Errors
    /// The kernel refused to cut a cable.
    pub fn power_off(&self) -> Result<()> {
        let mut state = self.state();
        // Processes first: in the other order they would still see the carrier go, and react.
        state.inside = None;
        self.all_ports(&state, false)
    }

    /// Boots again: new processes, empty `/run` and `/tmp`, and only the addresses that it was attached
    /// with.
    ///
    /// # Errors
    /// A step that the system refused.
    pub fn power_on(&self) -> Result<()> {
        let mut state = self.state();
        if state.inside.is_some() {
            return Ok(());
        }
        let inside = Inside::start(plan(&self.shared, &self.name, Some(state.net.clone())))?;
        for (device, port) in &state.ports {
            let (device, own) = (device.clone(), port.addresses.clone());
            let what = || format!("{}: addresses of {device}", self.name);
            let name = device.clone();
            inside.links(what, move |links| links.keep_addresses(&name, &own))?;
        }
        state.inside = Some(inside);
        self.all_ports(&state, true)
    }

    fn all_ports(&self, state: &State, up: bool) -> Result<()> {
        let ports: Vec<String> = state.ports.values().map(|p| p.at_switch.clone()).collect();
        let what = || format!("cables of {}", self.name);
        self.shared.switch.links(what, move |links| ports.iter().try_for_each(|p| links.set_up(p, up)))
    }

    /// The switch's devices for this node's cables into a LAN.
    pub(crate) fn ports_on(&self, lan: &Lan) -> Vec<String> {
        self.state().ports.values().filter(|p| p.lan == lan.name()).map(|p| p.at_switch.clone()).collect()
    }

    /// Waits until the node has (or has not) an address; the time that it took.
    ///
    /// # Errors
    /// It did not come to be within `bound`.
    pub fn wait_ip(&self, address: IpAddr, present: bool, bound: Duration) -> Result<Duration> {
        let what = format!("{} {} {address}", self.name, if present { "has" } else { "is without" });
        crate::wait(&what, bound, || Ok(self.has_ip(address)? == present))
    }

    /// The first process, as the lab sees it, if the node is on.
    pub(crate) fn first_pid(&self) -> Option<u32> {
        self.state().inside.as_ref().and_then(Inside::first_pid)
    }

    /// When the lab began.
    pub(crate) fn began(&self) -> Instant {
        self.shared.began
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn inside(&self, name: &str) -> Result<&Inside> {
        self.inside.as_ref().ok_or_else(|| LabError::Off(name.to_owned()))
    }

    fn port(&self, name: &str, device: &str) -> Result<&Port> {
        self.ports.get(device).ok_or_else(|| LabError::Expectation(format!("{name} has no device {device}")))
    }
}

fn plan(shared: &Shared, name: &str, net: Option<Netns>) -> Plan {
    Plan { name: name.to_owned(), net, processes: true, exposed: shared.exposed() }
}

fn configure(inside: &Inside, device: &str, mac: Mac, addresses: &[IpNet]) -> Result<()> {
    let (name, addresses) = (device.to_owned(), addresses.to_vec());
    inside.links(
        || format!("addresses of {device}"),
        move |links| -> io::Result<()> {
            links.change(&name, LinkSpec { mac: Some(mac), ..LinkSpec::default() })?;
            addresses.into_iter().try_for_each(|a| links.add_address(&name, a))?;
            links.set_up(&name, true)
        },
    )
}

/// Looks an address up in the kernel's text: `fib_trie` for IPv4, `if_inet6` for IPv6.
fn lists_address(text: &str, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let leaf = format!("|-- {v4}");
            let lines = text.lines().zip(text.lines().skip(1));
            lines.into_iter().any(|(line, next)| line.trim_start() == leaf && next.contains("/32 host LOCAL"))
        }
        IpAddr::V6(v6) => {
            let hex: String = v6.octets().iter().map(|b| format!("{b:02x}")).collect();
            text.lines().any(|line| line.starts_with(&hex))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lists_address;

    #[test]
    fn addresses_are_told_from_routes_and_from_longer_addresses() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.1\n        /32 host LOCAL\n     |-- 192.0.2.10\n        /24 link UNICAST\n";
        assert!(lists_address(trie, "192.0.2.1".parse().unwrap()));
        assert!(!lists_address(trie, "192.0.2.10".parse().unwrap()));
        assert!(!lists_address(trie, "192.0.2.11".parse().unwrap()));
        let inet6 = "20010db8000000000000000000000100 02 40 00 80     eth0\n";
        assert!(lists_address(inet6, "2001:db8::100".parse().unwrap()));
        assert!(!lists_address(inet6, "2001:db8::101".parse().unwrap()));
    }
}
