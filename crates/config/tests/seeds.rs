//! Files that users run with keepalived: each must give a model.

use std::path::PathBuf;

use vipd_config::{Interface, Loaded, MapSource, Options, load};

fn corpus() -> Vec<(String, String)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/seeds");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

fn load_text(text: &str) -> Loaded {
    load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"))
}

/// The exit status of `-t` for each file in a world where every interface and script exists.
const EXPECTED: &[(&str, u8)] = &[
    ("apiserver-track-script.conf", 6),
    ("dual-master-unicast-node1.conf", 0),
    ("dual-master-unicast-node2.conf", 0),
    ("lvs-nat-master.conf", 0),
    ("lvs-nat-nopreempt-node1.conf", 0),
    ("lvs-nat-nopreempt-node2.conf", 0),
    ("manual-switch-track-script.conf", 6),
    ("minimal-backup.conf", 0),
    ("minimal-master.conf", 0),
    ("nopreempt-unicast-node1.conf", 0),
    ("nopreempt-unicast-node2.conf", 0),
    ("notify-scripts.conf", 6),
    ("reference-global-and-static.conf", 5),
    ("single-instance-node1.conf", 0),
    ("single-instance-node2.conf", 0),
    ("three-nodes-third.conf", 0),
    ("two-instances-node1.conf", 6),
    ("two-instances-node2.conf", 6),
];

/// `debug` without a value ends keepalived with status 2.
const REFUSED: &str = "reference-vrrp-with-typos.conf";

#[test]
fn every_file_of_a_user_gives_a_model() {
    let corpus = corpus();
    assert_eq!(corpus.len(), EXPECTED.len() + 1);
    for (name, text) in corpus.iter().filter(|(name, _)| name != REFUSED) {
        let loaded = load_text(text);
        let expected = EXPECTED.iter().find(|(known, _)| known == name).map(|&(_, test)| test);
        assert_eq!(Some(loaded.exits.test), expected, "{name}:\n{}", loaded.render(false));
        assert!(loaded.model.is_some(), "{name}:\n{}", loaded.render(false));
    }
}

#[test]
fn a_file_that_keepalived_refuses_is_refused_and_each_of_its_faults_is_told() {
    let (_, text) = corpus().into_iter().find(|(name, _)| name == REFUSED).unwrap();
    let loaded = load_text(&text);
    assert_eq!((loaded.exits.run, loaded.exits.test), (Some(2), 2));
    assert!(loaded.model.is_none());
    let log: Vec<String> = loaded.log_lines().collect();
    for line in [
        "Virtual router mysql specified in sync group VG_1 doesn't exist - ignoring",
        "(Line 29) Configuration error: VRRP instance[http] malformed src address[<IPADDR>]. Skipping...",
        "(Line 36) Unknown keyword 'autp_pass'",
        "(Line 48) Warning - cannot track route 192.168.112.0/24 with no interface specified, not tracking",
        "(Line 51) Unknown keyword 'preemtp_delay'",
        "(Line 52) *** Configuration line starting `debug` is missing a parameter after keyword `debug` at word position 2",
    ] {
        assert!(log.iter().any(|l| l == line), "{line}\n{log:#?}");
    }
    let shown = loaded.render(false);
    for hint in
        ["did you mean `auth_pass`?", "did you mean `preempt_delay`?", "comments start with `#` or `!`"]
    {
        assert!(shown.contains(hint), "{hint}\n{shown}");
    }
    let repaired = load_text(&text.replace("\ndebug\n", "\ndebug 0\n"));
    assert!(repaired.model.is_some(), "{}", repaired.render(false));
}

#[test]
fn interfaces_that_do_not_exist_refuse_the_file_as_keepalived_does() {
    let world = MapSource::new().interface("lo0", Interface::default());
    for (name, text) in corpus().iter().filter(|(name, _)| name != REFUSED) {
        let loaded = load(&world.clone().file("/k.conf", text), &Options::new("/k.conf"));
        assert_eq!(loaded.exits.run, Some(2), "{name}");
        assert!(
            loaded.log_lines().any(|l| l == "Non-existent interface specified in configuration"),
            "{name}"
        );
        let dynamic = format!("global_defs {{\ndynamic_interfaces\n}}\n{text}");
        let loaded = load(&world.clone().file("/k.conf", &dynamic), &Options::new("/k.conf"));
        assert!(loaded.model.is_some(), "{name}:\n{}", loaded.render(false));
    }
}
