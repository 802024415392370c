//! Random worlds: the same as `cargo run --release -p vipd-sim --bin chaos`, fewer of them.

use base::Duration;
use vipd_sim::chaos::{Options, run};

/// Seeds of a run, in two halves that share the processors.
const SEEDS: u64 = 256;

fn worlds(from: u64) {
    for seed in from..from + SEEDS / 2 {
        let outcome = run(Options::lasting(seed, Duration::from_secs(600)), |_, _| {});
        assert!(outcome.observations > 100, "nothing happens with seed {seed}");
        let told: String = outcome.violations.iter().map(|v| format!("{v}\n")).collect();
        assert!(
            told.is_empty(),
            "seed {seed}: {told}again: cargo run --release -p vipd-sim --bin chaos -- --seed {seed} --trace"
        );
    }
}

#[test]
fn in_random_worlds_everything_holds_that_must() {
    worlds(0);
}

#[test]
fn in_more_random_worlds_everything_holds_that_must() {
    worlds(SEEDS / 2);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut text = String::new();
        run(Options::lasting(seed, Duration::from_secs(60)), |_, seen| text.push_str(&format!("{seen:?}\n")));
        text
    };
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}
