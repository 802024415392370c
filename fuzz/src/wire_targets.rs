//! Everything in `wire` that reads bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Family, Mac, Vrid};
use wire::checksum::Sum;
use wire::vrrp::{
    self, Advert, AdvertSpec, Auth, ChecksumKind, ChecksumVerdict, Endpoints, Envelope, Interval, Stamp,
    TYPE_ADVERTISEMENT, Template, Version,
};
use wire::{Packet, ah, arp, ethernet, ipv4, ipv6, ndisc};

use crate::bytes::Bytes;

const SOURCE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// The VRRP message: the first byte says what the others are.
///
/// * 0, 1: a message over IPv4 or IPv6: whatever is read can be said again, and is read as the same.
/// * 2: an IPv4 datagram with whatever it carries.
/// * 3: values: what is written is read back, with a right checksum.
pub fn wire_vrrp(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    match bytes.byte() % 4 {
        0 => message(Family::V4, bytes.rest()),
        1 => message(Family::V6, bytes.rest()),
        2 => {
            let bytes = bytes.rest();
            let peeked = vrrp::peek_vrid(Family::V4, bytes);
            let opened = Envelope::open(bytes);
            if let Ok(envelope) = &opened {
                message(Family::V4, envelope.message());
                if let Ok(advert) = vrrp::decode(Family::V4, envelope.message()) {
                    assert_eq!(peeked, Ok(advert.vrid()));
                    let _ = vrrp::verify_checksum(&advert, &envelope.path());
                }
            } else {
                assert!(peeked.is_err());
            }
        }
        _ => written(&mut bytes),
    }
}

