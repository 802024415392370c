//! Packets that an enemy sends: the negative ones of the corpus, made to fit the routers of a world, and adverts
//! that are right but come from somebody who has no business to send them.
//!
//! What is wrong in a packet of the corpus stays wrong by as much when addresses, VRID and priority are
//! replaced, and what is right stays right. [`Stranger::valid`] tells whether a receiver has any means to see that
//! something is wrong: a packet that is not valid must have no effect at all (V15), a valid one may.

mod six;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::OnceLock;

use base::{Duration, Family, Rng};
use model::Instance;
use vrrp::config::{Auth, Peers, Version};
use wire::checksum::Sum;

use crate::fault::{Fault, Stranger};
use crate::lan::SegmentId;
use crate::node::NodeId;
use crate::world::World;

/// Packets of every protocol here as bytes, composed independently of this project's code.
const CORPUS: &str = include_str!("../../../tests/corpus/vrrp_vectors.json");

/// For which instances a packet of the corpus is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum For {
    V3,
    V2,
    Pass,
    Ah,
}

/// Each negative packet of VRRP over IPv4, and the kind of instance that must refuse it.
const REFUSED: &[(&str, For)] = &[
    ("neg_ttl254", For::V3),
    ("neg_v3_checksum_flipped", For::V3),
    ("neg_v2_checksum_flipped", For::V2),
    ("neg_version4", For::V3),
    ("neg_version2_to_v3_instance", For::V3),
    ("neg_type2", For::V3),
    ("neg_vrid_unknown", For::V3),
    ("neg_vrid0", For::V3),
    ("neg_count0", For::V3),
    ("neg_count_too_big", For::V3),
    ("neg_count_too_small", For::V3),
    ("neg_count255_short", For::V3),
    ("neg_v3_interval0", For::V3),
    ("neg_v2_interval_mismatch", For::V2),
    ("neg_v2_authtype3", For::V2),
    ("neg_v2_pass_wrong", For::Pass),
    ("neg_v2_no_auth_tail", For::V2),
    ("neg_header_only_7_octets", For::V3),
    ("neg_ihl_lies", For::V3),
    ("neg_tot_len_lies", For::V3),
    ("neg_dst_unicast_to_mcast_instance", For::V3),
    ("neg_ah_to_noauth_instance", For::V2),
    ("neg_ah_bad_icv", For::Ah),
];

/// Odd, but right.
const ACCEPTED: &[(&str, For)] = &[
    ("neg_v3_reserved_nibble_set", For::V3),
    ("neg_ip_options", For::V3),
    ("v3_ipv4_rfc9568", For::V3),
    ("v2_none", For::V2),
];

/// The IPv4 packet called `name`; `None` if there is none.
fn packet(name: &str) -> Option<&'static [u8]> {
    static PACKETS: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let packets = PACKETS.get_or_init(|| {
        let corpus: serde_json::Value = serde_json::from_str(CORPUS).unwrap_or_default();
        let vectors = corpus["vectors"].as_array().into_iter().flatten();
        let bytes = |hex: &str| -> Option<Vec<u8>> {
            let digits = hex.as_bytes().chunks(2);
            digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
        };
        let read =
            |v: &serde_json::Value| Some((v["name"].as_str()?.to_owned(), bytes(v["ip_packet"].as_str()?)?));
        vectors.filter_map(read).collect()
    });
    packets.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.as_slice())
}

/// The bytes in one field of what the corpus calls `name`.
fn vector(name: &str, field: &str) -> Option<Vec<u8>> {
    let corpus: serde_json::Value = serde_json::from_str(CORPUS).ok()?;
    let vector = corpus["vectors"].as_array()?.iter().find(|v| v["name"] == name)?;
    let digits = vector[field].as_str()?.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Somebody who can be attacked: an instance over IPv4 multicast.
#[derive(Clone, Debug)]
struct Victim<'a> {
    node: NodeId,
    segment: SegmentId,
    instance: &'a Instance,
    own: Ipv4Addr,
}

