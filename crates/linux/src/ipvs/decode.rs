//! Messages of the family as entries of the table. Attributes that nobody here needs are passed over.

use base::{Duration, Family, IfName};
use engine::lvs::table::{
    Persistence, ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncHalf, SyncSettings, Timeouts,
};
use model::lvs::{Forwarding, Protocol, Scheduler, SchedulerFlags, Tunnel, TunnelChecksum, TunnelKind};

use super::attributes::{checksum, daemon, dest, flag, forward, service as svc, state, top, tunnel};
use super::{ServerStats, Stats};
use crate::netlink::attributes::{address_of, attributes, family_of, text_of, u8_of, u16_of, u32_of, u64_of};

/// A service as the kernel tells it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) key: ServiceKey,
    pub(super) settings: ServiceSettings,
    pub(super) stats: Stats,
}

/// A server as the kernel tells it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: ServerKey,
    pub(super) settings: ServerSettings,
    pub(super) stats: ServerStats,
}

/// Reads the attributes of an `IPVS_CMD_NEW_SERVICE`.
pub(super) fn service(body: &[u8]) -> Option<Service> {
    let inside = find(body, top::SERVICE)?;
    let family = family_of(u8::try_from(u16_of(find(inside, svc::AF)?)?).ok()?)?;
    let (mut protocol, mut address, mut port, mut mark) = (None, None, None, None);
    let (mut scheduler, mut engine, mut flags, mut timeout) = (None, None, 0, 0);
    let (mut netmask, mut stats, mut has_wide) = ([0; 4], Stats::default(), false);
    for (kind, value) in attributes(inside) {
        match kind {
            svc::PROTOCOL => protocol = u16_of(value),
            svc::ADDR => address = address_of(family, value),
            svc::PORT => port = value.first_chunk().map(|b| u16::from_be_bytes(*b)),
            svc::FWMARK => mark = u32_of(value),
            svc::SCHED_NAME => {
                let name = text_of(value)?;
                scheduler = Scheduler::ALL.iter().copied().find(|s| s.name() == name);
            }
            svc::PE_NAME => engine = text_of(value).filter(|name| !name.is_empty()).map(Box::from),
            svc::FLAGS => flags = u32_of(value)?,
            svc::TIMEOUT => timeout = u32_of(value)?,
            svc::NETMASK => netmask = *value.first_chunk()?,
            svc::STATS64 => (stats, has_wide) = (counters(value), true),
            svc::STATS if !has_wide => stats = counters(value),
            _ => {}
        }
    }
    let key = match mark {
        Some(mark) => ServiceKey::Mark { mark, family },
        None => {
            let number = u8::try_from(protocol?).ok()?;
            let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
            let protocol = all.into_iter().find(|p| p.number() == number)?;
            ServiceKey::Address { protocol, address: address?, port: port? }
        }
    };
    let granularity = match family {
        Family::V4 => u32::from_be_bytes(netmask),
        Family::V6 => u32::from_ne_bytes(netmask),
    };
    let timeout = Duration::from_secs(timeout.into());
    let persistence =
        (flags & flag::PERSISTENT != 0).then(|| Box::new(Persistence { timeout, granularity, engine }));
    let is_set = |bit| flags & bit != 0;
    let flags =
        SchedulerFlags { one: is_set(flag::SCHED1), two: is_set(flag::SCHED2), three: is_set(flag::SCHED3) };
    let one_packet = is_set(flag::ONE_PACKET);
    Some(Service { key, settings: ServiceSettings { scheduler, flags, one_packet, persistence }, stats })
}

