//! The command as a user has it, from the words to the text and the exit status.

use super::*;

const DIFFERENT: &str = "    authentication {\n        auth_type PASS\n        auth_pass 1111\n    }\n";

/// Two configurations in a directory, and the words for them.
struct Pair {
    _dir: tempfile::TempDir,
    files: Vec<String>,
}

fn pair(more: &str) -> Pair {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, priority: u8, more: &str| {
        let text = format!(
            "vrrp_instance VI_1 {{\n    interface eth0\n    virtual_router_id 51\n    priority {priority}\n{more}    \
             virtual_ipaddress {{\n        192.0.2.10/24\n    }}\n    notify_master /no/such/script\n}}\n"
        );
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let files = vec![file("left.conf", 150, more), file("right.conf", 100, "")];
    Pair { _dir: dir, files }
}

/// What the command prints and its exit status; errors count as text.
fn simulate(pair: &Pair, words: &[&str]) -> (String, u8) {
    let words: Vec<String> =
        pair.files.iter().cloned().chain(words.iter().map(|w| (*w).to_owned())).collect();
    match Arguments::parse(&words) {
        Ok(arguments) => {
            let mut out = String::new();
            match run(&arguments, &mut out) {
                Ok(code) => (out, code),
                Err(message) => (message, REFUSED),
            }
        }
        Err(told) => (told.text, told.code),
    }
}

#[test]
fn the_table_of_a_healthy_pair_has_a_row_for_each_fault_and_says_that_all_held() {
    let (text, code) = simulate(&pair(""), &["--single"]);
    assert_eq!(code, HELD, "{text}");
    let row = |name: &str| {
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(row("nothing").starts_with("nothing left left"), "{}", row("nothing"));
    let off = row("power-off left");
    assert!(off.starts_with("power-off left left > nobody > right ") && off.ends_with(" ok"), "{off}");
    assert!(row("cut left right").ends_with("right doesn't hear left"));
    assert!(text.contains("takes over after 3 x 1.000 s + 156/256 x 1 s = 3.609 s"), "{text}");
    assert!(text.contains("Every property held in every case.") && !text.contains("BROKEN"), "{text}");
}

#[test]
fn a_row_is_run_again_by_its_name_with_a_timeline_that_says_why() {
    let pair = pair("");
    let (text, code) = simulate(&pair, &["--case", "power-off left, after 0.5s kill right"]);
    assert_eq!(code, HELD, "{text}");
    assert!(text.contains("right  the daemon is dead"), "{text}");
    let (text, _) = simulate(&pair, &["--case", "unplug left eth0"]);
    assert!(text.contains("VI_1 BACKUP > MASTER, took over: no advert from 192.0.2."), "{text}");
    assert!(text.contains("in fault: interface eth0 is down") && text.contains("192.0.2.10: right answers"));
    let (more, _) = simulate(&pair, &["--case", "unplug left eth0", "--trace"]);
    assert!(more.contains("Advert") && more.lines().count() > text.lines().count() * 3);
    let (wrong, code) = simulate(&pair, &["--case", "unplug left"]);
    assert!(code == REFUSED && wrong.contains("Perhaps unplug left eth0, or unplug right eth0."), "{wrong}");
}

#[test]
fn configurations_that_do_not_work_together_are_broken_and_explained_first() {
    let pair = pair(DIFFERENT);
    let (text, code) = simulate(&pair, &[]);
    assert_eq!(code, BROKEN);
    assert!(text.contains("! VI_1 on left and VI_1 on right refuse each other's adverts"), "{text}");
    assert!(
        text.contains("Even without any fault this does not work") && text.contains("left+right"),
        "{text}"
    );
    assert!(text.contains("BROKEN: nothing"), "{text}");
    let (json, code) = simulate(&pair, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(code == BROKEN && json["held"] == false);
    assert_eq!(json["singles"][0]["broken"][0]["property"], "K2");
}

#[test]
fn a_scenario_of_the_printed_form_runs_and_its_expectations_decide() {
    let pair = pair("");
    let (text, _) = simulate(&pair, &["--case", "stop left"]);
    let (_, scenario) = text.split_once("--scenario FILE:\n").unwrap();
    let file = std::path::Path::new(&pair.files[0]).with_file_name("night.txt");
    let path = file.to_str().unwrap();
    std::fs::write(&file, scenario).unwrap();
    assert_eq!(simulate(&pair, &["--scenario", path]).1, HELD, "{scenario}");
    std::fs::write(&file, format!("{scenario}60s expect right VI_1 MASTER\n")).unwrap();
    let (text, code) = simulate(&pair, &["--scenario", path]);
    assert!(code == BROKEN && text.contains("VI_1 on right is BACKUP"), "{text}");
    std::fs::write(&file, "5s stop middle\n").unwrap();
    let (text, code) = simulate(&pair, &["--scenario", path]);
    assert!(code == REFUSED && text.contains("line 1: there is no node \"middle\""), "{text}");
}

#[test]
fn random_faults_follow_from_their_seed() {
    let pair = pair("");
    let json = |seed: &str| simulate(&pair, &["--seed", seed, "--format", "json"]);
    assert_eq!(json("7"), json("7"));
    assert_ne!(json("7").0, json("8").0);
}

#[test]
fn what_cannot_be_simulated_is_refused_with_its_reason() {
    let pair = pair("");
    std::fs::write(&pair.files[1], "global_defs {\n}\n").unwrap();
    let (text, code) = simulate(&pair, &[]);
    assert!(
        code == REFUSED && text.ends_with("has no vrrp_instance, so there is nothing to simulate"),
        "{text}"
    );
    let (text, code) = simulate(&pair, &["--sed", "3"]);
    assert!(code == REFUSED && text.contains("--seed"), "{text}");
    assert_eq!(simulate(&pair, &["--help"]).1, HELD);
}

#[test]
fn nodes_are_called_by_files_or_directories_or_letters() {
    let names = |paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        load::names(&paths).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&["x/left.conf", "y/right.conf"]), ["left", "right"]);
    assert_eq!(names(&["n1/keepalived.conf", "n2/keepalived.conf"]), ["n1", "n2"]);
    assert_eq!(names(&["same.conf", "same.conf"]), ["A", "B"]);
    assert_eq!(names(&["nopreempt-unicast-node1.conf", "nopreempt-unicast-node2.conf"]), ["A", "B"]);
}

#[test]
fn the_manual_has_every_word_of_scenarios() {
    let manual =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual.md")).unwrap();
    let words = sim::scenario::words::WORDS.iter().map(|word| (word.usage(), word.help.to_owned()));
    let others =
        sim::scenario::OTHER_WORDS.iter().map(|(usage, help)| ((*usage).to_owned(), (*help).to_owned()));
    let mut table = String::from("| line | meaning |\n| --- | --- |\n");
    for (usage, help) in words.chain(others) {
        let cell = |text: &str| text.replace('|', "\\|");
        table.push_str(&format!("| `{}` | {} |\n", cell(&usage), cell(&help)));
    }
    assert!(
        manual.contains(&table),
        "docs/manual.md should have this table under \"Simulating\":\n\n{table}"
    );
}

#[test]
fn every_pair_of_the_corpus_can_be_simulated() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/seeds/");
    // Whether they work together: some of them refuse each other's adverts, as they were published.
    for (stems, works) in [
        (&["minimal-master", "minimal-backup"][..], true),
        (&["two-instances-node1", "two-instances-node2"], true),
        (&["lvs-nat-nopreempt-node1", "lvs-nat-nopreempt-node2"], true),
        (&["single-instance-node1", "single-instance-node2"], false),
        (&["dual-master-unicast-node1", "dual-master-unicast-node2"], false),
        (&["nopreempt-unicast-node1", "nopreempt-unicast-node2"], false),
        (&["notify-scripts", "nopreempt-unicast-node1", "three-nodes-third"], false),
    ] {
        let files: Vec<String> = stems.iter().map(|stem| format!("{seeds}{stem}.conf")).collect();
        let study = Study::new(load::all(&files).unwrap().plans, 1);
        let broken: Vec<_> = study
            .singles()
            .iter()
            .map(|case| study.run(case, |_, _| {}))
            .filter(|record| !record.findings.is_empty())
            .collect();
        assert_eq!(broken.is_empty(), works, "{stems:?}: {:?}", broken.first());
        assert!(works || !study.doubts().is_empty(), "{stems:?}");
    }
}
