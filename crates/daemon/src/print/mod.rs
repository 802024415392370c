//! `vipd print`: the canonical form of a configuration, or what its includes, conditions, definitions and
//! sequences make of it.

use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command};
use config::print::{Print, expand};
use config::{Level, Loaded, Options, Source};

use crate::source::{Elsewhere, System};

/// The configuration cannot be run, or the command line makes no sense.
const TROUBLE: u8 = 2;

/// Runs `vipd print` with the words after it.
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
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("vipd print")
        .no_binary_name(true)
        .about("Prints the canonical form of a configuration: loading it gives the same. Nothing is started or changed.")
        .after_help("Exit status: 0 printed; 2 the configuration cannot be run, or wrong command line.")
        .arg(Arg::new("file").value_name("FILE").required(true).help("The configuration"))
        .arg(flag("expanded", "Instead its lines, without includes, conditions, definitions and sequences, and where each comes from"))
        .arg(flag("show-secrets", "Passwords and keys as they are"))
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
    let file = matches.get_one::<String>("file").cloned().unwrap_or_default();
    let options = Options::new(file);
    let here = System::new(matches.get_one::<String>("config-id").cloned());
    let elsewhere = Elsewhere::with_everything(&here);
    let source: &dyn Source = if matches.get_flag("elsewhere") { &elsewhere } else { &here };
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
            eprint!("{}", refusal(&options.file, &loaded));
            (String::new(), TROUBLE)
        }
    }
}

/// Why a configuration cannot be run.
pub fn refusal(file: &str, loaded: &Loaded) -> String {
    format!("{}`{file}` cannot be run.\n", loaded.render(false))
}
