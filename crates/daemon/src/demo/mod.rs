//! `vipd demo`.

use std::process::ExitCode;

/// Runs `vipd demo` with the words after it.
pub fn main(_args: &[String]) -> ExitCode {
    eprintln!("vipd demo: not built yet");
    ExitCode::FAILURE
}
