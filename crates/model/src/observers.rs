//! Who may watch the daemon from outside: SNMP and D-Bus.

use base::{Duration, Name};

/// The SNMP keywords of `global_defs`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct Snmp {
    /// `snmp_socket`: where the master agent listens; the library's own default if none.
    pub socket: Option<Box<str>>,
    /// `enable_traps`.
    pub traps: bool,
    /// `enable_snmp_vrrp`: the VRRP part of KEEPALIVED-MIB.
    pub vrrp: bool,
    /// `enable_snmp_rfcv2` or `enable_snmp_rfc`: VRRP-MIB (RFC 2787).
    pub rfc_v2: bool,
    /// `enable_snmp_rfcv3` or `enable_snmp_rfc`: VRRPV3-MIB (RFC 6527).
    pub rfc_v3: bool,
    /// `enable_snmp_checker`: the part of KEEPALIVED-MIB about virtual servers.
    pub checkers: bool,
    /// `snmp_vs_stats_update_interval`: how old figures of virtual servers may be, 1 ms to 30 s; 5 s by default.
    pub virtual_server_age: Duration,
    /// `snmp_rs_stats_update_interval`: the same for real servers; as for virtual servers by default.
    pub real_server_age: Duration,
}

impl Default for Snmp {
    fn default() -> Self {
        let age = Duration::from_secs(5);
        Self {
            socket: None,
            traps: false,
            vrrp: false,
            rfc_v2: false,
            rfc_v3: false,
            checkers: false,
            virtual_server_age: age,
            real_server_age: age,
        }
    }
}

/// The D-Bus keywords of `global_defs`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dbus {
    /// `enable_dbus`.
    pub enabled: bool,
    /// `dbus_service_name`; org.keepalived.Vrrp1 by default.
    pub service: Name,
    /// `dbus_no_interface_name`: stands for the interface of instances that have none.
    pub no_interface: Option<Name>,
}

impl Default for Dbus {
    fn default() -> Self {
        Self { enabled: false, service: Name::from("org.keepalived.Vrrp1"), no_interface: None }
    }
}
