//! Where lines go: syslog, standard error, files.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Stderr, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{SystemTime, UNIX_EPOCH};

use base::Duration;
use linux::clock;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::format::{self, Civil};
use super::queue::{Queue, Sink, Took};
use super::{Level, Line};
use crate::cli::{Facility, Options};
use crate::ipc::Part;

/// Who says something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writer {
    /// Whose line it is: the process around that engine, or one that does something for it; `None` for the
    /// daemon as a whole.
    pub part: Option<Part>,
    /// Its id.
    pub pid: u32,
}

impl Writer {
    /// The syslog identifier. keepalived's users know no process for scripts: their filters look for lines about
    /// a script, a FIFO or a mail where the process is that wanted it.
    fn ident(self) -> &'static str {
        match self.part {
            None => "Keepalived",
            Some(Part::Vrrp) => "Keepalived_vrrp",
            Some(Part::Checkers) => "Keepalived_healthcheckers",
        }
    }

    /// What the name of its log file has before the extension.
    fn suffix(self) -> &'static str {
        match self.part {
            None => "",
            Some(Part::Vrrp) => "_vrrp",
            Some(Part::Checkers) => "_check",
        }
    }
}

/// All sinks of a daemon. Only the supervisor writes lines; the other processes send theirs to it.
///
/// That keeps lines of all processes in one order, and a sink that takes no more (a full pipe behind
/// standard error, a syslog daemon that hangs) can't stop the vrrp process: it can't stop the
/// supervisor either, since lines wait in a bounded queue for each sink, and those that find no room
/// are counted. Standard error is shared with whoever started the daemon, so that it can't be made
/// non-blocking; the supervisor asks `poll` for room and then writes no more than a pipe takes at
/// once.
pub struct Sinks {
    detail: u8,
    /// `_NETNS_INSTANCE`, appended to each identifier.
    suffix: String,
    syslog: Option<Queue<Syslog>>,
    console: Option<Queue<Stream<Stderr>>>,
    files: Vec<(&'static str, Option<Queue<Stream<File>>>)>,
    file_base: Option<String>,
    /// When the first line was posted of those that no flush has followed yet.
    posted: Option<Civil>,
}

impl Sinks {
    /// The sinks that the options ask for.
    pub fn new(options: &Options) -> Self {
        let file_base = options.log_file.as_ref().map(|name| match name {
            Some(name) => name.clone(),
            None => format!("{}/keepalived.log", temporary_directory()),
        });
        Self {
            detail: options.log_detail,
            suffix: String::new(),
            syslog: (!options.no_syslog).then(|| Queue::new(Syslog::new(options.facility))),
            console: (options.log_console && options.dont_fork)
                .then(|| Queue::new(Stream(std::io::stderr()))),
            files: Vec::new(),
            file_base,
            posted: None,
        }
    }

    /// No sinks at all.
    pub fn none() -> Self {
        Self {
            detail: 0,
            suffix: String::new(),
            syslog: None,
            console: None,
            files: Vec::new(),
            file_base: None,
            posted: None,
        }
    }

    /// From now on identifiers end with the namespace and the instance of this daemon.
    pub fn name(&mut self, namespace: Option<&str>, instance: Option<&str>) {
        self.suffix = [namespace, instance].into_iter().flatten().map(|s| format!("_{s}")).collect();
    }

    /// Writes a line to every sink, unless it is a detail that nobody asked for.
    pub fn write(&mut self, writer: Writer, line: &Line) {
        self.post(writer, line);
        self.flush();
    }

    /// Will do so with the next flush, which is to follow at once: one of several lines that are there.
    pub fn post(&mut self, writer: Writer, line: &Line) {
        if !format::shown(line, self.detail) {
            return;
        }
        let at = *self.posted.get_or_insert_with(now);
        if let Some(syslog) = &mut self.syslog {
            let ident: Cow<'_, str> = match self.suffix.as_str() {
                "" => writer.ident().into(),
                suffix => format!("{}{suffix}", writer.ident()).into(),
            };
            let facility = syslog.sink().facility.0;
            let text = format::syslog(&at, facility, line.level, &ident, writer.pid, &line.text);
            syslog.post(text.into_bytes());
        }
        let text = format::console(&at, &line.text).into_bytes();
        if let Some(file) = self.file_of(writer) {
            file.post(text.clone());
        }
        if let Some(console) = &mut self.console {
            console.post(text);
        }
    }

    /// Writes what waits for room.
    pub fn flush(&mut self) {
        self.posted = None;
        if let Some(q) = &mut self.syslog {
            q.flush();
        }
        if let Some(q) = &mut self.console {
            q.flush();
        }
        for (_, file) in &mut self.files {
            if let Some(q) = file {
                q.flush();
            }
        }
    }

    /// Whether lines wait for room: flush again soon.
    pub fn is_waiting(&self) -> bool {
        self.syslog.as_ref().is_some_and(Queue::is_waiting)
            || self.console.as_ref().is_some_and(Queue::is_waiting)
            || self.files.iter().any(|(_, f)| f.as_ref().is_some_and(Queue::is_waiting))
    }

