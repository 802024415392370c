//! ARP (RFC 826) for IPv4 over Ethernet, as far as moving an address needs it.

use core::fmt;
use core::net::Ipv4Addr;

use base::Mac;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Packet, ethernet};

/// The operation of a question.
pub const REQUEST: u16 = 1;

/// The operation of an answer.
pub const REPLY: u16 = 2;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawArp {
    hardware_type: U16,
    protocol_type: U16,
    hardware_len: u8,
    protocol_len: u8,
    operation: U16,
    sender_mac: [u8; 6],
    sender_ip: [u8; 4],
    target_mac: [u8; 6],
    target_ip: [u8; 4],
}

/// Ethernet, IPv4 and the lengths of their addresses: the only combination there is here.
const HARDWARE_ETHERNET: u16 = 1;
const LENGTHS: (u8, u8) = (6, 4);

/// An ARP message in its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// Receiver of the frame.
    pub frame_dst: Mac,
    /// Sender of the frame.
    pub frame_src: Mac,
    /// [`REQUEST`], [`REPLY`] or something else.
    pub operation: u16,
    /// Who says so.
    pub sender_mac: Mac,
    /// Which address it speaks for.
    pub sender_ip: Ipv4Addr,
    /// Whose hardware address; not used in a question.
    pub target_mac: Mac,
    /// Which address is meant.
    pub target_ip: Ipv4Addr,
}

/// Why a frame holds no ARP message for IPv4 over Ethernet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The frame is too short.
    TooShort {
        /// Bytes received.
        len: usize,
    },
    /// The frame carries something else.
    Ethertype(u16),
    /// The message is about other kinds of addresses.
    AddressKinds,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "{len} bytes are too few for an ARP message"),
            Self::Ethertype(ethertype) => write!(f, "frame of type {ethertype:#06x} instead of ARP"),
            Self::AddressKinds => f.write_str("ARP for something else than IPv4 over Ethernet"),
        }
    }
}

impl core::error::Error for Error {}

impl Arp {
    /// Whether it says that `sender_ip` is at `sender_mac` without being asked.
    #[must_use]
    pub fn is_gratuitous(&self) -> bool {
        self.sender_ip == self.target_ip
    }

    /// The frame, without padding: the driver adds it.
    #[must_use]
    pub fn to_frame(&self) -> Packet {
        let frame =
            ethernet::Header { dst: self.frame_dst, src: self.frame_src, ethertype: ethernet::TYPE_ARP };
        let (hardware_len, protocol_len) = LENGTHS;
        let raw = RawArp {
            hardware_type: HARDWARE_ETHERNET.into(),
            protocol_type: ethernet::TYPE_IPV4.into(),
            hardware_len,
            protocol_len,
            operation: self.operation.into(),
            sender_mac: self.sender_mac.0,
            sender_ip: self.sender_ip.octets(),
            target_mac: self.target_mac.0,
            target_ip: self.target_ip.octets(),
        };
        let mut packet = Packet::new();
        packet.extend_from_slice(&frame.to_bytes());
        packet.extend_from_slice(raw.as_bytes());
        packet
    }
}

/// The broadcast frame that tells everybody that `ip` is at `mac` now.
///
/// It has keepalived's form: a request for `ip` by `ip`, whose target hardware address is the
/// broadcast address (an announcement of RFC 5227 section 2.3 would have zeros there).
#[must_use]
pub fn gratuitous(mac: Mac, ip: Ipv4Addr) -> Packet {
    Arp {
        frame_dst: Mac::BROADCAST,
        frame_src: mac,
        operation: REQUEST,
        sender_mac: mac,
        sender_ip: ip,
        target_mac: Mac::BROADCAST,
        target_ip: ip,
    }
    .to_frame()
}

/// Reads a frame; padding is ignored.
///
/// # Errors
/// If it holds no ARP message for IPv4 over Ethernet.
pub fn parse(frame: &[u8]) -> Result<Arp, Error> {
    let too_short = Error::TooShort { len: frame.len() };
    let (header, payload) = ethernet::parse(frame).map_err(|_| too_short)?;
    if header.ethertype != ethernet::TYPE_ARP {
        return Err(Error::Ethertype(header.ethertype));
    }
    let (raw, _) = RawArp::read_from_prefix(payload).map_err(|_| too_short)?;
    let kinds = (raw.hardware_type.get(), raw.protocol_type.get());
    if kinds != (HARDWARE_ETHERNET, ethernet::TYPE_IPV4) || (raw.hardware_len, raw.protocol_len) != LENGTHS {
        return Err(Error::AddressKinds);
    }
    Ok(Arp {
        frame_dst: header.dst,
        frame_src: header.src,
        operation: raw.operation.get(),
        sender_mac: Mac(raw.sender_mac),
        sender_ip: raw.sender_ip.into(),
        target_mac: Mac(raw.target_mac),
        target_ip: raw.target_ip.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_arp_message_is_named() {
        let frame = gratuitous(Mac([2, 0, 0, 0, 0, 3]), Ipv4Addr::new(10, 1, 2, 254));
        assert_eq!(parse(&frame[..13]), Err(Error::TooShort { len: 13 }));
        assert_eq!(parse(&frame[..41]), Err(Error::TooShort { len: 41 }));
        let mut other = frame.clone();
        other[13] = 0;
        assert_eq!(parse(&other), Err(Error::Ethertype(0x0800)));
        other = frame;
        other[18] = 8;
        assert_eq!(parse(&other), Err(Error::AddressKinds));
    }
}
