//! `virtual_server`: the rules that hold between its keywords.

use std::fmt;
use std::net::IpAddr;

use base::{Duration, Family};
use model::lvs::{
    Destination, Forwarding, GroupEntry, Persistence, Protocol, Quorum, Scheduler, Service, SorryServer,
    VirtualServer,
};

use super::{Pools, server};
use crate::block::lvs::real_server::RealServerDraft;
use crate::block::lvs::virtual_server::{
    DEFAULT_PERSISTENCE, DestinationDraft, SorryDraft, VirtualServerDraft, family_of,
};
use crate::diag::{Code, Diagnostic};

/// A virtual server in keepalived's messages.
pub(super) struct Shown<'d> {
    destination: &'d DestinationDraft,
    protocol: Option<Protocol>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.map_or("none", Protocol::name);
        match self.destination {
            DestinationDraft::Address(address, port) => write!(f, "[{address}]:{protocol}:{port}"),
            DestinationDraft::Mark(mark) => write!(f, "FWM {mark}"),
            DestinationDraft::Group(name) => write!(f, "[{}]:0", name.text),
        }
    }
}

/// A server in keepalived's messages.
pub(super) fn shown_server(address: IpAddr, protocol: Option<Protocol>, port: u16) -> String {
    format!("[{address}]:{}:{port}", protocol.map_or("none", Protocol::name))
}

/// What the steps for servers need to know of their service.
pub(super) struct Basics<'d> {
    pub(super) draft: &'d VirtualServerDraft,
    /// `None` for a mark.
    pub(super) protocol: Option<Protocol>,
    /// The port of the service, if it is one address: that of its servers, too, unless NAT is used.
    pub(super) port: Option<u16>,
    pub(super) forwarding: Forwarding,
}

impl Basics<'_> {
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown { destination: &self.draft.destination, protocol: self.protocol }
    }

    /// The port that a server has in the kernel's table.
    pub(super) fn server_port(&self, written: u16, forwarding: Forwarding) -> u16 {
        match (self.port, forwarding) {
            (Some(port), Forwarding::Nat) if written == 0 => port,
            (Some(port), Forwarding::Direct | Forwarding::Tunnel(_)) => port,
            (_, Forwarding::Nat) => written,
            // The kernel has the port of each of a group's entries; names and checks have this one.
            (None, _) if matches!(self.draft.destination, DestinationDraft::Group(_)) => written,
            (None, Forwarding::Direct | Forwarding::Tunnel(_)) => 0,
        }
    }
}

