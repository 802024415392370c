//! Why something happened, in one plain sentence.

use base::Duration;
use model::{Instance, InstanceId, Model, TrackerId, TrackerSource};
use vrrp::io::{Cause, Fault, State, Verdict};

use super::{group, instance, tracker};

/// A change of state and its cause: `took over: no advert from 192.0.2.11 for 3.609 s`.
pub fn transition(model: &Model, id: InstanceId, from: State, to: State, cause: &Cause) -> String {
    let what = match (from, to) {
        (_, State::Master) => "took over",
        (State::Master, State::Backup) => "gave way",
        (State::Fault, State::Backup) => "recovered",
        (_, State::Backup) => "stands by",
        (_, State::Fault) => "in fault",
        (_, State::Init) => "waits",
        (_, State::Stopped) => "stopped",
        (_, State::Deleted) => "removed",
    };
    format!("{what}: {}", self::cause(model, id, cause))
}

/// What made an instance change, as a part of a sentence.
pub fn cause(model: &Model, id: InstanceId, cause: &Cause) -> String {
    match cause {
        Cause::Start => "it started".to_owned(),
        Cause::Owner => "it owns the addresses".to_owned(),
        Cause::MasterDownTimer { master: Some(master), waited } => {
            format!("no advert from {master} for {}", seconds(*waited))
        }
        Cause::MasterDownTimer { master: None, waited } => format!("no advert for {}", seconds(*waited)),
        Cause::MasterReleased { from } => format!("{from} gave up the addresses"),
        Cause::BetterAdvert { from, priority, ours } if priority == ours => {
            format!("{from} has the same priority, {ours}, and the higher address")
        }
        Cause::BetterAdvert { from, priority, ours } => {
            format!("{from} has priority {priority}, we have {ours}")
        }
        Cause::Fault(f) => fault(model, id, *f),
        Cause::Tracker { tracker: t, verdict } => tracked(model, *t, *verdict),
        Cause::FaultsCleared => "nothing is wrong any more".to_owned(),
        Cause::Group { group: g, member } => {
            format!("follows {} of sync group {}", instance(model, *member), group(model, *g))
        }
        Cause::Paused { late } => format!("this process was stopped for {}", seconds(*late)),
        Cause::SequenceExhausted => "the sequence numbers of AH are used up".to_owned(),
        Cause::Stop => "the daemon stops".to_owned(),
        Cause::Deleted => "it is gone from the configuration".to_owned(),
    }
}

/// What ended a fault, as a part of a sentence.
pub fn mended(model: &Model, id: InstanceId, cause: &Cause) -> String {
    let Cause::Fault(fault) = cause else { return self::cause(model, id, cause) };
    let link = link(model.instances.get(id.index()));
    match fault {
        Fault::InterfaceDown => format!("{link} is up"),
        Fault::InterfaceMissing => format!("{link} exists"),
        Fault::NoAddress => format!("{link} has an address to send from"),
        Fault::SourceMissing => "the source address is configured on this host".to_owned(),
        Fault::NoPeer => "it has a unicast peer".to_owned(),
        Fault::Unsuitable => format!("{link} can carry its adverts"),
    }
}

fn link(config: Option<&Instance>) -> String {
    config.and_then(|i| i.link).map_or_else(|| "interface".to_owned(), |l| format!("interface {l}"))
}

fn fault(model: &Model, id: InstanceId, fault: Fault) -> String {
    let config = model.instances.get(id.index());
    let link = link(config);
    match fault {
        Fault::InterfaceDown => format!("{link} is down"),
        Fault::InterfaceMissing => format!("{link} does not exist"),
        Fault::NoAddress => {
            let family = config.map_or("IP".to_owned(), |i| i.protocol.family.to_string());
            format!("{link} has no {family} address to send from")
        }
        Fault::SourceMissing => match config.and_then(|i| i.source) {
            Some(source) => format!("source address {source} is not configured on this host"),
            None => "the source address is not configured on this host".to_owned(),
        },
        Fault::NoPeer => "it has no unicast peer".to_owned(),
        Fault::Unsuitable => format!("{link} cannot carry its adverts"),
    }
}

fn tracked(model: &Model, id: TrackerId, verdict: Verdict) -> String {
    let kind = match model.trackers.get(id.index()).map(|t| &t.source) {
        Some(TrackerSource::Interface(_)) => "tracked interface",
        Some(TrackerSource::Script(_)) => "script",
        Some(TrackerSource::File(_)) => "tracked file",
        Some(TrackerSource::Process(_)) => "tracked process",
        Some(TrackerSource::Bfd(_)) => "BFD session",
        None => "tracker",
    };
    let name = tracker(model, id);
    match verdict {
        Verdict::Unknown => format!("{kind} {name} has no result yet"),
        Verdict::Up => format!("{kind} {name} is good"),
        Verdict::Down => format!("{kind} {name} is bad"),
        Verdict::Value(n) => format!("{kind} {name} says {n}"),
    }
}

/// Milliseconds are enough for people.
fn seconds(d: Duration) -> String {
    format!("{}.{:03} s", d.as_secs(), d.as_millis() % 1000)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{PAIR, TRACKED, model};
    use super::*;

    fn told(from: State, to: State, cause: &Cause) -> String {
        transition(&model(), PAIR, from, to, cause)
    }

    #[test]
    fn a_takeover_names_the_silent_master_and_the_silence() {
        let master = Some("192.0.2.11".parse().unwrap());
        let waited = Duration::from_nanos(3_609_375_000);
        let cause = Cause::MasterDownTimer { master, waited };
        assert_eq!(
            told(State::Backup, State::Master, &cause),
            "took over: no advert from 192.0.2.11 for 3.609 s"
        );
    }

    #[test]
    fn a_fault_names_what_is_wrong() {
        assert_eq!(
            told(State::Master, State::Fault, &Cause::Fault(Fault::InterfaceDown)),
            "in fault: interface eth0 is down"
        );
        let cause = Cause::Tracker { tracker: TRACKED.script, verdict: Verdict::Down };
        assert_eq!(told(State::Master, State::Fault, &cause), "in fault: script chk is bad");
        let cause = Cause::Tracker { tracker: TRACKED.file, verdict: Verdict::Value(5) };
        assert_eq!(told(State::Backup, State::Fault, &cause), "in fault: tracked file tf says 5");
        let cause = Cause::Fault(Fault::NoAddress);
        assert_eq!(
            told(State::Init, State::Fault, &cause),
            "in fault: interface eth0 has no IPv4 address to send from"
        );
    }
}
