//! Load balancing: what is told about a configuration with faults. Exit statuses and log lines are
//! those of `keepalived -t`.

use vipd_config::{Account, Loaded, MapSource, Options, load};

fn load_text(text: &str) -> Loaded {
    let world = MapSource::new().user("keepalived_script", Account { uid: 300, gid: 400 });
    load(&world.file("/k.conf", text), &Options::new("/k.conf"))
}

/// What there is to say besides that it has no effect yet.
fn log(loaded: &Loaded) -> Vec<String> {
    loaded.log_lines().filter(|line| !line.contains("has no effect yet")).collect()
}

const BASICS: &str = "protocol TCP\nlvs_sched rr\nlvs_method NAT\n";
const SERVER: &str = "real_server 198.51.100.1 8080 {\n}\n";

/// A virtual server; `;` ends a line.
fn service(head: &str, lines: &str) -> String {
    format!("virtual_server {head} {{\n{}\n}}\n", lines.replace(';', "\n"))
}

/// Lines of a virtual server, the exit status of `-t`, and the log.
const SERVICES: &[(&str, u8, &[&str])] = &[
    ("quorum 0", 5, &["(Line 5) number '0' outside range [1, 4294967295]"]),
    ("weight 0", 5, &["(Line 5) number '0' outside range [1, 2147483647]"]),
    (
        "quorum 5; hysteresis 2",
        5,
        &[
            "Warning - quorum 5 for [192.0.2.1]:tcp:80 exceeds total weight of real servers 1, reducing quorum to 1",
            "Virtual server [192.0.2.1]:tcp:80: hysteresis 2 >= quorum 1; setting hysteresis to 0",
        ],
    ),
    ("lvs_sched foo", 5, &["(Line 5) Invalid lvs_scheduler 'foo' - ignoring"]),
    ("lb_kind nat", 5, &["(Line 5) PARSER : unknown [nat] routing method for virtual server."]),
    (
        "lb_kind",
        2,
        &[
            "(Line 5) *** Configuration line starting `lb_kind` is missing a parameter after keyword `lb_kind` at word position 2",
        ],
    ),
    ("protocol foo", 5, &["(Line 5) Unknown protocol foo - ignoring"]),
    ("lb_kind TUN type", 5, &["(Line 5) Missing tunnel type for virtual server."]),
    ("lb_kind TUN type gue", 5, &["(Line 5) gue tunnels require port, otherwise cannot have port."]),
    ("lb_kind TUN type gre remcsum", 5, &["(Line 5) gre tunnels do not support remote checksum option."]),
    ("lb_kind TUN type ipip csum", 5, &["(Line 5) ipip tunnels do not support checksum option."]),
    ("lb_kind TUN foo", 5, &["(Line 5) Invalid tunnel option foo for virtual server."]),
    ("sh-port", 5, &["(Line 5) sh-port only applies to sh scheduler - ignoring"]),
    ("ops", 5, &["Virtual server [192.0.2.1]:tcp:80: one packet scheduling requires UDP - resetting"]),
    ("persistence_timeout 0", 5, &["(Line 5) number '0' outside range [1, 2678400]"]),
    ("persistence_granularity x", 5, &["(Line 5) Invalid IPv4 persistence_granularity specified - x"]),
    (
        "persistence_engine averyveryverylongname",
        5,
        &["(Line 5) persistence_name too long, truncating - averyveryverylongname"],
    ),
    ("ip_family inet6", 5, &["(Line 5) Virtual server specified family inet6 conflicts with server family"]),
    ("ip_family foo", 5, &["(Line 5) unknown address family foo"]),
    ("smtp_alert maybe", 5, &["(Line 5) Invalid virtual_server smtp_alert parameter maybe"]),
    ("virtualhost", 5, &["(Line 5) virtual server virtualhost missing"]),
    ("snmp_name a b", 5, &["(Line 5) virtual server snmp_name missing or extra parameters"]),
    ("sorry_server 192.168.0.x 80", 5, &["(Line 5) Invalid sorry server IP address 192.168.0.x - skipping"]),
    (
        "sorry_server_inhibit",
        5,
        &["(Line 5) Ignoring sorry_server inhibit used before or without sorry_server"],
    ),
    ("sorry_server_lvs_method DR", 5, &["(Line 5) sorry_server forwarding used without sorry_server"]),
    (
        "sorry_server 198.51.100.9 81; sorry_server_lvs_method DR",
        5,
        &["WARNING - virtual server [192.0.2.1]:tcp:80 and sorry server ports don't match - resetting"],
    ),
    (
        "sorry_server 198.51.100.1 8080; sorry_server_inhibit",
        5,
        &[
            "Virtual server [192.0.2.1]:tcp:80: real server [198.51.100.1]:tcp:8080 matches sorry server, but inhibit setting differs, clearing on sorry server",
        ],
    ),
    (
        "real_server 198.51.100.1 8080 {; }",
        5,
        &["VS [192.0.2.1]:tcp:80: real server [198.51.100.1]:tcp:8080 is duplicated - removing second rs"],
    ),
    (
        "real_server 2001:db8::1 80 {; }",
        5,
        &[
            "(Line 5) Address family of virtual server and real server 2001:db8::1 don't match - skipping real server.",
        ],
    ),
    (
        "real_server 198.51.100.x 80 {; }",
        5,
        &["(Line 5) Invalid real server ip address/port 198.51.100.x/80 - skipping"],
    ),
    (
        "real_server {; }",
        2,
        &[
            "(Line 5) *** Configuration line starting `real_server` is missing a parameter after keyword `real_server` at word position 2",
        ],
    ),
    (
        "real_server 198.51.100.2 81 {; lvs_method DR; }",
        5,
        &[
            "WARNING - virtual server [192.0.2.1]:tcp:80 and real server [198.51.100.2]:tcp:81 ports don't match - resetting",
        ],
    ),
    // keepalived is content with these.
    ("persistence_timeout 5", 0, &[]),
    ("retry 1; delay_before_retry 0; warmup 0; delay_loop 0.5; connect_timeout 4294", 0, &[]),
    ("lvs_sched mh; mh-port; mh-fallback; hashed", 0, &[]),
    ("lb_kind NAT type ipip", 0, &[]),
    ("sorry_server 198.51.100.9", 0, &[]),
    ("real_server 198.51.100.2 0 {; }", 0, &[]),
];

