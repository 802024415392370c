//! A third host on the LAN that sends whatever bytes it likes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{IfIndex, Mac};
use lab::{LabError, Node, Result};
use linux::packet_socket::{PacketSocket, Sent};
use wire::checksum::Sum;
use wire::{ethernet, ipv4, ipv6, vrrp};

use crate::stage::{Stage, inside, read};

/// The address that it sends from, unless it lies.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
/// The same for IPv6.
pub(crate) const ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x66);
/// Its hardware address.
const MAC: Mac = Mac([2, 0, 0, 0, 0x66, 0x66]);
const GROUP_V4: Mac = Mac([1, 0, 0x5e, 0, 0, 0x12]);
const GROUP_V6: Mac = Mac([0x33, 0x33, 0, 0, 0, 0x12]);

pub(crate) struct Attacker(Node);

impl Attacker {
    pub(crate) fn new(stage: &Stage) -> Result<Self> {
        let node = stage.lab.node("x")?;
        node.attach(&stage.lan, "eth0", &[&format!("{ADDRESS}/24")], Some(MAC))?;
        Ok(Self(node))
    }

    /// Sends frames, one right after the other.
    pub(crate) fn send(&self, frames: Vec<Vec<u8>>) -> Result<()> {
        inside(&self.0, "frames", move || {
            let link = nix::net::if_::if_nametoindex("eth0")?;
            let link = IfIndex::new(link).ok_or(std::io::ErrorKind::NotFound)?;
            let socket = PacketSocket::open().map_err(std::io::Error::other)?;
            for frame in &frames {
                match socket.send(link, frame).map_err(std::io::Error::other)? {
                    Sent::Yes => {}
                    refused => return Err(std::io::Error::other(format!("a frame: {refused:?}"))),
                }
            }
            Ok(())
        })
    }
}

/// The hardware address of a router.
pub(crate) fn mac(node: &Node) -> Result<Mac> {
    let text = read(node, "/sys/class/net/eth0/address")?;
    let mut mac = [0; 6];
    let bytes = text.trim().split(':').map(|b| u8::from_str_radix(b, 16));
    for (to, from) in mac.iter_mut().zip(bytes) {
        *to = from.map_err(|e| LabError::Expectation(format!("\"{text}\": {e}")))?;
    }
    Ok(Mac(mac))
}

/// A frame with an IPv4 datagram to the group, or to a router with this hardware address.
pub(crate) fn frame4(packet: &[u8], to: Option<Mac>) -> Vec<u8> {
    frame(to.unwrap_or(GROUP_V4), ethernet::TYPE_IPV4, packet)
}

/// A frame with a message over IPv6 to the group.
pub(crate) fn frame6(message: &[u8]) -> Vec<u8> {
    let header = ipv6::Header {
        traffic_class: 0xc0,
        flow_label: 0,
        payload_len: u16::try_from(message.len()).unwrap_or(u16::MAX),
        next_header: vrrp::PROTOCOL,
        hop_limit: vrrp::TTL,
        src: ADDRESS6,
        dst: vrrp::GROUP_V6,
    };
    frame(GROUP_V6, ethernet::TYPE_IPV6, &[&header.to_bytes()[..], message].concat())
}

fn frame(dst: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let header = ethernet::Header { dst, src: MAC, ethertype };
    [&header.to_bytes()[..], payload].concat()
}

/// An IPv4 datagram to the group, with options (a multiple of 4 bytes, at most 40).
pub(crate) fn datagram(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 20 + options.len() + payload.len();
    let header = ipv4::Header {
        tos: 0xc0,
        total_len: u16::try_from(length).unwrap_or(u16::MAX),
        id: 1,
        flags_fragment: 0,
        ttl: vrrp::TTL,
        protocol,
        checksum: 0,
        src: ADDRESS,
        dst: vrrp::GROUP_V4,
    };
    let mut packet = [&header.to_bytes()[..], options, payload].concat();
    packet[0] = 0x45 + u8::try_from(options.len() / 4).unwrap_or_default();
    seal(&mut packet);
    packet
}

/// Makes the header's checksum right, so that the kernel has no reason to refuse it.
pub(crate) fn seal(packet: &mut [u8]) {
    let length = (usize::from(packet[0] & 15) * 4).min(packet.len());
    packet[10..12].fill(0);
    let sum = Sum::ZERO.add_bytes(&packet[..length]).finish();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// What the checksum of a message must be. `old` and IPv4 version 3: as keepalived up to 1.3.6 made it
/// for unicast, with the group instead of the receiver.
pub(crate) fn checksum(message: &[u8], src: IpAddr, dst: IpAddr, old: bool) -> u16 {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let sum = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) if message[0] >> 4 != 2 => {
            let dst = if old { vrrp::GROUP_V4 } else { dst };
            Sum::ZERO.add_pseudo_ipv4(src, dst, vrrp::PROTOCOL, length)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => Sum::ZERO.add_pseudo_ipv6(src, dst, vrrp::PROTOCOL, length),
        _ => Sum::ZERO,
    };
    let mut message = message.to_vec();
    message[6..8].fill(0);
    sum.add_bytes(&message).finish()
}

/// A message of version 3, its checksum still missing.
pub(crate) fn message3(vrid: u8, priority: u8, interval: u16, addresses: &[IpAddr]) -> Vec<u8> {
    let count = u8::try_from(addresses.len()).unwrap_or(u8::MAX);
    let [high, low] = interval.to_be_bytes();
    let mut message = vec![0x31, vrid, priority, count, high, low, 0, 0];
    for address in addresses {
        match address {
            IpAddr::V4(a) => message.extend(a.octets()),
            IpAddr::V6(a) => message.extend(a.octets()),
        }
    }
    message
}

/// A message with the checksum in its place.
pub(crate) fn summed(mut message: Vec<u8>, sum: u16) -> Vec<u8> {
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}
