//! One turn of a process: the daemon's reactor, in the same order.

use std::rc::Rc;
use std::sync::Arc;

use base::{Family, IfName, Instant, Machine, Vrid};
use engine::io::{Effect, Event, Input, OpError, Outcome, RunId, SocketId, SocketKind};
use model::{InstanceId, Model, Tracker, TrackerId, TrackerSource};
use vrrp::config::Peers;
use wire::Packet;
use wire::vrrp::{Envelope, decode};

use super::{Action, World, numbers};
use crate::host::errno;
use crate::lan::between;
use crate::node::NodeId;
use crate::observe::{Advert, Heard, What};
use crate::process::{Datagram, News, Order, Process, Socket};
use crate::reading::{Meaning, addressee, meaning};

/// No input calls for more than that.
const MOST_EFFECTS: u32 = 20_000;

/// A turn in progress.
struct Turn {
    id: NodeId,
    /// What the node's clock shows.
    local: Instant,
    inputs: u32,
    effects: u32,
    /// The configuration whose ids the effects are in.
    model: Arc<Model>,
}

impl World {
    /// Hears the supervisor, the network, the kernel and the scripts process; then lets the engine do
    /// what is due.
    pub(super) fn turn(&mut self, id: NodeId) {
        let local = self.nodes[id.0].clock.local(self.now);
        let Some(mut process) = self.nodes[id.0].process.take() else { return };
        let model = process.engine.model().clone();
        let mut turn = Turn { id, local, inputs: 0, effects: 0, model };
        let p = &mut process;
        while let Some(order) = p.orders.pop_front() {
            self.obey(&mut turn, p, order);
        }
        for socket in p.sockets.keys().copied().collect::<Vec<_>>() {
            self.hear_network(&mut turn, p, socket);
        }
        while let Some(news) = p.news.pop_front() {
            self.hear_kernel(&mut turn, p, news);
        }
        while let Some((run, outcome)) = p.results.pop_front() {
            let name = p.runs.remove(&run);
            let model = p.engine.model();
            let tracker = name.and_then(|name| tracker_named(model, &name, is_script));
            self.see(Some(id), What::Checked { tracker, outcome });
            self.feed(&mut turn, p, Input::Checked { run, outcome });
        }
        while let Some((name, value)) = p.files.pop_front() {
            if let Some(tracker) = tracker_named(p.engine.model(), &name, is_file) {
                self.feed(&mut turn, p, Input::File { tracker, value });
            }
        }
        if p.engine.poll_timeout().is_some_and(|at| at <= local) {
            turn.inputs += 1;
            p.engine.handle_timeout(local);
            self.drain(&mut turn, p);
            if let Some(at) = p.engine.poll_timeout().filter(|at| *at <= local) {
                let late = local.since(at);
                self.see(
                    Some(id),
                    What::Broken(format!("a deadline is over since {late} after its timeout")),
                );
                // It would never end.
                process.stopped = true;
            }
        }
        self.see(Some(id), What::Turn { inputs: turn.inputs, effects: turn.effects });
        let stopped = process.stopped;
        self.nodes[id.0].process = Some(process);
        if stopped {
            self.end(id, true);
        } else {
            self.wake_at_deadline(id);
        }
    }

    fn obey(&mut self, turn: &mut Turn, p: &mut Process, order: Order) {
        match order {
            Order::Reload(_) if p.stopping => {}
            Order::Reload(model) => {
                self.feed(turn, p, Input::Reload(model.clone()));
                // The scripts process reads the files of the new configuration.
                p.files.extend(numbers(&self.nodes[turn.id.0], &model));
            }
            Order::Stop if std::mem::replace(&mut p.stopping, true) => {}
            Order::Stop => self.feed(turn, p, Input::Stop { keep: false }),
        }
    }

    fn hear_network(&mut self, turn: &mut Turn, p: &mut Process, socket: SocketId) {
        let Some(waiting) = p.sockets.get_mut(&socket).map(|s| std::mem::take(&mut s.queue)) else { return };
        for datagram in waiting {
            turn.inputs += 1;
            let (to, meaning) = read(turn, p, socket, &datagram);
            self.see(Some(turn.id), What::Heard(heard(&datagram, to, meaning)));
            let Datagram { source, destination, hop_limit, bytes, .. } = &datagram;
            let datagram = vrrp::io::Datagram {
                source: *source,
                destination: *destination,
                hop_limit: Some(*hop_limit),
                bytes,
            };
            p.engine.handle_input(turn.local, Input::Datagram { socket, datagram });
            // What comes of it is seen before the next one.
            self.drain(turn, p);
        }
    }

