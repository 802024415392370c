//! `global_defs` and the keywords of the root.

use base::{Duration, IfName, Name};

use crate::firewall::Firewall;
use crate::observers::{Dbus, Snmp};
use crate::script::{Command, User};

/// `resync` by default.
pub const RESYNC: Duration = Duration::from_secs(60);

/// Settings of the daemon as a whole. Defaults of instances are resolved into them and not kept.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct Global {
    /// `router_id`; the host's name by default.
    pub router_id: Name,
    /// `instance`: suffix of pid files, log identifiers and dumps.
    pub instance: Option<Name>,
    /// `net_namespace`.
    pub net_namespace: Option<Name>,
    /// `use_pid_dir`.
    pub use_pid_dir: bool,
    /// `child_wait_time`: how long stopping children are waited for.
    pub child_wait: Duration,
    /// `process_names`, `process_name`, `vrrp_process_name`: names of processes, if set.
    pub process_name: Option<Name>,
    /// `vrrp_process_name`.
    pub vrrp_process_name: Option<Name>,
    /// `vrrp_startup_delay`: no VRRP until that long after the start.
    pub startup_delay: Duration,
    /// `vrrp_delay_after_boot`: no VRRP until that long after boot.
    pub delay_after_boot: Duration,
    /// `dynamic_interfaces`.
    pub dynamic_interfaces: bool,
    /// `default_interface`.
    pub default_interface: Option<IfName>,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `vrrp_garp_interval` and `vrrp_gna_interval`: gaps between announcements on one interface.
    pub garp_interval: Duration,
    /// `vrrp_gna_interval`.
    pub gna_interval: Duration,
    /// `resync`: how often what is known about the kernel is compared with the kernel although no loss was
    /// told; 0 for never.
    pub resync: Duration,
    /// `vrrp_rx_bufs_policy`, resolved to bytes; `None` leaves it to the kernel.
    pub receive_buffer: Option<u32>,
    /// `vrrp_netlink_monitor_rcv_bufs` in bytes.
    pub netlink_monitor_buffer: Option<u32>,
    /// `vrrp_netlink_cmd_rcv_bufs` in bytes.
    pub netlink_command_buffer: Option<u32>,
    /// `vrrp_priority`, `vrrp_rt_priority`, ...
    pub vrrp_process: Scheduling,
    /// `umask`.
    pub umask: Option<u32>,
    /// `notify_fifo` and `notify_fifo_script`.
    pub notify_fifo: Option<Fifo>,
    /// `vrrp_notify_fifo` and `vrrp_notify_fifo_script`.
    pub vrrp_notify_fifo: Option<Fifo>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_write_states_on_reload: bool,
    /// `startup_script` and its timeout.
    pub startup_script: Option<(Command, Duration)>,
    /// `shutdown_script` and its timeout.
    pub shutdown_script: Option<(Command, Duration)>,
    /// `reload_check_config`, with the file for the report.
    pub reload_check_config: Option<Option<Box<str>>>,
    /// `state_dump_file`, `stats_dump_file`, `json_dump_file`.
    pub dumps: Dumps,
    /// `dynamic_interfaces allow_if_changes`: an interface may come back as another kind.
    pub interfaces_may_change: bool,
    /// `bfd_process_name`.
    pub bfd_process_name: Option<Name>,
    /// `bfd_priority`, `bfd_rt_priority`, ...
    pub bfd_process: Scheduling,
    /// `max_auto_priority`, `min_auto_priority_delay`.
    pub auto_priority: AutoPriority,
    /// `enable_script_security`: commands that others could change do not run as root.
    pub script_security: bool,
    /// `use_symlink_paths`: scripts run by their path as written.
    pub use_symlink_paths: bool,
    /// `set_supplementary_groups`: scripts get all groups of their user.
    pub supplementary_groups: bool,
    /// `disable_local_igmp`: no IGMP reports for groups of the link.
    pub disable_local_igmp: bool,
    /// `vmac_prefix`, `vmac_addr_prefix`.
    pub vmac_names: VmacNames,
    /// `process_monitor_rcv_bufs` in bytes.
    pub process_monitor_buffer: Option<u32>,
    /// `process_monitor_rcv_bufs_force`: it may exceed the kernel's limit.
    pub process_monitor_force: bool,
    /// `reload_file`, `reload_time_file`, `reload_repeat`.
    pub reload: Reload,
    /// `config_save_dir`.
    pub config_save_dir: Option<Box<str>>,
    /// `tmp_config_directory`.
    pub tmp_config_directory: Option<Box<str>>,
    /// `nftables`, `vrrp_iptables`, ...
    pub firewall: Firewall,
    /// `enable_snmp_*`, `snmp_*`.
    pub snmp: Snmp,
    /// `enable_dbus`, `dbus_*`.
    pub dbus: Dbus,
}

