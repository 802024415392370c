//! Patterns of PCRE2, the language of `regex` in a configuration.
//!
//! It stands here since the library is C and this is the crate that may hold unsafe code; it decides
//! nothing. A safe crate for PCRE2 exists, but offers 6 of the 24 options that a configuration has.
//!
//! What is searched comes from a server that may mean harm, so no search is unbounded: each place where
//! a match may begin is tried with limits, and a search is made in steps of a number of such places, so
//! that its caller can look at the clock between them.

use std::ffi::c_int;
use std::fmt;
use std::ptr::{NonNull, null_mut};

use model::lvs::{Offsets, RegexOptions};
use pcre2_sys as ffi;

/// Steps of the machine from one place, if the pattern was compiled to machine code.
const LIMIT_COMPILED: u32 = 100_000;
/// Steps of the interpreter from one place; it also counts characters that a `.*` gives back.
const LIMIT_INTERPRETED: u32 = 1_000_000;
/// Memory of the interpreter, in KiB.
const HEAP: u32 = 8 * 1024;
/// The stack of compiled patterns, in bytes, unless the configuration says otherwise.
const STACK: (usize, usize) = (32 * 1024, 512 * 1024);
/// The largest stack that a configuration may have, in bytes.
const STACK_MAX: usize = 16 * 1024 * 1024;

/// Each option and its bit.
const OPTIONS: &[(&str, u32)] = &[
    ("allow_empty_class", ffi::PCRE2_ALLOW_EMPTY_CLASS),
    ("alt_bsux", ffi::PCRE2_ALT_BSUX),
    ("auto_callout", ffi::PCRE2_AUTO_CALLOUT),
    ("caseless", ffi::PCRE2_CASELESS),
    ("dollar_endonly", ffi::PCRE2_DOLLAR_ENDONLY),
    ("dotall", ffi::PCRE2_DOTALL),
    ("dupnames", ffi::PCRE2_DUPNAMES),
    ("extended", ffi::PCRE2_EXTENDED),
    ("firstline", ffi::PCRE2_FIRSTLINE),
    ("match_unset_backref", ffi::PCRE2_MATCH_UNSET_BACKREF),
    ("multiline", ffi::PCRE2_MULTILINE),
    ("never_ucp", ffi::PCRE2_NEVER_UCP),
    ("never_utf", ffi::PCRE2_NEVER_UTF),
    ("no_auto_capture", ffi::PCRE2_NO_AUTO_CAPTURE),
    ("no_auto_possess", ffi::PCRE2_NO_AUTO_POSSESS),
    ("no_dotstar_anchor", ffi::PCRE2_NO_DOTSTAR_ANCHOR),
    ("no_start_optimize", ffi::PCRE2_NO_START_OPTIMIZE),
    ("ucp", ffi::PCRE2_UCP),
    ("ungreedy", ffi::PCRE2_UNGREEDY),
    // Bytes of a body that are no UTF-8 match nothing, instead of ending the search.
    ("utf", ffi::PCRE2_UTF | ffi::PCRE2_MATCH_INVALID_UTF),
    ("never_backslash_c", ffi::PCRE2_NEVER_BACKSLASH_C),
    ("alt_circumflex", ffi::PCRE2_ALT_CIRCUMFLEX),
    ("alt_verbnames", ffi::PCRE2_ALT_VERBNAMES),
    ("use_offset_limit", ffi::PCRE2_USE_OFFSET_LIMIT),
];

/// A pattern that PCRE2 refuses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the pattern can't be used, at byte {offset}: {message}")]
pub struct PatternError {
    /// Where in the pattern, in bytes.
    pub offset: usize,
    /// Why, in the words of the library.
    pub message: String,
}

/// What is searched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether there are no more: where they don't end, `$` does not match.
    pub ends: bool,
}

/// What a step of a search came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A match.
    Found,
    /// There is none.
    Absent,
    /// There is none that begins before this place: search on from there.
    Next(usize),
    /// Limits of work or memory were met.
    Limit,
}

