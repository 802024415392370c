//! What a sound configuration means: keepalived's defaults, limits and rules between keywords.

use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, Family, Priority};
use model::route::RouteKind;
use model::{Instance, Model, TrackerSource};
use vipd_config::{Account, Interface, MapSource, Options, load};
use vrrp::config::{Auth, ChecksumKind, Peers, Preempt, Version};

fn world() -> MapSource {
    let short = Interface { mtu: 576, ..Interface::default() };
    let links = [("eth0", Interface::default()), ("eth1", Interface::default()), ("short0", short)];
    let world = MapSource::new().user("keepalived_script", Account { uid: 300, gid: 400 });
    links.into_iter().fold(world, |world, (name, facts)| world.interface(name, facts))
}

/// The model of `text`, with the lines for the log.
#[track_caller]
fn model(text: &str) -> (Model, Vec<String>) {
    let loaded = load(&world().file("/k.conf", text), &Options::new("/k.conf"));
    let shown = loaded.render(false);
    let log = loaded.log_lines().collect();
    (loaded.model.unwrap_or_else(|| panic!("{shown}")), log)
}

/// The only instance of a configuration that has these lines in it.
#[track_caller]
fn instance(lines: &str) -> (Instance, Vec<String>) {
    let text = format!(
        "vrrp_instance VI {{\n interface eth0\n virtual_router_id 7\n {}\n virtual_ipaddress {{\n 192.0.2.1/24\n }}\n}}\n",
        lines.replace("; ", "\n")
    );
    let (mut model, log) = model(&text);
    (model.instances.remove(0), log)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn an_instance_with_nothing_but_the_least_has_keepalived_s_defaults() {
    let (vi, log) = instance("");
    assert!(log.is_empty(), "{log:?}");
    let p = &vi.protocol;
    assert_eq!((&*p.name, p.vrid.get(), p.family, p.version), ("VI", 7, Family::V4, Version::V2));
    assert_eq!((p.priority, p.wants_master, p.advert_interval), (Priority(100), false, secs(1)));
    assert_eq!((p.down_timer_adverts, p.preempt), (3, Preempt::After(Duration::ZERO)));
    assert_eq!(p.peers, Peers::Multicast(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18))));
    assert_eq!((p.hop_limit, p.checksum), (Some(255), ChecksumKind::PseudoHeader));
    assert_eq!((&p.auth, p.owner_ignore_adverts, p.lower_prio_no_advert), (&Auth::None, false, false));
    assert_eq!((vi.garp.repeat, vi.garp.delay, vi.garp.refresh), (5, secs(5), Duration::ZERO));
    assert_eq!(
        (vi.garp.refresh_repeat, vi.garp.lower_prio_repeat, vi.garp.lower_prio_delay),
        (1, 5, secs(5))
    );
    assert!(vi.track_link && !vi.track_source && vi.excluded.is_empty());
}

#[test]
fn state_and_priority_decide_about_each_other() {
    let basics = |lines| {
        let (vi, _) = instance(lines);
        (vi.protocol.priority.0, vi.protocol.wants_master)
    };
    assert_eq!(basics("state MASTER"), (255, true));
    assert_eq!(basics("state MASTER; priority 100"), (100, true));
    assert_eq!(basics("priority 255"), (255, true));
    assert_eq!(basics("priority 254"), (254, false));
    assert_eq!(basics("state MASTER; state BACKUP; priority 9"), (9, true));
    assert_eq!(basics("strict_mode; state MASTER; priority 9"), (9, false));
}

#[test]
fn preemption_and_its_delay_hold_only_where_they_can() {
    let preempt = |lines| instance(lines).0.protocol.preempt;
    let at_once = Preempt::After(Duration::ZERO);
    assert_eq!(preempt("nopreempt"), Preempt::Never);
    assert_eq!(preempt("nopreempt; preempt"), at_once);
    assert_eq!(preempt("nopreempt; priority 255"), at_once);
    assert_eq!(preempt("nopreempt; state MASTER; priority 9"), at_once);
    assert_eq!(preempt("preempt_delay 2.5"), Preempt::After(Duration::from_millis(2_500)));
    assert_eq!(preempt("preempt_delay 2; nopreempt"), Preempt::Never);
    assert_eq!(preempt("preempt_delay 2; strict_mode"), at_once);
    assert_eq!(preempt("preempt_delay 2; state MASTER"), at_once);
    let (_, log) = instance("nopreempt; priority 255");
    assert_eq!(log, ["(VI) nopreempt is incompatible with priority 255. resetting nopreempt"]);
}