    /// Writes what waits, for at most `patience`: the last thing that a process does.
    pub fn finish(&mut self, patience: Duration) {
        let deadline = clock::now() + patience;
        self.flush();
        while self.is_waiting() && clock::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(10));
            self.flush();
        }
    }

    /// Opens log files anew with the next line, so that they can be moved away.
    pub fn reopen(&mut self) {
        self.flush();
        self.files.clear();
    }

    fn file_of(&mut self, writer: Writer) -> Option<&mut Queue<Stream<File>>> {
        let base = self.file_base.as_deref()?;
        let suffix = writer.suffix();
        let at = self.files.iter().position(|(s, _)| *s == suffix).unwrap_or_else(|| {
            // A file that can't be opened is not tried again for each line.
            let file = open_log(&format::file_name(base, suffix)).ok();
            self.files.push((suffix, file.map(|f| Queue::new(Stream(f)))));
            self.files.len() - 1
        });
        self.files.get_mut(at)?.1.as_mut()
    }
}

/// Opens a file to append to. Through no link: a directory like `/tmp` belongs to everybody.
pub fn open_log(path: &str) -> std::io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new().append(true).create(true).mode(0o644).custom_flags(flags.bits()).open(path)
}

/// The directory for files that nobody named: `TMPDIR` if that is an absolute path to a directory.
pub fn temporary_directory() -> String {
    let given = std::env::var("TMPDIR").ok().map(|d| d.trim_end_matches('/').to_owned());
    given
        .filter(|d| d.starts_with('/') && std::path::Path::new(d).is_dir())
        .unwrap_or_else(|| "/tmp".to_owned())
}

fn now() -> Civil {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(0);
    Civil::new(seconds, clock::utc_offset(seconds))
}

/// Something with a descriptor that is written to piece by piece.
struct Stream<W>(W);

impl<W: AsFd + Write> Sink for Stream<W> {
    /// A pipe that polls as writable takes so much without blocking (`PIPE_BUF`).
    const AT_ONCE: usize = 4096;

    fn take(&mut self, line: &[u8]) -> Took {
        if !has_room(self.0.as_fd()) {
            return Took::Later;
        }
        let piece = line.get(..Self::AT_ONCE).unwrap_or(line);
        match nix::unistd::write(self.0.as_fd(), piece) {
            Ok(0) => Took::Never,
            Ok(n) => Took::Bytes(n),
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => Took::Later,
            Err(_) => Took::Never,
        }
    }

    fn lost(&self, n: u64) -> Vec<u8> {
        format::console(&now(), &lost_text(n)).into_bytes()
    }
}

fn has_room(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(n) if n > 0)
}

fn lost_text(n: u64) -> String {
    format!("{n} log lines were lost here since they could not be written in time")
}

/// The socket of the syslog daemon.
struct Syslog {
    socket: Option<UnixDatagram>,
    facility: Facility,
}

impl Syslog {
    const PATH: &'static str = "/dev/log";

    fn new(facility: Facility) -> Self {
        Self { socket: Self::connect().ok(), facility }
    }

    fn connect() -> std::io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(Self::PATH)?;
        Ok(socket)
    }
}

impl Sink for Syslog {
    /// A datagram is a line.
    const AT_ONCE: usize = 0;

    fn take(&mut self, line: &[u8]) -> Took {
        // A second round, since a syslog daemon that was restarted has a new socket.
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = Self::connect().ok();
            }
            let Some(socket) = &self.socket else { return Took::Never };
            match socket.send(line) {
                Ok(_) => return Took::Bytes(line.len()),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return Took::Later;
                }
                Err(_) => self.socket = None,
            }
        }
        Took::Never
    }

    fn lost(&self, n: u64) -> Vec<u8> {
        let at = now();
        let text = lost_text(n);
        format::syslog(&at, self.facility.0, Level::Warning, "Keepalived", std::process::id(), &text)
            .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_all(options: &Options, lines: &[(Option<Part>, Line)]) {
        let mut sinks = Sinks::new(options);
        for (part, line) in lines {
            sinks.write(Writer { part: *part, pid: 1 }, line);
        }
        assert!(!sinks.is_waiting());
    }

    #[test]
    fn each_process_writes_its_own_file_and_details_only_on_request() {
        let dir = tempdir();
        let base = format!("{dir}/x.log");
        let options = Options { no_syslog: true, log_file: Some(Some(base.clone())), ..Options::default() };
        let detail = Line::info("hidden").detailed();
        write_all(
            &options,
            &[(None, Line::info("one")), (Some(Part::Vrrp), Line::info("two")), (None, detail)],
        );
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        let lines = read(&base);
        assert!(lines.ends_with(": one\n") && lines.lines().count() == 1, "{lines}");
        assert!(read(&format!("{dir}/x_vrrp.log")).ends_with(": two\n"));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_log_file_is_not_opened_through_a_link() {
        let dir = tempdir();
        std::os::unix::fs::symlink("/dev/null", format!("{dir}/x.log")).unwrap();
        assert!(open_log(&format!("{dir}/x.log")).is_err());
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_full_pipe_does_not_stop_the_writer() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut queue = Queue::new(Stream(writer));
        // More than any pipe holds; nobody reads yet.
        for n in 0..40_000 {
            queue.post(format!("{n:0>100}\n").into_bytes());
        }
        assert!(queue.is_waiting());
        drop(reader);
        queue.flush();
        assert!(!queue.is_waiting(), "a reader that is gone frees the queue");
    }

    fn tempdir() -> String {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = format!("{}/vipd-log-{}-{n}", temporary_directory(), std::process::id());
        std::fs::create_dir(&dir).unwrap();
        dir
    }
}
