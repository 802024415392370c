//! The engine's vocabulary against a real kernel.

extern crate vipd_linux as linux;

mod common;

use std::collections::VecDeque;

use base::{Duration, IfIndex, IfName};
use common::{index, name, pair, wait_for};
use engine::facts::{KernelDump, KernelEvent};
use engine::io::{OpError, OpId, Operation};
use linux::kernel::{Kernel, KernelConfig, News};
use linux::poll::{Interest, Poll};
use linux::sysctl;
use model::address::{Address, AddressFlags};
use model::route::{Hop, Route, RouteKind, RouteOperation};

/// A kernel driven as a reactor drives it.
struct Driver {
    kernel: Kernel,
    poll: Poll,
    news: VecDeque<News>,
    op: u64,
}

impl Driver {
    fn start() -> (Self, KernelDump) {
        let kernel = Kernel::open(&KernelConfig::default()).unwrap();
        let mut poll = Poll::new().unwrap();
        poll.add(kernel.monitor(), 0, Interest::READ).unwrap();
        let mut d = Self { kernel, poll, news: VecDeque::new(), op: 0 };
        let dump = d.wait(|n| match n {
            News::Dump(dump) => Some(dump.clone()),
            other => panic!("before the first dump: {other:?}"),
        });
        (d, dump)
    }

    fn wait<T>(&mut self, mut is: impl FnMut(&News) -> Option<T>) -> T {
        let mut found = None;
        wait_for("news", || {
            while let Some(n) = self.news.pop_front() {
                found = is(&n);
                if found.is_some() {
                    return true;
                }
            }
            let news = &mut self.news;
            if self.kernel.has_work() {
                self.kernel.pump(|n| news.push_back(n)).unwrap();
            } else {
                self.poll.wait(Some(Duration::from_millis(100))).unwrap();
            }
            self.kernel.read(|n| news.push_back(n)).unwrap();
            false
        });
        found.unwrap()
    }

    /// Does `operation` and returns its answer.
    fn run(&mut self, operation: &Operation) -> Result<(), OpError> {
        self.op += 1;
        let op = OpId(self.op);
        self.kernel.submit(op, operation);
        self.wait(|n| match n {
            News::Done(o, result) if *o == op => Some(result.clone()),
            _ => None,
        })
    }
}

fn address(link: IfName, net: &str) -> Address {
    Address {
        net: net.parse().unwrap(),
        link,
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

#[test]
fn the_answers_of_a_chunk_come_in_the_turn_that_sends_it_and_a_chunk_is_bounded() {
    /// What one turn may do: with more an advert of a short interval would be late.
    const CHUNK: u64 = 16;
    let (a, _b) = pair();
    a.run(|| {
        let (mut d, _) = Driver::start();
        let link = index("eth0");
        for op in 0..=CHUNK {
            let address = address(name("eth0"), &format!("192.0.2.{}/32", op + 1));
            d.kernel.submit(OpId(op), &Operation::AddAddress { link, address, valid_lft: None });
        }
        let mut turn = || {
            let mut done = Vec::new();
            let more = d.kernel.pump(|n| done.push(n)).unwrap();
            (done, more)
        };
        let done = |ops: std::ops::RangeInclusive<u64>| ops.map(|op| News::Done(OpId(op), Ok(()))).collect();
        // Nobody waited for anything: announcements can follow at once.
        assert_eq!(turn(), (done(0..=CHUNK - 1), true));
        assert_eq!(turn(), (done(CHUNK..=CHUNK), false));
    });
}

#[test]
fn operations_are_answered_once_and_can_be_repeated() {
    let (a, _b) = pair();
    a.run(|| {
        let (mut d, dump) = Driver::start();
        let link = index("eth0");
        assert!(dump.links.iter().any(|l| l.index == link && l.up && l.running && l.multicast));
        let add =
            Operation::AddAddress { link, address: address(name("eth0"), "192.0.2.1/24"), valid_lft: None };
        let del = Operation::DelAddress { link, net: "192.0.2.1/24".parse().unwrap(), peer: None };
        d.kernel.submit(OpId(1000), &add);
        d.kernel.submit(OpId(1001), &add);
        for expected in [1000, 1001] {
            d.wait(|n| match n {
                News::Done(op, result) => {
                    assert_eq!((*op, result), (OpId(expected), &Ok(())));
                    Some(())
                }
                _ => None,
            });
        }
        d.kernel.resync().unwrap();
        let dump = d.wait(|n| match n {
            News::Dump(dump) => Some(dump.clone()),
            _ => None,
        });
        let facts = dump.addresses.iter().find(|a| a.net.to_string() == "192.0.2.1/24").unwrap();
        assert_eq!((facts.protocol, facts.valid_lft, facts.secondary), (Some(18), None, false));
        let hop = Hop {
            gateway: "192.0.2.254".parse().ok(),
            link: Some(name("eth0")),
            weight: 1,
            ..Hop::default()
        };
        let route = Route {
            family: base::Family::V4,
            destination: "198.51.100.0/24".parse().unwrap(),
            kind: RouteKind::Unicast,
            table: 254,
            metric: 0,
            protocol: 18,
            scope: None,
            source: "192.0.2.1".parse().ok(),
            from: None,
            tos: 0,
            hops: vec![hop],
            metrics: Vec::new(),
            preference: None,
            expires: None,
            operation: RouteOperation::Prepend,
            no_track: false,
            held: None,
        };
        let links = vec![Some(link)];
        let add_route = Operation::AddRoute { route: route.clone(), links: links.clone() };
        let del_route = Operation::DelRoute { route, links };
        for _ in 0..2 {
            assert_eq!(d.run(&add_route), Ok(()));
        }
        for _ in 0..2 {
            assert_eq!(d.run(&del_route), Ok(()));
        }
        assert_eq!(d.run(&del), Ok(()));
        d.wait(|n| matches!(n, News::Changed(KernelEvent::AddressGone(_))).then_some(()));
        assert_eq!(d.run(&del), Ok(()));
        let nowhere = IfIndex::new(4711).unwrap();
        let e = d
            .run(&Operation::AddAddress {
                link: nowhere,
                address: address(name("x"), "192.0.2.9/32"),
                valid_lft: None,
            })
            .unwrap_err();
        assert_eq!(e.errno, linux::Errno::ENODEV as i32);
        assert_eq!(d.run(&Operation::PromoteSecondaries { link: name("eth0") }), Ok(()));
        let path = sysctl::of_link(base::Family::V4, name("eth0"), "promote_secondaries");
        assert_eq!(sysctl::get(&path).unwrap(), 1);
        assert!(d.run(&Operation::PromoteSecondaries { link: name("gone") }).is_err());
    });
}
