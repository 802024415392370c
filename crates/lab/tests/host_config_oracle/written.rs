//! Configurations that each ask one question about the language, or about how objects go together.

use crate::case::{Case, instance};

const GOOD: &str = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n";
const PART: &str = "priority 120\n";
const SECURE: &str = "global_defs {\n enable_script_security\n script_user root\n}\n";

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut body = |name: &str, body: &str| cases.push(Case::new(name, instance("VI_1", 51, body)));
    for &(name, text) in BODIES {
        body(name, text);
    }
    for &(name, text) in WHOLE {
        cases.push(Case::new(name, text.replace("GOOD", GOOD).replace("SECURE", SECURE)));
    }
    cases.extend(objects());
    cases.extend(includes());
    cases.extend(bytes());
    cases
}

/// What stands in an instance.
const BODIES: &[(&str, &str)] = &[
    ("plain", ""),
    ("definition unknown", "priority $NOBODY"),
    ("definition in braces unknown", "priority ${NOBODY}"),
    ("owner that does not preempt", "priority 255\n nopreempt"),
    ("MASTER that does not preempt", "state MASTER\n nopreempt"),
    ("MASTER with a delay", "state MASTER\n preempt_delay 10"),
    ("nopreempt with a delay", "nopreempt\n preempt_delay 10"),
    ("owner that is BACKUP", "state BACKUP\n priority 255"),
    ("state twice", "state MASTER\n state BACKUP"),
    ("state twice, other order", "state BACKUP\n state MASTER"),
    ("vrid twice", "virtual_router_id 52"),
    ("interface twice", "interface eth1"),
    ("priority twice", "priority 100\n priority 101"),
    ("version 3 with authentication", "version 3\n authentication {\n auth_type PASS\n auth_pass 1\n }"),
    ("version 3 with AH", "version 3\n authentication {\n auth_type AH\n auth_pass 1\n }"),
    ("authentication without type", "authentication {\n auth_pass 1\n }"),
    ("authentication without password", "authentication {\n auth_type PASS\n }"),
    ("AH without password", "authentication {\n auth_type AH\n }"),
    ("authentication empty", "authentication {\n }"),
    (
        "authentication twice",
        "authentication {\n auth_type PASS\n auth_pass 1\n }\n authentication {\n auth_type AH\n auth_pass 2\n }",
    ),
    ("authentication unknown word", "authentication {\n auth_type PASS\n auth_pass 1\n bogus\n }"),
    ("password too long", "authentication {\n auth_type PASS\n auth_pass 123456789\n }"),
    ("advert_int of half a second in version 2", "version 2\n advert_int 0.5"),
    ("advert_int 1.5 in version 2", "version 2\n advert_int 1.5"),
    ("advert_int 300 in version 2", "version 2\n advert_int 300"),
    ("advert_int 300 in version 3", "version 3\n advert_int 300"),
    ("advert_int 0.015 in version 3", "version 3\n advert_int 0.015"),
    ("advert_int 0.001 in version 3", "version 3\n advert_int 0.001"),
    ("strict", "strict_mode"),
    ("strict with authentication", "strict_mode\n authentication {\n auth_type PASS\n auth_pass 1\n }"),
    ("strict with a delay", "strict_mode\n preempt_delay 5"),
    ("strict MASTER that is no owner", "strict_mode\n state MASTER\n priority 100"),
    ("strict unicast", "strict_mode\n unicast_peer {\n 192.0.2.2\n }"),
    ("strict version 3", "strict_mode\n version 3"),
    ("strict accept", "strict_mode\n accept"),
    ("strict garp_lower", "strict_mode\n garp_lower_prio_repeat 3\n garp_lower_prio_delay 3"),
    ("strict down_timer", "strict_mode\n down_timer_adverts 5"),
    ("strict lower_prio", "strict_mode\n lower_prio_no_advert off"),
    ("strict higher_prio", "strict_mode\n higher_prio_send_advert on"),
    ("unicast", "unicast_peer {\n 192.0.2.2\n }"),
    ("unicast with source", "unicast_src_ip 192.0.2.1\n unicast_peer {\n 192.0.2.2\n }"),
    ("unicast without peers", "unicast_peer {\n }"),
    ("unicast source without peers", "unicast_src_ip 192.0.2.1"),
    ("unicast fault without peers", "unicast_src_ip 192.0.2.1\n unicast_fault_no_peer"),
    ("unicast ttl without peers", "unicast_ttl 5"),
    ("unicast peer twice", "unicast_peer {\n 192.0.2.2\n 192.0.2.2\n }"),
    ("unicast peer bad", "unicast_peer {\n 192.0.2\n }"),
    ("unicast peer is multicast", "unicast_peer {\n 224.0.0.18\n }"),
    ("unicast peer of the other family", "unicast_src_ip 192.0.2.1\n unicast_peer {\n 2001:db8::2\n }"),
    ("unicast peers of both families", "unicast_peer {\n 192.0.2.2\n 2001:db8::2\n }"),
    ("unicast source of the other family", "unicast_src_ip 2001:db8::1\n unicast_peer {\n 192.0.2.2\n }"),
    ("unicast with multicast group", "mcast_dst_ip 224.0.0.99\n unicast_peer {\n 192.0.2.2\n }"),
    ("unicast peers on one line", "unicast_peer {\n 192.0.2.2 192.0.2.3\n }"),
    ("unicast peers in two blocks", "unicast_peer {\n 192.0.2.2\n }\n unicast_peer {\n 192.0.2.3\n }"),
    ("unicast source is not ours", "unicast_src_ip 203.0.113.9\n unicast_peer {\n 192.0.2.2\n }"),
    ("check_unicast_src without peers", "check_unicast_src"),
    ("multicast source of the other family", "mcast_src_ip 2001:db8::1"),
    ("multicast group of the other family", "mcast_dst_ip ff02::12"),
    ("track_src_ip without source", "track_src_ip"),
    ("tracks unknown script", "track_script {\n nobody\n }"),
    ("tracks unknown file", "track_file {\n nobody\n }"),
    ("tracks unknown interface", "track_interface {\n eth9\n }"),
    ("tracks interface twice", "track_interface {\n eth1\n eth1\n }"),
    ("tracks interface twice with weights", "track_interface {\n eth1 weight 1\n eth1 weight 2\n }"),
    ("tracks in two blocks", "track_interface {\n eth1\n }\n track_interface {\n eth0\n }"),
    ("tracks nothing", "track_interface {\n }"),
    ("tracks on one line", "track_interface { eth1 }"),
    ("tracks own interface", "track_interface {\n eth0\n }"),
    ("owner with weights", "priority 255\n track_interface {\n eth1 weight 5\n }"),
    ("tracks unknown process", "track_process {\n nobody\n }"),
    ("tracks unknown bfd", "track_bfd {\n nobody\n }"),
    ("more addresses", "virtual_ipaddress {\n 192.0.2.102/24\n 192.0.2.103/24\n }"),
    ("same address twice", "virtual_ipaddress {\n 192.0.2.102/24\n 192.0.2.102/24\n }"),
    (
        "same address excluded",
        "virtual_ipaddress {\n 192.0.2.102/24\n }\n virtual_ipaddress_excluded {\n 192.0.2.102/24\n }",
    ),
    ("addresses of both families", "virtual_ipaddress {\n 192.0.2.102/24\n 2001:db8::102/64\n }"),
    ("excluded of the other family", "virtual_ipaddress_excluded {\n 2001:db8::102/64\n }"),
    ("addresses on one line", "virtual_ipaddress { 192.0.2.102/24 }"),
    ("address and words on one line", "virtual_ipaddress { 192.0.2.102/24 dev eth1 }"),
    ("block without braces", "virtual_ipaddress\n 192.0.2.102/24"),
    ("brace on the next line", "virtual_ipaddress\n {\n 192.0.2.102/24\n }"),
    ("words before the brace", "virtual_ipaddress foo {\n 192.0.2.102/24\n }"),
    ("brace doubled", "virtual_ipaddress { {\n 192.0.2.102/24\n } }"),
    ("brace in an address block", "virtual_ipaddress {\n {\n 192.0.2.102/24\n }\n }"),
    ("brace behind a value", "priority 100 }"),
    ("open brace behind a value", "priority 100 { }"),
    ("unknown keyword", "bogus 1"),
    ("unknown block", "bogus {\n a b\n }"),
    ("unknown block in a block", "bogus {\n a {\n b\n }\n }"),
    ("unknown block on one line", "bogus { a b }"),
    ("keyword of another block", "router_id x"),
    ("block in a block", "vrrp_instance VI_2 {\n interface eth0\n }"),
    ("global_defs in a block", "global_defs {\n router_id x\n }"),
    ("comment", "# priority\n ! priority\n priority 100 # x\n"),
    ("comment in quotes", "notify \"/bin/echo # x\""),
    ("escaped comment", "notify /bin/echo \\# x"),
    ("quote open", "notify \"/bin/true x"),
    ("quotes empty", "priority \"\""),
    ("quoted number", "priority \"100\""),
    ("single quotes", "priority '100'"),
    ("quoted keyword", "\"priority\" 100"),
    ("word glued to a quote", "priority 10\"0\""),
    ("tabs", "\tpriority\t100\t"),
    ("upper case", "Priority 100"),
    ("script not there", "notify_master /nowhere/x"),
    ("script not executable", "notify_master /etc/passwd"),
    ("script is a directory", "notify_master /tmp"),
    ("script by name", "notify_master true"),
    ("script by unknown name", "notify_master nothing_such"),
    ("script relative", "notify_master ./true"),
    ("script with arguments, unquoted", "notify_master /bin/true one two"),
    ("script twice", "notify_master /bin/true\n notify_master /bin/false"),
    ("script with unknown user", "notify_master /bin/true nobody_such"),
    ("script with unknown group", "notify_master /bin/true root nobody_such"),
    ("script empty", "notify_master \"\""),
    ("quotes in quotes", "notify_master \"/bin/sh -c 'echo \\\"x\\\"'\""),
    ("braces in quotes", "notify_master \"/bin/sh -c '{ echo; }'\""),
    ("braces in a script", "notify_master /bin/sh -c '{ echo; }'"),
    ("dont_track_primary alone", "dont_track_primary"),
    ("native_ipv6 with IPv4", "native_ipv6"),
    ("no_virtual_ipaddress with addresses", "no_virtual_ipaddress"),
    ("accept and no_accept", "accept\n no_accept"),
    ("accept", "accept"),
    ("no_accept", "no_accept"),
    ("use_vmac", "use_vmac"),
    ("old_unicast_checksum", "old_unicast_checksum"),
    ("promote_secondaries", "promote_secondaries"),
    ("garp_extra_if", "garp_extra_if 10"),
    ("lvs_sync_daemon_interface", "lvs_sync_daemon_interface eth0"),
    ("smtp_alert", "smtp_alert"),
    ("linkbeat_use_polling", "linkbeat_use_polling"),
    ("vmac_xmit_base", "vmac_xmit_base"),
    ("virtual_rules", "virtual_rules {\n from 192.0.2.0/24 table 100\n }"),
    ("routes to the same", "virtual_routes {\n 203.0.113.0/24 dev eth0\n 203.0.113.0/24 dev eth0\n }"),
    ("number empty", "preempt_delay \"\""),
    ("buffer of nothing", "kernel_rx_buf_size 0"),
    ("debug of a word", "debug abc"),
    ("address with a peer", "virtual_ipaddress {\n 192.0.2.102/24 peer 192.0.2.9\n }"),
    ("route with an odd word", "virtual_routes {\n 203.0.113.0/24 1\n }"),
    ("route with an address too many", "virtual_routes {\n 203.0.113.0/24 dev eth0 192.0.2.7\n }"),
    ("password empty", "authentication {\n auth_type PASS\n auth_pass \"\"\n }"),
    ("SEQ in a block", "virtual_ipaddress {\n ~SEQ(X, 1, 5) 192.0.2.2$X/24\n }"),
    ("SEQ with braces", "virtual_ipaddress {\n ~SEQ(X, 1, 5) 192.0.2.2${X}/24\n }"),
];

