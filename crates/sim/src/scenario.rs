//! Scenarios as text: what happens when, and what is expected.
//!
//! A line is a time, counted from the start, and a few words; `#` begins a comment:
//!
//! ```text
//! 10s   kill A
//! 12.5s unplug B eth0 for 3s
//! 20s   heal
//! 30s   expect A VI_1 MASTER
//! ```
//!
//! The words of faults are those of [`words::WORDS`]. `for TIME` after a fault undoes it that much later.
//! Every daemon starts at 0 s, unless the first line about it says `start` (or `power-on`).

pub mod arguments;
pub mod words;

use std::fmt;
use std::net::IpAddr;

use base::{Duration, Instant, Name};
use vrrp::io::State;

pub use arguments::Names;
use arguments::{Argument, Trouble, Words, split};

use crate::fault::Fault;
use crate::node::NodeId;

/// What happens when.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scenario {
    /// The lines, in the order of their times.
    pub steps: Vec<Step>,
}

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// When, in the time of the world.
    pub at: Instant,
    /// What.
    pub act: Act,
}

/// What a line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Something happens.
    Fault(Fault),
    /// Something must be so.
    Expect(Expectation),
    /// The world is watched up to here.
    End,
}

/// What must be so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expectation {
    /// An instance is in a state.
    State {
        /// Whose.
        node: NodeId,
        /// Its name.
        instance: Name,
        /// The state; [`State::Stopped`] if no process runs.
        state: State,
    },
    /// An address is answered for by this node only, or by nobody.
    Owner {
        /// The address.
        address: IpAddr,
        /// Who.
        owner: Option<NodeId>,
    },
}

/// Lines that are no faults: how they are written, and what they mean.
pub const OTHER_WORDS: &[(&str, &str)] = &[
    ("expect NODE INSTANCE STATE", "the instance is in this state: INIT, BACKUP, MASTER, FAULT or STOPPED"),
    ("expect ADDRESS NODE|nobody", "this node and no other answers for the address, or nobody does"),
    ("end", "the world is watched up to here; by default until everything has calmed down"),
];

/// The states that can be expected, by their words.
const STATES: &[(&str, State)] = &[
    ("INIT", State::Init),
    ("BACKUP", State::Backup),
    ("MASTER", State::Master),
    ("FAULT", State::Fault),
    ("STOPPED", State::Stopped),
];

/// A line that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
    /// A way out.
    pub help: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; {}", self.line, self.text, self.help)
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Reads a scenario; `names` are those of the world that it is for.
    ///
    /// # Errors
    /// The first line that cannot be understood, with a way out.
    pub fn parse(text: &str, names: &Names) -> Result<Self, ScenarioError> {
        let mut steps = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            read_line(line, names, &mut steps).map_err(|trouble| ScenarioError {
                line: number,
                text: trouble.text,
                help: trouble.help,
            })?;
        }
        // Lines of the same time stay in their order.
        steps.sort_by_key(|step| step.at);
        Ok(Self { steps })
    }

    /// The scenario as text, which [`Scenario::parse`] reads.
    #[must_use]
    pub fn print(&self, names: &Names) -> String {
        let mut out = String::new();
        for step in &self.steps {
            let at = step.at.since(Instant::ZERO).to_string();
            out.push_str(&format!("{at:<7} {}\n", words_of(&step.act, names)));
        }
        out
    }

    /// Whether the daemon of `node` is not there from the beginning: the first line about it starts it.
    #[must_use]
    pub fn starts_late(&self, node: NodeId) -> bool {
        let about = self.steps.iter().filter_map(|step| match &step.act {
            Act::Fault(fault) => Some(fault),
            _ => None,
        });
        let mut about = about.filter(|fault| match fault {
            Fault::Kill(id)
            | Fault::Crash(id)
            | Fault::Start(id)
            | Fault::Stop(id)
            | Fault::Pause(id)
            | Fault::PowerOff(id)
            | Fault::PowerOn(id) => *id == node,
            Fault::Reload { node: id, .. } => *id == node,
            _ => false,
        });
        matches!(about.next(), Some(Fault::Start(_) | Fault::PowerOn(_)))
    }
}

/// A fault in the words of a scenario.
#[must_use]
pub fn fault_text(fault: &Fault, names: &Names) -> String {
    words::write(fault, names)
}

