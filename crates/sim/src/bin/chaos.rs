//! Random worlds by the thousand: `chaos [--seeds N] [--from SEED] [--minutes M] [--seed SEED [--trace]] [--first]`.
//!
//! `--first` ends at the first seed that fails.

use std::process::ExitCode;
use std::time::Instant;

use base::Duration;
use vipd_sim::World;
use vipd_sim::chaos::{Family, Options, Outcome, run};
use vipd_sim::observe::Observation;

struct Wanted {
    from: u64,
    seeds: u64,
    minutes: u64,
    trace: bool,
    first: bool,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted { from: 0, seeds: 256, minutes: 10, trace: false, first: false };
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

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(e) => {
            eprintln!("chaos: {e}");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let (mut failed, mut observations, mut faults, mut nanos) = (0, 0, 0, 0_u64);
    for seed in wanted.from..wanted.from + wanted.seeds {
        let options = Options::lasting(seed, Duration::from_secs(60 * wanted.minutes));
        if wanted.trace {
            let family = Family::random(&mut base::Rng::new(seed));
            for (node, texts) in family.texts.iter().enumerate() {
                println!("# node n{}\n{}", node + 1, texts.first().map_or("", String::as_str));
            }
        }
        let outcome: Outcome = if wanted.trace { run(options, show) } else { run(options, |_, _| {}) };
        observations += outcome.observations;
        faults += outcome.faults;
        nanos += outcome.span.as_nanos();
        if let Some(first) = outcome.violations.first() {
            failed += 1;
            println!("seed {seed}: {first}");
            println!(
                "  again: cargo run --release -p vipd-sim --bin chaos -- --minutes {} --seed {seed} --trace",
                wanted.minutes
            );
            if wanted.first {
                return ExitCode::FAILURE;
            }
        }
    }
    let hours = nanos / 3_600_000_000_000;
    println!(
        "{} seeds, {hours} virtual hours, {faults} faults, {observations} observations in {:.1} s; {failed} failed",
        wanted.seeds,
        begin.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
