//! What the kernel tells, and whom it concerns.

use base::{IfName, Instant};
use vrrp::io as core;

use crate::announce::Around;
use crate::facts::{AddressFacts, KernelDump, KernelEvent, LinkFacts};
use crate::io::Event;
use crate::links::is_up;
use crate::machine::{Engine, Phase};
use crate::resync::Use;

impl Engine {
    pub(crate) fn kernel_event(&mut self, now: Instant, event: KernelEvent) {
        match event {
            KernelEvent::Link(facts) => self.link(now, facts),
            KernelEvent::LinkGone(index) => {
                let Some(old) = self.kernel.view.remove_link(index) else { return };
                // The same name may be another interface by now.
                if self.kernel.view.index(old.name).is_none() {
                    self.kernel.lose(old.name);
                    self.tell_link(now, old.name, Some(is_up(&old)));
                }
            }
            KernelEvent::Address(facts) if self.kernel.is_echo(&facts) => {}
            KernelEvent::Address(facts) => {
                let (ours, new) = self.kernel.address(facts.clone());
                self.address(now, facts, true, ours || !new);
            }
            KernelEvent::AddressGone(facts) => {
                let ours = self.kernel.address_gone(now, &facts, &mut self.out);
                self.address(now, facts, false, ours);
            }
            KernelEvent::Route(facts) => self.kernel.route(facts),
            KernelEvent::RouteGone(facts) => self.kernel.route_gone(now, &facts, &mut self.out),
        }
    }

    fn link(&mut self, now: Instant, facts: LinkFacts) {
        let (index, name, on, mac) = (facts.index, facts.name, facts.up, facts.mac);
        let before = self.kernel.view.named(name).map(is_up);
        let replaced = self.kernel.view.index(name).is_some_and(|known| known != index);
        let old = self.kernel.view.put_link(facts);
        if let Some(old) = &old
            && old.name != name
        {
            self.kernel.renamed(old.name, index, &mut self.out);
            self.tell_link(now, old.name, Some(is_up(old)));
        }
        let was_on = old.as_ref().is_some_and(|old| old.up);
        if was_on && !on {
            self.kernel.view.link_switched_off(index);
        }
        if replaced {
            self.kernel.lose(name);
        }
        if was_on != on || before.is_none() {
            self.kernel.desired.mark_link(name);
        }
        if old.is_some_and(|old| old.mac != mac && old.name == name) {
            let Self { announcer, kernel, model, out, .. } = self;
            announcer.hardware_changed(name, &mut Around { now, model, kernel, out });
        }
        self.tell_link(now, name, before);
    }

    /// Tells what became of the link called `name`, which was there and up or down, or not there.
    fn tell_link(&mut self, now: Instant, name: IfName, before: Option<bool>) {
        if !self.links.is_named(name) {
            return;
        }
        let after = self.kernel.view.named(name).map(is_up);
        if before.is_some() != after.is_some() {
            self.out.event(Event::LinkExists { name, exists: after.is_some() });
        }
        if before.unwrap_or(false) != after.unwrap_or(false) {
            self.out.event(Event::Link { name, up: after == Some(true) });
        }
        let ids = self.links.instances_on(name);
        self.reassess(now, &ids);
        // Before the protocol runs nobody would hear of it: at its start all verdicts are told.
        if self.core.is_some() {
            for (tracker, verdict) in self.links.verdicts_on(name, &self.kernel.view) {
                self.tell(now, core::Input::Tracker { tracker, verdict });
            }
        }
    }

    fn address(&mut self, now: Instant, address: AddressFacts, exists: bool, silent: bool) {
        let Some(link) = self.kernel.view.link(address.link).map(|l| l.name) else { return };
        let addr = address.net.addr();
        if !silent && self.links.is_named(link) {
            self.out.event(Event::Address { address, link, exists });
        }
        let ids = self.links.dependents(link, &addr);
        self.reassess(now, &ids);
    }

    /// News were lost, as far as is known.
    pub(crate) fn overrun(&mut self, now: Instant) {
        if self.phase == Phase::Stopped {
            return;
        }
        self.counts.resyncs += 1;
        self.out.event(Event::Resync);
        self.resync.lost(now, &mut self.out);
    }

    pub(crate) fn dump(&mut self, now: Instant, dump: KernelDump) {
        let period = self.model.global.resync;
        let what_for = self.resync.came(now, period, &mut self.out);
        if self.phase == Phase::Waiting {
            self.boot(now, dump);
            return;
        }
        self.sync.look(&mut self.out);
        if what_for == Use::Compare {
            if !self.kernel.agrees_with(dump) {
                self.overrun(now);
            }
            return;
        }
        let named = self.links.named();
        let before: Vec<_> =
            named.into_iter().map(|name| (name, self.kernel.view.named(name).map(is_up))).collect();
        self.kernel.resync(now, dump, &mut self.out);
        for (name, before) in before {
            self.tell_link(now, name, before);
        }
        let ids: Vec<_> = self.ids().collect();
        self.reassess(now, &ids);
    }
}