fn message(family: Family, bytes: &[u8]) {
    let advert = match vrrp::decode(family, bytes) {
        Ok(advert) => advert,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(advert.message().len() + advert.trailing().len(), bytes.len());
    assert_eq!(advert.addresses().len(), usize::from(advert.count()));
    assert_eq!(advert.addresses().count(), usize::from(advert.count()));
    let _ = (format!("{advert:?}"), advert.interval().duration());
    for path in [Endpoints::multicast(SOURCE_V4.into()), Endpoints::multicast(SOURCE_V6.into())] {
        let verdict = vrrp::verify_checksum(&advert, &path);
        assert!(path.family() == family || verdict == ChecksumVerdict::Invalid);
    }
    again(&advert);
}

/// What was read and can be sent, is sent and read once more.
fn again(advert: &Advert<'_>) {
    let (Some(vrid), TYPE_ADVERTISEMENT) = (Vrid::new(advert.vrid()), advert.kind()) else { return };
    let addresses: Vec<IpAddr> = advert.addresses().collect();
    let auth = match (advert.auth_byte(), advert.auth_data()) {
        (1, Some(data)) => Auth::Pass(ah::key(data)),
        _ => Auth::None,
    };
    let source: IpAddr = match advert.family() {
        Family::V4 => SOURCE_V4.into(),
        Family::V6 => SOURCE_V6.into(),
    };
    let spec = AdvertSpec {
        version: advert.version(),
        vrid,
        interval: advert.interval(),
        addresses: &addresses,
        auth,
        checksum: ChecksumKind::PseudoHeader,
        path: Endpoints::multicast(source),
        ttl: vrrp::TTL,
    };
    let may_be_sent = !advert.interval().is_zero()
        && (spec.auth == Auth::None || (advert.version(), advert.family()) == (Version::V2, Family::V4));
    let template = Template::new(&spec);
    assert_eq!(template.is_ok(), may_be_sent, "{:?}", template.err());
    let Ok(template) = template else { return };
    let packet = template.stamp(Stamp { priority: advert.priority(), ip_id: 7, ah_sequence: 0 });
    read_back(&packet, &spec, advert.priority().0);
}

fn read_back(packet: &Packet, spec: &AdvertSpec<'_>, priority: u8) {
    let envelope = match spec.path.family() {
        Family::V4 => Some(Envelope::open(packet).expect("our own datagram")),
        Family::V6 => None,
    };
    let message = envelope.as_ref().map_or(&packet[..], Envelope::message);
    let advert = vrrp::decode(spec.path.family(), message).expect("our own message");
    assert_eq!((advert.version(), advert.kind()), (spec.version, TYPE_ADVERTISEMENT));
    assert_eq!((advert.vrid(), advert.priority().0), (spec.vrid.get(), priority));
    assert_eq!((advert.interval(), advert.trailing()), (spec.interval, &[][..]));
    assert!(advert.addresses().eq(spec.addresses.iter().copied()));
    assert_ne!(vrrp::verify_checksum(&advert, &spec.path), ChecksumVerdict::Invalid);
    match (&spec.auth, envelope) {
        (Auth::Ah(key), Some(envelope)) => assert!(envelope.ah_is_valid(key)),
        (Auth::Pass(password), _) => assert!(advert.password_is(password)),
        _ => {}
    }
}

/// Values to a packet and back.
fn written(bytes: &mut Bytes<'_>) {
    let kinds = bytes.byte();
    let version = if kinds & 1 == 0 { Version::V2 } else { Version::V3 };
    let v6 = kinds & 2 != 0;
    let address = |bytes: &mut Bytes<'_>| -> IpAddr {
        if v6 {
            Ipv6Addr::from(bytes.array::<16>()).into()
        } else {
            Ipv4Addr::from(bytes.array::<4>()).into()
        }
    };
    let checksum = match kinds >> 2 & 3 {
        0 | 1 => ChecksumKind::PseudoHeader,
        2 => ChecksumKind::MessageOnly,
        _ => ChecksumKind::OldUnicast,
    };
    let auth = match kinds >> 4 & 3 {
        0 | 1 => Auth::None,
        2 => Auth::Pass(ah::key(&bytes.array::<8>())),
        _ => Auth::Ah(ah::key(&bytes.array::<8>())),
    };
    let vrid = Vrid::new(bytes.byte().max(1)).expect("not 0");
    let interval = match version {
        Version::V2 => Interval::Seconds(bytes.byte()),
        Version::V3 => Interval::Centis(bytes.u16()),
    };
    let priority = bytes.byte();
    let ttl = bytes.byte();
    let stamp = Stamp { priority: base::Priority(priority), ip_id: bytes.u16(), ah_sequence: bytes.u32() };
    let (from, to) = (address(bytes), address(bytes));
    let path = Endpoints::new(from, to).expect("one family");
    let mut addresses = Vec::new();
    while !bytes.is_empty() && addresses.len() < 300 {
        addresses.push(address(bytes));
    }
    let spec = AdvertSpec { version, vrid, interval, addresses: &addresses, auth, checksum, path, ttl };
    match Template::new(&spec) {
        Ok(template) => read_back(&template.stamp(stamp), &spec, priority),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The authentication header: what is read is written as the same bytes; and a datagram whose check value
/// was made right is valid, and is not any more when a bit of its message flips.
pub fn wire_ah(bytes: &[u8]) {
    if let Ok((header, rest)) = ah::parse(bytes) {
        assert_eq!(bytes.strip_prefix(&header.to_bytes()), Some(rest));
        assert!(header.spi_is(Ipv4Addr::from_bits(header.spi)));
    }
    let mut bytes = Bytes::new(bytes);
    let key = ah::key(bytes.take(8));
    let flipped = usize::from(bytes.byte());
    let datagram = bytes.rest();
    let Ok(envelope) = Envelope::open(datagram) else { return };
    let Some(header) = envelope.ah else { return };
    let _ = envelope.ah_is_valid(&key);
    let Ok(ip) = ipv4::parse(datagram) else { return };
    if !ip.options.is_empty() {
        return;
    }
    let icv = ah::icv(&key, &envelope.ip, &header, &[envelope.message()]);
    let signed = ah::Header { icv, ..header };
    let mut whole = [ip.header_bytes, &signed.to_bytes(), envelope.message()].concat();
    let valid = |bytes: &[u8]| Envelope::open(bytes).expect("as before").ah_is_valid(&key);
    assert!(valid(&whole), "a check value of our own is wrong");
    let start = whole.len() - envelope.message().len();
    if let Some(at) = flipped.checked_rem(envelope.message().len()) {
        whole[start + at] ^= 1;
        assert!(!valid(&whole), "a flipped bit at {at} of the message was not noticed");
    }
}

/// ARP: what is read is written as the same bytes.
pub fn wire_arp(bytes: &[u8]) {
    match arp::parse(bytes) {
        Ok(read) => {
            let frame = read.to_frame();
            assert!(bytes.starts_with(&frame));
            assert_eq!(arp::parse(&frame), Ok(read));
            let told = arp::parse(&arp::gratuitous(read.sender_mac, read.sender_ip)).expect("our own");
            assert!(told.is_gratuitous() && told.sender_ip == read.sender_ip);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Neighbour advertisements: the first byte says whether the checksum is made right first, for else
/// hardly any frame would come further.
pub fn wire_ndisc(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mend = bytes.flag();
    let mut frame = bytes.rest().to_vec();
    if mend {
        right_checksum(&mut frame);
    }
    match ndisc::parse(&frame) {
        Ok(read) => {
            assert!(!read.target.is_multicast());
            let mac = read.target_mac.unwrap_or(read.frame_src);
            let ours = ndisc::unsolicited_na(mac, read.target, read.router);
            let told = ndisc::parse(&ours).expect("our own");
            let wanted = (read.target, Some(mac), read.router);
            assert_eq!((told.target, told.target_mac, told.router), wanted);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Puts the right checksum into the ICMPv6 message of a frame that has room for one.
fn right_checksum(frame: &mut [u8]) {
    const PLACE: std::ops::Range<usize> = 56..58;
    let Some(place) = frame.get_mut(PLACE) else { return };
    place.fill(0);
    let Some(Ok((ip, payload))) = frame.get(14..).map(ipv6::parse) else { return };
    if payload.len() < 4 {
        return;
    }
    let sum = Sum::ZERO.add_pseudo_ipv6(ip.src, ip.dst, ip.next_header, ip.payload_len).add_bytes(payload);
    frame[PLACE].copy_from_slice(&sum.finish().to_be_bytes());
}

/// The headers around: Ethernet, IPv4, IPv6 (the first byte says which), and the checksum.
pub fn wire_ip(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let kind = bytes.byte() % 4;
    let bytes = bytes.rest();
    match kind {
        0 => {
            if let Ok((header, payload)) = ethernet::parse(bytes) {
                assert_eq!(bytes.strip_prefix(&header.to_bytes()), Some(payload));
                let _: Mac = header.dst;
            }
        }
        1 => {
            if let Ok(read) = ipv4::parse(bytes) {
                let pieces = [read.header_bytes, read.payload, read.padding].concat();
                assert_eq!(pieces, bytes);
                assert!(read.header_bytes.ends_with(read.options));
                assert_eq!(read.header_bytes.len(), 20 + read.options.len());
                let written = read.header.to_bytes();
                assert!(Sum::ZERO.add_bytes(&written).is_valid(), "our own header checksum");
                if read.options.is_empty() {
                    let whole = [&written, read.payload].concat();
                    let back = ipv4::parse(&whole).expect("our own header").header;
                    assert_eq!(ipv4::Header { checksum: read.header.checksum, ..back }, read.header);
                }
            }
        }
        2 => {
            if let Ok((header, payload)) = ipv6::parse(bytes) {
                let written = header.to_bytes();
                assert!(bytes.starts_with(&written));
                assert!(bytes[40..].starts_with(payload));
                assert_eq!(payload.len(), usize::from(header.payload_len));
            }
        }
        _ => {
            // A sum may be made of pieces of whole words, in any order.
            let (a, b) = bytes.split_at(bytes.len() / 4 * 2);
            let whole = Sum::ZERO.add_bytes(bytes);
            assert_eq!(Sum::ZERO.add_bytes(b).add_bytes(a).finish(), whole.finish());
            assert_eq!(Sum::ZERO.add_bytes(a).add_sum(Sum::ZERO.add_bytes(b)).finish(), whole.finish());
            if bytes.len().is_multiple_of(2) {
                assert!(Sum::ZERO.add_bytes(bytes).add_word(whole.finish()).is_valid());
            }
        }
    }
}
