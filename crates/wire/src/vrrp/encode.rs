//! From values to an advertisement.

use core::fmt;
use core::net::IpAddr;

use base::{Family, Priority, Secret, Vrid};
use smallvec::SmallVec;
use zerocopy::IntoBytes;
use zerocopy::byteorder::network_endian::U16;

use super::checksum::pseudo_header;
use super::{
    Auth, AuthType, ChecksumKind, Endpoints, Interval, MAX_CENTIS, PROTOCOL, RawHeader, TYPE_ADVERTISEMENT,
    Version,
};
use crate::checksum::Sum;
use crate::{Packet, ah, ipv4};

/// What stays the same from one advert of an instance to the next.
#[derive(Clone, Debug)]
pub struct AdvertSpec<'a> {
    /// The version.
    pub version: Version,
    /// The virtual router.
    pub vrid: Vrid,
    /// The advertisement interval: seconds for version 2, 1 to 4095 centiseconds for version 3.
    pub interval: Interval,
    /// The virtual addresses, at most 255, all of the family of `path`.
    pub addresses: &'a [IpAddr],
    /// Authentication: only for version 2 over IPv4.
    pub auth: Auth,
    /// What the checksum of version 3 over IPv4 covers; nothing else looks at it.
    pub checksum: ChecksumKind,
    /// Source and destination.
    pub path: Endpoints,
    /// The TTL of the IPv4 header: 255 unless configured for unicast. Over IPv6 it is the socket's
    /// business.
    pub ttl: u8,
}

/// What may change from one advert to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The priority; [`Priority::RELEASE`] to step down.
    pub priority: Priority,
    /// The identification of the IPv4 header.
    pub ip_id: u16,
    /// The sequence number of the authentication header.
    pub ah_sequence: u32,
}

