//! What happens in a scenario, at fixed instants since the lab began.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base::Mac;
use lab::{Daemon, Event, Lab, Lan, Node, Process, Result, ensure};

use crate::confs::{self, Conf, LINK_LOCAL_VIP, VIP, VIP6};
use crate::facts::master_down;
use crate::seeds::Set;

/// Which daemons run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    pub r1: Daemon,
    pub r2: Peer,
}

/// What runs on router 2.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    Daemon(Daemon),
    Frr,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon(daemon) => daemon.fmt(f),
            Self::Frr => f.pad("FRR"),
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.r1, self.r2)
    }
}

/// Instants of a pair's script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub start: Duration,
    /// Router 1 gets SIGTERM.
    pub stop: Duration,
    /// Router 1's daemon starts again.
    pub back: Duration,
    /// Router 1 loses power.
    pub off: Duration,
    pub end: Duration,
}

impl Times {
    /// For adverts each second or half a second.
    pub(crate) const SECONDS: Self = Self {
        start: Duration::from_secs(2),
        stop: Duration::from_secs(10),
        back: Duration::from_secs(14),
        off: Duration::from_secs(21),
        end: Duration::from_secs(27),
    };
    /// For adverts each 10 ms. (keepalived takes a second to end after its farewell.)
    pub(crate) const MILLIS: Self = Self {
        start: Duration::from_secs(2),
        stop: Duration::from_millis(2400),
        back: Duration::from_millis(3700),
        off: Duration::from_millis(4000),
        end: Duration::from_millis(4300),
    };
}

/// What happens.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Router 1 is elected, stops in good order, comes back, and loses power.
    Pair { conf: fn(u8) -> Conf, times: Times, vip: &'static str },
    /// Router 1 alone announces two families by an unusual schedule.
    Burst,
    /// Router 2 first; router 1 preempts after a delay; a partition, and its end.
    Preempt,
    /// Two routers that do not understand each other.
    Mismatch { conf: fn(u8) -> Conf },
    /// FRR on router 2, with priority 100; router 1 preempts it with 150, stops in good order, comes
    /// back with 50 and waits; FRR loses power.
    Frr { version: u8, v6: bool },
    /// Published configurations. Router 1 loses power, comes back, and stops in good order; between,
    /// somebody asks it by a file to give way.
    Seeds(&'static Set),
}

/// What a run showed.
pub(crate) struct Record {
    pub events: Vec<Event>,
    /// Who has which address at the script's instants, and what the scripts of the users were told.
    pub states: Vec<String>,
}

/// A lab with two routers on a LAN, all of which is captured.
struct Stage<'a> {
    lab: &'a Lab,
    lan: &'a Lan,
    r1: Node,
    r2: Node,
    leg: Leg,
}

/// How long after its instant a state may be seen.
const SLACK: Duration = Duration::from_millis(100);
/// How long a daemon may take to end.
const END: Duration = Duration::from_secs(2);

impl Script {
    /// Whether router 2 runs FRR.
    pub(crate) fn with_frr(&self) -> bool {
        matches!(self, Self::Frr { .. })
    }

    /// Runs the script.
    pub(crate) fn run(&self, tag: &str, leg: Leg) -> Result<Record> {
        lab::next_full_second();
        let lab = Lab::new(tag)?;
        let lan = lab.lan("lan0")?;
        let capture = lab.capture(&lan)?;
        let played = self.play(&lab, &lan, leg);
        let frames = capture.stop()?;
        lab::write_pcap(&lab.dir().join("lan0.pcap"), &frames)?;
        // The capture of a failed run is the first thing that one wants to see.
        let states = played?;
        Ok(Record { events: frames.iter().filter_map(Event::of).collect(), states })
    }

    fn play(&self, lab: &Lab, lan: &Lan, leg: Leg) -> Result<Vec<String>> {
        if let Self::Seeds(set) = self {
            return play_seeds(lab, lan, set, leg);
        }
        let stage = Stage::new(lab, lan, leg)?;
        match *self {
            Self::Pair { conf, times, vip } => stage.pair(conf, times, ip(vip)),
            Self::Burst => stage.burst(),
            Self::Preempt => stage.preempt(),
            Self::Mismatch { conf } => stage.mismatch(conf),
            Self::Frr { version, v6 } => stage.frr(version, v6),
            Self::Seeds(_) => Ok(()),
        }
        .map(|()| Vec::new())
    }
}

impl<'a> Stage<'a> {
    fn new(lab: &'a Lab, lan: &'a Lan, leg: Leg) -> Result<Self> {
        let router = |i: u8| {
            let node = lab.node(&format!("r{i}"))?;
            node.attach(lan, "eth0", &[&format!("192.0.2.1{i}/24"), &format!("2001:db8::1{i}/64")], None)?;
            Ok(node)
        };
        let (r1, r2) = (router(1)?, router(2)?);
        Ok(Self { lab, lan, r1, r2, leg })
    }

