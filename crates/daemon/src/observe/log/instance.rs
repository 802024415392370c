//! What the VRRP core tells: states, priorities, adverts of others.

use std::net::IpAddr;

use base::{Duration, Family};
use model::{InstanceId, Model, TrackerSource};
use vrrp::io::{Cause, Event, Fault, RogueStep, State, Verdict};

use super::super::{group, instance, tracker, why};
use super::packet;
use crate::log::Line;

/// The lines for an event of the core.
pub(super) fn lines(model: &Model, event: &Event) -> Vec<Line> {
    let name = |id: &InstanceId| instance(model, *id);
    match event {
        Event::State { instance: id, from, to, cause } => state(model, *id, *from, *to, cause),
        Event::Group { group: id, from, to } => syncing(group(model, *id), *from, *to),
        Event::Priority { instance: id, from, to } => {
            info(format!("({}) Changing effective priority from {from} to {to}", name(id)))
        }
        Event::Fault { instance: id, cause, began } => fault(model, *id, cause, *began),
        Event::Refused { first: false, .. } | Event::Odd { first: false, .. } => Vec::new(),
        Event::Refused { instance: id, source, refusal, .. } => {
            packet::refused(model, *id, *source, *refusal)
        }
        Event::Odd { instance: id, source, oddity, .. } => packet::odd(model, *id, *source, *oddity),
        Event::LowerDiscarded { instance: id, source, priority } => info(format!(
            "({}) received lower priority ({priority}) advert from {source} - discarding",
            name(id)
        )),
        Event::LowerReceived { instance: id, source, priority, ours, answered } => {
            let election = if *answered { ", forcing new election" } else { "" };
            info(format!(
                "({}) Received advert from {source} with lower priority {priority}, ours {ours}{election}",
                name(id)
            ))
        }
        Event::Release { instance: id, state: State::Master, .. } => {
            detail(format!("({}) Master received priority 0 message", name(id)))
        }
        Event::Release { instance: id, .. } => {
            detail(format!("({}) Backup received priority 0 advertisement", name(id)))
        }
        Event::Released { instance: id } => detail(format!("({}) sent 0 priority", name(id))),
        Event::MasterChanged { instance: id, from, to } => master_changed(name(id), *from, *to),
        Event::IntervalLearned { instance: id, from, to } => {
            let (from, to) = (from.as_millis(), to.as_millis());
            info(format!("({}) advertisement interval updated from {from}ms to {to}ms by master", name(id)))
        }
        Event::PreemptDelay { instance: id, until: Some(_) } => {
            detail(format!("({}) start preempt delay ({})", name(id), preempt_delay(model, *id)))
        }
        Event::PreemptDelay { instance: id, until: None } => {
            detail(format!("({}) stop preempt delay", name(id)))
        }
        Event::OwnAddress { instance: id } => info(format!(
            "({}) WARNING - equal priority advert received from remote host with our IP address.",
            name(id)
        )),
        Event::RogueOwner { instance: id, source, step } => rogue(name(id), *source, *step),
    }
}

fn info(text: String) -> Vec<Line> {
    vec![Line::info(text)]
}

fn detail(text: String) -> Vec<Line> {
    vec![Line::info(text).detailed()]
}

fn state(model: &Model, id: InstanceId, from: State, to: State, cause: &Cause) -> Vec<Line> {
    let name = instance(model, id);
    let mut lines = Vec::new();
    match (to, cause) {
        (State::Master, Cause::MasterDownTimer { .. } | Cause::MasterReleased { .. } | Cause::Owner) => {
            lines.extend(detail(format!("({name}) Receive advertisement timeout")));
        }
        (State::Backup, Cause::BetterAdvert { from: source, priority, ours }) => {
            lines.extend(info(if priority == ours {
                format!(
                    "({name}) Master received advert from {source} with same priority {priority} \
                     but higher IP address than ours"
                )
            } else {
                format!(
                    "({name}) Master received advert from {source} with higher priority {priority}, ours {ours}"
                )
            }));
        }
        (State::Backup, Cause::Paused { late }) => lines.extend(info(format!(
            "VRRP thread timer expired {}.{:06} seconds ago",
            late.as_secs(),
            late.as_micros() % 1_000_000
        ))),
        (State::Fault, cause) if from == State::Init => lines.extend(info(starts_in_fault(model, id, cause))),
        _ => {}
    }
    let entered = match to {
        State::Master => "MASTER STATE",
        State::Backup if *cause == Cause::Start => "BACKUP STATE (init)",
        State::Backup => "BACKUP STATE",
        State::Fault if from == State::Init => "FAULT STATE (init)",
        State::Fault => "FAULT STATE",
        // Waiting for a script, stopping, vanishing: keepalived enters no state in its log.
        State::Init | State::Stopped | State::Deleted => return lines,
    };
    lines.extend(info(format!("({name}) Entering {entered}")));
    let mut explained = Line::info(format!("({name}) {}", why::transition(model, id, from, to, cause)));
    // One more `-D` than keepalived's own detail: no rule expects it.
    explained.detail = 2;
    lines.push(explained);
    lines
}