/// A pattern, ready for searches. Not to be shared between threads.
pub struct Regex {
    code: NonNull<ffi::pcre2_code_8>,
    context: NonNull<ffi::pcre2_match_context_8>,
    data: NonNull<ffi::pcre2_match_data_8>,
    /// Null if there is none.
    stack: *mut ffi::pcre2_jit_stack_8,
    offsets: Offsets,
    /// A search can't be cut into steps: where it begins matters to the pattern.
    whole: bool,
    utf: bool,
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Regex").field("offsets", &self.offsets).finish_non_exhaustive()
    }
}

impl Regex {
    /// Compiles `regex`, to machine code where the library can do that.
    ///
    /// # Errors
    /// It is no pattern, or memory is short.
    pub fn compile(regex: &model::lvs::Regex) -> Result<Self, PatternError> {
        let no_memory = || PatternError { offset: 0, message: "no memory".to_owned() };
        let pattern = regex.pattern.as_bytes();
        let (mut error, mut offset) = (0, 0);
        // SAFETY: the pattern is live and has that length, and both results are live places.
        let code = unsafe {
            ffi::pcre2_compile_8(
                pattern.as_ptr(),
                pattern.len(),
                bits(regex.options) | ffi::PCRE2_USE_OFFSET_LIMIT,
                &raw mut error,
                &raw mut offset,
                null_mut(),
            )
        };
        let code = NonNull::new(code).ok_or_else(|| PatternError { offset, message: text(error) })?;
        // SAFETY: a null context stands for the standard memory functions.
        let context = unsafe { ffi::pcre2_match_context_create_8(null_mut()) };
        // SAFETY: `code` is a compiled pattern, and null as above.
        let data = unsafe { ffi::pcre2_match_data_create_from_pattern_8(code.as_ptr(), null_mut()) };
        let (Some(context), Some(data)) = (NonNull::new(context), NonNull::new(data)) else {
            // SAFETY: each is null, which these functions ignore, or was made above and is used no more.
            unsafe {
                ffi::pcre2_match_data_free_8(data);
                ffi::pcre2_match_context_free_8(context);
                ffi::pcre2_code_free_8(code.as_ptr());
            }
            return Err(no_memory());
        };
        let mut all: u32 = 0;
        // SAFETY: this question is answered by a `u32`, which is live. From here on `new` frees all three.
        unsafe {
            ffi::pcre2_pattern_info_8(code.as_ptr(), ffi::PCRE2_INFO_ALLOPTIONS, (&raw mut all).cast());
        }
        let mut new = Self {
            code,
            context,
            data,
            stack: null_mut(),
            offsets: regex.offsets,
            whole: all & (ffi::PCRE2_ANCHORED | ffi::PCRE2_FIRSTLINE) != 0,
            utf: all & ffi::PCRE2_UTF != 0,
        };
        new.set_limits(regex.stack);
        Ok(new)
    }

    fn set_limits(&mut self, stack: Option<(u32, u32)>) {
        let context = self.context.as_ptr();
        // SAFETY: the pattern is live and not in use.
        let compiled = unsafe { ffi::pcre2_jit_compile_8(self.code.as_ptr(), ffi::PCRE2_JIT_COMPLETE) } == 0;
        let limit = if compiled { LIMIT_COMPILED } else { LIMIT_INTERPRETED };
        // SAFETY: the context is live and not in use.
        unsafe {
            ffi::pcre2_set_match_limit_8(context, limit);
            ffi::pcre2_set_heap_limit_8(context, HEAP);
        }
        if compiled {
            let bytes = |n: u32| usize::try_from(n).unwrap_or(STACK_MAX).min(STACK_MAX);
            let (start, most) = stack.map_or(STACK, |(start, most)| (bytes(start), bytes(most)));
            // SAFETY: null stands for the standard memory functions; without a callback the stack itself
            // is what is assigned, or null for none, and it lives as long as the context.
            unsafe {
                self.stack = ffi::pcre2_jit_stack_create_8(start, most.max(start), null_mut());
                ffi::pcre2_jit_stack_assign_8(context, None, self.stack.cast());
            }
        }
    }

