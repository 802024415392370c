//! vipd: virtual IP addresses that stay up.

#![allow(unreachable_pub, reason = "everything of a binary is unreachable; `pub` tells what a module offers")]

mod demo;
mod dump;
mod ipc;
mod log;
mod observe;
mod scripts;

fn main() {}
