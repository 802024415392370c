//! What a frame of a capture means for VRRP, field by field.
//!
//! This reader is on purpose independent of `wire`: it shows what is there, right or wrong, and a
//! mistake of the daemon's own codec cannot hide itself. Values that are random by design (the IP
//! identification, the IPv6 flow label) are left out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use base::Mac;

use crate::capture::Frame;

/// A frame that matters to VRRP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, since the lab began.
    pub at: Duration,
    /// Source hardware address of the frame.
    pub sender: Mac,
    /// What it is.
    pub kind: Kind,
    /// All fields with their values, in the order of the frame.
    pub fields: Vec<(&'static str, String)>,
}

/// The kinds of frames that matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A VRRP advertisement, with or without an authentication header.
    Advert {
        /// VRRP version.
        version: u8,
        /// Virtual router id.
        vrid: u8,
        /// Priority; 0 says farewell.
        priority: u8,
        /// IP source.
        source: IpAddr,
    },
    /// A gratuitous ARP for an address.
    Garp(Ipv4Addr),
    /// An unsolicited neighbour advertisement for an address.
    Na(Ipv6Addr),
}

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PROTO_AH: u8 = 51;
const PROTO_ICMPV6: u8 = 58;
const PROTO_VRRP: u8 = 112;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

impl Event {
    /// The event of a frame; `None` for other traffic and for what is too short to be one.
    #[must_use]
    pub fn of(frame: &Frame) -> Option<Self> {
        let mut reader = Reader { rest: &frame.bytes, fields: Vec::new() };
        let destination = reader.array::<6>()?;
        let sender = Mac(reader.array()?);
        reader.field("eth.src", sender);
        reader.field("eth.dst", Mac(destination));
        let kind = match reader.u16()? {
            ARP => reader.arp(),
            IPV4 => reader.ipv4(),
            IPV6 => reader.ipv6(),
            _ => None,
        }?;
        Some(Self { at: frame.at, sender, kind, fields: reader.fields })
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// A short name of the kind.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Advert { .. } => "advert",
            Kind::Garp(_) => "garp",
            Kind::Na(_) => "na",
        }
    }
}