#[test]
fn the_advert_interval_is_what_the_version_can_tell() {
    let interval = |lines| instance(lines).0.protocol.advert_interval;
    assert_eq!(interval("advert_int 0.5"), secs(1));
    assert_eq!(interval("advert_int 1.5"), secs(2));
    assert_eq!(interval("advert_int 255"), secs(255));
    assert_eq!(interval("version 3; advert_int 0.01"), Duration::from_millis(10));
    assert_eq!(interval("version 3; advert_int 0.016"), Duration::from_millis(20));
    assert_eq!(interval("version 3; advert_int 50"), Duration::from_millis(40_950));
    assert_eq!(interval("advert_int 300"), secs(1), "out of range: ignored");
    let (_, log) = instance("advert_int 0.5");
    assert_eq!(log, ["(VI) VRRPv2 advertisement interval 0.500000s must be an integer. rounding"]);
}

#[test]
fn authentication_is_for_version_2_over_ipv4() {
    let block = "authentication {; auth_type PASS; auth_pass 12345678xyz; }";
    let (vi, log) = instance(block);
    let Auth::Pass(key) = &vi.protocol.auth else { panic!("{:?}", vi.protocol.auth) };
    assert_eq!(key.reveal(), b"12345678");
    assert_eq!(log, ["(Line 6) Truncating auth_pass to 8 characters"]);
    let (vi, _) = instance("authentication { auth_type AH; auth_pass k }");
    assert!(matches!(&vi.protocol.auth, Auth::Ah(key) if key.reveal() == b"k\0\0\0\0\0\0\0"));
    let (vi, log) = instance(&format!("version 3; {block}"));
    assert_eq!(vi.protocol.auth, Auth::None);
    assert!(log.contains(&"(VI) VRRP version 3 does not support authentication. Ignoring.".to_owned()));
}

#[test]
fn unicast_needs_peers() {
    let (vi, log) =
        instance("unicast_src_ip 192.0.2.9; unicast_peer { 192.0.2.8; 192.0.2.8; 192.0.2.7 max_ttl 3 }");
    assert!(log.is_empty(), "{log:?}");
    let Peers::Unicast { peers, check_source } = &vi.protocol.peers else { panic!() };
    let of = |n: usize| (peers[n].address.to_string(), peers[n].min_ttl, peers[n].max_ttl);
    assert_eq!((of(0), of(1), peers.len()), (("192.0.2.8".into(), 0, 255), ("192.0.2.7".into(), 0, 3), 2));
    assert!(check_source, "a limit of the TTL checks sources");
    assert_eq!(vi.source, Some("192.0.2.9".parse().unwrap()));
    let (vi, log) = instance("unicast_src_ip 192.0.2.9");
    assert!(matches!(vi.protocol.peers, Peers::Multicast(_)));
    assert!(
        log[0].starts_with("(VI) A unicast keyword has been specified without any unicast peers."),
        "{log:?}"
    );
    let (vi, _) = instance("unicast_fault_no_peer; unicast_ttl 4");
    assert!(matches!(&vi.protocol.peers, Peers::Unicast { peers, .. } if peers.is_empty()));
    assert_eq!(vi.protocol.hop_limit, Some(4));
    let (vi, _) = instance("unicast_ttl 4");
    assert_eq!(vi.protocol.hop_limit, Some(255), "nobody would hear a TTL of 0");
}