/// Lines of a real server.
const SERVERS: &[(&str, u8, &[&str])] = &[
    ("weight -1", 5, &["(Line 6) number '-1' outside range [0, 2147483647]"]),
    ("uthreshold x", 5, &["(Line 6) invalid number 'x'"]),
    ("retry 0", 5, &["(Line 6) number '0' outside range [1, 4294967295]"]),
    ("inhibit_on_failure maybe", 5, &["(Line 6) Invalid inhibit_on_failure parameter maybe"]),
    ("snmp_name", 5, &["(Line 6) real server snmp_name missing or extra parameters"]),
    ("lb_kind DR", 5, &["(Line 6) Unknown keyword 'lb_kind'"]),
    (
        "notify_up /a; notify_up /b",
        6,
        &["(Line 7) ((null)) notify_up script already specified - ignoring /b"],
    ),
    ("TCP_CHECK {; connect_ip x; }", 5, &["(Line 7) Invalid connect_ip address x - ignoring"]),
    ("TCP_CHECK {; connect_port 0; }", 5, &["(Line 7) number '0' outside range [1, 65535]"]),
    (
        "TCP_CHECK {; bindto 2001:db8::1; }",
        5,
        &["(Line 7) bindto address 2001:db8::1 does not match address family of connect_ip - skipping"],
    ),
    (
        "TCP_CHECK {; connect_ip fe80::1; }",
        5,
        &["(Line 7) Checker link local address fe80::1 requires a bind_if"],
    ),
    ("TCP_CHECK {; alpha maybe; }", 5, &["(Line 7) Invalid alpha parameter maybe"]),
    ("HTTP_GET {; }", 5, &["(Line 6) HTTP/SSL_GET checker has no urls specified - ignoring"]),
    ("HTTP_GET {; url {; }; }", 5, &["(Line 7) HTTP/SSL_GET checker url has no path - ignoring"]),
    (
        "HTTP_GET {; url {; path /; digest abc; }; }",
        5,
        &["(Line 9) digest 'abc' character length should be 32 rather than 3"],
    ),
    (
        "HTTP_GET {; url {; path /; digest 9b3a0c85a887a256d6939da88aabd8cg; }; }",
        5,
        &["(Line 9) Unable to interpret hex digit in '9b3a0c85a887a256d6939da88aabd8cg' at offset 30/31"],
    ),
    (
        "HTTP_GET {; url {; path /; status_code 200 99; }; }",
        5,
        &["(Line 9) Invalid HTTP_GET status code '99'"],
    ),
    (
        "HTTP_GET {; url {; path /; }; http_protocol 1.2; }",
        5,
        &["(Line 10) Invalid http_protocol version 1.2"],
    ),
    (
        "HTTP_GET {; url {; path /; }; nb_get_retry 2; }",
        5,
        &["(Line 10) nb_get_retry is deprecated - please use 'retry'"],
    ),
    ("HTTP_GET {; url {; path /; }; tls_compliant; }", 5, &["(Line 10) Unknown keyword 'tls_compliant'"]),
    ("DNS_CHECK {; type foo; }", 5, &["(Line 7) Unknown DNS check type foo - ignoring"]),
    ("DNS_CHECK {; name a..b; }", 5, &["(Line 7) DNS_CHECK name 'a..b' has empty label - ignoring"]),
    ("UDP_CHECK {; payload 0g; }", 5, &["(Line 7) Invalid hex string for UDP_CHECK payload"]),
    (
        "UDP_CHECK {; min_reply_length 5; max_reply_length 3; }",
        5,
        &["(Line 6) UDP_CHECK min_reply length 5 > max_reply_length 3 - will always fail"],
    ),
    ("MISC_CHECK {; }", 5, &["(Line 6) No script path has been specified for MISC_CHECKER - skipping"]),
    ("MISC_CHECK {; misc_path /x; user nobody-here; }", 5, &["Script user 'nobody-here' does not exist"]),
    ("SMTP_CHECK {; helo_name; }", 5, &["(Line 7) SMTP_CHECK helo name missing"]),
    ("FILE_CHECK {; }", 5, &["(Line 6) FILE_CHECK has no track_file specified - ignoring"]),
    (
        "BFD_CHECK {; name a b; }",
        5,
        &["(Line 7) BFD_CHECK - No or too many names specified - skipping checker"],
    ),
    ("TCP_CHECK {; retry 0; delay_before_retry 0; }; TCP_CHECK {; }", 0, &[]),
    ("HTTP_GET {; url {; path /; regex \"a(b\"; }; }", 0, &[]),
    ("SSL_GET {; sni_name a; tls_compliant; url {; path /; tls_compliant off; }; }", 0, &[]),
];

