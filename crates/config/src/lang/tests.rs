//! The language as a whole, over a grammar that knows keywords by their first letter.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::diag::Diagnostics;
use crate::lang::reader::Reader;
use crate::lang::tree::{BlockId, Body, Found, Grammar, Nodes, Parser, Shape};
use crate::render::Printer;
use crate::source::MapSource;
use crate::span::SourceMap;

/// `b..` starts a block, `v..` values, `s..` is a script, `unk..` is unknown.
struct ByLetter;

impl Grammar for ByLetter {
    fn find(&self, _: BlockId, keyword: &str) -> Option<Found> {
        let shape = match keyword {
            "include_check" => Shape::IncludeCheck,
            "random_seed" => Shape::RandomSeed,
            _ if keyword.starts_with("unk") => return None,
            _ if keyword.starts_with('b') => Shape::Block(BlockId(1)),
            _ if keyword.starts_with('v') => Shape::Values,
            _ if keyword.starts_with('s') => Shape::Script,
            _ => Shape::Line,
        };
        Some(Found { text: interned(keyword), shape, place: None })
    }

    fn suggest(&self, _: BlockId, _: &str) -> Option<String> {
        None
    }
}

/// The word, kept for good: once for each that there is.
fn interned(word: &str) -> &'static str {
    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().unwrap();
    if let Some(known) = words.get(word) {
        return known;
    }
    let kept = String::leak(word.to_owned());
    words.insert(kept);
    kept
}

fn show(nodes: &mut Nodes<'_, '_, ByLetter>, out: &mut Vec<String>, depth: usize) {
    while let Some(node) = nodes.next() {
        let words = node.words.iter().map(|w| w.text.replace(' ', "_"));
        let line: Vec<String> = std::iter::once(node.keyword.text.to_owned()).chain(words).collect();
        out.push(format!("{}{}", ">".repeat(depth), line.join(" ")));
        match &node.body {
            Body::None => {}
            Body::Block(_) => show(&mut nodes.inside(&node), out, depth + 1),
            Body::Values(lines) => out.extend(lines.iter().map(|line| {
                let words = line.rest.iter().map(|w| w.text.as_str());
                let all: Vec<&str> = std::iter::once(line.first.text.as_str()).chain(words).collect();
                format!("{}={}", ">".repeat(depth), all.join(" "))
            })),
        }
    }
}

struct Read {
    lines: Vec<String>,
    diagnostics: Diagnostics,
    map: SourceMap,
}

impl Read {
    fn codes(&self) -> Vec<&'static str> {
        self.diagnostics.iter().map(|d| d.code.name).collect()
    }

    fn rendered(&self) -> String {
        let printer = Printer::new(&self.map, &[], false);
        self.diagnostics.iter().map(|d| printer.render(d)).collect()
    }

    fn log(&self) -> Vec<String> {
        let printer = Printer::new(&self.map, &[], false);
        self.diagnostics.iter().map(|d| printer.log_line(d)).collect()
    }
}

fn read_world(world: &MapSource, strict: bool) -> Read {
    let mut reader = Reader::new(world, strict, |word| word.starts_with('s'));
    reader.open("/k/k.conf");
    let mut parser = Parser::new(reader, ByLetter);
    let mut lines = Vec::new();
    show(&mut parser.root(), &mut lines, 0);
    Read { lines, diagnostics: parser.reader.diagnostics, map: parser.reader.map }
}

fn read(text: &str) -> Read {
    read_world(&MapSource::new().file("/k/k.conf", text).env("HOST", "h1"), false)
}

/// The lines of a sound text; names that nobody has defined are fine.
fn lines(text: &str) -> Vec<String> {
    let read = read(text);
    assert!(read.diagnostics.iter().all(|d| d.code.name == "undefined-name"), "{}", read.rendered());
    read.lines
}

#[test]
fn braces_may_stand_anywhere_between_words() {
    let expected = ["b1 x", ">a", ">v", ">=1 2", ">=3", "z"];
    assert_eq!(lines("b1 x {\n a\n v {\n 1 2\n 3\n }\n}\nz"), expected);
    assert_eq!(lines("b1 x{a\nv\n{1 2\n3}}z"), expected);
    assert_eq!(lines("b1 x\n\n{ a\nv { 1 2\n3 } } z"), expected);
    assert_eq!(lines("s1 'a{b}' \"c}\"\nb{}"), ["s1 a{b} c}", "b"]);
}

#[test]
fn definitions_are_replaced_late_and_recursively() {
    assert_eq!(lines("$A=1\n$B=x${A}\na $B,$A\n$A=2\na $B $A)\n"), ["a x1,1", "a x2 2)"]);
    assert_eq!(lines("$A=\na$A x${A}y"), ["a xy"], "`$A` ends at a blank, and its value is empty");
    assert_eq!(lines("a $A.b ${A} $A\n$A =4"), ["a $A.b ${A} $A", "$A =4"], "unknown names stay");
}

