//! What a process around an engine is connected with: the supervisor, the scripts process, signals.
//!
//! Orders are what comes in through these and is for the engine's loop to carry out; everything else is
//! dealt with here, in the same way for each such process.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use linux::poll::{Interest, Poll};
use linux::seqpacket::Channel as Socket;
use linux::signals::Signals;
use linux::{OsError, heap};
use model::Model;

use super::scripts::Scripts;
use super::supervisor::Supervisor;
use super::{Failure, load};
use crate::ipc::{ToEngine, Wish};
use crate::log::Line;

/// What the poll set calls the descriptors of the links. Those of the loop itself follow from
/// [`token::OWN`] on.
pub mod token {
    /// The supervisor.
    pub const SUPERVISOR: u64 = 0;
    /// Signals.
    pub const SIGNALS: u64 = 1;
    /// The scripts process.
    pub const SCRIPTS: u64 = 2;
    /// The first one that is free.
    pub const OWN: u64 = 3;
}

/// Something that the loop has to do.
#[derive(Debug)]
pub enum Order {
    /// Put this configuration into force.
    Configure {
        /// Its number.
        generation: u64,
        /// The configuration.
        model: Arc<Model>,
    },
    /// Say how things stand.
    Snapshot {
        /// To be returned with the answer.
        request: u64,
        /// Set the counters to 0 afterwards.
        clear: bool,
    },
    /// Stop.
    Stop {
        /// What is in the kernel stays.
        keep: bool,
    },
}

/// All of them.
pub struct Links<'s> {
    /// The supervisor.
    pub supervisor: &'s mut Supervisor,
    /// The scripts process.
    pub scripts: Scripts,
    signals: Signals,
    /// Whether room in the channels is waited for.
    waiting_supervisor: bool,
    waiting_scripts: bool,
    /// So many lost notifications were told of.
    told_lost: u64,
    /// Another configuration has come into force in this turn.
    renewed: bool,
}

impl<'s> Links<'s> {
    /// Adds what is there already to the poll set.
    ///
    /// # Errors
    /// A descriptor can't be waited for.
    pub fn new(supervisor: &'s mut Supervisor, signals: Signals, poll: &mut Poll) -> Result<Self, OsError> {
        if let Some(fd) = supervisor.fd() {
            poll.add(fd, token::SUPERVISOR, Interest::READ)?;
        }
        poll.add(&signals, token::SIGNALS, Interest::READ)?;
        Ok(Self {
            supervisor,
            scripts: Scripts::new(),
            signals,
            waiting_supervisor: false,
            waiting_scripts: false,
            told_lost: 0,
            renewed: false,
        })
    }

    /// Logs a line.
    pub fn log(&mut self, line: Line) {
        self.supervisor.log(line);
    }

    /// The next order that a signal gives; what is the supervisor's business is handed on.
    pub fn signal(&mut self) -> Option<Order> {
        while let Ok(Some(signal)) = self.signals.read() {
            match Wish::of_signal(signal.number) {
                Some(Wish::Stop) => return Some(Order::Stop { keep: self.supervisor.keep() }),
                Some(wish) => self.supervisor.wish(wish),
                None => {
                    let keyword = self.supervisor.part().cpu_limit();
                    self.log(Line::warning(format!(
                        "SIGXCPU received - the limit of CPU time ({keyword}) may be too small"
                    )));
                }
            }
        }
        None
    }

    /// The next order of the supervisor, until it has none. `stopping`: configurations count no longer.
    pub fn order(&mut self, poll: &mut Poll, stopping: bool) -> Option<Order> {
        self.supervisor.flush();
        loop {
            let received = match self.supervisor.receive() {
                Ok(Some(received)) => received,
                Ok(None) => return None,
                // The supervisor died. The kernel sends SIGTERM for that, too.
                Err(_) => {
                    self.supervisor.disconnect();
                    return Some(Order::Stop { keep: self.supervisor.keep() });
                }
            };
            match (received.message, received.fd) {
                (ToEngine::Configure { generation }, Some(fd)) => {
                    if let Some(model) = self.configuration(generation, fd, stopping) {
                        return Some(Order::Configure { generation, model });
                    }
                }
                (ToEngine::Scripts, Some(fd)) => self.connect_scripts(poll, fd),
                (ToEngine::Snapshot { request, clear }, _) => {
                    return Some(Order::Snapshot { request, clear });
                }
                (ToEngine::Stop { keep }, _) => return Some(Order::Stop { keep }),
                (ToEngine::Configure { .. } | ToEngine::Scripts, None) => {
                    self.log(Line::error("A message of the supervisor lacks its descriptor"));
                }
            }
        }
    }

    fn configuration(&mut self, generation: u64, fd: OwnedFd, stopping: bool) -> Option<Arc<Model>> {
        if stopping {
            return None;
        }
        self.log(Line::info("Reloading"));
        // The supervisor has loaded the same bytes.
        load(self.supervisor.part(), fd)
            .map_err(|Failure { message, .. }| {
                self.log(Line::error(format!("The configuration cannot be used: {message}")));
                self.supervisor.not_configured(generation);
            })
            .ok()
    }

    fn connect_scripts(&mut self, poll: &mut Poll, fd: OwnedFd) {
        let socket = Socket::from(fd);
        if let Err(e) = poll.add(&socket, token::SCRIPTS, Interest::READ) {
            self.log(Line::error(e.to_string()));
        }
        self.waiting_scripts = false;
        self.scripts.connect(socket);
    }

    /// Sends what has waited for the end of the turn, and waits for room in a channel only while something waits
    /// for it.
    ///
    /// # Errors
    /// The poll set fails, which nothing can repair.
    pub fn watch(&mut self, poll: &mut Poll) -> Result<(), OsError> {
        let Self { supervisor, scripts, waiting_supervisor, waiting_scripts, .. } = self;
        supervisor.flush();
        let channels = [
            (supervisor.fd(), token::SUPERVISOR, supervisor.is_waiting(), waiting_supervisor),
            (scripts.fd(), token::SCRIPTS, scripts.is_waiting(), waiting_scripts),
        ];
        for (fd, token, waiting, watched) in channels {
            if let Some(fd) = fd.filter(|_| waiting != *watched) {
                let interest = if waiting { Interest::BOTH } else { Interest::READ };
                poll.modify(fd, token, interest)?;
                *watched = waiting;
            }
        }
        Ok(())
    }

    /// A configuration is in force.
    pub fn configured(&mut self, generation: u64) {
        self.supervisor.configured(generation);
        self.renewed = true;
    }

    /// The turn is over: what had to be done is done. Whether a configuration came into force in it: what that
    /// was made from, and the one before, has then been given back to the system.
    pub fn end_turn(&mut self) -> bool {
        self.tell_lost();
        let renewed = std::mem::take(&mut self.renewed);
        if renewed {
            heap::trim();
        }
        renewed
    }

    /// Tells of notifications that were lost since the last call.
    fn tell_lost(&mut self) {
        let lost = self.scripts.lost();
        if lost > self.told_lost {
            let n = lost - std::mem::replace(&mut self.told_lost, lost);
            self.log(Line::warning(format!(
                "{n} notifications were lost since the scripts process does not keep up"
            )));
        }
    }
}
