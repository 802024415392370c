//! Load balancing: what a configuration means.

use std::net::IpAddr;

use base::{Duration, Family};
use model::Model;
use model::lvs::{
    Checker, Destination, DnsType, Forwarding, GroupEntry, HttpVersion, MaskedByte, Probe, Protocol, Quorum,
    RealServer, Scheduler, Sni, SyncRole, Tunnel, TunnelChecksum, TunnelKind, VirtualServer,
};
use vipd_config::{Account, Loaded, MapSource, Options, load};

fn world() -> MapSource {
    MapSource::new().user("keepalived_script", Account { uid: 300, gid: 400 })
}

fn load_text(text: &str) -> Loaded {
    load(&world().file("/k.conf", text), &Options::new("/k.conf"))
}

/// What there is to say besides that it has no effect yet.
fn log(loaded: &Loaded) -> Vec<String> {
    loaded.log_lines().filter(|line| !line.contains("has no effect yet")).collect()
}

#[track_caller]
fn model(text: &str) -> Model {
    let loaded = load_text(text);
    let shown = loaded.render(false);
    assert_eq!(log(&loaded), [""; 0], "{shown}");
    loaded.model.unwrap_or_else(|| panic!("{shown}"))
}

const BASICS: &str = "protocol TCP\nlvs_sched rr\nlvs_method NAT\n";
const SERVER: &str = "real_server 198.51.100.1 8080 {\n}\n";

/// A virtual server; `;` ends a line.
fn service(head: &str, lines: &str) -> String {
    format!("virtual_server {head} {{\n{}\n}}\n", lines.replace(';', "\n"))
}

/// The only virtual server of a configuration without faults.
#[track_caller]
fn one(head: &str, lines: &str) -> VirtualServer {
    model(&service(head, lines)).lvs.services.remove(0)
}

/// The only real server with these lines in it.
#[track_caller]
fn server(lines: &str) -> RealServer {
    one("192.0.2.1 80", &format!("{BASICS}real_server 198.51.100.1 8080 {{\n{lines}\n}}")).servers.remove(0)
}

