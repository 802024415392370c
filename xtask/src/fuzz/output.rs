//! What libFuzzer says at the end of a run.

use std::fmt;
use std::path::Path;
use std::process::ExitStatus;

/// How a run went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub target: String,
    /// Inputs run.
    pub executions: u64,
    /// Inputs run in a second.
    pub speed: u64,
    /// Places of the code reached by the kept inputs, and at the end.
    pub coverage: (u64, u64),
    /// What is wrong, and how to see it again.
    pub finding: Option<String>,
}

impl Outcome {
    /// A run that could not begin.
    pub(super) fn broken(target: &str, why: String) -> Self {
        Self { target: target.to_owned(), executions: 0, speed: 0, coverage: (0, 0), finding: Some(why) }
    }

    /// Reads what libFuzzer wrote.
    pub(super) fn read(target: &str, program: &Path, text: &str, status: ExitStatus) -> Self {
        let statistic = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix("stat::")?.strip_prefix(name));
            line.and_then(|l| l.trim_start_matches(':').trim().parse().ok()).unwrap_or(0)
        };
        let coverage = |word: &str| {
            let line = text.lines().rev().find(|l| l.starts_with('#') && l.contains(word))?;
            line.split("cov: ").nth(1)?.split(' ').next()?.parse().ok()
        };
        let first = coverage("INITED").unwrap_or(0);
        let last = ["DONE", "NEW", "REDUCE", "pulse"].into_iter().find_map(coverage).unwrap_or(first);
        Self {
            target: target.to_owned(),
            executions: statistic("number_of_executed_units"),
            speed: statistic("average_exec_per_sec"),
            coverage: (first, last),
            finding: (!status.success()).then(|| finding(program, text, status)),
        }
    }
}

/// The message of the panic or of libFuzzer, and the command that shows it again.
fn finding(program: &Path, text: &str, status: ExitStatus) -> String {
    let mut lines =
        text.lines().skip_while(|l| !l.contains("panicked at") && !l.contains("ERROR: libFuzzer"));
    let said: Vec<&str> = lines.by_ref().take(2).map(str::trim).collect();
    let said = if said.is_empty() { status.to_string() } else { said.join(" ") };
    let input = text.lines().find_map(|l| l.split("Test unit written to ").nth(1));
    match input {
        Some(input) => format!("{said}\n  again: {} {input}", program.display()),
        None => said,
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, executions, speed, coverage: (first, last), finding } = self;
        let verdict = if finding.is_some() { "FAILED" } else { "ok" };
        let new = last.saturating_sub(*first);
        write!(
            f,
            "test {target} ... {verdict} ({executions} executions, {speed} a second, coverage {last}, {new} of it new)"
        )?;
        match finding {
            Some(what) => write!(f, "\n  {what}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::ExitStatus;

    #[test]
    fn numbers_of_a_good_run_are_read() {
        let text = "#67\tINITED cov: 261 ft: 339 corp: 27/978b exec/s: 0 rss: 27Mb\n\
                    #2048341\tDONE   cov: 414 ft: 790 corp: 150/23Kb\n\
                    stat::number_of_executed_units: 2048341\nstat::average_exec_per_sec:     227593\n";
        let outcome = Outcome::read("a", Path::new("/p/a"), text, ExitStatus::from_raw(0));
        assert_eq!((outcome.executions, outcome.speed, outcome.coverage), (2_048_341, 227_593, (261, 414)));
        let line = "test a ... ok (2048341 executions, 227593 a second, coverage 414, 153 of it new)";
        assert_eq!(outcome.to_string(), line);
    }

    #[test]
    fn a_crash_says_how_to_see_it_again() {
        let text = "#2\tINITED cov: 5 ft: 5\n\nthread '<unnamed>' (1) panicked at fuzz/src/a.rs:1:1:\nno\n\
                    artifact_prefix='/c/'; Test unit written to /c/crash-1\n";
        let outcome = Outcome::read("a", Path::new("/p/a"), text, ExitStatus::from_raw(77 << 8));
        let finding = outcome.finding.unwrap();
        assert!(finding.ends_with("fuzz/src/a.rs:1:1: no\n  again: /p/a /c/crash-1"), "{finding}");
    }
}