#[test]
fn the_first_address_decides_the_family() {
    let text = "vrrp_instance V6 {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n fe80::1/64\n 192.0.2.1\n 2001:db8::1\n }\n \
                virtual_ipaddress_excluded {\n 192.0.2.2/24 brd +\n }\n}\n";
    let (model, log) = model(text);
    let vi = &model.instances[0];
    assert_eq!((vi.protocol.family, vi.protocol.version), (Family::V6, Version::V3));
    let shown: Vec<String> = vi.addresses.iter().map(|a| a.net.to_string()).collect();
    assert_eq!(shown, ["fe80::1/64", "2001:db8::1/128"]);
    assert_eq!(log, ["(Line 6) (V6): address family must match VRRP instance [192.0.2.1] - ignoring"]);
    assert!(vi.addresses.iter().all(|a| a.flags.nodad));
    assert_eq!((vi.addresses[0].preferred_lft, vi.addresses[1].preferred_lft), (None, Some(0)));
    assert_eq!(vi.excluded[0].broadcast, Some(Ipv4Addr::new(192, 0, 2, 255)));
    assert_eq!(vi.protocol.hop_limit, Some(255));
}

#[test]
fn addresses_have_everything_that_a_line_can_say() {
    let text = "static_ipaddress {\n 192.0.2.1/24 brd + dev eth1 scope link label eth1:7 no_track\n 192.0.2.9\n \
                2001:db8::1/64 -nodad home mngtmpaddr noprefixroute autojoin preferred_lft 30 dev eth1\n 198.51.100.1/30 peer 198.51.100.2/30 brd -\n}\n\
                global_defs {\n default_interface eth0\n}\n";
    let (model, log) = model(text);
    assert!(log.is_empty(), "{log:?}");
    let [first, host, v6, peer] = &model.static_addresses[..] else { panic!() };
    assert_eq!((first.link.as_str(), first.scope, first.label.as_deref()), ("eth1", 253, Some("eth1:7")));
    assert_eq!((first.broadcast, first.no_track), (Some(Ipv4Addr::new(192, 0, 2, 255)), true));
    assert_eq!((host.net.prefix(), host.link.as_str(), host.broadcast), (32, "eth0", None));
    let flags = v6.flags;
    assert!(!flags.nodad && flags.home && flags.mngtmpaddr && flags.noprefixroute && flags.autojoin);
    assert_eq!(v6.preferred_lft, Some(30));
    assert_eq!(peer.peer.unwrap().to_string(), "198.51.100.2/30");
    assert_eq!(peer.broadcast, Some(Ipv4Addr::new(198, 51, 100, 0)));
}

#[test]
fn addresses_that_an_advert_has_no_room_for_are_moved() {
    let lines: String = (0..300).map(|n| format!(" 10.0.{}.{}\n", n / 200, n % 200 + 1)).collect();
    let text = |link: &str| {
        format!(
            "vrrp_instance VI {{\n interface {link}\n virtual_router_id 1\n virtual_ipaddress {{\n{lines} }}\n}}\n"
        )
    };
    let counts = |link| {
        let (model, log) = model(&text(link));
        assert_eq!(log.len(), 1, "{log:?}");
        (model.instances[0].protocol.addresses.len(), model.instances[0].excluded.len())
    };
    assert_eq!(counts("eth0"), (255, 45));
    assert_eq!(counts("short0"), ((576 - 20 - 8 - 8) / 4, 300 - 135));
}

#[test]
fn routes_in_their_common_forms() {
    let (vi, log) = instance(
        "virtual_routes {; 10.1.0.0/24 via 192.0.2.254 dev eth0 metric 5 table 100; src 192.0.2.1 to default via 192.0.2.254 dev eth0; \
         blackhole 10.2.0.0/16 no_track; 10.3.0.0/24 dev eth0 scope link mtu lock 1400 rtt 100ms; \
         10.4.0.0/16 nexthop via 192.0.2.2 dev eth0 weight 3 nexthop via 192.0.2.3 dev eth1; inet6 default via fe80::1 dev eth0; \
         10.5.0.0/24 via 192.0.2.254; 10.6.0.0/24 dev eth0 foo; 10.7.0.0/24; }",
    );
    let shown: Vec<String> = vi.routes.iter().map(|r| r.destination.to_string()).collect();
    assert_eq!(
        shown,
        ["10.1.0.0/24", "0.0.0.0/0", "10.2.0.0/16", "10.3.0.0/24", "10.4.0.0/16", "::/0", "10.5.0.0/24"]
    );
    let r = &vi.routes[0];
    assert_eq!(
        (r.table, r.metric, r.protocol, r.hops[0].gateway),
        (100, 5, 18, Some("192.0.2.254".parse().unwrap()))
    );
    assert_eq!(vi.routes[1].source, Some("192.0.2.1".parse().unwrap()));
    assert_eq!((vi.routes[2].kind, vi.routes[2].hops.len()), (RouteKind::Blackhole, 0));
    let r = &vi.routes[3];
    assert_eq!(
        (r.scope, r.metrics[0].value, r.metrics[0].locked, r.metrics[1].value),
        (Some(253), 1_400, true, 800)
    );
    assert_eq!(vi.routes[4].hops.iter().map(|h| h.weight).collect::<Vec<_>>(), [3, 1]);
    assert_eq!((vi.routes[5].family, vi.routes[6].no_track), (Family::V6, true));
    assert_eq!(
        log,
        [
            "(Line 11) Warning - cannot track route 10.5.0.0/24 with no interface specified, not tracking",
            "(Line 12) unknown route keyword foo",
            "(Line 13) this route leads nowhere",
        ]
    );
}

