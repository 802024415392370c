//! Addresses of interfaces, as facts and as wishes.

use std::fmt;
use std::net::IpAddr;

use base::{Family, IfIndex, IpNet};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags as RawFlags, AddressMessage, AddressProtocol, CacheInfo,
};

use super::attributes::{address_of, attributes, family_of, split, text_of, u8_of, u32_of};

/// A lifetime without an end.
pub const FOREVER: u32 = u32::MAX;

const IFA_PROTO: u16 = 11;

/// The kernel's flags of an address (`IFA_F_*`).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressFlags(pub u32);

macro_rules! flags {
    ($type:ident { $($(#[$doc:meta])* $name:ident = $value:expr, $word:literal;)* }) => {
        impl $type {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Whether all flags of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Both sets.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These flags without those of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        /// The flags that have a name, in iproute2's words.
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut list = f.debug_set();
                $(if self.contains(Self::$name) { list.entry(&format_args!($word)); })*
                list.finish()
            }
        }
    };
}
pub(super) use flags;

flags! {
    AddressFlags {
        /// Not the first IPv4 address of its network; an IPv6 address made for privacy.
        SECONDARY = libc::IFA_F_SECONDARY, "secondary";
        /// No duplicate address detection.
        NODAD = libc::IFA_F_NODAD, "nodad";
        /// Usable before duplicate address detection has ended.
        OPTIMISTIC = libc::IFA_F_OPTIMISTIC, "optimistic";
        /// Duplicate address detection found another owner.
        DADFAILED = libc::IFA_F_DADFAILED, "dadfailed";
        /// Home address of mobile IPv6.
        HOME = libc::IFA_F_HOMEADDRESS, "home";
        /// Its preferred lifetime is over.
        DEPRECATED = libc::IFA_F_DEPRECATED, "deprecated";
        /// Not usable yet: duplicate address detection is under way.
        TENTATIVE = libc::IFA_F_TENTATIVE, "tentative";
        /// Lives for ever.
        PERMANENT = libc::IFA_F_PERMANENT, "permanent";
        /// Template of temporary addresses.
        MNGTMPADDR = libc::IFA_F_MANAGETEMPADDR, "mngtmpaddr";
        /// Makes no route to its network.
        NOPREFIXROUTE = libc::IFA_F_NOPREFIXROUTE, "noprefixroute";
        /// Joins the multicast group of its address.
        AUTOJOIN = libc::IFA_F_MCAUTOJOIN, "autojoin";
    }
}

impl AddressFlags {
    /// The flags that are a matter of wish; the kernel sets the others itself.
    pub const WISHES: Self =
        Self::NODAD.with(Self::HOME).with(Self::MNGTMPADDR).with(Self::NOPREFIXROUTE).with(Self::AUTOJOIN);
}

/// By what the kernel tells addresses apart: interface, address with prefix length, peer.
pub type AddressKey = (IfIndex, IpNet, Option<IpAddr>);

/// An address of an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// The interface.
    pub index: IfIndex,
    /// The address, and the prefix length (of the peer if there is one).
    pub net: IpNet,
    /// The other end of a point-to-point link, if it differs from the address.
    pub peer: Option<IpAddr>,
    /// IPv4 only.
    pub broadcast: Option<IpAddr>,
    /// IPv4 only: the interface's name, or that and a suffix. Up to 15 bytes.
    pub label: Option<String>,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host. The kernel derives that of IPv6 addresses itself.
    pub scope: u8,
    /// Flags.
    pub flags: AddressFlags,
    /// Seconds during which it may be used for new connections, or [`FOREVER`].
    pub preferred: u32,
    /// Seconds until it is removed, or [`FOREVER`].
    pub valid: u32,
    /// Who made it (`IFA_PROTO`, Linux 5.18): 0 unknown, 1 to 3 the kernel, 18 keepalived.
    pub protocol: u8,
}

impl Address {
    /// `net` on interface `index` with everything else at its default and no protocol mark.
    #[must_use]
    pub fn new(index: IfIndex, net: IpNet) -> Self {
        Self {
            index,
            net,
            peer: None,
            broadcast: None,
            label: None,
            scope: 0,
            flags: AddressFlags::default(),
            preferred: FOREVER,
            valid: FOREVER,
            protocol: 0,
        }
    }

    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> AddressKey {
        (self.index, self.net, self.peer)
    }

    /// Reads the payload of an `RTM_NEWADDR` or `RTM_DELADDR`.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = split::<8>(payload)?;
        let [family, prefix, flags, scope, index @ ..] = *header;
        let family = family_of(family)?;
        let index = IfIndex::new(u32::from_ne_bytes(index))?;
        let (mut local, mut address) = (None, None);
        // The address is replaced below; this one is only there to have the defaults in one place.
        let mut out = Self::new(index, IpNet::new(unspecified(family), prefix)?);
        (out.scope, out.flags) = (scope, AddressFlags(flags.into()));
        for (kind, value) in attributes(rest) {
            match kind {
                libc::IFA_LOCAL => local = address_of(family, value),
                libc::IFA_ADDRESS => address = address_of(family, value),
                libc::IFA_BROADCAST => out.broadcast = address_of(family, value),
                libc::IFA_LABEL => out.label = text_of(value).map(str::to_owned),
                libc::IFA_FLAGS => out.flags = AddressFlags(u32_of(value)?),
                libc::IFA_CACHEINFO => {
                    out.preferred = u32_of(value)?;
                    out.valid = u32_of(value.get(4..)?)?;
                }
                IFA_PROTO => out.protocol = u8_of(value)?,
                _ => {}
            }
        }
        let own = local.or(address)?;
        out.net = IpNet::new(own, prefix)?;
        out.peer = address.filter(|a| *a != own);
        Some(out)
    }

    /// The message that creates (`everything`) or deletes the address.
    pub(super) fn encode(&self, everything: bool) -> AddressMessage {
        let mut m = AddressMessage::default();
        let own = self.net.addr();
        m.header.family = family_number(self.net.family());
        m.header.prefix_len = self.net.prefix();
        m.header.index = self.index.get();
        let a = &mut m.attributes;
        a.push(AddressAttribute::Local(own));
        // The kernel tells IPv4 addresses apart by label, too: it is left out when deleting, so that
        // an address whose label somebody changed still goes.
        a.push(AddressAttribute::Address(self.peer.unwrap_or(own)));
        if !everything {
            return m;
        }
        m.header.scope = self.scope.into();
        a.push(AddressAttribute::Flags(RawFlags::from_bits_retain(self.flags.0)));
        if let Some(IpAddr::V4(b)) = self.broadcast {
            a.push(AddressAttribute::Broadcast(b));
        }
        if let Some(label) = &self.label {
            a.push(AddressAttribute::Label(label.clone()));
        }
        if (self.preferred, self.valid) != (FOREVER, FOREVER) {
            let mut c = CacheInfo::default();
            (c.ifa_preferred, c.ifa_valid) = (self.preferred, self.valid);
            a.push(AddressAttribute::CacheInfo(c));
        }
        if self.protocol != 0 {
            a.push(AddressAttribute::Protocol(AddressProtocol::from(self.protocol)));
        }
        m
    }
}

