//! Interfaces, as facts and, for the lab, as wishes.

use std::fmt;
use std::os::fd::AsRawFd;

use base::{IfIndex, IfName, Mac};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridge, InfoData, InfoKind, InfoMacVlan, InfoVeth,
    InfoVlan, LinkAttribute, LinkInfo, LinkMessage, MacVlanMode,
};

use super::address::flags;
use super::attributes::{attributes, split, text_of, u8_of, u32_of};
use crate::netns::Netns;

/// An array of `DEVCONF_*`; the first is `forwarding`.
const IFLA_INET6_CONF: u16 = 2;

/// The kernel's flags of an interface (`IFF_*`).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkFlags(pub u32);

flags! {
    LinkFlags {
        /// Switched on.
        UP = 0x1, "up";
        /// Can broadcast.
        BROADCAST = 0x2, "broadcast";
        /// The machine itself.
        LOOPBACK = 0x8, "loopback";
        /// Has one other end.
        POINT_TO_POINT = 0x10, "pointopoint";
        /// Passes traffic, by RFC 2863.
        RUNNING = 0x40, "running";
        /// Has no address resolution.
        NOARP = 0x80, "noarp";
        /// Can multicast.
        MULTICAST = 0x1000, "multicast";
        /// Has a carrier.
        LOWER_UP = 0x1_0000, "lower_up";
    }
}

/// The operational state of an interface (RFC 2863, `IF_OPER_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OperState {
    /// The driver doesn't say: the loopback and tunnels. Taken for up.
    #[default]
    Unknown,
    /// Some part is missing.
    NotPresent,
    /// Down.
    Down,
    /// The interface below is down.
    LowerLayerDown,
    /// Under test.
    Testing,
    /// Waits for somebody's consent (802.1X).
    Dormant,
    /// Up.
    Up,
}

/// An interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its number, unique within the namespace for as long as it exists.
    pub index: IfIndex,
    /// Its name, which can change.
    pub name: IfName,
    /// Hardware type (`ARPHRD_*`): 1 is Ethernet, 772 the loopback.
    pub hardware: u16,
    /// Its hardware address, if that is one of 48 bits.
    pub mac: Option<Mac>,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// Flags.
    pub flags: LinkFlags,
    /// Operational state.
    pub oper_state: OperState,
    /// What made it: `veth`, `macvlan`, `vlan`, `bond`, `vrf`, ..; nothing for real hardware.
    pub kind: Option<String>,
    /// The bridge, bond or VRF that it belongs to.
    pub master: Option<IfIndex>,
    /// The interface below (macvlan, VLAN); the other end of a veth pair.
    pub parent: Option<IfIndex>,
    /// Whether IPv6 packets that come in here are forwarded: the router flag of its neighbour
    /// advertisements.
    pub forwarding6: bool,
}

impl Link {
    /// Whether packets can pass: on, and with a carrier as far as is known.
    ///
    /// An interface just switched on counts as running for a moment even without a carrier, hence both
    /// flags. Packets may still vanish without an error until its state is [`OperState::Up`] (if it
    /// has one) and one more request, of any kind, was answered: the kernel puts the transmit queue in
    /// place last, under the lock that each request takes.
    #[must_use]
    pub fn is_operational(&self) -> bool {
        let all = LinkFlags::UP.with(LinkFlags::RUNNING).with(LinkFlags::LOWER_UP);
        self.flags.contains(all)
    }

