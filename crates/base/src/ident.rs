//! Names and numbers that must not be confused with each other.

use alloc::sync::Arc;
use core::fmt;
use core::num::{NonZeroU8, NonZeroU32};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a configured object (instance, group, script), as written by the user.
///
/// Cheap to clone.
pub type Name = Arc<str>;

/// A virtual router identifier (VRID), 1 to 255 (RFC 9568 section 5.2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// `None` for 0, which no virtual router can have.
    #[must_use]
    pub const fn new(n: u8) -> Option<Self> {
        match NonZeroU8::new(n) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A VRRP priority (RFC 9568 section 5.2.4): 255 owns the addresses, 1 to 254 are backups, 0 on the
/// wire means "I stop being the master".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Priority(pub u8);

impl Priority {
    /// "I stop being the master": only ever on the wire.
    pub const RELEASE: Self = Self(0);
    /// The lowest priority of a router that takes part.
    pub const MIN: Self = Self(1);
    /// The highest priority that a router which doesn't own the addresses can have.
    pub const MAX_BACKUP: Self = Self(254);
    /// The owner of the addresses.
    pub const OWNER: Self = Self(255);
    /// The default of the RFCs for a backup.
    pub const DEFAULT: Self = Self(100);

    /// Whether this is the priority of the address owner.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        self.0 == 255
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a tracked object adds to or takes from a priority, -254 to 254; 0 means that its failure is
/// a fault of the instance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Weight(i16);

impl Weight {
    /// Failure is a fault.
    pub const FAULT: Self = Self(0);

    /// `None` outside -254 to 254.
    #[must_use]
    pub const fn new(n: i16) -> Option<Self> {
        if n >= -254 && n <= 254 { Some(Self(n)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i16 {
        self.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The kernel's number for a network interface; never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// `None` for 0, by which the kernel means "no interface".
    #[must_use]
    pub const fn new(n: u32) -> Option<Self> {
        match NonZeroU32::new(n) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// The kernel's number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The name of a network interface: 1 to 15 bytes of text without `/` or white space, kept inline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfName {
    bytes: [u8; Self::MAX],
    len: u8,
}

/// Why a text is no interface name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfNameError {
    /// It has no characters.
    Empty,
    /// It has more than 15 bytes, the kernel's limit.
    TooLong,
    /// It holds `/` or white space, or is `.` or `..`.
    Invalid,
}

impl IfName {
    /// The most bytes that the kernel takes (`IFNAMSIZ` less the closing zero).
    pub const MAX: usize = 15;

    /// Checks `name` by the kernel's own rules.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, IfNameError> {
        if name.is_empty() {
            return Err(IfNameError::Empty);
        }
        let Some(len) = u8::try_from(name.len()).ok().filter(|_| name.len() <= Self::MAX) else {
            return Err(IfNameError::TooLong);
        };
        if matches!(name, "." | "..") || name.contains(|c: char| c == '/' || c.is_ascii_whitespace()) {
            return Err(IfNameError::Invalid);
        }
        let mut bytes = [0; Self::MAX];
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Ok(Self { bytes, len })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl FromStr for IfName {
    type Err = IfNameError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::new(s)
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for IfNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an interface name needs at least one character",
            Self::TooLong => "an interface name has at most 15 bytes",
            Self::Invalid => "an interface name holds neither `/` nor white space",
        })
    }
}

impl core::error::Error for IfNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_follow_the_kernels_rules() {
        assert_eq!(IfName::new("eth0").unwrap().as_str(), "eth0");
        assert_eq!(IfName::new("abcdefghijklmno").unwrap().as_str(), "abcdefghijklmno");
        assert_eq!(IfName::new("abcdefghijklmnop"), Err(IfNameError::TooLong));
        assert_eq!(IfName::new(""), Err(IfNameError::Empty));
        assert_eq!(IfName::new("a b"), Err(IfNameError::Invalid));
        assert_eq!(IfName::new(".."), Err(IfNameError::Invalid));
    }

    #[test]
    fn zero_is_no_vrid_and_no_interface() {
        assert_eq!(Vrid::new(0), None);
        assert_eq!(IfIndex::new(0), None);
    }

    #[test]
    fn weights_end_at_254() {
        assert!(Weight::new(-254).is_some());
        assert!(Weight::new(255).is_none());
    }
}
