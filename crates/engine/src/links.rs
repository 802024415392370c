//! What the state of interfaces and addresses means to instances and trackers: source addresses,
//! faults, verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use base::{Family, IfIndex, IfName};
use model::{Instance, InstanceId, Model, TrackerId, TrackerSource};
use vrrp::config::Peers;
use vrrp::io::{Fault, Verdict};

use crate::facts::{AddressFacts, LinkFacts};
use crate::kernel::Kernel;
use crate::kernel::view::{PROTOCOL, View, usable};

/// The faults that the engine finds; what the core finds itself isn't among them.
const FAULTS: [Fault; 4] =
    [Fault::InterfaceMissing, Fault::InterfaceDown, Fault::SourceMissing, Fault::Unsuitable];

/// Which of [`FAULTS`] hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct FaultSet(u8);

impl FaultSet {
    fn bit(fault: Fault) -> u8 {
        FAULTS.iter().position(|f| *f == fault).map_or(0, |at| 1 << at)
    }

    pub(crate) fn contains(self, fault: Fault) -> bool {
        self.0 & Self::bit(fault) != 0
    }

    fn set(&mut self, fault: Fault, present: bool) {
        if present {
            self.0 |= Self::bit(fault);
        } else {
            self.0 &= !Self::bit(fault);
        }
    }

    /// The faults that hold.
    pub(crate) fn iter(self) -> impl Iterator<Item = Fault> {
        FAULTS.into_iter().filter(move |fault| self.contains(*fault))
    }
}

/// How an instance's surroundings stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Condition {
    /// The address that it can send from.
    pub(crate) source: Option<IpAddr>,
    /// What is wrong.
    pub(crate) faults: FaultSet,
}

/// The primary addresses of interfaces as found in one turn, for owners of addresses and for others.
pub(crate) type Primaries = BTreeMap<(IfIndex, Family, bool), Option<IpAddr>>;

/// Who depends on which interface, and what the core was last told.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Every interface that the model names.
    named: BTreeSet<IfName>,
    instances: BTreeMap<IfName, Vec<InstanceId>>,
    /// Unicast instances without an interface: any address may be their source.
    unbound: Vec<InstanceId>,
    trackers: BTreeMap<IfName, Vec<TrackerId>>,
    /// Every virtual address.
    virtuals: BTreeSet<IpAddr>,
    /// Every address of `static_ipaddress`: ours, but as good as the system's own.
    statics: BTreeSet<IpAddr>,
    /// Virtual addresses that serve an instance as a source all the same: owned or configured ones.
    sources: BTreeMap<IpAddr, Vec<InstanceId>>,
    told: Vec<Option<Condition>>,
    verdicts: BTreeMap<TrackerId, Verdict>,
}

impl Links {
    pub(crate) fn new(model: &Model) -> Self {
        let mut links = Self {
            virtuals: model.virtual_addresses().collect(),
            statics: model.static_addresses.iter().map(|a| a.net.addr()).collect(),
            ..Self::default()
        };
        for (index, instance) in model.instances.iter().enumerate() {
            let id = InstanceId::from_index(index);
            match instance.link {
                Some(link) => links.instances.entry(link).or_default().push(id),
                None => links.unbound.push(id),
            }
            let owned = instance.addresses.iter().map(|a| a.net.addr());
            let owned = owned.filter(|_| instance.protocol.priority.is_owner());
            for addr in owned.chain(instance.source).filter(|addr| links.virtuals.contains(addr)) {
                links.sources.entry(addr).or_default().push(id);
            }
            links.named.extend(instance.link);
            links.named.extend(instance.addresses.iter().chain(&instance.excluded).map(|a| a.link));
            links.named.extend(instance.routes.iter().flat_map(|r| &r.hops).filter_map(|h| h.link));
        }
        links.named.extend(model.static_addresses.iter().map(|a| a.link));
        links.named.extend(model.static_routes.iter().flat_map(|r| &r.hops).filter_map(|h| h.link));
        for (index, tracker) in model.trackers.iter().enumerate() {
            if let TrackerSource::Interface(link) = &tracker.source {
                links.named.insert(*link);
                links.trackers.entry(*link).or_default().push(TrackerId::from_index(index));
            }
        }
        links.told = vec![None; model.instances.len()];
        links
    }

