//! Models drawn at random, with every field of every type.
//!
//! Each struct is made by a literal with all of its fields, and each enum by a list that must be complete: a new
//! field or variant fails to compile until it is drawn here.
//!
//! What is drawn at a place depends on a seed and on the place only. Two Models of one seed differ where one of
//! them [has other numbers](Dice::with_changes), and are the same everywhere else: a few changes leave most objects
//! as they are, which two seeds would not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use base::{Duration, Family, IfName, IpNet, Name, Priority, Secret, Vrid, Weight};
use smallvec::SmallVec;
use vrrp::config as core;

use crate::address::{Address, AddressFlags};
use crate::encap::{Encap, IpTunnel};
use crate::firewall::{Firewall, IpSets, Iptables};
use crate::global::{AutoPriority, AutoPriorityLimit, Dumps, Fifo, Global, Reload, Scheduling, VmacNames};
use crate::hmac::{AntiReplay, AuthHmac, HmacKey, HmacMode};
use crate::instance::{Garp, GarpExtra, Held, Instance, Notify, SyncGroup, UnicastChecksum};
use crate::link::{GarpGroup, LinkBeat, LinkDelay, LinkPolling, TrackGroup};
use crate::lvs::*;
use crate::mail::{Mail, MailLogin, MailServer, MailTls};
use crate::observers::{Dbus, Snmp};
use crate::route::{
    Congestion, HeldRoute, Hop, Route, RouteKind, RouteMetric, RouteMetricKind, RouteOperation,
};
use crate::rule::{Mark, Rule, RuleAction, Span};
use crate::script::{Command, Script, User};
use crate::tracker::{ParameterMatch, TrackFile, TrackProcess, Tracker, TrackerSource};
use crate::virtual_link::{Ipvlan, IpvlanMode, VirtualLink, Vmac};
use crate::{BfdId, BfdSession, GroupId, InstanceId, Model, TrackerId};

/// The most things of a kind.
const MOST: u64 = 3;

/// What decides the numbers at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    place: u64,
    changes: Option<Changes>,
    counts: Counts,
    /// Ids count from the end of their list.
    turned: bool,
}

/// At one place in `rarity` another number stands; which ones `seed` decides.
#[derive(Clone, Copy, Debug)]
struct Changes {
    seed: u64,
    rarity: u64,
}

/// How many things there are that ids can point to: at least one of each.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    instances: u64,
    groups: u64,
    trackers: u64,
    bfd: u64,
    address_groups: u64,
    files: u64,
    check_bfds: u64,
}

/// One number of two (`splitmix64`).
fn mix(a: u64, b: u64) -> u64 {
    let mut n = a.wrapping_add(b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { place: mix(seed, 0), changes: None, counts: Counts::default(), turned: false }
    }

    /// The same numbers but for one in `rarity`.
    pub(super) fn with_changes(self, seed: u64, rarity: u64) -> Self {
        Self { changes: Some(Changes { seed, rarity }), ..self }
    }

    /// The dice of a place within this one.
    fn within(self, place: u64) -> Self {
        Self { place: mix(self.place, place), ..self }
    }

    /// A number below `n`.
    fn below(self, n: u64) -> u64 {
        let changed = self.changes.and_then(|Changes { seed, rarity }| {
            let other = mix(self.place, seed);
            mix(other, 0).is_multiple_of(rarity).then_some(other)
        });
        mix(changed.unwrap_or(self.place), 1) % n
    }

    fn draw<T: Drawn>(self) -> T {
        T::drawn(self)
    }

    /// So many, each of another number; which ones, and in which order, is drawn.
    fn list<T: Drawn>(self, count: u64) -> Vec<T> {
        let mut free: Vec<u64> = (0..=MOST).collect();
        let pick = |n: u64| {
            let last = u64::try_from(free.len() - 1).unwrap();
            // Mostly in order, so that a list and its change have a beginning in common.
            let jumps = self.within(n).below(3) == 0;
            let at = if jumps { self.within(10 + n).below(last + 1) } else { 0 };
            free.remove(usize::try_from(at).unwrap())
        };
        let numbers: Vec<u64> = (0..count).map(pick).collect();
        numbers.into_iter().map(|n| self.within(100 + n).draw()).collect()
    }

    /// A place in a list of so many.
    fn index(self, count: u64) -> usize {
        usize::try_from(self.below(count)).unwrap()
    }

    /// An id of a list of so many.
    fn id(self, count: u64) -> usize {
        let id = self.index(count);
        if self.turned { usize::try_from(count).unwrap() - 1 - id } else { id }
    }
}

