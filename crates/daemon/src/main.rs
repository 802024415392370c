//! vipd: virtual IP addresses that stay up.

#![allow(unreachable_pub, reason = "everything of a binary is unreachable; `pub` tells what a module offers")]

mod cli;
mod demo;
mod dump;
mod exit;
mod ipc;
mod log;
mod observe;
mod scripts;
mod supervisor;
mod version;
mod vrrp;

fn main() {}
