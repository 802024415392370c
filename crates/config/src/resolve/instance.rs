//! `vrrp_instance`: the rules that hold between its keywords.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{Duration, Family, IfName, Priority, Vrid};
use model::Instance;
use vrrp::config::{ChecksumKind, Peer, Peers, Preempt, Version};

use crate::block::vrrp_instance::InstanceDraft;
use crate::diag::{Code, Diagnostic};
use crate::resolve::held::{self, Settled};
use crate::resolve::{Kept, Resolver, addresses, advert, announce, lease, link};

/// The MTU of an interface that isn't there yet.
const DEFAULT_MTU: u32 = 1_500;

/// What every step knows of the instance.
pub(super) struct Basics<'d> {
    pub(super) draft: &'d InstanceDraft,
    pub(super) name: &'d str,
    pub(super) strict: bool,
    pub(super) family: Family,
    pub(super) version: Version,
    pub(super) owner: bool,
    pub(super) link: Option<IfName>,
    pub(super) mtu: u32,
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

    strict_resets(r, &it);
    if strict && !owner && !draft.accept && version == Version::V3 {
        let what = "that a strict master drops packets to addresses that it does not own";
        r.cx.consequence_not_yet(what, draft.name.span, "add `accept` if nothing shall be dropped");
    }
    let wants_master = wants_master(r, &it);
    let preempt = preempt(r, &it, wants_master);
    let advert_interval = advert::advert_interval(r, &it);
    let peers = advert::peers(r, &it);
    let hop_limit = advert::hop_limit(r, &it, &peers);
    let auth = advert::auth(r, &it);
    let source = advert::source(r, &it);
    let (addresses, excluded) = addresses::addresses(r, &it, &auth);
    let routes = draft.routes.iter().filter_map(|route| link::route(r, route, name)).collect();
    let tracks = r.tracks(&draft.tracks, draft.seen, name, it.link);
    let notify = r.notify(&draft.notify);
    let receive_buffer = advert::receive_buffer(r, &it, addresses.len());
    let global = r.global;
    let (lower_prio_no_advert, higher_prio_send_advert) = answers(r, &it);
    let checksum = match draft.v3_checksum_as_v2.unwrap_or(global.v3_checksum_as_v2) {
        true => ChecksumKind::MessageOnly,
        false => ChecksumKind::PseudoHeader,
    };
    let down_timer_adverts = down_timer(r, &it);
    let settled =
        Settled { vrid: vrid.map_or(0, |vrid| vrid.get()), peers: &peers, preempt, advert_interval };
    let mut held = held::held(r, &it, &settled);
    let (tracks, held_tracks) = r.state.trackers.split(tracks);
    held.tracks = held_tracks;
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
    let lease = lease::lease(r, draft, &protocol, addresses.len() + excluded.len());
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
        lease,
        promote_secondaries: draft.promote_secondaries,
        receive_buffer,
        notify,
        held,
    })
}

/// Tells something that makes the instance impossible.
pub(super) fn refuse(
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
        .bare_log(log);
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
    // Addresses of the other family are as good as none.
    let family = draft.family();
    let unicast = draft.source.is_some_and(|(source, _)| Family::of(&source) == family)
        && draft.peers.iter().any(|peer| Family::of(&peer.address) == family);
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
        let span = r.place_of(it.draft.name.span, "state");
        r.conflict(span, message, format!("{state} is used"), format!("write `state {state}`"), log);
        return it.owner;
    }
    written
}

fn preempt(r: &mut Resolver<'_, '_>, it: &Basics<'_>, wants_master: bool) -> Preempt {
    let (name, head) = (it.name, it.draft.name.span);
    let span = r.place_of(head, "nopreempt");
    let delay = it.draft.preempt_delay.unwrap_or(Duration::ZERO);
    let mut never = it.draft.nopreempt;
    let master = wants_master || it.draft.state == Some(true);
    if never && it.owner {
        let log = format!("({name}) nopreempt is incompatible with priority 255. resetting nopreempt");
        r.conflict_of(
            Code::NOPREEMPT_MASTER,
            span,
            "`nopreempt` cannot hold for priority 255".to_owned(),
            "it preempts",
            "remove `nopreempt`, or lower the priority",
            log,
        );
        never = false;
    } else if never && master {
        let log = format!("({name}) Warning - nopreempt will not work with initial state MASTER - clearing");
        r.conflict_of(
            Code::NOPREEMPT_MASTER,
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
    let span = r.place_of(head, "preempt_delay");
    r.conflict(span, format!("`preempt_delay` does not work {why}"), "there is no delay", help, log);
    if never { Preempt::Never } else { Preempt::After(Duration::ZERO) }
}

/// What the strict mode takes back of what the instance itself says.
fn strict_resets(r: &mut Resolver<'_, '_>, it: &Basics<'_>) {
    if !it.strict {
        return;
    }
    let (name, draft) = (it.name, it.draft);
    let accepts = draft.accept && it.version == Version::V2;
    let repeats = draft.garp_lower_prio_repeat.is_some_and(|n| n != 0);
    let delays = draft.garp_lower_prio_delay.is_some_and(|d| !d.is_zero());
    let resets = [
        (
            accepts,
            "accept",
            format!(
                "({name}) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting"
            ),
        ),
        (
            repeats,
            "garp_lower_prio_repeat",
            format!("({name}) Strict mode requires no repeat garps. resetting"),
        ),
        (
            delays,
            "garp_lower_prio_delay",
            format!("({name}) Strict mode requires no repeat garp delay. resetting"),
        ),
    ];
    for (set, keyword, log) in resets {
        if set {
            let message = format!("the strict mode doesn't allow `{keyword}`");
            let span = r.place_of(draft.name.span, keyword);
            r.conflict(span, message, "it is not used", format!("remove `{keyword}`"), log);
        }
    }
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
pub(super) fn refuse_duplicates(r: &mut Resolver<'_, '_>, drafts: &[Kept], instances: &[Instance]) {
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
            .at(second.vrid.unwrap_or(second.name.span))
            .label("used a second time")
            .help("give one of them another `virtual_router_id`")
            .bare_log(format!("{a} and {b} both use VRID {} with {} on {link}", p.vrid, p.family));
        if let Some(span) = first.vrid {
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