    fn hear_kernel(&mut self, turn: &mut Turn, p: &mut Process, news: News) {
        let input = match news {
            News::Dump(dump) => {
                p.primed = true;
                Input::Dump(dump)
            }
            // What happens before the first dump is in it.
            News::Changed(_) if !p.primed => return,
            News::Changed(event) => Input::Kernel(event),
            News::Lost => Input::Overrun,
            News::SyncRead(runs) => Input::SyncRead(Ok(runs)),
            News::Done(op, result) => {
                p.unanswered.remove(&op);
                Input::Done { op, result }
            }
        };
        self.feed(turn, p, input);
    }

    fn feed(&mut self, turn: &mut Turn, p: &mut Process, input: Input<'_>) {
        turn.inputs += 1;
        p.engine.handle_input(turn.local, input);
        self.drain(turn, p);
    }

    fn drain(&mut self, turn: &mut Turn, p: &mut Process) {
        loop {
            while let Some(effect) = p.engine.poll_output() {
                turn.effects += 1;
                if turn.effects > MOST_EFFECTS {
                    let text = format!("more than {MOST_EFFECTS} effects in one turn");
                    self.see(Some(turn.id), What::Broken(text));
                    p.stopped = true;
                    return;
                }
                self.interpret(turn, p, effect);
            }
            let Some((op, result)) = p.at_once.pop_front() else { return };
            p.unanswered.remove(&op);
            p.engine.handle_input(turn.local, Input::Done { op, result });
        }
    }

    fn interpret(&mut self, turn: &mut Turn, p: &mut Process, effect: Effect) {
        let id = turn.id;
        match effect {
            Effect::OpenSocket { op, socket, spec } => {
                self.expect_new(id, p, op);
                let node = &mut self.nodes[id.0];
                let missing = spec.link.is_some_and(|link| !node.host.links.contains_key(&link));
                let result = if node.socketless > 0 {
                    node.socketless -= 1;
                    Err(errno::ENOMEM)
                } else if missing {
                    Err(errno::ENODEV)
                } else {
                    let queue = std::collections::VecDeque::new();
                    let link = spec.link.and_then(|index| node.host.links.get(&index)).map(|l| l.name);
                    p.sockets.insert(socket, Socket { spec, link, queue });
                    Ok(())
                };
                let result = result.map_err(|errno| OpError { errno, message: "".into() });
                p.at_once.push_back((op, result));
            }
            Effect::CloseSocket(socket) => {
                if p.sockets.remove(&socket).is_none() {
                    self.see(Some(id), What::Broken(format!("{socket:?} is closed and was not open")));
                }
            }
            Effect::Send { socket, destination, packet } => self.send(turn, p, socket, destination, &packet),
            Effect::Frame { link, frame } => self.frame(id, link, &frame),
            Effect::Kernel { op, operation } => {
                self.expect_new(id, p, op);
                self.see(Some(id), What::Wanted { op, operation: operation.clone() });
                let span = between(self.pace.operation, &mut self.rng);
                let node = &mut self.nodes[id.0];
                node.busy_until = node.busy_until.max(self.now) + span;
                node.operations.push_back((op, operation));
                let (at, life) = (node.busy_until, node.life);
                self.push(at, Action::Kernel(id, life));
            }
            Effect::Resync => {
                p.dumps += 1;
                let at = self.now + between(self.pace.dump, &mut self.rng);
                let life = self.nodes[id.0].life;
                self.push(at, Action::Dump(id, life));
            }
            Effect::ReadSync => {
                // The thread that reads does one thing after the other.
                let span = between(self.pace.operation, &mut self.rng);
                let node = &mut self.nodes[id.0];
                node.busy_until = node.busy_until.max(self.now) + span;
                let (at, life) = (node.busy_until, node.life);
                self.push(at, Action::ReadSync(id, life));
            }
            Effect::Check { run, command, timeout } => {
                let node = &self.nodes[id.0];
                // A new configuration asks for its scripts before it is told that it is in force.
                let file = node.models.get(node.model).unwrap_or(&turn.model);
                let runs_it =
                    |t: &&Tracker| matches!(&t.source, TrackerSource::Script(s) if s.command == command);
                let of = |model: &'_ Arc<Model>| model.trackers.iter().filter(runs_it).count();
                let named = turn.model.trackers.iter().chain(&file.trackers).find(runs_it);
                let source = named.and_then(|t| node.scripts.get(&t.name)).copied().unwrap_or_default();
                // N2: no check script runs twice at once, but several may run the same command.
                let most = of(&turn.model).max(of(file));
                let runs = named.map_or(0, |t| p.running(&t.name));
                p.runs.extend(named.map(|t| (run, t.name.clone())));
                let (outcome, takes) = if source.takes >= timeout {
                    (Outcome::TimedOut, timeout)
                } else {
                    (source.outcome, source.takes)
                };
                let life = node.life;
                self.push(self.now + takes, Action::ScriptEnds(id, life, run, outcome));
                if runs > 0 && runs >= most {
                    let text = format!("N2: {:?} is started while it still runs", command.text);
                    self.see(Some(id), What::Broken(text));
                }
            }
            Effect::CancelCheck(run) => self.cancel(id, p, run),
            Effect::Notify(notification) => self.see(Some(id), What::Notified(notification)),
            Effect::Fifo { fifo, line } => self.see(Some(id), What::Fifo(fifo, line)),
            Effect::Mail(mail) => self.see(Some(id), What::Mailed(mail)),
            Effect::Event(event) => {
                let reloaded = event == Event::Reloaded;
                self.see(Some(id), What::Event(event));
                if reloaded {
                    turn.model = p.engine.model().clone();
                    self.see(Some(id), What::Configured(turn.model.clone()));
                }
            }
            Effect::Stopped => p.stopped = true,
        }
    }

