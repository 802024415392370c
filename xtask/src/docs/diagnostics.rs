//! `docs/diagnostics.md`: every code with its explanation.

use std::fmt::Write as _;

use config::{Code, Effect, Level};

/// The page.
pub(super) fn page() -> String {
    let mut out = String::from(HEAD);
    for (level, name) in [(Level::Error, "Errors"), (Level::Warning, "Warnings"), (Level::Note, "Hints")] {
        let _ = writeln!(out, "\n## {name}\n");
        for code in Code::ALL.iter().filter(|code| code.level == level) {
            let _ = writeln!(out, "- [`{0}`](#{0}): {1}", code.name, code.title());
        }
    }
    for code in Code::ALL {
        let body = code.explanation.split_once('\n').map_or("", |(_, body)| body.trim());
        let runs = match code.effect {
            Effect::Goes => "The daemon runs with the rest.",
            _ => "The daemon does not start with it.",
        };
        let _ = writeln!(out, "\n## {}\n\n**{}.** {runs}\n\n{body}", code.name, code.title());
    }
    out
}

const HEAD: &str = "\
# Problems and their codes

This page is made by `cargo xtask docs` from the texts of `vipd check --explain CODE`, which also shows what is told of each
example. Codes stay the same between versions.

In the examples `{n}` stands for numbers, a comment that begins with `# ...` for many lines or bytes, `\u{2400}` for a byte 0, and
`\u{fffd}` for a byte that is no UTF-8.
";
