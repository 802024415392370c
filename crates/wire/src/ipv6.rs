//! The fixed IPv6 header (RFC 8200 section 3).

use core::fmt;
use core::net::Ipv6Addr;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of the fixed header, in bytes.
pub const HEADER_LEN: u16 = 40;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    version_class_flow: U32,
    payload_len: U16,
    next_header: u8,
    hop_limit: u8,
    src: [u8; 16],
    dst: [u8; 16],
}

/// The values of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Traffic class: DSCP and ECN.
    pub traffic_class: u8,
    /// Flow label, 20 bits; higher bits are not written.
    pub flow_label: u32,
    /// Bytes that follow the header.
    pub payload_len: u16,
    /// What comes next: 112 VRRP, 58 ICMPv6.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
}

/// Why bytes are no IPv6 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// Fewer bytes than the fixed header.
    TooShort {
        /// Bytes received.
        len: usize,
    },
    /// The version field doesn't say 6.
    Version(u32),
    /// The payload length field is above what arrived.
    PayloadLength {
        /// What the field says, in bytes.
        claimed: usize,
        /// Bytes received after the header.
        len: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "{len} bytes are too few for an IPv6 header"),
            Self::Version(version) => write!(f, "IP version {version} instead of 6"),
            Self::PayloadLength { claimed, len } => {
                write!(f, "IPv6 payload length of {claimed} bytes, {len} received")
            }
        }
    }
}

impl core::error::Error for Error {}

impl Header {
    /// The 40 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 40] {
        zerocopy::transmute!(RawHeader {
            version_class_flow: ((6 << 28)
                | (u32::from(self.traffic_class) << 20)
                | (self.flow_label & 0xf_ffff))
                .into(),
            payload_len: self.payload_len.into(),
            next_header: self.next_header,
            hop_limit: self.hop_limit,
            src: self.src.octets(),
            dst: self.dst.octets(),
        })
    }
}

/// Splits a packet into its header and its payload; bytes beyond the payload length are left out.
///
/// # Errors
/// Names the first field that cannot be true.
pub fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), Error> {
    let Ok((raw, rest)) = RawHeader::read_from_prefix(bytes) else {
        return Err(Error::TooShort { len: bytes.len() });
    };
    let word = raw.version_class_flow.get();
    let version = word >> 28;
    if version != 6 {
        return Err(Error::Version(version));
    }
    let claimed = usize::from(raw.payload_len.get());
    let Some(payload) = rest.get(..claimed) else {
        return Err(Error::PayloadLength { claimed, len: rest.len() });
    };
    // Bits 20 to 27 of the first word, moved to the lowest byte.
    let [.., traffic_class] = (word >> 20).to_be_bytes();
    let header = Header {
        traffic_class,
        flow_label: word & 0xf_ffff,
        payload_len: raw.payload_len.get(),
        next_header: raw.next_header,
        hop_limit: raw.hop_limit,
        src: raw.src.into(),
        dst: raw.dst.into(),
    };
    Ok((header, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_lengths_that_lie_are_refused() {
        let header = Header {
            traffic_class: 0xc0,
            flow_label: 0x12345,
            payload_len: 2,
            next_header: 112,
            hop_limit: 255,
            src: "fe80::a:3".parse().unwrap(),
            dst: "ff02::12".parse().unwrap(),
        };
        let mut bytes = [0; 43];
        bytes[..40].copy_from_slice(&header.to_bytes());
        assert_eq!(parse(&bytes), Ok((header, &[0, 0][..])));
        assert_eq!(parse(&bytes[..39]), Err(Error::TooShort { len: 39 }));
        assert_eq!(parse(&bytes[..41]), Err(Error::PayloadLength { claimed: 2, len: 1 }));
        bytes[0] = 0x45;
        assert_eq!(parse(&bytes), Err(Error::Version(4)));
    }
}
