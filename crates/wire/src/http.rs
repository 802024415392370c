//! The head of an HTTP/1 reply, read as leniently as keepalived reads it.
//!
//! A health check wants the status, the length and the place where the body begins, also from servers
//! that a strict reader would refuse (RFC 9112 is the strict reading). So the first line may begin with
//! anything, and headers that mean nothing here are not looked at.

/// What ends the head.
const END: &[u8] = b"\r\n\r\n";

/// Where the body begins, if the end of the head is among `bytes`, of which the first `seen` were
/// looked at before.
#[must_use]
pub fn body_at(bytes: &[u8], seen: usize) -> Option<usize> {
    // The end may have begun in what was seen.
    let from = seen.saturating_sub(END.len() - 1);
    let fresh = bytes.get(from..)?;
    let at = fresh.windows(END.len()).position(|window| window == END)?;
    Some(from + at + END.len())
}

/// The status: three digits after the first blank of the first line, followed by a blank. From 0 to 999.
#[must_use]
pub fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let blank = line.iter().position(|byte| *byte == b' ')?;
    match line.get(blank + 1..blank + 5)? {
        [a, b, c, b' '] => {
            let mut status = 0;
            for digit in [a, b, c] {
                status = status * 10 + u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
            }
            Some(status)
        }
        _ => None,
    }
}

/// The number in the header `Content-Length`, in any case of its letters; the first if there are several.
/// `None` if there is none, or it is no number below 2^64.
#[must_use]
pub fn content_length(head: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let value = head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    })?;
    let digits = value.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    let mut length: u64 = 0;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        length = length.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_stands_between_two_blanks_of_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\n"), Some(200));
        assert_eq!(status(b"anything 404 "), Some(404));
        for bad in [
            &b""[..],
            b"HTTP/1.1",
            b"HTTP/1.1 200",
            b"HTTP/1.1 200\r\n",
            b"HTTP/1.1  200 OK",
            b"HTTP/1.1 2000 OK",
            b"HTTP/1.1 20x OK",
            b"HTTP/1.1\n200 OK ",
        ] {
            assert_eq!(status(bad), None, "{:?}", bad.escape_ascii());
        }
    }

    #[test]
    fn the_body_begins_after_the_first_empty_line_in_whatever_pieces_it_comes() {
        let reply = b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n";
        for seen in 0..25 {
            assert_eq!(body_at(reply, seen), Some(25), "{seen}");
        }
        assert_eq!(body_at(b"HTTP/1.0 200 OK\n\nbody", 0), None);
        assert_eq!(body_at(b"", 7), None);
    }

    #[test]
    fn a_content_length_is_a_number_or_nothing() {
        assert_eq!(content_length(b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n"), Some(12));
        assert_eq!(content_length(b"x\r\ncontent-length:0\r\n"), Some(0));
        for bad in [
            &b"Content-Length: 12\r\n"[..],
            b"x\r\nContent-Length: \r\n",
            b"x\r\nContent-Length: -1\r\n",
            b"x\r\nContent-Length: 1 2\r\n",
            b"x\r\nContent-Length: 99999999999999999999\r\n",
        ] {
            assert_eq!(content_length(bad), None, "{:?}", bad.escape_ascii());
        }
    }
}
