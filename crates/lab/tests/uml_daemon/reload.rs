//! Reloads: what did not change notices nothing.

use std::time::Duration;

use lab::harness::Outcome;
use lab::{Change, Notice, Process, Result, Signal, ensure};

use crate::stage::{
    BOUND, SECOND, Stage, TOLD, VIP, family, instance, ip, iproute, log_length, nothing_left, read, script,
    start_master, told, vips,
};

/// A reload has no reason to take longer.
const QUICK: Duration = Duration::from_millis(500);

/// Addresses and routes of ours that changed.
fn ours(notices: &[Notice]) -> Vec<String> {
    let shown = |n: &Notice| match &n.change {
        Change::Address { net, exists, .. } => Some(format!("{}{net}", if *exists { '+' } else { '-' })),
        Change::Route { destination, exists, .. } => {
            Some(format!("{}{destination}", if *exists { '+' } else { '-' }))
        }
        Change::Link { .. } => None,
    };
    let mut all: Vec<String> = notices.iter().filter_map(shown).collect();
    all.sort_unstable();
    all
}

/// Each change in the kernel is counted here, and renewals would be some.
const NO_LEASE: &str = " vip_lease off\n";

fn conf(priority: u8, addresses: &[&str], more: &str) -> String {
    let lines = format!(
        "{NO_LEASE} notify /run/notify.sh\n track_script {{\n  chk\n }}\n{} virtual_routes {{\n  \
         198.51.100.0/24 via 192.0.2.1 dev eth0\n }}\n",
        vips(addresses)
    );
    format!(
        "vrrp_script chk {{\n script /run/check.sh\n interval 1\n weight -5\n}}\n{}{more}",
        instance("VI_1", 51, priority, &lines)
    )
}

fn prepare(stage: &Stage) -> Result<()> {
    script(stage.r1(), "/run/notify.sh", &format!("echo \"$*\" >>{TOLD}"))?;
    script(stage.r1(), "/run/check.sh", "exit 0")
}

/// Puts a configuration in place, asks for it, and waits until it is in force.
fn reload(stage: &Stage, daemon: &Process, conf: &str) -> Result<()> {
    stage.r1().write("vipd.conf", conf)?;
    let after = log_length(daemon)?;
    daemon.signal(Signal::SIGHUP)?;
    told(daemon, "Reload complete", after, QUICK)
}

/// Reloads between two adverts, and what changed in the kernel within the next second.
fn changes(stage: &Stage, daemon: &Process, conf: &str) -> Result<Vec<String>> {
    stage.next_advert(51)?;
    stage.lab.pass(SECOND / 4);
    let monitor = stage.r1().monitor()?;
    reload(stage, daemon, conf)?;
    stage.lab.pass(SECOND);
    Ok(ours(&monitor.stop()?))
}

fn notified_length(node: &lab::Node) -> Result<usize> {
    Ok(read(node, TOLD)?.len())
}

fn same(have: &[String], want: &[&str]) -> Result<()> {
    ensure(have == want, format_args!("changed: {have:?}, expected: {want:?}"))
}

