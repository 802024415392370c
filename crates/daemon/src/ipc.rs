//! What the processes say to each other.
//!
//! The supervisor has one channel to each child, and each process around an engine (vrrp, checkers) one
//! to the scripts process.
//! A channel is a pair of `SOCK_SEQPACKET` sockets: messages keep their borders and their order,
//! and the death of either end is an event. Everything that a child needs comes through its
//! channel, descriptors included; the only one that it inherits is the channel itself.
//!
//! Messages are `postcard` behind four bytes that name the build: all processes of a daemon are the
//! same file (`/proc/self/exe`), so another build at the other end is a mistake and is refused.
//!
//! Nobody waits for a peer that doesn't read: see [`Channel`].

mod channel;
mod mail;

use base::Duration;
use engine::io::{FifoKind, Notification, Object, Outcome, RunId};
use model::{Command, User};
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::log::Line;

pub use channel::{Channel, ReceiveError, Received};
#[cfg(test)]
pub use mail::Password;
pub use mail::{MailConfig, MailHost, MailSecurity};

/// The longest message in bytes. What can be longer (a configuration, a snapshot) goes as a sealed
/// memory file whose descriptor accompanies a message.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Names this build: a hash of the version and of [`SCHEMA`].
const BUILD: [u8; 4] = build_id().to_be_bytes();

/// Grows when a message changes its meaning and nothing else of the build does.
const SCHEMA: u8 = 2;

const fn build_id() -> u32 {
    // FNV-1a.
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let mut hash = (0x811c_9dc5_u32 ^ SCHEMA as u32).wrapping_mul(0x0100_0193);
    let mut i = 0;
    while i < version.len() {
        hash = (hash ^ version[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// Why a message could not be made or understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageError {
    /// It would be longer than [`MAX_MESSAGE`].
    #[error("message of {0} bytes is too long")]
    TooLong(usize),
    /// It comes from another build.
    #[error("message of another build")]
    OtherBuild,
    /// Its bytes make no sense.
    #[error("malformed message: {0}")]
    Malformed(postcard::Error),
}

/// The bytes of `message`.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, MessageError> {
    let bytes = postcard::to_extend(message, BUILD.to_vec()).map_err(MessageError::Malformed)?;
    if bytes.len() > MAX_MESSAGE { Err(MessageError::TooLong(bytes.len())) } else { Ok(bytes) }
}

/// Appends a message that was [encoded](encode) to a packet that begins with another one.
fn append(packet: &mut Vec<u8>, message: &[u8]) {
    packet.extend_from_slice(message.strip_prefix(&BUILD).unwrap_or_default());
}

/// The messages in a packet, one behind the other.
fn unwrap(packet: &[u8]) -> Result<&[u8], MessageError> {
    packet.strip_prefix(&BUILD).ok_or(MessageError::OtherBuild)
}

/// The first of such messages, and those behind it.
fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), MessageError> {
    postcard::take_from_bytes(bytes).map_err(MessageError::Malformed)
}

/// A part of the daemon that has an engine, and so a process, of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Part {
    /// Checks servers and balances load.
    Checkers,
    /// Speaks VRRP.
    Vrrp,
}

impl Part {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 2] = [Self::Checkers, Self::Vrrp];

    /// The keyword that limits its CPU time.
    pub const fn cpu_limit(self) -> &'static str {
        match self {
            Self::Checkers => "checker_rlimit_rttime",
            Self::Vrrp => "vrrp_rlimit_rttime",
        }
    }

    /// What log lines call its process: keepalived's word.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Checkers => "Healthcheck",
            Self::Vrrp => "VRRP",
        }
    }

    /// The one that tells of an object.
    pub const fn of_object(object: &Object) -> Self {
        match object {
            Object::Service(_) | Object::Server { .. } => Self::Checkers,
            Object::Instance(_) | Object::Group(_) => Self::Vrrp,
        }
    }

    /// The one to which a FIFO belongs; for one that serves both, the one that most have.
    pub const fn of_fifo(fifo: FifoKind) -> Self {
        match fifo {
            FifoKind::Lvs => Self::Checkers,
            FifoKind::Vrrp | FifoKind::Global => Self::Vrrp,
        }
    }
}

