//! The start over what an earlier life left.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use base::IfName;
use model::route::{Hop, RouteOperation};
use model::{Address, InstanceId, Model, Route};

use super::Kernel;
use super::desired::{Desired, Key, Object, Owner, Thing};
use super::view::{AddressId, PROTOCOL, View};
use crate::facts::{AddressFacts, KernelDump, RouteFacts};
use crate::io::Event;
use crate::out::Out;

impl Kernel {
    /// What carries our mark but is not in the configuration is not ours.
    pub(crate) const fn leave_strangers(&mut self) {
        self.strangers_stay = true;
    }

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
                    // A lease of the earlier life goes on, and would end before the second advert renews it.
                    let leased = facts.valid_lft.is_some();
                    object.refresh = object.spare && (leased || differs(&object.thing, facts));
                    if object.foreign {
                        continue;
                    }
                    object.spare
                }
                None if tagged && !self.strangers_stay && ours.contains(&link) => {
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
            if !named
                && !self.strangers_stay
                && let Some(route) = route_of(&self.view, facts)
            {
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
        on_vmac: false,
    }
}

/// A left-over as a route that can be removed; `None` if one of its interfaces has no name.
fn route_of(view: &View, facts: &RouteFacts) -> Option<Route> {
    let hop = |(gateway, link): &(Option<IpAddr>, Option<base::IfIndex>)| {
        let link = match link {
            None => None,
            Some(index) => Some(view.link(*index)?.name),
        };
        Some(Hop { gateway: *gateway, link, weight: 1, ..Hop::default() })
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
        held: None,
    })
}
