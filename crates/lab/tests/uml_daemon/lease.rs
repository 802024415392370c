//! The VIP lease: a daemon that is dead or frozen loses its addresses before anybody else takes them over.
//!
//! A client asks for the address every 10 ms by ARP or neighbour solicitation; who answers is in the capture.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use base::{IfIndex, Mac};
use lab::harness::Outcome;
use lab::{Kind, LabError, Node, Process, Result, Signal, ensure};
use linux::packet_socket::PacketSocket;
use wire::checksum::Sum;
use wire::{ethernet, ipv6};

use crate::stage::{BOUND, SECOND, Stage, VIP, inside, instance, ip, iproute, simple, vips};

/// How often the client asks.
const ASK: Duration = Duration::from_millis(10);
/// The lease for adverts each second.
const LEASE: Duration = Duration::from_secs(2);
/// A lifetime ends that late if nothing else on the host has one.
const LATE: Duration = Duration::from_millis(310);
/// The same whatever there is on the host, with the time for the renewal itself.
const LATEST: Duration = Duration::from_secs(1);
/// An address of the other family.
const VIP6: &str = "2001:db8::100";
/// Where answers go that nobody waits for: the switch hands them to all.
const NOBODY: Mac = Mac([2, 0, 0, 0, 0x77, 0x77]);

/// Somebody who wants to know who has an address.
struct Client {
    node: Node,
    target: IpAddr,
}

impl Client {
    fn new(stage: &Stage, target: &str) -> Result<Self> {
        let node = stage.lab.node("client")?;
        node.attach(&stage.lan, "eth0", &["192.0.2.66/24"], None)?;
        Ok(Self { node, target: ip(target) })
    }

    fn ask(&self) -> Result<()> {
        let frame = match self.target {
            IpAddr::V4(target) => arp_request(target),
            IpAddr::V6(target) => solicitation(target),
        };
        inside(&self.node, "a question", move || {
            let link = nix::net::if_::if_nametoindex("eth0")?;
            let link = IfIndex::new(link).ok_or(std::io::ErrorKind::NotFound)?;
            let socket = PacketSocket::open().map_err(std::io::Error::other)?;
            socket.send(link, &frame).map(drop).map_err(std::io::Error::other)
        })
    }

    /// Asks for as long as `time`.
    fn watch(&self, stage: &Stage, time: Duration) -> Result<()> {
        let end = stage.lab.now() + time;
        while stage.lab.now() < end {
            self.ask()?;
            stage.lab.pass(ASK);
        }
        Ok(())
    }

    /// When somebody said that it has the address, and who, since `from`.
    fn answers(&self, stage: &Stage, from: Duration) -> Vec<(Duration, Mac)> {
        let frames = stage.capture.frames();
        let said = frames.iter().filter(|f| f.at >= from).filter_map(|frame| match self.target {
            IpAddr::V4(target) => {
                let arp = wire::arp::parse(&frame.bytes).ok()?;
                (arp.sender_ip == target).then_some((frame.at, arp.sender_mac))
            }
            IpAddr::V6(target) => match lab::Event::of(frame)? {
                event if event.kind == Kind::Na(target) => Some((event.at, event.sender)),
                _ => None,
            },
        });
        said.collect()
    }
}

/// A probe (RFC 5227 section 1.1): it teaches nobody anything, and its answer goes to [`NOBODY`].
fn arp_request(target: Ipv4Addr) -> Vec<u8> {
    let header =
        ethernet::Header { dst: Mac([0xff; 6]), src: Mac([2, 0, 0, 0, 0x66, 0x66]), ethertype: 0x0806 };
    let fixed = [0, 1, 8, 0, 6, 4, 0, 1];
    [&header.to_bytes()[..], &fixed, &NOBODY.0, &[0; 4], &[0; 6], &target.octets()].concat()
}

