//! vipd: virtual IP addresses that stay up.

fn main() {}
