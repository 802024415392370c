//! Interfaces that an instance makes for itself: `use_vmac` and `use_ipvlan`.

use base::{IfName, IpNet};

/// An interface on top of the instance's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VirtualLink {
    /// `use_vmac`: a macvlan with the virtual router's hardware address (RFC 9568 section 7.3).
    Macvlan(Vmac),
    /// `use_ipvlan`.
    Ipvlan(Ipvlan),
}

/// `use_vmac`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vmac {
    /// Its name: as written, or made of `vmac_prefix` and the VRID.
    pub name: IfName,
    /// Its hardware address: as written, or 00:00:5e:00:01:VRID (IPv4), 00:00:5e:00:02:VRID (IPv6).
    pub address: [u8; 6],
    /// `netlink_notify_msg`: make the kernel tell about it again after its address was set.
    pub notify_again: bool,
    /// `group`: its interface group; that of the interface below if none.
    pub group: Option<u32>,
    /// `vmac_xmit_base`: adverts leave through the interface below. On for unicast.
    pub send_below: bool,
}

/// `use_ipvlan`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipvlan {
    /// Its name: as written, or made of `vmac_prefix` and the VRID.
    pub name: IfName,
    /// Its own address, the source of adverts.
    pub address: Option<IpNet>,
    /// How it treats others on the same interface.
    pub mode: IpvlanMode,
    /// `group`: its interface group; that of the interface below if none.
    pub group: Option<u32>,
}

/// How ipvlan interfaces of one parent see each other (`ip-link(8)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names are those of `ip link`")]
pub enum IpvlanMode {
    #[default]
    Bridge,
    Private,
    Vepa,
}
