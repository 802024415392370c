//! Results of check scripts.

use engine::io::Outcome;

use crate::log::Line;

/// A run ended and that changed something: the verdict (`changed`), or only how it ended.
pub(super) fn ended(name: &str, outcome: Outcome, up: bool, changed: bool, other_outcome: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    if let (Outcome::Exited(status), true) = (outcome, other_outcome) {
        lines.push(Line::info(format!("Script `{name}` now returning {status}")));
    }
    if changed {
        let how = match outcome {
            _ if up => "succeeded".to_owned(),
            Outcome::TimedOut => "timed_out".to_owned(),
            Outcome::Exited(status) => format!("failed (exited with status {status})"),
            Outcome::Signaled(signal) => format!("failed (due to signal {signal})"),
            Outcome::NotStarted => "failed (could not be started)".to_owned(),
        };
        lines.push(Line::info(format!("VRRP_Script({name}) {how}")));
    }
    lines
}

/// A run was skipped.
pub(super) fn busy(name: &str) -> Vec<Line> {
    vec![Line::info(format!("Track script {name} is already running, expect idle - skipping run"))]
}
