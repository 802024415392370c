//! Topologies of namespaces, faults, captures and peers, for tests and the demo.
//!
//! A [`Lab`] has a switch with [`Lan`]s, and [`Node`]s that are plugged into them. A node is a host
//! with its own network, processes, `/run` and `/tmp`. The lab runs on the kernel of the host, as root
//! or as any user in a user namespace ([`become_root`]), and inside user-mode Linux, where time is
//! virtual: there a run is exact and repeats.
//!
//! ```no_run
//! use std::time::Duration;
//! # fn main() -> lab::Result<()> {
//! let lab = lab::Lab::new("example")?;
//! let lan = lab.lan("lan0")?;
//! let router = lab.node("r1")?;
//! router.attach(&lan, "eth0", &["192.0.2.11/24"], None)?;
//! let capture = lab.capture(&lan)?;
//! router.keepalived("vrrp_instance VI_1 { .. }")?;
//! router.wait_ip([192, 0, 2, 100].into(), true, Duration::from_secs(5))?;
//! router.power_off()?;
//! # drop(capture); Ok(())
//! # }
//! ```

pub mod balanced;
mod capture;
mod compare;
mod divergences;
mod error;
mod event;
pub mod harness;
mod inside;
mod links;
mod monitor;
mod node;
mod peers;
mod pinger;
mod process;
mod processes;
mod user;
mod web;
mod world;

pub use capture::{Capture, Frame, write_pcap};
pub use compare::{Class, Difference, compare};
pub use divergences::{Balancing, Behaviour, Divergence, Divergences, LogLine};
pub use error::{LabError, Result, ensure};
pub use event::{Event, Kind};
pub use monitor::{Change, Monitor, Notice};
pub use node::{Cut, Node};
pub use peers::{Daemon, Frr, KEEPALIVED_VARIABLE, VIPD_VARIABLE};
pub use pinger::Pinger;
pub use process::Process;
pub use processes::Running;
pub use user::become_root;
pub use web::{Talk, Web};
pub use world::{DIR_VARIABLE, Lab, Lan, next_full_second, wait, wait_looking};

pub use nix::sys::signal::Signal;