#[track_caller]
fn assert_case(text: &str, exit: u8, lines: &[&str]) {
    let loaded = load_text(text);
    let shown = loaded.render(false);
    assert_eq!(loaded.exits.test, exit, "{text}\n{shown}");
    let log = log(&loaded);
    for line in lines {
        assert!(log.iter().any(|known| known == line), "{line}\n{log:#?}\n{shown}");
    }
    if !lines.is_empty() {
        assert!(shown.contains('^') && shown.contains("help: "), "{shown}");
    }
}

#[test]
fn each_rule_of_a_virtual_server_has_keepalived_s_exit_status_and_words() {
    for (lines, exit, log) in SERVICES {
        assert_case(&service("192.0.2.1 80", &format!("{BASICS}{lines}\n{SERVER}")), *exit, log);
    }
}

#[test]
fn each_rule_of_a_real_server_has_keepalived_s_exit_status_and_words() {
    for (lines, exit, log) in SERVERS {
        let text = format!("{BASICS}real_server 198.51.100.1 80 {{\n{lines}\n}}");
        assert_case(&service("192.0.2.1 80", &text), *exit, log);
    }
}

#[test]
fn each_rule_of_heads_and_groups_has_keepalived_s_exit_status_and_words() {
    let with = |head: &str| service(head, &format!("{BASICS}{SERVER}"));
    assert_case(
        &with("192.0.2.x 80"),
        5,
        &["(Line 1) Invalid virtual server IP address/port 192.0.2.x/80 - skipping"],
    );
    assert_case(&with("192.0.2.1 99999"), 5, &["(Line 1) number '99999' outside range [1, 65535]"]);
    assert_case(
        &with("192.0.2.1"),
        5,
        &["Virtual server [192.0.2.1]:tcp:0: zero port only valid for persistent services - setting"],
    );
    assert_case(
        &with("fwmark 5"),
        5,
        &["Warning: Virtual server FWM 5: protocol specified for fwmark - protocol will be ignored"],
    );
    assert_case(&with("group G"), 0, &[]);
    assert_case(
        &service("192.0.2.1 80", BASICS),
        5,
        &["Virtual server [192.0.2.1]:tcp:80 has no real servers - ignoring"],
    );
    let group =
        |line: &str| format!("virtual_server_group G {{\n192.0.2.1 80\n{line}\n}}\n{}", with("group G"));
    for (line, log) in [
        ("192.0.2.1-300 80", "(Line 3) Virtual server group range '192.0.2.1-300' end '300' too large"),
        (
            "192.0.2.10-5",
            "(Line 3) Address range end is not greater than address range start - 192.0.2.10-5 - skipping",
        ),
        (
            "192.0.2.8-192.0.2.1 80",
            "(Line 3) Address range end is less than address range start - 192.0.2.8-192.0.2.1 - skipping",
        ),
        ("192.0.2.1/24 80", "(Line 3) Address mask bits not empty - 192.0.2.1/24 - skipping"),
        (
            "2001:db8::1-1ffff 80",
            "(Line 3) Virtual server group range '2001:db8::1-1ffff' end '1ffff' too large",
        ),
        ("192.0.2.9 70000", "(Line 3) number '70000' outside range [1, 65535]"),
        ("192.0.2.0/33", "(Line 3) Invalid virtual server group IP address 192.0.2.0/33 - skipping"),
    ] {
        assert_case(&group(line), 5, &[log]);
    }
    assert_case(
        &group("fwmark"),
        2,
        &[
            "(Line 3) *** Configuration line starting `fwmark` is missing a parameter after keyword `fwmark` at word position 2",
        ],
    );
    let empty = format!("virtual_server_group G {{\n}}\n{}", with("192.0.2.1 80"));
    assert_case(&empty, 5, &["(Line 1) virtual server group G has no entries - removing"]);
    let twice = format!("{}{}", "virtual_server_group G {\n192.0.2.1 80\n}\n".repeat(2), with("group G"));
    assert_case(&twice, 5, &[]);
}

