//! `virtual_server`: the service as the kernel knows it, and when it counts as up.

use std::net::IpAddr;

use base::{Duration, Family};

use super::{AddressGroupId, Quorum, RealServer, SorryServer};
use crate::script::Command;

/// `virtual_server`: a service and its pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VirtualServer {
    /// The service.
    pub service: Service,
    /// `real_server`, at least one, none twice; in the order of the file.
    pub servers: Vec<RealServer>,
}

/// What holds for the service as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct Service {
    /// What clients connect to.
    pub destination: Destination,
    /// `ip_family`, or that of the address, or of the first real server.
    pub family: Family,
    /// `lvs_sched`.
    pub scheduler: Scheduler,
    /// `flag-1`, `sh-port`, ...
    pub flags: SchedulerFlags,
    /// `ops`: each packet is scheduled on its own; UDP and marks only.
    pub one_packet: bool,
    /// `persistence_timeout` and its kin.
    pub persistence: Option<Persistence>,
    /// `quorum`, `hysteresis`.
    pub quorum: Quorum,
    /// `quorum_up`.
    pub quorum_up: Option<Box<Command>>,
    /// `quorum_down`.
    pub quorum_down: Option<Box<Command>>,
    /// `sorry_server`: serves while the quorum is lost.
    pub sorry: Option<SorryServer>,
    /// `omega`: commands that tell about losses are run at the end, too.
    pub omega: bool,
    /// `ha_suspend`: checks run only while an address of the service is on this host.
    pub ha_suspend: bool,
    /// `smtp_alert`: mail when the quorum is gained or lost.
    pub smtp_alert: bool,
    /// `panic_threshold`: with fewer than so many percent of the servers alive the others stay, too. 0 for
    /// never, up to 100.
    pub panic_threshold: u8,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
}

/// What clients connect to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Destination {
    /// `virtual_server ADDRESS [PORT]`.
    Address {
        /// The address.
        address: IpAddr,
        /// The port; 0 for all, which needs persistence.
        port: u16,
        /// `protocol`.
        protocol: Protocol,
    },
    /// `virtual_server fwmark N`: packets that the firewall has marked with this number.
    Mark(u32),
    /// `virtual_server group NAME`: all entries of a group.
    Group {
        /// The group.
        group: AddressGroupId,
        /// `protocol` of those entries that are addresses; `None` for marks alone.
        protocol: Option<Protocol>,
    },
}

/// `protocol`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The name in log lines and FIFO lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// IANA's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

macro_rules! schedulers {
    ($($(#[$doc:meta])* $id:ident = $name:literal;)*) => {
        /// `lvs_sched`: how the kernel chooses a server.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Scheduler {
            $($(#[$doc])* $id,)*
        }

        impl Scheduler {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];

            /// The kernel's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

schedulers! {
    /// In turn.
    RoundRobin = "rr";
    /// In turn, by weight.
    WeightedRoundRobin = "wrr";
    /// The fewest connections.
    LeastConnection = "lc";
    /// The fewest connections, by weight.
    WeightedLeastConnection = "wlc";
    /// The fewest connections, a destination staying with its server.
    LocalityLeastConnection = "lblc";
    /// By the client's address.
    SourceHash = "sh";
    /// By the client's address, moving few clients when servers change.
    MaglevHash = "mh";
    /// By the destination's address.
    DestinationHash = "dh";
    /// The available server of highest weight.
    Failover = "fo";
    /// The server of highest weight until it is full, then the next.
    Overflow = "ovf";
    /// As `lblc`, with a set of servers for each destination.
    LocalityReplicated = "lblcr";
    /// The shortest expected delay.
    ShortestDelay = "sed";
    /// An idle server if there is one, else the shortest expected delay.
    NeverQueue = "nq";
    /// The better of two random servers.
    TwoRandom = "twos";
}

/// Flags of the scheduler. The kernel has three bits, which some schedulers give names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SchedulerFlags {
    /// `flag-1`, `sh-fallback`, `mh-fallback`.
    pub one: bool,
    /// `flag-2`, `sh-port`, `mh-port`.
    pub two: bool,
    /// `flag-3`.
    pub three: bool,
}

/// `persistence_*`: connections of a client stay with a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Persistence {
    /// `persistence_timeout`: whole seconds from 1 to 2678400.
    pub timeout: Duration,
    /// `persistence_granularity`, as a netmask for IPv4 (it need not be contiguous) and as the length of
    /// a prefix for IPv6. All bits by default.
    pub granularity: u32,
    /// `persistence_engine`, at most 16 bytes: `sip`.
    pub engine: Option<Box<str>>,
}