/// A Model in which every id points somewhere. One in eight is empty.
pub(super) fn model(dice: Dice) -> Model {
    if dice.within(0).below(8) == 0 {
        return Model::default();
    }
    let count = |place| 1 + dice.within(place).below(MOST);
    let counts = Counts {
        instances: count(1),
        groups: count(2),
        trackers: count(3),
        bfd: count(4),
        address_groups: count(5),
        files: count(6),
        check_bfds: count(7),
    };
    let dice = Dice { counts, ..dice };
    let mut model: Model = dice.within(8).draw();
    model.instances = dice.within(9).list(counts.instances);
    model.groups = dice.within(10).list(counts.groups);
    model.trackers = dice.within(11).list(counts.trackers);
    model.bfd = dice.within(12).list(counts.bfd);
    model.lvs.groups = dice.within(13).list(counts.address_groups);
    model.lvs.files = dice.within(14).list(counts.files);
    model.lvs.bfds = dice.within(15).list(counts.check_bfds);
    model
}

/// A Model in which no two things have the same identity, and another one that means the same, with each list that
/// ids refer to turned around.
pub(super) fn turned(dice: Dice) -> (Model, Model) {
    let apart = |dice| {
        let mut model = model(dice);
        let name = |n: usize| -> Box<str> { n.to_string().into() };
        for (n, instance) in model.instances.iter_mut().enumerate() {
            instance.protocol.vrid = Vrid::new(1 + u8::try_from(n).unwrap()).unwrap();
        }
        for (n, group) in model.groups.iter_mut().enumerate() {
            group.protocol.name = name(n).into();
        }
        for (n, tracker) in model.trackers.iter_mut().enumerate() {
            tracker.name = name(n).into();
        }
        for (n, session) in model.bfd.iter_mut().enumerate() {
            session.name = name(n).into();
        }
        for (n, group) in model.lvs.groups.iter_mut().enumerate() {
            group.name = name(n).into();
        }
        for (n, file) in model.lvs.files.iter_mut().enumerate() {
            file.path = name(n);
        }
        for (n, session) in model.lvs.bfds.iter_mut().enumerate() {
            *session = name(n).into();
        }
        let mut seen = Vec::new();
        model.lvs.services.retain(|service| {
            let new = !seen.contains(&service.service.destination);
            seen.push(service.service.destination);
            new
        });
        model
    };
    let one = apart(dice);
    let mut two = apart(Dice { turned: true, ..dice });
    two.instances.reverse();
    two.groups.reverse();
    two.trackers.reverse();
    two.bfd.reverse();
    two.lvs.groups.reverse();
    two.lvs.files.reverse();
    two.lvs.bfds.reverse();
    two.lvs.services.reverse();
    (one, two)
}

