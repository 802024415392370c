//! Notify FIFOs: one line per event, in order, never waiting for the reader.
//!
//! What the pipe has no room for waits in a bounded queue. When that is full, too, lines are lost;
//! then the reader gets the last state of every object whose lines are missing as soon as there is
//! room, so that it never believes in something that is no longer so.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::ipc::FifoConfig;
use crate::log::Line;

/// So many bytes of lines may wait beside the pipe's own 64 KiB.
const MOST_QUEUED: usize = 256 * 1024;

/// The states that stay: the other words of a line tell something that passes.
const STATES: [&str; 7] = ["MASTER", "BACKUP", "FAULT", "STOP", "DELETED", "UP", "DOWN"];

/// A FIFO could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FifoError {
    /// The operating system refused.
    #[error("notify FIFO {path}: cannot {what}: {error}")]
    Os {
        /// Its path.
        path: String,
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// There is something else.
    #[error("notify FIFO {0} exists but is not a FIFO")]
    NoFifo(String),
    /// It belongs to somebody else.
    #[error("notify FIFO {path} is owned by uid {owner}, neither by us nor by the configured user")]
    Stranger {
        /// Its path.
        path: String,
        /// Its owner.
        owner: u32,
    },
}

/// An open FIFO with what waits for it.
#[derive(Debug)]
pub struct Fifo {
    config: FifoConfig,
    pipe: File,
    created: bool,
    queue: VecDeque<Box<[u8]>>,
    queued: usize,
    /// Bytes of the front line that are written already.
    written: usize,
    lost: u64,
    /// The last state of each object that is missing in the queue, and when it came.
    missed: BTreeMap<Box<str>, (u64, Box<str>)>,
}

impl Fifo {
    /// Creates the FIFO if it isn't there, and opens it. A link is not followed, and one that
    /// somebody else owns is refused: events would go to him.
    pub fn open(config: FifoConfig) -> Result<Self, FifoError> {
        let path = config.path.to_string();
        let os = |what| {
            let path = path.clone();
            move |error: io::Error| FifoError::Os { path, what, error }
        };
        let created = match mkfifo(Path::new(&path), Mode::from_bits_truncate(0o644)) {
            Ok(()) => true,
            Err(nix::errno::Errno::EEXIST) => false,
            Err(e) => return Err(os("create it")(e.into())),
        };
        // Looked at before it is opened, since opening a device can do something; and afterwards,
        // since it can be another one by then.
        let before = std::fs::symlink_metadata(&path).map_err(os("look at it"))?;
        if !before.file_type().is_fifo() {
            return Err(FifoError::NoFifo(path));
        }
        // Being a reader, too, it never gets EPIPE, and lines wait in the pipe for a reader.
        let pipe = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
            .open(&path)
            .map_err(os("open it"))?;
        let meta = pipe.metadata().map_err(os("look at it"))?;
        if !meta.file_type().is_fifo() {
            return Err(FifoError::NoFifo(path));
        }
        // Also one that was made here: whoever may write to the directory can have put another there.
        if meta.uid() != geteuid().as_raw() && (created || Some(meta.uid()) != config.owner.map(|u| u.uid)) {
            return Err(FifoError::Stranger { path, owner: meta.uid() });
        }
        if let Some(user) = config.owner.filter(|_| created) {
            fchown(&pipe, Some(user.uid), Some(user.gid)).map_err(os("change its owner"))?;
        }
        Ok(Self {
            config,
            pipe,
            created,
            queue: VecDeque::new(),
            queued: 0,
            written: 0,
            lost: 0,
            missed: BTreeMap::new(),
        })
    }

    /// What it was opened with.
    pub fn config(&self) -> &FifoConfig {
        &self.config
    }

    /// Writes a line, now or later. A line for the log when this is the first one that is lost.
    pub fn write(&mut self, line: &str) -> Option<Line> {
        // Behind a gap nothing is queued until the gap is told.
        if self.lost > 0 || self.queued + line.len() > MOST_QUEUED {
            self.miss(line);
            return (self.lost == 1).then(|| {
                let path = &self.config.path;
                Line::warning(format!("notify FIFO {path} is full, events are lost until somebody reads it"))
            });
        }
        self.push(line);
        self.flush()
    }

    /// Writes what there is room for. A line for the log when a gap was closed.
    pub fn flush(&mut self) -> Option<Line> {
        self.drain();
        if self.lost == 0 || !self.queue.is_empty() {
            return None;
        }
        let mut missed: Vec<_> = std::mem::take(&mut self.missed).into_values().collect();
        missed.sort();
        for (_, line) in missed {
            self.push(&line);
        }
        let lost = std::mem::take(&mut self.lost);
        self.drain();
        let path = &self.config.path;
        Some(Line::warning(format!(
            "notify FIFO {path}: {lost} events were lost, the last states were repeated"
        )))
    }

    /// Whether lines wait for room.
    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    fn push(&mut self, line: &str) {
        self.queued += line.len();
        self.queue.push_back(line.as_bytes().into());
    }

    fn miss(&mut self, line: &str) {
        self.lost += 1;
        if let Some((object, state)) = parse(line)
            && STATES.contains(&state)
        {
            self.missed.insert(object.into(), (self.lost, line.into()));
        }
    }

