//! What changing each field costs. Every field of every object has a line here: a pattern without
//! `..` makes a new field a compile error until somebody decides.

use vrrp::config as core;

use crate::firewall::Firewall;
use crate::global::{AutoPriority, Dumps, Reload, Scheduling, VmacNames};
use crate::instance::Held;
use crate::observers::{Dbus, Snmp};
use crate::tracker::{TrackFile, TrackProcess, Tracker, TrackerSource};
use crate::{BfdSession, Garp, Global, Instance, Mail, Notify, Script, SyncGroup};

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

pub(super) use compare;

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
        => held: self::held;
    })
}

/// What nothing acts on yet costs nothing yet; what it will cost is said all the same.
fn held(old: &Held, new: &Held) -> Vec<Change> {
    compare!(old, new, Held {
        virtual_link: Restart, "use_vmac";
        rules: Hot, "virtual_rules";
        drops_packets: Hot, "accept";
        hmac: Hot, "auth_hmac";
        tracks: Hot, "track_process";
        vrf: Restart, "vrf";
        unicast_checksum: Nothing, "old_unicast_checksum";
        late_backup: Nothing, "timer_expired_backup";
        garp_extra: Hot, "garp_extra_if";
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
        (TrackerSource::Process(a), TrackerSource::Process(b)) => process(a, b),
        (TrackerSource::Bfd(a), TrackerSource::Bfd(b)) if a == b => Vec::new(),
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

pub(super) fn file(old: &TrackFile, new: &TrackFile) -> Vec<Change> {
    compare!(old, new, TrackFile {
        name: Nothing, "track_file";
        path: Restart, "file";
        init: Nothing, "init_file";
        overwrite: Nothing, "init_file";
    })
}

fn process(old: &TrackProcess, new: &TrackProcess) -> Vec<Change> {
    compare!(old, new, TrackProcess {
        name: Nothing, "vrrp_track_process";
        command: Restart, "process";
        parameters: Restart, "process";
        matching: Restart, "param_match";
        full_command: Restart, "full_command";
        quorum: Hot, "quorum";
        quorum_max: Hot, "quorum_max";
        up_delay: Nothing, "fork_delay";
        down_delay: Nothing, "terminate_delay";
    })
}

/// A session keeps its sockets and its state; new intervals are agreed on by a poll sequence.
pub(super) fn bfd(old: &BfdSession, new: &BfdSession) -> Vec<Change> {
    compare!(old, new, BfdSession {
        name: Nothing, "bfd_instance";
        neighbor: Restart, "neighbor_ip";
        source: Restart, "source_ip";
        min_rx: Hot, "min_rx";
        min_tx: Hot, "min_tx";
        idle_tx: Hot, "idle_tx";
        multiplier: Hot, "multiplier";
        passive: Nothing, "passive";
        hop_limit: Restart, "ttl";
        max_hops: Nothing, "max_hops";
        multihop: Restart, "multihop";
        for_vrrp: Hot, "vrrp";
        for_checkers: Hot, "checker";
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
        resync: Hot, "resync";
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
        interfaces_may_change: Hot, "dynamic_interfaces";
        bfd_process_name: Nothing, "bfd_process_name";
        script_security: Nothing, "enable_script_security";
        use_symlink_paths: Nothing, "use_symlink_paths";
        supplementary_groups: Nothing, "set_supplementary_groups";
        disable_local_igmp: Refused, "disable_local_igmp";
        process_monitor_buffer: Hot, "process_monitor_rcv_bufs";
        process_monitor_force: Hot, "process_monitor_rcv_bufs_force";
        config_save_dir: Nothing, "config_save_dir";
        tmp_config_directory: Refused, "tmp_config_directory";
        => dumps: self::dumps;
        => bfd_process: self::bfd_process;
        => auto_priority: self::auto_priority;
        => vmac_names: self::vmac_names;
        => reload: self::reload;
        => firewall: self::firewall;
        => snmp: self::snmp;
        => dbus: self::dbus;
    })
}

fn dumps(old: &Dumps, new: &Dumps) -> Vec<Change> {
    compare!(old, new, Dumps {
        state: Nothing, "state_dump_file";
        stats: Nothing, "stats_dump_file";
        json: Nothing, "json_dump_file";
        use_instance: Nothing, "data_use_instance";
        json_version: Nothing, "json_version";
    })
}

fn bfd_process(old: &Scheduling, new: &Scheduling) -> Vec<Change> {
    compare!(old, new, Scheduling {
        nice: Hot, "bfd_priority";
        realtime: Hot, "bfd_rt_priority";
        no_swap: Hot, "bfd_no_swap";
        cpus: Hot, "bfd_cpu_affinity";
        rlimit_rttime: Hot, "bfd_rlimit_rttime";
    })
}

fn auto_priority(old: &AutoPriority, new: &AutoPriority) -> Vec<Change> {
    compare!(old, new, AutoPriority {
        most: Hot, "max_auto_priority";
        late: Hot, "min_auto_priority_delay";
    })
}

fn vmac_names(old: &VmacNames, new: &VmacNames) -> Vec<Change> {
    compare!(old, new, VmacNames {
        instances: Nothing, "vmac_prefix";
        addresses: Nothing, "vmac_addr_prefix";
    })
}

fn reload(old: &Reload, new: &Reload) -> Vec<Change> {
    compare!(old, new, Reload {
        file: Nothing, "reload_file";
        time_file: Hot, "reload_time_file";
        repeat: Nothing, "reload_repeat";
    })
}

fn firewall(old: &Firewall, new: &Firewall) -> Vec<Change> {
    compare!(old, new, Firewall {
        iptables: Hot, "vrrp_iptables";
        ipsets: Hot, "vrrp_ipsets";
        ipsets_in_namespace: Hot, "namespace_with_ipsets";
        nftables: Refused, "nftables";
        priority: Hot, "nftables_priority";
        by_index: Hot, "nftables_ifindex";
        counters: Hot, "nftables_counters";
    })
}

fn snmp(old: &Snmp, new: &Snmp) -> Vec<Change> {
    compare!(old, new, Snmp {
        socket: Hot, "snmp_socket";
        traps: Hot, "enable_traps";
        vrrp: Hot, "enable_snmp_vrrp";
        rfc_v2: Hot, "enable_snmp_rfcv2";
        rfc_v3: Hot, "enable_snmp_rfcv3";
        checkers: Hot, "enable_snmp_checker";
        virtual_server_age: Nothing, "snmp_vs_stats_update_interval";
        real_server_age: Nothing, "snmp_rs_stats_update_interval";
    })
}

fn dbus(old: &Dbus, new: &Dbus) -> Vec<Change> {
    compare!(old, new, Dbus {
        enabled: Hot, "enable_dbus";
        service: Hot, "dbus_service_name";
        no_interface: Hot, "dbus_no_interface_name";
    })
}

pub(super) fn mail(old: &Mail, new: &Mail) -> Vec<Change> {
    compare!(old, new, Mail {
        server: Nothing, "smtp_server";
        recipients: Nothing, "notification_email";
        from: Nothing, "notification_email_from";
        helo_name: Nothing, "smtp_helo_name";
        timeout: Nothing, "smtp_connect_timeout";
        alert_vrrp: Nothing, "smtp_alert_vrrp";
        about_faults: Nothing, "no_email_faults";
        only_whole_servers: Nothing, "no_checker_emails";
        tls: Nothing, "smtp_tls";
        login: Nothing, "smtp_auth";
    })
}
