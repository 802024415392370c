//! Golden lines. `+` marks those that need `-D`; those that need more are left out.

use std::net::IpAddr;

use base::{Duration, IfName, Instant, Priority};
use engine::io::{Event, OpError, Operation, Outcome, Repaired};
use engine::lvs::table::SyncHalf;
use vrrp::error::Refusal;
use vrrp::io::{Cause, Event as Core, Fault, Oddity, RogueStep, State, Verdict};
use wire::vrrp::DecodeError;

use super::super::fixture::{GROUP, PAIR, TRACKED, UNI, address, model};
use super::render;

/// Asserts the lines of an event, one by one.
#[track_caller]
fn told(event: &Event, lines: &[&str]) {
    let told: Vec<String> = render(&model(), event)
        .into_iter()
        .filter(|l| l.detail < 2)
        .map(|l| format!("{}{}", if l.detail > 0 { "+" } else { "" }, l.text))
        .collect();
    assert_eq!(told, lines);
}

#[track_caller]
fn core(event: Core, lines: &[&str]) {
    told(&Event::Vrrp(event), lines);
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn eth0() -> IfName {
    IfName::new("eth0").unwrap()
}

fn state(from: State, to: State, cause: Cause) -> Core {
    Core::State { instance: PAIR, from, to, cause }
}

#[test]
fn each_change_of_state_is_explained_to_who_asks_for_all_details() {
    let cause =
        Cause::MasterDownTimer { master: Some(ip("192.0.2.11")), waited: Duration::from_millis(3_609) };
    let lines = render(&model(), &Event::Vrrp(state(State::Backup, State::Master, cause)));
    let last = lines.last().map(|l| (l.detail, l.text.as_str()));
    assert_eq!(last, Some((2, "(VI_1) took over: no advert from 192.0.2.11 for 3.609 s")));
}

#[test]
fn states_are_entered_in_keepalived_s_words() {
    core(state(State::Init, State::Backup, Cause::Start), &["(VI_1) Entering BACKUP STATE (init)"]);
    core(state(State::Init, State::Backup, Cause::FaultsCleared), &["(VI_1) Entering BACKUP STATE"]);
    core(
        state(
            State::Backup,
            State::Master,
            Cause::MasterDownTimer { master: None, waited: Duration::from_secs(3) },
        ),
        &["+(VI_1) Receive advertisement timeout", "(VI_1) Entering MASTER STATE"],
    );
    core(
        state(State::Init, State::Master, Cause::Owner),
        &["+(VI_1) Receive advertisement timeout", "(VI_1) Entering MASTER STATE"],
    );
    core(
        state(State::Backup, State::Master, Cause::Group { group: GROUP, member: UNI }),
        &["(VI_1) Entering MASTER STATE"],
    );
    core(
        state(State::Master, State::Fault, Cause::Fault(Fault::InterfaceDown)),
        &["(VI_1) Entering FAULT STATE"],
    );
    core(state(State::Master, State::Stopped, Cause::Stop), &[]);
    core(
        state(State::Master, State::Backup, Cause::Paused { late: Duration::from_micros(4_000_021) }),
        &["VRRP thread timer expired 4.000021 seconds ago", "(VI_1) Entering BACKUP STATE"],
    );
}

#[test]
fn a_master_that_yields_says_to_whom() {
    let better = |priority, ours| Cause::BetterAdvert { from: ip("192.0.2.11"), priority, ours };
    core(
        state(State::Master, State::Backup, better(Priority(150), Priority(100))),
        &[
            "(VI_1) Master received advert from 192.0.2.11 with higher priority 150, ours 100",
            "(VI_1) Entering BACKUP STATE",
        ],
    );
    core(
        state(State::Master, State::Backup, better(Priority(100), Priority(100))),
        &[
            "(VI_1) Master received advert from 192.0.2.11 with same priority 100 but higher IP address than ours",
            "(VI_1) Entering BACKUP STATE",
        ],
    );
}

#[test]
fn an_instance_that_starts_in_fault_says_why() {
    let start = |cause| state(State::Init, State::Fault, cause);
    let entering = "(VI_1) Entering FAULT STATE (init)";
    core(
        start(Cause::Fault(Fault::InterfaceMissing)),
        &["(VI_1): entering FAULT state (interface eth0 down)", entering],
    );
    core(
        start(Cause::Fault(Fault::NoAddress)),
        &["(VI_1) entering FAULT state (no IPv4 address for interface)", entering],
    );
    core(
        start(Cause::Tracker { tracker: TRACKED.script, verdict: Verdict::Down }),
        &["(VI_1): entering FAULT state due to script chk", entering],
    );
    core(
        start(Cause::Tracker { tracker: TRACKED.file, verdict: Verdict::Value(7) }),
        &["(VI_1): entering FAULT state (tracked file tf has status 7)", entering],
    );
    core(
        start(Cause::Tracker { tracker: TRACKED.link, verdict: Verdict::Down }),
        &["(VI_1): entering FAULT state (interface eth1 down)", entering],
    );
    core(
        start(Cause::Group { group: GROUP, member: UNI }),
        &["VRRP_Group(G1): Syncing VI_1 to FAULT state", entering],
    );
}

#[test]
fn causes_that_keepalived_hides_never_look_like_its_lines() {
    for began in [true, false] {
        for fault in [Fault::InterfaceDown, Fault::NoAddress, Fault::SourceMissing, Fault::NoPeer] {
            let event = Event::Vrrp(Core::Fault { instance: PAIR, cause: Cause::Fault(fault), began });
            for line in render(&model(), &event) {
                assert_eq!(line.detail, 1);
                assert!(!line.text.to_lowercase().contains("fault state"), "{}", line.text);
            }
        }
    }
    core(
        Core::Fault { instance: PAIR, cause: Cause::Fault(Fault::InterfaceDown), began: false },
        &["+(VI_1) fault is over: interface eth0 is up"],
    );
    let file = Cause::Tracker { tracker: TRACKED.file, verdict: Verdict::Value(5) };
    core(
        Core::Fault { instance: PAIR, cause: file.clone(), began: true },
        &["+(VI_1): tracked file tf now FAULT state"],
    );
    core(
        Core::Fault { instance: PAIR, cause: file, began: false },
        &["+(VI_1): tracked file tf leaving FAULT state"],
    );
}

#[test]
fn groups_are_synced_but_not_at_start() {
    let group = |from, to| Core::Group { group: GROUP, from, to };
    core(group(State::Backup, State::Master), &["VRRP_Group(G1) Syncing instances to MASTER state"]);
    core(group(State::Master, State::Fault), &["VRRP_Group(G1) Syncing instances to FAULT state"]);
    core(group(State::Init, State::Backup), &[]);
    core(group(State::Master, State::Stopped), &[]);
}

#[test]
fn adverts_of_others_are_told() {
    let (instance, source) = (PAIR, ip("192.0.2.12"));
    core(
        Core::LowerDiscarded { instance, source, priority: Priority(90) },
        &["(VI_1) received lower priority (90) advert from 192.0.2.12 - discarding"],
    );
    let lower = |answered| Core::LowerReceived {
        instance,
        source,
        priority: Priority(90),
        ours: Priority(100),
        answered,
    };
    core(
        lower(true),
        &["(VI_1) Received advert from 192.0.2.12 with lower priority 90, ours 100, forcing new election"],
    );
    core(lower(false), &["(VI_1) Received advert from 192.0.2.12 with lower priority 90, ours 100"]);
    core(
        Core::Release { instance, source, state: State::Backup },
        &["+(VI_1) Backup received priority 0 advertisement"],
    );
    core(
        Core::Release { instance, source, state: State::Master },
        &["+(VI_1) Master received priority 0 message"],
    );
    core(Core::Released { instance }, &["+(VI_1) sent 0 priority"]);
    core(Core::MasterChanged { instance, from: None, to: source }, &["+(VI_1) master set to 192.0.2.12"]);
    core(
        Core::MasterChanged { instance, from: Some(ip("192.0.2.11")), to: source },
        &["+(VI_1) master changed from 192.0.2.11 to 192.0.2.12"],
    );
    core(
        Core::IntervalLearned { instance, from: Duration::from_secs(1), to: Duration::from_millis(500) },
        &["(VI_1) advertisement interval updated from 1000ms to 500ms by master"],
    );
    core(
        Core::OwnAddress { instance },
        &["(VI_1) WARNING - equal priority advert received from remote host with our IP address."],
    );
    core(
        Core::RogueOwner { instance, source, step: RogueStep::Found },
        &[
            "(VI_1) CONFIGURATION ERROR: local instance and 192.0.2.12 are both configured as address owner, please resolve",
        ],
    );
}

#[test]
fn timers_and_priorities_are_told() {
    let instance = PAIR;
    core(
        Core::PreemptDelay { instance, until: Some(Instant::ZERO) },
        &["+(VI_1) start preempt delay (5.500000)"],
    );
    core(Core::PreemptDelay { instance, until: None }, &["+(VI_1) stop preempt delay"]);
    core(
        Core::Priority { instance, from: Priority(100), to: Priority(80) },
        &["(VI_1) Changing effective priority from 100 to 80"],
    );
    told(&Event::StartupDelay(Some(Duration::from_millis(2_500))), &["Delaying startup for 2.5 seconds"]);
    told(&Event::StartupDelay(None), &["Delayed start completed"]);
}

#[test]
fn each_refusal_has_its_line() {
    let secs = Duration::from_secs;
    let table = [
        (
            Refusal::Malformed(DecodeError::TooShort { len: 5, expected: 8 }),
            "vrrp packet from 192.0.2.12 too short, length 5 and expect 8",
        ),
        (
            Refusal::Malformed(DecodeError::LengthMismatch { len: 24, expected: 20 }),
            "vrrp packet from 192.0.2.12 too long, length 24 and expect 20",
        ),
        (
            Refusal::Malformed(DecodeError::UnknownVersion(4)),
            "wrong VRRP version from 192.0.2.12. Received 4 and expect 2",
        ),
        (
            Refusal::Malformed(DecodeError::Ipv4(wire::ipv4::Error::TotalLength { claimed: 60, len: 40 })),
            "ip_tot_len mismatch against received length from 192.0.2.12. 60 and received 40",
        ),
        (
            Refusal::HopLimit { received: 64, min: 255, max: 255 },
            "invalid TTL/HL from 192.0.2.12. Received 64 and expect 255",
        ),
        (Refusal::Version { received: 3 }, "wrong VRRP version from 192.0.2.12. Received 3 and expect 2"),
        (Refusal::Vrid { received: 7 }, "Invalid VRID from 192.0.2.12. 7 and expect 51"),
        (Refusal::Type { received: 2 }, "Invalid packet type from 192.0.2.12. 2 and expect 1"),
        (Refusal::Checksum, "Invalid VRRPv2 checksum from 192.0.2.12"),
        (Refusal::AuthTypeUnknown { received: 7 }, "Invalid auth type from 192.0.2.12: 7"),
        (Refusal::AuthTypeMismatch { received: 1 }, "received a 1 auth from 192.0.2.12, expecting 0!"),
        (Refusal::UnexpectedAh, "Received AH header but auth type not AH from 192.0.2.12"),
        (Refusal::MissingAh, "No AH header but auth type is AH from 192.0.2.12"),
        (Refusal::Password, "received an invalid passwd from 192.0.2.12!"),
        (Refusal::Icv, "IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !"),
        (Refusal::Spi, "IPSEC AH : invalid IPSEC SPI value. It is not the address of 192.0.2.12"),
        (
            Refusal::Replay { received: 3, highest: 9 },
            "IPSEC-AH : sequence number 3 already processed. Packet dropped. Local(9)",
        ),
        (
            Refusal::Interval { ours: secs(1), received: secs(2) },
            "advertisement interval mismatch with 192.0.2.12 mine=1 sec rcv'd=2 sec",
        ),
        (Refusal::IntervalZero, "advertisement interval mismatch ours = 100 centi-sec rcv'd=0 centi-sec"),
        (Refusal::NoAddresses, "expected 1 VIPs but received 0"),
        (Refusal::Destination, "Expected multicast packet but received unicast packet from 192.0.2.12"),
        (Refusal::NotAPeer, "unicast source address 192.0.2.12 not a unicast peer"),
        (Refusal::OwnSource, "ignoring advert from 192.0.2.12, which is our own address"),
        (Refusal::Owner, "Dropping packet(s) from 192.0.2.12 since we are address owner"),
    ];
    let refused =
        |instance, refusal, first| Core::Refused { instance, source: ip("192.0.2.12"), refusal, first };
    for (refusal, text) in table {
        core(refused(PAIR, refusal, true), &[&format!("(VI_1) {text}")]);
        core(refused(PAIR, refusal, false), &[]);
    }
    core(
        refused(UNI, Refusal::HopLimit { received: 64, min: 250, max: 255 }, true),
        &["(VI_2) TTL/HL 64 from 192.0.2.12 not in range [250, 255]"],
    );
    core(
        refused(UNI, Refusal::Destination, true),
        &["(VI_2) Expected unicast packet but received multicast packet from 192.0.2.12"],
    );
    core(refused(UNI, Refusal::Checksum, true), &["(VI_2) Invalid VRRPv3 checksum from 192.0.2.12"]);
}

#[test]
fn oddities_are_told_once() {
    let odd = |oddity, first| Core::Odd { instance: PAIR, source: ip("192.0.2.12"), oddity, first };
    let count = Oddity::AddressCount { expected: 1, received: 2 };
    core(odd(count, true), &["(VI_1) expected 1 VIPs but received 2"]);
    core(odd(count, false), &[]);
    core(
        odd(Oddity::AddressMissing(ip("192.0.2.100")), true),
        &["(VI_1) ip address associated with VRID 51 not present in advert from 192.0.2.12: 192.0.2.100"],
    );
    core(
        odd(Oddity::Interval { ours: Duration::from_secs(1), received: Duration::from_millis(500) }, true),
        &["(VI_1) advertisement interval mismatch ours = 100 centi-sec rcv'd=50 centi-sec"],
    );
}

#[test]
fn script_results_name_status_and_verdict() {
    let ended = |outcome, up, changed, other_outcome| Event::Script {
        tracker: TRACKED.script,
        outcome,
        up,
        changed,
        other_outcome,
    };
    told(&ended(Outcome::Exited(0), true, true, false), &["VRRP_Script(chk) succeeded"]);
    told(&ended(Outcome::Exited(1), true, false, true), &["Script `chk` now returning 1"]);
    told(
        &ended(Outcome::Exited(1), false, true, true),
        &["Script `chk` now returning 1", "VRRP_Script(chk) failed (exited with status 1)"],
    );
    told(&ended(Outcome::Signaled(9), false, true, true), &["VRRP_Script(chk) failed (due to signal 9)"]);
    told(&ended(Outcome::TimedOut, false, true, true), &["VRRP_Script(chk) timed_out"]);
    told(
        &Event::ScriptBusy { tracker: TRACKED.script },
        &["Track script chk is already running, expect idle - skipping run"],
    );
}

#[test]
fn the_kernel_s_doings_are_told() {
    told(&Event::Link { name: eth0(), up: false }, &["Netlink reports eth0 down"]);
    told(&Event::LinkExists { name: eth0(), exists: false }, &["Interface eth0 deleted"]);
    let set = |set, excluded| Event::Addresses { instance: PAIR, set, excluded };
    told(&set(true, false), &["+(VI_1) setting VIPs."]);
    told(&set(false, true), &["+(VI_1) removing E-VIPs."]);
    told(&Event::Routes { instance: PAIR, set: true }, &["+(VI_1) setting Virtual Routes"]);
    let announcing = |address| Event::Announcing { instance: PAIR, link: eth0(), address: ip(address) };
    told(&announcing("192.0.2.100"), &["+(VI_1) Sending/queueing gratuitous ARPs on eth0 for 192.0.2.100"]);
    told(
        &announcing("fe80::100"),
        &["+(VI_1) Sending/queueing Unsolicited Neighbour Adverts on eth0 for fe80::100"],
    );
    let announced = |address| Event::Announced { link: eth0(), address: ip(address) };
    told(&announced("192.0.2.100"), &["+Sending gratuitous ARP on eth0 for 192.0.2.100"]);
    told(&announced("fe80::100"), &["+Sending unsolicited Neighbour Advert on eth0 for fe80::100"]);
    let lost = Repaired::Address("192.0.2.100/24".parse().unwrap());
    told(
        &Event::Repaired { instance: Some(PAIR), link: eth0(), what: lost.clone() },
        &[
            "Netlink reflector reports IP 192.0.2.100 removed from eth0",
            "(VI_1) ip address 192.0.2.100/24 dev eth0, no longer exist",
            "(VI_1) putting back address 192.0.2.100/24 on eth0",
        ],
    );
    told(
        &Event::Repaired { instance: None, link: eth0(), what: lost },
        &["Restoring deleted static address 192.0.2.100"],
    );
    told(
        &Event::SyncRepaired { half: SyncHalf::Master, runs: None },
        &["lvs_sync_daemon: sync daemon (master) was stopped by somebody else, putting it right"],
    );
    told(
        &Event::SyncRepaired { half: SyncHalf::Backup, runs: Some(eth0()) },
        &[
            "lvs_sync_daemon: sync daemon (backup) was started or changed by somebody else (on eth0), putting it right",
        ],
    );
    let operation = Operation::AddAddress {
        link: base::IfIndex::new(3).unwrap(),
        address: address("192.0.2.100/24"),
        valid_lft: None,
    };
    let error = OpError { errno: 22, message: "Invalid argument".into() };
    told(
        &Event::OperationFailed { operation, error, retry: true },
        &["Netlink: error: Invalid argument(22), type=RTM_NEWADDR(20), 192.0.2.100/24 on eth0, trying again"],
    );
}

#[test]
fn unknown_vrids_are_told_only_on_request() {
    let event = Event::UnknownVrid { vrid: 9, link: Some(eth0()), source: ip("192.0.2.12") };
    told(&event, &[]);
    let mut asked = model();
    asked.global.log_unknown_vrids = true;
    let lines = render(&asked, &event);
    assert_eq!(lines[0].text, "Unknown VRID(9) received on interface(eth0) from 192.0.2.12. ignoring...");
}