/// Makes a virtual server; `None` if there can be none, which has then been told.
pub(super) fn service(p: &mut Pools<'_, '_, '_>, mut draft: VirtualServerDraft) -> Option<VirtualServer> {
    let drafts = std::mem::take(&mut draft.servers);
    let sorry = draft.sorry.take();
    let (up, down) = (draft.quorum_up.take(), draft.quorum_down.take());
    let group = match &draft.destination {
        DestinationDraft::Group(name) => match p.group(&name.text) {
            Some(id) => Some(id),
            None => {
                no_group(p, name, &draft);
                return None;
            }
        },
        DestinationDraft::Address(..) | DestinationDraft::Mark(_) => None,
    };
    let protocol = protocol(p, &draft);
    let port = match draft.destination {
        DestinationDraft::Address(_, port) => Some(port),
        DestinationDraft::Mark(_) | DestinationDraft::Group(_) => None,
    };
    let forwarding = draft.forwarding.unwrap_or(Forwarding::Nat);
    let it = Basics { draft: &draft, protocol, port, forwarding };

    if is_mixed(p, &it, &drafts) {
        return None;
    }
    let family = family(p, &it, &drafts);
    let servers = server::servers(p, &it, family, drafts);
    if servers.is_empty() {
        let shown = it.shown();
        let message = "this virtual server has no real servers".to_owned();
        let log = format!("Virtual server {shown} has no real servers - ignoring");
        let help = "add `real_server ADDRESS PORT { .. }`";
        p.r.conflict(draft.span, message, "it is ignored", help, log);
        return None;
    }
    let family = family.unwrap_or_else(|| common_family(&servers));
    let persistence = persistence(p, &it, family);
    let scheduler = draft.scheduler.unwrap_or_else(|| {
        let log = format!("Virtual server {}: no scheduler set, setting default 'wlc'", it.shown());
        let message = "this virtual server has no scheduler".to_owned();
        p.r.conflict(draft.span, message, "`wlc` is used", "add `lvs_sched wlc`", log);
        Scheduler::WeightedLeastConnection
    });
    if draft.forwarding.is_none() {
        let log = format!("Virtual server {}: no forwarding method set, setting default NAT", it.shown());
        let message = "this virtual server has no forwarding method".to_owned();
        p.r.conflict(draft.span, message, "NAT is used", "add `lvs_method NAT`", log);
    }
    let one_packet = one_packet(p, &it);
    let ha_suspend = ha_suspend(p, &it);
    let quorum = quorum(p, &it, &servers);
    let sorry = sorry.and_then(|sorry| sorry_server(p, &it, family, &sorry, &servers));
    let destination = match (&draft.destination, group) {
        (DestinationDraft::Address(address, port), _) => {
            Destination::Address { address: *address, port: *port, protocol: protocol? }
        }
        (DestinationDraft::Mark(mark), _) => Destination::Mark(*mark),
        (DestinationDraft::Group(_), group) => Destination::Group { group: group?, protocol },
    };
    let service = Service {
        destination,
        family,
        scheduler,
        flags: draft.flags,
        one_packet,
        persistence,
        quorum,
        quorum_up: p.command(up),
        quorum_down: p.command(down),
        sorry,
        omega: draft.omega,
        ha_suspend,
        smtp_alert: draft.smtp_alert.or(p.r.global.mail.alert_checker()).unwrap_or(false),
        panic_threshold: draft.panic_threshold,
        snmp_name: draft.snmp_name.take(),
    };
    Some(VirtualServer { service, servers })
}

fn no_group(p: &mut Pools<'_, '_, '_>, name: &crate::lang::Word, draft: &VirtualServerDraft) {
    let known = p.group_ids.keys().map(|name| &**name);
    let help = crate::keyword::value::nearest(&name.text, known).map_or_else(
        || format!("define it with `virtual_server_group {} {{ .. }}`", name.text),
        |near| format!("did you mean `{near}`?"),
    );
    let d = Diagnostic::new(Code::POINTLESS, format!("there is no group `{}` of addresses", name.text))
        .at(name.span)
        .label("this virtual server is ignored")
        .help(help)
        .bare_log(format!(
            "Virtual server group {} specified but not configured - ignoring virtual server {}",
            name.text,
            Shown { destination: &draft.destination, protocol: draft.protocol }
        ));
    p.r.cx.report(d);
}

/// Whether the service is a group with addresses of both families, which servers of one family can't serve
/// unless they are behind tunnels: then there is no service.
fn is_mixed(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>, servers: &[RealServerDraft]) -> bool {
    let DestinationDraft::Group(name) = &it.draft.destination else { return false };
    let group = p.group_ids.get(name.text.as_str()).and_then(|(id, _)| p.groups.get(id.index()));
    let both = group.is_some_and(|group| group.has(Family::V4) && group.has(Family::V6));
    let tunnel = |server: &RealServerDraft| server.forwarding.unwrap_or(it.forwarding).is_tunnel();
    if !both || servers.iter().all(tunnel) {
        return false;
    }
    let log = format!(
        "{}: virtual server group with IPv4 & IPv6 doesn't match virtual server {} - ignoring",
        name.text,
        it.shown()
    );
    let message = format!("the group `{}` has addresses of both families", name.text);
    let help = "make a group and a virtual server for each family";
    p.r.conflict(it.draft.span, message, "this virtual server is ignored", help, log);
    true
}

