//! What an instance says on which nothing acts yet.

use std::collections::BTreeSet;

use base::{Duration, Family, IfName, Name};
use model::Held;
use model::hmac::{AuthHmac, HmacMode};
use model::instance::GarpExtra;
use model::virtual_link::{Ipvlan, VirtualLink, Vmac};
use vrrp::config::{Peers, Preempt, Version};

use crate::block::auth_hmac::HmacDraft;
use crate::block::virtual_link::{KindDraft, VirtualDraft};
use crate::resolve::Resolver;
use crate::resolve::instance::Basics;
use crate::resolve::rule;

/// What of an instance decides about it.
pub(super) struct Settled<'a> {
    pub(super) vrid: u8,
    pub(super) peers: &'a Peers,
    pub(super) preempt: Preempt,
    pub(super) advert_interval: Duration,
}

/// The most interfaces that one VRID gives names to.
const NUMBERS: u32 = 65_536;

/// Names of interfaces that instances make.
pub(super) type Names = BTreeSet<IfName>;

pub(super) fn held(r: &mut Resolver<'_, '_>, it: &Basics<'_>, settled: &Settled<'_>) -> Held {
    let name = it.name;
    let global_extra = r.global.garp_extra;
    let mut out = Held {
        virtual_link: it
            .draft
            .virtual_link
            .as_ref()
            .and_then(|draft| virtual_link(r, it, settled, draft))
            .map(Box::new),
        drops_packets: drops_packets(it),
        garp_extra: global_extra.filter(is_on),
        ..Held::default()
    };
    let Some(draft) = it.draft.held_if_any() else { return out };
    out.rules = draft.rules.iter().filter_map(|draft| rule::rule(r, draft)).collect();
    out.garp_extra = draft.garp_extra.or(global_extra).filter(is_on);
    out.unicast_checksum = draft.old_checksum;
    if draft.vmac_xmit_base && !matches!(out.virtual_link.as_deref(), Some(VirtualLink::Macvlan(_))) {
        let log = format!("({name}) vmac_xmit_base is only valid with a vmac");
        let help = "add `use_vmac`, or remove `vmac_xmit_base`";
        r.conflict(it.draft.name.span, "`vmac_xmit_base` needs `use_vmac`", "it is ignored", help, log);
    }
    if let Some(word) = &draft.vrf {
        if it.draft.interface.is_some() {
            let log = format!("({name}) Cannot specify VRF interface and interface - ignoring");
            let help = "remove `interface`, or `vrf`";
            r.conflict(word.span, "`vrf` is for instances without interface", "ignored", help, log);
        } else {
            out.vrf = r.link(word, || format!("({name}) VRF interface {} doesn't exist", word.text));
        }
    }
    if let Some((priority, span)) = draft.late_backup {
        if settled.preempt == Preempt::Never {
            out.late_backup = Some(priority);
        } else {
            let log = format!("({name}) timer_expired_backup requires nopreempt - ignoring");
            r.conflict(span, "`timer_expired_backup` needs `nopreempt`", "ignored", "add `nopreempt`", log);
        }
    }
    if let Some(draft) = &draft.hmac {
        out.hmac = hmac(r, it, settled, draft).map(Box::new);
    }
    out
}

const fn is_on(extra: &GarpExtra) -> bool {
    !extra.period.is_zero()
}

/// Whether a master drops packets to addresses that it does not own.
fn drops_packets(it: &Basics<'_>) -> bool {
    let refuses = it.draft.held_if_any().is_some_and(|held| held.no_accept);
    let accepts = it.draft.accept && !(it.strict && it.version == Version::V2);
    !it.owner && !accepts && (refuses || it.strict)
}