/// How a process that runs late gets a higher priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AutoPriority {
    /// `max_auto_priority`.
    pub most: AutoPriorityLimit,
    /// `min_auto_priority_delay`: so late, 1 µs to 10 s; 1 s by default.
    pub late: Duration,
}

/// `max_auto_priority`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AutoPriorityLimit {
    /// Nobody wrote it (or 0): never, and a late process says so.
    #[default]
    Never,
    /// -1: never, and nobody says so.
    Silent,
    /// As high as the kernel allows.
    Kernel,
    /// So high, 1 to 99.
    At(u8),
}

/// What generated names of macvlan interfaces start with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmacNames {
    /// `vmac_prefix`; vrrp by default.
    pub instances: Name,
    /// `vmac_addr_prefix`; as `vmac_prefix` by default.
    pub addresses: Name,
}

/// Files around reloads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reload {
    /// `reload_file`: it exists while a configuration is read; beside the pid file if it has no path.
    pub file: Option<Option<Box<str>>>,
    /// `reload_time_file`: it holds the time of the next reload.
    pub time_file: Option<Box<str>>,
    /// `reload_repeat`: a time of day stays there and counts each day.
    pub repeat: bool,
}

/// How a process is scheduled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scheduling {
    /// `*_priority`: nice value.
    pub nice: Option<i8>,
    /// `*_rt_priority`: `SCHED_RR` priority.
    pub realtime: Option<u8>,
    /// `*_no_swap`: lock the memory.
    pub no_swap: bool,
    /// `*_cpu_affinity`.
    pub cpus: Vec<u16>,
    /// `*_rlimit_rttime` in microseconds.
    pub rlimit_rttime: Option<u32>,
}

/// A FIFO that receives events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fifo {
    /// Its path.
    pub path: Box<str>,
    /// Its owner, if the daemon creates it.
    pub owner: Option<User>,
    /// The script that reads it.
    pub script: Option<Command>,
}

/// Where dumps go, if set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dumps {
    /// `state_dump_file`.
    pub state: Option<Box<str>>,
    /// `stats_dump_file`.
    pub stats: Option<Box<str>>,
    /// `json_dump_file`.
    pub json: Option<Box<str>>,
    /// `data_use_instance`.
    pub use_instance: bool,
    /// `json_version`: 1 or 2.
    pub json_version: u8,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            router_id: Name::from(""),
            instance: None,
            net_namespace: None,
            use_pid_dir: false,
            child_wait: Duration::from_secs(5),
            process_name: None,
            vrrp_process_name: None,
            startup_delay: Duration::ZERO,
            delay_after_boot: Duration::ZERO,
            dynamic_interfaces: false,
            default_interface: None,
            log_unknown_vrids: false,
            garp_interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
            resync: RESYNC,
            receive_buffer: None,
            netlink_monitor_buffer: None,
            netlink_command_buffer: None,
            vrrp_process: Scheduling::default(),
            umask: None,
            notify_fifo: None,
            vrrp_notify_fifo: None,
            fifo_write_states_on_reload: false,
            startup_script: None,
            shutdown_script: None,
            reload_check_config: None,
            dumps: Dumps::default(),
            interfaces_may_change: false,
            bfd_process_name: None,
            bfd_process: Scheduling::default(),
            auto_priority: AutoPriority { most: AutoPriorityLimit::default(), late: Duration::from_secs(1) },
            script_security: false,
            use_symlink_paths: false,
            supplementary_groups: false,
            disable_local_igmp: false,
            vmac_names: VmacNames { instances: Name::from("vrrp"), addresses: Name::from("vrrp") },
            process_monitor_buffer: None,
            process_monitor_force: false,
            reload: Reload::default(),
            config_save_dir: None,
            tmp_config_directory: None,
            firewall: Firewall { priority: -1, ..Firewall::default() },
            snmp: Snmp::default(),
            dbus: Dbus::default(),
        }
    }
}
