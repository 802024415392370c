//! What holds for all packets, not only for those that somebody thought of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Family, Mac, Priority, Vrid};
use proptest::prelude::*;
use vipd_wire::vrrp::{
    self, AdvertSpec, Auth, ChecksumKind, ChecksumVerdict, Endpoints, Envelope, Interval, Stamp, Template,
    Version,
};
use vipd_wire::{Packet, ah, arp, ndisc};

/// A spec that owns what it says.
#[derive(Clone, Debug)]
struct Owned {
    version: Version,
    vrid: Vrid,
    interval: Interval,
    addresses: Vec<IpAddr>,
    auth: Auth,
    checksum: ChecksumKind,
    path: Endpoints,
    ttl: u8,
}

impl Owned {
    fn template(&self) -> Template {
        Template::new(&AdvertSpec {
            version: self.version,
            vrid: self.vrid,
            interval: self.interval,
            addresses: &self.addresses,
            auth: self.auth.clone(),
            checksum: self.checksum,
            path: self.path,
            ttl: self.ttl,
        })
        .unwrap()
    }
}

fn address(family: Family) -> BoxedStrategy<IpAddr> {
    match family {
        Family::V4 => any::<Ipv4Addr>().prop_map(IpAddr::from).boxed(),
        Family::V6 => any::<Ipv6Addr>().prop_map(IpAddr::from).boxed(),
    }
}

fn auth(version: Version, family: Family) -> BoxedStrategy<Auth> {
    let key = || any::<[u8; 8]>().prop_map(|bytes| ah::key(&bytes));
    if (version, family) == (Version::V2, Family::V4) {
        prop_oneof![Just(Auth::None), key().prop_map(Auth::Pass), key().prop_map(Auth::Ah)].boxed()
    } else {
        Just(Auth::None).boxed()
    }
}

const V2_IPV4: (Version, Family) = (Version::V2, Family::V4);
const V2_IPV6: (Version, Family) = (Version::V2, Family::V6);
const V3_IPV4: (Version, Family) = (Version::V3, Family::V4);
const V3_IPV6: (Version, Family) = (Version::V3, Family::V6);

fn spec() -> impl Strategy<Value = Owned> {
    spec_of(&[V2_IPV4, V2_IPV6, V3_IPV4, V3_IPV6])
}

fn spec_of(kinds: &'static [(Version, Family)]) -> impl Strategy<Value = Owned> {
    let checksum = prop_oneof![
        Just(ChecksumKind::PseudoHeader),
        Just(ChecksumKind::MessageOnly),
        Just(ChecksumKind::OldUnicast)
    ];
    (prop::sample::select(kinds), checksum).prop_flat_map(|((version, family), checksum)| {
        let interval = match version {
            Version::V2 => (1..=u8::MAX).prop_map(Interval::Seconds).boxed(),
            Version::V3 => (1..=vrrp::MAX_CENTIS).prop_map(Interval::Centis).boxed(),
        };
        let addresses = prop_oneof![
            9 => prop::collection::vec(address(family), 0..20),
            1 => prop::collection::vec(address(family), 255),
        ];
        let path = prop_oneof![
            address(family).prop_map(Endpoints::multicast),
            (address(family), address(family)).prop_map(|(src, dst)| Endpoints::new(src, dst).unwrap()),
        ];
        let vrid = (1..=u8::MAX).prop_map(|n| Vrid::new(n).unwrap());
        (vrid, interval, addresses, auth(version, family), path, any::<u8>()).prop_map(
            move |(vrid, interval, addresses, auth, path, ttl)| Owned {
                version,
                vrid,
                interval,
                addresses,
                auth,
                checksum,
                path,
                ttl,
            },
        )
    })
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (any::<u8>(), any::<u16>(), any::<u32>()).prop_map(|(priority, ip_id, ah_sequence)| Stamp {
        priority: Priority(priority),
        ip_id,
        ah_sequence,
    })
}

