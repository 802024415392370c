//! Interfaces, addresses, announcements, and what the kernel refused.

use std::net::IpAddr;

use base::IfName;
use engine::io::{Event, OpError, Operation, Repaired, SocketKind, SocketSpec};
use engine::lvs::table::{SyncHalf, SyncSettings};
use model::{InstanceId, Model};

use super::super::instance;
use crate::log::{Level, Line};

/// The lines for an event that has to do with the kernel; none for the others.
pub(super) fn lines(model: &Model, event: &Event) -> Vec<Line> {
    let line = match event {
        Event::Link { name, up } => {
            Line::info(format!("Netlink reports {name} {}", if *up { "up" } else { "down" }))
        }
        Event::LinkExists { name, exists } => {
            Line::info(format!("Interface {name} {}", if *exists { "added" } else { "deleted" }))
        }
        Event::Address { address, link, exists: true } => {
            Line::info(format!("Assigned address {} for interface {link}", address.net.addr())).detailed()
        }
        Event::Address { address, link, exists: false } => {
            Line::info(format!("Deassigned address {} from interface {link}", address.net.addr())).detailed()
        }
        Event::Addresses { instance: id, set, excluded } => {
            let kind = if *excluded { "E-VIPs." } else { "VIPs." };
            put(instance(model, *id), *set, kind)
        }
        Event::Routes { instance: id, set } => put(instance(model, *id), *set, "Virtual Routes"),
        Event::Announcing { instance: id, link, address } => {
            let what = if address.is_ipv4() { "gratuitous ARPs" } else { "Unsolicited Neighbour Adverts" };
            Line::info(format!("({}) Sending/queueing {what} on {link} for {address}", instance(model, *id)))
                .detailed()
        }
        Event::Announced { link, address } => announced(*link, *address),
        Event::Repaired { instance: id, link, what } => return repaired(model, *id, *link, what),
        Event::SyncRepaired { half, runs } => sync_repaired(*half, *runs),
        Event::Lapsed { instance: id, link, net, late } => {
            let name = id.map_or("", |id| instance(model, id));
            let text = format!("({name}) lease of address {net} on {link} ran out, {late} after its renewal");
            Line::new(Level::Warning, text)
        }
        Event::LeftOver { link, net, adopted } => {
            let what = if *adopted { "keeping" } else { "removing" };
            Line::info(format!("{what} address {net} on {link}, left over by an earlier run"))
        }
        Event::OperationFailed { operation, error, retry } => failed(operation, error, *retry),
        Event::SocketFailed { spec, error } => socket_failed(spec, error),
        Event::Resync => {
            Line::new(Level::Warning, "Netlink: notifications were lost - reading everything again")
        }
        Event::Vrrp(_)
        | Event::Script { .. }
        | Event::ScriptBusy { .. }
        | Event::UnknownVrid { .. }
        | Event::Unreadable { .. }
        | Event::StartupDelay(_)
        | Event::Reloaded => return Vec::new(),
    };
    vec![line]
}

fn put(name: &str, set: bool, what: &str) -> Line {
    Line::info(format!("({name}) {} {what}", if set { "setting" } else { "removing" })).detailed()
}

fn announced(link: IfName, address: IpAddr) -> Line {
    let what = if address.is_ipv4() { "gratuitous ARP" } else { "unsolicited Neighbour Advert" };
    Line::info(format!("Sending {what} on {link} for {address}")).detailed()
}

/// keepalived tells the loss and then elects anew; here it is put back at once.
fn repaired(model: &Model, id: Option<InstanceId>, link: IfName, what: &Repaired) -> Vec<Line> {
    match (id, what) {
        (Some(id), Repaired::Address(net)) => {
            let name = instance(model, id);
            vec![
                Line::info(format!("Netlink reflector reports IP {} removed from {link}", net.addr())),
                Line::info(format!("({name}) ip address {net} dev {link}, no longer exist")),
                Line::info(format!("({name}) putting back address {net} on {link}")),
            ]
        }
        (None, Repaired::Address(net)) => {
            vec![Line::info(format!("Restoring deleted static address {}", net.addr()))]
        }
        (Some(id), Repaired::Route(net)) => {
            vec![Line::info(format!("({}) putting back route {net} on {link}", instance(model, id)))]
        }
        (None, Repaired::Route(net)) => {
            vec![Line::info(format!("putting back static route {net} on {link}"))]
        }
    }
}

fn sync_repaired(half: SyncHalf, runs: Option<IfName>) -> Line {
    let how = match runs {
        Some(link) => format!("was started or changed by somebody else (on {link})"),
        None => "was stopped by somebody else".to_owned(),
    };
    Line::warning(format!("lvs_sync_daemon: {} {how}, putting it right", half_name(half)))
}

/// The numbers of rtnetlink and how an operation names its object.
fn describe(operation: &Operation) -> (&'static str, String) {
    match operation {
        Operation::AddAddress { address, .. } => {
            ("RTM_NEWADDR(20)", format!("{} on {}", address.net, address.link))
        }
        Operation::DelAddress { link, net, .. } => ("RTM_DELADDR(21)", format!("{net} on interface {link}")),
        Operation::AddRoute { route, .. } => ("RTM_NEWROUTE(24)", format!("route {}", route.destination)),
        Operation::DelRoute { route, .. } => ("RTM_DELROUTE(25)", format!("route {}", route.destination)),
        Operation::PromoteSecondaries { link } => ("promote_secondaries", format!("interface {link}")),
        Operation::StartSync(half, settings) => ("IPVS_CMD_NEW_DAEMON(9)", sync_daemon(*half, settings)),
        Operation::StopSync(half, settings) => ("IPVS_CMD_DEL_DAEMON(10)", sync_daemon(*half, settings)),
    }
}

fn sync_daemon(half: SyncHalf, settings: &SyncSettings) -> String {
    format!("{} on {}", half_name(half), settings.link)
}

const fn half_name(half: SyncHalf) -> &'static str {
    match half {
        SyncHalf::Master => "sync daemon (master)",
        SyncHalf::Backup => "sync daemon (backup)",
    }
}

fn failed(operation: &Operation, error: &OpError, retry: bool) -> Line {
    let (kind, object) = describe(operation);
    let OpError { errno, message } = error;
    let retry = if retry { ", trying again" } else { "" };
    Line::error(format!("Netlink: error: {message}({errno}), type={kind}, {object}{retry}"))
}

fn socket_failed(spec: &SocketSpec, error: &OpError) -> Line {
    let protocol = if spec.protocol == 51 { "AH" } else { "VRRP" };
    let place = match spec.kind {
        SocketKind::Multicast { group } => format!("multicast group {group}"),
        SocketKind::Unicast { source, .. } => format!("unicast source {source}"),
    };
    let link = spec.link.map(|index| format!(" on interface {index}")).unwrap_or_default();
    Line::error(format!(
        "cant open raw socket. errno={} ({}), {protocol} {place}{link}",
        error.errno, error.message
    ))
}
