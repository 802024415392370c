//! What holds for all services: the kernel's table, the checkers' process, TLS.

use std::net::IpAddr;

use base::{Duration, IfName, Name, Secret};
use vrrp::config::InstanceId;

use crate::global::{Fifo, Scheduling};

/// The load-balancing keywords of `global_defs`, and `SSL`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct Settings {
    /// `net_namespace_ipvs`.
    pub namespace: IpvsNamespace,
    /// `checker_process_name`: at most 15 bytes.
    pub process_name: Option<Name>,
    /// `checker_priority`, `checker_rt_priority`, ...
    pub process: Scheduling,
    /// `lvs_timeouts`.
    pub timeouts: Timeouts,
    /// `lvs_flush`: the whole table is emptied at the start.
    pub flush: bool,
    /// `lvs_flush_on_stop`.
    pub flush_on_stop: Flush,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `nftables_ipvs`: groups become marks, one for each group and protocol.
    pub nftables: Option<Nftables>,
    /// `lvs_netlink_cmd_rcv_bufs` in bytes.
    pub netlink_command_buffer: Option<u32>,
    /// `lvs_netlink_monitor_rcv_bufs` in bytes.
    pub netlink_monitor_buffer: Option<u32>,
    /// `lvs_notify_fifo` and `lvs_notify_fifo_script`.
    pub notify_fifo: Option<Fifo>,
    /// `rs_init_notifies`: servers that are there from the start are told as up.
    pub notify_initial: bool,
    /// `no_shared_checks`: every check of every server runs on its own. Otherwise those that are the same
    /// run once for all.
    pub no_shared_checks: bool,
    /// `lvs_panic_guard`: if all checks that take the same way fail within so long, the way is to blame and
    /// the servers stay. `None` for never.
    pub panic_guard: Option<Duration>,
    /// `SSL`.
    pub tls: Option<Tls>,
}

/// Whose table of virtual servers is used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum IpvsNamespace {
    /// That of the network namespace that everything else runs in.
    #[default]
    Same,
    /// That of the host.
    Host,
    /// That of this network namespace.
    Named(Name),
}

/// `lvs_timeouts`, in whole seconds up to 2678400; `None` leaves the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timeouts {
    /// `tcp`: established connections.
    pub tcp: Option<Duration>,
    /// `tcpfin`: connections that are being closed.
    pub tcp_fin: Option<Duration>,
    /// `udp`.
    pub udp: Option<Duration>,
}

/// `lvs_flush_on_stop`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Flush {
    /// Each server and each service is removed.
    #[default]
    Each,
    /// `VS`: services are removed with all their servers.
    Services,
    /// The whole table is emptied.
    All,
}

/// `lvs_sync_daemon`: connections are told to other directors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncDaemon {
    /// The interface that it speaks on.
    pub link: IfName,
    /// Which of the two halves runs when.
    pub role: SyncRole,
    /// `id`: that of the instance's virtual router by default.
    pub id: u8,
    /// `maxlen`: the largest message in bytes; `None` leaves it to the kernel.
    pub max_len: Option<u16>,
    /// `port`; `None` is the kernel's 8848.
    pub port: Option<u16>,
    /// `ttl`; `None` is the kernel's 1.
    pub ttl: Option<u8>,
    /// `group`; `None` is the kernel's 224.0.0.81.
    pub group: Option<IpAddr>,
}

/// Which half of the daemon runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncRole {
    /// It sends while this instance is master and receives otherwise.
    Follows(InstanceId),
    /// Both, always.
    Both,
}

/// `nftables_ipvs*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nftables {
    /// `nftables_ipvs`: the table's name.
    pub table: Name,
    /// `nftables_ipvs_priority` of the chain.
    pub priority: i32,
    /// `nftables_ipvs_start_fwmark`: the first mark that is given out, at least 1.
    pub first_mark: u32,
}

/// `SSL`: what `SSL_GET` shows of itself. Paths as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tls {
    /// `password` of the key.
    pub password: Option<Secret<Vec<u8>>>,
    /// `ca`: certificates of authorities.
    pub authorities: Option<Box<str>>,
    /// `certificate` of the client.
    pub certificate: Option<Box<str>>,
    /// `key` of the client.
    pub key: Option<Box<str>>,
}
