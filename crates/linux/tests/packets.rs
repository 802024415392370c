//! Adverts and frames over a real cable.

extern crate vipd_linux as linux;

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Duration, IfIndex, Mac, Vrid};
use common::{index, link, pair, wait_for};
use linux::netlink::{
    Address, AddressFlags, AddressMode, Commands, LinkSpec, Request, RouteFilter, Snapshot,
};
use linux::netns::NsThread;
use linux::packet_socket::{PacketSocket, Sent};
use linux::poll::{Interest, Poll};
use linux::vrrp_socket::{Outbox, RecvBatch, Scope, Spec, VRRP, VrrpSocket};

const GROUP4: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
const GROUP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));

fn multicast(group: IpAddr, vrids: &[u8]) -> Spec {
    Spec {
        protocol: VRRP,
        link: Some(index("eth0")),
        scope: Scope::Multicast(group),
        hop_limit: None,
        vrids: vrids.iter().filter_map(|v| Vrid::new(*v)).collect(),
        receive_buffer: None,
    }
}

/// An advert of version 3 for `vrid` from `source`, with its IP header.
fn advert(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, vrid: u8) -> Vec<u8> {
    let mut p = vec![0x45, 0xc0, 0, 32, 0, 1, 0, 0, ttl, 112, 0, 0];
    p.extend(source.octets());
    p.extend(destination.octets());
    p.extend([0x31, vrid, 100, 1, 0, 100, 0, 0, 192, 0, 2, 100]);
    p
}

fn add(net: &str, nodad: bool) {
    let mut a = Address::new(index("eth0"), net.parse().unwrap());
    if nodad {
        a.flags = AddressFlags::NODAD;
    }
    Commands::open(None).unwrap().execute(Request::AddAddress(a, AddressMode::Create)).unwrap();
}

/// The first link-local address of `eth0` that can be used.
fn link_local() -> Option<IpAddr> {
    let s = Snapshot::take(RouteFilter::None).unwrap();
    let usable = |a: &&Address| {
        matches!(a.net.addr(), IpAddr::V6(v6) if v6.is_unicast_link_local())
            && !a.flags.contains(AddressFlags::TENTATIVE)
    };
    s.addresses.values().find(usable).map(|a| a.net.addr())
}

/// Something that was received, with everything about it.
type Got = (IpAddr, IpAddr, Option<u8>, Option<IfIndex>, Vec<u8>);

/// Receives `count` packets, for at most 10 seconds.
fn receive(socket: &VrrpSocket, count: usize) -> Vec<Got> {
    let mut poll = Poll::new().unwrap();
    poll.add(socket, 0, Interest::READ).unwrap();
    let mut batch = RecvBatch::new();
    let mut got = Vec::new();
    wait_for("packets", || {
        poll.wait(Some(Duration::from_secs(1))).unwrap();
        batch.receive(socket).unwrap();
        for d in batch.datagrams(socket) {
            got.push((d.source, d.destination, d.hop_limit, d.link, d.bytes.to_vec()));
        }
        got.len() >= count
    });
    got
}

fn nothing_waits(socket: &VrrpSocket) {
    assert_eq!(RecvBatch::new().receive(socket).unwrap(), 0);
}

fn open(host: &NsThread, spec: impl FnOnce() -> Spec + Send + 'static) -> VrrpSocket {
    host.run(move || VrrpSocket::open(spec()).unwrap())
}

#[test]
fn an_advert_reaches_the_other_host_with_its_hop_limit_and_foreign_ones_dont() {
    let (a, b) = pair();
    let sender = open(&a, || multicast(GROUP4, &[]));
    let mut receiver = open(&b, || multicast(GROUP4, &[51]));
    let here = b.run(|| index("eth0"));
    let source = Ipv4Addr::new(192, 0, 2, 1);
    let group = Ipv4Addr::new(224, 0, 0, 18);
    for vrid in [50, 51, 52] {
        sender.send(GROUP4, &advert(source, group, 255, vrid)).unwrap();
    }
    // A wrong TTL is for the protocol to count, not for the filter to hide.
    sender.send(GROUP4, &advert(source, group, 64, 51)).unwrap();
    let got = receive(&receiver, 2);
    assert_eq!(got.len(), 2);
    let (from, to, ttl, link, bytes) = &got[0];
    assert_eq!((*from, *to, *ttl, *link), (source.into(), GROUP4, Some(255), Some(here)));
    assert_eq!(bytes[20..], advert(source, group, 255, 51)[20..]);
    assert_eq!(bytes[1], 0xc0);
    assert_eq!(got[1].2, Some(64));
    nothing_waits(&sender);
    receiver.set_vrids(vec![Vrid::new(52).unwrap()]).unwrap();
    sender.send(GROUP4, &advert(source, group, 255, 51)).unwrap();
    sender.send(GROUP4, &advert(source, group, 255, 52)).unwrap();
    assert_eq!(receive(&receiver, 1)[0].4[21], 52);
    nothing_waits(&receiver);
}

