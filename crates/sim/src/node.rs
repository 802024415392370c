//! A node: a host, and the daemon on it.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use base::{Duration, Instant, Name};
use engine::io::{OpId, Operation, Outcome};
use model::Model;

use crate::clock::Clock;
use crate::host::Host;
use crate::process::{Datagram, Process};

/// A node's place in the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub usize);

/// How a check script behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScriptSource {
    /// How it ends.
    pub outcome: Outcome,
    /// How long it takes; at the timeout of the `vrrp_script` it is ended.
    pub takes: Duration,
}

impl Default for ScriptSource {
    fn default() -> Self {
        Self { outcome: Outcome::Exited(0), takes: Duration::from_millis(5) }
    }
}

/// A host, and the daemon on it.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// Its kernel.
    pub host: Host,
    /// The vrrp process, if it runs.
    pub process: Option<Process>,
    /// Its configurations: the first one is what it starts with.
    pub models: Vec<Arc<Model>>,
    /// Which of them the file holds now.
    pub model: usize,
    /// Its clock.
    pub clock: Clock,
    /// How its scripts behave, by name; a script that isn't here succeeds.
    pub scripts: BTreeMap<Name, ScriptSource>,
    /// The numbers in its files, by the name of the `track_file`.
    pub files: BTreeMap<Name, i32>,
    /// Each turn of the process begins up to this much too late.
    pub lateness: Duration,
    /// Whether it has power.
    pub power: bool,
    /// SIGSTOP.
    pub paused: bool,
    /// A virtual machine that stands still.
    pub frozen: bool,
    /// Counts the lives of the process: what was meant for an earlier one is dropped.
    pub(crate) life: u32,
    /// When the next turn begins.
    pub(crate) wake: Option<Instant>,
    /// Operations that the kernel has not come to yet.
    pub(crate) operations: VecDeque<(OpId, Operation)>,
    /// When it comes to the next one.
    pub(crate) busy_until: Instant,
    /// So many operations fail, with this number.
    pub(crate) failing: (u32, i32),
    /// So many sockets can't be opened.
    pub(crate) socketless: u32,
    /// What it sent last.
    pub(crate) last_sent: Option<Rc<Datagram>>,
    /// The next instant at which an address outlives itself, if that is scheduled.
    pub(crate) expiry: Option<Instant>,
}

impl Node {
    /// A node that is off.
    #[must_use]
    pub fn new(name: Name, host: Host, models: Vec<Arc<Model>>, clock: Clock) -> Self {
        Self {
            name,
            host,
            process: None,
            models,
            model: 0,
            clock,
            scripts: BTreeMap::new(),
            files: BTreeMap::new(),
            lateness: Duration::ZERO,
            power: true,
            paused: false,
            frozen: false,
            life: 0,
            wake: None,
            operations: VecDeque::new(),
            busy_until: Instant::ZERO,
            failing: (0, 0),
            socketless: 0,
            last_sent: None,
            expiry: None,
        }
    }

    /// The configuration in force, or that of the file while no process runs.
    ///
    /// # Panics
    /// Never: a node has a configuration.
    #[must_use]
    pub fn in_force(&self) -> &Arc<Model> {
        match &self.process {
            Some(process) => process.engine.model(),
            None => &self.models[self.model],
        }
    }

    /// Whether its process runs and is not held up.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.power && !self.paused && !self.frozen && self.process.is_some()
    }

    /// Whether its kernel answers.
    #[must_use]
    pub const fn answers(&self) -> bool {
        self.power && !self.frozen
    }
}
