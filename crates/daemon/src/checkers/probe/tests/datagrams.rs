//! `UDP_CHECK`, `DNS_CHECK`, `PING_CHECK`.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::channel;

use linux::sysctl::PingGroups;
use model::lvs::{DnsCheck, DnsType, MaskedByte, UdpCheck};
use nix::errno::Errno;

use super::*;

/// A server that answers each datagram with what `script` makes of it.
fn replies(address: IpAddr, mut script: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((address, 0)).expect("a socket");
    let at = socket.local_addr().expect("its address");
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((n, from)) = socket.recv_from(&mut buffer) {
            for reply in script(&buffer[..n]) {
                // Whoever has heard enough is gone.
                let _ = socket.send_to(&reply, from);
            }
        }
    });
    at
}

fn udp(at: SocketAddr, timeout: Duration, reply: Option<&[(u8, u8)]>) -> Answer {
    let reply =
        reply.map(|bytes| bytes.iter().map(|(value, mask)| MaskedByte { value: *value, mask: *mask }));
    let check = UdpCheck { payload: None, reply: reply.map(Iterator::collect), min_reply: 2, max_reply: 4 };
    run(Probe::Udp(to(at, timeout), Box::new(check)))
}

fn refused() -> Answer {
    failed(Failure::Read { errno: Errno::ECONNREFUSED as i32 })
}

#[test]
fn silence_passes_unless_a_reply_is_required() {
    let (plain, required) = in_namespace(|| {
        let at = replies(V4, |_| Vec::new());
        (udp(at, SHORT, None), udp(at, SHORT, Some(&[])))
    });
    assert_eq!((plain, required), (PASSED, failed(Failure::ReadTimeout)));
}

#[test]
fn a_datagram_that_nobody_wants_fails_over_both_families() {
    let answers = in_namespace(|| [V4, V6].map(|address| udp(SocketAddr::new(address, 9), LONG, None)));
    assert_eq!(answers, [refused(), refused()]);
}

#[test]
fn the_payload_is_that_of_keepalived() {
    let payload = in_namespace(|| {
        let (tell, told) = channel();
        let at = replies(V6, move |datagram| {
            tell.send(datagram.to_vec()).expect("the test waits");
            vec![b"any".to_vec()]
        });
        assert_eq!(udp(at, LONG, Some(&[])), PASSED);
        told.recv_timeout(WAIT).expect("a datagram")
    });
    assert_eq!(payload, b"keepalived check - keepalived ch");
}

#[test]
fn a_reply_is_compared_bit_by_bit_and_in_its_length() {
    let answer = |reply: &'static [u8], wanted: &'static [(u8, u8)]| {
        in_namespace(move || udp(replies(V4, move |_| vec![reply.to_vec()]), LONG, Some(wanted)))
    };
    let wanted = &[(0x10, 0xf0), (0x02, 0xff), (0x00, 0x00)];
    assert_eq!(answer(b"\x15\x02\x99", wanted), PASSED);
    assert_eq!(answer(b"\x15\x02", wanted), PASSED, "as many as both have");
    for other in [&b"\x25\x02\x99"[..], b"\x15\x03\x99", b"\x15", b"\x15\x02345"] {
        assert_eq!(answer(other, wanted), failed(Failure::Mismatch), "{}", other.escape_ascii());
    }
}

fn dns(at: SocketAddr, timeout: Duration) -> Answer {
    let check = DnsCheck { kind: DnsType::Soa, name: "example.org.".into() };
    run(Probe::Dns(to(at, timeout), Box::new(check)))
}

/// The response to `query` with this code.
fn response(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut response = query.to_vec();
    response[2] |= 0x80;
    response[3] = rcode;
    response
}

#[test]
fn a_name_server_is_judged_by_its_response_code() {
    let answers = in_namespace(|| {
        [0, 3].map(|rcode| dns(replies(V4, move |query| vec![response(query, rcode)]), LONG))
    });
    assert_eq!(answers, [PASSED, failed(Failure::Rcode(3))]);
}

#[test]
fn what_is_no_response_to_the_query_is_ignored() {
    let stray = |query: &[u8]| {
        let mut other = response(query, 5);
        other[0] ^= 1;
        vec![other, query.to_vec(), b"short".to_vec(), Vec::new()]
    };
    let (then_right, only_stray) = in_namespace(move || {
        let then_right = move |query: &[u8]| [stray(query), vec![response(query, 0)]].concat();
        (dns(replies(V4, then_right), LONG), dns(replies(V4, stray), SHORT))
    });
    assert_eq!((then_right, only_stray), (PASSED, failed(Failure::ReadTimeout)));
}

#[test]
fn a_name_server_that_is_not_there_or_silent_fails() {
    let (absent, silent) =
        in_namespace(|| (dns(SocketAddr::new(V4, 9), LONG), dns(replies(V4, |_| Vec::new()), SHORT)));
    assert_eq!((absent, silent), (refused(), failed(Failure::ReadTimeout)));
}

#[test]
fn an_echo_comes_back_once_the_group_of_the_process_may_ask_for_one() {
    let (before, after, restored) = in_namespace(|| {
        let ping = |address| run(Probe::Ping(to(SocketAddr::new(address, 0), LONG)));
        let range = || std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").expect("it is there");
        let untouched = range();
        let before = ping(V4);
        let widened = PingGroups::widen().expect("it can be widened").expect("no group is allowed at first");
        assert!(PingGroups::widen().expect("nothing is done").is_none());
        let after = [ping(V4), ping(V6)];
        widened.restore().expect("it can be restored");
        (before, after, untouched == range())
    });
    assert!(matches!(before, Answer::Unable(e) if e.errno == Errno::EACCES as i32));
    assert_eq!(after, [PASSED, PASSED]);
    assert!(restored);
}

#[test]
fn an_address_that_does_not_echo_meets_the_timeout() {
    let answer = in_namespace(|| {
        linux::sysctl::set("net/ipv4/icmp_echo_ignore_all", 1).expect("the kernel can be silent");
        PingGroups::widen().expect("it can be widened");
        run(Probe::Ping(to(SocketAddr::new(V4, 0), SHORT)))
    });
    assert_eq!(answer, failed(Failure::ReadTimeout));
}
