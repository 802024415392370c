//! Which adverts count. Refused ones leave nothing but their counter.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use std::format;

use base::{Duration, Instant, Machine, Priority};
use wire::vrrp::{AdvertSpec, ChecksumKind, Endpoints, Interval, Stamp, Version, encode};
use wire::{ah, ipv4};

use crate::Vrrp;
use crate::config::{Auth, Config, Instance, Peers};
use crate::io::{Counters, Datagram, Event, Input, Oddity, Output, State};
use crate::testing::*;

const NOW: Instant = Instant::from_nanos(5_000_000_000);

/// The five receivers that every vector was tried on with keepalived, and two more.
fn receiver(name: &str) -> Config {
    let addresses = vec!["10.1.2.254".parse().unwrap(), "10.1.2.253".parse().unwrap()];
    single(100, |i| {
        i.addresses = addresses;
        i.version = if name.starts_with("v2") { Version::V2 } else { Version::V3 };
        match name {
            "v2" | "v3" => {}
            "v2 pass" => i.auth = Auth::Pass(secret("secret")),
            "v2 ah" => i.auth = Auth::Ah(secret("secret")),
            "v3 as v2" => i.checksum = ChecksumKind::MessageOnly,
            "v3 unicast" => i.peers = unicast(&["10.1.2.3".parse().unwrap()], true),
            "v3 old unicast" => {
                i.peers = unicast(&["10.1.2.3".parse().unwrap()], true);
                i.checksum = ChecksumKind::OldUnicast;
            }
            "v3 ipv6" => {
                i.family = base::Family::V6;
                i.peers = Peers::Multicast(wire::vrrp::GROUP_V6.into());
                i.addresses = vec!["fe80::5e00:51".parse().unwrap(), "2001:db8:1:2::51".parse().unwrap()];
            }
            other => panic!("{other}"),
        }
    })
}

/// A router that listens.
fn listen(config: Config) -> Vrrp {
    let own = match config.instances[0].family {
        base::Family::V4 => "10.1.2.9",
        base::Family::V6 => "fe80::9",
    };
    let mut core = Vrrp::new(config, NOW, Duration::ZERO);
    core.handle_input(NOW, Input::Source { instance: A, address: Some(own.parse().unwrap()) });
    drain(&mut core);
    core
}

fn drain(core: &mut Vrrp) -> Vec<Event> {
    core::iter::from_fn(|| core.poll_output())
        .filter_map(|output| match output {
            Output::Event(event) => Some(event),
            Output::Transmit { .. } => None,
        })
        .collect()
}

/// Everything about an instance but its counters.
fn rest(core: &Vrrp) -> impl PartialEq + core::fmt::Debug + use<> {
    let mut snapshot = core.snapshot(A).unwrap();
    snapshot.counters = Counters::default();
    (snapshot, core.poll_timeout())
}

/// Hands over a packet: `Ok` if it was accepted, else the refusal. Checks that a refusal changes
/// nothing.
fn hand(core: &mut Vrrp, datagram: Datagram<'_>) -> Result<(), String> {
    let (before, received) = (rest(core), core.counters(A).unwrap().advert_rcvd);
    core.handle_input(NOW, Input::Datagram { instance: A, datagram });
    let refusal = drain(core).into_iter().find_map(|event| match event {
        Event::Refused { refusal, .. } => Some(refusal),
        _ => None,
    });
    let accepted = core.counters(A).unwrap().advert_rcvd - received;
    match refusal {
        Some(refusal) => {
            assert_eq!(accepted, 0);
            assert_eq!(rest(core), before, "{refusal:?} changed something");
            Err(format!("{refusal:?}"))
        }
        None => {
            assert_eq!(accepted, 1);
            Ok(())
        }
    }
}

