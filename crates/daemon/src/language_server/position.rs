//! Places: bytes here, lines and UTF-16 code units in the protocol.

use serde_json::{Value, json};

/// The place of the byte at `at`; for one beyond the end that of the end.
pub(super) fn of(text: &str, at: usize) -> Value {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let character: usize = before.get(start..).unwrap_or("").chars().map(char::len_utf16).sum();
    json!({"line": line, "character": character})
}

/// The place of the bytes from `range.start` to `range.end`.
pub(super) fn range(text: &str, range: &std::ops::Range<usize>) -> Value {
    json!({"start": of(text, range.start), "end": of(text, range.end)})
}

/// The byte at a place. A character beyond the end of its line is that end, a line beyond the end of the
/// text is the end of the text, as the protocol has it.
pub(super) fn byte(text: &str, position: &Value) -> Option<usize> {
    let number = |name: &str| position.get(name)?.as_u64();
    let (line, character) = (number("line")?, number("character")?);
    let mut start = 0;
    for _ in 0..line {
        match text.get(start..)?.find('\n') {
            Some(at) => start += at + 1,
            None => return Some(text.len()),
        }
    }
    let mut units = 0;
    for (at, c) in text.get(start..)?.char_indices() {
        if c == '\n' || units >= character {
            return Some(start + at);
        }
        units += u64::try_from(c.len_utf16()).unwrap_or(1);
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_utf_16_code_units() {
        let text = "a\u{1f600}b\n\u{e9}c\n";
        for (at, line, character) in
            [(0, 0, 0), (1, 0, 1), (5, 0, 3), (6, 0, 4), (7, 1, 0), (9, 1, 1), (11, 2, 0)]
        {
            let place = json!({"line": line, "character": character});
            assert_eq!(of(text, at), place);
            assert_eq!(byte(text, &place), Some(at));
        }
    }

    #[test]
    fn a_place_outside_the_text_is_the_nearest_one_inside() {
        let byte = |line: u64, character: u64| byte("ab\nc", &json!({"line": line, "character": character}));
        assert_eq!(
            (byte(0, 99), byte(9, 0), byte(1, 99), byte(u64::MAX, u64::MAX)),
            (Some(2), Some(4), Some(4), Some(4))
        );
        assert_eq!(super::byte("ab", &json!({"line": -1, "character": "x"})), None);
        assert_eq!(super::byte("ab", &json!(null)), None);
        assert_eq!(of("ab", 99), json!({"line": 0, "character": 2}));
    }
}
