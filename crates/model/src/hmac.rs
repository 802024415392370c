//! `auth_hmac`: a trailer with an HMAC-SHA256 after the advert, an extension of keepalived's.

use base::{Duration, Secret};

/// `auth_hmac` of an instance. The key that signs is one of the keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthHmac {
    /// `key`: each of them verifies; in the order of their ids, each id once.
    pub keys: Vec<HmacKey>,
    /// `active_key`: the id of the key that signs.
    pub active: u8,
    /// `time_window`: how far clocks may differ, 1 s to 300 s; by default three advert intervals and at
    /// least 5 s.
    pub window: Duration,
    /// `anti_replay`.
    pub replay: AntiReplay,
    /// `mode`.
    pub mode: HmacMode,
}

/// A key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HmacKey {
    /// Its id, from 1.
    pub id: u8,
    /// Its bytes, 32 to 64.
    pub secret: Secret<Vec<u8>>,
}

/// What tells an advert from a copy of an older one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AntiReplay {
    /// `time`: its time must grow, and be near our own.
    #[default]
    Time,
    /// `monotonic`: its time must grow.
    Monotonic,
}

/// What happens without a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HmacMode {
    /// `enforce`: unsigned adverts are refused. The strict mode insists on it.
    #[default]
    Enforce,
    /// `permissive`: unsigned adverts are taken, own ones are signed.
    Permissive,
    /// `receive-only`: unsigned adverts are taken, own ones are not signed.
    ReceiveOnly,
}
