//! Bytes to values and back: VRRP, the authentication header, ARP and neighbour discovery; and of what
//! health checks hear: HTTP, SMTP, DNS and ICMP echo.
//!
//! Nothing here has a clock, a configuration or an opinion. Reading says what is in a packet, or names
//! the field that cannot be true; whether to believe it is for the protocol cores to decide. Writing
//! makes whole packets with right checksums, so that a simulated network and the kernel's get the same.
//!
//! What to read first: RFC 3768 section 5.3 (VRRP version 2), RFC 2338 sections 5.3.6 and 5.3.10
//! (its authentication), RFC 9568 section 5.2 (version 3), RFC 2402 section 3.3.3 and RFC 2403
//! ([`ah`]), RFC 1071 ([`checksum`]), RFC 5227 section 2.3 ([`arp`]), RFC 4861 section 7.2.6
//! ([`ndisc`]). For checks: RFC 9112 ([`http`]), RFC 5321 section 4.2 ([`smtp`]), RFC 1035 section 4
//! ([`dns`]), RFC 792 and RFC 4443 section 4 ([`echo`]).
//!
//! Rules that hold everywhere:
//!
//! * reading is total: no bytes make it panic, and no length field is believed before it was checked;
//! * each refusal is a variant of an error type;
//! * packets of usual sizes are made without the heap: a [`Packet`] holds 96 bytes itself;
//! * keys and passwords are a [`base::Secret`], and are compared in constant time.
//!
//! ```
//! use core::net::IpAddr;
//!
//! use base::{Family, Priority, Vrid};
//! use vipd_wire::vrrp::{
//!     AdvertSpec, Auth, ChecksumKind, ChecksumVerdict, Endpoints, Envelope, Interval, Stamp, Template,
//!     Version, decode, verify_checksum,
//! };
//!
//! // An instance prepares its advert once and stamps a packet for each sending.
//! let source: IpAddr = "10.1.2.3".parse()?;
//! let virtual_ip: IpAddr = "10.1.2.254".parse()?;
//! let template = Template::new(&AdvertSpec {
//!     version: Version::V3,
//!     vrid: Vrid::new(51).ok_or("a VRID is not 0")?,
//!     interval: Interval::Centis(100),
//!     addresses: &[virtual_ip],
//!     auth: Auth::None,
//!     checksum: ChecksumKind::PseudoHeader,
//!     path: Endpoints::multicast(source),
//!     ttl: vipd_wire::vrrp::TTL,
//! })?;
//! let packet = template.stamp(Stamp { priority: Priority(150), ip_id: 1, ah_sequence: 0 });
//! assert!(!packet.spilled());
//!
//! // A receiver opens the datagram, reads the message and asks about its checksum.
//! let envelope = Envelope::open(&packet)?;
//! assert_eq!(envelope.ip.ttl, 255);
//! let advert = decode(Family::V4, envelope.message())?;
//! assert_eq!((advert.vrid(), advert.priority()), (51, Priority(150)));
//! assert!(advert.addresses().eq([virtual_ip]));
//! let verdict = verify_checksum(&advert, &envelope.path());
//! assert_eq!(verdict, ChecksumVerdict::Valid(ChecksumKind::PseudoHeader));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]

#[cfg(test)]
extern crate alloc;

pub mod ah;
pub mod arp;
pub mod checksum;
pub mod dns;
pub mod echo;
pub mod ethernet;
pub mod http;
pub mod ipv4;
pub mod ipv6;
pub mod ndisc;
pub mod smtp;
pub mod vrrp;

/// A packet to send. The usual ones fit its inline buffer: a version 2 advert over IPv4 with up to 15
/// addresses (9 with an authentication header), a version 3 advert over IPv6 with up to 5, a gratuitous
/// ARP, an unsolicited neighbour advertisement.
pub type Packet = smallvec::SmallVec<[u8; 96]>;
