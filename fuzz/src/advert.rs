//! Adverts of other routers, right ones and almost right ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Family, Priority};
use vrrp::config::{Instance, Peers, Version};
use vrrp::io::Datagram;
use wire::Packet;
use wire::vrrp::{AdvertSpec, Auth, Endpoints, Interval, Stamp, encode};

use crate::bytes::Bytes;

/// A datagram that owns its bytes.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: Option<u8>,
    pub(crate) bytes: Vec<u8>,
}

impl Arrived {
    pub(crate) fn datagram(&self) -> Datagram<'_> {
        let Self { source, destination, hop_limit, bytes } = self;
        Datagram { source: *source, destination: *destination, hop_limit: *hop_limit, bytes }
    }
}

/// Somebody on the link: 192.0.2.0 to 192.0.2.255, or their like in IPv6.
pub(crate) fn neighbour(family: Family, n: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, n).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()).into(),
    }
}

fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => wire::vrrp::GROUP_V4.into(),
        Family::V6 => wire::vrrp::GROUP_V6.into(),
    }
}

/// An advert as `instance` would take it from its peer, but for what the bytes change.
pub(crate) fn advert(instance: &Instance, bytes: &mut Bytes<'_>) -> Option<Arrived> {
    let family = instance.family;
    let priority = bytes.byte();
    let (from, how) = (bytes.byte(), bytes.byte());
    let source = match &instance.peers {
        Peers::Unicast { peers, .. } if from < 128 => bytes.pick(peers).map(|peer| peer.address),
        _ => None,
    };
    let source = source.unwrap_or_else(|| neighbour(family, from));
    let destination = match &instance.peers {
        Peers::Multicast(group) => *group,
        Peers::Unicast { .. } => neighbour(family, 1),
    };
    let version = if how & 1 == 0 { instance.version } else { Version::V3 };
    let own = instance.advert_interval.as_centis();
    let centis = if how & 2 == 0 { own } else { u64::from(bytes.u16()) };
    let interval = match version {
        Version::V2 => Interval::Seconds(u8::try_from(centis / 100).unwrap_or(u8::MAX)),
        Version::V3 => Interval::Centis(u16::try_from(centis).unwrap_or(u16::MAX)),
    };
    let auth = if how & 4 == 0 && version == instance.version { instance.auth.clone() } else { Auth::None };
    let addresses = if how & 8 == 0 { &instance.addresses[..] } else { &[] };
    let sequence = if how & 16 == 0 { 0 } else { bytes.u32() };
    let spec = AdvertSpec {
        version,
        vrid: instance.vrid,
        interval,
        addresses,
        auth,
        checksum: instance.checksum,
        path: Endpoints::new(source, destination)?,
        ttl: if how & 32 == 0 { wire::vrrp::TTL } else { bytes.byte() },
    };
    let stamp = Stamp { priority: Priority(priority), ip_id: bytes.u16(), ah_sequence: sequence };
    let packet = encode(&spec, stamp).ok()?;
    let hop_limit = if how & 64 == 0 { Some(spec.ttl) } else { None };
    let mut bytes_of = packet.to_vec();
    if how & 128 != 0 {
        damage(&mut bytes_of, bytes);
    }
    Some(Arrived { source, destination, hop_limit, bytes: bytes_of })
}

/// Changes some bytes, or cuts some off.
fn damage(packet: &mut Vec<u8>, bytes: &mut Bytes<'_>) {
    for _ in 0..bytes.byte() % 4 {
        let Some(at) = bytes.place(packet.len()) else { return };
        packet[at] = bytes.byte();
    }
    if bytes.flag() {
        let len = bytes.place(packet.len()).unwrap_or(0);
        packet.truncate(len);
    }
}

/// Bytes that mean nothing in particular.
pub(crate) fn junk(bytes: &mut Bytes<'_>) -> Arrived {
    let family = if bytes.flag() { Family::V6 } else { Family::V4 };
    let source = neighbour(family, bytes.byte());
    let len = usize::from(bytes.byte());
    let bytes = bytes.take(len).to_vec();
    Arrived { source, destination: group(family), hop_limit: Some(255), bytes }
}

/// What we sent ourselves comes back, or somebody repeats it.
pub(crate) fn echo(source: IpAddr, destination: IpAddr, packet: &Packet) -> Arrived {
    Arrived { source, destination, hop_limit: Some(255), bytes: packet.to_vec() }
}
