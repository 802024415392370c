//! The kernel's virtual servers on a real kernel: what is asked for is what `ipvsadm` shows and what is read.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use base::{Duration, Family, IfName, Name};
use engine::lvs::io::Operation;
use engine::lvs::table::{
    MarkEntry, MarkTable, Marks, Persistence, ServerKey, ServerSettings, ServiceKey, ServiceSettings,
    SyncHalf, SyncSettings, Table, Timeouts,
};
use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Lab, LabError, Node, Result, ensure};
use linux::ipvs::Ipvs;
use linux::netns::Netns;
use model::lvs::{
    AddressRange, Forwarding, IpvsNamespace, Protocol, Scheduler, SchedulerFlags, Tunnel, TunnelChecksum,
    TunnelKind,
};

fn main() -> ExitCode {
    lab::harness::main(&[
        Scenario::new("services-and-servers-are-what-ipvsadm-shows", Needs::VirtualTime, everything),
        Scenario::new("each-scheduler-of-the-kernel-is-known", Needs::VirtualTime, schedulers),
        Scenario::new("what-is-so-already-has-worked", Needs::VirtualTime, again),
        Scenario::new("both-halves-of-the-sync-daemon-start-change-and-stop", Needs::VirtualTime, sync),
        Scenario::new("a-sync-daemon-begins-and-ends-without-waiting-for-a-timer", Needs::VirtualTime, waits),
        Scenario::new("the-virtual-servers-of-another-namespace-are-found", Needs::VirtualTime, namespaces),
        Scenario::new("marks-are-set-as-a-whole-and-packets-get-them", Needs::VirtualTime, marks),
        Scenario::new("the-sync-daemon-follows-its-instance", Needs::VirtualTime, follows),
        Scenario::new(
            "a-sync-daemon-that-a-reload-brings-runs-in-another-namespace",
            Needs::VirtualTime,
            follows_elsewhere,
        ),
        Scenario::new("a-thousand-services-are-added-in-one-go-and-read-back", Needs::VirtualTime, thousand),
    ])
}

/// A node with its table of virtual servers.
struct Director {
    node: Node,
    ipvs: Ipvs,
    _lab: Lab,
}

fn director(tag: &str) -> Result<Director> {
    let lab = Lab::new(tag)?;
    let lan = lab.lan("lan0")?;
    let node = lab.node("d1")?;
    node.attach(&lan, "eth0", &["192.0.2.11/24"], None)?;
    let ipvs = node.inside_run(|| Ipvs::open(&IpvsNamespace::Same, None))?.map_err(told)?;
    Ok(Director { node, ipvs, _lab: lab })
}

