//! Sync groups: all members are in the same state.
//!
//! What one member does, the others do in the same turn, in the order of the configuration, each
//! once: no member's change is a reason for another round. An instance without a group is treated
//! as the only member of one that nobody is told about.

use core::iter::once;

use base::Instant;

use crate::config::{Group, GroupId, InstanceId};
use crate::io::{Cause, Event, State};
use crate::machine::{Vrrp, Wait};
use crate::priority::{Effect, effects};
use crate::receive::Heard;
use crate::state::{Phase, Router, Source, Unit};

/// A sync group and the state that its members share.
#[derive(Clone, Debug)]
pub(crate) struct SyncGroup {
    pub(crate) config: Group,
    /// As last told.
    pub(crate) state: State,
    /// Above 0 it lets others go first the next time that it could claim; so many more adverts that
    /// its first member accepts make it forget that.
    stand_back: u8,
}

/// A master that is heard so often is there to stay.
const CALM: u8 = 3;

impl SyncGroup {
    pub(crate) const fn new(config: Group) -> Self {
        Self { config, state: State::Init, stand_back: 0 }
    }
}

/// Whether an instance can take part.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Readiness {
    /// Its source address was not told yet: it is as if it were not there.
    Unheard,
    /// It cannot, and that is why.
    Faulty(Cause),
    /// A script's first result is still to come.
    Awaiting,
    /// It can.
    Ready,
}

impl Vrrp {
    /// The group of an instance.
    fn group_of(&self, id: InstanceId) -> Option<(GroupId, &SyncGroup)> {
        let group = self.routers.get(id.index())?.config.group?;
        Some((group, self.groups.get(group.index())?))
    }

    /// The members of the group of `id`, or itself alone.
    fn unit(&self, id: InstanceId) -> Unit {
        match self.group_of(id) {
            Some((_, group)) => group.config.members.iter().copied().collect(),
            None => once(id).collect(),
        }
    }

    fn phase(&self, id: InstanceId) -> &Phase {
        self.routers.get(id.index()).map_or(&Phase::Stopped, |router| &router.phase)
    }

    fn readiness(&self, id: InstanceId) -> Readiness {
        let Some(router) = self.routers.get(id.index()) else { return Readiness::Unheard };
        if router.source == Source::Unheard {
            return Readiness::Unheard;
        }
        if let Some(fault) = router.own_faults().iter().next() {
            return Readiness::Faulty(Cause::Fault(fault));
        }
        let mut readiness = Readiness::Ready;
        for (tracker, verdict, effect) in effects(&router.config, &self.trackers) {
            match effect {
                Effect::Fault => return Readiness::Faulty(Cause::Tracker { tracker, verdict }),
                Effect::Awaited => readiness = Readiness::Awaiting,
                Effect::None | Effect::Adds(_) => {}
            }
        }
        readiness
    }

    /// The reason that the others of a group have.
    fn follow(&self, member: InstanceId) -> Cause {
        match self.group_of(member) {
            Some((group, _)) => Cause::Group { group, member },
            None => Cause::FaultsCleared,
        }
    }

    /// The timer of a backup, or of a starting owner, expired: MASTER, unless the group holds it
    /// back. The first member that may go takes all with it.
    pub(crate) fn claim(&mut self, now: Instant, id: InstanceId, cause: Cause) {
        let unit = self.unit(id);
        if !unit.iter().all(|member| *member == id || self.phase(*member).wants_master()) {
            if let Some(router) = self.routers.get_mut(id.index()) {
                let wait = router.master_down();
                match &mut router.phase {
                    Phase::Backup(backup) => {
                        backup.wants_master = true;
                        backup.waits_since = now;
                        backup.down_at = now + wait;
                    }
                    // An owner that starts waits for nobody who isn't there.
                    Phase::Init { claim_at } => *claim_at = Some(now + wait),
                    _ => {}
                }
            }
            return self.arm(id);
        }
        if self.stands_back(now, id, &unit) {
            return;
        }
        self.become_master(now, id, cause);
        let follow = self.follow(id);
        for member in unit {
            if self.phase(member).state() != State::Master {
                self.become_master(now, member, follow.clone());
            }
        }
        self.tell_group_of(id);
    }

    /// Whether the group lets others go first: for one interval, once.
    fn stands_back(&mut self, now: Instant, id: InstanceId, unit: &Unit) -> bool {
        let Some(group) = self.group_mut(id) else { return false };
        if core::mem::take(&mut group.stand_back) == 0 {
            return false;
        }
        for member in unit {
            if let Some(router) = self.routers.get_mut(member.index())
                && let Phase::Backup(backup) = &mut router.phase
            {
                backup.down_at = backup.down_at.max(now + router.config.advert_interval);
            }
            self.arm(*member);
        }
        true
    }

    /// A backup accepted an advert.
    pub(crate) fn note_accepted(&mut self, id: InstanceId) {
        if let Some(group) = self.group_mut(id)
            && group.config.members.first() == Some(&id)
        {
            group.stand_back = group.stand_back.saturating_sub(1);
        }
    }

    fn group_mut(&mut self, id: InstanceId) -> Option<&mut SyncGroup> {
        let group = self.routers.get(id.index())?.config.group?;
        self.groups.get_mut(group.index())
    }

