//! Text that is far too much is refused with a clear message, in little time and memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Processor time in seconds: a release build takes less than 1 for each of these.
const SECONDS: u32 = 10;
/// Address space in KiB. Some 10 MiB of it are the program itself.
const MEMORY: u32 = 200 << 10;

/// Tests the configuration at `path` within the limits.
fn test(path: &Path) -> Output {
    let script = format!("ulimit -t {SECONDS}; ulimit -v {MEMORY}; exec \"$0\" -t -f \"$1\"");
    Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_vipd")]).arg(path).output().unwrap()
}

#[track_caller]
fn assert_refused(dir: &Path, name: &str, code: &str) {
    let output = test(&dir.join(name));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let told = said.contains(&format!("[{code}]: "));
    let shown: String = said.chars().take(2_000).collect();
    assert!(told, "{name}: {:?}, and no {code} in\n{shown}", output.status);
    assert_eq!(output.status.code(), Some(5), "{name}:\n{shown}");
}

#[test]
fn a_hundred_megabytes_of_anything_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, piece) in [
        ("lines", "vrrp_script chk { script /bin/true }\n"),
        ("one-line", "x"),
        ("empty-lines", "\n"),
        ("nothing", "\0"),
    ] {
        fs::write(dir.path().join(name), piece.repeat((100 << 20) / piece.len())).unwrap();
        assert_refused(dir.path(), name, "too-large");
        fs::remove_file(dir.path().join(name)).unwrap();
    }
}

#[test]
fn a_hundred_megabytes_in_small_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("k.conf"), "include part-*\n").unwrap();
    for n in 0..10 {
        fs::write(dir.path().join(format!("part-{n}")), "# x\n".repeat((10 << 20) / 4)).unwrap();
    }
    assert_refused(dir.path(), "k.conf", "too-large");
}

#[test]
fn files_that_include_others_again_and_again_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..31 {
        let text = format!("include f{}\n", n + 1).repeat(10);
        fs::write(dir.path().join(format!("f{n}")), text).unwrap();
    }
    fs::write(dir.path().join("f31"), "global_defs {\n}\n").unwrap();
    assert_refused(dir.path(), "f0", "too-large");
    fs::write(dir.path().join("loop"), "include loop\n".repeat(1_000)).unwrap();
    assert_refused(dir.path(), "loop", "include-loop");
}

#[test]
fn little_text_that_expands_to_a_flood_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let doubled = |line: fn(u32) -> String| -> String { (0..60).map(line).collect() };
    let cases = [
        ("sequence", "~SEQ(N, 1, 1000000000) x\n".to_owned(), "expansion-size"),
        ("chained", "~SEQ(N, 1, 30000) ~SEQ(M, 1, 30000) x\n".to_owned(), "expansion-size"),
        // The inner one is no direct part of the outer one, and each of its steps is empty.
        ("hidden", "$Y=\\\n~SEQ(M, 1, 100000)\\\nx\n~SEQ(N, 1, 100000) $Y\n".to_owned(), "expansion-size"),
        ("self", "$A=$A $A\nrouter $A\n".to_owned(), "recursive-definition"),
        ("each-other", "$A=$B $B\n$B=$A $A\nrouter $A\n".to_owned(), "recursive-definition"),
        ("words", doubled(|n| format!("$V{n}=$V{0} $V{0}\n", n + 1)) + "$V60=x\nx $V0\n", "expansion-size"),
        (
            "lines",
            doubled(|n| format!("$V{n}=\\\n$V{0}\\\n$V{0}\n", n + 1)) + "$V60=x\n$V0\n",
            "expansion-size",
        ),
    ];
    for (name, text, code) in cases {
        fs::write(dir.path().join(name), text).unwrap();
        assert_refused(dir.path(), name, code);
    }
}

#[test]
fn deep_nesting_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, piece) in
        [("unknown", "a {\n"), ("known", "vrrp_instance x {\n"), ("values", "virtual_ipaddress {\n")]
    {
        fs::write(dir.path().join(name), piece.repeat(500_000)).unwrap();
        assert_refused(dir.path(), name, "nesting-depth");
    }
}

#[test]
fn a_word_that_is_unknown_ever_so_often_is_looked_up_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("repeated");
    fs::write(&path, "$Y=\\, 1, 100000)\\\nx\n~SEQ(N, 1, 100000) $Y\n").unwrap();
    let output = test(&path);
    assert_eq!(output.status.code(), Some(5), "{:?}", output.status);
}
