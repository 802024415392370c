//! Beginnings and ends: exit statuses beside keepalived's, the daemon in the background, start-up and
//! shutdown scripts, signals at odd moments.

use std::collections::BTreeSet;

use lab::harness::Outcome;
use lab::{Daemon, LabError, Node, Process, Result, Signal, ensure};

use crate::stage::{
    BOUND, EXACT, SECOND, Stage, TOLD, VIP, family, instance, ip, log_length, nothing_left, read, script,
    simple, start_with, told, vips, vrrp_of,
};

/// A configuration, if there is one, and the words beside its `-f`.
type Case = (&'static str, Option<String>, &'static [&'static str]);

fn cases() -> Vec<Case> {
    let good = || Some(simple(100));
    let bad_interface = || Some(simple(100).replace("eth0", "eth9"));
    let twice = format!("{}{}", simple(100), simple(90).replace("VI_1", "VI_2"));
    vec![
        ("no file", None, &[]),
        ("an unknown interface", bad_interface(), &[]),
        ("one router twice", Some(twice.clone()), &[]),
        ("no router id", Some(simple(100).replace("virtual_router_id 51", "")), &[]),
        ("a keyword without its value", Some(simple(100).replace("priority 100", "priority")), &[]),
        ("test of a good file", good(), &["-t"]),
        ("test of no file", None, &["-t"]),
        ("test of an unknown keyword", Some(simple(100).replace("advert_int", "advert_itn")), &["-t"]),
        ("test of an unknown interface", bad_interface(), &["-t"]),
        ("test of a missing brace", Some(simple(100).trim_end().trim_end_matches('}').to_owned()), &["-t"]),
        ("test of one router twice", Some(twice), &["-t"]),
        ("test of a number out of range", Some(simple(100).replace("priority 100", "priority 300")), &["-t"]),
        ("an unknown option", good(), &["--nonsense"]),
        ("a bad umask", good(), &["-u", "999"]),
        ("a bad facility", good(), &["-S", "nonsense"]),
        ("the version", good(), &["-v"]),
        ("the help", good(), &["-h"]),
        ("a signal's number", good(), &["--signum=RELOAD"]),
        ("no signal's number", good(), &["--signum=NONSENSE"]),
    ]
}

fn status(node: &Node, daemon: Daemon, number: usize, case: &Case) -> Result<Option<i32>> {
    let (_, conf, words) = case;
    let path = match conf {
        Some(text) => node.write(&format!("{number}.conf"), text)?.display().to_string(),
        None => "/run/no-such-file.conf".to_owned(),
    };
    let mut args = vec!["-f", path.as_str(), "-n", "-l", "-G"];
    args.extend(*words);
    let process = node.spawn(&format!("{daemon}-{number}"), daemon.program()?, &args)?;
    let ended = process.wait(5 * SECOND);
    if ended.is_err() {
        process.stop(BOUND)?;
    }
    Ok(ended.ok().and_then(|s| s.code()))
}

pub(crate) fn statuses() -> Result<Outcome> {
    let stage = Stage::new("statuses", 1)?;
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (number, case) in cases().iter().enumerate() {
        let [theirs, ours] = [Daemon::Keepalived, Daemon::Vipd].map(|d| status(stage.r1(), d, number, case));
        let (theirs, ours) = (theirs?, ours?);
        seen.insert(ours);
        if theirs != ours {
            wrong.push(format!("{}: keepalived ends with {theirs:?}, vipd with {ours:?}", case.0));
        }
        ensure(stage.r1().processes()?.is_empty(), format_args!("{}: a process is left", case.0))?;
    }
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    ensure(seen.len() > 4, format_args!("so few statuses are no proof: {seen:?}"))?;
    Ok(Outcome::Passed)
}

pub(crate) fn background() -> Result<Outcome> {
    let stage = Stage::new("background", 1)?;
    let r1 = stage.r1();
    let program = Daemon::Vipd.program()?;
    let program = program.to_str().ok_or_else(|| LabError::Expectation("a path in UTF-8".to_owned()))?;
    script(r1, "/run/up.sh", &format!("sleep 2; echo up >>{TOLD}"))?;
    script(r1, "/run/down.sh", &format!("echo down >>{TOLD}"))?;
    let conf = format!(
        "global_defs {{\n startup_script /run/up.sh\n shutdown_script /run/down.sh\n \
         vrrp_startup_delay 3\n}}\n{}",
        simple(150)
    );
    let path = r1.write("vipd.conf", &conf)?.display().to_string();
    let began = stage.lab.now();
    // The one that was started ends at once and says that all is well.
    r1.run(program, &["-f", &path, "-D", "-G", "-g/run/log"])?;
    lab::wait("a pid file", SECOND, || Ok(!read(r1, "/run/keepalived.pid")?.is_empty()))?;
    let pid: u32 = read(r1, "/run/keepalived.pid")?.trim().parse().unwrap_or_default();
    let all = r1.processes()?;
    let own = all.iter().find(|p| p.inner == pid);
    ensure(own.is_some(), format_args!("the pid file says {pid}, there are {all:?}"))?;
    ensure(read(r1, "/run/vrrp.pid")?.is_empty(), "children wait for the start-up script")?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let took = stage.lab.now().saturating_sub(began);
    // 2 s of the script, 3 s of delay, and the silence of a master.
    let want = 5 * SECOND + 3 * SECOND + SECOND * (256 - 150) / 256;
    ensure(took.abs_diff(want) <= 20 * EXACT, format_args!("master after {took:?}, not {want:?}"))?;
    for (path, text) in [("/run/log", "Startup complete"), ("/run/log_vrrp", "(VI_1) Entering MASTER STATE")]
    {
        let log = read(r1, path)?;
        ensure(log.contains(text), format_args!("{path} lacks \"{text}\":\n{log}"))?;
    }
    r1.run("sh", &["-c", "kill $(cat /run/keepalived.pid)"])?;
    lab::wait("the end", BOUND, || Ok(r1.processes()?.is_empty()))?;
    nothing_left(r1, &[VIP])?;
    ensure(read(r1, TOLD)? == "up\ndown\n", format_args!("scripts: {}", read(r1, TOLD)?))?;
    Ok(Outcome::Passed)
}

/// Nothing is left, and the end was quick.
fn ended(stage: &Stage, daemon: &Process, what: &str) -> Result<()> {
    let began = stage.lab.now();
    let status = daemon.wait(BOUND)?;
    let took = stage.lab.now().saturating_sub(began);
    ensure(status.code() == Some(0), format_args!("{what}: it ended with {status}"))?;
    ensure(took <= SECOND, format_args!("{what}: the end took {took:?}"))?;
    nothing_left(stage.r1(), &[VIP])
}

pub(crate) fn moments() -> Result<Outcome> {
    let stage = Stage::new("moments", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/notify.sh", "exit 0")?;
    let conf =
        instance("VI_1", 51, 150, &format!(" notify /run/notify.sh\n{}", vips(&[&format!("{VIP}/24")])));
    // To stop as soon as there is somebody to hear it.
    let daemon = start_with(r1, &conf, &[])?;
    told(&daemon, "Starting VRRP child", 0, SECOND)?;
    daemon.signal(Signal::SIGTERM)?;
    ended(&stage, &daemon, "at the start")?;

    // To stop right after a reload, twice, and by the other signal.
    let daemon = start_with(r1, &conf, &[])?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM] {
        daemon.signal(signal)?;
    }
    ended(&stage, &daemon, "after a reload")?;

    // The vrrp process dies in a reload, and the reload is not lost.
    let daemon = start_with(r1, &conf, &[])?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let vrrp = vrrp_of(r1, &daemon)?;
    vrrp.signal(Signal::SIGSTOP)?;
    let after = log_length(&daemon)?;
    r1.write("vipd.conf", &conf.replace("priority 150", "priority 170"))?;
    daemon.signal(Signal::SIGHUP)?;
    stage.lab.pass(SECOND / 10);
    vrrp.signal(Signal::SIGKILL)?;
    told(&daemon, "Reload complete", after, SECOND)?;
    r1.wait_ip(ip(VIP), false, SECOND)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let last = stage.adverts(51, Default::default()).last().map(|a| a.priority);
    ensure(last == Some(170), format_args!("the new file is in force: {last:?}"))?;

    // Signals to the children mean the same: reload, then stop.
    let members = family(r1, &daemon)?;
    let children: Vec<_> = [members.vrrp, members.scripts].into_iter().flatten().collect();
    ensure(children.len() == 2, "there are two children")?;
    for child in &children {
        let after = log_length(&daemon)?;
        child.signal(Signal::SIGHUP)?;
        told(&daemon, "Reload complete", after, SECOND)?;
    }
    daemon.signal(Signal::SIGTERM)?;
    ended(&stage, &daemon, "in the end").map(|()| Outcome::Passed)
}