fn protocol(p: &mut Pools<'_, '_, '_>, draft: &VirtualServerDraft) -> Option<Protocol> {
    let shown = Shown { destination: &draft.destination, protocol: draft.protocol };
    match (&draft.destination, draft.protocol) {
        (DestinationDraft::Mark(_), None) => None,
        (DestinationDraft::Mark(_), Some(_)) => {
            let log = format!(
                "Warning: Virtual server {shown}: protocol specified for fwmark - protocol will be ignored"
            );
            let message = "a mark has no protocol".to_owned();
            p.r.conflict(draft.span, message, "`protocol` is ignored", "remove `protocol`", log);
            None
        }
        (DestinationDraft::Group(name), Some(_)) if p.has_marks_alone(&name.text) => {
            let log = format!(
                "Warning: Virtual server {shown}: protocol specified for fwmark - protocol will be ignored"
            );
            let message = format!("the group `{}` has marks alone, which have no protocol", name.text);
            p.r.conflict(draft.span, message, "`protocol` is ignored", "remove `protocol`", log);
            None
        }
        (DestinationDraft::Group(name), None) if p.has_marks_alone(&name.text) => None,
        (_, Some(protocol)) => Some(protocol),
        (_, None) => {
            let log = format!("Virtual server {shown}: no protocol set - defaulting to UDP");
            let message = "this virtual server has no protocol".to_owned();
            p.r.conflict(draft.span, message, "UDP is used", "add `protocol TCP` or `protocol UDP`", log);
            Some(Protocol::Udp)
        }
    }
}

/// The family of the service, if anything but tunnels decides about it.
fn family(p: &Pools<'_, '_, '_>, it: &Basics<'_>, servers: &[RealServerDraft]) -> Option<Family> {
    if it.draft.family.is_some() {
        return it.draft.family;
    }
    let group = match &it.draft.destination {
        DestinationDraft::Group(name) => p.group_ids.get(name.text.as_str()).map(|(id, _)| *id),
        DestinationDraft::Address(..) | DestinationDraft::Mark(_) => None,
    };
    if let Some(group) = group.and_then(|id| p.groups.get(id.index())) {
        match (group.has(Family::V4), group.has(Family::V6)) {
            (true, false) => return Some(Family::V4),
            (false, true) => return Some(Family::V6),
            _ => {}
        }
    }
    let direct = servers.iter().find(|server| !server.forwarding.unwrap_or(it.forwarding).is_tunnel());
    direct.map(|server| family_of(server.address))
}

/// If all servers are behind tunnels: their family if it is one, else IPv4.
fn common_family(servers: &[model::lvs::RealServer]) -> Family {
    if servers.iter().all(|server| family_of(server.address) == Family::V6) { Family::V6 } else { Family::V4 }
}

fn persistence(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>, family: Family) -> Option<Persistence> {
    let draft = it.draft;
    let portless = match &draft.destination {
        DestinationDraft::Address(_, port) => *port == 0,
        DestinationDraft::Mark(_) => false,
        DestinationDraft::Group(name) => {
            let group = p.group_ids.get(name.text.as_str()).and_then(|(id, _)| p.groups.get(id.index()));
            let portless = |entry: &GroupEntry| matches!(entry, GroupEntry::Addresses(_, 0));
            group.is_some_and(|group| group.entries.iter().any(portless))
        }
    };
    let timeout = match draft.persistence_timeout {
        Some(seconds) => seconds,
        None if portless => {
            let log = format!(
                "Virtual server {}: zero port only valid for persistent services - setting",
                it.shown()
            );
            let message = "without a port a virtual server must be persistent".to_owned();
            let help = "add a port, or `persistence_timeout`";
            p.r.conflict(draft.span, message, "it is made persistent", help, log);
            DEFAULT_PERSISTENCE
        }
        None => return None,
    };
    let all = if family == Family::V4 { u32::MAX } else { 128 };
    Some(Persistence {
        timeout: Duration::from_secs(u64::from(timeout)),
        granularity: draft.granularity.unwrap_or(all),
        engine: draft.engine.clone(),
    })
}

fn one_packet(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>) -> bool {
    let possible = matches!(it.protocol, None | Some(Protocol::Udp));
    if it.draft.one_packet && !possible {
        let log = format!("Virtual server {}: one packet scheduling requires UDP - resetting", it.shown());
        let message = "`ops` is for UDP only".to_owned();
        p.r.conflict(it.draft.span, message, "`ops` is ignored", "remove `ops`", log);
    }
    it.draft.one_packet && possible
}

