//! Scenarios as text: every word goes there and back, and mistakes are told with a way out.

use std::sync::Arc;

use base::{Duration, Instant};
use config::{MapSource, Options, load};
use vipd_sim::Fault;
use vipd_sim::NodeId;
use vipd_sim::scenario::words::WORDS;
use vipd_sim::scenario::{Act, Names, Scenario};
use vipd_sim::setup::{Plan, world};
use vipd_sim::world::Pace;

const TEXT: &str = "vrrp_script chk {\n script /bin/true\n}\ntrack_file number {\n file /var/number\n}\n\
    vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority 100\n track_script {\n chk\n }\n \
    track_file {\n number weight 1\n }\n virtual_ipaddress {\n 192.0.2.10/24\n }\n}\n";

fn names() -> Names {
    let loaded = load(&MapSource::new().file("/k.conf", TEXT), &Options::new("/k.conf"));
    let model = Arc::new(loaded.model.expect("it can be run"));
    let plan = |name: &str| Plan { name: name.into(), models: vec![model.clone()] };
    Names::of(&world(&[plan("left"), plan("right")], Pace::FAIR, 1))
}

/// A value for an argument, by what the table calls it.
fn example(argument: &str) -> &'static str {
    match argument {
        "node" | "from" => "left",
        "to" => "right",
        "link" | "segment" => "eth0",
        "address" => "192.0.2.10",
        "net" => "2001:db8::1/64",
        "script" => "chk",
        "file" => "number",
        "outcome" => "signal=9",
        "ppm" | "value" => "-7",
        "model" | "id" | "times" | "errno" | "loss" | "duplicates" => "3",
        "reorders" => "yes",
        "datagram" => "eth0 all 192.0.2.99 224.0.0.18 255 invalid 45c0ff",
        "most" | "least" | "time" | "takes" => "1.5s",
        other => panic!("no example for {other}"),
    }
}

#[test]
fn every_word_is_read_and_written_back_the_same() {
    let names = names();
    for word in WORDS {
        let mut line = word.name.to_owned();
        for argument in word.arguments {
            line.push_str(&format!(" {}", example(argument)));
        }
        let scenario =
            Scenario::parse(&format!("2.25s {line}"), &names).unwrap_or_else(|e| panic!("{line}: {e}"));
        let printed = scenario.print(&names);
        assert_eq!(printed.split_whitespace().collect::<Vec<_>>().join(" "), format!("2.25s {line}"));
        assert_eq!(Scenario::parse(&printed, &names).unwrap(), scenario);
    }
}

#[test]
fn what_is_undone_later_becomes_two_lines_in_the_order_of_time() {
    let names = names();
    let text = "# a night\n20s expect 192.0.2.10 nobody\n10s pause A for 3s # of B\n\n1min end\n11s expect left VI_1 master\n";
    let scenario = Scenario::parse(text, &names).unwrap();
    let at = |n: usize| scenario.steps[n].at;
    assert_eq!(scenario.steps[0].act, Act::Fault(Fault::Pause(NodeId(0))));
    assert_eq!(scenario.steps[2].act, Act::Fault(Fault::Resume(NodeId(0))));
    assert_eq!(at(2), Instant::ZERO + Duration::from_secs(13));
    assert_eq!(at(4), Instant::ZERO + Duration::from_secs(60));
    assert_eq!(Scenario::parse(&scenario.print(&names), &names).unwrap(), scenario);
}

#[test]
fn a_mistake_is_told_with_its_line_and_a_way_out() {
    let told = |line: &str| Scenario::parse(&format!("# first\n{line}\n"), &names()).unwrap_err().to_string();
    for (line, text) in [
        ("10 kill A", "line 2: \"10\" is no time; write it as in 10s, 2.5s or 250ms"),
        ("10s kill C", "line 2: there is no node \"C\"; the simulation has left, right, A, B (`kill NODE`)"),
        ("10s unplug A eth7", "line 2: there is no link \"eth7\"; left has eth0 (`unplug NODE LINK`)"),
        (
            "10s kill",
            "line 2: the node is missing; `vipd simulate --words` shows how it is written (`kill NODE`)",
        ),
        ("10s kill A now", "line 2: \"now\" is too much; remove it"),
        (
            "10s kil A",
            "line 2: unknown word \"kil\"; perhaps one of kill; `vipd simulate --words` lists all words",
        ),
        (
            "10s crash A for 3s",
            "line 2: this is not undone by time; write a later line that does what should happen then",
        ),
        (
            "10s expect A VI_1 LEADER",
            "line 2: \"LEADER\" is no state; the states are INIT, BACKUP, MASTER, FAULT, STOPPED",
        ),
        (
            "99999999999999999999s kill A",
            "line 2: \"99999999999999999999s\" is no time; write it as in 10s, 2.5s or 250ms",
        ),
        ("10s file \"A", "line 2: a quote is not closed; add a \" after the word"),
    ] {
        assert_eq!(told(line), text);
    }
}

#[test]
fn a_daemon_whose_first_line_starts_it_is_not_there_before() {
    let names = names();
    let late = |text: &str| Scenario::parse(text, &names).unwrap().starts_late(NodeId(0));
    assert!(late("10s start A\n"));
    assert!(!late("5s kill A\n10s start A\n"));
    assert!(!late("5s unplug A eth0\n"));
}
