//! Whatever a file holds: no panic, no endless loop, and the same answer twice.

use std::path::PathBuf;

use proptest::prelude::*;
use vipd_config::{Bundle, Loaded, MapSource, Options, Recording, keywords, load};

fn seeds() -> Vec<Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/seeds");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Loads and looks at everything that a user would see.
fn load_bytes(bytes: &[u8]) -> (Loaded, String) {
    let world = MapSource::new().file("/k.conf", bytes).file("/other.conf", "include k.conf\n}\n");
    let loaded = load(&world, &Options::new("/k.conf"));
    let mut shown = loaded.render(false);
    shown.extend(loaded.log_lines());
    assert_eq!(loaded.model.is_none(), loaded.exits.run.is_some());
    (loaded, shown)
}

/// Pieces that mean something to the language.
const PIECES: &[&str] = &[
    "{",
    "}",
    "\"",
    "'",
    "\\",
    "#",
    "!",
    "\n",
    "\0",
    "\u{fffd}",
    "$A",
    "${A}",
    "$A=",
    "$A=x \\\n",
    "${_PWD}",
    "${_RANDOM 9 1}",
    "~SEQ(A,3) ",
    "~SEQx(A,1,2) ",
    "~LST({A,B},{1,2}) ",
    "@node1 ",
    "@^node1 ",
    "include other.conf\n",
    "includea x{1,2}*\n",
    "include_check",
    "-1",
    "99999999999999999999",
    "0.0000001",
    "1e9",
    "::",
    "fe80::1/129",
    "vrrp_instance",
    "virtual_ipaddress",
    "track_script",
    "authentication",
    "virtual_server",
    "weight",
    "~SEQ(A,1,2000000000) ",
    "~SEQ(A,-9,9) ~SEQ(B,$A) ",
    "\t",
    "\r",
];

/// A change of a file: at some place, some bytes give way to a piece.
fn changes() -> impl Strategy<Value = Vec<(u16, u8, usize)>> {
    prop::collection::vec((any::<u16>(), 0_u8..20, 0..PIECES.len()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn changed_files_of_users_never_panic(seed in 0_usize..19, changes in changes()) {
        let mut bytes = seeds().swap_remove(seed);
        for (place, cut, piece) in changes {
            let at = usize::from(place) % (bytes.len() + 1);
            let end = (at + usize::from(cut)).min(bytes.len());
            bytes.splice(at..end, PIECES[piece].bytes());
        }
        load_bytes(&bytes);
    }

    #[test]
    fn pieces_in_any_order_never_panic(pieces in prop::collection::vec((0..PIECES.len(), any::<bool>()), 0..60)) {
        let text: String = pieces.iter().map(|&(i, gap)| format!("{}{}", PIECES[i], if gap { " " } else { "" })).collect();
        load_bytes(text.as_bytes());
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        load_bytes(&bytes);
    }
}

#[test]
fn a_load_from_the_bundle_is_the_same_load() {
    for bytes in seeds() {
        let world = MapSource::new().file("/k.conf", &bytes);
        let recording = Recording::new(&world);
        let first = load(&recording, &Options::new("/k.conf"));
        let bundle = Bundle::from_bytes(&recording.into_bundle().to_bytes().unwrap()).unwrap();
        let second = load(&bundle, &Options::new("/k.conf"));
        assert_eq!(first.model, second.model);
        assert_eq!(first.render(false), second.render(false));
    }
}

/// The blocks around a keyword, opened and closed.
fn within(block: &str, line: &str) -> String {
    let mut text = String::new();
    for name in block.split('/').filter(|name| !name.is_empty()) {
        text.push_str(&format!("{name} NAME 80 {{\n"));
    }
    text.push_str(line);
    text.push('\n');
    text.push_str(&"}\n".repeat(block.split('/').filter(|name| !name.is_empty()).count()));
    text
}

#[test]
fn every_keyword_is_known_and_survives_every_kind_of_nonsense() {
    assert_eq!(keywords().count(), 539);
    for entry in keywords() {
        let name = entry.name;
        for line in [
            name.to_owned(),
            format!("{name} {{"),
            format!("{name} }}"),
            format!("{name} \"\""),
            format!("{name} \"open"),
            format!("{name} 'open"),
            format!("{name} -1 x y z"),
            format!("{name} 99999999999999999999999 \u{e9} ${{A}} {{ }}"),
            format!("{name} x {{\n a b c\n {name} {{\n}}\n}}"),
            format!("{name}\0"),
            format!("{name} {}", "x ".repeat(600)),
            format!("~SEQ(N, 3) {name} $N"),
        ] {
            let (_, shown) = load_bytes(within(entry.block, &line).as_bytes());
            let line_of_keyword = entry.block.split('/').filter(|name| !name.is_empty()).count() + 1;
            let unknown = format!("unknown keyword `{name}`\n --> /k.conf:{line_of_keyword}:1\n");
            assert!(!shown.contains(&unknown), "{line}:\n{shown}");
        }
    }
}

#[test]
fn a_quarter_megabyte_of_anything_is_read_in_linear_time() {
    for piece in
        ["{", "}", "a {\n", "\"", "$A", "${A", "~SEQ(", "\\\n", "vrrp_instance X {\n", "#\n", "@a ", "x{y}"]
    {
        let bytes = piece.repeat((1 << 18) / piece.len());
        load_bytes(bytes.as_bytes());
    }
}