    fn drain(&mut self) {
        while let Some(line) = self.queue.front() {
            match (&self.pipe).write(line.get(self.written..).unwrap_or_default()) {
                Ok(n) => self.written += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                // Nothing else than "no room" can be expected of a FIFO that has a reader: us.
                Err(_) => return,
            }
            if self.written >= line.len() {
                self.queued -= line.len();
                self.written = 0;
                self.queue.pop_front();
            }
        }
    }

    /// Closes it, and removes it if it was created here and is still the same.
    pub fn close(self) {
        let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        if self.created
            && let Ok(ours) = self.pipe.metadata()
            && let Ok(there) = std::fs::symlink_metadata(&*self.config.path)
            && same(&ours, &there)
        {
            // Nobody is left whom a failure could help.
            let _ = std::fs::remove_file(&*self.config.path);
        }
    }
}

impl AsFd for Fifo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// The object of a line, and its state: `TYPE "NAME" STATE PRIORITY`, where a name may hold quotes, or
/// `TYPE NAMES STATE`, where it holds none, of virtual and real servers.
fn parse(line: &str) -> Option<(&str, &str)> {
    let Some(end) = line.rfind('"') else {
        return line.trim_end_matches(['\n', '\0']).rsplit_once(' ');
    };
    let (object, rest) = line.split_at_checked(end + 1)?;
    Some((object, rest.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use engine::io::FifoKind;

    fn config(dir: &tempfile::TempDir) -> FifoConfig {
        let path = dir.path().join("fifo").to_str().unwrap().into();
        FifoConfig { kind: FifoKind::Vrrp, path, owner: None, script: None }
    }

    fn line(n: usize, state: &str) -> String {
        format!("INSTANCE \"VI_{n}\" {state} 100\n")
    }

    /// What is in the pipe now.
    fn read(fifo: &Fifo) -> String {
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = (&fifo.pipe).read(&mut buffer) {
            text.extend_from_slice(&buffer[..n]);
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_created_fifo_vanishes_with_us_and_one_that_was_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir);
        Fifo::open(config.clone()).unwrap().close();
        assert!(!Path::new(&*config.path).exists());
        mkfifo(&*config.path, Mode::S_IRWXU).unwrap();
        Fifo::open(config.clone()).unwrap().close();
        assert!(Path::new(&*config.path).exists());
    }

    #[test]
    fn files_and_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir);
        std::fs::write(&*config.path, "precious").unwrap();
        assert!(matches!(Fifo::open(config.clone()), Err(FifoError::NoFifo(_))));
        assert_eq!(std::fs::read_to_string(&*config.path).unwrap(), "precious");
        std::fs::remove_file(&*config.path).unwrap();
        let target = dir.path().join("target");
        mkfifo(&target, Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(&target, &*config.path).unwrap();
        assert!(matches!(Fifo::open(config), Err(FifoError::NoFifo(_))));
    }

    #[test]
    fn lines_keep_their_order_while_nobody_reads() {
        let dir = tempfile::tempdir().unwrap();
        let mut fifo = Fifo::open(config(&dir)).unwrap();
        let lines: Vec<String> = (0..5_000).map(|n| line(n, "MASTER")).collect();
        for l in &lines {
            assert!(fifo.write(l).is_none());
        }
        assert!(fifo.is_waiting());
        let mut got = String::new();
        while fifo.is_waiting() {
            got.push_str(&read(&fifo));
            assert!(fifo.flush().is_none());
        }
        got.push_str(&read(&fifo));
        assert_eq!(got, lines.concat());
    }

    #[test]
    fn after_a_gap_the_last_states_are_repeated_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut fifo = Fifo::open(config(&dir)).unwrap();
        let mut before = String::new();
        loop {
            let l = line(0, "BACKUP");
            match fifo.write(&l) {
                None => before.push_str(&l),
                Some(log) => break assert!(log.text.contains("is full"), "{}", log.text),
            }
        }
        for (n, state) in
            [(1, "MASTER"), (2, "MASTER"), (1, "FAULT"), (2, "MASTER_RX_LOWER_PRI"), (3, "BACKUP_PRIORITY")]
        {
            assert!(fifo.write(&line(n, state)).is_none());
        }
        let mut got = String::new();
        let told = loop {
            got.push_str(&read(&fifo));
            if let Some(log) = fifo.flush() {
                break log.text;
            }
        };
        assert!(told.ends_with("6 events were lost, the last states were repeated"), "{told}");
        assert!(fifo.write(&line(4, "MASTER")).is_none());
        got.push_str(&read(&fifo));
        let after = [line(0, "BACKUP"), line(2, "MASTER"), line(1, "FAULT"), line(4, "MASTER")].concat();
        assert_eq!(got, before + &after);
    }

    #[test]
    fn a_line_names_its_object_even_with_quotes_in_the_name() {
        assert_eq!(parse("GROUP \"a \"b\" c\" STOP 0\n"), Some(("GROUP \"a \"b\" c\"", "STOP")));
        let server = "RS [192.0.2.1]:tcp:80 [192.0.2.9]:tcp:80";
        assert_eq!(parse(&format!("{server} DOWN\n\0")), Some((server, "DOWN")));
        assert_eq!(parse("garbage\n"), None);
    }
}
