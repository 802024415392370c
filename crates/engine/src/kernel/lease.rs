//! The VIP lease: addresses of an instance that the kernel removes by itself unless they are renewed.
//!
//! Renewals belong to adverts (the formula is in [`model::lease`]): whoever says that it is MASTER renews its
//! addresses, and nobody else does. A renewal is the same operation as an addition; the address keeps all
//! that it has.

use base::{Duration, Family, IfName, Instant};
use model::Address;
use model::lease::{GAP, OVERRUN, SUBMITTED};

use super::Kernel;
use super::desired::{Desired, Key, Object, Owner, Progress, Thing};
use super::view::{AddressId, PROTOCOL, View};
use crate::facts::AddressFacts;
use crate::io::{Event, Operation};
use crate::out::Out;

/// The kernel may be that early with the end of a lifetime.
const EARLY: Duration = Duration::from_millis(20);

/// Who was late by so much that somebody else may be master waits that long before it puts its addresses back:
/// the other one hears the advert that goes first, and lets go of them.
const YIELD: Duration = Duration::from_millis(200);

/// The lease that an object has in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Lease {
    /// The lifetime that the kernel was last given, in seconds; `None`: for ever.
    pub(crate) lifetime: Option<u32>,
    /// When it was given.
    pub(crate) renewed: Instant,
    /// When it was last asked for.
    pub(crate) asked: Instant,
    /// When the address was put in.
    pub(crate) since: Instant,
    /// It is to be renewed.
    pub(crate) due: bool,
}

impl Lease {
    fn end(&self) -> Option<Instant> {
        Some(self.renewed + Duration::from_secs(self.lifetime?.into()))
    }

    /// Whether the kernel may have removed the address by itself.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.end().is_some_and(|end| now + EARLY >= end)
    }

    /// Whether a backup may have the address by now: none waits for less than this since the last renewal.
    fn may_have_others(&self, now: Instant) -> bool {
        self.end().is_some_and(|end| now >= end + OVERRUN + SUBMITTED)
    }
}

impl Desired {
    /// The lifetime that an object is to have: the shortest of those who want it, for ever if one of them
    /// wants that.
    pub(crate) fn lifetime(&self, object: &Object) -> Option<u32> {
        let Thing::Address(_) = object.thing else { return None };
        let lease = |owner: &Owner| self.leases.get(owner).copied();
        object.claims.iter().map(lease).reduce(|a, b| Some(a?.min(b?))).flatten()
    }
}

impl Kernel {
    /// `owner` says that it is MASTER: its addresses may stay for another lease.
    pub(crate) fn renew(&mut self, now: Instant, owner: Owner) {
        if !self.desired.leases.contains_key(&owner) {
            return;
        }
        let due = |key: &&Key| {
            let object = self.desired.objects.get(*key);
            object.is_some_and(|object| {
                object.held
                    && !object.foreign
                    && object.claims.contains(&owner)
                    && now.since(object.lease.asked) >= GAP
                    // We hear the network before the kernel: what is gone is not put back by an answer to
                    // the one who has it now.
                    && !object.lease.may_have_others(now)
                    && self.desired.lifetime(object).is_some()
            })
        };
        let keys: Vec<Key> = self.desired.keys_of(owner).iter().filter(due).cloned().collect();
        for key in keys {
            if let Some(object) = self.desired.objects.get_mut(&key) {
                object.lease.due = true;
            }
            self.desired.mark(&key);
        }
    }

    /// An address whose lease is over is gone: we were late. It comes back after the timers of this turn have
    /// decided whether we are still MASTER, and later still if somebody else may be it.
    pub(super) fn lapsed(&mut self, now: Instant, key: &Key, out: &mut Out) {
        let (Key::Address(link, id), Some(object)) = (key, self.desired.objects.get_mut(key)) else { return };
        let lease = std::mem::take(&mut object.lease);
        // Not now: the timers of the protocol that are due come first.
        let pause = if lease.may_have_others(now) { YIELD } else { Duration::from_nanos(1) };
        let until = now + pause;
        if !matches!(object.progress, Progress::InFlight { .. }) {
            object.progress = Progress::Waiting { until, failures: 0, adding: true };
            self.ops.retries.set(key.clone(), until);
        }
        let instance = object.claims.iter().find_map(|c| c.instance());
        out.event(Event::Lapsed { instance, link: *link, net: id.net, late: now.since(lease.renewed) });
    }

    /// Whoever leaves its addresses behind for good must not let them die.
    pub(crate) fn keep_for_ever(&mut self, now: Instant, out: &mut Out) {
        let leased = |(key, object): (&Key, &Object)| match (key, &object.thing) {
            (Key::Address(name, _), Thing::Address(address)) if object.wanted() => {
                let alive = object.lease.lifetime.is_some() && !object.lease.is_over(now);
                let coming = matches!(object.progress, Progress::InFlight { adding: true, .. });
                let link = self.view.index(*name).filter(|_| alive || coming)?;
                Some(Operation::AddAddress { link, address: address.clone(), valid_lft: None })
            }
            _ => None,
        };
        let operations: Vec<Operation> = self.desired.objects.iter().filter_map(leased).collect();
        for operation in operations {
            self.loose(operation, true, out);
        }
    }

    /// News of an address that are no news: only its lifetime is another. That is what each renewal brings.
    pub(crate) fn is_echo(&mut self, facts: &AddressFacts) -> bool {
        let id = AddressId::of_facts(facts);
        let Some(known) = self.view.address(facts.link, &id) else { return false };
        let lifetimes = (facts.preferred_lft, facts.valid_lft);
        let same = AddressFacts { preferred_lft: lifetimes.0, valid_lft: lifetimes.1, ..known.clone() };
        if same != *facts {
            return false;
        }
        let Some(link) = self.view.link(facts.link).map(|link| link.name) else { return false };
        if let Some(object) = self.desired.objects.get_mut(&Key::Address(link, id)) {
            if object.lost || object.wanted() && !object.held {
                return false;
            }
            object.told(true);
        }
        self.view.put_address(facts.clone());
        true
    }
}

/// What an operation on its way to the kernel says beyond the wish: the rest of a preferred lifetime, which
/// a renewal must not begin anew, and whose the route to the network is.
///
/// The kernel gives the IPv6 route to a network the lifetime of whichever address made it last. If the
/// host has an address of its own in the network, ours must not make one, or the host would lose its
/// route with our lease.
pub(super) fn adjust(
    address: &mut Address,
    lease: &Lease,
    present: bool,
    now: Instant,
    desired: &Desired,
    view: &View,
) {
    if let Some(left) = address.preferred_lft.filter(|n| present && *n > 0) {
        let passed = u32::try_from(now.since(lease.since).as_secs()).unwrap_or(u32::MAX);
        address.preferred_lft = Some(left.saturating_sub(passed));
    }
    let (net, link) = (address.net, address.link);
    if net.family() == Family::V6 && net.prefix() < 128 && !address.flags.noprefixroute {
        address.flags.noprefixroute = has_neighbour(address, link, desired, view);
    }
}

/// Whether an address that isn't ours is in the same network on the same interface.
fn has_neighbour(address: &Address, link: IfName, desired: &Desired, view: &View) -> bool {
    let Some(index) = view.index(link) else { return false };
    view.on_link(index).any(|(_, facts)| {
        facts.net.prefix() == address.net.prefix()
            && facts.net.contains(&address.net.addr())
            && facts.protocol != Some(PROTOCOL)
            && !desired.objects.contains_key(&Key::Address(link, AddressId::of_facts(facts)))
    })
}
