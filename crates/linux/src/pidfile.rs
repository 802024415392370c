//! Files that hold a process number and are locked while the process lives.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};

use crate::error::{Context, Errno, OsError, Result, errno_of};

/// Why a pid file couldn't be taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another process holds it.
    #[error("{path} is held by process {}", holder.map_or_else(|| "unknown".to_owned(), |p| p.to_string()))]
    Running {
        /// The file.
        path: PathBuf,
        /// The process, if the file says it.
        holder: Option<u32>,
    },
    /// The file can't be used.
    #[error(transparent)]
    Os(#[from] OsError),
}

/// A pid file that is ours.
///
/// The lock belongs to the open file, not to the process: a child that inherits the descriptor holds
/// it, too, hence it is closed on exec. Dropping this leaves the file and gives up the lock.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Creates (mode 0644) or takes over the file at `path` and locks it. Doesn't follow a symbolic
    /// link and takes regular files only. The file is empty until [`PidFile::write`].
    pub fn lock(path: &Path) -> std::result::Result<Self, PidFileError> {
        // A holder may remove the file between our opening and locking it: then the lock is on a file
        // that nobody sees any more.
        for _ in 0..10 {
            let file = open(path)?;
            if let Some(holder) = try_lock(&file, path)? {
                return Err(PidFileError::Running { path: path.to_owned(), holder });
            }
            let ours = file.metadata().on("look at", path.display())?;
            let there = std::fs::symlink_metadata(path);
            if there.is_ok_and(|t| (t.dev(), t.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Self { path: path.to_owned(), file });
            }
        }
        Err(OsError::new("lock", path.display(), Errno::EBUSY).into())
    }

    /// Writes process number `pid`.
    pub fn write(&mut self, pid: u32) -> Result<()> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(format!("{pid}\n").as_bytes()))
            .on("write", self.path.display())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file and gives up the lock.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).on("remove", self.path.display())
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The process that holds the file at `path`: `None` if there is no such file or nobody holds it. Only
/// asks: a lock of our own, however short, would tell a daemon that starts just then that it runs already.
pub fn holder(path: &Path) -> Result<Option<Option<u32>>> {
    // Not to hang on a FIFO.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if errno_of(&e) == Errno::ENOENT => return Ok(None),
        Err(e) => return Err(e).on("open", path.display()),
    };
    let mut lock = whole_file();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).on("look at lock of", path.display())?;
    Ok((lock.l_type != libc::F_UNLCK as libc::c_short).then(|| number_in(&file)))
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        // Not to hang on a FIFO that somebody put there.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .on("open", path.display())?;
    let kind = file.metadata().on("look at", path.display())?.file_type();
    if !kind.is_file() {
        return Err(OsError::new("use as pid file", path.display(), Errno::EINVAL));
    }
    // Whatever the umask is: others read it.
    file.set_permissions(Permissions::from_mode(0o644)).on("set mode of", path.display())?;
    Ok(file)
}

/// Locks `file`; if another process has done so, what the file says about it.
fn try_lock(file: &File, path: &Path) -> Result<Option<Option<u32>>> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file())) {
        Ok(_) => Ok(None),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(Some(number_in(file))),
        Err(e) => Err(e).on("lock", path.display()),
    }
}

/// A lock for writing on all of a file.
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn number_in(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vipd.pid");
        assert_eq!(holder(&path).unwrap(), None);
        let mut first = PidFile::lock(&path).unwrap();
        first.write(4711).unwrap();
        first.write(42).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "42\n");
        assert_eq!(first.file.metadata().unwrap().mode() & 0o777, 0o644);
        let e = PidFile::lock(&path).unwrap_err();
        assert_eq!(e, PidFileError::Running { path: path.clone(), holder: Some(42) });
        assert_eq!(holder(&path).unwrap(), Some(Some(42)));
        // A crash leaves the file, but no lock.
        drop(first);
        assert_eq!(holder(&path).unwrap(), None);
        let again = PidFile::lock(&path).unwrap();
        again.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn links_and_fifos_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(matches!(PidFile::lock(&link), Err(PidFileError::Os(e)) if e.errno == Errno::ELOOP));
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(PidFile::lock(&fifo), Err(PidFileError::Os(e)) if e.errno == Errno::EINVAL));
    }
}
