//! Services and servers by the names that a user knows them by.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base::Family;
use engine::lvs::io::Operation;
use engine::lvs::table::{ServerKey, ServiceKey, ServiceSettings, SyncHalf, SyncSettings};

use crate::error::{Errno, OsError};

/// `tcp 192.0.2.1:80`, `fwmark 5`, `fwmark 5 (IPv6)`.
pub(super) struct Service<'a>(pub(super) &'a ServiceKey);

impl fmt::Display for Service<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceKey::Address { protocol, address, port } => {
                write!(f, "{} {}", protocol.name(), Server(*address, *port))
            }
            ServiceKey::Mark { mark, family: Family::V4 } => write!(f, "fwmark {mark}"),
            ServiceKey::Mark { mark, family: Family::V6 } => write!(f, "fwmark {mark} (IPv6)"),
        }
    }
}

/// `192.0.2.1:80`, `[2001:db8::1]:80`.
struct Server(IpAddr, u16);

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.0, self.1).fmt(f)
    }
}

/// The error of an operation, in words that say what was to be changed.
pub(super) fn error(operation: &Operation, errno: Errno) -> OsError {
    let server = |service, server: &ServerKey| {
        format!("server {} of {}", Server(server.address, server.port), Service(service))
    };
    let (verb, object) = match operation {
        Operation::AddService(key, settings) => ("add", service(key, settings, errno)),
        Operation::EditService(key, settings) => ("change", service(key, settings, errno)),
        Operation::DelService(key) => ("remove", format!("virtual server {}", Service(key))),
        Operation::AddServer(key, s, _) => ("add", server(key, s)),
        Operation::EditServer(key, s, _) => ("change", server(key, s)),
        Operation::DelServer(key, s) => ("remove", server(key, s)),
        Operation::Flush => ("empty", super::TABLE.to_owned()),
        Operation::SetTimeouts(_) => ("set timeouts of", super::TABLE.to_owned()),
        Operation::StartSync(half, settings) => ("start", daemon(*half, settings)),
        Operation::StopSync(half, settings) => ("stop", daemon(*half, settings)),
        Operation::SetMarks(table) => ("set", format!("nftables table {}", table.name)),
        Operation::DelMarks(name) => ("remove", format!("nftables table {name}")),
    };
    OsError::new(verb, object, errno)
}

/// The kernel says `ENOENT` if it doesn't find the scheduler or the persistence engine.
fn service(key: &ServiceKey, settings: &ServiceSettings, errno: Errno) -> String {
    let name = format!("virtual server {}", Service(key));
    if errno != Errno::ENOENT {
        return name;
    }
    let scheduler = settings.scheduler.map_or("none", model::lvs::Scheduler::name);
    match settings.persistence.as_ref().and_then(|p| p.engine.as_deref()) {
        None => format!("{name} with scheduler {scheduler} (kernel module ip_vs_{scheduler})"),
        Some(engine) => format!(
            "{name} with scheduler {scheduler} and persistence engine {engine} (kernel modules \
             ip_vs_{scheduler} and ip_vs_pe_{engine})"
        ),
    }
}

fn daemon(half: SyncHalf, settings: &SyncSettings) -> String {
    let half = match half {
        SyncHalf::Master => "master",
        SyncHalf::Backup => "backup",
    };
    format!("sync daemon ({half}) on {}", settings.link)
}