impl Director {
    fn ipvsadm(&self, args: &[&str]) -> Result<String> {
        let output = self.node.run("ipvsadm", args)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Does all of it, and reads what became of it.
    fn apply(&mut self, operations: &[Operation]) -> Result<Table> {
        for (operation, result) in operations.iter().zip(self.ipvs.apply_all(operations)) {
            result.map_err(|e| LabError::Expectation(format!("{operation:?}: {e}")))?;
        }
        self.ipvs.table(None).map_err(told)
    }
}

fn told(e: impl std::fmt::Display) -> LabError {
    LabError::Expectation(e.to_string())
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn service(protocol: Protocol, address: &str, port: u16) -> ServiceKey {
    ServiceKey::Address { protocol, address: ip(address), port }
}

fn settings(scheduler: Scheduler) -> ServiceSettings {
    let scheduler = Some(scheduler);
    ServiceSettings { scheduler, flags: SchedulerFlags::default(), one_packet: false, persistence: None }
}

fn server(address: &str, port: u16) -> ServerKey {
    ServerKey { address: ip(address), port }
}

fn by(forwarding: Forwarding, weight: u32) -> ServerSettings {
    ServerSettings { weight, forwarding, upper_threshold: 0, lower_threshold: 0 }
}

fn tunnel(kind: TunnelKind, checksum: TunnelChecksum) -> Forwarding {
    Forwarding::Tunnel(Tunnel { kind, checksum })
}

fn persistence(seconds: u64, granularity: u32, engine: Option<&str>) -> Option<Box<Persistence>> {
    let (timeout, engine) = (Duration::from_secs(seconds), engine.map(Box::from));
    Some(Box::new(Persistence { timeout, granularity, engine }))
}

/// The table that the operations, none of which repeats another, amount to.
fn sum(operations: &[Operation]) -> Table {
    let mut table = Table::default();
    for operation in operations {
        match operation {
            Operation::AddService(key, settings) => {
                let entry =
                    engine::lvs::table::Entry { settings: settings.clone(), servers: BTreeMap::new() };
                table.services.insert(*key, entry);
            }
            Operation::AddServer(key, server, settings) => {
                if let Some(entry) = table.services.get_mut(key) {
                    entry.servers.insert(*server, *settings);
                }
            }
            _ => {}
        }
    }
    table
}

/// As `ipvsadm` would make it.
const SHOWN: &str = "
-A -t 192.0.2.100:80 -s wlc
-a -t 192.0.2.100:80 -r 10.0.0.1:8080 -m -w 2
-a -t 192.0.2.100:80 -r 10.0.0.2:80 -g -w 2147483647
-a -t 192.0.2.100:80 -r 10.0.0.3:80 -i -w 0 --tun-type ipip
-a -t 192.0.2.100:80 -r 10.0.0.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.0.2.100:80 -r 10.0.0.5:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 192.0.2.100:80 -r 10.0.0.6:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-remcsum
-a -t 192.0.2.100:80 -r 10.0.0.7:80 -i -w 1 --tun-type gre --tun-nocsum
-a -t 192.0.2.100:80 -r 10.0.0.8:80 -i -w 1 --tun-type gre --tun-csum
-a -t 192.0.2.100:80 -r [2001:db8::9]:80 -i -w 1 --tun-type ipip
-A -t 192.0.2.101:0 -s wlc -p 360
-A -u 192.0.2.100:53 -s wrr -o
-a -u 192.0.2.100:53 -r 10.0.0.1:53 -m -w 1
-A -u 192.0.2.100:5060 -s wlc -p 120 --pe sip
-a -u 192.0.2.100:5060 -r 10.0.0.1:5060 -m -w 1
-A --sctp-service 192.0.2.100:2905 -s sh -b sh-fallback,sh-port
-a --sctp-service 192.0.2.100:2905 -r 10.0.0.1:2905 -m -w 1
-A -t [2001:db8::100]:80 -s rr -p 60 -M 64
-a -t [2001:db8::100]:80 -r 10.0.0.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t [2001:db8::100]:80 -r [2001:db8::1]:8080 -m -w 1
-a -t [2001:db8::100]:80 -r [2001:db8::2]:80 -g -w 1
-A -f 5 -s wlc -p 300 -M 255.255.255.0
-a -f 5 -r 10.0.0.1:0 -g -w 1
-A -f 5 -6 -s wlc
-a -f 5 -6 -r [2001:db8::1]:0 -g -w 1
";

/// The two halves as `ipvsadm` shows them: with the kernel's own choices, and with ours.
const MASTER: &str =
    "master sync daemon (mcast=eth0, syncid=51, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)";
const BACKUP: &str =
    "backup sync daemon (mcast=eth0, syncid=51, maxlen=1400, group=224.0.0.99, port=9000, ttl=3)";

fn everything() -> Result<Outcome> {
    let mut d = director("ipvs-all")?;
    let http = service(Protocol::Tcp, "192.0.2.100", 80);
    let six = service(Protocol::Tcp, "2001:db8::100", 80);
    let dns = service(Protocol::Udp, "192.0.2.100", 53);
    let sip = service(Protocol::Udp, "192.0.2.100", 5060);
    let sctp = service(Protocol::Sctp, "192.0.2.100", 2905);
    let mark4 = ServiceKey::Mark { mark: 5, family: Family::V4 };
    let mark6 = ServiceKey::Mark { mark: 5, family: Family::V6 };
    let all = service(Protocol::Tcp, "192.0.2.101", 0);
    let wlc = || settings(Scheduler::WeightedLeastConnection);
    let flags = SchedulerFlags { one: true, two: true, three: false };
    let (none, csum, rem) = (TunnelChecksum::None, TunnelChecksum::On, TunnelChecksum::Remote);
    let limited = ServerSettings { upper_threshold: 1000, lower_threshold: 800, ..by(Forwarding::Nat, 2) };
    let operations = [
        Operation::AddService(http, wlc()),
        Operation::AddServer(http, server("10.0.0.1", 8080), limited),
        Operation::AddServer(http, server("10.0.0.2", 80), by(Forwarding::Direct, i32::MAX.unsigned_abs())),
        Operation::AddServer(http, server("10.0.0.3", 80), by(tunnel(TunnelKind::Ipip, none), 0)),
        Operation::AddServer(http, server("10.0.0.4", 80), by(tunnel(TunnelKind::Gue(6080), none), 1)),
        Operation::AddServer(http, server("10.0.0.5", 80), by(tunnel(TunnelKind::Gue(6080), csum), 1)),
        Operation::AddServer(http, server("10.0.0.6", 80), by(tunnel(TunnelKind::Gue(6081), rem), 1)),
        Operation::AddServer(http, server("10.0.0.7", 80), by(tunnel(TunnelKind::Gre, none), 1)),
        Operation::AddServer(http, server("10.0.0.8", 80), by(tunnel(TunnelKind::Gre, csum), 1)),
        Operation::AddServer(http, server("2001:db8::9", 80), by(tunnel(TunnelKind::Ipip, none), 1)),
        Operation::AddService(
            six,
            ServiceSettings { persistence: persistence(60, 64, None), ..settings(Scheduler::RoundRobin) },
        ),
        Operation::AddServer(six, server("2001:db8::1", 8080), by(Forwarding::Nat, 1)),
        Operation::AddServer(six, server("2001:db8::2", 80), by(Forwarding::Direct, 1)),
        Operation::AddServer(six, server("10.0.0.9", 80), by(tunnel(TunnelKind::Gue(6080), none), 1)),
        Operation::AddService(
            dns,
            ServiceSettings { one_packet: true, ..settings(Scheduler::WeightedRoundRobin) },
        ),
        Operation::AddServer(dns, server("10.0.0.1", 53), by(Forwarding::Nat, 1)),
        Operation::AddService(
            sip,
            ServiceSettings { persistence: persistence(120, u32::MAX, Some("sip")), ..wlc() },
        ),
        Operation::AddServer(sip, server("10.0.0.1", 5060), by(Forwarding::Nat, 1)),
        Operation::AddService(sctp, ServiceSettings { flags, ..settings(Scheduler::SourceHash) }),
        Operation::AddServer(sctp, server("10.0.0.1", 2905), by(Forwarding::Nat, 1)),
        Operation::AddService(
            mark4,
            ServiceSettings { persistence: persistence(300, 0xffff_ff00, None), ..wlc() },
        ),
        Operation::AddServer(mark4, server("10.0.0.1", 0), by(Forwarding::Direct, 1)),
        Operation::AddService(mark6, wlc()),
        Operation::AddServer(mark6, server("2001:db8::1", 0), by(Forwarding::Direct, 1)),
        Operation::AddService(
            all,
            ServiceSettings { persistence: persistence(360, u32::MAX, None), ..wlc() },
        ),
    ];
    let table = d.apply(&operations)?;
    let shown = d.ipvsadm(&["-Sn"])?;
    ensure(shown.trim_end() == SHOWN.trim(), format_args!("ipvsadm shows\n{shown}"))?;
    let shown = d.ipvsadm(&["-Ln", "--thresholds"])?;
    let line = "-> 10.0.0.1:8080 1000 800 0 0".split(' ');
    ensure(
        shown.lines().any(|l| l.split_whitespace().eq(line.clone())),
        format_args!("ipvsadm shows\n{shown}"),
    )?;
    ensure(table.services == sum(&operations).services, format_args!("{table:#?}"))?;
    Ok(Outcome::Passed)
}

fn schedulers() -> Result<Outcome> {
    let mut d = director("ipvs-sched")?;
    let number = |i: usize| u32::try_from(i + 1).unwrap_or(0);
    let mark = |i| ServiceKey::Mark { mark: number(i), family: Family::V4 };
    let operations: Vec<Operation> = Scheduler::ALL
        .iter()
        .enumerate()
        .map(|(i, s)| Operation::AddService(mark(i), settings(*s)))
        .collect();
    let table = d.apply(&operations)?;
    ensure(table.services == sum(&operations).services, format_args!("{table:#?}"))?;
    let shown = d.ipvsadm(&["-Sn"])?;
    for (i, scheduler) in Scheduler::ALL.iter().enumerate() {
        let line = format!("-A -f {} -s {}", number(i), scheduler.name());
        ensure(shown.lines().any(|l| l.trim_end() == line), format_args!("no {line} in\n{shown}"))?;
    }
    // From each to each of its neighbours.
    let others: Vec<Operation> = Scheduler::ALL
        .iter()
        .cycle()
        .skip(1)
        .take(Scheduler::ALL.len())
        .enumerate()
        .map(|(i, s)| Operation::EditService(mark(i), settings(*s)))
        .collect();
    let table = d.apply(&others)?;
    let (pieces, again) = piecewise(&mut d.ipvs, 3)?;
    ensure(again == table, "what is read in pieces is what is read as a whole")?;
    let most = Scheduler::ALL.len().div_ceil(3);
    ensure(pieces == most, format_args!("{pieces} pieces, where {most} have three services each"))?;
    for (i, scheduler) in Scheduler::ALL.iter().cycle().skip(1).take(Scheduler::ALL.len()).enumerate() {
        let has = table.services.get(&mark(i)).and_then(|e| e.settings.scheduler);
        ensure(has == Some(*scheduler), format_args!("it has {has:?}, not {scheduler:?}"))?;
    }
    Ok(Outcome::Passed)
}

/// The table, read so many entries at a time, and in how many pieces.
fn piecewise(ipvs: &mut Ipvs, entries: usize) -> Result<(usize, Table)> {
    let mut reading = ipvs.begin(None, false).map_err(told)?;
    for pieces in 1.. {
        match ipvs.go_on(reading, entries).map_err(told)? {
            Ok(table) => return Ok((pieces, table)),
            Err(rest) => reading = rest,
        }
    }
    ensure(false, "a table ends").map(|()| (0, Table::default()))
}

fn again() -> Result<Outcome> {
    let mut d = director("ipvs-again")?;
    let http = service(Protocol::Tcp, "192.0.2.100", 80);
    let other = service(Protocol::Tcp, "192.0.2.200", 80);
    let (one, two) = (server("10.0.0.1", 80), server("10.0.0.2", 80));
    let (rr, wrr) = (settings(Scheduler::RoundRobin), settings(Scheduler::WeightedRoundRobin));
    let (light, heavy) = (by(Forwarding::Direct, 1), by(Forwarding::Nat, 9));
    // Each is followed by what it should have come to, whatever was there before.
    let table = d.apply(&[
        Operation::DelService(http),
        Operation::DelServer(http, one),
        Operation::EditService(http, rr.clone()),
        Operation::AddService(http, wrr.clone()),
        Operation::AddServer(http, one, light),
        Operation::AddServer(http, one, heavy),
        Operation::EditServer(http, two, light),
        Operation::DelServer(http, server("10.0.0.3", 80)),
        Operation::AddService(other, rr.clone()),
        Operation::AddServer(other, one, light),
        Operation::DelService(other),
        Operation::DelServer(other, one),
    ])?;
    let expected = [
        Operation::AddService(http, wrr.clone()),
        Operation::AddServer(http, one, heavy),
        Operation::AddServer(http, two, light),
    ];
    ensure(table.services == sum(&expected).services, format_args!("{table:#?}"))?;
    // Errors are told one by one, and harm nobody else.
    let results = d.ipvs.apply_all(&[
        Operation::AddServer(other, one, light),
        Operation::EditServer(http, one, light),
        Operation::AddServer(http, server("2001:db8::1", 80), light),
        Operation::DelServer(http, two),
    ]);
    let texts: Vec<String> =
        results.into_iter().map(|r| r.map_or_else(|e| e.to_string(), |()| String::new())).collect();
    let expected = [
        "add server 10.0.0.1:80 of tcp 192.0.2.200:80: No such process",
        "",
        "add server [2001:db8::1]:80 of tcp 192.0.2.100:80: Invalid argument",
        "",
    ];
    ensure(texts == expected, format_args!("{texts:?}"))?;
    // The last of many is the one that the kernel answers in any case: whether it fails is its own affair.
    let results = d.ipvs.apply_all(&[
        Operation::EditServer(http, one, heavy),
        Operation::AddServer(other, two, light),
        Operation::AddServer(http, two, light),
        Operation::AddServer(other, one, light),
    ]);
    let failed: Vec<bool> = results.iter().map(std::result::Result::is_err).collect();
    ensure(failed == [false, true, false, true], format_args!("{results:?}"))?;
    let timeouts = Timeouts {
        tcp: Duration::from_secs(1000),
        tcp_fin: Duration::from_secs(130),
        udp: Duration::from_secs(310),
    };
    let table = d.apply(&[Operation::SetTimeouts(timeouts)])?;
    ensure(table.timeouts == Some(timeouts), format_args!("{:?}", table.timeouts))?;
    let shown = d.ipvsadm(&["-L", "--timeout"])?;
    ensure(shown.contains("Timeout (tcp tcpfin udp): 1000 130 310"), &shown)?;
    let stats = d.ipvs.stats().map_err(told)?;
    ensure(stats.get(&http).is_some_and(|s| s.servers.contains_key(&one)), format_args!("{stats:?}"))?;
    let table = d.apply(&[Operation::Flush])?;
    ensure(table.services.is_empty(), format_args!("{table:#?}"))?;
    Ok(Outcome::Passed)
}

fn sync() -> Result<Outcome> {
    let mut d = director("ipvs-sync")?;
    let eth0 = IfName::new("eth0").map_err(told)?;
    let plain = SyncSettings { link: eth0, id: 51, max_len: None, port: None, ttl: None, group: None };
    let all = SyncSettings {
        max_len: Some(1400),
        port: Some(9000),
        ttl: Some(3),
        group: Some(ip("224.0.0.99")),
        ..plain.clone()
    };
    let six = SyncSettings { group: Some(ip("ff02::99")), ..all.clone() };
    d.apply(&[Operation::StopSync(SyncHalf::Master, plain.clone())])?;
    d.apply(&[
        Operation::StartSync(SyncHalf::Master, plain.clone()),
        Operation::StartSync(SyncHalf::Backup, all.clone()),
    ])?;
    let shown = d.ipvsadm(&["-L", "--daemon"])?;
    ensure(shown.lines().eq([MASTER, BACKUP]), format_args!("ipvsadm shows\n{shown}"))?;
    // Again, and with other settings.
    d.apply(&[Operation::StartSync(SyncHalf::Master, plain.clone())])?;
    ensure(d.ipvsadm(&["-L", "--daemon"])? == shown, "what runs as it should is left alone")?;
    d.apply(&[Operation::StartSync(SyncHalf::Master, six.clone())])?;
    let daemons = d.ipvs.sync_daemons().map_err(told)?;
    let expected = [(SyncHalf::Master, six), (SyncHalf::Backup, all.clone())].into();
    ensure(daemons == expected, format_args!("{daemons:?}"))?;
    d.apply(&[
        Operation::StopSync(SyncHalf::Master, plain.clone()),
        Operation::StopSync(SyncHalf::Backup, all),
    ])?;
    ensure(d.ipvs.sync_daemons().map_err(told)?.is_empty(), "both are gone")?;
    let nowhere = SyncSettings { link: IfName::new("eth9").map_err(told)?, ..plain };
    let refused = d.ipvs.apply(&Operation::StartSync(SyncHalf::Backup, nowhere));
    let text = refused.map_or_else(|e| e.to_string(), |()| String::new());
    ensure(text == "start sync daemon (backup) on eth9: No such device", text)?;
    Ok(Outcome::Passed)
}

/// The kernel answers only when a thread of it has begun or ended. Computing takes no time here.
fn waits() -> Result<Outcome> {
    const TIMES: usize = 50;
    let mut d = director("ipvs-waits")?;
    let link = IfName::new("eth0").map_err(told)?;
    let settings = SyncSettings { link, id: 51, max_len: None, port: None, ttl: None, group: None };
    for half in [SyncHalf::Master, SyncHalf::Backup] {
        let operations =
            [Operation::StartSync(half, settings.clone()), Operation::StopSync(half, settings.clone())];
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..TIMES {
            for (operation, took) in operations.iter().zip(&mut took) {
                let begin = Instant::now();
                d.ipvs.apply(operation).map_err(told)?;
                took.push(begin.elapsed());
            }
        }
        for (took, what) in took.iter_mut().zip(["start", "stop"]) {
            took.sort();
            let most = took[TIMES - 1];
            ensure(
                most < std::time::Duration::from_millis(1),
                format_args!("{what} {half:?} took {most:?}"),
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn namespaces() -> Result<Outcome> {
    let d = director("ipvs-netns")?;
    let http = service(Protocol::Tcp, "192.0.2.100", 80);
    // Those of the guest itself, which nobody else uses: a node doesn't see its own thread in `/proc`.
    Netns::create().and_then(|n| n.pin(Path::new("/run/netns/blue"))).map_err(told)?;
    let open = |namespace: &IpvsNamespace| Ipvs::open(namespace, Some(1 << 20)).map_err(told);
    let add = Operation::AddService(http, settings(Scheduler::RoundRobin));
    let (blue, host) = (IpvsNamespace::Named(Name::from("blue")), IpvsNamespace::Host);
    for (namespace, other) in [(&blue, &host), (&host, &blue)] {
        let mut ipvs = open(namespace)?;
        ipvs.apply(&add).map_err(told)?;
        ensure(ipvs.table(None).map_err(told)?.services.contains_key(&http), "it is there")?;
        let table = open(other)?.table(None).map_err(told)?;
        ensure(table.services.is_empty(), format_args!("it is in {other:?}, too"))?;
        ensure(d.ipvsadm(&["-Sn"])?.is_empty(), "it isn't in the node")?;
        ipvs.apply(&Operation::Flush).map_err(told)?;
    }
    Netns::unpin(Path::new("/run/netns/blue")).map_err(told)?;
    ensure(open(&blue).is_err(), "there is no such namespace any more")?;
    Ok(Outcome::Passed)
}

const RULES: &str = "
table ip vipd_ipvs {
	map tcp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 192.0.2.100 . 80 : 0x000003e8,
			     192.0.2.110-192.0.2.119 . 0-65535 : 0x000003e9 }
	}

	map udp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 192.0.2.11 . 5353 : 0x000003ea }
	}

	map sctp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 192.0.2.100 . 2905 : 0x000003eb }
	}

