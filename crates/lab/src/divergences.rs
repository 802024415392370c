//! The list of known differences from keepalived, each with its reason.

use serde::Deserialize;

use crate::compare::{Class, Difference};
use crate::error::{LabError, Result};

/// The list, as it stands in `tests/oracle/DIVERGENCES.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergences {
    #[serde(default, rename = "divergence")]
    entries: Vec<Divergence>,
    /// Differences that no capture of the golden runs shows: for readers.
    #[serde(default)]
    pub behaviour: Vec<Behaviour>,
    /// Lines of the log that only one of both has.
    #[serde(default)]
    pub log: Vec<LogLine>,
    /// Differences of load balancing.
    #[serde(default)]
    pub lvs: Vec<Balancing>,
}

/// A line of the log that only one daemon writes in the story that both are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// Which one: `keepalived` or `vipd`.
    pub only: String,
    /// The line without its time; `*` stands for any text.
    pub line: String,
    /// Why.
    pub reason: String,
}

impl LogLine {
    /// Whether this entry speaks of that line.
    #[must_use]
    pub fn covers(&self, line: &str) -> bool {
        fits(&self.line, line)
    }
}

/// Differences of load balancing that have one reason: events that only one daemon shows, or at another
/// time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balancing {
    /// The scenarios. At least one of the events must occur in each.
    pub scenarios: Vec<String>,
    /// Whether they may occur in all others, too.
    #[serde(default)]
    pub everywhere: bool,
    /// Whether they need not occur at all: which of several processes the kernel runs first decides.
    #[serde(default)]
    pub sometimes: bool,
    /// The events, as `CLASS STREAM: TEXT`. Classes are `missing`, `extra`, `time` and `order`; streams
    /// `table`, `lvs` and `all` (the FIFOs), `script`, `mail` and `log`. `*` stands for any text.
    pub events: Vec<String>,
    /// Why it is right that we differ.
    pub reason: String,
}

impl Balancing {
    /// Whether this entry speaks of that event.
    #[must_use]
    pub fn covers(&self, event: &str) -> bool {
        self.events.iter().any(|pattern| fits(pattern, event))
    }
}

/// Whether a text is as the pattern says, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(first) else { return false };
    // Each place that can be where the rest begins.
    text.char_indices().map(|(i, _)| i).chain([text.len()]).any(|i| fits(rest, &text[i..]))
}

/// A known difference of behaviour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// A name for it.
    pub id: String,
    /// In which situation.
    pub what: String,
    /// What keepalived does then.
    pub keepalived: String,
    /// What vipd does.
    pub vipd: String,
    /// Why.
    pub reason: String,
    /// The test that holds it: crate and name.
    pub test: String,
}

/// One known difference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// The scenarios in which it occurs. It must occur in each.
    pub scenarios: Vec<String>,
    /// It need not occur: scheduling of processes decides.
    #[serde(default)]
    pub sometimes: bool,
    /// In what the captures differ.
    pub class: Class,
    /// Kind of the event: `advert`, `garp` or `na`.
    pub event: String,
    /// The field, if the class is `field`.
    pub field: Option<String>,
    /// Why it is right that we differ.
    pub reason: String,
}

impl Divergences {
    /// Reads the list.
    ///
    /// # Errors
    /// Not TOML, an unknown key, or an entry without a reason.
    pub fn parse(text: &str) -> Result<Self> {
        let list: Self =
            toml::from_str(text).map_err(|e| LabError::Expectation(format!("divergences: {e}")))?;
        let captures = list.entries.iter().map(|e| (&e.scenarios, &e.reason));
        let balancing = list.lvs.iter().map(|e| (&e.scenarios, &e.reason));
        match captures.chain(balancing).find(|(_, reason)| reason.trim().is_empty()) {
            Some((scenarios, _)) => {
                Err(LabError::Expectation(format!("divergences: {scenarios:?} has no reason")))
            }
            None => Ok(list),
        }
    }

    /// The entries of a scenario.
    pub fn of<'a>(&'a self, scenario: &'a str) -> impl Iterator<Item = &'a Divergence> {
        self.entries.iter().filter(move |e| e.scenarios.iter().any(|s| s == scenario))
    }

    /// Whether a difference in a scenario is on the list.
    #[must_use]
    pub fn allow(&self, scenario: &str, difference: &Difference) -> bool {
        self.of(scenario).any(|entry| entry.covers(difference))
    }
}

impl Divergence {
    /// Whether this entry speaks of that difference.
    #[must_use]
    pub fn covers(&self, difference: &Difference) -> bool {
        self.class == difference.class
            && self.event == difference.event
            && self.field.as_deref() == difference.field
    }
}

#[cfg(test)]
mod tests {
    use super::Divergences;
    use crate::compare::{Class, Difference};
    use base::Mac;
    use std::path::Path;

    const LIST: &str = "[[divergence]]\nscenarios = [\"a\"]\nclass = \"field\"\nevent = \"na\"\nfield = \"ip.hops\"\nreason = \"RFC\"\n";

    /// All Rust text below a directory.
    fn sources(dir: &Path) -> String {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .map(|e| match e.path() {
                path if path.is_dir() => sources(&path),
                path if path.extension().is_some_and(|x| x == "rs") => {
                    std::fs::read_to_string(path).unwrap_or_default()
                }
                _ => String::new(),
            })
            .collect()
    }

    #[test]
    fn the_list_can_be_read_and_the_tests_that_it_names_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = std::fs::read_to_string(root.join("tests/oracle/DIVERGENCES.toml")).unwrap();
        for behaviour in Divergences::parse(&text).unwrap().behaviour {
            let (krate, test) = behaviour.test.split_once(": ").expect("CRATE: TEST");
            let dir = if krate == "vipd" { "daemon" } else { krate };
            let found = sources(&root.join("crates").join(dir)).contains(&format!("fn {test}("));
            assert!(found, "{}: crates/{krate} has no test {test}", behaviour.id);
        }
    }

    fn difference(field: &'static str) -> Difference {
        let sender = Mac([0; 6]);
        Difference {
            class: Class::Field,
            sender,
            event: "na",
            field: Some(field),
            detail: String::new(),
            count: 1,
        }
    }

    #[test]
    fn only_what_is_listed_for_the_scenario_is_allowed() {
        let list = Divergences::parse(LIST).unwrap();
        assert!(list.allow("a", &difference("ip.hops")));
        assert!(!list.allow("b", &difference("ip.hops")));
        assert!(!list.allow("a", &difference("ip.class")));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acbc", true),
            ("a*c", "acb", false),
            ("*b*", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
        ] {
            assert_eq!(super::fits(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn an_entry_needs_a_reason_and_no_unknown_key() {
        assert!(Divergences::parse(&LIST.replace("RFC", " ")).is_err());
        assert!(Divergences::parse(&LIST.replace("reason", "because")).is_err());
        assert!(Divergences::parse("").is_ok());
    }
}
