//! The command line of `vipd simulate`.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};
use sim::scenario::OTHER_WORDS;
use sim::scenario::words::WORDS;

use super::{HELD, REFUSED};

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Every single fault and every pair.
    Everything,
    /// One row of that.
    Case(String),
    /// The scenario in a file.
    Scenario(String),
    /// Random faults.
    Random(u64),
    /// The names of the single faults.
    List,
}

/// How it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A command line that makes sense.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent options")]
pub struct Arguments {
    /// The configurations, one for each node.
    pub files: Vec<String>,
    /// What was asked for.
    pub asked: Asked,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--trace`.
    pub trace: bool,
    /// `--format`.
    pub format: Format,
    /// `--single`.
    pub single: bool,
    /// `--all`.
    pub all: bool,
    /// `--keep-going`.
    pub keep_going: bool,
}

/// What is told instead of a simulation: help, or what is wrong.
pub struct Told {
    /// The text.
    pub text: String,
    /// The exit status.
    pub code: u8,
}

impl Arguments {
    /// Reads the words after `vipd simulate`.
    ///
    /// # Errors
    /// The help that was asked for, or what is wrong.
    pub fn parse(words: &[String]) -> Result<Self, Told> {
        let told = |e: clap::Error| {
            let code = if e.use_stderr() { REFUSED } else { HELD };
            Told { text: e.render().to_string(), code }
        };
        let matches = command().try_get_matches_from(words).map_err(told)?;
        if matches.get_flag("words") {
            return Err(Told { text: words_text(), code: HELD });
        }
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let seed = matches.get_one::<u64>("seed").copied();
        let asked = match (text("case"), text("scenario"), seed) {
            (Some(name), ..) => Asked::Case(name),
            (None, Some(file), _) => Asked::Scenario(file),
            (None, None, Some(seed)) => Asked::Random(seed),
            (None, None, None) if matches.get_flag("list") => Asked::List,
            (None, None, None) => Asked::Everything,
        };
        let json = matches.get_one::<String>("format").is_some_and(|f| f == "json");
        Ok(Self {
            files: matches.get_many::<String>("file").unwrap_or_default().cloned().collect(),
            asked,
            seed,
            trace: matches.get_flag("trace"),
            format: if json { Format::Json } else { Format::Text },
            single: matches.get_flag("single"),
            all: matches.get_flag("all"),
            keep_going: matches.get_flag("keep-going"),
        })
    }

    /// The command line up to the files, as it can be typed again.
    pub fn command(&self) -> String {
        let files: Vec<String> = self.files.iter().map(|file| shell(file)).collect();
        format!("vipd simulate {}", files.join(" "))
    }
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+=:@,".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The options.
pub fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("vipd simulate")
        .no_binary_name(true)
        .about(
            "What happens to these configurations if something fails: one file for each node.\n\
             Runs the daemon's own engine in a virtual world; needs no root and touches nothing.\n\
             Without options: every single fault that is possible, and every pair of them.",
        )
        .after_help(
            "Exit status: 0 every property held, 1 one was broken, 2 it could not be simulated.\n\n\
             vipd simulate a.conf b.conf\n\
             vipd simulate a.conf b.conf --case 'kill A'\n\
             vipd simulate a.conf b.conf --scenario night.txt --format json",
        )
        .arg(Arg::new("file").value_name("FILE").num_args(1..=26).required_unless_present("words"))
        .arg(option("case", "NAME", "Only this row, with its timeline").conflicts_with("scenario"))
        .arg(option("scenario", "FILE", "The faults of a file (- for standard input), with their timeline"))
        .arg(
            option("seed", "N", "Random faults that follow from N; with --case or --scenario: other delays")
                .value_parser(clap::value_parser!(u64)),
        )
        .arg(flag("single", "Single faults only, no pairs"))
        .arg(flag("all", "Show the pairs that hold, too"))
        .arg(flag("keep-going", "Try faults even if it doesn't work without any"))
        .arg(flag("trace", "Show everything that happens"))
        .arg(option("format", "FORMAT", "text or json").value_parser(["text", "json"]))
        .arg(flag("list", "Show the names of all single faults"))
        .arg(flag("words", "Show the words of scenarios"))
}

/// The words of scenarios, from their table.
pub fn words_text() -> String {
    const COLUMN: usize = 34;
    let mut out = String::from(
        "A scenario is a text with a line for everything that happens: a time since the start, and words.\n\
         `#` begins a comment; `for TIME` after a fault undoes it that much later. NODE is the name of a\n\
         node, or A, B, C ... by its place; times are as in 10s, 2.5s, 250ms. Every daemon starts at 0s,\n\
         unless the first line about it is `start`.\n\n\
         \x20   10s   kill A\n\
         \x20   12.5s unplug B eth0 for 3s\n\
         \x20   20s   heal\n\
         \x20   30s   expect A VI_1 MASTER\n\n",
    );
    let faults = WORDS.iter().map(|word| (word.usage(), word.help));
    let others = OTHER_WORDS.iter().map(|(usage, help)| ((*usage).to_owned(), *help));
    for (usage, help) in faults.chain(others) {
        if usage.len() < COLUMN {
            let _ = writeln!(out, "{usage:COLUMN$} {help}");
        } else {
            let _ = writeln!(out, "{usage}\n{:COLUMN$} {help}", "");
        }
    }
    out
}
