//! What changing each field costs. Every field of every object has a line here: a pattern without
//! `..` makes a new field a compile error until somebody decides.

use vrrp::config as core;

use crate::tracker::{TrackFile, Tracker, TrackerSource};
use crate::{Garp, Global, Instance, Notify, Script, SyncGroup};

/// What it costs those that run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cost {
    /// Nothing: only messages, or what happens next time.
    Nothing,
    /// It is changed in place; state and timers go on.
    Hot,
    /// The object starts anew.
    Restart,
    /// It can't be changed while the daemon runs: the reload is refused.
    Refused,
}

/// A field that changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// The keyword that sets it.
    pub keyword: &'static str,
    /// What that costs.
    pub cost: Cost,
}

/// Compares all fields of a type; `field: Cost, "keyword"` each, or `field => function` for a field
/// that is compared by a table of its own.
macro_rules! compare {
    ($old:expr, $new:expr, $type:path {
        $($field:ident: $cost:ident, $keyword:literal;)*
        $(=> $inner:ident: $function:path;)*
    }) => {{
        let (old, $type { $($field,)* $($inner,)* }) = ($old, $new);
        let mut changes: Vec<Change> = Vec::new();
        $(if old.$field != *$field {
            changes.push(Change { keyword: $keyword, cost: Cost::$cost });
        })*
        $(changes.extend($function(&old.$inner, $inner));)*
        changes
    }};
}

pub(super) fn instance(old: &Instance, new: &Instance) -> Vec<Change> {
    compare!(old, new, Instance {
        link: Restart, "interface";
        source: Hot, "mcast_src_ip";
        track_source: Hot, "track_src_ip";
        track_link: Hot, "dont_track_primary";
        addresses: Hot, "virtual_ipaddress";
        excluded: Hot, "virtual_ipaddress_excluded";
        routes: Hot, "virtual_routes";
        lease: Hot, "vip_lease";
        promote_secondaries: Hot, "promote_secondaries";
        receive_buffer: Hot, "kernel_rx_buf_size";
        => protocol: self::protocol;
        => garp: self::garp;
        => notify: self::notify;
    })
}

fn protocol(old: &core::Instance, new: &core::Instance) -> Vec<Change> {
    compare!(old, new, core::Instance {
        name: Nothing, "vrrp_instance";
        vrid: Restart, "virtual_router_id";
        family: Restart, "virtual_ipaddress";
        version: Hot, "version";
        priority: Hot, "priority";
        wants_master: Nothing, "state";
        advert_interval: Hot, "advert_int";
        down_timer_adverts: Hot, "down_timer_adverts";
        preempt: Hot, "nopreempt";
        peers: Hot, "unicast_peer";
        hop_limit: Hot, "unicast_ttl";
        auth: Hot, "authentication";
        checksum: Hot, "v3_checksum_as_v2";
        addresses: Hot, "virtual_ipaddress";
        skip_check_adv_addr: Nothing, "skip_check_adv_addr";
        lower_prio_no_advert: Nothing, "lower_prio_no_advert";
        higher_prio_send_advert: Nothing, "higher_prio_send_advert";
        owner_ignore_adverts: Nothing, "owner_ignore_adverts";
        tracks: Hot, "track_script";
        group: Hot, "vrrp_sync_group";
    })
}

fn garp(old: &Garp, new: &Garp) -> Vec<Change> {
    compare!(old, new, Garp {
        repeat: Nothing, "garp_master_repeat";
        delay: Nothing, "garp_master_delay";
        refresh: Hot, "garp_master_refresh";
        refresh_repeat: Nothing, "garp_master_refresh_repeat";
        lower_prio_repeat: Nothing, "garp_lower_prio_repeat";
        lower_prio_delay: Nothing, "garp_lower_prio_delay";
    })
}