/// One line with all fields.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:10.6} {}", self.at.as_secs_f64(), self.kind_name())?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    fields: Vec<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    fn field(&mut self, name: &'static str, value: impl fmt::Display) {
        self.fields.push((name, value.to_string()));
    }

    fn hex(&mut self, name: &'static str, bytes: &[u8]) {
        let text = bytes.iter().map(|b| format!("{b:02x}")).collect();
        self.fields.push((name, text));
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length)?;
        self.rest = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[b]| b)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn arp(&mut self) -> Option<Kind> {
        self.take(6)?;
        let operation = self.u16()?;
        let sender = Mac(self.array()?);
        let source = Ipv4Addr::from(self.array::<4>()?);
        let target = Mac(self.array()?);
        let target_ip = Ipv4Addr::from(self.array::<4>()?);
        if source != target_ip {
            return None;
        }
        self.field("arp.op", operation);
        self.field("arp.sender", sender);
        self.field("arp.ip", source);
        self.field("arp.target", target);
        Some(Kind::Garp(source))
    }

    fn ipv4(&mut self) -> Option<Kind> {
        let first = self.u8()?;
        let tos = self.u8()?;
        let total = self.u16()?;
        let _identification = self.u16()?;
        let fragment = self.u16()?;
        let ttl = self.u8()?;
        let protocol = self.u8()?;
        let _checksum_over_the_identification = self.u16()?;
        let source = Ipv4Addr::from(self.array::<4>()?);
        let destination = Ipv4Addr::from(self.array::<4>()?);
        let header = usize::from(first & 15) * 4;
        let options = self.take(header.checked_sub(20)?)?;
        if !matches!(protocol, PROTO_AH | PROTO_VRRP) {
            return None;
        }
        self.field("ip.src", source);
        self.field("ip.dst", destination);
        self.field("ip.tos", format_args!("{tos:#04x}"));
        self.field("ip.ttl", ttl);
        self.field("ip.length", total);
        self.field("ip.fragment", format_args!("{fragment:#06x}"));
        self.hex("ip.options", options);
        // What follows the datagram is padding of the Ethernet frame.
        self.rest = self.rest.get(..usize::from(total).checked_sub(header)?)?;
        self.vrrp_or_ah(protocol, IpAddr::V4(source))
    }

    fn ipv6(&mut self) -> Option<Kind> {
        let first = self.u16()?;
        let _flow_label = self.u16()?;
        let length = self.u16()?;
        let next = self.u8()?;
        let hop_limit = self.u8()?;
        let source = Ipv6Addr::from(self.array::<16>()?);
        let destination = Ipv6Addr::from(self.array::<16>()?);
        self.rest = self.rest.get(..usize::from(length))?;
        self.field("ip.src", source);
        self.field("ip.dst", destination);
        self.field("ip.class", format_args!("{:#04x}", (first >> 4) & 0xff));
        self.field("ip.hops", hop_limit);
        self.field("ip.length", length);
        match next {
            PROTO_AH | PROTO_VRRP => self.vrrp_or_ah(next, IpAddr::V6(source)),
            PROTO_ICMPV6 => self.neighbour_advertisement(destination),
            _ => None,
        }
    }

    /// Only those to a group of the link: the others answer a question.
    fn neighbour_advertisement(&mut self, destination: Ipv6Addr) -> Option<Kind> {
        let kind = self.u8()?;
        if kind != NEIGHBOUR_ADVERTISEMENT || !destination.is_multicast() {
            return None;
        }
        let code = self.u8()?;
        let _checksum = self.u16()?;
        let [flags, ..] = self.array::<4>()?;
        let target = Ipv6Addr::from(self.array::<16>()?);
        let options = self.rest;
        self.field("na.code", code);
        self.field("na.flags", format_args!("{flags:#04x}"));
        self.field("na.target", target);
        self.hex("na.options", options);
        Some(Kind::Na(target))
    }

    fn vrrp_or_ah(&mut self, protocol: u8, source: IpAddr) -> Option<Kind> {
        if protocol == PROTO_AH {
            let next = self.u8()?;
            let length = self.u8()?;
            let _reserved = self.u16()?;
            let spi = self.array::<4>()?;
            let sequence = u32::from_be_bytes(self.array()?);
            let check_value = self.take((usize::from(length) + 2).checked_mul(4)?.checked_sub(12)?)?;
            self.field("ah.next", next);
            self.field("ah.length", length);
            self.hex("ah.spi", &spi);
            self.field("ah.sequence", sequence);
            // Covers the IP identification, so its value says nothing; its length does.
            self.field("ah.icv", format_args!("{} bytes", check_value.len()));
            if next != PROTO_VRRP {
                return None;
            }
        }
        let first = self.u8()?;
        let vrid = self.u8()?;
        let priority = self.u8()?;
        let count = self.u8()?;
        let timing = self.u16()?;
        let checksum = self.u16()?;
        self.field("vrrp.version", first >> 4);
        self.field("vrrp.type", first & 15);
        self.field("vrrp.vrid", vrid);
        self.field("vrrp.priority", priority);
        self.field("vrrp.count", count);
        // Version 2: authentication type and interval in seconds; version 3: interval in centiseconds.
        self.field("vrrp.timing", format_args!("{timing:#06x}"));
        self.field("vrrp.checksum", format_args!("{checksum:#06x}"));
        let width = if source.is_ipv4() { 4 } else { 16 };
        for _ in 0..count {
            let Some(address) = self.take(width) else { break };
            let address = match <[u8; 16]>::try_from(address) {
                Ok(v6) => IpAddr::from(v6),
                Err(_) => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
            };
            self.field("vrrp.address", address);
        }
        let trailer = self.rest;
        self.hex("vrrp.trailer", trailer);
        Some(Kind::Advert { version: first >> 4, vrid, priority, source })
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Kind};
    use crate::capture::Frame;
    use std::time::Duration;

    fn event(hex: &str) -> Option<Event> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes = digits.chunks(2).map(byte).collect();
        Event::of(&Frame { at: Duration::ZERO, wall: Duration::ZERO, bytes })
    }

    const ADVERT: &str = "01005e000012 020000000100 0800 45c0 0020 7106 4000 ff70 6788 c000020c e0000012
        31 33 64 01 0064 0567 c0000264 000000000000";

    #[test]
    fn an_advert_is_read_up_to_the_padding() {
        let event = event(ADVERT).unwrap();
        let source = "192.0.2.12".parse().unwrap();
        assert_eq!(event.kind, Kind::Advert { version: 3, vrid: 51, priority: 100, source });
        assert_eq!(event.field("vrrp.address"), Some("192.0.2.100"));
        assert_eq!(event.field("vrrp.trailer"), Some(""));
        assert_eq!(event.field("ip.tos"), Some("0xc0"));
    }

    #[test]
    fn the_identification_makes_no_difference() {
        let other = ADVERT.replace("7106", "7107").replace("6788", "6787");
        assert_eq!(event(ADVERT), event(&other));
        assert_ne!(event(ADVERT), event(&ADVERT.replace("0567", "0568")));
    }

    #[test]
    fn every_shorter_frame_is_no_event_and_no_panic() {
        let whole: String = ADVERT.chars().filter(char::is_ascii_hexdigit).collect();
        // Without the six bytes of padding the frame is complete.
        for length in 0..whole.len() / 2 - 6 {
            assert_eq!(event(&whole[..length * 2]), None, "{length} bytes");
        }
    }

    #[test]
    fn only_gratuitous_arp_counts() {
        let gratuitous =
            "ffffffffffff 020000000100 0806 0001 0800 06 04 0001 020000000100 c0000264 ffffffffffff c0000264";
        assert_eq!(event(gratuitous).unwrap().kind, Kind::Garp("192.0.2.100".parse().unwrap()));
        let question = gratuitous.replace("ffffffffffff c0000264", "ffffffffffff c0000265");
        assert_eq!(event(&question), None);
    }
}
