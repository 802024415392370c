//! From bytes to an advertisement: structure only.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Family, Priority, Secret};
use subtle::ConstantTimeEq;
use zerocopy::FromBytes;

use super::{AuthType, HEADER_LEN, Interval, MAX_CENTIS, RawHeader, Version, address_len};
use crate::{ah, ipv4};

/// The smallest payload of an Ethernet frame; a shorter datagram is padded to it.
const ETHERNET_MIN_PAYLOAD: usize = 46;

/// A message whose lengths are right. Nothing else has been judged: not its type, its VRID, its
/// count of addresses, its interval nor its checksum.
///
/// `Debug` leaves out the authentication data, which may be a password.
#[derive(Clone, Copy)]
pub struct Advert<'a> {
    family: Family,
    version: Version,
    raw: RawHeader,
    message: &'a [u8],
    addresses: &'a [u8],
    auth_data: Option<&'a [u8; 8]>,
    trailing: &'a [u8],
}

/// Why bytes are no VRRP message, or a datagram holds none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The datagram is none of IPv4.
    Ipv4(ipv4::Error),
    /// What should be an authentication header is none.
    Ah(ah::Error),
    /// The IPv4 header, or the authentication header, says that something else than VRRP follows.
    Protocol(u8),
    /// Fewer bytes than the fixed header.
    TooShort {
        /// Bytes received.
        len: usize,
        /// Bytes of the fixed header: 8.
        expected: usize,
    },
    /// A version that is neither 2 nor 3.
    UnknownVersion(u8),
    /// The message is longer or shorter than its version and its count of addresses make it.
    LengthMismatch {
        /// Bytes received.
        len: usize,
        /// Bytes that it should have.
        expected: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(error) => error.fmt(f),
            Self::Ah(error) => error.fmt(f),
            Self::Protocol(protocol) => write!(f, "IP protocol {protocol} instead of VRRP"),
            Self::TooShort { len, expected } => {
                write!(f, "{len} bytes are too few for a VRRP header of {expected}")
            }
            Self::UnknownVersion(version) => write!(f, "unknown VRRP version {version}"),
            Self::LengthMismatch { len, expected } => {
                write!(f, "VRRP message of {len} bytes instead of {expected}")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// Reads the VRRP message that came over `family`: the payload of the IP packet, or what follows the
/// authentication header.
///
/// The length must be exactly what version and count of addresses make it. The one exception is
/// keepalived's: a short IPv4 datagram may come with the padding of its Ethernet frame inside its
/// total length. VRRP datagrams are whole numbers of 4 bytes and padding fills to 46 (or, with
/// tags, to another number that leaves 2 when divided by 4), so only a tail of such a length is
/// padding.
///
/// # Errors
/// Names what is wrong with the structure.
pub fn decode(family: Family, bytes: &[u8]) -> Result<Advert<'_>, DecodeError> {
    let len = bytes.len();
    let (raw, body) = RawHeader::read(bytes)?;
    let number = raw.version_type >> 4;
    let version = Version::from_number(number).ok_or(DecodeError::UnknownVersion(number))?;
    let expected = usize::from(version.message_len(family, raw.count));
    let mismatch = DecodeError::LengthMismatch { len, expected };

    let (message, trailing) = bytes.split_at_checked(expected).ok_or(mismatch)?;
    let addresses_len = usize::from(raw.count) * usize::from(address_len(family));
    let (addresses, rest) = body.split_at_checked(addresses_len).ok_or(mismatch)?;
    let advert = Advert {
        family,
        version,
        raw,
        message,
        addresses,
        auth_data: if version.auth_data_len(family) == 0 { None } else { rest.first_chunk() },
        trailing,
    };
    if trailing.is_empty() || advert.tail_is_padding() { Ok(advert) } else { Err(mismatch) }
}

impl RawHeader {
    /// The header and what follows it.
    pub(super) fn read(message: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        Self::read_from_prefix(message)
            .map_err(|_| DecodeError::TooShort { len: message.len(), expected: HEADER_LEN.into() })
    }
}

impl<'a> Advert<'a> {
    fn tail_is_padding(&self) -> bool {
        // An authentication header makes every datagram longer than the smallest frame.
        let has_ah = self.auth_type() == Some(AuthType::Ah);
        let datagram = usize::from(ipv4::HEADER_LEN) + self.message.len();
        self.family == Family::V4
            && !has_ah
            && datagram < ETHERNET_MIN_PAYLOAD
            && self.trailing.len() % 4 == ETHERNET_MIN_PAYLOAD % 4
    }

    /// The family that it came over.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its type; only 1, ADVERTISEMENT, has a meaning.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.raw.version_type & 0xf
    }

    /// The virtual router; 0 is none.
    #[must_use]
    pub const fn vrid(&self) -> u8 {
        self.raw.vrid
    }

    /// The sender's priority.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        Priority(self.raw.priority)
    }

    /// How many addresses it says, and has. 0 is against RFC 9568 erratum 8299.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.raw.count
    }

    /// The authentication type as sent; 0 for version 3, which has none.
    #[must_use]
    pub const fn auth_byte(&self) -> u8 {
        let [auth, _] = self.raw.auth_interval;
        match self.version {
            Version::V2 => auth,
            Version::V3 => 0,
        }
    }

    /// The authentication type, `None` if nobody knows it.
    #[must_use]
    pub const fn auth_type(&self) -> Option<AuthType> {
        AuthType::from_number(self.auth_byte())
    }

    /// The sender's interval; the reserved bits of version 3 are ignored (RFC 9568 section 5.2.6).
    #[must_use]
    pub const fn interval(&self) -> Interval {
        let [_, seconds] = self.raw.auth_interval;
        match self.version {
            Version::V2 => Interval::Seconds(seconds),
            Version::V3 => Interval::Centis(u16::from_be_bytes(self.raw.auth_interval) & MAX_CENTIS),
        }
    }

    /// The checksum field; see [`verify_checksum`](super::verify_checksum).
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.raw.checksum.get()
    }

    /// The addresses in the order sent.
    #[must_use]
    pub const fn addresses(&self) -> Addresses<'a> {
        Addresses { family: self.family, bytes: self.addresses }
    }

    /// The 8 bytes at the end of a version 2 message over IPv4.
    #[must_use]
    pub const fn auth_data(&self) -> Option<&'a [u8; 8]> {
        self.auth_data
    }

    /// Whether the authentication data is `password`, found out in constant time.
    #[must_use]
    pub fn password_is(&self, password: &Secret<[u8; 8]>) -> bool {
        self.auth_data.is_some_and(|data| bool::from(data.ct_eq(password.reveal())))
    }

    /// The message alone: what checksum and check value cover.
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The padding that came with it.
    #[must_use]
    pub const fn trailing(&self) -> &'a [u8] {
        self.trailing
    }
}

