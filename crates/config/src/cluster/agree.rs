//! What all members of a virtual router must have alike.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::Instance;
use vrrp::config::{Auth, ChecksumKind, Peers, Preempt, Version};

use super::Finding;
use super::matching::{Router, addresses};
use crate::diag::Code;

/// Something that must be alike.
struct Property {
    code: Code,
    /// The keyword that says it.
    keyword: &'static str,
    /// What differs, for the message.
    what: &'static str,
    /// What follows.
    so: &'static str,
    help: &'static str,
    same: fn(&Instance, &Instance) -> bool,
    /// What an instance has; a secret is not shown.
    shown: fn(&Instance) -> String,
}

const PROPERTIES: &[Property] = &[
    Property {
        code: Code::CLUSTER_VERSION,
        keyword: "version",
        what: "the version of the protocol",
        so: "they refuse each other's adverts, and all become master",
        help: "write the same `version` in all files, or the same `vrrp_version` in `global_defs`",
        same: |a, b| a.protocol.version == b.protocol.version,
        shown: |i| format!("version {}", i.protocol.version.number()),
    },
    Property {
        code: Code::CLUSTER_TRANSPORT,
        keyword: "unicast_peer",
        what: "where they send their adverts",
        so: "they do not hear each other, and all become master",
        help: "use unicast on all nodes or on none, and the same multicast group",
        same: |a, b| match (&a.protocol.peers, &b.protocol.peers) {
            (Peers::Multicast(a), Peers::Multicast(b)) => a == b,
            (Peers::Unicast { .. }, Peers::Unicast { .. }) => true,
            _ => false,
        },
        shown: |i| match &i.protocol.peers {
            Peers::Multicast(group) => format!("multicast to {group}"),
            Peers::Unicast { .. } => "unicast".to_owned(),
        },
    },
    Property {
        code: Code::CLUSTER_AUTH,
        keyword: "authentication",
        what: "authentication",
        so: "they refuse each other's adverts, and all become master",
        help: "write the same `auth_type` and the same `auth_pass` in all files (8 bytes count)",
        same: |a, b| a.protocol.auth == b.protocol.auth,
        shown: |i| {
            let kind = match i.protocol.auth {
                Auth::None => "no authentication",
                Auth::Pass(_) => "a password",
                Auth::Ah(_) => "AH with a password",
            };
            kind.to_owned()
        },
    },
    Property {
        code: Code::CLUSTER_INTERVAL,
        keyword: "advert_int",
        what: "the interval of adverts",
        so: "version 2 refuses adverts of another interval, and all become master",
        help: "write the same `advert_int` in all files",
        same: |a, b| {
            let old = |i: &Instance| i.protocol.version == Version::V2;
            !(old(a) && old(b)) || a.protocol.advert_interval == b.protocol.advert_interval
        },
        shown: |i| i.protocol.advert_interval.to_string(),
    },
    Property {
        code: Code::CLUSTER_CHECKSUM,
        keyword: "v3_checksum_as_v2",
        what: "the checksum",
        so: "the one without `v3_checksum_as_v2` refuses the adverts of the other",
        help: "write `v3_checksum_as_v2` in all files, or in none",
        same: |a, b| {
            let new =
                |i: &Instance| i.protocol.version == Version::V3 && i.protocol.family == base::Family::V4;
            !(new(a) && new(b)) || a.protocol.checksum == b.protocol.checksum
        },
        shown: |i| match i.protocol.checksum {
            ChecksumKind::MessageOnly => "as version 2".to_owned(),
            ChecksumKind::PseudoHeader | ChecksumKind::OldUnicast => "as the RFC says".to_owned(),
        },
    },
    Property {
        code: Code::CLUSTER_NOPREEMPT,
        keyword: "nopreempt",
        what: "`nopreempt`",
        so: "a node without `nopreempt` takes the addresses back whenever it returns, if its priority is higher",
        help: "write `nopreempt` in all files, or in none",
        same: |a, b| {
            let never = |i: &Instance| i.protocol.preempt == Preempt::Never;
            never(a) == never(b)
        },
        shown: |i| match i.protocol.preempt {
            Preempt::Never => "never preempts".to_owned(),
            Preempt::After(_) => "preempts".to_owned(),
        },
    },
];

pub(super) fn look(router: &Router<'_>, found: &mut Vec<Finding>) {
    let Some(first) = router.members.first() else { return };
    let name = &first.instance.protocol.name;
    for property in PROPERTIES {
        if router.members.iter().all(|member| (property.same)(first.instance, member.instance)) {
            continue;
        }
        let message = format!("the nodes of `{name}` differ in {}: {}", property.what, property.so);
        let mut finding = Finding::new(property.code, message, property.help);
        let of_first = (property.shown)(first.instance);
        for member in &router.members {
            let mut label = (property.shown)(member.instance);
            if label == of_first && !(property.same)(first.instance, member.instance) {
                label.push_str(", but another one");
            }
            finding = finding.mark(member, property.keyword, label);
        }
        found.push(finding);
    }
    same_addresses(router, found);
}

/// An address that only some of them hold is lost at a failover.
fn same_addresses(router: &Router<'_>, found: &mut Vec<Finding>) {
    let sets: Vec<BTreeSet<IpAddr>> =
        router.members.iter().map(|m| addresses(m.instance).collect()).collect();
    let all: BTreeSet<IpAddr> = sets.iter().flatten().copied().collect();
    let Some(first) = router.members.first() else { return };
    if sets.iter().all(|set| set.len() == all.len()) {
        return;
    }
    let name = &first.instance.protocol.name;
    let message = format!("the nodes of `{name}` hold different addresses: some are gone after a failover");
    let help = "list the same addresses in all files";
    let mut finding = Finding::new(Code::CLUSTER_ADDRESSES, message, help);
    for (member, set) in router.members.iter().zip(&sets) {
        let lacks: Vec<String> = all.difference(set).map(ToString::to_string).collect();
        let label = match lacks.as_slice() {
            [] => "all of them".to_owned(),
            [one] => format!("lacks {one}"),
            [one, more @ ..] => format!("lacks {one} and {} more", more.len()),
        };
        finding = finding.mark(member, "virtual_ipaddress", label);
    }
    found.push(finding);
}
