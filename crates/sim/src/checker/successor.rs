//! What goes on through a reload, by the checkers' own judgement: the engine asks `model::diff`, and an error
//! there must not hide itself.

use std::net::IpAddr;

use base::{Family, IfName, Vrid};
use model::{Instance, InstanceId, Model, Script, Tracker};
use vrrp::config::Peers;

/// What other routers and the kernel know an instance by: its VRID, its interface, and the multicast group or
/// its own address. A new name changes nothing for them.
fn known_by(instance: &Instance) -> (Vrid, Family, Option<IfName>, Result<IpAddr, Option<IpAddr>>) {
    let protocol = &instance.protocol;
    let place = match &protocol.peers {
        Peers::Multicast(group) => Ok(*group),
        Peers::Unicast { .. } => Err(instance.source),
    };
    (protocol.vrid, protocol.family, instance.link, place)
}

/// For each instance of `new` the one of `old` that it continues, each at most once.
pub(super) fn instances(old: &Model, new: &Model) -> Vec<Option<InstanceId>> {
    let mut taken = vec![false; old.instances.len()];
    let found = new.instances.iter().map(|instance| {
        let key = known_by(instance);
        let mut before = old.instances.iter().enumerate();
        let (at, _) = before.find(|(at, was)| !taken[*at] && known_by(was) == key)?;
        taken[at] = true;
        Some(InstanceId::from_index(at))
    });
    found.collect()
}

/// Whether the result of one script is a result of the other: they have the same name and run the same command.
pub(super) fn is_same_script(old: (&Tracker, &Script), new: (&Tracker, &Script)) -> bool {
    old.0.name == new.0.name && old.1.command.argv == new.1.command.argv
}
