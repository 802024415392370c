//! The checkers of V1 to V15 and G1 to G4 bite what is wrong, and are silent when all is well.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Instant, Priority, Vrid};
use config::{MapSource, Options, load};
use engine::facts::KernelEvent;
use engine::io::Event;
use model::{InstanceId, Model};
use vipd_sim::checker::{Judge, Rest};
use vipd_sim::observe::{Advert, Heard};
use vipd_sim::reading::Meaning;
use vipd_sim::setup::{Plan, world};
use vipd_sim::world::Pace;
use vipd_sim::{Fault, NodeId, Observation, What, World};
use vrrp::config::{GroupId, Version};
use vrrp::io::{self as core, Cause, State};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const SECOND: Duration = Duration::from_secs(1);

fn compile(text: &str) -> Arc<Model> {
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    Arc::new(loaded.model.expect("it can be run"))
}

fn instance(number: u8, priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_{number} {{\n interface eth0\n virtual_router_id {number}\n priority {priority}\n \
         version 3\n advert_int 1\n{more}\n virtual_ipaddress {{\n 192.0.2.{number}/24\n }}\n}}\n"
    )
}

/// Three instances in a group.
fn group(priority: u8) -> String {
    let all: String = (1..=3).map(|n| instance(n, priority, "")).collect();
    format!("{all}vrrp_sync_group G {{\n group {{\n VI_1\n VI_2\n VI_3\n }}\n}}\n")
}

/// A world that is watched, and in which things can be told to the judge that did not happen.
struct Story {
    world: World,
    judge: Judge,
}

impl Story {
    /// Node A starts first, node B 10 s later.
    fn new(texts: [String; 2]) -> Self {
        let plan =
            |(n, text): (usize, &String)| Plan { name: format!("n{n}").into(), models: vec![compile(text)] };
        let plans: Vec<_> = texts.iter().enumerate().map(plan).collect();
        let mut world = world(&plans, Pace::FAIR, 1);
        world.schedule(Instant::ZERO, Fault::Start(A));
        world.schedule(Instant::ZERO + SECOND * 10, Fault::Start(B));
        let judge = Judge::new(&world);
        Self { world, judge }
    }

    /// A is the master of one instance since it has the priority 150, B has 100.
    fn pair() -> Self {
        Self::new([instance(1, 150, ""), instance(1, 100, "")]).until(60)
    }

    fn until(mut self, seconds: u64) -> Self {
        self.judge.watch(&mut self.world, Instant::ZERO + SECOND * seconds, |_, _| {});
        assert_eq!(self.judge.found(), [], "nothing is wrong so far");
        self
    }

    fn fault(mut self, fault: Fault) -> Self {
        let now = self.world.now();
        self.world.schedule(now, fault);
        self
    }

    fn tell_at(&mut self, after: Duration, node: NodeId, what: What) -> &mut Self {
        let seen = Observation { at: self.world.now() + after, node: Some(node), what };
        self.judge.see(&self.world, &seen);
        self
    }

    fn tell(&mut self, node: NodeId, what: What) -> &mut Self {
        self.tell_at(Duration::ZERO, node, what)
    }

    fn bites(&self, property: &str) {
        let found: Vec<_> = self.judge.found().iter().map(|v| v.property).collect();
        assert!(found.contains(&property), "{property} is not among {found:?}");
    }

    /// What B says as a master.
    fn takeover(&mut self, id: u32) -> &mut Self {
        self.tell(B, advert(id, 100));
        self.tell(B, state(id, State::Backup, State::Master, silence()))
    }
}

fn silence() -> Cause {
    Cause::MasterDownTimer { master: None, waited: SECOND }
}

fn advert(id: u32, priority: u8) -> What {
    What::Advert(Advert {
        instance: Some(InstanceId(id)),
        link: None,
        source: address(1),
        destination: "224.0.0.18".parse().unwrap(),
        version: Version::V3,
        vrid: Vrid::new(1).unwrap(),
        priority: Priority(priority),
        sequence: None,
    })
}

