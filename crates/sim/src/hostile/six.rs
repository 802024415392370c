//! The same over IPv6. The corpus has no negative packets of it: its advert is made wrong here, one rule at a
//! time.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::OnceLock;

use base::{Family, Rng};
use model::Instance;
use vrrp::config::{Peers, Version};
use wire::checksum::Sum;

use super::{pick, vector};
use crate::fault::Stranger;
use crate::lan::SegmentId;
use crate::node::NodeId;
use crate::world::World;

/// RFC 9568 section 5.1.2.3.
const HOP_LIMIT: u8 = 255;

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    /// It came from beyond the link.
    HopLimit,
    Checksum,
    Version,
    Type,
    Vrid,
    /// It lists no address.
    Count,
    /// It says that it lists more than there are.
    Addresses,
    Interval,
    Short,
    /// It shows the receiver's own address.
    Own,
}

const ALL: &[Wrong] = &[
    Wrong::HopLimit,
    Wrong::Checksum,
    Wrong::Version,
    Wrong::Type,
    Wrong::Vrid,
    Wrong::Count,
    Wrong::Addresses,
    Wrong::Interval,
    Wrong::Short,
    Wrong::Own,
];

/// Somebody who can be attacked: an instance over IPv6 multicast.
struct Victim<'a> {
    node: NodeId,
    segment: SegmentId,
    instance: &'a Instance,
    own: Ipv6Addr,
    group: Ipv6Addr,
}

fn victims(world: &World) -> Vec<Victim<'_>> {
    let mut all = Vec::new();
    for node in world.ids() {
        for instance in &world.node(node).in_force().instances {
            let protocol = &instance.protocol;
            let Peers::Multicast(IpAddr::V6(group)) = protocol.peers else { continue };
            let v3 = (protocol.family, protocol.version) == (Family::V6, Version::V3);
            let Some(link) = instance.link.filter(|_| v3) else { continue };
            let mut own = world.node(node).host.own_links().filter(|(name, _)| *name == link);
            let own = own.find_map(|(_, nets)| {
                nets.iter().find_map(|net| match net.addr() {
                    IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
                    _ => None,
                })
            });
            if let (Some(own), Some(segment)) = (own, world.lan().segment_of((node, link))) {
                all.push(Victim { node, segment, instance, own, group });
            }
        }
    }
    all
}

/// A packet that must have no effect on anybody, or with `valid` one that may. `None` if the world has nobody who
/// could be attacked.
pub(super) fn packet(world: &World, rng: &mut Rng, valid: bool) -> Option<Stranger> {
    static ADVERT: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let all = victims(world);
    let at = usize::try_from(rng.below(u64::try_from(all.len()).ok().filter(|n| *n > 0)?)).ok()?;
    let victim = all.get(at)?;
    let wrong = if valid { None } else { pick(ALL, rng) };
    let (priority, host) = (pick(&[0, 1, 100, 254, 255], rng)?, pick(&[1, 2, 3, 0x66], rng)?);
    let other = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host);
    let other = if other == victim.own { Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x66) } else { other };
    let source = if wrong == Some(Wrong::Own) { victim.own } else { other };
    let mut bytes = ADVERT.get_or_init(|| vector("v3_ipv6", "vrrp")).clone()?;
    let mut virtuals = victim.instance.protocol.addresses.iter().filter_map(|address| match address {
        IpAddr::V6(address) => Some(address.octets()),
        IpAddr::V4(_) => None,
    });
    let first = virtuals.next()?;
    bytes.get_mut(8..24)?.copy_from_slice(&first);
    bytes.get_mut(24..40)?.copy_from_slice(&virtuals.next().unwrap_or(first));
    (bytes[1], bytes[2]) = (victim.instance.protocol.vrid.get(), priority);
    match wrong {
        Some(Wrong::Version) => bytes[0] = 0x41,
        Some(Wrong::Type) => bytes[0] = 0x32,
        Some(Wrong::Vrid) => bytes[1] = 0,
        Some(Wrong::Count) => {
            bytes[3] = 0;
            bytes.truncate(8);
        }
        Some(Wrong::Addresses) => bytes[3] = 3,
        Some(Wrong::Interval) => bytes[4..6].fill(0),
        Some(Wrong::Short) => bytes.truncate(7),
        Some(Wrong::HopLimit | Wrong::Checksum | Wrong::Own) | None => {}
    }
    seal(&mut bytes, source, victim.group, wrong == Some(Wrong::Checksum));
    Some(Stranger {
        segment: victim.segment,
        to: Some(victim.node),
        source: source.into(),
        destination: victim.group.into(),
        hop_limit: if wrong == Some(Wrong::HopLimit) { HOP_LIMIT - 1 } else { HOP_LIMIT },
        bytes,
        valid,
    })
}

/// Writes the checksum of RFC 9568 section 5.2.8, or one that is wrong by a bit.
fn seal(bytes: &mut [u8], source: Ipv6Addr, group: Ipv6Addr, wrong: bool) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let Some(place) = bytes.get_mut(6..8) else { return };
    place.fill(0);
    let sum = Sum::ZERO.add_pseudo_ipv6(source, group, 112, length).add_bytes(bytes).finish();
    bytes[6..8].copy_from_slice(&(sum ^ u16::from(wrong)).to_be_bytes());
}
