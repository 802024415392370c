//! The arguments of a scenario's words: one reader and one writer for each type.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use base::{Duration, IfName, IpNet, Name};
use engine::io::Outcome;
use model::TrackerSource;

use crate::fault::Stranger;
use crate::lan::SegmentId;
use crate::node::NodeId;
use crate::world::World;

/// What can be named in the scenarios of a world.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// The nodes, in their order.
    pub nodes: Vec<NodeNames>,
    /// The segments, in their order.
    pub segments: Vec<Name>,
}

/// What can be named of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeNames {
    /// The node itself; its letter (A, B, C, ... by its place) is always understood, too.
    pub name: Name,
    /// Its interfaces.
    pub links: Vec<IfName>,
    /// Its scripts.
    pub scripts: Vec<Name>,
    /// Its tracked files.
    pub files: Vec<Name>,
    /// Its instances.
    pub instances: Vec<Name>,
}

impl Names {
    /// The names of a world.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let nodes = world.nodes().iter().map(|node| {
            let mut known = NodeNames {
                name: node.name.clone(),
                links: node.host.own_links().map(|(name, _)| name).collect(),
                scripts: Vec::new(),
                files: Vec::new(),
                instances: Vec::new(),
            };
            for model in &node.models {
                known.instances.extend(model.instances.iter().map(|i| i.protocol.name.clone()));
                for tracker in &model.trackers {
                    match tracker.source {
                        TrackerSource::Script(_) => known.scripts.push(tracker.name.clone()),
                        TrackerSource::File(_) => known.files.push(tracker.name.clone()),
                        TrackerSource::Interface(_) | TrackerSource::Process(_) | TrackerSource::Bfd(_) => {}
                    }
                }
            }
            known
        });
        Self {
            nodes: nodes.collect(),
            segments: world.lan().segments.iter().map(|s| s.name.clone()).collect(),
        }
    }
}

/// What is wrong with a line, and a way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// What is wrong.
    pub text: String,
    /// A way out.
    pub help: String,
}

impl Trouble {
    pub(super) fn new(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { text: text.into(), help: help.into() }
    }
}

/// The words of a line that were not read yet.
pub(super) struct Words<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<String>>,
    names: &'a Names,
    /// What the next word is, for messages.
    pub(super) label: &'static str,
    /// The node that was read last: interfaces and scripts are its.
    node: Option<NodeId>,
}

impl<'a> Words<'a> {
    pub(super) fn new(words: Vec<String>, names: &'a Names) -> Self {
        Self { words: words.into_iter().peekable(), names, label: "word", node: None }
    }

    pub(super) fn peek(&mut self) -> Option<&str> {
        self.words.peek().map(String::as_str)
    }

    pub(super) fn next(&mut self, label: &'static str) -> Result<String, Trouble> {
        self.words.next().ok_or_else(|| {
            Trouble::new(format!("the {label} is missing"), "`vipd simulate --words` shows how it is written")
        })
    }

    pub(super) fn end(&mut self) -> Result<(), Trouble> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(Trouble::new(format!("\"{word}\" is too much"), "remove it")),
        }
    }

    /// The next word if it is one of `known`.
    fn one_of<'n, T: Copy>(
        &mut self,
        known: impl Iterator<Item = (&'n str, T)> + Clone,
        whose: &str,
    ) -> Result<T, Trouble> {
        let label = self.label;
        let word = self.next(label)?;
        known.clone().find(|(name, _)| *name == word).map(|(_, value)| value).ok_or_else(|| {
            let all: Vec<&str> = known.map(|(name, _)| name).collect();
            let help = match all.as_slice() {
                [] => format!("{whose} has none"),
                all => format!("{whose} has {}", all.join(", ")),
            };
            Trouble::new(format!("there is no {label} \"{word}\""), help)
        })
    }

    fn of_node(&self) -> (&'a str, Option<&'a NodeNames>) {
        let known = self.node.and_then(|node| self.names.nodes.get(node.0));
        (known.map_or("nobody", |n| &*n.name), known)
    }
}

