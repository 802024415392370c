//! One service: its living servers, its quorum, and what the kernel should hold for it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::config::{Quorum, Server, ServerId, Service, ServiceId, Sorry};
use crate::io::{Event, Output, PoolEvent, ServerSnapshot, ServiceSnapshot, Wanted};
use crate::runner::Runner;

/// The weight of a sorry server that serves.
const SORRY_WEIGHT: u32 = 1;

/// The pool of a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pool {
    quorum: Quorum,
    sorry: Option<Sorry>,
    panic_threshold: u8,
    pub(crate) members: Vec<Member>,
    /// So many are alive.
    living: u32,
    /// The weight of those.
    weight: u64,
    /// So many are or were alive.
    known: u32,
    /// So many are kept because a link is to blame.
    excused: u32,
    pub(crate) quorum_up: bool,
    /// The weight and the quorum that this was judged by.
    judged: (u64, Quorum),
    /// Too few are alive: all that were are kept.
    guarded: bool,
    sorry_active: bool,
    /// Whether its checks may rest.
    ha_suspend: bool,
    /// They do.
    pub(crate) suspended: bool,
    wanted: Vec<Option<u32>>,
    wanted_sorry: Option<u32>,
    /// Nobody asked yet what changed.
    pub(crate) dirty: bool,
}

/// A server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    pub(crate) config: Server,
    pub(crate) standing: Standing,
    /// Whether it ever was alive.
    known: bool,
}

/// What a server is in the sums of its pool.
#[derive(Clone, Copy)]
struct Share {
    living: u32,
    weight: u64,
    known: u32,
    excused: u32,
}

/// What the checks of a server say together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// So many fail.
    failed: u32,
    /// Of those, for so many the link is to blame.
    blamed: u32,
    /// The effective weight.
    pub(crate) weight: u32,
}

impl Standing {
    /// Computed from scratch.
    pub(crate) fn of(server: &Server, runners: &[Runner]) -> Self {
        let (mut failed, mut blamed, mut weight) = (0, 0, i64::from(server.weight));
        for runner in server.checks.iter().filter_map(|check| runners.get(check.index())) {
            failed += u32::from(!runner.up);
            blamed += u32::from(!runner.up && runner.blamed);
            weight = weight.saturating_add(runner.offset(server.weight));
        }
        let weight = u32::try_from(weight.clamp(0, i64::from(i32::MAX))).unwrap_or(0);
        Self { failed, blamed, weight }
    }

    pub(crate) const fn is_alive(self) -> bool {
        self.failed == 0
    }
}

impl Member {
    pub(crate) fn new(config: Server, standing: Standing, was_known: bool) -> Self {
        Self { config, standing, known: was_known || standing.is_alive() }
    }

    pub(crate) const fn was_known(&self) -> bool {
        self.known
    }

    const fn is_excused(&self) -> bool {
        let Standing { failed, blamed, .. } = self.standing;
        self.known && failed > 0 && blamed == failed
    }

    fn share(&self) -> Share {
        let living = self.standing.is_alive();
        Share {
            living: u32::from(living),
            weight: if living { u64::from(self.standing.weight) } else { 0 },
            known: u32::from(self.known),
            excused: u32::from(self.is_excused()),
        }
    }

    pub(crate) const fn snapshot(&self) -> ServerSnapshot {
        let standing = self.standing;
        ServerSnapshot { alive: standing.is_alive(), weight: standing.weight, failed: standing.failed }
    }
}

impl Pool {
    /// A pool as the configuration and its members say; [`settle`](Self::settle) it.
    pub(crate) fn new(config: &Service, members: Vec<Member>) -> Self {
        let mut pool = Self {
            quorum: config.quorum,
            sorry: config.sorry,
            panic_threshold: config.panic_threshold,
            wanted: alloc::vec![None; members.len()],
            members: Vec::new(),
            living: 0,
            weight: 0,
            known: 0,
            excused: 0,
            quorum_up: false,
            judged: (0, config.quorum),
            guarded: false,
            sorry_active: false,
            ha_suspend: config.ha_suspend,
            suspended: config.ha_suspend,
            wanted_sorry: None,
            dirty: false,
        };
        for share in members.iter().map(Member::share) {
            pool.add(share);
        }
        pool.members = members;
        pool
    }

