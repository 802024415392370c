//! What should be there: static objects always, those of an instance while it is MASTER.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{IfName, Instant, IpNet};
use model::{Address, InstanceId, Model, Route};
use smallvec::SmallVec;

use super::lease::Lease;
use super::view::AddressId;
use crate::io::OpId;

/// Who wants something to be there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Owner {
    /// The daemon, as long as it runs.
    Static,
    /// An instance, while it is MASTER.
    Instance(InstanceId),
}

impl Owner {
    /// The instance, if it is one.
    pub(crate) fn instance(self) -> Option<InstanceId> {
        match self {
            Self::Static => None,
            Self::Instance(id) => Some(id),
        }
    }
}

/// A few owners, nearly always one.
pub(crate) type Owners = SmallVec<[Owner; 1]>;

/// What tells one kernel object from another. Interfaces go by name: a recreated one has the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Key {
    Address(IfName, AddressId),
    Route(Arc<Route>),
}

impl Key {
    pub(crate) fn of_address(address: &Address) -> Self {
        Self::Address(address.link, AddressId::of_address(address))
    }

    /// Whether it is an address on `link`.
    pub(crate) fn is_on(&self, link: IfName) -> bool {
        matches!(self, Self::Address(on, _) if *on == link)
    }

    /// A key that is not after any address of `link`.
    pub(crate) fn first_on(link: IfName) -> Self {
        let least = IpNet::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let net = least.unwrap_or(IpNet::host(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        Self::Address(link, AddressId { net, peer: None })
    }
}

/// What is to be put in.
#[derive(Clone, Debug)]
pub(crate) enum Thing {
    Address(Address),
    Route(Arc<Route>),
}

/// Whether something is being done about an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// Nothing.
    Idle,
    /// An operation waits for its answer.
    InFlight {
        /// Which.
        op: OpId,
        /// Put in or taken away?
        adding: bool,
        /// The kernel has told of it already: from then on its word counts, not the answer.
        seen: bool,
    },
    /// The operation failed and is tried again.
    Waiting {
        /// When.
        until: Instant,
        /// How often it failed in a row.
        failures: u32,
        /// Put in or taken away?
        adding: bool,
    },
}

/// A kernel object that is, was or will be ours.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent marks of one object")]
pub(crate) struct Object {
    /// What it is.
    pub(crate) thing: Thing,
    /// Who names it in the model.
    pub(crate) owners: Owners,
    /// Who wants it now.
    pub(crate) claims: Owners,
    /// What is going on.
    pub(crate) progress: Progress,
    /// It is there, but with other attributes than wanted.
    pub(crate) refresh: bool,
    /// It was there before us and somebody else put it in: it is never taken away.
    pub(crate) foreign: bool,
    /// It was there before us and its instance may be MASTER at once: it stays until that is known.
    pub(crate) spare: bool,
    /// Somebody removed it and it isn't tracked: it stays away until the next change of state.
    pub(crate) lost: bool,
    /// It is known to be there for those who want it.
    pub(crate) held: bool,
    /// Removals of ours that were answered, but not yet seen among the kernel's events.
    pub(crate) echoes_due: u32,
    /// Since when it was put back how often.
    pub(crate) repairs: (Instant, u32),
    /// The lifetime that it has in the kernel.
    pub(crate) lease: Lease,
    /// It waits in the list of objects to look at.
    pub(crate) marked: bool,
}

impl Object {
    pub(crate) fn new(thing: Thing) -> Self {
        Self {
            thing,
            owners: Owners::new(),
            claims: Owners::new(),
            progress: Progress::Idle,
            refresh: false,
            foreign: false,
            spare: false,
            lost: false,
            held: false,
            echoes_due: 0,
            repairs: (Instant::ZERO, 0),
            lease: Lease::default(),
            marked: false,
        }
    }

    /// The kernel told that it was put in (`adding`) or taken away.
    pub(crate) fn told(&mut self, put_in: bool) {
        if let Progress::InFlight { adding, seen, .. } = &mut self.progress {
            *seen |= *adding == put_in;
        }
    }

    pub(crate) fn wanted(&self) -> bool {
        !self.claims.is_empty()
    }

    /// Whether its loss is repaired.
    pub(crate) fn tracked(&self) -> bool {
        match &self.thing {
            Thing::Address(address) => !address.no_track,
            Thing::Route(route) => !route.no_track,
        }
    }
}

/// Everything that the model names, who wants it now, and what is going on about it.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    pub(crate) objects: BTreeMap<Key, Object>,
    /// By owner, in the order of the file: addresses, excluded ones, routes.
    of: BTreeMap<Owner, Vec<Key>>,
    /// `vip_lease` of those who have one, in seconds.
    pub(crate) leases: BTreeMap<Owner, u32>,
    /// Objects to look at, in the order in which they were marked.
    dirty: Vec<Key>,
}

impl Desired {
    pub(crate) fn new(model: &Model) -> Self {
        let mut desired = Self::default();
        let statics = (model.static_addresses.iter(), model.static_routes.iter());
        desired.name(Owner::Static, statics.0, statics.1);
        for (index, instance) in model.instances.iter().enumerate() {
            let addresses = instance.addresses.iter().chain(&instance.excluded);
            let owner = Owner::Instance(InstanceId::from_index(index));
            desired.name(owner, addresses, instance.routes.iter());
            desired.leases.extend(instance.lease.map(|lease| (owner, lease)));
        }
        desired
    }

