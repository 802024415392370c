//! The negative packets of the corpus, adapted to the addresses of the lab.

use std::net::{IpAddr, Ipv4Addr};

use lab::harness::Outcome;
use lab::{LabError, Result, ensure};
use wire::{ah, ipv4};

use crate::attacker::{self, checksum, frame4, seal};
use crate::stage::SECOND;
use crate::target::{AH, PASS, Target, V2, V3, addresses, grown, router};

const CORPUS: &str = include_str!("../../../../tests/corpus/vrrp_vectors.json");

/// What a refused packet leaves behind.
#[derive(Clone, Copy)]
enum Trace {
    /// One more in this line of the statistics.
    Counter(&'static str),
    /// A line in the log: keepalived's statistics have none for it.
    Log(&'static str),
    /// Nothing: it is not for us, or the kernel refuses it.
    None,
}
use Trace::{Counter, Log};

/// Each negative packet, the instance that it is for, and its trace.
const REFUSED: &[(&str, u8, Trace)] = &[
    ("neg_ttl254", V3, Counter("Packet Errors/TTL")),
    ("neg_v3_checksum_flipped", V3, Log("Invalid VRRPv3 checksum from 192.0.2.66")),
    ("neg_v2_checksum_flipped", V2, Log("Invalid VRRPv2 checksum from 192.0.2.66")),
    ("neg_version4", V3, Log("(VI_51) wrong VRRP version from 192.0.2.66. Received 4 and expect 3")),
    // Of a kind that has been told.
    ("neg_version2_to_v3_instance", V3, Trace::None),
    ("neg_type2", V3, Counter("Packet Errors/Invalid Type")),
    ("neg_vrid_unknown", V3, Trace::None),
    ("neg_vrid0", V3, Trace::None),
    ("neg_count0", V3, Counter("Packet Errors/Address List")),
    ("neg_count_too_big", V3, Counter("Packet Errors/Length")),
    ("neg_count_too_small", V3, Counter("Packet Errors/Length")),
    ("neg_count255_short", V3, Counter("Packet Errors/Length")),
    ("neg_v3_interval0", V3, Counter("Packet Errors/Advertisement Interval")),
    ("neg_v2_interval_mismatch", V2, Counter("Packet Errors/Advertisement Interval")),
    ("neg_v2_authtype3", V2, Counter("Authentication Errors/Invalid Type")),
    ("neg_v2_pass_wrong", PASS, Counter("Authentication Errors/Failure")),
    ("neg_v2_no_auth_tail", V2, Counter("Packet Errors/Length")),
    ("neg_header_only_7_octets", V3, Log("ignoring unreadable packet from 192.0.2.66")),
    ("neg_ihl_lies", V3, Trace::None),
    ("neg_tot_len_lies", V3, Trace::None),
    ("neg_dst_unicast_to_mcast_instance", V3, Counter("Packet Errors/Address List")),
    // The socket for AH serves only those who use it.
    ("neg_ah_to_noauth_instance", V2, Trace::None),
    ("neg_ah_bad_icv", AH, Counter("Authentication Errors/Failure")),
];

/// Odd, but right: a master answers them.
const ACCEPTED: &[&str] = &["neg_v3_reserved_nibble_set", "neg_ip_options"];

pub(crate) fn corpus() -> Result<Outcome> {
    let corpus: serde_json::Value =
        serde_json::from_str(CORPUS).map_err(|e| LabError::Expectation(format!("the corpus: {e}")))?;
    let packet = |name: &str| -> Option<Vec<u8>> {
        let vectors = corpus["vectors"].as_array()?;
        let hex = vectors.iter().find(|v| v["name"] == name)?["ip_packet"].as_str()?;
        hex.as_bytes()
            .chunks(2)
            .map(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok())
            .collect()
    };
    let none = |name: &str| LabError::Expectation(format!("the corpus has no {name}"));
    let negative = corpus["vectors"].as_array().into_iter().flatten();
    for name in negative.filter_map(|v| v["name"].as_str()).filter(|n| n.starts_with("neg_")) {
        let known = ACCEPTED.contains(&name) || REFUSED.iter().any(|r| r.0 == name);
        ensure(known, format_args!("nobody expects anything of {name}"))?;
    }

    let mut target = Target::new("corpus")?;
    let mut wrong = Vec::new();
    for (name, vrid, trace) in REFUSED {
        let original = packet(name).ok_or_else(|| none(name))?;
        let before = [target.statistics(0)?, target.statistics(1)?];
        let logs = [target.log(0)?.len(), target.log(1)?.len()];
        send(&target, 0, &original, *vrid, 254)?;
        if is_unicast(&original) {
            send(&target, 1, &original, *vrid, 254)?;
        }
        target.stage.lab.pass(SECOND / 100);
        for n in 0..2 {
            let grown = grown(&before[n], &target.statistics(n)?);
            let want = match trace {
                Counter(line) => [(format!("VI_{vrid}/{line}"), 1)].into(),
                _ => [].into(),
            };
            if grown != want {
                wrong.push(format!("{name}: r{} counted {grown:?}, not {want:?}", n + 1));
            }
            let log = target.log(n)?.split_off(logs[n]);
            match trace {
                Log(text) if !log.contains(text) => {
                    wrong.push(format!("{name}: r{} does not say \"{text}\" but {log}", n + 1));
                }
                Trace::None if log.contains("192.0.2.66") => {
                    wrong.push(format!("{name}: r{} says {log}", n + 1));
                }
                _ => {}
            }
        }
    }
    ensure(wrong.is_empty(), wrong.join("\n"))?;
    // An advert of the master that somebody kept, and sends again.
    let own = |f: &lab::Frame| {
        f.bytes.get(6..12) == Some(&target.macs[0].0) && f.bytes.get(23) == Some(&ah::PROTOCOL)
    };
    let kept = target.stage.capture.frames().into_iter().rev().find(own);
    let kept = kept.ok_or_else(|| LabError::Expectation("no advert with AH".to_owned()))?;
    let before = target.statistics(1)?;
    target.attacker.send(vec![frame4(&kept.bytes[14..], None)])?;
    target.stage.lab.pass(SECOND / 100);
    let grown = grown(&before, &target.statistics(1)?);
    let once = [(format!("VI_{AH}/Authentication Errors/Failure"), 1)].into();
    ensure(grown == once, format_args!("a replay was counted as {grown:?}"))?;
    // A lost backup would be a master within four seconds.
    target.stage.lab.pass(6 * SECOND);
    target.unmoved(false)?;

    target.begin()?;
    for name in ACCEPTED {
        let original = packet(name).ok_or_else(|| none(name))?;
        let received = |n: usize| -> Result<u64> {
            Ok(target.statistics(n)?.get("VI_51/Advertisements/Received").copied().unwrap_or_default())
        };
        let before = received(0)?;
        send(&target, 0, &original, V3, 150)?;
        target.stage.lab.pass(SECOND / 100);
        let by = received(0)? - before;
        ensure(by == 1, format_args!("{name}: a right packet was counted {by} times"))?;
    }
    target.stage.lab.pass(6 * SECOND);
    target.unmoved(true)?;
    Ok(Outcome::Passed)
}

/// Sends a packet of the corpus: to a router, or to the group and so to both.
fn send(target: &Target, n: usize, original: &[u8], vrid: u8, priority: u8) -> Result<()> {
    let adapted = adapt(original, u8::try_from(n + 1).unwrap_or_default(), vrid, priority);
    target.attacker.send(vec![frame4(&adapted, is_unicast(original).then_some(target.macs[n]))])
}

fn is_unicast(original: &[u8]) -> bool {
    original[16] == 10
}

/// The same packet for router `n` and instance `vrid`, with a priority that would depose its master.
/// What was right in it stays right, and what was wrong stays wrong by as much.
fn adapt(original: &[u8], n: u8, vrid: u8, priority: u8) -> Vec<u8> {
    let mut packet = original.to_vec();
    let corpus = |last: u8| [10, 1, 2, last];
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => [0; 4],
    };
    let [first, second] = addresses(vrid).map(octets);
    let table = [
        (corpus(3), attacker::ADDRESS.octets()),
        (corpus(4), octets(router(n))),
        (corpus(254), first),
        (corpus(253), second),
    ];
    let mut at = 12;
    while let Some(place) = packet.get_mut(at..at + 4) {
        if let Some((_, ours)) = table.iter().find(|(theirs, _)| place == theirs) {
            place.copy_from_slice(ours);
        }
        at += 4;
    }
    // The corpus tells lengths that lie: these packets have 20 bytes of header all the same.
    let header = if original[0] & 15 == 6 { 24 } else { 20 };
    let message = header + if original[9] == ah::PROTOCOL { usize::from(ah::HEADER_LEN) } else { 0 };
    if packet[message + 1] == 51 {
        packet[message + 1] = vrid;
    }
    packet[message + 2] = priority;
    if packet.len() >= message + 8 {
        let sum = |packet: &[u8]| {
            let address = |at: usize| {
                IpAddr::V4(Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]))
            };
            checksum(&packet[message..], address(12), address(16), false)
        };
        let field = |packet: &[u8]| u16::from_be_bytes([packet[message + 6], packet[message + 7]]);
        let error = field(original).wrapping_sub(sum(original));
        let field = sum(&packet).wrapping_add(error);
        packet[message + 6..message + 8].copy_from_slice(&field.to_be_bytes());
    }
    if original[9] == ah::PROTOCOL {
        let icv = |packet: &[u8]| {
            let ip = ipv4::parse(packet).ok()?.header;
            let (ah, message) = ah::parse(&packet[header..]).ok()?;
            Some((ah::icv(&ah::key(b"secret"), &ip, &ah, &[message]), ah.icv))
        };
        if let (Some((right, had)), Some((ours, _))) = (icv(original), icv(&packet)) {
            for i in 0..12 {
                packet[header + 12 + i] = ours[i] ^ right[i] ^ had[i];
            }
        }
    }
    seal(&mut packet);
    packet
}
