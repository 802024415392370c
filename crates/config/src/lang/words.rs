//! Words, in the three classes of quoting that the language has.

use crate::lang::text::is_blank;

/// A word and where its text lies in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) text: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A quotation without an end starts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenQuote(pub(crate) usize);

/// Words of a normal line: a word that starts with `"` runs to the next `"`; any other ends at
/// white space or at a `"`. Single quotes mean nothing.
pub(crate) fn plain(line: &str) -> (Vec<Raw>, Option<OpenQuote>) {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let start = at + (rest.len() - rest.trim_start_matches(is_blank).len());
        let Some(rest) = line.get(start..).filter(|rest| !rest.is_empty()) else { break };
        if let Some(inside) = rest.strip_prefix('"') {
            let Some(len) = inside.find('"') else {
                words.push(Raw { text: inside.to_owned(), start, end: line.len() });
                return (words, Some(OpenQuote(start)));
            };
            at = start + len + 2;
            words.push(Raw { text: inside.get(..len).unwrap_or("").to_owned(), start, end: at });
        } else {
            let len = rest.find(|c| is_blank(c) || c == '"').unwrap_or(rest.len());
            at = start + len;
            words.push(Raw { text: rest.get(..len).unwrap_or("").to_owned(), start, end: at });
        }
    }
    (words, None)
}

/// Words of a script: both quotes work anywhere inside a word, and escapes outside single quotes.
pub(crate) fn quoted(line: &str) -> (Vec<Raw>, Option<OpenQuote>) {
    let mut words = Vec::new();
    let mut word: Option<Raw> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = line.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match (c, quote) {
            (c, None) if is_blank(c) => {
                if let Some(mut done) = word.take() {
                    done.end = i;
                    words.push(done);
                }
                continue;
            }
            (c, Some((q, _))) if c == q => {
                quote = None;
                continue;
            }
            ('"' | '\'', None) => {
                quote = Some((c, i));
                word.get_or_insert_with(|| Raw { text: String::new(), start: i, end: i });
                continue;
            }
            _ => {}
        }
        let word = word.get_or_insert_with(|| Raw { text: String::new(), start: i, end: i });
        if c == '\\' && !matches!(quote, Some(('\'', _))) {
            escape(&mut chars, &mut word.text);
        } else {
            word.text.push(c);
        }
    }
    if let Some(mut done) = word {
        done.end = line.len();
        words.push(done);
    }
    (words, quote.map(|(_, at)| OpenQuote(at)))
}

/// Reads what follows a backslash: the letters of C, up to three octal digits, `x` with up to two
/// hexadecimal digits, `c` with a control character; anything else stands for itself.
fn escape(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>, out: &mut String) {
    let Some((_, c)) = chars.next() else { return };
    let mut digits = |first: u32, radix: u32, most: usize| {
        let (mut value, mut count) = (first, 0);
        while count < most
            && let Some(digit) = chars.peek().and_then(|&(_, c)| c.to_digit(radix))
        {
            value = value * radix + digit;
            count += 1;
            chars.next();
        }
        (value, count)
    };
    let made = match c {
        'a' => Some(7),
        'b' => Some(8),
        'E' => Some(27),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        '0'..='7' => Some(digits(c.to_digit(8).unwrap_or(0), 8, 2).0 & 0xff),
        'x' => match digits(0, 16, 2) {
            (_, 0) => None,
            (value, _) => Some(value),
        },
        'c' => chars.next().map(|(_, c)| u32::from(c) & 0x1f),
        _ => None,
    };
    out.push(made.and_then(char::from_u32).unwrap_or(c));
}

/// What a piece of a line between braces is followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brace {
    Open,
    Close,
}

/// The first brace outside quotes at or after byte `from`. `${NAME}` has no braces in this sense.
pub(crate) fn find_brace(line: &str, from: usize, script: bool) -> Option<(usize, Brace)> {
    let mut quote: Option<char> = None;
    let mut chars = line.char_indices().skip_while(|&(i, _)| i < from).peekable();
    while let Some((i, c)) = chars.next() {
        match (c, quote) {
            ('\\', q) if script && q != Some('\'') => {
                chars.next();
            }
            (c, Some(q)) if c == q => quote = None,
            (_, Some(_)) => {}
            ('"', None) => quote = Some('"'),
            ('\'', None) if script => quote = Some('\''),
            ('$', None) => {
                let name = line
                    .get(i..)
                    .and_then(|rest| rest.strip_prefix("${"))
                    .and_then(|rest| rest.split_once('}'));
                if let Some((name, _)) = name
                    && !name.contains(['{', '"'])
                {
                    let after = i + name.len() + 3;
                    while chars.next_if(|&(i, _)| i < after).is_some() {}
                }
            }
            ('{', None) => return Some((i, Brace::Open)),
            ('}', None) => return Some((i, Brace::Close)),
            _ => {}
        }
    }
    None
}

/// The first word of a line, as far as white space, a quote or a brace.
pub(crate) fn first_word(line: &str) -> &str {
    let end = line.find(|c| is_blank(c) || matches!(c, '"' | '{' | '}')).unwrap_or(line.len());
    line.get(..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: (Vec<Raw>, Option<OpenQuote>)) -> Vec<String> {
        words.0.into_iter().map(|w| w.text).collect()
    }

    #[test]
    fn a_normal_word_ends_at_a_quote_and_a_quotation_at_the_next_quote() {
        assert_eq!(texts(plain(r#"ab"c d" 'e f'"#)), ["ab", "c d", "'e", "f'"]);
        assert_eq!(texts(plain("router_id\x0b\x0cx")), ["router_id", "x"]);
        assert_eq!(texts(plain(r#"a "" b"#)), ["a", "", "b"]);
        assert_eq!(plain(r#"a "b c"#).1, Some(OpenQuote(2)));
    }

    #[test]
    fn script_words_join_quotations_and_know_escapes() {
        assert_eq!(
            texts(quoted(r#"script "/bin/echo \"x\" 'y z'" ro"o"t"#)),
            ["script", r#"/bin/echo "x" 'y z'"#, "root"]
        );
        assert_eq!(texts(quoted(r"a\x41\102\tb \cA \q '\x41'")), ["aAB\tb", "\u{1}", "q", r"\x41"]);
        assert_eq!(texts(quoted(r#"/bin/echo"' foo 'b"ar"#)), ["/bin/echo' foo 'bar"]);
        assert_eq!(texts(quoted(r#"a '' """#)), ["a", "", ""]);
        assert_eq!(quoted("script '/bin/x").1, Some(OpenQuote(7)));
        assert_eq!(texts(quoted("a\\")), ["a"]);
    }

    #[test]
    fn braces_count_outside_quotes_only() {
        assert_eq!(find_brace("a{b", 0, false), Some((1, Brace::Open)));
        assert_eq!(find_brace(r#"a "{" }"#, 0, false), Some((6, Brace::Close)));
        assert_eq!(find_brace("a ${X} {", 0, false), Some((7, Brace::Open)));
        assert_eq!(find_brace("script '{'", 0, true), None);
        assert_eq!(find_brace("it's {", 0, false), Some((5, Brace::Open)));
        assert_eq!(find_brace("a ${", 0, false), Some((3, Brace::Open)));
    }
}