/// Reads the attributes of an `IPVS_CMD_NEW_DEST` for a service of `family`.
pub(super) fn server(body: &[u8], family: Family) -> Option<Server> {
    let inside = find(body, top::DEST)?;
    // Linux 3.18: until then all servers were of the family of their service.
    let told = find(inside, dest::ADDR_FAMILY).and_then(u16_of).and_then(|n| u8::try_from(n).ok());
    let family = told.map_or(Some(family), family_of)?;
    let (mut address, mut port, mut method) = (None, None, None);
    let (mut weight, mut upper_threshold, mut lower_threshold) = (0, 0, 0);
    let (mut kind, mut tunnel_port, mut tunnel_flags) = (tunnel::IPIP, 0, checksum::NONE);
    let (mut stats, mut has_wide) = (ServerStats::default(), false);
    for (number, value) in attributes(inside) {
        match number {
            dest::ADDR => address = address_of(family, value),
            dest::PORT => port = value.first_chunk().map(|b| u16::from_be_bytes(*b)),
            dest::FWD_METHOD => method = u32_of(value),
            dest::WEIGHT => weight = u32_of(value)?,
            dest::U_THRESH => upper_threshold = u32_of(value)?,
            dest::L_THRESH => lower_threshold = u32_of(value)?,
            dest::TUN_TYPE => kind = u8_of(value)?,
            dest::TUN_PORT => tunnel_port = u16::from_be_bytes(*value.first_chunk()?),
            dest::TUN_FLAGS => tunnel_flags = u16_of(value)?,
            dest::ACTIVE_CONNS => stats.active = u32_of(value)?,
            dest::INACT_CONNS => stats.inactive = u32_of(value)?,
            dest::PERSIST_CONNS => stats.persistent = u32_of(value)?,
            dest::STATS64 => (stats.stats, has_wide) = (counters(value), true),
            dest::STATS if !has_wide => stats.stats = counters(value),
            _ => {}
        }
    }
    let forwarding = match method? & forward::MASK {
        forward::MASQ => Forwarding::Nat,
        forward::DROUTE => Forwarding::Direct,
        forward::TUNNEL => Forwarding::Tunnel(tunnel_of(kind, tunnel_port, tunnel_flags)?),
        _ => return None,
    };
    Some(Server {
        key: ServerKey { address: address?, port: port? },
        settings: ServerSettings { weight, forwarding, upper_threshold, lower_threshold },
        stats,
    })
}

fn tunnel_of(kind: u8, port: u16, flags: u16) -> Option<Tunnel> {
    let kind = match kind {
        tunnel::IPIP => TunnelKind::Ipip,
        tunnel::GUE => TunnelKind::Gue(port),
        tunnel::GRE => TunnelKind::Gre,
        _ => return None,
    };
    let checksum = match flags {
        checksum::NONE => TunnelChecksum::None,
        checksum::CSUM => TunnelChecksum::On,
        checksum::REMCSUM => TunnelChecksum::Remote,
        _ => return None,
    };
    Some(Tunnel { kind, checksum })
}

/// Reads the attributes of an `IPVS_CMD_SET_CONFIG`.
pub(super) fn timeouts(body: &[u8]) -> Option<Timeouts> {
    let time = |kind| Some(Duration::from_secs(u32_of(find(body, kind)?)?.into()));
    Some(Timeouts {
        tcp: time(top::TIMEOUT_TCP)?,
        tcp_fin: time(top::TIMEOUT_TCP_FIN)?,
        udp: time(top::TIMEOUT_UDP)?,
    })
}

/// Reads the attributes of an `IPVS_CMD_NEW_DAEMON`.
pub(super) fn daemon(body: &[u8]) -> Option<(SyncHalf, SyncSettings)> {
    let inside = find(body, top::DAEMON)?;
    let half = match u32_of(find(inside, daemon::STATE)?)? {
        state::MASTER => SyncHalf::Master,
        state::BACKUP => SyncHalf::Backup,
        _ => return None,
    };
    let link = IfName::new(text_of(find(inside, daemon::MCAST_IFN)?)?).ok()?;
    let id = u8::try_from(u32_of(find(inside, daemon::SYNC_ID)?)?).ok()?;
    let group = |kind, family| find(inside, kind).and_then(|v| address_of(family, v));
    let settings = SyncSettings {
        link,
        id,
        max_len: find(inside, daemon::SYNC_MAXLEN).and_then(u16_of),
        port: find(inside, daemon::MCAST_PORT).and_then(u16_of),
        ttl: find(inside, daemon::MCAST_TTL).and_then(u8_of),
        group: group(daemon::MCAST_GROUP, Family::V4).or(group(daemon::MCAST_GROUP6, Family::V6)),
    };
    Some((half, settings))
}

/// The ten counters, of 64 or 32 bits.
fn counters(value: &[u8]) -> Stats {
    let mut out = Stats::default();
    for (kind, value) in attributes(value) {
        let field = match kind {
            1 => &mut out.connections,
            2 => &mut out.packets_in,
            3 => &mut out.packets_out,
            4 => &mut out.bytes_in,
            5 => &mut out.bytes_out,
            6 => &mut out.connection_rate,
            7 => &mut out.packet_rate_in,
            8 => &mut out.packet_rate_out,
            9 => &mut out.byte_rate_in,
            10 => &mut out.byte_rate_out,
            _ => continue,
        };
        *field = u64_of(value).or_else(|| u32_of(value).map(u64::from)).unwrap_or(0);
    }
    out
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(k, _)| *k == kind).map(|(_, value)| value)
}
