//! The part that asks for the kernel's own virtual servers, inside user-mode Linux, for a host that has none.
//!
//! The same program runs there, in real time, and hands out its figures one by one.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::place::Place;
use super::services;
use crate::bench::place::Binary;
use crate::bench::report::Book;
use crate::bench::{Options, What, parse};
use crate::uml::{self, Job};

/// The word for `cargo xtask bench` that means: inside the guest.
pub(in crate::bench) const WORD: &str = "lvs-in-guest";

/// 20,000 servers of a keepalived, and what answers for them.
const MEMORY: &str = "1500M";
const LIMIT: Duration = Duration::from_secs(3600);

/// Measures in a guest what is wanted of the services.
pub(super) fn measure(options: &Options, binaries: &[Binary], book: &mut Book) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    let mut words = vec![own.display().to_string(), "bench".to_owned(), WORD.to_owned()];
    words.extend(options.quick.then(|| "--quick".to_owned()));
    words.extend(options.only.iter().flat_map(|word| ["--only".to_owned(), word.clone()]));
    for Binary { name, path } in binaries {
        words.extend(["--bin".to_owned(), format!("{name}={}", path.display())]);
    }
    let mut job = Job::new(words);
    job.memory = MEMORY.to_owned();
    job.limit = LIMIT;
    job.read_only.extend(binaries.iter().filter_map(|b| b.path.parent().map(Path::to_owned)));
    let mut told = Vec::new();
    let status = job.run_to(&uml::ensure_kernel()?, &mut told, std::io::stderr())?;
    if status != 0 {
        return Err(format!("the guest's part ended with status {status}"));
    }
    for line in String::from_utf8_lossy(&told).lines() {
        note(line, book).ok_or_else(|| format!("the guest told what makes no sense: {line}"))?;
    }
    Ok(())
}

/// Writes down what the guest told.
fn note(line: &str, book: &mut Book) -> Option<()> {
    let told: Value = serde_json::from_str(line).ok()?;
    let metric = services::METRICS.iter().find(|m| told["metric"] == m.name)?;
    let binary = usize::try_from(told["binary"].as_u64()?).ok()?;
    book.add(told["case"].as_str()?, metric, binary, told["value"].as_f64()?);
    Some(())
}

/// What the guest does.
pub(in crate::bench) fn command(args: &[String]) -> Result<u8, String> {
    let args: Vec<String> = std::iter::once("lvs".to_owned()).chain(args.iter().cloned()).collect();
    let Some(options) = parse(&args)?.filter(|o| o.what == What::Lvs) else { return Ok(1) };
    lab::become_root().map_err(|e| e.to_string())?;
    let place = Place::new(&options.binaries)?;
    let mut book = Book::new("lvs", options.binaries.iter().map(|b| b.name.clone()).collect());
    super::measure_services(&options, &place, &mut book)?;
    for (case, metric, binary, value) in book.samples() {
        println!("{}", json!({ "case": case, "metric": metric, "binary": binary, "value": value }));
    }
    place.tidy();
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_tells_is_written_down_as_if_measured_here() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let (mut there, mut here) = (Book::new("lvs", names()), Book::new("lvs", names()));
        for (binary, value) in [(0, 1.5), (1, 10.25), (0, 2.5)] {
            there.add("services", &services::METRICS[0], binary, value);
        }
        for (case, metric, binary, value) in there.samples() {
            let line = json!({ "case": case, "metric": metric, "binary": binary, "value": value });
            assert_eq!(note(&line.to_string(), &mut here), Some(()));
        }
        assert_eq!(here.lines(), there.lines());
        assert_eq!(note("panicked", &mut here), None);
    }
}
