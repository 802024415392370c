//! Tracked files: the number in a file, told when it changes.
//!
//! The directory is watched and not the file, so that a file which comes, goes or is replaced is
//! noticed. A directory that isn't there is looked for once a second.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base::{Duration, Instant};
use linux::OsError;
use linux::inotify::{Change, Directories, Watch};
use nix::fcntl::OFlag;

use crate::ipc::{FileConfig, FileId};
use crate::log::Line;

/// How often a directory that isn't there is looked for.
const RETRY: Duration = Duration::from_secs(1);
/// Numbers are short.
const MOST_READ: u64 = 128;

/// The number in a file, at first or after a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value {
    /// Which file.
    pub file: FileId,
    /// The number.
    pub value: i32,
}

/// All watched files of one process.
#[derive(Debug)]
pub struct Files {
    directories: Directories,
    watches: BTreeMap<PathBuf, Option<Watch>>,
    files: Vec<Tracked>,
    retry: Option<Instant>,
    log: Vec<Line>,
}

#[derive(Debug)]
struct Tracked {
    config: FileConfig,
    value: i32,
}

impl Tracked {
    fn path(&self) -> &Path {
        Path::new(&*self.config.path)
    }

    /// A path without a directory cannot be configured; it would be taken for one in `/`.
    fn directory(&self) -> &Path {
        self.path().parent().unwrap_or(Path::new("/"))
    }
}

impl Files {
    /// No files.
    ///
    /// # Errors
    /// There are no descriptors left, or too many watchers.
    pub fn new() -> Result<Self, OsError> {
        let directories = Directories::new()?;
        Ok(Self { directories, watches: BTreeMap::new(), files: Vec::new(), retry: None, log: Vec::new() })
    }

    /// Watches these files instead of the former ones. Tells the number in each.
    pub fn configure(&mut self, now: Instant, configs: &[FileConfig]) -> Vec<Value> {
        let old = std::mem::take(&mut self.files);
        for config in configs {
            let known = old.iter().find(|o| o.config.path == config.path);
            // A file that is watched already keeps its number over a reload.
            if known.is_none() {
                self.initialise(config);
            }
            let value = known.map_or(0, |o| o.value);
            self.files.push(Tracked { config: config.clone(), value });
        }
        let wanted: Vec<PathBuf> = self.files.iter().map(|f| f.directory().to_owned()).collect();
        let gone: Vec<PathBuf> = self.watches.keys().filter(|d| !wanted.contains(d)).cloned().collect();
        for directory in gone {
            if let Some(Some(watch)) = self.watches.remove(&directory) {
                // It can only be gone already.
                let _ = self.directories.remove(watch);
            }
        }
        for directory in wanted {
            self.watches.entry(directory).or_default();
        }
        // Watched first, read then: no change falls in between.
        self.watch(now);
        for i in 0..self.files.len() {
            self.read(i);
        }
        self.files.iter().map(|f| Value { file: f.config.file, value: f.value }).collect()
    }

    /// `init_file`.
    fn initialise(&mut self, config: &FileConfig) {
        let Some(value) = config.init else { return };
        let mut options = OpenOptions::new();
        options.write(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
        if config.overwrite {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let path = &*config.path;
        match options.mode(0o644).open(path).and_then(|mut f| writeln!(f, "{value}")) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => self.log.push(Line::warning(format!("Unable to initialise track file {path} - {e}"))),
        }
    }

    /// Watches the directories that are not watched.
    fn watch(&mut self, now: Instant) {
        for (directory, watch) in self.watches.iter_mut().filter(|(_, w)| w.is_none()) {
            *watch = self.directories.add(directory).ok();
        }
        self.retry = self.watches.values().any(Option::is_none).then(|| now + RETRY);
    }

    /// Something happened in a directory. Tells what changed.
    pub fn readable(&mut self, now: Instant) -> Vec<Value> {
        let mut changes = Vec::new();
        if let Err(e) = self.directories.read(&mut changes) {
            self.log.push(Line::error(format!("Track files are no longer watched: {e}")));
        }
        let mut changed = Vec::new();
        for change in changes {
            match change {
                Change::Written(watch, name) | Change::Gone(watch, name) => {
                    let directory =
                        self.watches.iter().find(|(_, w)| **w == Some(watch)).map(|(d, _)| d.join(name));
                    self.read_where(|f| directory.as_deref() == Some(f.path()), &mut changed);
                }
                Change::DirectoryGone(watch) => {
                    for w in self.watches.values_mut().filter(|w| **w == Some(watch)) {
                        *w = None;
                    }
                    // A directory that was only moved would be watched on under its new name.
                    let _ = self.directories.remove(watch);
                    self.watch(now);
                    self.read_where(|_| true, &mut changed);
                }
                Change::Overrun => self.read_where(|_| true, &mut changed),
            }
        }
        changed
    }

    fn read_where(&mut self, wanted: impl Fn(&Tracked) -> bool, changed: &mut Vec<Value>) {
        for i in 0..self.files.len() {
            if self.files.get(i).is_some_and(&wanted)
                && let Some(value) = self.read(i)
            {
                changed.push(value);
            }
        }
    }

    /// Reads a file; its number if that has changed.
    fn read(&mut self, i: usize) -> Option<Value> {
        let file = self.files.get_mut(i)?;
        let path = &*file.config.path;
        let value = match contents(file.path()) {
            Ok(text) => match number(&text) {
                Some(n) => n,
                None => {
                    let text = String::from_utf8_lossy(&text);
                    self.log.push(Line::info(format!(
                        "Invalid number {} read from {path} - ignoring",
                        text.trim()
                    )));
                    return None;
                }
            },
            Err(e) if e.kind() == ErrorKind::NotFound => 0,
            Err(e) => {
                self.log
                    .push(Line::warning(format!("Unable to read track file {path} - {e}, taking it for 0")));
                0
            }
        };
        let changed = value != file.value;
        file.value = value;
        changed.then_some(Value { file: file.config.file, value })
    }

    /// When [`Files::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.retry
    }

