//! What happened, in the order of time: when, who, what and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use base::{IfIndex, Instant, IpNet, Name};
use engine::facts::KernelEvent;
use engine::io::Event;
use model::Model;
use sim::observe::{Observation, What};
use sim::scenario::{Names, fault_text};
use sim::study::Record;
use sim::{NodeId, World};
use vrrp::io::State;

use super::Style;
use super::explain;
use crate::observe::{log, why};

/// Who a line is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Whoever makes the faults.
    World,
    /// A node.
    Node(usize, Name),
    /// A host beside them, which asks for the addresses.
    Hosts,
    /// A property that is broken.
    Broken,
}

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: Actor,
    /// What and why.
    pub text: String,
}

/// Makes lines of what is seen.
pub struct Teller<'a> {
    names: &'a Names,
    trace: bool,
    lines: Vec<Line>,
    /// The configurations in force, whose ids the events have.
    models: Vec<Arc<Model>>,
    virtual_addresses: Vec<IpAddr>,
    /// The virtual addresses that kernels have.
    held: BTreeSet<(NodeId, IfIndex, IpNet)>,
}

impl<'a> Teller<'a> {
    /// A teller that knows the names; with `trace` it leaves nothing out.
    pub fn new(names: &'a Names, trace: bool) -> Self {
        let (lines, models, virtual_addresses) = (Vec::new(), Vec::new(), Vec::new());
        Self { names, trace, lines, models, virtual_addresses, held: BTreeSet::new() }
    }

    /// Hears of something.
    pub fn see(&mut self, world: &World, seen: &Observation) {
        if self.models.is_empty() {
            self.models = world.nodes().iter().map(|node| node.in_force().clone()).collect();
            self.virtual_addresses = self.models.iter().flat_map(|m| m.virtual_addresses()).collect();
        }
        let actor = match seen.node {
            None => Actor::World,
            Some(id) => Actor::Node(id.0, explain::node(self.names, id)),
        };
        match &seen.what {
            What::Fault(fault) => self.say(seen.at, Actor::World, fault_text(fault, self.names)),
            What::Booted => self.say(seen.at, actor, "the daemon starts".to_owned()),
            What::Ended { orderly: true } => self.say(seen.at, actor, "the daemon has ended".to_owned()),
            What::Ended { orderly: false } => self.say(seen.at, actor, "the daemon is dead".to_owned()),
            What::Configured(model) => {
                if let Some(known) = seen.node.and_then(|id| self.models.get_mut(id.0)) {
                    *known = model.clone();
                }
                self.say(seen.at, actor, "the configuration is in force".to_owned());
            }
            What::Event(event) => self.event(seen.at, seen.node, actor, event),
            What::Kernel(event) => self.kernel(seen.at, seen.node, actor, event),
            What::Learned { address, mac, .. } if self.trace => {
                self.say(seen.at, Actor::Hosts, format!("{address} is at {mac}"));
            }
            other if self.trace => self.say(seen.at, actor, format!("{other:?}")),
            _ => {}
        }
    }

    fn say(&mut self, at: Instant, actor: Actor, text: String) {
        self.lines.push(Line { at, actor, text });
    }

    fn event(&mut self, at: Instant, node: Option<NodeId>, actor: Actor, event: &Event) {
        let Some(model) = node.and_then(|id| self.models.get(id.0)).cloned() else { return };
        if let Event::Vrrp(vrrp::io::Event::State { instance, from, to, cause }) = event {
            let name = model.instance_name(*instance);
            let why = why::transition(&model, *instance, *from, *to, cause);
            let line = format!("{name} {} > {}, {why}", explain::state_name(*from), explain::state_name(*to));
            // The first state of all is no news.
            if self.trace || *from != State::Init || *to != State::Backup {
                self.say(at, actor, line);
            }
            return;
        }
        let telling = matches!(
            event,
            Event::Script { changed: true, .. }
                | Event::Repaired { .. }
                | Event::SyncRepaired { .. }
                | Event::LeftOver { .. }
                | Event::OperationFailed { .. }
                | Event::SocketFailed { .. }
                | Event::StartupDelay(_)
                | Event::Resync
                | Event::Vrrp(vrrp::io::Event::Priority { .. })
                | Event::Vrrp(vrrp::io::Event::Refused { first: true, .. })
                | Event::Vrrp(vrrp::io::Event::PreemptDelay { .. })
                | Event::Vrrp(vrrp::io::Event::Released { .. })
        );
        if telling || self.trace {
            for line in log::render(&model, event) {
                self.say(at, actor.clone(), line.text);
            }
        }
    }

