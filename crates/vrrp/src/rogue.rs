//! Two routers that both say they own the addresses (priority 255).
//!
//! Of two such masters the one of the lower address yields at once, as with any equal priority. The
//! one of the higher address tells that it was found, answers, sends two more adverts and then
//! listens for 1.2 intervals. Silence means that the other one gave up. If it is still there, our
//! priority becomes 254, so that its next advert wins; 255 comes back when we become master, or
//! when a backup hears somebody else or an ordinary priority.

use core::net::IpAddr;

use base::{Duration, Instant};

/// How a master stands with another owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Conflict {
    /// There is none.
    #[default]
    None,
    /// It was heard; so many adverts are still to be sent before listening.
    Insisting {
        /// Who.
        source: IpAddr,
        /// The longer of both intervals.
        interval: Duration,
        /// Adverts to be sent, 1 to 3.
        left: u8,
    },
    /// All were sent; it has until then to give up.
    Listening {
        /// Who.
        source: IpAddr,
        /// Until when.
        until: Instant,
    },
    /// It did not give up: our priority is 254.
    Yielded {
        /// To whom.
        source: IpAddr,
    },
}

/// Adverts that are sent before listening: the answer and two more.
const INSIST: u8 = 3;

impl Conflict {
    pub(crate) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Listening { until, .. } => Some(until),
            Self::None | Self::Insisting { .. } | Self::Yielded { .. } => None,
        }
    }

    pub(crate) const fn yielded_to(self) -> Option<IpAddr> {
        match self {
            Self::Yielded { source } => Some(source),
            Self::None | Self::Insisting { .. } | Self::Listening { .. } => None,
        }
    }

    /// Ends a conflict in which the other one kept silent. Tells who.
    pub(crate) fn silent(&mut self, now: Instant) -> Option<IpAddr> {
        match *self {
            Self::Listening { source, until } if until <= now => {
                *self = Self::None;
                Some(source)
            }
            _ => None,
        }
    }

    /// An owner of a lower address was heard. Tells whether that is the first time, and whether it
    /// is now time to yield.
    pub(crate) fn heard(&mut self, source: IpAddr, ours: Duration, theirs: Duration) -> Heard {
        match *self {
            Self::None => {
                *self = Self::Insisting { source, interval: ours.max(theirs), left: INSIST };
                Heard::Found
            }
            Self::Listening { source, .. } => {
                *self = Self::Yielded { source };
                Heard::Again
            }
            Self::Insisting { .. } | Self::Yielded { .. } => Heard::Known,
        }
    }

    /// An advert was sent.
    pub(crate) fn sent(&mut self, now: Instant) {
        if let Self::Insisting { source, interval, left } = *self {
            *self = match left.saturating_sub(1) {
                0 => Self::Listening { source, until: now + interval.mul_div(6, 5) },
                left => Self::Insisting { source, interval, left },
            };
        }
    }
}

/// What hearing another owner means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// It is new.
    Found,
    /// It had its chance.
    Again,
    /// Nothing new.
    Known,
}