    /// Where a search of any subject begins.
    #[must_use]
    pub fn start(&self) -> usize {
        usize::try_from(self.offsets.min).unwrap_or(usize::MAX)
    }

    /// Searches `subject` for a match that begins within `count` bytes from the place `at`, which is
    /// [`Regex::start`] or what [`Step::Next`] said. A pattern that depends on where its search begins
    /// is searched for in one step.
    #[must_use]
    pub fn step(&self, subject: Subject<'_>, at: usize, count: usize) -> Step {
        let Subject { bytes: subject, ends } = subject;
        let options = if ends { 0 } else { ffi::PCRE2_NOTEOL };
        let last = self
            .offsets
            .max
            .map_or(subject.len(), |max| usize::try_from(max).unwrap_or(usize::MAX).min(subject.len()));
        if at > last {
            return Step::Absent;
        }
        let mut until = if self.whole { last } else { at.saturating_add(count.max(1) - 1).min(last) };
        // The next step may not begin within a character.
        while self.utf && until < last && subject.get(until + 1).is_some_and(|byte| byte & 0xc0 == 0x80) {
            until += 1;
        }
        // SAFETY: the context is live and not in use: nobody else has it, and we are not called within
        // ourselves.
        unsafe { ffi::pcre2_set_offset_limit_8(self.context.as_ptr(), until) };
        let mut result = self.find(subject, at, options);
        if result == ffi::PCRE2_ERROR_JIT_STACKLIMIT {
            result = self.find(subject, at, options | ffi::PCRE2_NO_JIT);
        }
        match result {
            0.. => Step::Found,
            ffi::PCRE2_ERROR_NOMATCH if until < last => Step::Next(until + 1),
            ffi::PCRE2_ERROR_NOMATCH => Step::Absent,
            // Above all of the limits; the rest are misuse of the library.
            _ => Step::Limit,
        }
    }

    fn find(&self, subject: &[u8], at: usize, options: u32) -> c_int {
        // SAFETY: all pointers are live, the subject has that length and outlives the call, and after it
        // nothing reads the match data, which is what would refer to it.
        unsafe {
            ffi::pcre2_match_8(
                self.code.as_ptr(),
                subject.as_ptr(),
                subject.len(),
                at,
                options,
                self.data.as_ptr(),
                self.context.as_ptr(),
            )
        }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: each was made by the library for this value alone, and is used no more. A stack that is
        // null is ignored.
        unsafe {
            ffi::pcre2_match_data_free_8(self.data.as_ptr());
            ffi::pcre2_match_context_free_8(self.context.as_ptr());
            ffi::pcre2_jit_stack_free_8(self.stack);
            ffi::pcre2_code_free_8(self.code.as_ptr());
        }
    }
}

fn bits(options: RegexOptions) -> u32 {
    let bit = |name| OPTIONS.iter().find(|(known, _)| *known == name).map_or(0, |(_, bit)| *bit);
    options.names().map(bit).fold(0, |all, bit| all | bit)
}

