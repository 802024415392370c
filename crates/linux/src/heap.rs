//! The heap of the C library: what was freed goes back to the system when it is asked to, and not before.

/// Has each large block be a mapping of its own for good, which goes back to the system as soon as it is freed; and
/// the end of the heap as soon as it is free. Otherwise the library learns from the first large block that is freed,
/// such as a file that was read, to keep blocks of that size in the heap, and the largest moment of a process,
/// with all that lies between the large blocks, would be its size until [`trim`]. Elsewhere than with glibc it
/// does nothing.
pub fn settle() {
    /// From so many bytes on a block is large: what the library begins with.
    #[cfg(target_env = "gnu")]
    const LARGE: libc::c_int = 128 * 1024;
    /// So much may be free at the end of the heap: more than a usual turn allocates and frees.
    #[cfg(target_env = "gnu")]
    const SPARE: libc::c_int = 256 * 1024;
    #[cfg(target_env = "gnu")]
    for (what, bytes) in [(libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, SPARE)] {
        // That it can't be set is no harm.
        // SAFETY: it sets a number, under the library's own locks.
        let _ = unsafe { libc::mallopt(what, bytes) };
    }
}

/// Does `work`, which may allocate much that is freed soon, on a thread of its own while this one waits: what it
/// allocates is in another heap, so that what this thread allocates before and afterwards isn't strewn over the pages
/// between. If there can be no thread, it is done here.
///
/// # Panics
/// As `work` does.
pub fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Whoever of the two comes first takes it.
    let work = std::sync::Mutex::new(Some(work));
    let take = || work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("heap".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || take().map(|work| work()));
        let done = match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => None,
        };
        done.or_else(|| take().map(|work| work()))
    })
    .unwrap_or_else(|| unreachable!("somebody has taken the work"))
}

/// The stack of that thread, in bytes: what every thread of a test has, too. All of it is there where memory is locked.
const STACK: usize = 2 * 1024 * 1024;

/// Gives whole pages of freed memory back to the system. For when much was freed that won't be needed again
/// soon: the library keeps it otherwise, and the largest moment of a process would be its size for good.
/// Takes a millisecond for some ten megabytes; elsewhere than with glibc it does nothing.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it looks at the library's own lists, under its own locks, and gives away only what nobody has.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// How many bytes are handed out now, with what the library needs for each block. 0 where it can't tell.
#[must_use]
pub fn in_use() -> usize {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it reads counters of the library, under its own locks.
        let info = unsafe { libc::mallinfo2() };
        info.uordblks + info.hblkhd
    }
    #[cfg(not(target_env = "gnu"))]
    0
}

#[cfg(test)]
mod tests {
    #[test]
    fn work_is_done_elsewhere_once() {
        let here = std::thread::current().id();
        let mut times = 0;
        let there = super::elsewhere(|| {
            times += 1;
            std::thread::current().id()
        });
        assert_ne!(there, here);
        assert_eq!(times, 1);
        let panics = std::panic::catch_unwind(|| super::elsewhere(|| panic!("as it does")));
        assert!(panics.is_err());
    }

    #[test]
    fn what_is_freed_is_not_in_use_and_can_be_given_back() {
        let before = super::in_use();
        let much: Vec<Box<[u8]>> = (0..1_000).map(|_| vec![1; 1_000].into_boxed_slice()).collect();
        let with = super::in_use();
        assert!(with >= before + 1_000_000, "{before} and then {with}");
        drop(much);
        super::trim();
        assert!(super::in_use() + 1_000_000 <= with, "{} of {with}", super::in_use());
    }
}
