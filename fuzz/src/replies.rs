//! What servers answer to health checks.

use wire::smtp::Reply;
use wire::{dns, echo, http, smtp};

use crate::bytes::Bytes;

/// The head of an HTTP reply: in whatever pieces it comes, its end is found where it is found in the
/// whole.
pub fn http_reply(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let piece = usize::from(bytes.byte()).max(1);
    let reply = bytes.rest();
    let whole = http::body_at(reply, 0);
    let mut seen = 0;
    let mut found = None;
    while seen < reply.len() && found.is_none() {
        let until = reply.len().min(seen + piece);
        found = http::body_at(&reply[..until], seen);
        seen = until;
    }
    assert_eq!(found, whole);
    let head = &reply[..whole.unwrap_or(reply.len())];
    assert!(whole.is_none() || head.ends_with(b"\r\n\r\n"));
    assert!(http::status(head).is_none_or(|status| status < 1000));
    let _ = http::content_length(head);
}

/// A reply of a mail server: it is whole with its last byte and not before, and what follows is not
/// part of it.
pub fn smtp_reply(bytes: &[u8]) {
    match smtp::reply(bytes) {
        Reply::Whole { code, length } => {
            assert!(code < 1000 && bytes[..length].ends_with(b"\n"));
            assert_eq!(smtp::reply(&bytes[..length]), Reply::Whole { code, length });
            assert_eq!(smtp::reply(&bytes[..length - 1]), Reply::Partial);
        }
        Reply::Partial => {
            // It may become whole yet.
            let more = [bytes, b"\n250 OK\r\n"].concat();
            assert_ne!(smtp::reply(&more), Reply::Partial);
        }
        Reply::Malformed => {
            let more = [bytes, b"250 OK\r\n"].concat();
            assert_eq!(smtp::reply(&more), Reply::Malformed, "more does not mend it");
        }
    }
}

/// An answer of a name server; a name that the fuzzer makes up, too; and an echo.
pub fn dns_reply(bytes: &[u8]) {
    if let Some(answer) = dns::answer(bytes) {
        assert!(answer.rcode < 16 && bytes.starts_with(&answer.id.to_be_bytes()));
    }
    if let Ok(name) = std::str::from_utf8(bytes) {
        match dns::query(7, name, 1) {
            Ok(query) => {
                assert!(query.len() <= 12 + dns::LONGEST_NAME + 4);
                assert_eq!(dns::answer(&query), None, "a question is no answer");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    for family in [base::Family::V4, base::Family::V6] {
        if echo::is_reply(family, bytes, 7, b"data") {
            assert_eq!(bytes.len(), echo::HEADER + 4);
        }
    }
}
