//! Where a piece of text stands, and by which expansions it got there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// One reading of a file. A file that is included twice has two of them, with the text shared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(u32);

/// One use of a definition; [`ExpansionId::NONE`] for text that stands in a file as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExpansionId(u32);

impl ExpansionId {
    /// The text stands in its file as it is.
    pub const NONE: Self = Self(0);
}

/// A range of bytes in a file, and the expansion through which it was read.
///
/// For text that came out of a definition the range lies in the definition; the expansion tells
/// where it was used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
    /// The use of a definition that brought the text here.
    pub expansion: ExpansionId,
}

impl Span {
    /// The bytes of the file.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        to_usize(self.start)..to_usize(self.end)
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

/// A `u32` always fits: the crate runs on 32 and 64 bit machines.
pub(crate) fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Files are limited to less than 4 GiB, so that nothing saturates here.
pub(crate) fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A position for people: both count from 1, the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// The text of a file, shared by all its readings.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) text: String,
    /// Where each line starts.
    lines: Vec<u32>,
    /// Whether bytes that are not UTF-8 had to be replaced.
    pub(crate) replaced: bool,
}

impl Contents {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let (text, replaced) = match String::from_utf8_lossy(bytes) {
            std::borrow::Cow::Borrowed(text) => (text.to_owned(), false),
            std::borrow::Cow::Owned(text) => (text, true),
        };
        let starts = text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| to_u32(i + 1));
        let lines = std::iter::once(0).chain(starts).collect();
        Self { text, lines, replaced }
    }

    /// The number of the line (from 0) with the byte `offset`, and where that line starts.
    fn line_at(&self, offset: u32) -> (usize, u32) {
        let index = self.lines.partition_point(|&start| start <= offset).saturating_sub(1);
        (index, self.lines.get(index).copied().unwrap_or(0))
    }
}

#[derive(Debug)]
struct File {
    path: Arc<str>,
    contents: Arc<Contents>,
    included_from: Option<Span>,
}

/// A use of a definition.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// What was used, as the user knows it: `$VI4`.
    pub name: Arc<str>,
    /// Where it was used. This span can itself lie in an expansion.
    pub used_at: Span,
    depth: u32,
}

/// All the files of one load and all the uses of definitions in them.
///
/// Uses at the same place share one entry, so that a sequence of a million steps over ten lines
/// makes ten of them.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<File>,
    readings: BTreeMap<(Arc<str>, Option<Span>), FileId>,
    expansions: Vec<Expansion>,
    uses: BTreeMap<(Span, Arc<str>), ExpansionId>,
}

impl SourceMap {
    pub(crate) fn add_file(
        &mut self,
        path: &Arc<str>,
        contents: &Arc<Contents>,
        from: Option<Span>,
    ) -> FileId {
        let files = &mut self.files;
        *self.readings.entry((Arc::clone(path), from)).or_insert_with(|| {
            files.push(File { path: Arc::clone(path), contents: Arc::clone(contents), included_from: from });
            FileId(to_u32(files.len() - 1))
        })
    }

    pub(crate) fn expand(&mut self, name: &Arc<str>, used_at: Span) -> ExpansionId {
        let depth = self.depth(used_at.expansion) + 1;
        let expansions = &mut self.expansions;
        *self.uses.entry((used_at, Arc::clone(name))).or_insert_with(|| {
            expansions.push(Expansion { name: Arc::clone(name), used_at, depth });
            ExpansionId(to_u32(expansions.len()))
        })
    }

    /// The use behind `id`; `None` for text that stands in its file as it is.
    #[must_use]
    pub fn expansion(&self, id: ExpansionId) -> Option<&Expansion> {
        self.expansions.get(to_usize(id.0).checked_sub(1)?)
    }

    /// At how many places definitions were used.
    pub(crate) fn uses(&self) -> usize {
        self.expansions.len()
    }

    /// How many expansions lie around `id`.
    pub(crate) fn depth(&self, id: ExpansionId) -> u32 {
        self.expansion(id).map_or(0, |e| e.depth)
    }

    /// Whether `name` is among the expansions around `id`.
    pub(crate) fn inside(&self, id: ExpansionId, name: &str) -> bool {
        self.chain(id).any(|e| *e.name == *name)
    }

    /// The expansions around `id`, from the innermost to the outermost.
    pub fn chain(&self, id: ExpansionId) -> impl Iterator<Item = &Expansion> {
        std::iter::successors(self.expansion(id), |e| self.expansion(e.used_at.expansion))
    }

