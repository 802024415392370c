//! Why an advert is refused. Each reason is counted; none changes any state.

use base::Duration;
use wire::vrrp::DecodeError;

use crate::io::{Counters, Oddity};
use crate::state::Mark;

/// Why an advert was not accepted (`protocols.md` order: RFC 9568 section 7.1, keepalived's checks).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It cannot be read.
    Malformed(DecodeError),
    /// Multicast: TTL or hop limit is not 255; unicast: outside `min_ttl` to `max_ttl`.
    HopLimit {
        /// What came.
        received: u8,
        /// The lowest allowed.
        min: u8,
        /// The highest allowed.
        max: u8,
    },
    /// Another version than the instance's.
    Version {
        /// What came.
        received: u8,
    },
    /// It is for another virtual router.
    Vrid {
        /// What came.
        received: u8,
    },
    /// Not an ADVERTISEMENT.
    Type {
        /// What came.
        received: u8,
    },
    /// The checksum is wrong.
    Checksum,
    /// An authentication type that doesn't exist.
    AuthTypeUnknown {
        /// What came.
        received: u8,
    },
    /// Another authentication type than the instance's.
    AuthTypeMismatch {
        /// What came.
        received: u8,
    },
    /// AH came, but is not configured.
    UnexpectedAh,
    /// AH is configured, but didn't come.
    MissingAh,
    /// The password is wrong.
    Password,
    /// The integrity check value of AH is wrong.
    Icv,
    /// The security parameters index of AH is not the sender's address.
    Spi,
    /// The sequence number of AH was seen before.
    Replay {
        /// What came.
        received: u32,
        /// The highest accepted so far.
        highest: u32,
    },
    /// Version 2: another interval than ours.
    Interval {
        /// Ours.
        ours: Duration,
        /// What came.
        received: Duration,
    },
    /// Version 3: interval 0 (RFC 9568 erratum 8301).
    IntervalZero,
    /// No addresses (RFC 9568 erratum 8299), although we have some.
    NoAddresses,
    /// Multicast came for a unicast instance or the other way round.
    Destination,
    /// The sender is not one of the peers.
    NotAPeer,
    /// It carries our own address as source.
    OwnSource,
    /// We own the addresses and ignore the adverts of others.
    Owner,
}

/// What becomes of a refusal: the bit by which it is shown once, and how it is counted.
type Fate = (Mark, fn(&mut Counters));

impl Refusal {
    pub(crate) const fn fate(&self) -> Fate {
        match self {
            Self::Malformed(_) => (Mark(1), |c| c.packet_len_err += 1),
            Self::HopLimit { .. } => (Mark(1 << 1), |c| c.ip_ttl_err += 1),
            Self::Version { .. } => (Mark(1 << 2), |c| c.version_err += 1),
            Self::Vrid { .. } => (Mark(1 << 3), |c| c.vrid_err += 1),
            Self::Type { .. } => (Mark(1 << 4), |c| c.invalid_type_rcvd += 1),
            Self::Checksum => (Mark(1 << 5), |c| c.checksum_err += 1),
            Self::AuthTypeUnknown { .. } => (Mark(1 << 6), |c| c.invalid_authtype += 1),
            Self::AuthTypeMismatch { .. } => (Mark(1 << 7), |c| c.authtype_mismatch += 1),
            Self::UnexpectedAh => (Mark(1 << 8), |c| c.authtype_mismatch += 1),
            Self::MissingAh => (Mark(1 << 9), |c| c.authtype_mismatch += 1),
            Self::Password => (Mark(1 << 10), |c| c.auth_failure += 1),
            Self::Icv => (Mark(1 << 11), |c| c.auth_failure += 1),
            Self::Spi => (Mark(1 << 12), |c| c.auth_failure += 1),
            // keepalived counts it as a failure; that it was a replay is worth a counter of its own.
            Self::Replay { .. } => (Mark(1 << 13), |c| {
                c.auth_failure += 1;
                c.replayed += 1;
            }),
            Self::Interval { .. } => (Mark(1 << 14), |c| c.advert_interval_err += 1),
            Self::IntervalZero => (Mark(1 << 15), |c| c.advert_interval_err += 1),
            Self::NoAddresses => (Mark(1 << 16), |c| c.addr_list_err += 1),
            // As above: keepalived counts it among the address list errors.
            Self::Destination => (Mark(1 << 17), |c| {
                c.addr_list_err += 1;
                c.destination_err += 1;
            }),
            Self::NotAPeer => (Mark(1 << 18), |c| c.source_err += 1),
            Self::OwnSource => (Mark(1 << 19), |c| c.source_err += 1),
            Self::Owner => (Mark(1 << 20), |c| c.owner_ignored += 1),
        }
    }
}

impl Oddity {
    pub(crate) const fn fate(&self) -> Fate {
        match self {
            Self::AddressCount { .. } => (Mark(1 << 21), |c| c.addr_list_err += 1),
            Self::AddressMissing(_) => (Mark(1 << 22), |c| c.addr_list_err += 1),
            Self::Interval { .. } => (Mark(1 << 23), |c| c.advert_interval_err += 1),
        }
    }
}
