//! Addresses to be kept on an interface: one line of `virtual_ipaddress` or `static_ipaddress`.

use std::net::Ipv4Addr;

use base::{IfName, IpNet};

/// An address line, resolved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// The address and its prefix length; a host prefix if none was written.
    pub net: IpNet,
    /// The interface that it goes to.
    pub link: IfName,
    /// `peer ADDR[/LEN]`: point to point.
    pub peer: Option<IpNet>,
    /// `broadcast`, with `+` and `-` resolved. IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// `label`, at most 15 bytes. IPv4 only.
    pub label: Option<Box<str>>,
    /// `scope` as the kernel numbers it (0 global, 253 link, 254 host). IPv4 only.
    pub scope: u8,
    /// `home`, `-nodad`, `mngtmpaddr`, `noprefixroute`, `autojoin`.
    pub flags: AddressFlags,
    /// `preferred_lft` in seconds, `None` for ever; 0 is "deprecated", the default of an IPv6 `/128`.
    pub preferred_lft: Option<u32>,
    /// `no_track`: its loss is not repaired.
    pub no_track: bool,
    /// `use_vmac`, or `use_vmac_addr` of the instance: it goes to a macvlan of its own on `link`.
    pub on_vmac: bool,
}

/// Flags of an address, as `ip address` names them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent flags of the kernel")]
pub struct AddressFlags {
    /// IPv6: no duplicate address detection. On by default for virtual addresses; `-nodad` clears it.
    pub nodad: bool,
    /// IPv6: `home`.
    pub home: bool,
    /// IPv6: `mngtmpaddr`.
    pub mngtmpaddr: bool,
    /// `noprefixroute`.
    pub noprefixroute: bool,
    /// `autojoin`.
    pub autojoin: bool,
}
