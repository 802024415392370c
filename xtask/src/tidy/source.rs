//! Rules about Rust tokens. Comments and strings are no tokens, so they cannot be mistaken for code.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Finding;

/// Crates that must be `#![no_std]`: what they cannot name, they cannot do.
const NO_STD: &[&str] = &["base", "wire", "vrrp", "bfd", "check"];
/// Crates with integer arithmetic only.
const NO_FLOATS: &[&str] = &["base", "wire", "vrrp", "bfd", "check", "model", "config", "engine"];
/// Crates without `as` casts, which lose bits silently.
const NO_CASTS: &[&str] = &["base", "wire", "vrrp", "bfd", "check", "model", "engine"];
/// The only crate with `unsafe`.
const UNSAFE: &str = "linux";

/// Findings for one Rust file.
pub(super) fn check(path: &str, content: &str) -> Vec<Finding> {
    let stream = match TokenStream::from_str(content) {
        Ok(stream) => stream,
        Err(e) => {
            let message = format!("not Rust: {e}");
            return vec![Finding { path: path.to_owned(), line: e.span().start().line, message }];
        }
    };
    let in_crate = path.strip_prefix("crates/").and_then(|p| p.split_once('/')).map_or("", |(name, _)| name);
    let mut walk = Walk {
        path,
        floats_banned: NO_FLOATS.contains(&in_crate),
        casts_banned: NO_CASTS.contains(&in_crate),
        unsafe_banned: in_crate != UNSAFE,
        findings: Vec::new(),
    };
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    if NO_STD.contains(&in_crate) && path == format!("crates/{in_crate}/src/lib.rs") && !has_no_std(&tokens) {
        walk.find(0, format!("the core {in_crate} must say #![no_std]"));
    }
    let test_file = path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("tests/");
    walk.tokens(&tokens, Place { test: test_file, ..Place::default() });
    walk.findings.sort_by_key(|f| f.line);
    walk.findings
}

fn has_no_std(tokens: &[TokenTree]) -> bool {
    tokens.windows(3).any(|w| {
        is_punct(&w[0], '#') && is_punct(&w[1], '!') && attribute(&w[2]).as_deref() == Some("no_std")
    })
}

/// Where tokens stand.
#[derive(Clone, Copy, Default)]
struct Place {
    /// In code of a test.
    test: bool,
    /// In a list of imports: `use a as b;` renames, it casts nothing.
    imports: bool,
    /// In a loop that looks at a state again and again.
    polls: bool,
}