fn victims(world: &World) -> Vec<Victim<'_>> {
    let mut all = Vec::new();
    for node in world.ids() {
        for instance in &world.node(node).in_force().instances {
            let protocol = &instance.protocol;
            let Some(link) = instance.link else { continue };
            let multicast = matches!(protocol.peers, Peers::Multicast(_)) && protocol.family == Family::V4;
            let Some(segment) = world.lan().segment_of((node, link)).filter(|_| multicast) else { continue };
            if let Some(own) = address_of(world, node, instance) {
                all.push(Victim { node, segment, instance, own });
            }
        }
    }
    all
}

/// The address that an instance sends from.
fn address_of(world: &World, node: NodeId, instance: &Instance) -> Option<Ipv4Addr> {
    if let Some(IpAddr::V4(source)) = instance.source {
        return Some(source);
    }
    let mut own = world.node(node).host.own_links().filter(|(link, _)| Some(*link) == instance.link);
    own.find_map(|(_, nets)| {
        nets.iter().find_map(|net| match net.addr() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    })
}

fn kind(instance: &Instance) -> For {
    match (&instance.protocol.auth, instance.protocol.version) {
        (Auth::Pass(_), _) => For::Pass,
        (Auth::Ah(_), _) => For::Ah,
        (_, Version::V3) => For::V3,
        (_, Version::V2) => For::V2,
    }
}

fn pick<T: Copy>(of: &[T], rng: &mut Rng) -> Option<T> {
    let length = u64::try_from(of.len()).ok().filter(|n| *n > 0)?;
    of.get(usize::try_from(rng.below(length)).ok()?).copied()
}

/// A packet that must have no effect on anybody. `None` if the world has nobody who could be attacked.
pub fn refused(world: &World, rng: &mut Rng) -> Option<Stranger> {
    if rng.below(3) == 0
        && let Some(stranger) = six::packet(world, rng, false)
    {
        return Some(stranger);
    }
    // What is right is refused, too, if it shows the receiver's own address.
    match rng.below(6) {
        0 => of(world, rng, ACCEPTED, Source::Own),
        _ => of(world, rng, REFUSED, Source::Other),
    }
}

/// An advert that is right as far as its receivers can tell: from nowhere, or with the address of another node,
/// with any priority, 0 included. It may have any effect that an advert has.
pub fn forged(world: &World, rng: &mut Rng) -> Option<Stranger> {
    if rng.below(3) == 0
        && let Some(stranger) = six::packet(world, rng, true)
    {
        return Some(stranger);
    }
    of(world, rng, ACCEPTED, Source::Other)
}

/// The same packet again and again: `count` in `span`.
#[must_use]
pub fn flood(stranger: Stranger, count: u64, span: Duration) -> Vec<(Duration, Fault)> {
    let stranger = Arc::new(stranger);
    let at = |n: u64| span.mul_div(n, count.max(1));
    (0..count).map(|n| (at(n), Fault::Stranger(stranger.clone()))).collect()
}

/// Whose address a packet shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// Nobody's, or another node's.
    Other,
    /// The receiver's.
    Own,
}

fn of(
    world: &World,
    rng: &mut Rng,
    table: &'static [(&'static str, For)],
    whose: Source,
) -> Option<Stranger> {
    let all = victims(world);
    let at = usize::try_from(rng.below(u64::try_from(all.len()).ok().filter(|n| *n > 0)?)).ok()?;
    let victim = all.get(at)?;
    let fits = |(name, kind_): &&(&str, For)| {
        let second = Duration::from_secs(1);
        let interval = victim.instance.protocol.advert_interval;
        kind(victim.instance) == *kind_
            // These tell one second, or two.
            && (*name != "v2_none" || interval == second)
            && (*name != "neg_v2_interval_mismatch" || interval != second * 2)
            && (*name != "neg_v2_checksum_flipped" || interval == second)
    };
    let fitting: Vec<&str> = table.iter().filter(fits).map(|(name, _)| *name).collect();
    let original = packet(pick(&fitting, rng)?)?;
    // From nowhere, or as if from another node.
    let others: Vec<Ipv4Addr> =
        all.iter().filter(|v| v.node != victim.node && v.segment == victim.segment).map(|v| v.own).collect();
    let [a, b, c, _] = victim.own.octets();
    let nowhere = Ipv4Addr::new(a, b, c, 66);
    let other = if rng.below(2) == 0 { nowhere } else { pick(&others, rng).unwrap_or(nowhere) };
    let source = if whose == Source::Own { victim.own } else { other };
    let priority = pick(&[0, 1, 100, 254, 255], rng)?;
    let bytes = adapt(original, victim, source, priority);
    let destination = Ipv4Addr::new(*bytes.get(16)?, *bytes.get(17)?, *bytes.get(18)?, *bytes.get(19)?);
    Some(Stranger {
        segment: victim.segment,
        // What is wrong for one may be right for another of the same VRID.
        to: Some(victim.node),
        source: source.into(),
        destination: destination.into(),
        hop_limit: *bytes.get(8)?,
        bytes,
        valid: whose == Source::Other && table == ACCEPTED,
    })
}