#[test]
fn many_adverts_go_out_and_come_in_with_few_calls_and_in_order() {
    let (a, b) = pair();
    let sender = open(&a, || multicast(GROUP4, &[]));
    let receiver = open(&b, || Spec { receive_buffer: Some(1 << 20), ..multicast(GROUP4, &[]) });
    let mut outbox = Outbox::new();
    let source = Ipv4Addr::new(192, 0, 2, 1);
    for vrid in 1..=255 {
        if vrid == 100 {
            // Refused by the kernel: the socket may not broadcast.
            outbox.push(&sender, Ipv4Addr::BROADCAST.into(), &advert(source, Ipv4Addr::BROADCAST, 255, 0));
        }
        outbox.push(&sender, GROUP4, &advert(source, Ipv4Addr::new(224, 0, 0, 18), 255, vrid));
    }
    let mut failures = Vec::new();
    outbox.send(&sender, |f| failures.push(f));
    assert_eq!(failures.iter().map(|f| f.index).collect::<Vec<_>>(), [99], "{failures:?}");
    assert!(outbox.is_empty());
    let got = receive(&receiver, 255);
    assert!(got.iter().map(|g| g.4[21]).eq(1..=255));
}

#[test]
fn an_advert_over_ipv6_has_a_good_checksum_hop_limit_and_destination() {
    let (a, b) = pair();
    for h in [&a, &b] {
        h.run(|| wait_for("a link-local address", || link_local().is_some()));
    }
    let sender = open(&a, || multicast(GROUP6, &[]));
    let receiver = open(&b, || multicast(GROUP6, &[7]));
    let (source, here) = (a.run(|| link_local().unwrap()), b.run(|| index("eth0")));
    let mut message = vec![0x31, 7, 100, 1, 0, 100, 0, 0];
    message.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    sender.send(GROUP6, &message).unwrap();
    // The receiving kernel has verified the checksum, which the sending one has filled in.
    let (from, to, hops, link, bytes) = receive(&receiver, 1).remove(0);
    assert_eq!((from, to, hops, link), (source, GROUP6, Some(255), Some(here)));
    assert_ne!(bytes[6..8], [0, 0]);
    assert_eq!((&bytes[..6], &bytes[8..]), (&message[..6], &message[8..]));
    nothing_waits(&sender);
}

#[test]
fn unicast_is_bound_to_its_source_which_need_not_be_there_yet() {
    let (a, b) = pair();
    let unicast = |source: &'static str, hop_limit| {
        move || Spec {
            link: None,
            scope: Scope::Unicast(source.parse().unwrap()),
            hop_limit,
            ..multicast(GROUP4, &[])
        }
    };
    let sender = open(&a, unicast("192.0.2.1", None));
    let receiver = open(&b, unicast("192.0.2.2", None));
    let sender6 = open(&a, unicast("2001:db8::1", Some(77)));
    let receiver6 = open(&b, unicast("2001:db8::2", None));
    for (h, nets) in [(&a, ["192.0.2.1/24", "2001:db8::1/64"]), (&b, ["192.0.2.2/24", "2001:db8::2/64"])] {
        h.run(move || nets.map(|n| add(n, true)));
    }
    let (one, two) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    sender.send(two.into(), &advert(one, two, 33, 9)).unwrap();
    let (from, to, ttl, _, _) = receive(&receiver, 1).remove(0);
    assert_eq!((from, to, ttl), (one.into(), two.into(), Some(33)));
    let to6: IpAddr = "2001:db8::2".parse().unwrap();
    sender6.send(to6, &[0x31, 9, 100, 0, 0, 100, 0, 0]).unwrap();
    let (from, to, hops, link, _) = receive(&receiver6, 1).remove(0);
    assert_eq!((from, to, hops), ("2001:db8::1".parse().unwrap(), to6, Some(77)));
    assert_eq!(link, Some(b.run(|| index("eth0"))));
}

#[test]
fn a_gratuitous_arp_is_seen_by_the_other_host_and_a_dead_link_is_no_error() {
    let (a, b) = pair();
    let ear = b.run(|| {
        // ETH_P_ARP in network order.
        let arp = socket2::Protocol::from(i32::from(0x0806u16.to_be()));
        let s = socket2::Socket::new(socket2::Domain::PACKET, socket2::Type::RAW, Some(arp)).unwrap();
        s.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        s
    });
    let mac = a.run(|| link("eth0").mac.unwrap());
    let mut frame = Mac::BROADCAST.0.to_vec();
    frame.extend(mac.0);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac.0);
    frame.extend([192, 0, 2, 100]);
    frame.extend(Mac::BROADCAST.0);
    frame.extend([192, 0, 2, 100]);
    let (socket, out) = a.run(|| (PacketSocket::open().unwrap(), index("eth0")));
    assert_eq!(socket.send(out, &frame).unwrap(), Sent::Yes);
    assert!(socket.send(out, &[]).is_err(), "what can't be a frame is our mistake");
    let mut buffer = [0u8; 128];
    let length = std::io::Read::read(&mut &ear, &mut buffer).unwrap();
    assert_eq!(buffer[..length], frame[..]);
    a.run(move || {
        let spec = LinkSpec { up: Some(false), ..LinkSpec::default() };
        Commands::open(None).unwrap().execute(Request::ChangeLink(out, spec)).unwrap();
    });
    assert_eq!(socket.send(out, &frame).unwrap(), Sent::NoLink);
    assert_eq!(socket.send(IfIndex::new(9999).unwrap(), &frame).unwrap(), Sent::NoLink);
}

#[test]
fn a_socket_without_its_interface_says_what_is_wrong() {
    let host = common::host();
    let e = host.run(|| {
        let spec = Spec {
            protocol: VRRP,
            link: IfIndex::new(4711),
            scope: Scope::Multicast(GROUP4),
            hop_limit: None,
            vrids: Vec::new(),
            receive_buffer: None,
        };
        VrrpSocket::open(spec).unwrap_err()
    });
    assert_eq!(e.to_string(), "set up multicast socket of 224.0.0.18 on interface 4711: No such device");
}
