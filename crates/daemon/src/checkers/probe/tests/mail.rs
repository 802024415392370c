//! `SMTP_CHECK`.

use std::net::SocketAddr;
use std::sync::mpsc::channel;

use model::lvs::SmtpCheck;

use super::*;

fn smtp(at: SocketAddr, timeout: Duration) -> Answer {
    run(Probe::Smtp(to(at, timeout), Box::new(SmtpCheck { helo_name: "me.example".into() })))
}

/// A server that says one text after the other, a line of the other side between two.
fn says(texts: &'static [&'static [u8]]) -> SocketAddr {
    server(move |mut stream| {
        for text in texts {
            // Whoever has enough is gone.
            let _ = stream.write_all(text);
            read_until(&mut stream, b"\r\n");
        }
    })
}

#[test]
fn the_dialog_is_greeting_helo_quit() {
    let lines = in_namespace(|| {
        let (tell, told) = channel();
        let at = server(move |mut stream| {
            for text in [&b"220-a\r\n220 b\r\n"[..], b"250 c\r\n", b"221 d\r\n"] {
                stream.write_all(text).expect("it is read");
                tell.send(read_until(&mut stream, b"\r\n")).expect("the test waits");
            }
        });
        assert_eq!(smtp(at, LONG), PASSED);
        [(); 3].map(|()| told.recv_timeout(WAIT).expect("a line"))
    });
    assert_eq!(lines, [b"HELO me.example\r\n".to_vec(), b"QUIT\r\n".to_vec(), Vec::new()]);
}

#[test]
fn each_reply_has_to_be_the_one_of_its_step() {
    let answer = |texts: &'static [&'static [u8]]| in_namespace(move || smtp(says(texts), LONG));
    let reply = |step, code| failed(Failure::Reply { step, code });
    assert_eq!(answer(&[b"554 no\r\n"]), reply("greeting", Some(554)));
    assert_eq!(answer(&[b"hello\r\n"]), reply("greeting", None));
    assert_eq!(answer(&[b"220 a\r\n", b"501 who\r\n"]), reply("HELO", Some(501)));
    assert_eq!(answer(&[b"220 a\r\n", b"250 b\r\n", b"500 never\r\n"]), PASSED, "it was well until then");
    assert_eq!(answer(&[b"220 a\r\n", b"250 b\r\n"]), PASSED, "it goes without a word");
}

#[test]
fn a_server_that_closes_early_or_is_silent_fails() {
    let (early, silent) =
        in_namespace(|| (smtp(server(drop), LONG), smtp(server(|mut stream| await_end(&mut stream)), SHORT)));
    assert_eq!(silent, failed(Failure::ReadTimeout));
    assert!(matches!(early, Answer::Failed(Failure::NoData | Failure::Read { .. })), "{early:?}");
}

#[test]
fn a_reply_without_end_is_not_read_for_ever() {
    let (large, slow) = in_namespace(|| {
        let large = server(|mut stream| drop(stream.write_all(&[b'2'; 10_000])));
        let slow = server(|mut stream| drip(&mut stream, &[b'2'; 400]));
        (smtp(large, LONG), smtp(slow, SHORT))
    });
    assert_eq!(large, failed(Failure::Malformed("the reply is too long")));
    assert_eq!(slow, failed(Failure::ReadTimeout));
}