    /// Goes on where `old` ended.
    pub(crate) fn resume(&mut self, old: &Self) {
        self.quorum_up = old.quorum_up;
        self.judged = old.judged;
        self.guarded = old.guarded;
        self.sorry_active = old.sorry_active;
        self.suspended = old.suspended && self.ha_suspend;
        self.dirty = old.dirty;
    }

    /// The checks of some servers may say something else now. What follows from that is judged once, when
    /// all of them stand as they do: what several servers have in common changes for all at one time.
    pub(crate) fn update(
        &mut self,
        service: ServiceId,
        servers: impl Iterator<Item = ServerId>,
        runners: &[Runner],
        outputs: &mut VecDeque<Output>,
    ) -> bool {
        let (mut first, mut more) = (None, false);
        for server in servers {
            if self.restand(service, server, runners, outputs) {
                more |= first.replace(server).is_some();
            }
        }
        let Some(first) = first else { return false };
        let mode = self.mode();
        self.settle(service, false, outputs);
        if more || self.mode() != mode { self.refresh_all() } else { self.refresh(first.index()) }
    }

    /// Looks again at a server; whether it stands otherwise than before.
    fn restand(
        &mut self,
        service: ServiceId,
        server: ServerId,
        runners: &[Runner],
        outputs: &mut VecDeque<Output>,
    ) -> bool {
        let Some(member) = self.members.get_mut(server.index()) else { return false };
        let (before, standing) = (member.standing, Standing::of(&member.config, runners));
        if before == standing {
            return false;
        }
        let left = member.share();
        member.standing = standing;
        member.known |= standing.is_alive();
        let joined = member.share();
        self.subtract(left);
        self.add(joined);
        tell(service, server, before, standing, outputs);
        true
    }

    fn add(&mut self, share: Share) {
        self.living = self.living.saturating_add(share.living);
        self.weight = self.weight.saturating_add(share.weight);
        self.known = self.known.saturating_add(share.known);
        self.excused = self.excused.saturating_add(share.excused);
    }

    fn subtract(&mut self, share: Share) {
        self.living = self.living.saturating_sub(share.living);
        self.weight = self.weight.saturating_sub(share.weight);
        self.known = self.known.saturating_sub(share.known);
        self.excused = self.excused.saturating_sub(share.excused);
    }

    /// Its checks rest, or no longer; whether that changed.
    pub(crate) const fn suspend(&mut self, suspended: bool) -> bool {
        let suspended = suspended && self.ha_suspend;
        core::mem::replace(&mut self.suspended, suspended) != suspended
    }

    /// What decides about all servers at once.
    const fn mode(&self) -> (bool, bool) {
        (self.sorry_active, self.guarded)
    }

    /// Judges the quorum, if what it is judged by changed, and all that follows from it.
    pub(crate) fn settle(&mut self, service: ServiceId, initial: bool, outputs: &mut VecDeque<Output>) {
        if initial || self.judged != (self.weight, self.quorum) {
            self.judged = (self.weight, self.quorum);
            let up = self.quorum.judge(self.quorum_up, self.weight);
            if core::mem::replace(&mut self.quorum_up, up) != up || initial {
                let weight = self.weight;
                outputs.push_back(told(PoolEvent::Quorum { service, up, initial, weight }));
            }
        }
        let (living, known) = (self.living, self.known);
        let active = u64::from(living) * 100 < u64::from(self.panic_threshold) * u64::from(known);
        if core::mem::replace(&mut self.guarded, active) != active {
            outputs.push_back(told(PoolEvent::Guard { service, active, living, known }));
        }
        let active = self.sorry.is_some() && !self.quorum_up && !self.guarded && self.excused == 0;
        if core::mem::replace(&mut self.sorry_active, active) != active {
            outputs.push_back(told(PoolEvent::Sorry { service, active }));
        }
    }

