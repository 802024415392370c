//! Values of the simulator as text.

use base::{Duration, Instant, Name};
use sim::NodeId;
use sim::scenario::{Expectation, Names};
use sim::study::{Doubt, Excuse, Finding, Member};
use vrrp::io::State;

/// `3.609 s`.
pub fn seconds(d: Duration) -> String {
    let millis = d.as_micros().saturating_add(500) / 1_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// A time of the world, without a unit.
pub fn time(at: Instant) -> String {
    seconds(at.since(Instant::ZERO)).trim_end_matches(" s").to_owned()
}

/// The name of a node.
pub fn node(names: &Names, id: NodeId) -> Name {
    names.nodes.get(id.0).map_or_else(|| "?".into(), |node| node.name.clone())
}

/// `A`, `A+B`, `nobody`.
pub fn owners(names: &Names, owners: &[NodeId]) -> String {
    if owners.is_empty() {
        return "nobody".to_owned();
    }
    let all: Vec<Name> = owners.iter().map(|id| node(names, *id)).collect();
    all.join("+")
}

/// Why something is none of the protocol's mistakes.
pub fn excuse(names: &Names, excuse: Excuse) -> String {
    match excuse {
        Excuse::Unable => "nobody is able to".to_owned(),
        Excuse::Unreachable(id) => {
            format!("{} can't be reached, but the others hear its adverts", node(names, id))
        }
        Excuse::LeftBehind(id) => {
            format!("{}'s daemon doesn't run, its kernel keeps the address", node(names, id))
        }
        Excuse::Unheard(id, other) => format!("{} doesn't hear {}", node(names, id), node(names, other)),
        Excuse::Weather => "packets are lost".to_owned(),
    }
}

/// What did not hold.
pub fn finding(names: &Names, finding: &Finding) -> String {
    match finding {
        Finding::Property(violation) => {
            let whose = violation.node.map(|id| format!("{}: ", node(names, id))).unwrap_or_default();
            format!("{whose}{}", violation.text)
        }
        Finding::Nobody { lasted, bound, address, .. } => format!(
            "nobody answers for {address} for {}, although somebody is able to; allowed are {}",
            seconds(*lasted),
            seconds(*bound)
        ),
        Finding::Two { lasted, bound, address, owners: several, .. } => format!(
            "{} answer for {address} for {}, although they hear each other; allowed are {}",
            owners(names, several),
            seconds(*lasted),
            seconds(*bound)
        ),
        Finding::WrongOwner { address, expected, owners: found, .. } => {
            let expected = expected.map_or_else(|| "one node".into(), |id| node(names, id));
            format!(
                "all is well again, but {address} is with {}, and not with {expected}",
                owners(names, found)
            )
        }
        Finding::Unexpected { expected: Expectation::State { node: id, instance, .. }, state, .. } => {
            format!("{instance} on {} is {}", node(names, *id), state.map_or("?", state_name))
        }
        Finding::Unexpected { expected: Expectation::Owner { address, .. }, owners: found, .. } => {
            format!("{} answers for {address}", owners(names, found))
        }
    }
}

/// The state in keepalived's word.
pub const fn state_name(state: State) -> &'static str {
    match state {
        State::Init => "INIT",
        State::Backup => "BACKUP",
        State::Master => "MASTER",
        State::Fault => "FAULT",
        State::Stopped => "STOPPED",
        State::Deleted => "DELETED",
    }
}

/// What is doubtful about the configurations.
pub fn doubt(names: &Names, doubt: &Doubt) -> String {
    let of = |member: &Member| format!("{} on {}", member.instance, node(names, member.node));
    match doubt {
        Doubt::Differ { members: [a, b], what, refused: true } => {
            format!("{} and {} refuse each other's adverts, they differ in {what}", of(a), of(b))
        }
        Doubt::Differ { members: [a, b], what, refused: false } => {
            format!("{} and {} differ in {what}", of(a), of(b))
        }
        Doubt::SamePriority { members: [a, b] } => {
            format!("{} and {} have the same priority: the higher address decides", of(a), of(b))
        }
        Doubt::Alone { member } => {
            format!(
                "{} has no other member: no other node has its virtual_router_id on that network",
                of(member)
            )
        }
        Doubt::SameSource { nodes: [a, b], address } => {
            format!("{} and {} both send from {address}", node(names, *a), node(names, *b))
        }
        Doubt::NotAPeer { members: [a, b] } => {
            format!("{} does not send to {}: it is none of its peers", of(a), of(b))
        }
        Doubt::NoSuchPeer { member, address } => {
            format!("the peer {address} of {} is none of these nodes", of(member))
        }
    }
}
