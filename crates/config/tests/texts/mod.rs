//! Random configurations: each keyword of each block with some of its values, in any order.

/// A sequence of numbers that a seed decides.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

/// Lines of which each stands with a chance of one in `rarity`. What stands between `<` and `>` with `|` in it
/// is a choice.
fn some(dice: &mut Dice, rarity: usize, lines: &[&str], out: &mut String) {
    for line in lines {
        if dice.below(rarity) == 0 {
            out.push_str(&chosen(dice, line));
            out.push('\n');
        }
    }
}

fn chosen(dice: &mut Dice, line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        let (choice, after) = after.split_once('>').unwrap();
        let all: Vec<&str> = choice.split('|').collect();
        out.push_str(before);
        out.push_str(dice.one_of(&all));
        rest = after;
    }
    out + rest
}

const ROOT: &[&str] = &[
    "net_namespace <blue|red>",
    "net_namespace_ipvs <|green>",
    "instance <one|two>",
    "use_pid_dir",
    "child_wait_time <0|5|7>",
    "namespace_with_ipsets",
    "linkbeat_use_polling",
    "linkbeat_interfaces {\neth0\neth1 <MII|ETHTOOL|IOCTL>\n}",
    "interface_up_down_delays {\neth0 <0|1.5> <|2>\neth1 3\n}",
    "garp_group {\ngarp_interval <0.1|2>\ngna_interval 0.000001\ninterface eth0\ninterfaces {\neth1 eth2\n}\n}",
    "garp_group {\ngna_interval 1\ninterfaces {\neth3\n}\n}",
];

