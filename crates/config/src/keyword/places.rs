//! Where each keyword stands, noted on wish: what looks at a configuration as a whole points at keywords
//! whose values alone are kept.

use std::collections::BTreeMap;

use crate::lang::{Body, Node};
use crate::span::Span;

/// Every keyword and every line of values, in the order in which they were read.
#[derive(Debug)]
pub(crate) struct Places {
    list: Vec<Placed>,
    /// The blocks that are open, as indices; the first stands for the file.
    open: Vec<usize>,
    /// Blocks by keyword and first word: `vrrp_instance VI_1`.
    named: BTreeMap<(&'static str, Box<str>), usize>,
    /// Blocks by the places of their heads, their keywords and their first words.
    at: BTreeMap<Span, usize>,
}

#[derive(Debug)]
struct Placed {
    /// The block around it.
    parent: usize,
    /// Empty for a line of values.
    keyword: &'static str,
    /// The first word of a line of values; else empty.
    first: Box<str>,
    /// From the keyword to the last word.
    line: Option<Span>,
}

impl Default for Places {
    fn default() -> Self {
        let file = Placed { parent: 0, keyword: "", first: Box::default(), line: None };
        Self { list: vec![file], open: vec![0], named: BTreeMap::new(), at: BTreeMap::new() }
    }
}

impl Places {
    /// Notes a keyword and, if it has values, their lines. What follows stands in its block until
    /// [`Places::leave`].
    pub(crate) fn enter(&mut self, node: &Node) {
        let parent = self.open.last().copied().unwrap_or(0);
        let index = self.list.len();
        let keyword = node.keyword.text;
        self.list.push(Placed { parent, keyword, first: Box::default(), line: Some(node.line) });
        self.open.push(index);
        match &node.body {
            Body::Block(_) => {
                self.at.insert(node.line, index);
                self.at.insert(node.keyword.span, index);
                if let Some(word) = node.words.first() {
                    self.at.insert(word.span, index);
                    self.named.entry((keyword, word.text.as_str().into())).or_insert(index);
                }
            }
            Body::Values(lines) => self.list.extend(lines.iter().map(|line| Placed {
                parent: index,
                keyword: "",
                first: line.first.text.as_str().into(),
                line: Some(line.first.span),
            })),
            Body::None => {}
        }
    }

    /// Ends the block of the last keyword that was noted.
    pub(crate) fn leave(&mut self) {
        self.open.pop();
    }

    /// The first block `keyword NAME`.
    pub(crate) fn named(&self, keyword: &'static str, name: &str) -> Option<Block<'_>> {
        let index = self.named.get(&(keyword, Box::from(name))).copied()?;
        Some(Block { places: self, index })
    }

    /// The last block `keyword` that has no name.
    pub(crate) fn named_alone(&self, keyword: &str) -> Option<Block<'_>> {
        Block { places: self, index: 0 }.keyword(keyword)
    }

    /// The block whose head, keyword or first word stands at `span`.
    pub(crate) fn block_at(&self, span: Span) -> Option<Block<'_>> {
        self.at.get(&span).map(|&index| Block { places: self, index })
    }
}

/// A block, or a keyword with lines of values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'p> {
    places: &'p Places,
    index: usize,
}

impl<'p> Block<'p> {
    /// Its head: the keyword and the words before the brace.
    pub(crate) fn head(self) -> Option<Span> {
        self.places.list.get(self.index).and_then(|placed| placed.line)
    }

    /// The last `keyword` in it: usually the one that counts.
    pub(crate) fn keyword(self, keyword: &str) -> Option<Self> {
        self.inside().filter(|(_, placed)| placed.keyword == keyword).last().map(|(block, _)| block)
    }

    /// Where the line for `keyword` stands; the head if there is none.
    pub(crate) fn place_of(self, keyword: &str) -> Option<Span> {
        self.keyword(keyword).unwrap_or(self).head()
    }

    /// The line of values below any of `keywords` whose first word is meant by `is`.
    pub(crate) fn value(self, keywords: &[&str], is: impl Fn(&str) -> bool) -> Option<Span> {
        let lists = self.inside().filter(|(_, placed)| keywords.contains(&placed.keyword));
        let mut lines = lists.flat_map(|(list, _)| list.inside());
        lines
            .find(|(_, placed)| placed.keyword.is_empty() && is(&placed.first))
            .and_then(|(line, _)| line.head())
    }

    /// What stands directly in it.
    fn inside(self) -> impl Iterator<Item = (Self, &'p Placed)> {
        let (places, index) = (self.places, self.index);
        let after = places.list.iter().enumerate().skip(index + 1);
        after
            .take_while(move |(_, placed)| placed.parent >= index)
            .filter(move |(_, placed)| placed.parent == index)
            .map(move |(index, placed)| (Self { places, index }, placed))
    }
}
