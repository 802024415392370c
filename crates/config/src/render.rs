//! Diagnostics for people: the source line with a caret, or one line for the log.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

use crate::diag::{Diagnostic, Level};
use crate::secret;
use crate::span::{FileId, SourceMap, Span};

/// The most bytes between two places that are shown in one excerpt.
const MAX_EXCERPT: usize = 64 << 10;
/// What is shown of a line after the last marked place.
const MAX_TAIL: usize = 100;

/// Shows diagnostics.
#[derive(Debug)]
pub struct Printer<'m> {
    map: &'m SourceMap,
    secrets: &'m [Span],
    colours: bool,
}

struct Mark {
    file: FileId,
    range: Range<usize>,
    kind: AnnotationKind,
    label: Option<String>,
}

impl<'m> Printer<'m> {
    /// A printer for the files of `map`. The texts at `secrets` are shown as stars.
    #[must_use]
    pub const fn new(map: &'m SourceMap, secrets: &'m [Span], colours: bool) -> Self {
        Self { map, secrets, colours }
    }

    /// The whole story of one problem, with a line break at its end.
    #[must_use]
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let title = match diagnostic.level() {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
            Level::Note => Title::NOTE,
        };
        let mut group =
            Group::with_title(title.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name));
        if let Some(span) = diagnostic.span {
            for snippet in self.snippets(&self.marks(diagnostic, span)) {
                group = group.element(snippet);
            }
            for text in self.include_notes(span) {
                group = group.element(Title::NOTE.message(text));
            }
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Title::HELP.message(help.as_str()));
        }
        let renderer = if self.colours { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.render(&[group]);
        text.push('\n');
        text
    }

    /// One line as keepalived writes it: `(Line 3) Unknown keyword 'foo'`.
    #[must_use]
    pub fn log_line(&self, diagnostic: &Diagnostic) -> String {
        let text = diagnostic.log.as_deref().unwrap_or(&diagnostic.message);
        let Some(span) = diagnostic.span.filter(|_| !diagnostic.bare) else { return text.to_owned() };
        let place = self.map.root(span);
        let line = self.map.position(place).line;
        if self.map.files_read() > 1 {
            format!("({}: Line {line}) {text}", self.map.path(place.file))
        } else {
            format!("(Line {line}) {text}")
        }
    }

    /// Every place to show, the most important first.
    fn marks(&self, diagnostic: &Diagnostic, span: Span) -> Vec<Mark> {
        let root = self.map.root(span);
        let mut marks = vec![self.mark(root, AnnotationKind::Primary, diagnostic.label.clone())];
        if root != span {
            marks.extend(self.expansion_marks(span));
        }
        for (other, label) in &diagnostic.others {
            let mark = self.mark(self.map.root(*other), AnnotationKind::Context, Some(label.clone()));
            marks.push(mark);
        }
        marks
    }

    /// Where the text at `span` stands, and each definition through which it came.
    fn expansion_marks(&self, span: Span) -> Vec<Mark> {
        let names: Vec<&str> = self.map.chain(span.expansion).map(|e| &*e.name).collect();
        let Some(innermost) = names.first() else { return Vec::new() };
        let mut marks =
            vec![self.mark(span, AnnotationKind::Context, Some(format!("`{innermost}` brings this text")))];
        // The outermost use is the primary place; those between are told on their own.
        for (expansion, outer) in self.map.chain(span.expansion).zip(names.iter().skip(1)) {
            let label = format!("`{}` is used here, in `{outer}`", expansion.name);
            marks.push(self.mark(expansion.used_at, AnnotationKind::Context, Some(label)));
        }
        marks
    }

    fn mark(&self, span: Span, kind: AnnotationKind, label: Option<String>) -> Mark {
        let len = self.map.text(span.file).len();
        let start = span.range().start.min(len);
        Mark { file: span.file, range: start..span.range().end.clamp(start, len), kind, label }
    }

    /// Marks to excerpts: those of one file that lie near each other share one.
    fn snippets(&self, marks: &[Mark]) -> Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> {
        let mut done: Vec<(FileId, Range<usize>, Vec<&Mark>)> = Vec::new();
        for mark in marks {
            let lines = self.map.lines_of_bytes(mark.file, &mark.range);
            let near = done.iter_mut().find(|(file, range, _)| {
                let (start, end) = (range.start.min(lines.start), range.end.max(lines.end));
                *file == mark.file && end - start <= MAX_EXCERPT
            });
            match near {
                Some((_, range, marks)) => {
                    *range = range.start.min(lines.start)..range.end.max(lines.end);
                    marks.push(mark);
                }
                None => done.push((mark.file, lines, vec![mark])),
            }
        }
        done.into_iter()
            .map(|(file, range, marks)| {
                let last = marks.iter().map(|m| m.range.end).max().unwrap_or(range.end);
                let text = self.map.text(file);
                let end = floor_char(text, range.end.min(last.saturating_add(MAX_TAIL)));
                let range = range.start..end.max(range.start);
                let line = text.get(..range.start).map_or(1, |before| before.matches('\n').count() + 1);
                let source = self.masked(file, &range);
                let mut snippet =
                    Snippet::source(source).path(self.map.path(file).to_owned()).line_start(line);
                for mark in marks {
                    let start = mark.range.start.saturating_sub(range.start);
                    // An empty place still gets its caret.
                    let stop = mark.range.end.saturating_sub(range.start).max(start);
                    snippet = snippet.annotation(mark.kind.span(start..stop).label(mark.label.clone()));
                }
                snippet
            })
            .collect()
    }

    /// The text of `range`, with secrets starred byte by byte so that places stay where they are.
    fn masked(&self, file: FileId, range: &Range<usize>) -> String {
        let text = self.map.text(file).get(range.clone()).unwrap_or("");
        let mut bytes = text.as_bytes().to_vec();
        let mut hide = |hidden: Range<usize>| {
            let end = hidden.end.min(bytes.len());
            if let Some(part) = bytes.get_mut(hidden.start.min(end)..end) {
                part.fill(b'*');
            }
        };
        for secret in self.secrets.iter().filter(|s| s.file == file) {
            let secret = secret.range();
            if secret.start < range.end && secret.end > range.start {
                hide(secret.start.saturating_sub(range.start)..secret.end.saturating_sub(range.start));
            }
        }
        for hidden in secret::places(text) {
            hide(hidden);
        }
        // Only whole characters were replaced by ASCII: spans end at words, lines and braces.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// How the file of `span` came to be read.
    fn include_notes(&self, span: Span) -> Vec<String> {
        let mut notes = Vec::new();
        let mut at = self.map.included_from(self.map.root(span).file);
        while let Some(from) = at {
            let place = self.map.root(from);
            let line = self.map.position(place).line;
            notes.push(format!("included from {}:{line}", self.map.path(place.file)));
            at = self.map.included_from(place.file);
        }
        notes
    }
}

/// The largest character boundary of `text` that is not above `at`.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}
