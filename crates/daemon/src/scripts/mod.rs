//! The scripts process: every script, FIFO and tracked file.
//!
//! The vrrp process must never wait, so everything that can is done here: starting scripts and
//! ending them, writing to FIFOs whose readers sleep, reading files on file systems that hang.
//!
//! * `jobs` decides which script runs when and how it is ended; `process` starts and signals it.
//! * `fifo` writes event lines in order.
//! * `files` watches tracked files.

mod fifo;
mod files;
mod jobs;
mod process;
