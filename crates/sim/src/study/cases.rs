//! What can go wrong, by the configurations.

use std::collections::BTreeSet;

use base::{Duration, IfName};
use engine::io::Outcome;
use model::TrackerSource;

use super::bounds::Bounds;
use crate::fault::Fault;
use crate::host::errno;
use crate::lan::SegmentId;
use crate::node::NodeId;
use crate::scenario::{Names, fault_text, undo};
use crate::world::World;

/// How long something stands still.
const STILL: Duration = Duration::from_secs(10);
/// How long news are lost.
const DEAF: Duration = Duration::from_secs(2);
/// How long a script takes that does not time out.
const TAKES: Duration = Duration::from_millis(5);

/// One or more faults, with a name by which they are found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The faults in the words of a scenario: `kill A, then after 0.5s unplug B eth0`.
    pub name: String,
    /// What happens how long after the beginning.
    pub turns: Vec<Turn>,
}

/// A fault of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// How long after the beginning.
    pub after: Duration,
    /// What.
    pub fault: Fault,
    /// How long, if it ends before the healing.
    pub lasts: Option<Duration>,
}

impl Case {
    /// What happens in order, undoings included.
    pub fn steps(&self) -> impl Iterator<Item = (Duration, Fault)> + '_ {
        self.turns.iter().flat_map(|turn| {
            let end = turn.lasts.and_then(|lasts| Some((turn.after + lasts, undo(&turn.fault)?)));
            std::iter::once((turn.after, turn.fault.clone())).chain(end)
        })
    }
}

/// Every single fault.
pub(super) fn singles(world: &World, names: &Names) -> Vec<Case> {
    let mut cases = vec![Case { name: "nothing".to_owned(), turns: Vec::new() }];
    let mut add = |fault: Fault, lasts: Option<Duration>| {
        let name = fault_text(&fault, names);
        let name = lasts.map_or(name.clone(), |lasts| format!("{name} for {lasts}"));
        cases.push(Case { name, turns: vec![Turn { after: Duration::ZERO, fault, lasts }] });
    };
    let several = world.nodes().len() > 1;
    for id in world.ids() {
        of_process(id, several, &mut add);
    }
    for id in world.ids() {
        of_links(world, id, &mut add);
    }
    for id in (0..world.lan().segments.len()).map(SegmentId) {
        if world.lan().segments.get(id.0).is_some_and(|s| s.ports.len() > 1) {
            add(Fault::SegmentDown(id), None);
        }
    }
    for from in world.ids() {
        for to in world.ids().filter(|to| *to != from) {
            add(Fault::Cut(from, to), None);
        }
    }
    for id in world.ids() {
        of_trackers(world, id, &mut add);
        of_kernel(world, id, &mut add);
    }
    cases
}

fn of_process(id: NodeId, several: bool, add: &mut impl FnMut(Fault, Option<Duration>)) {
    add(Fault::PowerOff(id), None);
    add(Fault::Kill(id), None);
    add(Fault::Stop(id), None);
    add(Fault::Crash(id), None);
    add(Fault::Pause(id), Some(STILL));
    add(Fault::Freeze(id), Some(STILL));
    add(Fault::Reload { node: id, model: 0 }, None);
    if several {
        add(Fault::Start(id), None);
    }
}

/// The interfaces that carry adverts or virtual addresses.
fn working_links(world: &World, id: NodeId) -> BTreeSet<IfName> {
    let model = world.node(id).in_force();
    let carries = |i: &model::Instance| {
        i.link.into_iter().chain(i.addresses.iter().chain(&i.excluded).map(|a| a.link)).collect::<Vec<_>>()
    };
    let mut all: BTreeSet<IfName> = model.instances.iter().flat_map(carries).collect();
    // Unicast without an interface goes through the one that there is.
    if model.instances.iter().any(|i| i.link.is_none()) {
        all.extend(world.node(id).host.own_links().map(|(name, _)| name));
    }
    all.retain(|link| world.node(id).host.named(*link).is_some_and(|l| !l.loopback));
    all
}

fn of_links(world: &World, id: NodeId, add: &mut impl FnMut(Fault, Option<Duration>)) {
    for link in working_links(world, id) {
        add(Fault::Unplug(id, link), None);
        add(Fault::Mute(id, link), None);
        add(Fault::Deafen(id, link), None);
        add(Fault::LinkDown(id, link), None);
        add(Fault::LinkDelete(id, link), None);
    }
}

