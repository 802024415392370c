//! `cargo xtask bench lvs`: what load balancing costs.

mod checks;
mod conf;
pub(super) mod guest;
mod place;
mod responder;
mod services;
mod standin;

use std::time::{Duration, Instant};

use conf::Kind;
use place::Place;

use super::Options;
use super::place::Binary;
use super::report::Book;

/// Measures the cases whose names are wanted.
pub(super) fn measure(options: &Options, binaries: &[Binary]) -> Result<Book, String> {
    let mut book = Book::new("lvs", binaries.iter().map(|b| b.name.clone()).collect());
    let place = Place::new(binaries)?;
    if services(options).iter().any(|plan| options.wants(&plan.case())) {
        crate::apt::ensure(&["ipvsadm"])?;
    }
    if place.stand_in.kernel {
        measure_services(options, &place, &mut book)?;
    } else if services(options).iter().any(|plan| options.wants(&plan.case())) {
        eprintln!("this kernel has no virtual servers: loads and reloads are measured in user-mode Linux");
        guest::measure(options, binaries, &mut book)?;
    }
    let began = Instant::now();
    let progress = |name: &str| eprintln!("[{:>5.1} s] {name}", began.elapsed().as_secs_f64());
    for plan in checks(options.quick) {
        let name = plan.case();
        if options.wants(&name) {
            progress(&name);
            checks::measure(&place, plan, &mut book)?;
        }
    }
    place.tidy();
    Ok(book)
}

/// How virtual servers get into the kernel.
fn measure_services(options: &Options, place: &Place, book: &mut Book) -> Result<(), String> {
    let began = Instant::now();
    for plan in services(options) {
        let name = plan.case();
        if options.wants(&name) {
            eprintln!("[{:>5.1} s] {name}", began.elapsed().as_secs_f64());
            services::measure(place, plan, book)?;
        }
    }
    Ok(())
}

/// The large one takes minutes: with `--quick` it is measured only if it is asked for by its name.
fn services(options: &Options) -> Vec<services::Plan> {
    let (rounds, reloads) = if options.quick { (1, 2) } else { (3, 3) };
    let plan = |services| services::Plan { services, rounds, reloads };
    let [small, large] = [plan(1000), plan(5000)];
    if options.quick && options.wants(&small.case()) { vec![small] } else { vec![small, large] }
}

fn checks(quick: bool) -> Vec<checks::Plan> {
    let plan = |checks, kind| checks::Plan {
        checks,
        kind,
        rounds: if quick { 1 } else { 2 },
        windows: if quick { (2, Duration::from_secs(3)) } else { (3, Duration::from_secs(4)) },
    };
    let counts: &[u32] = if quick { &[1000, 10_000] } else { &[1000, 5000, 10_000] };
    counts.iter().flat_map(|n| [plan(*n, Kind::Tcp), plan(*n, Kind::Http)]).collect()
}
