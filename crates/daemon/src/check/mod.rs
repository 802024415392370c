//! `vipd check`: all that is wrong with configurations, for people and for programs.

mod cluster;
mod explain;
mod json;

use std::process::ExitCode;

use clap::{Arg, Command};
use config::{Effect, Level, Loaded, Options};

use crate::colour;
use crate::configuration::DEFAULT_FILE;
use crate::subcommand::options::{self, flag};

use cluster::Cluster;

/// With `--strict`: there are warnings, and nothing worse.
const WARNED: u8 = 1;
/// The command line makes no sense (`EX_USAGE` of `sysexits.h`).
const USAGE: u8 = 64;

/// Runs `vipd check` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    options::answer(command(), words, USAGE, run)
}

/// The options.
pub fn command() -> Command {
    Command::new("vipd check")
        .no_binary_name(true)
        .about("Tells all that is wrong with configurations. Nothing is started or changed.")
        .after_help(AFTER)
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .num_args(0..)
                .help("Configuration files, one after the other"),
        )
        .arg(options::format())
        .arg(flag("strict", "Fail if there are warnings"))
        .arg(flag("cluster", "The files are those of several nodes: tell what is wrong between them, too"))
        .arg(
            Arg::new("explain")
                .long("explain")
                .value_name("CODE")
                .num_args(0..=1)
                .default_missing_value("")
                .conflicts_with("file")
                .help("The long story of a code; without CODE the list of all"),
        )
        .arg(flag("all-config", "Every included file must be there").short('e'))
        .args(options::world())
}

const AFTER: &str = "\
Exit status: 0 fine; 1 there are warnings (only with --strict); 2 a keyword lacks its value; 4 a file is missing; 5 any \
other problem; 6 there is no configuration, or scripts are not secure; 64 wrong command line. Of several files the \
largest counts.";

fn run(matches: &clap::ArgMatches) -> (String, u8) {
    let json = options::is_json(matches);
    let colours = colour::wanted(&std::io::stdout());
    if let Some(code) = matches.get_one::<String>("explain") {
        return explain::main(code, json, colours);
    }
    let files = matches.get_many::<String>("file").map(|files| files.map(String::as_str).collect());
    let files: Vec<&str> = files.unwrap_or_else(|| vec![DEFAULT_FILE]);
    let checked: Vec<Checked> = files
        .into_iter()
        .map(|file| {
            let strict_includes = matches.get_flag("all-config");
            let wanted = Options { strict_includes, ..Options::new(file).with_advice() };
            let elsewhere = matches.get_flag("cluster");
            let loaded = options::in_world(matches, elsewhere, |source| config::load(source, &wanted));
            Checked::new(file, loaded, matches.get_flag("strict"))
        })
        .collect();
    let cluster = matches.get_flag("cluster").then(|| Cluster::of(&checked, matches.get_flag("strict")));
    let statuses = checked.iter().map(|c| c.status).chain(cluster.as_ref().map(|c| c.status));
    let status = statuses.max().unwrap_or(config::EXIT_OK);
    let out = if json {
        json::report(&checked, cluster.as_ref(), status)
    } else {
        let files = checked.iter().map(|c| c.text(colours));
        let hints = checked.iter().map(|c| options::hint_elsewhere(matches, &c.loaded));
        // Of a cluster, each node is another machine anyway.
        let hint = hints.max().filter(|_| cluster.is_none()).unwrap_or_default();
        let all: String = files.chain(cluster.as_ref().map(|c| c.text(colours))).collect();
        all + hint
    };
    (out, status)
}

/// One file, and what came of it.
struct Checked {
    /// Its name, as it was given.
    file: String,
    loaded: Loaded,
    /// The exit status for it alone.
    status: u8,
}

impl Checked {
    fn new(file: &str, loaded: Loaded, strict: bool) -> Self {
        let status = status(&loaded, strict);
        Self { file: file.to_owned(), loaded, status }
    }

    fn count(&self, level: Level) -> usize {
        self.loaded.diagnostics.iter().filter(|d| d.level() == level).count()
    }

    /// For people: each problem with its lines, and a summary.
    fn text(&self, colours: bool) -> String {
        format!("{}{}: {}\n", self.loaded.render(colours), self.file, summary(|level| self.count(level)))
    }
}

/// How many problems of each level there are.
fn summary(count: impl Fn(Level) -> usize) -> String {
    let counts = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "hint")];
    let mut parts: Vec<String> = counts
        .into_iter()
        .map(|(level, name)| (count(level), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if parts.is_empty() {
        parts.push("nothing to report".to_owned());
    }
    parts.join(", ")
}

/// The exit status for one file: that of a configuration test, unless keepalived's test is content with
/// what is an error all the same.
fn status(loaded: &Loaded, strict: bool) -> u8 {
    let mut all = loaded.diagnostics.iter();
    let test = loaded.exits.test;
    if loaded.diagnostics.iter().any(|d| d.code.effect == Effect::LacksFile) {
        config::EXIT_NO_CONFIG.max(test)
    } else if test != config::EXIT_OK {
        test
    } else if loaded.diagnostics.iter().any(|d| d.level() == Level::Error) {
        config::EXIT_TEST_FAILED
    } else if strict && all.any(|d| d.level() == Level::Warning) {
        WARNED
    } else {
        config::EXIT_OK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::MapSource;

    fn checked(text: &str, strict: bool) -> u8 {
        let source = MapSource::new().file("/k.conf", text).without_program("/none");
        status(&config::load(&source, &Options::new("/k.conf")), strict)
    }

    const GOOD: &str =
        "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n";

    #[test]
    fn the_status_is_that_of_a_test_but_no_error_is_passed_over() {
        let with = |line: &str| format!("{GOOD} {line}\n}}\n");
        assert_eq!(checked(&with(""), true), 0);
        assert_eq!(checked(&with("priority 100 200"), false), 0);
        assert_eq!(checked(&with("priority 100 200"), true), WARNED, "a warning, if it is strict");
        assert_eq!(checked(&with("priority 300"), true), 5);
        assert_eq!(checked(&with("priority"), false), 2);
        assert_eq!(checked(&with("notify /none"), false), 5, "keepalived is content with it");
        assert_eq!(checked("includer none.conf\nincludem none.conf\n", false), 6);
        let loaded = config::load(&MapSource::new(), &Options::new("/none.conf"));
        assert_eq!(status(&loaded, false), 6, "keepalived is content with it");
    }
}
