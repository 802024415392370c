//! What an advert must be like before it means anything.
//!
//! The checks stand in the order of keepalived's, with those of RFC 9568 (errata 8299 and 8301)
//! among them. Nothing here changes anything: a refused advert leaves no trace but its counter.

use core::net::IpAddr;

use base::{Duration, Family, Priority};
use wire::vrrp::{
    Advert, AuthType, ChecksumKind, ChecksumVerdict, DecodeError, Endpoints, Envelope, TTL,
    TYPE_ADVERTISEMENT, decode, verify_checksum,
};

use crate::auth::Sequence;
use crate::config::{Auth, Instance, Peers, Version};
use crate::error::Refusal;
use crate::io::{Counters, Datagram, Oddity};

/// An advert that passed all checks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) source: IpAddr,
    pub(crate) priority: Priority,
    pub(crate) interval: Duration,
    /// The number of its authentication header.
    pub(crate) sequence: Option<u32>,
    /// How the checksum was made.
    pub(crate) checksum: ChecksumKind,
    advert: Advert<'a>,
}

/// What surrounds the message.
struct Frame<'a> {
    path: Endpoints,
    hop_limit: u8,
    envelope: Option<Envelope<'a>>,
    message: &'a [u8],
}

impl<'a> Frame<'a> {
    fn open(family: Family, datagram: &Datagram<'a>) -> Result<Self, Refusal> {
        match family {
            // The header's own words are used, since they are what AH protects.
            Family::V4 => {
                let envelope = Envelope::open(datagram.bytes).map_err(Refusal::Malformed)?;
                Ok(Self {
                    path: envelope.path(),
                    hop_limit: envelope.ip.ttl,
                    message: envelope.message(),
                    envelope: Some(envelope),
                })
            }
            Family::V6 => Ok(Self {
                path: Endpoints::new(datagram.source, datagram.destination)
                    .filter(|path| path.family() == family)
                    .ok_or(Refusal::Destination)?,
                // Whatever is not known has not been seen to come from this link.
                hop_limit: datagram.hop_limit.unwrap_or(0),
                message: datagram.bytes,
                envelope: None,
            }),
        }
    }
}

/// Judges a datagram for the instance of `config`, which sends from `own`.
pub(crate) fn check<'a>(
    config: &Instance,
    own: Option<IpAddr>,
    sequence: Sequence,
    datagram: &Datagram<'a>,
) -> Result<Heard<'a>, Refusal> {
    let frame = Frame::open(config.family, datagram)?;
    let has_ah = frame.envelope.is_some_and(|envelope| envelope.ah.is_some());
    match (&config.auth, has_ah) {
        (Auth::Ah(_), false) => return Err(Refusal::MissingAh),
        (Auth::None | Auth::Pass(_), true) => return Err(Refusal::UnexpectedAh),
        _ => {}
    }
    let advert = decode(config.family, frame.message).map_err(|error| match error {
        DecodeError::UnknownVersion(received) => Refusal::Version { received },
        error => Refusal::Malformed(error),
    })?;
    if matches!(config.peers, Peers::Multicast(_)) && frame.hop_limit != TTL {
        return Err(Refusal::HopLimit { received: frame.hop_limit, min: TTL, max: TTL });
    }
    if advert.version() != config.version {
        return Err(Refusal::Version { received: advert.version().number() });
    }
    if advert.vrid() != config.vrid.get() {
        return Err(Refusal::Vrid { received: advert.vrid() });
    }
    let ah_sequence = authenticate(config, &frame, &advert, sequence)?;
    let interval = advert.interval();
    match config.version {
        Version::V2 if interval.duration() != config.advert_interval => {
            return Err(Refusal::Interval { ours: config.advert_interval, received: interval.duration() });
        }
        _ => {}
    }
    if advert.kind() != TYPE_ADVERTISEMENT {
        return Err(Refusal::Type { received: advert.kind() });
    }
    if interval.is_zero() {
        return Err(Refusal::IntervalZero);
    }
    // Routers that agree on having none (`no_virtual_ipaddress`) still need one master among them.
    if advert.count() == 0 && !config.addresses.is_empty() {
        return Err(Refusal::NoAddresses);
    }
    let checksum = match verify_checksum(&advert, &frame.path) {
        ChecksumVerdict::Valid(kind) => kind,
        // Only for those who were told to expect it; and what comes never changes what is sent.
        ChecksumVerdict::OldUnicast if config.checksum == ChecksumKind::OldUnicast => {
            ChecksumKind::OldUnicast
        }
        ChecksumVerdict::OldUnicast | ChecksumVerdict::Invalid => return Err(Refusal::Checksum),
    };
    let source = frame.path.src();
    check_path(config, &frame, source)?;
    if own == Some(source) {
        return Err(Refusal::OwnSource);
    }
    Ok(Heard {
        source,
        priority: advert.priority(),
        interval: interval.duration(),
        sequence: ah_sequence,
        checksum,
        advert,
    })
}

