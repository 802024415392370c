//! Virtual addresses: how many, where, and whose.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{IfName, IpNet};
use model::{Address, Instance};
use vrrp::config::Version;

use super::{Facts, advice};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Block;
use crate::span::Span;

/// Adverts of version 2 have been known with more only to routers of this kind.
const MOST_V2: usize = 20;
const LISTS: &[&str] = &["virtual_ipaddress", "virtual_ipaddress_excluded"];

/// More addresses in an advert of version 2 than other routers read.
pub(super) fn many(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (instance, block) in facts.instances() {
        let count = instance.addresses.len();
        if instance.protocol.version != Version::V2 || count <= MOST_V2 {
            continue;
        }
        let message =
            format!("`{}` has {count} addresses in its adverts, more than {MOST_V2}", instance.protocol.name);
        found.push(
            advice(Code::MANY_ADDRESSES, block.place_of("virtual_ipaddress"), message)
                .label("all routers must have them in the same number, and each advert carries them all")
                .help(
                    "leave one in `virtual_ipaddress`, and move the others to `virtual_ipaddress_excluded`",
                ),
        );
    }
}

/// The same address in two instances on one interface.
pub(super) fn shared(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut owners: BTreeMap<(IpAddr, IfName), (&Instance, Block<'_>)> = BTreeMap::new();
    for (instance, block) in facts.instances() {
        for address in all(instance) {
            let key = (address.net.addr(), address.link);
            let &mut (first, first_block) = owners.entry(key).or_insert((instance, block));
            if std::ptr::eq(first, instance) {
                continue;
            }
            let (a, b) = (&first.protocol.name, &instance.protocol.name);
            let message = format!("`{a}` and `{b}` both hold `{}` on `{}`", key.0, key.1);
            let mut d = advice(Code::SHARED_ADDRESS, line(block, key.0), message)
                .label("removed when this instance becomes backup, although the other may be master")
                .help("leave it in one of them, or put both into a sync group and it into one");
            if let Some(span) = line(first_block, key.0) {
                d = d.other(span, format!("also in `{a}`"));
            }
            found.push(d);
        }
    }
}

/// An address in no subnet of its interface.
pub(super) fn foreign(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let virtual_ones: std::collections::BTreeSet<IpAddr> = facts.model.virtual_addresses().collect();
    let mut subnets: BTreeMap<IfName, Vec<IpNet>> = BTreeMap::new();
    for (instance, block) in facts.instances() {
        for address in all(instance) {
            let there = subnets.entry(address.link).or_insert_with(|| {
                let all = facts.source.addresses(address.link.as_str()).into_iter();
                // Those that a running daemon has set prove nothing.
                all.filter(|net| !virtual_ones.contains(&net.addr())).collect()
            });
            let (ip, family) = (address.net.addr(), address.net.family());
            let global = |net: &&IpNet| match net.addr() {
                IpAddr::V6(address) => !address.is_unicast_link_local(),
                IpAddr::V4(_) => true,
            };
            let of_family = there.iter().filter(|net| net.family() == family).filter(global);
            let of_family: Vec<String> = of_family.map(ToString::to_string).collect();
            if of_family.is_empty() || there.iter().any(|net| net.contains(&ip)) {
                continue;
            }
            let message = format!("`{ip}` is in no subnet of `{}`", address.link);
            found.push(
                advice(Code::FOREIGN_ADDRESS, line(block, ip), message)
                    .label(format!("the interface has {}", of_family.join(", ")))
                    .help(
                        "correct the address or its `dev`; if it is meant, routers must know that it is here",
                    ),
            );
        }
    }
}

fn all(instance: &Instance) -> impl Iterator<Item = &Address> {
    instance.addresses.iter().chain(&instance.excluded)
}

/// The line with the address, or the head of its block.
fn line(block: Block<'_>, address: IpAddr) -> Option<Span> {
    let is = |text: &str| text.split('/').next().and_then(|ip| ip.parse().ok()) == Some(address);
    block.value(LISTS, is).or_else(|| block.head())
}
