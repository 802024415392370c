//! `cargo xtask bench vrrp | config | lvs`: two daemons beside each other, in namespaces, and what is asked of ours.
//! See `docs/benchmarks.md`.

mod addresses;
mod capture;
mod conf;
mod config;
mod failover;
mod floor;
mod lvs;
mod place;
mod report;
mod steady;
mod tree;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conf::Load;
use failover::Stop;
use place::{Binary, Place};
use report::{Book, Metric};

use crate::{apt, workspace_root};

const USAGE: &str = "\
usage: cargo xtask bench vrrp | config | lvs [--quick] [--json] [--only WORD] [--bin NAME=PATH ...]

vrrp: failovers, and what many instances cost. config: how long large configurations are read, and in how much memory.
lvs: how long virtual servers are loaded and reloaded, and what checks of real ones cost.
Measures the first binary against the second (vipd against the installed keepalived, if none is named).
  --quick          fewer runs and cases: below 90 seconds (config: 30, lvs: 120)
  --json           lines of JSON on standard output instead of a table
  --only WORD      only cases whose name holds WORD, such as failover, steady, '10 ms' or HTTP_GET
  --bin NAME=PATH  a daemon that takes keepalived's command line; give it twice
Exit status: 0 if every goal is met, 1 if not.";

/// Labs in which failovers that are mostly waiting run beside each other.
const LANES: usize = 4;

const FLOOR_SEND: Metric = Metric::told("bare send", "us");
const FLOOR_WAKE: Metric = Metric::told("timer wake-up and bare send", "us");
const FLOOR_RECEIVE: Metric = Metric::told("bare receive", "us");

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Vrrp,
    Config,
    Lvs,
}

struct Options {
    what: What,
    quick: bool,
    json: bool,
    only: Option<String>,
    binaries: Vec<Binary>,
}

impl Options {
    fn wants(&self, case: &str) -> bool {
        self.only.as_ref().is_none_or(|word| case.contains(word.as_str()))
    }
}

/// The command.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    if let [word, program, words @ ..] = args
        && word == config::ONE
    {
        return config::one(program, words);
    }
    if let Some((lvs::guest::WORD, rest)) = args.split_first().map(|(word, rest)| (word.as_str(), rest)) {
        return lvs::guest::command(rest);
    }
    let Some(options) = parse(args)? else {
        println!("{USAGE}");
        return Ok(0);
    };
    // First of all: the kernel refuses it to a process with threads.
    lab::become_root().map_err(|e| e.to_string())?;
    let binaries = if options.binaries.is_empty() { ours_and_theirs()? } else { options.binaries.clone() };
    for binary in &binaries {
        if !binary.path.is_file() {
            return Err(format!("{}: there is no such file", binary.path.display()));
        }
        eprintln!("{}: {} ({})", binary.name, binary.path.display(), version(binary));
    }
    let began = Instant::now();
    let book = match options.what {
        What::Vrrp => measure(&options, &binaries)?,
        What::Config => config::measure(&options, &binaries)?,
        What::Lvs => lvs::measure(&options, &binaries)?,
    };
    if options.json {
        book.lines().iter().for_each(|line| println!("{line}"));
    } else {
        print!("{}", book.table());
    }
    let (met, missed) = book.score();
    eprintln!("{met} goals met, {missed} missed; {:.0} s", began.elapsed().as_secs_f64());
    Ok(u8::from(missed > 0))
}

fn parse(args: &[String]) -> Result<Option<Options>, String> {
    let mut rest = args.iter();
    let what = match rest.next().map(String::as_str) {
        Some("vrrp") => What::Vrrp,
        Some("config") => What::Config,
        Some("lvs") => What::Lvs,
        None | Some("help" | "-h" | "--help") => return Ok(None),
        Some(other) => return Err(format!("there is no benchmark \"{other}\"\n{USAGE}")),
    };
    let mut options = Options { what, quick: false, json: false, only: None, binaries: Vec::new() };
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--only" => options.only = Some(rest.next().ok_or("--only needs a word")?.clone()),
            "--bin" => {
                let named = rest.next().and_then(|v| v.split_once('=')).ok_or("--bin needs NAME=PATH")?;
                options.binaries.push(Binary { name: named.0.to_owned(), path: PathBuf::from(named.1) });
            }
            "-h" | "--help" => return Ok(None),
            other => return Err(format!("unknown option \"{other}\"\n{USAGE}")),
        }
    }
    if options.binaries.len() == 1 {
        return Err("--bin is needed twice: what to measure, and what to compare it with".to_owned());
    }
    Ok(Some(options))
}