#[test]
fn what_is_tracked_becomes_one_list_with_ids() {
    let text = "vrrp_script chk {\n script \"/bin/chk -a 'b c'\"\n interval 0.5\n fall 3\n weight -20\n}\n\
                vrrp_script other {\n script /bin/other\n}\n\
                track_file f {\n file /run/f\n weight 2 reverse\n init_file 7 overwrite\n}\n\
                vrrp_instance A {\n interface eth0\n virtual_router_id 1\n track_interface {\n eth1 weight 254\n eth0\n }\n\
                track_script {\n chk\n chk\n later\n }\n track_file {\n f weight 1 noreverse\n }\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n\
                vrrp_script later {\n script /bin/later\n}\n\
                vrrp_instance B {\n interface eth0\n virtual_router_id 2\n track_script {\n chk weight 5 reverse\n }\n virtual_ipaddress {\n 192.0.2.2\n }\n}\n";
    let (model, log) = model(text);
    let names: Vec<&str> = model.trackers.iter().map(|t| &*t.name).collect();
    assert_eq!(names, ["eth1", "chk", "f"]);
    let tracks = |n: usize| -> Vec<(usize, i16, bool)> {
        model.instances[n]
            .protocol
            .tracks
            .iter()
            .map(|t| (t.tracker.index(), t.weight.get(), t.reverse))
            .collect()
    };
    assert_eq!(tracks(0), [(0, 253, false), (1, -20, false), (2, 1, false)]);
    assert_eq!(tracks(1), [(1, 5, true)]);
    let TrackerSource::Script(chk) = &model.trackers[1].source else { panic!() };
    assert_eq!(
        (chk.interval, chk.timeout, chk.rise, chk.fall),
        (Duration::from_millis(500), Duration::from_millis(500), 1, 3)
    );
    let argv: Vec<&str> = chk.command.argv.iter().map(|w| &**w).collect();
    assert_eq!(argv, ["/bin/chk", "-a", "b c"]);
    assert_eq!((chk.command.user.uid, chk.command.user.gid), (300, 400), "the account keepalived_script");
    let TrackerSource::File(f) = &model.trackers[2].source else { panic!() };
    assert_eq!((&*f.path, f.init, f.overwrite), ("/run/f", Some(7), true));
    for line in [
        "(Line 19) (A) weight for eth1 cannot be +/-254. Setting to +/-253",
        "(A) Ignoring track_interface eth0 since own interface",
        "(Line 24) (A) duplicate track_script chk - ignoring",
        "(Line 25) (A) track script later not found, ignoring...",
        "Warning - script other is not used",
        "Warning - script later is not used",
        "SECURITY VIOLATION - scripts are being executed but script_security not enabled.",
    ] {
        assert!(log.iter().any(|l| l == line), "{line}\n{log:#?}");
    }
}

