//! Passwords in the text of a configuration.
//!
//! Keywords tell the place of each secret that they have read. A line that could not be read as far
//! as that is searched for the keyword instead.

use std::ops::Range;

/// Keywords whose value is a secret, wherever they stand.
const KEYWORDS: &[&str] = &["auth_pass", "password", "smtp_auth"];

/// Where `text`, one or several raw lines, holds values of such keywords.
pub(crate) fn places(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    KEYWORDS.iter().flat_map(move |keyword| {
        text.match_indices(keyword).filter_map(move |(at, _)| {
            let after = at + keyword.len();
            let rest = text.get(after..)?;
            let value = rest.trim_start_matches([' ', '\t']);
            let start = after + (rest.len() - value.len());
            let len = value.find(['\n', '\r', '}', '#']).unwrap_or(value.len());
            (start > after && len > 0).then_some(start..start + len)
        })
    })
}

/// `line` for the log, with the values of such keywords as stars.
pub(crate) fn masked(line: &str) -> String {
    let mut bytes = line.as_bytes().to_vec();
    for place in places(line) {
        if let Some(part) = bytes.get_mut(place) {
            part.fill(b'*');
        }
    }
    // Each place covers whole characters.
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_keywords_become_stars() {
        assert_eq!(masked("  auth_pass s\u{e9}same # x"), "  auth_pass ********# x");
        assert_eq!(masked("auth_pass"), "auth_pass");
        assert_eq!(masked("a { auth_pass b } c"), "a { auth_pass **} c");
    }
}
