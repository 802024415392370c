//! Packets that are refused, odd, or for nobody.

use std::net::IpAddr;

use base::{Duration, IfName};
use model::{InstanceId, Model};
use vrrp::config::{Peers, Version};
use vrrp::error::Refusal;
use vrrp::io::Oddity;
use wire::vrrp::DecodeError;

use super::super::instance;
use crate::log::Line;

/// The line for an advert that an instance refused.
pub(super) fn refused(model: &Model, id: InstanceId, source: IpAddr, refusal: Refusal) -> Vec<Line> {
    let Some(config) = model.instances.get(id.index()).map(|i| &i.protocol) else { return Vec::new() };
    let unicast = matches!(config.peers, Peers::Unicast { .. });
    let version = match config.version {
        Version::V2 => 2,
        Version::V3 => 3,
    };
    let text = match refusal {
        Refusal::Malformed(error) => malformed(source, error, version),
        Refusal::HopLimit { received, min, max } if unicast => {
            format!("TTL/HL {received} from {source} not in range [{min}, {max}]")
        }
        Refusal::HopLimit { received, max, .. } => {
            format!("invalid TTL/HL from {source}. Received {received} and expect {max}")
        }
        Refusal::Version { received } => wrong_version(source, received, version),
        Refusal::Vrid { received } => {
            format!("Invalid VRID from {source}. {received} and expect {}", config.vrid)
        }
        Refusal::Type { received } => format!("Invalid packet type from {source}. {received} and expect 1"),
        Refusal::Checksum => format!("Invalid VRRPv{version} checksum from {source}"),
        Refusal::AuthTypeUnknown { received } => format!("Invalid auth type from {source}: {received}"),
        Refusal::AuthTypeMismatch { received } => {
            format!("received a {received} auth from {source}, expecting {}!", auth_type(&config.auth))
        }
        Refusal::UnexpectedAh => format!("Received AH header but auth type not AH from {source}"),
        Refusal::MissingAh => format!("No AH header but auth type is AH from {source}"),
        Refusal::Password => format!("received an invalid passwd from {source}!"),
        Refusal::Icv => "IPSEC-AH : invalid IPSEC HMAC-MD5 value. \
                         Due to fields mutation or bad password !"
            .to_owned(),
        Refusal::Spi => format!("IPSEC AH : invalid IPSEC SPI value. It is not the address of {source}"),
        Refusal::Replay { received, highest } => {
            format!(
                "IPSEC-AH : sequence number {received} already processed. Packet dropped. Local({highest})"
            )
        }
        Refusal::Interval { ours, received } => {
            let (ours, received) = (ours.as_secs(), received.as_secs());
            format!("advertisement interval mismatch with {source} mine={ours} sec rcv'd={received} sec")
        }
        Refusal::IntervalZero => interval_v3(config.advert_interval, Duration::ZERO),
        Refusal::NoAddresses => format!("expected {} VIPs but received 0", config.addresses.len()),
        Refusal::Destination => {
            let (expected, received) = if unicast { ("uni", "multi") } else { ("multi", "uni") };
            format!("Expected {expected}cast packet but received {received}cast packet from {source}")
        }
        Refusal::NotAPeer => format!("unicast source address {source} not a unicast peer"),
        Refusal::OwnSource => format!("ignoring advert from {source}, which is our own address"),
        Refusal::Owner => format!("Dropping packet(s) from {source} since we are address owner"),
    };
    vec![Line::info(format!("({}) {text}", instance(model, id)))]
}

fn malformed(source: IpAddr, error: DecodeError, version: u8) -> String {
    match error {
        DecodeError::TooShort { len, expected } | DecodeError::LengthMismatch { len, expected } => {
            let how = if len < expected { "short" } else { "long" };
            format!("vrrp packet from {source} too {how}, length {len} and expect {expected}")
        }
        DecodeError::UnknownVersion(received) => wrong_version(source, received, version),
        DecodeError::Ipv4(wire::ipv4::Error::TotalLength { claimed, len }) => {
            format!("ip_tot_len mismatch against received length from {source}. {claimed} and received {len}")
        }
        DecodeError::Ipv4(_) | DecodeError::Ah(_) | DecodeError::Protocol(_) => {
            format!("malformed packet from {source}: {error}")
        }
    }
}

fn wrong_version(source: IpAddr, received: u8, expected: u8) -> String {
    format!("wrong VRRP version from {source}. Received {received} and expect {expected}")
}

fn interval_v3(ours: Duration, received: Duration) -> String {
    format!(
        "advertisement interval mismatch ours = {} centi-sec rcv'd={} centi-sec",
        ours.as_centis(),
        received.as_centis()
    )
}

fn auth_type(auth: &vrrp::config::Auth) -> u8 {
    match auth {
        vrrp::config::Auth::None => 0,
        vrrp::config::Auth::Pass(_) => 1,
        vrrp::config::Auth::Ah(_) => 2,
    }
}

/// The line for an advert that was accepted although something in it is odd.
pub(super) fn odd(model: &Model, id: InstanceId, source: IpAddr, oddity: Oddity) -> Vec<Line> {
    let text = match oddity {
        Oddity::AddressCount { expected, received } => {
            format!("expected {expected} VIPs but received {received}")
        }
        Oddity::AddressMissing(address) => {
            let vrid = model.instances.get(id.index()).map_or(0, |i| i.protocol.vrid.get());
            format!("ip address associated with VRID {vrid} not present in advert from {source}: {address}")
        }
        Oddity::Interval { ours, received } => interval_v3(ours, received),
    };
    vec![Line::info(format!("({}) {text}", instance(model, id)))]
}

/// The line for a VRID that nobody has here; only if `log_unknown_vrids` asks for it.
pub(super) fn unknown_vrid(model: &Model, vrid: u8, link: Option<IfName>, source: IpAddr) -> Vec<Line> {
    if !model.global.log_unknown_vrids {
        return Vec::new();
    }
    let link = link.as_ref().map_or("", IfName::as_str);
    vec![Line::info(format!("Unknown VRID({vrid}) received on interface({link}) from {source}. ignoring..."))]
}

/// The line for a packet that is for nobody, since it can't be read. keepalived drops it silently.
pub(super) fn unreadable(source: IpAddr, error: DecodeError) -> Vec<Line> {
    vec![Line::info(format!("ignoring unreadable packet from {source}: {error}")).detailed()]
}