#[test]
fn members_of_a_group_share_its_trackers_and_lose_weights_of_their_own() {
    let instance = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n track_script {{\n w\n f\n }}\n virtual_ipaddress {{\n 192.0.2.{vrid}\n }}\n}}\n"
        )
    };
    let scripts = "vrrp_script w {\n script /bin/w\n weight 5\n}\nvrrp_script f {\n script /bin/f\n}\nvrrp_script g {\n script /bin/g\n weight 9\n}\n";
    let group = "vrrp_sync_group G {\n group {\n A B\n nobody\n }\n track_script {\n g\n }\n notify /bin/n\n}\nvrrp_sync_group H {\n group {\n B\n C\n }\n sync_group_tracking_weight\n}\n";
    let (model, log) =
        model(&format!("{scripts}{}{}{}{group}", instance("A", 1), instance("B", 2), instance("C", 3)));
    let tracks = |n: usize| -> Vec<(String, i16)> {
        let all = model.instances[n].protocol.tracks.iter();
        all.map(|t| (model.trackers[t.tracker.index()].name.to_string(), t.weight.get())).collect()
    };
    assert_eq!(tracks(0), [("f".into(), 0), ("g".into(), 9)]);
    assert_eq!(tracks(0), tracks(1));
    assert_eq!(tracks(2), [("w".into(), 5), ("f".into(), 0)]);
    let members: Vec<usize> = model.groups[0].protocol.members.iter().map(|m| m.index()).collect();
    assert_eq!((members, model.groups[1].protocol.members.len()), (vec![0, 1], 1));
    assert_eq!(model.instances[1].protocol.group.map(|g| g.index()), Some(0));
    for line in [
        "(A) ignoring tracked script w with weights due to SYNC group",
        "Virtual router nobody specified in sync group G doesn't exist - ignoring",
        "Virtual router B cannot exist in more than one sync group; ignoring H",
        "Sync group H has only 1 virtual router(s) - this probably isn't what you want",
    ] {
        assert!(log.iter().any(|l| l == line), "{line}\n{log:#?}");
    }
}

#[test]
fn in_a_group_a_weighted_interface_is_a_fault_and_a_script_that_nobody_tracks_any_more_is_not_run() {
    let instance = |name: &str, vrid: u8, tracks: &str| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n{tracks} virtual_ipaddress {{\n 192.0.2.{vrid}\n }}\n}}\n"
        )
    };
    let scripts = "vrrp_script w {\n script /bin/w\n weight 5\n}\nvrrp_script f {\n script /bin/f\n}\n";
    let a = " track_script {\n w\n f\n }\n track_interface {\n eth1 weight 5\n }\n";
    let group = "vrrp_sync_group G {\n group {\n A B\n }\n}\n";
    let (model, log) = model(&format!("{scripts}{}{}{group}", instance("A", 1, a), instance("B", 2, "")));
    let names: Vec<&str> = model.trackers.iter().map(|t| &*t.name).collect();
    assert_eq!(names, ["eth1", "f"]);
    let tracks: Vec<(usize, i16)> =
        model.instances[0].protocol.tracks.iter().map(|t| (t.tracker.index(), t.weight.get())).collect();
    assert_eq!(tracks, [(1, 0), (0, 0)]);
    for line in
        ["(A) ignoring eth1 tracked interface weight due to SYNC group", "Warning - script w is not used"]
    {
        assert!(log.iter().any(|l| l == line), "{line}\n{log:#?}");
    }
}

