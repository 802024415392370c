//! The link to the scripts process.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use base::Duration;
use engine::io::{FifoKind, Notification, Outcome, RunId};
use engine::mail::Message;
use linux::seqpacket::Channel as Socket;
use model::global::Fifo;
use model::{Command, Model, TrackFile, TrackerSource};

use crate::ipc::{
    Channel, FifoConfig, FileConfig, FileId, FromScripts, MailConfig, ScriptsConfig, ToScripts,
};

/// So many messages may wait for the scripts process. 255 instances that change their state at once
/// make about a thousand.
const ROOM: usize = 8192;

/// The scripts process as the engine sees it: every check is answered exactly once, whatever happens
/// to the process in the meantime.
pub struct Scripts {
    channel: Channel<ToScripts, FromScripts>,
    /// Checks without an answer, to be asked again of a new scripts process: that the old one died
    /// says nothing about what they check.
    running: BTreeMap<RunId, (Command, Duration)>,
    config: ScriptsConfig,
    /// How many dropped messages the scripts process was told of.
    told_lost: u64,
    /// Messages that could not be encoded.
    unsendable: u64,
}

/// What the scripts process tells the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// `Input::Checked`.
    Checked(RunId, Outcome),
    /// `Input::File`.
    File(FileId, i32),
    /// It is gone; another one will come.
    Gone,
}

/// What a configuration asks of the scripts process for VRRP.
pub fn for_vrrp(model: &Model, generation: u64) -> ScriptsConfig {
    let files = model.trackers.iter().enumerate().filter_map(|(i, tracker)| match &tracker.source {
        TrackerSource::File(file) => Some(file_config(i, file)),
        TrackerSource::Interface(_)
        | TrackerSource::Script(_)
        | TrackerSource::Process(_)
        | TrackerSource::Bfd(_) => None,
    });
    let own = (FifoKind::Vrrp, &model.global.vrrp_notify_fifo);
    config(model, generation, own, files.collect())
}

/// What a configuration asks of the scripts process for virtual servers.
pub fn for_checkers(model: &Model, generation: u64) -> ScriptsConfig {
    let files = model.lvs.files.iter().enumerate().map(|(i, file)| file_config(i, file));
    let own = (FifoKind::Lvs, &model.lvs.settings.notify_fifo);
    config(model, generation, own, files.collect())
}

fn config(
    model: &Model,
    generation: u64,
    own: (FifoKind, &Option<Fifo>),
    files: Vec<FileConfig>,
) -> ScriptsConfig {
    let both = [(FifoKind::Global, &model.global.notify_fifo), own];
    let both = both.into_iter().filter_map(|(kind, fifo)| {
        let fifo = fifo.as_ref()?;
        Some(FifoConfig { kind, path: fifo.path.clone(), owner: fifo.owner, script: fifo.script.clone() })
    });
    ScriptsConfig { generation, fifos: both.collect(), files, mail: MailConfig::here(&model.mail) }
}

fn file_config(index: usize, file: &TrackFile) -> FileConfig {
    let TrackFile { name: _, path, init, overwrite } = file;
    FileConfig { file: FileId(index), path: path.clone(), init: *init, overwrite: *overwrite }
}

impl Scripts {
    /// Not connected yet; what is asked for waits.
    pub fn new() -> Self {
        Self {
            channel: Channel::new(None, ROOM),
            running: BTreeMap::new(),
            config: ScriptsConfig::default(),
            told_lost: 0,
            unsendable: 0,
        }
    }

    /// Connects to a new scripts process. It learns the configuration first, then what waited for it,
    /// then the checks that the old one didn't answer.
    pub fn connect(&mut self, socket: Socket) {
        self.disconnect();
        let waited = self.channel.take_waiting();
        self.channel.connect(Some(socket));
        self.tell_config();
        for message in waited {
            self.must_send(&message);
        }
        for (run, (command, timeout)) in self.running.clone() {
            self.must_send(&ToScripts::Check { run, command, timeout });
        }
    }

    fn disconnect(&mut self) {
        self.channel.connect(None);
        // Configurations and checks are told anew, only what can't be repeated goes on waiting.
        for message in self.channel.take_waiting() {
            if matches!(message, ToScripts::Notify(_) | ToScripts::Fifo { .. } | ToScripts::Mail(_)) {
                self.must_send(&message);
            }
        }
    }

