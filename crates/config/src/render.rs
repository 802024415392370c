//! Diagnostics for people: the source line with a caret, or one line for the log.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

use crate::diag::{Code, Diagnostic, Level};
use crate::secret;
use crate::span::{FileId, Position, SourceMap, Span};

/// The most bytes between two places that are shown in one excerpt.
const MAX_EXCERPT: usize = 64 << 10;
/// What is shown of a line after the last marked place.
const MAX_TAIL: usize = 100;
/// What is shown to programs of a line.
const MAX_LINE: usize = 1_100;

/// Shows diagnostics.
#[derive(Debug)]
pub struct Printer<'m> {
    map: &'m SourceMap,
    secrets: &'m [Span],
    colours: bool,
}

/// A place in a file, for programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The path of the file.
    pub file: String,
    /// Its first character.
    pub start: Position,
    /// The character after its last one.
    pub end: Position,
    /// The line of its first character, as far as 1,100 bytes, with secrets starred.
    pub line: String,
}

/// How a text came to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// Where the definition has it, if it came out of one.
    pub defined: Option<Place>,
    /// The definitions that brought it, from the innermost to the outermost.
    pub uses: Vec<Use>,
    /// The `include` lines that led to its file, from the innermost to the outermost.
    pub included_from: Vec<Place>,
}

/// One use of a definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Use {
    /// What was used: `$VI4`.
    pub name: String,
    /// Where.
    pub at: Place,
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
        let mut group = titled(&diagnostic.code, &diagnostic.message);
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
        shown(group, self.colours)
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

    /// The place of `span`, for programs.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        let text = self.map.text(span.file);
        let range = span.range();
        let line = self.map.lines_of_bytes(span.file, &(range.start..range.start));
        let end = floor_char(text, line.end.min(line.start.saturating_add(MAX_LINE)));
        Place {
            file: self.map.path(span.file).to_owned(),
            start: self.map.position(span),
            end: self.map.position(Span { start: span.end.max(span.start), ..span }),
            line: self.masked(span.file, &(line.start..end.max(line.start))),
        }
    }

    /// The place in a file that led to `span`: where the outermost definition was used, if it came out of one.
    #[must_use]
    pub fn root(&self, span: Span) -> Place {
        self.place(self.map.root(span))
    }

    /// How the text at `span` came to be read.
    #[must_use]
    pub fn origin(&self, span: Span) -> Origin {
        let uses = self.map.chain(span.expansion);
        let uses: Vec<Use> =
            uses.map(|e| Use { name: e.name.to_string(), at: self.place(e.used_at) }).collect();
        let defined = (!uses.is_empty()).then(|| self.place(span));
        let included_from = self.includes(span).into_iter().map(|from| self.place(from)).collect();
        Origin { defined, uses, included_from }
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

    /// The `include` lines that led to the file of `span`.
    fn includes(&self, span: Span) -> Vec<Span> {
        let first = self.map.included_from(self.map.root(span).file).map(|from| self.map.root(from));
        let outer = |from: &Span| self.map.included_from(from.file).map(|from| self.map.root(from));
        std::iter::successors(first, outer).collect()
    }

    fn include_notes(&self, span: Span) -> Vec<String> {
        let note = |from: Span| {
            let line = self.map.position(from).line;
            format!("included from {}:{line}", self.map.path(from.file))
        };
        self.includes(span).into_iter().map(note).collect()
    }
}

/// The head of a story.
fn titled<'t>(code: &Code, message: &'t str) -> Group<'t> {
    let title = match code.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE.with_name("hint"),
    };
    Group::with_title(title.primary_title(message).id(code.name))
}

fn shown(group: Group<'_>, colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut text = renderer.render(&[group]);
    text.push('\n');
    text
}

/// A story whose places stand in files of different loads, each with the printer of its load.
pub(crate) fn across<'p, 'm: 'p>(
    code: &Code,
    message: &str,
    places: impl Iterator<Item = (&'p Printer<'m>, Span, &'p str)>,
    help: Option<&str>,
    colours: bool,
) -> String {
    let mut by_load: Vec<(&Printer<'m>, Vec<Mark>)> = Vec::new();
    for (printer, span, label) in places {
        let kind = if by_load.is_empty() { AnnotationKind::Primary } else { AnnotationKind::Context };
        let mark = printer.mark(printer.map.root(span), kind, Some(label.to_owned()));
        match by_load.iter_mut().find(|(known, _)| std::ptr::eq(*known, printer)) {
            Some((_, marks)) => marks.push(mark),
            None => by_load.push((printer, vec![mark])),
        }
    }
    let mut group = titled(code, message);
    for snippet in by_load.iter().flat_map(|(printer, marks)| printer.snippets(marks)) {
        group = group.element(snippet);
    }
    if let Some(help) = help {
        group = group.element(Title::HELP.message(help));
    }
    shown(group, colours)
}

/// The largest character boundary of `text` that is not above `at`.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}
