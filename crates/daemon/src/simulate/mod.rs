//! `vipd simulate`: what happens to these configurations if something fails.
//!
//! The daemon's own engine runs on a virtual network with virtual kernels ([`sim`]); nothing of this
//! machine is touched but the configuration files, which are read. All text is made here, from values.

mod arguments;
mod explain;
mod json;
mod load;
mod table;
mod timeline;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sim::chaos;
use sim::scenario::Scenario;
use sim::study::{Case, Record, Study};

pub use arguments::command;
use arguments::{Arguments, Asked, Format};
use timeline::Line;

use crate::colour;

/// Not one property was broken.
const HELD: u8 = 0;
/// A property was broken.
const BROKEN: u8 = 1;
/// It could not be simulated: the command line, a configuration or the scenario is wrong.
const REFUSED: u8 = 2;

/// Timelines that are shown for broken rows without being asked for.
const TIMELINES: usize = 3;

/// Runs `vipd simulate` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    let mut out = String::new();
    let code = match Arguments::parse(words) {
        Ok(arguments) => run(&arguments, &mut out).unwrap_or_else(|message| {
            eprintln!("vipd simulate: {message}");
            REFUSED
        }),
        Err(arguments::Told { text, code }) => {
            if code == HELD {
                out = text;
            } else {
                eprint!("{text}");
            }
            code
        }
    };
    // A closed pipe ends the audience, not the run.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
    ExitCode::from(code)
}

/// What is shown of everything, and how.
#[derive(Clone, Copy)]
struct Style {
    colour: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Does what was asked for; the exit status.
fn run(arguments: &Arguments, out: &mut String) -> Result<u8, String> {
    let colour = colour::wanted(&std::io::stdout());
    let style = Style { colour };
    let loaded = load::all(&arguments.files)?;
    let study = Study::new(loaded.plans, arguments.seed.unwrap_or(1));
    let report = Report { study: &study, files: &loaded.files, command: arguments.command(), style };
    match &arguments.asked {
        Asked::List => {
            for case in study.singles() {
                out.push_str(&format!("{}\n", case.name));
            }
            Ok(HELD)
        }
        Asked::Everything => report.everything(arguments, out),
        Asked::Case(name) => {
            let case = find(&study, name)?;
            let scenario = study.scenario(&case);
            Ok(report.one(&case.name, &scenario, arguments, out))
        }
        Asked::Scenario(file) => {
            let text = load::scenario(file)?;
            let scenario = Scenario::parse(&text, &study.names).map_err(|e| format!("{file}: {e}"))?;
            Ok(report.one(file, &scenario, arguments, out))
        }
        Asked::Random(seed) => {
            let scenario = chaos::scenario(&study.world(), *seed, study.bounds.settle);
            Ok(report.one(&format!("seed {seed}"), &scenario, arguments, out))
        }
    }
}

/// The case called so.
fn find(study: &Study, name: &str) -> Result<Case, String> {
    let singles = study.singles();
    if let Some(case) = singles.iter().find(|case| case.name == name) {
        return Ok(case.clone());
    }
    if let Some(case) = study.pairs(&singles).into_iter().find(|case| case.name == name) {
        return Ok(case);
    }
    let first = name.split_whitespace().next().unwrap_or_default();
    let near: Vec<&str> = singles.iter().map(|c| c.name.as_str()).filter(|n| n.starts_with(first)).collect();
    let near = if near.is_empty() { String::new() } else { format!(" Perhaps {}.", near.join(", or ")) };
    Err(format!("there is no case \"{name}\".{near} `--list` shows all single ones"))
}

/// What all outputs need.
struct Report<'a> {
    study: &'a Study,
    files: &'a [load::File],
    /// The command line up to the files, for replays.
    command: String,
    style: Style,
}

