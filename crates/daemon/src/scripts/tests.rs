//! The process as its neighbours see it: a supervisor and a vrrp process that only send and receive.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration as StdDuration, Instant as StdInstant};

use base::{Duration, Name};
use engine::io::{FifoKind, Notification, Object, Outcome, RunId};
use linux::seqpacket::Channel as Socket;
use model::{Command, User};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getegid, geteuid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Runner;
use crate::ipc::{
    Channel, FifoConfig, FileConfig, FileId, FromScripts, Part, ScriptsConfig, ScriptsToSupervisor,
    SupervisorToScripts, ToScripts,
};

/// Longer than anything takes, shorter than anybody's patience.
const BOUND: StdDuration = StdDuration::from_secs(20);

struct World {
    dir: tempfile::TempDir,
    supervisor: Channel<SupervisorToScripts, ScriptsToSupervisor>,
    vrrp: Channel<ToScripts, FromScripts>,
    process: Option<JoinHandle<()>>,
}

/// A shell command line of ours; `$D` is the directory of the test.
fn shell(dir: &Path, script: &str) -> Command {
    let script = format!("D={}; {script}", dir.display());
    Command {
        text: script.clone().into(),
        path: "/bin/sh".into(),
        argv: vec!["sh".into(), "-c".into(), script.into(), "sh".into()],
        user: User { uid: geteuid().as_raw(), gid: getegid().as_raw() },
    }
}

/// Waits until `get` gives something.
#[track_caller]
fn wait<T>(what: &str, mut get: impl FnMut() -> Option<T>) -> T {
    let start = StdInstant::now();
    loop {
        if let Some(t) = get() {
            return t;
        }
        assert!(start.elapsed() < BOUND, "waited too long for {what}");
        std::thread::yield_now();
        let _ = poll(&mut [], PollTimeout::from(5_u8));
    }
}

#[track_caller]
fn receive<Tx: Serialize, Rx: DeserializeOwned + Debug>(channel: &mut Channel<Tx, Rx>) -> Rx {
    loop {
        if let Some(received) = channel.receive().expect("the scripts process is gone") {
            return received.message;
        }
        let fd = channel.fd().unwrap();
        let n = poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(20_000_u16));
        assert_eq!(n, Ok(1), "no message came");
    }
}

impl World {
    fn new() -> Self {
        let (ours, theirs) = Socket::pair().unwrap();
        let process = std::thread::spawn(move || Runner::new(theirs).unwrap().run().unwrap());
        let mut world = Self {
            dir: tempfile::tempdir().unwrap(),
            supervisor: Channel::new(Some(ours), 100),
            vrrp: Channel::new(None, 10_000),
            process: Some(process),
        };
        world.new_vrrp();
        world
    }

    /// A vrrp process takes the place of the one before.
    fn new_vrrp(&mut self) {
        let (ours, theirs) = Socket::pair().unwrap();
        self.vrrp = Channel::new(Some(ours), 10_000);
        self.supervisor.must_send(&SupervisorToScripts::Client(Part::Vrrp), Some(theirs.into())).unwrap();
    }

    fn ask(&mut self, message: &ToScripts) {
        self.vrrp.must_send(message, None).unwrap();
        wait("room for a message", || {
            self.vrrp.flush();
            (!self.vrrp.is_waiting()).then_some(())
        });
    }

    fn check(&mut self, run: u64, script: &str, timeout_ms: u64) {
        let command = shell(self.dir.path(), script);
        let timeout = Duration::from_millis(timeout_ms);
        self.ask(&ToScripts::Check { run: RunId(run), command, timeout });
    }

    fn notify(&mut self, object: &str, script: &str, extra: &[&str], limit: Option<Duration>) {
        self.ask(&ToScripts::Notify(Notification {
            object: Object::Instance(Name::from(object)),
            command: shell(self.dir.path(), script),
            extra: extra.iter().map(|e| (*e).into()).collect(),
            limit,
        }));
    }

    #[track_caller]
    fn checked(&mut self) -> (u64, Outcome) {
        match receive(&mut self.vrrp) {
            FromScripts::Checked { run, outcome } => (run.0, outcome),
            other @ FromScripts::File { .. } => panic!("{other:?}"),
        }
    }

