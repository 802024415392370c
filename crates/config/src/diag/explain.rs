//! The example of each code, out of its explanation.

use std::net::Ipv4Addr;

use base::IpNet;

use super::Code;
use crate::cluster::{self, Node};
use crate::load::{Loaded, Options, load};
use crate::source::{Interface, MapSource, ReadError};

/// The file that an example is, if it doesn't say otherwise.
const FILE: &str = "/etc/keepalived/keepalived.conf";

/// Files that have a problem, in a world of their own: the interfaces `eth0` and `eth1` exist, everybody can
/// write to `/tmp/check.sh` and read `open.key`, `missing.sh` is not there, and `secret.conf` cannot be read.
///
/// In the text of an explanation, `{n}` and `{n+1}` stand for numbers, comments that begin with `# ...` for
/// many lines or bytes, `␀` for a byte 0, and `\u{fffd}` for a byte that is no UTF-8.
#[derive(Clone, Debug)]
pub struct Example {
    /// The name or pattern of the top file.
    pub file: String,
    /// The paths and texts of its files, as the explanation shows them.
    pub shown: Vec<(String, &'static str)>,
    source: MapSource,
}

impl Example {
    /// Loads it.
    #[must_use]
    pub fn load(&self) -> Loaded {
        load(&self.source, &Options::new(self.file.as_str()).with_advice())
    }
}

impl Example {
    /// Loads it as the files of a cluster, each the configuration of one node, and renders what is told of
    /// `code` first; `None` if that is nothing.
    #[must_use]
    pub fn compare(&self, code: &Code, colours: bool) -> Option<String> {
        let load = |file: &str| load(&self.source, &Options::new(file).with_advice());
        let loaded: Vec<Loaded> = self.shown.iter().map(|(file, _)| load(file)).collect();
        let nodes: Vec<Node<'_>> =
            self.shown.iter().zip(&loaded).map(|((name, _), loaded)| Node { name, loaded }).collect();
        let found = cluster::compare(&nodes);
        found.iter().find(|finding| finding.code == *code).map(|finding| finding.render(&nodes, colours))
    }
}

impl Code {
    /// The code called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|code| code.name == name)
    }

    /// The code whose name is spelled almost like `name`.
    #[must_use]
    pub fn similar(name: &str) -> Option<&'static Self> {
        let near = crate::keyword::value::nearest(name, Self::ALL.iter().map(|code| code.name))?;
        Self::named(near)
    }

    /// What it is, in one sentence without a full stop.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.explanation.lines().next().unwrap_or("").trim_start_matches("# ")
    }

    /// The example of its explanation.
    #[must_use]
    pub fn example(&self) -> Example {
        let mut source = MapSource::new()
            .interface("lo", Interface { loopback: true, multicast: false, mtu: 65_536 })
            .interface("eth0", Interface::default())
            .interface("eth1", Interface::default())
            .address(
                "eth0",
                IpNet::new(Ipv4Addr::new(192, 0, 2, 10).into(), 24)
                    .unwrap_or_else(|| IpNet::host(Ipv4Addr::LOCALHOST.into())),
            )
            .unreadable("/etc/keepalived/secret.conf", ReadError::Permission)
            .without_program("/etc/keepalived/missing.sh")
            .insecure_program("/tmp/check.sh")
            .open_file("/etc/keepalived/open.key");
        let (mut file, mut shown) = (None, Vec::new());
        for (kind, body) in fences(self.explanation) {
            let mut words = kind.split_whitespace();
            match words.next() {
                Some("console") => {
                    let name = body.trim().rsplit(' ').next().unwrap_or("");
                    file.get_or_insert_with(|| name.trim_matches('\'').to_owned());
                }
                Some("conf") => {
                    let path = words.next().unwrap_or(FILE).to_owned();
                    let mut add = |path: String, text: &str| {
                        source = std::mem::take(&mut source).file(&path, bytes(text));
                        file.get_or_insert(path);
                    };
                    match range(kind) {
                        Some(all) => all.for_each(|n| add(number(&path, n), &number(body, n))),
                        None => add(path.clone(), body),
                    }
                    shown.push((path, body));
                }
                _ => {}
            }
        }
        Example { file: file.unwrap_or_else(|| FILE.to_owned()), shown, source }
    }
}

/// The fenced parts of a Markdown text: the words after the fence, and what is inside.
fn fences(text: &'static str) -> Vec<(&'static str, &'static str)> {
    let parts: Vec<&str> = text.split("```").collect();
    let inside = parts.iter().skip(1).step_by(2);
    inside.filter_map(|part| part.split_once('\n')).collect()
}

/// The numbers of `.. for n = 1 to 3`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u32>> {
    let (_, numbers) = text.split_once("for n = ")?;
    let (first, last) = numbers.split_once(" to ")?;
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

fn number(text: &str, n: u32) -> String {
    text.replace("{n}", &n.to_string()).replace("{n+1}", &n.saturating_add(1).to_string())
}

/// An example as it would stand in a file.
fn bytes(shown: &str) -> Vec<u8> {
    let mut text = String::new();
    for (i, line) in shown.lines().enumerate() {
        let before = i.checked_sub(1).and_then(|i| shown.lines().nth(i)).unwrap_or("");
        let Some(more) = line.trim_start().strip_prefix("# ... the line above, ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        // The line above is there already.
        text.truncate(text.len().saturating_sub(before.len() + 1));
        if let Some(numbers) = range(more) {
            numbers.for_each(|n| text.push_str(&(number(before, n) + "\n")));
        } else {
            let more = more.split(' ').find_map(|word| word.parse().ok()).unwrap_or(0);
            text.push_str(&format!("{before}{}\n", "x".repeat(more)));
        }
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2400}' => out.push(0),
            '\u{fffd}' => out.push(0xff),
            _ => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_title_a_text_and_an_example_that_gives_this_code() {
        let mut wrong = Vec::new();
        for code in Code::ALL {
            let text = code.explanation;
            let told = code.example().load();
            let has = told.diagnostics.iter().any(|d| d.code == *code)
                || code.example().compare(code, false).is_some();
            let whole = text.starts_with("# ") && text.lines().nth(2).is_some_and(|line| line.len() > 20);
            if !has || !whole || text.matches("```").count() < 2 || code.title().ends_with('.') {
                let said: String = told.render(false).chars().take(600).collect();
                wrong.push(format!("{}: text {whole}, example {has}\n{said}", code.name));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_file_without_a_code_does_not_stay_behind() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/explain");
        for file in std::fs::read_dir(dir).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(Code::named(name.trim_end_matches(".md")).is_some(), "{name} explains no code");
        }
    }

    #[test]
    fn short_hands_of_examples_become_bytes() {
        assert_eq!(bytes("a{n}\n# ... the line above, for n = 1 to 2\n"), b"a1\na2\n");
        assert_eq!(bytes("ab\n# ... the line above, with 3 bytes more\nc\n"), b"abxxx\nc\n");
        assert_eq!(bytes("\u{2400}\u{fffd}\u{e9}\n"), b"\0\xff\xc3\xa9\n");
    }

    #[test]
    fn a_misspelt_code_finds_the_one_that_was_meant() {
        assert_eq!(Code::similar("unknown-keywrod"), Some(&Code::UNKNOWN_KEYWORD));
        assert_eq!(Code::similar("elephant"), None);
    }
}
