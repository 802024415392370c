//! What an advert does: the rows of the transition table that begin with one.

use base::{Duration, Instant, Priority};

use crate::config::{InstanceId, Preempt, Version};
use crate::error::Refusal;
use crate::io::{Cause, Datagram, Event, Output, RogueStep, State};
use crate::machine::{Vrrp, Wait};
use crate::receive::{self, Heard};
use crate::rogue;
use crate::state::{Backup, Claim, Phase, Shown};
use crate::timers;

impl Vrrp {
    pub(crate) fn receive(&mut self, now: Instant, id: InstanceId, datagram: &Datagram<'_>) {
        if now < self.ready_at {
            return;
        }
        self.step_down_if_paused(now, id);
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        if !matches!(router.phase, Phase::Backup(_) | Phase::Master(_)) {
            return;
        }
        let own = router.source.address();
        let heard = match receive::check(&router.config, own, router.sequence, datagram) {
            Ok(heard) => heard,
            Err(refusal) => return self.refuse(id, datagram, refusal),
        };
        heard.count(&router.config, &mut router.counters);
        if let Some(sequence) = heard.sequence {
            router.sequence.accept(sequence);
        }
        self.tell_oddities(id, &heard);
        match self.routers.get(id.index()).map(|router| router.phase.state()) {
            Some(State::Backup) => self.backup_hears(now, id, &heard),
            Some(State::Master) => self.master_hears(now, id, &heard),
            _ => {}
        }
    }

    fn refuse(&mut self, id: InstanceId, datagram: &Datagram<'_>, refusal: Refusal) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let (mark, count) = refusal.fate();
        count(&mut router.counters);
        let first = router.shown.first(mark);
        let source = datagram.source;
        self.tell(Event::Refused { instance: id, source, refusal, first });
        if first && refusal == Refusal::OwnSource {
            self.tell(Event::OwnAddress { instance: id });
        }
    }

