//! `vipd diff`: what a reload from one configuration to another would do.

mod report;
mod text;
mod values;

use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command};
use config::{Loaded, Options, Source};

use crate::print::refusal;
use crate::source::{Elsewhere, System};
use report::Report;

/// As `diff(1)` has it: the two differ.
const DIFFERENT: u8 = 1;
/// There was trouble.
const TROUBLE: u8 = 2;

/// Runs `vipd diff` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    let (out, status) = match command().try_get_matches_from(words) {
        Ok(matches) => run(&matches),
        Err(e) if e.use_stderr() => {
            eprint!("{}", e.render());
            return ExitCode::from(TROUBLE);
        }
        Err(e) => (e.render().to_string(), config::EXIT_OK),
    };
    // A closed pipe ends the audience, and that is all.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
    ExitCode::from(status)
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
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["text", "json"])
                .default_value("text")
                .help("For people, or for programs"),
        )
        .arg(
            Arg::new("show-secrets")
                .long("show-secrets")
                .action(ArgAction::SetTrue)
                .help("Passwords and keys as they are"),
        )
        .arg(
            Arg::new("elsewhere")
                .long("elsewhere")
                .action(ArgAction::SetTrue)
                .help("For another machine: every interface, account and script is taken to be there"),
        )
        .arg(
            Arg::new("config-id")
                .long("config-id")
                .short('i')
                .value_name("ID")
                .help("Which lines beginning with @ID or @^ID count"),
        )
}

fn run(matches: &clap::ArgMatches) -> (String, u8) {
    // Both are looked at in the same moment of the same world.
    let here = System::new(matches.get_one::<String>("config-id").cloned());
    let elsewhere = Elsewhere::with_everything(&here);
    let source: &dyn Source = if matches.get_flag("elsewhere") { &elsewhere } else { &here };
    let load = |name: &str| -> (String, Loaded) {
        let file = matches.get_one::<String>(name).cloned().unwrap_or_default();
        let loaded = config::load(source, &Options::new(file.as_str()));
        (file, loaded)
    };
    let (old, new) = (load("old"), load("new"));
    let mut trouble = false;
    for (file, loaded) in [&old, &new] {
        if loaded.model.is_none() {
            eprint!("{}", refusal(file, loaded));
            trouble = true;
        }
    }
    let report = Report::new(&old.1, &new.1, matches.get_flag("show-secrets"));
    let Some(report) = report.filter(|_| !trouble) else { return (String::new(), TROUBLE) };
    let status = if report.same { config::EXIT_OK } else { DIFFERENT };
    let json = matches.get_one::<String>("format").is_some_and(|format| format == "json");
    (if json { report.json() } else { text::text(&report) }, status)
}

#[cfg(test)]
mod tests;
