//! What the core wants at the end of a turn, in the right order.

use base::{Instant, Machine};
use model::InstanceId;
use smallvec::SmallVec;
use vrrp::config::Peers;
use vrrp::io::{self as core, State};

use crate::announce::Around;
use crate::io::{Effect, Event};
use crate::kernel::desired::Owner;
use crate::machine::Engine;

impl Engine {
    /// Carries out what the core wants: all adverts first, then what follows from its events, then the
    /// changes to the kernel, then announcements, then notifications, and at last the sync daemon.
    pub(crate) fn pump(&mut self, now: Instant) {
        let mut events = std::mem::take(&mut self.events);
        let mut advertised: SmallVec<[InstanceId; 4]> = SmallVec::new();
        if let Some(core) = &mut self.core {
            while let Some(output) = core.poll_output() {
                match output {
                    core::Output::Transmit { instance, destination, packet } => {
                        advertised.push(instance);
                        match self.sockets.via(instance) {
                            Some(socket) => self.out.push(Effect::Send { socket, destination, packet }),
                            None => self.counts.no_socket += 1,
                        }
                    }
                    core::Output::Event(event) => events.push(event),
                }
            }
        }
        let mut entered = Vec::new();
        for event in &events {
            self.out.event(Event::Vrrp(event.clone()));
            if let core::Event::State { instance, from, to, .. } = *event {
                self.transition(now, instance, from, to);
                if to == State::Master {
                    entered.push(instance);
                }
            }
        }
        // With each advert, and never without one.
        for id in advertised {
            if self.states.get(id.index()) == Some(&State::Master) {
                self.kernel.renew(now, Owner::Instance(id));
            }
        }
        self.settle_kernel(now, &entered);
        for event in &events {
            self.announce_for(now, event);
        }
        for event in &events {
            self.notify(event);
        }
        events.clear();
        self.events = events;
        self.settle_sync();
    }

    /// An instance changed its state: what it wants of the kernel follows.
    fn transition(&mut self, now: Instant, id: InstanceId, from: State, to: State) {
        if let Some(state) = self.states.get_mut(id.index()) {
            *state = to;
        }
        let owner = Owner::Instance(id);
        if to == State::Master {
            self.kernel.claim(owner, true);
            let Self { announcer, kernel, model, out, .. } = self;
            announcer.enter(id, &Around { now, model, kernel, out });
            self.tell_objects(id, true);
        } else {
            if from == State::Master {
                self.announcer.leave(id);
                if !self.keep {
                    self.tell_objects(id, false);
                }
            }
            self.kernel.claim(owner, false);
        }
    }

    /// Tells that the addresses and routes of an instance are put in or taken away.
    pub(crate) fn tell_objects(&mut self, instance: InstanceId, set: bool) {
        let Some(of) = self.model.instances.get(instance.index()) else { return };
        let addresses = |excluded| Event::Addresses { instance, set, excluded };
        let events = [
            (!of.addresses.is_empty(), addresses(false)),
            (!of.excluded.is_empty(), addresses(true)),
            (!of.routes.is_empty(), Event::Routes { instance, set }),
        ];
        let told = events.into_iter().filter(|(any, _)| *any).map(|(_, event)| event);
        // Taken away in the other order.
        if set {
            told.for_each(|event| self.out.event(event));
        } else {
            let mut told: Vec<_> = told.collect();
            told.rotate_right(usize::from(!of.routes.is_empty()));
            told.into_iter().for_each(|event| self.out.event(event));
        }
    }

    /// Starts the operations that are due, and announces what is there already.
    pub(crate) fn settle_kernel(&mut self, now: Instant, entered: &[InstanceId]) {
        self.kernel.flush(now, &mut self.out);
        let held = self.kernel.take_held();
        let settled = self.kernel.take_settled();
        let Self { announcer, kernel, model, out, .. } = self;
        let mut around = Around { now, model, kernel, out };
        for held in &held {
            announcer.held(held, &mut around);
        }
        for id in settled.into_iter().filter_map(Owner::instance).chain(entered.iter().copied()) {
            announcer.settle(id, &mut around);
        }
    }

    fn announce_for(&mut self, now: Instant, event: &core::Event) {
        let Self { announcer, kernel, model, out, links, .. } = self;
        let mut around = Around { now, model, kernel, out };
        match *event {
            core::Event::LowerReceived { instance, .. } => announcer.lower_priority(instance, &mut around),
            // The master is to know again where this unicast peer is.
            core::Event::State { instance, from: State::Fault, to: State::Backup, .. } => {
                let Some(of) = model.instances.get(instance.index()) else { return };
                let source = links.told(instance).and_then(|told| told.source);
                if let (Peers::Unicast { .. }, Some(link), Some(source)) =
                    (&of.protocol.peers, of.link, source)
                    // A configured one need not be there.
                    && kernel.view.index(link).is_some_and(|at| kernel.view.holds(Some(at), source))
                {
                    announcer.once(instance, link, source, &mut around);
                }
            }
            _ => {}
        }
    }

    fn notify(&mut self, event: &core::Event) {
        let Self { notifier, core, model, out, states, .. } = self;
        let priority = |id| core.as_ref().and_then(|c| c.snapshot(id)).map_or(0, |s| s.priority.0);
        match *event {
            core::Event::State { instance, to, .. } => {
                notifier.instance(model, instance, to, priority(instance), out);
            }
            core::Event::Group { group, to, .. } => notifier.group(model, group, to, out),
            core::Event::Priority { instance, to, .. } => {
                let state = states.get(instance.index()).copied().unwrap_or(State::Init);
                notifier.priority(model, instance, state, to.0, out);
            }
            core::Event::LowerReceived { instance, .. } => {
                notifier.lower_priority(model, instance, priority(instance), out);
            }
            _ => {}
        }
    }
}