fn address(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn vrrp(event: core::Event) -> What {
    What::Event(Event::Vrrp(event))
}

fn state(id: u32, from: State, to: State, cause: Cause) -> What {
    vrrp(core::Event::State { instance: InstanceId(id), from, to, cause })
}

fn turn() -> What {
    What::Turn { inputs: 0, effects: 0 }
}

fn heard(priority: u8, good: bool) -> What {
    let (source, priority, interval) = (address(250), Priority(priority), SECOND);
    What::Heard(Heard {
        from: None,
        source,
        vrid: Some(1),
        priority: Some(priority),
        sent: Instant::ZERO,
        valid: good,
        to: Some(InstanceId(0)),
        meaning: good.then_some(Meaning { source, priority, interval, sequence: None }),
    })
}

#[test]
fn v1_bites_two_masters_and_v2_one_that_is_not_the_best() {
    let mut story = Story::pair();
    story.takeover(0);
    story.judge.rest(&story.world, Rest::Healed);
    story.bites("V1");
    let mut story = Story::pair();
    story.tell(A, state(0, State::Master, State::Backup, Cause::FaultsCleared)).takeover(0);
    story.judge.rest(&story.world, Rest::Healed);
    story.bites("V2");
}

#[test]
fn v3_bites_a_backup_that_waits_too_long() {
    let mut story = Story::pair();
    story.tell_at(SECOND * 4, B, turn());
    story.bites("V3");
    let mut story = Story::pair();
    let late = SECOND * 4;
    story.tell_at(late, B, advert(0, 100));
    story.tell_at(late, B, state(0, State::Backup, State::Master, silence()));
    story.bites("V3");
}

#[test]
fn v4_bites_a_backup_that_does_not_wait() {
    let mut story = Story::pair();
    story.takeover(0).bites("V4");
}

#[test]
fn v5_bites_a_master_that_stays_one_and_v8_one_that_yields_to_a_lower_one() {
    let mut story = Story::pair();
    story.tell(A, heard(200, true)).tell(A, turn()).bites("V5");
    let mut story = Story::pair();
    let (from, priority, ours) = (address(250), Priority(149), Priority(150));
    let cause = Cause::BetterAdvert { from, priority, ours };
    story.tell(A, heard(149, true)).tell(A, state(0, State::Master, State::Backup, cause)).bites("V8");
}

#[test]
fn v6_bites_a_transition_while_nothing_happens() {
    let mut story = Story::pair();
    assert!(story.judge.rest(&story.world, Rest::Healed), "{:?}", story.judge.found());
    let cause = Cause::Paused { late: SECOND };
    story.tell_at(SECOND * 9, A, state(0, State::Master, State::Backup, cause));
    assert_eq!(story.judge.found(), [], "it was silent for long");
    story.judge.rest(&story.world, Rest::Quiet);
    story.bites("V6");
}

#[test]
fn v7_bites_adverts_out_of_turn_by_backups_and_those_that_do_not_come() {
    let mut story = Story::pair();
    story.tell(A, advert(0, 150)).bites("V7");
    let mut story = Story::pair();
    story.tell(B, advert(0, 100)).tell(B, turn()).bites("V7");
    let mut story = Story::pair();
    story.tell(B, advert(0, 0)).bites("V7");
    let mut story = Story::pair();
    story.tell_at(SECOND * 2, A, turn()).bites("V7");
    let mut story = Story::pair();
    story.tell(A, heard(100, true)).tell(A, advert(0, 150)).tell(A, turn());
    assert_eq!(story.judge.found(), [], "one answer is in order");
}

#[test]
fn v9_bites_who_preempts_against_its_will_or_goes_on_after_a_pause() {
    let texts = [instance(1, 100, ""), instance(1, 200, " nopreempt")];
    let mut story = Story::new(texts).until(60);
    story.takeover(0).bites("V9");
    let mut story = Story::pair();
    story.tell(A, What::Fault(Fault::Pause(A))).tell_at(SECOND * 9, A, advert(0, 150)).bites("V9");
}

#[test]
fn v10_bites_who_does_not_wait_for_its_delay() {
    let texts = [instance(1, 100, ""), instance(1, 200, " preempt_delay 300")];
    let mut story = Story::new(texts).until(60);
    story.takeover(0).bites("V10");
}

#[test]
fn v11_bites_an_interval_that_nobody_said() {
    let mut story = Story::pair();
    let learned = core::Event::IntervalLearned { instance: InstanceId(0), from: SECOND, to: SECOND * 2 };
    story.tell(B, heard(150, true)).tell(B, vrrp(learned)).bites("V11");
}

#[test]
fn v12_bites_a_master_that_leaves_without_a_word() {
    let mut story = Story::pair();
    story.tell(A, state(0, State::Master, State::Stopped, Cause::Stop)).bites("V12");
    let mut story = Story::pair();
    story.tell(A, advert(0, 0)).tell(A, state(0, State::Master, State::Stopped, Cause::Stop));
    assert_eq!(story.judge.found(), []);
}

#[test]
fn v13_bites_a_priority_that_is_not_the_sum() {
    let mut story = Story::pair();
    story.tell_at(SECOND, A, advert(0, 149)).tell_at(SECOND, A, turn()).bites("V13");
}

#[test]
fn v14_bites_a_master_without_a_carrier() {
    let mut story = Story::pair();
    let link = story.world.node(A).host.named("eth0".parse().unwrap()).unwrap().clone();
    let news = story.world.node_mut(A).host.set_carrier(link.name, false);
    assert_eq!(news.len(), 1);
    story.tell(A, What::Kernel(KernelEvent::Link(link))).tell(A, turn()).bites("V14");
}

#[test]
fn v15_bites_what_a_refused_advert_does() {
    let mut story = Story::pair();
    let (instance, from, to) = (InstanceId(0), None, address(250));
    let changed = vrrp(core::Event::MasterChanged { instance, from, to });
    story.tell(B, heard(200, false)).tell(B, changed.clone()).bites("V15");
    let mut story = Story::pair();
    story.tell(B, heard(200, true)).tell(B, changed);
    assert_eq!(story.judge.found(), []);
}

#[test]
fn g1_g2_and_g4_bite_groups_that_are_not_together() {
    let pair = || Story::new([group(150), group(100)]).until(60);
    let follow = |member| Cause::Group { group: GroupId(0), member: InstanceId(member) };
    let mut story = pair();
    story.tell(B, state(1, State::Backup, State::Fault, follow(0))).tell(B, turn()).bites("G1");
    let mut story = pair();
    for id in [1, 2, 0] {
        story.tell(B, state(id, State::Backup, State::Fault, follow(1)));
    }
    story.bites("G2");
    let mut story = pair();
    for _ in 0..4 {
        story.tell(B, state(1, State::Backup, State::Fault, follow(0)));
        story.tell(B, state(1, State::Fault, State::Backup, follow(0)));
    }
    story.bites("G4");
}

#[test]
fn nothing_bites_when_all_is_well() {
    let configurations = [
        [instance(1, 150, ""), instance(1, 100, "")],
        [instance(1, 100, ""), instance(1, 150, " preempt_delay 5")],
        [instance(1, 100, ""), instance(1, 150, " nopreempt")],
        [instance(1, 100, " lower_prio_no_advert"), instance(1, 100, " higher_prio_send_advert")],
        [instance(1, 255, " state MASTER"), instance(1, 200, "")],
        [instance(1, 255, ""), instance(1, 255, "")],
        [group(150), group(100)],
    ];
    let link = "eth0".parse().unwrap();
    let faults: [&dyn Fn(NodeId) -> [Fault; 2]; 7] = [
        &|n| [Fault::PowerOff(n), Fault::PowerOn(n)],
        &|n| [Fault::Kill(n), Fault::Start(n)],
        &|n| [Fault::Stop(n), Fault::Start(n)],
        &|n| [Fault::Pause(n), Fault::Resume(n)],
        &|n| [Fault::Freeze(n), Fault::Thaw(n)],
        &|n| [Fault::Unplug(n, link), Fault::Plug(n, link)],
        &|n| [Fault::Mute(n, link), Fault::Hear(n, link)],
    ];
    for texts in &configurations {
        for fault in faults {
            for node in [A, B] {
                let [begin, end] = fault(node);
                let mut story =
                    Story::new(texts.clone()).until(40).fault(begin).until(50).fault(end).until(120);
                for (rest, until) in [(Rest::Healed, 140), (Rest::Quiet, 141)] {
                    story.judge.rest(&story.world, rest);
                    assert_eq!(story.judge.found(), [], "{rest:?}, {texts:?}");
                    story = story.until(until);
                }
            }
        }
    }
}
