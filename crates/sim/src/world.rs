//! Time and the order of things.

mod act;
mod turn;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::rc::Rc;

use base::{Duration, IfName, Instant, Mac, Machine, Rng};
use engine::facts::KernelEvent;
use engine::io::{OpError, Outcome, RunId};

use crate::fault::Fault;
use crate::lan::{Lan, SegmentId, between};
use crate::node::{Node, NodeId};
use crate::observe::{Observation, What};
use crate::process::{Datagram, News, Process};

/// How long things take on the hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// From a deadline or an input to the turn that hears of it.
    pub wake: (Duration, Duration),
    /// One kernel operation.
    pub operation: (Duration, Duration),
    /// A dump of everything.
    pub dump: (Duration, Duration),
    /// From the death of a vrrp process to the next one.
    pub restart: (Duration, Duration),
    /// How much longer than its lifetime an address lives: Linux looks at most once a second if other
    /// addresses have lifetimes, too (measured alone: 0.02 to 0.31 s).
    pub lifetime_slack: (Duration, Duration),
    /// Duplicate address detection of the host's own addresses.
    pub dad: Duration,
}

impl Pace {
    /// Unloaded machines.
    pub const FAIR: Self = Self {
        wake: (Duration::from_micros(5), Duration::from_micros(60)),
        operation: (Duration::from_micros(10), Duration::from_micros(80)),
        dump: (Duration::from_micros(50), Duration::from_micros(400)),
        restart: (Duration::from_millis(20), Duration::from_millis(900)),
        lifetime_slack: (Duration::from_millis(20), Duration::from_millis(980)),
        dad: Duration::from_millis(1_500),
    };

    /// The longest that a turn waits on a node that is not late.
    #[must_use]
    pub const fn sigma(&self) -> Duration {
        self.wake.1
    }
}

/// Something that is to happen.
#[derive(Debug)]
enum Action {
    Fault(Fault),
    Turn(NodeId),
    Arrive(NodeId, IfName, Rc<Datagram>),
    Learn(SegmentId, IpAddr, Mac),
    /// The kernel comes to the next operation of that life.
    Kernel(NodeId, u32),
    Dump(NodeId, u32),
    ReadSync(NodeId, u32),
    ScriptEnds(NodeId, u32, RunId, Outcome),
    Expire(NodeId),
    DadDone(NodeId),
    Boot(NodeId, u32),
}

#[derive(Debug)]
struct Scheduled {
    at: Instant,
    /// What was scheduled first happens first.
    number: u64,
    action: Action,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Nodes, wires, and what is to happen.
#[derive(Debug)]
pub struct World {
    now: Instant,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    nodes: Vec<Node>,
    lan: Lan,
    pace: Pace,
    rng: Rng,
    seen: Vec<Observation>,
}

impl World {
    /// A world in which nothing runs yet. Everything random in it follows from `seed`.
    #[must_use]
    pub fn new(nodes: Vec<Node>, lan: Lan, pace: Pace, seed: u64) -> Self {
        let rng = Rng::new(seed);
        let (queue, seen) = (BinaryHeap::new(), Vec::new());
        Self { now: Instant::ZERO, queue, scheduled: 0, nodes, lan, pace, rng, seen }
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node.
    ///
    /// # Panics
    /// If it is a node of another world.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// A node, to be prepared before the world begins.
    ///
    /// # Panics
    /// If it is a node of another world.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }

    /// The ids of all nodes.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The wires.
    #[must_use]
    pub const fn lan(&self) -> &Lan {
        &self.lan
    }

    /// How long things take.
    #[must_use]
    pub const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Lets something happen at `at`.
    pub fn schedule(&mut self, at: Instant, fault: Fault) {
        self.push(at, Action::Fault(fault));
    }

    /// What happened since the last call, in order.
    pub fn observed(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.seen)
    }

    /// As [`observed`](Self::observed), into a buffer whose memory is used again.
    pub fn observed_into(&mut self, buffer: &mut Vec<Observation>) {
        buffer.clear();
        std::mem::swap(&mut self.seen, buffer);
    }

    /// Does the next thing, if it is due by `until`; whether there was one. If not, it is `until` now.
    pub fn step(&mut self, until: Instant) -> bool {
        loop {
            match self.queue.peek() {
                Some(Reverse(next)) if next.at <= until => {}
                _ => {
                    self.now = self.now.max(until);
                    return false;
                }
            }
            let Some(Reverse(next)) = self.queue.pop() else { return false };
            self.now = self.now.max(next.at);
            if self.carry_out(next.action) {
                return true;
            }
        }
    }

    /// Lets everything happen up to `until`, for those who look only at the end.
    pub fn run(&mut self, until: Instant) {
        while self.step(until) {}
    }

