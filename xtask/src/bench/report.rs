//! Figures, what is asked of them, and how they are told.

use std::fmt::Write;

use serde_json::{Value, json};

/// What is asked of the first binary in comparison with the second. Medians are compared.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Goal {
    /// Nothing: the figure is told, not judged.
    None,
    /// At most this many times as much.
    AtMost(f64),
    /// Not more, but for this much in the figure's unit, or a tenth: below that, two runs of the same
    /// binary differ, too.
    NoWorse(f64),
    /// At most this much, whatever the second one has.
    Under(f64),
    /// This much, whatever the second one has.
    Exactly(f64),
}

/// A kind of figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Metric {
    /// What it is.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What is asked of it.
    pub goal: Goal,
}

impl Metric {
    /// One that is not judged.
    pub(super) const fn told(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, goal: Goal::None }
    }

    /// One that is judged.
    pub(super) const fn judged(name: &'static str, unit: &'static str, goal: Goal) -> Self {
        Self { name, unit, goal }
    }
}

/// All figures of one kind in one case.
struct Row {
    case: String,
    metric: Metric,
    /// Per binary.
    values: Vec<Vec<f64>>,
    /// Per binary: one of its values is what was reached when it was stopped, so it would have needed more.
    at_least: Vec<bool>,
}

/// All figures of a run.
pub(super) struct Book {
    bench: &'static str,
    binaries: Vec<String>,
    rows: Vec<Row>,
}

/// Median and range.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Summary {
    count: usize,
    median: f64,
    min: f64,
    max: f64,
    /// They are lower bounds.
    at_least: bool,
}

impl Summary {
    fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self { count: sorted.len(), median: (lower + upper) / 2.0, min, max, at_least: false })
    }
}

/// The value below which `part` (0 to 1) of the values are; sorts them.
pub(super) fn percentile(values: &mut [f64], part: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((part * last as f64).round() as usize).copied()
}

impl Row {
    fn summary(&self, binary: usize) -> Option<Summary> {
        let summary = Summary::of(self.values.get(binary)?)?;
        Some(Summary { at_least: self.at_least.get(binary) == Some(&true), ..summary })
    }

    /// The first binary's median over the second's. There is none when these can be zero or less, or when the
    /// first one's is a lower bound; over a lower bound it is an upper one.
    fn ratio(&self) -> Option<f64> {
        let (first, second) = (self.summary(0)?, self.summary(1)?);
        (first.median > 0.0 && second.median > 0.0 && !first.at_least).then(|| first.median / second.median)
    }

    /// Whether the goal is met; `None` if there is no goal, or no figure of one of the binaries though
    /// it is the second, or if that one was stopped before it could be told.
    fn verdict(&self) -> Option<bool> {
        // Who was stopped meets no goal.
        let first = self.summary(0).filter(|first| !first.at_least);
        let met = |judge: &dyn Fn(f64, f64) -> bool| {
            let second = self.summary(1)?;
            // The one that is judged must have a figure.
            let met = first.is_some_and(|first| judge(first.median, second.median));
            (met || first.is_none() || !second.at_least).then_some(met)
        };
        match self.metric.goal {
            Goal::None => None,
            Goal::Under(most) => Some(first.is_some_and(|first| first.median <= most)),
            Goal::Exactly(value) => Some(first.is_some_and(|first| first.median == value)),
            Goal::AtMost(times) => met(&|first, second| first <= second * times),
            Goal::NoWorse(slack) => met(&|first, second| first <= second + slack.max(second.abs() / 10.0)),
        }
    }

    fn goal_text(&self) -> String {
        match self.metric.goal {
            Goal::None => String::new(),
            Goal::Under(most) => format!("<= {} {}", number(most), self.metric.unit),
            Goal::AtMost(times) => format!("<= {times:.2}"),
            Goal::NoWorse(_) => "no worse".to_owned(),
            Goal::Exactly(value) => format!("= {value}"),
        }
    }
}

