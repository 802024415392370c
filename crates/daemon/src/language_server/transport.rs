//! Messages on a stream of bytes: a header with the length, an empty line, and so many bytes of JSON.

use std::io::{BufRead, Read, Write};

use serde_json::Value;

/// The largest message in bytes: room for the largest file of a configuration, twice.
pub(super) const MAX_MESSAGE: u64 = 32 << 20;
/// The largest header in bytes.
const MAX_HEADER: u64 = 4 << 10;

/// Why the conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    /// The stream is broken.
    #[error("the editor is gone: {0}")]
    Io(#[from] std::io::Error),
    /// A header without a length, or one that never ends: where the next message begins is not known.
    #[error("the input is no stream of messages with `Content-Length`; start this program from an editor")]
    Header,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The bytes of a message.
    Message(Vec<u8>),
    /// A message of so many bytes, which was read past.
    TooLarge(u64),
    /// The stream ended.
    End,
}

/// Waits for the next message.
///
/// # Errors
/// The stream is broken, or is no stream of messages.
pub(super) fn read(input: &mut impl BufRead) -> Result<Input, TransportError> {
    let Some(len) = header(input)? else { return Ok(Input::End) };
    if len > MAX_MESSAGE {
        let passed = std::io::copy(&mut input.take(len), &mut std::io::sink())?;
        return Ok(if passed == len { Input::TooLarge(len) } else { Input::End });
    }
    let mut bytes = Vec::new();
    input.take(len).read_to_end(&mut bytes)?;
    // Less than was announced: the editor died.
    let whole = u64::try_from(bytes.len()).is_ok_and(|got| got == len);
    Ok(if whole { Input::Message(bytes) } else { Input::End })
}

/// The length of the next message; `None` at the end of the stream.
fn header(input: &mut impl BufRead) -> Result<Option<u64>, TransportError> {
    let mut header = input.take(MAX_HEADER);
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if header.read_until(b'\n', &mut line)? == 0 {
            // The end of the stream between two messages is an end; anywhere else it is none.
            let fresh = header.limit() == MAX_HEADER;
            return if fresh { Ok(None) } else { Err(TransportError::Header) };
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            return length.map(Some).ok_or(TransportError::Header);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse().map_err(|_| TransportError::Header)?);
        }
    }
}

/// Sends a message.
///
/// # Errors
/// Nobody reads any more.
pub(super) fn write(output: &mut impl Write, message: &Value) -> Result<(), TransportError> {
    let text = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Result<Input, String>> {
        let mut out = Vec::new();
        loop {
            let next = read(&mut bytes).map_err(|e| e.to_string());
            let last = matches!(next, Ok(Input::End) | Err(_));
            out.push(next);
            if last {
                return out;
            }
        }
    }

    #[test]
    fn messages_are_read_one_after_the_other() {
        let text = b"Content-Length: 2\r\n\r\n{}content-length:3\r\nContent-Type: x\r\n\r\n[1]";
        let message = |text: &str| Ok(Input::Message(text.as_bytes().to_vec()));
        assert_eq!(all(text), [message("{}"), message("[1]"), Ok(Input::End)]);
        assert_eq!(all(b""), [Ok(Input::End)]);
    }

    #[test]
    fn a_stream_that_breaks_off_ends_and_one_without_lengths_is_refused() {
        assert_eq!(all(b"Content-Length: 9\r\n\r\n{}"), [Ok(Input::End)]);
        for bad in [
            &b"Content-Length: 9\r\n"[..],
            b"\r\n\r\n",
            b"{}",
            b"Content-Length: many\r\n\r\n",
            b"Content-Length: -1\r\n\r\n",
            b"Content-Length: 99999999999999999999999\r\n\r\n",
            &[b'x'; 10_000],
            &[0xff; 10],
        ] {
            assert!(all(bad)[0].is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_passed_without_being_held() {
        let len = MAX_MESSAGE + 1;
        let header = format!("Content-Length: {len}\r\n\r\n");
        let spaces = std::io::repeat(b' ').take(len);
        let stream = header.as_bytes().chain(spaces).chain(&b"Content-Length: 2\r\n\r\n{}"[..]);
        let mut stream = std::io::BufReader::new(stream);
        assert_eq!(read(&mut stream).unwrap(), Input::TooLarge(len));
        assert_eq!(read(&mut stream).unwrap(), Input::Message(b"{}".to_vec()));
    }
}
