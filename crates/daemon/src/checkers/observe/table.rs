//! Lines about the kernel's table, and about what keepalived has no words for.

use engine::lvs::io::{OpError, Operation};
use engine::lvs::news::Way;
use engine::lvs::table::{ServerKey, ServiceKey};
use model::lvs::{Lvs, ServiceId};

use super::{info, service_name};
use crate::log::{Level, Line};

/// keepalived's name and number of an operation: those of the old interface (`ip_vs.h`).
fn command(operation: &Operation) -> (&'static str, u32) {
    match operation {
        Operation::AddService(..) => ("IP_VS_SO_SET_ADD", 1154),
        Operation::EditService(..) => ("IP_VS_SO_SET_EDIT", 1155),
        Operation::DelService(_) => ("IP_VS_SO_SET_DEL", 1156),
        Operation::Flush => ("IP_VS_SO_SET_FLUSH", 1157),
        Operation::AddServer(..) => ("IP_VS_SO_SET_ADDDEST", 1159),
        Operation::DelServer(..) => ("IP_VS_SO_SET_DELDEST", 1160),
        Operation::EditServer(..) => ("IP_VS_SO_SET_EDITDEST", 1161),
        Operation::SetTimeouts(_) => ("IP_VS_SO_SET_TIMEOUT", 1162),
        Operation::StartSync(..) => ("IP_VS_SO_SET_STARTDAEMON", 1163),
        Operation::StopSync(..) => ("IP_VS_SO_SET_STOPDAEMON", 1164),
        // Not a matter of that interface.
        Operation::SetMarks(_) => ("nftables", 0),
        Operation::DelMarks(_) => ("nftables delete", 0),
    }
}

/// An operation failed.
pub fn failed(operation: &Operation, error: &OpError, retry: bool) -> Vec<Line> {
    let (name, number) = command(operation);
    let what = match operation {
        Operation::AddService(service, _)
        | Operation::EditService(service, _)
        | Operation::DelService(service) => format!(" ({})", service_key(service)),
        Operation::AddServer(service, server, _)
        | Operation::EditServer(service, server, _)
        | Operation::DelServer(service, server) => {
            format!(" ({} -> {})", service_key(service), server_key(server))
        }
        _ => String::new(),
    };
    let text = format!("IPVS cmd {name}({number}) error: {}({}){what}", error.message, error.errno);
    let next = if retry { "it is tried again" } else { "it is not tried again before the next reload" };
    vec![Line::info(text), Line::info(format!("IPVS: {name}{what} failed, {next}")).detailed()]
}

fn service_key(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { protocol, address, port } => format!("[{address}]:{}:{port}", protocol.name()),
        ServiceKey::Mark { mark, .. } => format!("FWM {mark}"),
    }
}

fn server_key(ServerKey { address, port }: &ServerKey) -> String {
    format!("[{address}]:{port}")
}

/// The kernel has no virtual servers, or not for us.
pub fn missing(error: &OpError) -> Vec<Line> {
    let text = format!(
        "IPVS: Can't initialize ipvs: {}. Virtual servers do not work without the kernel module ip_vs: \
         run `modprobe ip_vs`, or get a kernel with CONFIG_IP_VS. Checks go on, and it is tried again.",
        error.message
    );
    vec![Line::new(Level::Error, text)]
}

/// Failing servers are kept in the table, or no longer.
pub fn guard(lvs: &Lvs, id: ServiceId, active: bool, living: u32, known: u32) -> Vec<Line> {
    let Some(server) = lvs.services.get(id.index()) else { return Vec::new() };
    let name = service_name(lvs, server);
    if active {
        let text = format!(
            "VS {name}: only {living} of {known} servers are alive, keeping those that fail in the table"
        );
        vec![Line::new(Level::Alert, text)]
    } else {
        info(format!("VS {name}: {living} of {known} servers are alive, those that fail are removed again"))
    }
}

/// A way of checks is blamed, or no longer.
pub fn way(way: &Way, blamed: bool, checks: u32) -> Vec<Line> {
    let source = way.source.map(|source| format!("source {source}"));
    let link = way.link.map(|link| format!("interface {link}"));
    let parts: Vec<String> = [link, source].into_iter().flatten().collect();
    let name = if parts.is_empty() { "the network".to_owned() } else { parts.join(" and ") };
    if blamed {
        let text = format!(
            "All {checks} checks through {name} failed at once: the servers stay as they were until one passes"
        );
        vec![Line::new(Level::Alert, text)]
    } else {
        info(format!("Checks through {name} count again"))
    }
}
