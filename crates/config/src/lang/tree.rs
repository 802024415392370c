//! Items to nodes: a keyword, its words, and what stands between its braces.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic};
use crate::lang::reader::{Item, Known, Reader, expand};
use crate::lang::text::Text;
use crate::lang::words;
use crate::secret::masked;
use crate::span::{Span, to_u32};

/// How deeply braces may nest; no block that means something lies deeper than 4.
const MAX_DEPTH: usize = 256;

/// A word of the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    /// Its text, without quotes.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) span: Span,
}

impl Word {
    /// Its text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// A word that the grammar knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Keyword {
    /// Its text.
    pub(crate) text: &'static str,
    /// Where it stands.
    pub(crate) span: Span,
    /// Where its meaning stands.
    pub(crate) place: Place,
}

impl From<Keyword> for Word {
    fn from(keyword: Keyword) -> Self {
        Self { text: keyword.text.to_owned(), span: keyword.span }
    }
}

/// Where a keyword stands in the table of its block: which part of the table, and which entry of that
/// part.
pub(crate) type Place = Option<(u8, u8)>;

/// A keyword with everything that belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Node {
    /// The keyword.
    pub(crate) keyword: Keyword,
    /// The words after it.
    pub(crate) words: Vec<Word>,
    /// What stands between its braces.
    pub(crate) body: Body,
    /// From the keyword to the last word.
    pub(crate) line: Span,
}

/// What stands between braces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Body {
    /// The keyword has no braces.
    None,
    /// Keywords of this block: they are read from [`Nodes::inside`].
    Block(BlockId),
    /// One line of values each.
    Values(Vec<Line>),
}

/// A line of a value block; it has at least one word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// The first word.
    pub(crate) first: Word,
    /// The words after it.
    pub(crate) rest: Vec<Word>,
}

/// A block of the grammar, by a number that only the grammar understands; 0 is the root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct BlockId(pub(crate) u16);

impl BlockId {
    pub(crate) const ROOT: Self = Self(0);
}

/// What may follow a keyword.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Words.
    Line,
    /// Words in which both quotes work.
    Script,
    /// A block of keywords.
    Block(BlockId),
    /// A block of values.
    Values,
    /// Sets how strict the includes of the rest of the file are.
    IncludeCheck,
    /// Sets the seed of random numbers.
    RandomSeed,
}

/// What a grammar knows of a keyword.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) text: &'static str,
    pub(crate) shape: Shape,
    pub(crate) place: Place,
}

/// Which keywords there are.
pub(crate) trait Grammar {
    /// What `keyword` is in `block`; `None` if there is no such keyword.
    fn find(&self, block: BlockId, keyword: &str) -> Option<Found>;

    /// A way out for somebody who wrote the unknown `keyword` in `block`.
    fn suggest(&self, block: BlockId, keyword: &str) -> Option<String>;
}

/// Items to nodes.
pub(crate) struct Parser<'s, G> {
    pub(crate) reader: Reader<'s>,
    grammar: G,
    peeked: Option<Item>,
    /// Braces of blocks that are not closed yet.
    open: Vec<Span>,
    /// What was suggested for which words: a sequence may repeat one ever so often.
    suggested: BTreeMap<(BlockId, String), Option<String>>,
}

/// The keywords of a block, one after the other, as they are read.
pub(crate) struct Nodes<'p, 's, G> {
    parser: &'p mut Parser<'s, G>,
    block: BlockId,
    /// Whether its end has come.
    done: bool,
}

impl<'s, G: Grammar> Nodes<'_, 's, G> {
    /// The next keyword. What stands in its block has to be read before the one after it.
    pub(crate) fn next(&mut self) -> Option<Node> {
        if self.done {
            return None;
        }
        let node = self.parser.step(self.block);
        self.done = node.is_none();
        node
    }

    /// What stands in the block of `node`, which was read last.
    pub(crate) fn inside(&mut self, node: &Node) -> Nodes<'_, 's, G> {
        match node.body {
            Body::Block(block) => Nodes { parser: self.parser, block, done: false },
            Body::None | Body::Values(_) => Nodes { parser: self.parser, block: self.block, done: true },
        }
    }

    /// Passes over what nobody wanted to know.
    pub(crate) fn finish(mut self) {
        while let Some(node) = self.next() {
            self.inside(&node).finish();
        }
    }
}

