//! What surrounds a VRRP message in what a raw IPv4 socket hands over.

use base::{Family, Secret};

use super::{DecodeError, Endpoints, PROTOCOL, RawHeader};
use crate::{ah, ipv4};

/// An IPv4 datagram that carries VRRP, with or without an authentication header.
///
/// There is no such thing for IPv6: a raw socket hands over the message alone.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The IPv4 header.
    pub ip: ipv4::Header,
    /// The authentication header, if the protocol was AH.
    pub ah: Option<ah::Header>,
    header_bytes: &'a [u8],
    message: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Opens a datagram, IPv4 header included.
    ///
    /// # Errors
    /// Says which header cannot be true.
    pub fn open(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let ipv4::Datagram { header: ip, header_bytes, payload, .. } =
            ipv4::parse(datagram).map_err(DecodeError::Ipv4)?;
        let (ah, message, protocol) = match ip.protocol {
            ah::PROTOCOL => {
                let (header, message) = ah::parse(payload).map_err(DecodeError::Ah)?;
                (Some(header), message, header.next_header)
            }
            protocol => (None, payload, protocol),
        };
        if protocol != PROTOCOL {
            return Err(DecodeError::Protocol(protocol));
        }
        Ok(Self { ip, ah, header_bytes, message })
    }

    /// The VRRP message, for [`decode`](fn@super::decode).
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }

    /// Source and destination.
    #[must_use]
    pub const fn path(&self) -> Endpoints {
        Endpoints::V4 { src: self.ip.src, dst: self.ip.dst }
    }

    /// Whether there is an authentication header whose check value is right for `key`.
    #[must_use]
    pub fn ah_is_valid(&self, key: &Secret<[u8; 8]>) -> bool {
        self.ah.is_some_and(|header| ah::verify(key, self.header_bytes, &header, self.message))
    }
}

/// The VRID of what a raw socket handed over, to find the instance that it is for: a datagram for
/// IPv4, a message for IPv6. 0 is no virtual router.
///
/// # Errors
/// If there is no VRRP message inside, or it is too short for a VRRP header.
pub fn peek_vrid(family: Family, bytes: &[u8]) -> Result<u8, DecodeError> {
    let message = match family {
        Family::V4 => Envelope::open(bytes)?.message(),
        Family::V6 => bytes,
    };
    RawHeader::read(message).map(|(raw, _)| raw.vrid)
}