const GLOBAL: &[&str] = &[
    "router_id <a|\"b c\"|\\#x>",
    "process_names",
    "process_name <first|a_name_that_is_too_long>",
    "vrrp_process_name v",
    "bfd_process_name b",
    "checker_process_name c",
    "lvs_process_name d",
    "startup_script <\"/bin/start it\"|/bin/start> <|nobody|nobody users>",
    "startup_script_timeout <10|20>",
    "shutdown_script /bin/stop",
    "shutdown_script_timeout 5",
    "dynamic_interfaces <|allow_if_changes>",
    "default_interface eth2",
    "v3_checksum_as_v2",
    "vrrp_mcast_group4 224.0.0.<18|19>",
    "vrrp_mcast_group6 ff02::<12|13>",
    "vrrp_garp_master_delay <0|5|9>",
    "vrrp_garp_master_repeat <0|5|9>",
    "vrrp_garp_master_refresh <0|60>",
    "vrrp_garp_master_refresh_repeat 2",
    "vrrp_garp_lower_prio_delay 3",
    "vrrp_garp_lower_prio_repeat <0|4>",
    "vrrp_down_timer_adverts <3|5>",
    "vip_lease <on|off|3>",
    "vrrp_garp_interval 0.5",
    "resync <0|15>",
    "vrrp_gna_interval 0.000001",
    "vrrp_min_garp <on|off>",
    "vrrp_lower_prio_no_advert <|off>",
    "vrrp_higher_prio_send_advert",
    "vrrp_version <2|3>",
    "vrrp_check_unicast_src",
    "vrrp_skip_check_adv_addr",
    "vrrp_strict",
    "vrrp_priority -5",
    "vrrp_no_swap",
    "vrrp_rt_priority 50",
    "vrrp_cpu_affinity 1 2",
    "vrrp_rlimit_rttime <1|10000>",
    "vrrp_rlimit_rtime 20000",
    "notify_fifo /run/fifo <|root|nobody users>",
    "notify_fifo_script \"/bin/read 'it'\" nobody",
    "vrrp_notify_fifo \"/run/a fifo\"",
    "vrrp_notify_fifo_script /bin/read",
    "lvs_notify_fifo /run/lvs nobody",
    "lvs_notify_fifo_script /bin/read",
    "vrrp_notify_priority_changes",
    "fifo_write_vrrp_states_on_reload",
    "script_user <root|nobody|nobody users>",
    "enable_script_security",
    "vrrp_netlink_cmd_rcv_bufs 100000",
    "vrrp_netlink_cmd_rcv_bufs_force",
    "vrrp_netlink_monitor_rcv_bufs 200000",
    "vrrp_netlink_monitor_rcv_bufs_force",
    "vrrp_rx_bufs_policy <MTU|ADVERT|4096>",
    "vrrp_rx_bufs_multiplier 5",
    "vrrp_startup_delay 1.5",
    "vrrp_delay_after_boot 0.001",
    "log_unknown_vrids",
    "vrrp_owner_ignore_adverts <|off>",
    "umask <0|022|IRWXG|IRWXO>",
    "random_seed 5",
    "state_dump_file /tmp/s",
    "stats_dump_file /tmp/t",
    "json_dump_file \"/tmp/a j\"",
    "data_use_instance",
    "json_version <1|2>",
    "include_check read",
    "notification_email_from a@example.org",
    "notification_email {\na@example.org b@example.org\n\"c d\"@example.org\n}",
    "smtp_server <192.0.2.9|2001:db8::9 587|mail.example.org 26>",
    "smtp_helo_name h",
    "smtp_connect_timeout <0|30|31>",
    "smtp_alert <on|off>",
    "smtp_alert_vrrp <on|off>",
    "smtp_alert_checker <on|off>",
    "no_email_faults",
    "smtp_tls starttls",
    "smtp_auth user secret",
    "no_checker_emails",
    "bfd_priority -1",
    "bfd_no_swap",
    "bfd_rt_priority 3",
    "bfd_cpu_affinity 0",
    "bfd_rlimit_rttime 5000",
    "bfd_rlimit_rtime 5000",
    "max_auto_priority <|-1|0|7>",
    "min_auto_priority_delay <1|1000000>",
    "use_symlink_paths",
    "set_supplementary_groups <|off>",
    "process_monitor_rcv_bufs 5",
    "process_monitor_rcv_bufs_force",
    "reload_time_file /run/time",
    "reload_repeat",
    "reload_file <|/run/reload>",
    "config_save_dir /var/save",
    "tmp_config_directory /tmp/x",
    "iproute_usr_dir /x",
    "iproute_etc_dir /y",
    "vrrp_iptables <|IN|IN OUT>",
    "vrrp_ipsets <|ka|ka ka6|a b c d e f>",
    "nftables <|table>",
    "nftables_priority -5",
    "nftables_ifindex",
    "nftables_counters",
    "vrrp_garp_extra_if <|all> 10",
    "vrrp_vmac_garp_intvl 20",
    "vmac_prefix <vrrp|x>",
    "vmac_addr_prefix y",
    "disable_local_igmp",
    "snmp_socket unix:/x",
    "enable_traps",
    "enable_snmp_vrrp",
    "enable_snmp_keepalived",
    "enable_snmp_rfc",
    "enable_snmp_rfcv2",
    "enable_snmp_rfcv3",
    "enable_snmp_checker",
    "snmp_vs_stats_update_interval 3.5",
    "snmp_rs_stats_update_interval 5",
    "enable_dbus",
    "dbus_service_name org.example.V",
    "dbus_no_interface_name none",
    "checker_log_all_failures",
    "lvs_timeouts tcp 5 <|tcpfin 6> <|udp 7>",
    "lvs_flush",
    "lvs_flush_on_stop <|VS>",
    "lvs_flush_onstop",
    "lvs_sync_daemon eth0 <|inst V1> <|id 9> <|maxlen 500> <|port 99> <|ttl 3> <|group 224.0.0.82>",
    "nftables_ipvs <|tbl>",
    "nftables_ipvs_priority 4",
    "nftables_ipvs_start_fwmark 7",
    "checker_priority 1",
    "checker_no_swap",
    "checker_rt_priority 2",
    "checker_cpu_affinity 3",
    "checker_rlimit_rttime 9",
    "checker_rlimit_rtime 9",
    "lvs_netlink_cmd_rcv_bufs 1",
    "lvs_netlink_cmd_rcv_bufs_force",
    "lvs_netlink_monitor_rcv_bufs 2",
    "lvs_netlink_monitor_rcv_bufs_force",
    "rs_init_notifies",
    "no_shared_checks",
    "lvs_panic_guard <2.5|0>",
];