/// What can be drawn. Few values of each kind, so that two are often the same.
trait Drawn {
    fn drawn(dice: Dice) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Drawn for $number {
            fn drawn(dice: Dice) -> Self {
                <$number>::try_from(dice.below(3)).unwrap()
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, i8, i32);

/// Those that have a number of a list that the Model holds.
macro_rules! ids {
    ($($id:ident: $count:ident;)*) => {$(
        impl Drawn for $id {
            fn drawn(dice: Dice) -> Self {
                $id::from_index(dice.id(dice.counts.$count))
            }
        }
    )*};
}
ids! {
    InstanceId: instances;
    GroupId: groups;
    TrackerId: trackers;
    BfdId: bfd;
    AddressGroupId: address_groups;
    CheckFileId: files;
    CheckBfdId: check_bfds;
}

impl Drawn for bool {
    fn drawn(dice: Dice) -> Self {
        dice.below(2) == 1
    }
}

impl<T: Drawn> Drawn for Option<T> {
    fn drawn(dice: Dice) -> Self {
        dice.draw::<bool>().then(|| dice.within(0).draw())
    }
}

impl<T: Drawn> Drawn for Box<T> {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw())
    }
}

impl<T: Drawn> Drawn for Vec<T> {
    fn drawn(dice: Dice) -> Self {
        dice.within(0).list(dice.below(MOST + 1))
    }
}

impl<T: Drawn> Drawn for Box<[T]> {
    fn drawn(dice: Dice) -> Self {
        dice.draw::<Vec<T>>().into()
    }
}

impl<T: Drawn, const N: usize> Drawn for SmallVec<[T; N]>
where
    [T; N]: smallvec::Array<Item = T>,
{
    fn drawn(dice: Dice) -> Self {
        dice.draw::<Vec<T>>().into()
    }
}

impl<T: Drawn> Drawn for Arc<T> {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw())
    }
}

impl<T: Drawn, const N: usize> Drawn for [T; N] {
    fn drawn(dice: Dice) -> Self {
        std::array::from_fn(|n| dice.within(u64::try_from(n).unwrap()).draw())
    }
}

impl<A: Drawn, B: Drawn> Drawn for (A, B) {
    fn drawn(dice: Dice) -> Self {
        (dice.within(0).draw(), dice.within(1).draw())
    }
}

fn word(dice: Dice) -> &'static str {
    ["a", "b", "c"][dice.index(3)]
}

impl Drawn for Box<str> {
    fn drawn(dice: Dice) -> Self {
        word(dice).into()
    }
}

impl Drawn for Name {
    fn drawn(dice: Dice) -> Self {
        Arc::from(word(dice))
    }
}

impl Drawn for IfName {
    fn drawn(dice: Dice) -> Self {
        Self::new(word(dice)).unwrap()
    }
}

impl Drawn for Duration {
    fn drawn(dice: Dice) -> Self {
        Self::from_millis(500 * dice.below(3))
    }
}

impl Drawn for Ipv4Addr {
    fn drawn(dice: Dice) -> Self {
        Self::new(192, 0, 2, dice.draw())
    }
}

impl Drawn for IpAddr {
    fn drawn(dice: Dice) -> Self {
        match dice.draw() {
            Family::V4 => Self::V4(dice.within(0).draw()),
            Family::V6 => Self::V6(Ipv6Addr::from_bits(dice.within(0).below(3).into())),
        }
    }
}

impl Drawn for IpNet {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw(), 30 + dice.within(1).draw::<u8>()).unwrap()
    }
}

impl Drawn for SocketAddr {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw(), dice.within(1).draw())
    }
}

impl Drawn for Secret<Vec<u8>> {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw())
    }
}

impl Drawn for Secret<[u8; 8]> {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw())
    }
}

impl Drawn for Vrid {
    fn drawn(dice: Dice) -> Self {
        Self::new(1 + dice.draw::<u8>()).unwrap()
    }
}

impl Drawn for Priority {
    fn drawn(dice: Dice) -> Self {
        Self(100 + dice.draw::<u8>())
    }
}

impl Drawn for Weight {
    fn drawn(dice: Dice) -> Self {
        Self::new(dice.draw::<u8>().into()).unwrap()
    }
}

impl Drawn for StatusCodes {
    fn drawn(dice: Dice) -> Self {
        let mut all = Self::success();
        all.insert(300, 300 + dice.draw::<u16>());
        all
    }
}

impl Drawn for RegexOptions {
    fn drawn(dice: Dice) -> Self {
        let mut all = Self::default();
        all.insert(Self::NAMES[dice.index(3)]);
        all
    }
}

