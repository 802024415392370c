//! What services and servers are called in log lines, FIFO lines, mail, and arguments of scripts.

use std::fmt::{self, Display};
use std::net::IpAddr;

use model::lvs::{Destination, Lvs, RealServer, Service, SorryServer};

use super::io::Failure;

/// `[ADDRESS]:PROTOCOL:PORT`, `FWM N`, or `[GROUP]:0`.
#[must_use]
pub fn service<'a>(lvs: &'a Lvs, service: &'a Service) -> impl Display + 'a {
    ServiceName { lvs, destination: service.destination }
}

/// `[ADDRESS]:PROTOCOL:PORT`. The port is that of the service if the server has none of its own.
#[must_use]
pub fn server(service: &Service, server: &RealServer) -> impl Display + use<> {
    ServerName::new(service, server.address, server.port)
}

/// As [`server`].
#[must_use]
pub fn sorry(service: &Service, server: &SorryServer) -> impl Display + use<> {
    ServerName::new(service, server.address, server.port)
}

/// What failed in `SMTP_CHECK`, up to the name of the server.
#[must_use]
pub const fn smtp_failure(failure: &Failure) -> &'static str {
    match failure {
        Failure::ConnectTimeout => "Connection timeout to",
        Failure::Connect { .. } => "Could not connect to",
        Failure::Send { .. } => "Write failure to",
        Failure::ReadTimeout => "Read timeout from",
        Failure::Reply { step, .. } => match step.as_bytes() {
            b"HELO" => "Bad HELO response from",
            b"QUIT" => "Bad quit response from",
            _ => "Bad greeting banner from",
        },
        _ => "Read failure from",
    }
}

struct ServiceName<'a> {
    lvs: &'a Lvs,
    destination: Destination,
}

impl Display for ServiceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.destination {
            Destination::Address { address, port, protocol } => {
                write!(f, "[{address}]:{}:{port}", protocol.name())
            }
            Destination::Mark(mark) => write!(f, "FWM {mark}"),
            Destination::Group { group, .. } => {
                // The number is the port of an address that a group does not have.
                write!(f, "[{}]:0", self.lvs.group(group).map_or("", |group| &group.name))
            }
        }
    }
}

struct ServerName {
    address: IpAddr,
    protocol: &'static str,
    port: u16,
}

impl ServerName {
    const fn new(service: &Service, address: IpAddr, own_port: u16) -> Self {
        let (protocol, port) = match service.destination {
            Destination::Address { port, protocol, .. } => (protocol.name(), port),
            Destination::Mark(_) => ("none", 0),
            Destination::Group { protocol: Some(protocol), .. } => (protocol.name(), 0),
            Destination::Group { protocol: None, .. } => ("none", 0),
        };
        Self { address, protocol, port: if own_port == 0 { port } else { own_port } }
    }
}

impl Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]:{}:{}", self.address, self.protocol, self.port)
    }
}