#[test]
fn a_name_that_nobody_has_defined_is_told_except_to_the_shell() {
    let read = read("$A=1\na $A ${B}\ns \"echo ${HOME} $C\"\na $A.x");
    assert_eq!(read.codes(), ["undefined-name"]);
    assert!(read.rendered().contains("k.conf:2:6") && read.rendered().contains("write `$B=VALUE`"));
    assert_eq!(read.diagnostics.exits().test, 0, "keepalived says nothing");
    let several = read_world(&MapSource::new().file("/k/k.conf", "$M=\\\na\\\nb\nx $M y"), false);
    assert!(several.rendered().contains("replaced only at the end of a line"), "{}", several.rendered());
}

#[test]
fn a_definition_of_several_lines_is_used_at_the_end_of_a_line_only() {
    let m = "$M= \\\n a1 $I \\\n\n a2 \\\n a3\n$I=7\n";
    assert_eq!(lines(&format!("{m}$M")), ["a1 7", "a2", "a3"]);
    assert_eq!(lines(&format!("{m}x $M")), ["x a1 7", "a2", "a3"]);
    assert_eq!(lines(&format!("{m}x $M y")), ["x $M y"]);
    assert_eq!(lines(&format!("{m}$N=\\\nn1 \\\n$M\n$N\nz")), ["n1", "a1 7", "a2", "a3", "z"], "they nest");
    assert_eq!(lines("$B= b1 { \\\n a \\\n }\n$B\n$B"), ["b1", ">a", "b1", ">a"]);
}

#[test]
fn predefined_names() {
    assert_eq!(
        lines("a ${_PWD} ${_INSTANCE} ${_ENV HOST} ${_ENV NONE} ${_HASH}${_BANG} ${_FOO}"),
        ["a /k node1 h1 #! ${_FOO}"]
    );
    assert_eq!(lines("a ${_RANDOM 5 5}"), ["a 5"]);
    let random =
        lines("random_seed 3\na ${_RANDOM 1 9} ${_RANDOM}\nrandom_seed 3\na ${_RANDOM 1 9} ${_RANDOM}");
    assert_eq!(random[1], random[3], "the seed decides");
    let read = read("a ${_RANDOM 9 1}");
    assert_eq!((read.lines, read.diagnostics.len()), (vec!["a 9".to_owned()], 1));
}

#[test]
fn lines_of_another_configuration_id_are_dropped() {
    assert_eq!(lines("@node1 a\n@node2 b\n@^node1 c\n@^node2 d\n@node1 @^node2 e"), ["a", "d", "e"]);
    assert_eq!(
        lines("$X=@node2 b\n$X\n$Y=@node1 c\n$Y"),
        ["c"],
        "the condition is tested again after replacement"
    );
}

#[test]
fn sequences_repeat_the_rest_of_the_line() {
    assert_eq!(lines("~SEQ(A,2) ~SEQ(C,$A) a${A}_${C}\na $C"), ["a1_1", "a2_1", "a2_2", "a 2"]);
    assert_eq!(lines("~LST({A,C},{1,2},{3}) a${A}_${C}"), ["a1_2", "a3_"]);
    assert_eq!(lines("$M= \\\nb$I { \\\n a $I }\n~SEQ(I,2) $M"), ["b1", ">a 1", "b2", ">a 2"]);
    assert_eq!(lines("~SEQ(I,1,2) a$I x\n~SEQ(I,5,6) a${I}"), ["a1 x", "a2 x", "a5", "a6"]);
}

#[test]
fn includes_are_relative_to_the_including_file() {
    let world = MapSource::new()
        .file("/k/k.conf", "b1 { include d/*.conf\n}\nz")
        .file("/k/d/1.conf", "a1 ${_PWD}\ninclude deep/x")
        .file("/k/d/2.conf", "a2")
        .file("/k/d/deep/x", "a3 ${_PWD}");
    let read = read_world(&world, false);
    assert_eq!(read.lines, ["b1", ">a1 /k/d", ">a3 /k/d/deep", ">a2", "z"]);
    assert!(read.diagnostics.is_empty());
}

#[test]
fn strict_includes_end_the_load_and_plain_ones_do_not() {
    let code = |text: &str, strict| {
        read_world(&MapSource::new().file("/k/k.conf", text), strict).diagnostics.exits()
    };
    assert_eq!(code("include none", false).test, 0);
    assert_eq!(code("includer none", false).test, 0);
    assert_eq!(code("includem none", false).test, 6);
    assert_eq!(code("include none", true).test, 6);
    assert_eq!(code("include_check\ninclude none", false).run, Some(6));
    assert_eq!(code("include_check -match -wildcard_match -brace_match\ninclude none", true).test, 0);
}

#[test]
fn the_strictness_of_a_file_ends_with_it() {
    let world = MapSource::new().file("/k/k.conf", "include a\ninclude none").file("/k/a", "include_check");
    assert_eq!(read_world(&world, false).diagnostics.exits().test, 0);
}

#[test]
fn an_include_loop_is_told_once_with_its_way() {
    let world =
        MapSource::new().file("/k/k.conf", "a\ninclude b.conf\nz").file("/k/b.conf", "include k.conf\na2");
    let read = read_world(&world, false);
    assert_eq!(read.lines, ["a", "a2", "z"]);
    assert_eq!(read.codes(), ["include-loop"]);
    let text = read.rendered();
    assert!(text.contains("/k/b.conf:1:9") && text.contains("included from /k/k.conf:2"), "{text}");
    assert_eq!(read.log(), ["(/k/b.conf: Line 1) `/k/k.conf` includes itself"]);
}

