//! Random worlds by the thousand: `chaos [--seeds N] [--from SEED] [--minutes M] [--seed SEED [--trace]] [--first]
//! [--only vrrp|lvs]`.
//!
//! With each seed one of routers and one of load balancing. `--first` ends at the first seed that fails.

use std::process::ExitCode;
use std::time::Instant;

use base::Duration;
use vipd_sim::chaos::{Family, Options, Outcome, run};
use vipd_sim::lvs::Seen;
use vipd_sim::observe::Observation;
use vipd_sim::{World, lvs};

struct Wanted {
    from: u64,
    seeds: u64,
    minutes: u64,
    trace: bool,
    first: bool,
    vrrp: bool,
    lvs: bool,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted =
        Wanted { from: 0, seeds: 256, minutes: 10, trace: false, first: false, vrrp: true, lvs: true };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            let value = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("{arg} needs a number, not {value}"))
        };
        match arg.as_str() {
            "--seeds" => wanted.seeds = number()?,
            "--from" => wanted.from = number()?,
            "--minutes" => wanted.minutes = number()?,
            "--seed" => (wanted.from, wanted.seeds) = (number()?, 1),
            "--trace" => wanted.trace = true,
            "--first" => wanted.first = true,
            "--only" => match args.next().as_deref() {
                Some("vrrp") => wanted.lvs = false,
                Some("lvs") => wanted.vrrp = false,
                _ => return Err("--only needs `vrrp` or `lvs`".to_owned()),
            },
            _ => return Err(format!("{arg} means nothing here")),
        }
    }
    Ok(wanted)
}

fn show(world: &World, seen: &Observation) {
    let at = seen.at.as_nanos();
    let who = seen.node.map_or("", |node| &world.node(node).name);
    println!("{:>5}.{:09} {who:<3} {:?}", at / 1_000_000_000, at % 1_000_000_000, seen.what);
}

fn show_lvs(seen: &Seen) {
    let at = seen.at.as_nanos();
    println!("{:>5}.{:09} {:?}", at / 1_000_000_000, at % 1_000_000_000, seen.what);
}

/// Routers that share addresses.
fn routers(wanted: &Wanted, seed: u64) -> Outcome {
    let options = Options::lasting(seed, Duration::from_secs(60 * wanted.minutes));
    if !wanted.trace {
        return run(options, |_, _| {});
    }
    let family = Family::random(&mut base::Rng::new(seed));
    for (node, texts) in family.texts.iter().enumerate() {
        println!("# node n{}\n{}", node + 1, texts.first().map_or("", String::as_str));
    }
    run(options, show)
}

/// A director.
fn director(wanted: &Wanted, seed: u64) -> Outcome {
    let whole = Duration::from_secs(60 * wanted.minutes);
    if !wanted.trace {
        return lvs::chaos::run(seed, whole, |_| {});
    }
    let family = lvs::family::Family::random(&mut base::Rng::new(seed));
    for (number, text) in family.texts.iter().enumerate() {
        println!("# configuration {number}\n{text}");
    }
    lvs::chaos::run(seed, whole, show_lvs)
}

#[derive(Default)]
struct Sum {
    failed: u64,
    observations: u64,
    faults: u64,
    nanos: u64,
}

impl Sum {
    /// Whether all is well.
    fn add(&mut self, wanted: &Wanted, seed: u64, only: &str, outcome: &Outcome) -> bool {
        self.observations += outcome.observations;
        self.faults += outcome.faults;
        self.nanos += outcome.span.as_nanos();
        let Some(first) = outcome.violations.first() else { return true };
        self.failed += 1;
        println!("seed {seed}: {first}");
        println!(
            "  again: cargo run --release -p vipd-sim --bin chaos -- --minutes {} --only {only} --seed {seed} --trace",
            wanted.minutes
        );
        false
    }
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(e) => {
            eprintln!("chaos: {e}");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let mut sum = Sum::default();
    for seed in wanted.from..wanted.from + wanted.seeds {
        let mut well = true;
        if wanted.vrrp {
            well &= sum.add(&wanted, seed, "vrrp", &routers(&wanted, seed));
        }
        if wanted.lvs {
            well &= sum.add(&wanted, seed, "lvs", &director(&wanted, seed));
        }
        if wanted.first && !well {
            return ExitCode::FAILURE;
        }
    }
    let Sum { failed, observations, faults, nanos } = sum;
    let hours = nanos / 3_600_000_000_000;
    println!(
        "{} seeds, {hours} virtual hours, {faults} faults, {observations} observations in {:.1} s; {failed} failed",
        wanted.seeds,
        begin.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
