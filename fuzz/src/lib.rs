//! Inputs that nobody thought of: what holds for every text, every packet and every order of events.
//!
//! A target is a function from bytes to nothing that panics when a law is broken. `cargo xtask fuzz`
//! runs each under libFuzzer, on the inputs kept in `corpus/TARGET/`; `cargo test` runs the same
//! functions on the kept inputs and on some random ones. So a finding is kept by adding its bytes to
//! the corpus.
//!
//! The bytes of a target mean the same for ever, as far as that can be had: new kinds of events and new
//! configurations are appended to their tables, so that old inputs go on reaching what they reached.

mod advert;
mod bytes;
mod clock;
mod engine_ops;
mod facts;
mod kernel;
mod lvs_ops;
mod models;
mod replies;
mod speech;
mod text;
mod vrrp_ops;
mod wire_targets;

pub use engine_ops::engine_ops;
pub use lvs_ops::lvs_ops;
pub use replies::{dns_reply, http_reply, smtp_reply};
pub use text::config_text;
pub use vrrp_ops::vrrp_ops;
pub use wire_targets::{wire_ah, wire_arp, wire_ip, wire_ndisc, wire_vrrp};

/// A target: its name, which is that of its program and of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. Their programs stand in `fuzz_targets/`.
pub const TARGETS: &[Target] = &[
    ("config_text", config_text),
    ("dns_reply", dns_reply),
    ("engine_ops", engine_ops),
    ("http_reply", http_reply),
    ("lvs_ops", lvs_ops),
    ("smtp_reply", smtp_reply),
    ("vrrp_ops", vrrp_ops),
    ("wire_ah", wire_ah),
    ("wire_arp", wire_arp),
    ("wire_ip", wire_ip),
    ("wire_ndisc", wire_ndisc),
    ("wire_vrrp", wire_vrrp),
];
