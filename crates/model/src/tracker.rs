//! What instances track.

use base::{Duration, IfName, Name};
use vrrp::config::TrackerKind;

use crate::id::BfdId;
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
    /// `vrrp_track_process`.
    Process(TrackProcess),
    /// `bfd_instance`.
    Bfd(BfdId),
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

/// `vrrp_track_process`: how many processes of a kind run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackProcess {
    /// Its name.
    pub name: Name,
    /// `process`: the name of the command, or its path with `full_command`.
    pub command: Box<str>,
    /// The parameters after it.
    pub parameters: Vec<Box<str>>,
    /// `param_match`: how the parameters must agree.
    pub matching: ParameterMatch,
    /// `full_command`: compare the command line instead of the 15 bytes that the kernel calls the process.
    pub full_command: bool,
    /// `quorum`: at least so many make it up, 1 to 65535; 1 by default.
    pub quorum: u32,
    /// `quorum_max`: more make it down, 0 to 65535.
    pub quorum_max: Option<u32>,
    /// `fork_delay`: there must be enough for so long, at most 1 h.
    pub up_delay: Duration,
    /// `terminate_delay`: there may be too few for so long, at most 1 h.
    pub down_delay: Duration,
}

/// How the parameters of a process must agree with those written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ParameterMatch {
    /// They don't matter.
    #[default]
    Any,
    /// They are the same.
    Exact,
    /// The last one may go on.
    Partial,
    /// There may be more.
    Initial,
}

impl Tracker {
    /// What the core needs of it.
    #[must_use]
    pub fn protocol(&self) -> vrrp::config::Tracker {
        let kind = match &self.source {
            TrackerSource::Interface(link) => TrackerKind::Interface(*link),
            TrackerSource::Script(_) => TrackerKind::Script,
            TrackerSource::File(_) => TrackerKind::File,
            TrackerSource::Process(_) => TrackerKind::Process,
            TrackerSource::Bfd(_) => TrackerKind::Bfd,
        };
        vrrp::config::Tracker { name: self.name.clone(), kind }
    }
}
