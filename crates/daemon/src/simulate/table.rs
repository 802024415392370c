//! The table: a row for each case, the rows of its addresses that fared differently below each other.

use std::fmt::Write as _;

use base::{Duration, Instant};
use sim::study::{AddressRecord, Record};
use vrrp::config::Version;

use super::explain::{self, seconds};
use super::{Report, Style};

/// What only a moment long is left out of the list of owners.
const MOMENT: Duration = Duration::from_millis(50);

/// What is simulated: nodes, virtual routers, doubts.
pub fn head(report: &Report<'_>) -> String {
    let (study, names) = (report.study, &report.study.names);
    let world = study.world();
    let mut out = String::new();
    let width = names.nodes.iter().map(|n| n.name.chars().count()).max().unwrap_or(1);
    for (known, file) in names.nodes.iter().zip(report.files) {
        let _ = write!(out, "  {:<width$}  {}", report.style.paint("1", &known.name), file.path);
        let _ = match file.complaints {
            0 => writeln!(out),
            1 => writeln!(out, "  (1 complaint: vipd check {})", file.path),
            n => writeln!(out, "  ({n} complaints: vipd check {})", file.path),
        };
    }
    for router in &study.routers {
        let mut parts = Vec::new();
        for (node, id) in &router.members {
            let Some(instance) = world.node(*node).in_force().instances.get(id.index()) else { continue };
            let protocol = &instance.protocol;
            let (d, a) = (protocol.down_timer_adverts, seconds(protocol.advert_interval));
            let unit = if protocol.version == Version::V2 { "1 s" } else { a.as_str() };
            let steps = 256 - u32::from(protocol.priority.0);
            let wait = vrrp::timers::master_down(protocol, protocol.priority, protocol.advert_interval);
            parts.push((
                protocol.name.clone(),
                format!(
                    "{} priority {}, takes over after {d} x {a} + {steps}/256 x {unit} = {}",
                    explain::node(names, *node),
                    protocol.priority,
                    seconds(wait)
                ),
            ));
        }
        let segment = router.segment.and_then(|id| names.segments.get(id.0));
        let on = segment.map(|name| format!(" on {name}")).unwrap_or_default();
        let addresses: Vec<String> = router.addresses(&world).iter().map(ToString::to_string).collect();
        let name = parts.first().map_or("?", |(name, _)| name);
        let _ = writeln!(out, "\n  {name} (VRID {}{on}): {}", router.vrid, addresses.join(", "));
        for (_, part) in &parts {
            let _ = writeln!(out, "     {part}");
        }
    }
    let doubts = study.doubts();
    if !doubts.is_empty() {
        out.push('\n');
    }
    for doubt in doubts {
        let _ = writeln!(out, "  {} {}", report.style.paint("33", "!"), explain::doubt(names, &doubt));
    }
    out
}

/// What one line of the table says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    what: String,
    who: String,
    nobody: String,
    allowed: String,
    two: String,
    after: String,
    verdict: String,
    broken: bool,
}

/// The table of records.
pub fn rows(report: &Report<'_>, records: &[Record]) -> String {
    let lines: Vec<Line> = records.iter().flat_map(|record| lines(report, record)).collect();
    let width = |of: fn(&Line) -> &str, title: &str| {
        lines.iter().map(|line| of(line).chars().count()).chain([title.chars().count()]).max().unwrap_or(0)
    };
    let widths = [
        width(|l| &l.what, TITLES[0]),
        width(|l| &l.who, TITLES[1]),
        width(|l| &l.nobody, TITLES[2]),
        width(|l| &l.allowed, TITLES[3]),
        width(|l| &l.two, TITLES[4]),
        width(|l| &l.after, TITLES[5]),
    ];
    let [what, who, nobody, allowed, two, after] = widths;
    let row = |c: [&str; 6]| {
        format!(
            "{:<what$}  {:<who$}  {:>nobody$}  {:>allowed$}  {:>two$}  {:<after$}",
            c[0], c[1], c[2], c[3], c[4], c[5]
        )
    };
    let mut out = String::new();
    let title = row(TITLES);
    let _ = writeln!(out, "{}", report.style.paint("1", title.trim_end()));
    for line in &lines {
        let cells = row([&line.what, &line.who, &line.nobody, &line.allowed, &line.two, &line.after]);
        let _ = writeln!(out, "{cells}  {}", verdict(line, report.style));
    }
    out
}

const TITLES: [&str; 6] = ["what happens", "who answers", "nobody", "allowed", "two", "after repair"];

fn verdict(line: &Line, style: Style) -> String {
    match (line.broken, line.verdict.as_str()) {
        (true, text) => style.paint("1;31", text),
        (false, "ok") => style.paint("32", "ok"),
        (false, text) => style.paint("33", text),
    }
}

