//! What an instance sends, where, and whom it believes.

use std::net::IpAddr;

use base::{Duration, Family, Secret};
use vrrp::config::{Auth, Peer, Peers, Version};

use crate::block::authentication::AuthKind;
use crate::block::global_defs::Receive;
use crate::diag::{Code, Diagnostic};
use crate::resolve::Resolver;
use crate::resolve::instance::Basics;
use crate::span::to_u32;

/// Version 2 has whole seconds, version 3 centiseconds up to 12 bits.
pub(super) fn advert_interval(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Duration {
    let Some((written, span)) = it.draft.advert_int else { return Duration::from_secs(1) };
    let (unit, least, most) = match it.version {
        Version::V2 => (Duration::from_secs(1), 1, 255),
        Version::V3 => (Duration::from_centis(1), 1, 4_095),
    };
    let half = unit.as_nanos() / 2;
    let count = written.as_nanos().saturating_add(half).checked_div(unit.as_nanos()).unwrap_or(least);
    let used = unit * count.clamp(least, most);
    if used != written {
        let (name, number) = (it.name, it.version.number());
        let (what, log) = if count > most {
            let log = format!(
                "({name}) VRRPv{number} advertisement interval {}.{:02}s is out of range. Must be less than 40.96s. Setting to 40.95s",
                written.as_secs(),
                written.as_centis() % 100
            );
            ("is too long for", log)
        } else {
            let kind = if it.version == Version::V2 { "an integer" } else { "a multiple of 10ms" };
            let micros = written.as_micros() % 1_000_000;
            let log = format!(
                "({name}) VRRPv{number} advertisement interval {}.{micros:06}s must be {kind}. rounding",
                written.as_secs()
            );
            ("cannot be told by", log)
        };
        let help = format!("write `advert_int {}`", used.to_string().trim_end_matches('s'));
        r.conflict(
            span,
            format!("an interval of {written} {what} version {number}"),
            format!("{used} is used"),
            help,
            log,
        );
    }
    used
}

pub(super) fn peers(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Peers {
    let (draft, name) = (it.draft, it.name);
    let mut peers = Vec::with_capacity(draft.peers.len());
    for peer in &draft.peers {
        if Family::of(&peer.address) == it.family {
            peers.push(Peer {
                address: peer.address,
                min_ttl: peer.min_ttl.unwrap_or(0),
                max_ttl: peer.max_ttl.unwrap_or(255),
            });
        } else {
            let d = Diagnostic::new(Code::VALUE, format!("the peer `{}` is not {} like `{name}`", peer.word.text, it.family))
                .at(peer.word.span)
                .label("this line is ignored")
                .help(format!("write an {} address", it.family))
                .log(format!(
                    "Configuration error: VRRP instance[{name}] and unicast peer address[{}] MUST be of the same family !!! Skipping...",
                    peer.word.text
                ));
            r.cx.report(d);
        }
    }
    if !peers.is_empty() || draft.fault_no_peer {
        let facts = draft.interface.as_ref().and_then(|word| r.link_facts(&word.text));
        if it.strict && facts.is_some_and(|facts| facts.multicast) {
            let message =
                format!("`{name}` has unicast peers in strict mode, on an interface that can multicast");
            // keepalived 2.2.7 goes on; so that a router comes back after a change of daemons, we do, too.
            let d = Diagnostic::new(Code::POINTLESS, message)
                .at(draft.name.span)
                .label("unicast is used all the same")
                .help("remove `unicast_peer`, or switch the strict mode off")
                .bare_log(format!("({name}) Unicast peers are not supported in strict mode"));
            r.cx.report(d);
        }
        if let Some((group, span)) = draft.group {
            r.conflict(
                span,
                format!("`{name}` has unicast peers, and sends nothing to `{group}`"),
                "ignored",
                "remove `mcast_dst_ip`",
                format!("({name}) multicast destination specified with unicast - ignoring"),
            );
        }
        let check_source = draft.check_unicast_src || r.global.check_unicast_src;
        return Peers::Unicast { peers, check_source };
    }
    if draft.unicast {
        let d = Diagnostic::new(Code::DEPRECATED, format!("`{name}` has keywords of unicast, but no peers"))
            .at(draft.name.span)
            .label("it uses multicast")
            .help("add `unicast_peer { ADDRESS }`, or use `mcast_src_ip` for the source address")
            .bare_log(format!(
                "({name}) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - please update your configuration."
            ));
        r.cx.report(d);
    }
    Peers::Multicast(multicast_group(r, it))
}

fn multicast_group(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> IpAddr {
    let default = match it.family {
        Family::V4 => IpAddr::V4(r.global.group4),
        Family::V6 => IpAddr::V6(r.global.group6),
    };
    match it.draft.group {
        None => default,
        Some((group, _)) if Family::of(&group) == it.family => group,
        Some((group, span)) => {
            let log =
                format!("({}) mcast_dst_ip {group} is of the wrong address family. Skipping...", it.name);
            let message = format!("`{group}` is not {} like `{}`", it.family, it.name);
            r.conflict_on_line(
                span,
                message,
                format!("{default} is used"),
                "use an address of the same family",
                log,
            );
            default
        }
    }
}

pub(super) fn hop_limit(r: &mut Resolver<'_, '_>, it: &Basics<'_>, peers: &Peers) -> Option<u8> {
    match (peers, it.draft.unicast_ttl) {
        (Peers::Multicast(_), None) => Some(255),
        (Peers::Multicast(_), Some((_, span))) => {
            // keepalived sends TTL 0 then, which nobody receives: not worth copying.
            let log = format!("({}): Cannot use unicast_ttl without unicast peers - resetting", it.name);
            r.conflict_on_line(
                span,
                "`unicast_ttl` needs unicast peers".to_owned(),
                "255 is used",
                "remove it, or add `unicast_peer`",
                log,
            );
            Some(255)
        }
        (Peers::Unicast { .. }, ttl) => match it.family {
            Family::V4 => Some(ttl.map_or(255, |(ttl, _)| ttl)),
            Family::V6 => ttl.map(|(ttl, _)| ttl),
        },
    }
}

pub(super) fn auth(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Auth {
    let (Some(draft), name) = (&it.draft.auth, it.name) else { return Auth::None };
    let span = draft.keyword.span;
    let why = if it.strict {
        Some((
            "the strict mode knows no authentication",
            format!("({name}) (strict) authentication is not allowed. Ignoring."),
        ))
    } else if it.version == Version::V3 {
        Some((
            "version 3 knows no authentication",
            format!("({name}) VRRP version 3 does not support authentication. Ignoring."),
        ))
    } else if it.family == Family::V6 {
        Some((
            "IPv6 knows no authentication",
            format!("({name}) authentication is not supported for IPv6. Ignoring."),
        ))
    } else {
        None
    };
    if let Some((why, log)) = why {
        r.conflict(span, why.to_owned(), "the block is ignored", "remove the block, on all routers", log);
        return Auth::None;
    }
    let (Some(kind), Some(password)) = (draft.kind, &draft.password) else {
        if draft.kind.is_some() {
            let log = format!("({name}) Authentication specified but no password given. Ignoring");
            let message = "this block has no `auth_pass`".to_owned();
            r.conflict(
                span,
                message,
                "adverts are sent without authentication",
                "add `auth_pass SECRET`",
                log,
            );
        } else {
            let d = Diagnostic::new(Code::POINTLESS, "this block has no `auth_type`").at(span);
            let d = d.label("adverts are sent without authentication").help("add `auth_type PASS`");
            r.cx.report(d);
        }
        return Auth::None;
    };
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(password.text.bytes()) {
        *to = from;
    }
    match kind {
        AuthKind::Pass => Auth::Pass(Secret::new(key)),
        AuthKind::Ah => Auth::Ah(Secret::new(key)),
    }
}

pub(super) fn source(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Option<IpAddr> {
    let (address, span) = it.draft.source?;
    if Family::of(&address) == it.family {
        return Some(address);
    }
    let log = format!("({}): address family must match VRRP instance [{address}] - ignoring", it.name);
    let message = format!("the source address `{address}` is not {} like `{}`", it.family, it.name);
    r.conflict_on_line(span, message, "ignored", format!("write an {} address", it.family), log);
    None
}

pub(super) fn receive_buffer(r: &Resolver<'_, '_>, it: &Basics<'_>, addresses: usize) -> Option<u32> {
    if it.draft.receive_buffer.is_some() {
        return it.draft.receive_buffer;
    }
    let multiplier = r.global.receive_multiplier;
    match r.global.receive? {
        Receive::Bytes(_) => None,
        Receive::Mtu => Some(it.mtu.saturating_mul(multiplier)),
        Receive::Advert => {
            let (ip, each) = if it.family == Family::V4 { (20, 4) } else { (40, 16) };
            let size = to_u32(addresses).saturating_mul(each).saturating_add(ip + 24 + 8 + 8);
            Some(size.saturating_mul(multiplier))
        }
    }
}