impl<'s, G: Grammar> Parser<'s, G> {
    pub(crate) fn new(reader: Reader<'s>, grammar: G) -> Self {
        let (open, suggested) = (Vec::new(), BTreeMap::new());
        Self { reader, grammar, peeked: None, open, suggested }
    }

    /// The keywords of the root.
    pub(crate) fn root(&mut self) -> Nodes<'_, 's, G> {
        Nodes { parser: self, block: BlockId::ROOT, done: false }
    }

    fn item(&mut self) -> Option<Item> {
        self.peeked.take().or_else(|| self.reader.next_item())
    }

    fn peek(&mut self) -> Option<&Item> {
        if self.peeked.is_none() {
            self.peeked = self.reader.next_item();
        }
        self.peeked.as_ref()
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.reader.diagnostics.push(diagnostic);
    }

    /// The next keyword of `block`; `None` at its end.
    fn step(&mut self, block: BlockId) -> Option<Node> {
        loop {
            let node = match self.item() {
                None => {
                    if block != BlockId::ROOT {
                        self.never_closed();
                    }
                    return None;
                }
                Some(Item::Open(span)) => {
                    self.stray_open(span);
                    continue;
                }
                Some(Item::Close(span)) => {
                    if self.open.pop().is_some() {
                        return None;
                    }
                    self.stray_close(span);
                    continue;
                }
                Some(Item::Plain(plain)) => self.plain_node(block, plain),
                Some(Item::Words(text)) => self.node(block, &text),
            };
            if node.is_some() {
                return node;
            }
        }
    }

    /// Reads a keyword and its values. `None` if the keyword isn't known.
    fn plain_node(&mut self, block: BlockId, plain: Span) -> Option<Node> {
        let mut words = PlainWords { text: self.reader.map.snippet(plain), at: plain };
        let (keyword, span) = words.next()?;
        let Some(found) = self.grammar.find(block, keyword) else {
            let keyword = keyword.to_owned();
            self.unknown(block, &keyword, span);
            return None;
        };
        let words = words.map(|(text, span)| Word { text: text.to_owned(), span }).collect();
        Some(self.with_body(found, span, words, plain))
    }

    fn stray_open(&mut self, span: Span) {
        let d = Diagnostic::new(Code::STRAY_OPEN, "this `{` does not belong here and is ignored")
            .at(span)
            .label("no block starts here")
            .help("remove it, and the `}` that belongs to it")
            .log("Unexpected '{' - ignoring");
        self.report(d);
    }

    fn stray_close(&mut self, span: Span) {
        let d = Diagnostic::new(Code::STRAY_CLOSE, "this `}` closes nothing")
            .at(span)
            .label("no block is open here")
            .help("remove it, or add the `{` that it should close")
            .log("Extra '}' found");
        self.report(d);
    }

    /// Reads a keyword and its body. `None` if the keyword isn't known.
    fn node(&mut self, block: BlockId, text: &Text) -> Option<Node> {
        let (raw, _) = words::plain(text.as_str());
        let first = raw.first()?;
        let Some(found) = self.grammar.find(block, &first.text) else {
            let span = text.span(first.start..first.end, &self.reader.map);
            self.unknown(block, &first.text, span);
            return None;
        };
        let words = self.words(text, found.shape == Shape::Script);
        // keepalived passes over a command whose quotation has no end; it was told by the reader.
        if found.shape == Shape::Script && ends_in_quotation(text.as_str()) {
            return None;
        }
        let mut words = words.into_iter();
        let span = words.next()?.span;
        let line = text.whole(&self.reader.map);
        Some(self.with_body(found, span, words.collect(), line))
    }

    /// Does what the parser itself has to do about a keyword, and opens its block.
    fn with_body(&mut self, found: Found, span: Span, words: Vec<Word>, line: Span) -> Node {
        let Found { text, shape, place } = found;
        let keyword = Keyword { text, span, place };
        match shape {
            Shape::IncludeCheck => {
                let texts: Vec<&str> = words.iter().map(Word::as_str).collect();
                if let Err(word) = self.reader.check_includes(&texts) {
                    let span = words.iter().find(|w| w.text == word).map_or(line, |w| w.span);
                    let d = Diagnostic::new(Code::VALUE, format!("`{word}` is not something that an include can check"))
                        .at(span)
                        .help("use `read`, `match`, `wildcard_match` and `brace_match`, each with `+` or `-` before it if wanted");
                    self.report(d);
                }
            }
            Shape::RandomSeed => {
                if let Some(seed) = words.first().and_then(|w| w.text.parse().ok()) {
                    self.reader.set_seed(seed);
                }
            }
            _ => {}
        }
        let body = match shape {
            Shape::Block(inner) => {
                self.enter(&keyword);
                Body::Block(inner)
            }
            Shape::Values => {
                self.enter(&keyword);
                Body::Values(self.values())
            }
            _ => Body::None,
        };
        Node { keyword, words, body, line }
    }

