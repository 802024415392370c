//! `vipd help KEYWORD`: what a keyword of the configuration means.

pub mod completion;

use std::io::Write;
use std::process::ExitCode;

use config::Entry;

use crate::subcommand;

/// How many keywords are offered for one that is not known.
const OFFERED: usize = 10;

/// Runs `vipd help` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    let mut out = String::new();
    let mut known = true;
    if words.is_empty() || words.iter().any(|word| matches!(word.as_str(), "-h" | "--help")) {
        out = format!(
            "Usage: vipd help KEYWORD...\n\nTells what a keyword of the configuration means, in each block that \
             knows it.\nA block of its own is written `block/keyword`. All options of the daemon are in `vipd -h`.\n\n{}",
            subcommand::list()
        );
    }
    for word in words.iter().filter(|word| !word.starts_with('-')) {
        match about(word) {
            Ok(text) => out.push_str(&text),
            Err(text) => {
                eprintln!("vipd help: {text}");
                known = false;
            }
        }
    }
    // A closed pipe ends the audience only.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
    if known { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every block's keyword `word`.
///
/// # Errors
/// Nobody knows it; the text offers others.
fn about(word: &str) -> Result<String, String> {
    let word = word.trim_matches('/');
    let all: Vec<String> = config::entries(word).map(entry).collect();
    if !all.is_empty() {
        return Ok(all.concat());
    }
    if let Some(command) = subcommand::find(word) {
        return Ok(format!("vipd {word}\n    {}. See `vipd {word} --help`.\n\n", command.what));
    }
    let name = word.rsplit('/').next().unwrap_or(word);
    let mut similar: Vec<&str> = config::similar_keyword(name).into_iter().collect();
    if name.len() > 2 {
        similar.extend(config::keywords().map(|e| e.name).filter(|known| known.contains(name)));
    }
    let mut offered: Vec<&str> = Vec::new();
    for name in similar {
        if !offered.contains(&name) && offered.len() < OFFERED {
            offered.push(name);
        }
    }
    let offer = match offered.as_slice() {
        [] => "COMPATIBILITY.md and the manual page vipd.conf(5) list all keywords".to_owned(),
        some => {
            format!("did you mean {}?", some.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", "))
        }
    };
    Err(format!("no block knows the keyword `{word}`; {offer}"))
}

/// One keyword.
fn entry(e: &'static Entry) -> String {
    let block = if e.block.is_empty() { "outside of blocks".to_owned() } else { format!("in {}", e.block) };
    let mut out =
        format!("{}\n    ({block})\n    {}\n", format!("{} {}", e.name, e.args).trim_end(), sentence(e.doc));
    let facts = [("Default", e.default), ("Status", e.status.words()), ("Remarks", e.since)];
    for (name, value) in facts.into_iter().filter(|(_, value)| !matches!(*value, "" | "-")) {
        out.push_str(&format!("    {name}: {value}\n"));
    }
    if let Some(path) = e.opens() {
        let inside: Vec<&str> = config::keywords_of(path).map(|e| e.name).collect();
        out.push_str(&wrapped("    Inside: ", &inside));
    }
    out + "\n"
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// Words in lines of a readable length.
fn wrapped(first: &str, words: &[&str]) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![first.to_owned()];
    for (i, word) in words.iter().enumerate() {
        let comma = if i + 1 < words.len() { ", " } else { "" };
        if lines.last().is_some_and(|line| line.len() + word.len() + 1 > WIDTH) {
            lines.push(" ".repeat(first.len()));
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&format!("{word}{comma}"));
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_told_for_every_block_that_knows_it() {
        let text = about("priority").unwrap();
        assert!(text.contains("priority NUMBER (1 to 255)\n    (in vrrp_instance)\n"), "{text}");
        assert!(text.contains("Default: 100") && text.contains("Status: in effect"), "{text}");
        let text = about("smtp_alert").unwrap();
        assert!(text.matches("    (in ").count() > 3, "{text}");
        assert_eq!(about("vrrp_instance/smtp_alert").unwrap().matches("    (in ").count(), 1);
    }

    #[test]
    fn a_block_is_told_with_what_stands_inside() {
        let text = about("vrrp_instance").unwrap();
        assert!(text.contains("Inside: ") && text.contains("virtual_router_id,"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 110) && text.lines().count() > 5, "{text}");
    }

    #[test]
    fn for_an_unknown_keyword_others_are_offered() {
        assert!(about("prioritty").unwrap_err().contains("did you mean `priority`"));
        assert!(about("virtual_ip").unwrap_err().contains("`virtual_ipaddress`"));
        assert!(about("elephant").unwrap_err().contains("COMPATIBILITY.md"));
        assert!(about("demo").unwrap().contains("failover"));
    }
}
