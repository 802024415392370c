//! What can be tracked: `vrrp_script`, `track_file`, `vrrp_track_process`, `bfd_instance`. And the lines
//! that track it.

use base::{Duration, Family};
use model::tracker::ParameterMatch;
use model::{BfdSession, Script, TrackFile, TrackProcess, Tracker, TrackerSource};
use vrrp::config::Track;

use super::Printer;
use super::tree::{Entry, Lines, Words, script, word};

impl Printer<'_> {
    /// All blocks of things that are tracked.
    pub(super) fn trackers(&self, out: &mut Lines) {
        for Tracker { name: _, source } in &self.model.trackers {
            match source {
                // An interface needs no block, and sessions have theirs below.
                TrackerSource::Interface(_) | TrackerSource::Bfd(_) => {}
                TrackerSource::Script(script) => self.script(script, out),
                TrackerSource::File(file) => self::file(file, out),
                TrackerSource::Process(process) => self::process(process, out),
            }
        }
        let known = |file: &TrackFile| {
            self.model.trackers.iter().any(|t| matches!(&t.source, TrackerSource::File(f) if f == file))
        };
        for file in self.model.lvs.files.iter().filter(|file| !known(file)) {
            self::file(file, out);
        }
        for session in &self.model.bfd {
            bfd(session, out);
        }
    }

    fn script(&self, tracked: &Script, out: &mut Lines) {
        let Script { name, command, interval, timeout, rise, fall, init_fail } = tracked;
        let mut block = Lines::default();
        block.line("script", script(&command.text));
        block.time(Duration::from_secs(1), "interval", *interval);
        block.time(*interval, "timeout", *timeout);
        block.unless(1, "rise", *rise);
        block.unless(1, "fall", *fall);
        block.some("user", self.owner(command.user));
        block.flag("init_fail", *init_fail);
        out.block("vrrp_script", word(name), block);
    }

    /// `track_interface`, `track_script`, ...: a block for each run of the same kind, so that the order
    /// stays.
    pub(super) fn tracks<'t>(&self, tracks: impl Iterator<Item = &'t Track>, out: &mut Lines) {
        let mut blocks: Vec<(&str, Vec<Entry>)> = Vec::new();
        for Track { tracker, weight, reverse } in tracks {
            let source = self.model.trackers.get(tracker.index()).map(|tracker| &tracker.source);
            let (keyword, usual) = match source {
                Some(TrackerSource::Interface(_)) | None => ("track_interface", 0),
                Some(TrackerSource::Script(_)) => ("track_script", 0),
                Some(TrackerSource::File(_)) => ("track_file", 1),
                Some(TrackerSource::Process(_)) => ("track_process", 0),
                Some(TrackerSource::Bfd(_)) => ("track_bfd", 0),
            };
            let mut line = Words::default();
            line.add(self.tracker_name(*tracker))
                .some("weight", Some(weight.get()).filter(|weight| *weight != usual))
                .flag("reverse", *reverse);
            match blocks.last_mut() {
                Some((last, lines)) if *last == keyword => lines.push(line.into_entry()),
                _ => blocks.push((keyword, vec![line.into_entry()])),
            }
        }
        for (keyword, lines) in blocks {
            out.block(keyword, "", Lines(lines));
        }
    }
}

fn file(file: &TrackFile, out: &mut Lines) {
    let TrackFile { name, path, init, overwrite } = file;
    let mut block = Lines::default();
    block.line("file", word(path));
    let overwrite = if *overwrite { " overwrite" } else { "" };
    block.some("init_file", init.map(|n| format!("{n}{overwrite}")));
    out.block("track_file", word(name), block);
}

fn process(process: &TrackProcess, out: &mut Lines) {
    let TrackProcess {
        name,
        command,
        parameters,
        matching,
        full_command,
        quorum,
        quorum_max,
        up_delay,
        down_delay,
    } = process;
    let mut block = Lines::default();
    let mut words = Words::default();
    words.add(word(command));
    for parameter in parameters {
        words.add(word(parameter));
    }
    block.line("process", words.into_text());
    match matching {
        ParameterMatch::Any => {}
        ParameterMatch::Exact => block.line("param_match", ""),
        ParameterMatch::Initial => block.line("param_match", "initial"),
        ParameterMatch::Partial => block.line("param_match", "partial"),
    }
    block.flag("full_command", *full_command);
    block.unless(1, "quorum", *quorum);
    block.some("quorum_max", *quorum_max);
    block.time(Duration::ZERO, "fork_delay", *up_delay);
    block.time(Duration::ZERO, "terminate_delay", *down_delay);
    out.block("vrrp_track_process", word(name), block);
}

fn bfd(session: &BfdSession, out: &mut Lines) {
    let BfdSession {
        name,
        neighbor,
        source,
        min_rx,
        min_tx,
        idle_tx,
        multiplier,
        passive,
        hop_limit,
        max_hops,
        multihop,
        for_vrrp,
        for_checkers,
    } = session;
    let mut block = Lines::default();
    block.line("neighbor_ip", neighbor);
    block.some("source_ip", *source);
    // These are in milliseconds.
    for (keyword, time, usual) in [
        ("min_rx", min_rx, Duration::from_millis(10)),
        ("min_tx", min_tx, Duration::from_millis(10)),
        ("idle_tx", idle_tx, Duration::from_secs(1)),
    ] {
        block.time(usual * 1_000, keyword, *time * 1_000);
    }
    block.unless(5, "multiplier", *multiplier);
    block.flag("passive", *passive);
    match Family::of(neighbor) {
        Family::V4 => block.unless(255, "ttl", *hop_limit),
        Family::V6 => block.unless(64, "hoplimit", *hop_limit),
    }
    block.unless(0, "max_hops", max_hops.map_or(-1, i16::from));
    block.flag("multihop", *multihop);
    block.flag("vrrp", *for_vrrp && !for_checkers);
    block.flag("checker", *for_checkers && !for_vrrp);
    out.block("bfd_instance", word(name), block);
}
