//! What is put into a real kernel is what its monitor tells.

extern crate vipd_linux as linux;

mod common;

use std::collections::VecDeque;

use base::{Duration, IfIndex, IpNet};
use common::{host, index, link, name, pair, up, wait_for};
use linux::Errno;
use linux::netlink::{
    Address, AddressFlags, AddressMode, Change, Commands, Event, FOREVER, LinkFlags, LinkKind, LinkSpec,
    Lost, MacvlanMode, Metric, Monitor, MonitorConfig, NextHop, Request, Route, RouteFilter, RouteMode,
    Snapshot,
};
use linux::poll::{Interest, Poll};
use linux::sysctl;

fn net(s: &str) -> IpNet {
    s.parse().unwrap()
}

/// A monitor that has told its first snapshot.
fn monitor(config: &MonitorConfig) -> (Monitor, Snapshot) {
    let mut m = Monitor::open(config).unwrap();
    m.resync().unwrap();
    let s = wait_snapshot(&mut m);
    (m, s)
}

fn wait_snapshot(m: &mut Monitor) -> Snapshot {
    loop {
        let mut resync = false;
        for e in events(m) {
            match e {
                Event::Snapshot(s) => return s,
                Event::Lost(_) => resync = true,
                Event::Change(_) => {}
            }
        }
        if resync {
            m.resync().unwrap();
        }
    }
}

/// Waits for the next events, for at most 10 seconds.
fn events(m: &mut Monitor) -> Vec<Event> {
    let mut poll = Poll::new().unwrap();
    poll.add(&*m, 0, Interest::READ).unwrap();
    let mut out = Vec::new();
    wait_for("events", || {
        poll.wait(Some(Duration::from_secs(1))).unwrap();
        m.read(&mut out).unwrap();
        !out.is_empty()
    });
    out
}

/// Changes of a monitor in their order, none passed over.
struct Watch {
    monitor: Monitor,
    queue: VecDeque<Event>,
}

impl Watch {
    fn start(config: &MonitorConfig) -> (Self, Snapshot) {
        let (monitor, snapshot) = monitor(config);
        (Self { monitor, queue: VecDeque::new() }, snapshot)
    }

