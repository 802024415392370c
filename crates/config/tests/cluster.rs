//! Files of several nodes side by side.

use vipd_config::cluster::{self, Finding, Node};
use vipd_config::{Code, Loaded, MapSource, Options, load};

fn loaded(texts: &[&str]) -> Vec<Loaded> {
    let one = |text: &&str| {
        let options = Options::new("/k.conf").with_advice();
        load(&MapSource::new().file("/k.conf", text), &options)
    };
    texts.iter().map(one).collect()
}

fn nodes(loaded: &[Loaded]) -> Vec<Node<'_>> {
    loaded.iter().zip(["a", "b", "c"]).map(|(loaded, name)| Node { name, loaded }).collect()
}

fn compared(texts: &[&str]) -> Vec<Finding> {
    let loaded = loaded(texts);
    for one in &loaded {
        assert!(one.model.is_some(), "{}", one.render(false));
    }
    cluster::compare(&nodes(&loaded))
}

fn codes(texts: &[&str]) -> Vec<&'static str> {
    compared(texts).iter().map(|finding| finding.code.name).collect()
}

/// An instance; `lines` come after a priority of `priority`.
fn instance(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n{lines}\n virtual_ipaddress {{\n 192.0.2.1/24\n }}\n}}\n"
    )
}

fn pair(a: &str, b: &str) -> Vec<&'static str> {
    codes(&[&instance(150, a), &instance(100, b)])
}

#[test]
fn nodes_that_fit_give_nothing_to_tell() {
    let unicast = |own: u8, peer: u8| {
        format!(
            " unicast_src_ip 192.0.2.{own}\n unicast_peer {{\n 192.0.2.{peer}\n }}\n authentication {{\n auth_type PASS\n auth_pass x\n }}"
        )
    };
    assert_eq!(pair(" state MASTER", " state BACKUP"), [""; 0]);
    assert_eq!(pair(&unicast(11, 12), &unicast(12, 11)), [""; 0]);
    assert_eq!(
        pair(" version 3\n advert_int 1", " version 3\n advert_int 2"),
        [""; 0],
        "version 3 learns it"
    );
    let three = [150, 100, 50].map(|priority| instance(priority, ""));
    assert_eq!(codes(&three.each_ref().map(String::as_str)), [""; 0]);
}

#[test]
fn what_makes_nodes_refuse_each_other_is_told() {
    let auth =
        |kind: &str, pass: &str| format!(" authentication {{\n auth_type {kind}\n auth_pass {pass}\n }}");
    for (code, a, b) in [
        ("cluster-version", " version 3", ""),
        ("cluster-transport", " unicast_src_ip 192.0.2.11\n unicast_peer {\n 192.0.2.12\n }", ""),
        ("cluster-transport", " mcast_dst_ip 224.0.0.99", ""),
        ("cluster-authentication", &auth("PASS", "x"), &auth("PASS", "y")),
        ("cluster-authentication", &auth("PASS", "x"), &auth("AH", "x")),
        ("cluster-authentication", &auth("PASS", "x"), ""),
        ("cluster-interval", " advert_int 1", " advert_int 2"),
        ("cluster-checksum", " version 3\n v3_checksum_as_v2", " version 3"),
        ("cluster-nopreempt", " nopreempt", ""),
    ] {
        assert_eq!(pair(a, b), [code], "{a} and {b}");
        assert_eq!(pair(b, a), [code], "{b} and {a}");
    }
    let same = auth("PASS", "12345678");
    assert_eq!(pair(&same, &auth("PASS", "123456789")), [""; 0], "eight bytes count");
}

#[test]
fn passwords_are_stars_in_what_is_told() {
    let text =
        |pass: &str| instance(100, &format!(" authentication {{\n auth_type PASS\n auth_pass {pass}\n }}"));
    let loaded = loaded(&[&text("sesame"), &text("simsim").replace("100", "90")]);
    let nodes = nodes(&loaded);
    let told: String = cluster::compare(&nodes).iter().map(|finding| finding.render(&nodes, false)).collect();
    assert!(told.contains("another one") && !told.contains("sesame") && !told.contains("simsim"), "{told}");
}

