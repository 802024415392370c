//! Load balancing: what the kernel's IP Virtual Server shall serve, and how its servers are checked.
//!
//! A [`VirtualServer`] is a [`Service`] with its [`RealServer`]s, each of which has [`Checker`]s. Every
//! default of `virtual_server` has been handed down to its real servers, and theirs to their checkers:
//! whoever runs a check reads the check and nothing else.

pub mod checker;
pub mod group;
pub mod http;
pub mod server;
pub mod service;
pub mod settings;

use base::Name;

/// Ids of [`Lvs::files`] and of [`Lvs::bfds`].
pub use check::config::{BfdId as CheckBfdId, FileId as CheckFileId};
/// Ids of [`Lvs::services`], of [`VirtualServer::servers`], of [`RealServer::checkers`].
pub use check::config::{CheckerId, ServerId, ServiceId};
pub use check::config::{Quorum, Schedule};
pub use checker::{
    Checker, Connect, DnsCheck, DnsType, FileCheck, MaskedByte, MiscCheck, Origin, Probe, SmtpCheck, UdpCheck,
};
pub use group::{AddressGroup, AddressRange, GroupEntry};
pub use http::{Http, HttpVersion, Offsets, Regex, RegexOptions, Sni, StatusCodes, Url};
pub use server::{Checkers, Forwarding, RealServer, SorryServer, Tunnel, TunnelChecksum, TunnelKind};
pub use service::{Destination, Persistence, Protocol, Scheduler, SchedulerFlags, Service, VirtualServer};
pub use settings::{Flush, IpvsNamespace, Nftables, Settings, SyncDaemon, SyncRole, Timeouts, Tls};

use crate::TrackFile;

base::ids! {
    /// A place in [`Lvs::groups`].
    AddressGroupId;
}

/// Everything about load balancing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lvs {
    /// What holds for all services.
    pub settings: Settings,
    /// `virtual_server_group`, numbered by [`AddressGroupId`].
    pub groups: Vec<AddressGroup>,
    /// `virtual_server`, numbered by [`ServiceId`], in the order of the file.
    pub services: Vec<VirtualServer>,
    /// Files that a `FILE_CHECK` follows, numbered by [`CheckFileId`].
    pub files: Vec<TrackFile>,
    /// Names of the BFD sessions that a `BFD_CHECK` follows, numbered by [`CheckBfdId`].
    pub bfds: Vec<Name>,
}

impl Lvs {
    /// Whether anything has to be run for it.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.services.is_empty() || self.settings.sync_daemon.is_some()
    }

    /// The entries of the group that a service is made of; `None` for one that has a destination of its own.
    #[must_use]
    pub fn entries(&self, service: &Service) -> Option<&[GroupEntry]> {
        match service.destination {
            Destination::Group { group, .. } => self.group(group).map(|group| &*group.entries),
            Destination::Address { .. } | Destination::Mark(_) => None,
        }
    }

    /// The group that a destination refers to.
    #[must_use]
    pub fn group(&self, id: AddressGroupId) -> Option<&AddressGroup> {
        self.groups.get(id.index())
    }
}