#[test]
fn global_settings_reach_the_instances() {
    let text = "global_defs {\n router_id r1\n vrrp_version 3\n vrrp_mcast_group4 224.0.0.50\n vrrp_garp_master_repeat 2\n vrrp_garp_master_delay 7\n \
                vrrp_garp_master_refresh 60\n vrrp_garp_interval 0.001\n vrrp_down_timer_adverts 4\n vrrp_check_unicast_src\n vrrp_skip_check_adv_addr\n \
                v3_checksum_as_v2\n vrrp_lower_prio_no_advert\n vrrp_higher_prio_send_advert\n vrrp_notify_priority_changes\n vrrp_rt_priority 200\n \
                vrrp_priority -5\n vrrp_no_swap\n vrrp_cpu_affinity 1 3\n umask IRWXG|IRWXO\n vrrp_startup_delay 2.5\n script_user root\n process_names\n \
                notify_fifo /run/fifo root\n notify_fifo_script /bin/reader\n vrrp_rx_bufs_policy MTU\n}\ninstance one\n\
                vrrp_instance VI {\n interface eth0\n virtual_router_id 1\n garp_master_repeat 1\n virtual_ipaddress {\n 192.0.2.1\n }\n notify /bin/n\n}\n";
    let (model, log) = model(text);
    let (g, vi) = (&model.global, &model.instances[0]);
    assert_eq!((&*g.router_id, g.instance.as_deref(), g.use_pid_dir), ("r1", Some("one"), true));
    assert_eq!(
        (g.garp_interval, g.startup_delay, g.umask),
        (Duration::from_millis(1), Duration::from_millis(2_500), Some(0o077))
    );
    let s = &g.vrrp_process;
    assert_eq!((s.nice, s.realtime, s.no_swap, &s.cpus[..]), (Some(-5), Some(99), true, &[1, 3][..]));
    assert_eq!(g.vrrp_process_name.as_deref(), Some("keepalived_vrrp"));
    let fifo = g.notify_fifo.as_ref().unwrap();
    assert_eq!(
        (&*fifo.path, fifo.owner.map(|o| o.uid), &*fifo.script.as_ref().unwrap().path),
        ("/run/fifo", Some(0), "/bin/reader")
    );
    let p = &vi.protocol;
    assert_eq!((p.version, p.down_timer_adverts, p.checksum), (Version::V3, 4, ChecksumKind::MessageOnly));
    assert_eq!(p.peers, Peers::Multicast("224.0.0.50".parse().unwrap()));
    assert!(
        p.skip_check_adv_addr
            && p.lower_prio_no_advert
            && p.higher_prio_send_advert
            && vi.notify.priority_changes
    );
    assert_eq!(
        (vi.garp.repeat, vi.garp.delay, vi.garp.refresh, vi.garp.lower_prio_repeat),
        (1, secs(7), secs(60), 2)
    );
    assert_eq!(vi.receive_buffer, Some(4_500));
    assert_eq!(vi.notify.any.as_ref().unwrap().user.uid, 0);
    assert_eq!(log[0], "(Line 16) number '200' outside range [1, 99]");
}

#[test]
fn the_strict_mode_resets_what_the_rfc_does_not_know() {
    let (vi, log) = instance(
        "strict_mode; down_timer_adverts 5; higher_prio_send_advert; garp_lower_prio_repeat 3; authentication { auth_type PASS; auth_pass a }",
    );
    let p = &vi.protocol;
    assert_eq!((p.down_timer_adverts, p.higher_prio_send_advert, p.lower_prio_no_advert), (3, false, true));
    assert_eq!((vi.garp.lower_prio_repeat, &p.auth), (0, &Auth::None));
    assert_eq!(log.len(), 4, "{log:?}");
    assert!(instance("strict_mode; priority 255").0.protocol.owner_ignore_adverts);
}

