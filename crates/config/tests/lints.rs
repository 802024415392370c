//! Advice: each lint finds what it is for, leaves good configurations alone, and changes nothing else.

use std::net::Ipv4Addr;

use base::IpNet;
use vipd_config::{Code, Interface, Loaded, MapSource, Options, Severity, lints, load};

fn net(last: [u8; 4], prefix: u8) -> IpNet {
    IpNet::new(Ipv4Addr::from(last).into(), prefix).unwrap()
}

fn world() -> MapSource {
    MapSource::new()
        .interface("eth0", Interface::default())
        .interface("eth1", Interface::default())
        .address("eth0", net([192, 0, 2, 10], 24))
        .address("eth0", net([192, 0, 2, 1], 32))
}

fn advised(text: &str) -> Loaded {
    load(&world().file("/k.conf", text), &Options::new("/k.conf").with_advice())
}

/// The advice about `text`: the code, and what the caret points at.
fn advice(text: &str) -> Vec<(&'static str, String)> {
    let loaded = advised(text);
    assert!(loaded.model.is_some(), "{}", loaded.render(false));
    let of_lints = loaded.diagnostics.iter().filter(|d| lints().any(|code| *code == d.code));
    let pointed = |d: &vipd_config::Diagnostic| {
        let span = d.span.expect("advice has a place");
        text.get(span.range()).unwrap_or("").to_owned()
    };
    of_lints.map(|d| (d.code.name, pointed(d))).collect()
}

/// An instance with more lines.
fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n{lines}\n virtual_ipaddress {{\n 192.0.2.1/24\n }}\n}}\n"
    )
}

/// The same, tracking a script with `weight`.
fn tracking(weight: i32, lines: &str) -> String {
    let script = format!("vrrp_script check {{\n script /bin/check\n weight {weight}\n}}\n");
    script + &instance(&format!("{lines}\n track_script {{\n check\n }}"))
}

fn service(server: &str) -> String {
    format!(
        "virtual_server 192.0.2.1 80 {{\n delay_loop 10\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n{server}\n real_server 10.0.0.2 80 {{\n TCP_CHECK {{\n }}\n }}\n}}\n"
    )
}

fn assert_told(text: &str, code: &str, place: &str) {
    assert_eq!(advice(text), [(code, place.to_owned())], "{text}");
}

fn assert_silent(text: &str) {
    assert_eq!(advice(text), [], "{text}");
}

#[test]
fn a_weight_that_never_changes_the_priority_is_told() {
    let code = "weight-without-effect";
    assert_told(&tracking(10, " priority 254"), code, "check");
    assert_told(&tracking(-10, " priority 1"), code, "check");
    assert_told(&tracking(-10, " state MASTER\n priority 255"), code, "check");
    assert_silent(&tracking(-10, " priority 100"));
    assert_silent(&tracking(0, " priority 254"));
    let in_group = "vrrp_sync_group G {\n group {\n VI_1\n }\n track_script {\n check\n }\n}\n".to_owned();
    let script = "vrrp_script check {\n script /bin/check\n weight 10\n}\n";
    let found = advice(&(script.to_owned() + &in_group + &instance(" priority 254")));
    assert_eq!(found, [(code, "check".to_owned())], "the line of the group");
}

#[test]
fn weights_that_lift_the_priority_above_its_limit_are_told() {
    assert_told(&tracking(50, " priority 240"), "priority-above-limit", "priority 240");
    assert_silent(&tracking(14, " priority 240"));
    assert_silent(&tracking(-50, " priority 240"));
}

#[test]
fn a_weight_beside_nopreempt_is_told() {
    assert_told(&tracking(-20, " nopreempt"), "weight-with-nopreempt", "nopreempt");
    assert_silent(&tracking(0, " nopreempt"));
}

#[test]
fn addresses_that_the_strict_mode_makes_deaf_are_told() {
    let global = |text: String| "global_defs {\n vrrp_strict\n}\n".to_owned() + &text;
    let code = "strict-drops-packets";
    assert_told(&global(instance("")), code, "vrrp_strict");
    assert_told(&instance(" strict_mode on"), code, "strict_mode on");
    assert_silent(&global(instance(" version 3\n accept")));
    assert_silent(&global(instance(" strict_mode off")));
    assert_silent(&global(instance(" state MASTER\n priority 255")));
    assert_silent(&instance(" no_accept"));
}

