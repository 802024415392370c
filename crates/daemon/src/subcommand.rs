//! vipd's own commands, which keepalived has not: one table.

pub mod options;

use std::process::ExitCode;

use crate::{check, demo, diff, genhash, help, language_server, print, simulate};

/// One command of `vipd`.
pub struct Subcommand {
    /// The first word.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Runs it with the words after its name.
    pub run: fn(&[String]) -> ExitCode,
    /// Its options, for completion; `None` if it has none.
    pub options: Option<fn() -> clap::Command>,
    /// The words that follow it, for completion.
    pub words: Words,
}

/// What follows a command, apart from options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Words {
    /// Nothing.
    None,
    /// Names of files.
    Files,
    /// Keywords of the configuration.
    Keywords,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// All of them, in the order of the help.
pub static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "check",
        what: "Tell all that is wrong with configurations",
        run: check::main,
        options: Some(check::command),
        words: Words::Files,
    },
    Subcommand {
        name: "print",
        what: "The canonical form of a configuration, or where each line comes from",
        run: print::main,
        options: Some(print::command),
        words: Words::Files,
    },
    Subcommand {
        name: "diff",
        what: "What a reload to another configuration would do",
        run: diff::main,
        options: Some(diff::command),
        words: Words::Files,
    },
    Subcommand {
        name: "demo",
        what: "Watch a failover on this machine",
        run: demo::main,
        options: None,
        words: Words::None,
    },
    Subcommand {
        name: "simulate",
        what: "What happens to these configurations if something fails",
        run: simulate::main,
        options: Some(simulate::command),
        words: Words::Files,
    },
    Subcommand {
        name: "genhash",
        what: "The digest of a web page, for HTTP_GET and SSL_GET",
        run: genhash::main,
        options: Some(genhash::command),
        words: Words::None,
    },
    Subcommand {
        name: "help",
        what: "What a keyword of the configuration means",
        run: help::main,
        options: Some(help::command),
        words: Words::Keywords,
    },
    Subcommand {
        name: "language-server",
        what: "Serve an editor on standard input and output (LSP)",
        run: language_server::main,
        options: None,
        words: Words::None,
    },
    Subcommand {
        name: "completion",
        what: "Print the completion script for bash, zsh or fish",
        run: help::completion::main,
        options: None,
        words: Words::OneOf(&["bash", "zsh", "fish"]),
    },
];

/// The command called `name`.
pub fn find(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().find(|s| s.name == name)
}

/// The list of them, for the help.
pub fn list() -> String {
    let width = SUBCOMMANDS.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let line = |s: &Subcommand| format!("  vipd {:width$}  {}\n", s.name, s.what);
    format!("Commands, when started as vipd:\n{}", SUBCOMMANDS.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_found_by_its_name_and_told_in_one_line() {
        for (i, command) in SUBCOMMANDS.iter().enumerate() {
            assert_eq!(SUBCOMMANDS.iter().position(|s| s.name == command.name), Some(i));
            assert!(find(command.name).is_some() && list().contains(command.what));
            assert!(!command.what.is_empty() && !command.what.contains('\n'));
        }
        assert!(find("-t").is_none());
    }

    #[test]
    fn the_options_of_commands_are_sound() {
        for command in SUBCOMMANDS.iter().filter_map(|s| s.options) {
            command().debug_assert();
        }
    }
}
