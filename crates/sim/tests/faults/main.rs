//! Faults seen in the field, each as a scenario in the virtual world.
//!
//! The numbers are those of the project's list of faults. What is not here: broken files (F-01, F-02) never
//! reach an engine, and are tested in `crates/config` and, with a daemon, in the lab (`uml_daemon`); steps of
//! the wall clock (F-06, F-07) mean nothing to cores that have none; the log's limits (F-14) are tested in
//! `crates/daemon`; spoofed netlink (F-22), refused sends (F-29), sysctls (F-32) and features that a kernel
//! lacks (F-33) need a real kernel and are tested in `crates/linux` and in the lab. Hostile packets (F-13) have
//! a suite of their own.

mod elections;
mod kernels;
mod reloads;
mod stage;
