//! Reading netlink attributes within their bounds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::Family;
use netlink_packet_core::{NlaBuffer, NlasIterator};

/// The attributes in `bytes` as (kind, value); a malformed one ends the list.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(Result::ok).map(|nla: NlaBuffer<&[u8]>| {
        let value = nla.into_inner();
        let end = usize::from(NlaBuffer::new(value).length());
        let kind = NlaBuffer::new(value).kind();
        (kind, value.get(4..end).unwrap_or(&[]))
    })
}

/// The fixed-size header of a message, and the attributes behind it.
pub(crate) fn split<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8])> {
    bytes.split_first_chunk::<N>()
}

/// A byte.
pub(crate) fn u8_of(value: &[u8]) -> Option<u8> {
    value.first().copied()
}

/// A 16-bit number in the machine's byte order.
pub(crate) fn u16_of(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|b| u16::from_ne_bytes(*b))
}

/// A 64-bit number in the machine's byte order.
pub(crate) fn u64_of(value: &[u8]) -> Option<u64> {
    value.first_chunk().map(|b| u64::from_ne_bytes(*b))
}

/// A 32-bit number in the machine's byte order.
pub(crate) fn u32_of(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|b| u32::from_ne_bytes(*b))
}

/// A text that ends with a zero or with the attribute.
pub(crate) fn text_of(value: &[u8]) -> Option<&str> {
    let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
    value.get(..end).and_then(|v| std::str::from_utf8(v).ok())
}

/// An address of `family`.
pub(crate) fn address_of(family: Family, value: &[u8]) -> Option<IpAddr> {
    match family {
        Family::V4 => value.first_chunk::<4>().map(|b| Ipv4Addr::from(*b).into()),
        Family::V6 => value.first_chunk::<16>().map(|b| Ipv6Addr::from(*b).into()),
    }
}

/// The family of the kernel's number; `None` for those that carry no IP addresses.
pub(crate) fn family_of(number: u8) -> Option<Family> {
    match libc::c_int::from(number) {
        libc::AF_INET => Some(Family::V4),
        libc::AF_INET6 => Some(Family::V6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_length_ends_the_list_without_a_panic() {
        let good = [5, 0, 3, 0, b'x', 0, 0, 0];
        let mut bytes = good.to_vec();
        for lie in [0u8, 1, 3, 9, 255] {
            bytes.truncate(good.len());
            bytes.extend([lie, 0, 1, 0, 7]);
            assert_eq!(attributes(&bytes).next(), Some((3, &b"x"[..])));
            assert_eq!(attributes(&bytes).count(), 1, "length {lie}");
        }
        assert_eq!(u32_of(&[1, 2, 3]), None);
        assert_eq!(address_of(Family::V6, &[0; 15]), None);
        assert_eq!(text_of(b"eth0\0junk"), Some("eth0"));
    }
}
