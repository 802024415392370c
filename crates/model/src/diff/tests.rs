//! The laws of the difference, on generated Models.

use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, Family, IfName, IpNet, Name, Priority, Vrid, Weight};
use proptest::prelude::*;
use vrrp::config::{Auth, ChecksumKind, Peers, Preempt, Track, Version};

use super::*;
use crate::address::AddressFlags;
use crate::{Command, Garp, Held, Notify, Script, TrackerSource, User};

fn address(last: u8) -> Address {
    Address {
        net: IpNet::host(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
        link: IfName::new("eth0").unwrap(),
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

pub(crate) fn instance(
    name: &str,
    vrid: u8,
    priority: u8,
    addresses: &[u8],
    tracks: &[u32],
    group: Option<u32>,
) -> Instance {
    Instance {
        protocol: vrrp::config::Instance {
            name: Name::from(name),
            vrid: Vrid::new(vrid).unwrap(),
            family: Family::V4,
            version: Version::V2,
            priority: Priority(priority),
            wants_master: false,
            advert_interval: Duration::from_secs(1),
            down_timer_adverts: 3,
            preempt: Preempt::After(Duration::ZERO),
            peers: Peers::Multicast(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18))),
            hop_limit: Some(255),
            auth: Auth::None,
            checksum: ChecksumKind::PseudoHeader,
            addresses: addresses.iter().map(|a| address(*a).net.addr()).collect(),
            skip_check_adv_addr: false,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            owner_ignore_adverts: false,
            tracks: tracks
                .iter()
                .map(|t| Track { tracker: TrackerId(*t), weight: Weight::FAULT, reverse: false })
                .collect(),
            group: group.map(GroupId),
        },
        link: IfName::new("eth0").ok(),
        source: None,
        track_source: false,
        track_link: true,
        addresses: addresses.iter().map(|a| address(*a)).collect(),
        excluded: Vec::new(),
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
        notify: Notify::default(),
        held: Held::default(),
    }
}

fn script(name: &str, interval: u64) -> Tracker {
    Tracker {
        name: Name::from(name),
        source: TrackerSource::Script(Script {
            name: Name::from(name),
            command: Command {
                text: "/bin/true".into(),
                path: "/bin/true".into(),
                argv: vec!["/bin/true".into()],
                user: User::default(),
            },
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(interval),
            rise: 1,
            fall: 1,
            init_fail: false,
        }),
    }
}

fn group(name: &str, members: &[u32]) -> SyncGroup {
    SyncGroup {
        protocol: vrrp::config::Group {
            name: Name::from(name),
            members: members.iter().copied().map(InstanceId).collect(),
            tracking_weight: false,
        },
        notify: Notify::default(),
    }
}

prop_compose! {
    /// A Model of up to 4 instances whose ids all point somewhere.
    fn models()(
        vrids in proptest::sample::subsequence(vec![1u8, 2, 3, 4], 0..=4).prop_shuffle(),
        priorities in proptest::collection::vec(100u8..103, 4),
        addresses in proptest::collection::vec(proptest::collection::vec(1u8..4, 0..3), 4),
        scripts in proptest::sample::subsequence(vec!["a", "b", "c"], 0..=3).prop_shuffle(),
        interval in 1u64..3,
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 4),
        grouped in any::<bool>(),
        router_id in "[ab]",
        statics in proptest::collection::vec(200u8..202, 0..2),
    ) -> Model {
        let tracks = |n: usize| if scripts.is_empty() {
            Vec::new()
        } else {
            vec![u32::try_from(picks[n].index(scripts.len())).unwrap()]
        };
        let instances: Vec<_> = vrids.iter().enumerate().map(|(n, vrid)| {
            let name = format!("VI_{vrid}");
            let member = (grouped && n == 0).then_some(0);
            instance(&name, *vrid, priorities[n], &addresses[n], &tracks(n), member)
        }).collect();
        let groups = if grouped && !instances.is_empty() { vec![group("VG", &[0])] } else { Vec::new() };
        Model {
            global: Global { router_id: Name::from(router_id.as_str()), ..Global::default() },
            instances,
            groups,
            trackers: scripts.iter().map(|name| script(name, interval)).collect(),
            static_addresses: statics.iter().map(|a| address(*a)).collect(),
            ..Model::default()
        }
    }
}

proptest! {
    #[test]
    fn the_difference_to_itself_is_empty(a in models()) {
        prop_assert!(diff(&a, &a).is_empty());
    }

    #[test]
    fn replaying_the_difference_gives_the_new_model(a in models(), b in models()) {
        let difference = diff(&a, &b);
        prop_assert_eq!(difference.replay(&a), b.clone());
        prop_assert_eq!(difference.is_empty(), a == b);
    }

    #[test]
    fn nobody_is_continued_twice_and_nobody_is_forgotten(a in models(), b in models()) {
        let difference = diff(&a, &b);
        let mut old: Vec<_> = difference.carried_instances().into_iter().flatten().collect();
        old.extend(&difference.instances_gone);
        old.sort_unstable();
        prop_assert_eq!(old, (0..a.instances.len()).map(InstanceId::from_index).collect::<Vec<_>>());
    }
}

#[test]
fn a_script_put_before_another_changes_nobody_but_itself() {
    let one = Model {
        instances: vec![instance("VI_1", 1, 100, &[1], &[0], None)],
        trackers: vec![script("b", 1)],
        ..Model::default()
    };
    let mut two = one.clone();
    two.trackers.insert(0, script("a", 1));
    two.instances[0].protocol.tracks[0].tracker = TrackerId(1);

    let difference = diff(&one, &two);
    assert_eq!(difference.instances, [Slot::Kept(InstanceId(0))]);
    assert_eq!(difference.carried_trackers(), [None, Some(TrackerId(0))]);
    assert!(!difference.is_empty());
}

#[test]
fn another_vrid_is_another_router_and_another_name_is_not() {
    let one = Model { instances: vec![instance("VI_1", 1, 100, &[1], &[], None)], ..Model::default() };
    let mut renamed = one.clone();
    renamed.instances[0].protocol.name = Name::from("VI_X");
    let difference = diff(&one, &renamed);
    assert_eq!(difference.instances[0].old(), Some(InstanceId(0)));
    assert_eq!(difference.instances[0].cost(), Cost::Nothing);

    let other = Model { instances: vec![instance("VI_1", 2, 100, &[1], &[], None)], ..Model::default() };
    let difference = diff(&one, &other);
    assert_eq!(difference.instances[0].old(), None);
    assert_eq!(difference.instances_deleted(&one), [Name::from("VI_1")]);
}

#[test]
fn the_namespace_cannot_be_changed_by_a_reload() {
    let one = Model::default();
    let mut two = one.clone();
    two.global.net_namespace = Some(Name::from("blue"));
    assert_eq!(diff(&one, &two).refused().collect::<Vec<_>>(), ["net_namespace"]);
}
