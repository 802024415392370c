//! What was measured, next to what was allowed.

use std::fmt::Write as _;

use base::Duration;

/// What a busy machine may add to a formula: start of processes, scheduling.
pub const SLACK: Duration = Duration::from_millis(100);

/// One step of the story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What was done.
    pub step: &'static str,
    /// What was measured.
    pub what: &'static str,
    /// The formula, as the RFC writes it.
    pub formula: &'static str,
    /// What the formula gives.
    pub expected: Duration,
    /// What was measured.
    pub measured: Duration,
    /// Whether sooner than the formula is wrong, too (a takeover must not come early).
    pub exact: bool,
    /// The longest time for which the client had no answer.
    pub client: Duration,
}

impl Row {
    /// Whether it held: not later than the formula and [`SLACK`], and not sooner where that counts.
    pub fn held(&self) -> bool {
        let early = self.exact && self.measured + Duration::from_millis(5) < self.expected;
        self.measured <= self.expected + SLACK && !early
    }
}

/// The table, with its verdict.
pub fn render(rows: &[Row]) -> String {
    let mut out = String::new();
    let rule = "-".repeat(112);
    let _ = writeln!(
        out,
        "\n{:<28} {:<34} {:>22} {:>9} {:>9}   client silent",
        "step", "measured", "formula", "bound", "took"
    );
    let _ = writeln!(out, "{rule}");
    for row in rows {
        let _ = writeln!(
            out,
            "{:<28} {:<34} {:>22} {:>9} {:>9}   {:>8}   {}",
            row.step,
            row.what,
            row.formula,
            seconds(row.expected),
            seconds(row.measured),
            seconds(row.client),
            if row.held() { "ok" } else { "MISSED" },
        );
    }
    let _ = writeln!(out, "{rule}");
    let missed = rows.iter().filter(|row| !row.held()).count();
    let verdict = match missed {
        0 => format!("All {} bounds held (a busy machine may add {}).", rows.len(), seconds(SLACK)),
        1 => "One bound was missed.".to_owned(),
        n => format!("{n} bounds were missed."),
    };
    let _ = writeln!(out, "{verdict}");
    out
}

/// `3.609 s`.
pub fn seconds(d: Duration) -> String {
    let millis = d.as_micros().saturating_add(500) / 1_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(expected: u64, measured: u64, exact: bool) -> Row {
        Row {
            step: "kill A",
            what: "last advert of A to first of B",
            formula: "3 A + skew",
            expected: Duration::from_millis(expected),
            measured: Duration::from_millis(measured),
            exact,
            client: Duration::ZERO,
        }
    }

    #[test]
    fn late_is_wrong_and_early_is_wrong_where_it_counts() {
        assert!(row(3_609, 3_610, true).held());
        assert!(row(3_609, 3_708, true).held());
        assert!(!row(3_609, 3_710, true).held());
        assert!(!row(3_609, 3_600, true).held());
        assert!(row(3_609, 10, false).held());
    }

    #[test]
    fn the_table_names_what_was_missed() {
        let text = render(&[row(3_609, 3_610, true), row(609, 900, true)]);
        assert!(
            text.contains("3.610 s") && text.contains("MISSED") && text.contains("One bound was missed.")
        );
    }
}
