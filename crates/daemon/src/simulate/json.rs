//! The same for programs. Times are seconds since the start of a run.

use base::{Duration, Instant};
use serde::Serialize;
use sim::scenario::{Names, Scenario};
use sim::study::{AddressRecord, Finding, Record};

use super::Report;
use super::explain;
use super::timeline::{Actor, Line};

#[derive(Serialize)]
struct Whole {
    held: bool,
    nodes: Vec<Node>,
    doubts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<String>,
    singles: Vec<Case>,
    pairs: Vec<Case>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Moment>,
}

#[derive(Serialize)]
struct Node {
    name: String,
    file: String,
}

#[derive(Serialize)]
struct Case {
    name: String,
    held: bool,
    addresses: Vec<Address>,
    broken: Vec<Broken>,
}

#[derive(Serialize)]
struct Address {
    router: String,
    address: String,
    owners: Vec<Owners>,
    /// Between the first fault and the healing.
    longest_nobody: f64,
    longest_nobody_allowed: Option<f64>,
    longest_two: f64,
    /// From the healing until one node answered for good.
    recovery: f64,
    excuses: Vec<String>,
}

#[derive(Serialize)]
struct Owners {
    from: f64,
    nodes: Vec<String>,
}

#[derive(Serialize)]
struct Broken {
    property: &'static str,
    at: f64,
    text: String,
}

#[derive(Serialize)]
struct Moment {
    at: f64,
    who: String,
    what: String,
}

/// A table.
pub fn all(report: &Report<'_>, singles: &[Record], pairs: &[Record]) -> String {
    whole(report, singles, pairs, None, &[])
}

/// One scenario.
pub fn one(report: &Report<'_>, record: &Record, scenario: &Scenario, lines: &[Line]) -> String {
    let scenario = scenario.print(&report.study.names);
    whole(report, std::slice::from_ref(record), &[], Some(scenario), lines)
}

fn whole(
    report: &Report<'_>,
    singles: &[Record],
    pairs: &[Record],
    scenario: Option<String>,
    lines: &[Line],
) -> String {
    let names = &report.study.names;
    let cases = |records: &[Record]| records.iter().map(|record| case(names, record)).collect();
    let nodes = names.nodes.iter().zip(report.files);
    let whole = Whole {
        held: singles.iter().chain(pairs).all(|record| record.findings.is_empty()),
        nodes: nodes.map(|(n, f)| Node { name: n.name.to_string(), file: f.path.clone() }).collect(),
        doubts: report.study.doubts().iter().map(|d| explain::doubt(names, d)).collect(),
        scenario,
        singles: cases(singles),
        pairs: cases(pairs),
        timeline: lines.iter().map(moment).collect(),
    };
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

fn case(names: &Names, record: &Record) -> Case {
    Case {
        name: record.name.clone(),
        held: record.findings.is_empty(),
        addresses: record.addresses.iter().map(|a| address(names, a)).collect(),
        broken: record.findings.iter().map(|f| broken(names, f)).collect(),
    }
}

fn address(names: &Names, record: &AddressRecord) -> Address {
    let (nobody, allowed) = record.nobody;
    Address {
        router: record.router.to_string(),
        address: record.address.to_string(),
        owners: record
            .spans
            .iter()
            .map(|span| Owners {
                from: at(span.from),
                nodes: span.owners.iter().map(|id| explain::node(names, *id).to_string()).collect(),
            })
            .collect(),
        longest_nobody: seconds(nobody),
        longest_nobody_allowed: (!allowed.is_zero()).then(|| seconds(allowed)),
        longest_two: seconds(record.two),
        recovery: seconds(record.recovery),
        excuses: record.excuses.iter().map(|e| explain::excuse(names, *e)).collect(),
    }
}

fn broken(names: &Names, finding: &Finding) -> Broken {
    Broken { property: finding.property(), at: at(finding.at()), text: explain::finding(names, finding) }
}

fn moment(line: &Line) -> Moment {
    let who = match &line.actor {
        Actor::World => "world".to_owned(),
        Actor::Node(_, name) => name.to_string(),
        Actor::Hosts => "hosts".to_owned(),
        Actor::Broken => "broken".to_owned(),
    };
    Moment { at: at(line.at), who, what: line.text.clone() }
}

fn at(instant: Instant) -> f64 {
    seconds(instant.since(Instant::ZERO))
}

fn seconds(time: Duration) -> f64 {
    core::time::Duration::from(time).as_secs_f64()
}
