//! The laws of the difference, on generated Models.

use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, Family, IfName, IpNet, Name, Priority, Vrid, Weight};
use proptest::prelude::*;
use vrrp::config::{Auth, ChecksumKind, Peers, Preempt, Track, Version};

use super::drawn::{self, Dice};
use super::lvs::{ServerSlot, ServiceSlot};
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

prop_compose! {
    /// Two Models: few changes or many lead from one to the other, or they have nothing to do with each other.
    fn pairs()(
        seed in any::<u64>(),
        changes in any::<u64>(),
        rarity in prop_oneof![Just(1_u64), Just(10), Just(100), Just(1_000)],
    ) -> (Model, Model) {
        let dice = Dice::new(seed);
        (drawn::model(dice), drawn::model(dice.with_changes(changes, rarity)))
    }
}

/// Each old object goes on as one new one, or is gone.
fn each_once<I: Id + Ord + std::fmt::Debug>(old: usize, carried: Vec<Option<I>>, gone: &[I]) {
    let mut all: Vec<I> = carried.into_iter().flatten().chain(gone.iter().copied()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..old).map(I::from_index).collect::<Vec<_>>());
}

fn is_kept<I, T>(slot: &Slot<I, T>) -> bool {
    matches!(slot, Slot::Kept(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_difference_to_itself_is_empty((a, _) in pairs()) {
        prop_assert!(diff(&a, &a.clone()).is_empty());
    }

    #[test]
    fn replaying_the_difference_gives_the_new_model((a, b) in pairs()) {
        let difference = diff(&a, &b);
        prop_assert_eq!(&difference.replay(&a), &b);
        prop_assert_eq!(difference.is_empty(), a == b);
    }

    #[test]
    fn nobody_is_continued_twice_and_nobody_is_forgotten((a, b) in pairs()) {
        let difference = diff(&a, &b);
        each_once(a.instances.len(), difference.carried_instances(), &difference.instances_gone);
        each_once(a.groups.len(), difference.carried_groups(), &difference.groups_gone);
        each_once(a.trackers.len(), difference.carried_trackers(), &difference.trackers_gone);
        each_once(a.bfd.len(), difference.carried_bfd(), &difference.bfd_gone);
        let lvs = difference.lvs;
        each_once(a.lvs.groups.len(), lvs.groups.iter().map(Slot::old).collect(), &lvs.groups_gone);
        each_once(a.lvs.files.len(), lvs.files.iter().map(Slot::old).collect(), &lvs.files_gone);
        each_once(a.lvs.bfds.len(), lvs.bfds.iter().map(Slot::old).collect(), &lvs.bfds_gone);
        each_once(a.lvs.services.len(), lvs.services.iter().map(ServiceSlot::old).collect(), &lvs.services_gone);
        for slot in &lvs.services {
            if let ServiceSlot::Changed { old, servers, servers_gone, .. } = slot {
                let before = a.lvs.services[old.index()].servers.len();
                each_once(before, servers.iter().map(ServerSlot::old).collect(), servers_gone);
            }
        }
    }

    /// The numbers of things may shift: whoever refers to them notices nothing.
    #[test]
    fn turning_every_list_around_changes_no_object(seed in any::<u64>()) {
        let (one, two) = drawn::turned(Dice::new(seed));
        let difference = diff(&one, &two);
        prop_assert!(difference.global.is_none() && difference.mail.is_none());
        prop_assert!(difference.instances.iter().all(is_kept));
        prop_assert!(difference.groups.iter().all(is_kept));
        prop_assert!(difference.trackers.iter().all(is_kept));
        prop_assert!(difference.bfd.iter().all(is_kept));
        let lvs = difference.lvs;
        prop_assert!(lvs.settings.is_none());
        prop_assert!(lvs.groups.iter().all(is_kept) && lvs.files.iter().all(is_kept) && lvs.bfds.iter().all(is_kept));
        prop_assert!(lvs.services.iter().all(|slot| matches!(slot, ServiceSlot::Kept(_))));
    }
}

/// Else the laws would be about Models that are the same, or have nothing in common.
#[test]
fn a_few_changes_leave_some_objects_as_they_are_and_not_others() {
    let mut slots = [0, 0, 0];
    for seed in 0..200 {
        let dice = Dice::new(seed);
        let difference = diff(&drawn::model(dice), &drawn::model(dice.with_changes(seed, 100)));
        for slot in &difference.instances {
            slots[match slot {
                Slot::Kept(_) => 0,
                Slot::Changed { .. } => 1,
                Slot::Added(_) => 2,
            }] += 1;
        }
    }
    assert!(slots.iter().all(|count| *count >= 10), "{slots:?}");
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
