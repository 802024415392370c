//! The kernel's numbers, from `linux/ip_vs.h`.

/// The family's name.
pub(super) const FAMILY: &str = "IPVS";
/// Its version.
pub(super) const VERSION: u8 = 1;

/// `IPVS_CMD_*`.
pub(super) mod command {
    pub(in crate::ipvs) const NEW_SERVICE: u8 = 1;
    pub(in crate::ipvs) const SET_SERVICE: u8 = 2;
    pub(in crate::ipvs) const DEL_SERVICE: u8 = 3;
    pub(in crate::ipvs) const GET_SERVICE: u8 = 4;
    pub(in crate::ipvs) const NEW_DEST: u8 = 5;
    pub(in crate::ipvs) const SET_DEST: u8 = 6;
    pub(in crate::ipvs) const DEL_DEST: u8 = 7;
    pub(in crate::ipvs) const GET_DEST: u8 = 8;
    pub(in crate::ipvs) const NEW_DAEMON: u8 = 9;
    pub(in crate::ipvs) const DEL_DAEMON: u8 = 10;
    pub(in crate::ipvs) const GET_DAEMON: u8 = 11;
    pub(in crate::ipvs) const SET_CONFIG: u8 = 12;
    pub(in crate::ipvs) const GET_CONFIG: u8 = 13;
    pub(in crate::ipvs) const FLUSH: u8 = 17;
}

/// `IPVS_CMD_ATTR_*`.
pub(super) mod top {
    pub(in crate::ipvs) const SERVICE: u16 = 1;
    pub(in crate::ipvs) const DEST: u16 = 2;
    pub(in crate::ipvs) const DAEMON: u16 = 3;
    pub(in crate::ipvs) const TIMEOUT_TCP: u16 = 4;
    pub(in crate::ipvs) const TIMEOUT_TCP_FIN: u16 = 5;
    pub(in crate::ipvs) const TIMEOUT_UDP: u16 = 6;
}

/// `IPVS_SVC_ATTR_*`.
pub(super) mod service {
    pub(in crate::ipvs) const AF: u16 = 1;
    pub(in crate::ipvs) const PROTOCOL: u16 = 2;
    pub(in crate::ipvs) const ADDR: u16 = 3;
    pub(in crate::ipvs) const PORT: u16 = 4;
    pub(in crate::ipvs) const FWMARK: u16 = 5;
    pub(in crate::ipvs) const SCHED_NAME: u16 = 6;
    pub(in crate::ipvs) const FLAGS: u16 = 7;
    pub(in crate::ipvs) const TIMEOUT: u16 = 8;
    pub(in crate::ipvs) const NETMASK: u16 = 9;
    pub(in crate::ipvs) const STATS: u16 = 10;
    pub(in crate::ipvs) const PE_NAME: u16 = 11;
    pub(in crate::ipvs) const STATS64: u16 = 12;
}

/// `IPVS_DEST_ATTR_*`.
pub(super) mod dest {
    pub(in crate::ipvs) const ADDR: u16 = 1;
    pub(in crate::ipvs) const PORT: u16 = 2;
    pub(in crate::ipvs) const FWD_METHOD: u16 = 3;
    pub(in crate::ipvs) const WEIGHT: u16 = 4;
    pub(in crate::ipvs) const U_THRESH: u16 = 5;
    pub(in crate::ipvs) const L_THRESH: u16 = 6;
    pub(in crate::ipvs) const ACTIVE_CONNS: u16 = 7;
    pub(in crate::ipvs) const INACT_CONNS: u16 = 8;
    pub(in crate::ipvs) const PERSIST_CONNS: u16 = 9;
    pub(in crate::ipvs) const STATS: u16 = 10;
    pub(in crate::ipvs) const ADDR_FAMILY: u16 = 11;
    pub(in crate::ipvs) const STATS64: u16 = 12;
    pub(in crate::ipvs) const TUN_TYPE: u16 = 13;
    pub(in crate::ipvs) const TUN_PORT: u16 = 14;
    pub(in crate::ipvs) const TUN_FLAGS: u16 = 15;
}

/// `IPVS_DAEMON_ATTR_*`.
pub(super) mod daemon {
    pub(in crate::ipvs) const STATE: u16 = 1;
    pub(in crate::ipvs) const MCAST_IFN: u16 = 2;
    pub(in crate::ipvs) const SYNC_ID: u16 = 3;
    pub(in crate::ipvs) const SYNC_MAXLEN: u16 = 4;
    pub(in crate::ipvs) const MCAST_GROUP: u16 = 5;
    pub(in crate::ipvs) const MCAST_GROUP6: u16 = 6;
    pub(in crate::ipvs) const MCAST_PORT: u16 = 7;
    pub(in crate::ipvs) const MCAST_TTL: u16 = 8;
}

/// `IP_VS_SVC_F_*`.
pub(super) mod flag {
    pub(in crate::ipvs) const PERSISTENT: u32 = 0x01;
    pub(in crate::ipvs) const ONE_PACKET: u32 = 0x04;
    pub(in crate::ipvs) const SCHED1: u32 = 0x08;
    pub(in crate::ipvs) const SCHED2: u32 = 0x10;
    pub(in crate::ipvs) const SCHED3: u32 = 0x20;
}

/// `IP_VS_CONN_F_*`: how packets get to a server.
pub(super) mod forward {
    pub(in crate::ipvs) const MASQ: u32 = 0;
    pub(in crate::ipvs) const TUNNEL: u32 = 2;
    pub(in crate::ipvs) const DROUTE: u32 = 3;
    pub(in crate::ipvs) const MASK: u32 = 7;
}

/// `IP_VS_CONN_F_TUNNEL_TYPE_*`.
pub(super) mod tunnel {
    pub(in crate::ipvs) const IPIP: u8 = 0;
    pub(in crate::ipvs) const GUE: u8 = 1;
    pub(in crate::ipvs) const GRE: u8 = 2;
}

/// `IP_VS_TUNNEL_ENCAP_FLAG_*`.
pub(super) mod checksum {
    pub(in crate::ipvs) const NONE: u16 = 0;
    pub(in crate::ipvs) const CSUM: u16 = 1;
    pub(in crate::ipvs) const REMCSUM: u16 = 2;
}

/// `IP_VS_STATE_*`: the halves of the sync daemon.
pub(super) mod state {
    pub(in crate::ipvs) const MASTER: u32 = 1;
    pub(in crate::ipvs) const BACKUP: u32 = 2;
}
