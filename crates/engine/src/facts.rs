//! What the kernel says about itself, in our own words.

use std::net::{IpAddr, Ipv4Addr};

use base::{IfIndex, IfName, IpNet, Mac};
use model::address::AddressFlags;
use model::route::RouteKind;

/// A network interface.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent flags of the kernel")]
pub struct LinkFacts {
    /// Its number; a recreated interface gets another.
    pub index: IfIndex,
    /// Its name; it can change.
    pub name: IfName,
    /// Its hardware address, if it has one of 6 bytes.
    pub mac: Option<Mac>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// `IFF_UP`: switched on by the administrator.
    pub up: bool,
    /// `IFF_RUNNING`: it has a carrier.
    pub running: bool,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// `IFF_NOARP`.
    pub noarp: bool,
    /// `IFF_MULTICAST`.
    pub multicast: bool,
    /// The interface that it belongs to (bridge, bond, VRF).
    pub master: Option<IfIndex>,
    /// `net.ipv6.conf.IF.forwarding`: the router flag of neighbour advertisements.
    pub forwarding6: bool,
}

/// An address on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressFacts {
    /// The interface.
    pub link: IfIndex,
    /// The address itself and the prefix length of its network.
    pub net: IpNet,
    /// The other end, if it is point to point.
    pub peer: Option<IpAddr>,
    /// Its broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// Its label.
    pub label: Option<Box<str>>,
    /// Its scope as the kernel numbers it.
    pub scope: u8,
    /// Its flags that can be configured.
    pub flags: AddressFlags,
    /// `IFA_F_SECONDARY` of IPv4: not the first of its network.
    pub secondary: bool,
    /// IPv6: duplicate address detection goes on; it can't be used yet.
    pub tentative: bool,
    /// IPv6: duplicate address detection failed.
    pub dad_failed: bool,
    /// Preferred lifetime left in seconds, `None` for ever.
    pub preferred_lft: Option<u32>,
    /// Valid lifetime left in seconds, `None` for ever.
    pub valid_lft: Option<u32>,
    /// `IFA_PROTO`: who added it; 18 is keepalived. `None` if the kernel doesn't know the attribute.
    pub protocol: Option<u8>,
}

/// A route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteFacts {
    /// Its destination.
    pub destination: IpNet,
    /// Its type.
    pub kind: RouteKind,
    /// Its table.
    pub table: u32,
    /// Its metric.
    pub metric: u32,
    /// Its TOS.
    pub tos: u8,
    /// Who added it; 18 is keepalived.
    pub protocol: u8,
    /// Its preferred source.
    pub source: Option<IpAddr>,
    /// Its legs: gateway and interface.
    pub hops: Vec<(Option<IpAddr>, Option<IfIndex>)>,
}

/// Something in the kernel changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KernelEvent {
    /// An interface appeared or changed.
    Link(LinkFacts),
    /// An interface is gone.
    LinkGone(IfIndex),
    /// An address appeared or changed.
    Address(AddressFacts),
    /// An address is gone.
    AddressGone(AddressFacts),
    /// A route appeared or changed.
    Route(RouteFacts),
    /// A route is gone.
    RouteGone(RouteFacts),
}

/// Everything that there is, at one time. Replaces whatever was known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KernelDump {
    /// All interfaces.
    pub links: Vec<LinkFacts>,
    /// All addresses.
    pub addresses: Vec<AddressFacts>,
    /// All unicast routes of protocol 18 and those that the model names.
    pub routes: Vec<RouteFacts>,
}