/// Version 2: who says so?
fn authenticate(
    config: &Instance,
    frame: &Frame<'_>,
    advert: &Advert<'_>,
    sequence: Sequence,
) -> Result<Option<u32>, Refusal> {
    if config.version != Version::V2 {
        return Ok(None);
    }
    let received = advert.auth_byte();
    let auth_type = advert.auth_type().ok_or(Refusal::AuthTypeUnknown { received })?;
    match (&config.auth, auth_type) {
        (Auth::None, AuthType::None) => Ok(None),
        (Auth::Pass(password), AuthType::Pass) => {
            if advert.password_is(password) {
                Ok(None)
            } else {
                Err(Refusal::Password)
            }
        }
        (Auth::Ah(key), AuthType::Ah) => {
            let envelope = frame.envelope.ok_or(Refusal::MissingAh)?;
            let ah = envelope.ah.ok_or(Refusal::MissingAh)?;
            if !envelope.ah_is_valid(key) {
                return Err(Refusal::Icv);
            }
            if !ah.spi_is(envelope.ip.src) {
                return Err(Refusal::Spi);
            }
            match sequence.refuses(ah.sequence) {
                Some(highest) => Err(Refusal::Replay { received: ah.sequence, highest }),
                None => Ok(Some(ah.sequence)),
            }
        }
        _ => Err(Refusal::AuthTypeMismatch { received }),
    }
}

/// Where did it come from, and was it meant for us?
fn check_path(config: &Instance, frame: &Frame<'_>, source: IpAddr) -> Result<(), Refusal> {
    let is_multicast = frame.path.dst().is_multicast();
    if is_multicast != matches!(config.peers, Peers::Multicast(_)) {
        return Err(Refusal::Destination);
    }
    if config.owner_ignore_adverts && config.priority.is_owner() {
        return Err(Refusal::Owner);
    }
    if let Peers::Unicast { peers, check_source } = &config.peers {
        match peers.iter().find(|peer| peer.address == source) {
            None if *check_source => return Err(Refusal::NotAPeer),
            Some(peer) if !(peer.min_ttl..=peer.max_ttl).contains(&frame.hop_limit) => {
                return Err(Refusal::HopLimit {
                    received: frame.hop_limit,
                    min: peer.min_ttl,
                    max: peer.max_ttl,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

impl Heard<'_> {
    /// Counts it.
    pub(crate) const fn count(&self, config: &Instance, counters: &mut Counters) {
        counters.advert_rcvd += 1;
        if self.priority.0 == Priority::RELEASE.0 {
            counters.pri_zero_rcvd += 1;
        }
        if let (Family::V4, Version::V3) = (config.family, config.version) {
            match self.checksum {
                ChecksumKind::MessageOnly => counters.checksum_message_only += 1,
                ChecksumKind::PseudoHeader | ChecksumKind::OldUnicast => {
                    counters.checksum_with_pseudo_header += 1
                }
            }
        }
    }

    /// What is odd about it, although it counts. `known` tells that the list of this sender was
    /// looked at before (`skip_check_adv_addr`).
    pub(crate) fn oddities(&self, config: &Instance, known: bool) -> impl Iterator<Item = Oddity> + use<> {
        let list = if known && config.skip_check_adv_addr { None } else { self.address_oddity(config) };
        let interval = (self.interval != config.advert_interval)
            .then_some(Oddity::Interval { ours: config.advert_interval, received: self.interval });
        list.into_iter().chain(interval)
    }

    fn address_oddity(&self, config: &Instance) -> Option<Oddity> {
        let count = usize::from(self.advert.count());
        if count != config.addresses.len() {
            let expected = u8::try_from(config.addresses.len()).unwrap_or(u8::MAX);
            return Some(Oddity::AddressCount { expected, received: self.advert.count() });
        }
        // Usually both lists are in the same order, which is found out in one pass.
        if config.addresses.iter().copied().eq(self.advert.addresses()) {
            return None;
        }
        let missing =
            config.addresses.iter().find(|ours| !self.advert.addresses().any(|theirs| theirs == **ours));
        missing.copied().map(Oddity::AddressMissing)
    }
}