/// Splits a line into words; a word with spaces stands in quotes.
pub(super) fn split(line: &str) -> Result<Vec<String>, Trouble> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let word;
        (word, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or_else(|| Trouble::new("a quote is not closed", "add a \" after the word"))?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = rest.trim_start();
    }
    Ok(words)
}

/// Something that a line can say.
pub(super) trait Argument: Sized {
    /// Reads it.
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble>;

    /// Writes it so that [`Argument::read`] understands it.
    fn written(&self, names: &Names) -> String;
}

/// The letter of a node by its place.
fn letter(index: usize) -> &'static str {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    LETTERS.get(index..=index).unwrap_or("?")
}

impl Argument for NodeId {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        let nodes = &words.names.nodes;
        let named = nodes.iter().enumerate().map(|(at, node)| (&*node.name, Self(at)));
        let lettered = (0..nodes.len()).map(|at| (letter(at), Self(at)));
        let is_letter = |l: &str| nodes.iter().all(|node| *node.name != *l);
        let node =
            words.one_of(named.chain(lettered.filter(move |(l, _)| is_letter(l))), "the simulation")?;
        words.node = Some(node);
        Ok(node)
    }

    fn written(&self, names: &Names) -> String {
        names.nodes.get(self.0).map_or_else(|| letter(self.0).to_owned(), |node| quoted(&node.name))
    }
}

impl Argument for IfName {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        let (whose, known) = words.of_node();
        let links = known.map(|k| k.links.as_slice()).unwrap_or_default();
        words.one_of(links.iter().map(|link| (link.as_str(), *link)), whose)
    }

    fn written(&self, _: &Names) -> String {
        self.to_string()
    }
}

impl Argument for SegmentId {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        let segments = &words.names.segments;
        words.one_of(segments.iter().enumerate().map(|(at, name)| (&**name, Self(at))), "the simulation")
    }

    fn written(&self, names: &Names) -> String {
        names.segments.get(self.0).map_or_else(|| "?".to_owned(), |name| quoted(name))
    }
}

impl Argument for Name {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        let (whose, known) = words.of_node();
        let all = known.map(|k| match words.label {
            "script" => k.scripts.as_slice(),
            "file" => k.files.as_slice(),
            _ => k.instances.as_slice(),
        });
        words.one_of(all.unwrap_or_default().iter().map(|name| (&**name, name)), whose).cloned()
    }

    fn written(&self, _: &Names) -> String {
        quoted(self)
    }
}

fn quoted(name: &str) -> String {
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name.to_owned() }
}

/// Reads what [`FromStr`] reads.
fn plain<T: FromStr>(words: &mut Words<'_>, what: &str, example: &str) -> Result<T, Trouble> {
    let label = words.label;
    let word = words.next(label)?;
    word.parse()
        .map_err(|_| Trouble::new(format!("\"{word}\" is no {what}"), format!("write it as in {example}")))
}

macro_rules! plain {
    ($($type:ty, $what:literal, $example:literal;)*) => {$(
        impl Argument for $type {
            fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
                plain(words, $what, $example)
            }

            fn written(&self, _: &Names) -> String {
                self.to_string()
            }
        }
    )*};
}

plain! {
    IpAddr, "address", "192.0.2.10";
    IpNet, "address with a prefix length", "192.0.2.10/24";
    i32, "whole number", "-3";
    u32, "number", "3";
    usize, "number", "3";
    u8, "number up to 255", "3";
}

