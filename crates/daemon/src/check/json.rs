//! `vipd check --format json`. Its schema is told in `docs/check.md`; it changes only with its number.

use config::cluster::{Finding, Mark};
use config::{Diagnostic, ExpansionId, Level, Place, Printer};
use serde_json::{Value, json};

use super::Checked;
use super::cluster::Cluster;
use super::explain::{level, refuses};

/// The number of the schema.
pub(super) const SCHEMA: u32 = 1;

/// All files.
pub(super) fn report(checked: &[Checked], cluster: Option<&Cluster<'_>>, status: u8) -> String {
    let files: Vec<Value> = checked.iter().map(file).collect();
    pretty(&json!({
        "schema": SCHEMA,
        "vipd": env!("CARGO_PKG_VERSION"),
        "status": status,
        "files": files,
        "cluster": cluster.map(between),
    }))
}

/// A value as text, with a line break at its end.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn file(checked: &Checked) -> Value {
    let loaded = &checked.loaded;
    let printer = loaded.printer(false);
    let read: Vec<&str> = loaded.map.paths().collect();
    let all: Vec<Value> = loaded.diagnostics.iter().map(|d| diagnostic(d, &printer)).collect();
    json!({
        "file": checked.file,
        "status": checked.status,
        "runs": loaded.exits.run.is_none(),
        "errors": checked.count(Level::Error),
        "warnings": checked.count(Level::Warning),
        "hints": checked.count(Level::Note),
        "left_out": loaded.diagnostics.left_out(),
        "read": read,
        "diagnostics": all,
    })
}

fn diagnostic(d: &Diagnostic, printer: &Printer<'_>) -> Value {
    let origin = d.span.map(|span| printer.origin(span)).unwrap_or_default();
    let related: Vec<Value> = d
        .others
        .iter()
        .map(|(span, text)| json!({"message": text, "at": place(&printer.root(*span))}))
        .collect();
    let expanded: Vec<Value> =
        origin.uses.iter().map(|u| json!({"name": u.name, "used_at": place(&u.at)})).collect();
    json!({
        "code": d.code.name,
        "severity": level(&d.code),
        "refuses": refuses(&d.code),
        "message": d.message,
        "at": d.span.map(|span| place(&printer.root(span))),
        "label": d.label,
        "help": d.help,
        "suggestion": suggestion(d, printer),
        "defined_at": origin.defined.as_ref().map(place),
        "expanded_from": expanded,
        "included_from": origin.included_from.iter().map(place).collect::<Vec<_>>(),
        "related": related,
    })
}

/// What a program can do about it: put a text in the place of another. What a definition brought along cannot
/// be replaced at one of its uses.
fn suggestion(d: &Diagnostic, printer: &Printer<'_>) -> Option<Value> {
    let span = d.span.filter(|span| span.expansion == ExpansionId::NONE)?;
    Some(json!({"replace": place(&printer.root(span)), "with": d.replacement()?}))
}