    fn at(&self, instant: Duration) {
        self.lab.pass_until(instant);
    }

    fn start_r1(&self, log: &str, conf: &Conf) -> Result<Process> {
        self.r1.start(self.leg.r1, log, &conf.text())
    }

    fn start_r2(&self, conf: &Conf) -> Result<Process> {
        match self.leg.r2 {
            Peer::Daemon(daemon) => self.r2.start(daemon, "r2", &conf.text()),
            Peer::Frr => Err(lab::LabError::Expectation("this script has no FRR".to_owned())),
        }
    }

    fn pair(&self, conf: fn(u8) -> Conf, times: Times, vip: IpAddr) -> Result<()> {
        let (high, low) = (conf(1), conf(2));
        self.at(times.start);
        let first = self.start_r1("r1", &high)?;
        let _second = self.start_r2(&low)?;
        self.r1.wait_ip(vip, true, master_down(&high) + SLACK)?;
        ensure(!self.r2.has_ip(vip)?, "only one of them has the address")?;
        self.at(times.stop);
        first.stop(END)?;
        ensure(!self.r1.has_ip(vip)?, "a daemon that has stopped leaves no address")?;
        self.r2.wait_ip(vip, true, master_down(&low) + SLACK)?;
        self.at(times.back);
        let _first = self.start_r1("r1-again", &high)?;
        self.r1.wait_ip(vip, true, master_down(&high) + SLACK)?;
        self.r2.wait_ip(vip, false, SLACK)?;
        self.at(times.off);
        self.r1.power_off()?;
        self.r2.wait_ip(vip, true, master_down(&low) + SLACK)?;
        self.at(times.end);
        Ok(())
    }

    fn burst(&self) -> Result<()> {
        // An interval of which no multiple is an instant of the announcements.
        let mut conf = Conf::of_router(1)
            .v3()
            .advert("0.97")
            .line("garp_master_delay 4")
            .line("garp_master_repeat 3")
            .line("garp_master_refresh 6")
            .line("garp_master_refresh_repeat 2");
        conf.global = vec!["vrrp_garp_interval 0.1".to_owned(), "vrrp_gna_interval 0.2".to_owned()];
        self.at(Duration::from_secs(2));
        let daemon = self.r1.start(self.leg.r1, "r1", &conf.text_with_ipv6_instance())?;
        self.r1.wait_ip(ip(VIP), true, master_down(&conf) + SLACK)?;
        self.at(Duration::from_secs(24));
        daemon.stop(END)?;
        self.at(Duration::from_secs(25));
        Ok(())
    }

    fn preempt(&self) -> Result<()> {
        let high = Conf::of_router(1).v3().line("preempt_delay 5");
        let low = Conf::of_router(2).v3();
        let vip = ip(VIP);
        self.at(Duration::from_secs(2));
        let _r2 = self.start_r2(&low)?;
        self.r2.wait_ip(vip, true, master_down(&low) + SLACK)?;
        self.at(Duration::from_secs(8));
        let _r1 = self.start_r1("r1", &high)?;
        self.r1.wait_ip(vip, true, Duration::from_secs(5) + master_down(&high) + SLACK)?;
        self.at(Duration::from_secs(19));
        self.lab.partition(self.lan, &[&self.r1], &[&self.r2])?;
        self.r2.wait_ip(vip, true, master_down(&low) + SLACK)?;
        ensure(self.r1.has_ip(vip)?, "in a partition each side has a master")?;
        self.at(Duration::from_secs(25));
        self.lab.heal()?;
        self.r2.wait_ip(vip, false, Duration::from_secs(1) + SLACK)?;
        ensure(self.r1.has_ip(vip)?, "the higher priority remains")?;
        self.at(Duration::from_secs(29));
        Ok(())
    }

    fn mismatch(&self, conf: fn(u8) -> Conf) -> Result<()> {
        self.at(Duration::from_secs(2));
        let _r1 = self.start_r1("r1", &conf(1))?;
        let _r2 = self.start_r2(&conf(2))?;
        self.at(Duration::from_secs(10));
        for router in [&self.r1, &self.r2] {
            ensure(router.has_ip(ip(VIP))?, "who understands no advert is master")?;
        }
        Ok(())
    }

