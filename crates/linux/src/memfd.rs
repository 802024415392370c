//! Sealed memory as a file: how a configuration is handed to a child.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::error::{Context, Errno, OsError, Result};

/// Bytes that nobody can change any more, not even their writer.
#[derive(Debug)]
pub struct Memfd(OwnedFd);

const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);

impl Memfd {
    /// Puts `bytes` into a new file in memory and seals it. `name` is for `/proc/PID/fd` only.
    pub fn sealed(name: &str, bytes: &[u8]) -> Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let fd = memfd_create(name, flags).on("create memory file", name)?;
        let mut file = File::from(fd);
        file.write_all(bytes).on("write memory file", name)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS)).on("seal memory file", name)?;
        Ok(Self(file.into()))
    }

    /// Takes over a descriptor that was received. Refused if it isn't sealed: its sender could change
    /// it while it is read.
    pub fn adopt(fd: OwnedFd) -> Result<Self> {
        let seals = fcntl(&fd, FcntlArg::F_GET_SEALS).on("look at seals of", "memory file")?;
        if SealFlag::from_bits_truncate(seals).contains(SEALS) {
            Ok(Self(fd))
        } else {
            Err(OsError::new("trust", "memory file without seals", Errno::EPERM))
        }
    }

    /// Everything in it. All copies of the descriptor share one place in the file, which is not used: others
    /// may read at the same time.
    pub fn read(&self) -> Result<Vec<u8>> {
        let file = File::from(self.0.try_clone().on("copy descriptor of", "memory file")?);
        let size = file.metadata().on("look at", "memory file")?.len();
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0).on("read", "memory file")?;
        Ok(bytes)
    }

    /// The same file once more, for somebody else.
    pub fn share(&self) -> Result<Self> {
        self.0.try_clone().map(Self).on("copy descriptor of", "memory file")
    }
}

impl AsFd for Memfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Memfd> for OwnedFd {
    fn from(m: Memfd) -> Self {
        m.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_read_often_and_never_changed() {
        let m = Memfd::sealed("configuration", b"vrrp_instance").unwrap();
        let shared = m.share().unwrap();
        for m in [&m, &shared, &m] {
            assert_eq!(m.read().unwrap(), b"vrrp_instance");
        }
        let mut file = File::from(m.0.try_clone().unwrap());
        assert!(file.write_all(b"x").is_err());
        assert!(Memfd::adopt(m.into()).is_ok());
        let open = memfd_create("open", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
        assert_eq!(Memfd::adopt(open).unwrap_err().errno, Errno::EPERM);
    }
}
