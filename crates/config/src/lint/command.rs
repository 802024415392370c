//! Commands of scripts.

use model::script::Command;
use model::tracker::TrackerSource;

use super::{Facts, advice};
use crate::diag::{Code, Diagnostic};

/// Words that only a shell understands.
const OF_SHELLS: &[&str] =
    &["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1", ">/dev/null", "2>/dev/null", "&>/dev/null"];

/// A script that is written for a shell, and runs without one.
pub(super) fn shell_syntax(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for tracker in &facts.model.trackers {
        let TrackerSource::Script(script) = &tracker.source else { continue };
        let Some(word) = word_of_shell(&script.command) else { continue };
        let block = facts.places.named("vrrp_script", &tracker.name);
        let message =
            format!("the script `{}` runs without a shell: `{word}` is handed to it as a word", tracker.name);
        found.push(
            advice(Code::SHELL_SYNTAX, block.and_then(|block| block.place_of("script")), message)
                .label("its exit status is not what it seems")
                .help("put the command into a file of its own, or write `script \"/bin/sh -c '...'\"`"),
        );
    }
}

fn word_of_shell(command: &Command) -> Option<&str> {
    let words = command.argv.iter().skip(1).map(|word| &**word);
    words.clone().find(|word| OF_SHELLS.contains(word) || (word.len() > 1 && word.ends_with(';')))
}