/// Structs with all of their fields.
macro_rules! structs {
    ($($type:path { $($field:ident),* $(,)? })*) => {$(
        impl Drawn for $type {
            fn drawn(dice: Dice) -> Self {
                let mut place = 0;
                let mut next = || {
                    place += 1;
                    dice.within(place)
                };
                Self { $($field: next().draw(),)* }
            }
        }
    )*};
}

/// Enums with all of their variants, and of each the fields; those without a name by their number.
macro_rules! enums {
    ($($type:path { $($variant:ident { $($field:tt),* }),* $(,)? })*) => {$(
        impl Drawn for $type {
            fn drawn(dice: Dice) -> Self {
                // Never called: with a variant that the list lacks, it doesn't compile.
                let _ = |value: &Self| match value {
                    $(Self::$variant { .. } => {})*
                };
                let all: &[fn(Dice) -> Self] = &[$(|_dice: Dice| {
                    #[allow(unused_mut, unused_variables, unused_assignments)]
                    let mut place = 0;
                    Self::$variant { $($field: {
                        place += 1;
                        _dice.within(place).draw()
                    },)* }
                }),*];
                all[dice.index(u64::try_from(all.len()).unwrap())](dice)
            }
        }
    )*};
}

structs! {
    Model {
        global, instances, groups, trackers, static_addresses, static_routes, lvs, mail, static_rules, bfd,
        track_groups, garp_groups, link_delays, link_polling, poll_all_links,
    }
    Global {
        router_id, instance, net_namespace, use_pid_dir, child_wait, process_name, vrrp_process_name,
        startup_delay, delay_after_boot, dynamic_interfaces, default_interface, log_unknown_vrids,
        garp_interval, gna_interval, resync, receive_buffer, netlink_monitor_buffer, netlink_command_buffer,
        vrrp_process, umask, notify_fifo, vrrp_notify_fifo, fifo_write_states_on_reload, startup_script,
        shutdown_script, reload_check_config, dumps, interfaces_may_change, bfd_process_name, bfd_process,
        auto_priority, script_security, use_symlink_paths, supplementary_groups, disable_local_igmp, vmac_names,
        process_monitor_buffer, process_monitor_force, reload, config_save_dir, tmp_config_directory, firewall,
        snmp, dbus,
    }
    AutoPriority { most, late }
    VmacNames { instances, addresses }
    Reload { file, time_file, repeat }
    Scheduling { nice, realtime, no_swap, cpus, rlimit_rttime }
    Fifo { path, owner, script }
    Dumps { state, stats, json, use_instance, json_version }
    Firewall { iptables, ipsets, ipsets_in_namespace, nftables, priority, by_index, counters }
    Iptables { input, output }
    IpSets { v4, v6, v6_with_link, igmp, mld, neighbours }
    Snmp { socket, traps, vrrp, rfc_v2, rfc_v3, checkers, virtual_server_age, real_server_age }
    Dbus { enabled, service, no_interface }
    Command { text, path, argv, user }
    User { uid, gid }
    Script { name, command, interval, timeout, rise, fall, init_fail }

    Instance {
        protocol, link, source, track_source, track_link, addresses, excluded, routes, garp, lease,
        promote_secondaries, receive_buffer, notify, held,
    }
    Held {
        virtual_link, rules, drops_packets, hmac, tracks, vrf, unicast_checksum, late_backup, garp_extra,
    }
    GarpExtra { period, all }
    Garp { repeat, delay, refresh, refresh_repeat, lower_prio_repeat, lower_prio_delay }
    Notify {
        master, backup, fault, stop, deleted, tell_deleted, any, master_rx_lower_pri, priority_changes,
        smtp_alert,
    }
    SyncGroup { protocol, notify }
    AuthHmac { keys, active, window, replay, mode }
    HmacKey { id, secret }
    Vmac { name, address, notify_again, group, send_below }
    Ipvlan { name, address, mode, group }
    core::Instance {
        name, vrid, family, version, priority, wants_master, advert_interval, down_timer_adverts, preempt, peers,
        hop_limit, auth, checksum, addresses, skip_check_adv_addr, lower_prio_no_advert,
        higher_prio_send_advert, owner_ignore_adverts, tracks, group,
    }
    core::Peer { address, min_ttl, max_ttl }
    core::Group { name, members, tracking_weight }
    core::Track { tracker, weight, reverse }

    Tracker { name, source }
    TrackFile { name, path, init, overwrite }
    TrackProcess {
        name, command, parameters, matching, full_command, quorum, quorum_max, up_delay, down_delay,
    }
    BfdSession {
        name, neighbor, source, min_rx, min_tx, idle_tx, multiplier, passive, hop_limit, max_hops, multihop,
        for_vrrp, for_checkers,
    }
    LinkDelay { link, down, up }
    LinkPolling { link, way }
    GarpGroup { links, garp_interval, gna_interval }
    TrackGroup { name, members, links }

    Address {
        net, link, peer, broadcast, label, scope, flags, preferred_lft, no_track, on_vmac,
    }
    AddressFlags { nodad, home, mngtmpaddr, noprefixroute, autojoin }
    Route {
        family, destination, kind, table, metric, protocol, scope, source, from, tos, hops, metrics, preference,
        expires, operation, no_track, held,
    }
    HeldRoute { realms, congestion, ttl_propagate, vrf }
    Congestion { name, locked }
    Hop { gateway, link, weight, onlink, encap, realms }
    IpTunnel { v6, id, destination, source, tos, hop_limit, flags }
    RouteMetric { kind, value, locked }
    Rule {
        family, priority, invert, from, to, input, output, tos, mark, tunnel, users, ip_protocol, source_ports,
        destination_ports, action, protocol, no_track,
    }
    Mark { value, mask }
    Span<u16> { first, last }
    Span<u32> { first, last }

    Mail {
        server, recipients, from, helo_name, timeout, alert_vrrp, about_faults, only_whole_servers, tls, login,
    }
    MailLogin { user, password }

    Lvs { settings, groups, services, files, bfds }
    Settings {
        namespace, process_name, process, timeouts, flush, flush_on_stop, sync_daemon, nftables,
        netlink_command_buffer, netlink_monitor_buffer, notify_fifo, notify_initial, no_shared_checks, panic_guard,
        tls,
    }
    Timeouts { tcp, tcp_fin, udp }
    SyncDaemon { link, role, id, max_len, port, ttl, group }
    Nftables { table, priority, first_mark }
    Tls { password, authorities, certificate, key }
    AddressGroup { name, entries }
    AddressRange { first, last }
    VirtualServer { service, servers }
    Service {
        destination, family, scheduler, flags, one_packet, persistence, quorum, quorum_up, quorum_down, sorry,
        omega, ha_suspend, smtp_alert, panic_threshold, snmp_name,
    }
    SchedulerFlags { one, two, three }
    Persistence { timeout, granularity, engine }
    Quorum { weight, hysteresis }
    RealServer {
        address, port, weight, forwarding, upper_threshold, lower_threshold, inhibit, smtp_alert, notify_up,
        notify_down, snmp_name, checkers,
    }
    SorryServer { address, port, forwarding, inhibit }
    Tunnel { kind, checksum }
    Checker { schedule, probe }
    Schedule { delay_loop, retry, delay_before_retry, warmup, alpha, log_all_failures }
    Connect { address, port, timeout, origin }
    Origin { address, port, link, mark }
    SmtpCheck { helo_name }
    DnsCheck { kind, name }
    MiscCheck { command, timeout, dynamic }
    UdpCheck { payload, reply, min_reply, max_reply }
    MaskedByte { value, mask }
    FileCheck { file, weight, reverse }
    Http { urls, version, sni, fast_recovery }
    Url { path, host, own_host, status, digest, regex, tls_compliant }
    Regex { pattern, inverted, options, offsets, stack }
    Offsets { min, max }
}

