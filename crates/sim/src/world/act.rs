//! What comes from outside.

use std::rc::Rc;

use base::{Duration, IfName};

use super::{Action, World};
use crate::fault::{Fault, Stranger};
use crate::lan::between;
use crate::node::{NodeId, ScriptSource};
use crate::observe::What;
use crate::process::{Datagram, Order};

impl World {
    pub(super) fn act(&mut self, fault: Fault) {
        self.see(None, What::Fault(fault.clone()));
        let now = self.now;
        match fault {
            Fault::Kill(id) => self.end(id, false),
            Fault::Crash(id) => {
                if self.nodes[id.0].process.is_some() && self.nodes[id.0].power {
                    self.end(id, false);
                    let (at, life) = (now + between(self.pace.restart, &mut self.rng), self.nodes[id.0].life);
                    self.push(at, Action::Boot(id, life));
                }
            }
            Fault::Start(id) => self.boot(id),
            Fault::Stop(id) => self.order(id, Order::Stop),
            Fault::Pause(id) => self.nodes[id.0].paused = true,
            Fault::Resume(id) => {
                self.nodes[id.0].paused = false;
                self.go_on(id);
            }
            Fault::Freeze(id) => {
                let node = &mut self.nodes[id.0];
                if !node.frozen {
                    node.frozen = true;
                    node.clock.stop(now);
                }
            }
            Fault::Thaw(id) => self.thaw(id),
            Fault::PowerOff(id) => {
                self.end(id, false);
                self.nodes[id.0].power = false;
                (self.nodes[id.0].paused, self.nodes[id.0].frozen) = (false, false);
                self.nodes[id.0].clock.go(now);
                let links: Vec<IfName> = self.nodes[id.0].host.own_links().map(|(name, _)| name).collect();
                // Nothing is left of its kernel; whoever watches is told that the addresses are gone.
                for link in links {
                    let news = self.nodes[id.0].host.delete_link(link);
                    self.kernel_news(id, news);
                }
            }
            Fault::PowerOn(id) => {
                if !self.nodes[id.0].power {
                    self.nodes[id.0].power = true;
                    self.nodes[id.0].host.boot();
                    self.carriers();
                    self.boot(id);
                }
            }
            Fault::Reload { node, model } => {
                let Some(new) = self.nodes[node.0].models.get(model).cloned() else { return };
                self.nodes[node.0].model = model;
                self.order(node, Order::Reload(new));
            }
            Fault::ClockRate { node, ppm } => {
                self.nodes[node.0].clock.set_rate(now, ppm);
                self.go_on(node);
            }
            Fault::Lateness { node, most } => self.nodes[node.0].lateness = most,
            Fault::Unplug(id, link) => self.wire(|lan| lan.plug((id, link), false)),
            Fault::Plug(id, link) => self.wire(|lan| lan.plug((id, link), true)),
            Fault::Mute(id, link) => self.lan.mute((id, link), true),
            Fault::Deafen(id, link) => self.lan.deafen((id, link), true),
            Fault::Hear(id, link) => {
                self.lan.mute((id, link), false);
                self.lan.deafen((id, link), false);
            }
            Fault::Cut(from, to) => self.lan.cut(from, to, true),
            Fault::Mend(from, to) => self.lan.cut(from, to, false),
            Fault::SegmentDown(id) => self.wire(|lan| lan.segments[id.0].up = false),
            Fault::SegmentUp(id) => self.wire(|lan| lan.segments[id.0].up = true),
            Fault::Weather(id, weather) => self.lan.segments[id.0].weather = weather,
            Fault::LinkDown(id, link) => {
                let news = self.nodes[id.0].host.set_up(link, false, false);
                self.kernel_news(id, news);
            }
            Fault::LinkUp(id, link) => self.link_up(id, link),
            Fault::LinkDelete(id, link) => {
                let news = self.nodes[id.0].host.delete_link(link);
                self.kernel_news(id, news);
            }
            Fault::LinkCreate(id, link) => self.link_create(id, link),
            Fault::DeleteAddress(id, addr) => {
                let news = self.nodes[id.0].host.foreign_delete(addr);
                self.kernel_news(id, news);
            }
            Fault::AddAddress(id, link, net) => {
                let news = self.nodes[id.0].host.foreign_add(link, net);
                self.kernel_news(id, news);
            }
            Fault::DeleteRoutes(id) => {
                let news = self.nodes[id.0].host.foreign_delete_routes();
                self.kernel_news(id, news);
            }
            Fault::StopSync(id) => self.nodes[id.0].host.foreign_sync(None),
            Fault::StartSync(id, link, number) => {
                let id_of_sync = u8::try_from(number % 256).unwrap_or(0);
                self.nodes[id.0].host.foreign_sync(Some((link, id_of_sync)));
            }
            Fault::FailOperations { node, times, errno } => self.nodes[node.0].failing = (times, errno),
            Fault::FailSockets { node, times } => self.nodes[node.0].socketless = times,
            Fault::LoseNews(id, span) => {
                if let Some(process) = &mut self.nodes[id.0].process {
                    process.deaf_until = Some(now + span);
                }
            }
            Fault::MissNews(id, span) => {
                if let Some(process) = &mut self.nodes[id.0].process {
                    process.missing_until = Some(now + span);
                }
            }
            Fault::Script { node, name, outcome, takes } => {
                self.nodes[node.0].scripts.insert(name, ScriptSource { outcome, takes });
            }
            Fault::File { node, name, value } => {
                self.nodes[node.0].files.insert(name.clone(), value);
                if let Some(process) = &mut self.nodes[node.0].process {
                    process.files.push_back((name, value));
                    self.wake(node, now);
                }
            }
            Fault::Stranger(stranger) => self.stranger(&stranger),
            Fault::Replay(id) => self.replay(id),
            Fault::Heal => self.heal(),
        }
    }

