//! Network devices by rtnetlink, in the network namespace of the calling thread.
//!
//! A thread that asks `ip` instead pays for an exec each time, which in user-mode Linux is the most
//! expensive thing there is.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use base::{IpNet, Mac};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, BridgeStpState, In6AddrGenMode, InfoBridge, InfoData, InfoKind, InfoMacVlan,
    InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// A conversation with the kernel about the network devices of one namespace.
pub(crate) struct Links {
    socket: Socket,
    sequence: u32,
}

impl Links {
    /// Opens it in the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Adds a bridge that forwards at once and everything: no spanning tree, no snooping.
    pub(crate) fn add_bridge(&mut self, name: &str) -> io::Result<()> {
        let data = InfoData::Bridge(vec![
            InfoBridge::ForwardDelay(0),
            InfoBridge::StpState(BridgeStpState::Disabled),
            InfoBridge::MulticastSnooping(false),
        ]);
        self.add(link(name, InfoKind::Bridge, Some(data)))
    }

    /// Adds a pair of devices: `name` here, `peer` in the namespace of `peer_ns`.
    pub(crate) fn add_veth(
        &mut self,
        name: &str,
        peer: &str,
        peer_mac: Mac,
        peer_ns: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut other = LinkMessage::default();
        other.attributes = vec![
            LinkAttribute::IfName(peer.to_owned()),
            LinkAttribute::Address(peer_mac.0.to_vec()),
            LinkAttribute::NetNsFd(peer_ns.as_raw_fd()),
        ];
        self.add(link(name, InfoKind::Veth, Some(InfoData::Veth(InfoVeth::Peer(other)))))
    }

    /// Adds a macvlan in bridge mode with a hardware address of its own, and no address that the
    /// kernel makes by itself.
    pub(crate) fn add_macvlan(&mut self, name: &str, parent: &str, mac: Mac) -> io::Result<()> {
        let parent = index(parent)?;
        let mut message = link(
            name,
            InfoKind::MacVlan,
            Some(InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)])),
        );
        message.attributes.push(LinkAttribute::Link(parent));
        message.attributes.push(LinkAttribute::Address(mac.0.to_vec()));
        self.add(message)?;
        let mut message = LinkMessage::default();
        message.header.index = index(name)?;
        // Only accepted once the device exists.
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![
            AfSpecInet6::AddrGenMode(In6AddrGenMode::None),
        ])]));
        self.change(message)
    }

    /// Puts a device into a bridge.
    pub(crate) fn enslave(&mut self, name: &str, bridge: &str) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index(name)?;
        message.attributes.push(LinkAttribute::Controller(index(bridge)?));
        self.change(message)
    }

    /// Switches a device on or off.
    pub(crate) fn set_up(&mut self, name: &str, up: bool) -> io::Result<()> {
        self.set_flag(name, LinkFlags::Up, up)
    }

    /// Lets a device see every frame.
    pub(crate) fn set_promiscuous(&mut self, name: &str) -> io::Result<()> {
        self.set_flag(name, LinkFlags::Promisc, true)
    }

    fn set_flag(&mut self, name: &str, flag: LinkFlags, on: bool) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index(name)?;
        message.header.change_mask = flag;
        message.header.flags = if on { flag } else { LinkFlags::empty() };
        self.change(message)
    }

    /// Adds an address; IPv6 without duplicate address detection, so that it works at once.
    pub(crate) fn add_address(&mut self, name: &str, address: IpNet) -> io::Result<()> {
        let mut message = address_message(index(name)?, address);
        if address.addr().is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        self.request(RouteNetlinkMessage::NewAddress(message), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
            .map(drop)
    }

    /// Removes an address.
    pub(crate) fn remove_address(&mut self, name: &str, address: IpNet) -> io::Result<()> {
        let message = address_message(index(name)?, address);
        self.request(RouteNetlinkMessage::DelAddress(message), NLM_F_ACK).map(drop)
    }

    /// All addresses of a device.
    pub(crate) fn addresses(&mut self, name: &str) -> io::Result<Vec<IpNet>> {
        let index = index(name)?;
        let answers = self.request(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
        let of_device = answers.into_iter().filter_map(|m| match m {
            RouteNetlinkMessage::NewAddress(a) if a.header.index == index => Some(a),
            _ => None,
        });
        Ok(of_device.filter_map(|a| IpNet::new(local_address(&a)?, a.header.prefix_len)).collect())
    }

    fn add(&mut self, message: LinkMessage) -> io::Result<()> {
        self.request(RouteNetlinkMessage::NewLink(message), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    fn change(&mut self, message: LinkMessage) -> io::Result<()> {
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_ACK).map(drop)
    }

    /// Sends one request and collects the answers up to the acknowledgement or the end of the dump.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let (answer, length) = parse(rest)?;
                rest = rest.get(length..).unwrap_or_default();
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Error(e) if e.code.is_some() => return Err(e.to_io()),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    _ => {}
                }
            }
        }
    }
}

/// The first message of a datagram, and the length up to the next one.
pub(crate) fn parse(bytes: &[u8]) -> io::Result<(NetlinkMessage<RouteNetlinkMessage>, usize)> {
    let invalid = |e| io::Error::new(io::ErrorKind::InvalidData, format!("netlink: {e}"));
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map_err(invalid)?;
    let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
    Ok((message, length))
}

/// The index of a device.
pub(crate) fn index(name: &str) -> io::Result<u32> {
    Ok(nix::net::if_::if_nametoindex(name)?)
}

fn link(name: &str, kind: InfoKind, data: Option<InfoData>) -> LinkMessage {
    let mut info = vec![LinkInfo::Kind(kind)];
    info.extend(data.map(LinkInfo::Data));
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::LinkInfo(info)];
    message
}

fn address_message(index: u32, address: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.prefix();
    message.header.family = match address.addr() {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes =
        vec![AddressAttribute::Local(address.addr()), AddressAttribute::Address(address.addr())];
    message
}

/// The address itself: `IFA_ADDRESS` is the other end on a point-to-point link.
pub(crate) fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    let of = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(wanted);
    of(|a| if let AddressAttribute::Local(ip) = a { Some(*ip) } else { None })
        .or_else(|| of(|a| if let AddressAttribute::Address(ip) = a { Some(*ip) } else { None }))
}
