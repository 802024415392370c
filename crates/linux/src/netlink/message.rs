//! Writing netlink messages and attributes.

use netlink_packet_core::NLA_F_NESTED;

/// Appends a message header whose length [`finish`] fills in.
pub(crate) fn header(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32) {
    out.extend([0; 4]);
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    // Port 0: the kernel fills in ours.
    out.extend([0; 4]);
}

/// Fills in the length of the message that begins at `start`, and pads it.
pub(crate) fn finish(out: &mut Vec<u8>, start: usize) {
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&length.to_ne_bytes());
    }
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Appends an attribute.
pub(crate) fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let start = out.len();
    out.extend([0; 2]);
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    close(out, start);
}

/// Appends a text with its closing zero.
pub(crate) fn text(out: &mut Vec<u8>, kind: u16, value: &str) {
    let start = out.len();
    attribute(out, kind, value.as_bytes());
    out.truncate(start + 4 + value.len());
    out.push(0);
    close(out, start);
}

/// Appends an attribute that consists of others.
pub(crate) fn nest(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 2]);
    out.extend((kind | NLA_F_NESTED).to_ne_bytes());
    fill(out);
    close(out, start);
}

/// Fills in the length of the attribute that begins at `start`, and pads it. One that is too long gets a
/// length that the kernel refuses.
fn close(out: &mut Vec<u8>, start: usize) {
    let length = u16::try_from(out.len() - start).unwrap_or(0);
    if let Some(field) = out.get_mut(start..start + 2) {
        field.copy_from_slice(&length.to_ne_bytes());
    }
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attributes::{attributes, text_of};

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = Vec::new();
        attribute(&mut out, 1, b"abc");
        text(&mut out, 2, "four");
        nest(&mut out, 3, |out| {
            text(out, 4, "wrr");
            attribute(out, 5, &[]);
        });
        assert_eq!(out.len() % 4, 0);
        let all: Vec<(u16, &[u8])> = attributes(&out).collect();
        assert_eq!((all[0], all[1]), ((1, &b"abc"[..]), (2, &b"four\0"[..])));
        let inner: Vec<(u16, Option<&str>)> = attributes(all[2].1).map(|(k, v)| (k, text_of(v))).collect();
        assert_eq!((all[2].0, inner), (3, vec![(4, Some("wrr")), (5, Some(""))]));
    }
}
