//! `vipd check --explain`: the long story of a code.

use config::{Code, Level, Severity};
use serde_json::json;

use super::{USAGE, json};

/// Tells about the code called `name`, or lists all if it is empty; the exit status.
pub(super) fn main(name: &str, as_json: bool, colours: bool) -> (String, u8) {
    let codes: Vec<&Code> = match (name, Code::named(name)) {
        ("", _) => Code::ALL.iter().collect(),
        (_, Some(code)) => vec![code],
        (_, None) => {
            let near =
                Code::similar(name).map_or_else(String::new, |c| format!(", did you mean `{}`?", c.name));
            let near = if near.is_empty() { "; `vipd check --explain` lists all".to_owned() } else { near };
            eprintln!("vipd check: there is no code `{name}`{near}");
            return (String::new(), USAGE);
        }
    };
    let out = match codes.as_slice() {
        all if as_json => {
            let all: Vec<_> = all.iter().map(|code| about(code)).collect();
            json::pretty(&json!({"schema": json::SCHEMA, "codes": all}))
        }
        [code] => story(code, colours),
        all => all
            .iter()
            .map(|code| format!("{:<26} {:<8} {}\n", code.name, level(code), code.title()))
            .collect(),
    };
    (out, config::EXIT_OK)
}

pub(super) fn level(code: &Code) -> &'static str {
    match code.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "hint",
    }
}

/// The explanation, and what is told of its example.
fn story(code: &Code, colours: bool) -> String {
    let example = code.example();
    let told = example.load();
    let printer = told.printer(colours);
    let first = told.diagnostics.iter().find(|d| d.code == *code).map(|d| printer.render(d));
    let shown = first.or_else(|| example.compare(code, colours));
    let shown = shown.map_or_else(String::new, |shown| format!("What is told of it:\n\n{shown}\n"));
    let bold = |text: &str| if colours { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
    let mut out = format!("{}\n", bold(&format!("{}[{}]: {}", level(code), code.name, code.title())));
    let mut fenced = false;
    for line in code.explanation.lines().skip(1) {
        match (line.strip_prefix("```"), fenced) {
            (Some(kind), false) => {
                fenced = true;
                if let Some(path) = kind.strip_prefix("conf /") {
                    out.push_str(&format!("    /{path}:\n\n"));
                }
            }
            (Some(_), true) => fenced = false,
            (None, true) => out.push_str(&format!("    {line}\n")),
            (None, false) => out.push_str(&format!("{line}\n")),
        }
    }
    let effects = effects(code);
    format!("{out}\n{shown}{effects}\n")
}

/// What follows from a problem of this kind.
fn effects(code: &Code) -> String {
    let run =
        if refuses(code) { "The daemon does not start with it." } else { "The daemon runs with the rest." };
    let advice = config::lints().chain(config::cluster::codes()).any(|advice| advice == code);
    let test = match code.severity {
        Severity::Ok if advice => "`-t` says nothing of it.",
        Severity::Ok => "`-t` says it and is content.",
        Severity::FileNotFound | Severity::BadInterface | Severity::Fatal if !refuses(code) => {
            "`-t` ends with 4."
        }
        Severity::Security => "`-t` ends with 6.",
        _ => "`-t` fails.",
    };
    format!("{run} {test}")
}

/// Whether nothing runs with a problem of this kind.
pub(super) fn refuses(code: &Code) -> bool {
    code.effect != config::Effect::Goes
}

/// The same, for programs.
fn about(code: &Code) -> serde_json::Value {
    json!({
        "code": code.name,
        "severity": level(code),
        "refuses": refuses(code),
        "title": code.title(),
        "explanation": code.explanation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_story_with_the_problem_as_it_is_told() {
        let (list, status) = main("", false, false);
        assert_eq!((list.lines().count(), status), (Code::ALL.len(), 0));
        for code in
            ["unknown-keyword", "undefined-name", "nul-byte", "no-file", "shell-syntax", "cluster-version"]
        {
            let (story, status) = main(code, false, false);
            assert_eq!(status, 0);
            assert!(story.matches(&format!("[{code}]: ")).count() == 2, "{story}");
            assert!(story.contains("What is told of it") && !story.contains("```"), "{story}");
        }
        assert_eq!(main("unknown-keywrod", false, false), (String::new(), USAGE));
    }

    #[test]
    fn all_codes_can_be_read_by_programs() {
        let (text, _) = main("", true, false);
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(all["codes"].as_array().map(Vec::len), Some(Code::ALL.len()));
        assert!(all["codes"][0]["explanation"].as_str().is_some_and(|text| text.len() > 50));
    }
}