    /// Splits a line; an open quotation is told here for scripts only, as the reader of lines
    /// knows the others.
    fn words(&mut self, text: &Text, script: bool) -> Vec<Word> {
        let (raw, open) = if script { words::quoted(text.as_str()) } else { words::plain(text.as_str()) };
        if let Some(words::OpenQuote(at)) = open.filter(|_| script)
            && text.as_str().get(at..=at) == Some("'")
        {
            let d = Diagnostic::new(Code::QUOTE, "this quotation has no end on its line")
                .at(text.span(at..at + 1, &self.reader.map))
                .label("it starts here")
                .help("add the closing `'`, or put the command between double quotes")
                .log(format!("Unmatched quote: '{}'", masked(text.as_str())));
            self.report(d);
        }
        if !script {
            self.undefined(text);
        }
        // Nor does it use a word whose quotation has no end.
        let used = if open.is_some() && !script { raw.len().saturating_sub(1).max(1) } else { raw.len() };
        let map = &self.reader.map;
        raw.into_iter()
            .take(used)
            .map(|w| Word { span: text.span(w.start..w.end, map), text: w.text })
            .collect()
    }

    /// Tells names that nobody has defined; keepalived leaves them as they are. Scripts are for the
    /// shell, which has names of its own.
    fn undefined(&mut self, text: &Text) {
        for (name, place) in expand::references(text.as_str()) {
            let (message, help) = match self.reader.kind_of(name) {
                Known::Nowhere if name.starts_with('_') => (
                    format!("there is no predefined name `{name}`"),
                    "see the manual for the names that start with `_`".to_owned(),
                ),
                Known::Nowhere => (
                    format!("nobody has defined `${name}`"),
                    format!("write `${name}=VALUE` on a line before this one"),
                ),
                Known::SeveralLines => (
                    format!("`${name}` has several lines, and is replaced only at the end of a line"),
                    "end the line after it".to_owned(),
                ),
                // It was told why it is still there.
                Known::OneLine => continue,
            };
            let place = text.span(place, &self.reader.map);
            self.report(
                Diagnostic::new(Code::UNDEFINED, message).at(place).label("left as it is").help(help),
            );
        }
    }

    /// Takes the `{` of a block.
    fn enter(&mut self, keyword: &Keyword) {
        if let Some(&Item::Open(span)) = self.peek() {
            self.peeked = None;
            self.open.push(span);
            return;
        }
        let mut d =
            Diagnostic::new(Code::NO_OPEN, format!("`{}` starts a block, but no `{{` follows", keyword.text))
                .at(keyword.span)
                .label("a `{` must follow")
                .help("add ` {` at the end of this line")
                .log("Missing '{' at beginning of configuration block");
        let next = match self.peek() {
            Some(Item::Words(text)) => Some(text.clone()),
            Some(&Item::Plain(plain)) => Some(self.reader.text_of(plain)),
            _ => None,
        };
        if let Some(next) = next {
            d = d.other(next.whole(&self.reader.map), "this is read as part of the block");
        }
        self.report(d);
        self.open.push(keyword.span);
    }

    /// The end of everything came before the end of the block that was opened last.
    fn never_closed(&mut self) {
        let missing = self.open.len();
        let Some(span) = self.open.first().copied() else { return };
        let innermost = self.open.last().copied().unwrap_or(span);
        self.open.clear();
        let mut d = Diagnostic::new(
            Code::NO_CLOSE,
            format!("{missing} `}}` missing at the end of the configuration"),
        )
        .at(innermost)
        .label("this block is never closed")
        .help("add the missing `}` where the block should end")
        .bare_log(format!("There are {missing} missing '}}'s or extra '{{'s"));
        if innermost != span {
            d = d.other(span, "nor is this one");
        }
        self.report(d);
    }

