//! Whether vipd starts where keepalived starts: the daemons themselves, not their configuration tests.

use std::time::Duration;

use lab::harness::Outcome;
use lab::{Daemon, Lab, Node, Process, Result, ensure};

use crate::case::{Case, MAIN};
use crate::{composed, mutate, written};

/// Configurations with a fault that keepalived passes over, or about which the two could disagree.
const CHOSEN: &[&str] = &[
    "reference-global-and-static",
    "apiserver-track-script",
    "owner that does not preempt",
    "version 3 with authentication",
    "authentication without password",
    "advert_int 300 in version 2",
    "strict unicast",
    "strict with authentication",
    "unicast source without peers",
    "unicast fault without peers",
    "unicast source is not ours",
    "unicast peers of both families",
    "tracks unknown script",
    "tracks unknown interface",
    "addresses of both families",
    "unknown block",
    "quoted number",
    "script not there",
    "instance without VRID",
    "instance without interface",
    "instance without addresses",
    "version 3 without addresses",
    "unknown interface",
    "unknown interface that may come",
    "unicast without interface",
    "IPv6 without link-local",
    "missing brace",
    "extra brace",
    "instance without name",
    "group of somebody and nobody",
    "script tracked that is not there",
    "same VRID",
    "same VRID, other peers",
    "include ",
    "includem missing.conf",
    "includeb missing.conf",
];

/// What keepalived 2.2.7 refuses with status 2 and vipd runs, with the entry in
/// `tests/oracle/DIVERGENCES.toml`.
const LENIENT: &[(&str, &str)] = &[("unicast without interface", "config-unicast-interface")];

/// How many pairs of nodes run at a time.
const AT_A_TIME: usize = 10;
const BOUND: Duration = Duration::from_secs(30);
/// What both log once they run.
const RUNS: &str = "Startup complete";

/// How a start ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    Runs,
    /// With this exit status; -1 stands for a signal.
    Refuses(i32),
}

pub(crate) fn starts() -> Result<Outcome> {
    if let Err(e) = crate::programs() {
        return Ok(Outcome::Skipped(e.to_string()));
    }
    let all: Vec<Case> = mutate::seeds().into_iter().chain(written::all()).chain(composed::all()).collect();
    let chosen: Vec<&Case> =
        CHOSEN.iter().filter_map(|name| all.iter().find(|case| case.name == *name)).collect();
    ensure(chosen.len() == CHOSEN.len(), "every name is that of a case")?;
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for cases in chosen.chunks(AT_A_TIME) {
        let lab = Lab::new("config-start")?;
        let lan = lab.lan("lan0")?;
        let start = |daemon, name: String, case: &Case| -> Result<(Node, Process)> {
            let node = lab.node(&name)?;
            node.attach(&lan, "eth0", &["192.0.2.1/24", "2001:db8::1/64"], None)?;
            node.attach(&lan, "eth1", &["198.51.100.1/24"], None)?;
            case.write(node.dir()).map_err(|e| lab::LabError::Expectation(e.to_string()))?;
            let file = node.dir().join(MAIN);
            let file = file.to_str().unwrap_or_default();
            let process =
                node.spawn("log", Daemon::program(daemon)?, &["-f", file, "-n", "-l", "-D", "-G"])?;
            Ok((node, process))
        };
        let mut pairs = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let keepalived = start(Daemon::Keepalived, format!("k{index}"), case)?;
            let vipd = start(Daemon::Vipd, format!("v{index}"), case)?;
            pairs.push((case, keepalived, vipd));
        }
        for (case, (_, keepalived), (_, vipd)) in &pairs {
            let (k, v) = (outcome(keepalived)?, outcome(vipd)?);
            refused += usize::from(k != Start::Runs);
            let lenient = LENIENT.iter().any(|(name, _)| *name == case.name);
            let expected = if lenient { (Start::Refuses(2), Start::Runs) } else { (k, k) };
            if (k, v) != expected {
                wrong.push(format!("{}: keepalived {k:?}, vipd {v:?}\n{}", case.name, vipd.log()?));
            }
        }
    }
    println!("  {} files, keepalived starts with {} of them", chosen.len(), chosen.len() - refused);
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    Ok(Outcome::Passed)
}

/// Waits until a daemon runs or has ended.
fn outcome(daemon: &Process) -> Result<Start> {
    let mut ended = None;
    lab::wait("it runs or ends", BOUND, || {
        ended = daemon.ended()?;
        Ok(ended.is_some() || daemon.log()?.contains(RUNS))
    })?;
    Ok(ended.map_or(Start::Runs, |status| Start::Refuses(status.code().unwrap_or(-1))))
}
