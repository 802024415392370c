//! Signals that ask for files.

use std::os::unix::fs::MetadataExt;

use lab::harness::Outcome;
use lab::{Result, Signal, ensure};

use crate::stage::{BOUND, SECOND, Stage, inside, instance, read, start_master, vips};

/// SIGRTMAX-1 and SIGRTMIN+2 of glibc: clear the statistics; JSON.
const STATS_CLEAR: i32 = 63;
const JSON: i32 = 36;

pub(crate) fn files() -> Result<Outcome> {
    let stage = Stage::new("files", 1)?;
    let r1 = stage.r1();
    let conf = instance(
        "VI_1",
        51,
        150,
        &format!(
            " authentication {{\n  auth_type PASS\n  auth_pass s3cr3t77\n }}\n{}",
            vips(&["192.0.2.100/24"])
        ),
    );
    let daemon = start_master(&stage, &conf)?;
    stage.lab.pass(5 * SECOND);
    // Traps: links to a file that must not change, and a file that somebody keeps open.
    let names = ["keepalived.data", "keepalived_parent.data", "keepalived.stats", "keepalived.json"];
    inside(r1, "traps", move || {
        std::fs::write("/run/precious", "precious")?;
        names.iter().try_for_each(|n| std::os::unix::fs::symlink("/run/precious", format!("/tmp/{n}")))
    })?;
    let from = stage.next_advert(51)?;
    let send = |number: i32| -> Result<()> {
        // Signals of real time have no name in the library.
        r1.run("sh", &["-c", &format!("kill -{number} $(cat /run/keepalived.pid)")]).map(drop)
    };
    let appears = |name: &str, text: &str| -> Result<String> {
        let path = format!("/tmp/{name}");
        lab::wait(&format!("{path} says \"{text}\""), SECOND, || Ok(read(r1, &path)?.contains(text)))?;
        let meta_path = path.clone();
        let meta = inside(r1, "a dump", move || std::fs::symlink_metadata(meta_path))?;
        ensure(meta.is_file(), format_args!("{path} is a file of its own"))?;
        ensure(meta.mode() & 0o777 == 0o600, format_args!("{path} has mode {:o}", meta.mode()))?;
        read(r1, &path)
    };
    daemon.signal(Signal::SIGUSR1)?;
    let data = appears("keepalived.data", "VRRP Instance = VI_1")?;
    appears("keepalived_parent.data", "=")?;
    for want in ["State = MASTER", "Virtual Router ID = 51", "192.0.2.100"] {
        ensure(data.contains(want), format_args!("\"{want}\" is not in the state file:\n{data}"))?;
    }
    ensure(!data.contains("s3cr3t77"), "the password is in the state file")?;

    daemon.signal(Signal::SIGUSR2)?;
    let stats = appears("keepalived.stats", "VRRP Instance: VI_1")?;
    let sent = |stats: &str| -> Option<u64> {
        stats.lines().find_map(|l| l.trim().strip_prefix("Sent: ")?.parse().ok())
    };
    let count = u64::try_from(stage.adverts(51, std::time::Duration::ZERO).len()).unwrap_or_default();
    ensure(
        sent(&stats) == Some(count),
        format_args!("{count} adverts on the wire, {:?} counted", sent(&stats)),
    )?;
    ensure(stats.contains("Became master: 1"), "it became master once")?;

    // The file is written first, then the counters begin again.
    send(STATS_CLEAR)?;
    stage.lab.pass(SECOND / 10);
    ensure(sent(&read(r1, "/tmp/keepalived.stats")?) >= Some(count), "what is cleared is written before")?;
    daemon.signal(Signal::SIGUSR2)?;
    lab::wait("counters from zero", SECOND, || Ok(sent(&read(r1, "/tmp/keepalived.stats")?) < Some(2)))?;
    ensure(read(r1, "/tmp/keepalived.stats")?.contains("Became master: 0"), "all are zero")?;

    send(JSON)?;
    let json = appears("keepalived.json", "VI_1")?;
    for want in ["\"iname\":", "\"vrid\":", "\"advert_sent\":", "\"state\":"] {
        ensure(json.replace(": ", ":").contains(want), format_args!("{want} is not in {json}"))?;
    }
    ensure(!json.contains("s3cr3t77"), "the password is in the JSON file")?;
    ensure(read(r1, "/run/precious")? == "precious", "a planted link was followed")?;
    for line in
        ["Printing VRRP data for process(", "Printing VRRP stats for process(", "Printing parent data"]
    {
        ensure(daemon.log()?.contains(line), format_args!("the log says \"{line}\""))?;
    }
    ensure(!daemon.log()?.contains("s3cr3t77"), "the password is in the log")?;
    stage.lab.pass(2 * SECOND);
    stage.regular(51, from, SECOND)?;
    daemon.stop(BOUND)?;
    Ok(Outcome::Passed)
}
