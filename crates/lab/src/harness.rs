//! The `main` of test programs whose tests need a lab.
//!
//! A scenario is a function with a name. Unlike with the standard harness, a scenario that cannot run
//! here is not reported as passed: it is skipped, with its reason.

use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use crate::error::Result;

/// Says how time passes where this program runs; set by `cargo xtask uml run`, absent on a host.
pub const CLOCK_VARIABLE: &str = "VIPD_LAB_CLOCK";

/// What a scenario needs around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Any kernel.
    AnyClock,
    /// Virtual time in which computing takes no time.
    VirtualTime,
}

/// How a scenario ended, if it did not fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All is as it should be.
    Passed,
    /// It cannot run here, and why.
    Skipped(String),
}

/// One scenario.
pub struct Scenario {
    name: &'static str,
    needs: Needs,
    run: Box<dyn Fn() -> Result<Outcome>>,
}

impl Scenario {
    /// A scenario with a name that says what it shows.
    pub fn new(name: &'static str, needs: Needs, run: impl Fn() -> Result<Outcome> + 'static) -> Self {
        Self { name, needs, run: Box::new(run) }
    }
}

/// Runs the scenarios that the command line names (all, if it names none) and reports in the words of
/// the standard harness. `--list` lists them; `--exact` compares whole names; `--any-clock` leaves out
/// those that need virtual time.
#[must_use]
pub fn main(scenarios: &[Scenario]) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let exact = args.iter().any(|a| a == "--exact");
    let names: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    let any_clock = args.iter().any(|a| a == "--any-clock");
    let wanted = |s: &&Scenario| {
        if any_clock && s.needs != Needs::AnyClock {
            return false;
        }
        names.is_empty()
            || names.iter().any(|n| if exact { s.name == *n } else { s.name.contains(n.as_str()) })
    };
    let chosen: Vec<&Scenario> = scenarios.iter().filter(wanted).collect();
    if args.iter().any(|a| a == "--list") {
        for scenario in chosen {
            say(format_args!("{}: test", scenario.name));
        }
        return ExitCode::SUCCESS;
    }
    let root = crate::become_root().map_err(|e| format!("it needs root or a user namespace: {e}"));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for scenario in chosen {
        let began = Instant::now();
        let result = match &root {
            Ok(()) => run(scenario),
            Err(reason) => Ok(Outcome::Skipped(reason.clone())),
        };
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(Outcome::Passed) => {
                passed += 1;
                say(format_args!("test {} ... ok ({seconds:.3} s)", scenario.name));
            }
            Ok(Outcome::Skipped(reason)) => {
                skipped += 1;
                say(format_args!("test {} ... skipped: {reason}", scenario.name));
            }
            Err(message) => {
                failed += 1;
                say(format_args!("test {} ... FAILED ({seconds:.3} s)\n{message}", scenario.name));
                if let Ok(dir) = std::env::var(crate::DIR_VARIABLE) {
                    say(format_args!("logs, configurations and captures: {dir}"));
                }
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    say(format_args!("test result: {verdict}. {passed} passed; {failed} failed; {skipped} skipped"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(scenario: &Scenario) -> std::result::Result<Outcome, String> {
    let clock = std::env::var(CLOCK_VARIABLE).ok();
    if scenario.needs == Needs::VirtualTime && clock.as_deref() != Some("infinite") {
        return Ok(Outcome::Skipped("it needs virtual time: cargo xtask test".to_owned()));
    }
    match catch_unwind(AssertUnwindSafe(&scenario.run)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        // The panic's own message has been printed by then.
        Err(_) => Err("it panicked".to_owned()),
    }
}

/// Prints a line at once: whoever reads us through a pipe wants it now. Nobody reading is no failure.
fn say(line: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