/// A packet of the corpus with the addresses and the VRID of a victim.
fn adapt(original: &[u8], victim: &Victim<'_>, source: Ipv4Addr, priority: u8) -> Vec<u8> {
    let mut packet = original.to_vec();
    let mut virtuals = victim.instance.protocol.addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(address.octets()),
        IpAddr::V6(_) => None,
    });
    let corpus = |last: u8| [10, 1, 2, last];
    let first = virtuals.next().unwrap_or(corpus(254));
    let table = [
        (corpus(3), source.octets()),
        (corpus(4), victim.own.octets()),
        (corpus(254), first),
        (corpus(253), virtuals.next().unwrap_or(first)),
    ];
    let mut at = 12;
    while let Some(place) = packet.get_mut(at..at + 4) {
        if let Some((_, ours)) = table.iter().find(|(theirs, _)| place == theirs) {
            place.copy_from_slice(ours);
        }
        at += 4;
    }
    // Some tell a length of the header that isn't theirs: only options make it longer than 20 bytes.
    let header = if original.first() == Some(&0x46) { 24 } else { 20 };
    let message = header + if original.get(9) == Some(&wire::ah::PROTOCOL) { 24 } else { 0 };
    let error = field(original, message).wrapping_sub(checksum(original, message));
    if packet.get(message + 1) == Some(&51) {
        packet[message + 1] = victim.instance.protocol.vrid.get();
    }
    if let Some(place) = packet.get_mut(message + 2) {
        *place = priority;
    }
    let right = checksum(&packet, message).wrapping_add(error).to_be_bytes();
    if let Some(place) = packet.get_mut(message + 6..message + 8) {
        place.copy_from_slice(&right);
    }
    let end = packet.len().min(header);
    packet[10..12].fill(0);
    let sum = Sum::ZERO.add_bytes(&packet[..end]).finish();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

fn field(packet: &[u8], message: usize) -> u16 {
    let bytes = packet.get(message + 6..message + 8).and_then(|b| <[u8; 2]>::try_from(b).ok());
    bytes.map_or(0, u16::from_be_bytes)
}

/// What the checksum of the message must be (RFC 9568 section 5.2.8: version 3 has a pseudo-header).
fn checksum(packet: &[u8], message: usize) -> u16 {
    let mut bytes = packet.get(message..).unwrap_or_default().to_vec();
    if bytes.len() < 8 {
        return 0;
    }
    bytes[6..8].fill(0);
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
    let sum = match bytes[0] >> 4 {
        2 => Sum::ZERO,
        _ => Sum::ZERO.add_pseudo_ipv4(address(12), address(16), 112, length),
    };
    sum.add_bytes(&bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_negative_packet_of_the_corpus_is_known_here() {
        let corpus: serde_json::Value = serde_json::from_str(CORPUS).unwrap();
        for vector in corpus["vectors"].as_array().unwrap() {
            let name = vector["name"].as_str().unwrap();
            if name.starts_with("neg_") {
                assert!(REFUSED.iter().chain(ACCEPTED).any(|(known, _)| *known == name), "{name}");
            }
        }
        for (name, _) in REFUSED.iter().chain(ACCEPTED) {
            assert!(packet(name).is_some_and(|bytes| bytes.len() >= 20), "{name}");
        }
    }
}
