//! `vipd demo`: a failover to watch, on this machine, measured against the protocol's own bounds; and
//! `vipd demo lvs`: load balancing.
//!
//! Three namespaces on one switch: two routers with the daemon and a client that pings the virtual
//! address. Nothing touches the machine's own network. Every gap is taken from what crossed the
//! switch, with the kernel's time stamps, and stands next to the bound of its formula.

mod failover;
mod lvs;
mod table;
mod timeline;

use std::process::ExitCode;

const USAGE: &str = "Usage: vipd demo [lvs]

Shows, in namespaces of its own, a failover between two routers (20 s).
lvs: shows load balancing between two web servers by two directors (40 s); the kernel must have ip_vs.";

/// Runs `vipd demo` with the words after it; success only if every bound held.
pub fn main(args: &[String]) -> ExitCode {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let tell = match words.as_slice() {
        [] => failover::tell,
        ["lvs"] => lvs::tell,
        other => {
            eprintln!("{USAGE}");
            let help = matches!(other, ["-h" | "--help", ..]);
            return if help { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    // Before anything starts a thread: the kernel gives user namespaces to single-threaded processes.
    if let Err(error) = lab::become_root() {
        eprintln!("vipd demo: {error}\nIt needs root, or a system that lets users make user namespaces.");
        return ExitCode::FAILURE;
    }
    match tell() {
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