    fn frr(&self, version: u8, v6: bool) -> Result<()> {
        let vip = ip(if v6 { VIP6 } else { VIP });
        let conf = |priority| {
            let conf = if version == 3 { Conf::of_router(1).v3() } else { Conf::of_router(1) };
            let conf = if v6 { conf.ipv6() } else { conf };
            conf.priority(priority)
        };
        let device = if v6 { "vrrp6-2-1" } else { "vrrp4-2-1" };
        let mac = Mac([0, 0, 0x5e, 0, if v6 { 2 } else { 1 }, 51]);
        let (net, own) = (format!("{VIP6}/64"), format!("{LINK_LOCAL_VIP}/64"));
        let v4 = format!("{VIP}/24");
        let addresses: &[&str] = if v6 { &[&net, "fe80::5e00:233/64", &own] } else { &[&v4] };
        self.r2.add_macvlan(device, "eth0", mac, addresses)?;
        self.at(Duration::from_secs(2));
        let _frr = self.r2.frr("vrrpd", &confs::frr(version, 100, v6))?;
        self.at(Duration::from_secs(10));
        self.frr_is("Master", v6)?;
        let daemon = self.start_r1("r1", &conf(150))?;
        self.r1.wait_ip(vip, true, master_down(&conf(150)) + SLACK)?;
        self.at(Duration::from_secs(17));
        self.frr_is("Backup", v6)?;
        self.at(Duration::from_secs(18));
        daemon.stop(END)?;
        self.at(Duration::from_secs(22));
        self.frr_is("Master", v6)?;
        let _daemon = self.start_r1("r1-low", &conf(50))?;
        self.at(Duration::from_secs(30));
        ensure(!self.r1.has_ip(vip)?, "the lower priority waits")?;
        self.r2.power_off()?;
        self.r1.wait_ip(vip, true, master_down(&conf(50)) + SLACK)?;
        self.at(Duration::from_secs(36));
        Ok(())
    }

    fn frr_is(&self, state: &str, v6: bool) -> Result<()> {
        let shown = self.r2.vtysh("show vrrp")?;
        let key = if v6 { "Status (v6)" } else { "Status (v4)" };
        let line = shown.lines().map(str::trim).find(|l| l.starts_with(key)).unwrap_or_default();
        ensure(line.ends_with(state), format_args!("FRR must be {state}, but says \"{line}\""))
    }
}

/// Where the published configurations look for scripts and for the file by which a router gives way.
const ETC: &str = "/etc/keepalived";
/// What a user's notify script is told.
const TOLD: &str = "/run/told";

/// Plays the script of published configurations; the states at its instants.
fn play_seeds(lab: &Lab, lan: &Lan, set: &Set, leg: Leg) -> Result<Vec<String>> {
    let nodes: Vec<Node> =
        (1..=set.routers.len()).map(|i| lab.node(&format!("r{i}"))).collect::<Result<_>>()?;
    for (node, seed) in nodes.iter().zip(set.routers) {
        node.attach(lan, seed.device, &[seed.address], None)?;
        prepare_etc(node)?;
    }
    let start = |i: usize, log: &str| {
        let daemon = match leg.r2 {
            Peer::Daemon(daemon) if i > 0 => daemon,
            _ => leg.r1,
        };
        nodes[i].start(daemon, log, &set.routers[i].text())
    };
    let mut states = Vec::new();
    let mut look = |what: &str, second: u64| -> Result<()> {
        lab.pass_until(Duration::from_secs(second));
        for node in &nodes {
            let holds = |vip: &&&str| node.has_ip(ip(vip)).unwrap_or(false);
            let held: Vec<&str> = set.vips.iter().filter(holds).copied().collect();
            states.push(format!("{what}: {} has [{}]", node.name(), held.join(", ")));
        }
        Ok(())
    };
    lab.pass_until(Duration::from_secs(2));
    let _others: Vec<Process> = (1..nodes.len()).map(|i| start(i, "daemon")).collect::<Result<_>>()?;
    let _first = start(0, "daemon")?;
    look("started", 12)?;
    nodes[0].power_off()?;
    look("router 1 without power", 20)?;
    nodes[0].power_on()?;
    prepare_etc(&nodes[0])?;
    let first = start(0, "daemon-again")?;
    look("router 1 back", 30)?;
    nodes[0].run("touch", &[format!("{ETC}/down")])?;
    look("asked to give way", 38)?;
    nodes[0].run("rm", &[format!("{ETC}/down")])?;
    look("no longer asked", 46)?;
    first.stop(END)?;
    look("router 1 stopped", 52)?;
    for node in &nodes {
        let told = node.run("cat", &[TOLD])?;
        states.push(format!("{} was told [{}]", node.name(), String::from_utf8_lossy(&told.stdout).trim()));
    }
    Ok(states)
}

/// Gives a node a directory of its own for scripts, with one that notes what it is told.
fn prepare_etc(node: &Node) -> Result<()> {
    node.own_directory(ETC)?;
    let script = format!("#!/bin/sh\necho \"$@\" >>{TOLD}\n");
    let write = move || -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let path = format!("{ETC}/notify.sh");
        std::fs::write(TOLD, "")?;
        std::fs::write(&path, script)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
    };
    let expect = |e| lab::LabError::Expectation(format!("notify.sh: {e}"));
    node.inside_run(write)?.map_err(expect)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("a literal address")
}
