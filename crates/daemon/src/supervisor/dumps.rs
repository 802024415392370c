//! State, statistics and JSON files: asked for by signal, answered by the vrrp process, written here.

use std::os::fd::OwnedFd;
use std::path::Path;

use linux::memfd::Memfd;

use super::run::Daemon;
use crate::dump::file::{Files, write};
use crate::dump::state::Dump;
use crate::dump::{Calendar, json, state, stats};
use crate::ipc::{Lateness, ProcessReport, Report, ToVrrp, Wish};
use crate::log::{Line, temporary_directory};

/// What a report is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A file, as a signal asked for.
    File(Wish),
    /// The log, at the start (`-d`).
    Log,
}

impl Daemon {
    /// Writes what the supervisor itself knows, and asks the vrrp process for the rest.
    pub(super) fn request_dump(&mut self, wish: Wish) {
        let what = match wish {
            Wish::Data => "VRRP data",
            Wish::StatsClear => "and clearing VRRP stats",
            Wish::Stats => "VRRP stats",
            Wish::Json => "VRRP as json",
            Wish::Stop | Wish::Reload => return,
        };
        if wish == Wish::Data {
            let own = std::process::id();
            self.log(Line::info(format!("Printing parent data for process({own}) on signal")));
            let files = self.files();
            let text = self.own_state();
            self.write_file(&files.parent, &text);
        }
        if let Some(pid) = self.vrrp.pid() {
            self.log(Line::info(format!("Printing {what} for process({pid}) on signal")));
            self.request_report(Purpose::File(wish));
        }
    }

    /// Asks the vrrp process how things stand. If it dies before it answers, that is that.
    pub(super) fn request_report(&mut self, purpose: Purpose) {
        let request = self.new_id();
        let clear = purpose == Purpose::File(Wish::StatsClear);
        self.requests.insert(request, purpose);
        self.vrrp.send(&ToVrrp::Snapshot { request, clear }, None);
    }

    /// Uses what the vrrp process has answered.
    pub(super) fn use_report(&mut self, purpose: Purpose, file: OwnedFd) {
        let report = Memfd::adopt(file)
            .and_then(|m| m.read())
            .map_err(|e| e.to_string())
            .and_then(|bytes| postcard::from_bytes::<Report>(&bytes).map_err(|e| e.to_string()));
        let report = match report {
            Ok(report) => report,
            Err(e) => {
                self.log(Line::error(format!("The report of the VRRP process cannot be read: {e}")));
                return;
            }
        };
        let files = self.files();
        let (model, calendar) = (self.model().clone(), Calendar::now());
        let state = || {
            let mut dump = state::vrrp(&model, &report.engine, &calendar);
            process(&mut dump, &report.process);
            dump.finish()
        };
        match purpose {
            Purpose::Log => {
                for line in state().lines() {
                    self.log(Line::info(line));
                }
            }
            Purpose::File(Wish::Data) => self.write_file(&files.vrrp, &state()),
            Purpose::File(Wish::Stats | Wish::StatsClear) => {
                self.write_file(&files.stats, &stats::stats(&model, &report.engine));
            }
            Purpose::File(Wish::Json) => {
                if let Some(text) = json::json(&model, &report.engine, &calendar) {
                    self.write_file(&files.json, &text);
                }
            }
            Purpose::File(Wish::Stop | Wish::Reload) => {}
        }
    }

    fn files(&self) -> Files {
        Files::new(&self.model().global, &temporary_directory())
    }

    /// A dump that can't be written is told and forgotten.
    fn write_file(&mut self, path: &Path, text: &str) {
        if let Err(e) = write(path, text) {
            self.log(Line::error(format!("Cannot write {}: {e}", path.display())));
        }
    }

    fn own_state(&self) -> String {
        let mut dump = Dump::new();
        state::global(&mut dump, self.model());
        dump.section("Processes");
        dump.line(0, "Configurations so far", self.generation);
        for (name, pid) in [("VRRP process", self.vrrp.pid()), ("Scripts process", self.scripts.pid())] {
            match pid {
                Some(pid) => dump.line(0, name, pid),
                None => dump.line(0, name, "not running"),
            }
        }
        dump.finish()
    }
}

/// How the vrrp process does.
fn process(dump: &mut Dump, report: &ProcessReport) {
    let lateness = |dump: &mut Dump, name: &str, l: &Lateness| {
        dump.item(0, name);
        dump.line(1, "Count", l.count);
        dump.line(1, "Median", l.median);
        dump.line(1, "99 of 100 within", l.p99);
        dump.line(1, "Longest", l.max);
    };
    dump.section("VRRP process");
    lateness(dump, "Turns of the loop", &report.turns);
    lateness(dump, "Timers late by", &report.timers);
    dump.line(0, "Adverts that could not be sent", report.adverts_failed);
    dump.line(0, "Announcements that could not be sent", report.frames_failed);
    dump.line(0, "Notifications lost", report.notifications_lost);
    dump.line(0, "Log lines lost", report.log_lines_lost);
}