    fn kernel(&mut self, at: Instant, node: Option<NodeId>, actor: Actor, event: &KernelEvent) {
        let text = match event {
            KernelEvent::Address(facts) if self.is_virtual(facts.net.addr()) => {
                // A lease that is renewed is no news.
                let new = node.is_none_or(|id| self.held.insert((id, facts.link, facts.net)));
                match (new, self.trace) {
                    (true, _) => format!("kernel: {} is there", facts.net),
                    (false, true) => format!("kernel: {} is renewed", facts.net),
                    (false, false) => return,
                }
            }
            KernelEvent::AddressGone(facts) if self.is_virtual(facts.net.addr()) => {
                if let Some(id) = node {
                    self.held.remove(&(id, facts.link, facts.net));
                }
                format!("kernel: {} is gone", facts.net)
            }
            KernelEvent::Link(facts) if !facts.loopback => {
                let state = match (facts.up, facts.running) {
                    (false, _) => "is switched off",
                    (true, false) => "has no carrier",
                    (true, true) => "is up",
                };
                format!("kernel: {} {state}", facts.name)
            }
            other if self.trace => format!("kernel: {other:?}"),
            _ => return,
        };
        self.say(at, actor, text);
    }

    fn is_virtual(&self, address: IpAddr) -> bool {
        self.virtual_addresses.contains(&address)
    }

    /// All lines, with those of the record: who answers from when on, and what is broken.
    pub fn finish(mut self, record: &Record) -> Vec<Line> {
        for address in &record.addresses {
            for span in address.spans.iter().skip(1) {
                let text = match span.owners.as_slice() {
                    [] => format!("{}: nobody answers", address.address),
                    [one] => format!("{}: {} answers", address.address, explain::node(self.names, *one)),
                    several => {
                        let owners = explain::owners(self.names, several);
                        format!("{}: {owners} answer, {} owners", address.address, several.len())
                    }
                };
                self.lines.push(Line { at: span.from, actor: Actor::Hosts, text });
            }
        }
        for finding in &record.findings {
            let text = format!("{}: {}", finding.property(), explain::finding(self.names, finding));
            self.lines.push(Line { at: finding.at(), actor: Actor::Broken, text });
        }
        self.lines.sort_by_key(|line| line.at);
        self.lines.dedup();
        self.lines
    }
}

/// Lines for people.
pub fn render(lines: &[Line], style: Style) -> String {
    const NODES: [&str; 4] = ["32", "36", "35", "34"];
    let name = |actor: &Actor| match actor {
        Actor::World => "*".to_owned(),
        Actor::Node(_, name) => name.to_string(),
        Actor::Hosts => "hosts".to_owned(),
        Actor::Broken => "BROKEN".to_owned(),
    };
    let width = lines.iter().map(|line| name(&line.actor).chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        let colour = match &line.actor {
            Actor::World => "1",
            Actor::Node(at, _) => NODES.get(at % NODES.len()).copied().unwrap_or("0"),
            Actor::Hosts => "33",
            Actor::Broken => "1;31",
        };
        let text = format!("{:<width$}  {}", name(&line.actor), line.text);
        let _ = writeln!(out, "{:>11}  {}", explain::time(line.at), style.paint(colour, &text));
    }
    out
}
