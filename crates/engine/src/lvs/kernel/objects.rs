//! Services and servers that are, were or will be ours: what should be there, and what is.

use std::collections::{BTreeMap, VecDeque};

use model::lvs::{Lvs, ServiceId};
use smallvec::SmallVec;

use crate::lvs::table::{Entry, ServerKey, ServerSettings, ServiceKey, ServiceSettings};
use crate::lvs::wanted::{self, Claim, Layout, Member, Pool};
use crate::sorted::Sorted;

/// Whether something is being done about an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Progress {
    /// Nothing.
    #[default]
    Idle,
    /// An operation waits for its answer.
    InFlight {
        /// It takes a server out of service.
        breaks: bool,
    },
    /// The operation failed and is tried again.
    Waiting,
}

impl Progress {
    pub(super) const fn is_idle(self) -> bool {
        matches!(self, Self::Idle)
    }

    /// What failed isn't waited for if something else is wanted now.
    pub(super) const fn after(self, changed: bool) -> Self {
        match self {
            Self::Waiting if changed => Self::Idle,
            other => other,
        }
    }
}

/// A server.
#[derive(Debug, Default)]
pub(super) struct ServerObject {
    /// Who names it; nobody, if it is left from an earlier model.
    pub(super) claims: SmallVec<[Claim; 1]>,
    /// How it should be; `None` if it should not be there.
    pub(super) wanted: Option<ServerSettings>,
    /// How it is.
    pub(super) there: Option<ServerSettings>,
    pub(super) progress: Progress,
    pub(super) failures: u32,
    /// It was to be added, taken out, or to serve again, and that failed: it may have been done all the same.
    pub(super) doubtful: bool,
    /// It waits to be looked at.
    marked: bool,
    /// It is one of [`ServiceObject::usable`].
    counted: bool,
    /// It is one of [`ServiceObject::wanted_usable`].
    wanted_counted: bool,
}

/// A service.
#[derive(Debug, Default)]
pub(super) struct ServiceObject {
    /// Who names it; nobody, if it is left from an earlier model.
    pub(super) users: SmallVec<[ServiceId; 1]>,
    /// How it should be; `None` if it should not be there.
    pub(super) wanted: Option<ServiceSettings>,
    /// How it is.
    pub(super) there: Option<ServiceSettings>,
    pub(super) progress: Progress,
    pub(super) failures: u32,
    pub(super) servers: Sorted<ServerKey, ServerObject>,
    /// Servers to look at.
    pub(super) todo: VecDeque<ServerKey>,
    /// Servers whose turn comes when no other is to be looked at: what they lose is made up for first.
    pub(super) later: VecDeque<ServerKey>,
    /// The last server that serves, to be taken out as soon as there is another.
    pub(super) held: Vec<ServerKey>,
    /// Servers that are there and get connections, without those that are being taken out, or may have been.
    usable: usize,
    /// Servers that should be there and get connections.
    wanted_usable: usize,
    /// It waits to be looked at.
    pub(super) queued: bool,
    /// It was to be added, and that failed: it may have been done all the same.
    pub(super) doubtful: bool,
}

/// All services. Each is in a place of its own: the nodes of the tree have room for twice as many as there are.
pub(super) type Services = BTreeMap<ServiceKey, Box<ServiceObject>>;

/// What a server needs next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// It comes, gets more, or is changed.
    Make(ServerSettings),
    /// It gets less, though not nothing.
    Lower(ServerSettings),
    /// It stays, and gets no connections any more.
    Silence(ServerSettings),
    /// It goes.
    Remove {
        /// It gets connections.
        serves: bool,
    },
}

impl Need {
    /// Whether it takes a server out of service.
    pub(super) const fn breaks(self) -> bool {
        matches!(self, Self::Silence(_) | Self::Remove { serves: true })
    }
}