/// vipd, built with optimisation, and the distribution's keepalived.
fn ours_and_theirs() -> Result<Vec<Binary>, String> {
    apt::ensure(apt::BUILD)?;
    apt::ensure(&["keepalived", "strace", "util-linux"])?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "vipd", "--message-format", "json-render-diagnostics"])
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo build: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo build: {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let vipd = messages
        .filter(|m| m["target"]["name"] == "vipd")
        .find_map(|m| m["executable"].as_str().map(PathBuf::from))
        .ok_or("cargo build made no vipd")?;
    let keepalived = lab::Daemon::Keepalived.program().map_err(|e| e.to_string())?;
    Ok(vec![
        Binary { name: "vipd".to_owned(), path: vipd },
        Binary { name: "keepalived".to_owned(), path: keepalived },
    ])
}

/// The first line of `-v`.
fn version(binary: &Binary) -> String {
    let output = Command::new(&binary.path).arg("-v").stdin(Stdio::null()).output();
    let both = output.map(|o| [o.stderr, o.stdout].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&both);
    text.lines().next().unwrap_or("says no version").to_owned()
}

fn measure(options: &Options, binaries: &[Binary]) -> Result<Book, String> {
    let wanted = |name: &str| options.wants(name);
    let mut book = Book::new("vrrp", binaries.iter().map(|b| b.name.clone()).collect());
    let place = |index| Place::new(&format!("bench{index}"), binaries);
    let places: Vec<Place> = (0..LANES).map(place).collect::<Result<_, _>>()?;
    let first = places.first().ok_or("no place to measure")?;
    let began = Instant::now();
    let progress = |name: &str| eprintln!("[{:>5.1} s] {name}", began.elapsed().as_secs_f64());

    if wanted("floor") {
        progress("floor");
        let floor = floor::measure(first, 20_000)?;
        let last = binaries.len().saturating_sub(1);
        let figures =
            [(FLOOR_SEND, floor.send), (FLOOR_WAKE, floor.wake_and_send), (FLOOR_RECEIVE, floor.receive)];
        for (metric, value) in figures {
            // It is nobody's figure; it stands beside both.
            (0..=last).for_each(|binary| book.add("floor: the kernel alone", &metric, binary, value));
        }
    }
    for plan in failovers(options.quick) {
        let name = plan.case();
        if wanted(&name) {
            progress(&name);
            // Those with long intervals wait most of the time, and don't disturb each other.
            let lanes = if plan.advert_ms >= 1000 { places.as_slice() } else { std::slice::from_ref(first) };
            failover::measure(lanes, binaries.len(), plan, &mut book)?;
        }
    }
    for plan in loads(options.quick) {
        let name = plan.case();
        if wanted(&name) {
            progress(&name);
            steady::measure(first, binaries.len(), plan, &mut book)?;
        }
    }
    for place in &places {
        // Logs of a run that went well are of no use.
        let _ = std::fs::remove_dir_all(place.dir());
        // Empty now, unless the user keeps other labs there.
        let _ = place.dir().parent().map(std::fs::remove_dir);
    }
    Ok(book)
}

fn failovers(quick: bool) -> Vec<failover::Plan> {
    let plan = |advert_ms, stop, full, short| failover::Plan {
        advert_ms,
        stop,
        runs: if quick { short } else { full },
    };
    vec![
        plan(1000, Stop::Kill, 8, 2),
        plan(1000, Stop::Graceful, 8, 2),
        plan(100, Stop::Kill, 7, 0),
        plan(100, Stop::Graceful, 7, 0),
        plan(10, Stop::Kill, 7, 2),
        plan(10, Stop::Graceful, 7, 2),
    ]
    .into_iter()
    .filter(|p| p.runs > 0)
    .collect()
}

fn loads(quick: bool) -> Vec<steady::Plan> {
    let plan = |instances, advert_ms, version, full, short| steady::Plan {
        load: Load { instances, advert_ms, version },
        rounds: if quick { short } else { full },
        windows: match (advert_ms, quick) {
            // A window of few adverts: what one disturbance does to its p99 is for the median to leave out.
            (1000.., true) => (1, Duration::from_secs(4)),
            (1000.., false) => (3, Duration::from_secs(5)),
            (_, false) => (5, Duration::from_secs(1)),
            (_, true) => (3, Duration::from_secs(1)),
        },
        trace: !quick && advert_ms == 100,
    };
    vec![
        plan(1, 1000, 2, 1, 0),
        plan(64, 1000, 3, 1, 0),
        plan(255, 1000, 2, 1, 0),
        plan(255, 1000, 3, 1, 0),
        plan(255, 100, 3, 3, 1),
        plan(255, 10, 3, 3, 1),
    ]
    .into_iter()
    .filter(|p| p.rounds > 0)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn one_binary_alone_cannot_be_compared() {
        assert!(parse(&words("vrrp --bin a=/bin/a")).is_err());
        let options = parse(&words("vrrp --quick --bin a=/bin/a --bin b=/bin/b")).unwrap().unwrap();
        assert!(options.quick && options.binaries.len() == 2);
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(parse(&words("vrrp --fast")).is_err());
        assert!(parse(&words("tcp")).is_err());
        assert!(parse(&[]).unwrap().is_none());
    }
}
