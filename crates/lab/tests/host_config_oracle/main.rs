//! The oracle of the configuration: keepalived's verdict on many files, and vipd's on the same.
//!
//! Each daemon is asked with `-t` in a node with the interfaces `eth0` and `eth1`. Their exit statuses
//! must be equal, or the difference must be one of those that `divergences` knows; each of those stands
//! with its reasons in `tests/oracle/DIVERGENCES.toml`, and must still occur.

mod case;
mod composed;
mod divergences;
mod keywords;
mod mutate;
mod places;
mod start;
mod table;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::Rng;
use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Divergences, Lab, LabError, Node, Result, ensure};

use case::{Case, Question, Verdict};
use table::Table;

/// The differences that are meant.
const DIVERGENCES: &str = include_str!("../../../../tests/oracle/DIVERGENCES.toml");

/// How many files are drawn of each of the three kinds that are made at random, beside all that are written by
/// hand and each keyword with each value that fits. `VIPD_ORACLE_FILES` is another number; `all` also takes
/// every keyword with every value that does not fit.
const DRAWN: usize = 150;
const FILES_VARIABLE: &str = "VIPD_ORACLE_FILES";
/// How many files there are at least.
const LEAST: usize = 2000;
/// Where the drawing starts; another number gives other files.
const SEED: u64 = 2;
const SEED_VARIABLE: &str = "VIPD_ORACLE_SEED";

fn main() -> ExitCode {
    lab::harness::main(&[
        Scenario::new("a-configuration-test-ends-as-with-keepalived", Needs::AnyClock, verdicts),
        Scenario::new("vipd-starts-wherever-keepalived-starts", Needs::AnyClock, start::starts),
    ])
}

/// The cases of a run. The same seed gives the same ones.
fn cases(table: &Table) -> Vec<Case> {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|s| s.parse().ok()).unwrap_or(SEED);
    let wanted = std::env::var(FILES_VARIABLE).unwrap_or_default();
    let mut rng = Rng::new(seed);
    let places = keywords::places(table);
    let mut cases = mutate::seeds();
    cases.extend(written::all());
    cases.extend(composed::all());
    cases.extend(places.iter().flat_map(keywords::Words::fitting));
    let nonsense: Vec<Case> = places.iter().flat_map(keywords::Words::nonsense).collect();
    for number in 0..wanted.parse().unwrap_or(DRAWN) {
        cases.push(keywords::pick(&mut rng, &nonsense).clone());
        cases.push(mutate::damaged(&mut rng, &places, number));
        cases.push(keywords::pick(&mut rng, &places).mixture(&mut rng, number));
    }
    if wanted == "all" {
        cases.extend(nonsense);
    }
    cases
}

/// A node with two interfaces.
fn node(lab: &Lab) -> Result<Node> {
    let lan = lab.lan("lan0")?;
    let node = lab.node("r1")?;
    node.attach(&lan, "eth0", &["192.0.2.1/24", "2001:db8::1/64"], None)?;
    node.attach(&lan, "eth1", &["198.51.100.1/24"], None)?;
    Ok(node)
}

fn verdicts() -> Result<Outcome> {
    let programs = match programs() {
        Ok(programs) => programs,
        Err(e) => return Ok(Outcome::Skipped(e.to_string())),
    };
    let listed = Divergences::parse(DIVERGENCES)?;
    for id in divergences::ids() {
        ensure(listed.behaviour.iter().any(|b| b.id == id), format_args!("{id} has no entry"))?;
    }
    let lab = Lab::new("config-oracle")?;
    let node = node(&lab)?;
    let table = Table::of(&programs[1])?;
    let cases = cases(&table);
    let count = cases.len();
    let dir = node.dir().to_owned();
    let asked = node.inside_run(move || ask_all(&cases, &dir, &programs))?;
    let mut occurred: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut explained = 0;
    for Asked { case, at, keepalived, vipd, bare } in
        asked.map_err(|e| LabError::Expectation(e.to_string()))?
    {
        if keepalived.code == vipd.code {
            continue;
        }
        let ids = match bare {
            // It may differ for other reasons, too.
            Some(bare) if bare.code == vipd.code => Some(BTreeSet::from([divergences::NAMESPACE])),
            Some(bare) => divergences::explain(&case, &table, &bare, &vipd),
            None => divergences::explain(&case, &table, &keepalived, &vipd),
        };
        match ids {
            Some(ids) => {
                explained += 1;
                ids.into_iter().for_each(|id| *occurred.entry(id).or_default() += 1);
            }
            None => wrong.push(format!(
                "{} ({}):\n   keepalived: {keepalived}   vipd: {vipd}",
                case.name,
                at.display()
            )),
        }
    }
    println!(
        "  compared {count}, differences {}, explained {explained}: {occurred:?}",
        explained + wrong.len()
    );
    ensure(count >= LEAST, format_args!("{count} files only"))?;
    // Only the usual files show each of them.
    if wrong.is_empty() && std::env::var_os(FILES_VARIABLE).is_none() {
        wrong.extend(divergences::unused(&occurred));
    }
    ensure(wrong.is_empty(), format_args!("{} unexplained\n{}", wrong.len(), wrong.join("\n")))?;
    Ok(Outcome::Passed)
}

/// keepalived and vipd.
fn programs() -> Result<[PathBuf; 2]> {
    Ok([Daemon::Keepalived.program()?, Daemon::Vipd.program()?])
}

/// A case with both verdicts.
struct Asked {
    case: Case,
    /// Where its files are.
    at: PathBuf,
    keepalived: Verdict,
    vipd: Verdict,
    /// What keepalived says without the namespace that keeps it from judging.
    bare: Option<Verdict>,
}

/// How many processes run at a time.
const AT_A_TIME: usize = 8;

/// Asks both daemons about each case. It runs on the thread of the node, which can start processes in the
/// node, but no threads.
fn ask_all(cases: &[Case], dir: &Path, programs: &[PathBuf; 2]) -> std::io::Result<Vec<Asked>> {
    let mut asked = Vec::new();
    for (chunk, cases) in cases.chunks(AT_A_TIME / programs.len()).enumerate() {
        let mut questions = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let dir = dir.join((chunk * (AT_A_TIME / programs.len()) + index).to_string());
            case.write(&dir)?;
            let [keepalived, vipd] = programs;
            questions.push((
                case,
                Question::ask(keepalived, &dir, "keepalived", case.args)?,
                Question::ask(vipd, &dir, "vipd", case.args)?,
                dir,
            ));
        }
        for (case, keepalived, vipd, dir) in questions {
            let (keepalived, vipd) = (keepalived.answer()?, vipd.answer()?);
            let bare = case.without_namespace().filter(|_| keepalived.code == 0 && vipd.code != 0);
            let bare = match bare {
                Some(bare) => {
                    bare.write(&dir)?;
                    let answer = Question::ask(&programs[0], &dir, "keepalived-bare", bare.args)?.answer()?;
                    case.write(&dir)?;
                    Some(answer)
                }
                None => None,
            };
            asked.push(Asked { case: case.clone(), at: dir, keepalived, vipd, bare });
        }
    }
    Ok(asked)
}