    /// What the kernel should hold for a server.
    fn entry(&self, index: usize) -> Option<u32> {
        let member = self.members.get(index)?;
        let is_sorry = self.sorry.and_then(|sorry| sorry.same_as).is_some_and(|same| same.index() == index);
        if self.sorry_active && is_sorry {
            return None;
        }
        let standing = member.standing;
        let serves = standing.is_alive() || (self.guarded && member.known) || member.is_excused();
        match (serves && !self.sorry_active, member.config.inhibit) {
            (true, _) => Some(standing.weight),
            (false, true) => Some(0),
            (false, false) => None,
        }
    }

    /// What the kernel should hold for the sorry server.
    fn sorry_entry(&self) -> Option<u32> {
        let sorry = self.sorry?;
        let is_there = |id: ServerId| self.wanted.get(id.index()).is_some_and(Option::is_some);
        if self.sorry_active {
            Some(SORRY_WEIGHT)
        } else if sorry.inhibit && !sorry.same_as.is_some_and(is_there) {
            Some(0)
        } else {
            None
        }
    }

    fn refresh(&mut self, index: usize) -> bool {
        let entry = self.entry(index);
        let changed = match self.wanted.get_mut(index) {
            Some(wanted) => core::mem::replace(wanted, entry) != entry,
            None => false,
        };
        let sorry = self.sorry_entry();
        (core::mem::replace(&mut self.wanted_sorry, sorry) != sorry) | changed
    }

    /// Computes everything that the kernel should hold; whether anything changed.
    pub(crate) fn refresh_all(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.members.len() {
            changed |= self.refresh(index);
        }
        let sorry = self.sorry_entry();
        (core::mem::replace(&mut self.wanted_sorry, sorry) != sorry) | changed
    }

    /// Whether the kernel should hold the same for this as for `old`, where `servers` are the old servers
    /// that those of this continue.
    pub(crate) fn wants_the_same(&self, old: &Self, servers: &[Option<ServerId>]) -> bool {
        let same = |(place, wanted): (usize, &Option<u32>)| {
            let old_place = servers.get(place).copied().flatten();
            old_place.and_then(|id| old.wanted.get(id.index())) == Some(wanted)
        };
        self.wanted.len() == old.wanted.len()
            && self.wanted.iter().enumerate().all(same)
            && (self.sorry, self.wanted_sorry) == (old.sorry, old.wanted_sorry)
    }

    pub(crate) fn wanted(&self) -> Wanted<'_> {
        Wanted { servers: &self.wanted, sorry: self.wanted_sorry }
    }

    pub(crate) fn snapshot(&self) -> ServiceSnapshot {
        ServiceSnapshot {
            quorum_up: self.quorum_up,
            weight: self.weight,
            sorry_active: self.sorry_active,
            guarded: self.guarded || self.excused > 0,
            suspended: self.suspended,
            servers: self.members.iter().map(Member::snapshot).collect(),
        }
    }
}

const fn told(event: PoolEvent) -> Output {
    Output::Event(Event::Pool(event))
}

/// Tells how a server stands now.
pub(crate) fn tell(
    service: ServiceId,
    server: ServerId,
    before: Standing,
    after: Standing,
    outputs: &mut VecDeque<Output>,
) {
    let alive = after.is_alive();
    if before.weight != after.weight {
        let (from, to) = (before.weight, after.weight);
        outputs.push_back(told(PoolEvent::Weight { service, server, from, to, alive }));
    }
    if before.is_alive() != alive {
        outputs.push_back(told(PoolEvent::Server { service, server, alive }));
    }
}
