//! State, statistics and JSON files: asked for by signal, answered by the processes around engines,
//! written here.

use std::os::fd::OwnedFd;
use std::path::Path;

use linux::memfd::Memfd;
use model::Model;
use serde::de::DeserializeOwned;

use super::run::Daemon;
use crate::dump::file::{Files, write};
use crate::dump::state::Dump;
use crate::dump::{Calendar, json, lvs, state, stats};
use crate::ipc::{
    CheckersProcessReport, CheckersReport, Lateness, Part, ProcessReport, Report, Role, ToEngine, Wish,
};
use crate::log::{Line, temporary_directory};
use crate::process::give_back;

/// What a report is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A file, as a signal asked for.
    File(Wish),
    /// The log, at the start (`-d`).
    Log,
}

impl Daemon {
    /// Writes what the supervisor itself knows, and asks the others for the rest.
    pub(super) fn request_dump(&mut self, wish: Wish) {
        let whats: &[(Part, &str)] = match wish {
            Wish::Data => &[(Part::Checkers, "checker data"), (Part::Vrrp, "VRRP data")],
            Wish::StatsClear => &[(Part::Vrrp, "and clearing VRRP stats")],
            Wish::Stats => &[(Part::Vrrp, "VRRP stats")],
            Wish::Json => &[(Part::Vrrp, "VRRP as json")],
            Wish::Stop | Wish::Reload => return,
        };
        if wish == Wish::Data {
            let own = std::process::id();
            self.log(Line::info(format!("Printing parent data for process({own}) on signal")));
            let files = self.files();
            let text = self.own_state();
            self.write_file(&files.parent, &text);
        }
        for (part, what) in whats {
            if let Some(pid) = self.workers.of(*part).child.pid() {
                self.log(Line::info(format!("Printing {what} for process({pid}) on signal")));
                self.request_report(*part, Purpose::File(wish));
            }
        }
    }

    /// Asks the process of a part how things stand. If it dies before it answers, that is that.
    pub(super) fn request_report(&mut self, part: Part, purpose: Purpose) {
        let request = self.new_id();
        let clear = purpose == Purpose::File(Wish::StatsClear);
        let worker = self.workers.of_mut(part);
        if worker.child.is_running() {
            worker.child.send(&ToEngine::Snapshot { request, clear }, None);
            self.requests.insert(request, (part, purpose));
        }
    }

    /// Uses what the process of a part has answered.
    pub(super) fn use_report(&mut self, part: Part, purpose: Purpose, file: OwnedFd) {
        let bytes = Memfd::adopt(file).and_then(|m| m.read()).map_err(|e| e.to_string());
        let used = bytes.and_then(|bytes| {
            match part {
                Part::Vrrp => self.use_vrrp(purpose, &decode(&bytes)?, &self.configuration.model()?),
                Part::Checkers => self.use_checkers(purpose, &decode(&bytes)?, &self.configuration.model()?),
            }
            Ok(())
        });
        give_back();
        if let Err(e) = used {
            self.log(Line::error(format!("The report of the {} process cannot be read: {e}", part.title())));
        }
    }

    fn use_vrrp(&mut self, purpose: Purpose, report: &Report, model: &Model) {
        let files = self.files();
        let calendar = Calendar::now();
        let state = || {
            let mut dump = state::vrrp(model, &report.engine, &calendar);
            process(&mut dump, &report.process);
            dump.finish()
        };
        match purpose {
            Purpose::Log => self.log_lines(&state()),
            Purpose::File(Wish::Data) => self.write_file(&files.vrrp, &state()),
            Purpose::File(Wish::Stats | Wish::StatsClear) => {
                self.write_file(&files.stats, &stats::stats(model, &report.engine));
            }
            Purpose::File(Wish::Json) => {
                if let Some(text) = json::json(model, &report.engine, &calendar) {
                    self.write_file(&files.json, &text);
                }
            }
            Purpose::File(Wish::Stop | Wish::Reload) => {}
        }
    }

    fn use_checkers(&mut self, purpose: Purpose, report: &CheckersReport, model: &Model) {
        let mut dump = lvs::lvs(model, &report.engine, linux::clock::now());
        checkers_process(&mut dump, &report.process);
        let text = dump.finish();
        match purpose {
            Purpose::Log => self.log_lines(&text),
            Purpose::File(_) => self.write_file(&self.files().checkers, &text),
        }
    }

    fn log_lines(&mut self, text: &str) {
        for line in text.lines() {
            self.log(Line::info(line));
        }
    }

    fn files(&self) -> Files {
        Files::new(&self.head().global, &temporary_directory())
    }

    /// A dump that can't be written is told and forgotten.
    fn write_file(&mut self, path: &Path, text: &str) {
        if let Err(e) = write(path, text) {
            self.log(Line::error(format!("Cannot write {}: {e}", path.display())));
        }
    }

    fn own_state(&self) -> String {
        let mut dump = Dump::new();
        state::global(&mut dump, self.head());
        dump.section("Processes");
        dump.line(0, "Configurations so far", self.generation);
        let workers = Part::ALL.map(|part| (part.title(), self.workers.of(part).child.pid()));
        for (title, pid) in workers.into_iter().chain([(Role::Scripts.title(), self.scripts.pid())]) {
            let name = format!("{title} process");
            match pid {
                Some(pid) => dump.line(0, &name, pid),
                None => dump.line(0, &name, "not running"),
            }
        }
        dump.finish()
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|e| e.to_string())
}

/// How the vrrp process does.
fn process(dump: &mut Dump, report: &ProcessReport) {
    dump.section("VRRP process");
    lateness(dump, "Turns of the loop", &report.turns);
    lateness(dump, "Timers late by", &report.timers);
    dump.line(0, "Adverts that could not be sent", report.adverts_failed);
    dump.line(0, "Announcements that could not be sent", report.frames_failed);
    dump.line(0, "Notifications lost", report.notifications_lost);
    dump.line(0, "Log lines lost", report.log_lines_lost);
}

/// How the checkers process does.
fn checkers_process(dump: &mut Dump, report: &CheckersProcessReport) {
    dump.section("Checkers process");
    lateness(dump, "Turns of the loop", &report.turns);
    lateness(dump, "Checks late by", &report.checks);
    dump.line(0, "Checks that run now", report.running);
    dump.line(0, "Notifications lost", report.notifications_lost);
    dump.line(0, "Log lines lost", report.log_lines_lost);
}

fn lateness(dump: &mut Dump, name: &str, l: &Lateness) {
    dump.item(0, name);
    dump.line(1, "Count", l.count);
    dump.line(1, "Median", l.median);
    dump.line(1, "99 of 100 within", l.p99);
    dump.line(1, "Longest", l.max);
}
