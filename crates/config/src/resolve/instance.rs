//! `vrrp_instance`: the rules that hold between its keywords.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{Duration, Family, IfName, Priority, Secret, Vrid};
use model::{Address, Instance};
use vrrp::config::{Auth, ChecksumKind, Peer, Peers, Preempt, Version};

use crate::block::global_defs::Receive;
use crate::block::vrrp_instance::{AuthKind, InstanceDraft};
use crate::diag::{Code, Diagnostic};
use crate::resolve::{Resolver, announce, link};
use crate::span::to_u32;

/// The MTU of an interface that isn't there yet.
const DEFAULT_MTU: u32 = 1_500;
/// The most addresses that an advert can count.
const MAX_ADDRESSES: usize = 255;

/// What the steps below have found out.
struct Basics<'d> {
    draft: &'d InstanceDraft,
    name: &'d str,
    strict: bool,
    family: Family,
    version: Version,
    owner: bool,
    link: Option<IfName>,
    mtu: u32,
}

/// Makes an instance; `None` if there can be none, which has then been told and refuses the load.
pub(super) fn instance(r: &mut Resolver<'_, '_>, draft: &InstanceDraft) -> Option<Instance> {
    let name = draft.name.text.as_str();
    name.clone_into(&mut r.cx.object);
    let vrid = vrid(r, draft);
    let link = interface(r, draft);
    let strict = draft.strict.unwrap_or(r.global.strict);
    let family = draft.family();
    let version = version(r, draft, family, strict);
    let priority = Priority(draft.priority.unwrap_or(if draft.state == Some(true) { 255 } else { 100 }));
    let mtu = draft
        .interface
        .as_ref()
        .and_then(|word| r.link_facts(&word.text))
        .map_or(DEFAULT_MTU, |facts| facts.mtu);
    let owner = priority.is_owner();
    let it = Basics { draft, name, strict, family, version, owner, link: link.flatten(), mtu };

    let wants_master = wants_master(r, &it);
    let preempt = preempt(r, &it, wants_master);
    let advert_interval = advert_interval(r, &it);
    let peers = peers(r, &it);
    let hop_limit = hop_limit(r, &it, &peers);
    let auth = auth(r, &it);
    let source = source(r, &it);
    let (addresses, excluded) = addresses(r, &it, &auth);
    let routes = draft.routes.iter().filter_map(|route| link::route(r, route, name)).collect();
    let own = it.link.filter(|_| !draft.dont_track_primary);
    let tracks = r.tracks(&draft.tracks, draft.seen, name, draft.interface.as_ref().and(it.link).or(own));
    let notify = r.notify(&draft.notify);
    let receive_buffer = receive_buffer(r, &it, addresses.len());
    let global = r.global;
    let (lower_prio_no_advert, higher_prio_send_advert) = answers(r, &it);
    let checksum = match draft.v3_checksum_as_v2.unwrap_or(global.v3_checksum_as_v2) {
        true => ChecksumKind::MessageOnly,
        false => ChecksumKind::PseudoHeader,
    };
    let down_timer_adverts = down_timer(r, &it);
    let protocol = vrrp::config::Instance {
        name: name.into(),
        vrid: vrid?,
        family,
        version,
        priority,
        wants_master,
        advert_interval,
        down_timer_adverts,
        preempt,
        peers,
        hop_limit,
        auth,
        checksum,
        addresses: addresses.iter().map(|a| a.net.addr()).collect(),
        skip_check_adv_addr: draft.skip_check_adv_addr.unwrap_or(global.skip_check_adv_addr),
        lower_prio_no_advert,
        higher_prio_send_advert,
        owner_ignore_adverts: owner_ignores(&it, global.owner_ignore_adverts),
        tracks,
        group: None,
    };
    link?;
    Some(Instance {
        protocol,
        link: it.link,
        source,
        track_source: draft.track_source,
        track_link: !draft.dont_track_primary,
        addresses,
        excluded,
        routes,
        garp: announce::garp(global, draft, strict),
        promote_secondaries: draft.promote_secondaries,
        receive_buffer,
        notify,
    })
}

