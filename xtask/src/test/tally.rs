//! Counting verdicts.

/// What has been counted so far.
#[derive(Default, Debug)]
pub(super) struct Tally {
    passed: usize,
    failed: Vec<String>,
    /// Names and reasons.
    skipped: Vec<(String, String)>,
    /// Failures that the standard harness only counts.
    failed_units: usize,
}

impl Tally {
    /// How many have failed.
    pub(super) fn failed(&self) -> usize {
        self.failed.len() + self.failed_units
    }

    /// Whether nothing has run, and nothing was skipped.
    pub(super) fn is_empty(&self) -> bool {
        self.passed + self.failed() + self.skipped.len() == 0
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self, name: String) {
        self.failed.push(name);
    }

    /// Counts what could not run here.
    pub(super) fn skip(&mut self, name: &str, reason: &str) {
        println!("test {name} ... skipped: {reason}");
        self.skipped.push((name.to_owned(), reason.to_owned()));
    }

    /// Counts a line of the lab's harness; whether it was a verdict.
    pub(super) fn scenario_line(&mut self, line: &str) -> bool {
        let Some((name, verdict)) = line.strip_prefix("test ").and_then(|l| l.split_once(" ... ")) else {
            return false;
        };
        if let Some(reason) = verdict.strip_prefix("skipped: ") {
            self.skipped.push((name.to_owned(), reason.to_owned()));
        } else if verdict == "ok" || verdict.starts_with("ok (") {
            self.passed += 1;
        } else {
            self.failed.push(name.to_owned());
        }
        true
    }

    /// Counts a closing line of the standard harness; whether it was one.
    pub(super) fn standard_line(&mut self, line: &str) -> bool {
        let Some(rest) = line.strip_prefix("test result: ") else { return false };
        let number = |word: &str| {
            let before = rest.split(word).next().unwrap_or_default();
            before.trim_end().rsplit([' ', ';']).next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed_units += number(" failed");
        let ignored = number(" ignored");
        self.skipped.extend((0..ignored).map(|_| ("a unit test".to_owned(), "#[ignore]".to_owned())));
        true
    }

    /// Prints the closing lines; the exit status. Where nobody looks (`ci`), a skip is a failure.
    pub(super) fn close(&self, ci: bool) -> u8 {
        for (name, reason) in &self.skipped {
            println!("skipped: {name}: {reason}");
        }
        for name in &self.failed {
            println!("failed: {name}");
        }
        let failed = self.failed() + if ci { self.skipped.len() } else { 0 };
        if ci && !self.skipped.is_empty() {
            println!("{} skipped: counted as failed, because CI is set", self.skipped.len());
        } else if !self.skipped.is_empty() {
            println!("{} skipped", self.skipped.len());
        }
        println!("{} passed, {failed} failed", self.passed);
        u8::from(failed > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn verdicts_of_the_lab_are_counted() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        assert!(tally.scenario_line("test a ... ok (1.0 s)"));
        assert!(!tally.is_empty());
        assert!(tally.scenario_line("test b ... skipped: no vipd"));
        assert!(tally.scenario_line("test c ... FAILED (2.0 s)"));
        assert!(!tally.scenario_line("  a (keepalived, keepalived): 45 events"));
        assert_eq!((tally.passed, tally.failed(), tally.skipped.len()), (1, 1, 1));
    }

    #[test]
    fn verdicts_of_the_standard_harness_are_added_up() {
        let mut tally = Tally::default();
        assert!(tally.standard_line(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s"
        ));
        assert!(
            tally.standard_line(
                "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out"
            )
        );
        assert!(!tally.standard_line("test a ... ok"));
        assert_eq!((tally.passed, tally.failed(), tally.skipped.len()), (13, 2, 1));
    }

    #[test]
    fn a_skip_fails_only_where_nobody_looks() {
        let mut tally = Tally::default();
        tally.skip("a", "no lab");
        assert_eq!((tally.close(false), tally.close(true)), (0, 1));
    }
}
