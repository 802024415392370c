//! VRRP instances, sync groups and trackers as plain state machines.
