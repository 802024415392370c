//! What the checksum of a message covers, which depends on version, family and whom one asks.

use core::net::Ipv4Addr;

use base::Family;

use super::{Advert, Endpoints, GROUP_V4, PROTOCOL, Version};
use crate::checksum::Sum;

/// What the checksum of a version 3 message over IPv4 covers.
///
/// Version 2 always covers the message alone, and IPv6 always has its pseudo-header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum ChecksumKind {
    /// The pseudo-header {source, destination, 112, length} and the message: RFC 5798 section 5.2.8
    /// as keepalived and FRR read it. keepalived's default.
    #[default]
    PseudoHeader,
    /// The message alone: RFC 9568 section 5.2.8; keepalived's `v3_checksum_as_v2`.
    MessageOnly,
    /// As [`PseudoHeader`](Self::PseudoHeader), but with 224.0.0.18 as the destination of a unicast
    /// message: keepalived up to 1.3.6; `old_unicast_checksum`.
    OldUnicast,
}

/// What a received checksum turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChecksumVerdict {
    /// Right by the rules in force; never [`ChecksumKind::OldUnicast`].
    Valid(ChecksumKind),
    /// Right only as [`ChecksumKind::OldUnicast`]: for an instance that was told to expect it.
    OldUnicast,
    /// Wrong by every rule.
    Invalid,
}

/// The sum that goes with `kind`, without the message.
pub(super) fn pseudo_header(kind: ChecksumKind, version: Version, path: &Endpoints, length: u16) -> Sum {
    let ipv4 = |src: Ipv4Addr, dst: Ipv4Addr| Sum::ZERO.add_pseudo_ipv4(src, dst, PROTOCOL, length);
    match (*path, version, kind) {
        (Endpoints::V6 { src, dst }, _, _) => Sum::ZERO.add_pseudo_ipv6(src, dst, PROTOCOL, length),
        (_, Version::V2, _) | (_, _, ChecksumKind::MessageOnly) => Sum::ZERO,
        (Endpoints::V4 { src, dst }, _, ChecksumKind::PseudoHeader) => ipv4(src, dst),
        (Endpoints::V4 { src, .. }, _, ChecksumKind::OldUnicast) => ipv4(src, GROUP_V4),
    }
}

/// Judges the checksum of `advert`, which travelled along `path`.
///
/// For version 3 over IPv4 both readings of the RFCs are accepted, whatever we send ourselves. A
/// message that is right by both counts as [`ChecksumKind::PseudoHeader`].
#[must_use]
pub fn verify_checksum(advert: &Advert<'_>, path: &Endpoints) -> ChecksumVerdict {
    // An advert knows its family from whoever received it; a path of the other is a mix-up.
    let (Ok(length), true) = (u16::try_from(advert.message().len()), advert.family() == path.family()) else {
        return ChecksumVerdict::Invalid;
    };
    let message = Sum::ZERO.add_bytes(advert.message());
    let fits = |kind| pseudo_header(kind, advert.version(), path, length).add_sum(message).is_valid();

    let both_are_in_use = advert.family() == Family::V4 && advert.version() == Version::V3;
    if !both_are_in_use {
        let kind = match advert.family() {
            Family::V4 => ChecksumKind::MessageOnly,
            Family::V6 => ChecksumKind::PseudoHeader,
        };
        return if fits(kind) { ChecksumVerdict::Valid(kind) } else { ChecksumVerdict::Invalid };
    }
    for kind in [ChecksumKind::PseudoHeader, ChecksumKind::MessageOnly] {
        if fits(kind) {
            return ChecksumVerdict::Valid(kind);
        }
    }
    if fits(ChecksumKind::OldUnicast) { ChecksumVerdict::OldUnicast } else { ChecksumVerdict::Invalid }
}