#[test]
fn the_same_number_on_another_link_or_for_other_peers_is_another_router() {
    let one = |name: &str, link: &str, more: &str| {
        format!(
            "vrrp_instance {name} {{\n interface {link}\n virtual_router_id 1\n {more}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        )
    };
    let peer = |n: u8| format!("unicast_peer {{\n 192.0.2.{n}\n }}");
    let text = one("A", "eth0", "")
        + &one("B", "eth1", "")
        + &one("C", "eth0", &peer(8))
        + &one("D", "eth0", &peer(9))
        + &one("E", "eth0", "mcast_dst_ip 224.0.0.99");
    assert_eq!(model(&text).0.instances.len(), 5);
    let same = one("A", "eth0", &peer(8)) + &one("B", "eth0", &peer(8));
    let loaded = load(&world().file("/k.conf", same), &Options::new("/k.conf"));
    assert_eq!(loaded.exits.run, Some(2));
    assert!(loaded.log_lines().any(|l| l == "A and B both use VRID 1 with IPv4 on interface eth0"));
}

#[test]
fn an_instance_without_addresses_runs_with_version_2_only() {
    let text =
        |more: &str| format!("vrrp_instance A {{\n interface eth0\n virtual_router_id 1\n {more}\n}}\n");
    let log = |more: &str| {
        let loaded = load(&world().file("/k.conf", text(more)), &Options::new("/k.conf"));
        (loaded.exits.run, loaded.log_lines().collect::<Vec<_>>().join("|"))
    };
    assert_eq!(log(""), (None, "(A) No VIP specified; at least one is sensible".into()));
    assert_eq!(log("version 3"), (Some(2), "(A) No VIP specified; at least one is required".into()));
    assert_eq!(log("version 3\n no_virtual_ipaddress"), (None, String::new()));
}

#[test]
fn script_security_leaves_insecure_scripts_out() {
    let text = "global_defs {\n script_user root\n enable_script_security\n}\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n notify /tmp/n\n notify_master /bin/m\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n";
    let open = |text: &str| {
        load(&world().insecure_program("/tmp/n").file("/k.conf", text), &Options::new("/k.conf"))
    };
    let loaded = open(text);
    let notify = &loaded.model.as_ref().unwrap().instances[0].notify;
    assert!(notify.any.is_none() && notify.master.is_some());
    assert_eq!(
        loaded.log_lines().collect::<Vec<_>>(),
        ["Unsafe permissions found for script '/tmp/n' - disabling."]
    );
    assert_eq!(loaded.exits.test, 6);
    let loaded = open(&text.replace(" enable_script_security\n", ""));
    assert!(loaded.model.as_ref().unwrap().instances[0].notify.any.is_some());
    assert!(loaded.log_lines().any(|l| l.ends_with("There are insecure scripts.")));
}

#[test]
fn the_lease_is_on_where_the_formula_leaves_room_and_said_to_be_too_long_where_it_does_not() {
    let lease = |lines: &str| {
        let (vi, log) = instance(lines);
        (vi.lease, log.len())
    };
    assert_eq!(lease(""), (Some(2), 0));
    assert_eq!(lease("version 3; advert_int 10"), (Some(29), 0));
    assert_eq!(lease("version 3; advert_int 0.5; down_timer_adverts 5"), (None, 0), "below 1 s");
    assert_eq!(lease("down_timer_adverts 2"), (None, 0), "no room");
    assert_eq!(lease("vip_lease off"), (None, 0));
    assert_eq!((lease("vip_lease"), lease("vip_lease on")), ((Some(2), 0), (Some(2), 0)));
    assert_eq!(lease("vip_lease 2"), (Some(2), 0));
    assert_eq!(lease("version 3; advert_int 0.5; down_timer_adverts 5; vip_lease on"), (Some(1), 0));
    // Told, each in one line.
    assert_eq!(lease("down_timer_adverts 2; vip_lease on"), (None, 1));
    assert_eq!(lease("version 3; advert_int 0.1; vip_lease on"), (None, 1));
    assert_eq!(lease("vip_lease 5"), (Some(5), 1));
    assert_eq!(lease("vip_lease 1"), (Some(2), 1));
    assert_eq!(lease("vip_lease 0"), (Some(2), 1));
    assert_eq!(lease("vip_lease perhaps"), (Some(2), 1));
    let (_, log) = instance("vip_lease 5");
    assert!(log[0].contains("may outlive a dead daemon") && log[0].contains("3.00"), "{log:?}");
}

#[test]
fn an_instance_decides_about_its_lease_against_the_global_setting_and_very_many_have_none() {
    let text = |global: &str, own: &str, addresses: usize| {
        let list: String = (0..addresses).map(|n| format!("10.{}.{}.1/32\n", n / 200, n % 200)).collect();
        format!(
            "global_defs {{\n{global}\n}}\nvrrp_instance VI {{\n interface eth0\n virtual_router_id 7\n {own}\n \
             virtual_ipaddress {{\n192.0.2.1/24\n}}\n virtual_ipaddress_excluded {{\n{list}}}\n}}\n"
        )
    };
    let lease = |global, own, addresses| {
        let (model, log) = model(&text(global, own, addresses));
        (model.instances[0].lease, log.len())
    };
    assert_eq!(lease("vip_lease off", "", 0), (None, 0));
    assert_eq!(lease("vip_lease off", "vip_lease on", 0), (Some(2), 0));
    assert_eq!(lease("vip_lease on", "vip_lease off", 0), (None, 0));
    assert_eq!(lease("", "", 1_999), (Some(2), 0));
    assert_eq!(lease("", "", 2_000), (None, 1), "2,001 renewals a second");
    assert_eq!(lease("vip_lease on", "", 2_000), (Some(2), 0));
    assert_eq!(lease("vip_lease off", "", 2_000), (None, 0));
    assert_eq!(lease("", "advert_int 2", 2_000), (Some(5), 0));
}