    fn expect_new(&mut self, id: NodeId, p: &mut Process, op: engine::io::OpId) {
        if !p.unanswered.insert(op) {
            self.see(Some(id), What::Broken(format!("{op:?} is used twice")));
        }
    }

    /// A cancelled run is answered all the same; one that ends at this moment has answered already.
    fn cancel(&mut self, id: NodeId, p: &mut Process, run: RunId) {
        p.runs.remove(&run);
        if p.results.iter().any(|(known, _)| *known == run) {
            return;
        }
        let cancelled = |s: &super::Scheduled| matches!(s.action, Action::ScriptEnds(node, _, known, _) if node == id && known == run);
        let waits = self.queue.iter().any(|s| cancelled(&s.0));
        if waits {
            self.queue.retain(|s| !cancelled(&s.0));
            p.results.push_back((run, Outcome::Signaled(9)));
        }
    }

    fn send(
        &mut self,
        turn: &Turn,
        p: &mut Process,
        socket: SocketId,
        destination: std::net::IpAddr,
        packet: &Packet,
    ) {
        let id = turn.id;
        let Some((spec, bound)) = p.sockets.get(&socket).map(|s| (s.spec.clone(), s.link)) else {
            self.see(Some(id), What::Broken(format!("an advert goes to {socket:?}, which is not open")));
            return;
        };
        let host = &self.nodes[id.0].host;
        let family = Family::of(&destination);
        // The interface that it leaves through.
        let link = match spec.link {
            Some(index) => host.links.get(&index).map(|l| l.name),
            None => self.route(id, destination),
        };
        let (source, hop_limit, message, sequence) = match (family, spec.kind) {
            (Family::V4, _) => match Envelope::open(packet) {
                Ok(envelope) => {
                    let hop_limit = packet.get(8).copied().unwrap_or(0);
                    let sequence = envelope.ah.map(|ah| ah.sequence);
                    (Some(envelope.path().src()), hop_limit, envelope.message().to_vec(), sequence)
                }
                Err(e) => {
                    self.see(Some(id), What::Broken(format!("an advert that cannot be read: {e:?}")));
                    return;
                }
            },
            (Family::V6, SocketKind::Unicast { source, hop_limit }) => {
                (Some(source), hop_limit.unwrap_or(64), packet.to_vec(), None)
            }
            (Family::V6, SocketKind::Multicast { .. }) => {
                (spec.link.and_then(|l| host.link_local(l)), 255, packet.to_vec(), None)
            }
        };
        let advert = match decode(family, &message) {
            Ok(advert) => advert,
            Err(e) => {
                self.see(Some(id), What::Broken(format!("an advert that cannot be read: {e:?}")));
                return;
            }
        };
        let Some(source) = source else { return };
        if let Some(vrid) = Vrid::new(advert.vrid()) {
            let instance = turn.model.instances.iter().position(|i| {
                i.protocol.vrid == vrid
                    && i.protocol.family == family
                    && (i.link.is_none() || i.link == bound.or(link))
                    && match &i.protocol.peers {
                        Peers::Multicast(group) => *group == destination,
                        Peers::Unicast { peers, .. } => peers.iter().any(|peer| peer.address == destination),
                    }
            });
            let what = Advert {
                instance: instance.map(InstanceId::from_index),
                link,
                source,
                destination,
                version: advert.version(),
                vrid,
                priority: advert.priority(),
                sequence,
            };
            self.see(Some(id), What::Advert(what));
        }
        let Some(link) = link else { return };
        let datagram = Rc::new(Datagram {
            from: Some(id),
            source,
            destination,
            protocol: spec.protocol,
            hop_limit,
            bytes: packet.as_slice().into(),
            sent: self.now,
            valid: true,
        });
        self.nodes[id.0].last_sent = Some(datagram.clone());
        self.transmit(id, link, &datagram);
    }

