//! What the kernel tells: our own deeds, those of others, and what must be put back.

use base::{Duration, IfIndex, IfName, Instant, IpNet};

use super::desired::{Key, Progress, Thing};
use super::lease::Lease;
use super::view::{AddressId, View};
use super::{Kernel, is_there};
use crate::facts::{AddressFacts, KernelDump, RouteFacts};
use crate::io::{Event, Operation, Repaired};
use crate::out::Out;

/// Somebody who removes an object again and again must not keep us busy with nothing else: so many
/// repairs in so long a time are made at once, those after them only after a pause.
const AT_ONCE: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

impl Kernel {
    /// Everything there is, again: what was known is replaced.
    pub(crate) fn resync(&mut self, now: Instant, dump: KernelDump, out: &mut Out) {
        self.view = View::from_dump(dump);
        let mut lost = Vec::new();
        for (key, object) in &mut self.desired.objects {
            object.echoes_due = 0;
            object.lost &= !object.tracked();
            // What was done before the dump is in it, what comes after will be told.
            if let Progress::InFlight { seen, .. } = &mut object.progress {
                *seen = true;
            }
            if object.held && object.progress == Progress::Idle && !is_there(&self.view, key) {
                lost.push(key.clone());
            }
        }
        for key in lost {
            self.taken_away(now, &key, out);
        }
        self.desired.mark_all();
    }

    /// Whether everything there is is what is known.
    pub(crate) fn agrees_with(&self, dump: KernelDump) -> bool {
        self.view.agrees_with(&View::from_dump(dump))
    }

    /// An address appeared or changed; whether it is ours, and whether it is new.
    pub(crate) fn address(&mut self, facts: AddressFacts) -> (bool, bool) {
        // Late news of an interface that is gone must not stay for ever.
        let Some(key) = self.key_of(&facts) else { return (false, false) };
        let new = self.view.put_address(facts);
        if let Some(object) = self.desired.objects.get_mut(&key) {
            object.lost = false;
            object.told(true);
        }
        (self.desired.mark(&key), new)
    }

    /// Somebody else removed an object: if it is wanted and tracked, that is told and will be repaired.
    fn taken_away(&mut self, now: Instant, key: &Key, out: &mut Out) {
        let Some(object) = self.desired.objects.get_mut(key) else { return };
        object.held = false;
        object.foreign = false;
        let lapsed = object.lease.is_over(now);
        if !object.wanted() || !lapsed {
            object.lease = Lease::default();
        }
        if !object.wanted() {
            return;
        }
        if lapsed {
            self.lapsed(now, key, out);
            return;
        }
        object.lost = !object.tracked();
        if let Key::Address(link, _) = key
            && self.view.named(*link).is_none_or(|link| !link.up)
        {
            // It went with its interface, and comes back with it.
            object.lost = true;
            return;
        }
        let (link, what) = match key {
            Key::Address(link, id) => (Some(*link), Repaired::Address(id.net)),
            Key::Route(route) => {
                let named = route.hops.iter().find_map(|hop| hop.link);
                let first = self.view.links().next().map(|link| link.name);
                (named.or(first), Repaired::Route(route.destination))
            }
        };
        if object.tracked() {
            self.repaired += 1;
            let (since, times) = object.repairs;
            object.repairs = if now.since(since) < WINDOW { (since, times + 1) } else { (now, 1) };
            if object.repairs.1 > AT_ONCE && object.progress == Progress::Idle {
                let until = now + PAUSE;
                object.progress = Progress::Waiting { until, failures: 0, adding: true };
                self.ops.retries.set(key.clone(), until);
            }
            let instance = object.claims.iter().find_map(|c| c.instance());
            if let Some(link) = link {
                out.event(Event::Repaired { instance, link, what });
            }
        }
    }

    /// An address is gone; whether it is ours. If somebody else took it, that is told and repaired.
    pub(crate) fn address_gone(&mut self, now: Instant, facts: &AddressFacts, out: &mut Out) -> bool {
        let id = AddressId::of_facts(facts);
        let known = self.view.remove_address(facts.link, &id);
        let addr = facts.net.addr();
        if self.view.source_gone(addr) {
            self.desired.mark_routes();
        }
        let Some(key) = self.key_of(facts) else { return false };
        let Some(object) = self.desired.objects.get_mut(&key) else { return false };
        object.told(false);
        let ours_to_remove = matches!(object.progress, Progress::InFlight { adding: false, .. });
        if object.echoes_due > 0 {
            object.echoes_due -= 1;
        } else if known && !ours_to_remove {
            self.taken_away(now, &key, out);
        }
        self.desired.mark(&key)
    }

    /// A route appeared or changed.
    pub(crate) fn route(&mut self, facts: RouteFacts) {
        let destination = facts.destination;
        if facts.hops.iter().filter_map(|(_, link)| *link).any(|link| self.view.link(link).is_none()) {
            return;
        }
        self.view.put_route(facts);
        let keys: Vec<Key> = self
            .desired
            .routes_mut()
            .filter(|(_, o)| matches!(&o.thing, Thing::Route(r) if r.destination == destination))
            .map(|(key, object)| {
                object.told(true);
                key.clone()
            })
            .collect();
        for key in keys {
            self.desired.mark(&key);
        }
    }

    /// A route is gone; if somebody else took one of ours, that is told and repaired.
    pub(crate) fn route_gone(&mut self, now: Instant, facts: &RouteFacts, out: &mut Out) {
        let named: Vec<Key> = self
            .desired
            .routes_mut()
            .filter(|(_, o)| matches!(&o.thing, Thing::Route(r) if self.view.route(r) == Some(facts)))
            .map(|(key, _)| key.clone())
            .collect();
        let known = self.view.remove_route(facts);
        for key in named {
            let Some(object) = self.desired.objects.get_mut(&key) else { continue };
            object.told(false);
            let ours_to_remove = matches!(object.progress, Progress::InFlight { adding: false, .. });
            if object.echoes_due > 0 {
                object.echoes_due -= 1;
            } else if known && !ours_to_remove {
                self.taken_away(now, &key, out);
            }
            self.desired.mark(&key);
        }
    }

    /// An interface went away under its name while our addresses are on it: it was renamed, and they
    /// are to go.
    pub(crate) fn renamed(&mut self, old: IfName, index: IfIndex, out: &mut Out) {
        let orphans: Vec<(AddressId, Option<IpNet>)> = self
            .desired
            .objects
            .range(Key::first_on(old)..)
            .take_while(|(key, _)| key.is_on(old))
            .filter(|(_, object)| object.held && !object.foreign)
            .filter_map(|(key, object)| match (key, &object.thing) {
                (Key::Address(_, id), Thing::Address(address)) => Some((*id, address.peer)),
                _ => None,
            })
            .filter(|(id, _)| self.view.address(index, id).is_some())
            .collect();
        for (id, peer) in orphans {
            self.loose(Operation::DelAddress { link: index, net: id.net, peer }, false, out);
        }
        self.lose(old);
    }

    /// An interface is gone, and with it whatever was on it.
    pub(crate) fn lose(&mut self, link: IfName) {
        for (_, object) in
            self.desired.objects.range_mut(Key::first_on(link)..).take_while(|(key, _)| key.is_on(link))
        {
            object.held = false;
            object.foreign = false;
            object.echoes_due = 0;
        }
        self.desired.mark_link(link);
    }

    fn key_of(&self, facts: &AddressFacts) -> Option<Key> {
        let link = self.view.link(facts.link)?.name;
        Some(Key::Address(link, AddressId::of_facts(facts)))
    }
}