pub(crate) fn unnoticed() -> Result<Outcome> {
    let stage = Stage::new("unnoticed", 1)?;
    let r1 = stage.r1();
    prepare(&stage)?;
    let vip = format!("{VIP}/24");
    let conf = conf(150, &[&vip, "192.0.2.101/24"], "");
    let daemon = start_master(&stage, &conf)?;
    // The second burst of gratuitous ARPs belongs to the takeover.
    stage.lab.pass(6 * SECOND);
    let from = stage.next_advert(51)?;
    let (monitor, before) = (r1.monitor()?, read(r1, TOLD)?);
    let count = |stage: &Stage| stage.capture.events().iter().filter(|e| e.at >= from).count();
    // At different places between two adverts.
    for n in 0..10 {
        reload(&stage, &daemon, &conf)?;
        stage.lab.pass(SECOND / 10 * (n % 7));
    }
    let members = family(r1, &daemon)?;
    let all = [Some(members.supervisor), members.vrrp, members.scripts];
    let descriptors = || all.iter().flatten().map(lab::Running::descriptors).collect::<Result<Vec<_>>>();
    let (open, processes) = (descriptors()?, r1.processes()?.len());
    for _ in 0..40 {
        reload(&stage, &daemon, &conf)?;
    }
    ensure(descriptors()? == open, format_args!("descriptors: {open:?}, then {:?}", descriptors()?))?;
    ensure(r1.processes()?.len() == processes, "a reload starts no process")?;
    stage.lab.pass(2 * SECOND);
    let adverts = stage.regular(51, from, SECOND)?;
    ensure(count(&stage) == adverts, format_args!("{adverts} adverts, but {} frames", count(&stage)))?;
    same(&ours(&monitor.stop()?), &[])?;
    ensure(read(r1, TOLD)? == before, "no notification")?;

    // Two close together: both are served, the second reads the newest file.
    let after = log_length(&daemon)?;
    r1.write("vipd.conf", &conf.replace("priority 150", "priority 160"))?;
    daemon.signal(Signal::SIGHUP)?;
    r1.write("vipd.conf", &conf.replace("priority 150", "priority 170"))?;
    daemon.signal(Signal::SIGHUP)?;
    told(&daemon, "Reload complete", after, QUICK)?;
    stage.lab.pass(2 * SECOND);
    let last = stage.adverts(51, from).last().map(|a| a.priority);
    ensure(last == Some(170), format_args!("the newest file counts: {last:?}"))?;
    Ok(Outcome::Passed)
}

