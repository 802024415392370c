//! What is, against what should be: the smallest list of operations, in the right order.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{Family, IfIndex, Instant, IpNet};

use super::desired::{Desired, Key, Object, Progress, Thing};
use super::view::View;
use crate::io::Operation;

/// One step: what to do for an object.
pub(crate) struct Step {
    pub(crate) key: Key,
    pub(crate) adding: bool,
    pub(crate) operation: Operation,
}

/// What comes of looking at an object.
pub(crate) enum Verdict {
    /// It is as it should be, or something is going on about it.
    Fine,
    /// It has become known that it is there for those who want it.
    Held,
    /// Nobody names it any more, and it is gone.
    Forget,
    /// Something has to be done.
    Do {
        /// Put in or taken away?
        adding: bool,
        /// What.
        operation: Operation,
    },
}

/// Looks at one object.
/// `lifetime` is what the object is to have, if it is a leased address.
pub(crate) fn judge(object: &Object, key: &Key, lifetime: Option<u32>, view: &View, now: Instant) -> Verdict {
    if matches!(object.progress, Progress::InFlight { .. }) {
        return Verdict::Fine;
    }
    let (present, addition, removal) = match (key, &object.thing) {
        (Key::Address(name, id), Thing::Address(address)) => {
            let link = view.index(*name);
            let present = link.is_some_and(|link| view.address(link, id).is_some());
            let addition = link.map(|link| Operation::AddAddress {
                link,
                address: address.clone(),
                valid_lft: lifetime,
            });
            let removal = link.map(|link| Operation::DelAddress { link, net: id.net, peer: address.peer });
            (present, addition, removal)
        }
        (Key::Route(_), Thing::Route(route)) => {
            let links = view.route_links(route);
            let with = |links: Vec<Option<IfIndex>>| (route.as_ref().clone(), links);
            let addition = links.clone().filter(|_| view.takes_route(route)).map(with);
            let addition = addition.map(|(route, links)| Operation::AddRoute { route, links });
            let removal = links.map(with).map(|(route, links)| Operation::DelRoute { route, links });
            (view.route(route).is_some(), addition, removal)
        }
        // Keys and things are made in pairs.
        _ => return Verdict::Fine,
    };
    let wanted = object.wanted();
    let renewal = object.lease.due && lifetime.is_some();
    let lifted = object.lease.lifetime.is_some() && lifetime.is_none();
    let refresh = (object.refresh || renewal || lifted) && !object.foreign;
    let (adding, operation) = if wanted && !object.lost && (!present || refresh) {
        (true, addition)
    } else if !wanted && present && !object.foreign && !object.spare {
        (false, removal)
    } else if wanted && present && !object.held {
        return Verdict::Held;
    } else if !present && object.owners.is_empty() && !wanted {
        // A removal that failed is told of as if it had been done if the news are those of an earlier one.
        let failed = matches!(object.progress, Progress::Waiting { until, adding: false, .. } if until > now);
        return if failed { Verdict::Fine } else { Verdict::Forget };
    } else {
        return Verdict::Fine;
    };
    if let Progress::Waiting { until, adding: same, .. } = object.progress
        && same == adding
        && until > now
    {
        return Verdict::Fine;
    }
    match operation {
        Some(operation) => Verdict::Do { adding, operation },
        // Its interface isn't there: nothing can be done until it comes.
        None if !wanted && object.owners.is_empty() => Verdict::Forget,
        None => Verdict::Fine,
    }
}

/// Puts steps in order: routes go before the addresses that they need, addresses come before them; an
/// address that moves is put in at its new place before it is taken from its old one.
pub(crate) fn in_order(steps: Vec<Step>) -> impl Iterator<Item = Step> {
    let mut moves: BTreeSet<(IfIndex, IpAddr)> = BTreeSet::new();
    for step in &steps {
        if let Operation::AddAddress { link, address, .. } = &step.operation
            && address.net.family() == Family::V6
        {
            moves.insert((*link, address.net.addr()));
        }
    }
    let mut lists: [Vec<Step>; 5] = Default::default();
    let [routes_out, in_the_way, addresses_in, addresses_out, routes_in] = &mut lists;
    for step in steps {
        let list = match &step.operation {
            Operation::DelRoute { .. } => &mut *routes_out,
            // IPv6 has an address only once on an interface, whatever its prefix length.
            Operation::DelAddress { link, net, .. } if moves.contains(&(*link, IpNet::addr(net))) => {
                &mut *in_the_way
            }
            // The last ones are never steps towards an object.
            Operation::AddAddress { .. }
            | Operation::PromoteSecondaries { .. }
            | Operation::StartSync(..)
            | Operation::StopSync(..) => &mut *addresses_in,
            Operation::DelAddress { .. } => &mut *addresses_out,
            Operation::AddRoute { .. } => &mut *routes_in,
        };
        list.push(step);
    }
    // The first address of a network goes last: it would take the others along.
    routes_out.reverse();
    addresses_out.reverse();
    lists.into_iter().flatten()
}

/// Looks at all marked objects. `held` and `forget` collect the keys of those verdicts.
pub(crate) fn steps(
    desired: &mut Desired,
    view: &View,
    now: Instant,
    held: &mut Vec<Key>,
    forget: &mut Vec<Key>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for key in desired.take_dirty() {
        let Some(object) = desired.objects.get(&key) else { continue };
        match judge(object, &key, desired.lifetime(object), view, now) {
            Verdict::Fine => {}
            Verdict::Held => held.push(key),
            Verdict::Forget => forget.push(key),
            Verdict::Do { adding, operation } => steps.push(Step { key, adding, operation }),
        }
    }
    steps
}