#[test]
fn recursion_is_left_as_it_is_and_told() {
    for text in ["$R=$R\na $R", "$A=$B\n$B=$A\na $A", "$M= \\\n a \\\n$M\n$M", "$D=$\n$X=${D}X\na $X"] {
        let read = read(text);
        assert!(read.codes().contains(&"recursive-definition"), "{text}: {:?}", read.codes());
    }
    let deep: String = (0..100).map(|i| format!("$A{i}=x$A{}\n", i + 1)).collect();
    assert_eq!(read(&format!("{deep}a $A0")).codes(), ["expansion-depth"]);
}

#[test]
fn explosions_are_refused_at_once() {
    for text in [
        "~SEQ(A,1000000000) a",
        "~SEQ(A,1000000) ~SEQ(C,1000000) a $A $C",
        "~SEQ(A,-9223372036854775808,9223372036854775807) a",
    ] {
        let read = read(text);
        assert_eq!(read.codes(), ["expansion-size"], "{text}");
        assert!(read.lines.is_empty());
        assert_eq!(read.diagnostics.exits().run, Some(2));
        assert!(read.rendered().contains("help: choose a nearer end"), "{}", read.rendered());
    }
    let laughs: String = (0..30).map(|i| format!("$A{}=${{A{i}}}${{A{i}}}\n", i + 1)).collect();
    assert_eq!(read(&format!("$A0=ha\n{laughs}a ${{A30}}")).codes(), ["expansion-size"]);
}

#[test]
fn every_fault_of_braces_is_told_at_its_place() {
    let read = read("a }\na {\nunk {\n b {\n c }\n}\nb1\n a\n}\nb2 {\n v {\n 1\n");
    let place = |code: &str| {
        let d = read.diagnostics.iter().find(|d| d.code.name == code);
        d.and_then(|d| d.span).map(|s| read.map.position(s)).map(|p| (p.line, p.column))
    };
    assert_eq!(place("extra-close-brace"), Some((1, 3)));
    assert_eq!(place("unexpected-brace"), Some((2, 3)));
    assert_eq!(place("unknown-keyword"), Some((3, 1)));
    assert_eq!(place("missing-open-brace"), Some((7, 1)));
    assert_eq!(place("missing-close-brace"), Some((11, 4)));
    assert_eq!(read.diagnostics.len(), 5);
    assert!(read.log().contains(&"There are 2 missing '}'s or extra '{'s".to_owned()));
    assert_eq!(read.lines, ["a", "a", "b1", ">a", "b2", ">v", ">=1"]);
}

#[test]
fn lines_that_cannot_be_read_are_told_and_the_others_go_on() {
    let mut bytes = b"a1\nx\0y\n".to_vec();
    bytes.extend(vec![b'x'; 1 << 20]);
    bytes.extend(b"\na \xff\xfe b\n# caf\xe9\na2 \"x\na3");
    let read = read_world(&MapSource::new().file("/k/k.conf", bytes), false);
    assert_eq!(read.lines, ["a1", "a \u{fffd}\u{fffd} b", "a2", "a3"]);
    assert_eq!(read.codes(), ["nul-byte", "long-line", "invalid-utf8", "unterminated-quote"]);
    let text = read.rendered();
    for part in ["k.conf:2:2", "k.conf:3:1", "k.conf:4:3", "k.conf:6:4", "^", "help: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.len() < 4_000, "a long line is not shown as a whole: {} bytes", text.len());
}

#[test]
fn text_of_definitions_is_shown_where_it_was_used_and_where_it_stands() {
    let read = read("$VI= \\\na 1 \\\nunk$N 2\n~SEQ(N, 2) $VI\n");
    assert_eq!(read.codes(), ["unknown-keyword", "unknown-keyword"]);
    let text = read.rendered();
    for part in ["k.conf:4:12", "`unk1`", "`$VI` brings this text"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(read.log()[0], "(Line 4) Unknown keyword 'unk1'");
}

#[test]
fn a_large_expansion_is_read_in_linear_time() {
    let text = "$VI= \\\nb VI_${I}_${J} { \\\n a eth$I \\\n a $J \\\n a 100 \\\n v { \\\n 10.0.0.1 dev eth$I \\\n } \\\n}\n\
                ~SEQ(I, 0, 255) ~SEQ(J, 1, 254) $VI\n";
    let world = MapSource::new().file("/k/k.conf", text);
    let mut reader = Reader::new(&world, false, |_| false);
    reader.open("/k/k.conf");
    let mut parser = Parser::new(reader, ByLetter);
    let mut count = 0;
    let mut nodes = parser.root();
    while let Some(node) = nodes.next() {
        assert_eq!(node.words.len(), 1);
        nodes.inside(&node).finish();
        count += 1;
    }
    assert_eq!(count, 65_024);
    assert!(parser.reader.diagnostics.is_empty());
}
