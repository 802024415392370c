//! Plain lines are read on a way of their own: it must lead to the same place.

use std::path::PathBuf;

use proptest::prelude::*;
use vipd_config::{Loaded, MapSource, Options, keywords, load};

fn load_text(text: &str) -> Loaded {
    load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"))
}

/// Loads `text` as it is, and with an empty comment after each line, which makes none of them plain.
fn assert_same(text: &str) {
    let commented: String = text
        .lines()
        // A backslash at the end goes on in the next line.
        .map(|line| if line.trim_end().ends_with('\\') { format!("{line}\n") } else { format!("{line} #\n") })
        .collect();
    let (plain, other) = (load_text(text), load_text(&commented));
    assert_eq!(plain.model, other.model, "{text}");
    assert_eq!(plain.exits, other.exits, "{text}");
    let log = |loaded: &Loaded| loaded.log_lines().collect::<Vec<_>>();
    assert_eq!(log(&plain), log(&other), "{text}");
}

#[test]
fn files_of_users_mean_the_same_with_comments_and_without() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/seeds");
    for entry in std::fs::read_dir(dir).unwrap() {
        assert_same(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
}

const WORDS: &[&str] = &[
    "1",
    "0",
    "-1",
    "80",
    "99999999999",
    "1.5",
    "x",
    "on",
    "192.0.2.1",
    "192.0.2.1-9",
    "2001:db8::1",
    "fe80::1",
    "eth0",
    "fwmark",
    "group",
    "G",
    "NAT",
    "TUN",
    "type",
    "gue",
    "port",
    "rr",
    "sh",
    "TCP",
    "200-299",
    "/bin/x",
    "reverse",
    "inet6",
    "255.255.0.0",
    "A",
    "a..b",
    "0X",
];

prop_compose! {
    /// A line of some keyword, a value or a brace.
    fn line()(
        keyword in any::<prop::sample::Index>(),
        words in prop::collection::vec(0..WORDS.len(), 0..4),
        kind in 0_u8..10,
    ) -> String {
        let all: Vec<&str> = keywords().map(|entry| entry.name).filter(|name| !name.starts_with("random")).collect();
        let words = words.iter().map(|place| WORDS[*place]);
        match kind {
            0 => "}".to_owned(),
            1 => words.collect::<Vec<_>>().join(" "),
            2..5 => std::iter::once(all[keyword.index(all.len())]).chain(words).chain(["{"]).collect::<Vec<_>>().join(" "),
            _ => std::iter::once(all[keyword.index(all.len())]).chain(words).collect::<Vec<_>>().join(" \t"),
        }
    }
}

/// Blocks within each other, down to where most keywords stand.
const HEADS: &[&str] = &[
    "",
    "global_defs {\n",
    "virtual_server_group G {\n",
    "virtual_server 192.0.2.1 80 {\n",
    "virtual_server group G {\nreal_server 198.51.100.1 80 {\n",
    "virtual_server fwmark 5 {\nreal_server 198.51.100.1 80 {\nTCP_CHECK {\n",
    "virtual_server 192.0.2.1 80 {\nreal_server 198.51.100.1 80 {\nSSL_GET {\n",
    "virtual_server 192.0.2.1 80 {\nreal_server 198.51.100.1 80 {\nHTTP_GET {\nurl {\n",
    "virtual_server 192.0.2.1 80 {\nreal_server 198.51.100.1 80 {\nUDP_CHECK {\n",
    "virtual_server 192.0.2.1 80 {\nreal_server 198.51.100.1 80 {\nMISC_CHECK {\n",
    "vrrp_instance VI {\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn keywords_in_any_order_mean_the_same_with_comments_and_without(
        head in 0..HEADS.len(),
        lines in prop::collection::vec(line(), 0..40),
    ) {
        assert_same(&format!("{}{}", HEADS[head], lines.join("\n")));
    }
}
