//! `vipd completion SHELL`: completion of options, commands and keywords, from the tables.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use clap::Command;
use config::Code;

use crate::cli::{Argument, OPTIONS};
use crate::subcommand::{SUBCOMMANDS, Subcommand, Words};

/// A shell, and what writes its script.
type Shell = (&'static str, fn() -> String);

const SHELLS: &[Shell] = &[("bash", bash), ("zsh", zsh), ("fish", fish)];

/// Runs `vipd completion` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    let script = match words {
        [shell] => SHELLS.iter().find(|(name, _)| name == shell),
        _ => None,
    };
    let Some((_, script)) = script else {
        let names: Vec<&str> = SHELLS.iter().map(|(name, _)| *name).collect();
        eprintln!("Usage: vipd completion {}", names.join("|"));
        return ExitCode::FAILURE;
    };
    // A closed pipe ends the audience only.
    let _ = std::io::stdout().lock().write_all(script().as_bytes());
    ExitCode::SUCCESS
}

/// An option as completion needs it.
struct Choice {
    short: Option<char>,
    long: Option<String>,
    help: String,
    /// The words that its value is one of.
    values: Vec<String>,
    /// Whether a value follows as a word of its own.
    takes_value: bool,
    /// Whether that is the name of a file.
    file: bool,
}

/// The options of the daemon.
fn daemon() -> Vec<Choice> {
    let shown = OPTIONS.iter().filter(|o| !o.help.is_empty());
    shown
        .map(|o| Choice {
            short: o.short,
            long: o.long.map(str::to_owned),
            help: o.help.lines().next().unwrap_or_default().to_owned(),
            values: Vec::new(),
            takes_value: matches!(o.argument, Argument::Required(_)),
            file: matches!(o.argument, Argument::Required("FILE")),
        })
        .collect()
}

/// The options of a command.
fn of(command: &Command) -> Vec<Choice> {
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    options
        .map(|arg| Choice {
            short: arg.get_short(),
            long: arg.get_long().map(str::to_owned),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            values: match arg.get_long() {
                Some("explain") => Code::ALL.iter().map(|code| code.name.to_owned()).collect(),
                _ => arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect(),
            },
            takes_value: arg.get_action().takes_values(),
            file: arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "FILE")),
        })
        .collect()
}

/// The words that follow a command; `None` means files.
fn words_of(command: &Subcommand) -> Option<Vec<&'static str>> {
    match command.words {
        Words::None => Some(Vec::new()),
        Words::Files => None,
        Words::Keywords => {
            let names: BTreeSet<&str> = config::keywords().map(|e| e.name).collect();
            Some(names.into_iter().collect())
        }
        Words::OneOf(words) => Some(words.to_vec()),
    }
}

fn names(choices: &[Choice]) -> String {
    let names = choices.iter().flat_map(|c| {
        [c.short.map(|s| format!("-{s}")), c.long.as_ref().map(|l| format!("--{l}"))].into_iter().flatten()
    });
    names.collect::<Vec<_>>().join(" ")
}

const HEAD: &str = "made by `cargo xtask docs` from the tables of vipd";

fn bash() -> String {
    let mut cases = String::new();
    for command in SUBCOMMANDS {
        let options = command.options.map(|options| of(&options())).unwrap_or_default();
        let values: String = options
            .iter()
            .filter(|o| !o.values.is_empty())
            .map(|o| {
                let long = o.long.as_deref().unwrap_or_default();
                format!(
                    "        --{long}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n",
                    o.values.join(" ")
                )
            })
            .collect();
        let values = if values.is_empty() {
            String::new()
        } else {
            format!("        case $prev in\n{values}        esac\n")
        };
        let files = if words_of(command).is_none() { " -f" } else { "" };
        let mut words = words_of(command).unwrap_or_default().join(" ");
        words.push_str(&format!(" {}", names(&options)));
        cases.push_str(&format!(
            "    {})\n{values}        COMPREPLY=($(compgen{files} -W '{}' -- \"$cur\")) ;;\n",
            command.name,
            words.trim()
        ));
    }
    let commands: Vec<&str> = SUBCOMMANDS.iter().map(|s| s.name).collect();
    format!(
        "# bash completion for vipd; {HEAD}\n_vipd() {{\n    local cur=${{COMP_WORDS[COMP_CWORD]}} \
         prev=${{COMP_WORDS[COMP_CWORD-1]}}\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ] && [[ $cur != -* ]]; then\n        \
         COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n        return\n    fi\n    case ${{COMP_WORDS[1]}} in\n{cases}    *) \
         COMPREPLY=($(compgen -f -W '{}' -- \"$cur\")) ;;\n    esac\n}}\ncomplete -o filenames -F _vipd vipd\n",
        commands.join(" "),
        names(&daemon())
    )
}