/// What is between the files.
fn between(cluster: &Cluster<'_>) -> Value {
    let name = |mark: &Mark| cluster.nodes.get(mark.node).map_or("", |node| node.name);
    let place = |mark: &Mark| {
        let printer = cluster.nodes.get(mark.node)?.loaded.printer(false);
        Some(place(&printer.root(mark.span?)))
    };
    let finding = |finding: &Finding| {
        let first = finding.marks.first();
        let related = finding.marks.iter().skip(1).map(|mark| {
            json!({"node": name(mark), "instance": &*mark.instance, "message": mark.label, "at": place(mark)})
        });
        json!({
            "code": finding.code.name,
            "severity": level(&finding.code),
            "refuses": refuses(&finding.code),
            "message": finding.message,
            "node": first.map(name),
            "instance": first.map(|mark| &*mark.instance),
            "at": first.and_then(place),
            "label": first.map(|mark| &*mark.label),
            "help": finding.help,
            "related": related.collect::<Vec<_>>(),
        })
    };
    json!({
        "status": cluster.status,
        "compared": cluster.nodes.iter().map(|node| node.name).collect::<Vec<_>>(),
        "not_compared": cluster.left_out,
        "diagnostics": cluster.found.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn place(place: &Place) -> Value {
    json!({
        "file": place.file,
        "line": place.start.line,
        "column": place.start.column,
        "end_line": place.end.line,
        "end_column": place.end.column,
        "text": place.line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{MapSource, Options};

    fn of(source: &MapSource) -> Value {
        let loaded = config::load(source, &Options::new("/k.conf"));
        serde_json::from_str(&report(&[Checked::new("/k.conf", loaded, false)], None, 5)).unwrap()
    }

    #[test]
    fn a_problem_is_told_with_its_place_and_the_chain_that_led_there() {
        let source = MapSource::new()
            .file("/k.conf", "$W=boggus\n$V=$W 1\ninclude more.conf\n")
            .file("/more.conf", "# a comment\n  ${V}\n");
        let told = of(&source);
        let place = |file: &str, at: (u32, u32), end: (u32, u32), text: &str| json!({"file": file, "line": at.0, "column": at.1, "end_line": end.0, "end_column": end.1, "text": text});
        let expected = json!({
            "schema": 1,
            "vipd": env!("CARGO_PKG_VERSION"),
            "status": 5,
            "files": [{
                "file": "/k.conf",
                "status": 5,
                "runs": true,
                "errors": 0,
                "warnings": 1,
                "hints": 0,
                "left_out": 0,
                "read": ["/k.conf", "/more.conf"],
                "diagnostics": [{
                    "code": "unknown-keyword",
                    "severity": "warning",
                    "refuses": false,
                    "message": "unknown keyword `boggus`",
                    "at": place("/more.conf", (2, 3), (2, 7), "  ${V}"),
                    "label": told["files"][0]["diagnostics"][0]["label"],
                    "help": told["files"][0]["diagnostics"][0]["help"],
                    "suggestion": null,
                    "defined_at": place("/k.conf", (1, 4), (1, 10), "$W=boggus"),
                    "expanded_from": [
                        {"name": "$W", "used_at": place("/k.conf", (2, 4), (2, 6), "$V=$W 1")},
                        {"name": "$V", "used_at": place("/more.conf", (2, 3), (2, 7), "  ${V}")},
                    ],
                    "included_from": [place("/k.conf", (3, 9), (3, 18), "include more.conf")],
                    "related": [],
                }],
            }],
            "cluster": null,
        });
        assert_eq!(told, expected, "{told:#}");
    }

    #[test]
    fn a_program_is_told_what_to_put_where_unless_a_definition_brought_it() {
        let suggestion = |text: &str| {
            let told = of(&MapSource::new().file("/k.conf", text));
            told["files"][0]["diagnostics"][0]["suggestion"].clone()
        };
        let told = suggestion("global_defs {\n  router_idd x\n}\n");
        assert_eq!(told["with"], "router_id");
        let at = &told["replace"];
        assert_eq!((&at["line"], &at["column"], &at["end_column"]), (&json!(2), &json!(3), &json!(13)));
        assert_eq!(suggestion("$W=router_idd\nglobal_defs {\n  $W x\n}\n"), Value::Null);
        assert_eq!(suggestion("elephant 1\n"), Value::Null, "nothing is like it");
    }

    #[test]
    fn every_field_stands_in_the_page_about_the_schema() {
        let page = include_str!("../../../../docs/check.md");
        fn keys(value: &Value, into: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    into.extend(fields.keys().cloned());
                    fields.values().for_each(|field| keys(field, into));
                }
                Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        keys(&of(&MapSource::new().file("/k.conf", "$A=x\n$A\n{\nglobal_deffs {\n}\n")), &mut all);
        let [a, b] = [1, 2].map(|id| {
            let text = format!("vrrp_instance A {{\n interface eth0\n virtual_router_id {id}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n");
            let loaded = config::load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf").with_advice());
            Checked::new("/k.conf", loaded, false)
        });
        let files = [a, b];
        let cluster = Cluster::of(&files, false);
        assert_eq!(cluster.found.len(), 1);
        keys(&serde_json::from_str(&report(&files, Some(&cluster), 5)).unwrap(), &mut all);
        assert!(all.len() > 20);
        for key in all {
            assert!(page.contains(&format!("`{key}`")), "{key} is not in docs/check.md");
        }
        assert!(page.contains(&format!("schema {SCHEMA}")));
    }

    #[test]
    fn passwords_are_stars_for_programs_too() {
        let text = "vrrp_instance A {\n authentication {\n auth_pass sesame sesame\n }\n}\n";
        let told = of(&MapSource::new().file("/k.conf", text)).to_string();
        assert!(told.contains("******") && !told.contains("sesame"), "{told}");
    }
}