const STATIC_ADDRESSES: &[&str] = &[
    "192.0.2.1/24 <|dev eth0|dev eth1> <|track_group T1|track_group T2>",
    "192.0.2.2 brd + label eth0:x scope <link|host|7> dev eth1 <|track_group T1|track_group T2>",
    "2001:db8::1/64 dev eth2 home mngtmpaddr noprefixroute autojoin preferred_lft 5 <|track_group T2>",
    "2001:db8::2 dev eth0 no_track <|preferred_lft forever> track_group T2",
    "192.0.2.3 peer 192.0.2.4/32 dev eth1",
];

const ROUTES: &[&str] = &[
    "<default|0.0.0.0/0|10.0.0.0/8> via 192.0.2.254 dev eth0 <|onlink> <|metric 5> <|table 100> <|src 192.0.2.7>",
    "blackhole 10.1.0.0/16 <|no_track>",
    "<unreachable|prohibit|throw|local|broadcast|anycast|multicast> 10.2.0.0/16 dev eth1",
    "10.3.0.0/16 dev eth0 tos <0x10|4> protocol <static|18> no_track scope <link|9> mtu lock 1400 rtt 5ms features ecn",
    "10.4.0.0/16 nexthop via 192.0.2.5 dev eth0 weight <1|2> nexthop dev eth1 realms 3 <|encap mpls 5/6>",
    "2001:db8:1::/48 via fe80::1 dev eth0 expires 60 pref <low|high|medium|2> from 2001:db8:2::/48",
    "10.5.0.0/16 via 192.0.2.5 dev eth0 realms <1/2|7> congctl <|lock> cubic ttl-propagate <enabled|disabled>",
    "10.6.0.0/16 dev eth0 <add|append|prepend> vrf eth3 advmss 5 quickack 1 fastopen_no_cookie 1 hoplimit 9 \
     reordering 1 window 2 cwnd 3 ssthresh 4 rto_min 5 initcwnd 6 initrwnd 7 rttvar 8",
    "10.7.0.0/16 encap ip id 5 dst 192.0.2.9 <|src 192.0.2.8> <|tos 4> <|ttl 9> <|flags 3> dev eth0",
    "10.8.0.0/16 dev eth1 encap ip6 dst 2001:db8::9 <|tc 4> <|hoplimit 9>",
    "10.9.0.0/16 dev eth1 encap ila 0:1:a:ffff",
    "10.10.0.0/16 via inet6 fe80::2 dev eth1",
    "default6 via fe80::3 dev eth0",
    "10.11.0.0/16 nexthop via 192.0.2.5",
    "10.12.0.0/16 via 192.0.2.5 or 192.0.2.6",
    "inet6 default dev eth0",
];

const RULES: &[&str] = &[
    "<|not> from 10.0.0.0/8 <|to 192.0.2.0/24> table <100|main> <|priority 100> <|iif eth0> <|oif eth1>",
    "to 2001:db8::/32 lookup 7 priority 5 tos 0x10 fwmark <1|0x10/0xff> suppress_prefixlength 3",
    "fwmark 5 goto 100 priority <1|7>",
    "inet6 x iif eth2 <nop|blackhole|unreachable|prohibit|l3mdev> priority 9",
    "from 10.1.1.1 table 5 realms <1/2|4> suppress_ifgroup 8 priority 10 tunnel-id 123456789012 uidrange 5-7",
    "ipproto <tcp|17> sport 5-6 dport 80-80 type prohibit priority 11 protocol <4|18> no_track",
];

const TRACK: &str = "<eth1|eth2|eth3> <|weight 5|weight -7> <|reverse>";