enums! {
    Family { V4 {}, V6 {} }
    AutoPriorityLimit { Never {}, Silent {}, Kernel {}, At { 0 } }

    VirtualLink { Macvlan { 0 }, Ipvlan { 0 } }
    IpvlanMode { Bridge {}, Private {}, Vepa {} }
    UnicastChecksum { Auto {}, Old {}, Rfc {} }
    AntiReplay { Time {}, Monotonic {} }
    HmacMode { Enforce {}, Permissive {}, ReceiveOnly {} }
    core::Version { V2 {}, V3 {} }
    core::Preempt { Never {}, After { 0 } }
    core::Peers { Multicast { 0 }, Unicast { peers, check_source } }
    core::Auth { None {}, Pass { 0 }, Ah { 0 } }
    core::ChecksumKind { PseudoHeader {}, MessageOnly {}, OldUnicast {} }

    TrackerSource { Interface { 0 }, Script { 0 }, File { 0 }, Process { 0 }, Bfd { 0 } }
    ParameterMatch { Any {}, Exact {}, Partial {}, Initial {} }
    LinkBeat { Mii {}, Ethtool {}, Ioctl {} }

    RouteKind {
        Unicast {}, Local {}, Broadcast {}, Anycast {}, Multicast {}, Blackhole {}, Unreachable {}, Prohibit {},
        Throw {},
    }
    RouteOperation { Prepend {}, Add {}, Append {} }
    RouteMetricKind {
        Mtu {}, Window {}, Rtt {}, RttVar {}, SsThresh {}, Cwnd {}, AdvMss {}, Reordering {}, HopLimit {},
        InitCwnd {}, InitRwnd {}, Features {}, RtoMin {}, QuickAck {}, FastOpenNoCookie {},
    }
    Encap { Ip { 0 }, Mpls { 0 }, Ila { 0 } }
    RuleAction {
        Table { table, realms, suppress_prefix, suppress_group }, Goto { 0 }, Nop {}, L3Master {}, Blackhole {},
        Unreachable {}, Prohibit {},
    }

    MailServer { Address { 0 }, Name { 0, 1 } }
    MailTls { Off {}, Opportunistic {}, StartTls {}, Wrapped {} }

    IpvsNamespace { Same {}, Host {}, Named { 0 } }
    Flush { Each {}, Services {}, All {} }
    SyncRole { Follows { 0 }, Both {} }
    GroupEntry { Addresses { 0, 1 }, Mark { 0, 1 } }
    Destination { Address { address, port, protocol }, Mark { 0 }, Group { group, protocol } }
    Protocol { Tcp {}, Udp {}, Sctp {} }
    Scheduler {
        RoundRobin {}, WeightedRoundRobin {}, LeastConnection {}, WeightedLeastConnection {},
        LocalityLeastConnection {}, SourceHash {}, MaglevHash {}, DestinationHash {}, Failover {}, Overflow {},
        LocalityReplicated {}, ShortestDelay {}, NeverQueue {}, TwoRandom {},
    }
    Forwarding { Nat {}, Direct {}, Tunnel { 0 } }
    TunnelKind { Ipip {}, Gue { 0 }, Gre {} }
    TunnelChecksum { None {}, On {}, Remote {} }
    Probe {
        Tcp { 0 }, Ping { 0 }, Http { 0, 1 }, Ssl { 0, 1 }, Smtp { 0, 1 }, Dns { 0, 1 }, Udp { 0, 1 },
        Misc { 0 }, File { 0 }, Bfd { 0 },
    }
    DnsType { A {}, Ns {}, Cname {}, Soa {}, Mx {}, Txt {}, Aaaa {}, Rrsig {}, Dnskey {} }
    HttpVersion { V1_0 {}, V1_0Close {}, V1_1 {} }
    Sni { Off {}, VirtualHost { 0 }, Name { 0 } }
}