/// The library's words for its error.
fn text(error: c_int) -> String {
    let mut buffer = [0; 256];
    // SAFETY: the buffer is live and has that length.
    let length = unsafe { ffi::pcre2_get_error_message_8(error, buffer.as_mut_ptr(), buffer.len()) };
    let words = usize::try_from(length).ok().and_then(|length| buffer.get(..length));
    words.map_or_else(|| format!("error {error}"), |words| String::from_utf8_lossy(words).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str, options: &[&str], offsets: Offsets) -> Regex {
        let mut set = RegexOptions::default();
        for option in options {
            assert!(set.insert(option), "{option}");
        }
        let pattern = pattern.into();
        let regex = model::lvs::Regex { pattern, inverted: false, options: set, offsets, stack: None };
        Regex::compile(&regex).expect("a pattern")
    }

    /// The whole search, in steps of `count`.
    fn search(regex: &Regex, subject: &[u8], count: usize) -> Step {
        let mut at = regex.start();
        loop {
            match regex.step(Subject { bytes: subject, ends: true }, at, count) {
                Step::Next(next) => {
                    assert!(next > at);
                    at = next;
                }
                end => return end,
            }
        }
    }

    fn found(pattern: &str, options: &[&str], offsets: Offsets, subject: &[u8]) -> bool {
        let regex = regex(pattern, options, offsets);
        let whole = search(&regex, subject, usize::MAX);
        for count in [1, 2, 3, 7, 64] {
            assert_eq!(search(&regex, subject, count), whole, "{pattern} in steps of {count}");
        }
        assert!(matches!(whole, Step::Found | Step::Absent), "{whole:?}");
        whole == Step::Found
    }

    #[test]
    fn every_option_of_a_configuration_is_one_of_the_library() {
        for name in RegexOptions::NAMES {
            let mut one = RegexOptions::default();
            assert!(one.insert(name));
            assert_ne!(bits(one), 0, "{name}");
            regex("a", &[name], Offsets::default());
        }
        assert_eq!(OPTIONS.len(), RegexOptions::NAMES.len());
    }

    #[test]
    fn options_mean_what_they_mean_to_the_library() {
        let any = Offsets::default();
        assert!(!found("HELLO", &[], any, b"say hello"));
        assert!(found("HELLO", &["caseless"], any, b"say hello"));
        assert!(!found("a.b", &[], any, b"a\nb") && found("a.b", &["dotall"], any, b"a\nb"));
        assert!(!found("^b", &[], any, b"a\nb") && found("^b", &["multiline"], any, b"a\nb"));
        assert!(found("b$", &[], any, b"b\n") && !found("b$", &["dollar_endonly"], any, b"b\n"));
        assert!(found("a b # c", &["extended"], any, b"ab"));
        assert!(!found("b", &["firstline"], any, b"a\nb"));
        assert!(found("^.$", &["utf"], any, "ü".as_bytes()) && !found("^.$", &[], any, "ü".as_bytes()));
        assert!(found("ä", &["utf", "caseless"], any, "xxÄ".as_bytes()));
        assert!(found("b", &["utf"], any, b"\xff\x80\x80\xc3b"), "no UTF-8");
        assert!(found("(?<=a)b", &[], any, b"xxab"), "a look back into an earlier step");
    }

    #[test]
    fn a_match_begins_between_the_two_offsets() {
        let within = |min, max| Offsets { min, max };
        assert!(found("b", &[], within(2, None), b"aab") && !found("b", &[], within(3, None), b"aab"));
        assert!(found("b", &[], within(0, Some(2)), b"aab") && !found("b", &[], within(0, Some(1)), b"aab"));
        assert!(!found("b", &[], within(9, None), b"aab") && !found("b", &[], within(2, Some(1)), b"aab"));
        assert!(found("^a", &[], within(0, Some(0)), b"a") && !found("^a", &[], within(1, None), b"aa"));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_with_its_place() {
        let refused = |pattern: &str| {
            let options = RegexOptions::default();
            let offsets = Offsets::default();
            let pattern = pattern.into();
            Regex::compile(&model::lvs::Regex { pattern, inverted: false, options, offsets, stack: None })
                .expect_err("no pattern")
        };
        assert_eq!(refused("ab(").offset, 3);
        assert!(refused("[z-a]").to_string().contains("range out of order"), "{}", refused("[z-a]"));
    }

    #[test]
    fn a_pattern_that_would_run_for_ever_meets_its_limits() {
        let evil = regex("^(a+)+$", &[], Offsets::default());
        let mut subject = vec![b'a'; 64];
        subject.push(b'b');
        assert_eq!(search(&evil, &subject, usize::MAX), Step::Limit);
        let deep = regex("^(?:(a|b)(?=c*))*$", &["no_start_optimize"], Offsets::default());
        assert_ne!(search(&deep, &vec![b'a'; 1 << 20], usize::MAX), Step::Absent);
    }
}
