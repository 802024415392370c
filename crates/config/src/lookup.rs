//! The table of keywords for people who look something up: for help, and for editors.

use crate::keyword::{Entry, keywords, value};
use crate::lang::words::{self, Brace};

/// The keywords called `word`, in every block that knows one; or the one of a path like
/// `vrrp_instance/priority`.
pub fn entries(word: &str) -> impl Iterator<Item = &'static Entry> {
    let (block, name) = word.rsplit_once('/').map_or((None, word), |(block, name)| (Some(block), name));
    let block = block.map(str::to_owned);
    let name = name.to_owned();
    keywords().filter(move |e| e.name == name && block.as_deref().is_none_or(|block| e.block == block))
}

/// The keywords of the block at `path`; the path of the root is empty.
pub fn keywords_of(path: &str) -> impl Iterator<Item = &'static Entry> {
    let path = path.to_owned();
    keywords().filter(move |e| e.block == path)
}

/// The keyword that is spelled almost like `word`, in whatever block.
#[must_use]
pub fn similar_keyword(word: &str) -> Option<&'static str> {
    value::nearest(word, keywords().map(|e| e.name))
}

/// What stands before a place in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    /// The path of the block that the place lies in; `None` in a block that is not known, and between
    /// the braces of values.
    pub block: Option<&'static str>,
    /// The keyword of the line that the place lies in, if that stands before it.
    pub keyword: Option<String>,
}

/// Where the byte at `at` of `text` lies: in which block, and behind which keyword. This takes the text
/// as it is, without what includes and definitions make of it: for the moment in which somebody types.
#[must_use]
pub fn context(text: &str, at: usize) -> Context {
    let before = text.get(..at).unwrap_or(text);
    let mut open: Vec<Option<&'static str>> = Vec::new();
    // The keyword that a `{` belongs to, which may stand on a later line.
    let mut keyword: Option<String> = None;
    let mut in_line = false;
    for line in before.split('\n') {
        in_line = false;
        let code = without_comment(line);
        let mut rest = code;
        loop {
            let brace = words::find_brace(rest, 0, false);
            let piece = rest.get(..brace.map_or(rest.len(), |(at, _)| at)).unwrap_or("");
            if let Some(word) = first_word(piece) {
                // The word that ends at the place is still being typed.
                in_line = brace.is_some() || piece.trim_start().len() > word.len();
                keyword = Some(word.to_owned());
            }
            let Some((at, kind)) = brace else { break };
            match kind {
                Brace::Open => {
                    let outside = open.last().copied().unwrap_or(Some(""));
                    open.push(outside.zip(keyword.take()).and_then(|(block, word)| inside(block, &word)));
                }
                Brace::Close => {
                    open.pop();
                }
            }
            (keyword, in_line) = (None, false);
            rest = rest.get(at + 1..).unwrap_or("");
        }
        if code.len() < line.len() {
            // In a comment nothing is offered.
            in_line = true;
            continue;
        }
    }
    let block = open.last().copied().unwrap_or(Some(""));
    Context { block, keyword: keyword.filter(|_| in_line) }
}

/// The path of the block that `keyword` opens in `block`.
fn inside(block: &str, keyword: &str) -> Option<&'static str> {
    keywords_of(block).find(|e| e.name == keyword)?.opens()
}

/// A line up to its comment.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (i, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' | '!' if !quoted => return line.get(..i).unwrap_or(line),
            _ => {}
        }
    }
    line
}

/// The keyword of a line: its first word after a condition (`@left`) or a repetition (`~SEQ(..)`).
fn first_word(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    while rest.starts_with(['@', '~']) {
        let end =
            if rest.starts_with('~') { rest.find(')').map(|at| at + 1) } else { rest.find([' ', '\t']) };
        rest = rest.get(end?..)?.trim_start();
    }
    let word = words::first_word(rest);
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# { a comment\nglobal_defs {\n  router_id \"{\"\n}\nvrrp_instance VI_1\n{\n  prio\n  \
                        track_script { chk }\n  authentication {\n    auth_type \n  }\n  virtual_ipaddress {\n    \
                        192.0.2.1\n  }\n  @left state MA\n}\nbogus {\n x\n}\n ";

    fn after(needle: &str) -> (Option<&'static str>, Option<String>) {
        let at = TEXT.find(needle).unwrap() + needle.len();
        let Context { block, keyword } = context(TEXT, at);
        (block, keyword)
    }

    #[test]
    fn the_block_and_the_keyword_before_a_place_are_found() {
        let behind = |word: &str| Some(word.to_owned());
        assert_eq!(after("router_id \"{\""), (Some("global_defs"), behind("router_id")));
        assert_eq!(after("vrrp_inst"), (Some(""), None));
        assert_eq!(after("prio"), (Some("vrrp_instance"), None), "the brace may stand on the next line");
        assert_eq!(after("track_script { chk }\n"), (Some("vrrp_instance"), None));
        assert_eq!(after("auth_type "), (Some("vrrp_instance/authentication"), behind("auth_type")));
        assert_eq!(after("192.0.2"), (None, None), "a list of values knows no keywords");
        assert_eq!(after("state MA"), (Some("vrrp_instance"), behind("state")));
        assert_eq!(after("bogus {\n x"), (None, None));
        assert_eq!(after("x\n}\n "), (Some(""), None));
    }

    #[test]
    fn no_text_is_too_broken() {
        for text in ["", "}", "}}{", "{{{", "a {\n\"", "~SEQ(", "@", "@x", "\u{e9}{\u{e9}"] {
            for at in 0..=text.len() + 1 {
                let _ = context(text, at);
            }
        }
    }

    #[test]
    fn keywords_are_found_by_name_path_and_likeness() {
        let blocks: Vec<&str> = entries("priority").map(|e| e.block).collect();
        assert!(blocks.contains(&"vrrp_instance"));
        assert_eq!(entries("vrrp_instance/priority").count(), 1);
        assert_eq!(entries("none").count(), 0);
        assert_eq!(similar_keyword("prioritty"), Some("priority"));
        let instance = keywords_of("").find(|e| e.name == "vrrp_instance").unwrap();
        assert_eq!(instance.opens(), Some("vrrp_instance"));
        let old_name = keywords_of("").find(|e| e.name == "vrrp_track_file").unwrap();
        assert_eq!(old_name.opens(), Some("vrrp_track_file"));
    }
}
