//! `cargo xtask docs`: pages made from the tables of the code.

mod diagnostics;
mod man;
mod reference;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use config::{Entry, Status};

use crate::apt;

/// A file, and what makes its text.
type Page = (&'static str, fn() -> String);

/// The pages that are made here.
const PAGES: &[Page] = &[
    ("COMPATIBILITY.md", compatibility),
    ("docs/reference.md", reference::page),
    ("docs/diagnostics.md", diagnostics::page),
    ("packaging/man/vipd.conf.5", man::page),
];

/// Completion scripts, which vipd itself prints: shell and file.
const SCRIPTS: &[(&str, &str)] = &[
    ("bash", "packaging/completion/vipd.bash"),
    ("zsh", "packaging/completion/_vipd"),
    ("fish", "packaging/completion/vipd.fish"),
];

/// Entry point: writes the pages; with `--check` it only says whether they are up to date.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    let check = match args {
        [] => false,
        [word] if word == "--check" => true,
        _ => return Err("usage: cargo xtask docs [--check]".to_owned()),
    };
    let root = crate::workspace_root();
    let mut pages: Vec<(&str, String)> = PAGES.iter().map(|(name, page)| (*name, page())).collect();
    for (shell, name) in SCRIPTS {
        pages.push((name, completion(&root, shell)?));
    }
    let mut stale = 0;
    for (name, text) in pages {
        let path = root.join(name);
        if fs::read_to_string(&path).is_ok_and(|now| now == text) {
            continue;
        }
        if check {
            println!("{name} is out of date: run `cargo xtask docs`");
            stale += 1;
        } else {
            fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
            println!("{name} written");
        }
    }
    Ok(u8::from(stale > 0))
}

/// The completion script for a shell, out of the vipd of this tree.
fn completion(root: &Path, shell: &str) -> Result<String, String> {
    apt::ensure(apt::BUILD)?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["run", "--quiet", "--package", "vipd", "--", "completion", shell])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo run: {e}"))?;
    if !output.status.success() {
        return Err(format!("vipd completion {shell}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("vipd completion {shell}: {e}"))
}

/// The keywords by block, in the order of names; the root first.
fn by_block() -> BTreeMap<&'static str, Vec<&'static Entry>> {
    let mut blocks: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in config::keywords() {
        blocks.entry(entry.block).or_default().push(entry);
    }
    blocks
}

/// The value of a column that may say nothing.
fn said(text: &str) -> Option<&str> {
    (!matches!(text, "" | "-")).then_some(text)
}

/// What is in effect and what is not, keyword by keyword.
fn compatibility() -> String {
    let count = |status| config::keywords().filter(|e| e.status == status).count();
    let mut out = String::from(HEAD);
    let _ = writeln!(
        out,
        "Of {} keywords (each counted once for each block that knows it), {} are in effect, {} are \
         checked and held in the model but not in effect yet, {} mean nothing any more.\n",
        config::keywords().count(),
        count(Status::InEffect),
        count(Status::Pending),
        count(Status::Ignored),
    );
    for (block, entries) in by_block() {
        let title = if block.is_empty() { "outside of blocks" } else { block };
        let _ = writeln!(out, "### {title}\n\n| keyword | followed by | default | meaning | status |");
        let _ = writeln!(out, "| --- | --- | --- | --- | --- |");
        for entry in entries {
            let status = entry.status.words();
            let (args, default) = (code(&entry.args), code(entry.default));
            let _ =
                writeln!(out, "| `{}` | {args} | {default} | {} | {status} |", entry.name, cell(entry.doc));
        }
        out.push('\n');
    }
    out
}

/// Text of a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) }
}

const HEAD: &str = "\
# Compatibility

This page is made by `cargo xtask docs` from the table that the parser uses.

vipd takes the place of keepalived 2.4.3. What differs on purpose is in
[tests/oracle/DIVERGENCES.toml](tests/oracle/DIVERGENCES.toml), each with its reason.

## What there is

| part | state |
| --- | --- |
| VRRP 2 (none, PASS, AH) and 3, IPv4 and IPv6, multicast and unicast | there |
| preemption, sync groups, tracked interfaces, scripts and files | there |
| virtual addresses and routes, static addresses and routes | there |
| notify scripts, FIFOs | there |
| VIP lease (`vip_lease`; vipd only, on by default for intervals of 1 s or more) | there |
| command line, signals, pid files, exit statuses, log lines | there |
| state dump, statistics, JSON | there |
| VMAC and ipvlan interfaces, virtual rules, `no_accept` (firewall) | checked and held, not in effect yet |
| `auth_hmac` | checked and held, not in effect yet |
| track_process, BFD | checked and held, not in effect yet |
| virtual servers (IPVS) and their groups, sorry servers, quorum, all health checkers but BFD_CHECK | there |
| `lvs_sync_daemon` | there |
| mail about instances, groups, virtual and real servers (`smtp_tls`, `smtp_auth`: vipd only) | there |
| BFD_CHECK (it waits for BFD sessions), SNMP, D-Bus | checked and held, not in effect yet |

A keyword that is not in effect yet is read, and a warning names it: once, with the number of its uses. One that is
*checked* is held in the model, too, and refused where keepalived refuses it. Nothing is skipped over in silence.

## Keywords

";
