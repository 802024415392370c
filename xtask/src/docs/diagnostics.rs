//! `docs/diagnostics.md`: every code with its explanation.

use std::fmt::Write as _;

use config::{Code, Effect, Level};

/// The page.
pub(super) fn page() -> String {
    let mut out = String::from(HEAD);
    for (level, name) in [(Level::Error, "Errors"), (Level::Warning, "Warnings"), (Level::Note, "Hints")] {
        let _ = writeln!(out, "\n## {name}\n");
        for code in Code::ALL.iter().filter(|code| code.level == level && !is_advice(code)) {
            let _ = writeln!(out, "- [`{0}`](#{0}): {1}", code.name, code.title());
        }
    }
    out.push_str(ADVICE);
    table(&mut out, config::lints());
    out.push_str(BETWEEN_NODES);
    table(&mut out, config::cluster::codes());
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

fn is_advice(code: &Code) -> bool {
    config::lints().chain(config::cluster::codes()).any(|advice| advice == code)
}

fn table<'c>(out: &mut String, codes: impl Iterator<Item = &'c Code>) {
    let _ = writeln!(out, "| code | severity | what is told |\n| --- | --- | --- |");
    for code in codes {
        let level = match code.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "hint",
        };
        let _ = writeln!(out, "| [`{0}`](#{0}) | {level} | {1} |", code.name, code.title());
    }
}

const ADVICE: &str = "
## Advice

What works as written, and hurts at the next failover. Only `vipd check` and editors tell it: `-t` and the daemon's log are as those of
keepalived.

";

const BETWEEN_NODES: &str = "
## Between nodes

What `vipd check --cluster` tells of the files of several nodes.

";

const HEAD: &str = "\
# Problems and their codes

This page is made by `cargo xtask docs` from the texts of `vipd check --explain CODE`, which also shows what is told of each
example. Codes stay the same between versions.

In the examples `{n}` stands for numbers, a comment that begins with `# ...` for many lines or bytes, `\u{2400}` for a byte 0, and
`\u{fffd}` for a byte that is no UTF-8.
";
