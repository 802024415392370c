//! The scripts process: every script, FIFO and tracked file.
//!
//! The processes around an engine (vrrp, checkers) must never wait, so everything that can is done here: starting scripts and
//! ending them, writing to FIFOs whose readers sleep, reading files on file systems that hang. One
//! thread, one epoll loop (`runner`), and no decision about their protocols.
//!
//! * `jobs` decides which script runs when and how it is ended; `process` starts and signals it.
//! * `fifo` writes event lines in order.
//! * `files` watches tracked files.
//! * `clients` are the processes that ask, each with a channel of its own.
//! * `mail` hands mail in.
//! * `runner` connects all that with the channels.

mod clients;
mod fifo;
mod files;
mod jobs;
mod mail;
mod process;
mod runner;

use std::process::ExitCode;

use linux::seqpacket::Channel as Socket;
use nix::sys::signal::Signal;

use crate::exit::Exit;
use runner::Runner;

/// Runs the scripts process, whose supervisor is at the other end of `socket`.
pub fn main(socket: Socket) -> ExitCode {
    let run = || {
        // A write to a FIFO or channel whose other end is gone is an error, not an end.
        linux::signals::ignore(Signal::SIGPIPE as i32)?;
        Runner::new(socket)?.run()
    };
    match run() {
        Ok(()) => Exit::Ok.into(),
        Err(e) => {
            // Without descriptors there is no way to the log.
            eprintln!("Scripts: {e}");
            Exit::Fatal.into()
        }
    }
}

#[cfg(test)]
mod tests;
