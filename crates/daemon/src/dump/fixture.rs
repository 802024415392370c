//! A snapshot of the model that the tests of `observe` use.

use base::{Duration, Instant, Name, Priority};
use engine::Snapshot;
use engine::{GroupSnapshot, Held, InstanceSnapshot, LinkSnapshot, TrackerSnapshot};
use vrrp::io::{Counters, State};

use super::Calendar;

const NOW: Instant = Instant::from_nanos(5_000_000_000_000);

/// `VI_1` is a master for 10 s; `VI_2` was not heard of yet.
pub(super) fn snapshot() -> Snapshot {
    let eth0 = || Name::from("eth0");
    let counters = Counters {
        advert_rcvd: 7,
        advert_sent: 15,
        become_master: 3,
        release_master: 2,
        ip_ttl_err: 4,
        auth_failure: 3,
        replayed: 2,
        pri_zero_sent: 2,
        ..Counters::default()
    };
    let vrrp = vrrp::io::Snapshot {
        state: State::Master,
        wants: State::Master,
        priority: Priority(80),
        master: Some(("192.0.2.12".parse().unwrap(), Priority(150))),
        master_interval: Duration::from_millis(500),
        since: Instant::from_nanos(4_990_000_000_000),
        source: Some("192.0.2.11".parse().unwrap()),
        counters,
    };
    let tracker = |name: &str, up, value| TrackerSnapshot { name: Name::from(name), up, value };
    Snapshot {
        running: true,
        instances: vec![
            InstanceSnapshot {
                name: Name::from("VI_1"),
                vrrp: Some(vrrp),
                addresses: vec![
                    ("192.0.2.100/24".parse().unwrap(), eth0(), Held::Yes),
                    ("192.0.2.102/32".parse().unwrap(), eth0(), Held::Missing),
                ],
                in_order: false,
            },
            InstanceSnapshot { name: Name::from("VI_2"), vrrp: None, addresses: Vec::new(), in_order: true },
        ],
        groups: vec![GroupSnapshot { name: Name::from("G1"), state: Some(State::Backup) }],
        trackers: vec![
            tracker("eth1", Some(false), None),
            tracker("chk", Some(true), Some(2)),
            tracker("tf", None, Some(-7)),
        ],
        links: vec![LinkSnapshot {
            name: eth0(),
            index: Some(3),
            up: true,
            mtu: 1500,
            addresses: vec!["192.0.2.11/24".parse().unwrap()],
        }],
        repaired: 1,
        operations: 0,
        sockets: 2,
        announcements: 0,
        counts: Default::default(),
    }
}

/// 10 s after [`snapshot`]'s last change of state.
pub(super) fn calendar() -> Calendar {
    Calendar { now: NOW, since_1970: Duration::from_micros(1_795_189_565_552_884) }
}
