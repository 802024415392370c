//! Whether a stream gets colours.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// Whether `stream` gets colours: on a terminal, unless the user's environment says no (`NO_COLOR`,
/// `TERM=dumb`).
pub fn wanted(stream: &impl IsTerminal) -> bool {
    let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
    decide(stream.is_terminal(), no_color.as_deref(), term.as_deref())
}

/// As <https://no-color.org> has it, an empty `NO_COLOR` says nothing.
fn decide(terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty) && term != Some(OsStr::new("dumb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_user_did_not_refuse_them() {
        let some = |text: &'static str| Some(OsStr::new(text));
        assert!(decide(true, None, some("xterm")));
        assert!(decide(true, some(""), None));
        assert!(!decide(false, None, some("xterm")));
        assert!(!decide(true, some("1"), some("xterm")));
        assert!(!decide(true, None, some("dumb")));
    }
}
