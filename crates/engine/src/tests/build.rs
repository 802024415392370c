//! Models and facts for the tests, as short as they can be written.

use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, Family, IfIndex, IfName, IpNet, Mac, Name, Priority, Vrid};
use model::address::AddressFlags;
use model::route::{Hop, RouteKind, RouteOperation};
use model::{
    Address, Command, Garp, Instance, InstanceId, Model, Notify, Route, Script, Tracker, TrackerSource, User,
};
use vrrp::config::{Auth, ChecksumKind, Peers, Preempt, Version};

use crate::facts::{AddressFacts, LinkFacts};

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn link_name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn index(n: u32) -> IfIndex {
    IfIndex::new(n).unwrap()
}

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A link that is up.
pub(crate) fn link(n: u32, name: &str) -> LinkFacts {
    LinkFacts {
        index: index(n),
        name: link_name(name),
        mac: Some(Mac([2, 0, 0, 0, 0, u8::try_from(n).unwrap()])),
        mtu: 1500,
        up: true,
        running: true,
        loopback: false,
        noarp: false,
        multicast: true,
        master: None,
        forwarding6: false,
    }
}

pub(crate) fn on_link(n: u32, text: &str, protocol: Option<u8>) -> AddressFacts {
    AddressFacts {
        link: index(n),
        net: net(text),
        peer: None,
        broadcast: None,
        label: None,
        scope: 0,
        flags: AddressFlags::default(),
        secondary: false,
        tentative: false,
        dad_failed: false,
        preferred_lft: None,
        valid_lft: None,
        protocol,
    }
}

pub(crate) fn vip(text: &str, link: &str) -> Address {
    Address {
        net: net(text),
        link: link_name(link),
        peer: None,
        broadcast: None,
        label: None,
        scope: 0,
        flags: AddressFlags::default(),
        preferred_lft: None,
        no_track: false,
        on_vmac: false,
    }
}

pub(crate) fn route_via(destination: &str, gateway: &str, link: &str) -> Route {
    let destination = net(destination);
    Route {
        family: destination.family(),
        destination,
        kind: RouteKind::Unicast,
        table: 254,
        metric: 0,
        protocol: 18,
        scope: None,
        source: None,
        from: None,
        tos: 0,
        hops: vec![Hop {
            gateway: Some(ip(gateway)),
            link: Some(link_name(link)),
            weight: 1,
            ..Hop::default()
        }],
        metrics: Vec::new(),
        preference: None,
        expires: None,
        operation: RouteOperation::Prepend,
        no_track: false,
        held: None,
    }
}

pub(crate) fn command(text: &str) -> Command {
    Command { text: text.into(), path: text.into(), argv: vec![text.into()], user: User::default() }
}

/// An instance on eth0, of version 2, with adverts each second, whose announcements are those of
/// keepalived's defaults.
pub(crate) fn instance(vrid: u8, priority: u8, vips: &[&str]) -> Instance {
    let addresses: Vec<Address> = vips.iter().map(|v| vip(v, "eth0")).collect();
    let family = addresses.first().map_or(Family::V4, |a| a.net.family());
    let group = if family == Family::V4 { "224.0.0.18" } else { "ff02::12" };
    Instance {
        protocol: vrrp::config::Instance {
            name: Name::from(format!("V{vrid}")),
            vrid: Vrid::new(vrid).unwrap(),
            family,
            version: if family == Family::V4 { Version::V2 } else { Version::V3 },
            priority: Priority(priority),
            wants_master: priority == 255,
            advert_interval: secs(1),
            down_timer_adverts: 3,
            preempt: Preempt::After(Duration::ZERO),
            peers: Peers::Multicast(ip(group)),
            hop_limit: Some(255),
            auth: Auth::None,
            checksum: ChecksumKind::PseudoHeader,
            addresses: addresses.iter().map(|a| a.net.addr()).collect(),
            skip_check_adv_addr: false,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            owner_ignore_adverts: false,
            tracks: Vec::new(),
            group: None,
        },
        link: Some(link_name("eth0")),
        source: None,
        track_source: false,
        track_link: true,
        addresses,
        excluded: Vec::new(),
        routes: Vec::new(),
        garp: Garp {
            repeat: 5,
            delay: secs(5),
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_repeat: 5,
            lower_prio_delay: secs(5),
        },
        lease: None,
        promote_secondaries: false,
        receive_buffer: None,
        notify: Notify::default(),
        held: model::Held::default(),
    }
}

pub(crate) fn script(name: &str, rise: u32, fall: u32) -> Tracker {
    let script = Script {
        name: Name::from(name),
        command: command(name),
        interval: secs(1),
        timeout: secs(1),
        rise,
        fall,
        init_fail: false,
    };
    Tracker { name: Name::from(name), source: TrackerSource::Script(script) }
}

pub(crate) fn model(instances: Vec<Instance>) -> Model {
    Model { instances, ..Model::default() }
}

/// The same model with VRIDs of sync group 0.
pub(crate) fn grouped(mut model: Model) -> Model {
    let members: Vec<_> = (0..model.instances.len()).map(InstanceId::from_index).collect();
    for instance in &mut model.instances {
        instance.protocol.group = Some(model::GroupId(0));
    }
    let protocol = vrrp::config::Group { name: Name::from("G"), members, tracking_weight: false };
    model.groups.push(model::SyncGroup { protocol, notify: Notify::default() });
    model
}

/// 192.0.2.`n`/24.
pub(crate) fn numbered(n: u8) -> String {
    format!("{}/24", Ipv4Addr::new(192, 0, 2, n))
}
