//! `vipd help KEYWORD`: what a keyword of the configuration means.

pub mod completion;

use std::process::ExitCode;

use clap::{Arg, Command};
use config::Entry;
use serde_json::{Value, json};

use crate::subcommand::{self, options};

/// How many keywords are offered for one that is not known.
const OFFERED: usize = 10;
/// Nobody knows a keyword, or the command line makes no sense.
const UNKNOWN: u8 = 1;
/// The number of the schema of `--format json`.
const SCHEMA: u32 = 1;

/// Runs `vipd help` with the words after it.
pub fn main(words: &[String]) -> ExitCode {
    options::answer(command(), words, UNKNOWN, |matches| {
        let words: Vec<&String> = matches.get_many("keyword").into_iter().flatten().collect();
        if options::is_json(matches) {
            return (json(&words), config::EXIT_OK);
        }
        if words.is_empty() {
            return (command().render_help().to_string(), config::EXIT_OK);
        }
        let (known, unknown): (Vec<_>, Vec<_>) =
            words.iter().map(|word| about(word)).partition(Result::is_ok);
        unknown.iter().filter_map(|text| text.as_ref().err()).for_each(|text| eprintln!("vipd help: {text}"));
        let out = known.into_iter().flatten().collect();
        (out, if unknown.is_empty() { config::EXIT_OK } else { UNKNOWN })
    })
}

/// The options.
pub fn command() -> Command {
    Command::new("vipd help")
        .no_binary_name(true)
        .about(
            "Tells what a keyword of the configuration means, in each block that knows it.\n\
             A block of its own is written `block/keyword`. All options of the daemon are in `vipd -h`.",
        )
        .after_help(subcommand::list())
        .arg(
            Arg::new("keyword")
                .value_name("KEYWORD")
                .num_args(0..)
                .help("Keywords; with --format json all of them, if none is named"),
        )
        .arg(options::format())
}

/// The table of keywords for programs: those called `words`, or all. `docs/check.md` has the schema.
fn json(words: &[&String]) -> String {
    let wanted = |e: &&Entry| {
        words.is_empty()
            || words.iter().any(|word| config::entries(word).any(|named| std::ptr::eq(named, *e)))
    };
    let all: Vec<Value> = config::keywords()
        .filter(wanted)
        .map(|e| {
            json!({
                "block": e.block,
                "keyword": e.name,
                "arguments": e.args,
                "default": e.default,
                "meaning": e.doc,
                "remarks": e.since,
                "status": e.status.words(),
                "opens": e.opens(),
                "opens_values": e.opens_values(),
            })
        })
        .collect();
    format!("{:#}\n", json!({"schema": SCHEMA, "vipd": env!("CARGO_PKG_VERSION"), "keywords": all}))
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
    fn programs_get_the_whole_table_or_what_they_ask_for() {
        let table = |words: &[&str]| -> Value {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            serde_json::from_str(&json(&words.iter().collect::<Vec<_>>())).unwrap()
        };
        let all = table(&[]);
        assert_eq!(all["keywords"].as_array().unwrap().len(), config::keywords().count());
        let one = table(&["vrrp_instance/priority"]);
        assert_eq!(one["keywords"].as_array().unwrap().len(), 1);
        assert_eq!(one["keywords"][0]["arguments"], "NUMBER (1 to 255)");
        assert_eq!(table(&["vrrp_script"])["keywords"][0]["opens"], "vrrp_script");
    }

    #[test]
    fn for_an_unknown_keyword_others_are_offered() {
        assert!(about("prioritty").unwrap_err().contains("did you mean `priority`"));
        assert!(about("virtual_ip").unwrap_err().contains("`virtual_ipaddress`"));
        assert!(about("elephant").unwrap_err().contains("COMPATIBILITY.md"));
        assert!(about("demo").unwrap().contains("failover"));
    }
}
