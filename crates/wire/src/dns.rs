//! A question to a name server, and the head of its answer (RFC 1035 section 4).

use crate::Packet;

/// The longest name as it is sent, in bytes (RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 255;
/// The longest label in bytes.
pub const LONGEST_LABEL: usize = 63;

const HEADER: usize = 12;
/// Recursion is desired.
const RD: u8 = 0x01;
/// It is a response.
const QR: u8 = 0x80;
/// The class of the Internet.
const IN: u16 = 1;

/// Why a name can't be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// A label is empty.
    EmptyLabel,
    /// A label is longer than [`LONGEST_LABEL`].
    LongLabel,
    /// It is longer than [`LONGEST_NAME`].
    Long,
}

impl core::fmt::Display for NameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::EmptyLabel => {
                f.write_str("the name has a label without a letter; write one dot between labels")
            }
            Self::LongLabel => write!(f, "the name has a label of more than {LONGEST_LABEL} bytes"),
            Self::Long => write!(f, "the name is longer than {LONGEST_NAME} bytes"),
        }
    }
}

impl core::error::Error for NameError {}

/// A query with one question of class IN, which desires recursion. `name` is labels with dots between
/// them, with or without one at the end; `.` and nothing are the root.
///
/// # Errors
/// A name that can't be sent.
pub fn query(id: u16, name: &str, kind: u16) -> Result<Packet, NameError> {
    let mut packet = Packet::new();
    packet.extend_from_slice(&id.to_be_bytes());
    packet.extend_from_slice(&[RD, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.strip_suffix('.').unwrap_or(name);
    if !name.is_empty() {
        for label in name.split('.') {
            let length = u8::try_from(label.len()).map_err(|_| NameError::LongLabel)?;
            match usize::from(length) {
                0 => return Err(NameError::EmptyLabel),
                1..=LONGEST_LABEL => {}
                _ => return Err(NameError::LongLabel),
            }
            packet.push(length);
            packet.extend_from_slice(label.as_bytes());
        }
    }
    packet.push(0);
    if packet.len() - HEADER > LONGEST_NAME {
        return Err(NameError::Long);
    }
    packet.extend_from_slice(&kind.to_be_bytes());
    packet.extend_from_slice(&IN.to_be_bytes());
    Ok(packet)
}

/// The head of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Whose question it answers.
    pub id: u16,
    /// RCODE, from 0 to 15.
    pub rcode: u8,
}

/// The head of `datagram`; `None` if it is too short for one or is no response.
#[must_use]
pub fn answer(datagram: &[u8]) -> Option<Answer> {
    let header = datagram.first_chunk::<HEADER>()?;
    let [id0, id1, flags0, flags1, ..] = *header;
    (flags0 & QR != 0).then_some(Answer { id: u16::from_be_bytes([id0, id1]), rcode: flags1 & 0x0f })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_query_is_what_the_rfc_says() {
        let packet = query(0x1234, "www.example.org.", 28).expect("a name");
        let head = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(packet.strip_prefix(&head), Some(&b"\x03www\x07example\x03org\x00\x00\x1c\x00\x01"[..]));
        assert_eq!(query(0x1234, "www.example.org", 28), Ok(packet));
        for root in [".", ""] {
            assert_eq!(query(1, root, 6).expect("the root")[HEADER..], [0, 0, 6, 0, 1]);
        }
    }

    #[test]
    fn names_that_cannot_be_sent_are_refused() {
        assert_eq!(query(1, "a..b", 1), Err(NameError::EmptyLabel));
        assert_eq!(query(1, "..", 1), Err(NameError::EmptyLabel));
        let label = "a".repeat(LONGEST_LABEL);
        assert!(query(1, &label, 1).is_ok());
        assert_eq!(query(1, &"a".repeat(LONGEST_LABEL + 1), 1), Err(NameError::LongLabel));
        assert_eq!(query(1, &"a".repeat(300), 1), Err(NameError::LongLabel));
        let long: String = [&label[..], &label, &label, &label].join(".");
        assert_eq!(query(1, &long, 1), Err(NameError::Long));
        assert!(query(1, &long[2..], 1).is_ok(), "255 bytes");
    }

    #[test]
    fn only_responses_are_answers() {
        let mut datagram = query(7, ".", 6).expect("the root");
        assert_eq!(answer(&datagram), None, "a query");
        datagram[2] |= QR;
        datagram[3] = 0x83;
        assert_eq!(answer(&datagram), Some(Answer { id: 7, rcode: 3 }));
        assert_eq!(answer(&datagram[..HEADER - 1]), None);
        assert_eq!(answer(&[]), None);
    }
}
