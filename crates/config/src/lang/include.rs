//! `include` and its strict relatives: which files a pattern stands for, and what must be there.

use crate::source::{Match, Source};

/// What an include insists on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Strictness {
    /// Every file that matches can be read.
    pub(crate) read: bool,
    /// A name without wildcards is there.
    pub(crate) matches: bool,
    /// A pattern with wildcards matches something.
    pub(crate) wildcard: bool,
    /// Each alternative between braces matches something.
    pub(crate) brace: bool,
}

impl Strictness {
    pub(crate) const NONE: Self = Self { read: false, matches: false, wildcard: false, brace: false };
    pub(crate) const ALL: Self = Self { read: true, matches: true, wildcard: true, brace: true };
    const READ: Self = Self { read: true, ..Self::NONE };
    const MATCH: Self = Self { matches: true, ..Self::READ };
    const WILDCARD: Self = Self { wildcard: true, ..Self::MATCH };
    const BRACE: Self = Self { brace: true, ..Self::READ };

    /// Both together.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            matches: self.matches || other.matches,
            wildcard: self.wildcard || other.wildcard,
            brace: self.brace || other.brace,
        }
    }

    /// Applies the words of `include_check`; without words everything is checked. `Err` is a word
    /// that isn't known.
    pub(crate) fn check<'w>(self, words: &[&'w str]) -> Result<Self, &'w str> {
        if words.is_empty() {
            return Ok(Self::ALL);
        }
        // Words with a sign change what holds; plain words replace it.
        let signed = words.iter().any(|word| word.starts_with(['+', '-']));
        let mut out = if signed { self } else { Self::NONE };
        for word in words {
            let (on, name) = match word.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, word.strip_prefix('+').unwrap_or(word)),
            };
            match name {
                "read" | "readable" => out.read = on,
                "match" => out.matches = on,
                "wildcard_match" => out.wildcard = on,
                "brace_match" => out.brace = on,
                _ => return Err(word),
            }
        }
        Ok(out)
    }
}

/// The keywords of the include family.
pub(crate) const KEYWORDS: &[(&str, Strictness)] = &[
    ("include", Strictness::NONE),
    ("includer", Strictness::READ),
    ("includem", Strictness::MATCH),
    ("includew", Strictness::WILDCARD),
    ("includeb", Strictness::BRACE),
    ("includea", Strictness::ALL),
];

/// How strict `word` is, if it includes files.
pub(crate) fn strictness(word: &str) -> Option<Strictness> {
    KEYWORDS.iter().find(|(keyword, _)| *keyword == word).map(|&(_, strict)| strict)
}

/// The most alternatives that braces may make of one pattern.
const MAX_ALTERNATIVES: usize = 1_000;

/// The alternatives of a pattern with `{a,b}`; nested braces work. `None` if there are too many.
pub(crate) fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(next) = todo.pop() {
        match split_braces(&next) {
            None => done.push(next),
            Some((before, choices, after)) => {
                todo.extend(choices.iter().rev().map(|choice| format!("{before}{choice}{after}")));
            }
        }
        if done.len() + todo.len() > MAX_ALTERNATIVES {
            return None;
        }
    }
    Some(done)
}

/// The first `{..}` of a pattern that has an end: what is before, its choices, what is after.
fn split_braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = pattern.find('{')?;
    let inside = pattern.get(open + 1..)?;
    let (mut depth, mut from, mut choices) = (0_usize, 0, Vec::new());
    for (i, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                choices.push(inside.get(from..i)?);
                return Some((pattern.get(..open)?, choices, inside.get(i + 1..)?));
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                choices.push(inside.get(from..i)?);
                from = i + 1;
            }
            _ => {}
        }
    }
    None
}

/// The files that a pattern stands for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Those to read, in order.
    pub(crate) files: Vec<Match>,
    /// What a strict include misses; the text completes "the include needs ..".
    pub(crate) missing: Option<String>,
}

/// Finds the files of `pattern` as seen from the directory `base`.
pub(crate) fn find(source: &dyn Source, pattern: &str, base: &str, strict: Strictness) -> Found {
    let Some(patterns) = alternatives(pattern) else {
        let missing = Some(format!("at most {MAX_ALTERNATIVES} alternatives between braces"));
        return Found { files: Vec::new(), missing };
    };
    let mut found = Found::default();
    let mut empty = Vec::new();
    for alternative in &patterns {
        let matches = source.glob(alternative, base);
        if matches.is_empty() {
            empty.push(alternative);
        }
        found.files.extend(matches);
    }
    let wild = pattern.contains(['*', '?', '[']);
    let nothing = found.files.is_empty();
    let insists = if nothing { if wild { strict.wildcard } else { strict.matches } } else { false };
    let insists = insists || (strict.brace && patterns.len() > 1);
    if let Some(alternative) = empty.first().filter(|_| insists) {
        found.missing = Some(format!("a file that matches `{alternative}`"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MapSource;

    #[test]
    fn braces_expand_in_order_and_nest() {
        assert_eq!(alternatives("a{b,c{d,e}}f").unwrap(), ["abf", "acdf", "acef"]);
        assert_eq!(alternatives("{x,}y").unwrap(), ["xy", "y"]);
        assert_eq!(alternatives("a{b").unwrap(), ["a{b"]);
        assert!(alternatives(&"{a,b}".repeat(30)).is_none(), "2^30 alternatives are refused");
    }

    #[test]
    fn each_strict_form_insists_on_what_its_name_says() {
        let source = MapSource::new().file("/d/a.conf", "").file("/d/b.conf", "");
        let missing = |word: &str, pattern: &str| {
            find(&source, pattern, "/d", strictness(word).unwrap()).missing.is_some()
        };
        for (word, name, wildcard, brace) in [
            ("include", false, false, false),
            ("includer", false, false, false),
            ("includem", true, false, false),
            ("includew", true, true, false),
            ("includeb", false, false, true),
            ("includea", true, true, true),
        ] {
            assert_eq!(missing(word, "none.conf"), name, "{word}");
            assert_eq!(missing(word, "n*.conf"), wildcard, "{word}");
            assert_eq!(missing(word, "{a,n}.conf"), brace, "{word}");
            assert!(!missing(word, "*.conf"), "{word}");
        }
    }

    #[test]
    fn include_check_sets_or_changes_what_is_checked() {
        assert_eq!(Strictness::NONE.check(&[]), Ok(Strictness::ALL));
        assert_eq!(Strictness::ALL.check(&["read"]), Ok(Strictness::READ));
        assert_eq!(Strictness::READ.check(&["+match"]), Ok(Strictness::MATCH));
        assert_eq!(Strictness::ALL.check(&["-brace_match", "-wildcard_match"]), Ok(Strictness::MATCH));
        assert_eq!(Strictness::NONE.check(&["read", "foo"]), Err("foo"));
    }
}
