//! The one table of words: how each fault is written. The parser, the printer, `vipd simulate --words` and
//! the manual come from it.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfName, IpNet, Name};
use engine::io::Outcome;

use super::arguments::{Argument, Names, Trouble, Words};
use crate::fault::{Fault, Stranger};
use crate::lan::{SegmentId, Weather};
use crate::node::NodeId;

/// How a fault is written.
pub struct Word {
    /// The first word.
    pub name: &'static str,
    /// What its arguments are.
    pub arguments: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
    read: fn(&mut Words<'_>) -> Result<Fault, Trouble>,
}

impl Word {
    /// How it is written: `unplug NODE LINK`.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for argument in self.arguments {
            usage.push(' ');
            usage.push_str(&argument.to_uppercase());
        }
        usage
    }
}

/// Makes the table and the writer of rows: a name, arguments with their types, the fault as a pattern that is
/// also an expression, and the meaning. A kind of fault without a row does not compile.
macro_rules! words {
    ($($name:literal ($($argument:ident: $type:ty),*) [$($fault:tt)+] $help:literal;)*) => {
        /// Every word.
        pub static WORDS: &[Word] = &[$(Word {
            name: $name,
            arguments: &[$(stringify!($argument)),*],
            help: $help,
            read: |words| {
                $(
                    words.label = stringify!($argument);
                    let $argument = <$type as Argument>::read(words)?;
                )*
                let _ = words;
                Ok($($fault)+)
            },
        }),*];

        /// A fault in words.
        pub(super) fn write(fault: &Fault, names: &Names) -> String {
            let mut words: Vec<String> = Vec::new();
            match fault {
                $($($fault)+ => {
                    words.push($name.to_owned());
                    $(words.push(Argument::written($argument, names));)*
                })*
            }
            words.join(" ")
        }
    };
}