/// keepalived's reason of an instance that starts in FAULT. The colon is its, and so is its absence.
fn starts_in_fault(model: &Model, id: InstanceId, cause: &Cause) -> String {
    let name = instance(model, id);
    let config = model.instances.get(id.index());
    match cause {
        Cause::Fault(Fault::InterfaceDown | Fault::InterfaceMissing) => {
            let link = config.and_then(|i| i.link).map_or_else(|| "?".to_owned(), |l| l.to_string());
            format!("({name}): entering FAULT state (interface {link} down)")
        }
        Cause::Fault(Fault::NoAddress) => {
            let family = config.map_or(Family::V4, |i| i.protocol.family);
            format!("({name}) entering FAULT state (no {family} address for interface)")
        }
        Cause::Fault(Fault::SourceMissing) => {
            format!("({name}): entering FAULT state (src address not configured)")
        }
        Cause::Fault(Fault::NoPeer) => {
            format!("({name}) Cannot use unicast without any peers - going to fault state")
        }
        Cause::Tracker { tracker: t, verdict } => tracker_fault(model, id, *t, *verdict),
        Cause::Group { group: g, .. } => {
            format!("VRRP_Group({}): Syncing {name} to FAULT state", group(model, *g))
        }
        _ => format!("({name}) entering FAULT state"),
    }
}

fn tracker_fault(model: &Model, id: InstanceId, t: model::TrackerId, verdict: Verdict) -> String {
    let (name, what) = (instance(model, id), tracker(model, t));
    match model.trackers.get(t.index()).map(|t| &t.source) {
        Some(TrackerSource::Interface(link)) => {
            format!("({name}): entering FAULT state (interface {link} down)")
        }
        Some(TrackerSource::File(_)) => {
            let value = if let Verdict::Value(n) = verdict { n } else { 0 };
            format!("({name}): entering FAULT state (tracked file {what} has status {value})")
        }
        Some(TrackerSource::Script(_)) | None => {
            format!("({name}): entering FAULT state due to script {what}")
        }
        Some(TrackerSource::Process(_)) => {
            format!("({name}): entering FAULT state (tracked process {what})")
        }
        Some(TrackerSource::Bfd(_)) => format!("({name}): entering FAULT state (BFD session {what} down)"),
    }
}

/// A fault that begins or ends in a running instance. keepalived words only that of a file; the
/// others are ours and must not look like its lines.
fn fault(model: &Model, id: InstanceId, cause: &Cause, began: bool) -> Vec<Line> {
    let name = instance(model, id);
    if let Cause::Tracker { tracker: t, .. } = cause
        && let Some(TrackerSource::File(_)) = model.trackers.get(t.index()).map(|t| &t.source)
    {
        let step = if began { "now" } else { "leaving" };
        return detail(format!("({name}): tracked file {} {step} FAULT state", tracker(model, *t)));
    }
    detail(if began {
        format!("({name}) fault: {}", why::cause(model, id, cause))
    } else {
        format!("({name}) fault is over: {}", why::mended(model, id, cause))
    })
}

fn syncing(name: &str, from: State, to: State) -> Vec<Line> {
    let state = match to {
        State::Master => "MASTER",
        State::Backup => "BACKUP",
        State::Fault => "FAULT",
        State::Init | State::Stopped | State::Deleted => return Vec::new(),
    };
    // At start the members say it themselves.
    if from == State::Init {
        Vec::new()
    } else {
        info(format!("VRRP_Group({name}) Syncing instances to {state} state"))
    }
}

fn master_changed(name: &str, from: Option<IpAddr>, to: IpAddr) -> Vec<Line> {
    detail(match from {
        None => format!("({name}) master set to {to}"),
        Some(from) => format!("({name}) master changed from {from} to {to}"),
    })
}

/// The whole `preempt_delay`: the event tells only its end.
fn preempt_delay(model: &Model, id: InstanceId) -> String {
    let delay = model.instances.get(id.index()).map_or(Duration::ZERO, |i| match i.protocol.preempt {
        vrrp::config::Preempt::After(delay) => delay,
        vrrp::config::Preempt::Never => Duration::ZERO,
    });
    format!("{}.{:06}", delay.as_secs(), delay.as_micros() % 1_000_000)
}

fn rogue(name: &str, source: IpAddr, step: RogueStep) -> Vec<Line> {
    info(match step {
        RogueStep::Found => format!(
            "({name}) CONFIGURATION ERROR: local instance and {source} are both configured as address owner, \
             please resolve"
        ),
        RogueStep::Yielded => format!(
            "({name}) {source} is still advertising as address owner, please resolve - reducing our priority"
        ),
        RogueStep::Silent => format!("({name}): rogue address owner appears to have stopped advertising"),
        RogueStep::Restored => {
            format!("({name}) Restoring our priority to 255 since {source} is no longer an address owner")
        }
    })
}
