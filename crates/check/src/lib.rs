//! Health checks as a plain state machine: results of probes become verdicts, verdicts become what the
//! kernel's table of virtual servers should hold.
//!
//! Read [`io`] first (the whole vocabulary on one screen), then [`config`], then [`machine`]. The core
//! sends nothing and measures nothing: it says when a check is to be made ([`io::Output::Start`]), is told
//! how it went, and can be asked what the table should hold ([`Checks::wanted`]).
//!
//! Invariants (held by tests here and by the simulator):
//!
//! * a task never has two runs at once, and a run that was cancelled, or whose task has gone, means nothing;
//! * a server is alive as long as none of its checks fails, and its weight is
//!   `clamp(configured + offsets, 0, 2147483647)`, computed from scratch;
//! * the quorum is gained from `quorum + hysteresis`, lost below `quorum - hysteresis` and without any
//!   weight; it is judged whenever the weight of the living servers or the quorum itself changes, and at
//!   no other time;
//! * either the servers serve or the sorry server does, never both;
//! * what goes on after a reload keeps its state, and the same configuration again changes nothing;
//! * a check that stays as it is costs no event, no allocation, and time that grows with the logarithm of
//!   the number of checks.
//!
//! Two guards, both off by default, distrust the checks: they keep servers in the table, but never say that
//! these are alive ([`config::Service::panic_threshold`], [`config::Config::link_window`]). While a guard
//! keeps a server the sorry server stays out.
//!
//! The rooms: `runner` is one check and knows what its answers mean, `pool` is one service and knows what
//! the kernel should hold, [`machine`] brings the two together; `link` finds out whether a link is to
//! blame, `feed` follows files and BFD sessions, `slots` numbers the runs, `reload` exchanges the
//! configuration.
//!
//! A server that stops answering leaves the table:
//!
//! ```
//! use base::{Duration, Instant, Machine};
//! use vipd_check::config::{Config, Kind, Quorum, Schedule, Server, Service, ServiceId, Task, TaskId};
//! use vipd_check::{Checks, io};
//!
//! let schedule = Schedule {
//!     delay_loop: Duration::from_secs(10),
//!     retry: 0,
//!     delay_before_retry: Duration::from_secs(1),
//!     warmup: Duration::ZERO,
//!     alpha: false,
//!     log_all_failures: false,
//! };
//! let kind = Kind::Probe { steps: 1, fast_recovery: false };
//! let server = |check| Server { weight: 10, inhibit: false, checks: [TaskId(check)].into_iter().collect() };
//! let service = Service {
//!     quorum: Quorum { weight: 1, hysteresis: 0 },
//!     servers: vec![server(0), server(1)],
//!     sorry: None,
//!     ha_suspend: false,
//!     panic_threshold: 0,
//! };
//! let tasks = vec![Task { schedule, kind, link: None }; 2];
//! let config = Config { tasks, services: vec![service], link_window: None };
//! let mut checks = Checks::new(config, Instant::ZERO, 42);
//! while checks.poll_output().is_some() {}
//!
//! // Both checks are due a second after the start. The first one fails.
//! let now = checks.poll_timeout().unwrap();
//! assert_eq!(now.since(Instant::ZERO), Duration::from_secs(1));
//! checks.handle_timeout(now);
//! let Some(io::Output::Start { run, task: TaskId(0), .. }) = checks.poll_output() else { panic!() };
//! while checks.poll_output().is_some() {}
//! checks.handle_input(now, io::Input::Probed { run, answer: io::Answer::Failed });
//! while checks.poll_output().is_some() {}
//! assert_eq!(checks.poll_changed(), Some(ServiceId(0)));
//! assert_eq!(checks.wanted(ServiceId(0)).unwrap().servers, [None, Some(10)]);
//! ```

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod config;
mod feed;
pub mod io;
mod link;
pub mod machine;
mod pool;
mod reload;
mod runner;
mod slots;

pub use machine::Checks;
