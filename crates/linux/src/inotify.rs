//! Watches directories for changes of files in them.
//!
//! The directory is watched rather than the file: a file that is replaced, as editors and scripts do
//! it, is another one.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

pub use nix::sys::inotify::WatchDescriptor as Watch;

use crate::error::{Context, Result};

/// Something happened in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The content of a file may have changed: it was closed by a writer, made or moved here.
    Written(Watch, OsString),
    /// A file is gone: removed or moved elsewhere.
    Gone(Watch, OsString),
    /// The directory itself is gone, and with it the watch.
    DirectoryGone(Watch),
    /// Events were lost: all files have to be looked at.
    Overrun,
}

/// A set of watched directories.
#[derive(Debug)]
pub struct Directories(Inotify);

impl Directories {
    /// Watches nothing yet.
    pub fn new() -> Result<Self> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Ok(Self(Inotify::init(flags).on("create", "inotify")?))
    }

    /// Watches `directory`; watching it twice gives the same watch.
    pub fn add(&self, directory: &Path) -> Result<Watch> {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        self.0.add_watch(directory, flags).on("watch", directory.display())
    }

    /// Stops watching a directory.
    pub fn remove(&self, watch: Watch) -> Result<()> {
        match self.0.rm_watch(watch) {
            // It has gone with its directory.
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(e) => Err(e).on("stop watching", "directory"),
        }
    }

    /// Appends what has happened to `changes`. Each file is told once per call, as it is now.
    pub fn read(&self, changes: &mut Vec<Change>) -> Result<()> {
        loop {
            let events = match self.0.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(e).on("read", "inotify"),
            };
            for e in events {
                let own = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
                let here = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
                let change = match e.name {
                    _ if e.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) => Change::Overrun,
                    _ if e.mask.intersects(own) => Change::DirectoryGone(e.wd),
                    Some(name) if e.mask.intersects(here) => Change::Written(e.wd, name),
                    Some(name) => Change::Gone(e.wd, name),
                    // The watch has ended (`IN_IGNORED`): told above, or asked for.
                    None => continue,
                };
                changes.retain(|c| c.file() != change.file() || c.file().is_none());
                changes.push(change);
            }
        }
    }
}

impl Change {
    fn file(&self) -> Option<(Watch, &OsString)> {
        match self {
            Self::Written(w, n) | Self::Gone(w, n) => Some((*w, n)),
            Self::DirectoryGone(_) | Self::Overrun => None,
        }
    }
}

impl AsFd for Directories {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_is_written_replaced_or_removed_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let d = Directories::new().unwrap();
        let w = d.add(dir.path()).unwrap();
        let mut changes = Vec::new();
        let file = dir.path().join("weight");
        fs::write(&file, "1").unwrap();
        fs::write(&file, "2").unwrap();
        d.read(&mut changes).unwrap();
        assert_eq!(changes, [Change::Written(w, "weight".into())]);
        changes.clear();
        fs::write(dir.path().join("new"), "3").unwrap();
        fs::rename(dir.path().join("new"), &file).unwrap();
        d.read(&mut changes).unwrap();
        assert_eq!(changes, [Change::Gone(w, "new".into()), Change::Written(w, "weight".into())]);
        changes.clear();
        fs::remove_file(&file).unwrap();
        let path = dir.path().to_owned();
        drop(dir);
        d.read(&mut changes).unwrap();
        assert_eq!(changes, [Change::Gone(w, "weight".into()), Change::DirectoryGone(w)]);
        assert_eq!(d.add(&path).unwrap_err().errno, Errno::ENOENT);
        d.remove(w).unwrap();
    }
}
