//! `Model` and inputs to effects: the one place that knows all cores.
//!
//! The daemon's reactor and the simulator are two interpreters of the same closed [`io::Effect`]
//! enum. Read [`io`] first: it is the whole vocabulary on one screen. Then [`Engine`], whose modules
//! have one concern each: the view of interfaces and addresses and what it means to instances
//! (`links`), sockets (`sockets`), kernel objects as desired state (`kernel`), gratuitous ARP and
//! neighbour advertisements (`announce`), check scripts (`scripts`), notifications (`notify`), a new
//! configuration (`reload`), the end (`stop`).
//!
//! What holds at the end of every turn, in the order of effects:
//!
//! * adverts come before anything else that the turn brings, those of all instances;
//! * addresses come before the routes that need them and go after them;
//! * an address is announced only once the kernel has it, and never outside of MASTER;
//! * notifications come last, in the order of the events they tell of;
//! * every operation is answered for exactly once; when none is on its way, what the model wants of
//!   the kernel is there and nothing else of ours is.

mod announce;
pub mod facts;
pub mod io;
mod kernel;
mod links;
pub mod lvs;
mod machine;
pub mod mail;
mod news;
mod notify;
mod out;
mod reload;
mod resync;
mod scripts;
mod snapshot;
mod sockets;
mod sorted;
mod stop;
mod sync;
mod timers;
mod turn;

#[cfg(test)]
mod tests;

pub use machine::{Counts, Engine};
pub use snapshot::{GroupSnapshot, Held, InstanceSnapshot, LinkSnapshot, Snapshot, TrackerSnapshot};
