//! The Internet checksum (RFC 1071), built up piece by piece.

use core::net::{Ipv4Addr, Ipv6Addr};

/// A one's complement sum under way.
///
/// Pieces are added in any order; each counts as a whole number of 16-bit words, so only the piece
/// that ends the covered data may have an odd length (its last byte is padded with zero).
///
/// The accumulator is wide enough for 2^48 words, so the carries are folded only once, at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// A sum of nothing.
    pub const ZERO: Self = Self(0);

    /// Adds `bytes`, read as 16-bit words in network order.
    #[must_use]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let words: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
        let odd: u64 = rest.iter().map(|byte| u64::from(*byte) << 8).sum();
        Self(self.0 + words + odd)
    }

    /// Adds one word.
    #[must_use]
    pub fn add_word(self, word: u16) -> Self {
        Self(self.0 + u64::from(word))
    }

    /// Adds what another sum has added.
    #[must_use]
    pub fn add_sum(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Adds the pseudo-header of RFC 9293 section 3.1, which VRRPv3 over IPv4 borrows: addresses,
    /// protocol and the length of the payload.
    #[must_use]
    pub fn add_pseudo_ipv4(self, src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, length: u16) -> Self {
        self.add_bytes(&src.octets()).add_bytes(&dst.octets()).add_word(u16::from(protocol)).add_word(length)
    }

    /// Adds the pseudo-header of RFC 8200 section 8.1. A payload here is shorter than 64 KiB.
    #[must_use]
    pub fn add_pseudo_ipv6(self, src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, length: u16) -> Self {
        self.add_bytes(&src.octets())
            .add_bytes(&dst.octets())
            .add_word(u16::from(next_header))
            .add_word(length)
    }

    /// The value for the checksum field, if the field was zero in what was added; zero, if the
    /// field was there and is right.
    #[must_use]
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        // The loop leaves 16 bits.
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }

    /// Whether what was added, checksum field included, has a right checksum.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.finish() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_rfc_1071() {
        // Section 3: the words 0001 f203 f4f5 f6f7 add up to ddf2.
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::ZERO.add_bytes(&data).finish(), !0xddf2);
        let (a, b) = data.split_at(4);
        assert_eq!(Sum::ZERO.add_bytes(b).add_bytes(a).finish(), !0xddf2);
        assert!(Sum::ZERO.add_bytes(&data).add_word(!0xddf2).is_valid());
    }

    #[test]
    fn an_odd_end_is_padded_with_zero() {
        assert_eq!(Sum::ZERO.add_bytes(&[1, 2, 3]), Sum::ZERO.add_bytes(&[1, 2, 3, 0]));
    }
}
