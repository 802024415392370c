//! Address families, prefixes and hardware addresses.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address family. The two never mix within one virtual router (RFC 9568 section 1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of `addr`.
    #[must_use]
    pub const fn of(addr: &IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bits in an address: 32 or 128.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// `IPv4` or `IPv6`.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An address with a prefix length that fits its family. The host bits are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IpNet {
    addr: IpAddr,
    prefix: u8,
}

/// Why a text is no address with a prefix length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IpNetError {
    /// The address cannot be read.
    Address,
    /// The prefix length is no number or is longer than the address.
    Prefix,
}

impl IpNet {
    /// `None` if `prefix` is longer than the address.
    #[must_use]
    pub const fn new(addr: IpAddr, prefix: u8) -> Option<Self> {
        if prefix <= Family::of(&addr).bits() { Some(Self { addr, prefix }) } else { None }
    }

    /// The address alone: `/32` or `/128`.
    #[must_use]
    pub const fn host(addr: IpAddr) -> Self {
        Self { addr, prefix: Family::of(&addr).bits() }
    }

    /// The address, host bits included.
    #[must_use]
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The prefix length.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The family.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(&self.addr)
    }

    /// Whether `addr` lies in the network of this prefix.
    #[must_use]
    pub fn contains(&self, addr: &IpAddr) -> bool {
        match (self.addr, addr) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let shift = 32 - u32::from(self.prefix);
                (a.to_bits() ^ b.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let shift = 128 - u32::from(self.prefix);
                (a.to_bits() ^ b.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Reads `192.0.2.1/24`; without a prefix length it is the host's own.
impl FromStr for IpNet {
    type Err = IpNetError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (addr, prefix) = match s.split_once('/') {
            Some((a, p)) => (a, Some(p)),
            None => (s, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| IpNetError::Address)?;
        match prefix {
            None => Ok(Self::host(addr)),
            Some(p) => {
                let digits = !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
                let prefix = p.parse().ok().filter(|_| digits).ok_or(IpNetError::Prefix)?;
                Self::new(addr, prefix).ok_or(IpNetError::Prefix)
            }
        }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

impl fmt::Debug for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for IpNetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "not an IPv4 or IPv6 address",
            Self::Prefix => "the prefix length is not a number that fits the address",
        })
    }
}

impl core::error::Error for IpNetError {}

/// A 48-bit hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn prefixes_are_read_and_checked() {
        assert_eq!("192.0.2.1/24".parse::<IpNet>().unwrap().to_string(), "192.0.2.1/24");
        assert_eq!("192.0.2.1".parse::<IpNet>().unwrap().prefix(), 32);
        assert_eq!("2001:db8::1".parse::<IpNet>().unwrap().prefix(), 128);
        assert_eq!("192.0.2.1/33".parse::<IpNet>(), Err(IpNetError::Prefix));
        assert_eq!("192.0.2.1/+1".parse::<IpNet>(), Err(IpNetError::Prefix));
        assert_eq!("192.0.2/24".parse::<IpNet>(), Err(IpNetError::Address));
    }

    #[test]
    fn containment_works_at_both_ends_of_the_prefix_range() {
        let all: IpNet = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(&"203.0.113.9".parse().unwrap()));
        let host: IpNet = "192.0.2.1/32".parse().unwrap();
        assert!(host.contains(&"192.0.2.1".parse().unwrap()));
        assert!(!host.contains(&"192.0.2.2".parse().unwrap()));
        let net: IpNet = "2001:db8::1/64".parse().unwrap();
        assert!(net.contains(&"2001:db8::ffff".parse().unwrap()));
        assert!(!net.contains(&"192.0.2.1".parse().unwrap()));
    }
}
