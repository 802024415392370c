//! The pages of the program itself: what is mapped of its file.

use std::ffi::{c_int, c_void};

/// Lets go of what is mapped of the program's code and constants. What is used again comes back page by page, from
/// the file as the system keeps it in memory, at the price of some hundred microseconds altogether; what was only
/// needed to begin, such as all that reads a configuration, doesn't. For when something large was done that won't
/// be done again soon. Where it can't be done, nothing happens.
pub fn release() {
    // SAFETY: the function has the signature that is asked for, and needs no data.
    unsafe { libc::dl_iterate_phdr(Some(release_first), std::ptr::null_mut()) };
}

/// The first object that is told of is the program; libraries are shared with others, and are left alone.
unsafe extern "C" fn release_first(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: the library hands out a live description, and the headers that it tells of.
    let (base, headers) = unsafe {
        let info = &*info;
        (info.dlpi_addr, std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)))
    };
    for header in headers {
        // What can be written has been changed, by the linker at least, and is nowhere else.
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0 {
            release_pages(base.wrapping_add(header.p_vaddr) as usize, header.p_filesz as usize);
        }
    }
    1
}

/// Lets go of the whole pages of a read-only part of the program's file.
fn release_pages(begin: usize, bytes: usize) {
    // The largest page of any machine that this runs on, so that no other part begins or ends within.
    const PAGE: usize = 64 * 1024;
    let (first, last) = (begin.next_multiple_of(PAGE), (begin + bytes) / PAGE * PAGE);
    if let length @ 1.. = last.saturating_sub(first) {
        let first = std::ptr::with_exposed_provenance_mut::<c_void>(first);
        // SAFETY: these pages are a private mapping of a file and were never written: whoever looks at them again
        // finds the same bytes. That it can't be done, as when memory is locked, is no harm.
        let _ = unsafe { libc::madvise(first, length, libc::MADV_DONTNEED) };
    }
}

#[cfg(test)]
mod tests {
    /// So many KiB of this program's file, as far as it is not written, are mapped.
    fn mapped() -> u64 {
        let own = std::env::current_exe().expect("a path");
        let own = own.to_str().expect("its name");
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("maps");
        let (mut ours, mut sum) = (false, 0);
        for line in maps.lines() {
            if let Some(size) = line.strip_prefix("Rss:") {
                let size = size.trim().trim_end_matches(" kB");
                sum += if ours { size.parse::<u64>().expect("a number") } else { 0 };
            } else if line.contains("-") && line.split(' ').nth(1).is_some_and(|rights| rights.len() == 4) {
                ours = line.ends_with(own) && !line.contains(" rw");
            }
        }
        sum
    }

    #[test]
    fn the_program_goes_on_with_less_of_itself() {
        // So that there is something to let go of.
        let before = mapped();
        assert!(before > 0, "the maps tell of the program");
        super::release();
        assert!(mapped() < before, "{} of {before} KiB", mapped());
    }
}
