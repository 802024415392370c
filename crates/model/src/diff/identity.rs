//! When an object of the new Model goes on as one of the old.
//!
//! Names may change without a break: what counts is what other routers and the kernel see.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{Family, IfName, Name, Vrid};
use vrrp::config::Peers;

use super::Id;
use crate::{BfdSession, Instance, SyncGroup, Tracker, TrackerSource};

/// Something that can be found again after a reload.
pub trait Identity {
    /// What stays the same as long as it is the same object.
    type Key: Ord;
    /// The key of this object.
    fn key(&self) -> Self::Key;
}

/// The destination as far as it makes another virtual router of it: the multicast group, or the
/// unicast source.
type Place = (Option<IpAddr>, Option<IpAddr>);

/// VRID, family, interface and place: keepalived's own rule for a reload.
impl Identity for Instance {
    type Key = (Vrid, Family, Option<IfName>, Place);

    fn key(&self) -> Self::Key {
        let place = match &self.protocol.peers {
            Peers::Multicast(group) => (Some(*group), None),
            Peers::Unicast { .. } => (None, self.source),
        };
        (self.protocol.vrid, self.protocol.family, self.link, place)
    }
}

/// Sync groups are known by their names.
impl Identity for SyncGroup {
    type Key = Name;

    fn key(&self) -> Name {
        self.protocol.name.clone()
    }
}

/// BFD sessions are known by their names.
impl Identity for BfdSession {
    type Key = Name;

    fn key(&self) -> Name {
        self.name.clone()
    }
}

/// A script keeps its result as long as its command is the same, a file its number as long as its
/// path is, a process its count as long as its command and parameters are.
impl Identity for Tracker {
    type Key = (u8, Name, Vec<Box<str>>);

    fn key(&self) -> Self::Key {
        match &self.source {
            TrackerSource::Interface(_) => (0, self.name.clone(), Vec::new()),
            TrackerSource::Script(script) => (1, self.name.clone(), script.command.argv.clone()),
            TrackerSource::File(file) => (2, self.name.clone(), vec![file.path.clone()]),
            TrackerSource::Process(process) => {
                let words = std::iter::once(&process.command).chain(&process.parameters);
                (3, self.name.clone(), words.cloned().collect())
            }
            TrackerSource::Bfd(_) => (4, self.name.clone(), Vec::new()),
        }
    }
}

/// For each new object the old one that it continues. Should a key occur more than once, the first
/// new one gets the first old one, and so on: nobody is continued twice.
pub(super) fn matches<I: Id, T: Identity>(old: &[T], new: &[T]) -> Vec<Option<I>> {
    let mut free: BTreeMap<T::Key, Vec<usize>> = BTreeMap::new();
    for (index, object) in old.iter().enumerate().rev() {
        free.entry(object.key()).or_default().push(index);
    }
    new.iter().map(|object| free.get_mut(&object.key()).and_then(Vec::pop).map(I::from_index)).collect()
}
