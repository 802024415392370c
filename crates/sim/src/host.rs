//! The virtual kernel of a node: interfaces, addresses, routes, and what becomes of operations on them.
//!
//! It behaves as Linux does where that matters to failover: addresses live on when a daemon dies, and
//! end with their lifetime; an IPv4 address takes the later ones of its network along unless
//! `promote_secondaries` is set; an interface that is switched off loses its routes without a word and
//! its IPv6 addresses with one; a recreated interface has another index.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use base::{Duration, IfIndex, IfName, Instant, IpNet, Mac};
use engine::facts::{AddressFacts, KernelDump, KernelEvent, LinkFacts, RouteFacts};
use engine::io::Operation;
use engine::lvs::table::{SyncHalf, SyncSettings};
use model::address::AddressFlags;
use model::{Address, Route};

/// Error numbers of Linux that operations can end with.
pub mod errno {
    /// No such object.
    pub const ESRCH: i32 = 3;
    /// Out of memory.
    pub const ENOMEM: i32 = 12;
    /// Busy.
    pub const EBUSY: i32 = 16;
    /// No such interface.
    pub const ENODEV: i32 = 19;
    /// The address isn't there.
    pub const EADDRNOTAVAIL: i32 = 99;
    /// The interface is down.
    pub const ENETDOWN: i32 = 100;
}

/// An address and when it ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// What the kernel tells of it.
    pub facts: AddressFacts,
    /// When its lifetime ends, in the time of the world; `None` for never.
    pub expires: Option<Instant>,
}

/// The virtual kernel.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The interfaces.
    pub links: BTreeMap<IfIndex, LinkFacts>,
    /// The addresses, oldest first.
    pub addresses: Vec<Held>,
    /// The routes.
    pub routes: Vec<RouteFacts>,
    /// Interfaces with `promote_secondaries`.
    promote: BTreeSet<IfName>,
    /// The halves of the sync daemon that run.
    pub sync: BTreeMap<SyncHalf, SyncSettings>,
    /// Those of them whose interface is gone: they stay there, even if there is another one of that name.
    pub adrift: BTreeSet<SyncHalf>,
    /// What each interface gets when it (re)appears: the host's own addresses.
    own: BTreeMap<IfName, Vec<IpNet>>,
    next_index: u32,
    /// Tells its hardware addresses from those of other hosts.
    number: u8,
}

impl Host {
    /// Host `number`; `own` are its interfaces with their addresses.
    #[must_use]
    pub fn new(number: u8, own: BTreeMap<IfName, Vec<IpNet>>) -> Self {
        let mut host = Self { own, next_index: 2, number, ..Self::default() };
        host.boot();
        host
    }

    /// Power on: everything is as the host's own configuration has it.
    pub fn boot(&mut self) {
        self.links.clear();
        self.addresses.clear();
        self.routes.clear();
        self.promote.clear();
        self.sync.clear();
        self.adrift.clear();
        if let (Ok(name), Some(index)) = (IfName::new("lo"), IfIndex::new(1)) {
            let mut lo = link_facts(self.number, index, name);
            (lo.loopback, lo.multicast, lo.mac) = (true, false, None);
            self.links.insert(index, lo);
        }
        for name in self.own.keys().copied().collect::<Vec<_>>() {
            self.create_link(name);
        }
    }

    /// The interfaces that this host has when all is well.
    pub fn own_links(&self) -> impl Iterator<Item = (IfName, &[IpNet])> {
        self.own.iter().map(|(name, nets)| (*name, nets.as_slice()))
    }

    /// Everything that there is; of lifetimes what is left at `now`.
    #[must_use]
    pub fn dump(&self, now: Instant) -> KernelDump {
        let listed = |held: &Held| {
            let left = held.expires.and_then(|end| u32::try_from(end.since(now).as_secs()).ok());
            let of = |lifetime: Option<u32>| {
                lifetime.map(|seconds| left.map_or(seconds, |left| seconds.min(left)))
            };
            let AddressFacts { valid_lft, preferred_lft, .. } = held.facts;
            AddressFacts { valid_lft: of(valid_lft), preferred_lft: of(preferred_lft), ..held.facts.clone() }
        };
        KernelDump {
            links: self.links.values().cloned().collect(),
            addresses: self.addresses.iter().map(listed).collect(),
            routes: self.routes.clone(),
        }
    }

