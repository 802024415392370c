//! What is checked and held in the model while nothing acts on it yet: its meaning, keepalived's rules
//! about it, and the one warning that names it.

use base::{Duration, IfName};
use model::encap::{Encap, IpTunnel};
use model::global::AutoPriorityLimit;
use model::hmac::{AntiReplay, HmacMode};
use model::instance::UnicastChecksum;
use model::link::LinkBeat;
use model::rule::{Mark, RuleAction};
use model::tracker::ParameterMatch;
use model::virtual_link::{IpvlanMode, VirtualLink};
use model::{Held, Model, TrackerSource};
use vipd_config::{Account, Interface, MapSource, Options, load};

fn world() -> MapSource {
    let world = MapSource::new().user("keepalived_script", Account { uid: 300, gid: 400 });
    ["eth0", "eth1"].into_iter().fold(world, |world, name| world.interface(name, Interface::default()))
}

/// The model of `text`, and what is told with a line for the log that keepalived's users know.
#[track_caller]
fn model_in(world: MapSource, text: &str) -> (Model, Vec<String>) {
    let loaded = load(&world.file("/k.conf", text), &Options::new("/k.conf"));
    let shown = loaded.render(false);
    let told = loaded.diagnostics.iter().filter(|d| d.code.name != "not-in-effect-yet");
    let log = told.map(|d| d.log.clone().unwrap_or_else(|| d.message.clone())).collect();
    (loaded.model.unwrap_or_else(|| panic!("{shown}")), log)
}

#[track_caller]
fn model(text: &str) -> (Model, Vec<String>) {
    model_in(world(), text)
}

/// What is held of the only instance of a configuration that has these lines in it.
#[track_caller]
fn held(lines: &str) -> (Held, Vec<String>) {
    let (mut model, log) = model(&vrrp(lines));
    (model.instances.remove(0).held, log)
}

fn vrrp(lines: &str) -> String {
    format!(
        "vrrp_instance VI {{\n interface eth0\n virtual_router_id 7\n {}\n virtual_ipaddress {{\n 192.0.2.1/24\n }}\n}}\n",
        lines.replace("; ", "\n")
    )
}

fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

#[test]
fn a_keyword_without_effect_is_told_once_with_the_number_of_its_uses() {
    let text = format!(
        "{}{}",
        vrrp("use_vmac a; vmac_xmit_base"),
        vrrp("use_vmac b").replace("VI", "V2").replace("_id 7", "_id 8")
    );
    let loaded = load(&world().file("/k.conf", text), &Options::new("/k.conf"));
    let told: Vec<_> =
        loaded.diagnostics.iter().map(|d| (d.message.as_str(), d.label.as_deref().unwrap_or(""))).collect();
    assert_eq!(
        told,
        [
            (
                "`use_vmac` is read and checked, but has no effect yet",
                "nothing acts on it yet, here and in 1 more places"
            ),
            ("`vmac_xmit_base` is read and checked, but has no effect yet", "nothing acts on it yet"),
        ]
    );
    assert_eq!((loaded.exits.run, loaded.exits.test), (None, 0));
}

#[test]
fn a_macvlan_has_the_address_of_the_virtual_router_and_a_name_of_its_own() {
    let vmac = |lines| match held(lines).0.virtual_link.map(|link| *link) {
        Some(VirtualLink::Macvlan(vmac)) => vmac,
        other => panic!("{other:?}"),
    };
    let plain = vmac("use_vmac");
    assert_eq!((plain.name, plain.address), (name("vrrp.7"), [0, 0, 0x5e, 0, 1, 7]));
    assert!(!plain.send_below && plain.group.is_none());
    let full = vmac("use_vmac name vm0 02:00:00:00:00:01 netlink_notify_msg group 4; vmac_xmit_base");
    assert_eq!((full.name, full.address, full.group), (name("vm0"), [2, 0, 0, 0, 0, 1], Some(4)));
    assert!(full.notify_again && full.send_below);
    assert_eq!(vmac("use_vmac 02:00:00:00:09").address, [2, 0, 0, 0, 9, 7], "the VRID is the last byte");
    assert!(vmac("use_vmac; unicast_peer { 192.0.2.9 }").send_below, "unicast leaves below");
    let (_, log) = held("use_vmac 01:00:00:00:00:01");
    assert_eq!(log, ["VMAC MAC address is multicast 01:00:00:00:00:01 - ignoring"]);
    let (_, log) = held("vmac_xmit_base");
    assert_eq!(log, ["(VI) vmac_xmit_base is only valid with a vmac"]);
    let (strict, log) = held("use_vmac; vmac_xmit_base; strict_mode");
    assert!(matches!(strict.virtual_link.as_deref(), Some(VirtualLink::Macvlan(v)) if !v.send_below));
    assert!(
        log.contains(&"(VI) xmit_base is incompatible with strict mode - resetting".to_owned()),
        "{log:?}"
    );
}

