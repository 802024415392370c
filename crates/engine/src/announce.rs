//! Gratuitous ARP and unsolicited neighbour advertisements: which, how often, how far apart.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use base::{Duration, Family, IfName, Instant};
use model::{Garp, InstanceId, Model};
use wire::{arp, ndisc};

use crate::io::{Effect, Event};
use crate::kernel::desired::Owner;
use crate::kernel::{Held, Kernel};
use crate::out::Out;
use crate::timers::Timers;

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    /// The second burst after becoming MASTER.
    Again(InstanceId),
    /// The next refresh.
    Refresh(InstanceId),
    /// The second burst after an advert of lower priority.
    LowerPriority(InstanceId),
    /// The next announcement of a paced queue.
    Queue(IfName, Family),
}

/// An instance that is MASTER.
#[derive(Clone, Copy, Debug)]
struct Master {
    /// The first burst has begun, but not all addresses are there yet.
    settling: bool,
    /// When the last advert of lower priority was answered.
    lower_at: Option<Instant>,
}

/// The announcements of one family on one interface, if they are paced.
#[derive(Debug, Default)]
struct Queue {
    free_at: Instant,
    waiting: VecDeque<(InstanceId, IpAddr)>,
}

/// What announcing needs of the rest of the engine.
pub(crate) struct Around<'a> {
    pub(crate) now: Instant,
    pub(crate) model: &'a Model,
    pub(crate) kernel: &'a Kernel,
    pub(crate) out: &'a mut Out,
}

impl Around<'_> {
    fn garp(&self, id: InstanceId) -> Option<&Garp> {
        self.model.instances.get(id.index()).map(|i| &i.garp)
    }

    fn interval(&self, family: Family) -> Duration {
        match family {
            Family::V4 => self.model.global.garp_interval,
            Family::V6 => self.model.global.gna_interval,
        }
    }
}

/// All announcements.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    masters: BTreeMap<InstanceId, Master>,
    timers: Timers<Timer>,
    queues: BTreeMap<(IfName, Family), Queue>,
}

impl Announcer {
    /// `id` became MASTER. Its addresses are announced as they come to be there.
    pub(crate) fn enter(&mut self, id: InstanceId, around: &Around<'_>) {
        self.masters.insert(id, Master { settling: true, lower_at: None });
        let Some(garp) = around.garp(id) else { return };
        if !garp.delay.is_zero() {
            self.timers.set(Timer::Again(id), around.now + garp.delay);
        }
        if !garp.refresh.is_zero() {
            self.timers.set(Timer::Refresh(id), around.now + garp.refresh);
        }
    }

    /// `id` isn't MASTER any more: nothing of it is announced from now on.
    pub(crate) fn leave(&mut self, id: InstanceId) {
        self.masters.remove(&id);
        for timer in [Timer::Again(id), Timer::Refresh(id), Timer::LowerPriority(id)] {
            self.timers.cancel(&timer);
        }
        for (place, queue) in &mut self.queues {
            queue.waiting.retain(|(of, _)| *of != id);
            if queue.waiting.is_empty() {
                self.timers.cancel(&Timer::Queue(place.0, place.1));
            }
        }
    }

    /// An address has come to be there: the first announcement goes out at once; the others of a burst
    /// follow when the other addresses are there, too.
    pub(crate) fn held(&mut self, held: &Held, around: &mut Around<'_>) {
        for id in held.owners.iter().filter_map(|owner| owner.instance()) {
            let Some(master) = self.masters.get(&id) else { continue };
            let repeat = around.garp(id).map_or(1, |g| g.repeat.max(1));
            let rounds = if master.settling { 1 } else { repeat };
            self.rounds(id, &[(held.link, held.address)], rounds, true, around);
        }
    }

    /// No address of `id` is on its way any more: the rest of the first burst follows.
    pub(crate) fn settle(&mut self, id: InstanceId, around: &mut Around<'_>) {
        let Some(master) = self.masters.get_mut(&id) else { return };
        if !master.settling || around.kernel.is_adding(Owner::Instance(id)) {
            return;
        }
        master.settling = false;
        let rounds = around.garp(id).map_or(0, |g| g.repeat.saturating_sub(1));
        self.burst(id, rounds, false, around);
    }

