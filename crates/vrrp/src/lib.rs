//! VRRP as plain state machines: instances, sync groups, and what trackers do to their priority.
//!
//! Read RFC 9568 sections 6.1 (parameters and timers) and 6.4 (the states) first, then
//! [`io`] (the whole vocabulary on one screen), then [`machine`]. RFC 3768 is the same for version 2.
//! Extensions of keepalived that live here: FAULT, sync groups, trackers with weights,
//! `preempt_delay`, `nopreempt`, unicast peers, PASS and AH authentication.
//!
//! Invariants (held by tests here and by the simulator):
//!
//! * only a MASTER transmits a priority above 0; leaving MASTER transmits priority 0 once when the
//!   state is left for FAULT or for good;
//! * an advert that is refused changes nothing but its counter;
//! * the effective priority is recomputed from scratch: `clamp(base + weights, 1, 254)`;
//! * all members of a sync group are in the same state at the end of every turn.
//!
//! The rooms: [`machine`] holds the transitions and the timers, `hear` what an advert does, `tell`
//! what else can happen; `receive` judges packets, `transmit` makes them, `group` keeps groups
//! together, `priority` turns trackers into priorities, `rogue` settles who owns the addresses,
//! `reload` exchanges the configuration.
//!
//! A router that hears nobody takes over:
//!
//! ```
//! use base::{Duration, Family, Instant, Machine, Priority, Vrid};
//! use vipd_vrrp::config::{Auth, ChecksumKind, Config, Instance, InstanceId, Peers, Preempt, Version};
//! use vipd_vrrp::{Vrrp, io};
//!
//! let instance = Instance {
//!     name: "VI_1".into(),
//!     vrid: Vrid::new(51).unwrap(),
//!     family: Family::V4,
//!     version: Version::V3,
//!     priority: Priority(100),
//!     wants_master: false,
//!     advert_interval: Duration::from_secs(1),
//!     down_timer_adverts: 3,
//!     preempt: Preempt::After(Duration::ZERO),
//!     peers: Peers::Multicast("224.0.0.18".parse().unwrap()),
//!     hop_limit: None,
//!     auth: Auth::None,
//!     checksum: ChecksumKind::PseudoHeader,
//!     addresses: vec!["198.51.100.1".parse().unwrap()],
//!     skip_check_adv_addr: false,
//!     lower_prio_no_advert: false,
//!     higher_prio_send_advert: false,
//!     owner_ignore_adverts: false,
//!     tracks: vec![],
//!     group: None,
//! };
//! let id = InstanceId(0);
//! let start = Instant::ZERO;
//! let mut vrrp = Vrrp::new(Config { instances: vec![instance], ..Config::default() }, start, Duration::ZERO);
//!
//! // It starts when it is told which address to send from.
//! let address = Some("192.0.2.11".parse().unwrap());
//! vrrp.handle_input(start, io::Input::Source { instance: id, address });
//! while vrrp.poll_output().is_some() {}
//! assert_eq!(vrrp.snapshot(id).unwrap().state, io::State::Backup);
//!
//! // 3 intervals and (256 - 100) / 256 of one.
//! let takeover = vrrp.poll_timeout().unwrap();
//! assert_eq!(takeover.since(start), Duration::from_nanos(3_609_375_000));
//! vrrp.handle_timeout(takeover);
//! assert!(matches!(vrrp.poll_output(), Some(io::Output::Transmit { .. })));
//! assert_eq!(vrrp.snapshot(id).unwrap().state, io::State::Master);
//! ```

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod auth;
pub mod config;
pub mod error;
mod group;
mod hear;
pub mod io;
pub mod machine;
mod priority;
mod receive;
mod reload;
mod rogue;
mod state;
mod tell;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod timers;
mod transmit;

pub use machine::Vrrp;
