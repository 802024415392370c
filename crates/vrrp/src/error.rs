//! Why an advert is refused. Each reason is counted; none changes any state.

use base::Duration;
use wire::vrrp::DecodeError;

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
    /// No addresses (RFC 9568 erratum 8299).
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
