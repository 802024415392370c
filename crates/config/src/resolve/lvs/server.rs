//! `real_server`: its defaults, and which servers a service can have.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use base::Family;
use model::lvs::{Checkers, Forwarding, RealServer};

use super::service::{Basics, shown_server};
use super::{Pools, checker};
use crate::block::lvs::real_server::RealServerDraft;
use crate::block::lvs::virtual_server::family_of;
use crate::diag::{Code, Diagnostic};
use crate::resolve::{ServerPlaces, ServicePlaces};
use crate::span::Span;

/// Up to so many servers are compared one by one.
const FEW: usize = 16;

/// Makes the servers of a service.
pub(super) fn servers(
    p: &mut Pools<'_, '_, '_>,
    it: &Basics<'_>,
    family: Option<Family>,
    drafts: Vec<RealServerDraft>,
) -> Vec<RealServer> {
    let mut servers: Vec<RealServer> = Vec::with_capacity(drafts.len());
    let mut known: BTreeSet<(IpAddr, u16)> = BTreeSet::new();
    let mut places = p.r.cx.places.is_some().then(Vec::new);
    for draft in drafts {
        let forwarding = draft.forwarding.unwrap_or(it.forwarding);
        if family.is_some_and(|family| family != family_of(draft.address)) && !forwarding.is_tunnel() {
            other_family(p, "real server", draft.address, draft.span);
            continue;
        }
        let port = it.server_port(draft.port, forwarding);
        if forwarding != Forwarding::Nat && draft.port != 0 && it.port.is_some_and(|port| port != draft.port)
        {
            reset_port(p, it, &draft);
        }
        let key = (draft.address, port);
        if servers.len() == FEW {
            known.extend(servers.iter().map(|server| (server.address, server.port)));
        }
        let twice = match servers.len() {
            FEW.. => !known.insert(key),
            _ => servers.iter().any(|server| (server.address, server.port) == key),
        };
        if twice {
            duplicate(p, it, &draft, port);
            continue;
        }
        let wanted = if places.is_some() { draft.checkers.as_slice() } else { &[] };
        let (span, checks): (_, Vec<Span>) = (draft.span, wanted.iter().map(|check| check.span).collect());
        let server = server(p, it, draft, port, forwarding);
        if let Some(places) = &mut places {
            // A check that cannot be made leaves the others without places of their own.
            let whole = checks.len() == server.checkers.len();
            places.push(ServerPlaces { span, checks: if whole { checks } else { Vec::new() } });
        }
        servers.push(server);
    }
    if let (Some(places), false) = (places, servers.is_empty()) {
        p.r.state.services.push(ServicePlaces { span: it.draft.span, servers: places });
    }
    servers
}

fn server(
    p: &mut Pools<'_, '_, '_>,
    it: &Basics<'_>,
    mut draft: RealServerDraft,
    port: u16,
    forwarding: Forwarding,
) -> RealServer {
    let drafts = std::mem::take(&mut draft.checkers);
    let mut checkers = Checkers::with_capacity(drafts.len());
    for checker in drafts {
        checkers.extend(checker::checker(p, it, &draft, port, checker).map(Arc::new));
    }
    let rare = draft.rare.take().map(|rare| *rare).unwrap_or_default();
    RealServer {
        address: draft.address,
        port,
        weight: draft.weight.unwrap_or(it.draft.weight),
        forwarding,
        upper_threshold: rare.upper_threshold,
        lower_threshold: rare.lower_threshold,
        inhibit: draft.inhibit.unwrap_or(it.draft.inhibit),
        smtp_alert: draft.smtp_alert.or(p.r.global.mail.alert_checker()).unwrap_or(true),
        notify_up: p.command(rare.notify_up),
        notify_down: p.command(rare.notify_down),
        snmp_name: rare.snmp_name,
        checkers,
    }
}

/// Tells that a server of the other family cannot be reached by NAT or DR.
pub(super) fn other_family(p: &mut Pools<'_, '_, '_>, what: &str, address: IpAddr, span: Span) {
    let d = Diagnostic::new(Code::VALUE, format!("`{address}` is not of the family of the virtual server"))
        .at(span)
        .label(format!("this {what} is ignored"))
        .help("use an address of its family, or a tunnel")
        .log(format!("Address family of virtual server and {what} {address} don't match - skipping {what}."));
    p.r.cx.report(d);
}

fn reset_port(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>, draft: &RealServerDraft) {
    let log = format!(
        "WARNING - virtual server {} and real server {} ports don't match - resetting",
        it.shown(),
        shown_server(draft.address, it.protocol, draft.port)
    );
    let message = "without NAT a real server must have the port of the service".to_owned();
    let help = "remove its port, or use NAT";
    p.r.conflict_of(Code::PORTS, draft.span, message, "the port of the service is used", help, log);
}

fn duplicate(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>, draft: &RealServerDraft, port: u16) {
    let log = format!(
        "VS {}: real server {} is duplicated - removing second rs",
        it.shown(),
        shown_server(draft.address, it.protocol, port)
    );
    let message = "this virtual server has that real server already".to_owned();
    p.r.conflict(draft.span, message, "this one is ignored", "remove it, or give it another port", log);
}
