//! Kernel objects as desired state.
//!
//! [`view`] is what netlink says, [`desired`] what should be, [`reconcile`] the difference, [`ops`] what
//! is on its way. One path serves a transition, a reload, a start over left-overs, and somebody who
//! deletes a virtual address.

pub(crate) mod desired;
pub(crate) mod ops;
pub(crate) mod reconcile;
pub(crate) mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use base::{IfName, Instant};
use model::route::{Hop, RouteOperation};
use model::{Address, InstanceId, Model, Route};

use self::desired::{Desired, Key, Object, Owner, Owners, Progress, Thing};
use self::ops::{Ops, Pending};
use self::view::{AddressId, PROTOCOL, View};
use crate::facts::{AddressFacts, KernelDump, RouteFacts};
use crate::io::{Effect, Event, OpError, OpId, Operation, Repaired};
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
}

impl Kernel {
    /// The first dump: what was left over is kept if `soon` says that its instance claims it at once,
    /// and is marked for removal otherwise.
    pub(crate) fn boot(
        &mut self,
        model: &Model,
        dump: KernelDump,
        soon: impl Fn(InstanceId) -> bool,
        out: &mut Out,
    ) {
        self.view = View::from_dump(dump);
        self.desired = Desired::new(model);
        // Kernels before 5.18 don't say who added an address: then an owner's is taken for the
        // system's, and a static one for ours.
        let told_apart = self.view.all_addresses().any(|a| a.protocol.is_some());
        let ours: BTreeSet<IfName> = model
            .instances
            .iter()
            .flat_map(|i| i.addresses.iter().chain(&i.excluded).map(|a| a.link).chain(i.link))
            .chain(model.static_addresses.iter().map(|a| a.link))
            .collect();
        let stays = |object: &Object| {
            object.owners.iter().any(|owner| match owner {
                Owner::Static => true,
                Owner::Instance(id) => soon(*id),
            })
        };
        for facts in self.view.all_addresses() {
            let Some(link) = self.view.link(facts.link).map(|l| l.name) else { continue };
            let key = Key::Address(link, AddressId::of_facts(facts));
            let tagged = facts.protocol == Some(PROTOCOL);
            let adopted = match self.desired.objects.get_mut(&key) {
                Some(object) => {
                    object.spare = stays(object);
                    let owned = object.owners.iter().any(|owner| owner.instance().is_some());
                    object.foreign = object.spare && !tagged && (owned || told_apart);
                    object.refresh = object.spare && differs(&object.thing, facts);
                    if object.foreign {
                        continue;
                    }
                    object.spare
                }
                None if tagged && ours.contains(&link) => {
                    let thing = Thing::Address(address_of(link, facts));
                    self.desired.objects.insert(key.clone(), Object::new(thing));
                    false
                }
                None => continue,
            };
            self.desired.mark(&key);
            out.event(Event::LeftOver { link, net: facts.net, adopted });
        }
        self.boot_routes(stays);
        self.desired.claim(Owner::Static, true);
    }

    fn boot_routes(&mut self, stays: impl Fn(&Object) -> bool) {
        let mut known: Vec<Key> = Vec::new();
        for (key, object) in &mut self.desired.objects {
            if let Thing::Route(route) = &object.thing
                && self.view.route(route).is_some()
            {
                object.spare = stays(object);
                known.push(key.clone());
            }
        }
        for facts in self.view.routes().filter(|r| r.protocol == PROTOCOL) {
            let named = known.iter().any(|key| match key {
                Key::Route(route) => self.view.route(route) == Some(facts),
                Key::Address(..) => false,
            });
            if !named && let Some(route) = route_of(&self.view, facts) {
                let route = Arc::new(route);
                let key = Key::Route(route.clone());
                self.desired.objects.entry(key.clone()).or_insert_with(|| Object::new(Thing::Route(route)));
                known.push(key);
            }
        }
        for key in known {
            self.desired.mark(&key);
        }
    }

