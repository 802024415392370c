//! `virtual_server_group`: destinations that share a pool.

use std::net::IpAddr;

use base::{Family, Name};

/// `virtual_server_group`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressGroup {
    /// Its name, which makes it the same group after a reload.
    pub name: Name,
    /// Its lines; never empty.
    pub entries: Vec<GroupEntry>,
}

/// A line of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GroupEntry {
    /// Addresses with a port; 0 for all ports.
    Addresses(AddressRange, u16),
    /// `fwmark N [inet|inet6]`; without a family that of the service holds.
    Mark(u32, Option<Family>),
}

/// Addresses from the first to the last, both included; one address is a range, too.
///
/// Both are of one family, and `first <= last`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

impl AddressRange {
    /// A single address.
    #[must_use]
    pub const fn one(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }

    /// The family of its addresses.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self.first {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }
}

impl AddressGroup {
    /// Whether it has addresses of `family`.
    #[must_use]
    pub fn has(&self, family: Family) -> bool {
        self.entries.iter().any(|entry| match entry {
            GroupEntry::Addresses(range, _) => range.family() == family,
            GroupEntry::Mark(..) => false,
        })
    }
}
