//! What a kernel might say, made of bytes. A byte 0 makes what is usual.

use std::net::Ipv4Addr;

use base::{Family, IfIndex, IfName, IpNet, Mac};
use engine::facts::{AddressFacts, LinkFacts, RouteFacts};
use model::{Address, Route};

use crate::bytes::Bytes;

/// A link that is up.
pub(crate) fn link(index: IfIndex, name: IfName) -> LinkFacts {
    let loopback = name.as_str() == "lo";
    let [.., low] = index.get().to_be_bytes();
    LinkFacts {
        index,
        name,
        mac: (!loopback).then_some(Mac([2, 0, 0, 0, 0, low])),
        mtu: 1500,
        up: true,
        running: true,
        loopback,
        noarp: false,
        multicast: !loopback,
        master: None,
        forwarding6: false,
    }
}

/// The same link with some things otherwise.
pub(crate) fn changed_link(mut facts: LinkFacts, bytes: &mut Bytes<'_>) -> LinkFacts {
    let how = bytes.byte();
    facts.up ^= how & 1 != 0;
    facts.running ^= how & 2 != 0;
    facts.multicast ^= how & 4 != 0;
    facts.noarp ^= how & 8 != 0;
    facts.forwarding6 ^= how & 16 != 0;
    if how & 32 != 0 {
        facts.mac = if bytes.flag() { Some(Mac(bytes.array())) } else { None };
    }
    if how & 64 != 0 {
        facts.mtu = [0, 68, 1280, 9000, 65_536, u32::MAX][usize::from(bytes.byte() % 6)];
    }
    if how & 128 != 0 {
        facts.master = IfIndex::new(bytes.byte().into());
    }
    facts
}

/// An address that somebody added.
pub(crate) fn address(link: IfIndex, net: IpNet, how: u8) -> AddressFacts {
    let none = model::address::AddressFlags::default();
    AddressFacts {
        link,
        net,
        peer: (how & 64 != 0).then(|| net.addr()),
        broadcast: (how & 128 != 0).then_some(Ipv4Addr::BROADCAST),
        label: None,
        scope: if how & 32 != 0 { 253 } else { 0 },
        flags: none,
        secondary: how & 16 != 0,
        tentative: how & 8 != 0,
        dad_failed: how & 4 != 0,
        preferred_lft: None,
        valid_lft: None,
        protocol: match how & 3 {
            0 => None,
            1 => Some(18),
            2 => Some(3),
            _ => Some(0),
        },
    }
}

/// What the kernel has after it was told to add `address`.
pub(crate) fn added(link: IfIndex, address: &Address) -> AddressFacts {
    AddressFacts {
        link,
        net: address.net,
        peer: address.peer.map(|peer| peer.addr()),
        broadcast: address.broadcast,
        label: address.label.clone(),
        scope: address.scope,
        flags: address.flags,
        secondary: false,
        tentative: address.net.family() == Family::V6 && !address.flags.nodad,
        dad_failed: false,
        preferred_lft: address.preferred_lft,
        valid_lft: None,
        protocol: Some(18),
    }
}

/// What the kernel has after it was told to add `route`.
pub(crate) fn route(route: &Route, links: &[Option<IfIndex>]) -> RouteFacts {
    RouteFacts {
        destination: route.destination,
        kind: route.kind,
        table: route.table,
        metric: route.metric,
        tos: route.tos,
        protocol: route.protocol,
        source: route.source,
        hops: route.hops.iter().zip(links).map(|(hop, link)| (hop.gateway, *link)).collect(),
    }
}