const INSTANCE: &[&str] = &[
    "state <MASTER|BACKUP>",
    "priority <1|100|254|255>",
    "version <2|3>",
    "advert_int <1|2|3|0.5|10>",
    "preempt",
    "nopreempt",
    "preempt_delay <0|1.5|10>",
    "mcast_src_ip <192.0.2.200|2001:db8::200>",
    "unicast_src_ip <192.0.2.200|2001:db8::200>",
    "mcast_dst_ip <224.0.0.99|ff02::99>",
    "unicast_peer {\n<192.0.2.201|2001:db8::201>\n<192.0.2.202|2001:db8::202> <|min_ttl 254> <|max_ttl 255|max_ttl 3>\n}",
    "unicast_fault_no_peer",
    "check_unicast_src",
    "unicast_ttl <0|64|255>",
    "native_ipv6",
    "track_src_ip",
    "dont_track_primary",
    "track_script {\nS1 <|weight 10|weight -20 reverse>\nS3\n}",
    "track_script {\nS2 <|noreverse>\n}",
    "track_file {\nF1 <|weight 1|weight 3>\nF2 <|noreverse|reverse>\n}",
    "track_process {\nP1\nP2 weight 9\n}",
    "track_bfd {\nB1 <|weight 4>\n}",
    "no_virtual_ipaddress",
    "virtual_ipaddress {\n<192.0.2.10/24|192.0.2.11|2001:db8::10|fe80::10> <|dev eth1|dev eth3> <|no_track> <|use_vmac>\n<192.0.2.12|2001:db8::12/64> <|-nodad> <|preferred_lft 0|preferred_lft 9|preferred_lft forever>\n}",
    "virtual_ipaddress_excluded {\n<192.0.2.13/24|2001:db8::13> <|brd 192.0.2.255> <|label a:b> <|home>\n192.0.2.14 scope nowhere\n}",
    "promote_secondaries",
    "v3_checksum_as_v2 <on|off>",
    "accept",
    "no_accept",
    "skip_check_adv_addr",
    "strict_mode <on|off>",
    "garp_master_delay <0|5|9>",
    "garp_master_repeat <0|5|9>",
    "garp_master_refresh 60",
    "garp_master_refresh_repeat 3",
    "garp_lower_prio_delay <0|7>",
    "garp_lower_prio_repeat <0|7>",
    "down_timer_adverts <2|3|7>",
    "vip_lease <on|off|1|2|40>",
    "lower_prio_no_advert <|off>",
    "higher_prio_send_advert <|off>",
    "owner_ignore_adverts <|off>",
    "kernel_rx_buf_size 5000",
    "authentication {\nauth_type <PASS|AH>\nauth_pass <secret|\"a b\"|a\\#b|1234567\u{e9}>\n}",
    "notify_backup \"/bin/n 'a b' \\\"c\\\" \\\\x\" <|nobody|nobody users>",
    "notify_master \"/bin/n {1} # ! $X\"",
    "notify_fault '/bin/n \"q\"'",
    "notify_stop /bin/n",
    "notify_deleted <|/bin/n|\"/bin/n x\" nobody>",
    "notify \"/bin/n \\ttab\"",
    "notify_master_rx_lower_pri /bin/n",
    "notify_priority_changes <|off>",
    "debug 0",
    "use_vmac <|name v@> <|00:00:5e:00:01:07|02:00:00:00:00:01> <|netlink_notify_msg> <|group 5>",
    "use_vmac_addr",
    "vmac_xmit_base",
    "use_ipvlan <|i@> <|192.0.2.99/24|2001:db8::99> <|bridge|private|vepa> <|group default>",
    "old_unicast_checksum <|never>",
    "vrf eth3",
    "linkbeat_use_polling",
    "smtp_alert <|off>",
    "lvs_sync_daemon_interface eth1",
    "timer_expired_backup <|200>",
    "thread_timer_expired <|200>",
    "garp_extra_if <|all> <0|7>",
    "vmac_garp_intvl 7",
    "auth_hmac {\nkey 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\nkey 9 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nactive_key <1|9>\ntime_window <15|20.5>\nanti_replay <time|monotonic>\nmode <enforce|permissive|receive-only>\n}",
];

const GROUP: &[&str] = &[
    "track_script {\nS1 <|weight 10>\nS3 weight -3\n}",
    "track_file {\nF2 weight 2\n}",
    "track_process {\nP2 <|weight 3>\n}",
    "track_bfd {\nB2 weight 8\n}",
    "notify_backup /bin/g",
    "notify_master /bin/g",
    "notify_fault /bin/g nobody",
    "notify_stop /bin/g",
    "notify /bin/g",
    "global_tracking",
    "sync_group_tracking_weight",
    "notify_priority_changes <|off>",
    "smtp_alert <|off>",
];

