//! The declarative table: one keyword, one entry.
//!
//! Every keyword stands in a table of [`crate::block`], with the function that takes its value. A part of
//! a table [is in effect](works) or [not yet](pending). Parsing, suggestions and documentation are all
//! made from these tables.

mod catalogue;
mod cx;
mod places;
pub(crate) mod value;

use std::net::IpAddr;

use base::Duration;

pub(crate) use catalogue::Catalogue;
pub use catalogue::{Entry, Status, keywords};
pub(crate) use cx::Cx;
pub(crate) use places::{Block, Places};

use crate::block::command::CommandDraft;
use crate::lang::tree::{BlockId, Line, Shape};
use crate::lang::{Body, Node, Word};

/// The keywords of a block, as they are read.
pub(crate) type Nodes<'p, 's> = crate::lang::tree::Nodes<'p, 's, &'static Catalogue>;

/// A keyword of a block whose settings are collected in a `T`.
pub(crate) struct Keyword<T: 'static> {
    pub(crate) name: &'static str,
    /// What follows the keyword, and what happens with it.
    pub(crate) kind: Kind<T>,
    /// What holds without it.
    pub(crate) default: &'static str,
    /// What it is for, in one line.
    pub(crate) doc: &'static str,
    /// The release of keepalived that brought it; empty if it is older than 2.2.7.
    pub(crate) since: &'static str,
}

/// What follows a keyword, and the function that takes it.
pub(crate) enum Kind<T: 'static> {
    /// Nothing.
    Flag(fn(&mut T)),
    /// `on`, `off`, ...; nothing is `on`.
    Switch(fn(&mut T, bool)),
    /// A whole number.
    Number { range: Range, set: fn(&mut T, i64) },
    /// Seconds with decimals.
    Seconds { range: SecondsRange, set: fn(&mut T, Duration) },
    /// Milliseconds with decimals, of a BFD session: at least so many.
    Milliseconds { least: u32, set: fn(&mut T, Duration) },
    /// One word, named in documentation.
    Word(&'static str, fn(&mut T, &Word, &mut Cx<'_>)),
    /// An address.
    Address(fn(&mut T, IpAddr, &Word, &mut Cx<'_>)),
    /// A command, with a user and a group if wanted.
    Script(fn(&mut T, CommandDraft)),
    /// Anything else on the line.
    Line(&'static str, fn(&mut T, &Node, &mut Cx<'_>)),
    /// One item per line between braces.
    Values(&'static str, fn(&mut T, &Node, &[Line], &mut Cx<'_>)),
    /// A block with a table of its own.
    Block(&'static str, BlockId, fn(&mut T, &Node, &mut Nodes<'_, '_>, &mut Cx<'_>)),
    /// It is accepted and means nothing any more; with so many words at least.
    Ignored(&'static str, usize),
    /// As [`Kind::Line`], and the parser itself acts on it.
    Special(&'static str, Shape, fn(&mut T, &Node, &mut Cx<'_>)),
}

/// The range of a whole number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) unit: &'static str,
    /// What happens to a number outside.
    pub(crate) outside: Outside,
}

/// What happens to a number outside its range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outside {
    /// The keyword is ignored.
    Ignore,
    /// The nearest number of the range is used.
    Clamp,
}

impl Range {
    pub(crate) const fn new(min: i64, max: i64, unit: &'static str) -> Self {
        Self { min, max, unit, outside: Outside::Ignore }
    }

    pub(crate) const fn clamped(self) -> Self {
        Self { outside: Outside::Clamp, ..self }
    }
}

/// The range of a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecondsRange {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    /// Decimals that are kept: 0, 3 or 6.
    pub(crate) decimals: u32,
    /// What happens outside.
    pub(crate) outside: Outside,
}

impl SecondsRange {
    pub(crate) const fn new(min: Duration, max: Duration, decimals: u32) -> Self {
        Self { min, max, decimals, outside: Outside::Ignore }
    }
}

/// The most of [`Kind::Milliseconds`]: what 32 bits of microseconds hold.
pub(crate) const MOST_MILLISECONDS: u32 = 4_294_967;

/// The keywords of one block.
pub(crate) struct Table<T: 'static> {
    /// The block's keyword, and its parents': `vrrp_instance/authentication`. The root is empty.
    pub(crate) path: &'static str,
    pub(crate) id: BlockId,
    pub(crate) keywords: &'static [Part<T>],
}

/// Some of the keywords of a block; they may stand in a file of their own.
pub(crate) struct Part<T: 'static> {
    pub(crate) keywords: &'static [Keyword<T>],
    /// Whether they do what they say. This is the one place that decides between [`Status::InEffect`]
    /// and [`Status::Pending`].
    pub(crate) pending: bool,
}

/// Keywords that do what they say.
pub(crate) const fn works<T>(keywords: &'static [Keyword<T>]) -> Part<T> {
    Part { keywords, pending: false }
}

/// Keywords that are checked and held in the model, while nothing acts on them yet: each is told once
/// ([`Cx::pending`]). The keywords within a block that is pending are not told on their own.
#[allow(dead_code, reason = "the blocks that need it come one by one")]
pub(crate) const fn pending<T>(keywords: &'static [Keyword<T>]) -> Part<T> {
    Part { keywords, pending: true }
}

impl<T> Kind<T> {
    fn shape(&self) -> Shape {
        match self {
            Self::Script(_) => Shape::Script,
            Self::Values(..) => Shape::Values,
            Self::Block(_, id, _) => Shape::Block(*id),
            Self::Special(_, shape, _) => *shape,
            _ => Shape::Line,
        }
    }

