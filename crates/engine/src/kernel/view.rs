//! What netlink says there is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{Family, IfIndex, IfName, IpNet};
use model::route::RouteKind;
use model::{Address, Route};

use crate::facts::{AddressFacts, KernelDump, LinkFacts, RouteFacts};

/// The number of keepalived among the protocols of routes and addresses (`rt_protos`,
/// `rt_addrprotos`): how our objects are told from those of others.
pub(crate) const PROTOCOL: u8 = 18;

/// What an IPv6 route without a metric gets from the kernel (`IP6_RT_PRIO_USER`).
const DEFAULT_METRIC_V6: u32 = 1024;

/// What tells one address of an interface from another: the prefix length is part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct AddressId {
    /// The address; the prefix length is the one that the kernel keeps, the peer's if there is one.
    pub(crate) net: IpNet,
    /// The other end of a point to point address.
    pub(crate) peer: Option<IpAddr>,
}

impl AddressId {
    pub(crate) fn of_facts(facts: &AddressFacts) -> Self {
        let peer = facts.peer.filter(|p| *p != facts.net.addr());
        Self { net: facts.net, peer }
    }

    pub(crate) fn of_address(address: &Address) -> Self {
        match &address.peer {
            None => Self { net: address.net, peer: None },
            Some(peer) => {
                let addr = address.net.addr();
                let net = IpNet::new(addr, peer.prefix()).unwrap_or(address.net);
                Self { net, peer: Some(peer.addr()).filter(|p| *p != addr) }
            }
        }
    }
}

/// Interfaces, addresses and routes as last heard of.
#[derive(Debug, Default)]
pub(crate) struct View {
    links: BTreeMap<IfIndex, LinkFacts>,
    names: BTreeMap<IfName, IfIndex>,
    /// By interface; the number tells which came first, as the kernel keeps them in that order.
    addresses: BTreeMap<IfIndex, BTreeMap<AddressId, (u64, AddressFacts)>>,
    /// By destination and table.
    routes: BTreeMap<(IpNet, u32), Vec<RouteFacts>>,
    arrivals: u64,
}

impl View {
    pub(crate) fn from_dump(dump: KernelDump) -> Self {
        let mut view = Self::default();
        for link in dump.links {
            view.put_link(link);
        }
        for address in dump.addresses {
            view.put_address(address);
        }
        for route in dump.routes {
            view.put_route(route);
        }
        view
    }

    /// Whether both say the same of the kernel, lifetimes aside: those pass by themselves.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let addresses = |of: &BTreeMap<AddressId, (u64, AddressFacts)>| of.len();
        let count = |view: &Self| view.addresses.values().map(addresses).sum::<usize>();
        let same_address = |facts: &AddressFacts| {
            let known = other.address(facts.link, &AddressId::of_facts(facts));
            known.is_some_and(|known| {
                let lifetimes = (known.preferred_lft, known.valid_lft);
                *known == AddressFacts { preferred_lft: lifetimes.0, valid_lft: lifetimes.1, ..facts.clone() }
            })
        };
        let same_routes = |(place, known): (&(IpNet, u32), &Vec<RouteFacts>)| {
            let others = other.routes.get(place).map_or(&[][..], Vec::as_slice);
            others.len() == known.len() && known.iter().all(|route| others.contains(route))
        };
        self.links == other.links
            && count(self) == count(other)
            && self.all_addresses().all(same_address)
            && self.routes.len() == other.routes.len()
            && self.routes.iter().all(same_routes)
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &LinkFacts> {
        self.links.values()
    }

    pub(crate) fn link(&self, index: IfIndex) -> Option<&LinkFacts> {
        self.links.get(&index)
    }

    pub(crate) fn named(&self, name: IfName) -> Option<&LinkFacts> {
        self.links.get(self.names.get(&name)?)
    }

    pub(crate) fn index(&self, name: IfName) -> Option<IfIndex> {
        self.names.get(&name).copied()
    }

