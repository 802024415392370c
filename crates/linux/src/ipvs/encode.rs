//! Operations as messages of the family.

use std::net::IpAddr;

use base::Family;
use engine::lvs::table::{
    ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncHalf, SyncSettings, Timeouts,
};
use model::lvs::{Forwarding, TunnelChecksum, TunnelKind};

use super::attributes::{checksum, command, daemon, dest, flag, forward, service, state, top, tunnel};
use crate::netlink::message::{attribute, nest, text};

/// A message of the family that changes something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change<'a> {
    AddService(&'a ServiceKey, &'a ServiceSettings),
    EditService(&'a ServiceKey, &'a ServiceSettings),
    DelService(&'a ServiceKey),
    AddServer(&'a ServiceKey, &'a ServerKey, &'a ServerSettings),
    EditServer(&'a ServiceKey, &'a ServerKey, &'a ServerSettings),
    DelServer(&'a ServiceKey, &'a ServerKey),
    Flush,
    SetTimeouts(&'a Timeouts),
    StartSync(SyncHalf, &'a SyncSettings),
    StopSync(SyncHalf),
}

impl Change<'_> {
    /// Appends the attributes of the message and gives its command.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::AddService(key, settings) => {
                full_service(out, key, settings);
                command::NEW_SERVICE
            }
            Self::EditService(key, settings) => {
                full_service(out, key, settings);
                command::SET_SERVICE
            }
            Self::DelService(key) => {
                service_key(out, key);
                command::DEL_SERVICE
            }
            Self::AddServer(key, server, settings) => {
                full_server(out, key, server, settings);
                command::NEW_DEST
            }
            Self::EditServer(key, server, settings) => {
                full_server(out, key, server, settings);
                command::SET_DEST
            }
            Self::DelServer(key, server) => {
                service_key(out, key);
                nest(out, top::DEST, |out| server_key(out, server));
                command::DEL_DEST
            }
            Self::Flush => command::FLUSH,
            Self::SetTimeouts(t) => {
                let each =
                    [(top::TIMEOUT_TCP, t.tcp), (top::TIMEOUT_TCP_FIN, t.tcp_fin), (top::TIMEOUT_UDP, t.udp)];
                each.into_iter().for_each(|(kind, time)| u32(out, kind, seconds(time)));
                command::SET_CONFIG
            }
            Self::StartSync(half, settings) => {
                nest(out, top::DAEMON, |out| sync_daemon(out, *half, settings));
                command::NEW_DAEMON
            }
            Self::StopSync(half) => {
                nest(out, top::DAEMON, |out| u32(out, daemon::STATE, half_number(*half)));
                command::DEL_DAEMON
            }
        }
    }
}

/// The attribute that says which service is meant.
pub(super) fn service_key(out: &mut Vec<u8>, key: &ServiceKey) {
    nest(out, top::SERVICE, |out| key_attributes(out, key));
}

fn key_attributes(out: &mut Vec<u8>, key: &ServiceKey) {
    family(out, service::AF, key.family());
    match key {
        ServiceKey::Address { protocol, address: ip, port } => {
            u16(out, service::PROTOCOL, protocol.number().into());
            address(out, service::ADDR, *ip);
            attribute(out, service::PORT, &port.to_be_bytes());
        }
        ServiceKey::Mark { mark, .. } => u32(out, service::FWMARK, *mark),
    }
}

fn full_service(out: &mut Vec<u8>, key: &ServiceKey, settings: &ServiceSettings) {
    nest(out, top::SERVICE, |out| {
        key_attributes(out, key);
        if let Some(scheduler) = settings.scheduler {
            text(out, service::SCHED_NAME, scheduler.name());
        }
        let persistence = settings.persistence.as_ref();
        if let Some(engine) = persistence.and_then(|p| p.engine.as_deref()) {
            text(out, service::PE_NAME, engine);
        }
        let flags = [
            (persistence.is_some(), flag::PERSISTENT),
            (settings.one_packet, flag::ONE_PACKET),
            (settings.flags.one, flag::SCHED1),
            (settings.flags.two, flag::SCHED2),
            (settings.flags.three, flag::SCHED3),
        ];
        let flags = flags.iter().filter(|(on, _)| *on).fold(0, |all, (_, bit)| all | bit);
        let mut flags_and_mask = [0; 8];
        if let Some((low, high)) = flags_and_mask.split_first_chunk_mut::<4>() {
            *low = u32::to_ne_bytes(flags);
            high.copy_from_slice(&u32::MAX.to_ne_bytes());
        }
        attribute(out, service::FLAGS, &flags_and_mask);
        u32(out, service::TIMEOUT, persistence.map_or(0, |p| seconds(p.timeout)));
        // The kernel wants all bits even if they mean nothing.
        let netmask = match (key.family(), persistence) {
            (Family::V4, Some(p)) => p.granularity.to_be_bytes(),
            (Family::V4, None) => [u8::MAX; 4],
            (Family::V6, Some(p)) => p.granularity.to_ne_bytes(),
            (Family::V6, None) => 128_u32.to_ne_bytes(),
        };
        attribute(out, service::NETMASK, &netmask);
    });
}

