//! Every keyword that has an effect, and every word of the lines in value blocks, with fitting values;
//! each is combined with the values that no keyword likes.

use base::Rng;

use crate::case::{Case, instance};

/// Where a line stands: the text before and behind it.
struct Place {
    name: &'static str,
    before: &'static str,
    after: &'static str,
    /// Keyword, and values that fit, divided by `|`.
    words: &'static [(&'static str, &'static str)],
}

const VIP: &str = " virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n";

/// A global block needs something that it is for.
const GLOBAL_AFTER: &str = "}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n \
     virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n";

/// What may follow any keyword by mistake.
const NONSENSE: &[&str] = &[
    "",
    "abc",
    "-1",
    "0",
    "1",
    "2",
    "3",
    "254",
    "255",
    "256",
    "1.5",
    "0.004",
    "1.0000005",
    "1x",
    "0x10",
    "010",
    "+1",
    "99999999999",
    "4294967296",
    "1 2",
    "1 2 3 4 5",
    "on",
    "yes",
    "off",
    "True",
    "maybe",
    "192.0.2.7",
    "192.0.2.7/33",
    "300.1.1.1",
    "224.0.0.99",
    "::1",
    "fe80::1",
    "ff02::99",
    "2001:db8::1/129",
    "eth0",
    "eth1",
    "eth9",
    "a_name_of_more_than_fifteen_bytes",
    "\"1\"",
    "\"1",
    "\"\"",
    "{",
    "}",
    "{ }",
    "$NOBODY",
    "${_RANDOM 1 9}",
    "1 # a comment",
    "1 ! a comment",
    "/bin/true",
    "\"/bin/true 1\"",
    "/nowhere/x",
    "root",
    "nobody_such",
];