    /// Takes over what is known about a link, and returns what was known before.
    pub(crate) fn put_link(&mut self, facts: LinkFacts) -> Option<LinkFacts> {
        let (index, name) = (facts.index, facts.name);
        let old = self.links.insert(index, facts);
        if let Some(old) = &old
            && old.name != name
            && self.names.get(&old.name) == Some(&index)
        {
            self.names.remove(&old.name);
        }
        self.names.insert(name, index);
        old
    }

    /// Forgets a link and everything on it.
    pub(crate) fn remove_link(&mut self, index: IfIndex) -> Option<LinkFacts> {
        let old = self.links.remove(&index)?;
        if self.names.get(&old.name) == Some(&index) {
            self.names.remove(&old.name);
        }
        self.addresses.remove(&index);
        self.drop_routes(|route| uses(route, index));
        Some(old)
    }

    /// The addresses of a link; the numbers grow with the order in which they came.
    pub(crate) fn on_link(&self, link: IfIndex) -> impl Iterator<Item = (u64, &AddressFacts)> {
        self.addresses.get(&link).into_iter().flat_map(|of| of.values()).map(|(at, facts)| (*at, facts))
    }

    /// The addresses of a link, oldest first.
    pub(crate) fn addresses(&self, link: IfIndex) -> Vec<&AddressFacts> {
        let mut found: Vec<_> = self.on_link(link).collect();
        found.sort_by_key(|(arrival, _)| *arrival);
        found.into_iter().map(|(_, facts)| facts).collect()
    }

    /// Every address, by interface.
    pub(crate) fn all_addresses(&self) -> impl Iterator<Item = &AddressFacts> {
        self.addresses.values().flat_map(|of| of.values()).map(|(_, facts)| facts)
    }

    pub(crate) fn address(&self, link: IfIndex, id: &AddressId) -> Option<&AddressFacts> {
        self.addresses.get(&link)?.get(id).map(|(_, facts)| facts)
    }

    /// Whether `addr` is on some interface, or on `link` if that is given, with any prefix length.
    pub(crate) fn holds(&self, link: Option<IfIndex>, addr: IpAddr) -> bool {
        let on = |of: &BTreeMap<AddressId, (u64, AddressFacts)>| {
            of.values().any(|(_, f)| f.net.addr() == addr && usable(f))
        };
        match link {
            Some(link) => self.addresses.get(&link).is_some_and(on),
            None => self.addresses.values().any(on),
        }
    }

    /// Takes over what is known about an address; whether it is new.
    pub(crate) fn put_address(&mut self, facts: AddressFacts) -> bool {
        let of = self.addresses.entry(facts.link).or_default();
        match of.get_mut(&AddressId::of_facts(&facts)) {
            Some((_, known)) => {
                *known = facts;
                false
            }
            None => {
                self.arrivals += 1;
                of.insert(AddressId::of_facts(&facts), (self.arrivals, facts));
                true
            }
        }
    }