#[test]
fn another_number_is_found_by_the_address_or_the_name() {
    let other = instance(100, "").replace("51", "52");
    assert_eq!(codes(&[&instance(150, ""), &other]), ["cluster-router-id"]);
    assert_eq!(
        codes(&[&instance(150, ""), &other.replace("VI_1", "X")]),
        ["cluster-router-id"],
        "the address"
    );
    assert_eq!(
        codes(&[&instance(150, ""), &other.replace("192.0.2.1/", "192.0.2.9/")]),
        ["cluster-router-id"]
    );
    let stranger = other.replace("VI_1", "X").replace("192.0.2.1/", "192.0.2.9/");
    assert_eq!(codes(&[&instance(150, ""), &stranger]), ["cluster-alone", "cluster-alone"]);
}

#[test]
fn one_number_on_two_interfaces_is_matched_by_interface_address_and_name() {
    let text = |first: &str, second: &str, p: u8| {
        let one = |name: &str, link: &str, net: &str| {
            instance(p, "").replace("VI_1", name).replace("eth0", link).replace("192.0.2.1", net)
        };
        let all = [("A", "eth0", "192.0.2.1"), ("B", "eth1", "198.51.100.1")];
        let find = |name: &str| all.iter().find(|(n, ..)| *n == name).map(|(n, l, a)| one(n, l, a)).unwrap();
        find(first) + &find(second)
    };
    assert_eq!(
        codes(&[&text("A", "B", 150), &text("B", "A", 100)]),
        [""; 0],
        "the order of the file is nothing"
    );
    let renamed = text("B", "A", 100).replace("eth0", "ens9").replace("eth1", "ens8");
    assert_eq!(codes(&[&text("A", "B", 150), &renamed]), [""; 0], "interfaces may be called otherwise");
}

#[test]
fn an_address_that_one_node_lacks_is_named() {
    let more = instance(150, "").replace("192.0.2.1/24", "192.0.2.1/24\n 192.0.2.7/24");
    let found = compared(&[&more, &instance(100, "")]);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.code, Code::CLUSTER_ADDRESSES);
    let labels: Vec<_> = finding.marks.iter().map(|mark| (mark.node, mark.label.as_str())).collect();
    assert_eq!(labels, [(0, "all of them"), (1, "lacks 192.0.2.7")]);
}

#[test]
fn a_peer_that_is_not_sent_to_and_a_source_that_is_used_twice_are_told() {
    let unicast =
        |own: u8, peer: u8| format!(" unicast_src_ip 192.0.2.{own}\n unicast_peer {{\n 192.0.2.{peer}\n }}");
    let found = compared(&[&instance(150, &unicast(11, 12)), &instance(100, &unicast(12, 13))]);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (finding.code, finding.marks[0].node),
        (Code::CLUSTER_PEERS, 1),
        "b is deaf to nobody, a to b"
    );
    assert!(finding.help.as_ref().unwrap().contains("192.0.2.11"));
    assert_eq!(pair(&unicast(11, 12), &unicast(11, 12)), ["cluster-source"]);
    let silent = " unicast_peer {\n 192.0.2.11\n }";
    assert_eq!(pair(&unicast(11, 12), silent), [""; 0], "without a source nobody can tell");
}

#[test]
fn priorities_that_decide_nothing_are_told() {
    assert_eq!(codes(&[&instance(100, ""), &instance(100, "")]), ["cluster-same-priority"]);
    let owner = instance(255, " state MASTER");
    assert_eq!(codes(&[&owner, &owner]), ["cluster-owners"]);
    assert_eq!(pair(" state MASTER", " state MASTER"), ["cluster-masters"]);
    let lower = codes(&[&instance(150, ""), &instance(100, ""), &instance(100, "")]);
    assert_eq!(lower, ["cluster-same-priority"], "among the backups");
}