/// Whole files.
const WHOLE: &[(&str, &str)] = &[
    ("empty", ""),
    ("only a comment", "# nothing\n"),
    ("only blanks", " \n\t\n"),
    ("no line end", "GOOD}"),
    ("extra brace", "GOOD}\n"),
    ("two extra braces", "GOOD}\n}\n"),
    ("stray open brace", "{\nGOOD"),
    ("stray open brace closed", "{\n}\nGOOD"),
    ("word alone", "hello\nGOOD"),
    (
        "missing brace",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n",
    ),
    (
        "missing two braces",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n",
    ),
    (
        "missing open brace",
        "vrrp_instance VI_1\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "instance without name",
        "vrrp_instance {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "instance with two names",
        "vrrp_instance A B {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    ("instance empty", "vrrp_instance VI_1 {\n}\n"),
    ("instance without block", "vrrp_instance VI_1\n"),
    (
        "instance without interface",
        "vrrp_instance VI_1 {\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "instance without interface, with default",
        "global_defs {\n default_interface eth0\n}\nvrrp_instance VI_1 {\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "instance without VRID",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "instance with VRID 0",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 0\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    ("instance without addresses", "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n}\n"),
    (
        "version 3 without addresses",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 3\n}\n",
    ),
    (
        "without addresses on purpose",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n no_virtual_ipaddress\n}\n",
    ),
    (
        "version 3 without addresses on purpose",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 3\n no_virtual_ipaddress\n}\n",
    ),
    (
        "strict without addresses",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n strict_mode\n}\n",
    ),
    (
        "only excluded addresses",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress_excluded {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "unknown interface",
        "vrrp_instance VI_1 {\n interface eth9\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "unknown interface that may come",
        "global_defs {\n dynamic_interfaces\n}\nvrrp_instance VI_1 {\n interface eth9\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "unicast without interface, address with device",
        "vrrp_instance VI_1 {\n virtual_router_id 51\n unicast_src_ip 192.0.2.1\n unicast_peer {\n 192.0.2.2\n }\n virtual_ipaddress {\n  192.0.2.101/24 dev eth0\n }\n}\n",
    ),
    (
        "unicast without interface",
        "vrrp_instance VI_1 {\n virtual_router_id 51\n unicast_src_ip 192.0.2.1\n unicast_peer {\n 192.0.2.2\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "unicast without interface and source",
        "vrrp_instance VI_1 {\n virtual_router_id 51\n unicast_peer {\n 192.0.2.2\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "unicast on an unknown interface",
        "vrrp_instance VI_1 {\n interface eth9\n virtual_router_id 51\n unicast_src_ip 192.0.2.1\n unicast_peer {\n 192.0.2.2\n }\n virtual_ipaddress {\n  192.0.2.101/24 dev eth0\n }\n}\n",
    ),
    (
        "IPv6",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  fe80::51/64\n  2001:db8::51/64\n }\n}\n",
    ),
    (
        "IPv6 without link-local",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  2001:db8::51/64\n }\n}\n",
    ),
    (
        "IPv6 strict without link-local",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n strict_mode\n virtual_ipaddress {\n  2001:db8::51/64\n }\n}\n",
    ),
    (
        "IPv6 version 2",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 2\n virtual_ipaddress {\n  fe80::51/64\n }\n}\n",
    ),
    (
        "IPv6 version 2 strict",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 2\n strict_mode\n virtual_ipaddress {\n  fe80::51/64\n }\n}\n",
    ),
    (
        "IPv6 with password",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n authentication {\n auth_type PASS\n auth_pass 1\n }\n virtual_ipaddress {\n  fe80::51/64\n }\n}\n",
    ),
    (
        "IPv6 then IPv4",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  fe80::51/64\n  192.0.2.101\n }\n}\n",
    ),
    (
        "IPv6 native",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n native_ipv6\n virtual_ipaddress {\n  fe80::51/64\n }\n}\n",
    ),
    (
        "IPv6 unicast",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n unicast_src_ip 2001:db8::1\n unicast_peer {\n 2001:db8::2\n }\n virtual_ipaddress {\n  2001:db8::51/64\n }\n}\n",
    ),
    (
        "IPv6 peers, IPv4 addresses",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n unicast_src_ip 2001:db8::1\n unicast_peer {\n 2001:db8::2\n }\n virtual_ipaddress {\n  192.0.2.101\n }\n}\n",
    ),
    ("two blocks of global_defs", "global_defs {\n router_id a\n}\nglobal_defs {\n router_id b\n}\nGOOD"),
    ("global_defs without block", "global_defs\nGOOD"),
    ("global_defs with words", "global_defs foo {\n}\nGOOD"),
    ("global_defs on one line", "global_defs { router_id a }\nGOOD"),
    ("instance on one line", "vrrp_instance VI_1 { interface eth0 }\n"),
    (
        "instance and more on one line",
        "vrrp_instance VI_1 { interface eth0\nvirtual_router_id 51\nvirtual_ipaddress { 192.0.2.101/24 } }\n",
    ),
    (
        "definition",
        "$P=120\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority $P\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition in braces",
        "$P=5\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id ${P}1\n priority 1${P}0\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition glued",
        "$P=12\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority $P0\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition empty",
        "$P=\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority $P\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    ("definition twice", "$P=1\n$P=2\nGOOD"),
    ("definition with blanks", "$P = 1\nGOOD"),
    ("definition with a digit first", "$1P=1\nGOOD"),
    (
        "definition of itself",
        "$P=$P\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority $P\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition of another",
        "$A=12\n$P=${A}0\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority $P\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition late",
        "$P=$A\n$A=120\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority $P\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition of lines",
        "$B= \\\n interface eth0 \\\n virtual_router_id 51 \\\n priority 120\nvrrp_instance VI_1 {\n $B\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition of lines in braces",
        "$B= \\\n interface eth0 \\\n virtual_router_id 51\nvrrp_instance VI_1 {\n ${B}\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "definition of lines at the end of a line",
        "$B= \\\n interface eth0 \\\n virtual_router_id 51 \\\n }\nvrrp_instance VI_1 { $B\n",
    ),
    ("definition of lines without end", "GOOD$B= \\\n interface eth0 \\\n"),
    (
        "definition of a block",
        "$B=vrrp_instance VI_1 { \\\n interface eth0 \\\n virtual_router_id 51 \\\n virtual_ipaddress { \\\n 192.0.2.9 \\\n } \\\n}\n$B\n",
    ),
    ("predefined", "global_defs {\n router_id ${_INSTANCE}\n}\nGOOD"),
    ("predefined unknown", "global_defs {\n router_id ${_BOGUS}\n}\nGOOD"),
    ("predefined directory", "global_defs {\n router_id ${_PWD}\n}\nGOOD"),
    ("predefined random", "global_defs {\n router_id ${_RANDOM}\n}\nGOOD"),
    ("predefined random, reversed", "global_defs {\n router_id ${_RANDOM 9 1}\n}\nGOOD"),
    ("predefined random, words", "global_defs {\n router_id ${_RANDOM a b}\n}\nGOOD"),
    ("predefined hash", "global_defs {\n router_id ${_HASH}${_BANG}\n}\nGOOD"),
    ("predefined variable", "global_defs {\n router_id ${_ENV PATH}\n}\nGOOD"),
    ("predefined variable unset", "global_defs {\n router_id ${_ENV NOBODY_SET_THIS}\n}\nGOOD"),
    ("SEQ", "~SEQ(X, 1, 3) vrrp_instance VI_$X { interface eth0\nGOOD"),
    (
        "SEQ of instances",
        "$I=vrrp_instance VI_${X} { \\\n interface eth0 \\\n virtual_router_id ${X} \\\n virtual_ipaddress { \\\n 192.0.2.1${X} \\\n } \\\n}\n~SEQ(X, 1, 5) $I\n",
    ),
    ("SEQ down", "~SEQ(X, 3, 1) $Y=$X\nGOOD"),
    ("SEQ of steps", "~SEQ(X, 1, 2, 9) $Y=$X\nGOOD"),
    ("SEQ of wrong steps", "~SEQ(X, 1, -2, 9) $Y=$X\nGOOD"),
    ("SEQ of step 0", "~SEQ(X, 1, 0, 9) $Y=$X\nGOOD"),
    ("SEQ of one number", "~SEQ(X, 3) $Y=$X\nGOOD"),
    ("SEQ of words", "~SEQ(X, a, b) $Y=$X\nGOOD"),
    ("SEQ without end", "~SEQ(X, 1, 3 $Y=$X\nGOOD"),
    ("SEQ of five", "~SEQ(X, 1, 2, 3, 4) $Y=$X\nGOOD"),
    ("SEQ without text", "~SEQ(X, 1, 3)\nGOOD"),
    ("SEQ without name", "~SEQ(1, 3) a\nGOOD"),
    ("SEQ in hex", "~SEQx(X, 8, 12) $Y=$X\nGOOD"),
    ("SEQ in hex, negative", "~SEQx(X, -1, 3) $Y=$X\nGOOD"),
    ("SEQ twice", "~SEQ(X, 1, 2) ~SEQ(Z, 1, 2) $Y=$X$Z\nGOOD"),
    ("LST", "~LST(X, a, b) $Y=$X\nGOOD"),
    ("LST of tuples", "~LST({X,Z}, {a,b}, {c,d}) $Y=$X\nGOOD"),
    ("LST of short tuples", "~LST({X,Z}, {a}, {c,d}) $Y=$X\nGOOD"),
    ("LST of long tuples", "~LST({X,Z}, {a,b,c}, {c,d}) $Y=$X\nGOOD"),
    ("LST of nothing", "~LST(X) $Y=$X\nGOOD"),
    ("LST without end", "~LST(X, a, b $Y=$X\nGOOD"),
    ("LST with unknown letter", "~FOO(X, a, b) $Y=$X\nGOOD"),
    ("id that is ours", "@r1 bogus\nGOOD"),
    ("id that is not ours", "@other bogus\nGOOD"),
    ("not id that is ours", "@^r1 bogus\nGOOD"),
    ("not id that is not ours", "@^other bogus\nGOOD"),
    ("id without text", "@r1\nGOOD"),
    ("id with a blank", "@ r1 bogus\nGOOD"),
    (
        "id in a block",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n @r1 priority 100\n @other priority x\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    ("group of nobody", "vrrp_sync_group G {\n group {\n  nobody\n }\n}\nGOOD"),
    ("group of somebody and nobody", "vrrp_sync_group G {\n group {\n  VI_1\n  nobody\n }\n}\nGOOD"),
    ("group without members", "vrrp_sync_group G {\n}\nGOOD"),
    ("group with empty list", "vrrp_sync_group G {\n group {\n }\n}\nGOOD"),
    ("group without name", "vrrp_sync_group {\n group {\n  VI_1\n }\n}\nGOOD"),
    ("group with a member twice", "vrrp_sync_group G {\n group {\n  VI_1\n  VI_1\n }\n}\nGOOD"),
    ("group with members on one line", "vrrp_sync_group G {\n group { VI_1 }\n}\nGOOD"),
    ("group with two lists", "vrrp_sync_group G {\n group {\n  VI_1\n }\n group {\n  VI_1\n }\n}\nGOOD"),
    (
        "group twice",
        "vrrp_sync_group G {\n group {\n  VI_1\n }\n}\nvrrp_sync_group G {\n group {\n  VI_1\n }\n}\nGOOD",
    ),
    (
        "two groups with the same member",
        "vrrp_sync_group G {\n group {\n  VI_1\n }\n}\nvrrp_sync_group H {\n group {\n  VI_1\n }\n}\nGOOD",
    ),
    ("group tracks", "vrrp_sync_group G {\n group {\n  VI_1\n }\n track_interface {\n  eth1\n }\n}\nGOOD"),
    (
        "group tracks unknown",
        "vrrp_sync_group G {\n group {\n  VI_1\n }\n track_interface {\n  eth9\n }\n}\nGOOD",
    ),
    (
        "group tracks unknown script",
        "vrrp_sync_group G {\n group {\n  VI_1\n }\n track_script {\n  nobody\n }\n}\nGOOD",
    ),
    (
        "group with weights",
        "vrrp_sync_group G {\n group {\n  VI_1\n }\n track_interface {\n  eth1 weight 5\n }\n}\nGOOD",
    ),
    ("group unknown word", "vrrp_sync_group G {\n group {\n  VI_1\n }\n bogus 1\n}\nGOOD"),
    ("script without name", "SECUREvrrp_script {\n script /bin/true\n}\nGOOD"),
    ("script empty", "SECUREvrrp_script s {\n}\nGOOD"),
    ("script unused", "SECUREvrrp_script s {\n script /bin/true\n}\nGOOD"),
    (
        "script twice",
        "SECUREvrrp_script s {\n script /bin/true\n}\nvrrp_script s {\n script /bin/false\n}\nGOOD",
    ),
    ("script with unknown program", "SECUREvrrp_script s {\n script /nowhere/x\n}\nGOOD"),
    ("script with unknown word", "SECUREvrrp_script s {\n script /bin/true\n bogus\n}\nGOOD"),
    (
        "script tracked",
        "SECUREvrrp_script s {\n script /bin/true\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_script {\n s\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "script tracked before it is there",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_script {\n s\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\nSECUREvrrp_script s {\n script /bin/true\n}\n",
    ),
    (
        "script tracked without security",
        "vrrp_script s {\n script /bin/true\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_script {\n s\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "script tracked that is not there",
        "SECUREvrrp_script s {\n script /nowhere/x\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_script {\n s\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "notify with security",
        "SECUREvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n notify /bin/true\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "notify without security",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n notify /bin/true\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "security without user",
        "global_defs {\n enable_script_security\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n notify /bin/true\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    (
        "user without security",
        "global_defs {\n script_user root\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n notify /bin/true\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    ("file unused", "track_file f {\n file /tmp/x\n}\nGOOD"),
    ("file empty", "track_file f {\n}\nGOOD"),
    ("file twice", "track_file f {\n file /tmp/x\n}\ntrack_file f {\n file /tmp/y\n}\nGOOD"),
    (
        "file tracked",
        "track_file f {\n file /tmp/x\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n track_file {\n f\n }\n virtual_ipaddress {\n  192.0.2.101/24\n }\n}\n",
    ),
    ("static addresses", "static_ipaddress {\n 192.0.2.50/24 dev eth0\n}\nGOOD"),
    ("static address without device", "static_ipaddress {\n 192.0.2.50/24\n}\nGOOD"),
    (
        "static address with default device",
        "global_defs {\n default_interface eth1\n}\nstatic_ipaddress {\n 192.0.2.50/24\n}\nGOOD",
    ),
    ("static routes", "static_routes {\n 203.0.113.0/24 via 192.0.2.9 dev eth0\n}\nGOOD"),
    ("static route bad", "static_routes {\n nonsense\n}\nGOOD"),
    ("static rules", "static_rules {\n from 192.0.2.0/24 table 100\n}\nGOOD"),
    ("checked reload with an error", "global_defs {\n reload_check_config\n bogus\n}\nGOOD"),
    ("strict of a word", "global_defs {\n vrrp_strict abc\n}\nGOOD"),
    ("user by number", "global_defs {\n script_user 0\n}\nGOOD"),
    ("processor that is not there", "global_defs {\n vrrp_cpu_affinity 255\n}\nGOOD"),
    ("long process name", "global_defs {\n process_name a_name_of_more_than_fifteen_bytes\n}\nGOOD"),
    ("rttime of 1", "global_defs {\n vrrp_rlimit_rttime 1\n}\nGOOD"),
    ("default interface that cannot be", "global_defs {\n default_interface a/b\n}\nGOOD"),
    ("script of a fifo that is not there", "global_defs {\n notify_fifo_script /bin/true\n}\nGOOD"),
    ("script every half second", "SECUREvrrp_script s {\n script /bin/true\n interval 0.5\n}\nGOOD"),
    ("nothing but a keyword of a block", "vrrp_instance\n"),
    ("bfd neighbour with a length", "bfd_instance b {\n neighbor_ip 192.0.2.9/24\n}\nGOOD"),
    ("bfd neighbour that is missing", "bfd_instance b {\n neighbor_ip\n}\nGOOD"),
    ("bfd session without name", "bfd_instance {\n}\nGOOD"),
    ("weight of a process that is missing", "vrrp_track_process p {\n process x\n weight\n}\nGOOD"),
    ("instance without its name", "instance\nGOOD"),
    ("instance with a path for its name", "instance a/b\nGOOD"),
    (
        "real server with a length",
        "virtual_server 192.0.2.100 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 192.0.2.5/24 80 {\n }\n}\n",
    ),
    (
        "sorry server that is a range",
        "virtual_server 192.0.2.100/24 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n sorry_server 192.0.2.5-9 80\n}\n",
    ),
    (
        "check of a short name",
        "virtual_server 192.0.2.100 53 {\n lb_algo rr\n lb_kind NAT\n protocol UDP\n real_server 192.0.2.5 53 {\n DNS_CHECK {\n name a.example.org\n }\n }\n}\n",
    ),
    (
        "check with an empty payload",
        "virtual_server 192.0.2.100 53 {\n lb_algo rr\n lb_kind NAT\n protocol UDP\n real_server 192.0.2.5 53 {\n UDP_CHECK {\n payload \"\"\n }\n }\n}\n",
    ),
    (
        "script of an instance without its interface",
        "vrrp_script s {\n script /bin/true\n}\nvrrp_instance V {\n interface eth9\n virtual_router_id 5\n track_script {\n s\n }\n virtual_ipaddress {\n 192.0.2.9\n }\n}\n",
    ),
    (
        "interface that is not there, and one that is",
        "vrrp_instance V {\n interface eth9\n interface eth0\n virtual_router_id 5\n virtual_ipaddress {\n 192.0.2.9\n }\n}\n",
    ),
    ("net_namespace", "net_namespace nowhere\nGOOD"),
    ("instance name", "instance one\nGOOD"),
    ("use_pid_dir", "use_pid_dir\nGOOD"),
    ("namespace that is not there, and a fault", "net_namespace nowhere\nbogus\nGOOD"),
    ("directory that is not there", "global_defs {\n config_save_dir /nowhere/x\n}\nGOOD"),
    ("seed too large", "global_defs {\n random_seed 99999999999\n}\nGOOD"),
    ("umask with a sign", "global_defs {\n umask +1\n}\nGOOD"),
    ("umask of two", "global_defs {\n umask 1 2\n}\nGOOD"),
    ("interface without its delay", "interface_up_down_delays {\n eth0\n}\nGOOD"),
    (
        "IPv6 group with an IPv4 server",
        "virtual_server_group G {\n fwmark 5 inet6\n}\nvirtual_server group G {\n real_server 192.0.2.5 80 {\n }\n}\n",
    ),
    ("script of nobody that is not there", "vrrp_script s {\n script nothing_such\n}\n"),
];

/// Several objects.
fn objects() -> Vec<Case> {
    let two = |a: String, b: String| a + &b;
    let on = |name: &str, vrid: u8, device: &str, body: &str| {
        instance(name, vrid, body).replace("interface eth0", &format!("interface {device}"))
    };
    let unicast = |name: &str, peer: &str| instance(name, 51, &format!("unicast_peer {{\n {peer}\n }}"));
    let mut long = String::from("virtual_ipaddress {\n");
    (0..300).for_each(|n| long += &format!(" 198.51.{}.{}/32\n", n / 200, n % 200 + 1));
    long += "}\n";
    vec![
        Case::new("same VRID", two(instance("A", 51, ""), instance("B", 51, ""))),
        Case::new("same VRID on two interfaces", two(instance("A", 51, ""), on("B", 51, "eth1", ""))),
        Case::new(
            "same VRID with two versions",
            two(instance("A", 51, "version 2"), instance("B", 51, "version 3")),
        ),
        Case::new(
            "same VRID in two groups",
            two(instance("A", 51, ""), instance("B", 51, "mcast_dst_ip 224.0.0.99")),
        ),
        Case::new("same VRID, same peers", two(unicast("A", "192.0.2.2"), unicast("B", "192.0.2.2"))),
        Case::new("same VRID, other peers", two(unicast("A", "192.0.2.2"), unicast("B", "192.0.2.3"))),
        Case::new("same VRID, unicast and multicast", two(unicast("A", "192.0.2.2"), instance("B", 51, ""))),
        Case::new(
            "same VRID, IPv4 and IPv6",
            two(instance("A", 51, ""), instance("B", 51, "").replace("192.0.2.101/24", "fe80::51/64")),
        ),
        Case::new("same name", two(instance("A", 51, ""), instance("A", 52, ""))),
        Case::new(
            "same address in two instances",
            two(instance("A", 51, ""), instance("B", 52, "").replace("192.0.2.102", "192.0.2.101")),
        ),
        Case::new("300 addresses", instance("A", 51, &long)),
        Case::new(
            "255 instances",
            (1..=255)
                .map(|n| instance(&format!("VI_{n}"), n, "").replace("192.0.2.", "198.51.100."))
                .collect::<String>(),
        ),
        Case::new(
            "group of two",
            instance("A", 51, "") + &instance("B", 52, "") + "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n",
        ),
        Case::new(
            "group of two, members on one line",
            instance("A", 51, "") + &instance("B", 52, "") + "vrrp_sync_group G {\n group {\n A B\n }\n}\n",
        ),
        Case::new(
            "group of an owner and another",
            instance("A", 51, "priority 255")
                + &instance("B", 52, "")
                + "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n",
        ),
        Case::new(
            "group and member track the same",
            instance("A", 51, "track_interface {\n eth1\n }")
                + "vrrp_sync_group G {\n group {\n A\n }\n track_interface {\n eth1\n }\n}\n",
        ),
        Case::new(
            "group weight",
            instance("A", 51, "track_interface {\n eth1 weight 5\n }")
                + &instance("B", 52, "")
                + "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n",
        ),
    ]
}

/// Files in files.
fn includes() -> Vec<Case> {
    const KINDS: &[&str] = &["include", "includer", "includem", "includew", "includeb", "includea"];
    const TARGETS: &[&str] =
        &["part.conf", "missing.conf", "part*.conf", "missing*.conf", "{part,missing}.conf", ""];
    let mut cases = Vec::new();
    for kind in KINDS {
        for target in TARGETS {
            let text = instance("VI_1", 51, &format!("{kind} {target}"));
            cases.push(Case::new(format!("{kind} {target}"), text).with("part.conf", PART));
        }
    }
    for target in TARGETS {
        let text = instance("VI_1", 51, &format!("include {target}"));
        let strict = Case::new(format!("-e include {target}"), text).with("part.conf", PART);
        cases.push(strict.args(&["-e"]));
    }
    let good = || GOOD.to_owned();
    cases.extend([
        Case::new("include of an instance", "include part.conf\n").with("part.conf", GOOD),
        Case::new("include of a directory", "include sub\n".to_owned() + GOOD).with("sub/x.conf", PART),
        Case::new("include of a directory, strict", "includer sub\n".to_owned() + GOOD)
            .with("sub/x.conf", PART),
        Case::new("include in include", "include sub/a.conf\n")
            .with("sub/a.conf", "include b.conf\n")
            .with("sub/b.conf", GOOD),
        Case::new("include relative to the first", "include sub/a.conf\n".to_owned() + GOOD)
            .with("sub/a.conf", "includem b.conf\n")
            .with("b.conf", ""),
        Case::new("include with a fault", "include part.conf\n".to_owned() + GOOD)
            .with("part.conf", "bogus\n"),
        Case::new("include with an open block", "include part.conf\n".to_owned() + &good())
            .with("part.conf", "vrrp_instance X {\n"),
        Case::new(
            "include that closes a block",
            "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\ninclude part.conf\n",
        )
        .with("part.conf", "}\n"),
        Case::new("include of itself", format!("{GOOD}include main.conf\n")),
        Case::new("include by definition", format!("$F=part\n{GOOD}includem ${{F}}.conf\n"))
            .with("part.conf", ""),
        Case::new("include quoted", format!("{GOOD}includem \"part.conf\"\n")).with("part.conf", ""),
        Case::new("include of two", format!("{GOOD}include part.conf other.conf\n")).with("part.conf", ""),
        Case::new(
            "include that defines",
            "include part.conf\n".to_owned() + &instance("VI_1", 51, "priority $P"),
        )
        .with("part.conf", "$P=120\n"),
        Case::new(
            "include_check all",
            format!("global_defs {{\n include_check all\n}}\ninclude missing.conf\n{GOOD}"),
        ),
        Case::new(
            "include_check nothing",
            format!("global_defs {{\n include_check\n}}\ninclude missing.conf\n{GOOD}"),
        ),
        Case::new(
            "include_check match",
            format!("global_defs {{\n include_check match\n}}\ninclude missing.conf\n{GOOD}"),
        ),
    ]);
    cases
}

/// Bytes that no editor writes.
fn bytes() -> Vec<Case> {
    let long = |n: usize| format!("# {}\n{GOOD}", "x".repeat(n));
    let with = |bytes: &[u8]| [bytes, GOOD.as_bytes()].concat();
    vec![
        Case::new("line of 1023 bytes", long(1021)),
        Case::new("line of 1024 bytes", long(1022)),
        Case::new("line of a million bytes", long(1_000_000)),
        Case::new("byte 0", with(b"# a\0b\n")),
        Case::new("byte 0 in a keyword", with(b"glob\0al_defs\n")),
        Case::new("no UTF-8", with(b"# \xff\xfe\n")),
        Case::new("no UTF-8 in a keyword", with(b"\xff\xfe\n")),
        Case::new("mark of UTF-8", with(b"\xef\xbb\xbf")),
        Case::new("carriage returns", GOOD.replace('\n', "\r\n")),
        Case::new("carriage returns alone", GOOD.replace('\n', "\r")),
        Case::new("form feed", with(b"\x0c\n")),
        Case::new("no-break space", with("\u{a0}\n".as_bytes())),
    ]
}