    /// Reads the payload of an `RTM_NEWLINK` or `RTM_DELLINK`; `None` for the messages of that type
    /// which tell about a bridge's ports.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = split::<16>(payload)?;
        let [family, _, h0, h1, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
        if libc::c_int::from(family) != libc::AF_UNSPEC {
            return None;
        }
        let mut name = None;
        let mut out = Self {
            index: IfIndex::new(u32::from_ne_bytes([i0, i1, i2, i3]))?,
            // Replaced below, or the message is refused.
            name: IfName::new("?").ok()?,
            hardware: u16::from_ne_bytes([h0, h1]),
            mac: None,
            mtu: 0,
            flags: LinkFlags(u32::from_ne_bytes([f0, f1, f2, f3])),
            oper_state: OperState::Unknown,
            kind: None,
            master: None,
            parent: None,
            forwarding6: false,
        };
        for (kind, value) in attributes(rest) {
            match kind {
                libc::IFLA_IFNAME => name = text_of(value).and_then(|n| IfName::new(n).ok()),
                libc::IFLA_ADDRESS => out.mac = <[u8; 6]>::try_from(value).ok().map(Mac),
                libc::IFLA_MTU => out.mtu = u32_of(value)?,
                libc::IFLA_OPERSTATE => out.oper_state = oper_state(u8_of(value)?),
                libc::IFLA_MASTER => out.master = u32_of(value).and_then(IfIndex::new),
                libc::IFLA_LINK => out.parent = u32_of(value).and_then(IfIndex::new),
                libc::IFLA_AF_SPEC => out.forwarding6 = forwarding6(value),
                libc::IFLA_LINKINFO => {
                    out.kind = attributes(value)
                        .find(|(k, _)| *k == libc::IFLA_INFO_KIND)
                        .and_then(|(_, v)| text_of(v))
                        .map(str::to_owned);
                }
                _ => {}
            }
        }
        out.name = name?;
        Some(out)
    }
}

/// `net.ipv6.conf.IF.forwarding`, out of the settings that come with each link.
fn forwarding6(af_spec: &[u8]) -> bool {
    let find = |list, wanted: u16| attributes(list).find(|(k, _)| *k == wanted).map(|(_, v)| v);
    let inet6 = u16::try_from(libc::AF_INET6).ok().and_then(|family| find(af_spec, family));
    inet6.and_then(|v| find(v, IFLA_INET6_CONF)).and_then(u32_of).is_some_and(|n| n != 0)
}

fn oper_state(n: u8) -> OperState {
    match n {
        1 => OperState::NotPresent,
        2 => OperState::Down,
        3 => OperState::LowerLayerDown,
        4 => OperState::Testing,
        5 => OperState::Dormant,
        6 => OperState::Up,
        _ => OperState::Unknown,
    }
}

/// How a macvlan interface treats its siblings on the same parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MacvlanMode {
    /// Not at all: what VRRP wants.
    Private,
    /// Passes frames to them directly.
    Bridge,
    /// Sends everything out to the switch.
    Vepa,
}

/// The kind of interface to make.
#[derive(Clone, Debug)]
pub enum LinkKind {
    /// One end of a cable whose other end has a name, too.
    Veth {
        /// Name of the other end.
        peer: IfName,
        /// Namespace of the other end; this one if `None`.
        peer_netns: Option<Netns>,
    },
    /// A switch, without spanning tree, forward delay and multicast snooping.
    Bridge,
    /// A second hardware address on an interface.
    Macvlan {
        /// The interface below.
        parent: IfIndex,
        /// Treatment of siblings.
        mode: MacvlanMode,
    },
    /// A tagged VLAN on an interface.
    Vlan {
        /// The interface below.
        parent: IfIndex,
        /// 1 to 4094.
        id: u16,
    },
    /// An interface that swallows everything.
    Dummy,
}

/// What to make of an interface: at its creation, or of an existing one. `None` leaves things alone.
#[derive(Clone, Default, Debug)]
pub struct LinkSpec {
    /// Name.
    pub name: Option<IfName>,
    /// Hardware address.
    pub mac: Option<Mac>,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Switched on or off.
    pub up: Option<bool>,
    /// The bridge, bond or VRF to belong to; `Some(None)` to leave it.
    pub master: Option<Option<IfIndex>>,
    /// Namespace to be in.
    pub netns: Option<Netns>,
    /// Whether the kernel makes a link-local IPv6 address itself. Not at creation (the kernel
    /// refuses it there): in a second request, before the interface is switched on.
    pub link_local: Option<bool>,
    /// Whether it resolves addresses.
    pub arp: Option<bool>,
    /// Whether it takes every frame, also those for others.
    pub promiscuous: Option<bool>,
}

impl LinkSpec {
    /// Nothing but a name.
    #[must_use]
    pub fn named(name: IfName) -> Self {
        Self { name: Some(name), ..Self::default() }
    }

