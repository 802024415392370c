//! One line of a file: without its comment and the blanks around it.

use crate::lang::text::{Text, is_blank};
use crate::span::{ExpansionId, FileId, Span, to_u32};

/// The most bytes of a line; the line's end does not count.
pub(crate) const MAX_LINE: usize = 1023;

/// What a raw line turned out to be.
pub(crate) enum Line {
    /// Text, perhaps none; `open_quote` is where a quotation starts that has no end.
    Text { text: Text, open_quote: Option<usize> },
    /// It has too many bytes.
    TooLong,
    /// It holds a byte 0 here.
    Nul(usize),
}

/// Reads the line `raw`, which stands at byte `offset` of `file`.
pub(crate) fn read_line(raw: &str, file: FileId, offset: usize, replaced: bool) -> Line {
    let raw = raw.trim_end_matches(['\n', '\r']);
    // A replacement character stands for one or more bytes that were not UTF-8: count it as one.
    let extra = if replaced { 2 * raw.matches(char::REPLACEMENT_CHARACTER).count() } else { 0 };
    if raw.len() - extra > MAX_LINE {
        return Line::TooLong;
    }
    if let Some(at) = raw.find('\0') {
        return Line::Nul(at);
    }
    let start = raw.len() - raw.trim_start_matches(is_blank).len();
    let mut text = Text::default();
    let mut push = |from: usize, to: usize| {
        let span = Span {
            file,
            start: to_u32(offset + from),
            end: to_u32(offset + to),
            expansion: ExpansionId::NONE,
        };
        text.push(raw.get(from..to).unwrap_or(""), span);
    };
    let (mut from, mut end, mut quote) = (start, raw.len(), None);
    let mut chars = raw.char_indices().skip_while(|&(i, _)| i < start).peekable();
    while let Some((i, c)) = chars.next() {
        match (c, quote) {
            ('"', None) => quote = Some(i),
            ('"', Some(_)) => quote = None,
            // Within a quotation a backslash protects the quote, as in scripts.
            ('\\', Some(_)) => {
                chars.next();
            }
            ('\\', None) => {
                if let Some(&(next, '#' | '!')) = chars.peek() {
                    push(from, i);
                    from = next;
                    chars.next();
                }
            }
            ('#' | '!', None) => {
                end = i;
                break;
            }
            _ => {}
        }
    }
    push(from, end);
    let open_quote = quote.map(|at| offset + at);
    Line::Text { text: text.trim_end(), open_quote }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::SourceMap;

    fn text(raw: &str) -> String {
        match read_line(raw, SourceMap::default().nowhere().file, 0, false) {
            Line::Text { text, .. } => text.as_str().to_owned(),
            Line::TooLong => "too long".to_owned(),
            Line::Nul(at) => format!("nul at {at}"),
        }
    }

    #[test]
    fn comments_end_a_line_outside_double_quotes_only() {
        assert_eq!(text("  router_id a # name\r\n"), "router_id a");
        assert_eq!(text("a ! b"), "a");
        assert_eq!(text(r#"script "echo # !" x # y"#), r#"script "echo # !" x"#);
        assert_eq!(text("it's # not a quotation"), "it's");
        assert_eq!(text(r"a\#b\!c \x\n"), r"a#b!c \x\n");
        assert_eq!(text(r#"script "a \" # b" # c"#), r#"script "a \" # b""#);
    }

    #[test]
    fn a_line_has_at_most_1023_bytes_and_no_byte_0() {
        assert_eq!(text(&"a".repeat(1023)).len(), 1023);
        assert_eq!(text(&format!("{}\r\n", "a".repeat(1023))).len(), 1023);
        assert_eq!(text(&"a".repeat(1024)), "too long");
        assert_eq!(text("ab\0c"), "nul at 2");
    }
}
