//! `vipd print`: the canonical form of a configuration, or what its includes, conditions, definitions and
//! sequences make of it.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use config::print::{Print, expand};
use config::{Level, Loaded, Options, Source};

use crate::subcommand::options::{self, flag};

/// The configuration cannot be run, or the command line makes no sense.
const TROUBLE: u8 = 2;

/// Runs `vipd print` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    options::answer(command(), words, TROUBLE, |matches| {
        options::in_world(matches, false, |source| run(matches, source))
    })
}

/// The options.
pub fn command() -> Command {
    Command::new("vipd print")
        .no_binary_name(true)
        .about("Prints the canonical form of a configuration: loading it gives the same. Nothing is started or changed.")
        .after_help("Exit status: 0 printed; 2 the configuration cannot be run, or wrong command line.")
        .arg(Arg::new("file").value_name("FILE").required(true).help("The configuration"))
        .arg(flag("expanded", "Instead its lines, without includes, conditions, definitions and sequences, and where each comes from"))
        .arg(flag("show-secrets", "Passwords and keys as they are"))
        .args(options::world())
}

fn run(matches: &ArgMatches, source: &dyn Source) -> (String, u8) {
    let file = matches.get_one::<String>("file").cloned().unwrap_or_default();
    let options = Options::new(file);
    let show_secrets = matches.get_flag("show-secrets");
    if matches.get_flag("expanded") {
        let expanded = expand(source, &options, show_secrets);
        eprint!("{}", expanded.render(false));
        let status = if expanded.lines.is_empty() { TROUBLE } else { config::EXIT_OK };
        return (expanded.text(true), status);
    }
    let loaded = config::load(source, &options);
    match &loaded.model {
        Some(model) => {
            // What is wrong is not part of what is printed.
            let errors = loaded.diagnostics.iter().filter(|d| d.level() == Level::Error).count();
            if errors > 0 {
                eprintln!("{errors} errors in `{0}`: see `vipd check {0}`", options.file);
            }
            (Print { accounts: &loaded.accounts, show_secrets }.text(model), config::EXIT_OK)
        }
        None => {
            eprint!("{}", refusal(matches, &options.file, &loaded));
            (String::new(), TROUBLE)
        }
    }
}

/// Why a configuration cannot be run.
pub fn refusal(matches: &ArgMatches, file: &str, loaded: &Loaded) -> String {
    let hint = options::hint_elsewhere(matches, loaded);
    format!("{}`{file}` cannot be run.\n{hint}", loaded.render(false))
}
