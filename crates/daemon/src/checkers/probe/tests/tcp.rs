//! `TCP_CHECK`, and how each check connects.

use std::net::{SocketAddr, SocketAddrV6, TcpListener};
use std::sync::mpsc::channel;
use std::time::Instant;

use model::lvs::Origin;
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use super::*;

fn tcp(server: SocketAddr, timeout: Duration) -> Probe {
    Probe::Tcp(to(server, timeout))
}

#[test]
fn a_server_that_accepts_is_well_over_both_families() {
    let answers = in_namespace(|| {
        [V4, V6].map(|address| {
            let listener = TcpListener::bind((address, 0)).expect("a listener");
            run(tcp(listener.local_addr().expect("its address"), LONG))
        })
    });
    assert_eq!(answers, [PASSED, PASSED]);
}

#[test]
fn a_port_that_nobody_listens_on_is_refused() {
    let answer = in_namespace(|| run(tcp(SocketAddr::new(V4, 9), LONG)));
    assert_eq!(answer, failed(Failure::Connect { errno: Errno::ECONNREFUSED as i32 }));
}

#[test]
fn no_way_to_the_server_is_a_failure_of_the_server() {
    let answer = in_namespace(|| run(tcp(SocketAddr::from(([192, 0, 2, 1], 80)), LONG)));
    assert_eq!(answer, failed(Failure::Connect { errno: Errno::ENETUNREACH as i32 }));
}

#[test]
fn a_server_that_does_not_answer_meets_the_timeout() {
    let (answer, took) = in_namespace(|| {
        // One more connection than the queue of one that nobody accepts from takes.
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::new(V4, 0).into()).expect("an address");
        listener.listen(0).expect("a listener");
        let at = listener.local_addr().expect("its address").as_socket().expect("an address");
        let _first = std::net::TcpStream::connect(at).expect("room for one");
        let began = Instant::now();
        (run(tcp(at, SHORT)), began.elapsed())
    });
    assert_eq!(answer, failed(Failure::ConnectTimeout));
    assert!(took >= StdDuration::from_millis(100) && took < WAIT, "{took:?}");
}

#[test]
fn a_check_comes_from_the_address_and_the_port_that_it_is_bound_to() {
    let (answers, sources) = in_namespace(|| {
        let (tell, told) = channel();
        let at = server(move |stream| {
            tell.send(stream.peer_addr().expect("its address")).expect("the test waits");
        });
        let source: IpAddr = [127, 0, 0, 9].into();
        let bound = |port| {
            let lo = IfName::new("lo").expect("a name");
            let origin = Origin { address: Some(source), port, link: Some(lo), mark: 7 };
            run(Probe::Tcp(Connect { origin: Some(Box::new(origin)), ..to(at, LONG) }))
        };
        let answers = [bound(Some(4000)), bound(None)];
        (answers, [(); 2].map(|()| told.recv_timeout(WAIT).expect("a connection")))
    });
    assert_eq!(answers, [PASSED, PASSED]);
    assert_eq!(sources[0], SocketAddr::from(([127, 0, 0, 9], 4000)));
    assert_eq!(sources[1].ip(), IpAddr::from([127, 0, 0, 9]));
}

#[test]
fn a_fault_on_our_side_says_nothing_about_the_server() {
    let errnos = in_namespace(|| {
        let at = server(drop);
        let absent = Origin { address: Some([192, 0, 2, 7].into()), ..Origin::default() };
        let unlinked = Origin { link: Some(IfName::new("gone0").expect("a name")), ..Origin::default() };
        [absent, unlinked].map(|origin| {
            let connect = Connect { origin: Some(Box::new(origin)), ..to(at, LONG) };
            match run(Probe::Tcp(connect)) {
                Answer::Unable(e) => (Errno::from_raw(e.errno), e.message.into_string()),
                other => panic!("{other:?}"),
            }
        })
    });
    assert_eq!(errnos[0].0, Errno::EADDRNOTAVAIL);
    assert_eq!(errnos[0].1, "bind to 192.0.2.7:0: Cannot assign requested address");
    assert_eq!(errnos[1], (Errno::ENODEV, "bind to interface gone0: No such device".to_owned()));
}

#[test]
fn a_link_local_address_is_reached_through_the_interface_that_is_named() {
    let (with, without) = in_namespace(|| {
        ip("link add v0 type veth peer name v1");
        ip("link set v1 up");
        ip("link set v0 up");
        ip("address add fe80::7/64 dev v0 nodad");
        let index = nix::net::if_::if_nametoindex("v0").expect("it was made");
        let address: Ipv6Addr = "fe80::7".parse().expect("an address");
        let at = SocketAddrV6::new(address, 0, 0, index);
        let listener = TcpListener::bind(at).expect("a listener");
        let at = listener.local_addr().expect("its address");
        let origin = Origin { link: Some(IfName::new("v0").expect("a name")), ..Origin::default() };
        let connect = Connect { origin: Some(Box::new(origin)), ..to(at, LONG) };
        (run(Probe::Tcp(connect)), run(tcp(at, LONG)))
    });
    assert_eq!(with, PASSED);
    assert!(matches!(without, Answer::Unable(_)), "{without:?}");
}

fn ip(words: &str) {
    let done = std::process::Command::new("ip").args(words.split(' ')).status().expect("ip");
    assert!(done.success(), "ip {words}");
}

#[test]
fn a_run_that_is_dropped_closes_its_connection() {
    in_namespace(|| {
        let (tell, told) = channel();
        let at = server(move |mut stream| {
            tell.send("connected").expect("the test waits");
            await_end(&mut stream);
            tell.send("closed").expect("the test waits");
        });
        let prober = Prober::new(None);
        let checker = checker(Probe::Http(to(at, LONG), get("/").into()));
        let mut run = Box::pin(prober.run(&checker, 0));
        assert!(prober.waits.poll(run.as_mut(), None).is_err(), "it waits");
        assert_eq!(told.recv_timeout(WAIT), Ok("connected"));
        drop(run);
        assert_eq!(told.recv_timeout(WAIT), Ok("closed"));
    });
}

#[test]
fn a_connection_costs_one_wait() {
    let (answer, waits) = in_namespace(|| run_counting(tcp(server(drop), LONG)));
    assert_eq!(answer, PASSED);
    assert!(waits <= 1, "{waits}");
}
