//! What has to do with the sync daemon, done by a thread beside the one that asks for it.
//!
//! The kernel answers an operation only when a thread of its own has begun or ended. That takes microseconds on a
//! processor that has nothing else to do, and tens of milliseconds on one that has, since those threads wait for
//! their turn however urgent the process is that waits for them. Who reads what runs may have to wait for an
//! operation of somebody else.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use engine::io::OpId;
use engine::lvs::io::Operation;
use engine::lvs::table::{SyncHalf, SyncSettings};
use model::lvs::IpvsNamespace;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::Ipvs;
use crate::error::{Context, OsError, Result};

/// Its stack: it only encodes messages. Of a process with locked memory all of it counts.
const STACK: usize = 128 * 1024;

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// An operation.
    Change(OpId, Operation),
    /// To read what runs.
    Read,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An operation.
    Done(OpId, Result<()>),
    /// The halves that run.
    Runs(Result<BTreeMap<SyncHalf, SyncSettings>>),
}

impl Order {
    fn obey(&self, ipvs: &mut Ipvs) -> Answer {
        match self {
            Self::Change(op, operation) => Answer::Done(*op, ipvs.apply(operation)),
            Self::Read => Answer::Runs(ipvs.sync_daemons()),
        }
    }

    /// The answer to one that nobody obeys.
    fn refused(&self, error: OsError) -> Answer {
        match self {
            Self::Change(op, _) => Answer::Done(*op, Err(error)),
            Self::Read => Answer::Runs(Err(error)),
        }
    }
}

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
        orders: Sender<Order>,
        /// In the order of the orders.
        answers: Receiver<Answer>,
        /// Not answered yet.
        waiting: VecDeque<Order>,
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

    /// Will obey, after all orders before; the answer at once if it won't, and nobody else will.
    pub(crate) fn submit(&mut self, order: Order) -> Option<Answer> {
        let sent = self.orders().and_then(|(orders, waiting)| {
            orders.send(order.clone()).map_err(|_| gone())?;
            waiting.push_back(order.clone());
            Ok(())
        });
        sent.err().map(|error| order.refused(error))
    }

    /// The way to the thread, which is started if there is none, and what it hasn't answered yet.
    fn orders(&mut self) -> Result<(&Sender<Order>, &mut VecDeque<Order>)> {
        if let State::Idle(ipvs) = &mut self.state {
            let ipvs = match ipvs.take() {
                Some(ipvs) => ipvs,
                // Tried again with the next order.
                None => Ipvs::open(&self.namespace, None)?,
            };
            self.state = start(ipvs, self.bell.clone())?;
        }
        let State::Running { orders, waiting, .. } = &mut self.state else { return Err(gone()) };
        Ok((orders, waiting))
    }

    /// The answers that there are.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        // What rings from here on is in the next look.
        let _ = self.bell.read();
        let State::Running { answers, waiting, .. } = &mut self.state else { return Vec::new() };
        let mut told = Vec::new();
        loop {
            match answers.try_recv() {
                Ok(answer) => {
                    waiting.pop_front();
                    told.push(answer);
                }
                Err(TryRecvError::Empty) => return told,
                // It panicked, which is a mistake of the program: the next order has another one.
                Err(TryRecvError::Disconnected) => {
                    told.extend(waiting.drain(..).map(|order| order.refused(gone())));
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
    let (orders, queue) = channel::<Order>();
    let (answer, answers) = channel();
    let work = move || {
        // Dropped last of all, so that whoever hears it finds the end of the answers.
        let bell = Ringing(bell);
        let answer = answer;
        for order in queue {
            if answer.send(order.obey(&mut ipvs)).is_err() || bell.0.write(1).is_err() {
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
        let orders =
            [Order::Change(OpId(1), Operation::Flush), Order::Change(OpId(2), Operation::Flush), Order::Read];
        for order in orders {
            assert!(helper.submit(order).is_none(), "it runs");
        }
        answer.send(Answer::Done(OpId(1), Ok(()))).expect("it listens");
        drop((queue, answer));
        let told = helper.answers();
        let expected = matches!(
            told.as_slice(),
            [Answer::Done(OpId(1), Ok(())), Answer::Done(OpId(2), Err(_)), Answer::Runs(Err(_))]
        );
        assert!(expected, "{told:?}");
        assert!(matches!(helper.state, State::Idle(None)));
    }
}
