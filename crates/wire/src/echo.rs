//! ICMP echo (RFC 792; RFC 4443 section 4), as a program sees it that leaves identifier and checksum to
//! the kernel's sockets for it.

use base::Family;

/// What precedes the data.
pub const HEADER: usize = 8;

const fn kinds(family: Family) -> (u8, u8) {
    match family {
        Family::V4 => (8, 0),
        Family::V6 => (128, 129),
    }
}

/// The header of a request; identifier and checksum are zero.
#[must_use]
pub fn request(family: Family, sequence: u16) -> [u8; HEADER] {
    let [s0, s1] = sequence.to_be_bytes();
    [kinds(family).0, 0, 0, 0, 0, 0, s0, s1]
}

/// Whether `message` is the reply to request number `sequence`, with `data`.
#[must_use]
pub fn is_reply(family: Family, message: &[u8], sequence: u16, data: &[u8]) -> bool {
    let [s0, s1] = sequence.to_be_bytes();
    let Some(([kind, code, _, _, _, _, r0, r1], rest)) = message.split_first_chunk::<HEADER>() else {
        return false;
    };
    (*kind, *code, *r0, *r1) == (kinds(family).1, 0, s0, s1) && rest == data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_type_the_sequence_and_the_data_of_its_request() {
        for (family, kind) in [(Family::V4, 0), (Family::V6, 129)] {
            let mut message = [0; HEADER + 2];
            message[..HEADER].copy_from_slice(&request(family, 0x0102));
            message[HEADER..].copy_from_slice(b"hi");
            assert!(!is_reply(family, &message, 0x0102, b"hi"), "the request itself");
            message[0] = kind;
            assert!(is_reply(family, &message, 0x0102, b"hi"));
            assert!(!is_reply(family, &message, 0x0103, b"hi"));
            assert!(!is_reply(family, &message, 0x0102, b"ha"));
            assert!(!is_reply(family, &message[..HEADER - 1], 0x0102, b""));
            message[1] = 1;
            assert!(!is_reply(family, &message, 0x0102, b"hi"));
        }
    }
}