pub(crate) fn differences() -> Result<Outcome> {
    let stage = Stage::new("differences", 1)?;
    let r1 = stage.r1();
    prepare(&stage)?;
    let vip = format!("{VIP}/24");
    let daemon = start_master(&stage, &conf(150, &[&vip], ""))?;
    stage.lab.pass(6 * SECOND);
    let began = stage.next_advert(51)?;
    let before = read(r1, TOLD)?;

    same(&changes(&stage, &daemon, &conf(150, &[&vip, "192.0.2.101/24"], ""))?, &["+192.0.2.101/24"])?;
    let garps =
        stage.capture.events().iter().any(|e| e.kind == lab::Kind::Garp("192.0.2.101".parse().unwrap()));
    ensure(garps, "a new address is announced")?;
    same(
        &changes(&stage, &daemon, &conf(150, &[&vip, "192.0.2.101/32"], ""))?,
        &["+192.0.2.101/32", "-192.0.2.101/24"],
    )?;
    same(&changes(&stage, &daemon, &conf(150, &[&vip], ""))?, &["-192.0.2.101/32"])?;
    let conf_160 = conf(160, &[&vip], "");
    same(&changes(&stage, &daemon, &conf_160)?, &[])?;
    let last = stage.adverts(51, began).last().map(|a| a.priority);
    ensure(last == Some(160), format_args!("the new priority is sent: {last:?}"))?;

    // Another instance comes, becomes master, and goes with a farewell.
    let second = instance(
        "VI_2",
        52,
        120,
        &format!("{NO_LEASE} notify /run/notify.sh\n{}", vips(&["192.0.2.110/24"])),
    );
    same(&changes(&stage, &daemon, &conf(160, &[&vip], &second))?, &[])?;
    r1.wait_ip(ip("192.0.2.110"), true, BOUND)?;
    same(&changes(&stage, &daemon, &conf_160)?, &["-192.0.2.110/24"])?;
    let last = stage.adverts(52, began).last().copied();
    ensure(last.is_some_and(|a| a.priority == 0), format_args!("a farewell of VI_2, not {last:?}"))?;
    let notified = read(r1, TOLD)?;
    let notified: Vec<&str> = notified.get(before.len()..).unwrap_or_default().lines().collect();
    // Without notify_deleted the state of an instance that is gone is told as FAULT.
    let want = ["INSTANCE VI_2 BACKUP 120", "INSTANCE VI_2 MASTER 120", "INSTANCE VI_2 FAULT 120"];
    ensure(notified == want, format_args!("notified: {notified:?}"))?;

    // With notify_deleted it is told as DELETED.
    let deleted = second.replace(" notify ", " notify_deleted \"/run/notify.sh gone\"\n notify ");
    let before = notified_length(r1)?;
    reload(&stage, &daemon, &conf(160, &[&vip], &deleted))?;
    r1.wait_ip(ip("192.0.2.110"), true, BOUND)?;
    reload(&stage, &daemon, &conf_160)?;
    lab::wait("it is told", SECOND, || Ok(read(r1, TOLD)?.contains("INSTANCE VI_2 DELETED 120")))?;
    let all = read(r1, TOLD)?;
    let last: Vec<&str> = all.get(before..).unwrap_or_default().lines().collect();
    let want = ["INSTANCE VI_2 BACKUP 120", "INSTANCE VI_2 MASTER 120", "gone", "INSTANCE VI_2 DELETED 120"];
    ensure(last == want, format_args!("told: {last:?}"))?;

    // Broken files change nothing and say why, with the line.
    let broken = [
        ("vrrp_instance VI_1 {\n interface eth0\n", "missing '}'"),
        ("vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 300\n priority 100\n}\n", "Line 3"),
    ];
    for (text, reason) in broken {
        let (after, from) = (log_length(&daemon)?, stage.next_advert(51)?);
        let monitor = r1.monitor()?;
        let old = family(r1, &daemon)?.vrrp;
        r1.write("vipd.conf", text)?;
        daemon.signal(Signal::SIGHUP)?;
        told(&daemon, reason, after, QUICK)?;
        stage.lab.pass(2 * SECOND);
        same(&ours(&monitor.stop()?), &[])?;
        stage.regular(51, from, SECOND)?;
        ensure(family(r1, &daemon)?.vrrp == old && old.is_some(), "the process goes on")?;
    }

    // A file without anything is no broken one: there is nothing to do, until there is something again.
    reload(&stage, &daemon, "")?;
    lab::wait("the vrrp process ends", SECOND, || Ok(family(r1, &daemon)?.vrrp.is_none()))?;
    ensure(!r1.has_ip(ip(VIP))?, "the address is gone")?;
    reload(&stage, &daemon, &conf_160)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    Ok(Outcome::Passed)
}

/// The list of an instance's routes after a reload, as the kernel has it.
pub(crate) fn routes() -> Result<Outcome> {
    let stage = Stage::new("routes", 1)?;
    let r1 = stage.r1();
    prepare(&stage)?;
    let vip = format!("{VIP}/24");
    let base = conf(150, &[&vip], "");
    let daemon = start_master(&stage, &base)?;
    let more = base.replace(
        "198.51.100.0/24 via 192.0.2.1 dev eth0",
        "198.51.100.0/24 via 192.0.2.1 dev eth0\n  203.0.113.0/24 via 192.0.2.1 dev eth0",
    );
    same(&changes(&stage, &daemon, &more)?, &["+203.0.113.0/24"])?;
    same(&changes(&stage, &daemon, &base)?, &["-203.0.113.0/24"])?;
    let routes = iproute(r1, "route show proto 18")?;
    ensure(routes.lines().count() == 1, format_args!("one route is left: {routes}"))?;
    // The same route by another way is replaced.
    let other = base.replace("via 192.0.2.1 ", "via 192.0.2.2 ");
    changes(&stage, &daemon, &other)?;
    let routes = iproute(r1, "route show proto 18")?;
    let right = routes.lines().count() == 1 && routes.contains("via 192.0.2.2");
    ensure(right, format_args!("the new way and no other: {routes}"))?;
    Ok(Outcome::Passed)
}

