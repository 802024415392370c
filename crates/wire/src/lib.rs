//! Bytes to values and back: VRRP, AH, ARP, NDISC.

#![no_std]

/// A frame or packet; usual ones fit inline.
pub type Packet = smallvec::SmallVec<[u8; 96]>;

/// VRRP (placeholder names until the codec lands).
pub mod vrrp {
    /// The version of the protocol.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Version {
        /// RFC 3768.
        V2,
        /// RFC 9568.
        V3,
    }
    /// How a version 3 checksum over IPv4 is made.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum ChecksumKind {
        /// RFC 5798, as keepalived sends it.
        PseudoHeader,
        /// RFC 9568.
        MessageOnly,
    }
    /// Why bytes are no advert.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum DecodeError {
        /// Too short.
        TooShort,
    }
}
