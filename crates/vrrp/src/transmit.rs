//! Sending adverts.

use alloc::vec::Vec;
use core::net::IpAddr;

use base::{Instant, Priority};
use wire::vrrp::{AdvertSpec, EncodeError, Endpoints, Interval, Stamp, TTL, Template};

use crate::config::{Auth, Instance, InstanceId, Peers, Version};
use crate::io::{Event, Output};
use crate::machine::Vrrp;
use crate::state::{Phase, Router};

/// The adverts of an instance, ready but for what changes from one to the next: one a destination.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    templates: Vec<(IpAddr, Template)>,
    /// The configuration asks for something that an advert cannot say.
    impossible: bool,
    /// The identification of the last IPv4 header; the first is 1.
    ip_id: u16,
}

impl Outgoing {
    pub(crate) const fn is_impossible(&self) -> bool {
        self.impossible
    }

    /// Makes the adverts anew: the source address or the configuration changed.
    pub(crate) fn prepare(&mut self, config: &Instance, source: Option<IpAddr>) {
        self.templates.clear();
        self.impossible = false;
        let Some(source) = source else { return };
        let mut add = |destination: IpAddr| match template(config, source, destination) {
            Ok(template) => self.templates.push((destination, template)),
            Err(_) => self.impossible = true,
        };
        match &config.peers {
            Peers::Multicast(group) => add(*group),
            Peers::Unicast { peers, .. } => peers.iter().for_each(|peer| add(peer.address)),
        }
    }
}

fn template(config: &Instance, source: IpAddr, destination: IpAddr) -> Result<Template, EncodeError> {
    let interval = match config.version {
        // An interval that does not fit becomes 0, which is refused below.
        Version::V2 => Interval::Seconds(u8::try_from(config.advert_interval.as_secs()).unwrap_or(0)),
        Version::V3 => Interval::Centis(u16::try_from(config.advert_interval.as_centis()).unwrap_or(0)),
    };
    let path = Endpoints::new(source, destination).ok_or(EncodeError::AddressFamily(destination))?;
    Template::new(&AdvertSpec {
        version: config.version,
        vrid: config.vrid,
        interval,
        addresses: &config.addresses,
        auth: config.auth.clone(),
        checksum: config.checksum,
        path,
        ttl: config.hop_limit.unwrap_or(TTL),
    })
}

impl Vrrp {
    /// Sends one advert to each destination. Identification and AH sequence number are the same for
    /// all of them, as keepalived has it.
    fn transmit(&mut self, id: InstanceId, priority: Priority) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let Router { outgoing, sequence, config, counters, .. } = router;
        if outgoing.templates.is_empty() {
            return;
        }
        outgoing.ip_id = outgoing.ip_id.wrapping_add(1);
        let ah_sequence = if matches!(config.auth, Auth::Ah(_)) { sequence.next() } else { 0 };
        let stamp = Stamp { priority, ip_id: outgoing.ip_id, ah_sequence };
        for (destination, template) in &outgoing.templates {
            let packet = template.stamp(stamp);
            self.outputs.push_back(Output::Transmit { instance: id, destination: *destination, packet });
        }
        counters.advert_sent += 1;
    }

    /// A master sends an advert and starts its timer again.
    pub(crate) fn send_advert(&mut self, now: Instant, id: InstanceId) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let (interval, priority) = (router.config.advert_interval, router.priority);
        let Phase::Master(master) = &mut router.phase else { return };
        master.advert_at = now + interval;
        master.sent_at = now;
        master.conflict.sent(now);
        self.arm(id);
        self.transmit(id, priority);
    }

    /// Says with priority 0 that it stops being the master, if it is one and can.
    pub(crate) fn release(&mut self, id: InstanceId) -> Option<Event> {
        let router = self.routers.get_mut(id.index())?;
        if !matches!(router.phase, Phase::Master(_)) || router.outgoing.templates.is_empty() {
            return None;
        }
        router.counters.pri_zero_sent += 1;
        self.transmit(id, Priority::RELEASE);
        Some(Event::Released { instance: id })
    }
}