    /// An advert of lower priority came: hosts may have believed its sender.
    pub(crate) fn lower_priority(&mut self, id: InstanceId, around: &mut Around<'_>) {
        let group = around.model.instances.get(id.index()).and_then(|i| i.protocol.group);
        let group = group.and_then(|g| around.model.groups.get(g.index()));
        let members = group.map_or_else(|| vec![id], |g| g.protocol.members.clone());
        for id in members {
            let Some(garp) = around.garp(id) else { continue };
            let (rounds, delay) = (garp.lower_prio_repeat, garp.lower_prio_delay);
            let Some(master) = self.masters.get_mut(&id) else { continue };
            // Several such adverts may wait after a pause; one answer is enough.
            if rounds == 0 || master.lower_at == Some(around.now) {
                continue;
            }
            master.lower_at = Some(around.now);
            self.burst_unless_queued(id, rounds, around);
            if !delay.is_zero() {
                self.timers.set(Timer::LowerPriority(id), around.now + delay);
            }
        }
    }

    /// An interface has another hardware address: what is on it is somewhere else now.
    pub(crate) fn hardware_changed(&mut self, link: IfName, around: &mut Around<'_>) {
        let masters: Vec<_> = self.masters.keys().copied().collect();
        for id in masters {
            let held = around.kernel.held_by(Owner::Instance(id), around.now);
            let addresses: Vec<_> = held.filter(|(on, _)| *on == link).collect();
            let rounds = around.garp(id).map_or(1, |g| g.repeat.max(1));
            self.rounds(id, &addresses, rounds, true, around);
        }
    }

    /// Announces one address that isn't virtual, once.
    pub(crate) fn once(&mut self, id: InstanceId, link: IfName, address: IpAddr, around: &mut Around<'_>) {
        self.rounds(id, &[(link, address)], 1, true, around);
    }

    /// All addresses of `id` that are there, `rounds` times in turn.
    fn burst(&mut self, id: InstanceId, rounds: u32, first: bool, around: &mut Around<'_>) {
        let addresses: Vec<_> = around.kernel.held_by(Owner::Instance(id), around.now).collect();
        self.rounds(id, &addresses, rounds, first, around);
    }

    /// As [`Self::burst`], for what may come again and again: what still waits from before is enough, and
    /// a queue that fills faster than it is sent would grow for ever.
    fn burst_unless_queued(&mut self, id: InstanceId, rounds: u32, around: &mut Around<'_>) {
        let waits = self.queues.values().any(|queue| queue.waiting.iter().any(|(of, _)| *of == id));
        if !waits {
            self.burst(id, rounds, true, around);
        }
    }

    fn rounds(
        &mut self,
        id: InstanceId,
        addresses: &[(IfName, IpAddr)],
        rounds: u32,
        first: bool,
        around: &mut Around<'_>,
    ) {
        for round in 0..rounds {
            for (link, address) in addresses {
                if first && round == 0 {
                    let (link, address) = (*link, *address);
                    around.out.event(Event::Announcing { instance: id, link, address });
                }
                self.announce(id, *link, *address, around);
            }
        }
    }

