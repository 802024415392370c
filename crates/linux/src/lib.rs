//! Netlink, packet sockets, namespaces, timers, processes: the only crate with unsafe code.
