//! The checkers process: it keeps the servers behind virtual servers honest.

#[allow(dead_code, reason = "until the process that runs them stands")]
pub mod probe;
