//! Studies of a pair: what each fault does, and that a world which does not work is not excused.

use std::sync::Arc;

use base::Duration;
use config::{MapSource, Options, load};
use vipd_sim::scenario::Scenario;
use vipd_sim::setup::Plan;
use vipd_sim::study::{Case, Doubt, Excuse, Finding, Record, Study};
use vipd_sim::{NodeId, study};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn plan(name: &str, link: &str, priority: u8, more: &str) -> Plan {
    let text = format!(
        "vrrp_script chk {{\n script /bin/true\n interval 1\n}}\n\
         vrrp_instance VI_1 {{\n interface {link}\n virtual_router_id 51\n priority {priority}\n {more}\n \
         virtual_ipaddress {{\n 192.0.2.10/24\n }}\n track_script {{\n chk\n }}\n}}\n"
    );
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    Plan { name: name.into(), models: vec![Arc::new(loaded.model.expect("it can be run"))] }
}

fn pair() -> Study {
    Study::new(vec![plan("A", "eth0", 150, ""), plan("B", "eth0", 100, "")], 1)
}

fn run(study: &Study, name: &str) -> Record {
    let singles = study.singles();
    let all: Vec<Case> = singles.iter().cloned().chain(study.pairs(&singles)).collect();
    let case = all.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
    study.run(case, |_, _| {})
}

/// Who answered before the fault, before the healing, and in the end.
fn owners(record: &Record) -> [Vec<NodeId>; 3] {
    let address = &record.addresses[0];
    let healed = address.healed.expect("it is healed");
    let before = base::Instant::from_nanos(healed.as_nanos() - 1);
    [address.before().to_vec(), address.at(before).to_vec(), address.spans.last().unwrap().owners.clone()]
}

#[test]
fn every_single_fault_and_every_pair_of_a_healthy_pair_holds() {
    let study = pair();
    let singles = study.singles();
    let pairs = study.pairs(&singles);
    assert!(singles.len() > 30 && pairs.len() > 2_000, "{} {}", singles.len(), pairs.len());
    // All of them are for the command; here every 23rd pair, a number that divides no group of them.
    for case in singles.iter().chain(pairs.iter().step_by(23)) {
        let record = study.run(case, |_, _| {});
        assert_eq!(record.findings, [], "{}", case.name);
    }
}

#[test]
fn the_backup_takes_over_within_the_formula_and_the_master_comes_back() {
    let study = pair();
    for name in ["power-off A", "unplug A eth0", "mute A eth0", "link-delete A eth0", "stop A"] {
        let record = run(&study, name);
        assert_eq!(owners(&record), [vec![A], vec![B], vec![A]], "{name}");
        let (nobody, allowed) = record.addresses[0].nobody;
        assert!(nobody > Duration::ZERO && nobody <= allowed, "{name}: {nobody} of {allowed}");
        assert!(allowed < Duration::from_millis(3_620), "{name}: {allowed}");
    }
}

#[test]
fn what_no_election_can_mend_is_told_and_excused() {
    let study = pair();
    let excuses = |name: &str| run(&study, name).addresses[0].excuses.clone();
    assert_eq!(excuses("switch-off eth0"), [Excuse::Unable]);
    assert_eq!(excuses("cut A B"), [Excuse::Unheard(B, A)]);
    assert_eq!(excuses("deafen A eth0"), [Excuse::Unreachable(A)]);
    let both = run(&study, "script A chk fails 0.005s and script B chk fails 0.005s");
    assert_eq!(both.addresses[0].excuses, [Excuse::Unable]);
    assert_eq!(owners(&both)[1], []);
    assert_eq!(both.findings, []);
}

#[test]
fn configurations_that_refuse_each_other_are_doubted_and_broken() {
    let auth = "authentication {\n auth_type PASS\n auth_pass 1111\n }";
    let study = Study::new(vec![plan("A", "eth0", 150, auth), plan("B", "eth0", 100, "")], 1);
    assert!(matches!(
        study.doubts().as_slice(),
        [Doubt::Differ { what: "`authentication`", refused: true, .. }]
    ));
    let record = run(&study, "nothing");
    assert!(record.findings.iter().any(|f| matches!(f, Finding::Two { .. })), "{:?}", record.findings);
    assert!(record.findings.iter().any(|f| matches!(f, Finding::WrongOwner { .. })));
}

#[test]
fn members_with_interfaces_of_different_names_are_on_one_segment() {
    let study = Study::new(vec![plan("A", "ens192", 150, ""), plan("B", "ens32", 100, "")], 1);
    assert_eq!(study.routers.len(), 1);
    assert_eq!(study.doubts(), []);
    assert_eq!(owners(&run(&study, "power-off A")), [vec![A], vec![B], vec![A]]);
}

#[test]
fn an_expectation_that_fails_is_a_finding() {
    let study = pair();
    let play = |text: &str| {
        let scenario = Scenario::parse(text, &study.names).unwrap();
        study.play(&scenario, |_, _| {}).findings
    };
    assert_eq!(play("10s unplug A eth0\n16s expect B VI_1 MASTER\n16s expect 192.0.2.10 B\n16s end\n"), []);
    let found = play("10s unplug A eth0\n11s expect B VI_1 MASTER\n12s expect 192.0.2.10 A\n");
    assert!(
        matches!(found.as_slice(), [Finding::Unexpected { .. }, Finding::Unexpected { .. }]),
        "{found:?}"
    );
}

#[test]
fn the_bounds_follow_from_the_configurations() {
    let slow = "advert_int 10\n preempt_delay 300";
    let study = Study::new(vec![plan("A", "eth0", 150, slow), plan("B", "eth0", 100, slow)], 1);
    let study::Bounds { settle, calm, takeover } = study.bounds;
    assert!(takeover >= Duration::from_secs(30) && calm > takeover, "{takeover} {calm}");
    assert!(settle >= calm + Duration::from_secs(300), "{settle}");
    assert_eq!(run(&study, "power-off A").findings, []);
}