/// Runs everything that reads over `bytes`; whatever it says, it must say it.
fn read_all(bytes: &[u8]) {
    for family in [Family::V4, Family::V6] {
        let _ = vrrp::peek_vrid(family, bytes);
        if let Ok(advert) = vrrp::decode(family, bytes) {
            assert_eq!(advert.addresses().count(), usize::from(advert.count()));
            assert_eq!(advert.message().len() + advert.trailing().len(), bytes.len());
            let any_v4 = Endpoints::V4 { src: Ipv4Addr::LOCALHOST, dst: vrrp::GROUP_V4 };
            let any_v6 = Endpoints::V6 { src: Ipv6Addr::LOCALHOST, dst: vrrp::GROUP_V6 };
            let _ = (vrrp::verify_checksum(&advert, &any_v4), vrrp::verify_checksum(&advert, &any_v6));
            let _ = format!("{advert:?} {:?}", advert.interval().duration());
        }
    }
    if let Ok(envelope) = Envelope::open(bytes) {
        let _ = envelope.ah_is_valid(&ah::key(b"secret"));
        let _ = vrrp::decode(Family::V4, envelope.message());
    }
    let _ = (arp::parse(bytes), ndisc::parse(bytes));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn no_damage_to_a_packet_makes_a_reader_panic(
        spec in spec(),
        stamp in stamp(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let ndisc = ndisc::unsolicited_na(Mac([2; 6]), Ipv6Addr::LOCALHOST, true);
        let arp = arp::gratuitous(Mac([2; 6]), Ipv4Addr::LOCALHOST);
        for mut packet in [spec.template().stamp(stamp), ndisc, arp] {
            for (at, byte) in &damage {
                let at = at.index(packet.len());
                packet[at] = *byte;
            }
            read_all(&packet);
            read_all(&packet[..cut.index(packet.len())]);
        }
    }

    #[test]
    fn what_was_written_is_read_back(spec in spec(), stamp in stamp()) {
        let packet = spec.template().stamp(stamp);
        prop_assert_eq!(packet.spilled(), packet.len() > Packet::new().inline_size());
        let message = match spec.path {
            Endpoints::V4 { .. } => {
                let envelope = Envelope::open(&packet).unwrap();
                prop_assert_eq!(envelope.path(), spec.path);
                prop_assert_eq!((envelope.ip.id, envelope.ip.ttl), (stamp.ip_id, spec.ttl));
                match &spec.auth {
                    Auth::Ah(key) => {
                        prop_assert_eq!(envelope.ah.unwrap().sequence, stamp.ah_sequence);
                        prop_assert!(envelope.ah.unwrap().spi_is(envelope.ip.src));
                        prop_assert!(envelope.ah_is_valid(key));
                    }
                    Auth::None | Auth::Pass(_) => prop_assert_eq!(envelope.ah, None),
                }
                envelope.message()
            }
            Endpoints::V6 { .. } => &packet,
        };
        let advert = vrrp::decode(spec.path.family(), message).unwrap();
        prop_assert_eq!((advert.version(), advert.kind()), (spec.version, vrrp::TYPE_ADVERTISEMENT));
        prop_assert_eq!((advert.vrid(), advert.priority()), (spec.vrid.get(), stamp.priority));
        prop_assert_eq!((advert.interval(), advert.trailing()), (spec.interval, &[][..]));
        prop_assert_eq!(advert.auth_type(), Some(spec.auth.auth_type()));
        prop_assert!(advert.addresses().eq(spec.addresses.iter().copied()));
        if let Auth::Pass(password) = &spec.auth {
            prop_assert!(advert.password_is(password));
        }
        // Two kinds of checksum may agree by accident, never disagree with their maker.
        let verdict = vrrp::verify_checksum(&advert, &spec.path);
        match (spec.version, spec.path.family(), spec.checksum) {
            (Version::V3, Family::V4, ChecksumKind::OldUnicast) => {
                prop_assert_ne!(verdict, ChecksumVerdict::Invalid);
            }
            (Version::V3, Family::V4, ChecksumKind::MessageOnly) => {
                prop_assert!(matches!(verdict, ChecksumVerdict::Valid(_)));
            }
            (Version::V2, Family::V4, _) => {
                prop_assert_eq!(verdict, ChecksumVerdict::Valid(ChecksumKind::MessageOnly));
            }
            _ => prop_assert_eq!(verdict, ChecksumVerdict::Valid(ChecksumKind::PseudoHeader)),
        }
    }

    // Version 3 over IPv4 has several right checksums, and a bit may lead from one to another.
    #[test]
    fn one_flipped_bit_in_a_message_is_noticed(
        spec in spec_of(&[V2_IPV4, V2_IPV6, V3_IPV6]),
        stamp in stamp(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let packet = spec.template().stamp(stamp);
        let start = match spec.path.family() {
            Family::V4 => packet.len() - Envelope::open(&packet).unwrap().message().len(),
            Family::V6 => 0,
        };
        let mut message = packet[start..].to_vec();
        let at = at.index(message.len());
        message[at] ^= 1_u8 << bit;
        if let Ok(advert) = vrrp::decode(spec.path.family(), &message) {
            prop_assert_eq!(vrrp::verify_checksum(&advert, &spec.path), ChecksumVerdict::Invalid);
        }
    }

    #[test]
    fn one_flipped_bit_is_noticed_by_the_authentication_header(
        spec in spec_of(&[V2_IPV4]),
        key in any::<[u8; 8]>().prop_map(|bytes| ah::key(&bytes)),
        stamp in stamp(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let spec = Owned { auth: Auth::Ah(key.clone()), ..spec };
        let mut packet = spec.template().stamp(stamp);
        let at = at.index(packet.len());
        packet[at] ^= 1_u8 << bit;
        // What may change on the way: type of service, flags and fragment, header checksum, and the
        // TTL unless the packet is multicast.
        let multicast = spec.path.dst().is_multicast();
        let mutable = matches!(at, 1 | 6 | 7 | 10 | 11) || (at == 8 && !multicast);
        if let Ok(envelope) = Envelope::open(&packet) {
            prop_assert_eq!(envelope.ah_is_valid(&key), mutable);
        }
    }
}
