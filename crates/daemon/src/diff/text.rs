//! The report in plain words.

use model::diff::Cost;

use super::report::{Fate, Object, Report};
use super::values::Value;

/// So many lines of a block are shown.
const FEW: usize = 6;

const fn fate(fate: Fate) -> (char, &'static str) {
    match fate {
        Fate::Added => ('+', "is added"),
        Fate::Removed => ('-', "is removed"),
        Fate::Unnoticed => ('~', "changes, and nobody will notice"),
        Fate::Hot => ('~', "changes while it runs"),
        Fate::Restarted => ('~', "starts anew"),
        Fate::Refused => ('!', "cannot change while the daemon runs"),
    }
}

const fn cost(cost: Cost) -> &'static str {
    match cost {
        Cost::Nothing => "nobody will notice",
        Cost::Hot => "while it runs",
        Cost::Restart => "starts it anew",
        Cost::Refused => "refused",
    }
}

/// The whole report.
pub fn text(report: &Report) -> String {
    if report.same {
        return "Nothing changes.\n".to_owned();
    }
    let mut out: String = report.objects.iter().map(object).collect();
    if report.objects.is_empty() {
        out.push_str("Only the order of blocks changes; nobody will notice.\n");
    }
    out.push_str(&summary(report));
    out
}

fn object(object: &Object) -> String {
    let Object { keyword, name, fate: what, changes } = object;
    let (sign, words) = fate(*what);
    let name = format!("{keyword} {name}");
    let mut out = format!("{sign} {} {words}\n", name.trim_end());
    for change in changes {
        out.push_str(&value(keyword, change, *what));
    }
    out
}

/// What holds where a keyword of a block is not printed: a value that was written may be the default, too.
fn unset(block: &str, keyword: &str) -> String {
    let known = config::entries(keyword).find(|entry| entry.block.rsplit('/').next() == Some(block));
    match known.map_or("", |entry| entry.default) {
        "" => "not set".to_owned(),
        default => format!("default ({default})"),
    }
}

fn value(block: &str, value: &Value, of_object: Fate) -> String {
    let Value { keyword, cost: price, old, new, added, removed } = value;
    let note = if Fate::from(*price) == of_object { String::new() } else { format!("  ({})", cost(*price)) };
    let mut out = format!("    {keyword}");
    if old.is_some() || new.is_some() {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| unset(block, keyword));
        out.push_str(&format!(": {} -> {}", shown(old), shown(new)));
    }
    out.push_str(&note);
    out.push('\n');
    for (sign, lines) in [('-', removed), ('+', added)] {
        for line in lines.iter().take(FEW) {
            out.push_str(&format!("        {sign} {line}\n"));
        }
        if lines.len() > FEW {
            out.push_str(&format!("        {sign} .. and {} more\n", lines.len() - FEW));
        }
    }
    out
}

fn summary(report: &Report) -> String {
    if !report.refused.is_empty() {
        let all: Vec<String> = report.refused.iter().map(|keyword| format!("`{keyword}`")).collect();
        return format!("\nThe reload would be refused because of {}: restart the daemon.\n", all.join(", "));
    }
    let count = |fate: Fate| report.objects.iter().filter(|object| object.fate == fate).count();
    let parts: Vec<String> = [
        (Fate::Added, "added"),
        (Fate::Removed, "removed"),
        (Fate::Restarted, "started anew"),
        (Fate::Hot, "changed while running"),
        (Fate::Unnoticed, "changed unnoticed"),
    ]
    .into_iter()
    .map(|(fate, words)| (count(fate), words))
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {words}"))
    .collect();
    if parts.is_empty() { String::new() } else { format!("\n{}.\n", parts.join(", ")) }
}
