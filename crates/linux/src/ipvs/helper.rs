//! The sync daemon's operations, done by a thread beside the one that asks for them.
//!
//! The kernel answers only when a thread of its own has begun or ended. That takes microseconds on a processor
//! that has nothing else to do, and tens of milliseconds on one that has, since those threads wait for their
//! turn however urgent the process is that waits for them.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

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
    namespace: IpvsNamespace,
    bell: Arc<EventFd>,
}

#[derive(Debug)]
enum State {
    /// Nothing was to be done yet.
    Idle(Option<Ipvs>),
    Running {
        orders: Sender<(OpId, Operation)>,
        answers: Receiver<(OpId, Result<()>)>,
        /// Not answered yet, in their order.
        waiting: VecDeque<OpId>,
    },
}

impl Helper {
    /// One that will open the virtual servers of `namespace` unless it is given them.
    pub(crate) fn new(namespace: IpvsNamespace) -> Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags).on("create", "eventfd")?;
        Ok(Self { state: State::Idle(None), namespace, bell: Arc::new(bell) })
    }

    /// Uses these from now on, unless it has begun.
    pub(crate) fn give(&mut self, given: Ipvs) {
        if let State::Idle(ipvs) = &mut self.state {
            *ipvs = Some(given);
        }
    }

    /// Will do an operation, after those before it.
    ///
    /// # Errors
    /// It won't, and nobody else will.
    pub(crate) fn submit(&mut self, op: OpId, operation: Operation) -> Result<()> {
        if let State::Idle(ipvs) = &mut self.state {
            let ipvs = match ipvs.take() {
                Some(ipvs) => ipvs,
                // Tried again with the next operation.
                None => Ipvs::open(&self.namespace, None)?,
            };
            self.state = start(ipvs, self.bell.clone())?;
        }
        let State::Running { orders, waiting, .. } = &mut self.state else { return Err(gone()) };
        orders.send((op, operation)).map_err(|_| gone())?;
        waiting.push_back(op);
        Ok(())
    }

    /// The answers that there are.
    pub(crate) fn answers(&mut self) -> Vec<(OpId, Result<()>)> {
        // What rings from here on is in the next look.
        let _ = self.bell.read();
        let State::Running { answers, waiting, .. } = &mut self.state else { return Vec::new() };
        let mut told = Vec::new();
        loop {
            match answers.try_recv() {
                Ok(answer) => {
                    waiting.retain(|op| *op != answer.0);
                    told.push(answer);
                }
                Err(TryRecvError::Empty) => return told,
                // It panicked, which is a mistake of the program: the next operation has another one.
                Err(TryRecvError::Disconnected) => {
                    told.extend(waiting.drain(..).map(|op| (op, Err(gone()))));
                    self.state = State::Idle(None);
                    return told;
                }
            }
        }
    }
}

fn gone() -> OsError {
    OsError::new("use", "thread of the sync daemon", nix::errno::Errno::ESRCH)
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
        // Dropped last of all, so that whoever hears it finds the end of the answers.
        let bell = Ringing(bell);
        let answer = answer;
        for (op, operation) in queue {
            if answer.send((op, ipvs.apply(&operation))).is_err() || bell.0.write(1).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("sync daemon".into())
        .stack_size(STACK)
        .spawn(work)
        .on("start", "thread of the sync daemon")?;
    Ok(State::Running { orders, answers, waiting: VecDeque::new() })
}

/// Rings when the thread ends, however that comes.
struct Ringing(Arc<EventFd>);

impl Drop for Ringing {
    fn drop(&mut self) {
        // It fails only if it has rung already.
        let _ = self.0.write(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_a_thread_that_ended_are_answered_and_the_next_one_has_another_thread() {
        let mut helper = Helper::new(IpvsNamespace::Same).expect("an event descriptor");
        let (orders, queue) = channel();
        let (answer, answers) = channel();
        helper.state = State::Running { orders, answers, waiting: VecDeque::new() };
        helper.submit(OpId(1), Operation::Flush).expect("it runs");
        helper.submit(OpId(2), Operation::Flush).expect("it runs");
        answer.send((OpId(1), Ok(()))).expect("it listens");
        drop((queue, answer));
        let told: Vec<(u64, bool)> = helper.answers().into_iter().map(|(op, r)| (op.0, r.is_ok())).collect();
        assert_eq!(told, [(1, true), (2, false)]);
        assert!(matches!(helper.state, State::Idle(None)));
    }
}