words! {
    "kill" (node: NodeId) [Fault::Kill(node)] "every process of the daemon is killed; nobody starts it again";
    "crash" (node: NodeId) [Fault::Crash(node)] "the vrrp process dies; its supervisor starts it again";
    "start" (node: NodeId) [Fault::Start(node)] "the daemon is started, if it doesn't run";
    "stop" (node: NodeId) [Fault::Stop(node)] "SIGTERM";
    "pause" (node: NodeId) [Fault::Pause(node)] "every process of the daemon stands still (SIGSTOP); the kernel goes on";
    "resume" (node: NodeId) [Fault::Resume(node)] "they go on";
    "freeze" (node: NodeId) [Fault::Freeze(node)] "the whole machine stands still, with its clock (a paused virtual machine)";
    "thaw" (node: NodeId) [Fault::Thaw(node)] "it goes on";
    "power-off" (node: NodeId) [Fault::PowerOff(node)] "the power fails: nothing in the kernel is left";
    "power-on" (node: NodeId) [Fault::PowerOn(node)] "it boots, and the daemon starts";
    "reload" (node: NodeId, model: usize) [Fault::Reload { node, model }]
        "SIGHUP with a configuration of the node; 0 is the one that it started with";
    "clock" (node: NodeId, ppm: i32) [Fault::ClockRate { node, ppm }]
        "the clock runs so many parts in a million too fast (below 0: too slow)";
    "late" (node: NodeId, most: Duration) [Fault::Lateness { node, most }]
        "each turn of the process begins up to this much too late";
    "unplug" (node: NodeId, link: IfName) [Fault::Unplug(node, link)] "the cable of an interface is pulled";
    "plug" (node: NodeId, link: IfName) [Fault::Plug(node, link)] "it is plugged in";
    "mute" (node: NodeId, link: IfName) [Fault::Mute(node, link)] "what an interface sends vanishes; its carrier stays";
    "deafen" (node: NodeId, link: IfName) [Fault::Deafen(node, link)] "what is sent to an interface vanishes; its carrier stays";
    "hear" (node: NodeId, link: IfName) [Fault::Hear(node, link)] "it speaks and hears again";
    "cut" (from: NodeId, to: NodeId) [Fault::Cut(from, to)] "what the first node sends does not reach the second";
    "mend" (from: NodeId, to: NodeId) [Fault::Mend(from, to)] "it does again";
    "switch-off" (segment: SegmentId) [Fault::SegmentDown(segment)] "the switch dies: no port of the segment has a carrier";
    "switch-on" (segment: SegmentId) [Fault::SegmentUp(segment)] "it runs again";
    "weather" (segment: SegmentId, least: Duration, most: Duration, loss: u32, duplicates: u32, reorders: bool)
        [Fault::Weather(segment, Weather { delay: (least, most), loss, duplicates, reorders })]
        "delay from LEAST to MOST; so many in a million are lost, doubled; packets overtake each other (yes, no)";
    "link-down" (node: NodeId, link: IfName) [Fault::LinkDown(node, link)] "an interface is switched off";
    "link-up" (node: NodeId, link: IfName) [Fault::LinkUp(node, link)] "it is switched on";
    "link-delete" (node: NodeId, link: IfName) [Fault::LinkDelete(node, link)] "an interface vanishes";
    "link-create" (node: NodeId, link: IfName) [Fault::LinkCreate(node, link)] "it appears again, under another index";
    "delete-address" (node: NodeId, address: IpAddr) [Fault::DeleteAddress(node, address)] "somebody deletes an address";
    "add-address" (node: NodeId, link: IfName, net: IpNet) [Fault::AddAddress(node, link, net)] "somebody adds an address";
    "delete-routes" (node: NodeId) [Fault::DeleteRoutes(node)] "somebody deletes all routes of ours";
    "stop-sync" (node: NodeId) [Fault::StopSync(node)] "somebody stops the kernel's sync daemon";
    "start-sync" (node: NodeId, link: IfName, id: u32) [Fault::StartSync(node, link, id)]
        "somebody starts both halves of the kernel's sync daemon, or has them run otherwise";
    "fail-operations" (node: NodeId, times: u32, errno: i32) [Fault::FailOperations { node, times, errno }]
        "the next kernel operations fail with this error number";
    "fail-sockets" (node: NodeId, times: u32) [Fault::FailSockets { node, times }] "the next sockets can't be opened";
    "lose-news" (node: NodeId, time: Duration) [Fault::LoseNews(node, time)]
        "what the kernel tells in the next while is lost (ENOBUFS)";
    "miss-news" (node: NodeId, time: Duration) [Fault::MissNews(node, time)]
        "what the kernel tells in the next while is lost without a sign";
    "script" (node: NodeId, script: Name, outcome: Outcome, takes: Duration)
        [Fault::Script { node, name: script, outcome, takes }]
        "a check ends so from now on, after this time: ok, fails, exit=N, signal=N, timeout, not-started";
    "file" (node: NodeId, file: Name, value: i32) [Fault::File { node, name: file, value }] "a tracked file has this number";
    "stranger" (datagram: Arc<Stranger>) [Fault::Stranger(datagram)]
        "a datagram arrives: SEGMENT NODE|all SOURCE DESTINATION TTL valid|invalid HEX";
    "replay" (node: NodeId) [Fault::Replay(node)] "a stranger sends again what a node sent last";
    "heal" () [Fault::Heal] "every fault ends; interfaces and nodes come back, daemons run";
}

/// Reads the words of a fault.
pub(super) fn read(words: &mut Words<'_>) -> Result<Fault, Trouble> {
    let name = words.next("word")?;
    let word = WORDS.iter().find(|word| word.name == name);
    let word = word.ok_or_else(|| {
        let near: Vec<&str> =
            WORDS.iter().map(|w| w.name).filter(|w| w.chars().next() == name.chars().next()).collect();
        let help = match near.as_slice() {
            [] => "`vipd simulate --words` lists all words".to_owned(),
            near => format!("perhaps one of {}; `vipd simulate --words` lists all words", near.join(", ")),
        };
        Trouble::new(format!("unknown word \"{name}\""), help)
    })?;
    (word.read)(words)
        .map_err(|trouble| Trouble { help: format!("{} (`{}`)", trouble.help, word.usage()), ..trouble })
}