const SCRIPT: &[&str] = &[
    "interval <0|1|2.5>",
    "timeout <0|1|7>",
    "weight <0|5|-5> <|reverse>",
    "rise <0|1|3>",
    "fall 2",
    "user <root|nobody|nobody users>",
    "init_fail",
];

const FILE: &[&str] = &["weight <0|1|5> <|reverse>", "init_file <|5> <|overwrite>"];

const PROCESS: &[&str] = &[
    "param_match <|initial|partial>",
    "weight 7 <|reverse>",
    "quorum <1|3>",
    "quorum_max <0|5>",
    "delay 1",
    "terminate_delay 2.5",
    "fork_delay 0.000001",
    "full_command",
];

const BFD: &[&str] = &[
    "source_ip 192.0.2.60",
    "min_rx <10|50.5>",
    "min_tx <10|0.5|60>",
    "idle_tx <1000|2000>",
    "multiplier 3",
    "passive",
    "ttl 200",
    "hoplimit 100",
    "max_hops <-1|0|5|250>",
    "multihop <|off>",
    "weight <0|9> <|reverse>",
];

const SERVICE: &[&str] = &[
    "ip_family inet",
    "inhibit_on_failure",
    "lvs_sched <rr|sh|mh|wlc>",
    "lb_algo <rr|sh>",
    "hashed",
    "ops",
    "flag-1",
    "flag-2",
    "flag-3",
    "sh-fallback",
    "sh-port",
    "mh-fallback",
    "mh-port",
    "lvs_method <NAT|DR|TUN|TUN type gue port 5555 remcsum|TUN type gre csum>",
    "lb_kind <NAT|DR>",
    "persistence_engine sip",
    "persistence_timeout <|50>",
    "persistence_granularity 255.255.<0|255>.0",
    "protocol <TCP|UDP|SCTP>",
    "ha_suspend",
    "panic_threshold <0|30>",
    "smtp_alert <|off>",
    "virtualhost of.service",
    "snmp_name \"a name\"",
    "alpha",
    "omega",
    "quorum_up \"/bin/q up\" <|nobody>",
    "quorum_down /bin/q",
    "quorum <1|2|100>",
    "hysteresis <0|1>",
    "weight <1|5>",
    "delay_loop <60|5|0.5>",
    "delay_before_retry 2",
    "warmup <0|7>",
    "connect_timeout 4",
    "retry 2",
];

const SERVER: &[&str] = &[
    "weight <0|1|7>",
    "lvs_method <NAT|DR|TUN>",
    "uthreshold 100",
    "lthreshold 50",
    "inhibit_on_failure <|off>",
    "notify_up /bin/up nobody",
    "notify_down \"/bin/down 1\"",
    "alpha <|off>",
    "smtp_alert <|off>",
    "virtualhost of.server",
    "snmp_name s",
    "delay_loop 9",
    "delay_before_retry 8",
    "warmup 1.5",
    "connect_timeout 3",
    "retry 4",
];

const CHECK: &[&str] = &[
    "delay_loop <60|7>",
    "delay_before_retry 1.5",
    "warmup 0",
    "retry <0|1|5>",
    "alpha <|off>",
    "log_all_failures <|off>",
];

const CONNECT: &[&str] = &[
    "connect_ip <192.0.2.77|192.0.2.78>",
    "connect_port <80|8080>",
    "bindto 192.0.2.<79|80>",
    "bind_port 99",
    "bind_if eth1",
    "fwmark <0|5>",
    "connect_timeout <5|2.25>",
];

const HTTP: &[&str] = &[
    "nb_get_retry 4",
    "virtualhost of.check",
    "http_protocol <1.0|1.0C|1.1>",
    "enable_sni",
    "sni_name <|sni.example>",
    "fast_recovery",
];

