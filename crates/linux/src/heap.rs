//! The heap of the C library: what was freed goes back to the system when it is asked to, and not before.

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
