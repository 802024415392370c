//! Text that knows where each of its parts comes from.

use std::ops::Range;

use crate::span::{SourceMap, Span, to_u32, to_usize};

/// A run of text from one place.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it starts in the text.
    at: u32,
    /// Where it comes from. If the lengths are equal the bytes are the same; else the text was made
    /// from the place as a whole (a number of a sequence).
    span: Span,
}

/// A line of text, or a part of one, with the origin of every byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    s: String,
    pieces: Vec<Piece>,
}

impl Text {
    pub(crate) fn new(s: &str, span: Span) -> Self {
        Self { s: s.to_owned(), pieces: vec![Piece { at: 0, span }] }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.s
    }

    pub(crate) fn len(&self) -> usize {
        self.s.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.s.is_empty()
    }

    /// Where piece `index` ends in the text.
    fn end_of(&self, index: usize) -> u32 {
        self.pieces.get(index + 1).map_or_else(|| to_u32(self.s.len()), |next| next.at)
    }

    /// The part `range` of piece `index`, as a span.
    fn span_in(&self, index: usize, range: Range<u32>) -> Option<Span> {
        let piece = self.pieces.get(index)?;
        if self.end_of(index) - piece.at != piece.span.len() {
            return Some(piece.span);
        }
        let start = piece.span.start + (range.start - piece.at);
        Some(Span { start, end: start + (range.end - range.start), ..piece.span })
    }

    /// The pieces that `range` touches, each with its part of the range; none for an empty range.
    fn touched(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Range<u32>)> {
        let (start, end) = (to_u32(range.start), to_u32(range.end));
        let first = self.pieces.partition_point(|p| p.at <= start).saturating_sub(1);
        let pieces = self.pieces.iter().enumerate().skip(first).take_while(move |(_, p)| p.at < end);
        pieces
            .map(move |(i, p)| (i, p.at.max(start)..self.end_of(i).min(end)))
            .filter(|(_, part)| !part.is_empty())
    }

    /// The place of the bytes `range`, which covers all that they come from.
    pub(crate) fn span(&self, range: Range<usize>, map: &SourceMap) -> Span {
        let mut spans = self.touched(range).filter_map(|(i, part)| self.span_in(i, part));
        match spans.next() {
            Some(first) => spans.fold(first, |all, one| map.join(all, one)),
            None => {
                self.pieces.last().map_or_else(|| map.nowhere(), |p| Span { start: p.span.end, ..p.span })
            }
        }
    }

    /// The place of the whole text.
    pub(crate) fn whole(&self, map: &SourceMap) -> Span {
        self.span(0..self.s.len(), map)
    }

    /// The part `range` as a text of its own.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let mut out = Self::default();
        out.push_part(self, range);
        if out.pieces.is_empty()
            && let Some(span) = self.pieces.last().map(|p| p.span)
        {
            out.pieces.push(Piece { at: 0, span: Span { start: span.end, ..span } });
        }
        out
    }

    /// Adds the part `range` of another text.
    pub(crate) fn push_part(&mut self, other: &Self, range: Range<usize>) {
        for (i, part) in other.touched(range) {
            if part.is_empty() {
                continue;
            }
            let bytes = to_usize(part.start)..to_usize(part.end);
            if let (Some(s), Some(span)) = (other.s.get(bytes), other.span_in(i, part)) {
                self.push(s, span);
            }
        }
    }

    /// Adds a whole text, as seen through an expansion.
    pub(crate) fn push_expanded(&mut self, other: &Self, expansion: crate::span::ExpansionId) {
        for (i, piece) in other.pieces.iter().enumerate() {
            let bytes = to_usize(piece.at)..to_usize(other.end_of(i));
            if let Some(s) = other.s.get(bytes) {
                self.push(s, Span { expansion, ..piece.span });
            }
        }
    }

    /// Adds `s`, which stands at `span` or was made from it.
    pub(crate) fn push(&mut self, s: &str, span: Span) {
        if s.is_empty() {
            return;
        }
        self.pieces.push(Piece { at: to_u32(self.s.len()), span });
        self.s.push_str(s);
    }

    /// Where its pieces come from, in their order.
    pub(crate) fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.pieces.iter().map(|piece| piece.span)
    }

    /// Without white space at the start.
    pub(crate) fn trim_start(self) -> Self {
        let skip = self.s.len() - self.s.trim_start_matches(is_blank).len();
        if skip == 0 { self } else { self.slice(skip..self.s.len()) }
    }

    /// Without white space at the end.
    pub(crate) fn trim_end(mut self) -> Self {
        let keep = self.s.trim_end_matches(is_blank).len();
        if keep < self.s.len() {
            self = self.slice(0..keep);
        }
        self
    }

    pub(crate) fn trim(self) -> Self {
        self.trim_end().trim_start()
    }
}

/// What separates words: space, tab, form feed, line feed, carriage return, vertical tab.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c' | '\n' | '\r' | '\x0b')
}
