//! VRRP advertisements, versions 2 and 3.
//!
//! Read RFC 3768 section 5.3 and RFC 2338 section 5.3.6 for version 2, RFC 9568 section 5.2 for
//! version 3.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Duration, Family, Secret};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

mod checksum;
mod decode;
mod encode;
mod envelope;

pub use checksum::{ChecksumKind, ChecksumVerdict, verify_checksum};
pub use decode::{Addresses, Advert, DecodeError, decode};
pub use encode::{AdvertSpec, EncodeError, Stamp, Template, encode};
pub use envelope::{Envelope, peek_vrid};

/// The IP protocol number of VRRP.
pub const PROTOCOL: u8 = 112;

/// The only type of VRRP message: ADVERTISEMENT.
pub const TYPE_ADVERTISEMENT: u8 = 1;

/// The multicast group of all VRRP routers, IPv4.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// The multicast group of all VRRP routers, IPv6.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

/// The TTL and hop limit of a multicast advert, which a router could not have left untouched.
pub const TTL: u8 = 255;

/// The bytes before the addresses.
pub const HEADER_LEN: u16 = 8;

/// The bytes of authentication data at the end of a version 2 message over IPv4. They are always
/// there, whatever the authentication type.
pub const AUTH_DATA_LEN: u16 = 8;

/// The longest interval that version 3 can say: 12 bits of centiseconds.
pub const MAX_CENTIS: u16 = 0xfff;

/// The version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// RFC 3768, and RFC 2338 for authentication.
    V2,
    /// RFC 9568 and RFC 5798.
    V3,
}

impl Version {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// The version that goes by `number`.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }

    /// Bytes of authentication data at the end of a message of this version over `family`.
    ///
    /// Version 2 was never specified over IPv6; keepalived sends it there without authentication
    /// data.
    #[must_use]
    pub const fn auth_data_len(self, family: Family) -> u16 {
        match (self, family) {
            (Self::V2, Family::V4) => AUTH_DATA_LEN,
            (Self::V2, Family::V6) | (Self::V3, _) => 0,
        }
    }

    /// Bytes of a whole message with `count` addresses.
    #[must_use]
    pub fn message_len(self, family: Family, count: u8) -> u16 {
        // At most 8 + 255 * 16 + 8.
        HEADER_LEN + u16::from(count) * address_len(family) + self.auth_data_len(family)
    }
}

/// The version's number.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number(), f)
    }
}

/// Bytes in an address.
const fn address_len(family: Family) -> u16 {
    match family {
        Family::V4 => 4,
        Family::V6 => 16,
    }
}

/// The advertisement interval as the wire carries it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interval {
    /// Version 2: whole seconds.
    Seconds(u8),
    /// Version 3: hundredths of a second, 12 bits.
    Centis(u16),
}

impl Interval {
    /// The length of time.
    #[must_use]
    pub fn duration(self) -> Duration {
        match self {
            Self::Seconds(n) => Duration::from_secs(n.into()),
            Self::Centis(n) => Duration::from_centis(n.into()),
        }
    }

    /// Whether it is no time at all, which no router may send (RFC 9568 erratum 8301).
    #[must_use]
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::Seconds(0) | Self::Centis(0))
    }
}

/// How a version 2 router says who it is (RFC 2338 section 5.3.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AuthType {
    /// 0: not at all.
    None,
    /// 1: a password in clear text.
    Pass,
    /// 2: an IP authentication header.
    Ah,
}

impl AuthType {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Pass => 1,
            Self::Ah => 2,
        }
    }

    /// The type that goes by `number`.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Pass),
            2 => Some(Self::Ah),
            _ => None,
        }
    }
}

/// How to authenticate what we send. Only version 2 over IPv4 has more than `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Auth {
    /// Not at all; the authentication data is zero.
    #[default]
    None,
    /// The password, zero padded (see [`ah::key`](crate::ah::key)).
    Pass(Secret<[u8; 8]>),
    /// The key of the authentication header (see [`ah::key`](crate::ah::key)).
    Ah(Secret<[u8; 8]>),
}

impl Auth {
    /// The type on the wire.
    #[must_use]
    pub const fn auth_type(&self) -> AuthType {
        match self {
            Self::None => AuthType::None,
            Self::Pass(_) => AuthType::Pass,
            Self::Ah(_) => AuthType::Ah,
        }
    }
}

/// Where a packet comes from and goes to: two addresses of one family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endpoints {
    /// Over IPv4.
    V4 {
        /// Source address.
        src: Ipv4Addr,
        /// Destination address.
        dst: Ipv4Addr,
    },
    /// Over IPv6.
    V6 {
        /// Source address.
        src: Ipv6Addr,
        /// Destination address.
        dst: Ipv6Addr,
    },
}

impl Endpoints {
    /// `None` if the families differ.
    #[must_use]
    pub const fn new(src: IpAddr, dst: IpAddr) -> Option<Self> {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Some(Self::V4 { src, dst }),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Some(Self::V6 { src, dst }),
            _ => None,
        }
    }

    /// From `src` to the multicast group of its family.
    #[must_use]
    pub const fn multicast(src: IpAddr) -> Self {
        match src {
            IpAddr::V4(src) => Self::V4 { src, dst: GROUP_V4 },
            IpAddr::V6(src) => Self::V6 { src, dst: GROUP_V6 },
        }
    }

    /// The family of both.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// The source address.
    #[must_use]
    pub const fn src(&self) -> IpAddr {
        match self {
            Self::V4 { src, .. } => IpAddr::V4(*src),
            Self::V6 { src, .. } => IpAddr::V6(*src),
        }
    }

    /// The destination address.
    #[must_use]
    pub const fn dst(&self) -> IpAddr {
        match self {
            Self::V4 { dst, .. } => IpAddr::V4(*dst),
            Self::V6 { dst, .. } => IpAddr::V6(*dst),
        }
    }
}

/// The first 8 bytes of a message as they lie on the wire.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    /// High nibble version, low nibble type.
    version_type: u8,
    vrid: u8,
    priority: u8,
    count: u8,
    /// Version 2: authentication type and interval; version 3: 4 reserved bits and 12 of interval.
    auth_interval: [u8; 2],
    checksum: U16,
}
