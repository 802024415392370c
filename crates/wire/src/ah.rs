//! The IP authentication header (RFC 2402) with HMAC-MD5-96 (RFC 2403), as keepalived's VRRPv2
//! uses it: authentication type 2 of RFC 2338.
//!
//! Three things are keepalived's own, and peers depend on them. The security parameters index is the
//! sender's IPv4 address. The TTL takes part in the integrity check value of a multicast packet, where
//! RFC 2402 section 3.3.3.1.1.1 would have it zero; it is zero for unicast only. The key is the
//! password, zero padded to 8 bytes.

use core::fmt;
use core::net::Ipv4Addr;

use base::Secret;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use subtle::ConstantTimeEq;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ipv4;

/// The IP protocol number.
pub const PROTOCOL: u8 = 51;

/// The length of the header with a 96-bit check value, in bytes.
pub const HEADER_LEN: u16 = 24;

/// What the length field says for that length: 32-bit words less two.
const PAYLOAD_LEN: u8 = 4;

/// An integrity check value: the first 96 bits of the HMAC.
pub type Icv = [u8; 12];

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    next_header: u8,
    payload_len: u8,
    reserved: U16,
    spi: U32,
    sequence: U32,
    icv: Icv,
}

/// The values of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What comes next: 112 for VRRP.
    pub next_header: u8,
    /// Sent as zero; covered by the check value.
    pub reserved: u16,
    /// Security parameters index; in VRRP the sender's IPv4 address.
    pub spi: u32,
    /// Sequence number, from 1.
    pub sequence: u32,
    /// Integrity check value.
    pub icv: Icv,
}

/// Why bytes are no authentication header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// Fewer bytes than the header.
    TooShort {
        /// Bytes received.
        len: usize,
    },
    /// The length field doesn't say that the check value has 96 bits.
    Length(u8),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "{len} bytes are too few for an authentication header"),
            Self::Length(words) => write!(f, "authentication header with length field {words} instead of 4"),
        }
    }
}

impl core::error::Error for Error {}

impl Header {
    /// The header of an advert from `src`, with a zero check value.
    #[must_use]
    pub fn unsigned(next_header: u8, src: Ipv4Addr, sequence: u32) -> Self {
        Self { next_header, reserved: 0, spi: src.to_bits(), sequence, icv: [0; 12] }
    }

    /// The 24 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 24] {
        zerocopy::transmute!(RawHeader {
            next_header: self.next_header,
            payload_len: PAYLOAD_LEN,
            reserved: self.reserved.into(),
            spi: self.spi.into(),
            sequence: self.sequence.into(),
            icv: self.icv,
        })
    }

    /// Whether the security parameters index is `src`, as keepalived requires.
    #[must_use]
    pub fn spi_is(&self, src: Ipv4Addr) -> bool {
        self.spi == src.to_bits()
    }
}

/// Splits the payload of an IP packet of protocol 51 into header and what follows.
///
/// # Errors
/// If it is too short or the check value has another length.
pub fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), Error> {
    let Ok((raw, rest)) = RawHeader::read_from_prefix(bytes) else {
        return Err(Error::TooShort { len: bytes.len() });
    };
    if raw.payload_len != PAYLOAD_LEN {
        return Err(Error::Length(raw.payload_len));
    }
    let header = Header {
        next_header: raw.next_header,
        reserved: raw.reserved.get(),
        spi: raw.spi.get(),
        sequence: raw.sequence.get(),
        icv: raw.icv,
    };
    Ok((header, rest))
}

/// A password as the 8 bytes that both the text password and the key of the HMAC are: cut or padded
/// with zeros.
#[must_use]
pub fn key(password: &[u8]) -> Secret<[u8; 8]> {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(password) {
        *to = *from;
    }
    Secret::new(bytes)
}

/// The integrity check value of the datagram that consists of `ip` without options, `ah` and the
/// `message`, whose pieces are taken one after the other.
///
/// The fields that may change on the way are taken as zero here, whatever they hold, and so is the
/// check value of `ah`.
#[must_use]
pub fn icv(key: &Secret<[u8; 8]>, ip: &ipv4::Header, ah: &Header, message: &[&[u8]]) -> Icv {
    compute(key, ip.raw(), &[], ah, message)
}

/// Whether the check value that came with the datagram `header_bytes + ah + message` is right. Takes
/// the same time wherever the difference is.
///
/// `header_bytes` is the IPv4 header with its options, which are covered as they are.
#[must_use]
pub fn verify(key: &Secret<[u8; 8]>, header_bytes: &[u8], ah: &Header, message: &[u8]) -> bool {
    let Ok((ip, options)) = ipv4::RawHeader::read_from_prefix(header_bytes) else {
        return false;
    };
    compute(key, ip, options, ah, &[message]).ct_eq(&ah.icv).into()
}

fn compute(
    key: &Secret<[u8; 8]>,
    mut ip: ipv4::RawHeader,
    options: &[u8],
    ah: &Header,
    message: &[&[u8]],
) -> Icv {
    ip.tos = 0;
    ip.flags_fragment = 0.into();
    ip.checksum = 0.into();
    if !ip.dst().is_multicast() {
        ip.ttl = 0;
    }

    // HMAC pads its key with zeros to the block size of the digest: doing it here is the same, and
    // cannot fail.
    let mut block = hmac::digest::Key::<Hmac<Md5>>::default();
    for (to, from) in block.iter_mut().zip(key.reveal()) {
        *to = *from;
    }
    let mut mac = Hmac::<Md5>::new(&block);
    mac.update(ip.as_bytes());
    mac.update(options);
    mac.update(&Header { icv: [0; 12], ..*ah }.to_bytes());
    for piece in message {
        mac.update(piece);
    }
    let full: [u8; 16] = mac.finalize().into_bytes().into();
    let [icv @ .., _, _, _, _] = full;
    icv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_cut_and_padded_to_eight_bytes() {
        assert_eq!(key(b"secret").reveal(), b"secret\0\0");
        assert_eq!(key(b"longerthan8").reveal(), b"longerth");
    }

    #[test]
    fn a_header_reads_back_and_another_length_is_refused() {
        let header = Header::unsigned(112, Ipv4Addr::new(10, 1, 2, 3), 7);
        let mut bytes = header.to_bytes();
        assert_eq!(parse(&bytes), Ok((header, &[][..])));
        assert!(header.spi_is(Ipv4Addr::new(10, 1, 2, 3)));
        assert_eq!(parse(&bytes[..23]), Err(Error::TooShort { len: 23 }));
        bytes[1] = 5;
        assert_eq!(parse(&bytes), Err(Error::Length(5)));
    }
}
