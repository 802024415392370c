//! What is wrong is told at its place, with a caret and a way out, and all of it in one pass.

use vipd_config::{Interface, Loaded, MapSource, Options, load};

/// A sound instance, with room for more lines.
/// The beginning of a virtual server.
const SERVICE: &str = "virtual_server 192.0.2.7 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n";

/// A script without security.
const SCRIPT: &str = "vrrp_script s {\n script /bin/true\n}\n";

fn instance(name: &str, vrid: &str, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n    interface eth0\n    virtual_router_id {vrid}\n{more}    virtual_ipaddress {{\n        192.0.2.1/24\n    }}\n}}\n"
    )
}

fn world() -> MapSource {
    MapSource::new().interface("eth0", Interface::default()).interface("eth1", Interface::default())
}

fn load_in(world: MapSource, text: impl AsRef<[u8]>) -> Loaded {
    load(&world.file("/k.conf", text), &Options::new("/k.conf"))
}

fn load_text(text: impl AsRef<[u8]>) -> Loaded {
    load_in(world(), text)
}

/// Asserts that there is a problem `code` at `line` and `column`, and that it is shown with a caret
/// and a way out.
#[track_caller]
fn assert_told(loaded: &Loaded, code: &str, line: u32, column: u32) {
    let found = loaded.diagnostics.iter().find(|d| {
        let at = d.span.map(|span| loaded.map.position(loaded.map.root(span)));
        d.code.name == code && at.is_some_and(|at| (at.line, at.column) == (line, column))
    });
    let Some(found) = found else { panic!("no {code} at {line}:{column}\n{}", loaded.render(false)) };
    let shown = loaded.printer(false).render(found);
    for part in [&format!("[{code}]: "), &format!(":{line}:{column}\n"), "^", "= help: "] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

/// A file, what is told about it, and the exit statuses of the daemon and of a test.
struct Case {
    text: String,
    code: &'static str,
    place: (u32, u32),
    exits: (Option<u8>, u8),
}

fn case(text: impl Into<String>, code: &'static str, place: (u32, u32), exits: (Option<u8>, u8)) -> Case {
    Case { text: text.into(), code, place, exits }
}

#[test]
fn each_kind_of_bad_input_is_told_at_its_place_with_keepalived_s_exit_statuses() {
    let good = instance("VI_1", "1", "");
    let with = |line: &str| instance("VI_1", "1", &format!("    {line}\n"));
    let refused = (Some(2), 5);
    let runs = (None, 5);
    for case in [
        // Braces.
        case(good.trim_end().trim_end_matches('}'), "missing-close-brace", (1, 20), runs),
        case(good.replacen(" {", "", 1), "missing-open-brace", (1, 1), runs),
        case(format!("{good}}}\n"), "extra-close-brace", (8, 1), runs),
        // Interfaces.
        case(good.replace("eth0", "eth7"), "unknown-interface", (2, 15), refused),
        case(good.replace("eth0", "an-interface-with-a-long-name"), "invalid-value", (2, 15), refused),
        case(good.replace("192.0.2.1/24", "192.0.2.1/24 dev eth8"), "unknown-interface", (5, 26), refused),
        case(good.replace("    interface eth0\n", ""), "impossible-instance", (1, 15), refused),
        // Numbers of virtual routers.
        case(format!("{good}{}", instance("VI_2", "1", "")), "duplicate-vrid", (10, 23), refused),
        case(good.replace("    virtual_router_id 1\n", ""), "impossible-instance", (1, 15), refused),
        case(good.replace("_id 1", "_id 256"), "out-of-range", (3, 23), refused),
        // A word too few.
        case(with("priority"), "missing-parameter", (4, 5), (Some(2), 2)),
        case(with("notify_master"), "missing-parameter", (4, 5), (Some(2), 2)),
        case("vrrp_instance {\n}\n", "invalid-value", (1, 1), runs),
        // The wrong type.
        case(with("priority high"), "invalid-number", (4, 14), runs),
        case(with("priority 100x"), "invalid-number", (4, 14), runs),
        case(with("priority 300"), "out-of-range", (4, 14), runs),
        case(with("advert_int fast"), "invalid-number", (4, 16), runs),
        case(with("state ACTIVE"), "invalid-value", (4, 11), runs),
        case(with("mcast_src_ip 192.0.2"), "invalid-value", (4, 18), runs),
        case(with("use_vmac"), "not-in-effect-yet", (4, 5), (None, 0)),
        case(with("strict_mode maybe"), "invalid-value", (4, 17), runs),
        case(good.replace("192.0.2.1/24", "192.0.2.256/24"), "invalid-value", (5, 9), runs),
        case(good.replace("192.0.2.1/24", "192.0.2.1/33"), "invalid-value", (5, 9), runs),
        case(with("track_interface { eth1 weight 300 }"), "out-of-range", (4, 35), runs),
        // A word too many.
        case(
            good.replace("virtual_ipaddress {", "virtual_ipaddress x {"),
            "extra-words-before-block",
            (4, 23),
            runs,
        ),
        case(with("priority 100 200"), "extra-words", (4, 18), (None, 0)),
        // More than an address: keepalived takes what it needs of it.
        case(with("mcast_src_ip 192.0.2.9/24"), "extra-words", (4, 18), (None, 0)),
        case(with("unicast_peer { 192.0.2.9/24 }"), "extra-words", (4, 20), (None, 0)),
        case("bfd_instance b {\n neighbor_ip 192.0.2.9/24\n}\n", "extra-words", (2, 14), (None, 0)),
        case(
            format!("{SERVICE} real_server 192.0.2.8/24 80 {{\n }}\n}}\n"),
            "extra-words",
            (5, 14),
            (None, 0),
        ),
        case(
            format!("{SERVICE} real_server 192.0.2.8 80 {{\n }}\n sorry_server 192.0.2.9-11 80\n}}\n"),
            "extra-words",
            (7, 15),
            (None, 0),
        ),
        // Interfaces that are made.
        case(with("use_vmac ::1"), "invalid-value", (4, 14), runs),
        case(with("use_ipvlan 2001:db8::1/64"), "conflict", (4, 5), runs),
        // A value that keepalived does without.
        case("instance\n", "missing-value", (1, 1), runs),
        case("vrrp_track_process p {\n process x\n weight\n}\n", "missing-value", (3, 2), runs),
        case(
            format!("{SERVICE} real_server 192.0.2.8 80 {{\n UDP_CHECK {{\n payload \"\"\n }}\n }}\n}}\n"),
            "invalid-value",
            (7, 10),
            runs,
        ),
        // Names.
        case(with("priorty 100"), "unknown-keyword", (4, 5), runs),
        case(with("track_script { chk }"), "unknown-name", (4, 20), runs),
        case(format!("{good}{good}"), "duplicate-name", (8, 15), runs),
        // Quotes.
        case(with("notify \"/bin/true"), "unterminated-quote", (4, 12), runs),
        case(with("notify '/bin/true"), "unterminated-quote", (4, 12), (None, 6)),
        // Includes.
        case(format!("{good}include k.conf\n"), "include-loop", (8, 9), runs),
        case(format!("{good}includem none.conf\n"), "include-failed", (8, 10), (Some(6), 6)),
        // Expansions.
        case(format!("{good}~SEQ(N, 1, 1000000000) x\n"), "expansion-size", (8, 1), refused),
        case(format!("{good}$A=$A\nx $A\n"), "recursive-definition", (9, 3), runs),
    ] {
        let loaded = load_text(&case.text);
        assert_told(&loaded, case.code, case.place.0, case.place.1);
        assert_eq!((loaded.exits.run, loaded.exits.test), case.exits, "{}", loaded.render(false));
        assert_eq!(loaded.model.is_none(), loaded.exits.run.is_some());
    }
}

/// Without its interfaces keepalived does not look at the scripts of instances, but at those of checks.
#[test]
fn the_security_of_scripts_counts_only_where_keepalived_comes_to_it() {
    let tracking = format!("{SCRIPT}{}", instance("V", "1", "    track_script { s }\n"));
    let check = "MISC_CHECK {\n misc_path /bin/true\n }";
    let service = format!("{SERVICE} real_server 192.0.2.8 80 {{\n {check}\n }}\n}}\n");
    for (text, here, without_interface) in [
        (tracking.clone(), 6, 5),
        (format!("{service}{}", instance("V", "1", "")), 6, 6),
        (format!("{service}{tracking}"), 6, 6),
    ] {
        assert_eq!(load_text(&text).exits.test, here, "{text}");
        let loaded = load_text(text.replace("eth0", "eth7"));
        assert_eq!(loaded.exits.test, without_interface, "{text}");
        // It is told all the same.
        assert!(loaded.diagnostics.iter().any(|d| d.code.name == "script-security"));
    }
}

#[test]
fn a_script_that_is_not_there_is_told_and_left_out() {
    let text = format!(
        "vrrp_script chk {{\n    script \"/bin/none -x\"\n}}\n{}",
        instance("VI_1", "1", "    track_script { chk }\n    notify /bin/none\n")
    );
    let loaded = load_in(world().without_program("/bin/none"), text);
    assert_told(&loaded, "script-not-found", 2, 12);
    assert_told(&loaded, "unknown-name", 7, 20);
    assert_told(&loaded, "unusable-command", 8, 12);
    let only_told =
        load_in(world().without_program("/bin/none"), instance("VI_1", "1", "    notify /bin/none\n"));
    assert_eq!(only_told.exits.test, 0, "keepalived does not count it as an error");
    let model = loaded.model.unwrap();
    assert!(model.trackers.is_empty() && model.instances[0].notify.any.is_none());
}

#[test]
fn bytes_that_are_no_text_are_told_and_the_rest_is_used() {
    let mut bytes = b"global_defs {\n    router_id a\0b\n    router_id ".to_vec();
    bytes.extend(vec![b'x'; 1 << 20]);
    bytes.extend(b"\n    router_id caf\xe9\n}\n# \xff\xfe\n");
    bytes.extend(instance("VI_1", "1", "").bytes());
    let loaded = load_text(bytes);
    assert_told(&loaded, "nul-byte", 2, 16);
    assert_told(&loaded, "long-line", 3, 5);
    assert_told(&loaded, "invalid-utf8", 4, 18);
    assert_eq!(loaded.diagnostics.len(), 3, "bytes in a comment harm nobody:\n{}", loaded.render(false));
    assert_eq!(loaded.model.unwrap().instances.len(), 1);
}

#[test]
fn everything_is_told_in_one_pass_in_the_order_of_the_file() {
    let text = "global_defs {\n vrrp_version 4\n}\nvrrp_instance A {\n priority\n interface eth9\n bogus\n}\n\
                vrrp_instance B {\n interface lo\n virtual_router_id x\n";
    let loaded = load_text(text);
    let told: Vec<&str> = loaded.diagnostics.iter().map(|d| d.code.name).collect();
    let expected = [
        "out-of-range",        // vrrp_version
        "impossible-instance", // A has no VRID
        "conflict",            // A has no address
        "missing-parameter",
        "unknown-interface",
        "unknown-keyword",
        "impossible-instance", // B has no VRID
        "conflict",
        "missing-close-brace",
        "unknown-interface", // lo isn't in this world
        "invalid-number",
        "unknown-interface", // the summary
    ];
    assert_eq!(told, expected, "{}", loaded.render(false));
    assert_eq!((loaded.exits.run, loaded.exits.test), (Some(2), 2));
}

#[test]
fn no_file_is_no_configuration_but_a_test_is_content() {
    let loaded = load(&world(), &Options::new("/none.conf"));
    assert_eq!((loaded.exits.run, loaded.exits.test), (Some(6), 0));
    assert_eq!(loaded.log_lines().next().unwrap(), "Config files missing '/none.conf'.");
}

#[test]
fn passwords_are_not_shown() {
    for text in [
        instance("VI_1", "1", "    authentication {\n auth_type PASS\n auth_pass sesame-open\n }\n"),
        instance("VI_1", "1", "    authentication {\n auth_type PASS\n auth_pass \"sesame-open\n }\n"),
        instance("VI_1", "1", "    authentication { auth_type PAS\n auth_pass sesame-open }\n"),
        format!(
            "$P=sesame-open\n{}",
            instance("VI_1", "1", "    authentication {\n auth_type PASS\n auth_pass $P\n }\n")
        ),
        instance("VI_1", "1", "    authentication {\n auth_type PASS\n autp_pass sesame-open\n }\n"),
        instance("VI_1", "1", "    auth_hmac {\n key 1 \"sesame-open\n }\n"),
        instance("VI_1", "1", "    auth_hmac {\n key sesame-open\n }\n"),
        instance("VI_1", "1", "    auth_hmac {\n key 1 2 sesame-open\n }\n"),
        "global_defs {\n smtp_auth \"me sesame-open\n}\n".to_owned(),
        "global_defs {\n smtp_auth sesame-open\n}\n".to_owned(),
    ] {
        let loaded = load_text(&text);
        assert!(!loaded.diagnostics.is_empty());
        let shown = loaded.render(false);
        assert!(!shown.contains("sesame"), "{shown}");
        assert!(
            loaded.log_lines().all(|line| !line.contains("sesame")),
            "{:?}",
            loaded.log_lines().collect::<Vec<_>>()
        );
        assert!(!format!("{:?}", loaded.model).contains("sesame"));
        let world = world().file("/k.conf", text.as_str());
        let expanded = vipd_config::print::expand(&world, &Options::new("/k.conf"), false);
        // The line of a definition has no keyword.
        if !text.starts_with("$P") {
            assert!(!expanded.text(true).contains("sesame"), "{}", expanded.text(true));
            assert!(!expanded.render(false).contains("sesame"), "{}", expanded.render(false));
        }
    }
}

#[test]
fn what_is_printed_in_the_place_of_a_secret_is_not_one() {
    for text in [
        instance("VI_1", "1", "    authentication {\n auth_type PASS\n auth_pass <hidden>\n }\n"),
        "global_defs {\n smtp_auth me <hidden>\n}\n".to_owned(),
        "SSL {\n password <hidden>\n}\n".to_owned(),
    ] {
        let loaded = load_text(&text);
        assert!(
            loaded.diagnostics.iter().any(|d| d.code.name == "hidden-secret"),
            "{}",
            loaded.render(false)
        );
        assert_eq!(loaded.exits.run, None);
    }
}

#[test]
fn several_files_are_named_in_the_log() {
    let world = world().file("/d/1.conf", "bogus\n").file("/k.conf", "include d/*.conf\n");
    let loaded = load(&world, &Options::new("/k.conf"));
    assert_eq!(loaded.log_lines().next().unwrap(), "(/d/1.conf: Line 1) Unknown keyword 'bogus'");
    assert!(loaded.render(false).contains("included from /k.conf:1"));
}

#[test]
fn reload_check_config_makes_every_problem_a_refusal() {
    let text = instance("VI_1", "1", "    priority 300\n");
    assert_eq!(load_text(&text).exits.run, None);
    let checked = format!("global_defs {{\n reload_check_config\n}}\n{text}");
    assert_eq!(load_text(checked).exits.run, Some(2));
}
