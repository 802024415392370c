//! A kernel, a clock and a log: the third interpreter of effects, for tests only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Duration, Family, IfIndex, Instant, Machine, Priority, Vrid};
use model::{InstanceId, Model, Route};
use vrrp::config::Version;
use vrrp::io::{Datagram, State};
use wire::vrrp::{AdvertSpec, Endpoints, Envelope, Interval, Stamp, decode, encode};

use super::build::*;
use crate::Engine;
use crate::facts::{AddressFacts, KernelDump, KernelEvent, LinkFacts, RouteFacts};
use crate::io::{Effect, Event, Input, OpError, OpId, Operation, Outcome, RunId, SocketId, SocketSpec};
use crate::lvs::table::{SyncHalf, SyncSettings};

/// When the kernel tells of a change that we asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Echo {
    /// Before it answers.
    Before,
    /// Just after it answered.
    After,
    /// Only when the test says so.
    Late,
}

/// What waits to be handed to the engine.
#[derive(Debug)]
enum Reply {
    Done(OpId, Result<(), OpError>),
    /// The oldest of the kernel's news.
    News,
    Dump,
    Sync,
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Instant,
    pub(super) links: BTreeMap<IfIndex, LinkFacts>,
    pub(super) addresses: Vec<AddressFacts>,
    pub(super) routes: Vec<RouteFacts>,
    pub(super) sync: BTreeMap<SyncHalf, SyncSettings>,
    pub(super) sockets: BTreeMap<SocketId, SocketSpec>,
    pub(super) runs: Vec<RunId>,
    /// What the engine wanted, in order, and when.
    pub(super) trace: Vec<(Instant, String)>,
    /// Operations whose text holds this fail so often with this number.
    pub(super) failures: Vec<(String, i32, u32)>,
    pub(super) echo: Echo,
    /// Nothing is answered while this holds.
    pub(super) silent: bool,
    pub(super) late: VecDeque<KernelEvent>,
    pub(super) stopped: bool,
    /// So many dumps never come.
    pub(super) dumpless: u32,
    replies: VecDeque<Reply>,
    answered: u64,
    /// The kernel gives each interface a number that none had before.
    pub(super) next_index: u32,
}

impl World {
    /// eth0 with 192.0.2.1/24 and fe80::1/64, eth1 with 198.51.100.1/24.
    pub(super) fn new(model: Model) -> Self {
        let now = Instant::from_nanos(1_000_000_000_000);
        let links = [link(2, "eth0"), link(3, "eth1")];
        Self {
            engine: Engine::new(Arc::new(model), now),
            now,
            links: links.into_iter().map(|l| (l.index, l)).collect(),
            // The kernel tells who added an address if it wasn't the user: 3 is the kernel itself.
            addresses: vec![
                on_link(2, "192.0.2.1/24", None),
                on_link(2, "fe80::1/64", Some(3)),
                on_link(3, "198.51.100.1/24", None),
            ],
            routes: Vec::new(),
            sync: BTreeMap::new(),
            sockets: BTreeMap::new(),
            runs: Vec::new(),
            trace: Vec::new(),
            failures: Vec::new(),
            echo: Echo::After,
            silent: false,
            late: VecDeque::new(),
            stopped: false,
            dumpless: 0,
            replies: VecDeque::new(),
            answered: 0,
            next_index: 4,
        }
    }

    /// A world that has started.
    pub(super) fn started(model: Model) -> Self {
        let mut world = Self::new(model);
        world.boot();
        world
    }

    pub(super) fn boot(&mut self) {
        self.replies.push_back(Reply::Dump);
        self.settle();
    }

    /// A world in which everybody who can be is MASTER; what happened so far is forgotten.
    pub(super) fn masters(model: Model) -> Self {
        let mut world = Self::started(model);
        world.run(secs(10));
        for id in 0..world.engine.model().instances.len() {
            assert_eq!(world.engine.state(InstanceId::from_index(id)), Some(State::Master));
        }
        world.trace.clear();
        world
    }

