//! The header of an untagged Ethernet frame.

use core::fmt;

use base::Mac;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of the header, in bytes.
pub const HEADER_LEN: u16 = 14;

/// The type of ARP.
pub const TYPE_ARP: u16 = 0x0806;

/// The type of IPv4.
pub const TYPE_IPV4: u16 = 0x0800;

/// The type of IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    dst: [u8; 6],
    src: [u8; 6],
    ethertype: U16,
}

/// The values of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Receiver.
    pub dst: Mac,
    /// Sender.
    pub src: Mac,
    /// What comes next.
    pub ethertype: u16,
}

/// A frame of fewer than 14 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooShort {
    /// Bytes received.
    pub len: usize,
}

impl fmt::Display for TooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are too few for an Ethernet header", self.len)
    }
}

impl core::error::Error for TooShort {}

impl Header {
    /// The 14 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 14] {
        let Self { dst: Mac(dst), src: Mac(src), ethertype } = *self;
        zerocopy::transmute!(RawHeader { dst, src, ethertype: ethertype.into() })
    }
}

/// Splits a frame into its header and its payload, padding included.
///
/// # Errors
/// If it is shorter than the header.
pub fn parse(frame: &[u8]) -> Result<(Header, &[u8]), TooShort> {
    let Ok((raw, payload)) = RawHeader::read_from_prefix(frame) else {
        return Err(TooShort { len: frame.len() });
    };
    let header = Header { dst: Mac(raw.dst), src: Mac(raw.src), ethertype: raw.ethertype.get() };
    Ok((header, payload))
}