    fn tell_oddities(&mut self, id: InstanceId, heard: &Heard<'_>) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let known = matches!(&router.phase, Phase::Backup(Backup { master: Some((address, _)), .. }) if *address == heard.source);
        for oddity in heard.oddities(&router.config, known) {
            let (mark, count) = oddity.fate();
            count(&mut router.counters);
            let first = router.shown.first(mark);
            let event = Event::Odd { instance: id, source: heard.source, oddity, first };
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn backup_hears(&mut self, now: Instant, id: InstanceId, heard: &Heard<'_>) {
        let source = heard.source;
        self.restore_owner(id, heard);
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let (config, priority, timer_priority) = (&router.config, router.priority, router.timer_priority());
        let Phase::Backup(backup) = &mut router.phase else { return };

        if heard.priority == Priority::RELEASE {
            backup.claim = Claim::Released(source);
            backup.waits_since = now;
            backup.down_at = now + timers::skew(config.version, timer_priority, backup.interval);
            self.tell(Event::Release { instance: id, source, state: State::Backup });
            return self.arm(id);
        }

        let lower = heard.priority < priority;
        let mut preempt_delay = None;
        let accepted = match (lower, config.preempt) {
            (false, _) => {
                preempt_delay = backup.preempt_at.take().map(|_| None);
                true
            }
            (true, Preempt::Never) => true,
            (true, Preempt::After(Duration::ZERO)) => false,
            (true, Preempt::After(delay)) => match backup.preempt_at {
                Some(over) => now < over,
                None => {
                    backup.preempt_at = Some(now + delay);
                    preempt_delay = Some(backup.preempt_at);
                    true
                }
            },
        };
        if !accepted {
            return self.tell(Event::LowerDiscarded { instance: id, source, priority: heard.priority });
        }

        let (old_interval, old_master) = (backup.interval, backup.master.map(|(address, _)| address));
        if config.version == Version::V3 {
            backup.interval = heard.interval;
        }
        let interval = backup.interval;
        backup.master = Some((source, heard.priority));
        backup.wants_master = false;
        backup.claim = Claim::Silence;
        backup.waits_since = now;
        backup.down_at = now + timers::master_down(config, timer_priority, interval);
        self.deadlines.set(id.index(), Some(backup.down_at));
        if old_master.is_some_and(|old| old != source) {
            router.shown = Shown::default();
        }

        self.note_accepted(id);
        if let Some(until) = preempt_delay {
            self.tell(Event::PreemptDelay { instance: id, until });
        }
        if interval != old_interval {
            self.tell(Event::IntervalLearned { instance: id, from: old_interval, to: interval });
        }
        if old_master != Some(source) {
            self.tell(Event::MasterChanged { instance: id, from: old_master, to: source });
        }
    }

    /// An owner that yielded is 255 again when it hears somebody else, or an ordinary priority.
    fn restore_owner(&mut self, id: InstanceId, heard: &Heard<'_>) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let Phase::Backup(backup) = &mut router.phase else { return };
        let Some(source) = backup.yielded else { return };
        if heard.priority == Priority::OWNER && heard.source == source {
            return;
        }
        backup.yielded = None;
        self.tell(Event::RogueOwner { instance: id, source, step: RogueStep::Restored });
        self.reprioritise(id);
    }

    fn master_hears(&mut self, now: Instant, id: InstanceId, heard: &Heard<'_>) {
        let Heard { source, priority, .. } = *heard;
        if priority == Priority::RELEASE {
            if self.reacts(now, id) {
                self.tell(Event::Release { instance: id, source, state: State::Master });
                self.answer(now, id);
            }
            return;
        }
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let ours = router.priority;
        let wins = (priority, Some(source)) > (ours, router.source.address());
        let (higher_prio_send_advert, lower_prio_no_advert) =
            (router.config.higher_prio_send_advert, router.config.lower_prio_no_advert);

        if priority == Priority::OWNER && router.config.priority.is_owner() {
            self.contest(id, heard, wins);
        }
        if wins {
            if higher_prio_send_advert {
                self.send_advert(now, id);
            }
            let cause = Cause::BetterAdvert { from: source, priority, ours };
            return self.yield_master(now, id, cause, Wait::Full, Some(heard));
        }
        if heard.sequence.is_some()
            && let Some(router) = self.routers.get_mut(id.index())
        {
            router.sequence.skip();
        }
        if !self.reacts(now, id) {
            return;
        }
        let answered = !lower_prio_no_advert && self.answer(now, id);
        self.tell(Event::LowerReceived { instance: id, source, priority, ours, answered });
    }

    /// Whether a master still reacts to adverts that lose: only to so many in an interval.
    fn reacts(&mut self, now: Instant, id: InstanceId) -> bool {
        let Some(router) = self.routers.get_mut(id.index()) else { return false };
        let interval = router.config.advert_interval;
        match &mut router.phase {
            Phase::Master(master) => master.reacts(now, interval),
            _ => false,
        }
    }

    /// Sends an advert at once, but not a second one at the same instant: after a pause all that
    /// waited in the socket needs one answer, not one each.
    fn answer(&mut self, now: Instant, id: InstanceId) -> bool {
        let sent_now = self
            .routers
            .get(id.index())
            .is_some_and(|router| matches!(&router.phase, Phase::Master(master) if master.sent_at == now));
        if !sent_now {
            self.send_advert(now, id);
        }
        !sent_now
    }

    /// Another owner was heard by a master that is one, too.
    fn contest(&mut self, id: InstanceId, heard: &Heard<'_>, wins: bool) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let Phase::Master(master) = &mut router.phase else { return };
        let source = heard.source;
        let step = if wins {
            match master.conflict {
                // This is what we waited for.
                rogue::Conflict::Yielded { .. } => return,
                _ => RogueStep::Found,
            }
        } else {
            match master.conflict.heard(source, router.config.advert_interval, heard.interval) {
                rogue::Heard::Found => RogueStep::Found,
                rogue::Heard::Again => RogueStep::Yielded,
                rogue::Heard::Known => return,
            }
        };
        self.tell(Event::RogueOwner { instance: id, source, step });
        self.reprioritise(id);
        self.arm(id);
    }
}