/// Units of time in nanoseconds.
const UNITS: &[(&str, u64)] =
    &[("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000)];

/// `10s`, `2.5s`, `250ms`, `20us`, `3min`.
pub fn read_time(word: &str) -> Option<Duration> {
    let (number, unit) = word.split_at(word.find(|c: char| c.is_ascii_alphabetic())?);
    let unit = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.len() > 9 || part.contains(['+', '-']) {
        return None;
    }
    let whole: u64 =
        if whole.is_empty() { 0 } else { whole.strip_prefix('+').map_or(whole, |_| "x").parse().ok()? };
    let digits = u32::try_from(part.len()).ok()?;
    let part: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let nanos = whole.checked_mul(unit)?.checked_add(part.checked_mul(unit)? / 10_u64.pow(digits))?;
    Some(Duration::from_nanos(nanos))
}

impl Argument for Duration {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        let label = words.label;
        let word = words.next(label)?;
        read_time(&word).ok_or_else(|| {
            Trouble::new(format!("\"{word}\" is no time"), "write it as in 10s, 2.5s or 250ms")
        })
    }

    fn written(&self, _: &Names) -> String {
        self.to_string()
    }
}

impl Argument for bool {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        words.one_of([("yes", true), ("no", false)].into_iter(), "the choice")
    }

    fn written(&self, _: &Names) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Argument for Outcome {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        let label = words.label;
        let word = words.next(label)?;
        let outcome = match word.split_once('=').unwrap_or((&word, "")) {
            ("ok", "") => Some(Self::Exited(0)),
            ("fails", "") => Some(Self::Exited(1)),
            ("timeout", "") => Some(Self::TimedOut),
            ("not-started", "") => Some(Self::NotStarted),
            ("exit", number) => number.parse().ok().map(Self::Exited),
            ("signal", number) => number.parse().ok().map(Self::Signaled),
            _ => None,
        };
        outcome.ok_or_else(|| {
            Trouble::new(
                format!("\"{word}\" is no outcome of a script"),
                "write ok, fails, exit=NUMBER, signal=NUMBER, timeout or not-started",
            )
        })
    }

    fn written(&self, _: &Names) -> String {
        match self {
            Self::Exited(0) => "ok".to_owned(),
            Self::Exited(1) => "fails".to_owned(),
            Self::Exited(n) => format!("exit={n}"),
            Self::Signaled(n) => format!("signal={n}"),
            Self::TimedOut => "timeout".to_owned(),
            Self::NotStarted => "not-started".to_owned(),
        }
    }
}

/// `SEGMENT NODE|all SOURCE DESTINATION TTL valid|invalid HEX`.
impl Argument for Arc<Stranger> {
    fn read(words: &mut Words<'_>) -> Result<Self, Trouble> {
        words.label = "segment";
        let segment = SegmentId::read(words)?;
        words.label = "node";
        let to = if words.peek() == Some("all") {
            words.next("node")?;
            None
        } else {
            Some(NodeId::read(words)?)
        };
        words.label = "source";
        let source = IpAddr::read(words)?;
        words.label = "destination";
        let destination = IpAddr::read(words)?;
        words.label = "TTL";
        let hop_limit = u8::read(words)?;
        words.label = "validity";
        let valid = words.one_of([("valid", true), ("invalid", false)].into_iter(), "the choice")?;
        let hex = words.next("packet")?;
        let bytes = read_hex(&hex).ok_or_else(|| {
            Trouble::new("the packet is not in hexadecimal digits", "write two digits for each byte")
        })?;
        Ok(Self::new(Stranger { segment, to, source, destination, hop_limit, bytes, valid }))
    }

    fn written(&self, names: &Names) -> String {
        let to = self.to.map_or_else(|| "all".to_owned(), |node| node.written(names));
        let valid = if self.valid { "valid" } else { "invalid" };
        let hex: String = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (segment, source) = (self.segment.written(names), &self.source as &dyn Display);
        format!("{segment} {to} {source} {} {} {valid} {hex}", self.destination, self.hop_limit)
    }
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit()) && text.len().is_multiple_of(2);
    let byte = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    digits.then(|| (0..text.len()).step_by(2).map(byte).collect())?
}