const URL: &[&str] = &[
    "digest 00112233445566778899aabbccddeeff",
    "status_code <200|200-299|100 404 500-599>",
    "virtualhost of.url",
    "regex \"a\\\"b\\\\d+ \\t'x'\"",
    "regex_no_match",
    "regex_options caseless utf",
    "regex_min_offset 5",
    "regex_max_offset 50",
    "regex_stack 1 2",
];

const UDP: &[&str] =
    &["payload <00ff|1 2 3|\"\">", "require_reply <|00xx x1|f>", "min_reply_length 3", "max_reply_length 9"];

fn checker(dice: &mut Dice, out: &mut String) {
    let name = dice.one_of(&[
        "TCP_CHECK",
        "PING_CHECK",
        "UDP_CHECK",
        "DNS_CHECK",
        "SMTP_CHECK",
        "HTTP_GET",
        "SSL_GET",
        "MISC_CHECK",
        "FILE_CHECK",
        "BFD_CHECK",
    ]);
    out.push_str(&format!("{name} {{\n"));
    if !matches!(name, "MISC_CHECK" | "FILE_CHECK" | "BFD_CHECK") {
        some(dice, 3, CONNECT, out);
    }
    if !matches!(name, "FILE_CHECK" | "BFD_CHECK") {
        some(dice, 4, CHECK, out);
    }
    match name {
        "UDP_CHECK" => some(dice, 2, UDP, out),
        "DNS_CHECK" => some(dice, 2, &["type <A|aaaa|SOA>", "name <.|a.example>"], out),
        "SMTP_CHECK" => some(dice, 2, &["helo_name h", "host {\nconnect_port 26\nretry 0\n}"], out),
        "MISC_CHECK" => {
            some(dice, 1, &["misc_path <\"/bin/m a\"|/bin/m> <|nobody>"], out);
            some(dice, 2, &["misc_timeout <0|3>", "misc_dynamic", "user <root|nobody users>"], out);
        }
        "FILE_CHECK" => {
            some(dice, 1, &["track_file <F1|F2|F3>"], out);
            some(dice, 2, &["weight <0|1|9> <|reverse|noreverse>"], out);
        }
        "BFD_CHECK" => {
            some(dice, 1, &["name <B1|B2>"], out);
            some(dice, 2, &["alpha <|off>"], out);
        }
        "HTTP_GET" | "SSL_GET" => {
            some(dice, 3, HTTP, out);
            let tls = name == "SSL_GET";
            if tls {
                some(dice, 3, &["tls_compliant"], out);
            }
            for _ in 0..=dice.below(2) {
                out.push_str("url {\npath /\n");
                some(dice, 3, URL, out);
                if tls {
                    some(dice, 3, &["tls_compliant <|off>"], out);
                }
                out.push_str("}\n");
            }
        }
        _ => {}
    }
    out.push_str("}\n");
}

fn service(dice: &mut Dice, head: &str, out: &mut String) {
    out.push_str(&format!("virtual_server {head} {{\n"));
    some(dice, 3, SERVICE, out);
    some(
        dice,
        3,
        &["sorry_server 192.0.2.90 <|81>\nsorry_server_lvs_method <NAT|DR>\nsorry_server_inhibit"],
        out,
    );
    for n in 0..=dice.below(3) {
        let port = dice.one_of(&["", "80", "8080"]);
        out.push_str(&format!("real_server 192.0.2.{} {port} {{\n", 80 + n));
        some(dice, 4, SERVER, out);
        for _ in 0..dice.below(4) {
            checker(dice, out);
        }
        out.push_str("}\n");
    }
    out.push_str("}\n");
}

