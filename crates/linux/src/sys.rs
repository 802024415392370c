//! The few system calls that no crate wraps, each behind a safe function.

use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

/// A plain kernel type: any bit pattern is valid and none is padding that matters.
///
/// # Safety
/// Implementors are integers or `repr(C)` structs of integers.
pub(crate) unsafe trait Plain: Copy {}
// SAFETY: integers.
unsafe impl Plain for libc::c_int {}
// SAFETY: `repr(C)` structs of integers only.
unsafe impl Plain for libc::ip_mreqn {}
// SAFETY: as above.
unsafe impl Plain for libc::ipv6_mreq {}
// SAFETY: as above; no padding on Linux, where the family is the first 16 bits.
unsafe impl Plain for libc::sockaddr_in {}
// SAFETY: as above.
unsafe impl Plain for libc::sockaddr_in6 {}
// SAFETY: as above.
unsafe impl Plain for libc::sockaddr_ll {}

/// `setsockopt` with a value of plain type.
pub(crate) fn set_option<T: Plain>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> Result<(), Errno> {
    // SAFETY: `value` is a live reference and the length is that of its type.
    let r = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    Errno::result(r).map(drop)
}

/// `getsockopt` of an integer.
pub(crate) fn get_option(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> Result<i32, Errno> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` and `len` are live and `len` is the size of `value`.
    let r = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, std::ptr::from_mut(&mut value).cast(), &raw mut len)
    };
    Errno::result(r).map(|_| value)
}

/// Sets the receive buffer to `bytes`, past the system's limit where the process may do so, and says
/// what the kernel made of it (twice the number asked for, as it counts its own overhead).
pub(crate) fn set_receive_buffer(fd: BorrowedFd<'_>, bytes: usize) -> Result<usize, Errno> {
    let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    if set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &value).is_err() {
        set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &value)?;
    }
    get_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF).map(|n| usize::try_from(n).unwrap_or(0))
}

/// Sets the send buffer to `bytes`, past the system's limit where the process may do so.
pub(crate) fn set_send_buffer(fd: BorrowedFd<'_>, bytes: usize) -> Result<(), Errno> {
    let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &value)
        .or_else(|_| set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, &value))
}

/// An instruction of classic BPF.
pub(crate) fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    // All codes of classic BPF fit 16 bits.
    libc::sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k }
}

/// Attaches the classic BPF `program`; an empty one detaches.
pub(crate) fn attach_filter(fd: BorrowedFd<'_>, program: &[libc::sock_filter]) -> Result<(), Errno> {
    if program.is_empty() {
        return match set_option(fd, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0) {
            Err(Errno::ENOENT) => Ok(()),
            other => other,
        };
    }
    let fprog = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions from `filter`, which outlives the call, and does
    // not write to them.
    let r = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            std::ptr::from_ref(&fprog).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    Errno::result(r).map(drop)
}

/// Takes ownership of a descriptor that a system call has just returned.
///
/// # Safety
/// `r` is the result of a call that returns a new descriptor or -1.
pub(crate) unsafe fn new_fd(r: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = libc::c_int::try_from(Errno::result(r)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the caller vouches that the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
