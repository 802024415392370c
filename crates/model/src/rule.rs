//! Policy rules: one line of `virtual_rules` or `static_rules`.

use base::{Family, IfName, IpNet};

/// A rule line, resolved. Numbers are the kernel's (`rtnetlink(7)`, `ip-rule(8)`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rule {
    /// The family.
    pub family: Family,
    /// `priority`; rules of lower numbers come first.
    pub priority: u32,
    /// `not`: packets that do not match.
    pub invert: bool,
    /// `from`; everything if none.
    pub from: Option<IpNet>,
    /// `to`; everything if none.
    pub to: Option<IpNet>,
    /// `iif`.
    pub input: Option<IfName>,
    /// `oif`.
    pub output: Option<IfName>,
    /// `tos`; 0 for any.
    pub tos: u8,
    /// `fwmark N[/MASK]`.
    pub mark: Option<Mark>,
    /// `tunnel-id`.
    pub tunnel: Option<u64>,
    /// `uidrange A-B`, both included.
    pub users: Option<Span<u32>>,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport A-B`, both included.
    pub source_ports: Option<Span<u16>>,
    /// `dport A-B`, both included.
    pub destination_ports: Option<Span<u16>>,
    /// What happens to a packet that matches.
    pub action: RuleAction,
    /// `protocol`; 18 (keepalived) by default.
    pub protocol: u8,
    /// `no_track`: its loss is not repaired.
    pub no_track: bool,
}

/// A firewall mark and the bits of it that count; all of them if no mask was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mark {
    /// The mark.
    pub value: u32,
    /// Its mask.
    pub mask: Option<u32>,
}

/// From one number to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span<T> {
    /// The first.
    pub first: T,
    /// The last, not below the first.
    pub last: T,
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RuleAction {
    /// `table`: look it up there.
    Table {
        /// The table, from 1.
        table: u32,
        /// `realms SRC/DST`: the source's in the upper half. IPv4 only.
        realms: Option<u32>,
        /// `suppress_prefixlength`: pass over routes whose prefix is not longer.
        suppress_prefix: Option<u32>,
        /// `suppress_ifgroup`: pass over routes to interfaces of this group.
        suppress_group: Option<u32>,
    },
    /// `goto`: go on with the rule of this priority, which is above the rule's own.
    Goto(u32),
    /// `nop`.
    Nop,
    /// `l3mdev`: look it up in the table of the interface's master.
    L3Master,
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
}
