//! Pauses, a reader that never reads, and somebody who takes the addresses away again and again.

use std::time::Duration;

use lab::harness::Outcome;
use lab::{Result, Signal, ensure};

use crate::stage::{
    BOUND, SECOND, Stage, VIP, family, instance, ip, iproute, log_length, nothing_left, script, simple,
    start_master, start_with, told, vips,
};

/// A master that did not run for longer than any backup waits makes room when it runs again.
pub(crate) fn pause() -> Result<Outcome> {
    let stage = Stage::new("pause", 2)?;
    let (r1, r2) = (stage.r1(), stage.r2());
    let conf = |priority: u8| {
        instance("VI_1", 51, priority, &format!(" nopreempt\n{}", vips(&[&format!("{VIP}/24")])))
    };
    let daemon = start_master(&stage, &conf(150))?;
    let _other = r2.vipd(&conf(100))?;
    stage.lab.pass(3 * SECOND);
    let members = family(r1, &daemon)?;
    let all: Vec<_> = [Some(members.supervisor), members.vrrp].into_iter().flatten().collect();
    for process in &all {
        process.signal(Signal::SIGSTOP)?;
    }
    r2.wait_ip(ip(VIP), true, 4 * SECOND)?;
    stage.lab.pass(2 * SECOND);
    let resumed = stage.lab.now();
    for process in &all {
        process.signal(Signal::SIGCONT)?;
    }
    r1.wait_ip(ip(VIP), false, SECOND / 10)?;
    stage.lab.pass(8 * SECOND);
    let sent = stage.adverts(51, resumed).into_iter().find(|a| a.source == ip("192.0.2.11"));
    ensure(sent.is_none(), format_args!("with nopreempt it says nothing more: {sent:?}"))?;
    ensure(r2.has_ip(ip(VIP))? && !r1.has_ip(ip(VIP))?, "the one that took over keeps it")?;

    // A short pause costs nothing.
    let vrrp = crate::stage::vrrp_of(r2, &_other)?;
    vrrp.signal(Signal::SIGSTOP)?;
    stage.lab.pass(2 * SECOND);
    vrrp.signal(Signal::SIGCONT)?;
    stage.at_most_one_has(VIP, 6 * SECOND)?;
    ensure(r2.has_ip(ip(VIP))?, "two seconds are no reason to change anything")?;
    Ok(Outcome::Passed)
}

/// Notifications that nobody reads, and scripts that never end, cost no advert.
pub(crate) fn deaf() -> Result<Outcome> {
    let stage = Stage::new("deaf", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/forever.sh", "trap '' TERM; sleep 1234")?;
    let names: Vec<String> = (1..=40).map(|n| format!("VI_{n}")).collect();
    let others: String = names
        .iter()
        .zip(100_u8..)
        .map(|(name, n)| {
            let lines = format!(
                " notify /run/forever.sh\n track_file {{\n  tf\n }}\n{}",
                vips(&[&format!("198.18.0.{n}/32")])
            );
            instance(name, n, 100, &lines)
        })
        .collect();
    let conf = format!(
        "global_defs {{\n vrrp_notify_fifo /run/fifo\n vrrp_notify_priority_changes\n}}\n\
         track_file tf {{\n file /run/tf\n}}\n{}{others}",
        simple(150).replace("VI_1 ", "VI_MAIN ")
    );
    crate::stage::write(r1, "/run/tf", "0")?;
    let daemon = start_master(&stage, &conf)?;
    stage.lab.pass(SECOND);
    let from = stage.next_advert(51)?;
    // 40 instances tell each change: a FIFO holds 64 KiB.
    for round in 0..100 {
        crate::stage::write(r1, "/run/tf", &format!("{}", round % 2 + 1))?;
        stage.lab.pass(SECOND / 20);
    }
    stage.lab.pass(2 * SECOND);
    stage.regular(51, from, SECOND)?;
    let began = stage.lab.now();
    daemon.stop(BOUND)?;
    let took = stage.lab.now().saturating_sub(began);
    ensure(took <= 6 * SECOND, format_args!("the end took {took:?}"))?;
    nothing_left(r1, &[VIP, "198.18.0.101"])?;
    Ok(Outcome::Passed)
}

/// Somebody removes an address again and again, as fast as it can.
pub(crate) fn fight() -> Result<Outcome> {
    let stage = Stage::new("fight", 1)?;
    let r1 = stage.r1();
    let daemon = start_master(&stage, &simple(150))?;
    stage.lab.pass(6 * SECOND);
    let from = stage.next_advert(51)?;
    let batch = format!("addr del {VIP}/24 dev eth0\n").repeat(50);
    crate::stage::write(r1, "/run/batch", &batch)?;
    for _ in 0..200 {
        // It fails where the address is not back yet.
        let _ = iproute(r1, "-force -b /run/batch");
        stage.lab.pass(Duration::from_millis(10));
    }
    let written = log_length(&daemon)?;
    ensure(written < 200_000, format_args!("the fight filled the log with {written} bytes"))?;
    r1.wait_ip(ip(VIP), true, 5 * SECOND)?;
    stage.regular(51, from, SECOND)?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}

/// `-V` leaves everything, and the next life takes it over.
pub(crate) fn keep() -> Result<Outcome> {
    let stage = Stage::new("keep", 1)?;
    let r1 = stage.r1();
    let lines = format!(
        "{} virtual_routes {{\n  198.51.100.0/24 via 192.0.2.1 dev eth0\n }}\n",
        vips(&[&format!("{VIP}/24")])
    );
    let conf = instance("VI_1", 51, 255, &lines);
    let daemon = start_with(r1, &conf, &["-V"])?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    daemon.stop(BOUND)?;
    ensure(r1.has_ip(ip(VIP))?, "-V leaves the address")?;
    ensure(iproute(r1, "route show proto 18")?.contains("198.51.100.0/24"), "-V leaves the route")?;
    let (after, at) = (log_length(&daemon)?, stage.lab.now());
    let daemon = start_with(r1, &conf, &[])?;
    told(&daemon, "(VI_1) Entering MASTER STATE", after, BOUND)?;
    r1.wait_ip(ip(VIP), true, SECOND)?;
    stage.lab.pass(2 * SECOND);
    ensure(stage.adverts(51, at).len() >= 2, "it is master again")?;
    ensure(iproute(r1, "route show proto 18")?.contains("198.51.100.0/24"), "with its route")?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    ensure(iproute(r1, "route show proto 18")?.is_empty(), "no route is left")?;
    Ok(Outcome::Passed)
}