    /// Waits for a change that `is` it, and forgets those before.
    fn change<T>(&mut self, mut is: impl FnMut(&Change) -> Option<T>) -> T {
        loop {
            while let Some(e) = self.queue.pop_front() {
                if let Event::Change(c) = &e
                    && let Some(t) = is(c)
                {
                    return t;
                }
            }
            self.queue.extend(events(&mut self.monitor));
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        self.queue.clear();
        self.monitor.resync().unwrap();
        wait_snapshot(&mut self.monitor)
    }
}

/// Without what the kernel adds by itself.
fn as_wished(mut a: Address) -> Address {
    let kept = a.flags.0 & AddressFlags::WISHES.0;
    a.flags = AddressFlags(kept);
    a
}

fn every_kind_of_address(index: IfIndex) -> Vec<Address> {
    let mut all = Vec::new();
    let mut a = Address::new(index, net("192.0.2.1/24"));
    a.broadcast = Some("192.0.2.255".parse().unwrap());
    a.label = Some("eth0:vip".into());
    a.protocol = 18;
    all.push(a);
    let mut a = Address::new(index, net("198.51.100.1/32"));
    a.peer = Some("198.51.100.2".parse().unwrap());
    a.scope = 253;
    a.flags = AddressFlags::NOPREFIXROUTE;
    a.label = Some("eth0".into());
    a.protocol = 18;
    all.push(a);
    let mut a = Address::new(index, net("2001:db8::1/64"));
    a.flags = AddressFlags::NODAD.with(AddressFlags::NOPREFIXROUTE).with(AddressFlags::HOME);
    a.protocol = 18;
    all.push(a);
    let mut a = Address::new(index, net("2001:db8::2/128"));
    a.flags = AddressFlags::NODAD;
    (a.preferred, a.protocol) = (0, 18);
    all.push(a);
    let mut a = Address::new(index, net("2001:db8:1::1/128"));
    a.peer = Some("2001:db8:1::2".parse().unwrap());
    a.flags = AddressFlags::NODAD.with(AddressFlags::MNGTMPADDR.without(AddressFlags::MNGTMPADDR));
    (a.preferred, a.valid) = (1000, 2000);
    all.push(a);
    all
}

#[test]
fn addresses_with_all_attributes_are_told_as_they_were_put_in() {
    let (a, _b) = pair();
    a.run(|| {
        let wanted = every_kind_of_address(index("eth0"));
        let (mut m, _) = Watch::start(&MonitorConfig::default());
        let mut c = Commands::open(None).unwrap();
        for (n, address) in wanted.iter().enumerate() {
            c.submit(Request::AddAddress(address.clone(), AddressMode::Create), n as u64);
        }
        while c.pump().unwrap() {}
        for n in 0..wanted.len() {
            let done = c.completion().unwrap();
            assert_eq!(done.cookie, n as u64);
            done.result.unwrap();
        }
        for w in &wanted {
            let told = m.change(|c| match c {
                Change::Address(t) if t.net.addr() == w.net.addr() => Some(t.clone()),
                _ => None,
            });
            assert_eq!(as_wished(told), *w);
        }
        let listed = Snapshot::take(RouteFilter::None).unwrap();
        for w in &wanted {
            let l = listed.addresses.get(&w.key()).expect("listed");
            assert_eq!(as_wished(l.clone()), *w);
        }
        assert!(listed.addresses.values().any(|a| a.flags.contains(AddressFlags::DEPRECATED)));
        // What is there can be put in again, and taken out once.
        c.execute(Request::AddAddress(wanted[0].clone(), AddressMode::Replace)).unwrap();
        let e = c.execute(Request::AddAddress(wanted[0].clone(), AddressMode::Create)).unwrap_err();
        assert_eq!(e.errno, Errno::EEXIST);
        assert!(e.to_string().starts_with("add address 192.0.2.1/24 on interface"), "{e}");
        for w in &wanted {
            c.execute(Request::DeleteAddress(w.clone())).unwrap();
            m.change(|c| matches!(c, Change::AddressGone(t) if t.key() == w.key()).then_some(()));
        }
        let e = c.execute(Request::DeleteAddress(wanted[0].clone())).unwrap_err();
        assert_eq!(e.errno, Errno::EADDRNOTAVAIL);
    });
}

#[test]
fn one_bad_request_in_a_batch_doesnt_spoil_the_others_and_says_why() {
    let (a, _b) = pair();
    a.run(|| {
        let link = index("eth0");
        let mut c = Commands::open(None).unwrap();
        for n in 0..100u8 {
            let mut a = Address::new(link, net(&format!("192.0.2.{n}/32")));
            if n == 50 {
                a.index = IfIndex::new(9999).unwrap();
            }
            c.submit(Request::AddAddress(a, AddressMode::Create), n.into());
        }
        let mut turns = 1;
        while c.pump().unwrap() {
            turns += 1;
        }
        assert_eq!(turns, 7, "at most 16 at once");
        for n in 0..100 {
            let done = c.completion().unwrap();
            assert_eq!((done.cookie, done.result.is_ok()), (n, n != 50));
            if let Err(e) = done.result {
                assert_eq!(e.errno, Errno::ENODEV);
            }
        }
        assert!(c.completion().is_none());
        assert_eq!(
            Snapshot::take(RouteFilter::None)
                .unwrap()
                .addresses
                .values()
                .filter(|a| a.index == link && a.net.family() == base::Family::V4)
                .count(),
            99
        );
    });
}

#[test]
fn a_full_receive_buffer_is_told_and_a_new_snapshot_sees_everything() {
    let (a, _b) = pair();
    a.run(|| {
        let small = MonitorConfig { receive_buffer: Some(4096), ..MonitorConfig::default() };
        let (mut m, _) = Watch::start(&small);
        let mut c = Commands::open(None).unwrap();
        let link = index("eth0");
        for n in 0..500u16 {
            let a = Address::new(link, net(&format!("10.0.{}.{}/32", n / 250, n % 250)));
            c.submit(Request::AddAddress(a, AddressMode::Create), n.into());
        }
        while c.pump().unwrap() {}
        let mut lost = 0;
        wait_for("the overrun", || {
            lost += events(&mut m.monitor).iter().filter(|e| **e == Event::Lost(Lost::Overrun)).count();
            lost > 0
        });
        assert_eq!(lost, 1);
        let s = m.snapshot();
        assert_eq!(s.addresses.values().filter(|a| a.net.prefix() == 32 && a.index == link).count(), 500);
        // And it goes on telling.
        c.execute(Request::AddAddress(Address::new(link, net("10.1.1.1/32")), AddressMode::Create)).unwrap();
        m.change(|c| matches!(c, Change::Address(a) if a.net == net("10.1.1.1/32")).then_some(()));
    });
}

#[test]
fn a_resync_in_the_middle_of_another_gives_one_snapshot() {
    let (a, _b) = pair();
    a.run(|| {
        let (mut m, first) = monitor(&MonitorConfig::default());
        for _ in 0..3 {
            m.resync().unwrap();
        }
        assert_eq!(wait_snapshot(&mut m).links, first.links);
        let mut rest = Vec::new();
        m.read(&mut rest).unwrap();
        assert!(rest.iter().all(|e| matches!(e, Event::Change(_))), "{rest:?}");
    });
}

#[test]
fn routes_with_all_attributes_are_told_as_they_were_put_in() {
    let (a, _b) = pair();
    a.run(|| {
        let link = index("eth0");
        let mut c = Commands::open(None).unwrap();
        let own = Address::new(link, net("192.0.2.1/24"));
        c.execute(Request::AddAddress(own, AddressMode::Create)).unwrap();
        let mut own = Address::new(link, net("2001:db8::1/64"));
        own.flags = AddressFlags::NODAD;
        c.execute(Request::AddAddress(own, AddressMode::Create)).unwrap();
        let (mut m, _) = Watch::start(&MonitorConfig {
            routes: RouteFilter::Protocols(vec![18]),
            ..MonitorConfig::default()
        });
        let hop = |gateway: Option<&str>, weight| NextHop {
            gateway: gateway.map(|g| g.parse().unwrap()),
            device: Some(link),
            onlink: false,
            weight,
        };
        let ours = |destination: &str, next_hops| {
            let mut r = Route::new(net(destination));
            (r.protocol, r.next_hops) = (18, next_hops);
            r
        };
        let mut plain = ours("198.51.100.0/24", vec![hop(Some("192.0.2.254"), 1)]);
        (plain.table, plain.metric, plain.tos) = (1000, 7, 16);
        plain.preferred_source = Some("192.0.2.1".parse().unwrap());
        plain.metrics = vec![Metric::Number(1, 1 << 2), Metric::Number(2, 1400), Metric::Number(8, 1300)];
        let mut multi = ours("203.0.113.0/24", vec![hop(Some("192.0.2.2"), 3), hop(Some("192.0.2.3"), 256)]);
        multi.next_hops[1].onlink = true;
        let mut local = ours("192.0.2.128/25", vec![hop(None, 1)]);
        local.scope = 253;
        let mut hole = ours("10.0.0.0/8", vec![]);
        hole.kind = 6;
        let mut via6 = ours("10.1.0.0/16", vec![hop(Some("2001:db8::fe"), 1)]);
        via6.next_hops[0].onlink = true;
        let mut six = ours("2001:db8:1::/48", vec![hop(Some("2001:db8::ff"), 1)]);
        (six.metric, six.preference) = (300, Some(0));
        let wanted = [plain, multi, local, hole, via6, six];
        for w in &wanted {
            c.execute(Request::AddRoute(w.clone(), RouteMode::Prepend)).unwrap_or_else(|e| panic!("{e}"));
            let told = m.change(|c| match c {
                Change::Route(t) if t.destination == w.destination => Some(t.clone()),
                _ => None,
            });
            assert_eq!(told, *w);
        }
        let mut foreign = Route::new(net("10.2.0.0/16"));
        (foreign.protocol, foreign.next_hops) = (4, vec![hop(Some("192.0.2.254"), 1)]);
        c.execute(Request::AddRoute(foreign, RouteMode::Prepend)).unwrap();
        let told = m.snapshot().routes;
        assert_eq!(told.len(), wanted.len(), "only ours: {told:?}");
        for w in &wanted {
            assert_eq!(told.get(&w.key()), Some(w));
            c.execute(Request::DeleteRoute(w.clone())).unwrap();
            m.change(|c| match c {
                Change::RouteGone(t) => {
                    assert_eq!(t.destination, w.destination, "foreign routes are filtered");
                    Some(())
                }
                Change::Route(t) => panic!("{t}"),
                _ => None,
            });
            assert_eq!(c.execute(Request::DeleteRoute(w.clone())).unwrap_err().errno, Errno::ESRCH);
        }
        let nowhere = ours("10.3.0.0/16", vec![hop(Some("203.0.113.254"), 1)]);
        let e = c.execute(Request::AddRoute(nowhere, RouteMode::Prepend)).unwrap_err();
        assert_eq!(e.errno, Errno::ENETUNREACH);
        assert!(e.message.is_some(), "the kernel's own words are passed on: {e}");
        let all = Snapshot::take(RouteFilter::All).unwrap();
        assert!(all.routes.values().any(|r| r.destination == net("10.2.0.0/16")));
        assert!(all.routes.values().any(|r| r.protocol == 2), "the kernel's own are told when asked for");
    });
}

#[test]
fn links_are_made_changed_renamed_moved_and_removed() {
    let (a, b) = pair();
    let elsewhere = b.netns().clone();
    a.run(move || {
        let (mut m, s) = Watch::start(&MonitorConfig::default());
        assert!(s.link("lo").unwrap().flags.contains(LinkFlags::LOOPBACK));
        let eth0 = s.link("eth0").unwrap().clone();
        assert_eq!((eth0.kind.as_deref(), eth0.mtu), (Some("veth"), 1500));
        let mut c = Commands::open(None).unwrap();
        let told = |m: &mut Watch, n: &'static str| {
            m.change(move |c| match c {
                Change::Link(l) if l.name.as_str() == n => Some(l.clone()),
                _ => None,
            })
        };
        c.execute(Request::AddLink(LinkKind::Bridge, LinkSpec::named(name("br0")))).unwrap();
        let bridge = told(&mut m, "br0");
        let mac = base::Mac([0, 0, 0x5e, 0, 1, 51]);
        let kind = LinkKind::Macvlan { parent: eth0.index, mode: MacvlanMode::Private };
        let spec = LinkSpec { mac: Some(mac), ..LinkSpec::named(name("vrrp.51")) };
        c.execute(Request::AddLink(kind.clone(), spec.clone())).unwrap();
        let vmac = told(&mut m, "vrrp.51");
        assert_eq!(
            (vmac.mac, vmac.parent, vmac.kind.as_deref()),
            (Some(mac), Some(eth0.index), Some("macvlan"))
        );
        assert_eq!(c.execute(Request::AddLink(kind, spec)).unwrap_err().errno, Errno::EEXIST);
        let spec = LinkSpec { link_local: Some(false), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(vmac.index, spec)).unwrap();
        let spec = LinkSpec { up: Some(true), mtu: Some(1400), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(vmac.index, spec)).unwrap();
        wait_for("the address that must not come", || link("vrrp.51").is_operational());
        let s = Snapshot::take(RouteFilter::None).unwrap();
        assert!(s.addresses.values().all(|a| a.index != vmac.index), "no link-local address");
        assert_eq!(s.links[&vmac.index].mtu, 1400);
        // Before Linux 6.2 only what is switched off can be renamed.
        let spec = LinkSpec { up: Some(false), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(vmac.index, spec)).unwrap();
        let spec = LinkSpec { name: Some(name("other")), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(vmac.index, spec)).unwrap();
        assert_eq!(told(&mut m, "other").index, vmac.index);
        c.execute(Request::DeleteLink(vmac.index)).unwrap();
        m.change(|c| matches!(c, Change::LinkGone(l) if l.index == vmac.index).then_some(()));
        let spec = LinkSpec { master: Some(Some(bridge.index)), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(eth0.index, spec)).unwrap();
        m.change(|c| {
            matches!(c, Change::Link(l) if l.index == eth0.index && l.master == Some(bridge.index))
                .then_some(())
        });
        let spec = LinkSpec { netns: Some(elsewhere), name: Some(name("moved")), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(eth0.index, spec)).unwrap();
        m.change(|c| matches!(c, Change::LinkGone(l) if l.index == eth0.index).then_some(()));
    });
    b.run(|| assert_eq!(link("moved").kind.as_deref(), Some("veth")));
}

