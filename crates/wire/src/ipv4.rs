//! The IPv4 header (RFC 791), as far as VRRP needs it.
//!
//! Reading honours the header length and checks the total length against what arrived. It does not
//! check the header checksum: the kernel has done that before a raw socket sees a datagram.
//! Writing makes a header without options and fills the checksum, so that a packet is complete
//! wherever it goes.

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::Sum;

/// The length of a header without options, in bytes.
pub const HEADER_LEN: u16 = 20;

/// The type of service of what routers say to each other: precedence "internetwork control".
pub const TOS_INTERNETWORK_CONTROL: u8 = 0xc0;

/// The first 20 bytes as they lie on the wire.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RawHeader {
    version_ihl: u8,
    pub(crate) tos: u8,
    total_len: U16,
    id: U16,
    pub(crate) flags_fragment: U16,
    pub(crate) ttl: u8,
    protocol: u8,
    pub(crate) checksum: U16,
    src: [u8; 4],
    dst: [u8; 4],
}

impl RawHeader {
    pub(crate) fn dst(&self) -> Ipv4Addr {
        self.dst.into()
    }
}

/// The values of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Bytes of the whole datagram, header included.
    pub total_len: u16,
    /// Identification.
    pub id: u16,
    /// Flags (3 bits) and fragment offset (13 bits).
    pub flags_fragment: u16,
    /// Time to live.
    pub ttl: u8,
    /// What comes next: 112 VRRP, 51 AH.
    pub protocol: u8,
    /// Header checksum as received; ignored when writing.
    pub checksum: u16,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
}

/// A datagram taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Its header.
    pub header: Header,
    /// The bytes of the header, options included.
    pub header_bytes: &'a [u8],
    /// The options, padded to a multiple of 4 bytes.
    pub options: &'a [u8],
    /// What the header says belongs to the datagram.
    pub payload: &'a [u8],
    /// What arrived beyond the total length: padding of a short Ethernet frame.
    pub padding: &'a [u8],
}

/// Why bytes are no IPv4 datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// Fewer bytes than the smallest header.
    TooShort {
        /// Bytes received.
        len: usize,
    },
    /// The version field doesn't say 4.
    Version(u8),
    /// The header length field is below 20 bytes or above what arrived or above the total length.
    HeaderLength {
        /// What the field says, in bytes.
        claimed: usize,
        /// Bytes received.
        len: usize,
    },
    /// The total length field is above what arrived.
    TotalLength {
        /// What the field says, in bytes.
        claimed: usize,
        /// Bytes received.
        len: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "{len} bytes are too few for an IPv4 header"),
            Self::Version(version) => write!(f, "IP version {version} instead of 4"),
            Self::HeaderLength { claimed, len } => {
                write!(f, "IPv4 header length of {claimed} bytes in a datagram of {len}")
            }
            Self::TotalLength { claimed, len } => {
                write!(f, "IPv4 total length of {claimed} bytes, {len} received")
            }
        }
    }
}

impl core::error::Error for Error {}

impl Header {
    /// The 20 bytes, with a right checksum.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 20] {
        let mut raw = self.raw();
        raw.checksum = Sum::ZERO.add_bytes(raw.as_bytes()).finish().into();
        zerocopy::transmute!(raw)
    }

    /// The bytes with a zero checksum.
    pub(crate) fn raw(&self) -> RawHeader {
        RawHeader {
            version_ihl: 0x45,
            tos: self.tos,
            total_len: self.total_len.into(),
            id: self.id.into(),
            flags_fragment: self.flags_fragment.into(),
            ttl: self.ttl,
            protocol: self.protocol,
            checksum: U16::ZERO,
            src: self.src.octets(),
            dst: self.dst.octets(),
        }
    }
}

/// Takes a datagram apart.
///
/// # Errors
/// Names the first field that cannot be true.
pub fn parse(bytes: &[u8]) -> Result<Datagram<'_>, Error> {
    let len = bytes.len();
    let Ok((raw, _)) = RawHeader::read_from_prefix(bytes) else {
        return Err(Error::TooShort { len });
    };
    let version = raw.version_ihl >> 4;
    if version != 4 {
        return Err(Error::Version(version));
    }
    let header_len = usize::from(raw.version_ihl & 0xf) * 4;
    let total_len = usize::from(raw.total_len.get());
    let Some((datagram, padding)) = bytes.split_at_checked(total_len) else {
        return Err(Error::TotalLength { claimed: total_len, len });
    };
    let bad_header_len = Error::HeaderLength { claimed: header_len, len };
    let Some((header_bytes, payload)) = datagram.split_at_checked(header_len) else {
        return Err(bad_header_len);
    };
    let Some(options) = header_bytes.get(usize::from(HEADER_LEN)..) else {
        return Err(bad_header_len);
    };
    let header = Header {
        tos: raw.tos,
        total_len: raw.total_len.get(),
        id: raw.id.get(),
        flags_fragment: raw.flags_fragment.get(),
        ttl: raw.ttl,
        protocol: raw.protocol,
        checksum: raw.checksum.get(),
        src: raw.src.into(),
        dst: raw.dst.into(),
    };
    Ok(Datagram { header, header_bytes, options, payload, padding })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        tos: TOS_INTERNETWORK_CONTROL,
        total_len: 24,
        id: 7,
        flags_fragment: 0,
        ttl: 255,
        protocol: 112,
        checksum: 0,
        src: Ipv4Addr::new(10, 1, 2, 3),
        dst: Ipv4Addr::new(224, 0, 0, 18),
    };

    fn datagram() -> [u8; 30] {
        let mut bytes = [9; 30];
        bytes[..20].copy_from_slice(&HEADER.to_bytes());
        bytes
    }

    #[test]
    fn a_written_header_has_a_right_checksum_and_reads_back() {
        let bytes = datagram();
        assert!(Sum::ZERO.add_bytes(&bytes[..20]).is_valid());
        let read = parse(&bytes).unwrap();
        assert_eq!(Header { checksum: 0, ..read.header }, HEADER);
        assert_eq!((read.payload.len(), read.padding.len()), (4, 6));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut bytes = datagram();
        assert_eq!(parse(&bytes[..19]), Err(Error::TooShort { len: 19 }));
        assert_eq!(parse(&bytes[..23]), Err(Error::TotalLength { claimed: 24, len: 23 }));
        bytes[0] = 0x44;
        assert_eq!(parse(&bytes), Err(Error::HeaderLength { claimed: 16, len: 30 }));
        bytes[0] = 0x47;
        assert_eq!(parse(&bytes), Err(Error::HeaderLength { claimed: 28, len: 30 }));
        bytes[0] = 0x65;
        assert_eq!(parse(&bytes), Err(Error::Version(6)));
    }
}