/// `0.0.0.0` or `::`.
fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V4 => std::net::Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// The kernel's number for a family.
pub(super) fn family_number(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

/// `192.0.2.1/24` or `192.0.2.1 peer 192.0.2.2/32`, and the interface's number.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            None => write!(f, "{}", self.net)?,
            Some(peer) => write!(f, "{} peer {peer}/{}", self.net.addr(), self.net.prefix())?,
        }
        write!(f, " on interface {}", self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable;

    fn round_trip(a: &Address) {
        let m = a.encode(true);
        let mut bytes = vec![0; m.buffer_len()];
        m.emit(&mut bytes);
        assert_eq!(Address::decode(&bytes).as_ref(), Some(a));
        for cut in 0..bytes.len() {
            // No cut may panic; one within the attributes may still give a poorer address.
            let _ = Address::decode(&bytes[..cut]);
        }
    }

    #[test]
    fn an_address_keeps_all_its_attributes_through_a_message() {
        let index = IfIndex::new(7).unwrap();
        let mut a = Address::new(index, "192.0.2.1/32".parse().unwrap());
        a.peer = Some("192.0.2.2".parse().unwrap());
        a.broadcast = Some("192.0.2.255".parse().unwrap());
        a.label = Some("eth0:vip".into());
        a.scope = 253;
        a.flags = AddressFlags::NODAD.with(AddressFlags::NOPREFIXROUTE);
        (a.preferred, a.valid) = (10, 20);
        a.protocol = 18;
        round_trip(&a);
        round_trip(&Address::new(index, "2001:db8::1/64".parse().unwrap()));
    }

    #[test]
    fn a_family_without_ip_addresses_and_a_prefix_too_long_are_no_address() {
        let index = IfIndex::new(7).unwrap();
        let m = Address::new(index, "192.0.2.1/32".parse().unwrap()).encode(true);
        let mut bytes = vec![0; m.buffer_len()];
        m.emit(&mut bytes);
        bytes[1] = 33;
        assert_eq!(Address::decode(&bytes), None);
        (bytes[0], bytes[1]) = (17, 32);
        assert_eq!(Address::decode(&bytes), None);
    }
}
