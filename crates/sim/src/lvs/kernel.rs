//! The virtual IPVS: a table, and what becomes of operations on it.
//!
//! What is so already has worked, as the daemon's netlink client has it: an addition of what is there
//! changes it, a change of what isn't there adds it, a removal of what isn't there succeeds.

use std::collections::{BTreeMap, VecDeque};

use base::Duration;
use engine::lvs::io::{OpError, Operation};
use engine::lvs::table::{
    Entry, MarkTable, Marks, ServerKey, ServerSettings, ServiceKey, SyncHalf, SyncSettings, Table, Timeouts,
};

/// What the timeouts are before anybody sets them.
pub const FIRST_TIMEOUTS: Timeouts = Timeouts {
    tcp: Duration::from_secs(900),
    tcp_fin: Duration::from_secs(120),
    udp: Duration::from_secs(300),
};

/// `ENOENT`, `ESRCH`, `ENOMEM`, `EEXIST`, `ENOPROTOOPT`, in Linux's numbers.
mod errno {
    pub(super) const NOT_THERE: i32 = 2;
    pub(super) const NO_SERVICE: i32 = 3;
    pub(super) const NO_MEMORY: i32 = 12;
    pub(super) const THERE: i32 = 17;
    pub(super) const MISSING: i32 = 92;
}

/// How the kernel deals with operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mood {
    /// So many percent of them fail and do nothing.
    pub failing: u8,
    /// So many percent of them are done, but said to have failed: their answer was lost.
    pub lying: u8,
    /// Each takes at most that long, and so does its answer; at least 20 µs.
    pub slow: Duration,
    /// There is no IPVS.
    pub missing: bool,
}

/// IPVS in one network namespace.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its table.
    pub table: Table,
    /// The halves of the sync daemon that run, as [`told`].
    pub sync: BTreeMap<SyncHalf, SyncSettings>,
    /// The marks that nftables gives.
    pub marks: Option<MarkTable>,
    /// How it is disposed.
    pub mood: Mood,
    /// So many operations to come fail, whatever the mood.
    pub refuse: VecDeque<bool>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            table: Table { timeouts: Some(FIRST_TIMEOUTS), ..Table::default() },
            sync: BTreeMap::new(),
            marks: None,
            mood: Mood::default(),
            refuse: VecDeque::new(),
        }
    }
}

/// How the kernel runs a half that is wanted with such settings: the rest is its own choice.
#[must_use]
pub fn told(settings: &SyncSettings) -> SyncSettings {
    SyncSettings {
        max_len: settings.max_len.or(Some(1_472)),
        port: settings.port.or(Some(8_848)),
        ttl: settings.ttl.or(Some(1)),
        group: settings.group.or(Some([224, 0, 0, 81].into())),
        ..settings.clone()
    }
}

/// An error of the kernel.
fn error(errno: i32) -> OpError {
    OpError { errno, message: format!("errno {errno}").into() }
}

impl Kernel {
    /// What a reader of the whole table gets, who may want to know of the `sync` daemon, too.
    pub fn dump(&self, sync: bool) -> Result<Table, OpError> {
        if self.mood.missing {
            return Err(error(errno::MISSING));
        }
        let marks = self.marks.clone().map_or(Marks::Absent, Marks::There);
        Ok(Table { marks, sync: sync.then(|| self.sync.clone()), ..self.table.clone() })
    }

    /// How many servers of a service get connections; `None` if there is no such service.
    #[must_use]
    pub fn serving(&self, key: &ServiceKey) -> Option<usize> {
        let servers = self.table.services.get(key)?.servers.values();
        Some(servers.filter(|server| server.weight > 0).count())
    }

    /// Does one operation. `dice` is from 0 to 99 and decides whether it fails, or is said to. The first
    /// value tells whether it was done.
    pub fn perform(&mut self, operation: &Operation, dice: u8) -> (bool, Result<(), OpError>) {
        if self.mood.missing {
            return (false, Err(error(errno::MISSING)));
        }
        if self.refuse.pop_front().unwrap_or(dice < self.mood.failing) {
            return (false, Err(error(errno::NO_MEMORY)));
        }
        let result = self.execute(operation);
        let lies = (self.mood.failing..self.mood.failing.saturating_add(self.mood.lying)).contains(&dice);
        match result {
            Ok(()) if lies => (true, Err(error(errno::NO_MEMORY))),
            other => (other.is_ok(), other.map_err(error)),
        }
    }

    /// With the client's second try.
    fn execute(&mut self, operation: &Operation) -> Result<(), i32> {
        let Err(first) = self.raw(operation) else { return Ok(()) };
        let instead = match (operation, first) {
            (Operation::AddService(key, s), errno::THERE) => Operation::EditService(*key, s.clone()),
            (Operation::EditService(key, s), errno::NO_SERVICE) => Operation::AddService(*key, s.clone()),
            (Operation::AddServer(key, server, s), errno::THERE) => Operation::EditServer(*key, *server, *s),
            (Operation::EditServer(key, server, s), errno::NOT_THERE) => {
                Operation::AddServer(*key, *server, *s)
            }
            (Operation::DelService(_) | Operation::DelServer(..), errno::NO_SERVICE | errno::NOT_THERE) => {
                return Ok(());
            }
            _ => return Err(first),
        };
        self.raw(&instead)
    }

    /// As the kernel itself does it.
    fn raw(&mut self, operation: &Operation) -> Result<(), i32> {
        match operation {
            Operation::AddService(key, settings) => {
                if self.table.services.contains_key(key) {
                    return Err(errno::THERE);
                }
                let entry = Entry { settings: settings.clone(), servers: BTreeMap::new() };
                self.table.services.insert(*key, entry);
                Ok(())
            }
            Operation::EditService(key, settings) => {
                self.table.services.get_mut(key).ok_or(errno::NO_SERVICE)?.settings = settings.clone();
                Ok(())
            }
            Operation::DelService(key) => {
                self.table.services.remove(key).map(|_| ()).ok_or(errno::NO_SERVICE)
            }
            Operation::AddServer(key, server, settings) => {
                let servers = self.servers(key)?;
                if servers.contains_key(server) {
                    return Err(errno::THERE);
                }
                servers.insert(*server, *settings);
                Ok(())
            }
            Operation::EditServer(key, server, settings) => {
                *self.servers(key)?.get_mut(server).ok_or(errno::NOT_THERE)? = *settings;
                Ok(())
            }
            Operation::DelServer(key, server) => {
                self.servers(key)?.remove(server).map(|_| ()).ok_or(errno::NOT_THERE)
            }
            Operation::Flush => {
                self.table.services.clear();
                Ok(())
            }
            Operation::SetTimeouts(timeouts) => {
                self.table.timeouts = Some(*timeouts);
                Ok(())
            }
            Operation::StartSync(half, settings) => {
                self.sync.insert(*half, told(settings));
                Ok(())
            }
            Operation::StopSync(half, _) => {
                self.sync.remove(half);
                Ok(())
            }
            Operation::SetMarks(marks) => {
                self.marks = Some(marks.clone());
                Ok(())
            }
            Operation::DelMarks(_) => {
                self.marks = None;
                Ok(())
            }
        }
    }

    fn servers(&mut self, key: &ServiceKey) -> Result<&mut BTreeMap<ServerKey, ServerSettings>, i32> {
        Ok(&mut self.table.services.get_mut(key).ok_or(errno::NO_SERVICE)?.servers)
    }
}