    fn order(&mut self, id: NodeId, order: Order) {
        if let Some(process) = &mut self.nodes[id.0].process {
            process.orders.push_back(order);
            self.wake(id, self.now);
        }
    }

    /// A process that stood still has a turn.
    fn go_on(&mut self, id: NodeId) {
        self.nodes[id.0].wake = None;
        if self.nodes[id.0].process.as_ref().is_some_and(|p| !p.is_quiescent()) {
            self.wake(id, self.now);
        }
        self.wake_at_deadline(id);
    }

    fn thaw(&mut self, id: NodeId) {
        if !self.nodes[id.0].frozen {
            return;
        }
        self.nodes[id.0].frozen = false;
        self.nodes[id.0].clock.go(self.now);
        self.nodes[id.0].expiry = None;
        self.watch_lifetimes(id);
        self.go_on(id);
    }

    /// Changes the wires; who has a carrier follows.
    fn wire(&mut self, change: impl FnOnce(&mut crate::lan::Lan)) {
        change(&mut self.lan);
        self.carriers();
    }

    fn carriers(&mut self) {
        for id in self.ids() {
            let links: Vec<IfName> = self.nodes[id.0].host.own_links().map(|(name, _)| name).collect();
            for link in links {
                let carrier = self.lan.carrier((id, link));
                let news = self.nodes[id.0].host.set_carrier(link, carrier);
                self.kernel_news(id, news);
            }
        }
    }

    fn link_up(&mut self, id: NodeId, link: IfName) {
        if self.nodes[id.0].host.named(link).is_none_or(|l| l.up) {
            return;
        }
        let carrier = self.lan.carrier((id, link));
        let news = self.nodes[id.0].host.set_up(link, true, carrier);
        self.kernel_news(id, news);
        self.push(self.now + self.pace.dad, Action::DadDone(id));
    }

    fn link_create(&mut self, id: NodeId, link: IfName) {
        let mut news = self.nodes[id.0].host.create_link(link);
        let carrier = self.lan.carrier((id, link));
        news.extend(self.nodes[id.0].host.set_carrier(link, carrier));
        self.kernel_news(id, news);
    }

    fn stranger(&mut self, stranger: &Stranger) {
        let Some(segment) = self.lan.segments.get(stranger.segment.0) else { return };
        let is_v4 = stranger.source.is_ipv4();
        let datagram = Rc::new(Datagram {
            from: None,
            source: stranger.source,
            destination: stranger.destination,
            protocol: if is_v4 { stranger.bytes.get(9).copied().unwrap_or(112) } else { 112 },
            hop_limit: stranger.hop_limit,
            bytes: stranger.bytes.as_slice().into(),
            sent: self.now,
            valid: stranger.valid,
        });
        for (node, link) in segment.ports.clone() {
            if stranger.to.is_none_or(|to| to == node) && self.lan.carrier((node, link)) {
                let at = self.now + Duration::from_micros(30);
                self.push(at, Action::Arrive(node, link, datagram.clone()));
            }
        }
    }

    /// Somebody sends again what a node sent last, to all others and to the node itself.
    fn replay(&mut self, id: NodeId) {
        let Some(last) = self.nodes[id.0].last_sent.clone() else { return };
        let datagram = Rc::new(Datagram { from: None, valid: false, ..(*last).clone() });
        let ports: Vec<_> = self.lan.segments.iter().filter(|s| s.ports.iter().any(|p| p.0 == id)).collect();
        let ports: Vec<_> = ports.into_iter().flat_map(|s| s.ports.clone()).collect();
        for (node, link) in ports {
            if node != id && self.lan.carrier((node, link)) {
                self.push(self.now + Duration::from_micros(30), Action::Arrive(node, link, datagram.clone()));
            }
        }
    }

    fn heal(&mut self) {
        self.lan.heal();
        for id in self.ids() {
            let links: Vec<IfName> = self.nodes[id.0].host.own_links().map(|(name, _)| name).collect();
            let node = &mut self.nodes[id.0];
            node.lateness = Duration::ZERO;
            (node.failing, node.socketless) = ((0, 0), 0);
            node.scripts.clear();
            if node.clock.local(self.now).as_nanos() > 0 {
                node.clock.set_rate(self.now, 0);
            }
            let values: Vec<_> = node.files.keys().cloned().collect();
            for name in values {
                self.act(Fault::File { node: id, name, value: 0 });
            }
            self.nodes[id.0].files.clear();
            if !self.nodes[id.0].power {
                self.act(Fault::PowerOn(id));
            }
            for link in links {
                if self.nodes[id.0].host.named(link).is_none() {
                    self.link_create(id, link);
                }
                self.link_up(id, link);
            }
            self.thaw(id);
            self.nodes[id.0].paused = false;
            self.boot(id);
            self.go_on(id);
        }
        self.carriers();
    }
}