    /// Forgets an address; whether it was known.
    pub(crate) fn remove_address(&mut self, link: IfIndex, id: &AddressId) -> bool {
        self.addresses.get_mut(&link).is_some_and(|of| of.remove(id).is_some())
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &RouteFacts> {
        self.routes.values().flatten()
    }

    pub(crate) fn put_route(&mut self, facts: RouteFacts) {
        let known = self.routes.entry((facts.destination, facts.table)).or_default();
        match known.iter_mut().find(|known| same_place(known, &facts)) {
            Some(known) => *known = facts,
            None => known.push(facts),
        }
    }

    pub(crate) fn remove_route(&mut self, facts: &RouteFacts) -> bool {
        let Some(known) = self.routes.get_mut(&(facts.destination, facts.table)) else { return false };
        let before = known.len();
        known.retain(|known| !same_place(known, facts));
        let removed = known.len() < before;
        if known.is_empty() {
            self.routes.remove(&(facts.destination, facts.table));
        }
        removed
    }

    /// Forgets the routes over a link that was switched off: the kernel drops them without a word.
    pub(crate) fn link_switched_off(&mut self, index: IfIndex) {
        self.drop_routes(|route| uses(route, index));
    }

    /// Forgets the IPv4 routes with a preferred source that is gone: as above. Whether there were any.
    pub(crate) fn source_gone(&mut self, addr: IpAddr) -> bool {
        let any = addr.is_ipv4() && self.routes().any(|r| r.source == Some(addr)) && !self.holds(None, addr);
        if any {
            self.drop_routes(|route| route.source == Some(addr));
        }
        any
    }

    fn drop_routes(&mut self, which: impl Fn(&RouteFacts) -> bool) {
        self.routes.retain(|_, known| {
            known.retain(|route| !which(route));
            !known.is_empty()
        });
    }

    /// Whether all interfaces of a route's legs are switched on: others take no routes.
    pub(crate) fn takes_route(&self, route: &Route) -> bool {
        let mut links = route.hops.iter().filter_map(|hop| hop.link);
        links.all(|name| self.named(name).is_some_and(|link| link.up))
    }

    /// The interfaces of a route's legs in order; `None` if one of them isn't there.
    pub(crate) fn route_links(&self, route: &Route) -> Option<Vec<Option<IfIndex>>> {
        route.hops.iter().map(|hop| hop.link.map_or(Some(None), |name| self.index(name).map(Some))).collect()
    }

    /// The route that is `wanted`, if it is there.
    pub(crate) fn route(&self, wanted: &Route) -> Option<&RouteFacts> {
        let links = self.route_links(wanted)?;
        let known = self.routes.get(&(wanted.destination, wanted.table))?;
        known.iter().find(|known| matches(known, wanted, &links))
    }

    /// What the kernel would say about `route`, to be believed until it says it.
    pub(crate) fn route_facts(&self, route: &Route, links: &[Option<IfIndex>]) -> RouteFacts {
        RouteFacts {
            destination: route.destination,
            kind: route.kind,
            table: route.table,
            metric: metric(route),
            tos: route.tos,
            protocol: route.protocol,
            source: route.source,
            hops: route.hops.iter().zip(links).map(|(hop, link)| (hop.gateway, *link)).collect(),
        }
    }
}

/// Whether an address can be sent from: duplicate address detection is over and went well.
pub(crate) fn usable(facts: &AddressFacts) -> bool {
    !facts.tentative && !facts.dad_failed
}

fn uses(route: &RouteFacts, index: IfIndex) -> bool {
    route.hops.iter().any(|(_, link)| *link == Some(index))
}

fn metric(route: &Route) -> u32 {
    match (route.metric, route.family) {
        (0, Family::V6) => DEFAULT_METRIC_V6,
        (metric, _) => metric,
    }
}

/// Whether two facts speak of the same route.
fn same_place(a: &RouteFacts, b: &RouteFacts) -> bool {
    (a.metric, a.tos, a.kind, a.protocol) == (b.metric, b.tos, b.kind, b.protocol) && a.hops == b.hops
}

fn matches(known: &RouteFacts, wanted: &Route, links: &[Option<IfIndex>]) -> bool {
    let same = (known.metric, known.tos, known.kind, known.protocol)
        == (metric(wanted), wanted.tos, wanted.kind, wanted.protocol);
    // The kernel leads IPv6 blackholes over the loopback interface: their legs mean nothing.
    let has_legs = wanted.kind == RouteKind::Unicast && !wanted.hops.is_empty();
    same && (!has_legs
        || known.hops.len() == wanted.hops.len()
            && known.hops.iter().zip(wanted.hops.iter().zip(links)).all(|((gateway, link), (hop, index))| {
                *gateway == hop.gateway && (index.is_none() || *link == *index)
            }))
}