    /// The next line of the log.
    #[track_caller]
    fn logged(&mut self) -> String {
        match receive(&mut self.supervisor) {
            ScriptsToSupervisor::Log { line, .. } => line.text,
            other => panic!("{other:?}"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Waits until a file has as many lines.
    #[track_caller]
    fn lines(&self, name: &str, count: usize) -> Vec<String> {
        wait(&format!("{count} lines of {name}"), || {
            let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            (lines.len() >= count && text.ends_with('\n')).then_some(lines)
        })
    }

    /// A number that a script wrote.
    #[track_caller]
    fn pid(&self, name: &str) -> u32 {
        self.lines(name, 1)[0].parse().unwrap()
    }

    /// Stops the process and waits for its end. Returns how long that took.
    #[track_caller]
    fn stop(&mut self) -> StdDuration {
        let start = StdInstant::now();
        self.supervisor.must_send(&SupervisorToScripts::Stop, None).unwrap();
        let process = self.process.take().unwrap();
        wait("the end of the process", || process.is_finished().then_some(()));
        process.join().unwrap();
        start.elapsed()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.process.is_some() && !std::thread::panicking() {
            self.stop();
        }
    }
}

/// Whether a process runs; zombies don't.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|s| !s.is_empty() && !s.trim_start().starts_with(['Z', 'X']))
}

/// Waits until a process is gone for good: not even a zombie is left.
#[track_caller]
fn gone(pid: u32) {
    wait("the end of a process", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
}

#[test]
fn checks_are_answered_as_they_ended() {
    let mut world = World::new();
    world.check(1, "exit 0", 5_000);
    assert_eq!(world.checked(), (1, Outcome::Exited(0)));
    world.check(2, "exit 3", 5_000);
    assert_eq!(world.checked(), (2, Outcome::Exited(3)));
    world.check(3, "kill -9 $$", 5_000);
    assert_eq!(world.checked(), (3, Outcome::Signaled(9)));
    world.check(4, "sleep 60", 50);
    assert_eq!(world.checked(), (4, Outcome::TimedOut));
    world.check(5, "sleep 60", 60_000);
    world.ask(&ToScripts::CancelCheck(RunId(5)));
    assert_eq!(world.checked(), (5, Outcome::Signaled(15)));
    let mut command = shell(world.dir.path(), "");
    command.path = "/nonexistent".into();
    command.text = "/nonexistent x".into();
    world.ask(&ToScripts::Check { run: RunId(6), command, timeout: Duration::from_secs(5) });
    assert_eq!(world.checked(), (6, Outcome::NotStarted));
    assert!(world.logged().starts_with("Script /nonexistent x cannot be run: "));
}

#[test]
fn a_script_that_ignores_sigterm_is_killed_with_all_that_it_started() {
    let mut world = World::new();
    world.check(1, "trap '' TERM; sleep 60 & echo $! > $D/inner; echo $$ > $D/outer; wait; sleep 60", 1500);
    let (outer, inner) = (world.pid("outer"), world.pid("inner"));
    assert!(runs(inner));
    assert_eq!(world.checked(), (1, Outcome::TimedOut));
    gone(outer);
    // Ignoring SIGTERM is inherited: only SIGKILL to the group can have ended it.
    wait("the end of the inner process", || (!runs(inner)).then_some(()));
}

#[test]
fn a_descendant_that_outlives_its_timed_out_script_is_killed() {
    let mut world = World::new();
    world.check(1, "(trap '' TERM; echo go > $D/go; sleep 60) & echo $! > $D/inner; sleep 60", 1500);
    world.lines("go", 1);
    let inner = world.pid("inner");
    assert_eq!(world.checked(), (1, Outcome::TimedOut));
    wait("the end of the inner process", || (!runs(inner)).then_some(()));
}

#[test]
fn notifications_of_an_object_never_overlap_and_others_do() {
    let mut world = World::new();
    for n in 0..5 {
        let script =
            "echo begin $1 >> $D/out; while [ ! -e $D/go ]; do sleep 0.01; done; echo end $1 >> $D/out";
        world.notify("VI_1", script, &[&n.to_string()], None);
    }
    world.notify("VI_2", "echo $* > $D/other", &["INSTANCE", "VI_2", "MASTER", "100"], None);
    assert_eq!(world.lines("other", 1), ["INSTANCE VI_2 MASTER 100"]);
    assert_eq!(world.lines("out", 1), ["begin 0"]);
    std::fs::write(world.path("go"), "").unwrap();
    let expected: Vec<String> = (0..5).flat_map(|n| [format!("begin {n}"), format!("end {n}")]).collect();
    assert_eq!(world.lines("out", 10), expected);
}

#[test]
fn a_burst_of_255_scripts_runs_and_checks_do_not_wait_for_it() {
    let mut world = World::new();
    for n in 0..255 {
        world.notify(
            &format!("VI_{n}"),
            "echo x >> $D/out; while [ ! -e $D/go ]; do sleep 0.05; done",
            &[],
            None,
        );
    }
    world.check(1, "exit 0", 5_000);
    assert_eq!(world.checked(), (1, Outcome::Exited(0)));
    assert!(std::fs::read_to_string(world.path("out")).unwrap_or_default().lines().count() < 255);
    std::fs::write(world.path("go"), "").unwrap();
    world.lines("out", 255);
}

#[test]
fn scripts_find_a_clean_environment() {
    let mut world = World::new();
    let script = "(exec ls -l /proc/self/fd) > $D/fds
        (exec sed -n 's/Sig[BI][lg][kn]:\\t//p' /proc/self/status) > $D/signals
        readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 > $D/std
        cut -d' ' -f5 /proc/$$/stat > $D/group
        echo $$ > $D/pid";
    world.notify("VI_1", script, &[], None);
    let pid = world.pid("pid");
    // 3 is the directory that is listed.
    let listed = |l: &String| l.contains(" -> ") && !l.contains("/proc/");
    assert_eq!(world.lines("fds", 4).iter().filter(|l| listed(l)).count(), 3);
    for mask in world.lines("signals", 2) {
        // The C library keeps 32 and 33 to itself and doesn't touch how it found them.
        let mask = u64::from_str_radix(&mask, 16).unwrap() & !(0b11 << 31);
        assert_eq!(mask, 0, "{mask:x}");
    }
    // The second one was the file that this was written to.
    let std = world.lines("std", 3);
    assert_eq!((&*std[0], &*std[2]), ("/dev/null", "/dev/null"));
    assert_eq!(world.pid("group"), pid);
}

#[test]
fn a_file_without_an_interpreter_is_run_by_the_shell_and_a_redirection_opens_a_file() {
    let mut world = World::new();
    let file = world.path("bare");
    std::fs::write(&file, "echo $0 $* > ${0%/*}/out; exit 4\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let text = file.to_str().unwrap();
    let mut command = shell(world.dir.path(), "");
    command.path = text.into();
    command.argv = vec![text.into(), "a b".into()];
    let run = |run, command| ToScripts::Check { run: RunId(run), command, timeout: Duration::from_secs(9) };
    world.ask(&run(1, command.clone()));
    assert_eq!(world.checked(), (1, Outcome::Exited(4)));
    assert_eq!(world.lines("out", 1), [format!("{text} a b")]);
    command.text = format!("<{text}").into();
    world.ask(&run(2, command.clone()));
    assert_eq!(world.checked(), (2, Outcome::Exited(0)));
    command.text = format!("< {text}x").into();
    world.ask(&run(3, command));
    let (3, Outcome::Exited(1..)) = world.checked() else { panic!("a missing file was opened") };
}

#[test]
fn fifo_lines_come_in_order_and_the_reader_gets_the_path() {
    let mut world = World::new();
    let path = world.path("fifo");
    let fifo: Box<str> = path.to_str().unwrap().into();
    let script = shell(world.dir.path(), "echo $1 > $D/path; cat $1 > $D/read; echo end > $D/end");
    let fifos =
        vec![FifoConfig { kind: FifoKind::Vrrp, path: fifo.clone(), owner: None, script: Some(script) }];
    world.ask(&ToScripts::Configure(ScriptsConfig { generation: 1, fifos, files: Vec::new(), mail: None }));
    assert_eq!(world.lines("path", 1), [&*fifo]);
    let lines: Vec<String> = (0..1_000).map(|n| format!("INSTANCE \"VI_1\" MASTER {n}")).collect();
    for line in &lines {
        world.ask(&ToScripts::Fifo { fifo: FifoKind::Vrrp, line: format!("{line}\n") });
    }
    assert_eq!(world.lines("read", 1_000), lines);
    world.stop();
    // It ended with the FIFO; a signal would have ended it before its last command.
    assert_eq!(world.lines("end", 1), ["end"]);
    assert!(!path.exists());
}

#[test]
fn a_reader_that_ends_is_told_and_comes_back_with_the_next_configuration() {
    let mut world = World::new();
    let path: Box<str> = world.path("fifo").to_str().unwrap().into();
    let script = Some(shell(world.dir.path(), "echo run >> $D/runs"));
    let fifos = vec![FifoConfig { kind: FifoKind::Vrrp, path, owner: None, script }];
    let mut config = ScriptsConfig { generation: 1, fifos, files: Vec::new(), mail: None };
    world.ask(&ToScripts::Configure(config.clone()));
    assert_eq!(world.logged(), "vrrp notify fifo script terminated");
    config.generation = 2;
    world.ask(&ToScripts::Configure(config));
    world.lines("runs", 2);
}

#[test]
fn values_of_files_are_told_at_first_and_after_changes() {
    let mut world = World::new();
    let file = world.path("f");
    std::fs::write(&file, "7\n").unwrap();
    let path = file.to_str().unwrap().into();
    let files = vec![FileConfig { file: FileId(2), path, init: None, overwrite: false }];
    world.ask(&ToScripts::Configure(ScriptsConfig { generation: 5, fifos: Vec::new(), files, mail: None }));
    let mut told = || receive(&mut world.vrrp);
    let value = |value| FromScripts::File { generation: 5, file: FileId(2), value };
    assert_eq!(told(), value(7));
    std::fs::write(&file, "-3").unwrap();
    assert_eq!(told(), value(-3));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(told(), value(0));
}

#[test]
fn a_new_vrrp_process_gets_no_answers_of_the_old_one() {
    let mut world = World::new();
    world.check(1, "echo $$ > $D/old; sleep 60", 60_000);
    let old = world.pid("old");
    world.notify("VI_1", "while [ ! -e $D/go ]; do sleep 0.01; done; echo x > $D/notified", &[], None);
    world.new_vrrp();
    world.check(1, "exit 5", 5_000);
    assert_eq!(world.checked(), (1, Outcome::Exited(5)));
    gone(old);
    // Notifications of the old one still run.
    std::fs::write(world.path("go"), "").unwrap();
    world.lines("notified", 1);
    world.check(2, "exit 6", 5_000);
    assert_eq!(world.checked(), (2, Outcome::Exited(6)));
}

#[test]
fn two_processes_share_the_global_fifo_and_each_gets_its_own_answers() {
    let mut world = World::new();
    let (ours, theirs) = Socket::pair().unwrap();
    let mut checkers: Channel<ToScripts, FromScripts> = Channel::new(Some(ours), 100);
    world.supervisor.must_send(&SupervisorToScripts::Client(Part::Checkers), Some(theirs.into())).unwrap();
    let fifo = |world: &World, kind, name: &str, script| {
        let path = world.path(name).to_str().unwrap().into();
        FifoConfig { kind, path, owner: None, script }
    };
    let config = |generation, fifos| {
        ToScripts::Configure(ScriptsConfig { generation, fifos, files: Vec::new(), mail: None })
    };
    let script = || Some(shell(world.dir.path(), "echo run >> $D/runs; cat $1 > $D/read"));
    let global = fifo(&world, FifoKind::Global, "global", script());
    let own = fifo(&world, FifoKind::Lvs, "lvs", None);
    world.ask(&config(1, vec![global.clone()]));
    checkers.must_send(&config(1, vec![global, own]), None).unwrap();
    // Run ids of both may be the same.
    world.check(1, "exit 3", 5_000);
    let (command, timeout) = (shell(world.dir.path(), "exit 4"), Duration::from_secs(5));
    checkers.must_send(&ToScripts::Check { run: RunId(1), command, timeout }, None).unwrap();
    assert_eq!(world.checked(), (1, Outcome::Exited(3)));
    let answer = FromScripts::Checked { run: RunId(1), outcome: Outcome::Exited(4) };
    assert_eq!(receive(&mut checkers), answer);
    // Their lines come to one reader.
    world.ask(&ToScripts::Fifo { fifo: FifoKind::Global, line: "ours\n".to_owned() });
    world.lines("read", 1);
    let line = "theirs\n".to_owned();
    checkers.must_send(&ToScripts::Fifo { fifo: FifoKind::Global, line }, None).unwrap();
    assert_eq!(world.lines("read", 2), ["ours", "theirs"]);
    assert_eq!(world.lines("runs", 1), ["run"]);
    // Who is forgotten takes along what only it wanted.
    assert!(world.path("lvs").exists());
    world.supervisor.must_send(&SupervisorToScripts::Forget(Part::Checkers), None).unwrap();
    wait("the end of its FIFO", || (!world.path("lvs").exists()).then_some(()));
    assert!(world.path("global").exists());
}

#[test]
fn a_line_is_that_of_the_process_that_wanted_what_it_tells_of() {
    let mut world = World::new();
    let (ours, theirs) = Socket::pair().unwrap();
    let mut checkers: Channel<ToScripts, FromScripts> = Channel::new(Some(ours), 100);
    world.supervisor.must_send(&SupervisorToScripts::Client(Part::Checkers), Some(theirs.into())).unwrap();
    let missing = |name: &str| Command { path: name.into(), text: name.into(), ..shell(Path::new("/"), "") };
    let check = |name: &str| {
        let (command, timeout) = (missing(name), Duration::from_secs(5));
        ToScripts::Check { run: RunId(1), command, timeout }
    };
    let notify = |object, name: &str| {
        let command = missing(name);
        ToScripts::Notify(Notification { object, command, extra: Vec::new(), limit: None })
    };
    let mut told = || match receive(&mut world.supervisor) {
        ScriptsToSupervisor::Log { part, line } => (part, line.text),
        other => panic!("{other:?}"),
    };
    let service = Object::Service(Name::from("vs"));
    for (message, name) in [(check("/no/check"), "/no/check"), (notify(service, "/no/notify"), "/no/notify")]
    {
        checkers.must_send(&message, None).unwrap();
        let (part, text) = told();
        assert_eq!(part, Some(Part::Checkers), "{text}");
        assert!(text.contains(name), "{text}");
    }
    world.vrrp.must_send(&check("/no/other"), None).unwrap();
    assert_eq!(told().0, Some(Part::Vrrp));
}

#[test]
fn a_stop_runs_the_last_scripts_for_a_second_and_leaves_nothing() {
    let mut world = World::new();
    world.check(1, "echo $$ > $D/check; sleep 60", 60_000);
    world.notify("VI_1", "trap '' TERM; echo $$ > $D/busy; sleep 60", &[], None);
    let pids = [world.pid("check"), world.pid("busy")];
    let second = Some(Duration::from_secs(1));
    world.notify("VI_1", "echo stop >> $D/stop1", &[], second);
    world.notify("VI_2", "echo stop >> $D/stop2; trap '' TERM; echo $$ > $D/pid2; sleep 60", &[], second);
    let took = world.stop();
    assert!(took < StdDuration::from_millis(4_500), "{took:?}");
    assert_eq!(world.lines("stop1", 1).len() + world.lines("stop2", 1).len(), 2);
    for pid in pids.into_iter().chain([world.pid("pid2")]) {
        gone(pid);
    }
}

#[test]
fn a_startup_script_is_answered() {
    let mut world = World::new();
    let command = shell(world.dir.path(), "exit 7");
    let timeout = Duration::from_secs(5);
    world.supervisor.must_send(&SupervisorToScripts::Run { id: 9, command, timeout }, None).unwrap();
    let answer: ScriptsToSupervisor = receive(&mut world.supervisor);
    assert_eq!(answer, ScriptsToSupervisor::Ran { id: 9, outcome: Outcome::Exited(7) });
}
