//! The whole daemon on a real kernel, among packets that nobody should send and events that nobody wants.

mod attacker;
mod hour;
mod noise;
mod spoofs;
#[expect(dead_code, reason = "a stage for several suites: none plays on all of it")]
#[path = "../uml_daemon/stage.rs"]
mod stage;
mod target;
mod vectors;

use std::process::ExitCode;

use lab::Result;
use lab::harness::{Needs, Outcome, Scenario};

type Run = fn() -> Result<Outcome>;

const SCENARIOS: &[(&str, Run)] = &[
    ("hostile-packets-of-the-corpus-are-refused-and-counted", vectors::corpus),
    ("hostile-noise-and-floods-move-nobody", noise::noise),
    ("hostile-adverts-that-move-keepalived-move-nobody", spoofs::spoofs),
    ("hostile-hour-of-kills-cuts-and-pauses-ends-well", hour::hour),
];

fn main() -> ExitCode {
    let scenario = |(name, run): &(&'static str, Run)| Scenario::new(name, Needs::VirtualTime, *run);
    let scenarios: Vec<Scenario> = SCENARIOS.iter().map(scenario).collect();
    lab::harness::main(&scenarios)
}
