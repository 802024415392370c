//! `vipd demo`: a failover to watch, on this machine, measured against the protocol's own bounds.
//!
//! Three namespaces on one switch: two routers with the daemon and a client that pings the virtual
//! address. Nothing touches the machine's own network. Every gap is taken from what crossed the
//! switch, with the kernel's time stamps, and stands next to the bound of its formula.

mod story;
mod table;
mod timeline;

use std::process::ExitCode;

/// Runs `vipd demo` with the words after it; success only if every bound held.
pub fn main(args: &[String]) -> ExitCode {
    if let Some(word) = args.first() {
        let help = matches!(word.as_str(), "-h" | "--help");
        eprintln!(
            "Usage: vipd demo\n\nShows a failover between two routers in namespaces of their own (20 s)."
        );
        return if help { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // Before anything starts a thread: the kernel gives user namespaces to single-threaded processes.
    if let Err(error) = lab::become_root() {
        eprintln!("vipd demo: {error}\nIt needs root, or a system that lets users make user namespaces.");
        return ExitCode::FAILURE;
    }
    match story::tell() {
        Ok(rows) => {
            print!("{}", table::render(&rows));
            if rows.iter().all(table::Row::held) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("vipd demo: {error}");
            ExitCode::FAILURE
        }
    }
}
