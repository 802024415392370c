//! How packets to virtual addresses that nobody may reach are dropped: nftables or iptables.

use base::Name;

/// The firewall keywords of `global_defs`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct Firewall {
    /// `vrrp_iptables`.
    pub iptables: Option<Iptables>,
    /// `vrrp_ipsets`; the names that iptables rules use, `None` for none.
    pub ipsets: Option<IpSets>,
    /// `namespace_with_ipsets`.
    pub ipsets_in_namespace: bool,
    /// `nftables`: the name of the table, if written. An instance that needs a firewall gets the table
    /// `keepalived` without it.
    pub nftables: Option<Name>,
    /// `nftables_priority` of the chains; -1 by default.
    pub priority: i32,
    /// `nftables_ifindex`: sets hold numbers of interfaces instead of names.
    pub by_index: bool,
    /// `nftables_counters`.
    pub counters: bool,
}

/// The chains that rules go to; they exist already. `None` leaves one direction alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Iptables {
    /// The chain for arriving packets; INPUT by default.
    pub input: Name,
    /// The chain for leaving packets; OUTPUT by default.
    pub output: Option<Name>,
}

/// Names of sets, all different, each at most 31 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "their purpose is in their names")]
pub struct IpSets {
    pub v4: Name,
    pub v6: Name,
    pub v6_with_link: Name,
    pub igmp: Name,
    pub mld: Name,
    pub neighbours: Name,
}
