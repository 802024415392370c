//! What an advert must mean to who hears it, by the RFCs alone: the judgement of the world, which knows
//! nothing of the daemon's own.
//!
//! RFC 9568 section 7.1 with errata 8299 and 8301, RFC 3768 section 7.1, RFC 2338 section 5.3.6, and what
//! `unicast_peer` adds.

use std::net::IpAddr;

use base::{Duration, Family, Priority};
use model::{Instance, InstanceId, Model};
use vrrp::config::{Auth, ChecksumKind, Peers, Version};
use wire::vrrp::{AuthType, ChecksumVerdict, Endpoints, Envelope, decode, peek_vrid, verify_checksum};

use crate::process::{Datagram, Socket};

/// What a good advert says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meaning {
    /// Who sends it.
    pub source: IpAddr,
    /// Its priority.
    pub priority: Priority,
    /// Its interval.
    pub interval: Duration,
    /// The number of its authentication header, which must be a new one.
    pub sequence: Option<u32>,
}

/// The instance of `model` that a datagram on `socket` is for.
#[must_use]
pub fn addressee(model: &Model, socket: &Socket, datagram: &Datagram) -> Option<InstanceId> {
    let family = Family::of(&datagram.source);
    let vrid = peek_vrid(family, &datagram.bytes).ok()?;
    let fits = |i: &Instance| {
        let protocol = if matches!(i.protocol.auth, Auth::Ah(_)) { 51 } else { 112 };
        i.protocol.vrid.get() == vrid
            && i.protocol.family == family
            && i.link == socket.link
            && protocol == socket.spec.protocol
    };
    let knows = |i: &Instance| match &i.protocol.peers {
        Peers::Unicast { peers, .. } => peers.iter().any(|p| p.address == datagram.source),
        Peers::Multicast(group) => *group == datagram.destination,
    };
    let all = || model.instances.iter().enumerate().filter(|(_, i)| fits(i));
    let found = all().find(|(_, i)| knows(i)).or_else(|| all().next())?;
    Some(InstanceId::from_index(found.0))
}

/// What `datagram` says to `instance`, which sends from `own`; `None` if it must be refused. Whether its
/// sequence number is new is left to who remembers.
#[must_use]
pub fn meaning(instance: &Instance, own: Option<IpAddr>, datagram: &Datagram) -> Option<Meaning> {
    let protocol = &instance.protocol;
    let envelope = match protocol.family {
        Family::V4 => Some(Envelope::open(&datagram.bytes).ok()?),
        Family::V6 => None,
    };
    let (path, hop_limit, message) = match &envelope {
        Some(envelope) => (envelope.path(), envelope.ip.ttl, envelope.message()),
        None => (
            Endpoints::new(datagram.source, datagram.destination)?,
            datagram.hop_limit,
            datagram.bytes.as_ref(),
        ),
    };
    let advert = decode(protocol.family, message).ok()?;
    let ah = envelope.as_ref().and_then(|e| e.ah.as_ref().map(|ah| (e, ah)));
    let sequence = match (protocol.version, &protocol.auth, ah) {
        (Version::V2, Auth::None, None) => (advert.auth_type()? == AuthType::None).then_some(None)?,
        (Version::V2, Auth::Pass(word), None) => {
            (advert.auth_type()? == AuthType::Pass && advert.password_is(word)).then_some(None)?
        }
        (Version::V2, Auth::Ah(key), Some((envelope, ah))) => {
            let good = advert.auth_type()? == AuthType::Ah
                && envelope.ah_is_valid(key)
                && ah.spi_is(envelope.ip.src);
            good.then_some(Some(ah.sequence))?
        }
        (Version::V3, _, None) => None,
        _ => return None,
    };
    let interval = advert.interval().duration();
    let source = path.src();
    let good = advert.version() == protocol.version
        && advert.vrid() == protocol.vrid.get()
        && advert.kind() == 1
        && !interval.is_zero()
        && (protocol.version == Version::V3 || interval == protocol.advert_interval)
        && (advert.count() > 0 || protocol.addresses.is_empty())
        && match verify_checksum(&advert, &path) {
            ChecksumVerdict::Valid(_) => true,
            ChecksumVerdict::OldUnicast => protocol.checksum == ChecksumKind::OldUnicast,
            ChecksumVerdict::Invalid => false,
        }
        && !(protocol.owner_ignore_adverts && protocol.priority.is_owner())
        && own != Some(source)
        && match &protocol.peers {
            Peers::Multicast(_) => path.dst().is_multicast() && hop_limit == 255,
            Peers::Unicast { peers, check_source } => {
                let peer = peers.iter().find(|peer| peer.address == source);
                !path.dst().is_multicast()
                    && peer.map_or(!check_source, |p| (p.min_ttl..=p.max_ttl).contains(&hop_limit))
            }
        };
    good.then_some(Meaning { source, priority: advert.priority(), interval, sequence })
}