const PLACES: &[Place] = &[
    Place {
        name: "instance",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n ",
        after: VIP,
        words: &[
            ("state", "MASTER|BACKUP|FAULT|master"),
            ("interface", "eth0|eth1|lo"),
            ("virtual_router_id", "1|255"),
            ("priority", "1|100|255"),
            ("version", "2|3|4"),
            ("advert_int", "1|0.5|255|256|40.95|0.01|0.001"),
            ("preempt", ""),
            ("nopreempt", ""),
            ("preempt_delay", "0|10|1000|1001|3.5"),
            ("mcast_src_ip", "192.0.2.1|fe80::1"),
            ("unicast_src_ip", "192.0.2.1|2001:db8::1"),
            ("mcast_dst_ip", "224.0.0.18|ff02::12"),
            ("unicast_fault_no_peer", ""),
            ("check_unicast_src", ""),
            ("unicast_ttl", "1|64"),
            ("native_ipv6", ""),
            ("track_src_ip", ""),
            ("dont_track_primary", ""),
            ("no_virtual_ipaddress", ""),
            ("promote_secondaries", ""),
            ("v3_checksum_as_v2", "on"),
            ("accept", ""),
            ("skip_check_adv_addr", "on|off"),
            ("strict_mode", "on|off"),
            ("garp_master_delay", "5|0"),
            ("garp_master_repeat", "5|0"),
            ("garp_master_refresh", "60"),
            ("garp_master_refresh_repeat", "2"),
            ("garp_lower_prio_delay", "5"),
            ("garp_lower_prio_repeat", "1"),
            ("down_timer_adverts", "1|100|101"),
            ("lower_prio_no_advert", "on"),
            ("higher_prio_send_advert", "on"),
            ("owner_ignore_adverts", "on"),
            ("kernel_rx_buf_size", "10000"),
            ("notify_backup", "/bin/true|\"/bin/true x\" root|/bin/true root root"),
            ("notify_master", "/bin/true"),
            ("notify_fault", "/bin/true"),
            ("notify_stop", "/bin/true"),
            ("notify_deleted", "|/bin/true"),
            ("notify", "/bin/true"),
            ("notify_master_rx_lower_pri", "/bin/true"),
            ("notify_priority_changes", "on"),
            ("debug", "1|4"),
        ],
    },
    Place {
        name: "unicast",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n unicast_peer {\n  192.0.2.2\n }\n ",
        after: VIP,
        words: &[
            ("unicast_src_ip", "192.0.2.1"),
            ("unicast_ttl", "1|0|255"),
            ("check_unicast_src", ""),
            ("unicast_fault_no_peer", ""),
            ("mcast_src_ip", "192.0.2.1"),
            ("mcast_dst_ip", "224.0.0.18"),
            ("native_ipv6", ""),
            ("strict_mode", "on"),
            ("version", "3"),
        ],
    },
    Place {
        name: "authentication",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n authentication {\n  auth_type PASS\n ",
        after: " }\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[("auth_type", "AH|PASS|NONE"), ("auth_pass", "1234|0123456789|\"a b\"")],
    },
    Place {
        name: "global",
        before: "global_defs {\n ",
        after: GLOBAL_AFTER,
        words: &[
            ("router_id", "LVS_1|\"with blank\""),
            ("process_names", ""),
            ("process_name", "ka"),
            ("vrrp_process_name", "ka_vrrp"),
            ("startup_script", "/bin/true"),
            ("startup_script_timeout", "1|1000|1001"),
            ("shutdown_script", "/bin/true"),
            ("shutdown_script_timeout", "5"),
            ("dynamic_interfaces", "|allow_if_changes"),
            ("default_interface", "eth0"),
            ("vrrp_mcast_group4", "224.0.0.18|224.1.1.1"),
            ("vrrp_mcast_group6", "ff02::12|ff05::12"),
            ("vrrp_garp_master_delay", "5|0"),
            ("vrrp_garp_master_repeat", "5|0"),
            ("vrrp_garp_master_refresh", "60|0"),
            ("vrrp_garp_master_refresh_repeat", "2|0"),
            ("vrrp_garp_lower_prio_delay", "5"),
            ("vrrp_garp_lower_prio_repeat", "1|0"),
            ("vrrp_garp_interval", "0.001|1.5|0.0000001"),
            ("vrrp_gna_interval", "0.001|0.000001"),
            ("vrrp_min_garp", "|on"),
            ("vrrp_lower_prio_no_advert", "|on"),
            ("vrrp_higher_prio_send_advert", "|on"),
            ("vrrp_version", "2|3"),
            ("vrrp_check_unicast_src", ""),
            ("vrrp_skip_check_adv_addr", "|on"),
            ("vrrp_strict", "|on"),
            ("vrrp_priority", "-20|19|-21|20"),
            ("vrrp_no_swap", ""),
            ("vrrp_rt_priority", "1|50|99|100"),
            ("vrrp_cpu_affinity", "0|0 1|99999"),
            ("vrrp_rlimit_rttime", "10000"),
            ("vrrp_rlimit_rtime", "10000"),
            ("notify_fifo", "/run/fifo|/run/fifo root"),
            ("notify_fifo_script", "/bin/true"),
            ("vrrp_notify_fifo", "/run/fifo2"),
            ("vrrp_notify_fifo_script", "/bin/true"),
            ("vrrp_notify_priority_changes", "|on"),
            ("fifo_write_vrrp_states_on_reload", ""),
            ("script_user", "root|root root|nobody|nobody nogroup|0"),
            ("enable_script_security", ""),
            ("vrrp_netlink_cmd_rcv_bufs", "65536"),
            ("vrrp_netlink_cmd_rcv_bufs_force", "on"),
            ("vrrp_netlink_monitor_rcv_bufs", "65536"),
            ("vrrp_netlink_monitor_rcv_bufs_force", "on"),
            ("vrrp_rx_bufs_policy", "MTU|ADVERT|2048|mtu"),
            ("vrrp_rx_bufs_multiplier", "1|5"),
            ("vrrp_startup_delay", "1.5|0|70"),
            ("log_unknown_vrids", ""),
            ("umask", "022|077|S_IRGRP|IRUSR|0x1"),
            ("random_seed", "1"),
            ("reload_check_config", "|/tmp/x"),
            ("data_use_instance", "on"),
            ("json_version", "1|2|3"),
            ("include_check", "|readable|all"),
            ("use_pid_dir", ""),
            ("instance", "one|\"a/b\""),
            ("child_wait_time", "5"),
        ],
    },
    Place {
        name: "group",
        before: "vrrp_sync_group G {\n group {\n  VI_1\n }\n ",
        after: GLOBAL_AFTER,
        words: &[
            ("global_tracking", ""),
            ("sync_group_tracking_weight", ""),
            ("notify_backup", "/bin/true"),
            ("notify_master", "/bin/true"),
            ("notify_fault", "/bin/true"),
            ("notify_stop", "/bin/true"),
            ("notify", "/bin/true"),
            ("notify_priority_changes", "on"),
            ("group", "{\n VI_1\n }"),
        ],
    },
    Place {
        name: "script",
        before: "global_defs {\n enable_script_security\n script_user root\n}\nvrrp_script s {\n script /bin/true\n ",
        after: "}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_script {\n  s\n }\n \
                virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[
            ("script", "/bin/false|\"/bin/sh -c 'exit 0'\""),
            ("interval", "1|0.5|0"),
            ("timeout", "3|0"),
            ("weight", "0|10|-10|253|254|-253|-254|10 reverse"),
            ("rise", "1|3|0"),
            ("fall", "1|3|0"),
            ("user", "root|root root|nobody"),
            ("init_fail", ""),
        ],
    },
    Place {
        name: "file",
        before: "track_file f {\n file /tmp/tracked\n ",
        after: "}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_file {\n  f\n }\n \
                virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[
            ("file", "/tmp/other"),
            ("weight", "1|-254|254|255|1 reverse"),
            ("init_file", "|0|1 overwrite|overwrite"),
        ],
    },
    Place {
        name: "track-script-line",
        before: "global_defs {\n enable_script_security\n script_user root\n}\nvrrp_script s {\n script /bin/true\n}\n\
                 vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_script {\n  ",
        after: " }\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[("s", ""), ("s weight", "1|253|254|-253|-254|1 reverse|1 noreverse"), ("t", "")],
    },
    Place {
        name: "track-interface-line",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_interface {\n  ",
        after: " }\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[("eth1", ""), ("eth1 weight", "1|253|254|-253|-254|1 reverse"), ("eth9", ""), ("eth0", "")],
    },
    Place {
        name: "peer-line",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n unicast_peer {\n  ",
        after: " }\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[
            ("192.0.2.2", "|min_ttl 1|min_ttl 1 max_ttl 5|max_ttl 300|bogus 1"),
            ("192.0.2.2 min_ttl", "1|5"),
            ("192.0.2.2 max_ttl", "1|5"),
            ("2001:db8::2", ""),
        ],
    },
    Place {
        name: "address-line",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  ",
        after: " }\n}\n",
        words: &[
            ("192.0.2.100", ""),
            ("192.0.2.100/24", "dev eth0|label eth0:1|bogus"),
            ("192.0.2.100/24 dev", "eth0|eth1|eth9"),
            ("192.0.2.100/24 brd", "192.0.2.255|+|-"),
            ("192.0.2.100/24 broadcast", "192.0.2.255"),
            ("192.0.2.100/24 label", "eth0:1|foo|eth0:a_very_long_label"),
            ("192.0.2.100/24 scope", "link|global|host|site|nowhere|253|300"),
            ("192.0.2.100/24 peer", "192.0.2.9|192.0.2.9/24|fe80::1"),
            ("192.0.2.100/24 no_track", ""),
            ("192.0.2.100/24 -nodad", ""),
            ("192.0.2.100/24 home", ""),
            ("192.0.2.100/24 preferred_lft", "forever|0|300"),
            ("2001:db8::100/64", "-nodad|home|mngtmpaddr|noprefixroute|dev eth0"),
            ("2001:db8::100", ""),
            ("fe80::100/64", ""),
            ("2001:db8::100/64 preferred_lft", "forever|0|300"),
            ("192.0.2.100/33", ""),
            ("192.0.2.100/0", ""),
            ("0.0.0.0", ""),
            ("224.0.0.1", ""),
            ("127.0.0.1", ""),
            ("::", ""),
            ("::ffff:192.0.2.1", ""),
        ],
    },
    Place {
        name: "excluded-line",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress_excluded {\n  ",
        after: " }\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[("192.0.2.101", ""), ("2001:db8::101/64", ""), ("192.0.2.100/24", "")],
    },
    Place {
        name: "static-address-line",
        before: "static_ipaddress {\n  ",
        after: GLOBAL_AFTER,
        words: &[
            ("192.0.2.50/24", "|dev eth0|dev eth9|dev eth0 scope link"),
            ("192.0.2.50/24 dev", "eth1"),
            ("2001:db8::50/64", "dev eth0"),
        ],
    },
    Place {
        name: "route-line",
        before: "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_routes {\n  ",
        after: " }\n virtual_ipaddress {\n  192.0.2.100/24\n }\n}\n",
        words: &[
            ("203.0.113.0/24", "via 192.0.2.9|dev eth0|via 192.0.2.9 dev eth1 metric 5"),
            ("203.0.113.0/24 via", "192.0.2.9|inet 192.0.2.9|2001:db8::9"),
            ("203.0.113.0/24 gw", "192.0.2.9"),
            ("203.0.113.0/24 dev", "eth0|eth9"),
            ("203.0.113.0/24 dev eth0 metric", "1|100"),
            ("203.0.113.0/24 dev eth0 table", "100|main|default|nowhere"),
            ("203.0.113.0/24 dev eth0 scope", "link|global|nowhere"),
            ("203.0.113.0/24 dev eth0 src", "192.0.2.1|fe80::1"),
            ("203.0.113.0/24 dev eth0 protocol", "static|kernel|18|nowhere"),
            ("203.0.113.0/24 dev eth0 mtu", "1400|lock 1400"),
            ("203.0.113.0/24 dev eth0 tos", "0x10"),
            ("203.0.113.0/24 dev eth0", "onlink|no_track|bogus"),
            ("default", "via 192.0.2.9|dev eth0"),
            ("blackhole", "203.0.113.0/24"),
            ("unreachable 203.0.113.0/24", ""),
            ("to 203.0.113.0/24", "via 192.0.2.9"),
            ("src 192.0.2.1 to 203.0.113.0/24", "dev eth0"),
            ("2001:db8:1::/48", "via 2001:db8::9|dev eth0|via 192.0.2.9"),
            ("203.0.113.0/24 nexthop", "via 192.0.2.9 weight 1 nexthop via 192.0.2.8 weight 2"),
        ],
    },
    Place {
        name: "root",
        before: "",
        after: GLOBAL_AFTER,
        words: &[
            (
                "vrrp_instance",
                "VI_2 {\n interface eth0\n virtual_router_id 52\n virtual_ipaddress {\n 192.0.2.9\n }\n}",
            ),
            ("vrrp_sync_group", "G {\n group {\n VI_1\n }\n}|G {\n}"),
            ("vrrp_script", "s {\n script /bin/true\n}|s {\n}"),
            ("vrrp_track_file", "f {\n file /tmp/x\n}|f {\n}"),
            ("track_file", "f {\n file /tmp/x\n}"),
            ("static_ipaddress", "{\n 192.0.2.50/24 dev eth0\n}|{\n}"),
            ("static_routes", "{\n 203.0.113.0/24 dev eth0\n}"),
            ("global_defs", "{\n}|{ }"),
            ("bogus", "x {\n y\n}|x"),
        ],
    },
];

/// All combinations: the fitting values, then the nonsense.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for place in PLACES {
        for (word, fitting) in place.words {
            for value in fitting.split('|').chain(NONSENSE.iter().copied()) {
                let text = format!("{}{word} {value}\n{}", place.before, place.after);
                cases.push(Case::new(format!("{}: {word} {value}", place.name), text));
            }
        }
    }
    cases
}

