//! The clock of the protocols.

use base::Instant;

/// Now, by `CLOCK_MONOTONIC`: it never steps and stands still while the machine is suspended.
#[must_use]
pub fn now() -> Instant {
    read(libc::CLOCK_MONOTONIC)
}

/// Now, by `CLOCK_BOOTTIME`: like [`now`], but it runs on while the machine is suspended. The growth
/// of the difference tells how long that was.
#[must_use]
pub fn now_with_suspend() -> Instant {
    read(libc::CLOCK_BOOTTIME)
}

fn read(clock: libc::clockid_t) -> Instant {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is live. These clocks always exist, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    let (secs, nanos) = (u64::try_from(t.tv_sec).unwrap_or(0), u64::try_from(t.tv_nsec).unwrap_or(0));
    Instant::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// How many seconds local time is ahead of UTC at `seconds` since 1970.
#[must_use]
pub fn utc_offset(seconds: i64) -> i64 {
    let mut local = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are live. `tm` is made of integers and one pointer that may be null, so
    // that all zero is a value, and it stays so if the call fails.
    unsafe {
        libc::localtime_r(&raw const seconds, local.as_mut_ptr());
        local.assume_init().tm_gmtoff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let mut last = now();
        for _ in 0..1000 {
            let next = now();
            assert!(next >= last && next > Instant::ZERO);
            last = next;
        }
        assert!(now_with_suspend() >= last);
    }
}