    /// The interface called `name`.
    #[must_use]
    pub fn named(&self, name: IfName) -> Option<&LinkFacts> {
        self.links.values().find(|link| link.name == name)
    }

    /// Whether `addr` is on an interface, of any or of this name.
    #[must_use]
    pub fn holds(&self, link: Option<IfIndex>, addr: IpAddr) -> bool {
        self.addresses.iter().any(|h| h.facts.net.addr() == addr && link.is_none_or(|l| h.facts.link == l))
    }

    /// The source that the kernel picks for a packet to a multicast group on `link`.
    #[must_use]
    pub fn link_local(&self, link: IfIndex) -> Option<IpAddr> {
        let on = self.addresses.iter().filter(|h| h.facts.link == link && !h.facts.tentative);
        on.map(|h| h.facts.net.addr()).find(|a| is_link_local(*a))
    }

    /// The first lifetime that ends.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.addresses.iter().filter_map(|held| held.expires).min()
    }

    // --- operations ---

    /// Carries an operation out; the news of it, or an error number.
    ///
    /// # Errors
    /// The kernel's error number.
    pub fn apply(&mut self, now: Instant, op: &Operation, slack: Duration) -> Result<Vec<KernelEvent>, i32> {
        match op {
            Operation::AddAddress { link, address, valid_lft } => {
                self.add_address(now, *link, address, *valid_lft, slack)
            }
            Operation::DelAddress { link, net, peer } => {
                self.del_address(*link, *net, peer.map(|p| p.addr()))
            }
            Operation::AddRoute { route, links } => self.add_route(route, links),
            Operation::DelRoute { route, links } => self.del_route(route, links),
            Operation::PromoteSecondaries { link } => {
                self.promote.insert(*link);
                Ok(Vec::new())
            }
            Operation::StartSync(half, settings) => {
                // One that runs like that is left as it is.
                if self.sync.get(half) != Some(settings) {
                    self.named(settings.link).ok_or(errno::ENODEV)?;
                    self.sync.insert(*half, settings.clone());
                    self.adrift.remove(half);
                }
                Ok(Vec::new())
            }
            Operation::StopSync(half, _) => {
                self.sync.remove(half);
                self.adrift.remove(half);
                Ok(Vec::new())
            }
        }
    }

    /// Adds an address, or replaces the attributes of the one that is there; it ends `slack` after its
    /// lifetime of `seconds`.
    fn add_address(
        &mut self,
        now: Instant,
        link: IfIndex,
        address: &Address,
        seconds: Option<u32>,
        slack: Duration,
    ) -> Result<Vec<KernelEvent>, i32> {
        let facts = self.links.get(&link).ok_or(errno::ENODEV)?;
        if facts.loopback && address.net.addr().is_ipv6() && !facts.up {
            return Err(errno::ENETDOWN);
        }
        let peer = address.peer;
        let prefix = peer.map_or(address.net.prefix(), |p| p.prefix());
        let net = IpNet::new(address.net.addr(), prefix).unwrap_or(address.net);
        let wanted = AddressFacts {
            link,
            net,
            peer: peer.map(|p| p.addr()).filter(|p| *p != net.addr()),
            broadcast: address.broadcast,
            label: address.label.clone(),
            scope: address.scope,
            flags: address.flags,
            secondary: false,
            tentative: false,
            dad_failed: false,
            // It is cut to the valid one.
            preferred_lft: address.preferred_lft.into_iter().chain(seconds).min(),
            valid_lft: seconds,
            protocol: Some(18),
        };
        let expires = seconds.map(|s| now + Duration::from_secs(u64::from(s)) + slack);
        Ok(vec![KernelEvent::Address(self.put(wanted, expires))])
    }

    fn put(&mut self, mut facts: AddressFacts, expires: Option<Instant>) -> AddressFacts {
        let same =
            |h: &Held| (h.facts.link, h.facts.net, h.facts.peer) == (facts.link, facts.net, facts.peer);
        if let Some(known) = self.addresses.iter_mut().find(|h| same(h)) {
            facts.secondary = known.facts.secondary;
            *known = Held { facts: facts.clone(), expires };
            return facts;
        }
        facts.secondary = self.addresses.iter().any(|h| !h.facts.secondary && same_network(&h.facts, &facts));
        self.addresses.push(Held { facts: facts.clone(), expires });
        facts
    }

    fn del_address(
        &mut self,
        link: IfIndex,
        net: IpNet,
        peer: Option<IpAddr>,
    ) -> Result<Vec<KernelEvent>, i32> {
        if !self.links.contains_key(&link) {
            return Err(errno::ENODEV);
        }
        let same = |h: &Held| {
            h.facts.link == link
                && h.facts.net.addr() == net.addr()
                && match peer {
                    Some(peer) => h.facts.peer.unwrap_or(h.facts.net.addr()) == peer,
                    None => h.facts.net == net,
                }
        };
        let at = self.addresses.iter().position(same).ok_or(errno::EADDRNOTAVAIL)?;
        Ok(self.remove_at(at))
    }

    /// Removes an address and what goes with it.
    fn remove_at(&mut self, at: usize) -> Vec<KernelEvent> {
        let gone = self.addresses.remove(at).facts;
        let mut news = vec![KernelEvent::AddressGone(gone.clone())];
        let name = self.links.get(&gone.link).map(|l| l.name);
        let mut promote = name.is_some_and(|n| self.promote.contains(&n));
        if !gone.secondary && gone.net.addr().is_ipv4() {
            let mut rest = Vec::new();
            for mut held in std::mem::take(&mut self.addresses) {
                if held.facts.secondary && same_network(&held.facts, &gone) {
                    if promote {
                        // The next one is the first of its network now.
                        promote = false;
                        held.facts.secondary = false;
                        news.push(KernelEvent::Address(held.facts.clone()));
                    } else if name.is_some_and(|n| self.promote.contains(&n)) {
                        // It stays secondary to the one that was promoted.
                    } else {
                        news.push(KernelEvent::AddressGone(held.facts));
                        continue;
                    }
                }
                rest.push(held);
            }
            self.addresses = rest;
        }
        // A route whose preferred source is gone goes with it.
        let addr = gone.net.addr();
        if !self.holds(None, addr) {
            self.routes.retain(|r| r.source != Some(addr));
        }
        news
    }

    fn add_route(&mut self, route: &Route, links: &[Option<IfIndex>]) -> Result<Vec<KernelEvent>, i32> {
        for link in links.iter().flatten() {
            if !self.links.get(link).ok_or(errno::ENODEV)?.up {
                return Err(errno::ENETDOWN);
            }
        }
        if route.source.is_some_and(|source| !self.holds(None, source)) {
            return Err(errno::EADDRNOTAVAIL);
        }
        let facts = route_facts(route, links);
        if !self.routes.contains(&facts) {
            self.routes.push(facts.clone());
        }
        Ok(vec![KernelEvent::Route(facts)])
    }

    fn del_route(&mut self, route: &Route, links: &[Option<IfIndex>]) -> Result<Vec<KernelEvent>, i32> {
        let facts = route_facts(route, links);
        let at = self.routes.iter().position(|r| *r == facts).ok_or(errno::ESRCH)?;
        Ok(vec![KernelEvent::RouteGone(self.routes.remove(at))])
    }

    // --- what happens by itself or by others ---

    /// Removes what has outlived itself at `now`.
    pub fn expire(&mut self, now: Instant) -> Vec<KernelEvent> {
        let mut news = Vec::new();
        while let Some(at) = self.addresses.iter().position(|h| h.expires.is_some_and(|e| e <= now)) {
            news.extend(self.remove_at(at));
        }
        news
    }

    /// Somebody else deletes `addr` wherever it is.
    pub fn foreign_delete(&mut self, addr: IpAddr) -> Vec<KernelEvent> {
        match self.addresses.iter().position(|h| h.facts.net.addr() == addr) {
            Some(at) => self.remove_at(at),
            None => Vec::new(),
        }
    }

    /// Somebody else adds an address.
    pub fn foreign_add(&mut self, link: IfName, net: IpNet) -> Vec<KernelEvent> {
        let Some(index) = self.named(link).map(|l| l.index) else { return Vec::new() };
        vec![KernelEvent::Address(self.put(address_facts(index, net), None))]
    }

    /// Somebody else deletes all routes that carry our mark.
    pub fn foreign_delete_routes(&mut self) -> Vec<KernelEvent> {
        let (gone, left) =
            std::mem::take(&mut self.routes).into_iter().partition(|r: &RouteFacts| r.protocol == 18);
        self.routes = left;
        let gone: Vec<RouteFacts> = gone;
        gone.into_iter().map(KernelEvent::RouteGone).collect()
    }

    /// Somebody else stops both halves of the sync daemon, or has them run on an interface with an id.
    pub fn foreign_sync(&mut self, runs: Option<(IfName, u8)>) {
        self.sync.clear();
        self.adrift.clear();
        if let Some((link, id)) = runs.filter(|(link, _)| self.named(*link).is_some()) {
            let settings = SyncSettings { link, id, max_len: None, port: None, ttl: None, group: None };
            self.sync.extend([SyncHalf::Master, SyncHalf::Backup].map(|half| (half, settings.clone())));
        }
    }

    /// What the kernel tells of the halves that run: its own choice for what wasn't asked for, too.
    #[must_use]
    pub fn sync_told(&self) -> BTreeMap<SyncHalf, SyncSettings> {
        let told = |settings: &SyncSettings| SyncSettings {
            max_len: settings.max_len.or(Some(1_472)),
            port: settings.port.or(Some(8_848)),
            ttl: settings.ttl.or(Some(1)),
            group: settings.group.or(Some([224, 0, 0, 81].into())),
            ..settings.clone()
        };
        self.sync.iter().map(|(half, settings)| (*half, told(settings))).collect()
    }

    /// The carrier of an interface comes or goes.
    pub fn set_carrier(&mut self, name: IfName, carrier: bool) -> Vec<KernelEvent> {
        self.change_link(name, |link| link.running = carrier && link.up)
    }

    /// The administrator switches an interface on (with its carrier, if `carrier`) or off.
    pub fn set_up(&mut self, name: IfName, up: bool, carrier: bool) -> Vec<KernelEvent> {
        let Some(index) = self.named(name).map(|l| l.index) else { return Vec::new() };
        let mut news = Vec::new();
        if !up {
            self.routes.retain(|r| r.hops.iter().all(|(_, link)| *link != Some(index)));
            let (gone, left) = std::mem::take(&mut self.addresses)
                .into_iter()
                .partition(|h: &Held| h.facts.link == index && h.facts.net.addr().is_ipv6());
            self.addresses = left;
            let gone: Vec<Held> = gone;
            news.extend(gone.into_iter().map(|h| KernelEvent::AddressGone(h.facts)));
        }
        let link = self.change_link(name, |link| (link.up, link.running) = (up, up && carrier));
        if up {
            news.extend(link);
            // IPv6 addresses come back, and are examined first.
            news.extend(self.own_addresses(name, index, true));
        } else {
            news.splice(0..0, link);
        }
        news
    }

    /// Duplicate address detection is over.
    pub fn dad_done(&mut self) -> Vec<KernelEvent> {
        let mut news = Vec::new();
        for held in self.addresses.iter_mut().filter(|h| h.facts.tentative) {
            held.facts.tentative = false;
            news.push(KernelEvent::Address(held.facts.clone()));
        }
        news
    }

    /// An interface vanishes with everything on it.
    pub fn delete_link(&mut self, name: IfName) -> Vec<KernelEvent> {
        let Some(index) = self.named(name).map(|l| l.index) else { return Vec::new() };
        let mut news = self.set_up(name, false, false);
        let (gone, left) =
            std::mem::take(&mut self.addresses).into_iter().partition(|h: &Held| h.facts.link == index);
        self.addresses = left;
        let gone: Vec<Held> = gone;
        news.extend(gone.into_iter().map(|h| KernelEvent::AddressGone(h.facts)));
        self.links.remove(&index);
        self.adrift.extend(self.sync.iter().filter(|(_, s)| s.link == name).map(|(half, _)| *half));
        news.push(KernelEvent::LinkGone(index));
        news
    }

    /// An interface of the host's own appears, with its addresses.
    pub fn create_link(&mut self, name: IfName) -> Vec<KernelEvent> {
        if self.named(name).is_some() {
            return Vec::new();
        }
        let Some(index) = IfIndex::new(self.next_index) else { return Vec::new() };
        self.next_index += 1;
        let facts = link_facts(self.number, index, name);
        self.links.insert(index, facts.clone());
        let mut news = vec![KernelEvent::Link(facts)];
        news.extend(self.own_addresses(name, index, false));
        news
    }

    fn own_addresses(&mut self, name: IfName, index: IfIndex, tentative: bool) -> Vec<KernelEvent> {
        let mut news = Vec::new();
        for net in self.own.get(&name).cloned().unwrap_or_default() {
            if self.addresses.iter().any(|h| h.facts.link == index && h.facts.net == net) {
                continue;
            }
            let mut facts = address_facts(index, net);
            facts.tentative = tentative && net.addr().is_ipv6();
            news.push(KernelEvent::Address(self.put(facts, None)));
        }
        news
    }

    fn change_link(&mut self, name: IfName, change: impl FnOnce(&mut LinkFacts)) -> Vec<KernelEvent> {
        let Some(link) = self.links.values_mut().find(|link| link.name == name) else { return Vec::new() };
        let before = link.clone();
        change(link);
        if *link == before { Vec::new() } else { vec![KernelEvent::Link(link.clone())] }
    }
}

