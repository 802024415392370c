//! What the scenarios share: routers on a captured LAN, and questions to them.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lab::{Capture, Daemon, Event, Kind, Lab, LabError, Lan, Node, Process, Result, Running, ensure};

/// The virtual address of most configurations.
pub(crate) const VIP: &str = "192.0.2.100";
/// No state takes longer to come, unless it has a bound of its own.
pub(crate) const BOUND: Duration = Duration::from_secs(10);
/// How far an event may be from its instant where nothing but a decision moves it.
pub(crate) const EXACT: Duration = Duration::from_millis(2);
/// One second, the interval of most adverts.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Where scripts of a scenario write what they were told.
pub(crate) const TOLD: &str = "/run/told";

/// A lab with routers `r1`, `r2`, .. on one LAN.
pub(crate) struct Stage {
    pub lab: Lab,
    pub lan: Lan,
    pub capture: Capture,
    pub routers: Vec<Node>,
}

impl Stage {
    pub(crate) fn new(tag: &str, routers: u8) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let lan = lab.lan("lan0")?;
        let capture = lab.capture(&lan)?;
        let router = |i: u8| {
            let node = lab.node(&format!("r{i}"))?;
            node.attach(&lan, "eth0", &[&format!("192.0.2.1{i}/24"), &format!("2001:db8::1{i}/64")], None)?;
            Ok(node)
        };
        let routers = (1..=routers).map(router).collect::<Result<_>>()?;
        Ok(Self { lab, lan, capture, routers })
    }

    pub(crate) fn r1(&self) -> &Node {
        &self.routers[0]
    }

    pub(crate) fn r2(&self) -> &Node {
        &self.routers[1]
    }

    /// The adverts of an instance since `from`: when, from whom, and with which priority.
    pub(crate) fn adverts(&self, vrid: u8, from: Duration) -> Vec<Advert> {
        let of = |e: &Event| match e.kind {
            Kind::Advert { vrid: v, priority, source, .. } if v == vrid && e.at >= from => {
                Some(Advert { at: e.at, source, priority })
            }
            _ => None,
        };
        self.capture.events().iter().filter_map(of).collect()
    }

    /// Waits for the next advert of an instance, so that what follows stands between two.
    pub(crate) fn next_advert(&self, vrid: u8) -> Result<Duration> {
        let from = self.lab.now();
        lab::wait("an advert", BOUND, || Ok(!self.adverts(vrid, from).is_empty()))?;
        Ok(self.lab.now())
    }

    /// Between `from` and now, adverts of the instance come each `interval`, all of one priority.
    pub(crate) fn regular(&self, vrid: u8, from: Duration, interval: Duration) -> Result<usize> {
        let adverts = self.adverts(vrid, from);
        let want = self.lab.now().saturating_sub(from).as_nanos() / interval.as_nanos();
        let enough = adverts.len() as u128 + 1 >= want.max(1);
        ensure(enough, format_args!("{} adverts, not {want}: {adverts:?}", adverts.len()))?;
        for pair in adverts.windows(2) {
            let gap = pair[1].at.saturating_sub(pair[0].at);
            ensure(
                gap.abs_diff(interval) <= EXACT && pair[0].priority == pair[1].priority,
                format_args!("{gap:?} between {:?} and {:?}, not {interval:?}", pair[0], pair[1]),
            )?;
        }
        Ok(adverts.len())
    }

    /// For as long as `time`, at no instant two routers have the address.
    pub(crate) fn at_most_one_has(&self, address: &str, time: Duration) -> Result<()> {
        let end = self.lab.now() + time;
        while self.lab.now() < end {
            let holders = self.routers.iter().filter(|r| r.has_ip(ip(address)).unwrap_or(false));
            ensure(holders.count() <= 1, format_args!("two have {address} at {:?}", self.lab.now()))?;
            self.lab.pass(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// An advert that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Advert {
    pub at: Duration,
    pub source: IpAddr,
    pub priority: u8,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("a literal address")
}

/// An instance of version 2 with adverts each second.
pub(crate) fn instance(name: &str, vrid: u8, priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n state BACKUP\n interface eth0\n virtual_router_id {vrid}\n \
         priority {priority}\n advert_int 1\n{lines}\n}}\n"
    )
}

/// The block with virtual addresses.
pub(crate) fn vips(lines: &[&str]) -> String {
    format!(" virtual_ipaddress {{\n  {}\n }}\n", lines.join("\n  "))
}

/// The configuration of most scenarios.
pub(crate) fn simple(priority: u8) -> String {
    instance("VI_1", 51, priority, &vips(&[&format!("{VIP}/24")]))
}

