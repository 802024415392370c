//! All keywords by block and name: what the parser and the documentation look things up in.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::block;
use crate::keyword::{Table, value};
use crate::lang::tree::{BlockId, Found, Grammar, Shape};

/// What a keyword does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// What it says.
    InEffect,
    /// Nothing yet, but it is checked and held in the model; the user is told.
    Pending,
    /// Nothing any more, in keepalived neither.
    Ignored,
}

/// A keyword, for documentation and completion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The block that it stands in: empty for the root, `vrrp_instance/authentication` for a block
    /// within a block.
    pub block: &'static str,
    /// The keyword.
    pub name: &'static str,
    /// What follows it.
    pub args: String,
    /// What holds without it.
    pub default: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// The release of keepalived that brought it, or what else is to be known of its age; often empty.
    pub since: &'static str,
    /// What it does.
    pub status: Status,
    shape: Shape,
}

impl Status {
    /// For people, in few words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::InEffect => "in effect",
            Self::Pending => "checked, not yet in effect",
            Self::Ignored => "no meaning",
        }
    }
}

impl Entry {
    /// The path of the block that the keyword opens, which is the [`Entry::block`] of the keywords inside;
    /// `None` if it opens none, or one with a value on each line.
    #[must_use]
    pub fn opens(&self) -> Option<&'static str> {
        let Shape::Block(id) = self.shape else { return None };
        let all = &Catalogue::get().entries;
        let inside = all.range((id, "")..(BlockId(id.0.saturating_add(1)), "")).next();
        inside.map(|(_, entry)| entry.block)
    }

    /// Whether the keyword opens a block with a value on each line.
    #[must_use]
    pub fn opens_values(&self) -> bool {
        self.shape == Shape::Values
    }
}

/// All keywords, with an index.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    blocks: BTreeMap<BlockId, &'static str>,
    entries: BTreeMap<(BlockId, &'static str), Entry>,
    /// What the parser asks for each line of a file: for each block its keywords, in the order of their
    /// first bytes.
    index: Vec<Vec<(u64, Found)>>,
}

/// The first eight bytes of a word, as a number.
fn head(word: &str) -> u64 {
    if let Some(bytes) = word.as_bytes().first_chunk() {
        return u64::from_be_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(word.bytes()) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}

/// Every keyword that is known, in the order of blocks and names.
pub fn keywords() -> impl Iterator<Item = &'static Entry> {
    Catalogue::get().entries.values()
}

impl Catalogue {
    /// The one catalogue.
    pub(crate) fn get() -> &'static Self {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        CATALOGUE.get_or_init(|| {
            let mut catalogue = Self::default();
            block::register(&mut catalogue);
            catalogue.index.iter_mut().for_each(|block| block.sort_unstable_by_key(|(head, _)| *head));
            catalogue
        })
    }

    /// Adds the keywords of a block that has effects.
    pub(crate) fn add<T>(&mut self, table: &Table<T>) {
        let before = self.blocks.insert(table.id, table.path);
        debug_assert!(before.is_none(), "{} has the id of another block", table.path);
        let place = |part, index| Some((u8::try_from(part).ok()?, u8::try_from(index).ok()?));
        let keywords = table.keywords.iter().enumerate().flat_map(|(number, part)| {
            let all = part.keywords.iter().enumerate();
            all.map(move |(index, keyword)| (keyword, part.pending, place(number, index)))
        });
        for (keyword, pending, place) in keywords {
            debug_assert!(place.is_some(), "{} has too many keywords", table.path);
            let status = match keyword.kind {
                super::Kind::Ignored(..) => Status::Ignored,
                _ if pending => Status::Pending,
                _ => Status::InEffect,
            };
            let entry = Entry {
                block: table.path,
                name: keyword.name,
                args: keyword.kind.args(),
                default: keyword.default,
                doc: keyword.doc,
                since: keyword.since,
                status,
                shape: keyword.kind.shape(),
            };
            self.add_to_index(table.id, Found { text: keyword.name, shape: entry.shape, place });
            let before = self.entries.insert((table.id, keyword.name), entry);
            debug_assert!(before.is_none(), "{} stands twice in {}", keyword.name, table.path);
        }
    }

    fn add_to_index(&mut self, block: BlockId, found: Found) {
        let block = usize::from(block.0);
        if self.index.len() <= block {
            self.index.resize(block + 1, Vec::new());
        }
        if let Some(keywords) = self.index.get_mut(block) {
            keywords.push((head(found.text), found));
        }
    }

    /// The keywords of one block.
    fn names(&self, block: BlockId) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.range((block, "")..(BlockId(block.0.saturating_add(1)), "")).map(|((_, name), _)| *name)
    }

    /// The blocks that know `keyword`.
    fn blocks_with(&self, keyword: &str) -> Vec<&'static str> {
        self.entries.values().filter(|e| e.name == keyword).map(|e| e.block).collect()
    }

    /// Whether `word` is a keyword, in any block.
    pub(crate) fn knows(word: &str) -> bool {
        !Self::get().blocks_with(word).is_empty()
    }

    /// Whether the words of `keyword` are those of a script, in any block.
    pub(crate) fn is_script(keyword: &str) -> bool {
        static SCRIPTS: OnceLock<Vec<&'static str>> = OnceLock::new();
        let scripts = SCRIPTS.get_or_init(|| {
            let all = Self::get().entries.values();
            all.filter(|e| e.shape == Shape::Script).map(|e| e.name).collect()
        });
        scripts.contains(&keyword)
    }
}

impl Grammar for &Catalogue {
    fn find(&self, block: BlockId, keyword: &str) -> Option<Found> {
        let keywords = self.index.get(usize::from(block.0))?;
        let head = head(keyword);
        let first = keywords.partition_point(|(known, _)| *known < head);
        let alike = keywords.iter().skip(first).take_while(|(known, _)| *known == head);
        alike.map(|(_, found)| found).find(|found| found.text == keyword).copied()
    }

    fn suggest(&self, block: BlockId, keyword: &str) -> Option<String> {
        if keyword.starts_with("//") || keyword.starts_with(';') || keyword.starts_with("--") {
            return Some("comments start with `#` or `!`".to_owned());
        }
        if let Some(near) = value::nearest(keyword, self.names(block)) {
            return Some(format!("did you mean `{near}`?"));
        }
        let elsewhere = self.blocks_with(keyword);
        let place = |path: &str| {
            if path.is_empty() { "outside of blocks".to_owned() } else { format!("in `{path}`") }
        };
        match elsewhere.as_slice() {
            [] => {
                let all = self.entries.keys().map(|(_, name)| *name).filter(|name| name.len() > 3);
                let near = value::nearest(keyword, all)?;
                let block = self.blocks_with(near).first().map_or_else(String::new, |path| place(path));
                Some(format!("did you mean `{near}`? It stands {block}"))
            }
            [one] => Some(format!("`{keyword}` stands {}", place(one))),
            [one, another, ..] => Some(format!("`{keyword}` stands {} or {}", place(one), place(another))),
        }
    }
}
