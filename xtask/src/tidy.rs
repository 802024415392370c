//! `cargo xtask tidy`: the laws of the tree that the compiler does not hold by itself.
//!
//! Each rule is a function from text to findings, so its test can show that it bites.

mod edges;
mod source;
mod text;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A broken rule, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// Path relative to the root of the workspace.
    pub path: String,
    /// Line from 1; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Runs every rule on the workspace; status 1 when one is broken.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    if let Some(arg) = args.first() {
        return Err(format!("tidy takes no argument, got \"{arg}\""));
    }
    let root = crate::workspace_root();
    let mut findings = edges::check(&metadata(&root)?);
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort();
    for path in &files {
        let bytes = fs::read(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
        let Ok(content) = String::from_utf8(bytes) else { continue };
        findings.extend(text::check(path, &content));
        if path.ends_with(".rs") {
            findings.extend(source::check(path, &content));
        }
    }
    for (name, message) in crate::mutants::stale(&root)? {
        findings.push(Finding { path: format!("mutant \"{name}\""), line: 0, message });
    }
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, nothing to report", files.len());
        return Ok(0);
    }
    println!("tidy: {} broken rules", findings.len());
    Ok(1)
}

/// What cargo says about the crates of the workspace.
pub(crate) fn metadata(root: &Path) -> Result<serde_json::Value, String> {
    let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !out.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr)));
    }
    serde_json::from_slice(&out.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

/// All files of the tree, as paths relative to the root, without build output and version control.
fn collect(root: &Path, dir: &Path, files: &mut Vec<String>) -> Result<(), String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    for entry in entries {
        let entry = entry.map_err(|e| format!("{}: {e}", dir.display()))?;
        let path: PathBuf = entry.path();
        let name = entry.file_name();
        let kind = entry.file_type().map_err(|e| format!("{}: {e}", path.display()))?;
        if kind.is_dir() {
            if name != "target" && name != ".git" {
                collect(root, &path, files)?;
            }
        } else if kind.is_file()
            && name != "Cargo.lock"
            && let Ok(relative) = path.strip_prefix(root)
        {
            files.push(relative.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