fn v4(bytes: &[u8]) -> Datagram<'_> {
    let [source, destination] = [12, 16].map(|at| {
        let octets: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
        IpAddr::from(octets)
    });
    Datagram { source, destination, hop_limit: None, bytes }
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|d| u8::from_str_radix(str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

fn corpus() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/vrrp_vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Vector, receiver, and why it is refused (accepted if empty). Where this differs from what
/// keepalived 2.4.3 did with the same packet, the line says so.
const VERDICTS: &[(&str, &str, &str)] = &[
    ("v2_none", "v3", "Version { received: 2 }"),
    ("v2_none", "v2", ""),
    ("v2_none", "v2 pass", "AuthTypeMismatch { received: 0 }"),
    ("v2_none", "v2 ah", "MissingAh"),
    ("v2_none_prio0", "v2", ""),
    ("v2_none_owner", "v2", ""),
    ("v2_pass_secret", "v2", "AuthTypeMismatch { received: 1 }"),
    ("v2_pass_secret", "v2 pass", ""),
    ("v2_pass_12345678", "v2 pass", "Password"),
    ("v2_ah_keepalived_multicast_seq1", "v2", "UnexpectedAh"),
    ("v2_ah_keepalived_multicast_seq1", "v2 ah", ""),
    ("v2_ah_keepalived_multicast_seq2", "v2 ah", ""),
    ("v2_ah_rfc2402_strict_seq1", "v2 ah", "Icv"),
    ("v2_ah_keepalived_unicast_seq1", "v2 ah", "Destination"),
    ("v3_ipv4_rfc5798", "v3", ""),
    ("v3_ipv4_rfc5798", "v3 as v2", ""),
    ("v3_ipv4_rfc5798", "v2", "Version { received: 3 }"),
    ("v3_ipv4_rfc5798", "v3 unicast", "Destination"),
    ("v3_ipv4_rfc9568", "v3", ""), // keepalived refuses it
    ("v3_ipv4_rfc9568", "v3 as v2", ""),
    ("v3_ipv4_rfc5798_prio0", "v3", ""),
    ("v3_ipv4_rfc5798_10ms", "v3", ""),
    ("v3_ipv4_rfc5798_max_interval", "v3", ""),
    ("v3_ipv4_unicast", "v3", "Destination"),
    ("v3_ipv4_unicast", "v3 unicast", ""),
    ("v3_ipv4_unicast_old_checksum", "v3 unicast", "Checksum"), // keepalived switches over for good
    ("v3_ipv4_unicast_old_checksum", "v3 old unicast", ""),
    ("v3_ipv6", "v3 ipv6", ""),
    ("v3_ipv6_prio0", "v3 ipv6", ""),
    ("neg_ttl254", "v3", "HopLimit { received: 254, min: 255, max: 255 }"),
    ("neg_v3_checksum_flipped", "v3", "Checksum"),
    ("neg_v3_checksum_flipped", "v3 as v2", "Checksum"), // keepalived takes any checksum then
    ("neg_v2_checksum_flipped", "v2", "Checksum"),
    ("neg_version4", "v3", "Version { received: 4 }"),
    ("neg_version2_to_v3_instance", "v3", "Version { received: 2 }"),
    ("neg_type2", "v3", "Type { received: 2 }"),
    ("neg_vrid_unknown", "v3", "Vrid { received: 52 }"),
    ("neg_vrid0", "v3", "Vrid { received: 0 }"),
    ("neg_count0", "v3", "NoAddresses"), // keepalived accepts it
    ("neg_count_too_big", "v3", "Malformed(LengthMismatch { len: 16, expected: 20 })"),
    ("neg_count_too_small", "v3", "Malformed(LengthMismatch { len: 16, expected: 12 })"),
    ("neg_count255_short", "v3", "Malformed(LengthMismatch { len: 16, expected: 1028 })"),
    ("neg_v3_interval0", "v3", "IntervalZero"), // keepalived accepts it and becomes master
    ("neg_v3_reserved_nibble_set", "v3", ""),
    ("neg_v2_interval_mismatch", "v2", "Interval { ours: 1s, received: 2s }"),
    ("neg_v2_authtype3", "v2", "AuthTypeUnknown { received: 3 }"),
    ("neg_v2_pass_wrong", "v2", "AuthTypeMismatch { received: 1 }"),
    ("neg_v2_pass_wrong", "v2 pass", "Password"),
    ("neg_v2_no_auth_tail", "v2", "Malformed(LengthMismatch { len: 16, expected: 24 })"),
    ("neg_header_only_7_octets", "v3", "Malformed(TooShort { len: 7, expected: 8 })"),
    ("neg_ip_options", "v3", ""),
    ("neg_ihl_lies", "v3", "Malformed(Ipv4(HeaderLength { claimed: 60, len: 36 }))"),
    ("neg_tot_len_lies", "v3", "Malformed(Ipv4(TotalLength { claimed: 65535, len: 44 }))"),
    ("neg_dst_unicast_to_mcast_instance", "v3", "Destination"),
    ("neg_ah_to_noauth_instance", "v3", "UnexpectedAh"),
    ("neg_ah_bad_icv", "v2 ah", "Icv"),
];

#[test]
fn every_vector_is_judged_as_each_of_its_receivers_should() {
    let corpus = corpus();
    let vectors = corpus["vectors"].as_array().unwrap();
    let named = |name: &str| vectors.iter().find(|vector| vector["name"] == name).unwrap();
    let mut wrong = Vec::new();
    for (name, who, expected) in VERDICTS {
        let vector = named(name);
        let mut core = listen(receiver(who));
        let bytes = hex(vector[if *who == "v3 ipv6" { "vrrp" } else { "ip_packet" }].as_str().unwrap());
        let datagram = match *who {
            "v3 ipv6" => Datagram {
                source: vector["src"].as_str().unwrap().parse().unwrap(),
                destination: vector["dst"].as_str().unwrap().parse().unwrap(),
                hop_limit: Some(255),
                bytes: &bytes,
            },
            _ => v4(&bytes),
        };
        let verdict = hand(&mut core, datagram).err().unwrap_or_default();
        if verdict != *expected {
            wrong.push(format!("{name} on {who}: {verdict:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Nothing that is a whole VRRP packet is left out, but for the trailers that are not built yet.
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let is_vrrp = ["v2_", "v3_", "neg_"].iter().any(|kind| name.starts_with(kind));
        assert!(!is_vrrp || name == "v2_ipv6" || VERDICTS.iter().any(|(known, ..)| *known == name), "{name}");
    }
}

/// A packet for the receiver called `name`, from 10.1.2.3, changed by `change`.
fn packet(config: &Instance, source: &str, destination: &str, ttl: u8, stamp: Stamp) -> Vec<u8> {
    let spec = AdvertSpec {
        version: config.version,
        vrid: config.vrid,
        interval: match config.version {
            Version::V2 => Interval::Seconds(1),
            Version::V3 => Interval::Centis(100),
        },
        addresses: &config.addresses,
        auth: config.auth.clone(),
        checksum: config.checksum,
        path: Endpoints::new(source.parse().unwrap(), destination.parse().unwrap()).unwrap(),
        ttl,
    };
    encode(&spec, stamp).unwrap().to_vec()
}

fn stamp(priority: u8, ah_sequence: u32) -> Stamp {
    Stamp { priority: Priority(priority), ip_id: 1, ah_sequence }
}

#[test]
fn a_unicast_router_takes_adverts_of_its_peers_only_if_it_checks_the_source() {
    for (check_source, source, expected) in
        [(true, "10.1.2.3", Ok(())), (true, "10.1.2.4", Err("NotAPeer")), (false, "10.1.2.4", Ok(()))]
    {
        let mut config = receiver("v3");
        config.instances[0].peers = unicast(&["10.1.2.3".parse().unwrap()], check_source);
        let bytes = packet(&config.instances[0], source, "10.1.2.9", 1, stamp(150, 0));
        let mut core = listen(config);
        assert_eq!(hand(&mut core, v4(&bytes)), expected.map_err(String::from));
        assert_eq!(core.counters(A).unwrap().source_err, u64::from(expected.is_err()));
    }
}

#[test]
fn the_hop_limit_of_a_peer_stays_in_its_range() {
    let mut config = receiver("v3 unicast");
    let Peers::Unicast { peers, .. } = &mut config.instances[0].peers else { panic!() };
    (peers[0].min_ttl, peers[0].max_ttl) = (250, 254);
    for (ttl, accepted) in [(249, false), (250, true), (254, true), (255, false)] {
        let bytes = packet(&config.instances[0], "10.1.2.3", "10.1.2.9", ttl, stamp(150, 0));
        let mut core = listen(config.clone());
        let expected = format!("HopLimit {{ received: {ttl}, min: 250, max: 254 }}");
        assert_eq!(hand(&mut core, v4(&bytes)).err(), (!accepted).then_some(expected));
        assert_eq!(core.counters(A).unwrap().ip_ttl_err, u64::from(!accepted));
    }
}

#[test]
fn an_ipv6_advert_whose_hop_limit_is_unknown_is_refused() {
    let config = receiver("v3 ipv6");
    let bytes = packet(&config.instances[0], "fe80::a:3", "ff02::12", 255, stamp(150, 0));
    let mut core = listen(config);
    let datagram = Datagram {
        source: "fe80::a:3".parse().unwrap(),
        destination: "ff02::12".parse().unwrap(),
        hop_limit: None,
        bytes: &bytes,
    };
    assert_eq!(hand(&mut core, datagram), Err("HopLimit { received: 0, min: 255, max: 255 }".into()));
    assert_eq!(hand(&mut core, Datagram { hop_limit: Some(255), ..datagram }), Ok(()));
}

#[test]
fn our_own_address_as_source_is_refused_and_told_as_such() {
    let config = receiver("v3");
    let bytes = packet(&config.instances[0], "10.1.2.9", "224.0.0.18", 255, stamp(100, 0));
    let mut core = listen(config);
    let datagram = v4(&bytes);
    core.handle_input(NOW, Input::Datagram { instance: A, datagram });
    assert!(drain(&mut core).contains(&Event::OwnAddress { instance: A }));
    assert_eq!(hand(&mut core, datagram), Err("OwnSource".into()));
    assert_eq!(core.counters(A).unwrap().source_err, 2);
}

#[test]
fn an_owner_that_ignores_adverts_counts_them() {
    let mut config = receiver("v3");
    config.instances[0].priority = Priority::OWNER;
    config.instances[0].owner_ignore_adverts = true;
    let bytes = packet(&config.instances[0], "10.1.2.3", "224.0.0.18", 255, stamp(150, 0));
    let mut core = listen(config);
    assert_eq!(hand(&mut core, v4(&bytes)), Err("Owner".into()));
    assert_eq!(core.counters(A).unwrap().owner_ignored, 1);
}

#[test]
fn a_replayed_advert_is_refused_and_so_is_an_older_one() {
    let config = receiver("v2 ah");
    let send = |sequence| packet(&config.instances[0], "10.1.2.3", "224.0.0.18", 255, stamp(150, sequence));
    let mut core = listen(config.clone());
    assert_eq!(hand(&mut core, v4(&send(7))), Ok(()));
    assert_eq!(hand(&mut core, v4(&send(7))), Err("Replay { received: 7, highest: 7 }".into()));
    assert_eq!(hand(&mut core, v4(&send(6))), Err("Replay { received: 6, highest: 7 }".into()));
    assert_eq!(hand(&mut core, v4(&send(8))), Ok(()));
    let counters = core.counters(A).unwrap();
    assert_eq!((counters.replayed, counters.auth_failure), (2, 2));
}

#[test]
fn a_sequence_number_counts_only_in_an_advert_that_passes_all_checks() {
    let config = receiver("v2 ah");
    let mut core = listen(config.clone());
    let mut other = config.instances[0].clone();
    other.auth = Auth::Ah(secret("other"));
    let forged = packet(&other, "10.1.2.3", "224.0.0.18", 255, stamp(150, 1_000_000));
    assert_eq!(hand(&mut core, v4(&forged)), Err("Icv".into()));
    let low_ttl = packet(&config.instances[0], "10.1.2.3", "224.0.0.18", 254, stamp(150, 1_000_000));
    assert!(hand(&mut core, v4(&low_ttl)).is_err());
    let good = packet(&config.instances[0], "10.1.2.3", "224.0.0.18", 255, stamp(150, 1));
    assert_eq!(hand(&mut core, v4(&good)), Ok(()));
}

#[test]
fn the_security_parameters_index_must_be_the_senders_address() {
    let config = receiver("v2 ah");
    let mut bytes = packet(&config.instances[0], "10.1.2.3", "224.0.0.18", 255, stamp(150, 1));
    let parsed = ipv4::parse(&bytes).unwrap();
    let (header, message) = ah::parse(parsed.payload).unwrap();
    let forged = ah::Header { spi: header.spi ^ 1, icv: Default::default(), ..header };
    let icv = ah::icv(&secret("secret"), &parsed.header, &forged, &[message]);
    bytes.splice(20..44, ah::Header { icv, ..forged }.to_bytes());
    assert_eq!(hand(&mut listen(config), v4(&bytes)), Err("Spi".into()));
}

#[test]
fn a_complaint_is_shown_once_until_the_state_or_the_master_changes() {
    let config = receiver("v3");
    let send = |source, ttl| packet(&config.instances[0], source, "224.0.0.18", ttl, stamp(150, 0));
    let mut core = listen(config.clone());
    let mut shown = |source, ttl, at: Instant| {
        let bytes = send(source, ttl);
        core.handle_input(at, Input::Datagram { instance: A, datagram: v4(&bytes) });
        drain(&mut core).iter().any(|event| matches!(event, Event::Refused { first: true, .. }))
    };
    assert!(shown("10.1.2.3", 1, NOW));
    assert!(!shown("10.1.2.4", 1, NOW), "another source is no reason to show it again");
    assert!(!shown("10.1.2.3", 255, NOW));
    assert!(!shown("10.1.2.3", 1, NOW));
    assert!(!shown("10.1.2.5", 255, NOW), "another master");
    assert!(shown("10.1.2.3", 1, NOW));
}

#[test]
fn odd_adverts_count_and_are_told() {
    let config = receiver("v3");
    let send = |change: &dyn Fn(&mut Instance)| {
        let mut other = config.instances[0].clone();
        change(&mut other);
        packet(&other, "10.1.2.3", "224.0.0.18", 255, stamp(150, 0))
    };
    let told = |core: &mut Vrrp, bytes: &[u8]| -> Vec<Oddity> {
        core.handle_input(NOW, Input::Datagram { instance: A, datagram: v4(bytes) });
        let events = drain(core);
        events
            .into_iter()
            .filter_map(|e| if let Event::Odd { oddity, .. } = e { Some(oddity) } else { None })
            .collect()
    };
    let mut core = listen(config.clone());
    assert_eq!(told(&mut core, &send(&|i| i.addresses.reverse())), []);
    assert_eq!(
        told(&mut core, &send(&|i| i.addresses.truncate(1))),
        [Oddity::AddressCount { expected: 2, received: 1 }]
    );
    let other = "10.1.2.1".parse().unwrap();
    assert_eq!(
        told(&mut core, &send(&|i| i.addresses[0] = other)),
        [Oddity::AddressMissing(config.instances[0].addresses[0])]
    );
    let counters = core.counters(A).unwrap();
    assert_eq!((counters.advert_rcvd, counters.addr_list_err), (3, 2));

    // With skip_check_adv_addr only the first advert of a master is compared.
    let mut skipping = config.clone();
    skipping.instances[0].skip_check_adv_addr = true;
    let mut core = listen(skipping);
    assert_eq!(told(&mut core, &send(&|i| i.addresses[0] = other)).len(), 1);
    assert_eq!(told(&mut core, &send(&|i| i.addresses[0] = other)).len(), 0);
}

#[test]
fn both_kinds_of_checksum_are_accepted_and_counted_and_don_t_change_ours() {
    let mut world = World::new(
        ms(1),
        [single(150, |i| i.checksum = ChecksumKind::MessageOnly), single(100, |_| {}), single(50, |_| {})],
    );
    world.run(ms(5_000));
    let counters = world.core(1).counters(A).unwrap();
    assert_eq!((counters.checksum_message_only, counters.checksum_with_pseudo_header), (2, 0));
    world.freeze(0);
    world.run(ms(5_000));
    assert_eq!(world.snapshot(1).state, State::Master);
    assert!(world.core(2).counters(A).unwrap().checksum_with_pseudo_header > 0);
}

#[test]
fn each_unicast_peer_gets_its_own_packet_with_the_same_number() {
    let peers: Vec<IpAddr> = (1..4).map(address).collect();
    let mut world = World::new(
        ms(1),
        [single(150, |i| {
            i.version = Version::V2;
            i.auth = Auth::Ah(secret("secret"));
            i.peers = unicast(&peers, true);
        })],
    );
    world.run(ms(4_500));
    let mut expected = Vec::new();
    for number in 1..=2 {
        for peer in &peers {
            expected.push((*peer, number, Some(u32::from(number))));
        }
    }
    let sent: Vec<_> = world
        .take()
        .into_iter()
        .filter_map(|(_, _, said)| match said {
            Said::Advert { destination, ip_id, sequence, .. } => Some((destination, ip_id, sequence)),
            Said::Event(_) => None,
        })
        .collect();
    assert_eq!(sent, expected);
    assert_eq!(world.core(0).counters(A).unwrap().advert_sent, 2);
}

#[test]
fn with_ah_a_backup_that_takes_over_continues_the_masters_numbers() {
    let ah = |i: &mut Instance| {
        i.version = Version::V2;
        i.auth = Auth::Ah(secret("secret"));
    };
    let mut world = World::new(ms(1), [single(150, ah), single(100, ah), single(50, ah)]);
    world.run(ms(10_000));
    world.freeze(0);
    world.run(ms(10_000));
    assert_eq!(world.snapshot(1).state, State::Master);
    let numbers: Vec<u32> = world
        .take()
        .into_iter()
        .filter_map(|(_, _, said)| match said {
            Said::Advert { sequence, .. } => sequence,
            Said::Event(_) => None,
        })
        .collect();
    let expected: Vec<u32> = (1..=u32::try_from(numbers.len()).unwrap()).collect();
    assert_eq!(numbers, expected);
    assert_eq!(world.core(2).counters(A).unwrap().auth_failure, 0);
}

#[test]
fn a_version_2_advert_over_ipv6_is_understood() {
    let config = |priority| {
        single(priority, |i| {
            i.version = Version::V2;
            i.family = base::Family::V6;
            i.peers = Peers::Multicast(wire::vrrp::GROUP_V6.into());
            i.addresses = vec!["fe80::5e00:51".parse().unwrap()];
        })
    };
    let mut world = World::new(ms(1), [config(150), config(100)]);
    world.run(ms(10_000));
    assert_eq!(world.states(), [State::Master, State::Backup]);
    assert!(world.core(1).counters(A).unwrap().advert_rcvd > 5);
}

#[test]
fn a_storm_of_lower_adverts_gets_ten_answers_in_an_interval() {
    let mut world = World::new(ms(1), [single(150, |_| {})]);
    world.run(ms(5_000));
    let config = single(150, |_| {}).instances.remove(0);
    let bytes = packet(&config, "192.0.2.200", "224.0.0.18", 255, stamp(100, 0));
    let before = world.core(0).counters(A).unwrap();
    world.take();
    for _ in 0..500 {
        world.run(ms(1));
        world.hand(0, A, v4(&bytes));
    }
    let after = world.core(0).counters(A).unwrap();
    assert_eq!(after.advert_rcvd - before.advert_rcvd, 500);
    assert!(after.advert_sent - before.advert_sent <= 11, "{}", after.advert_sent - before.advert_sent);
    let told = world.events(0).into_iter().filter(|e| matches!(e, Event::LowerReceived { .. })).count();
    assert_eq!(told, 10);
    assert_eq!(world.states(), [State::Master]);
    // The next interval has its own ten.
    world.run(SECOND);
    world.hand(0, A, v4(&bytes));
    assert_eq!(world.core(0).counters(A).unwrap().advert_rcvd - after.advert_rcvd, 1);
    assert!(world.events(0).iter().any(|e| matches!(e, Event::LowerReceived { answered: true, .. })));
}
