//! What instances track.

use base::{IfName, Name};
use vrrp::config::TrackerKind;

use crate::script::Script;

/// Something tracked by at least one instance, or kept because it was configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tracker {
    /// Its name: the interface, or the name of the block.
    pub name: Name,
    /// Where its verdict comes from.
    pub source: TrackerSource,
}

/// Where a verdict comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrackerSource {
    /// `track_interface`.
    Interface(IfName),
    /// `vrrp_script`.
    Script(Script),
    /// `track_file`.
    File(TrackFile),
}

/// `track_file`: a file with a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackFile {
    /// Its name.
    pub name: Name,
    /// `file`: an absolute path.
    pub path: Box<str>,
    /// `init_file`: the number to create it with.
    pub init: Option<i32>,
    /// `init_file ... overwrite`.
    pub overwrite: bool,
}

impl Tracker {
    /// What the core needs of it.
    #[must_use]
    pub fn protocol(&self) -> vrrp::config::Tracker {
        let kind = match &self.source {
            TrackerSource::Interface(link) => TrackerKind::Interface(*link),
            TrackerSource::Script(_) => TrackerKind::Script,
            TrackerSource::File(_) => TrackerKind::File,
        };
        vrrp::config::Tracker { name: self.name.clone(), kind }
    }
}
