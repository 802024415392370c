//! `HTTP_GET`.

use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::time::Instant;

use md5::{Digest, Md5};
use model::lvs::{Offsets, Regex, RegexOptions};
use nix::errno::Errno;

use super::super::LengthMismatch;
use super::*;

const OK: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A server that sends `reply` and then closes.
fn replies(reply: impl Into<Vec<u8>>) -> SocketAddr {
    let reply = reply.into();
    server(move |mut stream| {
        read_until(&mut stream, b"\r\n\r\n");
        // Whoever has enough goes before the end.
        let _ = stream.write_all(&reply);
    })
}

fn ask(at: SocketAddr, timeout: Duration, http: Http) -> Answer {
    run(Probe::Http(to(at, timeout), http.into()))
}

/// What `http` is answered by a server that sends `reply`.
fn answer(reply: impl Into<Vec<u8>> + Send + 'static, http: Http) -> Answer {
    in_namespace(move || ask(replies(reply), LONG, http))
}

fn digested(body: &[u8]) -> Http {
    let mut http = get("/");
    http.urls[0].digest = Some(Md5::digest(body).into());
    http
}

fn searched(pattern: &str, inverted: bool) -> Http {
    let mut http = get("/");
    let (options, offsets) = (RegexOptions::default(), Offsets::default());
    http.urls[0].regex =
        Some(Box::new(Regex { pattern: pattern.into(), inverted, options, offsets, stack: None }));
    http
}

#[test]
fn the_request_is_that_of_keepalived_byte_for_byte() {
    let request = |version, host| super::super::http::request(version, "/a b?c", host, V6, 8080);
    assert_eq!(
        request(HttpVersion::V1_0, None),
        "GET /a b?c HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: [::1]:8080\r\n\r\n"
    );
    assert_eq!(
        request(HttpVersion::V1_0Close, Some("www")),
        "GET /a b?c HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www\r\n\r\n"
    );
    assert!(request(HttpVersion::V1_1, None).starts_with("GET /a b?c HTTP/1.1\r\n"));
    assert!(request(HttpVersion::V1_1, None).contains("\r\nConnection: close\r\n"));
}

#[test]
fn the_request_arrives_as_one_piece_over_both_families() {
    let requests = in_namespace(|| {
        [V4, V6].map(|address| {
            let (tell, told) = channel();
            let at = server_at(address, move |mut stream| {
                let mut buffer = [0; 512];
                let n = stream.read(&mut buffer).expect("a request");
                stream.write_all(OK).expect("it is read");
                tell.send(buffer[..n].to_vec()).expect("the test waits");
            });
            assert_eq!(ask(at, LONG, get("/x")), PASSED);
            (String::from_utf8(told.recv_timeout(WAIT).expect("a request")).expect("text"), at)
        })
    });
    for (request, at) in requests {
        assert_eq!(request, format!("GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: {at}\r\n\r\n"));
    }
}

#[test]
fn statuses_are_those_that_are_wanted() {
    let mut http = get("/");
    http.urls[0].status = StatusCodes::NONE;
    http.urls[0].status.insert(404, 404);
    assert_eq!(answer(*b"HTTP/1.1 404 Not Found\r\n\r\n", http.clone()), PASSED);
    assert_eq!(answer(OK, http), failed(Failure::Status(200)));
    assert_eq!(answer(*b"HTTP/1.1 503 No\r\n\r\n", get("/")), failed(Failure::Status(503)));
}

#[test]
fn a_head_may_come_in_pieces_but_has_an_end() {
    assert_eq!(
        in_namespace(|| {
            let at = server(|mut stream| {
                read_until(&mut stream, b"\r\n\r\n");
                drip(&mut stream, b"X 200 \r\n\r\nab");
            });
            ask(at, LONG, digested(b"ab"))
        }),
        PASSED
    );
    let endless = failed(Failure::Malformed("the head of the reply does not end"));
    assert_eq!(answer(*b"HTTP/1.0 200 OK\r\n", get("/")), endless);
}

#[test]
fn garbage_is_malformed_and_nothing_is_no_data() {
    let no_status = "the first line of the reply has no status";
    let garbage = [vec![0xff; 3000], b"\r\n\r\n".to_vec()].concat();
    assert_eq!(answer(garbage, get("/")), failed(Failure::Malformed(no_status)));
    assert_eq!(answer(*b"HTTP/1.0 2000 OK\r\n\r\n", get("/")), failed(Failure::Malformed(no_status)));
    assert_eq!(answer(*b"", get("/")), failed(Failure::NoData));
}