/// Tells something that makes the instance impossible.
fn refuse(
    r: &mut Resolver<'_, '_>,
    draft: &InstanceDraft,
    message: String,
    help: impl Into<String>,
    log: String,
) {
    let d = Diagnostic::new(Code::INSTANCE, message)
        .at(draft.name.span)
        .label("this instance")
        .help(help)
        .log(log);
    r.cx.report(d);
}

fn vrid(r: &mut Resolver<'_, '_>, draft: &InstanceDraft) -> Option<Vrid> {
    if draft.vrid.is_none() {
        let name = &draft.name.text;
        let message = format!("`{name}` has no `virtual_router_id`");
        let help = "add `virtual_router_id NUMBER`, the same number on all routers of this virtual router";
        refuse(r, draft, message, help, format!("({name}) the virtual router id must be set"));
    }
    draft.vrid.map(|(vrid, _)| vrid)
}

/// The interface; the inner `None` for an instance that may do without.
fn interface(r: &mut Resolver<'_, '_>, draft: &InstanceDraft) -> Option<Option<IfName>> {
    let name = &draft.name.text;
    let loopback = match &draft.interface {
        Some(word) => {
            let link = r.link(word, || {
                format!("WARNING - interface {} for vrrp_instance {name} doesn't exist", word.text)
            });
            let loopback = r.link_facts(&word.text).is_some_and(|facts| facts.loopback);
            if let (Some(link), false) = (link, loopback) {
                return Some(Some(link));
            }
            if loopback {
                let d = Diagnostic::new(
                    Code::VALUE,
                    format!("`{}` is the loopback interface, where no other router is", word.text),
                )
                .at(word.span)
                .label("not usable for VRRP")
                .help("name the interface that leads to the other routers")
                .log(format!("({name}) cannot use a loopback interface ({}) for vrrp - ignoring", word.text));
                r.cx.report(d);
            }
            loopback
        }
        None => false,
    };
    let unicast = draft.source.is_some() && !draft.peers.is_empty();
    if unicast && !loopback && draft.interface.is_none() {
        return Some(None);
    }
    let message = format!("`{name}` has no interface");
    refuse(r, draft, message, "add `interface NAME`", format!("({name}) Unknown interface!"));
    None
}

fn version(r: &mut Resolver<'_, '_>, draft: &InstanceDraft, family: Family, strict: bool) -> Version {
    match (family, draft.version) {
        (Family::V4, version) => version.unwrap_or(r.global.version),
        (Family::V6, Some(Version::V2)) if strict => {
            let name = &draft.name.text;
            let log =
                format!("({name}) (strict) VRRPv2 doesn't support IPv6 addresses; setting to version 3");
            let message = "version 2 knows no IPv6, and the strict mode is on".to_owned();
            r.conflict(draft.name.span, message, "version 3 is used", "write `version 3`", log);
            Version::V3
        }
        (Family::V6, version) => version.unwrap_or(Version::V3),
    }
}

