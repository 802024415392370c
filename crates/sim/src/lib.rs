//! A virtual world that runs the daemon's own engine: the second interpreter of
//! [`engine::io::Effect`].
//!
//! Nodes run a real [`engine::Engine`] made from the text of a real `keepalived.conf`; between them are
//! LAN segments that delay, lose, double and reorder packets; below each is a virtual kernel that
//! carries out every operation that the engine knows. Faults come from a seed or from a list. There is
//! one clock, which jumps from one event to the next, and one source of randomness: the same seed gives
//! the same [`observe::Observation`]s, byte for byte, on every machine.
//!
//! The rooms: [`world`] is time and the order of things; [`node`] a host with its process, [`process`]
//! the interpreter of effects, [`host`] the virtual kernel, [`lan`] the wires; [`fault`] is the whole
//! vocabulary of what can go wrong; [`observe`] what whoever watches can see; [`reading`] what an advert must mean;
//! [`cluster`] what belongs
//! together on different nodes; [`setup`] makes a world from configuration files; [`checker`] is what must hold.

pub mod chaos;
pub mod checker;
pub mod clock;
pub mod cluster;
pub mod fault;
pub mod formula;
pub mod host;
pub mod hostile;
pub mod lan;
pub mod lvs;
pub mod node;
pub mod observe;
pub mod process;
pub mod reading;
pub mod scenario;
pub mod setup;
pub mod study;
pub mod world;

pub use fault::Fault;
pub use node::{Node, NodeId};
pub use observe::{Observation, What};
pub use world::World;