    /// What follows the keyword, for people.
    fn args(&self) -> String {
        match self {
            Self::Flag(_) => String::new(),
            Self::Switch(_) => "[on|off]".to_owned(),
            Self::Number { range, .. } => {
                let unit = if range.unit.is_empty() { String::new() } else { format!(" {}", range.unit) };
                format!("NUMBER ({} to {}{unit})", range.min, range.max)
            }
            Self::Seconds { range, .. } => {
                // The word says the unit.
                let bare = |time: Duration| time.to_string().trim_end_matches('s').to_owned();
                let max = if range.max == Duration::MAX { "..".to_owned() } else { bare(range.max) };
                format!("SECONDS ({} to {max})", bare(range.min))
            }
            Self::Milliseconds { least, .. } => format!("MILLISECONDS ({least} to {MOST_MILLISECONDS})"),
            Self::Address(_) => "ADDRESS".to_owned(),
            Self::Script(_) => "COMMAND [USER [GROUP]]".to_owned(),
            Self::Values(args, _) => format!("{{ {args} }}"),
            Self::Block("", ..) => "{ .. }".to_owned(),
            Self::Block(args, ..) => format!("{args} {{ .. }}"),
            Self::Word(args, _) | Self::Line(args, _) | Self::Ignored(args, _) | Self::Special(args, ..) => {
                (*args).to_owned()
            }
        }
    }
}

impl<T> Table<T> {
    /// Applies the keywords of a block, in order.
    pub(crate) fn apply(&self, target: &mut T, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
        while let Some(node) = nodes.next() {
            if let Some(places) = &mut cx.places {
                places.enter(&node);
            }
            let mut inside = nodes.inside(&node);
            self.apply_one(target, &node, &mut inside, cx);
            inside.finish();
            if let Some(places) = &mut cx.places {
                places.leave();
            }
        }
    }

    /// Applies one keyword.
    fn apply_one(&self, target: &mut T, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
        let known = node.keyword.place.and_then(|(part, index)| {
            let part = self.keywords.get(usize::from(part))?;
            Some((part.keywords.get(usize::from(index))?, part.pending))
        });
        debug_assert!(known.is_none_or(|(keyword, _)| keyword.name == node.keyword.text), "another table");
        match known {
            Some((keyword, false)) => keyword.apply(target, node, nodes, cx),
            Some((keyword, true)) => {
                cx.pending(self.path, node);
                cx.within_pending += 1;
                keyword.apply(target, node, nodes, cx);
                cx.within_pending -= 1;
            }
            // The parser knows only keywords of tables.
            None => {}
        }
    }
}

impl<T> Keyword<T> {
    fn apply(&self, target: &mut T, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
        // The word that must be there, and how many may be.
        let most = match &self.kind {
            Kind::Flag(_) => 0,
            Kind::Switch(_)
            | Kind::Number { .. }
            | Kind::Seconds { .. }
            | Kind::Milliseconds { .. }
            | Kind::Word(..)
            | Kind::Address(_) => 1,
            Kind::Script(_) => 3,
            Kind::Values(..) => 0,
            Kind::Line(..) | Kind::Block(..) | Kind::Ignored(..) | Kind::Special(..) => usize::MAX,
        };
        if let Some(extra) = node.words.get(most) {
            cx.extra(node, extra);
        }
        match (&self.kind, node.words.first()) {
            (Kind::Flag(set), _) => set(target),
            (Kind::Switch(set), None) => set(target, true),
            (Kind::Switch(set), Some(word)) => {
                if let Some(on) = cx.switch(node, word) {
                    set(target, on);
                }
            }
            (Kind::Line(_, set) | Kind::Special(_, _, set), _) => set(target, node, cx),
            (Kind::Ignored(_, least), _) => {
                if node.words.len() < *least {
                    cx.missing(node, node.words.len() + 2);
                } else {
                    cx.ignored(node, self.doc);
                }
            }
            (Kind::Values(_, set), _) => match &node.body {
                Body::Values(lines) => set(target, node, lines, cx),
                _ => set(target, node, &[], cx),
            },
            (Kind::Block(_, _, set), _) => set(target, node, nodes, cx),
            (
                Kind::Number { .. }
                | Kind::Seconds { .. }
                | Kind::Milliseconds { .. }
                | Kind::Word(..)
                | Kind::Address(_)
                | Kind::Script(_),
                None,
            ) => {
                cx.missing(node, 2);
            }
            (Kind::Number { range, set }, Some(word)) => {
                if let Some(number) = cx.number(node.keyword.text, word, *range) {
                    set(target, number);
                }
            }
            (Kind::Seconds { range, set }, Some(word)) => {
                if let Some(time) = cx.seconds(node.keyword.text, word, *range) {
                    set(target, time);
                }
            }
            (Kind::Milliseconds { least, set }, Some(word)) => {
                if let Some(time) = cx.milliseconds(node.keyword.text, word, *least) {
                    set(target, time);
                }
            }
            (Kind::Word(_, set), Some(word)) => set(target, word, cx),
            (Kind::Address(set), Some(word)) => {
                if let Some(address) = cx.address(node.keyword.text, word) {
                    set(target, address, word, cx);
                }
            }
            (Kind::Script(set), Some(_)) => set(target, CommandDraft::new(node)),
        }
    }
}