    fn name<'a>(
        &mut self,
        owner: Owner,
        addresses: impl Iterator<Item = &'a Address>,
        routes: impl Iterator<Item = &'a Route>,
    ) {
        let addresses = addresses.map(|a| (Key::of_address(a), Thing::Address(a.clone())));
        let routes = routes.map(|r| {
            let route = Arc::new(r.clone());
            (Key::Route(route.clone()), Thing::Route(route))
        });
        let mut keys = Vec::new();
        for (key, thing) in addresses.chain(routes) {
            let object = self.objects.entry(key.clone()).or_insert_with(|| Object::new(thing));
            if !object.owners.contains(&owner) {
                object.owners.push(owner);
                keys.push(key);
            }
        }
        self.of.insert(owner, keys);
    }

    /// What `owner` names, in order.
    pub(crate) fn keys_of(&self, owner: Owner) -> &[Key] {
        self.of.get(&owner).map_or(&[], Vec::as_slice)
    }

    /// From now on `owner` wants all that it names, or nothing of it.
    pub(crate) fn claim(&mut self, owner: Owner, wants: bool) {
        for key in self.of.get(&owner).into_iter().flatten() {
            let Some(object) = self.objects.get_mut(key) else { continue };
            let had = object.claims.contains(&owner);
            object.spare = false;
            if wants && !had {
                object.claims.push(owner);
                // It is announced for its new owner, too.
                object.held = false;
            } else if !wants {
                object.claims.retain(|claim| *claim != owner);
            }
            if !object.wanted() {
                object.held = false;
            }
            object.lost &= had == wants;
            // Why it failed before may be long over: whoever becomes master does not wait for the next try.
            if had != wants && matches!(object.progress, Progress::Waiting { .. }) {
                object.progress = Progress::Idle;
            }
            if !object.marked {
                object.marked = true;
                self.dirty.push(key.clone());
            }
        }
    }

    /// Has `key` looked at; whether it is one of ours.
    pub(crate) fn mark(&mut self, key: &Key) -> bool {
        let Some(object) = self.objects.get_mut(key) else { return false };
        if !object.marked {
            object.marked = true;
            self.dirty.push(key.clone());
        }
        true
    }

    /// Has everything looked at that depends on `link`, without waiting for a retry.
    pub(crate) fn mark_link(&mut self, link: IfName) {
        for (_, object) in
            self.objects.range_mut(Key::first_on(link)..).take_while(|(key, _)| key.is_on(link))
        {
            object.lost &= !object.tracked();
        }
        let mut keys: Vec<Key> = self
            .objects
            .range(Key::first_on(link)..)
            .map(|(k, _)| k.clone())
            .take_while(|k| k.is_on(link))
            .collect();
        keys.extend(self.routes());
        self.mark_again(&keys);
    }

    /// Has all routes looked at, without waiting for a retry.
    pub(crate) fn mark_routes(&mut self) {
        let keys: Vec<Key> = self.routes().collect();
        self.mark_again(&keys);
    }

    /// Has everything looked at.
    pub(crate) fn mark_all(&mut self) {
        let keys: Vec<Key> = self.objects.keys().cloned().collect();
        self.mark_again(&keys);
    }

    /// Has `keys` looked at, without waiting for a retry.
    pub(crate) fn mark_again(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(object) = self.objects.get_mut(key)
                && matches!(object.progress, Progress::Waiting { .. })
            {
                object.progress = Progress::Idle;
            }
            self.mark(key);
        }
    }

    fn routes(&self) -> impl Iterator<Item = Key> + '_ {
        self.objects.keys().rev().take_while(|key| matches!(key, Key::Route(_))).cloned()
    }

    /// All routes, without a look at the addresses, of which there may be very many.
    pub(crate) fn routes_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Object)> {
        self.objects.iter_mut().rev().take_while(|(key, _)| matches!(key, Key::Route(_)))
    }

    /// The objects to look at.
    pub(crate) fn take_dirty(&mut self) -> Vec<Key> {
        let keys = std::mem::take(&mut self.dirty);
        for key in &keys {
            if let Some(object) = self.objects.get_mut(key) {
                object.marked = false;
            }
        }
        keys
    }

    /// Takes over from the table of an earlier model: what goes on, what is there, what was wanted.
    /// Objects that this model doesn't name stay until they are gone from the kernel. `owner` tells
    /// what an owner of the earlier model is called now; nobody, if it is gone.
    pub(crate) fn inherit(&mut self, old: Self, owner: impl Fn(Owner) -> Option<Owner>) {
        for (key, was) in old.objects {
            match self.objects.get_mut(&key) {
                Some(object) => {
                    let changed = match (&object.thing, &was.thing) {
                        (Thing::Address(new), Thing::Address(old)) => {
                            // What isn't an attribute in the kernel needs no operation there.
                            let old = Address { no_track: new.no_track, ..old.clone() };
                            *new != old
                        }
                        _ => false,
                    };
                    object.claims = was
                        .claims
                        .iter()
                        .filter_map(|c| owner(*c))
                        .filter(|claim| object.owners.contains(claim))
                        .collect();
                    object.progress = was.progress;
                    object.refresh = was.refresh || changed;
                    object.foreign = was.foreign;
                    object.spare = was.spare;
                    object.lost = was.lost;
                    object.held = was.held && !object.claims.is_empty();
                    object.echoes_due = was.echoes_due;
                    object.repairs = was.repairs;
                    object.lease = was.lease;
                    // Given up at once; a new or another one comes with the next advert.
                    let changed = changed || was.lease.lifetime.is_some();
                    if was.marked || changed || object.claims.is_empty() != was.claims.is_empty() {
                        self.mark(&key);
                    }
                }
                None => {
                    let orphan = Object {
                        owners: Owners::new(),
                        claims: Owners::new(),
                        spare: false,
                        held: false,
                        marked: false,
                        ..was
                    };
                    self.objects.insert(key.clone(), orphan);
                    self.mark(&key);
                }
            }
        }
    }
}