    /// The place in a file that led to `span`: its own if it is in no expansion, else where the
    /// outermost definition was used.
    #[must_use]
    pub fn root(&self, span: Span) -> Span {
        self.chain(span.expansion).last().map_or(span, |e| e.used_at)
    }

    /// The smallest span that covers both. Text of different expansions is covered by the place
    /// where both were used.
    #[must_use]
    pub fn join(&self, a: Span, b: Span) -> Span {
        let (mut a, mut b) = (a, b);
        while a.expansion != b.expansion {
            let deeper = if self.depth(a.expansion) >= self.depth(b.expansion) { &mut a } else { &mut b };
            match self.expansion(deeper.expansion) {
                Some(e) => *deeper = e.used_at,
                None => return a,
            }
        }
        if a.file == b.file { Span { start: a.start.min(b.start), end: a.end.max(b.end), ..a } } else { a }
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(to_usize(id.0))
    }

    /// The path of a file, as it was found.
    #[must_use]
    pub fn path(&self, id: FileId) -> &str {
        self.file(id).map_or("", |f| &f.path)
    }

    /// The text of a file.
    #[must_use]
    pub fn text(&self, id: FileId) -> &str {
        self.file(id).map_or("", |f| &f.contents.text)
    }

    /// The `include` line that led to this reading of a file.
    #[must_use]
    pub fn included_from(&self, id: FileId) -> Option<Span> {
        self.file(id)?.included_from
    }

    /// A span for what has no place, at the start of the first file.
    pub(crate) const fn nowhere(&self) -> Span {
        Span { file: FileId(0), start: 0, end: 0, expansion: ExpansionId::NONE }
    }

    /// The paths of all files, in the order in which they were read; one that was read twice comes twice.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &str> {
        self.files.iter().map(|f| &*f.path)
    }

    /// How many different files were read.
    #[must_use]
    pub fn files_read(&self) -> usize {
        let mut paths: Vec<&str> = self.paths().collect();
        paths.sort_unstable();
        paths.dedup();
        paths.len()
    }

    /// The line and column where `span` starts.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let Some(file) = self.file(span.file) else { return Position { line: 1, column: 1 } };
        let (line, start) = file.contents.line_at(span.start);
        let before = file.contents.text.get(to_usize(start)..to_usize(span.start)).unwrap_or("");
        Position { line: to_u32(line + 1), column: to_u32(before.chars().count() + 1) }
    }

    /// The text of a span, as it stands in the file.
    #[must_use]
    pub fn snippet(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or("")
    }

    /// The bytes of the lines that `range` touches, without the last line's end.
    pub(crate) fn lines_of_bytes(&self, file: FileId, range: &Range<usize>) -> Range<usize> {
        let Some(file) = self.file(file) else { return 0..0 };
        let (_, start) = file.contents.line_at(to_u32(range.start));
        let text = &file.contents.text;
        let end = text.get(range.end..).and_then(|t| t.find('\n')).map_or(text.len(), |n| range.end + n);
        to_usize(start)..end.max(to_usize(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> (SourceMap, FileId) {
        let mut map = SourceMap::default();
        let contents = Arc::new(Contents::new(text.as_bytes()));
        let id = map.add_file(&"a.conf".into(), &contents, None);
        (map, id)
    }

    fn span(file: FileId, range: Range<u32>) -> Span {
        Span { file, start: range.start, end: range.end, expansion: ExpansionId::NONE }
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let (map, id) = map("ab\n# 节 x\nc");
        assert_eq!(map.position(span(id, 0..1)), Position { line: 1, column: 1 });
        assert_eq!(map.position(span(id, 9..10)), Position { line: 2, column: 5 });
        assert_eq!(map.position(span(id, 11..12)), Position { line: 3, column: 1 });
    }

    #[test]
    fn joining_text_of_an_expansion_with_text_beside_it_covers_the_use() {
        let (mut map, id) = map("$A=xyz\nkey VI_$A\n");
        let used = span(id, 14..16);
        let inner = map.expand(&"$A".into(), used);
        let value = Span { expansion: inner, ..span(id, 3..6) };
        assert_eq!(map.join(span(id, 11..14), value), span(id, 11..16));
        assert_eq!(map.root(value), used);
        assert_eq!(map.expand(&"$A".into(), used), inner, "a use at the same place is one entry");
    }
}
