//! How a virtual router talks to others.

use base::Duration;
use vrrp::config::{Peers, Version};

use super::{Facts, advice};
use crate::diag::{Code, Diagnostic};

/// More announcements in a second, on the average, are a load for switches and hosts.
const MANY_ANNOUNCEMENTS: u64 = 50;

/// A strict master drops what is sent to its virtual addresses.
pub(super) fn strict_ping(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let global = facts.places.named_alone("global_defs");
    for (instance, block) in facts.instances() {
        if !instance.held.drops_packets || block.keyword("no_accept").is_some() {
            continue;
        }
        let own = block.keyword("strict_mode");
        let strict = own.or_else(|| global.and_then(|global| global.keyword("vrrp_strict")));
        let accept = match instance.protocol.version {
            Version::V3 => "add `accept` to the instance, or remove `vrrp_strict`",
            Version::V2 => "remove `vrrp_strict`: version 2 knows no `accept` in strict mode",
        };
        let message = format!(
            "the addresses of `{}` will not answer a ping, nor serve anything",
            instance.protocol.name
        );
        let mut d = advice(Code::STRICT_PING, strict.unwrap_or(block).head(), message)
            .label("a strict master drops packets to addresses that it does not own")
            .help(accept);
        if let Some(span) = block.keyword("virtual_ipaddress").and_then(|block| block.head()) {
            d = d.other(span, "these addresses");
        }
        found.push(d);
    }
}

/// Its own address among its peers.
pub(super) fn own_peer(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (instance, block) in facts.instances() {
        let Peers::Unicast { peers, .. } = &instance.protocol.peers else { continue };
        let on_link = match (instance.source, instance.link) {
            (None, Some(link)) => facts.source.addresses(link.as_str()),
            _ => Vec::new(),
        };
        let is_own =
            |address| instance.source == Some(address) || on_link.iter().any(|net| net.addr() == address);
        let Some(peer) = peers.iter().find(|peer| is_own(peer.address)) else { continue };
        let own = peer.address.to_string();
        let message =
            format!("`{}` sends its adverts to itself: `{own}` is its own address", instance.protocol.name);
        let line = block.value(&["unicast_peer"], |text| text.parse() == Ok(peer.address));
        let mut d = advice(Code::OWN_PEER, line.or_else(|| block.place_of("unicast_peer")), message)
            .label("not another router")
            .help("name the addresses of the other routers only");
        if instance.source.is_some()
            && let Some(span) = block.place_of("unicast_src_ip")
        {
            d = d.other(span, "its own address");
        }
        found.push(d);
    }
}

/// Unicast from whatever address the interface has.
pub(super) fn no_source(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (instance, block) in facts.instances() {
        let Peers::Unicast { .. } = instance.protocol.peers else { continue };
        if instance.source.is_some() {
            continue;
        }
        let message = format!("`{}` has unicast peers and no `unicast_src_ip`", instance.protocol.name);
        found.push(
            advice(Code::NO_SOURCE, block.place_of("unicast_peer"), message)
                .label("adverts come from the first address of the interface, whichever that is")
                .help("add `unicast_src_ip ADDRESS`: the address that the others have among their peers"),
        );
    }
}

/// Many announcements, again and again.
pub(super) fn garp_flood(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let global = facts.places.named_alone("global_defs");
    for (instance, block) in facts.instances() {
        let garp = &instance.garp;
        let addresses = u64::try_from(instance.addresses.len() + instance.excluded.len()).unwrap_or(u64::MAX);
        let packets = addresses.saturating_mul(garp.refresh_repeat.into());
        if garp.refresh.is_zero() || garp.refresh > Duration::from_secs(60) {
            continue;
        }
        let rate = packets.saturating_mul(1_000).checked_div(garp.refresh.as_millis()).unwrap_or(u64::MAX);
        if rate < MANY_ANNOUNCEMENTS {
            continue;
        }
        let own = block.keyword("garp_master_refresh");
        let place =
            own.or_else(|| global.and_then(|g| g.keyword("vrrp_garp_master_refresh"))).unwrap_or(block);
        let message = format!(
            "`{}` announces {addresses} addresses each {}: {packets} packets, about {rate} per second",
            instance.protocol.name, garp.refresh
        );
        found.push(
            advice(Code::GARP_FLOOD, place.head(), message)
                .label("as long as it is master")
                .help("choose a longer period, or a smaller `garp_master_refresh_repeat`"),
        );
    }
}