    /// As [`input`](Self::input) in the midst of a turn: timers may be due.
    pub(super) fn input_only(&mut self, input: Input<'_>) {
        self.engine.handle_input(self.now, input);
        while let Some(effect) = self.engine.poll_output() {
            self.carry_out(effect);
        }
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.engine.handle_input(self.now, input);
        self.settle();
    }

    /// The kernel tells of something; its news stay in order.
    pub(super) fn kernel(&mut self, event: KernelEvent) {
        let waits = !self.late.is_empty();
        self.late.push_back(event);
        if self.silent {
            self.replies.push_back(Reply::News);
        } else if !waits {
            self.deliver();
        }
    }

    /// Carries out effects and hands over answers until nothing is left.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some(effect) = self.engine.poll_output() {
                self.carry_out(effect);
            }
            let next = self.engine.poll_timeout();
            assert!(next.is_none_or(|at| at > self.now), "a deadline at {next:?}, now {:?}", self.now);
            if self.silent {
                return;
            }
            let Some(reply) = self.replies.pop_front() else { return };
            let input = match reply {
                Reply::Done(op, result) => {
                    self.answered += 1;
                    Input::Done { op, result }
                }
                Reply::News => match self.late.pop_front() {
                    Some(event) => Input::Kernel(event),
                    None => continue,
                },
                Reply::Dump => {
                    // No news from before a dump come after it.
                    if let Some(event) = self.late.pop_front() {
                        self.replies.push_front(Reply::Dump);
                        self.engine.handle_input(self.now, Input::Kernel(event));
                        continue;
                    }
                    Input::Dump(self.dump())
                }
                Reply::Sync => Input::SyncRead(Ok(self.sync.clone())),
            };
            self.engine.handle_input(self.now, input);
        }
    }

    pub(super) fn dump(&self) -> KernelDump {
        KernelDump {
            links: self.links.values().cloned().collect(),
            addresses: self.addresses.clone(),
            routes: self.routes.clone(),
        }
    }

    /// Lets `span` pass, stopping at each deadline.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.engine.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Like [`run`](Self::run), but ends right after `wanted` was done.
    pub(super) fn run_until(&mut self, wanted: &str, span: Duration) {
        let (end, from) = (self.now + span, self.trace.len());
        while !self.trace.iter().skip(from).any(|(_, line)| line.contains(wanted)) {
            let next = self.engine.poll_timeout().filter(|at| *at <= end);
            let Some(at) = next else { panic!("{wanted} never came:\n{}", self.story()) };
            self.now = at.max(self.now);
            self.engine.handle_timeout(self.now);
            self.settle();
        }
    }

    fn name(&self, link: IfIndex) -> String {
        self.links.get(&link).map_or_else(|| format!("#{link}"), |l| l.name.to_string())
    }

    fn note(&mut self, line: String) {
        self.trace.push((self.now, line));
        let same = self.trace.iter().rev().take_while(|(at, _)| *at == self.now).take(5_000).count();
        assert!(same < 5_000, "no end in sight:\n{}", self.story());
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::OpenSocket { op, socket, spec } => {
                let line = format!("open {} {:?}", spec.protocol, spec.kind);
                let result = self.result(&line);
                self.note(line);
                if result.is_ok() {
                    self.sockets.insert(socket, spec);
                }
                self.replies.push_back(Reply::Done(op, result));
            }
            Effect::CloseSocket(socket) => {
                assert!(self.sockets.remove(&socket).is_some(), "{socket:?} is not open");
                self.note("close".into());
            }
            Effect::Send { socket, destination, packet } => {
                assert!(self.sockets.contains_key(&socket), "{socket:?} is not open");
                let family = Family::of(&destination);
                let message = match family {
                    Family::V4 => Envelope::open(&packet).unwrap().message().to_vec(),
                    Family::V6 => packet.to_vec(),
                };
                let advert = decode(family, &message).unwrap();
                let vrid = Vrid::new(advert.vrid()).unwrap();
                self.note(format!("send {vrid} priority {}", advert.priority()));
            }
            Effect::Frame { link, frame } => {
                let what = match wire::arp::parse(&frame) {
                    Ok(arp) => format!("arp {}", arp.sender_ip),
                    Err(_) => format!("na {}", wire::ndisc::parse(&frame).unwrap().target),
                };
                self.note(format!("frame {} {what}", self.name(link)));
            }
            Effect::Kernel { op, operation } => self.operation(op, &operation),
            Effect::Resync => {
                self.note("resync".into());
                match self.dumpless.checked_sub(1) {
                    Some(left) => self.dumpless = left,
                    None => self.replies.push_back(Reply::Dump),
                }
            }
            Effect::ReadSync => {
                self.note("read sync".into());
                self.replies.push_back(Reply::Sync);
            }
            Effect::Check { run, command, .. } => {
                self.runs.push(run);
                self.note(format!("check {}", command.text));
            }
            Effect::CancelCheck(run) => self.note(format!("cancel {}", run.0)),
            Effect::Notify(n) => {
                let extra = n.extra.join(" ");
                let limit = n.limit.map_or(String::new(), |l| format!(" limit {l}"));
                self.note(format!("notify {} {extra}{limit}", n.command.text));
            }
            Effect::Mail(mail) => self.note(format!("mail {} | {}", mail.subject, mail.body)),
            Effect::Fifo { fifo, line } => self.note(format!("fifo {fifo:?} {}", line.trim_end())),
            Effect::Event(event) => self.event(event),
            Effect::Stopped => {
                self.stopped = true;
                self.note("stopped".into());
            }
        }
    }

    fn event(&mut self, event: Event) {
        let model = self.engine.model().clone();
        let line = match event {
            Event::Vrrp(vrrp::io::Event::State { instance, to, .. }) => {
                format!("state {} {to:?}", model.instance_name(instance))
            }
            Event::Vrrp(vrrp::io::Event::Group { to, .. }) => format!("group {to:?}"),
            Event::Vrrp(other) => format!("vrrp {other:?}"),
            Event::Announced { .. } => return,
            other => format!("event {other:?}"),
        };
        self.note(line);
    }

    fn result(&mut self, line: &str) -> Result<(), OpError> {
        for (text, errno, times) in &mut self.failures {
            if *times > 0 && line.contains(text.as_str()) {
                *times -= 1;
                return Err(OpError { errno: *errno, message: "told to".into() });
            }
        }
        Ok(())
    }

    fn operation(&mut self, op: OpId, operation: &Operation) {
        let line = match operation {
            Operation::AddAddress { link, address, valid_lft } => {
                let lease = valid_lft.map_or(String::new(), |n| format!(" for {n} s"));
                format!("add {} {}{lease}", address.net, self.name(*link))
            }
            Operation::DelAddress { link, net, .. } => format!("del {net} {}", self.name(*link)),
            Operation::AddRoute { route, .. } => format!("add route {}", route.destination),
            Operation::DelRoute { route, .. } => format!("del route {}", route.destination),
            Operation::PromoteSecondaries { link } => format!("promote {link}"),
            Operation::StartSync(half, s) => format!("start {half:?} {} {}", s.link, s.id),
            Operation::StopSync(half, s) => format!("stop {half:?} {} {}", s.link, s.id),
        };
        let mut result = self.result(&line);
        self.note(line);
        let mut told = Vec::new();
        if result.is_ok() {
            match self.apply(operation) {
                Ok(events) => told = events,
                Err(errno) => result = Err(OpError { errno, message: "".into() }),
            }
        }
        let news = told.iter().map(|_| Reply::News);
        match self.echo {
            Echo::Before => {
                self.replies.extend(news);
                self.replies.push_back(Reply::Done(op, result));
            }
            Echo::After => {
                self.replies.push_back(Reply::Done(op, result));
                self.replies.extend(news);
            }
            Echo::Late => {
                self.replies.push_back(Reply::Done(op, result));
            }
        }
        self.late.extend(told);
    }

    /// Hands over the oldest news that the kernel kept back.
    pub(super) fn deliver(&mut self) -> bool {
        let Some(event) = self.late.pop_front() else { return false };
        self.input(Input::Kernel(event));
        true
    }

    fn apply(&mut self, operation: &Operation) -> Result<Vec<KernelEvent>, i32> {
        const ENOENT: i32 = 3;
        const ENODEV: i32 = 19;
        const ENETDOWN: i32 = 100;
        const EADDRNOTAVAIL: i32 = 99;
        match operation {
            Operation::AddAddress { link, address, valid_lft } => {
                if !self.links.contains_key(link) {
                    return Err(ENODEV);
                }
                let mut facts = on_link(link.get(), &address.net.to_string(), Some(18));
                facts.label = address.label.clone();
                facts.preferred_lft = address.preferred_lft.or(*valid_lft);
                facts.valid_lft = *valid_lft;
                facts.flags = address.flags;
                let place = |a: &AddressFacts| a.link == *link && a.net == address.net;
                match self.addresses.iter_mut().find(|a| place(a)) {
                    Some(known) => *known = facts.clone(),
                    None => self.addresses.push(facts.clone()),
                }
                Ok(vec![KernelEvent::Address(facts)])
            }
            Operation::DelAddress { link, net, .. } => {
                let at = self.addresses.iter().position(|a| a.link == *link && a.net == *net);
                let facts = self.addresses.remove(at.ok_or(EADDRNOTAVAIL)?);
                Ok(vec![KernelEvent::AddressGone(facts)])
            }
            Operation::AddRoute { route, links } => {
                let facts = route_facts(route, links);
                for link in links.iter().flatten() {
                    if !self.links.get(link).ok_or(ENODEV)?.up {
                        return Err(ENETDOWN);
                    }
                }
                if !self.routes.contains(&facts) {
                    self.routes.push(facts.clone());
                }
                Ok(vec![KernelEvent::Route(facts)])
            }
            Operation::DelRoute { route, links } => {
                let facts = route_facts(route, links);
                let at = self.routes.iter().position(|r| *r == facts).ok_or(ENOENT)?;
                Ok(vec![KernelEvent::RouteGone(self.routes.remove(at))])
            }
            Operation::StartSync(half, settings) => {
                self.sync.insert(*half, settings.clone());
                Ok(Vec::new())
            }
            Operation::StopSync(half, _) => {
                self.sync.remove(half);
                Ok(Vec::new())
            }
            Operation::PromoteSecondaries { .. } => Ok(Vec::new()),
        }
    }

    // --- what others do ---

    /// Somebody deletes an address.
    pub(super) fn foreign_delete(&mut self, text: &str) {
        let at = self.addresses.iter().position(|a| a.net == net(text)).unwrap();
        let facts = self.addresses.remove(at);
        self.kernel(KernelEvent::AddressGone(facts));
    }

    /// An interface goes down or comes up.
    pub(super) fn set_link(&mut self, n: u32, up: bool) {
        let facts = self.links.get_mut(&index(n)).unwrap();
        (facts.up, facts.running) = (up, up);
        let facts = facts.clone();
        if !up {
            // The kernel drops the routes of an interface that is switched off without a word.
            self.routes.retain(|r| r.hops.iter().all(|(_, link)| *link != Some(index(n))));
        }
        self.kernel(KernelEvent::Link(facts));
    }

    /// An interface vanishes with all that is on it.
    pub(super) fn remove_link(&mut self, n: u32) {
        self.set_link(n, false);
        let (gone, left) = std::mem::take(&mut self.addresses).into_iter().partition(|a| a.link == index(n));
        self.addresses = left;
        let gone: Vec<AddressFacts> = gone;
        for facts in gone {
            self.kernel(KernelEvent::AddressGone(facts));
        }
        self.links.remove(&index(n));
        self.addresses.retain(|a| a.link != index(n));
        self.kernel(KernelEvent::LinkGone(index(n)));
    }

    /// An interface appears.
    pub(super) fn add_link(&mut self, facts: LinkFacts, address: &str) {
        let on = on_link(facts.index.get(), address, None);
        self.links.insert(facts.index, facts.clone());
        self.kernel(KernelEvent::Link(facts));
        self.addresses.push(on.clone());
        self.kernel(KernelEvent::Address(on));
    }

    /// Another router's advert for `vrid` arrives on the socket that is for it.
    pub(super) fn hear(&mut self, vrid: u8, priority: u8, from: &str) {
        self.hear_only(vrid, priority, from);
        self.settle();
    }

    /// As [`hear`](Self::hear) in the midst of a turn.
    pub(super) fn hear_only(&mut self, vrid: u8, priority: u8, from: &str) {
        let Some(instance) = self.engine.model().instances.iter().find(|i| i.protocol.vrid.get() == vrid)
        else {
            return;
        };
        let protocol = &instance.protocol;
        let interval = match protocol.version {
            Version::V2 => Interval::Seconds(1),
            Version::V3 => Interval::Centis(100),
        };
        let path = Endpoints::multicast(ip(from));
        let packet = encode(
            &AdvertSpec {
                version: protocol.version,
                vrid: protocol.vrid,
                interval,
                addresses: &protocol.addresses,
                auth: wire::vrrp::Auth::None,
                checksum: protocol.checksum,
                path,
                ttl: 255,
            },
            Stamp { priority: Priority(priority), ip_id: 1, ah_sequence: 0 },
        )
        .unwrap();
        let Some(socket) =
            self.sockets.iter().find(|(_, s)| s.vrids.contains(&protocol.vrid)).map(|(id, _)| *id)
        else {
            return;
        };
        let datagram =
            Datagram { source: ip(from), destination: path.dst(), hop_limit: Some(255), bytes: &packet };
        self.input_only(Input::Datagram { socket, datagram });
    }

    /// The oldest run of a script ends.
    pub(super) fn finish(&mut self, status: u8) {
        let run = self.runs.remove(0);
        self.input(Input::Checked { run, outcome: Outcome::Exited(status) });
    }

    pub(super) fn reload(&mut self, model: Model) {
        self.input(Input::Reload(Arc::new(model)));
    }

    // --- what can be asked ---

    /// What was done so far, for people.
    pub(super) fn story(&self) -> String {
        let line = |(at, line): &(Instant, String)| format!("{:>15} {line}\n", at.as_nanos() / 1000);
        self.trace.iter().map(line).collect()
    }

    /// What was done so far; lines that begin with one of `kinds`.
    pub(super) fn lines(&self, kinds: &[&str]) -> Vec<&str> {
        let of = |line: &&str| kinds.iter().any(|kind| line.starts_with(kind));
        self.trace.iter().map(|(_, line)| line.as_str()).filter(of).collect()
    }

    /// When lines with `text` were done, in nanoseconds after `since`.
    pub(super) fn times(&self, text: &str, since: Instant) -> Vec<u64> {
        let of = self.trace.iter().filter(|(_, line)| line.contains(text));
        of.map(|(at, _)| at.since(since).as_nanos()).collect()
    }

    pub(super) fn state(&self, id: u32) -> State {
        self.engine.state(InstanceId(id)).unwrap()
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.addresses.iter().any(|a| a.net == net(text))
    }

    /// The kernel holds exactly what the states of the instances call for (K1), and nothing is open.
    pub(super) fn check_quiescent(&self) {
        let snapshot = self.engine.snapshot();
        assert_eq!(snapshot.operations, 0, "operations without an answer");
        let model = self.engine.model();
        for (at, instance) in model.instances.iter().enumerate() {
            let master = self.engine.state(InstanceId::from_index(at)) == Some(State::Master);
            for address in instance.addresses.iter().chain(&instance.excluded) {
                let Some(link) = self.links.values().find(|l| l.name == address.link) else { continue };
                let there = self.addresses.iter().any(|a| a.link == link.index && a.net == address.net);
                // What went with its interface comes back with it.
                if !link.up && master {
                    continue;
                }
                let name = &instance.protocol.name;
                assert_eq!(there, master, "{} of {name}:\n{}", address.net, self.story());
            }
        }
        assert_eq!(self.engine.poll_timeout().filter(|at| *at <= self.now), None);
    }
}

fn route_facts(route: &Route, links: &[Option<IfIndex>]) -> RouteFacts {
    RouteFacts {
        destination: route.destination,
        kind: route.kind,
        table: route.table,
        metric: route.metric,
        tos: route.tos,
        protocol: route.protocol,
        source: route.source,
        hops: route.hops.iter().zip(links).map(|(hop, link)| (hop.gateway, *link)).collect(),
    }
}
