//! The configurations that are measured: N virtual servers of four real ones.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// Real servers of a virtual one.
pub(super) const REAL: u32 = 4;
/// Where all servers listen.
pub(super) const PORT: u16 = 8080;
/// What all real servers are in.
pub(super) const SERVERS: &str = "10.78.0.0/15";

/// How a real server is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `TCP_CHECK`.
    Tcp,
    /// `HTTP_GET` of one page, whose status decides.
    Http,
}

impl Kind {
    /// The keyword.
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Tcp => "TCP_CHECK",
            Self::Http => "HTTP_GET",
        }
    }
}

/// The address of real server `index`: 250 of a network of 256, as an administrator would number them.
pub(super) fn server(index: u32) -> Ipv4Addr {
    numbered(Ipv4Addr::new(10, 78, 0, 0), index)
}

/// Which real server has `address`.
pub(super) fn index_of(address: Ipv4Addr) -> Option<u32> {
    let offset = u32::from(address).checked_sub(u32::from(Ipv4Addr::new(10, 78, 0, 0)))?;
    Some(offset / 256 * 250 + (offset % 256).checked_sub(1)?)
}

fn numbered(first: Ipv4Addr, index: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first) + index / 250 * 256 + index % 250 + 1)
}

/// The file of `services` virtual servers, each real one checked every `delay` seconds. `last_weight` is
/// that of the last server; all others have 1.
pub(super) fn text(services: u32, kind: Kind, delay: u32, last_weight: u32) -> String {
    let mut text = String::from("global_defs {\n  router_id bench\n}\n");
    // Writing to a string cannot fail.
    for service in 0..services {
        let address = numbered(Ipv4Addr::new(10, 90, 0, 0), service);
        let _ = write!(
            text,
            "virtual_server {address} {PORT} {{\n  delay_loop {delay}\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n"
        );
        for real in 0..REAL {
            let index = service * REAL + real;
            let weight = if index + 1 == services * REAL { last_weight } else { 1 };
            let check = match kind {
                Kind::Tcp => "",
                Kind::Http => "      url {\n        path /\n        status_code 200\n      }\n",
            };
            let _ = write!(
                text,
                "  real_server {} {PORT} {{\n    weight {weight}\n    {} {{\n{check}      connect_timeout 2\n    }}\n  }}\n",
                server(index),
                kind.keyword(),
            );
        }
        text.push_str("}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_server_is_known_by_its_address() {
        for index in [0, 1, 249, 250, 251, 62_499, 62_500, 99_999] {
            assert_eq!(index_of(server(index)), Some(index));
        }
        assert!(index_of(Ipv4Addr::LOCALHOST).is_none_or(|i| i > 100_000));
    }

    #[test]
    fn only_the_last_server_has_the_weight() {
        let text = text(3, Kind::Http, 1, 7);
        assert_eq!((text.matches("real_server").count(), text.matches("weight 7").count()), (12, 1));
        assert_eq!(text.matches("HTTP_GET").count(), 12);
    }
}
