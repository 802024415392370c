//! Configurations that each ask one question about how objects, files and bytes go together.

use crate::case::{Case, instance};
use crate::written::GOOD;

const PART: &str = "priority 120\n";

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [objects(), includes(), bytes()].concat()
}

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
