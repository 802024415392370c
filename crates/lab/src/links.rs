//! Network devices, in the network namespace of the calling thread, by their names.
//!
//! A thread that asks `ip` instead pays for an exec each time, which in user-mode Linux is the most
//! expensive thing there is.

use std::io;

use base::{IfIndex, IfName, IpNet, Mac};
use linux::netlink::{
    Address, AddressFlags, AddressMode, Commands, LinkKind, LinkSpec, MacvlanMode, Request, RouteFilter,
    Snapshot,
};
use linux::netns::Netns;

/// A conversation with the kernel about the network devices of one namespace.
pub(crate) struct Links(Commands);

impl Links {
    /// Opens it in the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self(Commands::open(None)?))
    }

    /// Adds a bridge that forwards at once and everything, and lets a capture see it.
    pub(crate) fn add_bridge(&mut self, bridge: &str) -> io::Result<()> {
        let spec = LinkSpec { promiscuous: Some(true), ..LinkSpec::named(name(bridge)?) };
        self.execute(Request::AddLink(LinkKind::Bridge, spec))
    }

    /// Adds a pair of devices: `port` here, `peer` in the namespace `peer_netns`.
    pub(crate) fn add_veth(&mut self, port: &str, peer: &str, peer_netns: Netns) -> io::Result<()> {
        let kind = LinkKind::Veth { peer: name(peer)?, peer_netns: Some(peer_netns) };
        self.execute(Request::AddLink(kind, LinkSpec::named(name(port)?)))
    }

    /// Adds a macvlan in bridge mode with a hardware address of its own, and no address that the
    /// kernel makes by itself.
    pub(crate) fn add_macvlan(&mut self, device: &str, parent: &str, mac: Mac) -> io::Result<()> {
        let kind = LinkKind::Macvlan { parent: index(parent)?, mode: MacvlanMode::Bridge };
        self.execute(Request::AddLink(kind, LinkSpec { mac: Some(mac), ..LinkSpec::named(name(device)?) }))?;
        self.change(device, LinkSpec { link_local: Some(false), ..LinkSpec::default() })
    }

    /// Changes a device.
    pub(crate) fn change(&mut self, device: &str, spec: LinkSpec) -> io::Result<()> {
        self.execute(Request::ChangeLink(index(device)?, spec))
    }

    /// Switches a device on or off.
    pub(crate) fn set_up(&mut self, device: &str, up: bool) -> io::Result<()> {
        self.change(device, LinkSpec { up: Some(up), ..LinkSpec::default() })
    }

    /// Puts a device into a bridge, and switches it on.
    pub(crate) fn enslave(&mut self, device: &str, bridge: &str) -> io::Result<()> {
        let master = Some(Some(index(bridge)?));
        self.change(device, LinkSpec { master, up: Some(true), ..LinkSpec::default() })
    }

    /// Adds an address; IPv6 without duplicate address detection, so that it works at once.
    pub(crate) fn add_address(&mut self, device: &str, address: IpNet) -> io::Result<()> {
        let mut wanted = Address::new(index(device)?, address);
        if address.addr().is_ipv6() {
            wanted.flags = AddressFlags::NODAD;
        }
        self.execute(Request::AddAddress(wanted, AddressMode::Create))
    }

    /// Removes all addresses of a device but these, and those that the kernel made.
    pub(crate) fn keep_addresses(&mut self, device: &str, keep: &[IpNet]) -> io::Result<()> {
        let index = index(device)?;
        let all = Snapshot::take(RouteFilter::None)?.addresses.into_values();
        let other = |a: &Address| {
            let link_local = matches!(a.net.addr(), std::net::IpAddr::V6(ip) if ip.is_unicast_link_local());
            a.index == index && !keep.contains(&a.net) && !(link_local && a.net.prefix() == 64)
        };
        all.filter(other).try_for_each(|a| self.execute(Request::DeleteAddress(a)))
    }

    fn execute(&mut self, request: Request) -> io::Result<()> {
        self.0.execute(request).map_err(|e| io::Error::new(io::Error::from(e.errno).kind(), e.to_string()))
    }
}

/// The index of a device.
pub(crate) fn index(device: &str) -> io::Result<IfIndex> {
    let number = nix::net::if_::if_nametoindex(device)?;
    IfIndex::new(number).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn name(device: &str) -> io::Result<IfName> {
    IfName::new(device).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, format!("\"{device}\": {e}")))
}