/// Why a spec cannot be put into an advertisement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// More than 255 addresses.
    TooManyAddresses(usize),
    /// An address of another family than the packet.
    AddressFamily(IpAddr),
    /// An interval in the other version's unit, or one that doesn't fit the field, or none at all.
    Interval(Interval),
    /// Authentication that the version or the family doesn't have.
    Auth(AuthType),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyAddresses(count) => {
                write!(f, "{count} addresses do not fit an advertisement of 255")
            }
            Self::AddressFamily(addr) => write!(f, "{addr} is of another family than the advertisement"),
            Self::Interval(Interval::Seconds(n)) => {
                write!(f, "an interval of {n} s does not fit the version")
            }
            Self::Interval(Interval::Centis(n)) => {
                write!(f, "an interval of {n} cs does not fit the version")
            }
            Self::Auth(_) => f.write_str("only version 2 over IPv4 has authentication"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// An advertisement ready but for its [`Stamp`].
///
/// Everything that can be wrong is found when it is made. Stamping it copies some tens of bytes and
/// adds two numbers to sums made beforehand; with an authentication header it also computes an HMAC.
#[derive(Clone, Debug)]
pub struct Template {
    /// The IPv4 header without identification and checksum; `None` over IPv6.
    ip: Option<ipv4::Header>,
    ah_key: Option<Secret<[u8; 8]>>,
    /// The message's header without priority and checksum.
    header: RawHeader,
    /// The sum of everything that the checksum covers but the priority.
    sum: Sum,
    /// Addresses and authentication data.
    body: Body,
}

/// Bytes that may end in a password.
#[derive(Clone)]
struct Body(SmallVec<[u8; 64]>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Template {
    /// Checks `spec` and prepares all that doesn't change.
    ///
    /// # Errors
    /// If `spec` says something that an advertisement cannot.
    pub fn new(spec: &AdvertSpec<'_>) -> Result<Self, EncodeError> {
        let family = spec.path.family();
        let auth_type = spec.auth.auth_type();
        if auth_type != AuthType::None && spec.version.auth_data_len(family) == 0 {
            return Err(EncodeError::Auth(auth_type));
        }
        let count = spec.addresses.len();
        let count = u8::try_from(count).map_err(|_| EncodeError::TooManyAddresses(count))?;
        let auth_interval = match (spec.version, spec.interval) {
            (Version::V2, Interval::Seconds(n)) if n != 0 => [auth_type.number(), n],
            (Version::V3, Interval::Centis(n)) if n != 0 && n <= MAX_CENTIS => n.to_be_bytes(),
            (_, interval) => return Err(EncodeError::Interval(interval)),
        };

        let mut body = SmallVec::new();
        for address in spec.addresses {
            match (family, address) {
                (Family::V4, IpAddr::V4(address)) => body.extend_from_slice(&address.octets()),
                (Family::V6, IpAddr::V6(address)) => body.extend_from_slice(&address.octets()),
                _ => return Err(EncodeError::AddressFamily(*address)),
            }
        }
        if spec.version.auth_data_len(family) != 0 {
            match &spec.auth {
                Auth::Pass(password) => body.extend_from_slice(password.reveal()),
                Auth::None | Auth::Ah(_) => body.extend_from_slice(&[0; 8]),
            }
        }

        let header = RawHeader {
            version_type: (spec.version.number() << 4) | TYPE_ADVERTISEMENT,
            vrid: spec.vrid.get(),
            priority: 0,
            count,
            auth_interval,
            checksum: U16::ZERO,
        };
        let length = spec.version.message_len(family, count);
        let ah_key = match &spec.auth {
            Auth::Ah(key) => Some(key.clone()),
            Auth::None | Auth::Pass(_) => None,
        };
        let ip = match spec.path {
            Endpoints::V4 { src, dst } => Some(ipv4::Header {
                tos: ipv4::TOS_INTERNETWORK_CONTROL,
                total_len: ipv4::HEADER_LEN + if ah_key.is_some() { ah::HEADER_LEN } else { 0 } + length,
                id: 0,
                flags_fragment: 0,
                ttl: spec.ttl,
                protocol: if ah_key.is_some() { ah::PROTOCOL } else { PROTOCOL },
                checksum: 0,
                src,
                dst,
            }),
            Endpoints::V6 { .. } => None,
        };
        let sum = pseudo_header(spec.checksum, spec.version, &spec.path, length)
            .add_bytes(header.as_bytes())
            .add_bytes(&body);
        Ok(Self { ip, ah_key, header, sum, body: Body(body) })
    }

    /// The finished packet: for IPv4 the whole datagram, header checksum included; for IPv6 the message
    /// alone, with the checksum that the kernel will compute once more.
    #[must_use]
    pub fn stamp(&self, stamp: Stamp) -> Packet {
        let Priority(priority) = stamp.priority;
        let sum = self.sum.add_bytes(&[priority, 0]);
        let header = RawHeader { priority, checksum: sum.finish().into(), ..self.header };

        let mut packet = Packet::new();
        if let Some(ip) = self.ip {
            let ip = ipv4::Header { id: stamp.ip_id, ..ip };
            packet.extend_from_slice(&ip.to_bytes());
            if let Some(key) = &self.ah_key {
                let ah = ah::Header::unsigned(PROTOCOL, ip.src, stamp.ah_sequence);
                let icv = ah::icv(key, &ip, &ah, &[header.as_bytes(), &self.body.0]);
                packet.extend_from_slice(&ah::Header { icv, ..ah }.to_bytes());
            }
        }
        packet.extend_from_slice(header.as_bytes());
        packet.extend_from_slice(&self.body.0);
        packet
    }
}

/// One advertisement, without keeping a [`Template`].
///
/// # Errors
/// If `spec` says something that an advertisement cannot.
pub fn encode(spec: &AdvertSpec<'_>, stamp: Stamp) -> Result<Packet, EncodeError> {
    Ok(Template::new(spec)?.stamp(stamp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;
    use core::net::Ipv4Addr;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 254));

    fn spec(addresses: &[IpAddr]) -> AdvertSpec<'_> {
        AdvertSpec {
            version: Version::V2,
            vrid: Vrid::new(51).unwrap(),
            interval: Interval::Seconds(1),
            addresses,
            auth: Auth::None,
            checksum: ChecksumKind::PseudoHeader,
            path: Endpoints::multicast(Ipv4Addr::new(10, 1, 2, 3).into()),
            ttl: 255,
        }
    }

    fn refused(spec: &AdvertSpec<'_>) -> EncodeError {
        Template::new(spec).unwrap_err()
    }

    #[test]
    fn a_spec_that_no_advert_can_say_is_refused() {
        assert_eq!(refused(&spec(&vec![ADDRESS; 256])), EncodeError::TooManyAddresses(256));

        let stranger = "2001:db8::51".parse().unwrap();
        assert_eq!(refused(&spec(&[ADDRESS, stranger])), EncodeError::AddressFamily(stranger));

        for (version, interval) in [
            (Version::V2, Interval::Seconds(0)),
            (Version::V2, Interval::Centis(100)),
            (Version::V3, Interval::Centis(0)),
            (Version::V3, Interval::Centis(4096)),
            (Version::V3, Interval::Seconds(1)),
        ] {
            let wrong = AdvertSpec { version, interval, ..spec(&[ADDRESS]) };
            assert_eq!(refused(&wrong), EncodeError::Interval(interval));
        }

        let auth = Auth::Pass(Secret::new(*b"admin123"));
        let v3 = AdvertSpec {
            version: Version::V3,
            interval: Interval::Centis(100),
            auth: auth.clone(),
            ..spec(&[ADDRESS])
        };
        assert_eq!(refused(&v3), EncodeError::Auth(AuthType::Pass));
        let path = Endpoints::multicast("fe80::1".parse().unwrap());
        assert_eq!(refused(&AdvertSpec { auth, path, ..spec(&[]) }), EncodeError::Auth(AuthType::Pass));
    }

    #[test]
    fn the_inline_buffer_holds_as_many_addresses_as_the_packet_type_says() {
        let stamp = Stamp { priority: Priority(100), ip_id: 1, ah_sequence: 1 };
        let spilled = |auth: &Auth, count: usize| {
            let addresses = vec![ADDRESS; count];
            encode(&AdvertSpec { auth: auth.clone(), ..spec(&addresses) }, stamp).unwrap().spilled()
        };
        assert_eq!((spilled(&Auth::None, 15), spilled(&Auth::None, 16)), (false, true));
        let ah = Auth::Ah(ah::key(b"secret"));
        assert_eq!((spilled(&ah, 9), spilled(&ah, 10)), (false, true));
    }

    #[test]
    fn debug_shows_no_password() {
        for auth in [Auth::Pass(Secret::new(*b"admin123")), Auth::Ah(Secret::new(*b"admin123"))] {
            let spec = AdvertSpec { auth, ..spec(&[ADDRESS]) };
            let text = format!("{:?} {spec:?}", Template::new(&spec).unwrap());
            assert!(!text.contains("admin123") && !text.contains("97, 100"), "{text}");
        }
    }
}
