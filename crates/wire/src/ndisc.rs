//! The neighbour advertisement of IPv6 (RFC 4861 section 4.4), as far as moving an address needs it.

use core::fmt;
use core::net::Ipv6Addr;

use base::Mac;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::Sum;
use crate::{Packet, ethernet, ipv6};

/// The next header value of ICMPv6.
pub const PROTOCOL_ICMPV6: u8 = 58;

/// The ICMPv6 type of a neighbour advertisement.
pub const TYPE_NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Where [`ALL_NODES`] is on Ethernet (RFC 2464 section 7).
const ALL_NODES_MAC: Mac = Mac([0x33, 0x33, 0, 0, 0, 1]);

/// A neighbour advertisement is valid with this hop limit only (RFC 4861 section 7.1.2).
const HOP_LIMIT: u8 = 255;

const FLAG_ROUTER: u8 = 0x80;
const FLAG_SOLICITED: u8 = 0x40;
const FLAG_OVERRIDE: u8 = 0x20;

/// The option "target link-layer address", and its length in units of 8 bytes.
const OPTION_TLLA: u8 = 2;
const OPTION_TLLA_UNITS: u8 = 1;

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawAdvertisement {
    icmp_type: u8,
    code: u8,
    checksum: U16,
    flags: u8,
    reserved: [u8; 3],
    target: [u8; 16],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawLinkLayerOption {
    kind: u8,
    units: u8,
    mac: [u8; 6],
}

/// A neighbour advertisement in its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourAdvert {
    /// Receiver of the frame.
    pub frame_dst: Mac,
    /// Sender of the frame.
    pub frame_src: Mac,
    /// Source address of the packet.
    pub src: Ipv6Addr,
    /// Destination address of the packet.
    pub dst: Ipv6Addr,
    /// The sender is a router.
    pub router: bool,
    /// It answers a question.
    pub solicited: bool,
    /// What receivers know already is to be replaced.
    pub overrides: bool,
    /// Which address is meant.
    pub target: Ipv6Addr,
    /// Where it is: the target link-layer address option.
    pub target_mac: Option<Mac>,
}

/// Why a frame holds no valid neighbour advertisement (RFC 4861 section 7.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The frame or its message is too short.
    TooShort {
        /// Bytes received.
        len: usize,
    },
    /// The frame carries something else.
    Ethertype(u16),
    /// The IPv6 header is none.
    Ipv6(ipv6::Error),
    /// The packet carries something other than ICMPv6.
    NextHeader(u8),
    /// The message is another one of ICMPv6, or has a code other than 0.
    Type {
        /// Its type.
        icmp_type: u8,
        /// Its code.
        code: u8,
    },
    /// It came through a router.
    HopLimit(u8),
    /// The checksum is wrong.
    Checksum,
    /// The target is a multicast address.
    MulticastTarget(Ipv6Addr),
    /// An option has no length or ends after the message.
    Option,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "{len} bytes are too few for a neighbour advertisement"),
            Self::Ethertype(ethertype) => write!(f, "frame of type {ethertype:#06x} instead of IPv6"),
            Self::Ipv6(error) => error.fmt(f),
            Self::NextHeader(protocol) => write!(f, "IP protocol {protocol} instead of ICMPv6"),
            Self::Type { icmp_type, code } => write!(f, "ICMPv6 type {icmp_type} code {code}"),
            Self::HopLimit(limit) => write!(f, "neighbour advertisement with hop limit {limit}"),
            Self::Checksum => f.write_str("ICMPv6 message with a wrong checksum"),
            Self::MulticastTarget(target) => {
                write!(f, "neighbour advertisement for multicast address {target}")
            }
            Self::Option => f.write_str("neighbour discovery option with a wrong length"),
        }
    }
}

impl core::error::Error for Error {}

/// The frame that tells all nodes that `ip` is at `mac` now.
///
/// Its source is `ip` itself, it replaces what receivers know, and it has the target link-layer
/// address option. `router` is for an interface that forwards.
#[must_use]
pub fn unsolicited_na(mac: Mac, ip: Ipv6Addr, router: bool) -> Packet {
    let option = RawLinkLayerOption { kind: OPTION_TLLA, units: OPTION_TLLA_UNITS, mac: mac.0 };
    let advertisement = RawAdvertisement {
        icmp_type: TYPE_NEIGHBOUR_ADVERTISEMENT,
        code: 0,
        checksum: U16::ZERO,
        flags: FLAG_OVERRIDE | if router { FLAG_ROUTER } else { 0 },
        reserved: [0; 3],
        target: ip.octets(),
    };
    // 24 + 8 bytes.
    let payload_len = 32;
    let sum = Sum::ZERO
        .add_pseudo_ipv6(ip, ALL_NODES, PROTOCOL_ICMPV6, payload_len)
        .add_bytes(advertisement.as_bytes())
        .add_bytes(option.as_bytes());
    let frame = ethernet::Header { dst: ALL_NODES_MAC, src: mac, ethertype: ethernet::TYPE_IPV6 };
    let header = ipv6::Header {
        traffic_class: 0,
        flow_label: 0,
        payload_len,
        next_header: PROTOCOL_ICMPV6,
        hop_limit: HOP_LIMIT,
        src: ip,
        dst: ALL_NODES,
    };

    let mut packet = Packet::new();
    packet.extend_from_slice(&frame.to_bytes());
    packet.extend_from_slice(&header.to_bytes());
    packet.extend_from_slice(RawAdvertisement { checksum: sum.finish().into(), ..advertisement }.as_bytes());
    packet.extend_from_slice(option.as_bytes());
    packet
}

