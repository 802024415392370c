//! Interfaces, and the addresses and routes that go to them.

use std::net::IpAddr;

use base::{Family, IfName};
use model::Address;
use model::route::{HeldRoute, Hop, Route, RouteKind};

use crate::block::address::AddressDraft;
use crate::block::route::RouteDraft;
use crate::diag::{Code, Diagnostic};
use crate::lang::Word;
use crate::resolve::Resolver;
use crate::source::Interface;

/// The routing table of routes that name none.
const TABLE_MAIN: u32 = 254;
/// The number by which our routes are known to the kernel.
pub(super) const PROTOCOL_KEEPALIVED: u8 = 18;

impl Resolver<'_, '_> {
    /// What is known of an interface; asked once.
    pub(super) fn link_facts(&mut self, name: &str) -> Option<Interface> {
        if let Some(known) = self.state.links.get(name) {
            return *known;
        }
        let facts = self.cx.source.interface(name);
        self.state.links.insert(name.to_owned(), facts);
        facts
    }

    /// The interface that `word` names. One that isn't there is told, with keepalived's `log` line;
    /// with `dynamic_interfaces` it may come later.
    pub(super) fn link(&mut self, word: &Word, log: impl FnOnce() -> String) -> Option<IfName> {
        let name = self.cx.if_name(word)?;
        if self.link_facts(&word.text).is_none() && !self.global.out.dynamic_interfaces {
            self.state.missing_link = true;
            let d = Diagnostic::new(Code::INTERFACE, format!("the interface `{}` does not exist", word.text))
                .at(word.span)
                .label("no such interface")
                .help("correct the name (see `ip link`), or set `dynamic_interfaces` in `global_defs`")
                .log(log());
            self.cx.report(d);
        }
        Some(name)
    }
}

/// An address of an instance on `link`.
pub(super) fn address(
    r: &mut Resolver<'_, '_>,
    draft: &AddressDraft,
    link: Option<IfName>,
) -> Option<Address> {
    let link = match &draft.dev {
        Some(dev) => r.link(dev, || {
            format!("WARNING - interface {} for ip address {} doesn't exist", dev.text, draft.word.text)
        })?,
        None => match link {
            Some(link) => link,
            None => {
                let d = Diagnostic::new(
                    Code::VALUE,
                    format!("the address `{}` has no interface", draft.word.text),
                )
                .at(draft.word.span)
                .label("this line is ignored")
                .help("add `dev INTERFACE`");
                r.cx.report(d);
                return None;
            }
        },
    };
    let v6 = draft.net.family() == Family::V6;
    let mut flags = draft.flags;
    flags.nodad = v6 && !draft.dad;
    let preferred_lft = match draft.preferred_lft {
        Some(written) => written.filter(|_| v6),
        // A host address that is deprecated is not chosen as a source address.
        None if v6 && draft.net.prefix() == 128 => Some(0),
        None => None,
    };
    Some(Address {
        net: draft.net,
        link,
        peer: draft.peer,
        broadcast: draft.broadcast,
        label: draft.label.clone(),
        scope: draft.scope,
        flags,
        preferred_lft,
        no_track: draft.no_track,
        on_vmac: draft.on_vmac,
    })
}

/// An address of the daemon itself.
pub(super) fn static_address(
    r: &mut Resolver<'_, '_>,
    draft: &AddressDraft,
    default: Option<&Word>,
) -> Option<Address> {
    let dev = draft.dev.clone().or_else(|| default.cloned());
    let dev = dev.unwrap_or_else(|| Word { text: "eth0".to_owned(), span: draft.word.span });
    let placed = AddressDraft { dev: Some(dev), ..draft.clone() };
    let mut address = address(r, &placed, None)?;
    address.flags.nodad = false;
    Some(address)
}

/// A route; `object` is the instance that it belongs to.
pub(super) fn route(r: &mut Resolver<'_, '_>, draft: &RouteDraft, object: &str) -> Option<Route> {
    let destination = draft.net()?;
    let mut hops = Vec::with_capacity(draft.hops.len());
    for hop in &draft.hops {
        let link = match &hop.dev {
            Some(dev) => Some(r.link(dev, || {
                format!("WARNING - interface {} for VROUTE nexthop doesn't exist", dev.text)
            })?),
            None => None,
        };
        hops.push(Hop {
            gateway: hop.gateway,
            link,
            weight: hop.weight.unwrap_or(1),
            onlink: hop.onlink,
            encap: hop.encap.clone(),
            realms: hop.realms,
        });
    }
    let leads_nowhere = matches!(
        draft.kind,
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw
    );
    if hops.is_empty() && !leads_nowhere {
        let d = Diagnostic::new(Code::VALUE, "this route leads nowhere")
            .at(draft.span)
            .label("the line is ignored")
            .help("add `via GATEWAY`, `dev INTERFACE` or both");
        r.cx.report(d);
        return None;
    }
    let mut no_track = draft.no_track;
    let mut protocol = draft.protocol.unwrap_or(PROTOCOL_KEEPALIVED);
    if protocol != PROTOCOL_KEEPALIVED && !no_track {
        protocol = PROTOCOL_KEEPALIVED;
        let log = "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol";
        let message = "a route with another protocol cannot be watched".to_owned();
        r.conflict_on_line(
            draft.span,
            message,
            "protocol 18 is used",
            "add `no_track`, or remove `protocol`",
            log,
        );
    }
    if !no_track && hops.iter().all(|hop| hop.link.is_none()) {
        no_track = true;
        let log =
            format!("Warning - cannot track route {destination} with no interface specified, not tracking");
        let message = format!("the route to {destination} has no interface and cannot be watched");
        let owner = if object.is_empty() { String::new() } else { format!(" of `{object}`") };
        let label = format!("its loss{owner} will not be repaired");
        r.conflict_on_line(draft.span, message, label, "add `dev INTERFACE`, or `no_track`", log);
    }
    let vrf = draft.vrf.as_ref().and_then(|word| vrf(r, word));
    let held = HeldRoute {
        realms: draft.realms,
        congestion: draft.congestion.clone(),
        ttl_propagate: draft.ttl_propagate,
        vrf,
    };
    Some(Route {
        family: destination.family(),
        destination,
        kind: draft.kind,
        table: draft.table.unwrap_or(TABLE_MAIN),
        metric: draft.metric,
        protocol,
        scope: draft.scope,
        source: draft.source,
        from: draft.from,
        tos: draft.tos,
        hops,
        metrics: draft.metrics.clone(),
        preference: draft.preference,
        expires: draft.expires,
        operation: draft.operation,
        no_track,
        held: (held != HeldRoute::default()).then(|| Box::new(held)),
    })
}

/// The VRF of a route; it must be there.
fn vrf(r: &mut Resolver<'_, '_>, word: &Word) -> Option<IfName> {
    if r.link_facts(&word.text).is_some() {
        return r.cx.if_name(word);
    }
    let d = Diagnostic::new(Code::VALUE, format!("the VRF `{}` does not exist", word.text))
        .at(word.span)
        .label("the route goes to its table without it")
        .help("create it before the daemon starts, or correct the name")
        .log(format!("VRF {} not found for route", word.text));
    r.cx.report(d);
    None
}

/// Whether IPv6 calls `address` link-local.
pub(super) fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