/// A process of the daemon that is a child of the supervisor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Runs an engine.
    Engine(Part),
    /// Runs scripts and writes FIFOs.
    Scripts,
}

impl Role {
    /// All of them, with their names as they are handed to a process.
    const NAMES: [(Self, &'static str); 3] = [
        (Self::Scripts, "scripts"),
        (Self::Engine(Part::Checkers), "checkers"),
        (Self::Engine(Part::Vrrp), "vrrp"),
    ];

    /// The role's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(role, _)| *role)
    }

    /// What log lines call such a process.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Engine(part) => part.title(),
            Self::Scripts => "Scripts",
        }
    }
}

/// The name of the descriptor by which a child finds its supervisor.
pub const SUPERVISOR_CHANNEL: &str = "SUPERVISOR";

/// A signal's meaning, by keepalived's names (`--signum`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Wish {
    /// SIGTERM, SIGINT: stop.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: write the state files.
    Data,
    /// SIGUSR2: write the statistics file.
    Stats,
    /// SIGRTMAX-1: write the statistics file, then set the counters to 0.
    StatsClear,
    /// SIGRTMIN+2: write the JSON file.
    Json,
}

/// A signal with a meaning.
struct SignalDef {
    wish: Wish,
    /// What `--signum` calls it.
    name: &'static str,
    /// Its number; real-time signals have theirs from the C library.
    number: fn() -> i32,
}

/// The signals. SIGINT is a second one for [`Wish::Stop`].
const SIGNALS: &[SignalDef] = &[
    SignalDef { wish: Wish::Stop, name: "STOP", number: || Signal::SIGTERM as i32 },
    SignalDef { wish: Wish::Reload, name: "RELOAD", number: || Signal::SIGHUP as i32 },
    SignalDef { wish: Wish::Data, name: "DATA", number: || Signal::SIGUSR1 as i32 },
    SignalDef { wish: Wish::Stats, name: "STATS", number: || Signal::SIGUSR2 as i32 },
    SignalDef { wish: Wish::StatsClear, name: "STATS_CLEAR", number: || linux::signals::rt_max() - 1 },
    SignalDef { wish: Wish::Json, name: "JSON", number: || linux::signals::rt_min() + 2 },
];

impl Wish {
    /// The wish called `name`.
    pub fn named(name: &str) -> Option<Self> {
        SIGNALS.iter().find(|s| s.name == name).map(|s| s.wish)
    }

    /// What signal `number` means.
    pub fn of_signal(number: i32) -> Option<Self> {
        if number == Signal::SIGINT as i32 {
            return Some(Self::Stop);
        }
        SIGNALS.iter().find(|s| (s.number)() == number).map(|s| s.wish)
    }

    /// The number of its signal.
    pub fn signal(self) -> i32 {
        SIGNALS.iter().find(|s| s.wish == self).map_or(0, |s| (s.number)())
    }

    /// The numbers of all signals with a meaning.
    pub fn signals() -> impl Iterator<Item = i32> {
        SIGNALS.iter().map(|s| (s.number)()).chain([Signal::SIGINT as i32])
    }
}

/// From the supervisor to a process around an engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToEngine {
    /// The configuration, as a recording in the sealed memory file that comes with this: the first
    /// message of all, and one for each reload. Answered by [`FromEngine::Configured`].
    Configure {
        /// Counts configurations from 1.
        generation: u64,
    },
    /// The descriptor that comes with this is the channel to the scripts process: at start, and when
    /// that process was replaced. What was asked of the old one won't be answered.
    Scripts,
    /// Answer with [`FromEngine::Snapshot`].
    Snapshot {
        /// Returned with the answer.
        request: u64,
        /// Set the counters to 0 afterwards.
        clear: bool,
    },
    /// Leave: farewell adverts, addresses and virtual servers removed. Answered by
    /// [`FromEngine::Stopped`], then exit.
    Stop {
        /// `--dont-release-vrrp`, `--dont-release-ipvs`: what is in the kernel stays.
        keep: bool,
    },
}

