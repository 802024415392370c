//! Random worlds: the same as `cargo run --release -p vipd-sim --bin chaos -- --only lvs`, fewer of them.

use base::{Duration, Rng};
use vipd_sim::lvs::chaos::run;
use vipd_sim::lvs::family::Family;

/// Seeds of a run, in two halves that share the processors.
const SEEDS: u64 = 400;
const WHOLE: Duration = Duration::from_secs(600);

fn worlds(from: u64) {
    for seed in from..from + SEEDS / 2 {
        let outcome = run(seed, WHOLE, |_| {});
        assert!(outcome.observations > 20, "nothing happens with seed {seed}");
        let told: String = outcome.violations.iter().map(|v| format!("{v}\n")).collect();
        assert!(
            told.is_empty(),
            "seed {seed}: {told}again: cargo run --release -p vipd-sim --bin chaos -- --only lvs --seed {seed} --trace"
        );
    }
}

#[test]
fn in_random_worlds_of_load_balancing_everything_holds_that_must() {
    worlds(0);
}

#[test]
fn in_more_random_worlds_of_load_balancing_everything_holds_that_must() {
    worlds(SEEDS / 2);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut text = String::new();
        run(seed, Duration::from_secs(60), |seen| text.push_str(&format!("{seen:?}\n")));
        text
    };
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

#[test]
fn every_random_configuration_can_be_run_and_all_that_matters_occurs_in_them() {
    let mut all = String::new();
    for seed in 0..200 {
        let family = Family::random(&mut Rng::new(seed));
        assert!(family.models().is_ok(), "{:?}", family.models());
        all.extend(family.texts);
    }
    for word in [
        "virtual_server fwmark",
        "virtual_server group",
        "2001:db8::",
        "sorry_server_inhibit",
        "hysteresis 2",
        "panic_threshold 50",
        "persistence_timeout",
        "inhibit_on_failure",
        "ha_suspend",
        "alpha",
        "omega",
        "nftables_ipvs",
        "no_shared_checks",
        "lvs_flush_on_stop VS",
        "FILE_CHECK",
        "BFD_CHECK",
        "misc_dynamic",
        "fast_recovery",
        "lvs_method TUN",
    ] {
        assert!(all.contains(word), "{word} never occurs");
    }
}