/// A solicitation of somebody without an address (RFC 4861 section 4.3): its answer goes to all.
fn solicitation(target: Ipv6Addr) -> Vec<u8> {
    let low = target.octets();
    let group = Ipv6Addr::from(
        [&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff][..], &low[13..]]
            .concat()
            .try_into()
            .unwrap_or([0; 16]),
    );
    let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &low].concat();
    let length = u16::try_from(message.len()).unwrap_or_default();
    let sum =
        Sum::ZERO.add_pseudo_ipv6(Ipv6Addr::UNSPECIFIED, group, 58, length).add_bytes(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = ipv6::Header {
        traffic_class: 0,
        flow_label: 0,
        payload_len: length,
        next_header: 58,
        hop_limit: 255,
        src: Ipv6Addr::UNSPECIFIED,
        dst: group,
    };
    let dst = Mac([0x33, 0x33, 0xff, low[13], low[14], low[15]]);
    let outer = ethernet::Header { dst, src: Mac([2, 0, 0, 0, 0x66, 0x66]), ethertype: ethernet::TYPE_IPV6 };
    [&outer.to_bytes()[..], &header.to_bytes(), &message].concat()
}

/// How often the one who answers changed; two who answer one question are two who have the address.
fn changes(answers: &[(Duration, Mac)]) -> Result<usize> {
    let mut owners: Vec<(Duration, Mac)> = answers.to_vec();
    owners.dedup_by_key(|(_, who)| *who);
    for pair in owners.windows(3) {
        let back = pair[2].1 == pair[0].1 && pair[2].0.saturating_sub(pair[0].0) < ASK * 20;
        ensure(!back, format_args!("two have the address: {owners:?}"))?;
    }
    Ok(owners.len().saturating_sub(1))
}

fn signal_all(node: &Node, signal: Signal) -> Result<()> {
    let mut all = node.processes()?;
    // The supervisor first: it would start the others again.
    all.sort_by_key(|p| p.pid);
    all.iter().try_for_each(|p| p.signal(signal))
}

struct Measured {
    last_advert: Duration,
    last_answer: Duration,
    takeover: Duration,
    first_answer: Duration,
}

/// Two routers, of which the first is master, and one who asks. The daemons run as long as they are held.
fn begin(tag: &str, target: &str, conf: impl Fn(u8) -> String) -> Result<(Stage, Client, [Process; 2])> {
    let stage = Stage::new(tag, 2)?;
    let client = Client::new(&stage, target)?;
    let first = stage.r1().vipd(&conf(150))?;
    stage.r1().wait_ip(ip(target), true, BOUND)?;
    let second = stage.r2().vipd(&conf(100))?;
    stage.lab.pass(3 * SECOND);
    Ok((stage, client, [first, second]))
}

fn v6(priority: u8) -> String {
    instance("VI_1", 51, priority, &vips(&["fe80::100", &format!("{VIP6}/64")]))
}

/// Kills all processes of the master `after` an advert; what the network saw of it.
fn kill(stage: &Stage, client: &Client, after: Duration) -> Result<Measured> {
    stage.next_advert(51)?;
    client.watch(stage, after)?;
    let killed = stage.lab.now();
    signal_all(stage.r1(), Signal::SIGKILL)?;
    client.watch(stage, 5 * SECOND)?;
    let adverts = stage.adverts(51, Duration::ZERO);
    let of = |m: Option<Duration>| m.ok_or_else(|| LabError::Expectation(format!("{adverts:?}")));
    let of_priority = |p: u8| adverts.iter().filter(move |a| a.priority == p).map(|a| a.at);
    let last_advert = of(of_priority(150).next_back())?;
    let takeover = of(of_priority(100).find(|at| *at > killed))?;
    let answers = client.answers(stage, killed.saturating_sub(SECOND / 10));
    let owner = answers.first().map(|(_, who)| *who);
    let by = |first: bool| answers.iter().filter(move |(_, who)| (Some(*who) == owner) == first);
    let last_answer = of(by(true).map(|(at, _)| *at).max())?;
    let first_answer = of(by(false).map(|(at, _)| *at).min())?;
    Ok(Measured { last_advert, last_answer, takeover, first_answer })
}

