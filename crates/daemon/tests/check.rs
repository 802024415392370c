//! `vipd check` as a user calls it: exit statuses, formats, colours.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn vipd(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vipd"))
        .current_dir(dir)
        .args(args)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A directory with a clean file, one with a warning, one with an error, and one that includes another.
fn files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("clean.conf", "global_defs {\n  router_id x\n}\n"),
        ("warning.conf", "global_defs {\n  vrrp_version 3 3\n}\n"),
        ("error.conf", "global_defs {\n  vrrp_version 4\n}\n"),
        ("value.conf", "global_defs {\n  vrrp_version\n}\n"),
        ("top.conf", "$V=bogus\ninclude part.conf\n"),
        ("part.conf", "global_defs {\n  ${V}\n  vrrp_versoin 3\n}\n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn the_exit_status_tells_the_worst_of_all_files() {
    let dir = files();
    for (args, status) in [
        (&["clean.conf"][..], 0),
        (&["warning.conf"], 0),
        (&["--strict", "clean.conf"], 0),
        (&["--strict", "warning.conf"], 1),
        (&["--strict", "clean.conf", "error.conf", "warning.conf"], 5),
        (&["value.conf"], 2),
        (&["clean.conf", "none.conf"], 6),
        (&["--explain", "duplicate-vrid"], 0),
        (&["--explain"], 0),
        (&["--explain", "none"], 64),
        (&["--bogus"], 64),
        (&["--format", "xml", "clean.conf"], 64),
        (&["--help"], 0),
    ] {
        let output = vipd(dir.path(), &[&["check"], args].concat());
        assert_eq!(output.status.code(), Some(status), "{args:?}: {output:?}");
    }
    // keepalived's test is content with a file that isn't there.
    assert_eq!(vipd(dir.path(), &["-t", "-f", "none.conf"]).status.code(), Some(0));
    assert_eq!(vipd(dir.path(), &["-t", "-f", "error.conf"]).status.code(), Some(5));
}

#[test]
fn a_problem_is_shown_with_its_line_its_chain_and_a_way_out() {
    let dir = files();
    let output = vipd(dir.path(), &["check", "clean.conf", "top.conf"]);
    let expected = "\
clean.conf: nothing to report
warning[unknown-keyword]: unknown keyword `bogus`
 --> part.conf:2:3
  |
2 |   ${V}
  |   ^^^^ this line is ignored
  |
 ::: top.conf:1:4
  |
1 | $V=bogus
  |    ----- `$V` brings this text
  |
  = note: included from top.conf:2
  = help: correct the word, or remove it

warning[unknown-keyword]: unknown keyword `vrrp_versoin`
 --> part.conf:3:3
  |
3 |   vrrp_versoin 3
  |   ^^^^^^^^^^^^ this line is ignored
  |
  = note: included from top.conf:2
  = help: did you mean `vrrp_version`?

top.conf: 2 warnings
";
    assert_eq!(said(&output), expected);
    assert!(output.stderr.is_empty());
}

#[test]
fn who_checks_the_file_of_another_machine_learns_how() {
    let dir = files();
    fs::write(dir.path().join("other.conf"), OTHER_MACHINE).unwrap();
    let here = said(&vipd(dir.path(), &["check", "clean.conf", "other.conf"]));
    assert!(here.contains("error[unknown-interface]"), "{here}");
    assert!(
        here.ends_with("If this is the configuration of another machine, add `--elsewhere`.\n"),
        "{here}"
    );
    let there = said(&vipd(dir.path(), &["check", "--elsewhere", "other.conf"]));
    assert!(!there.contains("unknown-interface") && there.ends_with("other.conf: 1 warning\n"), "{there}");
    // Where the command would be found there, nobody knows.
    assert!(there.contains("= help: write its full path"), "{there}");
    let printed = vipd(dir.path(), &["print", "other.conf"]);
    assert!(String::from_utf8_lossy(&printed.stderr).contains("--elsewhere"), "{printed:?}");
}

const OTHER_MACHINE: &str = "global_defs {
  enable_script_security
  script_user root
}
vrrp_instance V {
  interface not_here0
  virtual_router_id 7
  virtual_ipaddress {
    192.0.2.1/24
  }
  notify nor_this_command
}
";

#[test]
fn json_is_one_object_for_all_files() {
    let dir = files();
    let output = vipd(dir.path(), &["check", "--format", "json", "top.conf", "error.conf"]);
    let told: serde_json::Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!((&told["schema"], &told["status"]), (&1.into(), &5.into()));
    assert_eq!(told["files"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["files"][0]["diagnostics"][1]["at"]["column"], 3);
    assert_eq!(told["files"][1]["diagnostics"][0]["code"], "out-of-range");
}

/// What `vipd check` writes to a terminal.
fn on_a_terminal(dir: &Path, no_color: Option<&str>) -> String {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vipd"));
    command.current_dir(dir).args(["check", "error.conf"]).env("TERM", "xterm").env_remove("NO_COLOR");
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let mut child = command.stdin(Stdio::null()).stdout(terminal.slave).spawn().unwrap();
    // Our copy of the terminal's other side must be gone, or the end never comes.
    drop(command);
    let mut bytes = Vec::new();
    // A terminal without a writer ends with an error.
    let _ = File::from(terminal.master).read_to_end(&mut bytes);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn colours_are_for_a_terminal_whose_user_did_not_refuse_them() {
    let dir = files();
    assert!(on_a_terminal(dir.path(), None).contains('\x1b'));
    let plain = on_a_terminal(dir.path(), Some("1"));
    assert!(plain.contains("out-of-range") && !plain.contains('\x1b'), "{plain}");
    assert!(!said(&vipd(dir.path(), &["check", "error.conf"])).contains('\x1b'), "a pipe is no terminal");
}

#[test]
fn a_drop_in_for_keepalived_has_no_commands_of_its_own() {
    let dir = files();
    let link = dir.path().join("keepalived");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vipd"), &link).unwrap();
    let help = |program: &Path| Command::new(program).arg("--help").output().unwrap().stderr;
    let of = |program: &Path| String::from_utf8(help(program)).unwrap();
    assert!(of(Path::new(env!("CARGO_BIN_EXE_vipd"))).contains("vipd check"));
    assert!(!of(&link).contains("vipd check"));
    let output = Command::new(&link)
        .current_dir(dir.path())
        .args(["check", "-t", "-f", "clean.conf"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("Unexpected argument(s): check"), "{output:?}");
}
