//! A small model for the tests of this module and of the dumps.

use base::{Duration, Family, IfName, Name, Priority, Vrid, Weight};
use model::address::AddressFlags;
use model::{
    Address, Command, Garp, GroupId, Instance, InstanceId, Model, Notify, Script, SyncGroup, TrackFile,
    Tracker, TrackerId, TrackerSource, User,
};
use vrrp::config::{Auth, ChecksumKind, Peer, Peers, Preempt, Track, Version};

/// `PAIR` on eth0, version 2, multicast, priority 100, VRID 51.
pub const PAIR: InstanceId = InstanceId(0);
/// `UNI` on eth0, version 3, unicast, VRID 52, member of [`GROUP`].
pub const UNI: InstanceId = InstanceId(1);
/// `G1`.
pub const GROUP: GroupId = GroupId(0);

/// The trackers of the model.
pub struct Tracked {
    /// Interface `eth1`.
    pub link: TrackerId,
    /// Script `chk`.
    pub script: TrackerId,
    /// File `tf`.
    pub file: TrackerId,
}

/// Their ids.
pub const TRACKED: Tracked = Tracked { link: TrackerId(0), script: TrackerId(1), file: TrackerId(2) };

/// A command of root.
pub fn command(text: &str) -> Command {
    let argv: Vec<Box<str>> = text.split(' ').map(Into::into).collect();
    Command { text: text.into(), path: argv[0].clone(), argv, user: User::default() }
}

/// An address line on eth0.
pub fn address(net: &str) -> Address {
    Address {
        net: net.parse().unwrap(),
        link: eth(0),
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

fn eth(n: u8) -> IfName {
    IfName::new(&format!("eth{n}")).unwrap()
}

fn instance(name: &str, vrid: u8, version: Version, peers: Peers, group: Option<GroupId>) -> Instance {
    let addresses = vec![address("192.0.2.100/24")];
    let protocol = vrrp::config::Instance {
        name: Name::from(name),
        vrid: Vrid::new(vrid).unwrap(),
        family: Family::V4,
        version,
        priority: Priority(100),
        wants_master: false,
        advert_interval: Duration::from_secs(1),
        down_timer_adverts: 3,
        preempt: Preempt::After(Duration::from_millis(5_500)),
        peers,
        hop_limit: Some(255),
        auth: Auth::None,
        checksum: ChecksumKind::PseudoHeader,
        addresses: addresses.iter().map(|a| a.net.addr()).collect(),
        skip_check_adv_addr: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        owner_ignore_adverts: false,
        tracks: vec![
            Track { tracker: TRACKED.link, weight: Weight::FAULT, reverse: false },
            Track { tracker: TRACKED.script, weight: Weight::new(-20).unwrap(), reverse: false },
        ],
        group,
    };
    Instance {
        protocol,
        link: Some(eth(0)),
        source: None,
        track_source: false,
        track_link: true,
        addresses,
        excluded: vec![address("192.0.2.102/32")],
        routes: Vec::new(),
        garp: Garp {
            repeat: 5,
            delay: Duration::from_secs(5),
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_repeat: 5,
            lower_prio_delay: Duration::from_secs(5),
        },
        lease: None,
        promote_secondaries: false,
        receive_buffer: None,
        notify: Notify { any: Some(Box::new(command("/etc/n.sh arg"))), ..Notify::default() },
        held: model::Held::default(),
    }
}

/// The whole.
pub fn model() -> Model {
    let multicast = Peers::Multicast("224.0.0.18".parse().unwrap());
    let peer = Peer { address: "192.0.2.12".parse().unwrap(), min_ttl: 250, max_ttl: 255 };
    let unicast = Peers::Unicast { peers: vec![peer], check_source: true };
    let script = Script {
        name: Name::from("chk"),
        command: command("/etc/chk.sh"),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        rise: 1,
        fall: 2,
        init_fail: false,
    };
    let file = TrackFile { name: Name::from("tf"), path: "/run/tf".into(), init: None, overwrite: false };
    Model {
        instances: vec![
            instance("VI_1", 51, Version::V2, multicast, None),
            instance("VI_2", 52, Version::V3, unicast, Some(GROUP)),
        ],
        groups: vec![SyncGroup {
            protocol: vrrp::config::Group {
                name: Name::from("G1"),
                members: vec![UNI],
                tracking_weight: false,
            },
            notify: Notify::default(),
        }],
        trackers: vec![
            Tracker { name: Name::from("eth1"), source: TrackerSource::Interface(eth(1)) },
            Tracker { name: Name::from("chk"), source: TrackerSource::Script(script) },
            Tracker { name: Name::from("tf"), source: TrackerSource::File(file) },
        ],
        ..Model::default()
    }
}
