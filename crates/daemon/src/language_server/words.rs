//! What is told at a place: hover and completion.

use config::{Context, Entry, Status};
use serde_json::{Value, json};

use super::documents::Document;
use super::position;

/// `textDocument/hover`: what the keyword at a place means; null where there is none.
pub(super) fn hover(document: &Document, at: &Value) -> Value {
    let text = document.text.as_str();
    let Some(at) = position::byte(text, at) else { return Value::Null };
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let before = text.get(..at).unwrap_or("");
    let start = before
        .rfind(|c| !part(c))
        .map_or(0, |i| i + before.get(i..).and_then(|s| s.chars().next()).map_or(1, char::len_utf8));
    let after = text.get(at..).unwrap_or("");
    let end = at + after.find(|c| !part(c)).unwrap_or(after.len());
    let word = text.get(start..end).unwrap_or("");
    // What stands before the word decides what it can be.
    let Context { block, keyword } = config::context(text, start);
    if word.is_empty() || keyword.is_some() {
        return Value::Null;
    }
    let Some(entry) = block.and_then(|block| config::keywords_of(block).find(|e| e.name == word)) else {
        return Value::Null;
    };
    json!({
        "contents": {"kind": "markdown", "value": markdown(entry)},
        "range": position::range(text, &(start..end)),
    })
}

/// A keyword, for people.
fn markdown(e: &Entry) -> String {
    let mut out = format!("```\n{}\n```\n{}\n\n", format!("{} {}", e.name, e.args).trim_end(), plain(e.doc));
    let status = match e.status {
        Status::InEffect => String::new(),
        other => format!("**{}**", other.words()),
    };
    let named = |name: &str, value: &str| match value {
        "" | "-" => String::new(),
        value => format!("{name}: {}", plain(value)),
    };
    for line in [status, named("Default", e.default), named("Remarks", e.since)] {
        if !line.is_empty() {
            out.push_str(&format!("- {line}\n"));
        }
    }
    out
}

/// Text that Markdown leaves as it is.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '_' | '`' | '<' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `textDocument/completion`: the keywords of the block at a place, or the words that the keyword of its
/// line takes.
pub(super) fn completion(document: &Document, at: &Value) -> Value {
    let text = document.text.as_str();
    let Some(at) = position::byte(text, at) else { return Value::Null };
    let Context { block, keyword } = config::context(text, at);
    let Some(block) = block else { return json!([]) };
    let items: Vec<Value> = match keyword {
        None => config::keywords_of(block).map(item).collect(),
        Some(keyword) => {
            let entry = config::keywords_of(block).find(|e| e.name == keyword);
            entry.map(|e| choices(&e.args)).unwrap_or_default().into_iter().map(value).collect()
        }
    };
    json!(items)
}

/// A keyword as a thing to choose.
fn item(e: &'static Entry) -> Value {
    let mut item = json!({
        // Keyword.
        "kind": 14,
        "label": e.name,
        "detail": e.args,
        "documentation": {"kind": "markdown", "value": markdown(e)},
    });
    if e.status == Status::Ignored
        && let Some(fields) = item.as_object_mut()
    {
        // Deprecated.
        fields.insert("tags".to_owned(), json!([1]));
    }
    item
}

fn value(word: String) -> Value {
    // Value.
    json!({"kind": 12, "label": word})
}

/// Words of [`Entry::args`] that stand for something.
const FILLED_IN: &[&str] = &[
    "ADDR", "ADDRESS", "CIDR", "HOST", "IF", "IP", "N", "N-M", "NAME", "NETMASK", "NUM", "NUMBER", "PATH",
    "PREFIX", "STRING", "USER",
];

/// The words that `MASTER | BACKUP` and its like offer.
fn choices(args: &str) -> Vec<String> {
    let args = args.replace(" | ", "|");
    let parts = args.split([' ', '[', ']', '{', '}', '(', ')']).filter(|part| part.contains('|'));
    let word = |w: &&str| {
        let plain = w.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        plain && !w.is_empty() && !FILLED_IN.contains(w)
    };
    parts.flat_map(|part| part.split('|')).filter(word).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "vrrp_instance A {\n  state MAS\n  prio\n  track_script { x }\n  virtual_ipaddress {\n    \n  }\n}\n\u{e9}\n";

    fn document(text: &str) -> Document {
        Document { uri: "file:///x".to_owned(), text: text.to_owned(), version: None }
    }

    fn at(line: u32, character: u32) -> Value {
        json!({"line": line, "character": character})
    }

    fn labels(line: u32, character: u32) -> Vec<String> {
        let told = completion(&document(TEXT), &at(line, character));
        let items = told.as_array().unwrap();
        items.iter().map(|i| i["label"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_keywords_of_the_block_are_offered_and_the_words_of_a_line() {
        assert!(labels(2, 6).contains(&"priority".to_owned()));
        assert!(!labels(2, 6).contains(&"vrrp_instance".to_owned()));
        assert!(labels(8, 0).contains(&"vrrp_instance".to_owned()));
        assert_eq!(labels(1, 11), ["MASTER", "BACKUP"]);
        assert!(labels(5, 4).is_empty(), "addresses are no keywords");
    }

    #[test]
    fn a_keyword_tells_what_it_means_and_a_value_nothing() {
        let told = hover(&document(TEXT), &at(1, 4));
        assert!(told["contents"]["value"].as_str().unwrap().starts_with("```\nstate "), "{told}");
        assert_eq!(told["range"]["start"], at(1, 2));
        assert_eq!(told["range"]["end"], at(1, 7));
        for (line, character) in [(1, 9), (2, 4), (5, 2), (8, 1), (99, 99)] {
            assert_eq!(hover(&document(TEXT), &at(line, character)), Value::Null, "{line}:{character}");
        }
    }

    #[test]
    fn every_place_of_a_broken_text_is_answered() {
        let text = "}}\u{1f600}{ \"#\n@x ~SEQ(\n\u{0}{a";
        for line in 0..5 {
            for character in 0..12 {
                let _ = (
                    hover(&document(text), &at(line, character)),
                    completion(&document(text), &at(line, character)),
                );
            }
        }
    }
}