/// From a process around an engine to the supervisor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromEngine {
    /// A line for the log.
    Log(Line),
    /// A configuration is in force.
    Configured {
        /// Which.
        generation: u64,
    },
    /// A configuration can't be put into force; the former one stays.
    NotConfigured {
        /// Which.
        generation: u64,
    },
    /// How things stand: a [`Report`] of the vrrp process, a [`CheckersReport`] of the checkers process,
    /// in the sealed memory file that comes with this.
    Snapshot {
        /// The request that it answers.
        request: u64,
    },
    /// A signal was sent to this process that is the supervisor's business.
    Wish(Wish),
    /// All is undone; the process exits.
    Stopped,
}

/// How the vrrp process and its engine are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The engine.
    pub engine: engine::Snapshot,
    /// The process around it.
    pub process: ProcessReport,
}

/// How the vrrp process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ProcessReport {
    /// How long turns of the loop took. While a turn goes on, nothing else is done.
    pub turns: Lateness,
    /// How late deadlines of the engine were noticed.
    pub timers: Lateness,
    /// Adverts that the kernel did not take.
    pub adverts_failed: u64,
    /// Gratuitous ARPs and neighbour advertisements that the kernel did not take.
    pub frames_failed: u64,
    /// Notifications and FIFO lines that were dropped since the scripts process didn't keep up.
    pub notifications_lost: u64,
    /// Log lines that were dropped since the supervisor didn't keep up.
    pub log_lines_lost: u64,
}

/// How the checkers process and its engine are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckersReport {
    /// The engine.
    pub engine: engine::lvs::Snapshot,
    /// The process around the engine.
    pub process: CheckersProcessReport,
}

/// How the checkers process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CheckersProcessReport {
    /// How long turns of the loop took. While a turn goes on, nothing else is done.
    pub turns: Lateness,
    /// How late checks began.
    pub checks: Lateness,
    /// Checks that run now.
    pub running: u64,
    /// Notifications and FIFO lines that were dropped since the scripts process didn't keep up.
    pub notifications_lost: u64,
    /// Log lines that were dropped since the supervisor didn't keep up.
    pub log_lines_lost: u64,
}

/// A summary of many durations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lateness {
    /// How many there were.
    pub count: u64,
    /// Half of them were not above this.
    pub median: Duration,
    /// 99 of 100 were not above this.
    pub p99: Duration,
    /// The largest.
    pub max: Duration,
}

/// From the supervisor to the scripts process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SupervisorToScripts {
    /// The descriptor that comes with this is the channel to a process around an engine: at its start.
    /// If it replaces another one, check scripts of the old one are ended, and its notifications still
    /// run.
    Client(Part),
    /// This process isn't needed any more: what its configuration asked for ends.
    Forget(Part),
    /// Run `startup_script` or `shutdown_script`. Answered by [`ScriptsToSupervisor::Ran`].
    Run {
        /// Returned with the answer.
        id: u64,
        /// What to run.
        command: Command,
        /// After that, end its process group.
        timeout: Duration,
    },
    /// Finish what is queued, end what still runs, and exit.
    Stop,
}

/// From the scripts process to the supervisor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ScriptsToSupervisor {
    /// A line for the log.
    Log {
        /// For which part that was done which it tells of; `None` for the daemon as a whole.
        part: Option<Part>,
        /// The line.
        line: Line,
    },
    /// The answer to [`SupervisorToScripts::Run`].
    Ran {
        /// Its id.
        id: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A signal was sent to this process that is the supervisor's business.
    Wish(Wish),
}

/// From a process around an engine to the scripts process. Order matters throughout.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToScripts {
    /// What the configuration asks of the scripts process; replaces what was there.
    Configure(ScriptsConfig),
    /// Run a check script once. Answered by [`FromScripts::Checked`], exactly once.
    Check {
        /// Returned with the answer.
        run: RunId,
        /// What to run.
        command: Command,
        /// After that, end its process group.
        timeout: Duration,
    },
    /// End a check script; it is still answered.
    CancelCheck(RunId),
    /// Run a notify script, after the earlier ones of the same object.
    Notify(Notification),
    /// Write a line to a FIFO, after the earlier ones.
    Fifo {
        /// Which.
        fifo: FifoKind,
        /// The line, with its line feed.
        line: String,
    },
    /// Send a mail, after the earlier ones.
    Mail(engine::mail::Message),
    /// So many messages, counted from the start of that process, could not be sent since the
    /// scripts process didn't keep up: notifications and FIFO lines are missing before this.
    Lost(u64),
}