	chain in {
		type filter hook input priority filter - 7; policy accept;
		meta mark set ip daddr . tcp dport map @tcp_map counter packets 0 bytes 0 return
		meta mark set ip daddr . udp dport map @udp_map counter packets 0 bytes 0 return
		meta mark set ip daddr . sctp dport map @sctp_map counter packets 0 bytes 0 return
	}
}
table ip6 vipd_ipvs {
	map tcp_map {
		type ipv6_addr . inet_service : mark
		flags interval
		elements = { 2001:db8::100/120 . 443 : 0x000003ec }
	}

	chain in {
		type filter hook input priority filter - 7; policy accept;
		meta mark set ip6 daddr . tcp dport map @tcp_map counter packets 0 bytes 0 return
	}
}
";

fn reads(d: &mut Director, expected: &Marks) -> Result<()> {
    let marks = d.ipvs.table(Some("vipd_ipvs")).map_err(told)?.marks;
    ensure(marks == *expected, format_args!("{marks:?} is read"))
}

fn marks() -> Result<Outcome> {
    let mut d = director("ipvs-marks")?;
    let range = |first, last| AddressRange { first: ip(first), last: ip(last) };
    let one = |address| AddressRange::one(ip(address));
    let entry = |protocol, addresses, port, mark| MarkEntry { protocol, addresses, port, mark };
    let name = Name::from("vipd_ipvs");
    let all = MarkTable {
        name: name.clone(),
        priority: -7,
        marks: vec![
            entry(Protocol::Tcp, one("192.0.2.100"), 80, 1000),
            entry(Protocol::Tcp, range("192.0.2.110", "192.0.2.119"), 0, 1001),
            entry(Protocol::Udp, one("192.0.2.11"), 5353, 1002),
            entry(Protocol::Sctp, one("192.0.2.100"), 2905, 1003),
            entry(Protocol::Tcp, range("2001:db8::100", "2001:db8::1ff"), 443, 1004),
        ],
    };
    d.apply(&[Operation::SetMarks(all.clone())])?;
    let rules = |d: &Director| -> Result<String> {
        let output = d.node.run("nft", &["list", "ruleset"])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let shown = rules(&d)?;
    ensure(shown.trim() == RULES.trim(), format_args!("nft shows\n{shown}"))?;
    let mut sorted = all.clone();
    sorted.marks.sort_unstable();
    reads(&mut d, &Marks::There(sorted))?;
    ensure(d.ipvs.table(Some("other")).map_err(told)?.marks == Marks::Absent, "there is no other")?;
    // Whatever somebody does to it, it is seen.
    for edit in [
        "delete table ip6 vipd_ipvs",
        "add rule ip vipd_ipvs in accept",
        "flush chain ip vipd_ipvs in",
        "delete element ip vipd_ipvs udp_map { 192.0.2.11 . 5353 }",
        "add element ip vipd_ipvs udp_map { 192.0.2.12 . 5353-5354 : 7 }",
        "add chain ip vipd_ipvs in { policy drop; }",
        "add table ip6 other; delete table ip vipd_ipvs; delete table ip6 vipd_ipvs; add table ip vipd_ipvs",
    ] {
        d.node.run("nft", &[edit])?;
        let marks = d.ipvs.table(Some("vipd_ipvs")).map_err(told)?.marks;
        let differs = match &marks {
            Marks::There(table) => table.marks.len() < all.marks.len(),
            _ => false,
        };
        ensure(differs, format_args!("{edit}: {marks:?}"))?;
        d.apply(&[Operation::SetMarks(all.clone())])?;
    }
    d.node.run("nft", &["delete table ip6 other"])?;
    ensure(rules(&d)?.trim() == RULES.trim(), "all is as it was")?;
    // A packet to ourselves is marked, and is one of a service then.
    let mark = ServiceKey::Mark { mark: 1002, family: Family::V4 };
    d.apply(&[
        Operation::AddService(mark, settings(Scheduler::RoundRobin)),
        Operation::AddServer(mark, server("192.0.2.12", 5353), by(Forwarding::Nat, 1)),
    ])?;
    d.node
        .inside_run(|| UdpSocket::bind("192.0.2.11:0").and_then(|s| s.send_to(b"x", "192.0.2.11:5353")))?
        .map_err(told)?;
    // The kernel adds its counters up every two seconds.
    lab::wait("the service has seen the packet", std::time::Duration::from_secs(5), || {
        let stats = d.ipvs.stats().map_err(told)?;
        Ok(stats.get(&mark).is_some_and(|s| (s.stats.connections, s.stats.packets_in) == (1, 1)))
    })?;
    // Again, with less; and a table that can't be leaves the one that is there.
    let less = MarkTable { marks: all.marks.iter().take(1).copied().collect(), ..all.clone() };
    d.apply(&[Operation::SetMarks(less.clone())])?;
    let shown = rules(&d)?;
    ensure(!shown.contains("udp_map") && !shown.contains("ip6"), &shown)?;
    let twice = entry(Protocol::Tcp, range("192.0.2.100", "192.0.2.101"), 80, 1001);
    let impossible = MarkTable { marks: [less.marks.clone(), vec![twice]].concat(), ..less };
    let refused = d.ipvs.apply(&Operation::SetMarks(impossible));
    let text = refused.map_or_else(|e| e.to_string(), |()| String::new());
    ensure(text == "set nftables table vipd_ipvs: File exists", text)?;
    ensure(rules(&d)? == shown, "it is as it was")?;
    let many = (0..3000_u16).map(|i| {
        let [high, low] = i.to_be_bytes();
        let address = AddressRange::one([10, 1, high, low].into());
        entry(Protocol::Udp, address, 53, 2000 + u32::from(i))
    });
    d.apply(&[Operation::SetMarks(MarkTable { marks: many.collect(), ..all })])?;
    ensure(rules(&d)?.matches("10.1.").count() == 3000, "all are there")?;
    let marks = d.ipvs.table(Some("vipd_ipvs")).map_err(told)?.marks;
    ensure(matches!(&marks, Marks::There(table) if table.marks.len() == 3000), "all are read")?;
    d.apply(&[Operation::DelMarks(name.clone()), Operation::DelMarks(name)])?;
    ensure(rules(&d)?.is_empty(), "nothing is left")?;
    reads(&mut d, &Marks::Absent)?;
    Ok(Outcome::Passed)
}

/// Two routers, of which the first is the better one.
fn follows() -> Result<Outcome> {
    const BOUND: std::time::Duration = std::time::Duration::from_secs(10);
    let vip = ip("192.0.2.100");
    let conf = |priority: u8, more: &str| {
        format!(
            "global_defs {{\n lvs_sync_daemon eth0 inst VI_1 maxlen 1400{more}\n}}\nvrrp_instance VI_1 {{\n \
             state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int 1\n \
             virtual_ipaddress {{\n {vip}/24\n }}\n}}\n"
        )
    };
    let line = |half: &str, id: u8| {
        format!(
            "{half} sync daemon (mcast=eth0, syncid={id}, maxlen=1400, group=224.0.0.81, port=8848, ttl=1)"
        )
    };
    let shows = |node: &Node, expected: &str| {
        lab::wait(&format!("{} shows \"{expected}\"", node.name()), BOUND, || {
            let output = node.run("ipvsadm", &["-L", "--daemon"])?;
            Ok(String::from_utf8_lossy(&output.stdout).trim() == expected)
        })
    };
    let lab = Lab::new("ipvs-follows")?;
    let lan = lab.lan("lan0")?;
    let (one, two) = (lab.node("r1")?, lab.node("r2")?);
    one.attach(&lan, "eth0", &["192.0.2.11/24"], None)?;
    two.attach(&lan, "eth0", &["192.0.2.12/24"], None)?;
    let second = two.start(Daemon::Vipd, "r2", &conf(100, ""))?;
    shows(&two, &line("backup", 51))?;
    two.wait_ip(vip, true, BOUND)?;
    shows(&two, &line("master", 51))?;
    // A better one comes, and goes without a farewell.
    let _first = one.start(Daemon::Vipd, "r1", &conf(150, ""))?;
    one.wait_ip(vip, true, BOUND)?;
    shows(&one, &line("master", 51))?;
    shows(&two, &line("backup", 51))?;
    one.power_off()?;
    two.wait_ip(vip, true, BOUND)?;
    shows(&two, &line("master", 51))?;
    // Another id, and the end.
    two.write("r2.conf", &conf(100, " id 7"))?;
    second.signal(lab::Signal::SIGHUP)?;
    shows(&two, &line("master", 7))?;
    second.signal(lab::Signal::SIGTERM)?;
    second.wait(BOUND)?;
    shows(&two, "")?;
    Ok(Outcome::Passed)
}

/// The vrrp process has given up the right to enter a namespace by then.
fn follows_elsewhere() -> Result<Outcome> {
    const BOUND: std::time::Duration = std::time::Duration::from_secs(10);
    let conf = |global: &str| {
        format!(
            "net_namespace_ipvs blue\nglobal_defs {{\n router_id x\n{global}}}\nvrrp_instance VI_1 {{\n \
             interface eth0\n virtual_router_id 51\n priority 100\n advert_int 1\n \
             virtual_ipaddress {{\n 192.0.2.100/24\n }}\n}}\n"
        )
    };
    let lab = Lab::new("ipvs-elsewhere")?;
    let lan = lab.lan("lan0")?;
    let node = lab.node("r1")?;
    node.attach(&lan, "eth0", &["192.0.2.11/24"], None)?;
    for words in [
        "netns add blue",
        "-n blue link add eth9 type dummy",
        "-n blue address add 10.0.0.99/24 dev eth9",
        "-n blue link set eth9 up",
    ] {
        node.run("ip", &words.split(' ').collect::<Vec<_>>())?;
    }
    let shows = |expected: &str| {
        lab::wait(&format!("blue shows \"{expected}\""), BOUND, || {
            let output = node.run("ip", &["netns", "exec", "blue", "ipvsadm", "-L", "--daemon"])?;
            Ok(String::from_utf8_lossy(&output.stdout).trim() == expected)
        })
    };
    let daemon = node.start(Daemon::Vipd, "r1", &conf(""))?;
    node.wait_ip(ip("192.0.2.100"), true, BOUND)?;
    shows("")?;
    node.write("r1.conf", &conf(" lvs_sync_daemon eth9 inst VI_1\n"))?;
    daemon.signal(lab::Signal::SIGHUP)?;
    let line = "master sync daemon (mcast=eth9, syncid=51, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)";
    shows(line)?;
    let here = node.run("ipvsadm", &["-L", "--daemon"])?.stdout;
    ensure(here.is_empty(), "and none where the router is")?;
    daemon.stop(BOUND)?;
    shows("")?;
    Ok(Outcome::Passed)
}

fn thousand() -> Result<Outcome> {
    let mut d = director("ipvs-1000")?;
    let mut operations = Vec::new();
    for i in 0..1000_u16 {
        let [high, low] = i.to_be_bytes();
        let key = ServiceKey::Address {
            protocol: Protocol::Tcp,
            address: [198, 51, 100, 1].into(),
            port: 1000 + i,
        };
        operations.push(Operation::AddService(key, settings(Scheduler::RoundRobin)));
        let server = ServerKey { address: [10, 0, high, low].into(), port: 80 };
        operations.push(Operation::AddServer(key, server, by(Forwarding::Nat, 1)));
    }
    let start = Instant::now();
    let results = d.ipvs.apply_all(&operations);
    let added = start.elapsed();
    ensure(results.iter().all(std::result::Result::is_ok), "all are added")?;
    let start = Instant::now();
    let table = d.ipvs.table(None).map_err(told)?;
    let read = start.elapsed();
    ensure(table.services == sum(&operations).services, "all are there")?;
    println!("  1000 services with a server each: added in {added:?}, read in {read:?}");
    Ok(Outcome::Passed)
}
