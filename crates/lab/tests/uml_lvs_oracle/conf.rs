//! Configurations.

/// The virtual address of most services.
pub(crate) const VIP: &str = "192.0.2.10";

/// `global_defs` with a FIFO for all, mail, and `lines`.
pub(crate) fn global(lines: &str) -> String {
    format!(
        "global_defs {{\n router_id d1\n script_user root\n enable_script_security\n \
         lvs_notify_fifo /run/lvs.fifo\n notify_fifo /run/all.fifo\n \
         notification_email {{\n admin@example.com\n }}\n notification_email_from lvs@example.com\n \
         smtp_server 10.0.0.9 25\n smtp_helo_name lab\n smtp_connect_timeout 5\n{lines}\n}}\n"
    )
}

/// A virtual server by its name in the file, with these lines and real servers.
pub(crate) fn service(name: &str, lines: &str, servers: &[String]) -> String {
    format!(
        "virtual_server {name} {{\n delay_loop 2\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n warmup 0\n \
         quorum_up \"/run/tell quorum-up {name}\"\n quorum_down \"/run/tell quorum-down {name}\"\n{lines}\n{}}}\n",
        servers.concat()
    )
}

/// The service of most stories.
pub(crate) fn tcp(lines: &str, servers: &[String]) -> String {
    service(&format!("{VIP} 80"), lines, servers)
}

/// The whole file: that service with these real servers, each checked by `TCP_CHECK` that fails at once.
pub(crate) fn with(servers: &[u8]) -> String {
    let servers: Vec<String> = servers.iter().map(|n| real(*n, &at_once())).collect();
    global("") + &tcp("", &servers)
}

/// Real server `n` on port 80 with these lines.
pub(crate) fn real(n: u8, lines: &str) -> String {
    real_at(&format!("10.0.0.2{n} 80"), lines)
}

/// A real server at an address and a port.
pub(crate) fn real_at(at: &str, lines: &str) -> String {
    format!(
        " real_server {at} {{\n  notify_up \"/run/tell up {at}\"\n  notify_down \"/run/tell down {at}\"\n  \
         {lines}\n }}\n"
    )
}

/// A check of a kind, with these lines.
pub(crate) fn check(kind: &str, lines: &str) -> String {
    format!("{kind} {{\n connect_timeout 2\n {lines}\n  }}\n")
}

/// `TCP_CHECK` that fails at once.
pub(crate) fn at_once() -> String {
    check("TCP_CHECK", "retry 0")
}

/// A service for each server: what happens at one instant to two servers of one service has no order.
pub(crate) fn each(protocol: &str, servers: &[String]) -> String {
    let of = |(server, port): (&String, u16)| {
        service(&format!("{VIP} {port}"), &format!("protocol {protocol}"), std::slice::from_ref(server))
    };
    servers.iter().zip(101..).map(of).collect()
}

/// `url` with these lines.
pub(crate) fn url(path: &str, lines: &str) -> String {
    format!("url {{\n path {path}\n {lines}\n }}\n")
}
