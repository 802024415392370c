//! How the process is scheduled, and what it may do.

use linux::process::{self, Capability};
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

/// Allows `count` descriptors and some more, for what every process has.
pub fn allow_files(count: u64) -> Vec<Line> {
    /// What a process has besides.
    const OTHERS: u64 = 64;
    let mut lines = Vec::new();
    complain(&mut lines, process::limit_files(count.saturating_add(OTHERS)));
    lines
}

/// Gives up every right but those over the network: the process executes nothing. With locked memory
/// it must go on being allowed to lock, or its next allocation fails. Not being able to give something
/// up is no reason to stop.
pub fn confine(wish: &Scheduling, needs: &[Capability]) -> Vec<Line> {
    let mut keep = needs.to_vec();
    if wish.no_swap {
        keep.push(Capability::IPC_LOCK);
    }
    let mut lines = Vec::new();
    complain(&mut lines, process::forbid_new_privileges());
    complain(&mut lines, process::keep_capabilities(&keep));
    lines
}

/// Tells what failed; whether it worked.
fn complain(lines: &mut Vec<Line>, result: linux::Result<()>) -> bool {
    if let Err(e) = &result {
        lines.push(Line::warning(e.to_string()));
    }
    result.is_ok()
}