#[test]
fn a_cable_that_is_pulled_is_told_to_both_ends() {
    let (a, b) = pair();
    let mut watched = b.run(|| Watch::start(&MonitorConfig::default()).0);
    a.run(|| {
        let mut c = Commands::open(None).unwrap();
        let spec = LinkSpec { up: Some(false), ..LinkSpec::default() };
        c.execute(Request::ChangeLink(index("eth0"), spec)).unwrap();
    });
    let down = watched.change(|c| match c {
        Change::Link(l) if !l.flags.contains(LinkFlags::RUNNING) => Some(l.clone()),
        _ => None,
    });
    assert!(down.flags.contains(LinkFlags::UP) && !down.is_operational());
}

#[test]
fn the_router_flag_follows_the_forwarding_setting() {
    let h = host();
    h.run(|| {
        up("lo");
        let kind = LinkKind::Veth { peer: name("eth1"), peer_netns: None };
        let mut c = Commands::open(None).unwrap();
        c.execute(Request::AddLink(kind, LinkSpec::named(name("eth0")))).unwrap();
        let (mut m, s) = Watch::start(&MonitorConfig::default());
        assert!(!s.link("eth0").unwrap().forwarding6);
        let path = sysctl::of_link(base::Family::V6, name("eth0"), "forwarding");
        for on in [true, false] {
            assert_eq!(sysctl::set(&path, on.into()).unwrap(), i64::from(!on));
            m.change(|c| {
                matches!(c, Change::Link(l) if l.name == name("eth0") && l.forwarding6 == on).then_some(())
            });
        }
        assert_eq!(sysctl::get("net/no/such").unwrap_err().errno, Errno::ENOENT);
    });
}