fn server_key(out: &mut Vec<u8>, server: &ServerKey) {
    let is_v4 = server.address.is_ipv4();
    family(out, dest::ADDR_FAMILY, if is_v4 { Family::V4 } else { Family::V6 });
    address(out, dest::ADDR, server.address);
    attribute(out, dest::PORT, &server.port.to_be_bytes());
}

fn full_server(out: &mut Vec<u8>, key: &ServiceKey, server: &ServerKey, settings: &ServerSettings) {
    service_key(out, key);
    nest(out, top::DEST, |out| {
        server_key(out, server);
        let method = match settings.forwarding {
            Forwarding::Nat => forward::MASQ,
            Forwarding::Direct => forward::DROUTE,
            Forwarding::Tunnel(_) => forward::TUNNEL,
        };
        u32(out, dest::FWD_METHOD, method);
        u32(out, dest::WEIGHT, settings.weight);
        u32(out, dest::U_THRESH, settings.upper_threshold);
        u32(out, dest::L_THRESH, settings.lower_threshold);
        if let Forwarding::Tunnel(t) = settings.forwarding {
            let (kind, port) = match t.kind {
                TunnelKind::Ipip => (tunnel::IPIP, 0),
                TunnelKind::Gue(port) => (tunnel::GUE, port),
                TunnelKind::Gre => (tunnel::GRE, 0),
            };
            attribute(out, dest::TUN_TYPE, &[kind]);
            attribute(out, dest::TUN_PORT, &port.to_be_bytes());
            let flags = match t.checksum {
                TunnelChecksum::None => checksum::NONE,
                TunnelChecksum::On => checksum::CSUM,
                TunnelChecksum::Remote => checksum::REMCSUM,
            };
            u16(out, dest::TUN_FLAGS, flags);
        }
    });
}

fn sync_daemon(out: &mut Vec<u8>, half: SyncHalf, settings: &SyncSettings) {
    u32(out, daemon::STATE, half_number(half));
    text(out, daemon::MCAST_IFN, settings.link.as_str());
    u32(out, daemon::SYNC_ID, settings.id.into());
    if let Some(length) = settings.max_len {
        u16(out, daemon::SYNC_MAXLEN, length);
    }
    match settings.group {
        Some(IpAddr::V4(group)) => attribute(out, daemon::MCAST_GROUP, &group.octets()),
        Some(IpAddr::V6(group)) => attribute(out, daemon::MCAST_GROUP6, &group.octets()),
        None => {}
    }
    if let Some(port) = settings.port {
        u16(out, daemon::MCAST_PORT, port);
    }
    if let Some(ttl) = settings.ttl {
        attribute(out, daemon::MCAST_TTL, &[ttl]);
    }
}

fn half_number(half: SyncHalf) -> u32 {
    match half {
        SyncHalf::Master => state::MASTER,
        SyncHalf::Backup => state::BACKUP,
    }
}

fn family(out: &mut Vec<u8>, kind: u16, family: Family) {
    let number = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    u16(out, kind, u16::try_from(number).unwrap_or(0));
}

/// An address takes 16 bytes whatever its family.
fn address(out: &mut Vec<u8>, kind: u16, address: IpAddr) {
    let mut bytes = [0; 16];
    match address {
        IpAddr::V4(a) => a.octets().iter().zip(&mut bytes).for_each(|(from, to)| *to = *from),
        IpAddr::V6(a) => bytes = a.octets(),
    }
    attribute(out, kind, &bytes);
}

fn u16(out: &mut Vec<u8>, kind: u16, value: u16) {
    attribute(out, kind, &value.to_ne_bytes());
}

fn u32(out: &mut Vec<u8>, kind: u16, value: u32) {
    attribute(out, kind, &value.to_ne_bytes());
}

fn seconds(time: base::Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
