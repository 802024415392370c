//! Lines in which nothing of the language beyond words and a brace occurs.

use std::ops::Range;

use crate::lang::comment::MAX_LINE;
use crate::lang::words::Brace;
use crate::span::to_u32;

/// Such a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Where its words are, without blanks around them; perhaps nowhere.
    pub(crate) text: Range<u32>,
    /// `{` after the words, or a brace alone.
    pub(crate) brace: Option<(u32, Brace)>,
    /// Where the next line starts.
    pub(crate) next: usize,
}

/// What a byte may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Blank,
    LineEnd,
    Brace,
    /// The start of a comment, a quotation, a definition, ...
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut i = 0;
    let blanks = b" \t\x0b\x0c\r";
    while i < blanks.len() {
        classes[blanks[i] as usize] = Class::Blank;
        i += 1;
    }
    let others = b"\0\"'#!\\$~@";
    i = 0;
    while i < others.len() {
        classes[others[i] as usize] = Class::Other;
        i += 1;
    }
    classes[b'\n' as usize] = Class::LineEnd;
    classes[b'{' as usize] = Class::Brace;
    classes[b'}' as usize] = Class::Brace;
    classes
};

/// The line that starts at byte `from`; `None` if it is of another kind, or there is none.
pub(crate) fn line(text: &[u8], from: usize) -> Option<Plain> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
    let (mut start, mut end, mut brace) = (None, 0, None);
    let mut len = rest.len();
    for (i, &byte) in rest.iter().enumerate() {
        match CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Other) {
            // Nothing but blanks may follow a brace.
            Class::Word if brace.is_none() => {
                start.get_or_insert(i);
                end = i + 1;
            }
            Class::Blank => {}
            Class::LineEnd => {
                len = i + 1;
                break;
            }
            Class::Brace if brace.is_none() && (byte == b'{' || start.is_none()) => {
                let kind = if byte == b'{' { Brace::Open } else { Brace::Close };
                brace = Some((to_u32(from + i), kind));
            }
            Class::Word | Class::Brace | Class::Other => return None,
        }
    }
    let start = start.unwrap_or(end);
    // An include reads another file.
    if len > MAX_LINE || rest.get(start..end)?.starts_with(b"include") {
        return None;
    }
    Some(Plain { text: to_u32(from + start)..to_u32(from + end), brace, next: from + len })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(&str, Option<Brace>, &str)> {
        let line = line(text.as_bytes(), 0)?;
        let range = usize::try_from(line.text.start).unwrap()..usize::try_from(line.text.end).unwrap();
        Some((&text[range], line.brace.map(|(_, brace)| brace), &text[line.next..]))
    }

    #[test]
    fn a_plain_line_has_words_and_perhaps_a_brace_after_them() {
        assert_eq!(parts("  a b\t\r\nnext"), Some(("a b", None, "next")));
        assert_eq!(parts("a 1 {\n"), Some(("a 1", Some(Brace::Open), "")));
        assert_eq!(parts(" } \nx"), Some(("", Some(Brace::Close), "x")));
        assert_eq!(parts("{"), Some(("", Some(Brace::Open), "")));
        assert_eq!(parts("\n"), Some(("", None, "")));
        assert_eq!(parts(""), None);
    }

    #[test]
    fn every_other_line_is_left_to_the_whole_language() {
        for text in [
            "a # b",
            "a \"b\"",
            "a 'b'",
            "$a=b",
            "a $b",
            "~SEQ(a, 2) b",
            "@a b",
            "a \\",
            "a ! b",
            "a }",
            "{ a",
            "{}",
            "} a",
            "include a",
            "includea b",
            "a\0",
            "{ {",
        ] {
            assert_eq!(parts(text), None, "{text:?}");
        }
        assert_eq!(parts(&"a".repeat(MAX_LINE + 1)), None);
    }
}