impl ServerObject {
    pub(super) fn need(&self) -> Need {
        match (self.wanted, self.there) {
            (None, None) => Need::Nothing,
            (None, Some(there)) => Need::Remove { serves: there.weight > 0 || self.doubtful },
            (Some(wanted), there) if there == Some(wanted) => Need::Nothing,
            // Whoever may serve unknown to us may be the last one.
            (Some(wanted), _) if wanted.weight == 0 && self.doubtful => Need::Silence(wanted),
            (Some(wanted), None) => Need::Make(wanted),
            (Some(wanted), Some(there)) if wanted.weight == 0 && there.weight > 0 => Need::Silence(wanted),
            (Some(wanted), Some(there)) if wanted.weight < there.weight => Need::Lower(wanted),
            (Some(wanted), Some(_)) => Need::Make(wanted),
        }
    }
}

impl ServiceObject {
    /// Has a server looked at.
    pub(super) fn mark(&mut self, key: ServerKey) {
        if let Some(server) = self.servers.get_mut(&key)
            && !server.marked
        {
            server.marked = true;
            self.todo.push_back(key);
        }
    }

    /// Has all servers looked at that are not as they should be.
    pub(super) fn mark_differing(&mut self) {
        for (key, server) in self.servers.iter_mut() {
            if !server.marked && (server.need() != Need::Nothing || server.is_forgotten()) {
                server.marked = true;
                self.todo.push_back(*key);
            }
        }
    }

    /// The next server to look at: those that come before those that go.
    pub(super) fn next(&mut self) -> Option<(ServerKey, bool)> {
        if let Some(key) = self.todo.pop_front() {
            return Some((key, false));
        }
        let next = self.later.pop_front().map(|key| (key, true));
        if next.is_none() {
            // There are many services, and they rest most of the time.
            (self.todo, self.later) = (VecDeque::new(), VecDeque::new());
        }
        next
    }

    pub(super) fn unmark(&mut self, key: ServerKey) {
        if let Some(server) = self.servers.get_mut(&key) {
            server.marked = false;
        }
    }

    /// Whether a server that serves may be taken out now: another one serves, or none ever will.
    pub(super) fn may_break(&self, key: ServerKey) -> bool {
        let itself = self.servers.get(&key).is_some_and(|server| server.counted);
        self.usable > usize::from(itself) || self.wanted_usable == 0
    }

    /// Changes a server, and counts anew who serves.
    pub(super) fn update(&mut self, key: ServerKey, change: impl FnOnce(&mut ServerObject)) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        change(server);
        let serves = server.there.is_some_and(|there| there.weight > 0)
            && server.progress != Progress::InFlight { breaks: true }
            && !server.doubtful;
        let wanted = server.wanted.is_some_and(|wanted| wanted.weight > 0);
        recount(&mut self.usable, &mut server.counted, serves);
        recount(&mut self.wanted_usable, &mut server.wanted_counted, wanted);
    }

    /// Forgets a server that nobody names and that isn't there.
    pub(super) fn forget(&mut self, key: ServerKey) {
        if self.servers.get(&key).is_some_and(ServerObject::is_forgotten) {
            self.servers.remove(&key);
        }
    }

    /// Whether nobody names it and the kernel does not have it.
    pub(super) const fn is_forgotten(&self) -> bool {
        self.wanted.is_none() && self.there.is_none() && self.progress.is_idle() && !self.doubtful
    }

    /// What waited for another server to serve is looked at again.
    pub(super) fn wake(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.mark(held);
        }
    }

    /// Whether anything is to be done about it.
    pub(super) fn needs_work(&self) -> bool {
        self.wanted != self.there || !self.todo.is_empty() || !self.later.is_empty()
    }

    /// Nobody names it any more.
    pub(super) fn disown(&mut self) {
        self.users.clear();
        self.wanted = None;
        if self.progress == Progress::Waiting {
            self.progress = Progress::Idle;
        }
        let keys: Vec<ServerKey> = self.servers.keys().copied().collect();
        for key in keys {
            self.update(key, ServerObject::disown);
        }
        self.wake();
        self.mark_differing();
    }

    /// Goes on where the object of an earlier model was.
    pub(super) fn inherit(&mut self, old: Self) {
        self.there = old.there;
        self.doubtful = old.doubtful;
        self.failures = old.failures;
        self.progress = old.progress.after(self.wanted != old.wanted);
        let going_on = old.servers.iter().filter(|(_, was)| !was.is_gone());
        self.servers.add(going_on.map(|(key, _)| *key));
        for (key, was) in old.servers {
            self.update(key, |server| {
                server.there = was.there;
                server.failures = was.failures;
                server.doubtful = was.doubtful;
                server.progress = was.progress.after(server.wanted != was.wanted);
            });
        }
        if self.there.is_some() {
            self.mark_differing();
        }
    }

    /// So many things aren't as they were left, if the kernel has `entry`.
    pub(super) fn lost(&self, entry: Option<&Entry>) -> u64 {
        if !self.progress.is_idle() {
            return 0;
        }
        let differs = self.there.as_ref() != entry.map(|entry| &entry.settings);
        if self.there.is_none() || entry.is_none() {
            return u64::from(differs);
        }
        let servers = self.servers.iter().filter(|(key, server)| {
            let there = entry.and_then(|entry| entry.servers.get(key)).copied();
            server.progress.is_idle() && server.there != there
        });
        u64::from(differs) + u64::try_from(servers.count()).unwrap_or(u64::MAX)
    }

    /// This is how the kernel has it.
    pub(super) fn absorb(&mut self, entry: Option<&Entry>) {
        self.there = entry.map(|entry| entry.settings.clone());
        self.doubtful = false;
        let keys: Vec<ServerKey> = self.servers.keys().copied().collect();
        for key in keys {
            let there = entry.and_then(|entry| entry.servers.get(&key)).copied();
            if self.servers.get(&key).is_some_and(|server| server.there != there || server.doubtful) {
                self.update(key, |server| {
                    (server.there, server.doubtful) = (there, false);
                    if server.wanted == there {
                        server.failures = 0;
                    }
                });
            }
        }
    }
}

