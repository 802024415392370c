//! The topology of load balancing: a client, two directors, two servers.
//!
//! ```text
//!  client 192.0.2.100 ---+--- front ---+--- d1 192.0.2.11 / 10.0.0.11 ---+--- back ---+--- w1 10.0.0.21
//!                        |             +--- d2 192.0.2.12 / 10.0.0.12 ---+            +--- w2 10.0.0.22
//! ```
//!
//! With NAT, servers send everything through 10.0.0.1, which the active director has. With direct
//! routing and tunnels they have the virtual address themselves, don't tell anybody, and answer over a
//! second cable to the front (192.0.2.21 and 192.0.2.22).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use linux::sysctl;

use crate::error::{Context, Result};
use crate::node::Node;
use crate::web::Web;
use crate::world::{Lab, Lan};

/// The virtual address.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
/// The address on the inner side that servers send through, with NAT.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The port of everything.
pub const PORT: u16 = 80;

/// How packets get to the servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forwarding {
    /// `lvs_method NAT`.
    Nat,
    /// `lvs_method DR`.
    Direct,
    /// `lvs_method TUN`.
    Tunnel(Tunnel),
}

/// What packets are wrapped in on their way through a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tunnel {
    /// IP.
    Ipip,
    /// GRE. A receiver refuses what has a checksum and should have none, and the other way round.
    Gre {
        /// Whether there are checksums.
        checksum: bool,
    },
    /// GUE, to port 6080.
    Gue,
}

impl Tunnel {
    /// The arguments of `ip` that make a server with `address` unwrap them, into device `ipvs0`.
    fn commands(self, address: &str) -> Vec<String> {
        let ipip = format!("tunnel add ipvs0 mode ipip local {address}");
        match self {
            Self::Ipip => vec![ipip],
            Self::Gre { checksum } => {
                let checksum = if checksum { "csum" } else { "nocsum" };
                vec![format!("link add ipvs0 type gre local {address} {checksum}")]
            }
            // What is in GUE is IP in IP.
            Self::Gue => vec!["fou add port 6080 gue".to_owned(), ipip],
        }
    }
}

/// The topology.
pub struct Balanced {
    /// The client, `d1`, `d2`, `w1` and `w2` are its nodes.
    pub lab: Lab,
    /// Where clients are.
    pub front: Lan,
    /// Where servers are.
    pub back: Lan,
    /// The client.
    pub client: Node,
    /// The directors.
    pub directors: [Node; 2],
    /// The servers.
    pub servers: [Node; 2],
    forwarding: Forwarding,
}

impl Balanced {
    /// Builds it. Nothing runs yet.
    ///
    /// # Errors
    /// The kernel refused a step.
    pub fn new(tag: &str, forwarding: Forwarding) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let (front, back) = (lab.lan("front")?, lab.lan("back")?);
        let client = lab.node("client")?;
        client.attach(&front, "eth0", &["192.0.2.100/24"], None)?;
        let director = |n: u8| {
            let node = lab.node(&format!("d{n}"))?;
            node.attach(&front, "eth0", &[&format!("192.0.2.1{n}/24")], None)?;
            node.attach(&back, "eth1", &[&format!("10.0.0.1{n}/24")], None)?;
            set(&node, &[("net/ipv4/ip_forward", 1)])?;
            Ok(node)
        };
        let server = |n: u8| {
            let node = lab.node(&format!("w{n}"))?;
            node.attach(&back, "eth0", &[&format!("10.0.0.2{n}/24")], None)?;
            Ok(node)
        };
        let directors = [director(1)?, director(2)?];
        let servers = [server(1)?, server(2)?];
        let all = Self { lab, front, back, client, directors, servers, forwarding };
        all.prepare_servers()?;
        Ok(all)
    }

    fn prepare_servers(&self) -> Result<()> {
        for (n, node) in (1..).zip(&self.servers) {
            let vip = format!("{VIP}/32");
            if self.forwarding == Forwarding::Nat {
                node.run("ip", &["route", "add", "default", "via", &GATEWAY.to_string()])?;
                continue;
            }
            node.attach(&self.front, "eth1", &[&format!("192.0.2.2{n}/24")], None)?;
            // The virtual address is theirs, but nobody is to hear of it.
            set(
                node,
                &[
                    ("net/ipv4/conf/all/arp_ignore", 1),
                    ("net/ipv4/conf/all/arp_announce", 2),
                    ("net/ipv4/conf/all/rp_filter", 0),
                    ("net/ipv4/conf/default/rp_filter", 0),
                ],
            )?;
            if let Forwarding::Tunnel(tunnel) = self.forwarding {
                for command in tunnel.commands(&format!("10.0.0.2{n}")) {
                    node.run("ip", &command.split(' ').collect::<Vec<_>>())?;
                }
                set(node, &[("net/ipv4/conf/ipvs0/rp_filter", 0)])?;
                node.run("ip", &["link", "set", "ipvs0", "up"])?;
            }
            node.run("ip", &["address", "add", &vip, "dev", "lo"])?;
        }
        Ok(())
    }

    /// Starts server `n` (0 or 1), which calls itself `w1` or `w2`.
    ///
    /// # Errors
    /// The kernel refused to listen.
    pub fn serve(&self, n: usize) -> Result<Web> {
        let node = self.servers.get(n).unwrap_or(&self.servers[0]);
        node.serve(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT), node.name())
    }

    /// The virtual service.
    #[must_use]
    pub const fn service(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(VIP), PORT)
    }
}

/// Writes kernel settings within a node.
fn set(node: &Node, settings: &[(&str, i64)]) -> Result<()> {
    let what = || format!("{}: kernel settings", node.name());
    let all: Vec<(String, i64)> = settings.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let result = node.inside_run(move || -> std::io::Result<()> {
        all.iter().try_for_each(|(name, value)| sysctl::set(name, *value).map(drop).map_err(Into::into))
    })?;
    result.during(what)
}