#[test]
fn lifetimes_run_out() {
    let (a, _b) = pair();
    a.run(|| {
        let (mut m, _) = Watch::start(&MonitorConfig::default());
        let mut c = Commands::open(None).unwrap();
        let mut lease = Address::new(index("eth0"), net("192.0.2.9/32"));
        (lease.preferred, lease.valid) = (1, 1);
        c.execute(Request::AddAddress(lease.clone(), AddressMode::Create)).unwrap();
        m.change(|c| matches!(c, Change::AddressGone(t) if t.key() == lease.key()).then_some(()));
        assert_ne!(lease.valid, FOREVER);
    });
}

#[test]
fn messages_of_other_processes_are_not_believed() {
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, sendto, socket,
    };
    use std::os::fd::AsRawFd;
    let h = host();
    h.run(|| {
        let (mut m, s) = Watch::start(&MonitorConfig::default());
        let forger =
            socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
                .unwrap();
        bind(forger.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
        // "Interface 1 is gone", to the group of links (1) as the kernel would tell it.
        let mut message = vec![0u8; 32];
        message[0] = 44;
        message[4] = 17;
        message[20] = 1;
        message.extend([7, 0, 3, 0, b'l', b'o', 0, 0]);
        message.extend([0; 4]);
        sendto(forger.as_raw_fd(), &message, &NetlinkAddr::new(0, 1), MsgFlags::empty()).unwrap();
        up("lo");
        m.change(|c| match c {
            Change::LinkGone(l) => panic!("believed that {l} is gone"),
            Change::Link(l) => (l.name == name("lo")).then_some(()),
            _ => None,
        });
        assert!(s.link("lo").is_some());
    });
}