/// From the scripts process to a process around an engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromScripts {
    /// The answer to [`ToScripts::Check`].
    Checked {
        /// Which run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The number in a watched file: at start, and after each change.
    File {
        /// [`ScriptsConfig::generation`] in force, since ids belong to a configuration.
        generation: u64,
        /// Which.
        file: FileId,
        /// The number; 0 if there is none.
        value: i32,
    },
}

/// What a configuration asks of the scripts process.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ScriptsConfig {
    /// The configuration's number.
    pub generation: u64,
    /// FIFOs to open, and to create if they aren't there.
    pub fifos: Vec<FifoConfig>,
    /// Files to watch.
    pub files: Vec<FileConfig>,
    /// Where mail goes, if any can be sent.
    pub mail: Option<MailConfig>,
}

/// A FIFO to write to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FifoConfig {
    /// Which.
    pub kind: FifoKind,
    /// Its path.
    pub path: Box<str>,
    /// Its owner, if it is created.
    pub owner: Option<User>,
    /// The script that reads it.
    pub script: Option<Command>,
}

/// A place in a list of the model: which one is for the process to know that asked for the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FileId(pub usize);

/// A watched file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileConfig {
    /// Which.
    pub file: FileId,
    /// Its path.
    pub path: Box<str>,
    /// The number to create it with.
    pub init: Option<i32>,
    /// Write `init` even if the file is there. Only at the start, not at a reload.
    pub overwrite: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message that `bytes` are, all of them.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
        match decode_first(unwrap(bytes)?)? {
            (message, []) => Ok(message),
            (_, _) => Err(MessageError::Malformed(postcard::Error::DeserializeBadEncoding)),
        }
    }

    fn command(text: &str) -> Command {
        let argv = text.split(' ').map(Into::into).collect();
        Command { text: text.into(), path: "/bin/true".into(), argv, user: User { uid: 1, gid: 2 } }
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let sent = ToScripts::Check {
            run: RunId(7),
            command: command("/bin/true a b"),
            timeout: Duration::from_millis(1500),
        };
        assert_eq!(decode::<ToScripts>(&encode(&sent).unwrap()).unwrap(), sent);
        let sent = FromScripts::File { generation: 2, file: FileId(1), value: -254 };
        assert_eq!(decode::<FromScripts>(&encode(&sent).unwrap()).unwrap(), sent);
    }

    #[test]
    fn signals_have_the_numbers_that_scripts_use() {
        let number = |name| Wish::named(name).map(Wish::signal);
        let names = ["STOP", "RELOAD", "DATA", "STATS", "STATS_CLEAR", "JSON"];
        assert_eq!(names.map(number), [15, 1, 10, 12, 63, 36].map(Some));
        assert_eq!(
            (number("stop"), Wish::of_signal(2), Wish::of_signal(36)),
            (None, Some(Wish::Stop), Some(Wish::Json))
        );
    }

    #[test]
    fn another_build_and_broken_bytes_are_refused() {
        let mut bytes = encode(&ToEngine::Snapshot { request: 300, clear: true }).unwrap();
        for cut in 0..bytes.len() {
            assert!(decode::<ToEngine>(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        bytes.push(0);
        assert!(matches!(decode::<ToEngine>(&bytes), Err(MessageError::Malformed(_))));
        bytes[0] ^= 1;
        assert_eq!(decode::<ToEngine>(&bytes), Err(MessageError::OtherBuild));
    }

    #[test]
    fn a_message_that_is_too_long_is_not_sent() {
        let line = "x".repeat(MAX_MESSAGE);
        let message = ToScripts::Fifo { fifo: FifoKind::Vrrp, line };
        assert!(matches!(encode(&message), Err(MessageError::TooLong(_))));
    }
}