/// Reads a fault without a time.
///
/// # Errors
/// What is wrong, and a way out.
pub fn read_fault(text: &str, names: &Names) -> Result<Fault, Trouble> {
    let mut words = Words::new(split(text)?, names);
    let fault = words::read(&mut words)?;
    words.end()?;
    Ok(fault)
}

fn words_of(act: &Act, names: &Names) -> String {
    match act {
        Act::Fault(fault) => fault_text(fault, names),
        Act::Expect(Expectation::State { node, instance, state }) => {
            let word = STATES.iter().find(|(_, s)| s == state).map_or("INIT", |(word, _)| *word);
            format!("expect {} {} {word}", node.written(names), instance.written(names))
        }
        Act::Expect(Expectation::Owner { address, owner }) => {
            let owner = owner.map_or_else(|| "nobody".to_owned(), |node| node.written(names));
            format!("expect {address} {owner}")
        }
        Act::End => "end".to_owned(),
    }
}

fn read_line(line: &str, names: &Names, steps: &mut Vec<Step>) -> Result<(), Trouble> {
    let mut words = Words::new(split(line)?, names);
    if words.peek().is_none() {
        return Ok(());
    }
    words.label = "time";
    let at = Instant::ZERO + Duration::read(&mut words)?;
    match words.peek() {
        Some("expect") => {
            words.next("expect")?;
            steps.push(Step { at, act: Act::Expect(read_expectation(&mut words)?) });
        }
        Some("end") => {
            words.next("end")?;
            steps.push(Step { at, act: Act::End });
        }
        _ => {
            let fault = words::read(&mut words)?;
            let undone = read_for(&mut words, &fault)?;
            steps.push(Step { at, act: Act::Fault(fault) });
            if let Some((lasts, undo)) = undone {
                steps.push(Step { at: at + lasts, act: Act::Fault(undo) });
            }
        }
    }
    words.end()
}

/// `for TIME`.
fn read_for(words: &mut Words<'_>, fault: &Fault) -> Result<Option<(Duration, Fault)>, Trouble> {
    if words.peek() != Some("for") {
        return Ok(None);
    }
    words.next("for")?;
    words.label = "time";
    let lasts = Duration::read(words)?;
    match undo(fault) {
        Some(undo) => Ok(Some((lasts, undo))),
        None => Err(Trouble::new(
            "this is not undone by time",
            "write a later line that does what should happen then",
        )),
    }
}

/// What undoes a fault.
#[must_use]
pub fn undo(fault: &Fault) -> Option<Fault> {
    Some(match fault {
        Fault::Kill(id) | Fault::Stop(id) => Fault::Start(*id),
        Fault::Pause(id) => Fault::Resume(*id),
        Fault::Freeze(id) => Fault::Thaw(*id),
        Fault::PowerOff(id) => Fault::PowerOn(*id),
        Fault::Unplug(id, link) => Fault::Plug(*id, *link),
        Fault::Mute(id, link) | Fault::Deafen(id, link) => Fault::Hear(*id, *link),
        Fault::Cut(from, to) => Fault::Mend(*from, *to),
        Fault::SegmentDown(id) => Fault::SegmentUp(*id),
        Fault::LinkDown(id, link) => Fault::LinkUp(*id, *link),
        Fault::LinkDelete(id, link) => Fault::LinkCreate(*id, *link),
        _ => return None,
    })
}

fn read_expectation(words: &mut Words<'_>) -> Result<Expectation, Trouble> {
    if let Some(Ok(address)) = words.peek().map(str::parse::<IpAddr>) {
        words.next("address")?;
        if words.peek() == Some("nobody") {
            words.next("node")?;
            return Ok(Expectation::Owner { address, owner: None });
        }
        words.label = "node";
        return Ok(Expectation::Owner { address, owner: Some(NodeId::read(words)?) });
    }
    words.label = "node";
    let node = NodeId::read(words)?;
    words.label = "instance";
    let instance = Name::read(words)?;
    let word = words.next("state")?;
    let state = STATES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&word)).map(|(_, state)| *state);
    let state = state.ok_or_else(|| {
        let all: Vec<&str> = STATES.iter().map(|(word, _)| *word).collect();
        Trouble::new(format!("\"{word}\" is no state"), format!("the states are {}", all.join(", ")))
    })?;
    Ok(Expectation::State { node, instance, state })
}