/// The only check of that server.
#[track_caller]
fn checker(lines: &str) -> Checker {
    Checker::clone(&server(lines).checkers[0])
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_virtual_server_with_nothing_but_the_least_has_keepalived_s_defaults() {
    let VirtualServer { service, servers } = one("192.0.2.1 80", &format!("{BASICS}{SERVER}"));
    let address = Destination::Address { address: ip("192.0.2.1"), port: 80, protocol: Protocol::Tcp };
    assert_eq!((service.destination, service.family), (address, Family::V4));
    assert_eq!(
        (service.scheduler, service.quorum),
        (Scheduler::RoundRobin, Quorum { weight: 1, hysteresis: 0 })
    );
    assert_eq!((service.persistence, service.sorry), (None, None));
    assert!(!service.one_packet && !service.omega && !service.ha_suspend && !service.smtp_alert);
    let server = &servers[0];
    assert_eq!((server.address, server.port, server.weight), (ip("198.51.100.1"), 8080, 1));
    assert_eq!((server.forwarding, server.upper_threshold, server.lower_threshold), (Forwarding::Nat, 0, 0));
    assert!(!server.inhibit && server.smtp_alert && server.checkers.is_empty());
}

#[test]
fn what_is_missing_is_told_and_set() {
    let loaded = load_text(&service("192.0.2.1 80", SERVER));
    assert_eq!(
        log(&loaded),
        [
            "Virtual server [192.0.2.1]:none:80: no protocol set - defaulting to UDP",
            "Virtual server [192.0.2.1]:udp:80: no scheduler set, setting default 'wlc'",
            "Virtual server [192.0.2.1]:udp:80: no forwarding method set, setting default NAT",
        ]
    );
    assert_eq!((loaded.exits.run, loaded.exits.test), (None, 5));
    let service = &loaded.model.unwrap().lvs.services[0].service;
    assert_eq!(service.scheduler, Scheduler::WeightedLeastConnection);
}

#[test]
fn real_servers_have_what_their_service_says_and_checks_what_their_server_says() {
    let lines = "delay_loop 7; delay_before_retry 2; warmup 0; connect_timeout 3; retry 4; alpha; weight 9; \
                 inhibit_on_failure; virtualhost www.example";
    let inner = "real_server 198.51.100.1 8080 {; TCP_CHECK {; retry 0; }; }; \
                 real_server 198.51.100.2 8080 {; weight 0; delay_loop 8; alpha off; inhibit_on_failure off; \
                 HTTP_GET {; url {; path /; }; delay_before_retry 1.5; connect_port 81; }; }";
    let service = one("192.0.2.1 80", &format!("{BASICS}{lines}\n{inner}"));
    let [first, second] = service.servers.as_slice() else { panic!("{service:?}") };
    assert_eq!((first.weight, first.inhibit, second.weight, second.inhibit), (9, true, 0, false));
    let schedule = first.checkers[0].schedule;
    assert_eq!(
        (schedule.delay_loop, schedule.delay_before_retry, schedule.warmup),
        (secs(7), secs(2), secs(0))
    );
    assert_eq!((schedule.retry, schedule.alpha), (0, true));
    let Probe::Tcp(connect) = &first.checkers[0].probe else { panic!() };
    assert_eq!((connect.address, connect.port, connect.timeout), (ip("198.51.100.1"), 8080, secs(3)));
    let schedule = second.checkers[0].schedule;
    assert_eq!((schedule.delay_loop, schedule.delay_before_retry), (secs(8), Duration::from_millis(1_500)));
    assert_eq!((schedule.retry, schedule.alpha), (4, false));
    let Probe::Http(connect, http) = &second.checkers[0].probe else { panic!() };
    assert_eq!((connect.port, http.urls[0].host.as_deref()), (81, Some("www.example")));
}

#[test]
fn each_kind_of_check_has_defaults_of_its_own() {
    let times = |lines: &str| {
        let s = checker(lines).schedule;
        (s.delay_loop, s.retry, s.delay_before_retry, s.warmup)
    };
    let minute = secs(60);
    for check in ["TCP_CHECK {\n}", "PING_CHECK {\n}", "UDP_CHECK {\n}", "SMTP_CHECK {\n}"] {
        assert_eq!(times(check), (minute, 1, secs(1), minute), "{check}");
    }
    assert_eq!(times("HTTP_GET {\nurl {\npath /\n}\n}"), (minute, 1, secs(3), minute));
    assert_eq!(times("SSL_GET {\nurl {\npath /\n}\n}"), (minute, 1, secs(3), minute));
    assert_eq!(times("DNS_CHECK {\n}"), (minute, 3, minute, minute));
    assert_eq!(times("DNS_CHECK {\ndelay_loop 5\n}"), (secs(5), 3, secs(5), secs(5)));
}

#[test]
fn forwarding_has_tunnels_with_options() {
    let forwarding = |text: &str| {
        let server = format!("real_server 198.51.100.1 {{\nlvs_method {text}\n}}");
        one("192.0.2.1 80", &format!("{BASICS}{server}")).servers[0].forwarding
    };
    let tunnel = |kind, checksum| Forwarding::Tunnel(Tunnel { kind, checksum });
    assert_eq!(forwarding("TUN"), tunnel(TunnelKind::Ipip, TunnelChecksum::None));
    assert_eq!(
        forwarding("TUN type gue port 6080 remcsum"),
        tunnel(TunnelKind::Gue(6080), TunnelChecksum::Remote)
    );
    assert_eq!(forwarding("TUN type gre csum"), tunnel(TunnelKind::Gre, TunnelChecksum::On));
    assert_eq!(forwarding("DR"), Forwarding::Direct);
}

#[test]
fn servers_have_the_port_of_the_service_unless_nat_is_used() {
    let ports = |head: &str, lines: &str| {
        let text = service(head, &format!("protocol TCP\nlvs_sched rr\n{lines}"));
        let services = load_text(&text).model.unwrap().lvs.services;
        services[0].servers.iter().map(|s| s.port).collect::<Vec<_>>()
    };
    let two = "real_server 198.51.100.1 {; }; real_server 198.51.100.2 81 {; }";
    assert_eq!(ports("192.0.2.1 80", &format!("lvs_method NAT; {two}")), [80, 81]);
    assert_eq!(ports("192.0.2.1 80", &format!("lvs_method DR; {two}")), [80, 80]);
    let none = "persistence_timeout 50; lvs_method NAT; real_server 198.51.100.1 0 {; }";
    assert_eq!(ports("192.0.2.1 0", none), [0]);
    assert_eq!(ports("fwmark 5", &format!("lvs_method NAT; {two}")), [0, 81]);
    assert_eq!(ports("fwmark 5", &format!("lvs_method DR; {two}")), [0, 0]);
    let group = |text: String| {
        let services = load_text(&format!("virtual_server_group G {{\n192.0.2.1 80\n}}\n{text}"))
            .model
            .unwrap()
            .lvs
            .services;
        services[0].servers.iter().map(|s| s.port).collect::<Vec<_>>()
    };
    let lines = format!("protocol TCP\nlvs_sched rr\nlvs_method DR; {two}");
    assert_eq!(group(service("group G", &lines)), [0, 81]);
}

#[test]
fn families_agree_unless_there_is_a_tunnel() {
    let six = "protocol TCP; lvs_sched rr; lvs_method TUN; real_server 2001:db8::1 80 {; }";
    assert_eq!(one("192.0.2.1 80", six).servers.len(), 1);
    assert_eq!(
        one("fwmark 5", "lvs_sched rr; lvs_method TUN; real_server 2001:db8::1 {; }").service.family,
        Family::V6
    );
    assert_eq!(
        one("fwmark 5", "lvs_sched rr; lvs_method NAT; real_server 2001:db8::1 80 {; }").service.family,
        Family::V6
    );
    let mixed = "lvs_sched rr; lvs_method TUN; real_server 2001:db8::1 {; }; real_server 198.51.100.1 {; }";
    assert_eq!(one("fwmark 5", mixed).service.family, Family::V4);
}

#[test]
fn persistence_has_a_timeout_and_a_granularity() {
    let persistence = |head: &str, lines: &str, server: &str| {
        one(head, &format!("{BASICS}{lines}\n{server}")).service.persistence
    };
    let read = |lines| persistence("192.0.2.1 80", lines, SERVER).map(|p| (p.timeout, p.granularity));
    assert_eq!(read("persistence_timeout"), Some((secs(360), u32::MAX)));
    assert_eq!(
        read("persistence_timeout 50; persistence_granularity 255.255.255.0"),
        Some((secs(50), 0xffff_ff00))
    );
    assert_eq!(read("persistence_granularity 24"), Some((secs(360), 0xffff_ff00)));
    let six = "real_server 2001:db8::2 80 {\n}";
    let read = |lines| persistence("2001:db8::1 80", lines, six).map(|p| p.granularity);
    assert_eq!(read("persistence_timeout 5"), Some(128));
    assert_eq!(read("persistence_granularity 64"), Some(64));
    let engine = persistence("192.0.2.1 80", "persistence_timeout 5; persistence_engine sip", SERVER);
    assert_eq!(engine.unwrap().engine.as_deref(), Some("sip"));
}

#[test]
fn groups_hold_addresses_ranges_and_marks() {
    let group = "virtual_server_group G {\n192.0.2.1 80\n192.0.2.10-12 80\n192.0.2.20-192.0.3.1 80\n192.0.2.32/30 80\n\
                 2001:db8::1-ff 80\nfwmark 7 inet6\n}\n";
    let model =
        model(&format!("{group}{}", service("group G", &format!("{BASICS}lvs_method TUN\n{SERVER}"))));
    let entries = &model.lvs.groups[0].entries;
    let range = |entry: &GroupEntry| match entry {
        GroupEntry::Addresses(range, port) => (range.first.to_string(), range.last.to_string(), *port),
        GroupEntry::Mark(mark, family) => (mark.to_string(), format!("{family:?}"), 0),
    };
    let shown: Vec<_> = entries.iter().map(range).collect();
    let expected = [
        ("192.0.2.1", "192.0.2.1", 80),
        ("192.0.2.10", "192.0.2.12", 80),
        ("192.0.2.20", "192.0.3.1", 80),
        ("192.0.2.32", "192.0.2.35", 80),
        ("2001:db8::1", "2001:db8::ff", 80),
        ("7", "Some(V6)", 0),
    ];
    assert_eq!(shown, expected.map(|(a, b, port)| (a.to_owned(), b.to_owned(), port)));
    let destination = model.lvs.services[0].service.destination;
    assert!(
        matches!(destination, Destination::Group { group, protocol: Some(Protocol::Tcp) } if group.index() == 0)
    );
}

#[test]
fn http_checks_know_their_pages_hosts_and_names() {
    let check = checker(
        "virtualhost server.example\nSSL_GET {\nenable_sni\nhttp_protocol 1.0c\nvirtualhost check.example\nurl {\n\
         path /a\nstatus_code 200 404-405\ndigest 9b3a0c85a887a256d6939da88aabd8cd\nregex \"a\\\\d\"\nregex_no_match\n\
         regex_options caseless\nregex_stack 10 20\nregex_max_offset 9\n}\nurl {\npath /b\nvirtualhost url.example\n}\n}",
    );
    let Probe::Ssl(_, http) = &check.probe else { panic!("{check:?}") };
    assert_eq!(
        (http.version, &http.sni),
        (HttpVersion::V1_0Close, &Sni::VirtualHost(Some("check.example".into())))
    );
    let [a, b] = http.urls.as_slice() else { panic!("{http:?}") };
    assert_eq!((a.host.as_deref(), b.host.as_deref()), (Some("check.example"), Some("url.example")));
    assert_eq!(a.status.ranges().collect::<Vec<_>>(), [(200, 200), (404, 405)]);
    assert_eq!(b.status.ranges().collect::<Vec<_>>(), [(200, 299)]);
    assert_eq!(a.digest.unwrap()[..3], [0x9b, 0x3a, 0x0c]);
    let regex = a.regex.as_deref().unwrap();
    assert_eq!((&*regex.pattern, regex.inverted, regex.stack), ("a\\d", true, Some((10, 20))));
    assert_eq!((regex.offsets.max, regex.options.names().collect::<Vec<_>>()), (Some(9), vec!["caseless"]));
    // keepalived does not look at the name of the real server for SNI.
    let check = checker("virtualhost server.example\nSSL_GET {\nenable_sni\nurl {\npath /\n}\n}");
    let Probe::Ssl(_, http) = &check.probe else { panic!("{check:?}") };
    assert_eq!(http.sni, Sni::VirtualHost(None));
}

#[test]
fn the_other_checks_have_their_own_keywords() {
    let Probe::Dns(_, dns) = checker("DNS_CHECK {\ntype aaaa\nname a.example\n}").probe else { panic!() };
    assert_eq!((dns.kind, &*dns.name), (DnsType::Aaaa, "a.example"));
    for (written, name) in [("a.example.", "a.example"), (".", ".")] {
        let Probe::Dns(_, dns) = checker(&format!("DNS_CHECK {{\nname {written}\n}}")).probe else {
            panic!()
        };
        assert_eq!(&*dns.name, name);
    }
    let Probe::Udp(_, udp) = checker("UDP_CHECK {\npayload 00 ff 1\nrequire_reply 0X\n}").probe else {
        panic!()
    };
    assert_eq!(udp.payload.as_deref(), Some(&[0, 0xff, 1][..]));
    assert_eq!(udp.reply.as_deref(), Some(&[MaskedByte { value: 0, mask: 0xf0 }][..]));
    let Probe::Udp(_, udp) = checker("UDP_CHECK {\nrequire_reply\n}").probe else { panic!() };
    assert_eq!(udp.reply.as_deref(), Some(&[][..]), "any answer does");
    let hosts =
        "SMTP_CHECK {\nhelo_name me\nretry 9\nhost {\nconnect_ip 198.51.100.9\n}\nhost {\nretry 2\n}\n}";
    let loaded = load_text(&service(
        "192.0.2.1 80",
        &format!("{BASICS}real_server 198.51.100.1 8080 {{\n{hosts}\n}}"),
    ));
    let deprecated = "The SMTP_CHECK host block is deprecated. Please define additional checkers.";
    assert_eq!(log(&loaded), [deprecated]);
    let server = loaded.model.unwrap().lvs.services.remove(0).servers.remove(0);
    let [own, first, second] = &*server.checkers else { panic!("{server:?}") };
    assert_eq!((own.schedule.retry, first.schedule.retry, second.schedule.retry), (9, 9, 2));
    let Probe::Smtp(connect, smtp) = &first.probe else { panic!() };
    assert_eq!((connect.address, &*smtp.helo_name), (ip("198.51.100.9"), "me"));
    let origin = checker("TCP_CHECK {\nbindto 192.0.2.9\nbind_port 99\nbind_if eth0\nfwmark 3\n}").probe;
    let Probe::Tcp(connect) = origin else { panic!() };
    let origin = connect.origin.unwrap();
    assert_eq!((origin.address, origin.port, origin.mark), (Some(ip("192.0.2.9")), Some(99), 3));
}

#[test]
fn commands_of_checks_are_looked_up_as_other_commands() {
    let text = service(
        "192.0.2.1 80",
        &format!(
            "{BASICS}quorum_up \"/up a\"\nreal_server 198.51.100.1 80 {{\nnotify_down /down\nMISC_CHECK {{\n\
             misc_path \"/check x\"\nmisc_timeout 0\nmisc_dynamic\n}}\nMISC_CHECK {{\nmisc_path /gone\n}}\n}}"
        ),
    );
    let loaded = load(&world().without_program("/gone").file("/k.conf", &text), &Options::new("/k.conf"));
    assert_eq!(loaded.exits.test, 6);
    let security = "SECURITY VIOLATION - check scripts are being executed but script_security not enabled.";
    assert!(log(&loaded).iter().any(|line| line == security), "{:#?}", log(&loaded));
    let service = &loaded.model.unwrap().lvs.services[0];
    assert_eq!(service.service.quorum_up.as_ref().unwrap().argv.len(), 2);
    let server = &service.servers[0];
    assert_eq!(&*server.notify_down.as_ref().unwrap().text, "/down");
    let [Probe::Misc(misc)] = server.checkers.iter().map(|c| &c.probe).collect::<Vec<_>>()[..] else {
        panic!("{server:?}")
    };
    assert_eq!((misc.timeout, misc.dynamic, misc.command.user.uid), (secs(60), true, 300));
}

#[test]
fn checks_follow_files_and_sessions_that_are_defined_before() {
    let follow = |first: &str, lines: &str, last: &str| {
        let text = format!(
            "{first}{}{last}",
            service("192.0.2.1 80", &format!("{BASICS}real_server 198.51.100.1 80 {{\n{lines}\n}}"))
        );
        load_text(&text)
    };
    let file = "track_file tf {\nfile /f\nweight 3 reverse\n}\n";
    let loaded =
        follow(file, "FILE_CHECK {\ntrack_file tf\n}\nFILE_CHECK {\ntrack_file tf\nweight -7\n}", "");
    assert_eq!(log(&loaded), [""; 0]);
    let lvs = loaded.model.unwrap().lvs;
    assert_eq!((&*lvs.files[0].path, lvs.files.len()), ("/f", 1));
    let weights = lvs.services[0].servers[0].checkers.iter().map(|c| match &c.probe {
        Probe::File(file) => (file.weight, file.reverse),
        other => panic!("{other:?}"),
    });
    assert_eq!(weights.collect::<Vec<_>>(), [(3, true), (-7, true)]);
    let loaded = follow("", "FILE_CHECK {\ntrack_file tf\n}", file);
    assert!(log(&loaded).contains(&"(Line 7) track_file tf not found".to_owned()), "{:#?}", log(&loaded));

    let session = "bfd_instance b {\nneighbor_ip 192.0.2.9\n}\n";
    let loaded = follow(session, "BFD_CHECK {\nname b\n}", "");
    assert_eq!(&*loaded.model.unwrap().lvs.bfds[0], "b");
    let loaded = follow("", "BFD_CHECK {\nname b\n}", session);
    assert_eq!(loaded.exits.test, 5);
}

#[test]
fn global_settings_of_load_balancing_and_mail_are_held() {
    let text = "net_namespace_ipvs blue\nglobal_defs {\nlvs_timeouts tcp 5 udp 0\nlvs_flush\nlvs_flush_on_stop VS\n\
        lvs_sync_daemon eth0 inst VI maxlen 1400 group 224.0.0.9\nnftables_ipvs\nchecker_priority -3\nchecker_rlimit_rttime 1\n\
        checker_log_all_failures\nsmtp_alert_checker\nsmtp_server mail.example 26\nnotification_email {\na@x b@x\nc@x\n}\n\
        notification_email_from me@x\nsmtp_connect_timeout 7\nno_email_faults\nrs_init_notifies\n}\n\
        vrrp_instance VI {\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n";
    let model = model(&format!(
        "{text}{}",
        service("192.0.2.1 80", &format!("{BASICS}real_server 198.51.100.1 80 {{\nTCP_CHECK {{\n}}\n}}"))
    ));
    let settings = &model.lvs.settings;
    assert_eq!((settings.timeouts.tcp, settings.timeouts.udp), (Some(secs(5)), None));
    assert!(settings.flush && settings.notify_initial);
    let daemon = settings.sync_daemon.as_ref().unwrap();
    assert!(matches!(daemon.role, SyncRole::Follows(instance) if instance.index() == 0));
    assert_eq!((daemon.id, daemon.max_len), (9, Some(1400)));
    let nftables = settings.nftables.as_ref().unwrap();
    assert_eq!((&*nftables.table, nftables.priority, nftables.first_mark), ("keepalived_ipvs", -1, 1000));
    assert_eq!((settings.process.nice, settings.process.rlimit_rttime), (Some(-3), Some(2)));
    let service = &model.lvs.services[0];
    assert!(service.service.smtp_alert && service.servers[0].checkers[0].schedule.log_all_failures);
    let mail = &model.mail;
    assert_eq!((mail.recipients.len(), mail.timeout, mail.about_faults), (3, secs(7), false));
    assert!(mail.is_possible() && !mail.alert_vrrp);
}

#[test]
fn ten_thousand_real_servers_of_one_service_are_compared_without_trouble() {
    let servers: String =
        (0..10_000).map(|n| format!("real_server 198.51.{}.{} 80 {{\n}}\n", n / 200, n % 200 + 1)).collect();
    let twice = "real_server 198.51.0.1 80 {\n}\nreal_server 198.51.49.200 80 {\n}\n";
    let loaded = load_text(&service("192.0.2.1 80", &format!("{BASICS}{servers}{twice}")));
    assert_eq!(log(&loaded).len(), 2, "{:#?}", log(&loaded));
    assert_eq!(loaded.model.unwrap().lvs.services[0].servers.len(), 10_000);
}

#[test]
fn a_password_for_mail_goes_over_tls_unless_it_is_said_otherwise() {
    use model::mail::MailTls;
    let tls = |lines: &str| {
        let text = format!(
            "global_defs {{\nsmtp_server mail.example\nnotification_email {{\na@x\n}}\n{lines}\n}}\n{}",
            service("192.0.2.1 80", &format!("{BASICS}real_server 198.51.100.1 80 {{\nTCP_CHECK {{\n}}\n}}"))
        );
        model(&text).mail.tls
    };
    assert_eq!(tls(""), MailTls::Off);
    assert_eq!(tls("smtp_auth me secret"), MailTls::StartTls);
    assert_eq!(tls("smtp_tls off\nsmtp_auth me secret"), MailTls::Off);
    assert_eq!(tls("smtp_auth me secret\nsmtp_tls wrapped"), MailTls::Wrapped);
}
