//! Kernel objects as desired state.
//!
//! [`view`] is what netlink says, [`desired`] what should be, [`reconcile`] the difference, [`ops`] what
//! is on its way. One path serves a transition, a reload, a start over left-overs, and somebody who
//! deletes a virtual address.

mod boot;
pub(crate) mod desired;
pub(crate) mod lease;
mod news;
pub(crate) mod ops;
pub(crate) mod reconcile;
pub(crate) mod view;

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{IfName, Instant};
use model::Address;

use self::desired::{Desired, Key, Owner, Owners, Progress};
use self::ops::{Ops, Pending};
use self::view::{AddressId, PROTOCOL, View};
use crate::facts::AddressFacts;
use crate::io::{Effect, Event, OpError, OpId, Operation};
use crate::out::Out;

/// An address that is there now for those who want it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) link: IfName,
    pub(crate) address: IpAddr,
    pub(crate) owners: Owners,
}

/// The kernel as it is, as it should be, and the way from here to there.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    pub(crate) view: View,
    pub(crate) desired: Desired,
    ops: Ops,
    /// Additions on their way, by who wants them.
    adding: BTreeMap<Owner, u32>,
    held: Vec<Held>,
    /// Owners whose last addition was answered.
    settled: Vec<Owner>,
    repaired: u64,
    /// Nothing is started any more.
    frozen: bool,
    /// Another daemon may have put in what has our mark.
    strangers_stay: bool,
}

impl Kernel {
    /// Starts an operation from whose result nothing follows.
    pub(crate) fn loose(&mut self, operation: Operation, adding: bool, out: &mut Out) {
        let op = out.operation();
        let (key, owners) = (None, Owners::new());
        self.ops.put(op, Pending { key, adding, owners, operation: operation.clone(), failures: 0 });
        out.push(Effect::Kernel { op, operation });
    }

    /// From now on `owner` wants all that it names, or nothing of it.
    pub(crate) fn claim(&mut self, owner: Owner, wants: bool) {
        self.desired.claim(owner, wants);
    }

    /// Looks at everything that was marked, and starts what has to be done.
    pub(crate) fn flush(&mut self, now: Instant, out: &mut Out) {
        let (mut held, mut forget) = (Vec::new(), Vec::new());
        if self.frozen {
            return;
        }
        let steps = reconcile::steps(&mut self.desired, &self.view, now, &mut held, &mut forget);
        for key in held {
            self.hold(&key);
        }
        for key in forget {
            self.desired.objects.remove(&key);
        }
        for mut step in reconcile::in_order(steps) {
            let present = step.adding && is_there(&self.view, &step.key);
            if let Operation::AddAddress { address, valid_lft: Some(_), .. } = &mut step.operation
                && let Some(object) = self.desired.objects.get(&step.key)
            {
                lease::adjust(address, &object.lease, present, now, &self.desired, &self.view);
            }
            let Some(object) = self.desired.objects.get_mut(&step.key) else { continue };
            if step.adding {
                object.lease.due = false;
                object.lease.asked = now;
                if !present {
                    object.lease.since = now;
                }
            }
            let failures = match object.progress {
                Progress::Waiting { failures, adding, .. } if adding == step.adding => failures,
                _ => 0,
            };
            let op = out.operation();
            object.progress = Progress::InFlight { op, adding: step.adding, seen: false };
            // What is there and known to be there is no news for anybody.
            let news = step.adding && !(present && object.held);
            let owners = if news { object.claims.clone() } else { Owners::new() };
            for owner in &owners {
                *self.adding.entry(*owner).or_default() += 1;
            }
            let (operation, key) = (step.operation.clone(), Some(step.key));
            self.ops.put(op, Pending { key, adding: step.adding, owners, operation, failures });
            out.push(Effect::Kernel { op, operation: step.operation });
        }
    }

