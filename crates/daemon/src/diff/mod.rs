//! `vipd diff`: what a reload from one configuration to another would do.

mod report;
mod text;
mod values;

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use config::{Loaded, Options, Source};

use crate::print::refusal;
use crate::subcommand::options::{self, flag};
use report::Report;

/// As `diff(1)` has it: the two differ.
const DIFFERENT: u8 = 1;
/// There was trouble.
const TROUBLE: u8 = 2;

/// Runs `vipd diff` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    options::answer(command(), words, TROUBLE, |matches| {
        // Both are looked at in the same moment of the same world.
        options::in_world(matches, false, |source| run(matches, source))
    })
}

/// The options.
pub fn command() -> Command {
    let file = |name: &'static str, shown: &'static str, help: &'static str| {
        Arg::new(name).value_name(shown).required(true).help(help)
    };
    Command::new("vipd diff")
        .no_binary_name(true)
        .about("Tells what a reload from one configuration to another would do. Nothing is started or changed.")
        .after_help(
            "Exit status: 0 the two mean the same; 1 they differ; 2 one of them cannot be run, or wrong command line.",
        )
        .arg(file("old", "OLD", "The configuration that runs"))
        .arg(file("new", "NEW", "The one that shall run"))
        .arg(options::format())
        .arg(flag("show-secrets", "Passwords and keys as they are"))
        .args(options::world())
}

fn run(matches: &ArgMatches, source: &dyn Source) -> (String, u8) {
    let load = |name: &str| -> (String, Loaded) {
        let file = matches.get_one::<String>(name).cloned().unwrap_or_default();
        let loaded = config::load(source, &Options::new(file.as_str()));
        (file, loaded)
    };
    let (old, new) = (load("old"), load("new"));
    let mut trouble = false;
    for (file, loaded) in [&old, &new] {
        if loaded.model.is_none() {
            eprint!("{}", refusal(matches, file, loaded));
            trouble = true;
        }
    }
    let report = Report::new(&old.1, &new.1, matches.get_flag("show-secrets"));
    let Some(report) = report.filter(|_| !trouble) else { return (String::new(), TROUBLE) };
    let status = if report.same { config::EXIT_OK } else { DIFFERENT };
    (if options::is_json(matches) { report.json() } else { text::text(&report) }, status)
}

#[cfg(test)]
mod tests;
