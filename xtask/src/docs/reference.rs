//! `docs/reference.md`: every keyword, block by block.

use std::fmt::Write as _;

use config::{Entry, Status};

use super::{by_block, said};

/// The language, which the manual page tells as well.
pub(super) const LANGUAGE: &str = include_str!("language.md");

/// The page.
pub(super) fn page() -> String {
    let mut out = String::from(HEAD);
    out.push_str(LANGUAGE);
    out.push_str("\n## Blocks\n\n");
    for block in by_block().keys() {
        let _ = writeln!(out, "- [{0}](#{1})", title(block), anchor(&title(block)));
    }
    for (block, entries) in by_block() {
        let _ = writeln!(out, "\n## {}\n", title(block));
        for entry in entries {
            out.push_str(&keyword(entry));
        }
    }
    out
}

/// What a block is called.
pub(super) fn title(block: &str) -> String {
    if block.is_empty() { "Outside of blocks".to_owned() } else { block.replace('/', " > ") }
}

/// The name that GitHub and its like give to a heading.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn keyword(e: &Entry) -> String {
    let args = if e.args.is_empty() { String::new() } else { format!(" {}", e.args) };
    let mut out = format!("- **`{}{args}`**: {}.", e.name, plain(e.doc.trim_end_matches('.')));
    if let Some(default) = said(e.default) {
        let _ = write!(out, " Default: `{default}`.");
    }
    if let Some(since) = said(e.since) {
        let _ = write!(out, " ({})", plain(since));
    }
    if e.status != Status::InEffect {
        let _ = write!(out, " *{}*", e.status.words());
    }
    if let Some(path) = e.opens() {
        let _ = write!(out, " See [{0}](#{1}).", title(path), anchor(&title(path)));
    }
    out + "\n"
}

/// Text that Markdown leaves as it is.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '_' | '`' | '<' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

const HEAD: &str = "\
# Reference of keepalived.conf

This page is made by `cargo xtask docs` from the table that the parser uses; so are the manual page `vipd.conf(5)` and
`vipd help KEYWORD`. Keywords are in effect if nothing else is said; [COMPATIBILITY.md](../COMPATIBILITY.md) tells the state of all.
Problems and their codes are in [diagnostics.md](diagnostics.md).

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_on_the_page_and_every_link_has_its_heading() {
        let page = page();
        assert_eq!(page.lines().filter(|line| line.starts_with("- **`")).count(), config::keywords().count());
        for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            let found =
                page.lines().any(|l| l.strip_prefix("## ").is_some_and(|title| anchor(title) == link));
            assert!(found, "there is no heading for {link}");
        }
    }
}