fn ha_suspend(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>) -> bool {
    let possible = !matches!(it.draft.destination, DestinationDraft::Mark(_));
    if it.draft.ha_suspend && !possible {
        let log = format!(
            "Virtual server {}: cannot use ha_suspend with fwmarks - clearing ha_suspend",
            it.shown()
        );
        let message = "a mark has no address whose presence could be looked at".to_owned();
        p.r.conflict(it.draft.span, message, "`ha_suspend` is ignored", "remove `ha_suspend`", log);
    }
    it.draft.ha_suspend && possible
}

fn quorum(p: &mut Pools<'_, '_, '_>, it: &Basics<'_>, servers: &[model::lvs::RealServer]) -> Quorum {
    let (mut weight, mut hysteresis) = (it.draft.quorum.unwrap_or(1), it.draft.hysteresis);
    let total: u64 = servers.iter().map(|server| u64::from(server.weight)).sum();
    if u64::from(weight) > total {
        let used = u32::try_from(total).unwrap_or(u32::MAX);
        let log = format!(
            "Warning - quorum {weight} for {} exceeds total weight of real servers {total}, reducing quorum to {used}",
            it.shown()
        );
        let message =
            format!("the quorum {weight} is above {total}, the weight of all real servers together");
        let help = "lower `quorum`, or raise the weights";
        let span = p.r.place_of(it.draft.span, "quorum");
        p.r.conflict_of(Code::QUORUM, span, message, format!("{used} is used"), help, log);
        weight = used;
    }
    let most = weight.saturating_sub(1);
    if hysteresis > most {
        let log = format!(
            "Virtual server {}: hysteresis {hysteresis} >= quorum {weight}; setting hysteresis to {most}",
            it.shown()
        );
        let message = format!("the hysteresis {hysteresis} is not below the quorum {weight}");
        let span = p.r.place_of(it.draft.span, "hysteresis");
        p.r.conflict(span, message, format!("{most} is used"), "lower `hysteresis`", log);
        hysteresis = most;
    }
    Quorum { weight, hysteresis }
}

fn sorry_server(
    p: &mut Pools<'_, '_, '_>,
    it: &Basics<'_>,
    family: Family,
    sorry: &SorryDraft,
    servers: &[model::lvs::RealServer],
) -> Option<SorryServer> {
    let forwarding = sorry.forwarding.unwrap_or(it.forwarding);
    if family_of(sorry.address) != family && !forwarding.is_tunnel() {
        server::other_family(p, "sorry server", sorry.address, sorry.span);
        return None;
    }
    let port = it.server_port(sorry.port, forwarding);
    if forwarding != Forwarding::Nat && sorry.port != 0 && it.port.is_some_and(|port| port != sorry.port) {
        let log =
            format!("WARNING - virtual server {} and sorry server ports don't match - resetting", it.shown());
        let message = "without NAT the sorry server must have the port of the service".to_owned();
        let help = "remove its port, or use NAT";
        p.r.conflict_of(Code::PORTS, sorry.span, message, "the port of the service is used", help, log);
    }
    let twin = servers.iter().find(|server| (server.address, server.port) == (sorry.address, port));
    let mut inhibit = sorry.inhibit;
    if let Some(twin) = twin.filter(|twin| twin.inhibit != inhibit) {
        let log = format!(
            "Virtual server {}: real server {} matches sorry server, but inhibit setting differs, clearing on sorry server",
            it.shown(),
            shown_server(twin.address, it.protocol, twin.port)
        );
        let message = "the sorry server is a real server, too, and only one of them is inhibited".to_owned();
        let help = "set `inhibit_on_failure` and `sorry_server_inhibit` both or not at all";
        p.r.conflict(sorry.span, message, "the sorry server is not inhibited", help, log);
        inhibit = false;
    }
    Some(SorryServer { address: sorry.address, port, forwarding, inhibit })
}
