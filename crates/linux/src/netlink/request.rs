//! Changes to the kernel, and the messages that ask for them.

use std::fmt;

use base::IfIndex;
use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::route::RouteMessage;

use super::address::Address;
use super::link::{LinkKind, LinkSpec};
use super::message::{finish, header};
use super::route::Route;

/// What to do if an address is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressMode {
    /// Fail with `EEXIST`.
    Create,
    /// Give it the new lifetimes and flags. The kernel leaves an IPv4 broadcast address and label as
    /// they are.
    Replace,
}

/// Where to put a route among those to the same network with the same metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteMode {
    /// Before them; `EEXIST` if it is there already.
    Prepend,
    /// Behind them; `EEXIST` if it is there already.
    Append,
    /// Only if there are none; `EEXIST` otherwise.
    Exclusive,
    /// In place of the first.
    Replace,
}

/// A change to the kernel.
#[derive(Clone, Debug)]
pub enum Request {
    /// Add an address.
    AddAddress(Address, AddressMode),
    /// Remove an address, by interface, address, prefix length and peer.
    DeleteAddress(Address),
    /// Add a route.
    AddRoute(Route, RouteMode),
    /// Remove a route: the first one that has everything named here. Metrics, preference and
    /// lifetime are not compared.
    DeleteRoute(Route),
    /// Make an interface.
    AddLink(LinkKind, LinkSpec),
    /// Change an interface.
    ChangeLink(IfIndex, LinkSpec),
    /// Remove an interface.
    DeleteLink(IfIndex),
}

enum Body {
    Address(AddressMessage),
    Route(RouteMessage),
    Link(LinkMessage),
}

impl Request {
    /// Appends the message, with sequence number `sequence`, to `out`.
    pub(super) fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        let (kind, flags, body) = match self {
            Self::AddAddress(a, mode) => {
                let flags = match mode {
                    AddressMode::Create => NLM_F_CREATE | NLM_F_EXCL,
                    AddressMode::Replace => NLM_F_CREATE | NLM_F_REPLACE,
                };
                (libc::RTM_NEWADDR, flags, Body::Address(a.encode(true)))
            }
            Self::DeleteAddress(a) => (libc::RTM_DELADDR, 0, Body::Address(a.encode(false))),
            Self::AddRoute(r, mode) => {
                let flags = match mode {
                    RouteMode::Prepend => NLM_F_CREATE,
                    RouteMode::Append => NLM_F_CREATE | NLM_F_APPEND,
                    RouteMode::Exclusive => NLM_F_CREATE | NLM_F_EXCL,
                    RouteMode::Replace => NLM_F_CREATE | NLM_F_REPLACE,
                };
                (libc::RTM_NEWROUTE, flags, Body::Route(r.encode(true)))
            }
            Self::DeleteRoute(r) => (libc::RTM_DELROUTE, 0, Body::Route(r.encode(false))),
            Self::AddLink(kind, spec) => {
                (libc::RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, Body::Link(spec.encode_new(kind)))
            }
            Self::ChangeLink(index, spec) => (libc::RTM_NEWLINK, 0, Body::Link(spec.encode(Some(*index)))),
            Self::DeleteLink(index) => {
                (libc::RTM_DELLINK, 0, Body::Link(LinkSpec::default().encode(Some(*index))))
            }
        };
        let start = out.len();
        let body: &dyn Emit = match &body {
            Body::Address(m) => m,
            Body::Route(m) => m,
            Body::Link(m) => m,
        };
        header(out, kind, NLM_F_REQUEST | NLM_F_ACK | flags, sequence);
        let payload = out.len();
        out.resize(payload + body.len(), 0);
        if let Some(buffer) = out.get_mut(payload..) {
            body.write(buffer);
        }
        finish(out, start);
    }
}

/// `Emitable` without its methods for `Sized` types.
trait Emit {
    fn len(&self) -> usize;
    fn write(&self, buffer: &mut [u8]);
}

impl<T: Emitable> Emit for T {
    fn len(&self) -> usize {
        self.buffer_len()
    }
    fn write(&self, buffer: &mut [u8]) {
        self.emit(buffer);
    }
}

/// What is asked for, as in `add address 192.0.2.1/24 on interface 3`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddAddress(a, _) => write!(f, "add address {a}"),
            Self::DeleteAddress(a) => write!(f, "remove address {a}"),
            Self::AddRoute(r, _) => write!(f, "add route {r}"),
            Self::DeleteRoute(r) => write!(f, "remove route {r}"),
            Self::AddLink(_, spec) => match spec.name {
                Some(name) => write!(f, "add interface {name}"),
                None => f.write_str("add interface"),
            },
            Self::ChangeLink(index, _) => write!(f, "change interface {index}"),
            Self::DeleteLink(index) => write!(f, "remove interface {index}"),
        }
    }
}
