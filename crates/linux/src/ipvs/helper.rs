//! The sync daemon's operations, done by a thread beside the one that asks for them.
//!
//! The kernel answers only when a thread of its own has begun or ended. That takes microseconds on a processor
//! that has nothing else to do, and tens of milliseconds on one that has, since those threads wait for their
//! turn however urgent the process is that waits for them.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use engine::io::OpId;
use engine::lvs::io::Operation;
use model::lvs::IpvsNamespace;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::Ipvs;
use crate::error::{Context, OsError, Result};

/// Its stack: it only encodes messages. Of a process with locked memory all of it counts.
const STACK: usize = 128 * 1024;

/// What does the operations. It is readable when there are answers.
#[derive(Debug)]
pub(crate) struct Helper {
    state: State,
    bell: Arc<EventFd>,
}

#[derive(Debug)]
enum State {
    /// Nothing was to be done yet.
    Idle {
        ipvs: Option<Ipvs>,
        namespace: IpvsNamespace,
    },
    Running {
        orders: Sender<(OpId, Operation)>,
        answers: Receiver<(OpId, Result<()>)>,
    },
    Failed(OsError),
}

impl Helper {
    /// One that will open the virtual servers of `namespace` unless it is given them.
    pub(crate) fn new(namespace: IpvsNamespace) -> Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags).on("create", "eventfd")?;
        Ok(Self { state: State::Idle { ipvs: None, namespace }, bell: Arc::new(bell) })
    }

    /// Uses these from now on, unless it has begun.
    pub(crate) fn give(&mut self, given: Ipvs) {
        if let State::Idle { ipvs, .. } = &mut self.state {
            *ipvs = Some(given);
        }
    }

    /// Will do an operation, after those before it.
    ///
    /// # Errors
    /// It won't, and nobody else will.
    pub(crate) fn submit(&mut self, op: OpId, operation: Operation) -> Result<()> {
        if let State::Idle { ipvs, namespace } = &mut self.state {
            let ipvs = match ipvs.take() {
                Some(ipvs) => ipvs,
                // Tried again with the next operation.
                None => Ipvs::open(namespace, None)?,
            };
            self.state = start(ipvs, self.bell.clone()).unwrap_or_else(State::Failed);
        }
        match &self.state {
            State::Running { orders, .. } => {
                let gone = |_| OsError::new("use", "thread of the sync daemon", nix::errno::Errno::ESRCH);
                orders.send((op, operation)).map_err(gone)
            }
            State::Failed(e) => Err(e.clone()),
            State::Idle { .. } => Ok(()),
        }
    }

    /// The answers that there are.
    pub(crate) fn answers(&mut self) -> Vec<(OpId, Result<()>)> {
        // What rings from here on is in the next look.
        let _ = self.bell.read();
        match &self.state {
            State::Running { answers, .. } => answers.try_iter().collect(),
            State::Idle { .. } | State::Failed(_) => Vec::new(),
        }
    }
}

impl AsFd for Helper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// Starts the thread. It has the rights of its process, and ends with it or with the one who asks.
fn start(mut ipvs: Ipvs, bell: Arc<EventFd>) -> Result<State> {
    let (orders, queue) = channel::<(OpId, Operation)>();
    let (answer, answers) = channel();
    let work = move || {
        for (op, operation) in queue {
            if answer.send((op, ipvs.apply(&operation))).is_err() || bell.write(1).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("sync daemon".into())
        .stack_size(STACK)
        .spawn(work)
        .on("start", "thread of the sync daemon")?;
    Ok(State::Running { orders, answers })
}
