//! The problems of all open files.

use std::collections::{BTreeMap, BTreeSet};

use config::{Diagnostic, ExpansionId, Level, Loaded, Options, SourceMap, Span};
use serde_json::{Value, json};

use super::documents::{Document, Documents, World, path_of, uri_of};
use crate::source::System;

/// The parameters of `textDocument/publishDiagnostics` by URI, for every file that has problems and for
/// every open one.
///
/// Each open file is checked as a top file, unless another open one includes it: what a part means is
/// known only from the whole.
pub(super) fn all(open: &Documents) -> BTreeMap<String, Value> {
    let loads: Vec<(&str, Loaded)> = open
        .iter()
        .map(|(path, _)| {
            let world = World { here: System::new(None), open };
            (path, config::load(&world, &Options::new(path).with_advice()))
        })
        .collect();
    let mut parts = BTreeSet::new();
    for (path, loaded) in &loads {
        let read = loaded.map.paths().map(|read| open.at(read).map_or(read, |d| d.uri.as_str()));
        let own = open.at(path).map(|d| d.uri.as_str());
        let others: Vec<&str> = read.filter(|uri| Some(*uri) != own).collect();
        // Two files that include each other are both checked: neither is a part only.
        parts.extend(others.into_iter().map(|uri| (uri.to_owned(), *path)));
    }
    let part_of = |uri: &str, path: &str| {
        parts.iter().any(|(part, whole)| part == uri && !includes(&parts, open, path, whole))
    };
    let mut lists: BTreeMap<String, Vec<Value>> =
        open.iter().map(|(_, d)| (d.uri.clone(), Vec::new())).collect();
    // A part of two files has the same problem twice.
    let mut seen = BTreeSet::new();
    for (path, loaded) in &loads {
        let Some(own) = open.at(path) else { continue };
        if part_of(&own.uri, path) {
            continue;
        }
        for d in loaded.diagnostics.iter() {
            let told = tell(d, loaded, open, own);
            if seen.insert((told.uri.clone(), told.value.to_string())) {
                lists.entry(told.uri).or_default().push(told.value);
            }
        }
    }
    lists
        .into_iter()
        .map(|(uri, list)| {
            let version = open.get(&uri).and_then(|d| d.version);
            let mut params = json!({"uri": uri, "diagnostics": list});
            if let (Some(version), Some(fields)) = (version, params.as_object_mut()) {
                fields.insert("version".to_owned(), version.into());
            }
            (uri, params)
        })
        .collect()
}

/// Whether the file at `path` includes the one at `other`.
fn includes(parts: &BTreeSet<(String, &str)>, open: &Documents, path: &str, other: &str) -> bool {
    open.at(other).is_some_and(|d| parts.contains(&(d.uri.clone(), path)))
}

/// Where a problem's data has the word that should stand in its place.
const REPLACEMENT: &str = "replacement";

/// The answer to `textDocument/codeAction`: for each problem that the editor asks about and that tells what
/// should stand in its place, to put it there.
pub(super) fn actions(params: &Value) -> Option<Value> {
    let uri = params["textDocument"]["uri"].as_str()?;
    let problems = params["context"]["diagnostics"].as_array()?;
    let action = |problem: &Value| {
        let word = problem["data"][REPLACEMENT].as_str()?;
        Some(json!({
            "title": format!("Write `{word}` instead"),
            "kind": "quickfix",
            "isPreferred": true,
            "diagnostics": [problem],
            "edit": {"changes": {uri: [{"range": problem["range"], "newText": word}]}},
        }))
    };
    Some(problems.iter().filter_map(action).collect())
}

struct Told {
    uri: String,
    value: Value,
}

/// One problem. The way out stands in its message: not every editor shows more.
fn tell(d: &Diagnostic, loaded: &Loaded, open: &Documents, own: &Document) -> Told {
    let map = &loaded.map;
    let uri = |path: &str| open.at(path).map_or_else(|| uri_of(&path_of(path)), |d| d.uri.clone());
    let place = |span: Span| {
        let root = map.root(span);
        (uri(map.path(root.file)), range_of(map, root))
    };
    let related = |span: Span, text: &str| json!({"location": {"uri": uri(map.path(span.file)), "range": range_of(map, span)}, "message": text});
    let start = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let (at, range) = d.span.map_or_else(|| (own.uri.clone(), start), place);
    let mut more: Vec<Value> = Vec::new();
    if let Some(span) = d.span {
        let uses: Vec<_> = map.chain(span.expansion).collect();
        if let Some(inner) = uses.first() {
            more.push(related(span, &format!("`{}` brings this text", inner.name)));
        }
        for (used, outer) in uses.iter().zip(uses.iter().skip(1)) {
            more.push(related(used.used_at, &format!("`{}` is used here, in `{}`", used.name, outer.name)));
        }
        let mut from = map.included_from(map.root(span).file);
        while let Some(span) = from {
            let root = map.root(span);
            more.push(related(root, "included from here"));
            from = map.included_from(root.file);
        }
    }
    more.extend(d.others.iter().map(|(span, text)| related(map.root(*span), text)));
    let parts =
        [Some(d.message.clone()), d.label.clone(), d.help.as_ref().map(|help| format!("help: {help}"))];
    let message: Vec<String> = parts.into_iter().flatten().collect();
    let severity = match d.level() {
        Level::Error => 1,
        Level::Warning => 2,
        Level::Note => 4,
    };
    let replacement =
        d.replacement().filter(|_| d.span.is_some_and(|span| span.expansion == ExpansionId::NONE));
    let value = json!({
        "range": range,
        // Comes back with a question for actions.
        "data": replacement.map(|word| json!({REPLACEMENT: word})),
        "severity": severity,
        "code": d.code.name,
        "source": "vipd",
        "message": message.join("\n"),
        "relatedInformation": more,
    });
    Told { uri: at, value }
}

/// A place as the protocol counts it. The map knows its lines; a large file is not searched for them again.
fn range_of(map: &SourceMap, span: Span) -> Value {
    let text = map.text(span.file);
    let point = |at: u32| {
        let line = map.position(Span { start: at, ..span }).line.saturating_sub(1);
        let before = usize::try_from(at).ok().and_then(|at| text.get(..at)).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let character: usize = before.get(start..).unwrap_or("").chars().map(char::len_utf16).sum();
        json!({"line": line, "character": character})
    };
    json!({"start": point(span.start), "end": point(span.end.max(span.start))})
}