    /// Everything there is, again: what was known is replaced.
    pub(crate) fn resync(&mut self, dump: KernelDump, out: &mut Out) {
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
            self.taken_away(&key, out);
        }
        self.desired.mark_all();
    }

    /// An address appeared or changed; whether it is ours, and whether it is new.
    pub(crate) fn address(&mut self, facts: AddressFacts) -> (bool, bool) {
        let key = self.key_of(&facts);
        let new = self.view.put_address(facts);
        let ours = key.is_some_and(|key| {
            if let Some(object) = self.desired.objects.get_mut(&key) {
                object.lost = false;
                object.told(true);
            }
            self.desired.mark(&key)
        });
        (ours, new)
    }

    /// Somebody else removed an object: if it is wanted and tracked, that is told and will be repaired.
    fn taken_away(&mut self, key: &Key, out: &mut Out) {
        let Some(object) = self.desired.objects.get_mut(key) else { return };
        object.held = false;
        object.foreign = false;
        if !object.wanted() {
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
            let instance = object.claims.iter().find_map(|c| c.instance());
            if let Some(link) = link {
                out.event(Event::Repaired { instance, link, what });
            }
        }
    }

    /// An address is gone; whether it is ours. If somebody else took it, that is told and repaired.
    pub(crate) fn address_gone(&mut self, facts: &AddressFacts, out: &mut Out) -> bool {
        let id = AddressId::of_facts(facts);
        let known = self.view.remove_address(facts.link, &id);
        let addr = facts.net.addr();
        if known && !self.view.holds(None, addr) {
            self.view.source_gone(addr);
            self.desired.mark_routes();
        }
        let Some(key) = self.key_of(facts) else { return false };
        let Some(object) = self.desired.objects.get_mut(&key) else { return false };
        object.told(false);
        let ours_to_remove = matches!(object.progress, Progress::InFlight { adding: false, .. });
        if object.echoes_due > 0 {
            object.echoes_due -= 1;
        } else if known && !ours_to_remove {
            self.taken_away(&key, out);
        }
        self.desired.mark(&key)
    }

    /// A route appeared or changed.
    pub(crate) fn route(&mut self, facts: RouteFacts) {
        let destination = facts.destination;
        self.view.put_route(facts);
        let keys: Vec<Key> = self
            .desired
            .objects
            .iter_mut()
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
    pub(crate) fn route_gone(&mut self, facts: &RouteFacts, out: &mut Out) {
        let named: Vec<Key> = self
            .desired
            .objects
            .iter()
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
                self.taken_away(&key, out);
            }
            self.desired.mark(&key);
        }
    }

    /// An interface went away under its name while our addresses are on it: it was renamed, and they
    /// are to go.
    pub(crate) fn renamed(&mut self, old: IfName, index: base::IfIndex, out: &mut Out) {
        let orphans: Vec<(AddressId, Option<base::IpNet>)> = self
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
        for step in reconcile::in_order(steps) {
            let Some(object) = self.desired.objects.get_mut(&step.key) else { continue };
            let failures = match object.progress {
                Progress::Waiting { failures, adding, .. } if adding == step.adding => failures,
                _ => 0,
            };
            let op = out.operation();
            object.progress = Progress::InFlight { op, adding: step.adding, seen: false };
            let owners = if step.adding { object.claims.clone() } else { Owners::new() };
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
            (Key::Address(name, id), Operation::AddAddress { link, address })
                if self.view.index(*name) == Some(*link) && self.view.address(*link, id).is_none() =>
            {
                self.view.put_address(facts_of(*link, *id, address));
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

    /// The addresses that are there for `owner`, in the order of the file.
    pub(crate) fn held_by(&self, owner: Owner) -> impl Iterator<Item = (IfName, IpAddr)> + '_ {
        self.desired.keys_of(owner).iter().filter_map(move |key| match key {
            Key::Address(link, id) => {
                let object = self.desired.objects.get(key)?;
                (object.held && object.claims.contains(&owner)).then(|| (*link, id.net.addr()))
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

    fn key_of(&self, facts: &AddressFacts) -> Option<Key> {
        let link = self.view.link(facts.link)?.name;
        Some(Key::Address(link, AddressId::of_facts(facts)))
    }
}

fn is_there(view: &View, key: &Key) -> bool {
    match key {
        Key::Address(link, id) => view.index(*link).is_some_and(|link| view.address(link, id).is_some()),
        Key::Route(route) => view.route(route).is_some(),
    }
}

/// Whether what is there has other attributes than wanted, as far as both can be compared.
fn differs(thing: &Thing, facts: &AddressFacts) -> bool {
    let Thing::Address(address) = thing else { return false };
    let v4 = address.net.addr().is_ipv4();
    let label = facts.label.as_deref().filter(|l| *l != address.link.as_str());
    address.preferred_lft.is_none() != facts.preferred_lft.is_none()
        || v4 && (address.broadcast, address.scope) != (facts.broadcast, facts.scope)
        || v4 && label != address.label.as_deref().filter(|l| *l != address.link.as_str())
}

/// What the kernel will say about an address of ours, to be believed until it says it.
fn facts_of(link: base::IfIndex, id: AddressId, address: &Address) -> AddressFacts {
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
        valid_lft: None,
        protocol: Some(PROTOCOL),
    }
}

/// A left-over as an address that can be removed.
fn address_of(link: IfName, facts: &AddressFacts) -> Address {
    Address {
        net: facts.net,
        link,
        peer: facts.peer.and_then(|p| base::IpNet::new(p, facts.net.prefix())),
        broadcast: facts.broadcast,
        label: facts.label.clone(),
        scope: facts.scope,
        flags: facts.flags,
        preferred_lft: facts.preferred_lft,
        no_track: false,
    }
}

/// A left-over as a route that can be removed; `None` if one of its interfaces has no name.
fn route_of(view: &View, facts: &RouteFacts) -> Option<Route> {
    let hop = |(gateway, link): &(Option<IpAddr>, Option<base::IfIndex>)| {
        let link = match link {
            None => None,
            Some(index) => Some(view.link(*index)?.name),
        };
        Some(Hop { gateway: *gateway, link, weight: 1, onlink: false })
    };
    Some(Route {
        family: facts.destination.family(),
        destination: facts.destination,
        kind: facts.kind,
        table: facts.table,
        metric: facts.metric,
        protocol: facts.protocol,
        scope: None,
        source: facts.source,
        from: None,
        tos: facts.tos,
        hops: facts.hops.iter().map(hop).collect::<Option<Vec<_>>>()?,
        metrics: Vec::new(),
        preference: None,
        expires: None,
        operation: RouteOperation::default(),
        no_track: false,
    })
}