    /// An operation was answered; whether it was one of these.
    pub(crate) fn done(
        &mut self,
        now: Instant,
        op: OpId,
        result: Result<(), OpError>,
        out: &mut Out,
    ) -> bool {
        let Some(pending) = self.ops.take(op) else { return false };
        for owner in &pending.owners {
            if let Some(count) = self.adding.get_mut(owner) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.adding.remove(owner);
                    self.settled.push(*owner);
                }
            }
        }
        let genuine = result.is_ok();
        let failed = result.err().filter(|error| !ops::is_already_so(error, pending.adding));
        let Some(key) = pending.key else {
            if let Some(error) = failed {
                let operation = pending.operation;
                out.event(Event::OperationFailed { operation, error, retry: false });
            }
            return true;
        };
        match failed {
            None => self.succeeded(&key, &pending.operation, genuine),
            Some(error) => self.failed(now, &key, pending.failures, pending.operation, error, out),
        }
        self.desired.mark(&key);
        true
    }

    fn succeeded(&mut self, key: &Key, operation: &Operation, genuine: bool) {
        let mut removed = false;
        let progress = self.desired.objects.get(key).map(|object| object.progress);
        match (key, operation) {
            _ if matches!(progress, Some(Progress::InFlight { seen: true, .. })) => {}
            (Key::Address(name, id), Operation::AddAddress { link, address, valid_lft })
                if self.view.index(*name) == Some(*link) && self.view.address(*link, id).is_none() =>
            {
                self.view.put_address(facts_of(*link, *id, address, *valid_lft));
            }
            (Key::Address(_, id), Operation::DelAddress { link, .. }) => {
                removed = self.view.remove_address(*link, id);
            }
            (Key::Route(_), Operation::AddRoute { route, links })
                if self.view.route_links(route).as_ref() == Some(links)
                    && self.view.route(route).is_none() =>
            {
                self.view.put_route(self.view.route_facts(route, links));
            }
            (Key::Route(_), Operation::DelRoute { route, .. }) => {
                if let Some(facts) = self.view.route(route).cloned() {
                    removed = self.view.remove_route(&facts);
                }
            }
            _ => {}
        }
        let Some(object) = self.desired.objects.get_mut(key) else { return };
        object.progress = Progress::Idle;
        if let Operation::AddAddress { valid_lft, .. } = operation {
            object.lease.lifetime = *valid_lft;
            object.lease.renewed = object.lease.asked;
        }
        if matches!(operation, Operation::AddAddress { .. } | Operation::AddRoute { .. }) {
            object.refresh = false;
            if is_there(&self.view, key) {
                self.hold(key);
            }
        } else if removed && genuine {
            // The kernel's own word about it is still on its way.
            object.echoes_due += 1;
        }
    }

    fn failed(
        &mut self,
        now: Instant,
        key: &Key,
        failures: u32,
        operation: Operation,
        error: OpError,
        out: &mut Out,
    ) {
        let Some(object) = self.desired.objects.get_mut(key) else { return };
        let failures = failures.saturating_add(1);
        let adding = matches!(operation, Operation::AddAddress { .. } | Operation::AddRoute { .. });
        let until = now + ops::backoff(failures);
        object.progress = Progress::Waiting { until, failures, adding };
        object.lease.due |= adding;
        self.ops.retries.set(key.clone(), until);
        if ops::is_notable(failures) {
            let retry = object.wanted() == adding;
            out.event(Event::OperationFailed { operation, error, retry });
        }
    }

    /// An object is there for those who want it.
    fn hold(&mut self, key: &Key) {
        let Some(object) = self.desired.objects.get_mut(key) else { return };
        let Key::Address(link, id) = key else {
            object.held = object.wanted();
            return;
        };
        if !object.wanted() || object.held || self.view.index(*link).is_none() {
            return;
        }
        object.held = true;
        let owners = object.claims.clone();
        // A route may have failed for want of this address.
        for owner in &owners {
            let routes: Vec<Key> = self
                .desired
                .keys_of(*owner)
                .iter()
                .rev()
                .take_while(|key| matches!(key, Key::Route(_)))
                .cloned()
                .collect();
            self.desired.mark_again(&routes);
        }
        self.held.push(Held { link: *link, address: id.net.addr(), owners });
    }

    /// The addresses that have come to be there since the last call.
    pub(crate) fn take_held(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.held)
    }

    /// The owners for whom the last addition was answered since the last call.
    pub(crate) fn take_settled(&mut self) -> Vec<Owner> {
        std::mem::take(&mut self.settled)
    }

    /// Instance ids change with a new model; `new` tells what an owner is called now.
    pub(crate) fn renumber(&mut self, new: impl Fn(Owner) -> Option<Owner>) {
        self.adding.clear();
        self.settled = self.settled.iter().filter_map(|owner| new(*owner)).collect();
        for owners in self.ops.owners_mut() {
            *owners = owners.iter().filter_map(|owner| new(*owner)).collect();
            for owner in owners.iter() {
                *self.adding.entry(*owner).or_default() += 1;
            }
        }
        for held in &mut self.held {
            held.owners = held.owners.iter().filter_map(|owner| new(*owner)).collect();
        }
    }

    /// Whether additions for `owner` are still on their way.
    pub(crate) fn is_adding(&self, owner: Owner) -> bool {
        self.adding.get(&owner).is_some_and(|count| *count > 0)
    }

    /// The addresses that are there for `owner`, in the order of the file. One whose lease is over may be
    /// gone without that we have heard of it.
    pub(crate) fn held_by(&self, owner: Owner, now: Instant) -> impl Iterator<Item = (IfName, IpAddr)> + '_ {
        self.desired.keys_of(owner).iter().filter_map(move |key| match key {
            Key::Address(link, id) => {
                let object = self.desired.objects.get(key)?;
                (object.held && object.claims.contains(&owner) && !object.lease.is_over(now))
                    .then(|| (*link, id.net.addr()))
            }
            Key::Route(_) => None,
        })
    }

    /// When something that failed is tried again.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.ops.retries.next()
    }

    /// Marks what is to be tried again by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, key)) = self.ops.retries.due(now) {
            self.desired.mark(&key);
        }
    }

    /// Whether an address that the model names was there before us and is the system's own.
    pub(crate) fn is_foreign(&self, link: IfName, facts: &AddressFacts) -> bool {
        let key = Key::Address(link, AddressId::of_facts(facts));
        self.desired.objects.get(&key).is_some_and(|object| object.foreign)
    }

    /// Operations without an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.ops.waiting()
    }

    /// Removals without an answer.
    pub(crate) fn removals(&self) -> usize {
        self.ops.removals()
    }

    /// How often something of ours was put back.
    pub(crate) fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Starts nothing any more.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
        self.ops.retries.clear();
    }
}

fn is_there(view: &View, key: &Key) -> bool {
    match key {
        Key::Address(link, id) => view.index(*link).is_some_and(|link| view.address(link, id).is_some()),
        Key::Route(route) => view.route(route).is_some(),
    }
}

/// What the kernel will say about an address of ours, to be believed until it says it.
fn facts_of(link: base::IfIndex, id: AddressId, address: &Address, valid_lft: Option<u32>) -> AddressFacts {
    AddressFacts {
        link,
        net: id.net,
        peer: id.peer,
        broadcast: address.broadcast,
        label: address.label.clone(),
        scope: address.scope,
        flags: address.flags,
        secondary: false,
        tentative: false,
        dad_failed: false,
        preferred_lft: address.preferred_lft,
        valid_lft,
        protocol: Some(PROTOCOL),
    }
}