/// A random line, with the keyword and the values of any place.
pub(crate) fn line(rng: &mut Rng) -> String {
    let place = pick(rng, PLACES);
    let (word, fitting) = pick(rng, place.words);
    let fitting: Vec<&str> = fitting.split('|').collect();
    let value = if rng.below(2) == 0 { *pick(rng, &fitting) } else { *pick(rng, NONSENSE) };
    format!("{word} {value}\n")
}

/// A random value.
pub(crate) fn value(rng: &mut Rng) -> &'static str {
    pick::<&str>(rng, NONSENSE)
}

/// One of the items, of which there is at least one.
pub(crate) fn pick<'a, T>(rng: &mut Rng, items: &'a [T]) -> &'a T {
    let index = rng.below(items.len() as u64);
    &items[usize::try_from(index).unwrap_or(0)]
}

/// Instances with several of the keywords at once: what one says about another.
pub(crate) fn mixture(rng: &mut Rng, number: usize) -> Case {
    let place = &PLACES[usize::from(rng.below(3) == 0)];
    let mut body = String::new();
    for _ in 0..2 + rng.below(4) {
        let (word, fitting) = pick(rng, place.words);
        let fitting: Vec<&str> = fitting.split('|').collect();
        body += &format!("{word} {}\n", pick(rng, &fitting));
    }
    if place.name == "unicast" {
        body += "unicast_peer {\n 192.0.2.2\n}\n";
    }
    Case::new(format!("mixture {number}"), instance("VI_1", 51, &body))
}