#[test]
fn generated_names_do_not_collide() {
    let v6 = "vrrp_instance V6 {\n interface eth0\n virtual_router_id 7\n use_vmac\n virtual_ipaddress {\n fe80::1\n }\n}\n";
    let other = vrrp("use_vmac").replace("VI", "V2").replace("eth0", "eth1");
    let global = "global_defs {\n vmac_prefix vm\n}\n";
    let (model, _) = model(&format!("{global}{}{v6}{other}", vrrp("use_vmac")));
    let names: Vec<_> = model
        .instances
        .iter()
        .map(|i| match i.held.virtual_link.as_deref() {
            Some(VirtualLink::Macvlan(vmac)) => vmac.name.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["vm.7", "vm6.7", "vm1.7"]);
    assert_eq!(&*model.global.vmac_names.addresses, "vm");
}

#[test]
fn an_ipvlan_needs_an_address_unless_it_sends_to_peers() {
    let (full, log) = held("use_ipvlan ip0 192.0.2.5/24 private");
    assert!(log.is_empty(), "{log:?}");
    let Some(VirtualLink::Ipvlan(link)) = full.virtual_link.as_deref() else { panic!() };
    assert_eq!((link.name, link.mode), (name("ip0"), IpvlanMode::Private));
    assert_eq!(link.address.unwrap().to_string(), "192.0.2.5/24");
    let (_, log) = held("use_ipvlan");
    assert_eq!(log.len(), 1);
    assert!(log[0].starts_with("(VI) IPv4 ipvlan requires a source ip address"), "{log:?}");
    let (_, log) = held("use_ipvlan; unicast_peer { 192.0.2.9 }");
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn rules_hold_everything_that_a_line_can_say() {
    let (held, log) = held(
        "virtual_rules {; not from 192.0.2.0/24 to 198.51.100.1 iif eth0 oif eth1 tos 0x10 fwmark 0x1/0xff table 100 priority 7; \
         from 192.0.2.1 lookup main realms 1/2 suppress_prefixlength 0 sup_group 3 order 0x10; \
         from 2001:db8::/32 l3mdev uidrange 5-9 ipproto tcp sport 1-1023 dport 80-80 tunnel-id 18446744073709551615 preference 9; \
         goto 20 priority 10; nop priority 11 no_track protocol 4; from 192.0.2.3 type blackhole priority 12; }",
    );
    assert!(log.is_empty(), "{log:?}");
    let [first, realms, v6, goto, nop, hole] = &held.rules[..] else { panic!("{:?}", held.rules) };
    assert!(first.invert);
    assert_eq!((first.from.unwrap().to_string(), first.to.unwrap().prefix()), ("192.0.2.0/24".into(), 32));
    assert_eq!((first.input, first.output, first.tos), (Some(name("eth0")), Some(name("eth1")), 16));
    assert_eq!(
        (first.mark, first.priority, first.protocol),
        (Some(Mark { value: 1, mask: Some(255) }), 7, 18)
    );
    let table =
        |table| RuleAction::Table { table, realms: None, suppress_prefix: None, suppress_group: None };
    assert_eq!(first.action, table(100));
    let RuleAction::Table { table: main, realms: flow, suppress_prefix, suppress_group } = realms.action
    else {
        panic!()
    };
    assert_eq!((main, flow, suppress_prefix, suppress_group), (254, Some(0x1_0002), Some(0), Some(3)));
    assert_eq!(realms.priority, 16);
    assert_eq!((v6.action, v6.ip_protocol, v6.tunnel), (RuleAction::L3Master, Some(6), Some(u64::MAX)));
    assert_eq!(v6.users.map(|u| (u.first, u.last)), Some((5, 9)));
    assert_eq!(v6.destination_ports.map(|p| (p.first, p.last)), Some((80, 80)));
    assert_eq!((goto.action, nop.action, nop.protocol), (RuleAction::Goto(20), RuleAction::Nop, 4));
    assert_eq!(hole.action, RuleAction::Blackhole);
}

#[test]
fn rules_that_cannot_be_are_dropped_for_keepalived_s_reasons() {
    for (line, log) in [
        ("from 192.0.2.1 priority 5", "No action specified for rule - ignoring"),
        ("foo table 6", "Unknown rule option foo"),
        ("table foo", "Routing table foo not found for rule"),
        ("table 0", "Table 0 is not valid"),
        ("from 192.0.2.1 to ::1 table 6 priority 4", "rule specification has mixed IPv4 and IPv6"),
        ("priority 5 goto 4", "Invalid rule - preference 5 >= goto target 4"),
        ("goto 4", "Invalid rule - goto target 4 specified without preference"),
        ("priority 5 table 6 sport 80", "invalid sport range 80"),
        ("priority 5 blackhole sup_pl 3", "suppressor/realm specified for non table action - skipping"),
        ("priority 5 table 6 track_group X", "Unknown rule option track_group"),
        (
            "priority 5 table 6 blackhole",
            "Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule",
        ),
    ] {
        let (held, told) = held(&format!("virtual_rules {{; {line}; }}"));
        assert!(told.iter().any(|l| l.as_str() == log), "{line}: {told:?}");
        assert!(held.rules.is_empty(), "{line}");
    }
    let (held, log) = held("virtual_rules {; table 5; table 6; from ::1 table 7; }");
    assert_eq!(held.rules.iter().map(|r| r.priority).collect::<Vec<_>>(), [16_384, 16_383, 16_384]);
    assert!(log[0].starts_with("Rule has no preference specified - setting to 16384."), "{log:?}");
}

#[test]
fn a_word_of_a_line_without_its_value_stops_everything() {
    for lines in ["virtual_rules {; table 5 priority; }", "virtual_routes {; 10.0.0.0/8 dev eth0 mtu lock; }"]
    {
        let text = vrrp(lines);
        let loaded = load(&world().file("/k.conf", text), &Options::new("/k.conf"));
        assert_eq!((loaded.exits.run, loaded.exits.test), (Some(2), 2), "{lines}");
    }
}

#[test]
fn routes_have_tunnels_realms_and_congestion_control() {
    let text = "virtual_routes {; 10.1.0.0/16 dev eth0 encap ip id 5 dst 192.0.2.9 ttl 3 tos 0x10 realms 3 congctl lock cubic ttl-propagate disabled; \
                10.2.0.0/16 dev eth0 encap mpls 100/200; 10.3.0.0/16 dev eth0 encap ila 1:2:3:ff; \
                10.4.0.0/16 nexthop dev eth0 realms 1/2 encap ip6 dst 2001:db8::1 hoplimit 9 nexthop via 192.0.2.8 dev eth1 weight 5; }";
    let (mut model, log) = model(&vrrp(text));
    assert!(log.is_empty(), "{log:?}");
    let routes = model.instances.remove(0).routes;
    let [ip, mpls, ila, legs] = &routes[..] else { panic!() };
    let tunnel = IpTunnel {
        v6: false,
        id: Some(5),
        destination: Some("192.0.2.9".parse().unwrap()),
        source: None,
        tos: Some(16),
        hop_limit: Some(3),
        flags: None,
    };
    assert_eq!(ip.hops[0].encap.as_deref(), Some(&Encap::Ip(tunnel)));
    let more = ip.held.as_deref().unwrap();
    assert_eq!((more.realms, more.ttl_propagate), (Some(3), Some(false)));
    assert!(more.congestion.as_ref().is_some_and(|c| c.locked && &*c.name == "cubic"));
    assert_eq!(mpls.hops[0].encap.as_deref(), Some(&Encap::Mpls(vec![100, 200])));
    assert_eq!(ila.hops[0].encap.as_deref(), Some(&Encap::Ila(0x0001_0002_0003_00ff)));
    assert_eq!((legs.held.is_none(), legs.hops[0].realms, legs.hops[1].weight), (true, Some(0x1_0002), 5));
    for (line, log) in [
        ("10.1.0.0/16 dev eth0 encap ip tos 5", "address or id missing for ip encapsulation"),
        ("10.1.0.0/16 dev eth0 encap mpls 1048576", "invalid mpls address 1048576 for encapsulation"),
        ("10.1.0.0/16 dev eth0 encap seg6 x", "Unknown encap type - seg6"),
        ("10.1.0.0/16 dev eth0 realms 70000", "Invalid realms 70000 for route"),
        ("10.1.0.0/16 dev eth0 ttl-propagate x", "ttl-propagate value x not recognised"),
    ] {
        let (model, told) = self::model(&vrrp(&format!("virtual_routes {{; {line}; }}")));
        assert!(told.iter().any(|l| l.as_str() == log), "{line}: {told:?}");
        assert!(model.instances[0].routes.is_empty(), "{line}");
    }
}

#[test]
fn bfd_sessions_have_keepalived_s_defaults_and_refusals() {
    let (model, log) = model(
        "bfd_instance A {\n neighbor_ip 192.0.2.9\n}\nbfd_instance B {\n neighbour_ip 2001:db8::9\n source_ip 2001:db8::1\n min_rx 50\n \
         min_tx 0.5\n idle_tx 2000\n multiplier 3\n passive\n hoplimit 9\n max_hops 20\n multihop\n checker\n}\n\
         bfd_instance C {\n}\nbfd_instance D {\n neighbor_ip 192.0.2.9\n}\nbfd_instance E {\n neighbor_ip 192.0.2.8\n source_ip ::1\n}\n",
    );
    let [a, b] = &model.bfd[..] else { panic!("{:?}", model.bfd) };
    let ms = Duration::from_millis;
    assert_eq!((a.min_rx, a.min_tx, a.idle_tx, a.multiplier), (ms(10), ms(10), ms(1_000), 5));
    assert_eq!((a.hop_limit, a.max_hops, a.for_vrrp, a.for_checkers), (255, Some(0), true, true));
    assert_eq!((b.min_rx, b.min_tx, b.idle_tx, b.multiplier), (ms(50), ms(10), ms(2_000), 3));
    assert_eq!((b.hop_limit, b.max_hops, b.for_vrrp, b.for_checkers), (9, Some(9), false, true));
    assert!(b.passive && b.multihop);
    for part in [
        "B min_tx value 0.5 is not valid",
        "B: max_hops exceeds ttl",
        "C has no neighbor address set",
        "D has duplicate neighbor address 192.0.2.9",
        "E source address ::1 and neighbor address 192.0.2.8 are not of the same family",
    ] {
        assert!(log.iter().any(|line| line.contains(part)), "{part}: {log:?}");
    }
}

#[test]
fn processes_and_sessions_are_tracked_aside_until_somebody_watches_them() {
    let text = format!(
        "vrrp_track_process web {{\n process nginx -g x\n param_match initial\n weight 5\n quorum 2\n quorum_max 4\n delay 1.5\n fork_delay 2\n full_command\n}}\n\
         bfd_instance B {{\n neighbor_ip 192.0.2.9\n weight -9 reverse\n}}\n{}",
        vrrp("track_process {; web weight 3; later; }; track_bfd {; B; }; track_interface {; eth1; }")
    );
    let (model, log) = model(&text);
    assert_eq!(log, ["(VI) track process later not found, ignoring..."]);
    let instance = &model.instances[0];
    assert_eq!(instance.protocol.tracks.len(), 1, "the core hears of the interface alone");
    let [process, bfd] = &instance.held.tracks[..] else { panic!() };
    assert_eq!((process.weight.get(), process.reverse), (3, false));
    assert_eq!((bfd.weight.get(), bfd.reverse), (-9, true));
    let TrackerSource::Process(web) = &model.trackers[process.tracker.index()].source else { panic!() };
    assert_eq!((&*web.command, web.parameters.len(), web.matching), ("nginx", 2, ParameterMatch::Initial));
    assert_eq!((web.quorum, web.quorum_max, web.full_command), (2, Some(4), true));
    assert_eq!((web.up_delay, web.down_delay), (Duration::from_secs(2), Duration::from_millis(1_500)));
    let TrackerSource::Bfd(id) = model.trackers[bfd.tracker.index()].source else { panic!() };
    assert_eq!(&*model.bfd[id.index()].name, "B");
}

#[test]
fn a_signature_needs_a_key_that_is_there() {
    let key = "0123456789abcdef0123456789abcdef";
    let block = |lines: &str| held(&format!("auth_hmac {{; {lines}; }}"));
    let (full, log) = block(&format!(
        "key 9 hex:{key}{key}; key 3 {key}; active_key 9; time_window 7; anti_replay monotonic; mode permissive"
    ));
    assert!(log.is_empty(), "{log:?}");
    let hmac = full.hmac.unwrap();
    assert_eq!(
        hmac.keys.iter().map(|k| (k.id, k.secret.reveal().len())).collect::<Vec<_>>(),
        [(3, 32), (9, 32)]
    );
    assert_eq!((hmac.active, hmac.window), (9, Duration::from_secs(7)));
    assert_eq!((hmac.replay, hmac.mode), (AntiReplay::Monotonic, HmacMode::Permissive));
    assert!(!format!("{hmac:?}").contains("48"), "a key is not shown: {hmac:?}");
    let world = world().file("/key", format!("{key}\n"));
    let (model, _) = model_in(world, &vrrp("advert_int 2; auth_hmac {; key 1 file:/key; active_key 1; }"));
    let hmac = model.instances[0].held.hmac.as_deref().unwrap();
    assert_eq!(
        (hmac.keys[0].secret.reveal().as_slice(), hmac.window),
        (key.as_bytes(), Duration::from_secs(6))
    );
    for lines in
        [format!("key 1 {key}"), format!("key 1 {key}; active_key 2"), "key 1 short; active_key 1".to_owned()]
    {
        let (none, log) = block(&lines);
        assert!(none.hmac.is_none() && !log.is_empty(), "{lines}: {log:?}");
    }
}

#[test]
fn keys_are_not_shown() {
    let secret = "swordfish-swordfish-swordfish-swordfish";
    let text = vrrp(&format!("auth_hmac {{; key 256 {secret}; key 1 hex:{secret}; }}"));
    let loaded = load(&world().file("/k.conf", text), &Options::new("/k.conf"));
    let shown = loaded.render(false) + &loaded.log_lines().collect::<String>();
    assert!(shown.contains("key 256") && !shown.contains("swordfish"), "{shown}");
}

#[test]
fn groups_of_interfaces_and_of_instances_have_only_what_is_there() {
    let text = format!(
        "garp_group {{\n garp_interval 0.5\n interface eth0\n interfaces {{\n eth1\n eth0\n }}\n}}\ngarp_group {{\n interface eth1\n}}\n\
         track_group G {{\n group {{\n VI\n nobody\n }}\n}}\nstatic_ipaddress {{\n 192.0.2.9/24 dev eth1 track_group G\n}}\n\
         static_routes {{\n 10.0.0.0/8 dev eth0 track_group G\n}}\nstatic_rules {{\n iif eth1 table 5 priority 5 track_group G\n \
         from 192.0.2.1 table 5 priority 6 track_group X\n}}\n\
         interface_up_down_delays {{\n eth0 1.5 2\n eth1 3\n eth9 1\n}}\nlinkbeat_interfaces {{\n eth0 MII\n eth1 FOO\n}}\nlinkbeat_use_polling\n{}",
        vrrp("")
    );
    let (model, log) = model(&text);
    let [garp] = &model.garp_groups[..] else { panic!() };
    assert_eq!(
        (&garp.links[..], garp.garp_interval),
        (&[name("eth0"), name("eth1")][..], Duration::from_millis(500))
    );
    let [group] = &model.track_groups[..] else { panic!() };
    assert_eq!((group.members.len(), &group.links[..]), (1, &[name("eth1"), name("eth0")][..]));
    assert_eq!(model.static_rules.len(), 2);
    let delays: Vec<_> =
        model.link_delays.iter().map(|d| (d.link, d.down.as_millis(), d.up.as_millis())).collect();
    assert_eq!(delays, [(name("eth0"), 1_500, 2_000), (name("eth1"), 3_000, 0)]);
    let polled: Vec<_> = model.link_polling.iter().map(|p| (p.link, p.way)).collect();
    assert_eq!(polled, [(name("eth0"), Some(LinkBeat::Mii)), (name("eth1"), None)]);
    assert!(model.poll_all_links);
    for line in [
        "garp_group already specified for eth0 - ignoring",
        "garp group 1 does not have any delay set - removing",
        "track_group X not found",
        "unknown interface eth9 specified for up/down delay",
        "extra characters FOO in linkbeat interface",
    ] {
        assert!(log.iter().any(|l| l == line), "{line}: {log:?}");
    }
}

#[test]
fn smaller_keywords_of_an_instance() {
    let (some, log) = held(
        "unicast_peer { 192.0.2.9 }; old_unicast_checksum never; nopreempt; timer_expired_backup 200; garp_extra_if all 60; no_accept",
    );
    assert!(log.is_empty(), "{log:?}");
    assert_eq!((some.unicast_checksum, some.late_backup), (UnicastChecksum::Rfc, Some(200)));
    assert!(
        some.garp_extra.is_some_and(|g| g.all && g.period == Duration::from_secs(60)) && some.drops_packets
    );
    let (none, log) = held("timer_expired_backup; vrf eth1");
    assert_eq!((none.late_backup, none.vrf, none.drops_packets), (None, None, false));
    assert_eq!(
        log,
        [
            "(VI) timer_expired_backup requires nopreempt - ignoring",
            "(VI) Cannot specify VRF interface and interface - ignoring",
        ]
    );
    assert!(held("strict_mode; version 3").0.drops_packets, "the strict mode does not accept");
    assert!(!held("strict_mode; version 3; accept").0.drops_packets);
    assert!(!held("no_accept; priority 255").0.drops_packets, "an owner accepts");
    let (model, _) = model(&vrrp("use_vmac_addr; linkbeat_use_polling"));
    assert!(model.instances[0].addresses[0].on_vmac);
    assert_eq!(model.link_polling[0].link, name("eth0"));
}

#[test]
fn settings_of_the_daemon_that_nothing_acts_on_yet() {
    let (model, log) = model(&format!(
        "global_defs {{\n max_auto_priority\n min_auto_priority_delay 5\n vrrp_iptables A\n vrrp_ipsets a b\n nftables\n \
         nftables_priority -5\n bfd_rlimit_rttime 1\n snmp_socket udp:localhost:705\n enable_snmp_rfc\n snmp_vs_stats_update_interval 2\n \
         enable_dbus\n dbus_service_name org.example\n reload_file\n dynamic_interfaces allow_if_changes\n iproute_etc_dir /names\n}}\n{}",
        vrrp("")
    ));
    assert!(log.is_empty(), "{log:?}");
    let global = &model.global;
    assert_eq!(
        (global.auto_priority.most, global.auto_priority.late),
        (AutoPriorityLimit::Kernel, Duration::from_micros(5))
    );
    let chains = global.firewall.iptables.as_ref().unwrap();
    assert_eq!((&*chains.input, chains.output.as_deref()), ("A", None));
    let sets = global.firewall.ipsets.as_ref().unwrap();
    assert_eq!((&*sets.v4, &*sets.v6, &*sets.neighbours), ("a", "b", "a_nd"));
    assert_eq!((global.firewall.nftables.as_deref(), global.firewall.priority), (Some("keepalived"), -5));
    assert_eq!(global.bfd_process.rlimit_rttime, Some(2));
    assert!(global.snmp.rfc_v2 && global.snmp.rfc_v3 && !global.snmp.vrrp);
    assert_eq!(global.snmp.real_server_age, Duration::from_secs(2), "as for virtual servers");
    assert_eq!((global.dbus.enabled, &*global.dbus.service), (true, "org.example"));
    assert_eq!((&global.reload.file, global.interfaces_may_change), (&Some(None), true));
    let world = world().file("/names/rt_tables", "77 mine\n");
    let text = format!(
        "global_defs {{\n iproute_etc_dir /names\n}}\n{}",
        vrrp("virtual_rules {; table mine priority 1; }")
    );
    let (model, _) = model_in(world, &text);
    assert!(matches!(model.instances[0].held.rules[0].action, RuleAction::Table { table: 77, .. }));
}
