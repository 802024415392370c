//! The log of vipd beside that of keepalived, for the same configuration and events.

use std::collections::BTreeSet;

use lab::harness::Outcome;
use lab::{Cut, Daemon, Divergences, Result, ensure};

use crate::stage::{BOUND, SECOND, Stage, VIP, instance, ip, script, simple, vips};

/// The differences that are meant.
const DIVERGENCES: &str = include_str!("../../../../tests/oracle/DIVERGENCES.toml");

/// A line without what differs from run to run: the time, pids, amounts of time, paths.
fn normal(line: &str) -> Option<String> {
    /// `Tue Nov 14 22:13:20 2023: `
    const STAMP: usize = 26;
    let text = line.get(STAMP..)?;
    let mut out = String::new();
    for word in text.split(' ') {
        let number = |w: &str| w.contains(|c: char| c.is_ascii_digit());
        let word = match word.split_once('=') {
            Some(("pid", value)) if number(value) => "pid=N",
            _ if word.contains("/one.conf") => "CONF",
            _ => word,
        };
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    // What the banners say is the daemon's own business, and so is how much time it used.
    let beginnings = [
        "Starting Keepalived",
        "Stopped Keepalived",
        "Running on",
        "Command line:",
        "Stopped - used",
        "CPU usage",
    ];
    // The command line goes on there.
    if text.starts_with("  ") {
        return None;
    }
    if let Some(own) = beginnings.iter().find(|b| out.starts_with(**b)) {
        return Some(format!("{own} .."));
    }
    Some(out)
}

/// The lines of router 1 in a story that has everything: start, election, a bad script and a good one,
/// the carrier's loss and return, a better and a worse router, the end.
fn story(daemon: Daemon) -> Result<Vec<String>> {
    let stage = Stage::new(&format!("log-{daemon}"), 2)?;
    let (r1, r2) = (stage.r1(), stage.r2());
    script(r1, "/run/check.sh", "[ ! -e /run/bad ]")?;
    let lines =
        " track_script {\n  chk\n }\n virtual_routes {\n  198.51.100.0/24 via 192.0.2.1 dev eth0\n }\n";
    let conf = format!(
        "vrrp_script chk {{\n script /run/check.sh\n interval 1\n weight -20\n}}\n\
         vrrp_sync_group G {{\n group {{\n  VI_1\n  VI_2\n }}\n sync_group_tracking_weight\n}}\n{}{}",
        instance("VI_1", 51, 150, &format!("{lines}{}", vips(&[&format!("{VIP}/24")]))),
        instance("VI_2", 52, 150, &vips(&["192.0.2.101/24"])),
    );
    let one = r1.start(daemon, "one", &conf)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    stage.lab.pass(6 * SECOND);
    crate::stage::write(r1, "/run/bad", "")?;
    stage.lab.pass(3 * SECOND);
    r1.run("rm", &["/run/bad"])?;
    stage.lab.pass(3 * SECOND);
    r1.link("eth0", false, Cut::Switch)?;
    stage.lab.pass(2 * SECOND);
    r1.link("eth0", true, Cut::Switch)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    // A better router comes; it goes without a word and comes back with less.
    stage.lab.pass(3 * SECOND);
    let other = r2.start(Daemon::Keepalived, "two", &simple(200))?;
    r2.wait_ip(ip(VIP), true, BOUND)?;
    stage.lab.pass(3 * SECOND);
    other.stop(BOUND)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    stage.lab.pass(3 * SECOND);
    stage.lab.partition(&stage.lan, &[r1], &[r2])?;
    let _other = r2.start(Daemon::Keepalived, "three", &simple(100))?;
    r2.wait_ip(ip(VIP), true, BOUND)?;
    stage.lab.heal()?;
    r2.wait_ip(ip(VIP), false, BOUND)?;
    stage.lab.pass(3 * SECOND);
    one.stop(BOUND)?;
    Ok(one.log()?.lines().filter_map(normal).collect())
}

/// What an instance went through, in order: `(VI_1) Entering ..` and changes of its priority.
fn fate(log: &[String], name: &str) -> Vec<String> {
    let tells = |l: &&String| {
        let rest = l.strip_prefix(&format!("({name}) ")).unwrap_or_default();
        rest.starts_with("Entering ") || rest.starts_with("Changing ")
    };
    log.iter().filter(tells).cloned().collect()
}

pub(crate) fn same_lines() -> Result<Outcome> {
    let known = Divergences::parse(DIVERGENCES)?.log;
    let (theirs, ours) = (story(Daemon::Keepalived)?, story(Daemon::Vipd)?);
    let mut wrong = Vec::new();
    for name in ["VI_1", "VI_2"] {
        let (want, have) = (fate(&theirs, name), fate(&ours, name));
        ensure(want.len() >= 7, format_args!("the story is too short: {want:?}"))?;
        if want != have {
            wrong.push(format!("keepalived went through {want:?}\nvipd through {have:?}"));
        }
    }
    let [theirs, ours]: [BTreeSet<String>; 2] = [theirs, ours].map(|lines| lines.into_iter().collect());
    for (daemon, lines, others) in [(Daemon::Keepalived, &theirs, &ours), (Daemon::Vipd, &ours, &theirs)] {
        let name = daemon.to_string();
        let of = |l: &str| known.iter().find(|k| k.only == name && k.covers(l));
        let extra: Vec<&String> = lines.difference(others).collect();
        wrong.extend(extra.iter().filter(|l| of(l).is_none()).map(|l| format!("only {name} says: {l}")));
        let unused = known.iter().filter(|k| k.only == name && !extra.iter().any(|l| k.covers(l)));
        wrong.extend(unused.map(|k| format!("listed, but {name} does not say: {}", k.line)));
    }
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    Ok(Outcome::Passed)
}