fn wants_master(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> bool {
    let written = it.draft.state.unwrap_or(it.owner);
    if it.strict && written != it.owner {
        let (name, state) = (it.name, if it.owner { "MASTER" } else { "BACKUP" });
        let log = format!("({name}) (strict) initial state does not match the priority, setting to {state}");
        let message = "in strict mode only an owner of addresses (priority 255) starts as master".to_owned();
        r.conflict(
            it.draft.name.span,
            message,
            format!("{state} is used"),
            format!("write `state {state}`"),
            log,
        );
        return it.owner;
    }
    written
}

fn preempt(r: &mut Resolver<'_, '_>, it: &Basics<'_>, wants_master: bool) -> Preempt {
    let (name, span) = (it.name, it.draft.name.span);
    let delay = it.draft.preempt_delay.unwrap_or(Duration::ZERO);
    let mut never = it.draft.nopreempt;
    let master = wants_master || it.draft.state == Some(true);
    if never && it.owner {
        let log = format!("({name}) nopreempt is incompatible with priority 255. resetting nopreempt");
        r.conflict(
            span,
            "`nopreempt` cannot hold for priority 255".to_owned(),
            "it preempts",
            "remove `nopreempt`, or lower the priority",
            log,
        );
        never = false;
    } else if never && master {
        let log = format!("({name}) Warning - nopreempt will not work with initial state MASTER - clearing");
        r.conflict(
            span,
            "`nopreempt` does not work with `state MASTER`".to_owned(),
            "it preempts",
            "write `state BACKUP`",
            log,
        );
        never = false;
    }
    if delay.is_zero() {
        return if never { Preempt::Never } else { Preempt::After(delay) };
    }
    let (why, log, help) = if it.strict {
        (
            "in strict mode",
            format!("({name}) (strict) preempt delay is incompatible - resetting"),
            "remove `preempt_delay`",
        )
    } else if master {
        let log =
            format!("({name}) Warning - preempt delay will not work with initial state MASTER - clearing");
        ("with `state MASTER`", log, "write `state BACKUP`")
    } else if never {
        let log = format!("({name}) preempt_delay is incompatible with nopreempt mode - resetting");
        ("with `nopreempt`", log, "remove one of the two lines")
    } else {
        return Preempt::After(delay);
    };
    r.conflict(span, format!("`preempt_delay` does not work {why}"), "there is no delay", help, log);
    if never { Preempt::Never } else { Preempt::After(Duration::ZERO) }
}

/// Version 2 has whole seconds, version 3 centiseconds up to 12 bits.
fn advert_interval(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Duration {
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

fn peers(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Peers {
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
            refuse(
                r,
                draft,
                message,
                "remove `unicast_peer`, or switch the strict mode off",
                format!("({name}) Unicast peers are not supported in strict mode"),
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
            .log(format!(
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
            r.conflict(span, message, format!("{default} is used"), "use an address of the same family", log);
            default
        }
    }
}

fn hop_limit(r: &mut Resolver<'_, '_>, it: &Basics<'_>, peers: &Peers) -> Option<u8> {
    match (peers, it.draft.unicast_ttl) {
        (Peers::Multicast(_), None) => Some(255),
        (Peers::Multicast(_), Some((_, span))) => {
            // keepalived sends TTL 0 then, which nobody receives: not worth copying.
            let log = format!("({}): Cannot use unicast_ttl without unicast peers - resetting", it.name);
            r.conflict(
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

fn auth(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Auth {
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

fn source(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> Option<IpAddr> {
    let (address, span) = it.draft.source?;
    if Family::of(&address) == it.family {
        return Some(address);
    }
    let log = format!("({}): address family must match VRRP instance [{address}] - ignoring", it.name);
    let message = format!("the source address `{address}` is not {} like `{}`", it.family, it.name);
    r.conflict(span, message, "ignored", format!("write an {} address", it.family), log);
    None
}

/// The virtual addresses and the excluded ones.
fn addresses(r: &mut Resolver<'_, '_>, it: &Basics<'_>, auth: &Auth) -> (Vec<Address>, Vec<Address>) {
    let (draft, name) = (it.draft, it.name);
    let mut known: BTreeMap<(IpAddr, IfName), ()> = BTreeMap::new();
    let mut fresh = |r: &mut Resolver<'_, '_>, word: &crate::lang::Word, address: Address| {
        if known.insert((address.net.addr(), address.link), ()).is_none() {
            return Some(address);
        }
        let d = Diagnostic::new(
            Code::POINTLESS,
            format!("`{name}` has the address `{}` twice", address.net.addr()),
        );
        r.cx.report(d.at(word.span).label("this line is ignored").help("remove one of the two lines"));
        None
    };
    let most = most_addresses(it, auth);
    let (mut addresses, mut excluded) = (Vec::new(), Vec::new());
    let mut surplus = 0;
    for one in &draft.addresses {
        if one.net.family() != it.family {
            let d = Diagnostic::new(
                Code::VALUE,
                format!("`{}` is not {} like the first address of `{name}`", one.word.text, it.family),
            )
            .at(one.word.span)
            .label("this line is ignored")
            .help("move it to `virtual_ipaddress_excluded`, or to an instance of its own")
            .log(format!("({name}): address family must match VRRP instance [{}] - ignoring", one.word.text));
            r.cx.report(d);
            continue;
        }
        let Some(address) = link::address(r, one, it.link).and_then(|address| fresh(r, &one.word, address))
        else {
            continue;
        };
        if addresses.len() < most {
            addresses.push(address);
        } else {
            surplus += 1;
            excluded.push(address);
        }
    }
    if surplus > 0 {
        let log = format!(
            "({name}) Number of VIPs exceeds the maximum of {most} - {surplus} moved to excluded VIPs"
        );
        let message = format!("an advert of `{name}` has room for {most} addresses only");
        r.conflict(
            draft.name.span,
            message,
            format!("{surplus} more are set, but not told"),
            "move them to `virtual_ipaddress_excluded`",
            log,
        );
    }
    for one in &draft.excluded {
        if let Some(address) = link::address(r, one, it.link).and_then(|address| fresh(r, &one.word, address))
        {
            excluded.push(address);
        }
    }
    check_addresses(r, it, &addresses);
    (addresses, excluded)
}

/// How many addresses fit into one packet of the interface.
fn most_addresses(it: &Basics<'_>, auth: &Auth) -> usize {
    let (ip, each) = match it.family {
        Family::V4 => (20, 4),
        Family::V6 => (40, 16),
    };
    let authentication = if it.version == Version::V2 { 8 } else { 0 };
    let header = if matches!(auth, Auth::Ah(_)) { 24 } else { 0 };
    let room = it.mtu.saturating_sub(ip + 8 + authentication + header) / each;
    crate::span::to_usize(room).min(MAX_ADDRESSES)
}

fn check_addresses(r: &mut Resolver<'_, '_>, it: &Basics<'_>, addresses: &[Address]) {
    let (draft, name) = (it.draft, it.name);
    let Some(first) = addresses.first() else {
        let allowed = draft.no_addresses && !it.strict;
        let required = it.version == Version::V3 || it.strict;
        if required && !allowed {
            let log = format!("({name}) No VIP specified; at least one is required");
            refuse(
                r,
                draft,
                format!("`{name}` has no virtual address"),
                "add `virtual_ipaddress { ADDRESS }`",
                log,
            );
        } else if !allowed {
            let log = format!("({name}) No VIP specified; at least one is sensible");
            let message = format!("`{name}` has no virtual address");
            r.conflict(
                draft.name.span,
                message,
                "it moves nothing",
                "add `virtual_ipaddress { ADDRESS }`",
                log,
            );
        }
        return;
    };
    if it.family == Family::V6 && !link::is_link_local(&first.net.addr()) {
        let must = if it.strict { "must" } else { "should" };
        let log = format!("({name}) the first IPv6 VIP address {must} be link local");
        let message =
            format!("the first IPv6 address of `{name}` {must} be link-local (RFC 9568 section 5.2.9)");
        let d = Diagnostic::new(if it.strict { Code::CONFLICT } else { Code::POINTLESS }, message)
            .at(draft.addresses.first().map_or(draft.name.span, |a| a.word.span))
            .label("used all the same")
            .help("put an address that starts with `fe80::` first")
            .log(log);
        r.cx.report(d);
    }
}

fn receive_buffer(r: &Resolver<'_, '_>, it: &Basics<'_>, addresses: usize) -> Option<u32> {
    let multiplier = r.global.receive_multiplier;
    it.draft.receive_buffer.or(match r.global.receive? {
        Receive::Bytes(_) => None,
        Receive::Mtu => Some(it.mtu.saturating_mul(multiplier)),
        Receive::Advert => {
            let (ip, each) = if it.family == Family::V4 { (20, 4) } else { (40, 16) };
            let size = to_u32(addresses).saturating_mul(each).saturating_add(ip + 24 + 8 + 8);
            Some(size.saturating_mul(multiplier))
        }
    })
}

/// `lower_prio_no_advert` and `higher_prio_send_advert`, which the strict mode decides by itself.
fn answers(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> (bool, bool) {
    let silent = it.draft.lower_prio_no_advert.or(r.global.lower_prio_no_advert);
    let sends = it.draft.higher_prio_send_advert.unwrap_or(r.global.higher_prio_send_advert);
    if !it.strict {
        return (silent.unwrap_or(false), sends);
    }
    if silent == Some(false) {
        let log = format!("({}) (strict) lower_prio_no_advert is required - setting", it.name);
        r.conflict(
            it.draft.name.span,
            "in strict mode a master does not answer adverts of lower priority".to_owned(),
            "`lower_prio_no_advert` is on",
            "remove `lower_prio_no_advert off`",
            log,
        );
    }
    if sends {
        let log = format!("({}) (strict) higher_prio_send_advert is not allowed - resetting", it.name);
        r.conflict(
            it.draft.name.span,
            "in strict mode a master sends no advert before it gives way".to_owned(),
            "`higher_prio_send_advert` is off",
            "remove `higher_prio_send_advert`",
            log,
        );
    }
    (true, false)
}

fn down_timer(r: &mut Resolver<'_, '_>, it: &Basics<'_>) -> u8 {
    let written = it.draft.down_timer_adverts.unwrap_or(r.global.down_timer_adverts);
    if it.strict && written != 3 {
        let log = format!("({}) (strict) down_timer_adverts must be 3 - resetting", it.name);
        let message = format!("in strict mode three adverts may be missed, not {written}");
        r.conflict(it.draft.name.span, message, "3 is used", "remove `down_timer_adverts`", log);
        return 3;
    }
    written
}

/// An owner that says `no` ignores adverts all the same, as in keepalived.
fn owner_ignores(it: &Basics<'_>, global: Option<bool>) -> bool {
    match it.draft.owner_ignore_adverts {
        Some(false) if it.owner => true,
        Some(written) => written,
        None => global.unwrap_or(it.strict && it.owner),
    }
}

/// Two instances may not be the same virtual router: same number, family, link and destination.
pub(super) fn refuse_duplicates(r: &mut Resolver<'_, '_>, drafts: &[&InstanceDraft], instances: &[Instance]) {
    let mut seen: BTreeMap<(Vrid, Family, Option<IfName>), Vec<usize>> = BTreeMap::new();
    for (index, instance) in instances.iter().enumerate() {
        let p = &instance.protocol;
        let others = seen.entry((p.vrid, p.family, instance.link)).or_default();
        let same = others.iter().copied().find(|&other| {
            instances.get(other).is_some_and(|other| {
                same_destination(&other.protocol.peers, &p.peers)
                    && (instance.link.is_some() || other.source == instance.source)
            })
        });
        others.push(index);
        let (Some(first), Some(second)) = (same.and_then(|i| drafts.get(i)), drafts.get(index)) else {
            continue;
        };
        let link =
            instance.link.map_or_else(|| "no interface".to_owned(), |link| format!("interface {link}"));
        let (a, b) = (&first.name.text, &second.name.text);
        let message = format!(
            "`{a}` and `{b}` are the same virtual router: both use {} on {link} over {}",
            p.vrid, p.family
        );
        let mut d = Diagnostic::new(Code::DUPLICATE_VRID, message)
            .at(second.vrid.map_or(second.name.span, |(_, span)| span))
            .label("used a second time")
            .help("give one of them another `virtual_router_id`")
            .log(format!("{a} and {b} both use VRID {} with {} on {link}", p.vrid, p.family));
        if let Some((_, span)) = first.vrid {
            d = d.other(span, "used here first");
        }
        r.cx.report(d);
    }
}

fn same_destination(a: &Peers, b: &Peers) -> bool {
    match (a, b) {
        (Peers::Multicast(a), Peers::Multicast(b)) => a == b,
        (Peers::Unicast { peers: a, .. }, Peers::Unicast { peers: b, .. }) => {
            let sorted = |peers: &[Peer]| {
                let mut all: Vec<IpAddr> = peers.iter().map(|p| p.address).collect();
                all.sort_unstable();
                all
            };
            sorted(a) == sorted(b)
        }
        _ => false,
    }
}