#[test]
fn each_rule_of_global_settings_has_keepalived_s_exit_status_and_words() {
    for (line, exit, log) in [
        ("lvs_timeouts tcp", 5, "(Line 2) lvs_timeouts requires at least one option"),
        ("lvs_timeouts tcp 5 foo", 5, "(Line 2) Unknown option foo specified for lvs_timeouts"),
        ("lvs_flush_on_stop foo", 5, "(Line 2) Unknown lvs_flush_on_stop type foo"),
        ("lvs_sync_daemon", 5, "(Line 2) lvs_sync_daemon requires interface"),
        ("lvs_sync_daemon lo VI 5", 5, "(Line 2) Please use keyword \"id\" before lvs_sync_daemon SYNCID"),
        (
            "lvs_sync_daemon lo group 10.0.0.1",
            5,
            "(Line 2) lvs_sync_daemon group address 10.0.0.1 is not multicast - ignoring",
        ),
        (
            "lvs_sync_daemon lo inst",
            2,
            "(Line 2) *** Configuration line starting `lvs_sync_daemon` is missing a parameter after keyword `inst` at word position 4",
        ),
        (
            "checker_process_name averyverylongname",
            5,
            "(Line 2) Process name averyverylongname more than 15 characters, truncating",
        ),
        ("notification_email {\n}", 5, "(Line 2) Warning - empty notification_email block"),
        ("smtp_connect_timeout 0", 5, "(Line 2) smtp_conect_timeout must be greater than 0, setting to 1"),
        ("smtp_server 192.0.2.1 0", 5, "(Line 2) number '0' outside range [1, 65535]"),
        ("nftables_ipvs_start_fwmark 0", 5, "(Line 2) number '0' outside range [1, 4294967295]"),
    ] {
        assert_case(&format!("global_defs {{\n{line}\n}}\n"), exit, &[log]);
    }
    for line in
        ["checker_rlimit_rttime 1", "lvs_netlink_cmd_rcv_bufs 0", "lvs_sync_daemon lo VI", "smtp_helo_name"]
    {
        assert_case(&format!("global_defs {{\n{line}\n}}\n"), 0, &[]);
    }
    let ssl = "SSL {\npassword geheim\n}\n";
    assert_case(&ssl.repeat(2), 5, &["(Line 4) SSL context already specified - replacing"]);
    assert_case("SSL {\nca\n}\n", 5, &["(Line 2) SSL cafile missing"]);
    assert!(!load_text(&ssl.repeat(2)).render(false).contains("geheim"));
}

#[test]
fn what_has_no_effect_yet_is_told_once_with_the_number_of_its_uses() {
    let lines = |n| format!("{BASICS}snmp_name vs{n}\n{SERVER}");
    let services: String = (1..=1000).map(|n| service(&format!("192.0.2.1 {n}"), &lines(n))).collect();
    let loaded = load_text(&services);
    let told: Vec<_> = loaded.diagnostics.iter().map(|d| (d.code.name, d.message.as_str())).collect();
    assert_eq!(told, [("not-in-effect-yet", "`snmp_name` is read and checked, but has no effect yet")]);
    assert!(loaded.render(false).contains("here and in 999 more places"));
    assert_eq!(loaded.model.unwrap().lvs.services.len(), 1000);
}
