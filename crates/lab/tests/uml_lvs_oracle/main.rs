//! The oracle of load balancing: each story is played once with keepalived and once with vipd. What the
//! kernel's table holds at rest points, what the FIFOs, scripts and mails say and what the log tells must
//! be the same, at the same time. Differences that are meant are in `tests/oracle/DIVERGENCES.toml`.

mod conf;
mod normal;
mod record;
mod servers;
mod stage;
mod stories;

use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Balancing, Daemon, Divergences, Result, ensure};

use record::{Difference, Event, compare};
use stage::Stage;

const DIVERGENCES: &str = include_str!("../../../../tests/oracle/DIVERGENCES.toml");

/// How far an event may be from its instant in the yardstick. In virtual time nothing but a decision of
/// a daemon moves an event.
const TOLERANCE: Duration = Duration::from_millis(20);

/// Plays a story to its end.
type Story = fn(&mut Stage) -> Result<()>;

fn main() -> ExitCode {
    let scenario = |(name, story): (&'static str, Story)| {
        Scenario::new(name, Needs::VirtualTime, move || run(name, story))
    };
    let scenarios: Vec<Scenario> = stories::all().map(scenario).collect();
    lab::harness::main(&scenarios)
}

/// Plays a story with both daemons.
fn run(name: &str, story: Story) -> Result<Outcome> {
    let expected = Divergences::parse(DIVERGENCES)?.lvs;
    let yardstick = play(name, story, Daemon::Keepalived)?;
    ensure(!yardstick.is_empty(), "nothing was seen of keepalived")?;
    if let Err(e) = Daemon::Vipd.program() {
        return Ok(Outcome::Skipped(format!("keepalived alone is as expected, but {e}")));
    }
    let other = play(name, story, Daemon::Vipd)?;
    println!("  {name}: {} events of keepalived, {} of vipd", yardstick.len(), other.len());
    let found = compare(&yardstick, &other, TOLERANCE);
    let named = |e: &Balancing| e.scenarios.iter().any(|s| s == name);
    let known = |d: &Difference| expected.iter().any(|e| (e.everywhere || named(e)) && covers(e, d));
    let mut wrong: Vec<String> = found.iter().filter(|d| !known(d)).map(|d| format!("    {d}")).collect();
    let unused = expected.iter().filter(|e| named(e) && !e.sometimes && !found.iter().any(|d| covers(e, d)));
    wrong.extend(unused.map(|e| format!("    listed, but does not occur: {:?}", e.events)));
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    Ok(Outcome::Passed)
}

fn covers(known: &Balancing, difference: &Difference) -> bool {
    let Difference { class, stream, text, .. } = difference;
    known.covers(&format!("{} {}: {text}", class.name(), stream.name()))
}

fn play(name: &str, story: Story, daemon: Daemon) -> Result<Vec<Event>> {
    let mut stage = Stage::new(&format!("{name}-{daemon}"), daemon)?;
    story(&mut stage)?;
    stage.record()
}
