//! The oracle: the same script run with keepalived, vipd and FRR in both roles, the captures compared
//! field by field and by time with those of keepalived alone.
//!
//! Each scenario runs once per leg, that is, per pair of daemons on router 1 and router 2. The first leg
//! is keepalived on both, and it runs twice: what differs between the two is no yardstick.

mod confs;
mod facts;
mod script;
mod seeds;

use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Divergences, Result, compare, ensure};

use confs::{Conf, VIP6};
use script::{Leg, Peer, Record, Script, Times};

/// The differences that are meant.
const DIVERGENCES: &str = include_str!("../../../../tests/oracle/DIVERGENCES.toml");

/// How far an event may be from its instant in the yardstick. In virtual time nothing but a decision of
/// a daemon moves an event.
const TOLERANCE: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    let scenario = |(name, script): (&'static str, Script)| {
        Scenario::new(name, Needs::VirtualTime, move || run(name, &script))
    };
    let published = seeds::SETS.iter().map(|set| (set.name, Script::Seeds(set)));
    let scenarios: Vec<Scenario> = scripts().into_iter().chain(published).map(scenario).collect();
    lab::harness::main(&scenarios)
}

/// A pair: election, a stop, a return, a power cut.
fn pair(conf: fn(u8) -> Conf) -> Script {
    Script::Pair { conf, times: Times::SECONDS, vip: confs::VIP }
}

fn pair_v6(conf: fn(u8) -> Conf) -> Script {
    Script::Pair { conf, times: Times::SECONDS, vip: VIP6 }
}

fn scripts() -> Vec<(&'static str, Script)> {
    vec![
        ("v2-noauth", pair(Conf::of_router)),
        ("v2-pass", pair(|i| Conf::of_router(i).auth("PASS", "secret12"))),
        ("v2-ah", pair(|i| Conf::of_router(i).auth("AH", "secret12"))),
        (
            "v2-multi-vip",
            pair(|i| {
                let mut conf = Conf::of_router(i);
                conf.vips = (100..105).map(|n| format!("192.0.2.{n}/24")).collect();
                conf
            }),
        ),
        ("v3-ipv4", pair(|i| Conf::of_router(i).v3().advert("0.5"))),
        (
            "v3-ipv4-10ms",
            Script::Pair {
                conf: |i| Conf::of_router(i).v3().advert("0.01"),
                times: Times::MILLIS,
                vip: confs::VIP,
            },
        ),
        ("v3-ipv6", pair_v6(|i| Conf::of_router(i).v3().ipv6())),
        // Version 2 knows no IPv6: keepalived sends version 3.
        ("v2-ipv6", pair_v6(|i| Conf::of_router(i).ipv6())),
        (
            "v3-dual-excluded",
            pair(|i| {
                let mut conf = Conf::of_router(i).v3();
                conf.excluded = vec![format!("{VIP6}/64")];
                conf
            }),
        ),
        ("unicast-v2", pair(|i| Conf::of_router(i).unicast(i, false))),
        ("unicast-v2-pass", pair(|i| Conf::of_router(i).unicast(i, false).auth("PASS", "secret12"))),
        ("unicast-v2-ah", pair(|i| Conf::of_router(i).unicast(i, false).auth("AH", "secret12"))),
        ("unicast-v3", pair(|i| Conf::of_router(i).v3().unicast(i, false))),
        (
            "unicast-v3-ipv6",
            pair_v6(|i| {
                let mut conf = Conf::of_router(i).v3().unicast(i, true);
                conf.vips = vec![format!("{VIP6}/64")];
                conf
            }),
        ),
        ("garp-burst", Script::Burst),
        ("lower-prio-and-preempt", Script::Preempt),
        (
            "version-mismatch",
            Script::Mismatch { conf: |i| if i == 1 { Conf::of_router(1).v3() } else { Conf::of_router(2) } },
        ),
        (
            "auth-mismatch",
            Script::Mismatch {
                conf: |i| Conf::of_router(i).auth("PASS", if i == 1 { "secret12" } else { "other" }),
            },
        ),
        ("frr-v2", Script::Frr { version: 2, v6: false }),
        ("frr-v3", Script::Frr { version: 3, v6: false }),
        ("frr-v3-ipv6", Script::Frr { version: 3, v6: true }),
    ]
}

/// Runs all legs of a scenario.
fn run(name: &str, script: &Script) -> Result<Outcome> {
    use Daemon::{Keepalived, Vipd};
    let divergences = Divergences::parse(DIVERGENCES)?;
    let second = |daemon| if script.with_frr() { Peer::Frr } else { Peer::Daemon(daemon) };
    let yardstick = leg(name, script, Leg { r1: Keepalived, r2: second(Keepalived) })?;
    let again = leg(name, script, Leg { r1: Keepalived, r2: second(Keepalived) })?;
    let unstable = list(&compare(&yardstick.events, &again.events, TOLERANCE)) + &states(&yardstick, &again);
    ensure(unstable.is_empty(), format_args!("keepalived differs from itself: {unstable}"))?;
    if let Err(e) = Vipd.program() {
        return Ok(Outcome::Skipped(format!("keepalived alone is as expected, but {e}")));
    }
    let legs: &[(Daemon, Daemon)] = if script.with_frr() {
        &[(Vipd, Vipd)]
    } else {
        &[(Vipd, Keepalived), (Keepalived, Vipd), (Vipd, Vipd)]
    };
    let mut wrong = Vec::new();
    let mut unused: Vec<_> = divergences.of(name).collect();
    for &(r1, r2) in legs {
        let which = Leg { r1, r2: second(r2) };
        // The other legs still have something to say.
        let record = match leg(name, script, which) {
            Ok(record) => record,
            Err(e) => {
                wrong.push(format!("{which}: {e}"));
                continue;
            }
        };
        let differences = compare(&yardstick.events, &record.events, TOLERANCE);
        unused.retain(|entry| !entry.sometimes && !differences.iter().any(|d| entry.covers(d)));
        let unlisted: Vec<_> = differences.into_iter().filter(|d| !divergences.allow(name, d)).collect();
        let text = list(&unlisted) + &states(&yardstick, &record);
        if !text.is_empty() {
            wrong.push(format!("{which}: {text}"));
        }
    }
    // Only a run that says something about all legs shows that an entry is out of date.
    if wrong.is_empty() {
        wrong.extend(
            unused.iter().map(|e| format!("listed, but does not occur: {:?} of {}", e.class, e.event)),
        );
    }
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    Ok(Outcome::Passed)
}

/// Runs one leg, checks what must hold by itself, and gives what it showed.
fn leg(name: &str, script: &Script, leg: Leg) -> Result<Record> {
    let tag = format!("{name}-{}-{}", leg.r1, leg.r2);
    let record = script.run(&tag, leg)?;
    let facts = facts::check(script, &record.events)?;
    println!("  {name} {leg}: {} events{facts}", record.events.len());
    Ok(record)
}

/// The states that differ.
fn states(yardstick: &Record, other: &Record) -> String {
    let pairs = yardstick.states.iter().zip(&other.states).filter(|(want, have)| want != have);
    pairs.map(|(want, have)| format!("\n    state: {have} (keepalived: {want})")).collect()
}

fn list(differences: &[lab::Difference]) -> String {
    differences.iter().map(|d| format!("\n    {d}")).collect()
}