struct Walk<'a> {
    path: &'a str,
    floats_banned: bool,
    casts_banned: bool,
    unsafe_banned: bool,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn find(&mut self, line: usize, message: String) {
        self.findings.push(Finding { path: self.path.to_owned(), line, message });
    }

    /// Checks one level of tokens, and the levels inside.
    fn tokens(&mut self, tokens: &[TokenTree], place: Place) {
        // A test attribute covers everything up to the end of its item: a body or a semicolon.
        let mut item_is_test = false;
        let mut in_use = place.imports;
        let mut in_loop = place.polls;
        for (i, token) in tokens.iter().enumerate() {
            let line = token.span().start().line;
            let test_here = place.test || item_is_test;
            let before = |n: usize| i.checked_sub(n).and_then(|at| tokens.get(at));
            match token {
                TokenTree::Group(group) => {
                    if before(1).is_some_and(|t| is_punct(t, '#'))
                        && let Some(name) = attribute(token)
                    {
                        item_is_test |= matches!(name.as_str(), "test" | "cfg (test)" | "cfg(test)");
                        if name == "ignore" || name.starts_with("ignore ") {
                            self.find(line, "#[ignore] hides a test: mend it or delete it".to_owned());
                        }
                    }
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    if test_here
                        && is_path_to(before, "thread", 1)
                        && inner.iter().any(|t| is_ident(t, "sleep"))
                    {
                        self.find(line, SLEEP.to_owned());
                    }
                    let imports = in_use && (in_use_list(tokens, i) || group.delimiter() == Delimiter::None);
                    self.tokens(&inner, Place { test: test_here, imports, polls: in_loop });
                    if group.delimiter() == Delimiter::Brace {
                        item_is_test = false;
                        in_use = imports;
                        in_loop = place.polls;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    item_is_test = false;
                    in_use = false;
                    in_loop = place.polls;
                }
                TokenTree::Punct(_) => {}
                TokenTree::Literal(literal) => {
                    // `pair.0.1` is one literal to the lexer, but no float.
                    let field = before(1).is_some_and(|t| is_punct(t, '.'))
                        && !before(2).is_some_and(|t| is_punct(t, '.'));
                    if self.floats_banned && !test_here && !field && is_float(&literal.to_string()) {
                        self.find(
                            line,
                            format!("{literal} is a float: this crate does integer arithmetic only"),
                        );
                    }
                }
                TokenTree::Ident(ident) => {
                    let next_bang = tokens.get(i + 1).is_some_and(|t| is_punct(t, '!'));
                    match ident.to_string().as_str() {
                        "use" | "extern" => in_use = true,
                        "while" | "loop" => in_loop = true,
                        "unsafe" if self.unsafe_banned => {
                            self.find(line, format!("unsafe stands in crates/{UNSAFE} only"))
                        }
                        name @ ("f32" | "f64") if self.floats_banned && !test_here => {
                            self.find(line, format!("{name}: this crate does integer arithmetic only"));
                        }
                        "as" if self.casts_banned
                            && !test_here
                            && !in_use
                            && !names_a_trait(&tokens[..i]) =>
                        {
                            self.find(line, "`as` can lose bits silently: use From or TryFrom".to_owned());
                        }
                        name @ ("todo" | "unimplemented") if next_bang => {
                            self.find(line, format!("{name}! is no code"));
                        }
                        "sleep" if test_here && !in_loop && is_path_to(before, "thread", 1) => {
                            self.find(line, SLEEP.to_owned())
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

const SLEEP: &str = "thread::sleep in a test: wait for the state, with a bound";

/// A group after `::`, a comma or `use` is a list of imports; a body (`extern "C" { .. }`) is not.
fn in_use_list(tokens: &[TokenTree], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|p| tokens.get(p))
        .is_none_or(|t| is_punct(t, ':') || is_punct(t, ',') || is_ident(t, "use"))
}

/// Whether the tokens before position `skip` are `name ::`.
fn is_path_to<'t>(before: impl Fn(usize) -> Option<&'t TokenTree>, name: &str, skip: usize) -> bool {
    before(skip).is_some_and(|t| is_punct(t, ':'))
        && before(skip + 1).is_some_and(|t| is_punct(t, ':'))
        && before(skip + 2).is_some_and(|t| is_ident(t, name))
}

/// Whether an `as` after these tokens is the one of `<Type as Trait>`: going back, a `<` stands open
/// that is not a comparison, that is, nothing that could be an operand stands before it.
fn names_a_trait(before: &[TokenTree]) -> bool {
    let mut open = 0_usize;
    for (i, token) in before.iter().enumerate().rev() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '>' => {
                let arrow = i
                    .checked_sub(1)
                    .and_then(|at| before.get(at))
                    .is_some_and(|t| is_punct(t, '-') || is_punct(t, '='));
                open += usize::from(!arrow);
            }
            TokenTree::Punct(p) if p.as_char() == '<' => {
                if open > 0 {
                    open -= 1;
                    continue;
                }
                return match i.checked_sub(1).and_then(|at| before.get(at)) {
                    None | Some(TokenTree::Punct(_)) => true,
                    Some(TokenTree::Ident(word)) => {
                        matches!(
                            word.to_string().as_str(),
                            "return"
                                | "in"
                                | "impl"
                                | "for"
                                | "where"
                                | "mut"
                                | "dyn"
                                | "as"
                                | "break"
                                | "match"
                                | "if"
                                | "while"
                        )
                    }
                    Some(TokenTree::Group(g)) => g.delimiter() == Delimiter::Brace,
                    Some(TokenTree::Literal(_)) => false,
                };
            }
            TokenTree::Punct(p) if matches!(p.as_char(), ';' | '=') => return false,
            _ => {}
        }
    }
    false
}

/// The text of an attribute's inside, if this is a bracket group.
fn attribute(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Group(g) if g.delimiter() == Delimiter::Bracket => Some(g.stream().to_string()),
        _ => None,
    }
}

fn is_float(literal: &str) -> bool {
    let decimal = literal.starts_with(|c: char| c.is_ascii_digit()) && !literal.starts_with("0x");
    let exponent =
        decimal && !literal.starts_with("0b") && !literal.starts_with("0o") && has_exponent(literal);
    decimal && (literal.contains('.') || literal.ends_with("f32") || literal.ends_with("f64") || exponent)
}

fn has_exponent(literal: &str) -> bool {
    literal
        .split_once(['e', 'E'])
        .is_some_and(|(mantissa, _)| mantissa.chars().all(|c| c.is_ascii_digit() || c == '_'))
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == c)
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(i) if i == name)
}

#[cfg(test)]
mod tests {
    use super::check;

    const CORE: &str = "crates/vrrp/src/machine.rs";