/// IPv4 addresses of one network of one interface: the later ones are secondary.
fn same_network(a: &AddressFacts, b: &AddressFacts) -> bool {
    a.link == b.link
        && a.net.addr().is_ipv4()
        && a.net.prefix() == b.net.prefix()
        && a.net.contains(&b.net.addr())
        && a.peer.is_none()
        && b.peer.is_none()
}

fn is_link_local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(a) if Ipv6Addr::is_unicast_link_local(&a))
}

fn link_facts(number: u8, index: IfIndex, name: IfName) -> LinkFacts {
    let [.., a, b] = index.get().to_be_bytes();
    LinkFacts {
        index,
        name,
        mac: Some(Mac([2, 0, 0, number, a, b])),
        mtu: 1500,
        up: true,
        running: true,
        loopback: false,
        noarp: false,
        multicast: true,
        master: None,
        forwarding6: false,
    }
}

/// An address of the host's own.
fn address_facts(link: IfIndex, net: IpNet) -> AddressFacts {
    AddressFacts {
        link,
        net,
        peer: None,
        broadcast: None,
        label: None,
        scope: if is_link_local(net.addr()) { 253 } else { 0 },
        flags: AddressFlags::default(),
        secondary: false,
        tentative: false,
        dad_failed: false,
        preferred_lft: None,
        valid_lft: None,
        // What the kernel makes itself has its mark, what the administrator adds has none.
        protocol: is_link_local(net.addr()).then_some(3),
    }
}

pub(crate) fn route_facts(route: &Route, links: &[Option<IfIndex>]) -> RouteFacts {
    // What an IPv6 route without a metric gets from the kernel.
    let metric = if route.metric == 0 && route.destination.addr().is_ipv6() { 1024 } else { route.metric };
    RouteFacts {
        destination: route.destination,
        kind: route.kind,
        table: route.table,
        metric,
        tos: route.tos,
        protocol: route.protocol,
        source: route.source,
        hops: route.hops.iter().zip(links).map(|(hop, link)| (hop.gateway, *link)).collect(),
    }
}
