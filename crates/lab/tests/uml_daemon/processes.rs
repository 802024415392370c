//! The tree of processes: how it looks, how it ends, and what the death of each member means.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use lab::harness::Outcome;
use lab::{Change, Result, Signal, ensure};

use crate::stage::{
    BOUND, EXACT, SECOND, Stage, VIP, family, inside, instance, ip, log_length, nothing_left, read, script,
    simple, start_master, start_with, told, vips, vrrp_of,
};

/// A configuration that needs all processes, with a route beside the address.
fn with_everything(priority: u8) -> String {
    let lines = format!(
        " notify /run/notify.sh\n{} virtual_routes {{\n  198.51.100.0/24 via 192.0.2.1 dev eth0\n }}\n",
        vips(&[&format!("{VIP}/24")])
    );
    instance("VI_1", 51, priority, &lines)
}

pub(crate) fn looks_and_leaves() -> Result<Outcome> {
    let stage = Stage::new("looks", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/notify.sh", "exit 0")?;
    let conf = format!("global_defs {{\n process_names\n}}\n{}", with_everything(150));
    let daemon = start_master(&stage, &conf)?;

    let members = family(r1, &daemon)?;
    let (vrrp, scripts) = (vrrp_of(r1, &daemon)?, members.scripts);
    ensure(vrrp.name == "keepalived_vrrp", format_args!("process_names does not name {}", vrrp.name))?;
    ensure(members.supervisor.name == "vipd", format_args!("{}", members.supervisor.name))?;
    ensure(scripts.is_some(), "scripts have a process of their own")?;
    let pids = [("/run/keepalived.pid", members.supervisor.inner), ("/run/vrrp.pid", vrrp.inner)];
    for (path, pid) in pids {
        let text = read(r1, path)?;
        ensure(text == format!("{pid}\n"), format_args!("{path} says {text:?}, not {pid}"))?;
        let mode = inside(r1, path, move || Ok(std::fs::symlink_metadata(path)?.mode()))?;
        ensure(mode & 0o7777 == 0o644, format_args!("{path} has mode {mode:o}"))?;
    }

    // Another one sees the lock, says so and harms nobody.
    let from = stage.next_advert(51)?;
    let second = r1.start(lab::Daemon::Vipd, "second", &conf)?;
    let status = second.wait(BOUND)?;
    ensure(second.log()?.contains("daemon is already running"), "a second one says what is the matter")?;
    ensure(status.code() == Some(0), format_args!("keepalived exits with 0 then; we with {status}"))?;
    stage.lab.pass(2 * SECOND);
    stage.regular(51, from, SECOND)?;
    ensure(read(r1, "/run/keepalived.pid")? == format!("{}\n", members.supervisor.inner), "its file stays")?;

    // The end: priority 0, then the addresses, then the files.
    let monitor = r1.monitor()?;
    let end = stage.lab.now();
    let status = daemon.stop(BOUND)?;
    ensure(status.code() == Some(0), format_args!("it ends with {status}"))?;
    nothing_left(r1, &[VIP])?;
    let last = stage.adverts(51, end);
    ensure(last.len() == 1 && last[0].priority == 0, format_args!("one farewell, not {last:?}"))?;
    let notices = monitor.stop()?;
    let address = notices.iter().find(|n| matches!(&n.change, Change::Address { exists: false, .. }));
    let route = notices.iter().find(|n| matches!(&n.change, Change::Route { exists: false, .. }));
    let (Some(address), Some(route)) = (address, route) else {
        return Err(lab::LabError::Expectation(format!("address and route go: {notices:?}")));
    };
    ensure(last[0].at <= route.at && route.at <= address.at, "farewell, route, address: in this order")?;
    ensure(address.at.saturating_sub(last[0].at) <= Duration::from_millis(10), "the address goes at once")?;
    Ok(Outcome::Passed)
}

pub(crate) fn deaths() -> Result<Outcome> {
    let stage = Stage::new("deaths", 2)?;
    let r1 = stage.r1();
    for router in &stage.routers {
        script(router, "/run/notify.sh", "exit 0")?;
    }
    let daemon = start_master(&stage, &with_everything(150))?;
    let _other = stage.r2().vipd(&with_everything(100))?;

    // The vrrp process: back within a second, without the address, which only one router has ever.
    let old = vrrp_of(r1, &daemon)?;
    let (after, killed) = (log_length(&daemon)?, stage.lab.now());
    old.signal(Signal::SIGKILL)?;
    r1.wait_ip(ip(VIP), false, SECOND)?;
    lab::wait("a new vrrp process", SECOND, || {
        Ok(family(r1, &daemon)?.vrrp.is_some_and(|p| p.pid != old.pid))
    })?;
    for text in ["VRRP child process(", ") died: Respawning", "Starting VRRP child process, pid="] {
        told(&daemon, text, after, SECOND)?;
    }
    let new = vrrp_of(r1, &daemon)?;
    ensure(read(r1, "/run/vrrp.pid")? == format!("{}\n", new.inner), "the pid file is that of the new one")?;
    let routes = super::stage::iproute(r1, "route show proto 18")?;
    ensure(routes.is_empty(), format_args!("a route is left: {routes}"))?;
    stage.at_most_one_has(VIP, 8 * SECOND)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let lower = stage.adverts(51, killed).iter().any(|a| a.priority == 0 && a.source == ip("192.0.2.11"));
    ensure(!lower, "who is killed says no farewell")?;

    // The scripts process: nobody notices but the log.
    let from = stage.next_advert(51)?;
    let after = log_length(&daemon)?;
    let scripts = family(r1, &daemon)?.scripts;
    scripts.as_ref().map_or(Ok(()), |p| p.signal(Signal::SIGKILL))?;
    told(&daemon, ") died: Respawning", after, SECOND)?;
    lab::wait("a new scripts process", 2 * SECOND, || {
        Ok(family(r1, &daemon)?.scripts.is_some_and(|p| Some(p.pid) != scripts.as_ref().map(|p| p.pid)))
    })?;
    stage.lab.pass(3 * SECOND);
    stage.regular(51, from, SECOND)?;

    // The supervisor: its children leave in good order.
    let from = stage.lab.now();
    family(r1, &daemon)?.supervisor.signal(Signal::SIGKILL)?;
    daemon.wait(SECOND)?;
    lab::wait("the children leave", SECOND, || Ok(r1.processes()?.is_empty()))?;
    ensure(!r1.has_ip(ip(VIP))?, "the address goes with them")?;
    let farewell = stage.adverts(51, from).into_iter().find(|a| a.source == ip("192.0.2.11"));
    ensure(farewell.is_some_and(|a| a.priority == 0), format_args!("a farewell, not {farewell:?}"))?;
    stage.r2().wait_ip(ip(VIP), true, SECOND)?;
    Ok(Outcome::Passed)
}

pub(crate) fn left_overs() -> Result<Outcome> {
    let stage = Stage::new("left-overs", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/notify.sh", "exit 0")?;
    let daemon = start_master(&stage, &with_everything(150))?;
    // The supervisor first: nobody shall clean up.
    let all = r1.processes()?;
    for process in &all {
        process.signal(Signal::SIGSTOP)?;
    }
    for process in &all {
        process.signal(Signal::SIGKILL)?;
    }
    daemon.wait(SECOND)?;
    lab::wait("all are dead", SECOND, || Ok(r1.processes()?.is_empty()))?;
    ensure(r1.has_ip(ip(VIP))?, "nobody was there to remove the address")?;
    let (monitor, capture_from) = (r1.monitor()?, stage.lab.now());
    let daemon = start_with(r1, &with_everything(150), &[])?;
    r1.wait_ip(ip(VIP), false, SECOND)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let first = stage.adverts(51, capture_from).first().map(|a| a.at).unwrap_or_default();
    let gone = |n: &lab::Notice| match &n.change {
        Change::Address { exists: false, net, .. } => net.addr() == ip(VIP),
        Change::Route { exists: false, .. } => true,
        _ => false,
    };
    let gone: Vec<_> = monitor.notices().into_iter().filter(gone).collect();
    ensure(gone.len() == 2 && gone.iter().all(|n| n.at < first), format_args!("before {first:?}: {gone:?}"))?;
    ensure(daemon.log()?.contains("left over by an earlier run"), "the log tells")?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}

pub(crate) fn limits() -> Result<Outcome> {
    let stage = Stage::new("limits", 1)?;
    let r1 = stage.r1();
    // -R: who loses a child ends, with nothing left.
    let daemon = start_with(r1, &simple(150), &["-R"])?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    vrrp_of(r1, &daemon)?.signal(Signal::SIGKILL)?;
    daemon.wait(SECOND)?;
    ensure(daemon.log()?.contains(") died: Exiting"), "the log tells why")?;
    nothing_left(r1, &[VIP])?;

    // child_wait_time: who does not leave is killed, and what it left behind is removed.
    let conf = format!("child_wait_time 2\n{}", simple(150));
    let daemon = start_with(r1, &conf, &[])?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    vrrp_of(r1, &daemon)?.signal(Signal::SIGSTOP)?;
    let (after, asked) = (log_length(&daemon)?, stage.lab.now());
    daemon.stop(BOUND)?;
    let took = stage.lab.now().saturating_sub(asked);
    ensure(took.abs_diff(2 * SECOND) <= 20 * EXACT, format_args!("the end took {took:?}"))?;
    told(&daemon, "VRRP process failed to die - forcing termination", after, SECOND)?;
    nothing_left(r1, &[VIP])?;

    // Crash loops are slowed down: at once, then after 1 s, then after 2 s.
    let daemon = start_with(r1, &simple(150), &[])?;
    for delay in [0, 1, 2] {
        r1.wait_ip(ip(VIP), false, SECOND)?;
        lab::wait("a vrrp process", BOUND, || Ok(family(r1, &daemon)?.vrrp.is_some()))?;
        let (old, after, died) = (vrrp_of(r1, &daemon)?, log_length(&daemon)?, stage.lab.now());
        old.signal(Signal::SIGKILL)?;
        told(&daemon, &format!("Restart of VRRP process delayed {delay} seconds"), after, SECOND)?;
        lab::wait("the next one", BOUND, || Ok(family(r1, &daemon)?.vrrp.is_some_and(|p| p.pid != old.pid)))?;
        let took = stage.lab.now().saturating_sub(died);
        ensure(
            took.abs_diff(delay * SECOND) <= 10 * EXACT,
            format_args!("back after {took:?}, not {delay} s"),
        )?;
    }
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}
