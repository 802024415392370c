//! The lab itself: what it promises about nodes, links, power, partitions and captures. keepalived plays
//! the daemon, because its behaviour is known.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Cut, Kind, Lab, Lan, Node, Result, ensure};

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const BOUND: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    lab::harness::main(&[
        Scenario::new("a-backup-takes-over-when-the-power-goes", Needs::AnyClock, power),
        Scenario::new("a-node-that-boots-again-has-nothing-of-its-former-life", Needs::VirtualTime, boot),
        Scenario::new("a-cut-in-one-direction-leaves-the-other", Needs::VirtualTime, one_way),
        Scenario::new("a-link-can-be-cut-at-both-ends", Needs::VirtualTime, links),
        Scenario::new("nodes-do-not-see-each-others-processes-and-files", Needs::AnyClock, isolation),
        Scenario::new("a-client-sees-a-gap-as-long-as-the-failover", Needs::VirtualTime, client),
    ])
}

fn conf(priority: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
         advert_int 1\n virtual_ipaddress {{\n {VIP}/24\n }}\n}}\n"
    )
}

/// A lab with two routers: the first is master.
struct Pair {
    lab: Lab,
    lan: Lan,
    r1: Node,
    r2: Node,
    _daemons: [lab::Process; 2],
}

fn pair(tag: &str) -> Result<Pair> {
    let lab = Lab::new(tag)?;
    let lan = lab.lan("lan0")?;
    let router = |i: u8| {
        let node = lab.node(&format!("r{i}"))?;
        node.attach(&lan, "eth0", &[&format!("192.0.2.1{i}/24")], None)?;
        Ok(node)
    };
    let (r1, r2) = (router(1)?, router(2)?);
    let daemons = [r1.keepalived(&conf(150))?, r2.keepalived(&conf(100))?];
    has(&r1, true)?;
    Ok(Pair { lab, lan, r1, r2, _daemons: daemons })
}

fn has(node: &Node, present: bool) -> Result<Duration> {
    node.wait_ip(IpAddr::V4(VIP), present, BOUND)
}

fn power() -> Result<Outcome> {
    let pair = pair("power")?;
    let capture = pair.lab.capture(&pair.lan)?;
    pair.r1.power_off()?;
    ensure(!pair.r1.has_ip(VIP.into())?, "a node without power has no address")?;
    has(&pair.r2, true)?;
    let announced = || Ok(capture.events().iter().any(|e| e.kind == Kind::Garp(VIP)));
    lab::wait("the capture sees gratuitous ARP", BOUND, announced)?;
    let farewell = |e: &lab::Event| matches!(e.kind, Kind::Advert { priority: 0, .. });
    ensure(!capture.events().iter().any(farewell), "who loses power says no farewell")?;
    Ok(Outcome::Passed)
}

fn boot() -> Result<Outcome> {
    let Pair { r1, r2, lab: _lab, .. } = pair("boot")?;
    r1.run("touch", &["/run/mark", "/tmp/mark"])?;
    r1.power_off()?;
    ensure(r1.run("true", &[] as &[&str]).is_err(), "nothing runs without power")?;
    has(&r2, true)?;
    r1.power_on()?;
    ensure(!r1.has_ip(VIP.into())?, "the address is gone")?;
    ensure(r1.has_ip("192.0.2.11".parse().expect("an address"))?, "its own address is there")?;
    ensure(r1.run("ls", &["/run/mark"]).is_err(), "/run is empty")?;
    ensure(r1.run("ls", &["/tmp/mark"]).is_err(), "/tmp is empty")?;
    r1.keepalived(&conf(150))?;
    has(&r1, true)?;
    has(&r2, false)?;
    Ok(Outcome::Passed)
}

fn one_way() -> Result<Outcome> {
    let Pair { lab, lan, r1, r2, .. } = pair("one-way")?;
    lab.block(&lan, &[&r1], &[&r2])?;
    // Router 2 hears nothing and becomes master; router 1 hears it and knows that it is the better one.
    has(&r2, true)?;
    ensure(r1.has_ip(VIP.into())?, "router 1 remains master")?;
    lab.heal()?;
    has(&r2, false)?;
    lab.partition(&lan, &[&r2], &[&r1])?;
    has(&r2, true)?;
    lab.heal()?;
    has(&r2, false)?;
    Ok(Outcome::Passed)
}

fn links() -> Result<Outcome> {
    let Pair { r1, r2, lab: _lab, .. } = pair("links")?;
    for cut in [Cut::Switch, Cut::Node] {
        r1.link("eth0", false, cut)?;
        has(&r1, false)?;
        has(&r2, true)?;
        r1.link("eth0", true, cut)?;
        has(&r1, true)?;
        has(&r2, false)?;
    }
    Ok(Outcome::Passed)
}

fn isolation() -> Result<Outcome> {
    let lab = Lab::new("isolation")?;
    let (one, two) = (lab.node("one")?, lab.node("two")?);
    let text = |node: &Node, program: &str, args: &[&str]| {
        node.run(program, args).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    };
    for node in [&one, &two] {
        ensure(text(node, "uname", &["-n"])? == node.name(), "a host name of its own")?;
        ensure(text(node, "ls", &["/tmp"])?.lines().all(|l| l != "mark"), "a /tmp of its own")?;
        node.run("touch", &["/tmp/mark", "/run/mark"])?;
        let daemon = node.spawn("sleeper", "sleep", &["1000"])?;
        ensure(
            node.run("kill", &[&daemon.pid().to_string()]).is_err(),
            "pids of the outside mean nothing inside",
        )?;
        let processes = text(node, "sh", &["-c", "echo /proc/[0-9]*"])?;
        ensure(processes.split(' ').count() <= 4, format_args!("few processes: {processes}"))?;
        daemon.signal(lab::Signal::SIGKILL)?;
        daemon.wait(BOUND)?;
    }
    Ok(Outcome::Passed)
}

fn client() -> Result<Outcome> {
    let pair = pair("client")?;
    let client = pair.lab.node("c")?;
    client.attach(&pair.lan, "eth0", &["192.0.2.50/24"], None)?;
    let interval = Duration::from_millis(10);
    let pings = client.ping(VIP, interval)?;
    lab::wait("answers come", BOUND, || Ok(pings.answers().len() > 50))?;
    let before = pair.lab.now();
    let first = pings.answers().first().copied().unwrap_or_default();
    ensure(pings.longest_gap(first) < interval, format_args!("a gap of {:?}", pings.longest_gap(first)))?;
    let capture = pair.lab.capture(&pair.lan)?;
    pair.r1.power_off()?;
    has(&pair.r2, true)?;
    let took_over = capture.events().first().map(|e| e.at).unwrap_or_default();
    lab::wait("answers come again", BOUND, || Ok(pings.last_answer().is_some_and(|at| at > took_over)))?;
    let (gap, failover) = (pings.longest_gap(before), took_over.saturating_sub(before));
    ensure(
        gap.abs_diff(failover) <= interval * 2,
        format_args!("the client saw {gap:?}, the capture {failover:?}"),
    )?;
    Ok(Outcome::Passed)
}
