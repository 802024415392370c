//! Messages written and read.

use std::net::IpAddr;

use base::{Duration, Family, IfName};
use engine::lvs::io::Operation;
use engine::lvs::table::{
    Persistence, ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncHalf, SyncSettings, Timeouts,
};
use model::lvs::{Forwarding, Protocol, Scheduler, SchedulerFlags, Tunnel, TunnelChecksum, TunnelKind};
use proptest::prelude::*;

use super::attributes::{command, top};
use super::encode::Change;
use super::{decode, name};
use crate::error::Errno;
use crate::netlink::message::{attribute, nest};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn web(address: &str) -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: ip(address), port: 80 }
}

fn plain() -> ServiceSettings {
    ServiceSettings {
        scheduler: Some(Scheduler::WeightedLeastConnection),
        flags: SchedulerFlags::default(),
        one_packet: false,
        persistence: None,
    }
}

fn server(address: &str, port: u16) -> ServerKey {
    ServerKey { address: ip(address), port }
}

const DIRECT: ServerSettings =
    ServerSettings { weight: 3, forwarding: Forwarding::Direct, upper_threshold: 20, lower_threshold: 10 };

fn encode(change: &Change<'_>) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    (change.encode(&mut out), out)
}

/// The numbers of `linux/ip_vs.h` written out once more, on a little-endian machine.
#[test]
#[cfg(target_endian = "little")]
fn a_service_and_a_server_have_these_bytes() {
    let settings = ServiceSettings {
        persistence: Some(Box::new(Persistence {
            timeout: Duration::from_secs(300),
            granularity: 0xffff_ff00,
            engine: None,
        })),
        ..plain()
    };
    let (number, bytes) = encode(&Change::AddService(&web("192.0.2.1"), &settings));
    let address = [20, 0, 3, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut key = vec![6, 0, 1, 0, 2, 0, 0, 0, 6, 0, 2, 0, 6, 0, 0, 0];
    key.extend(address);
    key.extend([6, 0, 4, 0, 0, 80, 0, 0]);
    let mut expected = vec![88, 0, 1, 0x80];
    expected.extend(&key);
    expected.extend([8, 0, 6, 0, b'w', b'l', b'c', 0, 12, 0, 7, 0, 1, 0, 0, 0, 255, 255, 255, 255]);
    expected.extend([8, 0, 8, 0, 44, 1, 0, 0, 8, 0, 9, 0, 255, 255, 255, 0]);
    expected[0] = u8::try_from(expected.len()).unwrap();
    assert_eq!((number, bytes), (1, expected));

    let (number, bytes) = encode(&Change::DelServer(&web("192.0.2.1"), &server("10.0.0.1", 8080)));
    let mut expected = vec![48, 0, 1, 0x80];
    expected.extend(&key);
    expected.extend([40, 0, 2, 0x80, 6, 0, 11, 0, 2, 0, 0, 0]);
    expected.extend([20, 0, 1, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([6, 0, 2, 0, 0x1f, 0x90, 0, 0]);
    assert_eq!((number, bytes), (7, expected));
}

#[test]
fn each_operation_has_its_command() {
    let (key, s, settings) = (web("192.0.2.1"), server("10.0.0.1", 80), plain());
    let timeouts = Timeouts {
        tcp: Duration::from_secs(900),
        tcp_fin: Duration::from_secs(120),
        udp: Duration::from_secs(300),
    };
    let sync = SyncSettings {
        link: IfName::new("eth0").unwrap(),
        id: 51,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    };
    let all = [
        (Change::AddService(&key, &settings), command::NEW_SERVICE),
        (Change::EditService(&key, &settings), command::SET_SERVICE),
        (Change::DelService(&key), command::DEL_SERVICE),
        (Change::AddServer(&key, &s, &DIRECT), command::NEW_DEST),
        (Change::EditServer(&key, &s, &DIRECT), command::SET_DEST),
        (Change::DelServer(&key, &s), command::DEL_DEST),
        (Change::Flush, command::FLUSH),
        (Change::SetTimeouts(&timeouts), command::SET_CONFIG),
        (Change::StartSync(SyncHalf::Master, &sync), command::NEW_DAEMON),
        (Change::StopSync(SyncHalf::Master), command::DEL_DAEMON),
    ];
    for (change, number) in all {
        assert_eq!(encode(&change).0, number, "{change:?}");
    }
    let (_, bytes) = encode(&Change::SetTimeouts(&timeouts));
    assert_eq!(decode::timeouts(&bytes), Some(timeouts));
}

#[test]
fn a_sync_daemon_keeps_all_its_settings_through_a_message() {
    for group in ["224.0.0.82", "ff02::51"] {
        let settings = SyncSettings {
            link: IfName::new("bond0.100").unwrap(),
            id: 255,
            max_len: Some(1400),
            port: Some(8849),
            ttl: Some(7),
            group: Some(ip(group)),
        };
        for half in [SyncHalf::Master, SyncHalf::Backup] {
            let (_, bytes) = encode(&Change::StartSync(half, &settings));
            assert_eq!(decode::daemon(&bytes), Some((half, settings.clone())));
        }
    }
}

#[test]
fn counters_of_64_bits_are_preferred_whatever_their_order() {
    let mut narrow = Vec::new();
    attribute(&mut narrow, 1, &7_u32.to_ne_bytes());
    let mut wide = Vec::new();
    attribute(&mut wide, 1, &(1_u64 << 40).to_ne_bytes());
    attribute(&mut wide, 10, &9_u64.to_ne_bytes());
    let (_, mut bytes) = encode(&Change::DelService(&web("192.0.2.1")));
    let read = |first: (u16, &[u8]), second: Option<(u16, &[u8])>, key: &mut Vec<u8>| {
        let key = key.split_off(4);
        let mut out = Vec::new();
        nest(&mut out, top::SERVICE, |out| {
            out.extend(&key);
            attribute(out, first.0, first.1);
            if let Some((kind, value)) = second {
                attribute(out, kind, value);
            }
        });
        decode::service(&out).unwrap().stats
    };
    let (old, new) = ((10, narrow.as_slice()), (12, wide.as_slice()));
    assert_eq!(read(old, None, &mut bytes.clone()).connections, 7);
    for (first, second) in [(old, new), (new, old)] {
        let stats = read(first, Some(second), &mut bytes);
        assert_eq!((stats.connections, stats.byte_rate_out), (1 << 40, 9));
        bytes = encode(&Change::DelService(&web("192.0.2.1"))).1;
    }
}

#[test]
fn errors_name_what_was_to_be_changed_and_a_module_that_is_missing() {
    let text = |operation: &Operation, errno| name::error(operation, errno).to_string();
    let six = web("2001:db8::1");
    assert_eq!(
        text(&Operation::AddServer(six, server("10.0.0.1", 80), DIRECT), Errno::EINVAL),
        "add server 10.0.0.1:80 of tcp [2001:db8::1]:80: Invalid argument"
    );
    let mark = ServiceKey::Mark { mark: 5, family: Family::V6 };
    assert_eq!(
        text(&Operation::DelService(mark), Errno::EPERM),
        "remove virtual server fwmark 5 (IPv6): Operation not permitted"
    );
    assert!(text(&Operation::AddService(six, plain()), Errno::ENOENT).starts_with(
        "add virtual server tcp [2001:db8::1]:80 with scheduler wlc (kernel module ip_vs_wlc): "
    ));
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn any_service() -> impl Strategy<Value = (ServiceKey, ServiceSettings)> {
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    let family = prop::sample::select(vec![Family::V4, Family::V6]);
    let key =
        prop_oneof![
            (protocol, any_address(), any::<u16>())
                .prop_map(|(protocol, address, port)| ServiceKey::Address { protocol, address, port }),
            (any::<u32>(), family).prop_map(|(mark, family)| ServiceKey::Mark { mark, family }),
        ];
    let engine = prop::option::of(Just(Box::from("sip")));
    let persistence = prop::option::of((1..2_678_400_u64, any::<u32>(), engine).prop_map(
        |(seconds, granularity, engine)| {
            Box::new(Persistence { timeout: Duration::from_secs(seconds), granularity, engine })
        },
    ));
    let scheduler = prop::option::of(prop::sample::select(Scheduler::ALL));
    (key, scheduler, any::<[bool; 4]>(), persistence).prop_map(|(key, scheduler, bits, persistence)| {
        let [one, two, three, one_packet] = bits;
        let flags = SchedulerFlags { one, two, three };
        (key, ServiceSettings { scheduler, flags, one_packet, persistence })
    })
}

fn any_server() -> impl Strategy<Value = (ServerKey, ServerSettings)> {
    let kind =
        prop_oneof![Just(TunnelKind::Ipip), any::<u16>().prop_map(TunnelKind::Gue), Just(TunnelKind::Gre)];
    let checksums = vec![TunnelChecksum::None, TunnelChecksum::On, TunnelChecksum::Remote];
    let tunnel = (kind, prop::sample::select(checksums))
        .prop_map(|(kind, checksum)| Forwarding::Tunnel(Tunnel { kind, checksum }));
    let forwarding = prop_oneof![Just(Forwarding::Nat), Just(Forwarding::Direct), tunnel];
    (any_address(), any::<u16>(), any::<[u32; 3]>(), forwarding).prop_map(|(address, port, n, forwarding)| {
        let [weight, upper_threshold, lower_threshold] = n;
        let settings = ServerSettings { weight, forwarding, upper_threshold, lower_threshold };
        (ServerKey { address, port }, settings)
    })
}

proptest! {
    #[test]
    fn a_service_and_its_servers_keep_everything_through_messages(
        (key, settings) in any_service(),
        (server_key, server_settings) in any_server(),
    ) {
        let (_, bytes) = encode(&Change::AddService(&key, &settings));
        let read = decode::service(&bytes).unwrap();
        prop_assert_eq!((read.key, read.settings), (key, settings));
        let (_, bytes) = encode(&Change::EditServer(&key, &server_key, &server_settings));
        let read = decode::server(&bytes, key.family()).unwrap();
        prop_assert_eq!((read.key, read.settings), (server_key, server_settings));
    }

    #[test]
    fn a_message_with_wrong_bytes_is_something_else_or_nothing(
        (key, settings) in any_service(),
        (server_key, server_settings) in any_server(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        for change in [
            Change::AddService(&key, &settings),
            Change::AddServer(&key, &server_key, &server_settings),
        ] {
            let (_, mut bytes) = encode(&change);
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            read_everything(&bytes);
        }
    }

    #[test]
    fn garbage_is_no_message(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
    }
}

/// What is read may be anything; that it is read at all is the test.
fn read_everything(bytes: &[u8]) {
    let _ = decode::service(bytes);
    let _ = decode::server(bytes, Family::V6);
    let _ = decode::timeouts(bytes);
    let _ = decode::daemon(bytes);
}