/// A configuration that a seed decides. Most of them can be run.
pub(crate) fn text(seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    for _ in 0..8 {
        dice.below(2);
    }
    let mut out = String::new();
    some(dice, 4, ROOT, &mut out);
    // A rare setting of the daemon must not hide what instances say: most texts have few of them.
    let rarity = [2, 6, 20, 60][dice.below(4)];
    out.push_str("global_defs {\n");
    some(dice, rarity, GLOBAL, &mut out);
    out.push_str("}\n");
    for (keyword, names, must, lines) in [
        ("vrrp_script", &["S1", "S2", "S3"][..], "script <\"/bin/s 1\"|'/bin/s \"x y\"'>", SCRIPT),
        (dice.one_of(&["track_file", "vrrp_track_file"]), &["F1", "F2", "F3"], "file \"/run/f <1|2>\"", FILE),
        ("vrrp_track_process", &["P1", "P2"], "process <sshd|\"a b\" -x \"y z\">", PROCESS),
    ] {
        for name in names {
            out.push_str(&format!("{keyword} {name} {{\n"));
            some(dice, 1, &[must], &mut out);
            some(dice, 3, lines, &mut out);
            out.push_str("}\n");
        }
    }
    for (n, name) in ["B1", "B2"].iter().enumerate() {
        let neighbor = dice.one_of(&["neighbor_ip", "neighbour_ip"]);
        let address = if n == 0 { "192.0.2.50" } else { dice.one_of(&["192.0.2.51", "2001:db8::51"]) };
        out.push_str(&format!("bfd_instance {name} {{\n{neighbor} {address}\n"));
        let from = usize::from(address.contains(':'));
        some(dice, 3, &BFD[from..], &mut out);
        some(dice, 6, &["vrrp", "checker"], &mut out);
        out.push_str("}\n");
    }
    for (keyword, lines) in
        [("static_ipaddress", STATIC_ADDRESSES), ("static_routes", ROUTES), ("static_rules", RULES)]
    {
        if dice.below(3) == 0 {
            out.push_str(&format!("{keyword} {{\n"));
            some(dice, 2, lines, &mut out);
            out.push_str("}\n");
        }
    }
    let count = dice.below(5);
    if dice.below(2) == 0 {
        out.push_str("track_group T1 {\ngroup {\nV0 V1\n}\n}\ntrack_group T2 {\ngroup {\nV1\n}\n}\n");
    }
    for n in 0..count {
        let name = if n == 3 { "\"V 3\"".to_owned() } else { format!("V{n}") };
        out.push_str(&format!("vrrp_instance {name} {{\n"));
        if dice.below(12) != 0 {
            out.push_str(&format!("interface eth{}\n", dice.below(3)));
        }
        out.push_str(&format!("virtual_router_id {}\n", n + 1));
        let mut lines = String::new();
        some(dice, 5, INSTANCE, &mut lines);
        if dice.below(6) != 0 {
            lines.push_str("virtual_ipaddress {\n192.0.2.9/24\n}\n");
        }
        out.push_str(&lines.replace('@', &n.to_string()));
        for (keyword, all) in [("virtual_routes", ROUTES), ("virtual_rules", RULES)] {
            if dice.below(5) == 0 {
                out.push_str(&format!("{keyword} {{\n"));
                some(dice, 3, all, &mut out);
                out.push_str("}\n");
            }
        }
        if dice.below(3) == 0 {
            out.push_str(&format!("track_interface {{\n{}\n}}\n", chosen(dice, TRACK)));
        }
        out.push_str("}\n");
    }
    if count > 1 && dice.below(2) == 0 {
        out.push_str("vrrp_sync_group G1 {\ngroup {\nV1\nV0\n}\n");
        some(dice, 3, GROUP, &mut out);
        if dice.below(2) == 0 {
            let lines = [chosen(dice, TRACK), chosen(dice, "eth0 <|weight 9>")];
            out.push_str(&format!("track_interface {{\n{}\n}}\n", lines.join("\n")));
        }
        out.push_str("}\n");
    }
    some(
        dice,
        2,
        &["SSL {\n<password \"s3cret x\"|>\n<ca /ca|>\n<certificate \"/c c\"|>\n<key /k|>\n}"],
        &mut out,
    );
    let group = "virtual_server_group VG {\n192.0.2.30 <|80>\n192.0.2.31-<40|192.0.2.50> 81\n192.0.2.64/26\nfwmark 5 <|inet>\n}";
    some(dice, 2, &[group], &mut out);
    for head in ["192.0.2.20 80", "192.0.2.21", "fwmark 7", "group VG"] {
        if dice.below(3) == 0 {
            service(dice, head, &mut out);
        }
    }
    out
}