    /// A new configuration is about to be in force: what follows belongs to it.
    pub fn configure(&mut self, config: ScriptsConfig) {
        self.config = config;
        if self.channel.is_connected() {
            self.tell_config();
        }
    }

    fn tell_config(&mut self) {
        self.must_send(&ToScripts::Configure(self.config.clone()));
        // Another scripts process is no other start: by then somebody may have written to the file.
        for file in &mut self.config.files {
            file.overwrite = false;
        }
    }

    /// Asks for a run of a check script. Returns whether it can be asked for at all.
    #[must_use]
    pub fn check(&mut self, run: RunId, command: Command, timeout: Duration) -> bool {
        let message = ToScripts::Check { run, command, timeout };
        let sent = !self.channel.is_connected() || self.channel.must_send(&message, None).is_ok();
        if let (true, ToScripts::Check { command, .. }) = (sent, message) {
            self.running.insert(run, (command, timeout));
        }
        sent
    }

    /// Ends a run. Returns its answer if there is no scripts process to give it.
    #[must_use]
    pub fn cancel(&mut self, run: RunId) -> Option<Outcome> {
        if self.channel.is_connected() {
            self.must_send(&ToScripts::CancelCheck(run));
            return None;
        }
        self.running.remove(&run).map(|_| Outcome::NotStarted)
    }

    /// Has a notify script run.
    pub fn notify(&mut self, notification: Notification) {
        self.send(&ToScripts::Notify(notification));
    }

    /// Has a line written to a FIFO.
    pub fn fifo(&mut self, fifo: FifoKind, line: String) {
        self.send(&ToScripts::Fifo { fifo, line });
    }

    /// Has a mail sent.
    pub fn mail(&mut self, mail: Message) {
        self.send(&ToScripts::Mail(mail));
    }

    fn send(&mut self, message: &ToScripts) {
        let lost = self.channel.lost();
        if self.channel.send(message).is_err() {
            self.unsendable += 1;
        } else if lost > self.told_lost && lost == self.channel.lost() {
            // There is room again: the gap is behind what waited and before what follows.
            self.told_lost = lost;
            self.must_send(&ToScripts::Lost(lost));
        }
    }

    fn must_send(&mut self, message: &ToScripts) {
        if self.channel.must_send(message, None).is_err() {
            self.unsendable += 1;
        }
    }

    /// What the scripts process tells next; `None` if nothing now.
    pub fn receive(&mut self) -> Option<Told> {
        loop {
            let message = match self.channel.receive() {
                Ok(Some(received)) => received.message,
                Ok(None) => return None,
                Err(_) => {
                    self.disconnect();
                    return Some(Told::Gone);
                }
            };
            match message {
                // An answer that nobody waits for belongs to a run that was asked for twice.
                FromScripts::Checked { run, outcome } => {
                    if self.running.remove(&run).is_some() {
                        return Some(Told::Checked(run, outcome));
                    }
                }
                FromScripts::File { generation, file, value } => {
                    if generation == self.config.generation {
                        return Some(Told::File(file, value));
                    }
                }
            }
        }
    }

