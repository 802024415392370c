//! The kernel's virtual servers (IPVS), over generic netlink.
//!
//! An [`Ipvs`] reads the whole [`Table`] and does [`Operation`]s. Everything is answered by the kernel at
//! once, so its functions take as long as the kernel works: microseconds for most operations, 5 us for
//! each entry of a table. What is so already has worked: adding what is there changes it, changing what
//! isn't there adds it, removing what isn't there succeeds.

mod attributes;
mod batch;
mod decode;
mod encode;
mod helper;
mod name;
mod open;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use engine::lvs::io::Operation;
use engine::lvs::table::{Entry, ServerKey, ServiceKey, SyncHalf, SyncSettings, Table, Timeouts};

use crate::error::{Errno, OsError, Result};
use crate::netlink::generic::{Answer, Generic};
use crate::nft::Nft;
use attributes::command;
pub(crate) use helper::{Answer as SyncAnswer, Helper, Order as SyncOrder};

/// The kernel's table of virtual servers in one network namespace.
#[derive(Debug)]
pub struct Ipvs {
    socket: Generic,
    /// In the same namespace; a kernel without nftables is told when marks are to be set.
    marks: Result<Nft>,
    /// What there is to say about loading the module, for a kernel without virtual servers.
    how: String,
}

/// What the kernel has counted, as it adds it up every two seconds. Rates are averages over the last seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients; only forwarding by NAT sees them.
    pub packets_out: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Connections per second.
    pub connection_rate: u64,
    /// Packets per second from clients.
    pub packet_rate_in: u64,
    /// Packets per second to clients.
    pub packet_rate_out: u64,
    /// Bytes per second from clients.
    pub byte_rate_in: u64,
    /// Bytes per second to clients.
    pub byte_rate_out: u64,
}

/// What the kernel has counted for a server of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerStats {
    /// Connections that are established now.
    pub active: u32,
    /// Connections in other states.
    pub inactive: u32,
    /// Templates of persistent connections.
    pub persistent: u32,
    /// Since the server was added.
    pub stats: Stats,
}

/// What the kernel has counted for a service and its servers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServiceStats {
    /// Since the service was added.
    pub stats: Stats,
    /// Its servers.
    pub servers: BTreeMap<ServerKey, ServerStats>,
}

/// A table that is being read ([`Ipvs::begin`]).
#[derive(Debug)]
pub struct Reading {
    table: Table,
    /// Services whose servers aren't read yet.
    left: std::vec::IntoIter<decode::Service>,
}

impl Ipvs {
    /// The whole table, and the table of marks of a name. A service or server of a kind that vipd has no word
    /// for is left out: it is somebody else's.
    pub fn table(&mut self, marks: Option<&str>) -> Result<Table> {
        let mut reading = self.begin(marks, false)?;
        loop {
            match self.go_on(reading, usize::MAX)? {
                Ok(table) => return Ok(table),
                Err(rest) => reading = rest,
            }
        }
    }

    /// Begins to read the whole table as [`Ipvs::table`] does, for those who can't wait so long: the services, and
    /// all else but servers. `sync`: with the halves of the sync daemon.
    pub fn begin(&mut self, marks: Option<&str>, sync: bool) -> Result<Reading> {
        let mut table = Table { timeouts: Some(self.timeouts()?), ..Table::default() };
        if let (Some(name), Ok(nft)) = (marks, &mut self.marks) {
            // What can't be read is believed to be as it was.
            table.marks = nft.marks(name).unwrap_or_default();
        }
        if sync {
            // As with these.
            table.sync = self.sync_daemons().ok();
        }
        Ok(Reading { table, left: self.services()?.into_iter() })
    }

    /// Reads servers, until those of one service make it `most` entries or more. The table if it is complete, or
    /// else how far it has come.
    pub fn go_on(&mut self, reading: Reading, most: usize) -> Result<std::result::Result<Table, Reading>> {
        let Reading { mut table, mut left } = reading;
        let mut entries = 0_usize;
        while let Some(service) = left.next() {
            let servers: BTreeMap<_, _> =
                self.servers(&service.key)?.into_iter().map(|s| (s.key, s.settings)).collect();
            entries = entries.saturating_add(1 + servers.len());
            table.services.insert(service.key, Entry { settings: service.settings, servers });
            if entries >= most && !left.as_slice().is_empty() {
                return Ok(Err(Reading { table, left }));
            }
        }
        Ok(Ok(table))
    }

    /// What the kernel has counted, for each entry of the table.
    pub fn stats(&mut self) -> Result<BTreeMap<ServiceKey, ServiceStats>> {
        let mut out = BTreeMap::new();
        for service in self.services()? {
            let servers = self.servers(&service.key)?.into_iter().map(|s| (s.key, s.stats)).collect();
            out.insert(service.key, ServiceStats { stats: service.stats, servers });
        }
        Ok(out)
    }

    /// The timeouts of connections.
    pub fn timeouts(&mut self) -> Result<Timeouts> {
        self.find()?;
        let mut timeouts = None;
        let answer = self.socket.ask(
            command::GET_CONFIG,
            0,
            |_| {},
            |_, body| {
                timeouts = decode::timeouts(body);
            },
        );
        answer.and(timeouts.ok_or(Errno::EPROTO)).map_err(|e| cannot("read timeouts of", e))
    }

    /// The halves of the sync daemon that run.
    pub fn sync_daemons(&mut self) -> Result<BTreeMap<SyncHalf, SyncSettings>> {
        self.find()?;
        let mut out = BTreeMap::new();
        let answer =
            self.socket.dump(command::GET_DAEMON, |_| {}, |_, body| out.extend(decode::daemon(body)));
        answer.map(|()| out).map_err(|e| cannot("read sync daemons of", e))
    }

    /// Does one thing.
    pub fn apply(&mut self, operation: &Operation) -> Result<()> {
        let mut all = self.apply_all(std::slice::from_ref(operation));
        all.pop().unwrap_or_else(|| Err(OsError::new("change", TABLE, Errno::EPROTO)))
    }

    fn services(&mut self) -> Result<Vec<decode::Service>> {
        self.find()?;
        let mut out = Vec::new();
        let answer =
            self.socket.dump(command::GET_SERVICE, |_| {}, |_, body| out.extend(decode::service(body)));
        answer.map(|()| out).map_err(|e| cannot("read", e))
    }

    fn servers(&mut self, service: &ServiceKey) -> Result<Vec<decode::Server>> {
        let mut out = Vec::new();
        let family = service.family();
        let answer: Answer = self.socket.dump(
            command::GET_DEST,
            |m| encode::service_key(m, service),
            |_, body| out.extend(decode::server(body, family)),
        );
        answer.map(|()| out).map_err(|e| OsError::new("read servers of", name::Service(service), e))
    }
}

const TABLE: &str = "the kernel's table of virtual servers";

fn cannot(operation: &'static str, errno: Errno) -> OsError {
    OsError::new(operation, TABLE, errno)
}
