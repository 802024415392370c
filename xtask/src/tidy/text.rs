//! Rules about whole files and their lines.

use super::Finding;

/// Longest Rust file. A longer one holds more than one concern.
const MAX_LINES: usize = 700;

/// Kinds of file in which a path of one person's machine has no business. Configuration corpora
/// are left out: they show what users wrote.
const OWN_TEXT: &[&str] = &["rs", "toml", "md", "sh", "yml", "yaml", "service"];

/// Beginnings of paths that exist on one machine only. (In pieces, so that this file passes.)
const MACHINE_PATHS: &[&str] =
    &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/"), concat!("/", "Users/")];

/// Findings for one file of any kind.
pub(super) fn check(path: &str, content: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, message: String| findings.push(Finding { path: path.to_owned(), line, message });
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let lines = content.lines().count();
    if extension == "rs" && lines > MAX_LINES {
        find(0, format!("{lines} lines, more than {MAX_LINES}: split it by concern"));
    }
    if OWN_TEXT.contains(&extension) || path == ".ci/run" {
        for (number, line) in (1..).zip(content.lines()) {
            if let Some(found) = MACHINE_PATHS.iter().find(|p| begins_a_path(line, p)) {
                find(number, format!("\"{found}\" begins a path of one machine"));
            }
        }
    }
    findings
}

/// Whether `prefix` stands in `line` at the start of an absolute path, not inside a longer one.
fn begins_a_path(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::{MACHINE_PATHS, MAX_LINES, check};

    #[test]
    fn a_long_file_is_found() {
        assert!(check("crates/a/src/lib.rs", &"\n".repeat(MAX_LINES)).is_empty());
        assert_eq!(check("crates/a/src/lib.rs", &"\n".repeat(MAX_LINES + 1)).len(), 1);
        assert!(check("README.md", &"\n".repeat(MAX_LINES + 1)).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        for prefix in MACHINE_PATHS {
            let found = check("README.md", &format!("first\nsee `{prefix}x`\n"));
            assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2], "{prefix}");
            assert!(check("README.md", &format!("https://example.org{prefix}x\n")).is_empty());
            assert!(check("tests/corpus/a.conf", &format!("notify {prefix}x\n")).is_empty());
        }
    }
}