/// Starts vipd with further words on its command line.
pub(crate) fn start_with(node: &Node, conf: &str, words: &[&str]) -> Result<Process> {
    let path = node.write("vipd.conf", conf)?;
    let path = path.to_str().ok_or_else(|| LabError::Expectation("a path in UTF-8".to_owned()))?;
    let mut args = vec!["-f", path, "-n", "-l", "-D", "-G"];
    args.extend(words);
    node.spawn("vipd", Daemon::Vipd.program()?, &args)
}

/// Starts vipd and waits until it is master.
pub(crate) fn start_master(stage: &Stage, conf: &str) -> Result<Process> {
    let daemon = stage.r1().vipd(conf)?;
    stage.r1().wait_ip(ip(VIP), true, BOUND)?;
    Ok(daemon)
}

/// Waits until the log has a line with this text; what stands before `after` bytes doesn't count.
pub(crate) fn told(process: &Process, text: &str, after: usize, bound: Duration) -> Result<()> {
    let found = || Ok(process.log()?.get(after..).unwrap_or_default().contains(text));
    lab::wait(&format!("the log says \"{text}\""), bound, found).map(drop)
}

/// How long the log is.
pub(crate) fn log_length(process: &Process) -> Result<usize> {
    Ok(process.log()?.len())
}

/// The processes of the node by role: supervisor, vrrp, scripts.
pub(crate) struct Family {
    pub supervisor: Running,
    pub vrrp: Option<Running>,
    pub scripts: Option<Running>,
}

/// The daemon's own processes on a node: all have its command line, and the vrrp process its pid file.
pub(crate) fn family(node: &Node, supervisor: &Process) -> Result<Family> {
    let all = node.processes()?;
    let vrrp: Option<u32> = read(node, "/run/vrrp.pid")?.trim().parse().ok();
    let own = all.iter().find(|p| p.pid == supervisor.pid()).cloned();
    let own = own.ok_or_else(|| LabError::Expectation(format!("no supervisor among {all:?}")))?;
    let (mut vrrps, mut scripts): (Vec<Running>, Vec<Running>) = all
        .into_iter()
        .filter(|p| p.parent == own.pid && p.words == own.words && !p.zombie)
        .partition(|p| Some(p.inner) == vrrp);
    let found = || format!("{vrrps:?} and {scripts:?}");
    ensure(vrrps.len() <= 1 && scripts.len() <= 1, format_args!("too many children: {}", found()))?;
    Ok(Family { supervisor: own, vrrp: vrrps.pop(), scripts: scripts.pop() })
}

/// The vrrp process, which must be there.
pub(crate) fn vrrp_of(node: &Node, supervisor: &Process) -> Result<Running> {
    let none = || LabError::Expectation("there is no vrrp process".to_owned());
    family(node, supervisor)?.vrrp.ok_or_else(none)
}

/// Writes an executable script inside the node.
pub(crate) fn script(node: &Node, path: &str, body: &str) -> Result<()> {
    let (path, text) = (path.to_owned(), format!("#!/bin/sh\n{body}\n"));
    inside(node, "a script", move || {
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
    })
}

/// Writes a file inside the node.
pub(crate) fn write(node: &Node, path: &str, text: &str) -> Result<()> {
    let (path, text) = (path.to_owned(), text.to_owned());
    inside(node, "a file", move || std::fs::write(path, text))
}

/// Reads a file inside the node; empty if there is none.
pub(crate) fn read(node: &Node, path: &str) -> Result<String> {
    let path = path.to_owned();
    node.inside_run(move || std::fs::read_to_string(path).unwrap_or_default())
}

/// Does something inside the node that may fail.
pub(crate) fn inside<T: Send + 'static>(
    node: &Node,
    what: &str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    node.inside_run(work)?.map_err(|e| LabError::Expectation(format!("{}: {what}: {e}", node.name())))
}

/// Runs `ip` inside the node.
pub(crate) fn iproute(node: &Node, words: &str) -> Result<String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let output = node.run("ip", &words)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Nothing of the daemon is left: no process, no address, no pid file.
pub(crate) fn nothing_left(node: &Node, addresses: &[&str]) -> Result<()> {
    let processes = node.processes()?;
    ensure(processes.is_empty(), format_args!("processes are left: {processes:?}"))?;
    for address in addresses {
        ensure(!node.has_ip(ip(address))?, format_args!("{address} is left"))?;
    }
    for file in ["/run/keepalived.pid", "/run/vrrp.pid"] {
        ensure(read(node, file)?.is_empty(), format_args!("{file} is left"))?;
    }
    Ok(())
}
