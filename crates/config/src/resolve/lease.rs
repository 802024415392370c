//! `vip_lease`: how long the kernel keeps virtual addresses that nobody renews.

use base::Duration;
use model::Instance;
use model::lease;
use vrrp::config::Instance as Protocol;
use vrrp::timers;

use crate::block::lease::{LeaseDraft, Wish};
use crate::block::vrrp_instance::InstanceDraft;
use crate::diag::{Code, Diagnostic};
use crate::resolve::{Kept, Resolver};

fn written(r: &Resolver<'_, '_>, draft: &InstanceDraft) -> Option<LeaseDraft> {
    draft.vip_lease.or(r.global.vip_lease)
}

/// Whether nobody has said anything about the lease of an instance.
pub(super) fn is_default(r: &Resolver<'_, '_>, draft: &InstanceDraft) -> bool {
    written(r, draft).is_none()
}

/// The lifetime of an instance's virtual addresses in seconds; `None` for ever.
pub(super) fn lease(
    r: &mut Resolver<'_, '_>,
    draft: &InstanceDraft,
    protocol: &Protocol,
    addresses: usize,
) -> Option<u32> {
    let fitting = lease::lifetime(protocol);
    let Some(LeaseDraft { wish, span }) = written(r, draft) else {
        return fitting.filter(|_| protocol.advert_interval >= lease::DEFAULT_FROM);
    };
    if addresses == 0 {
        return None;
    }
    let (name, interval, adverts) = (&protocol.name, protocol.advert_interval, protocol.down_timer_adverts);
    let takeover = timers::too_late(protocol);
    let (longest, shortest) = (lease::longest(protocol), lease::shortest(protocol));
    let margin = lease::OVERRUN + lease::SUBMITTED;
    let conflict = |message: String, label: String, help: String| {
        Diagnostic::new(Code::LEASE, message).at(span).label(label).help(help)
    };
    match wish {
        Wish::Off => None,
        Wish::On if fitting.is_none() => {
            let message = format!(
                "no lease fits `{name}`: it must last {shortest} s to be renewed with an advert each {interval}, \
                 and a backup takes over after {takeover}"
            );
            let help = format!(
                "use `advert_int` of 1 s or more and `down_timer_adverts` of 3 or more, so that {adverts} intervals \
                 and the skew are at least {}",
                Duration::from_secs(shortest.into()) + margin
            );
            r.cx.report(conflict(message, "there is no lease".to_owned(), help));
            None
        }
        Wish::On => fitting,
        Wish::Seconds(n) if n < shortest => {
            let message = format!(
                "a lease of {n} s for `{name}` would end before an advert renews it, each {interval}"
            );
            let label = format!("{shortest} s are used");
            r.cx.report(conflict(message, label, format!("write a number from {shortest} to {longest}")));
            Some(shortest)
        }
        Wish::Seconds(n) => {
            if n > longest {
                let message = format!(
                    "a lease of {n} s for `{name}` may outlive a dead daemon until after a backup took over, \
                     which it does after {takeover}; the kernel may be late by {margin}"
                );
                let label = "used all the same: two routers may have the addresses".to_owned();
                let help = match fitting {
                    Some(longest) => format!("write at most {longest}"),
                    None => "make `advert_int` or `down_timer_adverts` larger".to_owned(),
                };
                r.cx.report(conflict(message, label, help));
            }
            Some(n)
        }
    }
}

/// Leases that nobody has asked for must not keep the kernel busy: with very many addresses there are none.
pub(super) fn limit(r: &mut Resolver<'_, '_>, drafts: &[Kept], instances: &mut [Instance]) {
    let by_default = |drafts: &[Kept], index: usize| drafts.get(index).is_some_and(|d| d.lease_by_default);
    let cost = |i: &Instance| lease::renewals(&i.protocol, i.addresses.len() + i.excluded.len());
    let each = instances.iter().enumerate().filter(|(n, i)| by_default(drafts, *n) && i.lease.is_some());
    let a_second = each.map(|(_, i)| cost(i)).sum::<u64>() / 1_000;
    if a_second <= lease::MOST_A_SECOND {
        return;
    }
    for (index, instance) in instances.iter_mut().enumerate() {
        if by_default(drafts, index) {
            instance.lease = None;
        }
    }
    let d = Diagnostic::new(
        Code::NO_LEASE,
        format!(
            "virtual addresses have no lease: {a_second} renewals a second are more than {}",
            lease::MOST_A_SECOND
        ),
    )
    .help("write `vip_lease on` in `global_defs` if that shall not matter, or `vip_lease off` to say that it is meant");
    r.cx.report(d);
}
