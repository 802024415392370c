//! Adverts of somebody who knows everything but a password, and before which keepalived gives way.

use std::net::IpAddr;

use base::Rng;
use lab::harness::Outcome;
use lab::{Result, ensure};
use wire::vrrp;

use crate::attacker::{ADDRESS, checksum, datagram, frame4, message3, seal, summed};
use crate::stage::SECOND;
use crate::target::{MESSAGE_ONLY, Target, UNICAST, V3, addresses, router};

pub(crate) fn spoofs() -> Result<Outcome> {
    let mut target = Target::new("spoofs")?;
    let group: IpAddr = vrrp::GROUP_V4.into();

    // Interval 0 (RFC 9568 erratum 8301): a backup of keepalived is master 1 ms later. No addresses
    // (erratum 8299). From anybody, and in the name of the master.
    for source in [ADDRESS.into(), router(1), router(2)] {
        for (interval, addresses) in [(0, &addresses(V3)[..]), (100, &[])] {
            for priority in [0, 150, 254, 255] {
                let message = message3(V3, priority, interval, addresses);
                let sum = checksum(&message, source, group, false);
                target.attacker.send(vec![frame4(&from(source, group, &summed(message, sum)), None)])?;
                target.stage.lab.pass(SECOND / 50);
            }
        }
    }
    target.stage.lab.pass(6 * SECOND);
    target.unmoved(false)?;

    // Right adverts of a lower priority: a master answers, but not each of a thousand.
    target.begin()?;
    let message = message3(V3, 150, 100, &addresses(V3));
    let sum = checksum(&message, ADDRESS.into(), group, false);
    let lower = frame4(&from(ADDRESS.into(), group, &summed(message, sum)), None);
    let from_now = target.stage.lab.now();
    for _ in 0..100 {
        target.attacker.send(vec![lower.clone(); 10])?;
        target.stage.lab.pass(SECOND / 100);
    }
    target.stage.lab.pass(6 * SECOND);
    target.unmoved(true)?;
    let own = |a: &crate::stage::Advert| a.source == router(1);
    let answers = target.stage.adverts(V3, from_now).iter().filter(|a| own(a)).count();
    ensure((8..=40).contains(&answers), format_args!("{answers} adverts, 7 of them in turn"))?;
    for n in 0..2 {
        let log = target.log(n)?;
        ensure(log.lines().count() <= 100, format_args!("r{} has much to say:\n{log}", n + 1))?;
    }

    // Any checksum at all, to instances with v3_checksum_as_v2.
    target.begin()?;
    let mut rng = Rng::new(18);
    for _ in 0..100 {
        let message = message3(MESSAGE_ONLY, 254, 100, &addresses(MESSAGE_ONLY));
        let sum = u16::try_from(rng.below(0xffff)).unwrap_or_default();
        target.attacker.send(vec![frame4(&from(ADDRESS.into(), group, &summed(message, sum)), None)])?;
        target.stage.lab.pass(SECOND / 50);
    }
    target.stage.lab.pass(6 * SECOND);
    target.unmoved(false)?;

    // The checksum of keepalived up to 1.3.6 for unicast, in the name of the peer: whoever learns from
    // it refuses the right adverts of the real peer from then on.
    target.begin()?;
    for _ in 0..5 {
        for (n, peer) in [(0, router(2)), (1, router(1))] {
            let own = router(if n == 0 { 1 } else { 2 });
            let message = message3(UNICAST, 254, 100, &addresses(UNICAST));
            let sum = checksum(&message, peer, own, true);
            let frame = frame4(&from(peer, own, &summed(message, sum)), Some(target.macs[n]));
            target.attacker.send(vec![frame])?;
        }
        target.stage.lab.pass(SECOND / 10);
    }
    target.stage.lab.pass(8 * SECOND);
    target.unmoved(false)?;
    Ok(Outcome::Passed)
}

/// A datagram with a source that lies.
fn from(source: IpAddr, destination: IpAddr, message: &[u8]) -> Vec<u8> {
    let mut packet = datagram(vrrp::PROTOCOL, &[], message);
    for (at, address) in [(12, source), (16, destination)] {
        if let IpAddr::V4(v4) = address {
            packet[at..at + 4].copy_from_slice(&v4.octets());
        }
    }
    seal(&mut packet);
    packet
}