#[test]
fn weights_are_compared_with_the_priorities_of_the_others() {
    let tracking = |priority: u8, weight: i32| {
        format!("vrrp_script check {{\n script /bin/check\n weight {weight}\n}}\n")
            + &instance(priority, " track_script {\n check\n }")
    };
    for (a, b, expected) in [
        (tracking(150, -20), tracking(100, -20), Some("cluster-weight")),
        (tracking(150, 20), tracking(100, 20), Some("cluster-weight")),
        (tracking(110, -20), tracking(100, -20), None),
        (tracking(110, 20), tracking(100, 20), None),
        (tracking(150, 0), tracking(100, 0), None),
        (instance(120, ""), tracking(100, 50), Some("cluster-priority-order")),
    ] {
        assert_eq!(codes(&[&a, &b]).first().copied(), expected, "{a}{b}");
    }
    let found = compared(&[&tracking(150, -20), &tracking(100, -20)]);
    assert!(found[0].help.as_ref().unwrap().contains("more than 50"), "{found:?}");
}

#[test]
fn groups_that_fall_apart_are_told() {
    let group = "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n";
    let two = |p: u8, q: u8| {
        let second =
            instance(q, "").replace("VI_1", "VI_2").replace("51", "52").replace("192.0.2.1/", "192.0.2.2/");
        instance(p, "") + &second
    };
    let grouped = |p: u8, q: u8| group.to_owned() + &two(p, q);
    assert_eq!(codes(&[&grouped(150, 150), &grouped(100, 100)]), [""; 0]);
    assert_eq!(codes(&[&grouped(150, 150), &two(100, 100)]), ["cluster-sync-group"]);
    assert_eq!(codes(&[&grouped(150, 100), &grouped(120, 120)]), ["cluster-sync-group-order"]);
}

#[test]
fn a_finding_shows_the_lines_of_each_file() {
    let loaded = loaded(&[&instance(150, " version 3"), &instance(100, " version 2")]);
    let nodes = nodes(&loaded);
    let found = cluster::compare(&nodes);
    let told = found[0].render(&nodes, false);
    for part in ["error[cluster-version]", " version 3", " version 2", "/k.conf:5:2", "help: "] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn a_refused_file_is_left_out_and_everything_is_found_in_an_example() {
    let loaded = loaded(&[&instance(150, ""), "vrrp_instance VI_1 {\n interface eth0\n}\n"]);
    assert!(loaded[1].model.is_none());
    assert_eq!(cluster::compare(&nodes(&loaded)).len(), 1, "only that the other one is alone");
    for code in cluster::codes() {
        assert!(code.example().compare(code, false).is_some(), "{}", code.name);
        assert_eq!(code.effect, vipd_config::Effect::Goes);
    }
}

/// Pairs of files of users, and what is told of them.
const PAIRS: &[(&str, &str, &[&str])] = &[
    // The source address was copied from one to the other, in each instance.
    (
        "dual-master-unicast-node1.conf",
        "dual-master-unicast-node2.conf",
        &["cluster-source", "cluster-source"],
    ),
    ("nopreempt-unicast-node1.conf", "nopreempt-unicast-node2.conf", &["cluster-source"]),
    ("lvs-nat-nopreempt-node1.conf", "lvs-nat-nopreempt-node2.conf", &["cluster-nopreempt"]),
    // 224.18.0.100 and 224.18.0.10.
    ("single-instance-node1.conf", "single-instance-node2.conf", &["cluster-transport"]),
    ("two-instances-node1.conf", "two-instances-node2.conf", &[]),
];

#[test]
fn pairs_of_users_are_told_what_is_wrong_with_them() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/seeds");
    let mut wrong = String::new();
    for (a, b, expected) in PAIRS {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let loaded = loaded(&[&read(a), &read(b)]);
        let nodes = nodes(&loaded);
        let found = cluster::compare(&nodes);
        let told: Vec<&str> = found.iter().map(|finding| finding.code.name).collect();
        if told != *expected {
            let shown: String = found.iter().map(|finding| finding.render(&nodes, false)).collect();
            wrong.push_str(&format!("{a}: {told:?}\n{shown}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