#[test]
fn a_head_without_end_is_not_read_for_ever() {
    let head = [b"HTTP/1.0 200 OK\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    assert_eq!(answer(head, get("/")), failed(Failure::Malformed("the head of the reply is too long")));
}

#[test]
fn a_digest_covers_the_body_up_to_its_announced_length() {
    assert_eq!(answer(OK, digested(b"hello")), PASSED);
    assert_eq!(answer(OK, digested(b"hullo")), failed(Failure::Digest));
    assert_eq!(answer(*b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhello", digested(b"he")), PASSED);
    let large: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let reply = [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &large].concat();
    assert_eq!(answer(reply, digested(&large)), PASSED);
}

#[test]
fn a_short_reply_costs_at_most_three_waits() {
    let (answer, waits) = in_namespace(|| run_counting(Probe::Http(to(replies(OK), LONG), get("/").into())));
    assert_eq!(answer, PASSED);
    // For the connection, for the reply, and for its end if that has not come at once.
    assert!(waits <= 3, "{waits}");
}

#[test]
fn a_wrong_length_is_told_and_fails_nothing() {
    let told = in_namespace(|| {
        let at = replies(*b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nhello");
        let probe = Probe::Http(to(at, LONG), get("/").into());
        let prober = Prober::new(None);
        prober.waits.block_on(prober.run_noting(&checker(probe), 0)).expect("it is waited for")
    });
    assert_eq!(told, (PASSED, Some(LengthMismatch { announced: 7, received: 5 })));
}

#[test]
fn a_pattern_is_searched_for_in_the_reply_with_its_head() {
    assert_eq!(answer(OK, searched("h[^/]*o$", false)), PASSED);
    assert_eq!(answer(OK, searched("^HTTP/1.. 200", false)), PASSED);
    assert_eq!(answer(OK, searched("^h", false)), failed(Failure::Regex));
    assert_eq!(answer(OK, searched("200", true)), failed(Failure::Regex));
    assert_eq!(answer(OK, searched("404", true)), PASSED);
    assert_eq!(answer(OK, searched("ell", true)), failed(Failure::Regex));
    // Only the first mebibyte is searched, and its end is not the reply's.
    let long = || [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &vec![b'x'; 2 << 20]].concat();
    assert_eq!(answer(long(), searched("xx", false)), PASSED);
    assert_eq!(answer(long(), searched("xx$", false)), failed(Failure::Regex));
    let late = [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &vec![b'x'; 500_000], b"needle"].concat();
    assert_eq!(answer(late, searched("xneedle$", false)), PASSED);
}

#[test]
fn a_pattern_that_runs_wild_on_a_body_fails_in_time() {
    let began = Instant::now();
    let reply = [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &vec![b'a'; 100_000], b"b"].concat();
    assert_eq!(answer(reply, searched("(a+)+$", false)), failed(Failure::Regex));
    assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
}

#[test]
fn a_pattern_that_is_none_is_no_fault_of_the_server() {
    let Answer::Unable(e) = answer(OK, searched("(", false)) else { panic!("a verdict") };
    assert!(e.message.contains("missing closing parenthesis"), "{}", e.message);
    let probe = Probe::Http(to(SocketAddr::new(V4, 80), LONG), searched("(", false).into());
    assert!(Prober::new(None).prepare(&checker(probe)).is_err());
}

#[test]
fn a_silent_server_meets_the_timeout() {
    let answer = in_namespace(|| ask(server(|mut stream| await_end(&mut stream)), SHORT, get("/")));
    assert_eq!(answer, failed(Failure::ReadTimeout));
}

#[test]
fn a_server_that_sends_byte_by_byte_is_held_to_a_total_time() {
    let (answer, took) = in_namespace(|| {
        let at = server(|mut stream| {
            read_until(&mut stream, b"\r\n\r\n");
            drip(&mut stream, &[b'x'; 10_000]);
        });
        let began = Instant::now();
        (ask(at, SHORT, get("/")), began.elapsed())
    });
    assert_eq!(answer, failed(Failure::ReadTimeout));
    assert!(took >= StdDuration::from_millis(500) && took < WAIT, "{took:?}");
}

#[test]
fn a_body_without_end_is_left_or_refused() {
    let endless = || {
        server(|mut stream| {
            read_until(&mut stream, b"\r\n\r\n");
            let chunk = [b'x'; 65_536];
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
            while stream.write_all(&chunk).is_ok() {}
        })
    };
    let answers = in_namespace(move || [get("/"), digested(b"")].map(|http| ask(endless(), LONG, http)));
    let too_long = Failure::Malformed("the body is too long for a digest");
    assert_eq!(answers, [PASSED, failed(too_long)]);
}

#[test]
fn a_connection_that_breaks_is_an_error_unless_all_is_said() {
    let breaks = |reply: &'static [u8]| {
        in_namespace(move || {
            let at = server(move |mut stream| {
                read_until(&mut stream, b"\r\n\r\n");
                stream.write_all(reply).expect("it is read");
                reset(stream);
            });
            ask(at, LONG, get("/"))
        })
    };
    assert_eq!(breaks(b"HTTP/1.0 2"), failed(Failure::Read { errno: Errno::ECONNRESET as i32 }));
    assert_eq!(breaks(OK), PASSED);
}

#[test]
fn a_server_that_says_all_and_does_not_close_is_well_at_once() {
    let stays = |reply: &'static [u8], timeout, http| {
        in_namespace(move || {
            let at = server(move |mut stream| {
                read_until(&mut stream, b"\r\n\r\n");
                stream.write_all(reply).expect("it is read");
                await_end(&mut stream);
            });
            let began = Instant::now();
            (ask(at, timeout, http), began.elapsed() < WAIT / 2)
        })
    };
    for http in [get("/"), digested(b"hello"), searched("hello$", false)] {
        assert_eq!(stays(OK, LONG, http), (PASSED, true));
    }
    let empty = b"HTTP/1.0 204 None\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(stays(empty, LONG, get("/")), (PASSED, true));
    // What says more than it announced might say still more.
    let longer = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhello";
    assert_eq!(stays(longer, SHORT, digested(b"he")).0, PASSED);
}
