//! How the process is scheduled.

use linux::process;
use model::global::Scheduling;

use crate::log::Line;

/// Applies what the configuration asks for, and returns what could not be had. Nothing of it is worth
/// dying for.
pub fn apply(wish: &Scheduling) -> Vec<Line> {
    let mut lines = Vec::new();
    if !wish.cpus.is_empty() {
        complain(&mut lines, process::bind_to_cpus(&wish.cpus));
    }
    if wish.no_swap {
        complain(&mut lines, process::lock_memory());
    }
    if let Some(nice) = wish.nice {
        complain(&mut lines, process::set_nice(nice));
    }
    if let Some(priority) = wish.realtime {
        // The limit comes first: a loop without an end would otherwise hold the processor for ever.
        if let Some(micros) = wish.rlimit_rttime {
            complain(&mut lines, process::limit_realtime(micros));
        }
        if complain(&mut lines, process::run_realtime(priority)) {
            lines.push(Line::info(format!("Set realtime priority {priority}")));
        }
    }
    lines
}

/// Tells what failed; whether it worked.
fn complain(lines: &mut Vec<Line>, result: linux::Result<()>) -> bool {
    if let Err(e) = &result {
        lines.push(Line::warning(format!("Scheduling: {e}")));
    }
    result.is_ok()
}
