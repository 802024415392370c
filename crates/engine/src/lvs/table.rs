//! The kernel's table of virtual servers, as it is and as it should be.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, Family, IfName, Name};
use model::lvs::{AddressRange, Forwarding, Protocol, Scheduler, SchedulerFlags};

/// What makes a service the same service for the kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ServiceKey {
    /// A destination on the wire.
    Address {
        /// The protocol.
        protocol: Protocol,
        /// The virtual address.
        address: IpAddr,
        /// The port; 0 for all.
        port: u16,
    },
    /// A mark of the firewall.
    Mark {
        /// Above 0.
        mark: u32,
        /// Marks of two families are two services.
        family: Family,
    },
}

impl ServiceKey {
    /// The family of its packets.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::Address { address: IpAddr::V4(_), .. } => Family::V4,
            Self::Address { address: IpAddr::V6(_), .. } => Family::V6,
            Self::Mark { family, .. } => *family,
        }
    }
}

/// What may change about a service without it becoming another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceSettings {
    /// The scheduler; `None` for one that vipd doesn't know, or none at all (somebody else's service).
    pub scheduler: Option<Scheduler>,
    /// Its flags.
    pub flags: SchedulerFlags,
    /// Each packet is scheduled on its own.
    pub one_packet: bool,
    /// Persistence: whole seconds, at least 1; `None` for off.
    pub persistence: Option<Box<Persistence>>,
}

/// Connections of a client stay with a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Persistence {
    /// Whole seconds.
    pub timeout: Duration,
    /// A netmask for IPv4, a prefix length for IPv6.
    pub granularity: u32,
    /// The persistence engine: `sip`.
    pub engine: Option<Box<str>>,
}

/// What makes a server of a service the same one for the kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerKey {
    /// Its address; its family may differ from the service's if it is tunnelled to.
    pub address: IpAddr,
    /// The port that the kernel has: that of the service unless it is forwarded by NAT.
    pub port: u16,
}

/// What may change about a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSettings {
    /// 0 to 2147483647; 0 gets no new connections.
    pub weight: u32,
    /// How packets get there.
    pub forwarding: Forwarding,
    /// No new connections above so many; 0 for no limit.
    pub upper_threshold: u32,
    /// Connections again below so many; 0 for three quarters of the upper one.
    pub lower_threshold: u32,
}

/// A service with its servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The service.
    pub settings: ServiceSettings,
    /// Its servers.
    pub servers: BTreeMap<ServerKey, ServerSettings>,
}

/// All services, ours and those of others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Table {
    /// The services.
    pub services: BTreeMap<ServiceKey, Entry>,
    /// The timeouts of connections.
    pub timeouts: Option<Timeouts>,
    /// The table of marks.
    pub marks: Marks,
    /// The halves of the sync daemon that run; `None` if nobody asked for them, or they can't be read.
    pub sync: Option<BTreeMap<SyncHalf, SyncSettings>>,
}

/// The table of marks as it was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Marks {
    /// Nobody asked for it, or it can't be read.
    #[default]
    Unread,
    /// There is none of that name.
    Absent,
    /// This one. Without any mark it isn't one that was ever set: somebody changed it beyond recognition.
    There(MarkTable),
}

/// The kernel's three timeouts: whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Of established TCP connections.
    pub tcp: Duration,
    /// Of TCP connections that are being closed.
    pub tcp_fin: Duration,
    /// Of UDP.
    pub udp: Duration,
}

/// One half of the daemon that tells connections to other directors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SyncHalf {
    /// It sends.
    Master,
    /// It receives.
    Backup,
}

/// How such a half is run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncSettings {
    /// The interface.
    pub link: IfName,
    /// The id that both sides have in common.
    pub id: u8,
    /// The largest message in bytes; `None` leaves it to the kernel.
    pub max_len: Option<u16>,
    /// The UDP port; `None` is the kernel's 8848.
    pub port: Option<u16>,
    /// TTL or hop limit; `None` is the kernel's 1.
    pub ttl: Option<u8>,
    /// The multicast group; `None` is the kernel's 224.0.0.81.
    pub group: Option<IpAddr>,
}

impl SyncSettings {
    /// Whether a half that runs like that, as the kernel tells it, is as these settings want it. The kernel tells
    /// its own choice for what wasn't asked for, a larger message if the one asked for is too small for it, and
    /// before Linux 4.3 of most nothing at all.
    #[must_use]
    pub fn are_met_by(&self, half: SyncHalf, has: &Self) -> bool {
        const PORT: u16 = 8848;
        const TTL: u8 = 1;
        const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
        fn is<T: PartialEq>(has: Option<T>, wanted: T) -> bool {
            has.is_none_or(|has| has == wanted)
        }
        let Self { link, id, max_len, port, ttl, group } = self;
        let longest = if has.group.is_some_and(|group| group.is_ipv6()) { 65_487 } else { 65_507 };
        let shortest = if half == SyncHalf::Backup { 1_024 } else { 1 };
        has.link == *link
            && has.id == *id
            && max_len.is_none_or(|length| is(has.max_len, length.clamp(shortest, longest)))
            && is(has.port, port.unwrap_or(PORT))
            && is(has.ttl, ttl.unwrap_or(TTL))
            && is(has.group, group.unwrap_or(GROUP))
    }
}

/// `nftables_ipvs`: a table that gives packets for certain destinations a mark. It is always replaced as
/// a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MarkTable {
    /// Its name, in the families `ip` and `ip6`.
    pub name: Name,
    /// The priority of its chain in the hook `input`.
    pub priority: i32,
    /// Which destinations get which mark, in order.
    pub marks: Vec<MarkEntry>,
}

/// Destinations and their mark.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MarkEntry {
    /// The protocol.
    pub protocol: Protocol,
    /// The addresses.
    pub addresses: AddressRange,
    /// The port; 0 for all.
    pub port: u16,
    /// The mark, above 0.
    pub mark: u32,
}
