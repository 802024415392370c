//! How commands, addresses and routes are written in dumps.

use std::fmt::Write as _;

use base::{Family, IpNet};
use engine::Held;
use model::route::{Hop, RouteKind, RouteOperation};
use model::{Address, Command, Route};

/// `'/path/to/script' 'argument'`.
pub(super) fn command(command: &Command) -> String {
    let quoted: Vec<String> = command.argv.iter().map(|word| format!("'{word}'")).collect();
    quoted.join(" ")
}

/// The prefix length is left out where it says nothing.
fn net(net: IpNet) -> String {
    let host = net.prefix() == Family::of(&net.addr()).bits();
    if host { net.addr().to_string() } else { net.to_string() }
}

/// The kernel's names of scopes (`rt_scopes`).
fn scope(number: u8) -> String {
    match number {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        n => n.to_string(),
    }
}

/// `192.0.2.100/24 dev eth0 scope global label eth0:x set`, as `ip address` says it.
pub(super) fn address(a: &Address, held: Held) -> String {
    let mut out = net(a.net);
    if let Some(peer) = a.peer {
        let _ = write!(out, " peer {}", net(peer));
    }
    if let Some(broadcast) = a.broadcast {
        let _ = write!(out, " brd {broadcast}");
    }
    let _ = write!(out, " dev {} scope {}", a.link, scope(a.scope));
    if let Some(label) = &a.label {
        let _ = write!(out, " label {label}");
    }
    let flags = [
        (a.flags.home, " home"),
        (a.flags.mngtmpaddr, " mngtmpaddr"),
        (a.flags.noprefixroute, " noprefixroute"),
        (a.flags.autojoin, " autojoin"),
    ];
    for (_, name) in flags.into_iter().filter(|(set, _)| *set) {
        out.push_str(name);
    }
    match (Family::of(&a.net.addr()), a.preferred_lft) {
        (_, Some(0)) => out.push_str(" deprecated"),
        (_, Some(seconds)) => _ = write!(out, " preferred_lft {seconds}"),
        (Family::V6, None) => out.push_str(" preferred_lft forever"),
        (Family::V4, None) => {}
    }
    out.push_str(match held {
        Held::No => "",
        Held::Yes => " set",
        Held::Changing => " changing",
        Held::Missing => " missing",
    });
    out
}

fn hop(out: &mut String, hop: &Hop) {
    if let Some(gateway) = hop.gateway {
        let family = if gateway.is_ipv4() { "inet" } else { "inet6" };
        let _ = write!(out, " via {family} {gateway}");
    }
    if let Some(link) = hop.link {
        let _ = write!(out, " dev {link}");
    }
    if hop.onlink {
        out.push_str(" onlink");
    }
}

/// `prepend 198.51.100.0/24 via inet 192.0.2.1 dev eth0 proto 18 metric 5`.
pub(super) fn route(r: &Route) -> String {
    let mut out = String::from(match r.operation {
        RouteOperation::Prepend => "prepend",
        RouteOperation::Add => "add",
        RouteOperation::Append => "append",
    });
    if r.kind != RouteKind::Unicast {
        let _ = write!(out, " {}", r.kind.name());
    }
    let _ = write!(out, " {}", net(r.destination));
    if let Some(from) = r.from {
        let _ = write!(out, " from {}", net(from));
    }
    if let Some(source) = r.source {
        let _ = write!(out, " src {source}");
    }
    if let [only] = &*r.hops {
        hop(&mut out, only);
    }
    if r.table != 254 {
        let _ = write!(out, " table {}", r.table);
    }
    let _ = write!(out, " proto {}", r.protocol);
    if let Some(number) = r.scope {
        let _ = write!(out, " scope {}", scope(number));
    }
    if r.tos != 0 {
        let _ = write!(out, " tos {}", r.tos);
    }
    if r.metric != 0 {
        let _ = write!(out, " metric {}", r.metric);
    }
    if r.hops.len() > 1 {
        for each in &r.hops {
            out.push_str(" nexthop");
            hop(&mut out, each);
            let _ = write!(out, " weight {}", each.weight);
        }
    }
    if r.no_track {
        out.push_str(" no_track");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::IfName;

    fn eth0() -> Option<IfName> {
        IfName::new("eth0").ok()
    }

    #[test]
    fn addresses_are_written_as_keepalived_writes_them() {
        let mut a = crate::observe::fixture::address("192.0.2.100/24");
        a.label = Some("eth0:x".into());
        assert_eq!(address(&a, Held::Yes), "192.0.2.100/24 dev eth0 scope global label eth0:x set");
        a.label = None;
        a.broadcast = Some([192, 0, 2, 255].into());
        a.scope = 253;
        assert_eq!(address(&a, Held::No), "192.0.2.100/24 brd 192.0.2.255 dev eth0 scope link");
        let mut a = crate::observe::fixture::address("2001:db8::100/64");
        assert_eq!(
            address(&a, Held::Yes),
            "2001:db8::100/64 dev eth0 scope global preferred_lft forever set"
        );
        a.net = "2001:db8::5/128".parse().unwrap();
        a.preferred_lft = Some(0);
        a.flags.home = true;
        assert_eq!(address(&a, Held::Yes), "2001:db8::5 dev eth0 scope global home deprecated set");
    }

    #[test]
    fn routes_are_written_as_keepalived_writes_them() {
        let hop = |gateway: &str, weight| Hop {
            gateway: Some(gateway.parse().unwrap()),
            link: eth0(),
            weight,
            ..Hop::default()
        };
        let mut r = Route {
            family: Family::V4,
            destination: "198.51.100.0/24".parse().unwrap(),
            kind: RouteKind::Unicast,
            table: 254,
            metric: 5,
            protocol: 18,
            scope: None,
            source: None,
            from: None,
            tos: 0,
            hops: vec![hop("192.0.2.1", 1)],
            metrics: Vec::new(),
            preference: None,
            expires: None,
            operation: RouteOperation::Prepend,
            no_track: false,
            held: None,
        };
        assert_eq!(route(&r), "prepend 198.51.100.0/24 via inet 192.0.2.1 dev eth0 proto 18 metric 5");
        r.metric = 0;
        r.hops = vec![hop("192.0.2.7", 3), hop("192.0.2.8", 2)];
        r.no_track = true;
        assert_eq!(
            route(&r),
            "prepend 198.51.100.0/24 proto 18 nexthop via inet 192.0.2.7 dev eth0 weight 3 \
             nexthop via inet 192.0.2.8 dev eth0 weight 2 no_track"
        );
        r.hops.clear();
        (r.kind, r.operation) = (RouteKind::Blackhole, RouteOperation::Add);
        r.destination = "10.0.0.0/8".parse().unwrap();
        assert_eq!(route(&r), "add blackhole 10.0.0.0/8 proto 18 no_track");
    }
}