    /// The message that makes an interface of `kind`.
    pub(super) fn encode_new(&self, kind: &LinkKind) -> LinkMessage {
        let mut m = self.encode(None);
        m.attributes.extend(match kind {
            LinkKind::Macvlan { parent, .. } | LinkKind::Vlan { parent, .. } => {
                Some(LinkAttribute::Link(parent.get()))
            }
            _ => None,
        });
        m.attributes.push(LinkAttribute::LinkInfo(info(kind)));
        m
    }

    /// The message that changes interface `index`.
    pub(super) fn encode(&self, index: Option<IfIndex>) -> LinkMessage {
        use netlink_packet_route::link::LinkFlags as Raw;
        let mut m = LinkMessage::default();
        m.header.index = index.map_or(0, IfIndex::get);
        let flags =
            [(self.up, Raw::Up, true), (self.arp, Raw::Noarp, false), (self.promiscuous, Raw::Promisc, true)];
        for (wish, flag, set) in flags {
            if let Some(wish) = wish {
                m.header.change_mask |= flag;
                if wish == set {
                    m.header.flags |= flag;
                }
            }
        }
        let a = &mut m.attributes;
        a.extend(self.name.map(|n| LinkAttribute::IfName(n.as_str().to_owned())));
        a.extend(self.mac.map(|m| LinkAttribute::Address(m.0.to_vec())));
        a.extend(self.mtu.map(LinkAttribute::Mtu));
        a.extend(self.master.map(|m| LinkAttribute::Controller(m.map_or(0, IfIndex::get))));
        a.extend(self.netns.as_ref().map(|n| LinkAttribute::NetNsFd(n.as_raw_fd())));
        a.extend(self.link_local.map(|on| {
            let mode = if on { In6AddrGenMode::Eui64 } else { In6AddrGenMode::None };
            LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(mode)])])
        }));
        m
    }
}

fn info(kind: &LinkKind) -> Vec<LinkInfo> {
    let (kind, data) = match kind {
        LinkKind::Veth { peer, peer_netns } => {
            let mut other = LinkSpec::named(*peer);
            other.netns.clone_from(peer_netns);
            (InfoKind::Veth, Some(InfoData::Veth(InfoVeth::Peer(other.encode(None)))))
        }
        LinkKind::Bridge => (
            InfoKind::Bridge,
            Some(InfoData::Bridge(vec![InfoBridge::ForwardDelay(0), InfoBridge::MulticastSnooping(false)])),
        ),
        LinkKind::Macvlan { mode, .. } => {
            let mode = match mode {
                MacvlanMode::Private => MacVlanMode::Private,
                MacvlanMode::Bridge => MacVlanMode::Bridge,
                MacvlanMode::Vepa => MacVlanMode::Vepa,
            };
            (InfoKind::MacVlan, Some(InfoData::MacVlan(vec![InfoMacVlan::Mode(mode)])))
        }
        LinkKind::Vlan { id, .. } => (InfoKind::Vlan, Some(InfoData::Vlan(vec![InfoVlan::Id(*id)]))),
        LinkKind::Dummy => (InfoKind::Dummy, None),
    };
    std::iter::once(LinkInfo::Kind(kind)).chain(data.map(LinkInfo::Data)).collect()
}

/// `eth0 (2)`.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable;

    #[test]
    fn a_link_is_read_within_bounds_and_not_taken_from_a_bridge_port() {
        let spec = LinkSpec {
            name: IfName::new("eth0").ok(),
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            mtu: Some(1500),
            up: Some(true),
            ..LinkSpec::default()
        };
        let mut m = spec.encode_new(&LinkKind::Bridge);
        m.header.index = 4;
        let mut bytes = vec![0; m.buffer_len()];
        m.emit(&mut bytes);
        let link = Link::decode(&bytes).unwrap();
        assert_eq!((link.name.as_str(), link.mtu, link.mac), ("eth0", 1500, spec.mac));
        assert_eq!(link.kind.as_deref(), Some("bridge"));
        assert!(link.flags.contains(LinkFlags::UP) && !link.is_operational());
        for cut in 0..bytes.len() {
            let _ = Link::decode(&bytes[..cut]);
        }
        bytes[0] = 7;
        assert_eq!(Link::decode(&bytes), None);
    }
}
