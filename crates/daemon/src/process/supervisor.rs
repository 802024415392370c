//! The link to the supervisor.

use std::os::fd::BorrowedFd;

use linux::memfd::Memfd;
use linux::seqpacket::Channel as Socket;
use serde::Serialize;

use crate::cli::Options;
use crate::ipc::{Channel, FromEngine, Part, ReceiveError, Received, ToEngine, Wish};
use crate::log::{Line, Sinks, Writer};

/// So many messages, which are nearly all log lines, may wait for the supervisor: three megabytes. Twenty thousand
/// checks that begin have a line each, and the supervisor is as busy as this process then.
const ROOM: usize = 32_768;

/// The supervisor as a process around an engine sees it.
///
/// Log lines go to it, since writing them could take time; only when it is gone, lines about the end
/// of this process are written here.
pub struct Supervisor {
    part: Part,
    channel: Channel<FromEngine, ToEngine>,
    options: Options,
    orphan: Option<Sinks>,
    told_lost: u64,
}

impl Supervisor {
    /// The supervisor of this process, which is that of `part`, at the other end of `socket`.
    pub fn new(part: Part, socket: Socket, options: Options) -> Self {
        Self { part, channel: Channel::new(Some(socket), ROOM), options, orphan: None, told_lost: 0 }
    }

    /// The command line, which is the same for all processes.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Which part this process is.
    pub const fn part(&self) -> Part {
        self.part
    }

    /// `--dont-release-vrrp`, `--dont-release-ipvs`: what is in the kernel stays at the end.
    pub const fn keep(&self) -> bool {
        self.options.keeps(self.part)
    }

    /// Logs a line if it is wanted: at once, or with the next [`Supervisor::flush`] if there are many.
    pub fn log(&mut self, line: Line) {
        if line.detail > self.options.log_detail {
            return;
        }
        if self.channel.is_connected() {
            self.post(&FromEngine::Log(line));
        } else {
            let writer = Writer { part: Some(self.part), pid: std::process::id() };
            self.orphan.get_or_insert_with(|| Sinks::new(&self.options)).write(writer, &line);
        }
    }

    /// A configuration is in force.
    pub fn configured(&mut self, generation: u64) {
        self.must_send(&FromEngine::Configured { generation });
    }

    /// A configuration cannot be put into force; the former one stays.
    pub fn not_configured(&mut self, generation: u64) {
        self.must_send(&FromEngine::NotConfigured { generation });
    }

    /// A signal came that is its business.
    pub fn wish(&mut self, wish: Wish) {
        self.must_send(&FromEngine::Wish(wish));
    }

    /// All is undone.
    pub fn stopped(&mut self) {
        self.must_send(&FromEngine::Stopped);
    }

    /// Answers a request for a snapshot.
    pub fn report(&mut self, request: u64, report: &impl Serialize) {
        let file = postcard::to_stdvec(report)
            .map_err(|e| e.to_string())
            .and_then(|bytes| Memfd::sealed("report", &bytes).map_err(|e| e.to_string()));
        match file {
            Ok(file) => {
                let answer = FromEngine::Snapshot { request };
                if self.channel.must_send(&answer, Some(file.into())).is_err() {
                    self.log(Line::error("Cannot send a report"));
                }
            }
            Err(e) => self.log(Line::error(format!("Cannot make a report: {e}"))),
        }
    }

    fn post(&mut self, message: &FromEngine) {
        if self.channel.post(message).is_err() {
            self.log(Line::warning("A log line was too long"));
        }
    }

    /// What was lost is told behind what waited then.
    fn tell_lost(&mut self) {
        let lost = self.channel.lost();
        if lost > self.told_lost && !self.channel.is_waiting() {
            let n = lost - std::mem::replace(&mut self.told_lost, lost);
            let text = format!("{n} log lines were lost here since they came too fast");
            self.must_send(&FromEngine::Log(Line::warning(text)));
        }
    }

    fn must_send(&mut self, message: &FromEngine) {
        // These messages are small, so that they can always be encoded.
        let _ = self.channel.must_send(message, None);
    }

    /// Its next message.
    ///
    /// # Errors
    /// It is gone.
    pub fn receive(&mut self) -> Result<Option<Received<ToEngine>>, ReceiveError> {
        self.channel.receive()
    }

    /// It is gone.
    pub fn disconnect(&mut self) {
        self.channel.connect(None);
    }

    /// The channel, to wait for it.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.channel.fd()
    }

    /// Whether messages wait for room.
    pub fn is_waiting(&self) -> bool {
        self.channel.is_waiting()
    }

    /// Sends what there is room for: once a turn, at its end.
    pub fn flush(&mut self) {
        self.channel.flush();
        self.tell_lost();
    }

    /// Log lines that were dropped, since the start.
    pub fn lost(&self) -> u64 {
        self.channel.lost()
    }
}

impl Drop for Supervisor {
    /// A panic ends the process, and what was said before it may tell why.
    fn drop(&mut self) {
        self.channel.flush();
    }
}