impl fmt::Debug for Advert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advert")
            .field("family", &self.family)
            .field("version", &self.version)
            .field("kind", &self.kind())
            .field("vrid", &self.vrid())
            .field("priority", &self.priority())
            .field("auth_byte", &self.auth_byte())
            .field("interval", &self.interval())
            .field("checksum", &self.checksum())
            .field("addresses", &self.addresses())
            .field("trailing", &self.trailing.len())
            .finish_non_exhaustive()
    }
}

/// The addresses of an advertisement.
#[derive(Clone, Copy)]
pub struct Addresses<'a> {
    family: Family,
    bytes: &'a [u8],
}

impl Addresses<'_> {
    /// Takes the next `N` bytes.
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (address, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*address)
    }
}

impl Iterator for Addresses<'_> {
    type Item = IpAddr;

    fn next(&mut self) -> Option<IpAddr> {
        match self.family {
            Family::V4 => self.take().map(|octets: [u8; 4]| Ipv4Addr::from(octets).into()),
            Family::V6 => self.take().map(|octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len() / usize::from(address_len(self.family));
        (len, Some(len))
    }
}

impl ExactSizeIterator for Addresses<'_> {}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    /// A version 3 message with one IPv4 address, 12 bytes, and `tail` more.
    fn v3(tail: usize) -> Vec<u8> {
        let mut bytes = [0x31, 51, 150, 1, 0, 100, 0, 0, 10, 1, 2, 254].to_vec();
        bytes.resize(12 + tail, 0);
        bytes
    }

    #[test]
    fn only_a_tail_that_pads_an_ethernet_frame_is_forgiven() {
        // 20 + 12 bytes are padded to 46.
        let padded = v3(14);
        let advert = decode(Family::V4, &padded).unwrap();
        assert_eq!((advert.message().len(), advert.trailing().len()), (12, 14));
        for tail in [1, 3, 4, 8, 15, 16] {
            let refused = DecodeError::LengthMismatch { len: 12 + tail, expected: 12 };
            assert_eq!(decode(Family::V4, &v3(tail)).unwrap_err(), refused);
        }
    }

    #[test]
    fn datagrams_that_fill_a_frame_have_no_padding() {
        // Version 2: 20 + 16 + 4n bytes, so three addresses make 48.
        let v2 = |count: u8, auth: u8, tail: usize| {
            let mut bytes = [0x21, 51, 150, count, auth, 1, 0, 0].to_vec();
            bytes.resize(16 + usize::from(count) * 4 + tail, 0);
            bytes
        };
        assert!(decode(Family::V4, &v2(2, 0, 2)).is_ok());
        assert!(decode(Family::V4, &v2(3, 0, 0)).is_ok());
        assert!(decode(Family::V4, &v2(3, 0, 2)).is_err());
        // An authentication header takes 24 bytes more.
        assert!(decode(Family::V4, &v2(1, 2, 0)).is_ok());
        assert!(decode(Family::V4, &v2(1, 2, 2)).is_err());
        // And so does an IPv6 header.
        let v6 = [&[0x31, 51, 150, 0, 0, 100, 0, 0][..], &[0; 6]].concat();
        assert!(decode(Family::V6, &v6[..8]).is_ok());
        assert!(decode(Family::V6, &v6).is_err());
    }

    #[test]
    fn version_2_over_ipv6_has_no_authentication_data() {
        let bytes = [&[0x21, 51, 150, 1, 0, 1, 0, 0][..], &[0xfe; 16]].concat();
        let advert = decode(Family::V6, &bytes).unwrap();
        assert_eq!((advert.auth_data(), advert.addresses().len()), (None, 1));
        assert!(!advert.password_is(&Secret::new([0; 8])));
    }

    #[test]
    fn debug_shows_no_password() {
        let bytes = [&[0x21, 51, 150, 0, 1, 1, 0, 0][..], b"admin123"].concat();
        let advert = decode(Family::V4, &bytes).unwrap();
        assert!(advert.password_is(&Secret::new(*b"admin123")));
        let text = format!("{advert:?}");
        assert!(!text.contains("admin123") && !text.contains("97, 100"), "{text}");
    }
}
