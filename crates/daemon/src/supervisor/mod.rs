//! The supervisor: the process that the user starts.

mod backoff;

use std::process::ExitCode;

use crate::cli::Options;
use crate::exit::Exit;

/// Runs the daemon, or tests the configuration.
pub fn main(_words: &[String], _options: Options, _warnings: &[String]) -> ExitCode {
    eprintln!("vipd: the daemon is not built yet");
    Exit::Software.into()
}
