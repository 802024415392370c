//! The vrrp process of a node: an engine, and the queues that a real process has in front of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use base::{IfName, Instant, Name};
use engine::Engine;
use engine::facts::{KernelDump, KernelEvent};
use engine::io::{OpError, OpId, Outcome, RunId, SocketId, SocketKind, SocketSpec};
use engine::lvs::table::{SyncHalf, SyncSettings};
use model::Model;
use wire::vrrp::peek_vrid;

use crate::node::NodeId;

/// How many datagrams fit into a socket that nobody reads.
const ROOM: usize = 1_000;

/// How many news fit into the kernel's queue.
const NEWS: usize = 10_000;

/// A datagram on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// From whom; `None` for strangers.
    pub from: Option<NodeId>,
    /// The source address that it shows.
    pub source: IpAddr,
    /// Its destination.
    pub destination: IpAddr,
    /// 112 or 51.
    pub protocol: u8,
    /// Its TTL or hop limit.
    pub hop_limit: u8,
    /// A whole IPv4 packet, or the payload of an IPv6 one.
    pub bytes: Rc<[u8]>,
    /// When it was sent.
    pub sent: Instant,
    /// Whether it is what its sender sent (and a stranger's is a valid advert).
    pub valid: bool,
}

/// What the kernel tells, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// A change.
    Changed(KernelEvent),
    /// Changes were lost.
    Lost,
    /// Everything there is.
    Dump(KernelDump),
    /// An operation was answered.
    Done(OpId, Result<(), OpError>),
    /// The halves of the sync daemon that run.
    SyncRead(BTreeMap<SyncHalf, SyncSettings>),
}

/// What the supervisor wants.
#[derive(Clone, Debug)]
pub enum Order {
    /// A new configuration.
    Reload(Arc<Model>),
    /// Stop.
    Stop,
}

/// An open socket.
#[derive(Clone, Debug)]
pub struct Socket {
    /// What kind.
    pub spec: SocketSpec,
    /// The name of the interface that it is bound to, which may be gone meanwhile.
    pub link: Option<IfName>,
    /// What waits.
    pub queue: VecDeque<Datagram>,
}

impl Socket {
    /// Whether the kernel would put `datagram` into this socket.
    fn takes(&self, link: base::IfIndex, datagram: &Datagram, holds: impl Fn(IpAddr) -> bool) -> bool {
        let for_us = match self.spec.kind {
            SocketKind::Multicast { group } => group == datagram.destination,
            SocketKind::Unicast { source, .. } => source == datagram.destination && holds(source),
        };
        let wanted = |vrid: u8| self.spec.vrids.is_empty() || self.spec.vrids.iter().any(|v| v.get() == vrid);
        self.spec.protocol == datagram.protocol
            && self.spec.link.is_none_or(|bound| bound == link)
            && for_us
            && peek_vrid(base::Family::of(&datagram.source), &datagram.bytes).map_or(true, wanted)
    }
}

/// The process.
#[derive(Debug)]
pub struct Process {
    /// The engine.
    pub engine: Engine,
    /// Its sockets.
    pub sockets: BTreeMap<SocketId, Socket>,
    /// What the kernel told and nobody read.
    pub(crate) news: VecDeque<News>,
    /// Results of scripts.
    pub(crate) results: VecDeque<(RunId, Outcome)>,
    /// Numbers in files, by the name of the `track_file`.
    pub(crate) files: VecDeque<(Name, i32)>,
    /// What the supervisor wants.
    pub(crate) orders: VecDeque<Order>,
    /// Operations and sockets that were asked for and not answered.
    pub(crate) unanswered: BTreeSet<OpId>,
    /// Answers that go back in the same turn.
    pub(crate) at_once: VecDeque<(OpId, Result<(), OpError>)>,
    /// Which script each run is of, by the name of its tracker.
    pub(crate) runs: BTreeMap<RunId, Name>,
    /// Whether the first dump was heard.
    pub(crate) primed: bool,
    /// Dumps that are on their way.
    pub(crate) dumps: u32,
    pub(crate) stopping: bool,
    pub(crate) stopped: bool,
    /// News are lost until then.
    pub(crate) deaf_until: Option<Instant>,
    /// How often it was told that news are lost, and whether no listing came since.
    pub(crate) losses: u64,
    pub(crate) unlisted: bool,
    /// News vanish until then.
    pub(crate) missing_until: Option<Instant>,
    /// Since when, in the time of the world, it misses what vanished, and how much did.
    pub(crate) missed: Option<Instant>,
    pub(crate) vanished: u64,
}

impl Process {
    /// A process that has looked at nothing yet.
    #[must_use]
    pub fn new(model: Arc<Model>, local: Instant) -> Self {
        Self {
            engine: Engine::new(model, local),
            sockets: BTreeMap::new(),
            news: VecDeque::new(),
            results: VecDeque::new(),
            files: VecDeque::new(),
            orders: VecDeque::new(),
            unanswered: BTreeSet::new(),
            at_once: VecDeque::new(),
            runs: BTreeMap::new(),
            primed: false,
            dumps: 1,
            stopping: false,
            stopped: false,
            deaf_until: None,
            losses: 0,
            unlisted: false,
            missing_until: None,
            missed: None,
            vanished: 0,
        }
    }

    /// Whether nothing waits in a queue, nothing is being read, nothing was missed, and every operation was
    /// answered.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.dumps == 0
            && !self.unlisted
            && self.missed.is_none()
            && self.news.is_empty()
            && self.results.is_empty()
            && self.files.is_empty()
            && self.orders.is_empty()
            && self.unanswered.is_empty()
            && self.sockets.values().all(|s| s.queue.is_empty())
    }

    /// How often a check script runs now.
    pub(crate) fn running(&self, name: &Name) -> usize {
        let ended = |run: &RunId| self.results.iter().any(|(known, _)| known == run);
        self.runs.iter().filter(|(run, of)| *of == name && !ended(run)).count()
    }

    /// A datagram arrives on an interface of its host; whether some socket took it.
    pub(crate) fn arrive(
        &mut self,
        link: base::IfIndex,
        datagram: &Datagram,
        holds: impl Fn(IpAddr) -> bool,
    ) -> bool {
        let mut taken = false;
        for socket in self.sockets.values_mut() {
            if socket.queue.len() < ROOM && socket.takes(link, datagram, &holds) {
                socket.queue.push_back(datagram.clone());
                taken = true;
            }
        }
        taken
    }

    /// It is told that news were lost.
    pub(crate) fn lose(&mut self) {
        if self.news.back() != Some(&News::Lost) {
            self.news.push_back(News::Lost);
            self.losses += 1;
        }
        self.unlisted = true;
    }

    /// The kernel tells of a change at `now`.
    pub(crate) fn tell(&mut self, now: Instant, event: KernelEvent) {
        if self.missing_until.is_some_and(|until| now < until) {
            self.missed = self.missed.or(Some(now));
            self.vanished += 1;
            return;
        }
        if self.deaf_until.is_some_and(|until| now < until) || self.news.len() >= NEWS {
            self.lose();
            return;
        }
        self.news.push_back(News::Changed(event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_script_runs_until_its_end_is_in_the_queue() {
        let mut process = Process::new(Arc::new(Model::default()), Instant::ZERO);
        let (name, other) = (Name::from("check"), Name::from("other"));
        assert_eq!(process.running(&name), 0);
        process.runs.extend([(RunId(1), name.clone()), (RunId(2), other)]);
        assert_eq!(process.running(&name), 1);
        process.results.push_back((RunId(1), Outcome::Exited(0)));
        assert_eq!(process.running(&name), 0);
    }
}
