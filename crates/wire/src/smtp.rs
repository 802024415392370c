//! Replies of a mail server (RFC 5321 section 4.2).

/// What the bytes read so far are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The last line of a reply, with its code from 0 to 999, is whole.
    Whole {
        /// The code of that line.
        code: u16,
        /// So many bytes belong to the reply.
        length: usize,
    },
    /// More is to come.
    Partial,
    /// A line is no line of a reply.
    Malformed,
}

/// Reads a reply from the start of `bytes`: lines of a code and a hyphen, then one of a code and a blank
/// or of the code alone. A line ends with a line feed.
#[must_use]
pub fn reply(bytes: &[u8]) -> Reply {
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        let line = line.trim_ascii_end();
        let Some((code, text)) = line.split_at_checked(3) else { return Reply::Malformed };
        let Some(code) = number(code) else { return Reply::Malformed };
        rest = after;
        match text.first() {
            Some(b'-') => {}
            None | Some(b' ') => return Reply::Whole { code, length: bytes.len() - rest.len() },
            Some(_) => return Reply::Malformed,
        }
    }
    Reply::Partial
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(number * 10 + u16::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_the_line_that_has_a_blank_after_its_code() {
        assert_eq!(reply(b"220 mail.example ESMTP\r\n"), Reply::Whole { code: 220, length: 24 });
        assert_eq!(reply(b"250-a\r\n250-b\r\n250 c\r\nrest"), Reply::Whole { code: 250, length: 21 });
        assert_eq!(reply(b"250\r\n"), Reply::Whole { code: 250, length: 5 });
        assert_eq!(reply(b"250 \n"), Reply::Whole { code: 250, length: 5 });
    }

    #[test]
    fn a_reply_that_is_not_whole_is_waited_for() {
        for part in [&b""[..], b"2", b"220 mail", b"250-a\r\n", b"250-a\r\n250 c"] {
            assert_eq!(reply(part), Reply::Partial, "{:?}", part.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_code_is_no_reply() {
        for bad in [&b"\r\n"[..], b"22\r\n", b"22x hello\r\n", b"220hello\r\n", b"250-a\r\n-\r\n", b"-20 a\n"]
        {
            assert_eq!(reply(bad), Reply::Malformed, "{:?}", bad.escape_ascii());
        }
    }
}
