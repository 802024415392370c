//! `vipd print` and `vipd diff` as a user calls them: exit statuses, secrets, formats.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn vipd(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vipd")).current_dir(dir).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const CONFIGURATION: &str = "$VRID=7
vrrp_instance V {
  interface not_here0
  virtual_router_id $VRID
  authentication {
    auth_type PASS
    auth_pass s3cr3t
  }
  virtual_ipaddress {
    192.0.2.1/24
  }
  notify /not/here somebody
}
";

/// A directory with a configuration of another machine, the same with another priority, and one that cannot be run.
fn files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let other = CONFIGURATION.replace("  interface", "  priority 150\n  interface");
    for (name, text) in
        [("a.conf", CONFIGURATION), ("b.conf", &other), ("bad.conf", "vrrp_instance V {\n}\n")]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn what_is_printed_is_the_same_for_a_reload() {
    let dir = files();
    let hidden = vipd(dir.path(), &["print", "--elsewhere", "a.conf"]);
    assert_eq!(hidden.status.code(), Some(0));
    assert!(said(&hidden).contains("auth_pass <hidden>") && !said(&hidden).contains("s3cr3t"));
    let shown = vipd(dir.path(), &["print", "--elsewhere", "--show-secrets", "a.conf"]);
    fs::write(dir.path().join("printed.conf"), said(&shown)).unwrap();
    let same = vipd(dir.path(), &["diff", "--elsewhere", "a.conf", "printed.conf"]);
    assert_eq!((same.status.code(), said(&same).as_str()), (Some(0), "Nothing changes.\n"));
    let expanded = said(&vipd(dir.path(), &["print", "--expanded", "a.conf"]));
    assert!(
        expanded.contains("virtual_router_id 7") && expanded.contains(", $VRID from a.conf:1"),
        "{expanded}"
    );
    assert!(!expanded.contains("s3cr3t"));
}

#[test]
fn the_exit_status_of_a_difference_is_that_of_diff() {
    let dir = files();
    for (args, status) in [
        (&["diff", "--elsewhere", "a.conf", "a.conf"][..], 0),
        (&["diff", "--elsewhere", "a.conf", "b.conf"], 1),
        (&["diff", "--elsewhere", "--format", "json", "a.conf", "b.conf"], 1),
        (&["diff", "--elsewhere", "a.conf", "bad.conf"], 2),
        (&["diff", "a.conf", "none.conf"], 2),
        (&["diff", "a.conf"], 2),
        (&["print", "bad.conf"], 2),
        (&["print", "--expanded", "none.conf"], 2),
        (&["print", "a.conf"], 2),
        (&["print", "--help"], 0),
    ] {
        let output = vipd(dir.path(), args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {output:?}");
    }
    let json = said(&vipd(dir.path(), &["diff", "--elsewhere", "--format", "json", "a.conf", "b.conf"]));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["format"], &report["objects"][0]["fate"]), (&1.into(), &"hot".into()));
    assert_eq!(report["objects"][0]["changes"][0]["new"], "150");
}