    fn push(&mut self, at: Instant, action: Action) {
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled { at, number: self.scheduled, action }));
    }

    fn see(&mut self, node: Option<NodeId>, what: What) {
        self.seen.push(Observation { at: self.now, node, what });
    }

    /// Whether that was anything at all.
    fn carry_out(&mut self, action: Action) -> bool {
        match action {
            Action::Fault(fault) => self.act(fault),
            Action::Turn(id) => {
                // A turn that was put off or that comes anyway is not this one.
                if self.nodes[id.0].wake != Some(self.now) {
                    return false;
                }
                self.nodes[id.0].wake = None;
                if !self.nodes[id.0].is_live() {
                    return false;
                }
                self.turn(id);
            }
            Action::Arrive(id, link, datagram) => return self.arrive(id, link, &datagram),
            Action::Learn(segment, address, mac) => self.learn(segment, address, mac),
            Action::Kernel(id, life) => return self.kernel_turn(id, life),
            Action::Dump(id, life) => return self.dump(id, life),
            Action::ReadSync(id, life) => return self.read_sync(id, life),
            Action::ScriptEnds(id, life, run, outcome) => return self.script_ends(id, life, run, outcome),
            Action::Expire(id) => return self.expire(id),
            Action::DadDone(id) => {
                let news = self.nodes[id.0].host.dad_done();
                self.kernel_news(id, news);
            }
            Action::Boot(id, life) => {
                if self.nodes[id.0].life != life || self.nodes[id.0].process.is_some() {
                    return false;
                }
                self.boot(id);
            }
        }
        true
    }

    // --- when processes run ---

    /// The process of `id` has something to do at `at`: it gets a turn then, or somewhat later.
    fn wake(&mut self, id: NodeId, at: Instant) {
        let late = between(self.pace.wake, &mut self.rng);
        let lateness = self.nodes[id.0].lateness;
        let more = if lateness.is_zero() {
            Duration::ZERO
        } else {
            Duration::from_nanos(self.rng.below(lateness.as_nanos()))
        };
        let at = at.max(self.now) + late + more;
        let node = &mut self.nodes[id.0];
        if node.is_live() && node.wake.is_none_or(|known| at < known) {
            node.wake = Some(at);
            self.push(at, Action::Turn(id));
        }
    }

    /// Schedules the next turn at the engine's own deadline.
    fn wake_at_deadline(&mut self, id: NodeId) {
        let node = &self.nodes[id.0];
        let deadline = node.process.as_ref().and_then(|p| p.engine.poll_timeout());
        if let Some(at) = deadline.and_then(|local| node.clock.world(local)) {
            self.wake(id, at);
        }
    }

    fn boot(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.0];
        if !node.power || node.process.is_some() {
            return;
        }
        node.life += 1;
        node.operations.clear();
        let model = node.models[node.model].clone();
        let mut process = Process::new(model.clone(), node.clock.local(now));
        for (name, value) in numbers(node, &model) {
            process.files.push_back((name, value));
        }
        node.process = Some(process);
        let life = node.life;
        self.see(Some(id), What::Booted);
        let at = now + between(self.pace.dump, &mut self.rng);
        self.push(at, Action::Dump(id, life));
    }

    /// The process is gone; what it had asked for and the kernel had not come to is gone with it.
    fn end(&mut self, id: NodeId, orderly: bool) {
        let node = &mut self.nodes[id.0];
        if node.process.take().is_none() {
            return;
        }
        node.life += 1;
        node.operations.clear();
        node.wake = None;
        self.see(Some(id), What::Ended { orderly });
    }

    // --- what arrives ---

    fn arrive(&mut self, id: NodeId, link: IfName, datagram: &Datagram) -> bool {
        let node = &mut self.nodes[id.0];
        let Some(facts) = node.host.named(link).filter(|l| l.up && l.running) else { return false };
        let index = facts.index;
        if !node.answers() {
            return false;
        }
        let host = &node.host;
        let taken = node.process.as_mut().is_some_and(|p| p.arrive(index, datagram, |a| host.holds(None, a)));
        if taken {
            self.wake(id, self.now);
        }
        taken
    }

    fn learn(&mut self, segment: SegmentId, address: IpAddr, mac: Mac) {
        if let Some(segment) = self.lan.segments.get_mut(segment.0) {
            segment.cache.insert(address, (mac, self.now));
        }
        self.see(None, What::Learned { segment, address, mac });
    }

    /// The kernel of a node changed: whoever watches and its process are told.
    fn kernel_news(&mut self, id: NodeId, news: Vec<KernelEvent>) {
        if news.is_empty() {
            return;
        }
        let now = self.now;
        for event in news {
            if let Some(process) = &mut self.nodes[id.0].process {
                process.tell(now, event.clone());
            }
            self.see(Some(id), What::Kernel(event));
        }
        self.wake(id, now);
        self.watch_lifetimes(id);
    }

    fn watch_lifetimes(&mut self, id: NodeId) {
        let next = self.nodes[id.0].host.next_expiry();
        if next != self.nodes[id.0].expiry {
            self.nodes[id.0].expiry = next;
            if let Some(at) = next {
                self.push(at.max(self.now), Action::Expire(id));
            }
        }
    }

    fn expire(&mut self, id: NodeId) -> bool {
        // A machine that stands still keeps its addresses until it goes on.
        if !self.nodes[id.0].answers() {
            return false;
        }
        let now = self.now;
        self.nodes[id.0].expiry = None;
        let news = self.nodes[id.0].host.expire(now);
        let any = !news.is_empty();
        self.kernel_news(id, news);
        self.watch_lifetimes(id);
        any
    }

    /// The kernel carries out the oldest operation.
    fn kernel_turn(&mut self, id: NodeId, life: u32) -> bool {
        let (now, slack) = (self.now, between(self.pace.lifetime_slack, &mut self.rng));
        let node = &mut self.nodes[id.0];
        if node.life != life {
            return false;
        }
        if node.frozen {
            self.push(now + Duration::from_millis(1), Action::Kernel(id, life));
            return false;
        }
        let Some((op, operation)) = node.operations.pop_front() else { return false };
        let (times, errno) = node.failing;
        let done = if times > 0 {
            node.failing = (times - 1, errno);
            Err(errno)
        } else {
            node.host.apply(now, &operation, slack)
        };
        let (news, result) = match done {
            Ok(news) => (news, Ok(())),
            Err(errno) => (Vec::new(), Err(OpError { errno, message: "".into() })),
        };
        // The answer and the news come through different sockets: either may be heard first.
        let answer_first = self.rng.below(2) == 0;
        let answer = News::Done(op, result.clone());
        if answer_first && let Some(process) = &mut self.nodes[id.0].process {
            process.news.push_back(answer.clone());
        }
        self.see(Some(id), What::Answered { op, result });
        self.kernel_news(id, news);
        if !answer_first && let Some(process) = &mut self.nodes[id.0].process {
            process.news.push_back(answer);
        }
        self.wake(id, now);
        true
    }

    fn dump(&mut self, id: NodeId, life: u32) -> bool {
        if self.nodes[id.0].life != life {
            return false;
        }
        if !self.nodes[id.0].answers() {
            self.push(self.now + Duration::from_millis(1), Action::Dump(id, life));
            return false;
        }
        let (now, dump) = (self.now, self.nodes[id.0].host.dump(self.now));
        if let Some(process) = &mut self.nodes[id.0].process {
            process.dumps = process.dumps.saturating_sub(1);
            if process.deaf_until.is_some_and(|until| now < until) {
                // What a listing loses is told instead of it.
                process.lose();
                self.wake(id, now);
                return true;
            }
            (process.missed, process.unlisted) = (None, false);
            process.news.push_back(News::Dump(dump));
        }
        self.see(Some(id), What::Dumped);
        self.wake(id, self.now);
        true
    }

    fn read_sync(&mut self, id: NodeId, life: u32) -> bool {
        if self.nodes[id.0].life != life {
            return false;
        }
        if !self.nodes[id.0].answers() {
            self.push(self.now + Duration::from_millis(1), Action::ReadSync(id, life));
            return false;
        }
        let runs = self.nodes[id.0].host.sync_told();
        if let Some(process) = &mut self.nodes[id.0].process {
            process.news.push_back(News::SyncRead(runs));
        }
        self.see(Some(id), What::SyncRead);
        self.wake(id, self.now);
        true
    }

    fn script_ends(&mut self, id: NodeId, life: u32, run: RunId, outcome: Outcome) -> bool {
        if self.nodes[id.0].life != life {
            return false;
        }
        if let Some(process) = &mut self.nodes[id.0].process {
            process.results.push_back((run, outcome));
        }
        self.wake(id, self.now);
        true
    }
}

/// The number in each tracked file of `model`, as the scripts process tells it at a start.
fn numbers(node: &Node, model: &model::Model) -> Vec<(base::Name, i32)> {
    let files = model.trackers.iter().filter_map(|tracker| match &tracker.source {
        model::TrackerSource::File(file) => {
            let value = node.files.get(&tracker.name).copied().or(file.init).unwrap_or(0);
            Some((tracker.name.clone(), value))
        }
        _ => None,
    });
    files.collect()
}