#[test]
fn unicast_to_oneself_and_from_nowhere_is_told() {
    let unicast = |source: &str, peer: &str| instance(&format!("{source}\n unicast_peer {{\n {peer}\n }}"));
    let source = " unicast_src_ip 192.0.2.10";
    assert_told(&unicast(source, "192.0.2.10\n 192.0.2.11"), "own-address-as-peer", "192.0.2.10");
    assert_silent(&unicast(source, "192.0.2.11"));
    assert_told(&unicast("", "192.0.2.11"), "unicast-without-source", "unicast_peer");
    let both = advice(&unicast("", "192.0.2.10"));
    assert_eq!(both.len(), 2, "the interface has that address: {both:?}");
}

#[test]
fn announcements_without_end_are_told() {
    let refresh = |period: u32, repeat: u32| {
        instance(&format!(" garp_master_refresh {period}\n garp_master_refresh_repeat {repeat}"))
    };
    assert_told(&refresh(1, 50), "many-announcements", "garp_master_refresh 1");
    assert_silent(&refresh(1, 49));
    assert_silent(&refresh(60, 50));
}

#[test]
fn many_addresses_in_version_2_are_told() {
    let with = |version: u8, count: u8| {
        let lines: String = (1..=count).map(|n| format!(" 192.0.2.{}/24\n", 100 + n)).collect();
        instance("").replace("192.0.2.1/24", &lines).replace("51\n", &format!("51\n version {version}\n"))
    };
    assert_told(&with(2, 21), "many-addresses", "virtual_ipaddress");
    assert_silent(&with(2, 20));
    assert_silent(&with(3, 21));
}

#[test]
fn an_address_of_two_instances_is_told() {
    let second = instance("").replace("VI_1", "VI_2").replace("51", "52");
    let text = instance("") + &second;
    let found = advised(&text);
    let told: Vec<_> = found.diagnostics.iter().filter(|d| d.code == Code::SHARED_ADDRESS).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].others.len(), 1, "where the other one has it");
    assert_silent(&(instance("") + &second.replace("192.0.2.1/", "192.0.2.2/")));
    assert_silent(&(instance("") + &second.replace("192.0.2.1/24", "192.0.2.1/24 dev eth1")));
}

#[test]
fn an_address_outside_the_subnets_of_its_interface_is_told() {
    let code = "address-outside-subnets";
    assert_told(&instance("").replace("192.0.2.1/24", "192.0.3.1"), code, "192.0.3.1");
    assert_silent(&instance(""));
    assert_silent(&instance("").replace("192.0.2.1/24", "192.0.3.1 dev eth1"));
    assert_silent(&instance("").replace("192.0.2.1/24", "2001:db8::1/64"));
}

#[test]
fn members_of_a_group_with_different_priorities_are_told() {
    let group = "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n";
    let text = |p: u8, q: u8| {
        let second = instance(&format!(" priority {q}")).replace("VI_1", "VI_2").replace("51", "52");
        group.to_owned() + &instance(&format!(" priority {p}")) + &second.replace("192.0.2.1/", "192.0.2.2/")
    };
    assert_told(&text(150, 100), "group-priorities", "priority 100");
    assert_silent(&text(150, 150));
}

#[test]
fn a_command_for_a_shell_is_told() {
    let text = |command: &str| {
        format!(
            "vrrp_script check {{\n script \"{command}\"\n}}\n{}",
            instance(" track_script {\n check\n }")
        )
    };
    for command in
        ["/bin/pgrep x || exit 1", "/bin/a x; /bin/b", "/bin/ss -l | grep 80", "/bin/x > /dev/null"]
    {
        assert_told(&text(command), "shell-syntax", &format!("script \"{command}\""));
    }
    assert_silent(&text("/bin/sh -c 'pgrep x || exit 1'"));
    assert_silent(&text("/bin/curl http://127.0.0.1/?a&b"));
    assert_silent(&text("</var/run/ready"));
}

#[test]
fn a_check_that_outlasts_its_period_is_told() {
    let code = "timeout-beyond-interval";
    let script =
        |timeout: u8| tracking(0, "").replace("weight 0", &format!("interval 2\n timeout {timeout}"));
    assert_told(&script(3), code, "timeout 3");
    assert_silent(&script(2));
    let checked = |timeout: &str| service(&format!(" real_server 10.0.0.1 80 {{\n {timeout}\n }}"));
    assert_told(&checked("TCP_CHECK {\n connect_timeout 11\n }"), code, "connect_timeout 11");
    assert_told(&checked("MISC_CHECK {\n misc_path /bin/x\n misc_timeout 11\n }"), code, "misc_timeout 11");
    assert_silent(&checked("TCP_CHECK {\n connect_timeout 10\n }"));
    let short = checked("TCP_CHECK {\n }").replace("delay_loop 10", "delay_loop 2");
    let found = advice(&short);
    assert_eq!(found, [(code, "TCP_CHECK".to_owned()), (code, "TCP_CHECK".to_owned())], "5 s without a word");
}

