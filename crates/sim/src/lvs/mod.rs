//! A virtual world for load balancing: one director with a real [`engine::lvs::Balancer`], a virtual IPVS,
//! and real servers that can be told how to behave.
//!
//! Directors don't meet over IPVS, so that one is enough. The balancer is made from the text of a real
//! configuration; the [`kernel`] carries out every [`engine::lvs::io::Operation`] with the semantics that
//! the daemon's own netlink client gives it; [`sources`] answer probes. There is one clock, which jumps
//! from one event to the next, and one source of randomness.
//!
//! The rooms: [`world`] is time and the order of things; [`fault`] the whole vocabulary of what can go
//! wrong; [`observe`] what whoever watches can see; [`shadow`] what must be known by the rules alone;
//! [`checker`] what must hold; [`family`] makes configurations and [`chaos`] worlds at random.

pub mod chaos;
pub mod checker;
pub mod family;
pub mod fault;
pub mod kernel;
pub mod observe;
pub mod shadow;
pub mod sources;
pub mod world;

pub use fault::Fault;
pub use observe::{Asked, Seen, Turn, What};
pub use world::World;
