//! The table of keywords, as the vipd under test tells it: `vipd help --format json`.

use std::path::Path;
use std::process::Command;

use lab::{LabError, Result};
use serde::Deserialize;

/// All keywords.
#[derive(Deserialize)]
pub(crate) struct Table {
    pub keywords: Vec<Keyword>,
}

/// One keyword, in one block.
#[derive(Clone, Deserialize)]
pub(crate) struct Keyword {
    /// The path of the block; empty for the root.
    pub block: String,
    #[serde(rename = "keyword")]
    pub name: String,
    /// What follows, for people.
    pub arguments: String,
    /// Such as `after 2.2.7`.
    pub remarks: String,
    /// The path of the block that it opens.
    pub opens: Option<String>,
    /// Whether it opens a block with a value on each line.
    pub opens_values: bool,
}

impl Table {
    pub(crate) fn of(vipd: &Path) -> Result<Self> {
        let failed = |e: String| LabError::Expectation(format!("the table of keywords: {e}"));
        let output = Command::new(vipd).args(["help", "--format", "json"]).output();
        let output = output.map_err(|e| failed(e.to_string()))?;
        let table: Self = serde_json::from_slice(&output.stdout).map_err(|e| failed(e.to_string()))?;
        if table.keywords.len() < 500 {
            return Err(failed(format!("{} keywords only", table.keywords.len())));
        }
        Ok(table)
    }

    /// Whether the installed keepalived may be too old for `keyword`.
    pub(crate) fn is_newer(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|k| k.name == keyword && !k.remarks.is_empty())
    }

    /// Whether `keyword` opens a block.
    pub(crate) fn opens(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|k| k.name == keyword && (k.opens.is_some() || k.opens_values))
    }
}

impl Keyword {
    /// Values that fit, and those at the borders of the range, made of what the table says about them.
    pub(crate) fn values(&self) -> Vec<String> {
        let mut values = if self.opens.is_some() || self.opens_values {
            let head = self.arguments.split('{').next().unwrap_or("");
            samples(head).into_iter().map(|head| format!("{head} {{\n }}").trim_start().to_owned()).collect()
        } else if let Some((low, high)) = range(&self.arguments) {
            let optional = self.arguments.starts_with('[').then(String::new);
            let near = borders(low, high);
            let more = self.arguments.contains("reverse").then(|| format!("{low} reverse"));
            optional.into_iter().chain(near).chain(more).collect()
        } else {
            samples(&self.arguments)
        };
        values.dedup();
        values
    }
}

/// The two numbers of `(LOW to HIGH UNIT)`.
fn range(arguments: &str) -> Option<(&str, &str)> {
    let (low, rest) = arguments.split_once('(')?.1.split_once(" to ")?;
    let high = rest.split([' ', ')']).next()?;
    Some((low, high))
}

/// Numbers at the borders of a range, and beside them.
fn borders(low: &str, high: &str) -> Vec<String> {
    let mut all = vec![low.to_owned(), high.to_owned(), "7".to_owned()];
    let beside = |text: &str, step: i64| Some(text.parse::<i64>().ok()?.checked_add(step)?.to_string());
    all.extend(beside(low, -1));
    all.extend(beside(high, 1));
    if low.contains('.') || high.contains('.') || low == "0" {
        all.push("1.5".to_owned());
    }
    all.retain(|value| value != "..");
    all
}

/// What stands for a word of a description.
const SAMPLES: &[(&str, &str)] = &[
    ("IF", "eth0"),
    ("NAME", "one"),
    ("NUMBER", "5"),
    ("SECONDS", "5"),
    ("MILLISECONDS", "500"),
    ("BYTES", "100"),
    ("ADDRESS", "192.0.2.9"),
    ("PORT", "80"),
    ("HOST", "192.0.2.9"),
    ("DOMAIN", "example.org"),
    ("COMMAND", "/bin/true"),
    ("USER", "root"),
    ("GROUP", "root"),
    ("PATH", "/tmp/x"),
    ("FILE", "/tmp/x"),
    ("DIRECTORY", "/tmp"),
    ("TEXT", "abcd"),
    ("NETMASK", "255.255.255.0"),
    ("LENGTH", "24"),
    ("MODE", "022"),
    ("TABLE", "t1"),
    ("CPU", "0"),
    ("HEX", "0a"),
    ("MD5", "0123456789abcdef0123456789abcdef"),
    ("PATTERN", "a.*b"),
    ("OPTION", "caseless"),
    ("PRIORITY", "100"),
    ("ID", "1"),
    ("START", "1"),
    ("MAX", "9"),
    ("N", "5"),
    ("INSTANCE", "VI_1"),
    ("SPECIFICATION", "unix:/tmp/agentx"),
    ("VS", "VS"),
];

/// Texts of the form that a description has: each alternative, with what may be left out and without.
fn samples(description: &str) -> Vec<String> {
    let mut all = Vec::new();
    for alternative in alternatives(description) {
        let (mut short, mut long, mut depth) = (String::new(), String::new(), 0_usize);
        let spaced = alternative.replace('[', " [ ").replace(']', " ] ");
        for word in spaced.split_whitespace() {
            match word {
                "[" => depth += 1,
                "]" => depth = depth.saturating_sub(1),
                ".." => {}
                word => {
                    let word = word.split('|').next().unwrap_or(word);
                    let sample = SAMPLES.iter().find(|(name, _)| *name == word).map_or(word, |(_, s)| s);
                    long += &format!(" {sample}");
                    if depth == 0 {
                        short += &format!(" {sample}");
                    }
                }
            }
        }
        all.push(short.trim().to_owned());
        all.push(long.trim().to_owned());
    }
    all.dedup();
    all
}

/// What a description has between its `|` outside of brackets.
fn alternatives(description: &str) -> Vec<String> {
    let whole = description.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(inside) = whole.filter(|inside| !inside.contains(['[', ']'])) {
        return std::iter::once(String::new())
            .chain(inside.split('|').map(|s| s.trim().to_owned()))
            .collect();
    }
    let (mut all, mut depth) = (vec![String::new()], 0_usize);
    for letter in description.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match all.last_mut() {
            Some(_) if letter == '|' && depth == 0 => all.push(String::new()),
            Some(last) => last.push(letter),
            None => {}
        }
    }
    all.into_iter().map(|s| s.trim().to_owned()).collect()
}