    /// Sends one announcement now or, if they are paced, when its turn comes.
    fn announce(&mut self, id: InstanceId, link: IfName, address: IpAddr, around: &mut Around<'_>) {
        let family = Family::of(&address);
        let interval = around.interval(family);
        if interval.is_zero() {
            send(link, address, around);
            return;
        }
        let queue = self.queues.entry((link, family)).or_default();
        if queue.waiting.is_empty() && queue.free_at <= around.now {
            queue.free_at = around.now + interval;
            send(link, address, around);
        } else {
            if queue.waiting.is_empty() {
                self.timers.set(Timer::Queue(link, family), queue.free_at);
            }
            queue.waiting.push_back((id, address));
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn handle_timeout(&mut self, around: &mut Around<'_>) {
        while let Some((at, timer)) = self.timers.due(around.now) {
            match timer {
                Timer::Again(id) => {
                    let rounds = around.garp(id).map_or(0, |g| g.repeat.max(1));
                    self.burst(id, rounds, true, around);
                }
                Timer::LowerPriority(id) => {
                    let rounds = around.garp(id).map_or(0, |g| g.lower_prio_repeat);
                    self.burst_unless_queued(id, rounds, around);
                }
                Timer::Refresh(id) => {
                    let Some(garp) = around.garp(id) else { continue };
                    let (rounds, every) = (garp.refresh_repeat.max(1), garp.refresh);
                    if every.is_zero() {
                        continue;
                    }
                    self.burst_unless_queued(id, rounds, around);
                    // Refreshes that were missed aren't made up for.
                    let next = if at + every > around.now { at + every } else { around.now + every };
                    self.timers.set(timer, next);
                }
                Timer::Queue(link, family) => self.next_in_queue(link, family, around),
            }
        }
    }

    fn next_in_queue(&mut self, link: IfName, family: Family, around: &mut Around<'_>) {
        let interval = around.interval(family);
        let Some(queue) = self.queues.get_mut(&(link, family)) else { return };
        while let Some((_, address)) = queue.waiting.pop_front() {
            queue.free_at = around.now + interval;
            send(link, address, around);
            if !interval.is_zero() {
                break;
            }
        }
        if !queue.waiting.is_empty() {
            self.timers.set(Timer::Queue(link, family), queue.free_at);
        }
    }

    /// Announcements that wait for their turn.
    pub(crate) fn queued(&self) -> usize {
        self.queues.values().map(|q| q.waiting.len()).sum()
    }

    /// Instance ids change with a new model; `new_id` says how.
    pub(crate) fn renumber(
        &mut self,
        now: Instant,
        model: &Model,
        new_id: impl Fn(InstanceId) -> Option<InstanceId>,
    ) {
        let masters = std::mem::take(&mut self.masters);
        self.masters = masters.into_iter().filter_map(|(id, master)| Some((new_id(id)?, master))).collect();
        let timers: Vec<_> = self.timers.take().collect();
        for (at, timer) in timers {
            let timer = match timer {
                Timer::Again(id) => new_id(id).map(Timer::Again),
                Timer::Refresh(id) => new_id(id).map(Timer::Refresh),
                Timer::LowerPriority(id) => new_id(id).map(Timer::LowerPriority),
                Timer::Queue(..) => Some(timer),
            };
            if let Some(timer) = timer {
                self.timers.set(timer, at);
            }
        }
        for queue in self.queues.values_mut() {
            let waiting = std::mem::take(&mut queue.waiting);
            let waiting = waiting.into_iter().filter_map(|(id, addr)| Some((new_id(id)?, addr)));
            // What the instance gives up must not be announced after it is gone.
            queue.waiting = waiting.filter(|(id, addr)| !gives_up(model, *id, addr)).collect();
        }
        // A refresh that the new model wants and the old one didn't have, or with another period.
        for id in self.masters.keys() {
            let refresh = model.instances.get(id.index()).map_or(Duration::ZERO, |i| i.garp.refresh);
            let timer = Timer::Refresh(*id);
            match (self.timers.at(&timer), refresh.is_zero()) {
                (Some(_), true) => self.timers.cancel(&timer),
                (None, false) => self.timers.set(timer, now + refresh),
                (Some(at), false) if at > now + refresh => self.timers.set(timer, now + refresh),
                _ => {}
            }
        }
    }
}

/// Whether `address` is no address of the instance any more.
fn gives_up(model: &Model, id: InstanceId, address: &IpAddr) -> bool {
    model.instances.get(id.index()).is_none_or(|instance| {
        let mut virtuals = instance.addresses.iter().chain(&instance.excluded);
        !virtuals.any(|a| a.net.addr() == *address) && instance.source != Some(*address)
    })
}

fn send(link: IfName, address: IpAddr, around: &mut Around<'_>) {
    let Some(facts) = around.kernel.view.named(link) else { return };
    let Some(mac) = facts.mac.filter(|_| !facts.noarp && !facts.loopback) else { return };
    let frame = match address {
        IpAddr::V4(address) => arp::gratuitous(mac, address),
        IpAddr::V6(address) => ndisc::unsolicited_na(mac, address, facts.forwarding6),
    };
    around.out.push(Effect::Frame { link: facts.index, frame });
    around.out.event(Event::Announced { link, address });
}