/// The lines of a record: addresses that fared alike share one.
fn lines(report: &Report<'_>, record: &Record) -> Vec<Line> {
    let names = &report.study.names;
    let mut groups: Vec<(Vec<&AddressRecord>, Vec<String>)> = Vec::new();
    for address in &record.addresses {
        let who = who(report, address);
        match groups.iter_mut().find(|(_, known)| *known == who) {
            Some((group, _)) => group.push(address),
            None => groups.push((vec![address], who)),
        }
    }
    let several = groups.len() > 1;
    let mut lines = Vec::new();
    for (group, who) in groups {
        let worst =
            |of: fn(&AddressRecord) -> Duration| group.iter().map(|a| of(a)).max().unwrap_or_default();
        let nobody = worst(|a| a.nobody.0);
        let allowed = group.iter().map(|a| a.nobody).max().unwrap_or_default().1;
        let mut label: Vec<&str> = group.iter().map(|a| &*a.router).collect();
        label.dedup();
        let label = if several { format!("{}: ", label.join(", ")) } else { String::new() };
        let healed = group.first().and_then(|a| a.healed);
        let end = group.first().and_then(|a| a.spans.last());
        let after = match (healed, end) {
            (Some(_), Some(span)) => {
                let owner = explain::owners(names, &span.owners);
                let took = worst(|a| a.recovery);
                if took < MOMENT { owner } else { format!("{owner} in {}", seconds(took)) }
            }
            _ => String::new(),
        };
        let mut notes: Vec<String> =
            group.iter().flat_map(|a| &a.excuses).map(|e| explain::excuse(names, *e)).collect();
        notes.dedup();
        let broken = !record.findings.is_empty() && lines.is_empty();
        let verdict = match record.findings.first() {
            Some(finding) if broken => {
                format!("BROKEN {}: {}", finding.property(), explain::finding(names, finding))
            }
            _ if notes.is_empty() => "ok".to_owned(),
            _ => notes.join("; "),
        };
        lines.push(Line {
            what: if lines.is_empty() { record.name.clone() } else { String::new() },
            who: format!("{label}{}", who.join(" > ")),
            nobody: some_time(nobody),
            allowed: some_time(allowed),
            two: some_time(worst(|a| a.two)),
            after,
            verdict,
            broken,
        });
    }
    lines
}

fn some_time(time: Duration) -> String {
    if time < Duration::from_millis(1) { String::new() } else { seconds(time) }
}

/// Who answered, from the first fault to the healing; what was only for a moment is left out.
fn who(report: &Report<'_>, address: &AddressRecord) -> Vec<String> {
    const MOST: usize = 5;
    let end = address.healed.unwrap_or(Instant::from_nanos(u64::MAX));
    let mut all = vec![explain::owners(&report.study.names, address.before())];
    let spans: Vec<_> =
        address.spans.iter().filter(|span| span.from >= address.fault && span.from < end).collect();
    for (at, span) in spans.iter().enumerate() {
        let until = spans.get(at + 1).map_or(end, |next| next.from);
        let owners = explain::owners(&report.study.names, &span.owners);
        if (until.since(span.from) >= MOMENT || at + 1 == spans.len()) && all.last() != Some(&owners) {
            all.push(owners);
        }
    }
    if all.len() > MOST {
        let last = all.pop();
        all.truncate(MOST - 2);
        all.push("...".to_owned());
        all.extend(last);
    }
    all
}

/// The verdict on everything.
pub fn summary(
    report: &Report<'_>,
    singles: &[Record],
    pairs: &[Record],
    took: std::time::Duration,
) -> String {
    let broken = |records: &[Record]| records.iter().filter(|r| !r.findings.is_empty()).count();
    let all = || singles.iter().chain(pairs);
    let virtual_seconds: u64 = all().map(|r| r.end.since(Instant::ZERO).as_secs()).sum();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{} cases with one fault, {} with two (at once, and the second one later): {}.{} hours in {}.{} s.",
        singles.len(),
        pairs.len(),
        virtual_seconds / 3_600,
        virtual_seconds % 3_600 / 360,
        took.as_secs(),
        took.subsec_millis() / 100
    );
    let wrong = broken(singles) + broken(pairs);
    let _ = if wrong == 0 {
        writeln!(out, "{}", report.style.paint("32", "Every property held in every case."))
    } else {
        let text = format!(
            "BROKEN: {} of {} with one fault, {} of {} with two.",
            broken(singles),
            singles.len(),
            broken(pairs),
            pairs.len()
        );
        writeln!(out, "{}", report.style.paint("1;31", &text))
    };
    let excused = |r: &&Record| r.findings.is_empty() && r.addresses.iter().any(|a| !a.excuses.is_empty());
    let excused = all().filter(excused).count();
    if excused > 0 {
        let _ = writeln!(
            out,
            "In {excused} of them nobody or more than one answered for reasons that no election can mend; the table\n\
             and --all say which."
        );
    }
    out
}