/// At no instant do two nodes answer for the address of a master that was killed.
pub(crate) fn killed() -> Result<Outcome> {
    for (family, target, conf) in [("IPv4", VIP, simple as fn(u8) -> String), ("IPv6", VIP6, v6)] {
        for after in [20, 500, 950].map(Duration::from_millis) {
            let (stage, client, _daemons) = begin("lease-kill", target, conf)?;
            let m = kill(&stage, &client, after)?;
            let silent = m.last_answer.saturating_sub(m.last_advert);
            println!(
                "  {family}, killed {after:?} after an advert: the address answers until {silent:?} after the last \
                 advert, the backup sends its first {:?} after it and answers {:?} after it",
                m.takeover.saturating_sub(m.last_advert),
                m.first_answer.saturating_sub(m.last_advert),
            );
            ensure(silent <= LEASE + LATE, format_args!("{silent:?} are more than the lease of {LEASE:?}"))?;
            ensure(m.last_answer < m.takeover, "the dead one answers until after the takeover")?;
            ensure(m.last_answer < m.first_answer, "two have the address")?;
            ensure(!stage.r1().has_ip(ip(target))?, "the dead one still has it")?;
        }
    }
    Ok(Outcome::Passed)
}

/// The kernel looks at lifetimes at least 1 s apart: with many of them one ends later, but not too late.
pub(crate) fn many() -> Result<Outcome> {
    let others = |priority: u8| -> String {
        (1..=10_u8)
            .map(|n| instance(&format!("VI_1{n}"), 100 + n, priority, &vips(&[&format!("198.18.0.{n}/32")])))
            .collect()
    };
    // Of the highest priority that a backup can have.
    let conf = |priority: u8| {
        format!("{}{}", simple(priority).replace("priority 100", "priority 254"), others(priority))
    };
    let (stage, client, _daemons) = begin("lease-many", VIP, |priority| match priority {
        150 => simple(255).replace("state BACKUP", "state MASTER") + &others(255),
        _ => conf(100),
    })?;
    // Adverts of the others come at other times.
    for n in 1..=10_u8 {
        stage.lab.pass(Duration::from_millis(95));
        iproute(
            stage.r1(),
            &format!("addr add 203.0.113.{n}/32 dev eth0 valid_lft {} preferred_lft 1", n % 3 + 1),
        )?;
    }
    stage.next_advert(51)?;
    client.watch(&stage, Duration::from_millis(900))?;
    let killed = stage.lab.now();
    signal_all(stage.r1(), Signal::SIGKILL)?;
    client.watch(&stage, Duration::from_millis(600))?;
    // The kernel looks now, and then not for a second.
    iproute(stage.r1(), "addr add 203.0.113.99/32 dev eth0")?;
    client.watch(&stage, 4 * SECOND)?;
    let answers = client.answers(&stage, killed.saturating_sub(SECOND / 10));
    let changes = changes(&answers)?;
    let adverts = stage.adverts(51, Duration::ZERO);
    let last = adverts.iter().filter(|a| a.priority == 255).map(|a| a.at).max().unwrap_or_default();
    let owner = answers.first().map(|(_, who)| *who);
    let end =
        answers.iter().filter(|(_, who)| Some(*who) == owner).map(|(at, _)| *at).max().unwrap_or_default();
    let silent = end.saturating_sub(last);
    println!("  with 20 other lifetimes the address answers until {silent:?} after the last advert");
    ensure(silent <= LEASE + LATEST, format_args!("{silent:?}"))?;
    ensure(changes == 1, format_args!("{changes} changes of the owner: {answers:?}"))?;
    Ok(Outcome::Passed)
}

/// All processes of the master are frozen, and thawed later: never two have the address, and one in the end.
pub(crate) fn frozen() -> Result<Outcome> {
    for (target, conf) in [(VIP, simple as fn(u8) -> String), (VIP6, v6)] {
        for pause in [1_500, 2_600, 3_300, 3_600, 3_800, 6_300].map(Duration::from_millis) {
            let (stage, client, _daemons) = begin("lease-freeze", target, conf)?;
            stage.next_advert(51)?;
            client.watch(&stage, SECOND / 4)?;
            let from = stage.lab.now();
            signal_all(stage.r1(), Signal::SIGSTOP)?;
            client.watch(&stage, pause)?;
            let woken = stage.lab.now();
            signal_all(stage.r1(), Signal::SIGCONT)?;
            let mut both = 0;
            let end = woken + 8 * SECOND;
            while stage.lab.now() < end {
                client.ask()?;
                for _ in 0..10 {
                    let holders =
                        stage.routers.iter().filter(|r| r.has_ip(ip(target)).unwrap_or(false)).count();
                    both += usize::from(holders > 1);
                    stage.lab.pass(ASK / 10);
                }
            }
            let answers = client.answers(&stage, from);
            let longest = answers.windows(2).map(|w| w[1].0.saturating_sub(w[0].0)).max().unwrap_or_default();
            println!(
                "  {target}, frozen for {pause:?}: {} changes of the owner, {both} ms with two, silence {longest:?}",
                changes(&answers)?
            );
            ensure(both == 0, format_args!("two had the address for {both} ms after a pause of {pause:?}"))?;
            ensure(stage.r1().has_ip(ip(target))?, "the one of the higher priority is master in the end")?;
            ensure(!stage.r2().has_ip(ip(target))?, "and only that one")?;
        }
    }
    Ok(Outcome::Passed)
}