    /// A master yields, and its group with it. `heard` is the better advert if there was one.
    pub(crate) fn yield_master(
        &mut self,
        now: Instant,
        id: InstanceId,
        cause: Cause,
        wait: Wait,
        heard: Option<&Heard<'_>>,
    ) {
        let unit = self.unit(id);
        // Nodes that are each better in another member all yield to each other, claim again at about
        // the same instant, and so on for ever. Who lost by its first member goes first the next time.
        let lost_later = heard.is_some() && unit.first().is_some_and(|first| *first != id);
        if let Some(group) = self.group_mut(id)
            && lost_later
        {
            group.stand_back = CALM;
        }
        self.become_backup(now, id, cause, wait, heard);
        let follow = self.follow(id);
        for member in unit {
            if self.phase(member).state() == State::Master {
                self.become_backup(now, member, follow.clone(), wait, None);
            }
        }
        self.tell_group_of(id);
    }

    /// Something that may keep `id` from taking part, or let it, has changed: brings it and its
    /// group to where they belong.
    pub(crate) fn settle(&mut self, now: Instant, id: InstanceId) {
        let unit = self.unit(id);
        let states = |vrrp: &Self, state: State| unit.iter().any(|m| vrrp.phase(*m).state() == state);
        let is_running = unit.iter().any(|member| !self.phase(*member).is_unstarted());
        let members: smallvec::SmallVec<[(InstanceId, Readiness); 8]> =
            unit.iter().map(|member| (*member, self.readiness(*member))).collect();
        if !is_running && members.iter().any(|(_, readiness)| *readiness == Readiness::Unheard) {
            return;
        }
        let present = || members.iter().filter(|(_, readiness)| *readiness != Readiness::Unheard);

        let faulty = |(member, readiness): &(InstanceId, Readiness)| match readiness {
            Readiness::Faulty(cause) => Some((*member, cause.clone())),
            _ => None,
        };
        // Of several faults the new one is the reason of the others.
        let first = present().filter(|(member, _)| *member == id).chain(present()).find_map(faulty);
        if let Some((first, cause)) = first {
            let follow = self.follow(first);
            if self.phase(first).state() != State::Fault {
                self.become_fault(now, first, cause);
            }
            for member in present() {
                if self.phase(member.0).state() != State::Fault {
                    let cause = faulty(member).map_or_else(|| follow.clone(), |(_, cause)| cause);
                    self.become_fault(now, member.0, cause);
                }
            }
            return self.tell_group_of(id);
        }

        let can_begin = |vrrp: &Self, member: InstanceId| {
            vrrp.phase(member).is_unstarted() || vrrp.phase(member).state() == State::Fault
        };
        let awaited = present()
            .any(|(member, readiness)| *readiness == Readiness::Awaiting && can_begin(self, *member));
        let in_fault = unit.iter().find(|member| self.phase(**member).state() == State::Fault).copied();
        match in_fault {
            // A reload put members that run into a group that must wait.
            Some(leader) if awaited => {
                let follow = self.follow(leader);
                for (member, _) in present() {
                    if !can_begin(self, *member) {
                        self.become_fault(now, *member, follow.clone());
                    }
                }
            }
            None if awaited && !is_running => {}
            None if is_running => {
                // Newcomers join a group that runs, each as soon as it can.
                let leader = unit.iter().find(|member| !self.phase(**member).is_unstarted());
                let follow = self.follow(leader.copied().unwrap_or(id));
                let is_master = states(self, State::Master) && !states(self, State::Backup);
                for (member, readiness) in present() {
                    match (self.phase(*member).is_unstarted() && *readiness == Readiness::Ready, is_master) {
                        (true, true) => self.become_master(now, *member, follow.clone()),
                        (true, false) => self.begin(now, *member, false),
                        (false, _) => {}
                    }
                }
            }
            _ => {
                let at_once = unit.iter().all(|member| {
                    can_begin(self, *member)
                        && self.routers.get(member.index()).is_some_and(|router| router.claims_at_once())
                });
                for (member, _) in present() {
                    if can_begin(self, *member) {
                        self.begin(now, *member, at_once);
                    }
                }
            }
        }
        // Who does not own the addresses any more, since a reload, has no reason to claim them at once.
        let own = unit.iter().all(|m| self.routers.get(m.index()).is_some_and(Router::claims_at_once));
        for (member, _) in present().filter(|_| !own) {
            if matches!(self.phase(*member), Phase::Init { claim_at: Some(_) }) {
                self.begin(now, *member, false);
            }
        }
        // If a reload brought masters, or owners about to be, together with backups, all are backups.
        if states(self, State::Backup) {
            let follow = self.follow(id);
            for (member, _) in present() {
                match self.phase(*member) {
                    Phase::Master(_) => self.become_backup(now, *member, follow.clone(), Wait::Full, None),
                    Phase::Init { claim_at: Some(_) } => self.begin(now, *member, false),
                    _ => {}
                }
            }
        }
        self.tell_group_of(id);
    }

    fn tell_group_of(&mut self, id: InstanceId) {
        if let Some((group, _)) = self.group_of(id) {
            self.tell_group(group);
        }
    }

    /// Tells the state of a group if it is a new one and all started members share it.
    pub(crate) fn tell_group(&mut self, id: GroupId) {
        let Some(to) = self.shared_state(id) else { return };
        let Some(group) = self.groups.get_mut(id.index()) else { return };
        let from = core::mem::replace(&mut group.state, to);
        if from != to {
            self.tell(Event::Group { group: id, from, to });
        }
    }

    /// The state that all started members of a group share.
    pub(crate) fn shared_state(&self, id: GroupId) -> Option<State> {
        let group = self.groups.get(id.index())?;
        let mut states = group
            .config
            .members
            .iter()
            .map(|member| self.phase(*member).state())
            .filter(|state| *state != State::Init);
        let first = states.next()?;
        states.all(|state| state == first).then_some(first)
    }
}