    /// The lines on which a rule bites.
    fn lines(path: &str, content: &str) -> Vec<usize> {
        check(path, content).iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_core_without_no_std_is_found() {
        assert_eq!(lines("crates/vrrp/src/lib.rs", "//! #![no_std]\nfn a() {}"), [0]);
        assert_eq!(lines("crates/vrrp/src/lib.rs", "//! Docs.\n#![no_std]\n"), [0; 0]);
        assert_eq!(lines("crates/engine/src/lib.rs", "fn a() {}"), [0; 0]);
    }

    #[test]
    fn unsafe_is_found_outside_the_one_crate_that_may_hold_it() {
        let text = "// unsafe\nfn a() {\n    unsafe { b() }\n}\n";
        assert_eq!(lines("crates/daemon/src/a.rs", text), [3]);
        assert_eq!(lines("xtask/src/a.rs", "#[unsafe(no_mangle)] fn a() {}"), [1]);
        assert_eq!(lines("crates/linux/src/a.rs", text), [0; 0]);
        assert_eq!(
            lines("crates/daemon/src/a.rs", "#![forbid(unsafe_code)]\nconst A: &str = \"unsafe\";"),
            [0; 0]
        );
    }

    #[test]
    fn floats_are_found_in_types_and_in_literals() {
        assert_eq!(
            lines(CORE, "fn a(x: f64) {}\nconst B: u8 = 1.5;\nconst C: u8 = 1e3;\nconst D: u8 = 2f32;"),
            [1, 2, 3, 4]
        );
        assert_eq!(lines("crates/config/src/a.rs", "type A = f32;"), [1]);
    }

    #[test]
    fn what_only_looks_like_a_float_passes() {
        assert_eq!(
            lines(CORE, "// 1.5 f64\nfn a() { let _ = (p.0.1, 0..1, 0xe1, 0b1, \"1.5\", 7_u8, b'e'); }"),
            [0; 0]
        );
        assert_eq!(lines("crates/daemon/src/a.rs", "type A = f64;"), [0; 0]);
    }

    #[test]
    fn casts_are_found_in_code_and_in_macros() {
        assert_eq!(
            lines(
                CORE,
                "fn a() {\n    x as u8;\n    assert!(y as Alias == 1);\n    if a < b as u16 {}\n    f(&z as *const u8)\n}"
            ),
            [2, 3, 4, 5]
        );
        assert_eq!(lines("crates/engine/src/a.rs", "const A: u8 = B as u8;"), [1]);
    }

    #[test]
    fn renames_and_trait_paths_are_no_casts() {
        let text = "use a::b as c;\nuse d::{e as f, g};\nextern crate h as i;\n\
                    fn j<T: K>(k: <T as K>::L) -> Vec<<T as K>::M> { <T as K>::n(); return <T as K>::O }\n// x as u8\n";
        assert_eq!(lines(CORE, text), [0; 0]);
        assert_eq!(lines(CORE, "use a::b;\nfn c() { d as u8; }"), [2], "an import ends with its line");
        assert_eq!(lines("crates/linux/src/a.rs", "const A: u8 = B as u8;"), [0; 0]);
    }

    #[test]
    fn tests_of_a_core_may_cast_but_code_after_them_may_not() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() { x as u8; 1.5; }\n}\n#[cfg(test)]\nmod more;\nfn b() { x as u8; }\n";
        assert_eq!(lines(CORE, text), [7]);
        assert_eq!(lines("crates/vrrp/src/machine/tests.rs", "fn a() { x as u8; }"), [0; 0]);
        assert_eq!(lines("crates/vrrp/tests/rules.rs", "fn a() { x as u8; }"), [0; 0]);
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(
            lines(
                "crates/daemon/src/a.rs",
                "fn a() {\n    todo!()\n}\nfn b() { unimplemented!(\"c\") }\nfn todo() {}"
            ),
            [2, 4]
        );
    }

    #[test]
    fn a_hidden_test_is_found() {
        assert_eq!(
            lines("crates/daemon/src/a.rs", "#[test]\n#[ignore]\nfn a() {}\n#[ignore = \"slow\"]\nfn b() {}"),
            [2, 4]
        );
    }

    #[test]
    fn sleeping_is_found_in_tests_only() {
        let sleep = "fn a() {\n    std::thread::sleep(b);\n}\n";
        assert_eq!(lines("crates/daemon/src/a.rs", sleep), [0; 0]);
        assert_eq!(lines("crates/daemon/tests/a.rs", sleep), [2]);
        assert_eq!(lines("crates/daemon/src/a.rs", &format!("#[test]\n{sleep}")), [3]);
        assert_eq!(lines("crates/daemon/tests/a.rs", "use std::thread::{self, sleep};"), [1]);
    }

    #[test]
    fn a_pause_between_two_looks_at_a_state_is_no_sleep() {
        let look = "fn wait() {\n    while !state() {\n        if late() { panic!() }\n        thread::sleep(a);\n    }\n";
        assert_eq!(lines("crates/daemon/tests/a.rs", &format!("{look}}}")), [0; 0]);
        assert_eq!(lines("crates/daemon/tests/a.rs", &format!("{look}    thread::sleep(a);\n}}")), [6]);
    }

    #[test]
    fn what_is_no_rust_is_found() {
        assert_eq!(check("crates/daemon/src/a.rs", "fn a() {\n  )\n").len(), 1);
    }
}
