//! `vipd.conf(5)`: every keyword as a manual page.

use std::fmt::Write as _;

use config::{Entry, Status};

use super::reference::{LANGUAGE, title};
use super::{by_block, said};

/// The page, for `man`.
pub(super) fn page() -> String {
    let mut out = String::from(HEAD);
    let mut fresh = true;
    for line in LANGUAGE.lines() {
        match (line.strip_prefix("## "), line.is_empty()) {
            (Some(title), _) => {
                let _ = writeln!(out, ".SH \"{}\"", roff(&title.to_uppercase()));
            }
            (None, true) if !fresh => out.push_str(".PP\n"),
            (None, true) => {}
            (None, false) => {
                let _ = writeln!(out, "{}", text(line));
            }
        }
        fresh = line.starts_with("## ");
    }
    for (block, entries) in by_block() {
        let _ = writeln!(out, ".SH \"{}\"", roff(&title(block).to_uppercase()));
        for entry in entries {
            out.push_str(&keyword(entry));
        }
    }
    out + TAIL
}

fn keyword(e: &Entry) -> String {
    let mut out = format!(".TP\n\\fB{}\\fR", roff(e.name));
    if !e.args.is_empty() {
        let _ = write!(out, " {}", roff(&e.args));
    }
    let _ = write!(out, "\n{}.", line(e.doc.trim_end_matches('.')));
    if let Some(default) = said(e.default) {
        let _ = write!(out, "\nDefault: {}.", roff(default));
    }
    if let Some(since) = said(e.since) {
        let _ = write!(out, "\nRemarks: {}.", roff(since));
    }
    if e.status != Status::InEffect {
        let _ = write!(out, "\n\\fI({})\\fR", roff(e.status.words()));
    }
    out + "\n"
}

/// Text without what `man` takes for commands.
fn roff(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq")
        .replace('`', "\\(ga")
        .replace('\'', "\\(aq")
}

/// A line of text, which must not begin like a command.
fn line(text: &str) -> String {
    let text = roff(text);
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

/// A line of Markdown: what stands between backquotes is bold.
fn text(markdown: &str) -> String {
    let parts = markdown.split('`').enumerate();
    let set =
        |(i, part): (usize, &str)| if i % 2 == 1 { format!("\\fB{}\\fR", roff(part)) } else { roff(part) };
    let text: String = parts.map(set).collect();
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

const HEAD: &str = "\
.\\\" Made by `cargo xtask docs` from the table of keywords.
.TH VIPD.CONF 5 \"\" \"vipd\" \"File formats\"
.SH NAME
vipd.conf, keepalived.conf \\- configuration of vipd
.SH DESCRIPTION
The configuration of
.BR vipd ,
which is that of keepalived:
.IR /etc/keepalived/keepalived.conf ,
or the file that
.B \\-f
names. Keywords are in effect if nothing else is said.
.PP
.B \"vipd check\"
tells all that is wrong with a file, and
.B \"vipd help\"
.I KEYWORD
what a keyword means.
";

const TAIL: &str = "\
.SH FILES
.I /etc/keepalived/keepalived.conf
.SH \"SEE ALSO\"
.BR keepalived (8)
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_on_the_page_and_no_text_is_a_command() {
        let page = page();
        assert_eq!(page.lines().filter(|line| *line == ".TP").count(), config::keywords().count());
        let commands = [".SH ", ".TP", ".PP", ".BR ", ".B ", ".IR ", ".I ", ".TH ", ".\\\""];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(commands.iter().any(|command| line.starts_with(command)), "{line}");
        }
    }

    #[test]
    fn signs_that_man_takes_for_its_own_are_written_otherwise() {
        assert_eq!(roff("a-b \\ \"c\""), "a\\-b \\e \\(dqc\\(dq");
        assert_eq!(line(".x"), "\\&.x");
        assert_eq!(text("say `-f` now"), "say \\fB\\-f\\fR now");
    }
}