impl Report<'_> {
    /// One scenario with its timeline.
    fn one(&self, title: &str, scenario: &Scenario, arguments: &Arguments, out: &mut String) -> u8 {
        let (mut record, lines) = self.told(scenario, arguments.trace);
        title.clone_into(&mut record.name);
        let code = if record.findings.is_empty() { HELD } else { BROKEN };
        if arguments.format == Format::Json {
            out.push_str(&json::one(self, &record, scenario, &lines));
            return code;
        }
        out.push_str(&table::head(self));
        out.push_str(&format!("\n{}\n", self.style.paint("1", title)));
        out.push_str(&timeline::render(&lines, self.style));
        out.push('\n');
        out.push_str(&table::rows(self, std::slice::from_ref(&record)));
        if !matches!(arguments.asked, Asked::Scenario(_)) {
            out.push_str("\nThe same as a scenario, to be changed and run with --scenario FILE:\n\n");
            for line in scenario.print(&self.study.names).lines() {
                out.push_str(&format!("    {line}\n"));
            }
        }
        code
    }

    /// A run with the lines of its timeline.
    fn told(&self, scenario: &Scenario, trace: bool) -> (Record, Vec<Line>) {
        let mut teller = timeline::Teller::new(&self.study.names, trace);
        let record = self.study.play(scenario, |world, seen| teller.see(world, seen));
        let lines = teller.finish(&record);
        (record, lines)
    }

    /// All single faults, and all pairs.
    fn everything(&self, arguments: &Arguments, out: &mut String) -> Result<u8, String> {
        let began = std::time::Instant::now();
        let singles = self.study.singles();
        let hopeless = {
            let record = self.study.run(&singles[0], |_, _| {});
            !record.findings.is_empty() && !arguments.keep_going
        };
        let mut cases = if hopeless { singles[..1].to_vec() } else { singles.clone() };
        let pairs = if hopeless || arguments.single { Vec::new() } else { self.study.pairs(&singles) };
        let count = cases.len();
        cases.extend(pairs);
        let records = self.run_all(&cases);
        let (single, pairs) = records.split_at(count);
        let broken: Vec<(&Case, &Record)> =
            cases.iter().zip(&records).filter(|(_, record)| !record.findings.is_empty()).collect();
        let code = if broken.is_empty() { HELD } else { BROKEN };
        if arguments.format == Format::Json {
            out.push_str(&json::all(self, single, pairs));
            return Ok(code);
        }
        out.push_str(&table::head(self));
        out.push('\n');
        out.push_str(&table::rows(self, single));
        if arguments.all && !pairs.is_empty() {
            out.push('\n');
            out.push_str(&table::rows(self, pairs));
        }
        if hopeless {
            out.push_str(
                "\nEven without any fault this does not work, so nothing else was tried (--keep-going does).\n",
            );
        }
        out.push_str(&table::summary(self, single, pairs, began.elapsed()));
        self.broken(&broken, out);
        Ok(code)
    }

    /// Timelines of the first rows of each kind that are broken, and how to see the others.
    fn broken(&self, broken: &[(&Case, &Record)], out: &mut String) {
        let mut kinds = BTreeSet::new();
        let mut left = Vec::new();
        for (case, record) in broken {
            let kind = record.findings.first().map(sim::study::Finding::property);
            if kinds.len() < TIMELINES && kinds.insert(kind) {
                let scenario = self.study.scenario(case);
                let (_, lines) = self.told(&scenario, false);
                out.push_str(&format!("\n{} {}\n", self.style.paint("1;31", "BROKEN:"), case.name));
                out.push_str(&timeline::render(&lines, self.style));
                out.push_str(&format!("\n  again: {}\n", self.replay(case)));
            } else {
                left.push((case, record));
            }
        }
        if left.is_empty() {
            return;
        }
        const MOST: usize = 20;
        out.push_str("\nAlso broken; each line runs one again, with its timeline:\n\n");
        for (case, record) in left.iter().take(MOST) {
            let first = record.findings.first().map_or("?", sim::study::Finding::property);
            out.push_str(&format!("  {first:<4} {}\n", self.replay(case)));
        }
        if left.len() > MOST {
            out.push_str(&format!("  and {} more (--format json has all)\n", left.len() - MOST));
        }
    }

    /// The command line that shows one row.
    fn replay(&self, case: &Case) -> String {
        format!("{} --case '{}'", self.command, case.name)
    }

    /// Runs cases on all processors; the records in their order.
    fn run_all(&self, cases: &[Case]) -> Vec<Record> {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Record)>> = Mutex::new(Vec::with_capacity(cases.len()));
        let progress = Progress::new(cases.len());
        std::thread::scope(|scope| {
            for _ in 0..workers.min(cases.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(at) else { return };
                        let record = self.study.run(case, |_, _| {});
                        progress.step(at);
                        if let Ok(mut done) = done.lock() {
                            done.push((at, record));
                        }
                    }
                });
            }
        });
        progress.end();
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, record)| record).collect()
    }
}

/// How far a long run has come, for people who wait.
struct Progress {
    total: usize,
    shown: bool,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self { total, shown: total > 500 && std::io::stderr().is_terminal() }
    }

    fn step(&self, at: usize) {
        if self.shown && at.is_multiple_of(200) {
            eprint!("\r{at} of {} runs ", self.total);
        }
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests;
