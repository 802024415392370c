//! A configuration without its includes, conditions, definitions and sequences: the lines that are left when
//! all of them have done their work, each with the places that it comes from.

use crate::diag::Diagnostics;
use crate::keyword::Catalogue;
use crate::lang::reader::{Item, Reader};
use crate::lang::text::Text;
use crate::lang::words;
use crate::load::Options;
use crate::print::HIDDEN;
use crate::secret;
use crate::source::Source;
use crate::span::{ExpansionId, SourceMap, Span};

/// Where the comments about origins start, in characters.
const COLUMN: usize = 48;

/// The lines of an expanded configuration.
#[derive(Debug)]
pub struct Expanded {
    /// The lines in their order.
    pub lines: Vec<ExpandedLine>,
    /// What was wrong with the text; what the words mean nobody has asked.
    pub diagnostics: Diagnostics,
    /// The files.
    pub map: SourceMap,
}

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpandedLine {
    /// How many blocks are open around it.
    pub depth: usize,
    /// Its text, which can be read as a line of a configuration.
    pub text: String,
    /// Where it comes from: `FILE:LINE`, and the definitions that it was made of, each with its place. Empty for
    /// a brace alone.
    pub origin: String,
}

impl Expanded {
    /// What was wrong, for people, with source lines.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let printer = crate::Printer::new(&self.map, &[], colours);
        self.diagnostics.iter().map(|d| printer.render(d) + "\n").collect()
    }

    /// The lines, each with its origin as a comment if that is wanted. Loading the text gives the same Model.
    #[must_use]
    pub fn text(&self, origins: bool) -> String {
        let mut out = String::new();
        for ExpandedLine { depth, text, origin } in &self.lines {
            let line = format!("{:width$}{text}", "", width = depth * 4);
            if origins && !origin.is_empty() {
                out.push_str(&format!("{line:COLUMN$} # {origin}\n"));
            } else {
                out.push_str(&line);
                out.push('\n');
            }
        }
        out
    }
}

/// Expands a configuration. With `show_secrets` passwords and keys are shown as they are.
#[must_use]
pub fn expand(source: &dyn Source, options: &Options, show_secrets: bool) -> Expanded {
    let mut reader = Reader::new(source, options.strict_includes, Catalogue::is_script);
    reader.open(&options.file);
    let mut out = Lines { lines: Vec::new(), blocks: Vec::new(), last: None, show_secrets };
    while let Some(item) = reader.next_item() {
        match item {
            Item::Words(text) => out.words(&text, &mut reader),
            Item::Plain(span) => {
                let text = reader.text_of(span);
                out.words(&text, &mut reader);
            }
            Item::Open(_) => out.open(),
            Item::Close(_) => out.close(),
        }
    }
    out.flush("");
    Expanded { lines: out.lines, diagnostics: reader.diagnostics, map: reader.map }
}

/// Lines in the making.
struct Lines {
    lines: Vec<ExpandedLine>,
    /// The first words of the blocks that are open.
    blocks: Vec<String>,
    /// A line that a `{` may follow.
    last: Option<ExpandedLine>,
    show_secrets: bool,
}

impl Lines {
    fn flush(&mut self, end: &str) {
        if let Some(line) = self.last.take() {
            self.lines.push(ExpandedLine { text: line.text + end, ..line });
        }
    }

    fn words(&mut self, text: &Text, reader: &mut Reader<'_>) {
        self.flush("");
        let (all, open) = words::plain(text.as_str());
        // What stands alone, or in a quotation without end, may be the secret itself.
        let named = all.get(1).filter(|_| all.len() > 2 && open.is_none()).map(|word| word.text.as_str());
        let mut all = all.iter().map(|word| word.text.as_str());
        let first = all.next().unwrap_or("");
        // The parser does the same with these two.
        if matches!(self.blocks.as_slice(), [block] if block == "global_defs") {
            match first {
                "include_check" => {
                    // A word that means nothing is told by the load.
                    let _ = reader.check_includes(&all.clone().collect::<Vec<_>>());
                }
                "random_seed" => {
                    if let Some(seed) = all.clone().next().and_then(|word| word.parse().ok()) {
                        reader.set_seed(seed);
                    }
                }
                _ => {}
            }
        }
        let shown = if self.show_secrets { None } else { self.hidden(first, named, text.as_str()) };
        self.last = Some(ExpandedLine {
            depth: self.blocks.len(),
            text: escaped(shown.as_deref().unwrap_or(text.as_str())),
            origin: origin(text, &reader.map),
        });
    }

    /// The line without its secret, if it has one.
    fn hidden(&self, first: &str, second: Option<&str>, text: &str) -> Option<String> {
        match first {
            "smtp_auth" => Some(match second {
                Some(user) => format!("{first} {user} {HIDDEN}"),
                None => format!("{first} {HIDDEN}"),
            }),
            "auth_pass" | "password" => Some(format!("{first} {HIDDEN}")),
            "key" if self.blocks.last().is_some_and(|block| block == "auth_hmac") => {
                Some(match second.filter(|number| secret::is_number(number)) {
                    Some(number) => format!("key {number} {HIDDEN}"),
                    None => format!("key {HIDDEN}"),
                })
            }
            _ => {
                let masked = secret::masked(text);
                (masked != text).then_some(masked)
            }
        }
    }

    fn open(&mut self) {
        let first = self.last.as_ref().map_or("", |line| words::first_word(&line.text)).to_owned();
        if self.last.is_some() {
            self.flush(" {");
        } else {
            self.brace("{");
        }
        self.blocks.push(first);
    }

    fn close(&mut self) {
        self.flush("");
        self.blocks.pop();
        self.brace("}");
    }

    fn brace(&mut self, brace: &str) {
        let line = ExpandedLine { depth: self.blocks.len(), text: brace.to_owned(), origin: String::new() };
        self.lines.push(line);
    }
}

/// The text with a backslash before each character that would start a comment.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | '!' if !quoted => out.push('\\'),
            // It protects the next character, a quote above all.
            '\\' if quoted => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// `FILE:LINE`, and `$NAME from FILE:LINE` for each definition in it.
fn origin(text: &Text, map: &SourceMap) -> String {
    let place = |span: Span| format!("{}:{}", map.path(span.file), map.position(span).line);
    let mut out = String::new();
    let mut told: Vec<ExpansionId> = Vec::new();
    for span in text.spans() {
        if out.is_empty() {
            out = place(map.root(span));
        }
        let Some(expansion) = map.expansion(span.expansion) else { continue };
        if !told.contains(&span.expansion) {
            told.push(span.expansion);
            // A predefined name has no place of its own.
            if span == (Span { expansion: span.expansion, ..expansion.used_at }) {
                out.push_str(&format!(", {}", expansion.name));
            } else {
                out.push_str(&format!(", {} from {}", expansion.name, place(span)));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_do_not_start_in_what_was_expanded() {
        for (text, expected) in [
            ("a # b!", "a \\# b\\!"),
            ("a \"# !\" #", "a \"# !\" \\#"),
            ("a \"\\\" #\" #", "a \"\\\" #\" \\#"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