    /// The lines of a value block.
    fn values(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        loop {
            match self.item() {
                None => {
                    self.never_closed();
                    return lines;
                }
                Some(Item::Close(_)) => {
                    self.open.pop();
                    return lines;
                }
                Some(Item::Open(span)) => self.stray_open(span),
                Some(Item::Plain(plain)) => {
                    let words = PlainWords { text: self.reader.map.snippet(plain), at: plain };
                    let mut words = words.map(|(text, span)| Word { text: text.to_owned(), span });
                    if let Some(first) = words.next() {
                        lines.push(Line { first, rest: words.collect() });
                    }
                }
                Some(Item::Words(text)) => {
                    let mut words = self.words(&text, false).into_iter();
                    if let Some(first) = words.next() {
                        lines.push(Line { first, rest: words.collect() });
                    }
                }
            }
        }
    }

    /// Reports an unknown keyword, and skips its block.
    fn unknown(&mut self, block: BlockId, keyword: &str, span: Span) {
        let mut d = Diagnostic::new(Code::UNKNOWN_KEYWORD, format!("unknown keyword `{keyword}`"))
            .at(span)
            .log(format!("Unknown keyword '{keyword}'"));
        let opens = matches!(self.peek(), Some(Item::Open(_)));
        d = d.label(if opens { "this block is ignored" } else { "this line is ignored" });
        let belongs_to_root = block != BlockId::ROOT && self.grammar.find(BlockId::ROOT, keyword).is_some();
        if belongs_to_root {
            d = d.help(format!(
                "`{keyword}` cannot stand inside another block: a `}}` is probably missing before it"
            ));
            if let Some(&open) = self.open.last() {
                d = d.other(open, "this block is still open");
            }
        } else if let Some(help) = self.suggestion(block, keyword) {
            d = d.help(help);
        } else {
            d = d.help("correct the word, or remove it");
        }
        self.report(d);
        if opens {
            self.skip_block();
        }
    }

    /// The grammar's way out; the search for one takes longer than everything else.
    fn suggestion(&mut self, block: BlockId, keyword: &str) -> Option<String> {
        if self.reader.diagnostics.is_full() {
            return None;
        }
        let Self { grammar, suggested, .. } = self;
        let known = suggested.entry((block, keyword.to_owned()));
        known.or_insert_with(|| grammar.suggest(block, keyword)).clone()
    }

    /// Skips from `{` to its `}`.
    fn skip_block(&mut self) {
        let outside = self.open.len();
        loop {
            match self.item() {
                None => {
                    self.never_closed();
                    return;
                }
                Some(Item::Open(span)) if self.open.len() > MAX_DEPTH => {
                    let d = Diagnostic::new(
                        Code::NESTING,
                        format!("braces nest more than {MAX_DEPTH} deep; no more is read"),
                    )
                    .at(span)
                    .label("one too many")
                    .help("close the blocks that were opened before this one");
                    self.reader.give_up(d);
                    return;
                }
                Some(Item::Open(span)) => self.open.push(span),
                Some(Item::Close(_)) => {
                    self.open.pop();
                    if self.open.len() <= outside {
                        return;
                    }
                }
                Some(Item::Words(_) | Item::Plain(_)) => {}
            }
        }
    }
}

/// The words of a plain line.
struct PlainWords<'t> {
    /// What is left of the line.
    text: &'t str,
    /// Its place.
    at: Span,
}

impl<'t> Iterator for PlainWords<'t> {
    type Item = (&'t str, Span);

    fn next(&mut self) -> Option<Self::Item> {
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r');
        let skip = self.text.bytes().take_while(blank).count();
        let rest = self.text.get(skip..).filter(|rest| !rest.is_empty())?;
        let (word, rest) = rest.split_at_checked(rest.bytes().take_while(|b| !blank(b)).count())?;
        let start = self.at.start + to_u32(skip);
        let end = start + to_u32(word.len());
        self.text = rest;
        self.at.start = end;
        Some((word, Span { start, end, ..self.at }))
    }
}

/// Whether the command of a line has a `"` without its partner.
fn ends_in_quotation(line: &str) -> bool {
    let (_, open) = words::quoted(line);
    open.is_some_and(|words::OpenQuote(at)| line.get(at..=at) == Some("\""))
}
