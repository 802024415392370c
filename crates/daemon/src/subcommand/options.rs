//! What commands that read configurations have in common: their beginning, and some of their options.

use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use config::{Loaded, Source};

use crate::source::{Elsewhere, System};

/// Takes the words of a command line and prints what `run` makes of them on standard output; `wrong` is the exit
/// status for words that make no sense.
pub fn answer(
    command: Command,
    words: &[String],
    wrong: u8,
    run: impl FnOnce(&ArgMatches) -> (String, u8),
) -> ExitCode {
    let (out, status) = match command.try_get_matches_from(words) {
        Ok(matches) => run(&matches),
        Err(e) if e.use_stderr() => {
            eprint!("{}", e.render());
            return ExitCode::from(wrong);
        }
        Err(e) => (e.render().to_string(), config::EXIT_OK),
    };
    // A closed pipe ends the audience, and that is all.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
    ExitCode::from(status)
}

/// `--NAME`, without a value.
pub fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// `--format text|json`.
pub fn format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("For people, or for programs")
}

/// Whether [`format()`] says JSON.
pub fn is_json(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("format").is_some_and(|format| format == "json")
}

/// `--elsewhere` and `-i ID`: the world that a configuration is for.
pub fn world() -> [Arg; 2] {
    [
        flag("elsewhere", "For another machine: every interface, account and script is taken to be there"),
        Arg::new("config-id")
            .long("config-id")
            .short('i')
            .value_name("ID")
            .help("Which lines beginning with @ID or @^ID count"),
    ]
}

/// Gives `read` the world that [`world`] says; `elsewhere` makes it another machine in any case.
pub fn in_world<T>(matches: &ArgMatches, elsewhere: bool, read: impl FnOnce(&dyn Source) -> T) -> T {
    let here = System::new(matches.get_one::<String>("config-id").cloned());
    if elsewhere || matches.get_flag("elsewhere") {
        read(&Elsewhere::with_everything(&here))
    } else {
        read(&here)
    }
}

/// What there is to say to somebody who has the configuration of another machine, if this load looks like one;
/// empty otherwise.
pub fn hint_elsewhere(matches: &ArgMatches, loaded: &Loaded) -> &'static str {
    let of_the_host =
        |code: &str| matches!(code, "unknown-interface" | "script-not-found" | "unusable-command");
    if !matches.get_flag("elsewhere") && loaded.diagnostics.iter().any(|d| of_the_host(d.code.name)) {
        "If this is the configuration of another machine, add `--elsewhere`.\n"
    } else {
        ""
    }
}
