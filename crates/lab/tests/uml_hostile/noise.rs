//! Random bytes, broken adverts and floods.

use base::Rng;
use lab::harness::Outcome;
use lab::{Result, ensure};
use wire::{ah, vrrp};

use crate::attacker::{ADDRESS, ADDRESS6, checksum, datagram, frame4, frame6, message3, summed};
use crate::stage::{SECOND, vrrp_of};
use crate::target::{ALL, Target, V2, V3, V6, addresses};

/// Packets with random content.
const PACKETS: u32 = 10_000;
/// Sent at once, many times more than the socket's buffer holds.
const FLOOD: usize = 3_000;
const SEED: u64 = 0x0076_7270;

pub(crate) fn noise() -> Result<Outcome> {
    let target = Target::new("noise")?;
    let memory = |n: usize| crate::hour::memory(vrrp_of(target.node(n), &target.daemons[n])?.pid);
    let mut rng = Rng::new(SEED);
    let mut begun = None;
    for round in 0..PACKETS / 5 {
        target.attacker.send((0..5).map(|_| packet(&mut rng)).collect())?;
        target.stage.lab.pass(SECOND / 500);
        if round == 200 {
            // All code has run by now, and has its pages.
            begun = Some([memory(0)?, memory(1)?]);
        }
    }
    target.stage.lab.pass(SECOND);
    // Rubbish that is read up to the checksum, and some that isn't read at all.
    let long = summed(message3(V3, 254, 100, &addresses(V3)), 0x1234);
    let flood = |payload: &[u8]| vec![frame4(&datagram(vrrp::PROTOCOL, &[], payload), None); FLOOD];
    target.attacker.send(flood(&long))?;
    target.stage.lab.pass(SECOND / 3);
    target.attacker.send(flood(&long[..7]))?;
    target.stage.lab.pass(6 * SECOND);
    target.unmoved(false)?;

    let begun = begun.unwrap_or_default();
    for (n, was) in begun.into_iter().enumerate() {
        let now = memory(n)?;
        ensure(now <= was + 512, format_args!("r{}: {was} KiB have become {now} KiB", n + 1))?;
        let lines = target.log(n)?.lines().count();
        // Each instance has two dozen reasons to refuse a packet, and tells each once.
        ensure(lines <= ALL.len() * 24 + 40, format_args!("r{}: {lines} lines:\n{}", n + 1, target.log(n)?))?;
        let counted: u64 =
            target.statistics(n)?.iter().filter(|(k, _)| k.contains("Errors")).map(|(_, v)| v).sum();
        ensure(counted > 1_000, format_args!("r{}: only {counted} packets were looked at", n + 1))?;
        ensure(lines > 5, format_args!("r{}: only {lines} lines", n + 1))?;
    }
    Ok(Outcome::Passed)
}

/// One frame; none of them is a right advert.
fn packet(rng: &mut Rng) -> Vec<u8> {
    let vrid = ALL[below(rng, ALL.len())];
    match rng.below(8) {
        0 => frame4(&datagram(vrrp::PROTOCOL, &[], &random(rng, vrid)), None),
        1 => frame4(&datagram(ah::PROTOCOL, &[], &random(rng, vrid)), None),
        2 => frame6(&random(rng, vrid)),
        // An authentication header that can be read, and something after it.
        3 => {
            let mut header = vec![vrrp::PROTOCOL, 4, 0, 0];
            header.extend(ADDRESS.octets());
            header.extend((0..16).map(|_| byte(rng)));
            header.extend(random(rng, vrid));
            frame4(&datagram(ah::PROTOCOL, &[], &header), None)
        }
        kind => {
            let six = rng.below(4) == 0;
            let mut message = valid(rng, six);
            match kind {
                4 | 5 => {
                    let at = below(rng, message.len());
                    message[at] ^= 1 << rng.below(8);
                }
                6 => message.truncate(below(rng, message.len())),
                // Options of any kind: the kernel refuses some, and passes others on.
                _ => message[6] ^= 1 + byte(rng) % 255,
            }
            if six {
                return frame6(&message);
            }
            let options: Vec<u8> = match kind {
                7 => {
                    (0..4 * (1 + below(rng, 10))).map(|i| if i % 4 < 3 { 1 } else { byte(rng) % 3 }).collect()
                }
                _ => Vec::new(),
            };
            frame4(&datagram(vrrp::PROTOCOL, &options, &message), None)
        }
    }
}

/// An advert that would depose the master.
fn valid(rng: &mut Rng, six: bool) -> Vec<u8> {
    let vrid = if six { V6 } else { [V3, V2][below(rng, 2)] };
    let mut message = message3(vrid, 254, 100, &addresses(vrid));
    if vrid == V2 {
        message[0] = 0x21;
        message[4..6].copy_from_slice(&[0, 1]);
        message.extend([0; 8]);
    }
    let sum = if six {
        checksum(&message, ADDRESS6.into(), vrrp::GROUP_V6.into(), false)
    } else {
        checksum(&message, ADDRESS.into(), vrrp::GROUP_V4.into(), false)
    };
    summed(message, sum)
}

/// Random bytes, often with the beginning of an advert.
fn random(rng: &mut Rng, vrid: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..rng.below(80)).map(|_| byte(rng)).collect();
    let version = [0x31, 0x21][below(rng, 2)];
    if rng.below(4) > 0
        && let [first, second, third, ..] = &mut bytes[..]
    {
        (*first, *second, *third) = (version, vrid, 254);
    }
    bytes
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or_default()
}

fn byte(rng: &mut Rng) -> u8 {
    rng.next_u64().to_le_bytes()[0]
}