fn virtual_link(
    r: &mut Resolver<'_, '_>,
    it: &Basics<'_>,
    settled: &Settled<'_>,
    draft: &VirtualDraft,
) -> Option<VirtualLink> {
    let unicast = matches!(settled.peers, Peers::Unicast { .. });
    let link_name = link_name(r, it, settled, draft)?;
    let name = it.name;
    match &draft.kind {
        KindDraft::Macvlan { address, notify_again } => {
            let mut address = address.as_ref();
            if it.strict && address.is_some() {
                let log = format!("({name}) (strict) VMAC MAC address is not allowed - resetting");
                let message = "in strict mode the hardware address is that of the virtual router";
                r.conflict(draft.keyword, message, "the address is ignored", "remove it", log);
                address = None;
            }
            let mut send_below = it.draft.held_if_any().is_some_and(|held| held.vmac_xmit_base);
            if it.strict && send_below {
                let log = format!("({name}) xmit_base is incompatible with strict mode - resetting");
                let message = "in strict mode adverts leave through the macvlan";
                r.conflict(draft.keyword, message, "`vmac_xmit_base` is ignored", "remove it", log);
                send_below = false;
            }
            let kind = if it.family == Family::V4 { 1 } else { 2 };
            let mut bytes = [0, 0, 0x5e, 0, kind, settled.vrid];
            for (to, from) in bytes.iter_mut().zip(address.into_iter().flatten()) {
                *to = *from;
            }
            Some(VirtualLink::Macvlan(Vmac {
                name: link_name,
                address: bytes,
                notify_again: *notify_again,
                group: draft.group,
                send_below: send_below || unicast,
            }))
        }
        KindDraft::Ipvlan { address, mode } => {
            let fits = address.is_none_or(|net| net.family() == it.family);
            let address = address.filter(|_| fits);
            if !fits {
                let log = format!("({name}) ipvlan address MUST match vrrp instance family !!! Skipping...");
                let message = format!("`{name}` is a virtual router of {}", it.family);
                let help = "write an address of that family";
                r.conflict(draft.keyword, message, "the address of the interface is ignored", help, log);
            }
            if address.is_none() && it.family == Family::V4 && !unicast {
                let log = format!(
                    "({name}) IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state"
                );
                let message = format!("`{name}` has no address to send adverts from");
                r.conflict(
                    draft.keyword,
                    message,
                    "that will be a fault",
                    "write `use_ipvlan ADDRESS/LENGTH`",
                    log,
                );
            }
            Some(VirtualLink::Ipvlan(Ipvlan { name: link_name, address, mode: *mode, group: draft.group }))
        }
    }
}

/// The name as written, else `PREFIX.VRID`; with the number of the family or another one if that is
/// taken.
fn link_name(
    r: &mut Resolver<'_, '_>,
    it: &Basics<'_>,
    settled: &Settled<'_>,
    draft: &VirtualDraft,
) -> Option<IfName> {
    if let Some(word) = &draft.name
        && let Ok(name) = IfName::new(&word.text)
    {
        if r.state.virtual_names.insert(name) {
            return Some(name);
        }
        let log = format!("({}) interface name {name} is already in use by another instance", it.name);
        let message = format!("another instance makes an interface `{name}`, too");
        r.conflict(word.span, message, "a generated name is used", "choose another name", log);
    }
    let prefix: Name = r.global.out.vmac_names.instances.clone();
    let vrid = settled.vrid;
    let v6 = it.family == Family::V6;
    let numbers = std::iter::once(None).chain(v6.then_some(Some(6))).chain((1..=NUMBERS).map(Some));
    for number in numbers {
        let end = number.map_or_else(|| format!(".{vrid}"), |n: u32| format!("{n}.{vrid}"));
        // A prefix that is too long loses its end.
        let room = IfName::MAX.saturating_sub(end.len());
        let start: String = prefix.chars().take(room).collect();
        match IfName::new(&format!("{start}{end}")) {
            Ok(name) if r.state.virtual_names.insert(name) => return Some(name),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let message = format!("no name for the interface of `{}` can be made of `{prefix}`", it.name);
    let log = format!("({}) unable to generate a VMAC interface name", it.name);
    r.conflict(
        draft.keyword,
        message,
        "there will be no such interface",
        "choose another `vmac_prefix`",
        log,
    );
    None
}

fn hmac(
    r: &mut Resolver<'_, '_>,
    it: &Basics<'_>,
    settled: &Settled<'_>,
    draft: &HmacDraft,
) -> Option<AuthHmac> {
    let name = it.name;
    let why = match draft.active {
        _ if it.draft.auth.is_some() => Some((
            "`authentication` and `auth_hmac` exclude each other".to_owned(),
            "remove one of the two blocks, on all routers".to_owned(),
        )),
        None => Some(("`auth_hmac` has no `active_key`".to_owned(), "add `active_key ID`".to_owned())),
        Some((id, _)) if !draft.keys.iter().any(|key| key.id == id) => {
            Some((format!("there is no key {id}"), format!("add `key {id} SECRET`")))
        }
        Some(_) => None,
    };
    if let Some((message, help)) = why {
        let log = format!("({name}) auth_hmac: {message} - disabling");
        r.conflict(draft.keyword, message, "adverts are not signed", help, log);
        return None;
    }
    let mut mode = draft.mode;
    if it.strict && mode != HmacMode::Enforce {
        let log = format!("({name}) (strict) auth_hmac mode must be enforce - resetting");
        let message = "the strict mode takes signed adverts only";
        r.conflict(draft.keyword, message, "`mode enforce` is used", "write `mode enforce`", log);
        mode = HmacMode::Enforce;
    }
    let (active, _) = draft.active?;
    let least = Duration::from_secs(5);
    Some(AuthHmac {
        keys: draft.keys.clone(),
        active,
        window: draft.window.unwrap_or((settled.advert_interval * 3).max(least)),
        replay: draft.replay,
        mode,
    })
}