impl Book {
    /// An empty one.
    pub(super) fn new(bench: &'static str, binaries: Vec<String>) -> Self {
        Self { bench, binaries, rows: Vec::new() }
    }

    /// Writes a figure down.
    pub(super) fn add(&mut self, case: &str, metric: &Metric, binary: usize, value: f64) {
        if let Some(values) = self.row(case, metric).values.get_mut(binary) {
            values.push(value);
        }
    }

    /// Writes down what a binary had reached when it was stopped: it needs at least that much.
    pub(super) fn add_at_least(&mut self, case: &str, metric: &Metric, binary: usize, value: f64) {
        self.add(case, metric, binary, value);
        if let Some(at_least) = self.row(case, metric).at_least.get_mut(binary) {
            *at_least = true;
        }
    }

    /// The row of these figures, made if there is none.
    fn row(&mut self, case: &str, metric: &Metric) -> &mut Row {
        let known = self.rows.iter().position(|r| r.case == case && r.metric.name == metric.name);
        let index = known.unwrap_or_else(|| {
            let (values, at_least) =
                (vec![Vec::new(); self.binaries.len()], vec![false; self.binaries.len()]);
            self.rows.push(Row { case: case.to_owned(), metric: *metric, values, at_least });
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }

    /// Every figure as it was written down: case, name, binary, value.
    pub(super) fn samples(&self) -> impl Iterator<Item = (&str, &'static str, usize, f64)> {
        self.rows.iter().flat_map(|row| {
            let of_binary = row.values.iter().enumerate();
            let each =
                of_binary.flat_map(|(binary, values)| values.iter().map(move |value| (binary, *value)));
            each.map(|(binary, value)| (row.case.as_str(), row.metric.name, binary, value))
        })
    }

    /// How many goals were met and how many were not.
    pub(super) fn score(&self) -> (usize, usize) {
        let verdicts: Vec<bool> = self.rows.iter().filter_map(Row::verdict).collect();
        let met = verdicts.iter().filter(|v| **v).count();
        (met, verdicts.len() - met)
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let (first, second) = (self.binary(0), self.binary(1));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<42}{first:>26}{second:>26}{:>8}  goal", "", "ratio");
        let mut case = "";
        for row in &self.rows {
            if row.case != case {
                case = &row.case;
                let _ = writeln!(text, "{case}");
            }
            let cell = |binary| row.summary(binary).map_or_else(|| "-".to_owned(), |s| cell_text(&s));
            let bound = if row.summary(1).is_some_and(|s| s.at_least) { "< " } else { "" };
            let ratio = row.ratio().map_or_else(|| "-".to_owned(), |r| format!("{bound}{r:.2}"));
            let verdict = match row.verdict() {
                Some(true) => "ok",
                Some(false) => "MISSED",
                None => "",
            };
            let name = format!("  {} [{}]", row.metric.name, row.metric.unit);
            let line =
                format!("{name:<42}{:>26}{:>26}{ratio:>8}  {} {verdict}", cell(0), cell(1), row.goal_text());
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    /// For machines: one object for each figure of each binary, and one for each comparison.
    pub(super) fn lines(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for row in &self.rows {
            let (case, metric, unit) = (&row.case, row.metric.name, row.metric.unit);
            for (index, name) in self.binaries.iter().enumerate() {
                if let Some(s) = row.summary(index) {
                    lines.push(json!({
                        "bench": self.bench, "case": case, "metric": metric, "unit": unit, "bin": name,
                        "n": s.count, "median": s.median, "min": s.min, "max": s.max, "at_least": s.at_least,
                    }));
                }
            }
            if row.ratio().is_some() || row.verdict().is_some() {
                lines.push(json!({
                    "bench": self.bench, "case": case, "metric": metric,
                    "compare": [self.binary(0), self.binary(1)],
                    "ratio": row.ratio(), "goal": row.goal_text(), "met": row.verdict(),
                }));
            }
        }
        lines
    }

    fn binary(&self, index: usize) -> &str {
        self.binaries.get(index).map_or("", String::as_str)
    }
}

fn cell_text(s: &Summary) -> String {
    let (median, min, max) = (number(s.median), number(s.min), number(s.max));
    let bound = if s.at_least { ">= " } else { "" };
    if s.count == 1 { format!("{bound}{median}") } else { format!("{bound}{median} [{min}..{max}]") }
}

/// Three digits that matter.
fn number(x: f64) -> String {
    let digits = match x.abs() {
        a if a >= 100.0 => 0,
        a if a >= 10.0 => 1,
        a if a >= 1.0 => 2,
        _ => 3,
    };
    format!("{x:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Metric = Metric::judged("CPU", "us", Goal::AtMost(0.6));
    const LATE: Metric = Metric::judged("late", "ms", Goal::NoWorse(0.1));

    fn book(metric: &Metric, first: &[f64], second: &[f64]) -> Book {
        let mut book = Book::new("vrrp", vec!["a".to_owned(), "b".to_owned()]);
        first.iter().for_each(|v| book.add("case", metric, 0, *v));
        second.iter().for_each(|v| book.add("case", metric, 1, *v));
        book
    }

    #[test]
    fn medians_decide_not_outliers() {
        assert_eq!(book(&SENT, &[5.0, 90.0, 6.0], &[10.0]).score(), (1, 0));
        assert_eq!(book(&SENT, &[5.0, 6.1, 7.0], &[10.0]).score(), (0, 1));
    }

    #[test]
    fn a_bound_of_its_own_needs_no_second_binary() {
        let bound = Metric::judged("time", "s", Goal::Under(1.0));
        assert_eq!(book(&bound, &[0.9], &[]).score(), (1, 0));
        assert_eq!(book(&bound, &[1.1], &[9.0]).score(), (0, 1));
    }

    #[test]
    fn no_worse_has_slack_that_also_works_around_zero() {
        assert_eq!(book(&LATE, &[0.05], &[-0.04]).score(), (1, 0));
        assert_eq!(book(&LATE, &[0.25], &[0.1]).score(), (0, 1));
        assert_eq!(book(&LATE, &[10.9], &[10.0]).score(), (1, 0));
    }

    #[test]
    fn an_exact_goal_does_not_ask_for_the_second() {
        let exactly = Metric::judged("writes", "", Goal::Exactly(1.0));
        assert_eq!(book(&exactly, &[1.0], &[7.0]).score(), (1, 0));
        assert_eq!(book(&exactly, &[2.0], &[2.0]).score(), (0, 1));
    }

    #[test]
    fn a_judged_binary_without_a_figure_misses_the_goal() {
        assert_eq!(book(&LATE, &[], &[1.0]).score(), (0, 1));
    }

    #[test]
    fn what_was_stopped_is_a_lower_bound_that_can_prove_a_goal_met_and_not_missed() {
        let stopped = |first: f64, reached: f64| {
            let mut book = book(&SENT, &[first], &[]);
            book.add_at_least("case", &SENT, 1, reached);
            book
        };
        let met = stopped(5.0, 10.0);
        assert_eq!(met.score(), (1, 0));
        assert!(met.table().contains(">= 10.0"), "{}", met.table());
        assert!(met.table().contains("< 0.50"), "{}", met.table());
        assert_eq!(met.lines()[1]["at_least"], true);
        // It may have been on its way to 20.
        assert_eq!(stopped(7.0, 10.0).score(), (0, 0));
    }

    #[test]
    fn a_judged_binary_that_was_stopped_misses_the_goal() {
        let mut ours = book(&SENT, &[], &[100.0]);
        ours.add_at_least("case", &SENT, 0, 5.0);
        assert_eq!(ours.score(), (0, 1));
        let mut both = book(&SENT, &[], &[]);
        both.add_at_least("case", &SENT, 0, 5.0);
        both.add_at_least("case", &SENT, 1, 100.0);
        assert_eq!(both.score(), (0, 1));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.99), Some(3.0));
        assert_eq!(percentile(&mut [], 0.5), None);
    }
}
