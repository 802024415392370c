//! Passwords in the text of a configuration.
//!
//! Keywords tell the place of each secret that they have read. A line that could not be read as far
//! as that is searched for the keyword instead.

use std::ops::Range;

use crate::keyword::{Catalogue, value};

/// Keywords whose value is a secret, wherever they stand.
const KEYWORDS: &[&str] = &["auth_pass", "password", "smtp_auth"];
/// The secret of `auth_hmac` stands behind this one and a number. In other blocks it is the path of a file.
const KEY: &str = "key";

/// Where `text`, one or several raw lines, holds values of such keywords. A first word that is spelled almost like
/// one of them may be meant as it.
pub(crate) fn places(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let keywords = KEYWORDS.iter().flat_map(move |keyword| {
        text.match_indices(keyword).filter_map(move |(at, _)| value(text, at + keyword.len()))
    });
    let first_words = text.split_inclusive(['\n', '{', '}']).filter_map(move |part| {
        let word = part.trim_start();
        let at = offset(text, word)?;
        let word = word.split(char::is_whitespace).next()?;
        let after = value(text, at + word.len())?;
        if word == KEY {
            return key(text, after);
        }
        let typo = || value::nearest(word, KEYWORDS.iter().copied()).is_some() && !Catalogue::knows(word);
        typo().then_some(after)
    });
    keywords.chain(first_words)
}

/// Where `part` of `text` begins.
fn offset(text: &str, part: &str) -> Option<usize> {
    part.as_ptr().addr().checked_sub(text.as_ptr().addr())
}

/// What follows the keyword that ends at `after`, to the end of the line.
fn value(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = text.get(after..)?;
    let value = rest.trim_start_matches([' ', '\t']);
    let start = after + (rest.len() - value.len());
    let len = value.find(['\n', '\r', '}', '#']).unwrap_or(value.len());
    (start > after && len > 0).then_some(start..start + len)
}

/// The secret of what follows `key`: all of it but its number, if it has one and no path.
fn key(text: &str, after: Range<usize>) -> Option<Range<usize>> {
    let words = text.get(after.clone())?;
    let number = words.split(char::is_whitespace).next()?;
    let (secret, at) = if is_number(number) {
        value(text, after.start + number.len()).and_then(|at| Some((text.get(at.clone())?, at)))?
    } else {
        (words, after)
    };
    let path = secret.trim_start_matches('"');
    (!path.starts_with('/') && !path.starts_with("file:")).then_some(at)
}

/// Whether a word can be the number of a key, and so is no key.
pub(crate) fn is_number(word: &str) -> bool {
    !word.is_empty() && word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit())
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

    #[test]
    fn what_may_be_meant_as_a_secret_is_one() {
        assert_eq!(masked(" autp_pass 1234"), " autp_pass ****");
        assert_eq!(masked("a { paswsord x }"), "a { paswsord **}");
        // They are keywords of their own.
        assert_eq!(masked("auth_type PASS"), "auth_type PASS");
        assert_eq!(masked("smtp_alert on"), "smtp_alert on");
    }

    #[test]
    fn a_key_is_a_secret_and_neither_its_number_nor_a_path() {
        assert_eq!(masked("  key 1 \"abc"), "  key 1 ****");
        assert_eq!(masked("key abc"), "key ***");
        assert_eq!(masked("key 12 hex:00 x"), "key 12 ********");
        for line in ["key 1 file:/etc/key", "key /etc/ssl/key.pem", "key 7", "active_key 7", "key"] {
            assert_eq!(masked(line), line);
        }
    }
}