impl ServerObject {
    /// Whether the kernel does not have it, and nothing is on its way.
    const fn is_gone(&self) -> bool {
        self.there.is_none() && !self.doubtful && !matches!(self.progress, Progress::InFlight { .. })
    }

    /// Whether nobody names it and the kernel does not have it.
    fn is_forgotten(&self) -> bool {
        self.claims.is_empty() && self.is_gone()
    }

    /// Nobody names it any more.
    fn disown(&mut self) {
        self.claims.clear();
        self.wanted = None;
        if self.progress == Progress::Waiting {
            self.progress = Progress::Idle;
        }
    }
}

fn recount(count: &mut usize, counted: &mut bool, is: bool) {
    if *counted != is {
        *count = if is { *count + 1 } else { count.saturating_sub(1) };
        *counted = is;
    }
}

/// All objects that `lvs` names, wanted as `pools` say.
pub(super) fn build(lvs: &Lvs, layout: &Layout, pools: &[Pool]) -> Services {
    let mut services = Services::new();
    for (index, server) in lvs.services.iter().enumerate() {
        let service = ServiceId::from_index(index);
        for key in layout.keys(service) {
            let object = services.entry(*key).or_default();
            object.users.push(service);
            if object.wanted.is_none() {
                object.wanted = Some(wanted::service_settings(&server.service, key.family()));
            }
            let claims = members(lvs, service).map(|member| Claim { service, member });
            let named = |claim: &Claim| {
                let (address, port, how) = wanted::member(lvs, *claim)?;
                wanted::server_key(*key, address, port, how.forwarding)
            };
            object.servers.add(claims.clone().filter_map(|claim| named(&claim)));
            for claim in claims {
                if let Some(server) = named(&claim).and_then(|named| object.servers.get_mut(&named)) {
                    server.claims.push(claim);
                }
            }
        }
    }
    for object in services.values_mut() {
        let keys: Vec<ServerKey> = object.servers.keys().copied().collect();
        for key in keys {
            object.update(key, |server| {
                server.wanted = wanted::server_settings(lvs, pools, &server.claims);
            });
        }
    }
    services
}

/// All members of a pool.
pub(super) fn members(lvs: &Lvs, service: ServiceId) -> impl Iterator<Item = Member> + Clone + use<> {
    let server = lvs.services.get(service.index());
    let servers = server.map_or(0, |server| server.servers.len());
    let sorry = server.is_some_and(|server| server.service.sorry.is_some());
    (0..servers)
        .map(|index| Member::Server(model::lvs::ServerId::from_index(index)))
        .chain(sorry.then_some(Member::Sorry))
}