    /// Time has passed. Tells what changed.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Value> {
        let mut changed = Vec::new();
        if self.retry.is_some_and(|r| r <= now) {
            self.watch(now);
            self.read_where(|_| true, &mut changed);
        }
        changed
    }

    /// Lines for the log that came up.
    pub fn take_log(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.log)
    }
}

impl AsFd for Files {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directories.as_fd()
    }
}

/// The beginning of a file; one that is a FIFO doesn't block.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file: File = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    file.take(MOST_READ).read_to_end(&mut text)?;
    Ok(text)
}

/// The number at the beginning of a text, as keepalived reads it: blanks, a sign, decimal, `0x` or
/// octal digits; what follows is ignored; 0 if there is none; `None` if it doesn't fit.
fn number(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii_start();
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (radix, text) = match text {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        [b'0', rest @ ..] => (8, rest),
        _ => (10, text),
    };
    let digits = text.iter().map_while(|b| char::from(*b).to_digit(radix));
    let value = digits.fold(0_i64, |n, d| n.saturating_mul(i64::from(radix)).saturating_add(i64::from(d)));
    i32::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::fs;

    fn config(path: &Path, init: Option<i32>, overwrite: bool) -> FileConfig {
        FileConfig { file: FileId(3), path: path.to_str().unwrap().into(), init, overwrite }
    }

    /// The values told for what happened, which must tell something.
    #[track_caller]
    fn told(files: &mut Files) -> Vec<i32> {
        let mut fd = [PollFd::new(files.directories.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fd, PollTimeout::from(5_000_u16)), Ok(1), "nothing happened");
        files.readable(Instant::ZERO).into_iter().map(|v| v.value).collect()
    }

    #[test]
    fn numbers_are_read_as_keepalived_reads_them() {
        for (text, n) in [
            ("50\n", 50),
            ("", 0),
            ("junk", 0),
            (" 12", 12),
            ("-5", -5),
            ("+6", 6),
            ("0x10", 16),
            ("0x", 0),
            ("010", 8),
            ("7 8", 7),
            ("7x", 7),
            ("20\n30", 20),
            ("-2147483648", i32::MIN),
        ] {
            assert_eq!(number(text.as_bytes()), Some(n), "{text:?}");
        }
        for text in ["99999999999", "2147483648", "-2147483649", "99999999999999999999999999"] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn each_way_of_changing_a_file_is_noticed_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut files = Files::new().unwrap();
        assert_eq!(
            files.configure(Instant::ZERO, &[config(&path, None, false)]),
            [Value { file: FileId(3), value: 0 }]
        );
        fs::write(&path, "5").unwrap();
        assert_eq!(told(&mut files), [5]);
        fs::write(dir.path().join("new"), "6").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(told(&mut files), [6]);
        fs::write(&path, "6\n").unwrap();
        assert!(told(&mut files).is_empty());
        fs::write(&path, "99999999999").unwrap();
        assert!(told(&mut files).is_empty());
        assert!(files.take_log()[0].text.starts_with("Invalid number 99999999999 read from /"));
        fs::remove_file(&path).unwrap();
        assert_eq!(told(&mut files), [0]);
    }

    #[test]
    fn a_directory_that_comes_later_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("later/f");
        let mut files = Files::new().unwrap();
        files.configure(Instant::ZERO, &[config(&path, None, false)]);
        let retry = files.poll_timeout().unwrap();
        fs::create_dir(dir.path().join("later")).unwrap();
        fs::write(&path, "7").unwrap();
        assert_eq!(files.handle_timeout(retry), [Value { file: FileId(3), value: 7 }]);
        assert_eq!(files.poll_timeout(), None);
        fs::rename(dir.path().join("later"), dir.path().join("away")).unwrap();
        assert_eq!(told(&mut files), [0]);
        assert!(files.poll_timeout().is_some());
    }

    #[test]
    fn init_creates_a_file_and_only_overwrite_replaces_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let start = |overwrite, init| {
            let mut files = Files::new().unwrap();
            files.configure(Instant::ZERO, &[config(&path, Some(init), overwrite)]);
            // A reload never writes.
            files.configure(Instant::ZERO, &[config(&path, Some(77), true)])[0].value
        };
        assert_eq!(start(false, 9), 9);
        assert_eq!(fs::read_to_string(&path).unwrap(), "9\n");
        assert_eq!(start(false, 8), 9);
        assert_eq!(start(true, 8), 8);
    }

    #[test]
    fn a_fifo_in_place_of_a_file_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut files = Files::new().unwrap();
        assert_eq!(files.configure(Instant::ZERO, &[config(&path, None, false)])[0].value, 0);
    }
}