    /// Where a unicast packet leaves: through the interface whose network it is in.
    fn route(&self, id: NodeId, destination: std::net::IpAddr) -> Option<IfName> {
        let host = &self.nodes[id.0].host;
        let near = host.addresses.iter().find(|h| h.facts.net.contains(&destination))?;
        host.links.get(&near.facts.link).map(|l| l.name)
    }

    pub(super) fn transmit(&mut self, id: NodeId, link: IfName, datagram: &Rc<Datagram>) {
        let up = self.nodes[id.0].host.named(link).is_some_and(|l| l.up && l.running);
        if !up {
            return;
        }
        let mut arrivals = Vec::new();
        self.lan.deliveries(self.now, (id, link), &mut self.rng, |to, at| arrivals.push((to, at)));
        for ((node, link), at) in arrivals {
            self.push(at, Action::Arrive(node, link, datagram.clone()));
        }
    }

    fn frame(&mut self, id: NodeId, link: base::IfIndex, frame: &[u8]) {
        let Some(facts) = self.nodes[id.0].host.links.get(&link).cloned() else { return };
        let told = match wire::arp::parse(frame) {
            Ok(arp) => Some((arp.sender_ip.into(), arp.sender_mac)),
            Err(_) => wire::ndisc::parse(frame).ok().and_then(|na| Some((na.target.into(), na.target_mac?))),
        };
        let Some((address, mac)) = told else {
            self.see(Some(id), What::Broken("a frame that cannot be read".into()));
            return;
        };
        self.see(Some(id), What::Announced { link: facts.name, address, mac });
        if !(facts.up && facts.running) {
            return;
        }
        if let Some((segment, at)) = self.lan.to_hosts(self.now, (id, facts.name), &mut self.rng) {
            self.push(at, Action::Learn(segment, address, mac));
        }
    }
}

/// Who a datagram is for, and what it must mean to it.
fn read(
    turn: &Turn,
    p: &Process,
    socket: SocketId,
    datagram: &Datagram,
) -> (Option<InstanceId>, Option<Meaning>) {
    let Some(socket) = p.sockets.get(&socket) else { return (None, None) };
    let to = addressee(&turn.model, socket, datagram);
    let instance = to.and_then(|id| Some((id, turn.model.instances.get(id.index())?)));
    (to, instance.and_then(|(id, of)| meaning(of, p.engine.source(id), datagram)))
}

const fn is_file(source: &TrackerSource) -> bool {
    matches!(source, TrackerSource::File(_))
}

const fn is_script(source: &TrackerSource) -> bool {
    matches!(source, TrackerSource::Script(_))
}

fn tracker_named(model: &Model, name: &str, kind: fn(&TrackerSource) -> bool) -> Option<TrackerId> {
    let at = model.trackers.iter().position(|t| kind(&t.source) && *t.name == *name);
    at.map(TrackerId::from_index)
}

fn heard(datagram: &Datagram, to: Option<InstanceId>, meaning: Option<Meaning>) -> Heard {
    let family = Family::of(&datagram.source);
    let read = |message: &[u8]| decode(family, message).ok().map(|a| (a.vrid(), a.priority()));
    let told = match family {
        Family::V4 => Envelope::open(&datagram.bytes).ok().and_then(|e| read(e.message())),
        Family::V6 => read(&datagram.bytes),
    };
    Heard {
        from: datagram.from,
        source: datagram.source,
        vrid: told.map(|(vrid, _)| vrid),
        priority: told.map(|(_, priority)| priority),
        sent: datagram.sent,
        valid: datagram.valid,
        to,
        meaning,
    }
}