fn of_trackers(world: &World, id: NodeId, add: &mut impl FnMut(Fault, Option<Duration>)) {
    let model = world.node(id).in_force().clone();
    let working = working_links(world, id);
    let tracked: BTreeSet<usize> =
        model.instances.iter().flat_map(|i| &i.protocol.tracks).map(|track| track.tracker.index()).collect();
    for (index, tracker) in model.trackers.iter().enumerate().filter(|(index, _)| tracked.contains(index)) {
        let name = tracker.name.clone();
        match &tracker.source {
            TrackerSource::Script(script) => {
                let script_ends =
                    |outcome, takes| Fault::Script { node: id, name: name.clone(), outcome, takes };
                add(script_ends(Outcome::Exited(1), TAKES), None);
                add(script_ends(Outcome::TimedOut, script.timeout), None);
            }
            TrackerSource::File(_) => {
                let weights = model.instances.iter().flat_map(|i| &i.protocol.tracks);
                let counts = weights.filter(|t| t.tracker.index() == index).any(|t| t.weight.get() != 0);
                let values: &[i32] = if counts { &[1, -1, 254, -254] } else { &[1] };
                for value in values {
                    add(Fault::File { node: id, name: name.clone(), value: *value }, None);
                }
            }
            TrackerSource::Interface(link) if !working.contains(link) => {
                if world.node(id).host.named(*link).is_some() {
                    add(Fault::LinkDown(id, *link), None);
                }
            }
            TrackerSource::Interface(_) | TrackerSource::Process(_) | TrackerSource::Bfd(_) => {}
        }
    }
}

fn of_kernel(world: &World, id: NodeId, add: &mut impl FnMut(Fault, Option<Duration>)) {
    let model = world.node(id).in_force();
    let addresses: BTreeSet<_> = model.virtual_addresses().collect();
    for address in addresses {
        add(Fault::DeleteAddress(id, address), None);
    }
    if model.instances.iter().any(|i| !i.routes.is_empty()) {
        add(Fault::DeleteRoutes(id), None);
    }
    add(Fault::FailOperations { node: id, times: 3, errno: errno::ENOMEM }, None);
    add(Fault::LoseNews(id, DEAF), None);
}

/// Pairs: both at once, the second one before anybody noticed the first, and after somebody took over.
pub(super) fn pairs(world: &World, singles: &[Case], bounds: &Bounds) -> Vec<Case> {
    // Times that people read: tenths of a second.
    let takeover = Duration::from_millis((bounds.takeover.as_millis() / 100 + 5) * 100);
    let later = [Duration::from_millis(500), takeover];
    let deletions = one_deletion_each(world);
    let faults: Vec<(&Case, &Turn)> =
        singles.iter().filter_map(|case| Some((case, case.turns.first()?))).collect();
    let faults: Vec<_> = faults
        .into_iter()
        .filter(|(_, turn)| {
            !matches!(turn.fault, Fault::DeleteAddress(..)) || deletions.contains(&turn.fault)
        })
        .collect();
    let mut cases = Vec::new();
    for (at, (first_case, first)) in faults.iter().enumerate() {
        for (other, (second_case, second)) in faults.iter().enumerate().filter(|(other, _)| *other != at) {
            let mut add = |name: String, after: Duration| {
                let second = Turn { after, ..(*second).clone() };
                cases.push(Case { name, turns: vec![(*first).clone(), second] });
            };
            if other > at {
                add(format!("{} and {}", first_case.name, second_case.name), Duration::ZERO);
            }
            for after in later {
                add(format!("{}, after {after} {}", first_case.name, second_case.name), after);
            }
        }
    }
    cases
}

/// One deleted address of each router and node stands for all in pairs.
fn one_deletion_each(world: &World) -> Vec<Fault> {
    let of = |id: NodeId| {
        let model = world.node(id).in_force().clone();
        let first = |i: &model::Instance| i.addresses.iter().chain(&i.excluded).next().map(|a| a.net.addr());
        model
            .instances
            .iter()
            .filter_map(first)
            .map(|address| Fault::DeleteAddress(id, address))
            .collect::<Vec<_>>()
    };
    world.ids().flat_map(of).collect()
}