/// Reloads between two adverts; where the log stood.
fn reload_between(stage: &Stage, daemon: &Process, conf: &str) -> Result<usize> {
    stage.next_advert(51)?;
    stage.lab.pass(SECOND / 3);
    let after = log_length(daemon)?;
    reload(stage, daemon, conf)?;
    Ok(after)
}

/// What must not cost a master its place does not; what makes another router of it does.
pub(crate) fn keys() -> Result<Outcome> {
    let stage = Stage::new("keys", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/good.sh", "exit 0")?;
    script(r1, "/run/bad.sh", "exit 1")?;
    let base = instance("VI_1", 51, 150, &format!("{NO_LEASE}{}", vips(&[&format!("{VIP}/24")])));
    let daemon = start_master(&stage, &base)?;
    let track = |path: &str, weight: &str| {
        format!("vrrp_script chk {{\n script {path}\n interval 1\n{weight}\n}}\n")
            + &base.replace(" virtual_ipaddress", " track_script {\n  chk\n }\n virtual_ipaddress")
    };
    let kept = [
        ("another name", base.replace("VI_1", "VI_A")),
        ("another interval", base.replace("advert_int 1", "advert_int 2")),
        (
            "a password",
            base.replace(
                "advert_int 1",
                "advert_int 1\n authentication {\n auth_type PASS\n auth_pass abc\n }",
            ),
        ),
        ("another version", base.replace("advert_int 1", "advert_int 1\n version 3")),
        ("a script with weight", track("/run/good.sh", " weight 5")),
        ("a script without weight", track("/run/good.sh", "")),
        ("a group", format!("vrrp_sync_group G {{\n group {{\n  VI_1\n }}\n}}\n{base}")),
        ("back again", base.clone()),
    ];
    for (what, conf) in &kept {
        let monitor = r1.monitor()?;
        let at = stage.lab.now();
        let after = reload_between(&stage, &daemon, conf)?;
        stage.lab.pass(3 * SECOND);
        let log = daemon.log()?;
        let log = log.get(after..).unwrap_or_default();
        ensure(!log.contains("STATE"), format_args!("{what}: it changed its state:\n{log}"))?;
        let changes: Vec<_> =
            monitor.stop()?.into_iter().filter(|n| matches!(n.change, Change::Address { .. })).collect();
        ensure(changes.is_empty(), format_args!("{what}: {changes:?}"))?;
        // A gap never longer than the longest interval.
        let adverts = stage.adverts(51, at);
        let worst = adverts.windows(2).map(|p| p[1].at.saturating_sub(p[0].at)).max();
        ensure(worst.is_some_and(|w| w <= 2 * SECOND + SECOND / 100), format_args!("{what}: {adverts:?}"))?;
        ensure(adverts.iter().all(|a| a.priority > 0), format_args!("{what}: a farewell: {adverts:?}"))?;
    }
    // A script without weight that fails from its first run.
    let after = reload_between(&stage, &daemon, &track("/run/bad.sh", ""))?;
    told(&daemon, "(VI_1) Entering FAULT STATE", after, SECOND)?;
    r1.wait_ip(ip(VIP), false, SECOND / 10)?;
    r1.write("vipd.conf", &base)?;
    daemon.signal(Signal::SIGHUP)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    // Another router id is another router: the old one says farewell.
    let at = stage.lab.now();
    reload_between(&stage, &daemon, &base.replace("virtual_router_id 51", "virtual_router_id 55"))?;
    let last = stage.adverts(51, at).last().map(|a| a.priority);
    ensure(last == Some(0), format_args!("the farewell of the old one: {last:?}"))?;
    lab::wait("adverts of the new one", BOUND, || Ok(!stage.adverts(55, at).is_empty()))?;
    r1.wait_ip(ip(VIP), true, SECOND / 10)?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}