    /// The channel, to wait for it.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.channel.fd()
    }

    /// Whether messages wait for room.
    pub fn is_waiting(&self) -> bool {
        self.channel.is_waiting()
    }

    /// Sends what there is room for.
    pub fn flush(&mut self) {
        self.channel.flush();
    }

    /// Notifications and FIFO lines that were dropped, since the start.
    pub fn lost(&self) -> u64 {
        self.unsendable + self.channel.lost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::io::Object;
    use model::User;

    type Peer = Channel<FromScripts, ToScripts>;

    fn command(text: &str) -> Command {
        Command { text: text.into(), path: text.into(), argv: vec![text.into()], user: User::default() }
    }

    fn notification(name: &str) -> Notification {
        let object = Object::Instance(name.into());
        Notification { object, command: command("/n"), extra: Vec::new(), limit: None }
    }

    fn peer_of(scripts: &mut Scripts) -> Peer {
        let (a, b) = Socket::pair().unwrap();
        scripts.connect(a);
        Channel::new(Some(b), 10)
    }

    fn all(peer: &mut Peer) -> Vec<String> {
        std::iter::from_fn(|| peer.receive().unwrap())
            .map(|received| match received.message {
                ToScripts::Configure(c) => format!("configure {}", c.generation),
                ToScripts::Check { run, .. } => format!("check {}", run.0),
                ToScripts::CancelCheck(run) => format!("cancel {}", run.0),
                ToScripts::Notify(n) => format!("notify {:?}", n.object),
                ToScripts::Fifo { line, .. } => line,
                ToScripts::Mail(mail) => format!("mail {}", mail.subject),
                ToScripts::Lost(n) => format!("lost {n}"),
            })
            .collect()
    }

    #[test]
    fn a_new_scripts_process_takes_over_where_the_old_one_died() {
        let mut scripts = Scripts::new();
        scripts.configure(ScriptsConfig { generation: 3, ..ScriptsConfig::default() });
        assert!(scripts.check(RunId(1), command("/c"), Duration::from_secs(1)));
        scripts.notify(notification("A"));
        let mut first = peer_of(&mut scripts);
        assert_eq!(all(&mut first), ["configure 3", "notify Instance(\"A\")", "check 1"]);
        assert!(scripts.check(RunId(2), command("/c"), Duration::from_secs(1)));
        first.send(&FromScripts::Checked { run: RunId(1), outcome: Outcome::Exited(0) }).unwrap();
        assert_eq!(scripts.receive(), Some(Told::Checked(RunId(1), Outcome::Exited(0))));
        drop(first);
        assert_eq!(scripts.receive(), Some(Told::Gone));
        assert_eq!(scripts.receive(), None);
        scripts.fifo(FifoKind::Vrrp, "line".to_owned());
        let mut second = peer_of(&mut scripts);
        assert_eq!(all(&mut second), ["configure 3", "line", "check 2"]);
    }

    #[test]
    fn a_tracked_file_is_not_overwritten_for_a_new_scripts_process() {
        let mut scripts = Scripts::new();
        let file = FileConfig { file: FileId(0), path: "/f".into(), init: Some(1), overwrite: true };
        scripts.configure(ScriptsConfig { generation: 1, fifos: Vec::new(), files: vec![file], mail: None });
        let mut overwritten = || {
            let mut peer = peer_of(&mut scripts);
            let ToScripts::Configure(config) = peer.receive().unwrap().unwrap().message else { panic!() };
            config.files[0].overwrite
        };
        assert_eq!((overwritten(), overwritten()), (true, false));
    }

    #[test]
    fn every_check_is_answered_exactly_once() {
        let mut scripts = Scripts::new();
        assert!(scripts.check(RunId(1), command("/c"), Duration::ZERO));
        assert_eq!(scripts.cancel(RunId(1)), Some(Outcome::NotStarted), "nobody else can answer");
        assert_eq!(scripts.cancel(RunId(1)), None, "it was answered");
        let mut peer = peer_of(&mut scripts);
        assert!(scripts.check(RunId(2), command("/c"), Duration::ZERO));
        assert_eq!(scripts.cancel(RunId(2)), None, "the scripts process answers");
        for _ in 0..2 {
            peer.send(&FromScripts::Checked { run: RunId(2), outcome: Outcome::Signaled(15) }).unwrap();
        }
        assert_eq!(scripts.receive(), Some(Told::Checked(RunId(2), Outcome::Signaled(15))));
        assert_eq!(scripts.receive(), None);
        assert!(!scripts.check(RunId(3), command(&"x".repeat(70_000)), Duration::ZERO));
    }

    #[test]
    fn numbers_in_files_of_an_older_configuration_are_not_believed() {
        let mut scripts = Scripts::new();
        scripts.configure(ScriptsConfig { generation: 2, ..ScriptsConfig::default() });
        let mut peer = peer_of(&mut scripts);
        for generation in [1, 2] {
            peer.send(&FromScripts::File { generation, file: FileId(0), value: 7 }).unwrap();
        }
        assert_eq!(scripts.receive(), Some(Told::File(FileId(0), 7)));
        assert_eq!(scripts.receive(), None);
    }
}
