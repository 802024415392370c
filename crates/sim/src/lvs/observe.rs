//! What whoever watches a world can see, in order.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Instant, Name};
use engine::lvs::io::{Answer, FifoKind, Message, Notification, OpId, Operation, RunId};
use engine::lvs::news::Event;
use model::Model;
use model::lvs::Checker;

use super::fault::Fault;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// Something from outside.
    Fault(Fault),
    /// The daemon started with this configuration.
    Started(Arc<Model>),
    /// It is no more.
    Died,
    /// A turn of the balancer begins with this.
    Turn(Turn),
    /// It wants something.
    Asked(Asked),
    /// The turn is over.
    TurnEnd {
        /// When it wants to be woken.
        next: Option<Instant>,
    },
    /// Nothing was due and it was woken all the same: whether it did anything, or changed its mind about
    /// when to be woken.
    Spurious {
        /// It did.
        moved: bool,
    },
    /// The kernel did an operation, or refused to.
    Executed {
        /// Which.
        op: OpId,
        /// What.
        operation: Operation,
        /// Whether it was done.
        done: bool,
        /// What will be answered.
        ok: bool,
        /// How many servers of its service got connections before and after it.
        serving: (usize, usize),
    },
    /// The kernel's table was read; `false` if it can't be.
    Dumped(bool),
}

/// What a turn begins with.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Its time has come.
    Timeout,
    /// The table came, or an error.
    Table(bool),
    /// An operation was answered.
    Done(OpId, bool),
    /// A probe was answered.
    Probed(RunId, Answer),
    /// A number in a file.
    File(Box<str>, i32),
    /// A session's state.
    Bfd(Name, bool),
    /// An address of the host.
    Address(IpAddr, bool),
    /// Another configuration.
    Reload(Arc<Model>),
    /// The end.
    Stop {
        /// What is in the kernel stays.
        keep: bool,
    },
}

/// What the balancer wants.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The table.
    Dump,
    /// A change to it.
    Kernel(OpId, Operation),
    /// A check.
    Probe {
        /// To be answered.
        run: RunId,
        /// Which.
        checker: Arc<Checker>,
        /// Which url.
        url: usize,
    },
    /// The end of a run.
    Cancel(RunId),
    /// A script.
    Notify(Notification),
    /// A line to a FIFO.
    Fifo(FifoKind, String),
    /// A mail.
    Mail(Message),
    /// It tells something.
    Event(Event),
    /// It has ended.
    Stopped,
}