fn notify(old: &Notify, new: &Notify) -> Vec<Change> {
    compare!(old, new, Notify {
        master: Nothing, "notify_master";
        backup: Nothing, "notify_backup";
        fault: Nothing, "notify_fault";
        stop: Nothing, "notify_stop";
        deleted: Nothing, "notify_deleted";
        tell_deleted: Nothing, "notify_deleted";
        any: Nothing, "notify";
        master_rx_lower_pri: Nothing, "notify_master_rx_lower_pri";
        priority_changes: Nothing, "notify_priority_changes";
        smtp_alert: Nothing, "smtp_alert";
    })
}

pub(super) fn group(old: &SyncGroup, new: &SyncGroup) -> Vec<Change> {
    compare!(old, new, SyncGroup {
        => protocol: self::group_protocol;
        => notify: self::notify;
    })
}

fn group_protocol(old: &core::Group, new: &core::Group) -> Vec<Change> {
    compare!(old, new, core::Group {
        name: Nothing, "vrrp_sync_group";
        members: Hot, "group";
        tracking_weight: Hot, "sync_group_tracking_weight";
    })
}

pub(super) fn tracker(old: &Tracker, new: &Tracker) -> Vec<Change> {
    compare!(old, new, Tracker {
        name: Nothing, "vrrp_script";
        => source: self::tracker_source;
    })
}

fn tracker_source(old: &TrackerSource, new: &TrackerSource) -> Vec<Change> {
    match (old, new) {
        (TrackerSource::Interface(a), TrackerSource::Interface(b)) if a == b => Vec::new(),
        (TrackerSource::Script(a), TrackerSource::Script(b)) => script(a, b),
        (TrackerSource::File(a), TrackerSource::File(b)) => file(a, b),
        _ => vec![Change { keyword: "track_interface", cost: Cost::Restart }],
    }
}

fn script(old: &Script, new: &Script) -> Vec<Change> {
    compare!(old, new, Script {
        name: Nothing, "vrrp_script";
        command: Hot, "script";
        interval: Hot, "interval";
        timeout: Nothing, "timeout";
        rise: Hot, "rise";
        fall: Hot, "fall";
        init_fail: Nothing, "init_fail";
    })
}

fn file(old: &TrackFile, new: &TrackFile) -> Vec<Change> {
    compare!(old, new, TrackFile {
        name: Nothing, "track_file";
        path: Restart, "file";
        init: Nothing, "init_file";
        overwrite: Nothing, "init_file";
    })
}

pub(super) fn global(old: &Global, new: &Global) -> Vec<Change> {
    compare!(old, new, Global {
        router_id: Nothing, "router_id";
        instance: Refused, "instance";
        net_namespace: Refused, "net_namespace";
        use_pid_dir: Nothing, "use_pid_dir";
        child_wait: Nothing, "child_wait_time";
        process_name: Nothing, "process_name";
        vrrp_process_name: Nothing, "vrrp_process_name";
        startup_delay: Nothing, "vrrp_startup_delay";
        delay_after_boot: Nothing, "vrrp_delay_after_boot";
        dynamic_interfaces: Hot, "dynamic_interfaces";
        default_interface: Nothing, "default_interface";
        log_unknown_vrids: Hot, "log_unknown_vrids";
        garp_interval: Hot, "vrrp_garp_interval";
        gna_interval: Hot, "vrrp_gna_interval";
        receive_buffer: Hot, "vrrp_rx_bufs_policy";
        netlink_monitor_buffer: Hot, "vrrp_netlink_monitor_rcv_bufs";
        netlink_command_buffer: Hot, "vrrp_netlink_cmd_rcv_bufs";
        vrrp_process: Hot, "vrrp_priority";
        umask: Nothing, "umask";
        notify_fifo: Hot, "notify_fifo";
        vrrp_notify_fifo: Hot, "vrrp_notify_fifo";
        fifo_write_states_on_reload: Nothing, "fifo_write_vrrp_states_on_reload";
        startup_script: Nothing, "startup_script";
        shutdown_script: Nothing, "shutdown_script";
        reload_check_config: Nothing, "reload_check_config";
        dumps: Nothing, "state_dump_file";
    })
}