    /// Takes over what the core was told about objects that live on.
    pub(crate) fn inherit(
        &mut self,
        old: &Self,
        instances: &[Option<InstanceId>],
        trackers: &[Option<TrackerId>],
    ) {
        for (told, from) in self.told.iter_mut().zip(instances) {
            *told = from.and_then(|id| old.told.get(id.index()).copied().flatten());
        }
        for (index, from) in trackers.iter().enumerate() {
            if let Some(verdict) = from.and_then(|id| old.verdicts.get(&id)) {
                self.verdicts.insert(TrackerId::from_index(index), *verdict);
            }
        }
    }

    /// Whether the model names `link`.
    pub(crate) fn is_named(&self, link: IfName) -> bool {
        self.named.contains(&link)
    }

    /// Whether `addr` is a virtual address of the model.
    pub(crate) fn is_virtual(&self, addr: &IpAddr) -> bool {
        self.virtuals.contains(addr)
    }

    /// Every interface that the model names.
    pub(crate) fn named(&self) -> Vec<IfName> {
        self.named.iter().copied().collect()
    }

    /// The instances to which `addr` on `link` may matter. A virtual address, of which there may be
    /// very many, matters to few.
    pub(crate) fn dependents(&self, link: IfName, addr: &IpAddr) -> Vec<InstanceId> {
        if self.is_virtual(addr) {
            self.sources.get(addr).cloned().unwrap_or_default()
        } else {
            self.instances_on(link)
        }
    }

    /// The instances that depend on `link`, those without an interface included.
    pub(crate) fn instances_on(&self, link: IfName) -> Vec<InstanceId> {
        self.instances.get(&link).into_iter().flatten().chain(&self.unbound).copied().collect()
    }

    /// The trackers that changed their verdict with `link`.
    pub(crate) fn verdicts_on(&mut self, link: IfName, view: &View) -> Vec<(TrackerId, Verdict)> {
        let up = view.named(link).is_some_and(is_up);
        let verdict = if up { Verdict::Up } else { Verdict::Down };
        let mut changed = Vec::new();
        for tracker in self.trackers.get(&link).into_iter().flatten() {
            if self.verdicts.insert(*tracker, verdict) != Some(verdict) {
                changed.push((*tracker, verdict));
            }
        }
        changed
    }

    /// All trackers that changed their verdict.
    pub(crate) fn verdicts(&mut self, view: &View) -> Vec<(TrackerId, Verdict)> {
        let links: Vec<IfName> = self.trackers.keys().copied().collect();
        links.into_iter().flat_map(|link| self.verdicts_on(link, view)).collect()
    }

    /// What the core was last told about an instance.
    pub(crate) fn told(&self, id: InstanceId) -> Option<Condition> {
        self.told.get(id.index()).copied().flatten()
    }

    /// Remembers what the core is told.
    pub(crate) fn tell(&mut self, id: InstanceId, condition: Condition) {
        if let Some(told) = self.told.get_mut(id.index()) {
            *told = Some(condition);
        }
    }

    /// The address that `instance` sends from, if there is one: the configured one, else the primary
    /// address of its interface, which for IPv6 is its link-local one. `known` spares looking again for
    /// instances that share an interface.
    ///
    /// An address that we put in ourselves never serves: a left-over one would mislead the others
    /// (F-25), and one that depends on the state must not decide it. Who owns the addresses has them
    /// as the system's own, and may have no other.
    pub(crate) fn source(
        &self,
        instance: &Instance,
        kernel: &Kernel,
        known: &mut Primaries,
    ) -> Option<IpAddr> {
        if let Some(source) = instance.source {
            return Some(source);
        }
        let link = kernel.view.named(instance.link?)?;
        let family = instance.protocol.family;
        let owner = instance.protocol.priority.is_owner();
        let place = (link.index, family, owner);
        *known.entry(place).or_insert_with(|| self.primary(link, family, owner, kernel))
    }