/// Reads a frame; padding is ignored.
///
/// # Errors
/// If it holds no valid neighbour advertisement.
pub fn parse(frame: &[u8]) -> Result<NeighbourAdvert, Error> {
    let too_short = Error::TooShort { len: frame.len() };
    let (ethernet_header, packet) = ethernet::parse(frame).map_err(|_| too_short)?;
    if ethernet_header.ethertype != ethernet::TYPE_IPV6 {
        return Err(Error::Ethertype(ethernet_header.ethertype));
    }
    let (ip, payload) = ipv6::parse(packet).map_err(Error::Ipv6)?;
    if ip.next_header != PROTOCOL_ICMPV6 {
        return Err(Error::NextHeader(ip.next_header));
    }
    let (raw, options) = RawAdvertisement::read_from_prefix(payload).map_err(|_| too_short)?;
    if (raw.icmp_type, raw.code) != (TYPE_NEIGHBOUR_ADVERTISEMENT, 0) {
        return Err(Error::Type { icmp_type: raw.icmp_type, code: raw.code });
    }
    if ip.hop_limit != HOP_LIMIT {
        return Err(Error::HopLimit(ip.hop_limit));
    }
    let sum = Sum::ZERO.add_pseudo_ipv6(ip.src, ip.dst, PROTOCOL_ICMPV6, ip.payload_len).add_bytes(payload);
    if !sum.is_valid() {
        return Err(Error::Checksum);
    }
    let target = Ipv6Addr::from(raw.target);
    if target.is_multicast() {
        return Err(Error::MulticastTarget(target));
    }
    let flag = |bit: u8| raw.flags & bit != 0;
    Ok(NeighbourAdvert {
        frame_dst: ethernet_header.dst,
        frame_src: ethernet_header.src,
        src: ip.src,
        dst: ip.dst,
        router: flag(FLAG_ROUTER),
        solicited: flag(FLAG_SOLICITED),
        overrides: flag(FLAG_OVERRIDE),
        target,
        target_mac: target_link_layer(options)?,
    })
}

/// The last target link-layer address among `options`; every option must be whole.
fn target_link_layer(mut options: &[u8]) -> Result<Option<Mac>, Error> {
    let mut found = None;
    while let [kind, units, ..] = *options {
        let len = usize::from(units) * 8;
        if len == 0 {
            return Err(Error::Option);
        }
        let (option, rest) = options.split_at_checked(len).ok_or(Error::Option)?;
        if (kind, units) == (OPTION_TLLA, OPTION_TLLA_UNITS) {
            let raw = RawLinkLayerOption::read_from_bytes(option).map_err(|_| Error::Option)?;
            found = Some(Mac(raw.mac));
        }
        options = rest;
    }
    if options.is_empty() { Ok(found) } else { Err(Error::Option) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose ICMPv6 part went through `change`, with the checksum made right again.
    fn changed(change: impl Fn(&mut Packet)) -> Packet {
        let mut frame = unsolicited_na(Mac([2, 0, 0, 0, 0, 3]), "2001:db8::51".parse().unwrap(), false);
        change(&mut frame);
        frame[56..58].fill(0);
        let (ip, payload) = ipv6::parse(&frame[14..]).unwrap();
        let sum = Sum::ZERO.add_pseudo_ipv6(ip.src, ip.dst, 58, ip.payload_len).add_bytes(payload).finish();
        frame[56..58].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    #[test]
    fn what_is_no_neighbour_advertisement_is_named() {
        let good = changed(|_| ());
        assert!(parse(&good).is_ok());
        assert_eq!(parse(&good[..10]), Err(Error::TooShort { len: 10 }));
        let cut = ipv6::Error::PayloadLength { claimed: 32, len: 31 };
        assert_eq!(parse(&good[..85]), Err(Error::Ipv6(cut)));
        assert_eq!(parse(&changed(|f| f[20] = 17)), Err(Error::NextHeader(17)));
        assert_eq!(parse(&changed(|f| f[54] = 135)), Err(Error::Type { icmp_type: 135, code: 0 }));
        assert_eq!(parse(&changed(|f| f[21] = 64)), Err(Error::HopLimit(64)));
        let group = "ff01:db8::51".parse().unwrap();
        assert_eq!(
            parse(&changed(|f| f[62..64].copy_from_slice(&[0xff, 1]))),
            Err(Error::MulticastTarget(group))
        );
        assert_eq!(parse(&changed(|f| f[79] = 0)), Err(Error::Option));
        assert_eq!(parse(&changed(|f| f[79] = 2)), Err(Error::Option));
        let mut bad = good;
        bad[85] ^= 1;
        assert_eq!(parse(&bad), Err(Error::Checksum));
        bad[12] = 8;
        assert_eq!(parse(&bad), Err(Error::Ethertype(0x08dd)));
    }
}