#[test]
fn a_server_that_nobody_checks_is_told() {
    let code = "unchecked-server";
    assert_told(&service(" real_server 10.0.0.1 80 {\n }"), code, "10.0.0.1");
    let none = service(" real_server 10.0.0.1 80 {\n }").replace("TCP_CHECK {\n }", "");
    assert_told(&none, code, "virtual_server 192.0.2.1 80");
    assert_silent(&service(" real_server 10.0.0.1 80 {\n TCP_CHECK {\n }\n }"));
}

#[test]
fn who_can_change_a_script_is_told_with_advice_only() {
    let text = "global_defs {\n script_user root\n enable_script_security\n}\n".to_owned() + &tracking(0, "");
    let source = world().insecure_program("/bin/check").file("/k.conf", &text);
    let said = |options: Options| {
        let loaded = load(&source, &options);
        let told = loaded.diagnostics.iter().find(|d| d.code == Code::INSECURE_SCRIPT).unwrap();
        (told.message.clone(), loaded.log_lines().collect::<Vec<_>>())
    };
    let (plain, log) = said(Options::new("/k.conf"));
    let (advised, log_then) = said(Options::new("/k.conf").with_advice());
    assert!(
        advised.starts_with(&plain) && advised.ends_with("everybody can change `/bin/check`"),
        "{advised}"
    );
    assert_eq!(log, log_then);
}

#[test]
fn advice_never_changes_what_keepalived_would_do() {
    for code in lints() {
        assert_eq!((code.severity, code.effect), (Severity::Ok, vipd_config::Effect::Goes), "{}", code.name);
    }
    let text =
        tracking(10, " priority 254\n nopreempt\n garp_master_refresh 1\n garp_master_refresh_repeat 99");
    let source = world().file("/k.conf", &text);
    let plain = load(&source, &Options::new("/k.conf"));
    let advised = load(&source, &Options::new("/k.conf").with_advice());
    assert!(advised.diagnostics.len() > plain.diagnostics.len());
    assert_eq!((plain.exits, plain.model), (advised.exits, advised.model));
    assert!(
        plain.diagnostics.iter().all(|d| lints().all(|code| *code != d.code)),
        "nothing is advised unasked"
    );
}

#[test]
fn with_advice_a_caret_is_at_the_keyword_that_cannot_hold() {
    let quorum = service(" quorum 9\n real_server 10.0.0.1 80 {\n TCP_CHECK {\n }\n }");
    for (text, place) in [
        (instance(" state MASTER\n nopreempt"), "nopreempt"),
        (instance(" state MASTER\n preempt_delay 5"), "preempt_delay 5"),
        (instance(" state MASTER\n priority 100\n strict_mode on\n version 3\n accept"), "state MASTER"),
        (quorum, "quorum 9"),
    ] {
        let pointed: Vec<String> = advised(&text)
            .diagnostics
            .iter()
            .filter(|d| [Code::CONFLICT, Code::NOPREEMPT_MASTER, Code::QUORUM].contains(&d.code))
            .filter_map(|d| text.get(d.span?.range()).map(str::to_owned))
            .collect();
        assert_eq!(pointed, [place], "{text}");
    }
}

/// What users of these files would be told. Each piece of advice is meant.
const SEEDS: &[(&str, &[&str])] = &[
    // No server has a check.
    ("lvs-nat-master.conf", &["unchecked-server"]),
    ("lvs-nat-nopreempt-node1.conf", &["unchecked-server"]),
    ("lvs-nat-nopreempt-node2.conf", &["unchecked-server"]),
    // `[[ -f FILE ]] && exit 1 || exit 0` without a shell.
    ("manual-switch-track-script.conf", &["shell-syntax"]),
    ("two-instances-node1.conf", &["shell-syntax"]),
    ("two-instances-node2.conf", &["shell-syntax"]),
];

#[test]
fn files_of_users_get_the_advice_that_they_need_and_no_other() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/seeds");
    let mut wrong = String::new();
    for file in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let source = MapSource::new().file("/k.conf", text);
        let loaded = load(&source, &Options::new("/k.conf").with_advice());
        let told = loaded.diagnostics.iter().filter(|d| lints().any(|code| *code == d.code));
        let told: Vec<&str> = told.map(|d| d.code.name).collect();
        let expected = SEEDS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, codes)| codes);
        if told != expected {
            wrong.push_str(&format!("{name}: {told:?}\n{}\n", loaded.render(false)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