    /// Whether the address that `instance` needs is there, but its duplicate address detection goes on.
    pub(crate) fn is_source_near(&self, instance: &Instance, kernel: &Kernel) -> bool {
        let link = instance.link.and_then(|name| kernel.view.named(name)).filter(|link| is_up(link));
        let near = |facts: &AddressFacts| {
            let addr = facts.net.addr();
            facts.tentative && !facts.dad_failed && is_link_local(addr) && !self.is_virtual(&addr)
        };
        instance.protocol.family == Family::V6
            && link.is_some_and(|link| kernel.view.on_link(link.index).any(|(_, facts)| near(facts)))
    }

    fn primary(&self, link: &LinkFacts, family: Family, owner: bool, kernel: &Kernel) -> Option<IpAddr> {
        let rank = |facts: &AddressFacts| {
            let addr = facts.net.addr();
            let fits = facts.net.family() == family
                && usable(facts)
                && (family == Family::V4 || is_link_local(addr));
            let tagged = facts.protocol == Some(PROTOCOL) && !self.statics.contains(&addr);
            match self.is_virtual(&addr) {
                _ if !fits => None,
                false => (!tagged).then_some((0, facts.secondary)),
                true => (owner && kernel.is_foreign(link.name, facts)).then_some((1, facts.secondary)),
            }
        };
        let on_link = kernel.view.on_link(link.index);
        let candidates = on_link.filter_map(|(arrival, facts)| Some((rank(facts)?, arrival, facts)));
        candidates.min_by_key(|(rank, arrival, _)| (*rank, *arrival)).map(|(.., facts)| facts.net.addr())
    }

    /// How the surroundings of `instance` stand, its socket left aside.
    pub(crate) fn assess(&self, instance: &Instance, kernel: &Kernel, known: &mut Primaries) -> Condition {
        let view = &kernel.view;
        let mut condition =
            Condition { source: self.source(instance, kernel, known), ..Condition::default() };
        let faults = &mut condition.faults;
        let link = instance.link.map(|name| view.named(name));
        match link {
            None => {}
            Some(None) => faults.set(Fault::InterfaceMissing, true),
            Some(Some(link)) => {
                faults.set(Fault::InterfaceDown, instance.track_link && !is_up(link));
                let multicast = matches!(instance.protocol.peers, Peers::Multicast(_));
                faults.set(Fault::Unsuitable, link.loopback || multicast && !link.multicast);
            }
        }
        if instance.track_source
            && let Some(source) = instance.source
        {
            let on = link.flatten().map(|l| l.index);
            faults.set(Fault::SourceMissing, !view.holds(on, source));
        }
        condition
    }
}

impl Condition {
    /// Adds what is wrong with the socket: it cannot be opened, or it isn't open yet; then nothing that
    /// was wrong counts as mended, for what is mended without a socket is of no use.
    pub(crate) fn with_socket(mut self, socket: SocketState, told: Option<Self>) -> Self {
        match socket {
            SocketState::Open | SocketState::NotNeeded => {}
            SocketState::Failed => self.faults.set(Fault::Unsuitable, true),
            SocketState::Opening => {
                let told = told.unwrap_or_default();
                self.faults.0 |= told.faults.0;
                if self.source.is_some() {
                    self.source = told.source;
                }
            }
        }
        // While its interface isn't there an instance keeps its source: one fault is enough to tell.
        let absent = Fault::InterfaceMissing;
        let keeps = self.faults.contains(absent) || self.faults.contains(Fault::InterfaceDown);
        if keeps && self.source.is_none() {
            self.source = told.and_then(|t| t.source);
        }
        self
    }
}

/// How the socket of an instance stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SocketState {
    /// There is nothing to open it on.
    NotNeeded,
    /// It waits to be opened.
    Opening,
    /// It is open.
    Open,
    /// It could not be opened; that is tried again.
    Failed,
}

/// Whether a link is switched on and has a carrier.
pub(crate) fn is_up(link: &LinkFacts) -> bool {
    link.up && link.running
}

fn is_link_local(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(addr) => addr.is_link_local(),
        IpAddr::V6(addr) => Ipv6Addr::is_unicast_link_local(&addr),
    }
}