/// What the lease does to the kernel, and what it leaves alone.
pub(crate) fn details() -> Result<Outcome> {
    // Without a lease everything is as keepalived does it.
    let off = |priority| format!("global_defs {{\n vip_lease off\n}}\n{}", simple(priority));
    let (stage, _client, _daemons) = begin("lease-off", VIP, off)?;
    let shown = iproute(stage.r1(), "addr show dev eth0")?;
    ensure(!shown.contains("sec preferred_lft"), format_args!("a lifetime without a lease: {shown}"))?;
    signal_all(stage.r1(), Signal::SIGKILL)?;
    stage.lab.pass(5 * SECOND);
    ensure(stage.r1().has_ip(ip(VIP))? && stage.r2().has_ip(ip(VIP))?, "two owners without a lease")?;

    // With one, all that an address has stays as it is at each renewal, and the host keeps its routes.
    let stage = Stage::new("lease-details", 1)?;
    let r1 = stage.r1();
    let lines = [
        "192.0.2.100/24",
        "203.0.113.7/24 brd 203.0.113.255 label eth0:7 scope link",
        "198.51.100.7/24",
        "198.51.100.8/24",
    ];
    let conf = format!(
        "static_ipaddress {{\n 203.0.113.1/32 dev eth0\n}}\n{}{}",
        instance("VI_1", 51, 150, &vips(&lines)),
        instance("VI_6", 52, 150, &vips(&["fe80::100", "2001:db8::100/64", "2001:db8:1::100/64"]))
    );
    let daemon = r1.vipd(&conf)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    r1.wait_ip(ip("2001:db8:1::100"), true, BOUND)?;
    let look = |node: &Node| -> Result<(String, usize)> {
        let shown = iproute(node, "addr show dev eth0")?;
        let leased = shown.lines().filter(|l| l.contains("valid_lft") && l.contains("sec")).count();
        let plain: Vec<&str> = shown.lines().filter(|l| !l.contains("_lft")).collect();
        Ok((plain.join("\n"), leased))
    };
    let before = look(r1)?;
    ensure(
        before.1 == 7,
        format_args!("{} leases, not 7: {}", before.1, iproute(r1, "addr show dev eth0")?),
    )?;
    ensure(before.0.contains("scope link dynamic eth0:7"), format_args!("label and scope: {}", before.0))?;
    for _ in 0..5 {
        stage.lab.pass(SECOND);
        let now = look(r1)?;
        ensure(now == before, format_args!("{now:?}, not {before:?}"))?;
    }
    let route =
        |what: &str| -> Result<bool> { Ok(!iproute(r1, &format!("-6 route show {what}"))?.is_empty()) };
    ensure(route("2001:db8::/64")? && route("2001:db8:1::/64")?, "routes to both networks")?;
    signal_all(r1, Signal::SIGKILL)?;
    stage.lab.pass(4 * SECOND);
    ensure(look(r1)?.1 == 0 && !r1.has_ip(ip(VIP))? && !r1.has_ip(ip("198.51.100.8"))?, "leases are over")?;
    ensure(r1.has_ip(ip("203.0.113.1"))? && r1.has_ip(ip("192.0.2.11"))?, "what is static stays")?;
    let host = iproute(r1, "-6 route show 2001:db8::/64")?;
    ensure(host.contains("eth0") && !host.contains("expires"), format_args!("the host's own route: {host}"))?;
    drop(daemon);
    Ok(Outcome::Passed)
}
