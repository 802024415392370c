//! What is printed: keywords with their words, and blocks of them. And how words are quoted.

use std::fmt::{Display, Write};

use base::Duration;

use crate::lang::text::is_blank;

/// A keyword with its words, and what stands between its braces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The keyword; of a line of values its first word.
    pub keyword: String,
    /// The words after it, quoted as they have to be.
    pub words: String,
    /// What stands between its braces, if it has any.
    pub body: Option<Vec<Self>>,
}

/// The blanks that a block is set in by.
const INDENT: &str = "    ";

impl Entry {
    /// Appends it to `out`, set in `depth` times.
    pub fn render(&self, depth: usize, out: &mut String) {
        let Self { keyword, words, body } = self;
        for _ in 0..depth {
            out.push_str(INDENT);
        }
        out.push_str(keyword);
        if !words.is_empty() {
            out.push(' ');
            out.push_str(words);
        }
        if let Some(body) = body {
            out.push_str(" {\n");
            for entry in body {
                entry.render(depth + 1, out);
            }
            for _ in 0..depth {
                out.push_str(INDENT);
            }
            out.push('}');
        }
        out.push('\n');
    }
}

/// Entries in the making. What is as it would be without a keyword is left out.
#[derive(Debug, Default)]
pub(super) struct Lines(pub(super) Vec<Entry>);

impl Lines {
    /// A keyword with `words` after it, quoted already.
    pub(super) fn line(&mut self, keyword: &str, words: impl Display) {
        self.0.push(Entry { keyword: keyword.to_owned(), words: words.to_string(), body: None });
    }

    /// A keyword that stands alone, if `on`.
    pub(super) fn flag(&mut self, keyword: &str, on: bool) {
        if on {
            self.line(keyword, "");
        }
    }

    /// A switch, if it is not at `default`.
    pub(super) fn switch(&mut self, keyword: &str, on: bool, default: bool) {
        if on != default {
            self.line(keyword, if on { "" } else { "off" });
        }
    }

    /// A value, if it is another one than `default`.
    pub(super) fn unless<T: Display + PartialEq>(&mut self, default: T, keyword: &str, value: T) {
        if value != default {
            self.line(keyword, value);
        }
    }

    /// A value, if there is one.
    pub(super) fn some(&mut self, keyword: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(keyword, value);
        }
    }

    /// A word, if there is one.
    pub(super) fn word(&mut self, keyword: &str, text: Option<&str>) {
        self.some(keyword, text.map(word));
    }

    /// A time, if it is another one than `default`.
    pub(super) fn time(&mut self, default: Duration, keyword: &str, time: Duration) {
        if time != default {
            self.line(keyword, seconds(time));
        }
    }

    /// A block.
    pub(super) fn block(&mut self, keyword: &str, words: impl Display, body: Self) {
        let body = Some(body.0);
        self.0.push(Entry { keyword: keyword.to_owned(), words: words.to_string(), body });
    }

    /// A block, if anything stands in it.
    pub(super) fn block_if_any(&mut self, keyword: &str, body: Self) {
        if !body.0.is_empty() {
            self.block(keyword, "", body);
        }
    }
}

/// A line of values, whose words are added one by one.
#[derive(Debug, Default)]
pub(super) struct Words(String);

impl Words {
    pub(super) fn add(&mut self, word: impl Display) -> &mut Self {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        // Writing to a string does not fail.
        let _ = write!(self.0, "{word}");
        self
    }

    pub(super) fn flag(&mut self, word: &str, on: bool) -> &mut Self {
        if on { self.add(word) } else { self }
    }

    pub(super) fn some(&mut self, keyword: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.add(keyword).add(value),
            None => self,
        }
    }

    /// The line; its first word stands for a keyword.
    pub(super) fn into_entry(self) -> Entry {
        match self.0.split_once(' ') {
            Some((first, rest)) if !self.0.starts_with('"') => {
                Entry { keyword: first.to_owned(), words: rest.to_owned(), body: None }
            }
            _ => Entry { keyword: self.0, words: String::new(), body: None },
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Seconds with as many decimals as are needed.
pub(super) fn seconds(time: Duration) -> String {
    time.to_string().trim_end_matches('s').to_owned()
}

/// A word of a normal line, in quotes if it would mean something else without them.
///
/// Such a word never holds a `"`: the language has no way to write one.
pub(super) fn word(text: &str) -> String {
    let special = |c: char| is_blank(c) || matches!(c, '{' | '}' | '#' | '!' | '"');
    let first = text.starts_with(['@', '$', '~']) || text.starts_with("include");
    if text.is_empty() || first || text.contains(special) { format!("\"{text}\"") } else { text.to_owned() }
}

/// A word of a script's line, always in quotes.
pub(super) fn script(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\{:03o}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::words::{plain, quoted};

    #[test]
    fn words_are_read_as_they_were() {
        for text in ["a", "", "a b", "a{b}", "a#b", "x!", "@a", "$A=b", "~SEQ(", "include", "a\\b", "a'b"] {
            let (words, open) = plain(&format!("key {}", word(text)));
            assert_eq!((words.len(), words[1].text.as_str(), open), (2, text, None));
        }
    }

    #[test]
    fn words_of_scripts_are_read_as_they_were() {
        for text in ["/bin/a b", "", "a \"b\" 'c'", "a\\nb", "a\nb\t\r\u{7}1", "\0", "é # ! { } $A"] {
            let (words, open) = quoted(&format!("key {} root", script(text)));
            assert_eq!((words.len(), words[1].text.as_str(), open), (3, text, None));
        }
    }
}