/// A text within single quotes of a shell, without what zsh's descriptions take for themselves.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

fn zsh() -> String {
    let spec = |o: &Choice| {
        let help = quoted(&o.help).replace('[', "(").replace(']', ")").replace(':', "\\:");
        let value = match (o.takes_value, o.values.is_empty()) {
            (false, _) => String::new(),
            (true, false) => format!(":value:({})", o.values.join(" ")),
            (true, true) if o.file => ":file:_files".to_owned(),
            (true, true) => ":value: ".to_owned(),
        };
        let short = o.short.map(|s| format!("'-{s}[{help}]{value}'"));
        let long = o.long.as_ref().map(|l| format!("'--{l}[{help}]{value}'"));
        [short, long].into_iter().flatten().map(|s| format!("            {s} \\\n")).collect::<String>()
    };
    let mut cases = String::new();
    for command in SUBCOMMANDS {
        let options: String =
            command.options.map(|o| of(&o())).unwrap_or_default().iter().map(spec).collect();
        let rest = match words_of(command) {
            None => "'*:file:_files'".to_owned(),
            Some(words) => format!("'*:word:({})'", words.join(" ")),
        };
        cases.push_str(&format!(
            "        {})\n        _arguments \\\n{options}            {rest} ;;\n",
            command.name
        ));
    }
    let describe = |s: &Subcommand| format!("        '{}:{}'\n", s.name, quoted(s.what));
    let commands: String = SUBCOMMANDS.iter().map(describe).collect();
    let daemon: String = daemon().iter().map(spec).collect();
    format!(
        "#compdef vipd\n# zsh completion for vipd; {HEAD}\n_vipd() {{\n    local -a commands=(\n{commands}    )\n    if (( \
         CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n        _describe command commands\n        return\n    fi\n    \
         case $words[2] in\n{cases}        *)\n        _arguments \\\n{daemon}            '*:file:_files' ;;\n    esac\n}}\n_vipd \
         \"$@\"\n"
    )
}

fn fish() -> String {
    let mut out = format!("# fish completion for vipd; {HEAD}\n");
    let mut option = |condition: &str, o: &Choice| {
        let short = o.short.map_or_else(String::new, |s| format!(" -s {s}"));
        let long = o.long.as_ref().map_or_else(String::new, |l| format!(" -l {l}"));
        let value = match (o.takes_value, o.values.is_empty()) {
            (false, _) => String::new(),
            (true, true) if o.file => " -r".to_owned(),
            (true, true) => " -x".to_owned(),
            (true, false) => format!(" -x -a '{}'", o.values.join(" ")),
        };
        let help = o.help.replace('\\', "\\\\").replace('\'', "\\'");
        out.push_str(&format!("complete -c vipd -n '{condition}'{short}{long}{value} -d '{help}'\n"));
    };
    for o in daemon() {
        let all: Vec<&str> = SUBCOMMANDS.iter().map(|s| s.name).collect();
        option(&format!("not __fish_seen_subcommand_from {}", all.join(" ")), &o);
    }
    for command in SUBCOMMANDS {
        for o in command.options.map(|options| of(&options())).unwrap_or_default() {
            option(&format!("__fish_seen_subcommand_from {}", command.name), &o);
        }
    }
    for command in SUBCOMMANDS {
        let what = command.what.replace('\'', "\\'");
        out.push_str(&format!(
            "complete -c vipd -n __fish_use_subcommand -f -a {} -d '{what}'\n",
            command.name
        ));
        if let Some(words) = words_of(command) {
            let words = if words.is_empty() { String::new() } else { format!(" -a '{}'", words.join(" ")) };
            out.push_str(&format!(
                "complete -c vipd -n '__fish_seen_subcommand_from {}' -f{words}\n",
                command.name
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_offers_the_shells_that_there_are() {
        let offered = crate::subcommand::find("completion").map(|c| c.words);
        let shells: Vec<&str> = SHELLS.iter().map(|(name, _)| *name).collect();
        assert!(matches!(offered, Some(Words::OneOf(words)) if words == shells));
    }

    #[test]
    fn every_script_has_the_commands_options_codes_and_keywords() {
        for (shell, script) in SHELLS {
            let text = script();
            for word in [
                "check",
                "language-server",
                "strict",
                "unknown-keyword",
                "virtual_router_id",
                "config-test",
                "json",
            ] {
                assert!(text.contains(word), "{word} is not in the script for {shell}");
            }
        }
    }
}
