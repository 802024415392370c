//! The virtual addresses of an instance.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Family, IfName};
use model::Address;
use vrrp::config::{Auth, Version};

use crate::block::address::AddressDraft;
use crate::block::virtual_link::{KindDraft, VirtualDraft};
use crate::diag::{Code, Diagnostic};
use crate::resolve::instance::{Basics, refuse};
use crate::resolve::{Resolver, link};
use crate::span::to_usize;

/// The most addresses that an advert can count.
const MAX_ADDRESSES: usize = 255;

/// The virtual addresses and the excluded ones.
pub(super) fn addresses(
    r: &mut Resolver<'_, '_>,
    it: &Basics<'_>,
    auth: &Auth,
) -> (Vec<Address>, Vec<Address>) {
    let (draft, name) = (it.draft, it.name);
    let mut known: BTreeSet<(IpAddr, IfName)> = BTreeSet::new();
    let mut fresh = |r: &mut Resolver<'_, '_>, word: &crate::lang::Word, address: Address| {
        if known.insert((address.net.addr(), address.link)) {
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
    let mut addresses = Vec::with_capacity(draft.addresses.len().min(most));
    let mut excluded = Vec::with_capacity(draft.excluded.len());
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
        let Some(address) = on_link(r, it, one).and_then(|address| fresh(r, &one.word, address)) else {
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
        if let Some(address) = on_link(r, it, one).and_then(|address| fresh(r, &one.word, address)) {
            excluded.push(address);
        }
    }
    check_addresses(r, it, &addresses);
    (addresses, excluded)
}

/// The address on its interface, or on a macvlan of its own.
fn on_link(r: &mut Resolver<'_, '_>, it: &Basics<'_>, draft: &AddressDraft) -> Option<Address> {
    let mut address = link::address(r, draft, it.link)?;
    let has_vmac = matches!(
        it.draft.virtual_link.as_deref(),
        Some(VirtualDraft { kind: KindDraft::Macvlan { .. }, .. })
    );
    let on_instance_vmac = has_vmac && Some(address.link) == it.link;
    if on_instance_vmac && draft.on_vmac {
        let net = address.net.addr();
        let log = format!("({}) use_vmac specified for VIP/eVIP {net} and vrrp instance", it.name);
        let message = format!("`{net}` goes to the macvlan of `{}` anyway", it.name);
        r.conflict(draft.word.span, message, "`use_vmac` is ignored here", "remove it from this line", log);
    }
    let all = it.draft.held_if_any().is_some_and(|held| held.use_vmac_addr);
    address.on_vmac = !on_instance_vmac && (draft.on_vmac || all);
    Some(address)
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
    to_usize(room).min(MAX_ADDRESSES)
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
