//! The vrrp process: one engine, and a loop that never blocks.
//!
//! It forks nothing, resolves nothing and writes no file. What takes time is done by others: scripts
//! and FIFOs by the scripts process, logs and dumps by the supervisor. Operations on the kernel go out
//! in small chunks between other work.

mod approach;
mod lateness;
mod neighbours;
mod reactor;
mod schedule;
mod scripts;
mod sockets;
mod supervisor;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;

use base::Duration;
use linux::memfd::Memfd;
use linux::poll::{Interest, Poll};
use linux::seqpacket::Channel as Socket;
use linux::signals::Signals;
use linux::{Errno, OsError, clock, process};
use model::Model;
use nix::sys::signal::Signal;

use self::reactor::Reactor;
use self::supervisor::Supervisor;
use crate::cli::Options;
use crate::configuration;
use crate::exit::Exit;
use crate::ipc::{FromVrrp, ToVrrp, Wish, encode};
use crate::log::{Level, Line, cpu_time};
use crate::pid_paths::PidPaths;

/// Runs the vrrp process, whose supervisor is at the other end of `socket`.
pub fn main(options: Options, socket: Socket) -> ExitCode {
    tell_panics(&socket);
    let mut supervisor = Supervisor::new(socket, options);
    let exit = match run(&mut supervisor) {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            supervisor.log(Line::error(failure.message));
            failure.exit
        }
    };
    finish(supervisor);
    exit.into()
}

/// A panic is a mistake in the program. It ends the process, which is started again; the log says where
/// it was, which standard error can't if there is none.
fn tell_panics(socket: &Socket) {
    let Ok(copy) = socket.as_fd().try_clone_to_owned().map(Socket::from) else { return };
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let line = Line::new(Level::Alert, info.to_string());
        if let Ok(message) = encode(&FromVrrp::Log(line)) {
            // There is no other way to tell.
            let _ = copy.send(&message, &[]);
        }
        print(info);
    }));
}

/// Why the process can't go on.
struct Failure {
    message: String,
    exit: Exit,
}

impl From<OsError> for Failure {
    fn from(e: OsError) -> Self {
        let exit =
            if matches!(e.errno, Errno::EPERM | Errno::EACCES) { Exit::Permission } else { Exit::Fatal };
        Self { message: e.to_string(), exit }
    }
}

fn run(supervisor: &mut Supervisor) -> Result<(), Failure> {
    let numbers: Vec<i32> = Wish::signals().chain([Signal::SIGXCPU as i32]).collect();
    let signals = Signals::new(&numbers)?;
    linux::signals::ignore(Signal::SIGPIPE as i32)?;
    let Some((generation, file)) = first_configuration(supervisor, &signals)? else { return Ok(()) };
    let model = load(file).map_err(|LoadError { message, exit }| Failure { message, exit })?;
    if let Some(name) = &model.global.vrrp_process_name {
        process::set_name(name)?;
    }
    for complaint in schedule::apply(&model.global.vrrp_process) {
        supervisor.log(complaint);
    }
    for complaint in schedule::allow_files(&model) {
        supervisor.log(complaint);
    }
    // Behind scheduling, which needs other rights.
    for complaint in schedule::confine(&model.global.vrrp_process) {
        supervisor.log(complaint);
    }
    let neighbours = neighbours::exist(&PidPaths::new(supervisor.options(), &model.global));
    let mut reactor = Reactor::new(model, generation, supervisor, signals)?;
    if neighbours {
        reactor.leave_strangers();
    }
    supervisor_lines(&mut reactor);
    Ok(reactor.run()?)
}

fn supervisor_lines(reactor: &mut Reactor<'_>) {
    for text in ["Registering Kernel netlink reflector", "Registering Kernel netlink command channel"] {
        reactor.log(Line::info(text));
    }
}

/// Waits for the first message. `None` if the daemon stops before it has begun.
fn first_configuration(
    supervisor: &mut Supervisor,
    signals: &Signals,
) -> Result<Option<(u64, OwnedFd)>, OsError> {
    let mut poll = Poll::new()?;
    poll.add(signals, 0, Interest::READ)?;
    if let Some(fd) = supervisor.fd() {
        poll.add(fd, 0, Interest::READ)?;
    }
    loop {
        poll.wait(None)?;
        while let Some(signal) = signals.read()? {
            if Wish::of_signal(signal.number) == Some(Wish::Stop) {
                return Ok(None);
            }
        }
        match supervisor.receive() {
            Ok(Some(received)) => match (received.message, received.fd) {
                (ToVrrp::Configure { generation }, Some(file)) => return Ok(Some((generation, file))),
                (ToVrrp::Stop { .. }, _) => return Ok(None),
                (message, _) => {
                    supervisor.log(Line::error(format!("{message:?} came before the configuration")));
                }
            },
            Ok(None) => {}
            Err(_) => {
                supervisor.disconnect();
                return Ok(None);
            }
        }
    }
}

/// Why a configuration can't be used.
struct LoadError {
    message: String,
    exit: Exit,
}

/// Loads the configuration that the supervisor recorded.
fn load(file: OwnedFd) -> Result<Arc<Model>, LoadError> {
    let refuse = |message: String, exit| LoadError { message, exit };
    let bytes =
        Memfd::adopt(file).and_then(|m| m.read()).map_err(|e| refuse(e.to_string(), Exit::Software))?;
    configuration::replay(&bytes).map(Arc::new).map_err(|message| refuse(message, Exit::Config))
}

/// Says how much the process has used, and has the supervisor hear all of it.
fn finish(mut supervisor: Supervisor) {
    /// A supervisor that reads nothing for so long will not read the rest, either.
    const PATIENCE: Duration = Duration::from_secs(1);
    let detailed = supervisor.options().log_detail > 0;
    let used = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF);
    supervisor.log(Line::info(match used {
        Ok(used) if detailed => format!(
            "Stopped - used {} user time, {} system time",
            cpu_time(used.user_time()),
            cpu_time(used.system_time())
        ),
        _ => "Stopped".to_owned(),
    }));
    supervisor.stopped();
    let Ok(mut poll) = Poll::new() else { return };
    let deadline = clock::now() + PATIENCE;
    if supervisor.fd().is_none_or(|fd| poll.add(fd, 0, Interest::WRITE).is_err()) {
        return;
    }
    while supervisor.is_waiting() {
        let now = clock::now();
        if now >= deadline || poll.wait(Some(deadline.since(now))).is_err() {
            return;
        }
        supervisor.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::Channel;
    use linux::netns::{Isolation, NsThread};

    /// What a vrrp process says that finds `messages` behind its configuration.
    fn said(messages: &[ToVrrp]) -> Vec<FromVrrp> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.conf");
        std::fs::write(&file, "global_defs {\n router_id x\n}\n").unwrap();
        let options = Options { config: file.to_str().map(str::to_owned), ..Options::default() };
        let Ok(configuration) = configuration::read(&options).1 else { panic!("it can be run") };
        let (ours, theirs) = Socket::pair().unwrap();
        let mut ours: Channel<ToVrrp, FromVrrp> = Channel::new(Some(ours), 16);
        let bundle = Memfd::sealed("configuration", &configuration.bundle).unwrap();
        ours.must_send(&ToVrrp::Configure { generation: 1 }, Some(bundle.into())).unwrap();
        for message in messages {
            ours.must_send(message, None).unwrap();
        }
        assert!(run(&mut Supervisor::new(theirs, options)).is_ok());
        let next = || ours.receive().ok().flatten().map(|received| received.message);
        std::iter::from_fn(next).filter(|message| !matches!(message, FromVrrp::Log(_))).collect()
    }

    #[test]
    fn who_is_stopped_before_a_look_at_the_kernel_has_no_configuration_in_force() {
        assert!(nix::unistd::geteuid().is_root(), "this test makes a network namespace and needs root");
        // The answer to the first look is there as soon as it was asked for: both come in one turn. A
        // thread of its own also since it gives up its rights.
        let host = NsThread::new(Isolation::default()).unwrap();
        assert_eq!(host.run(|| said(&[ToVrrp::Stop { keep: false }])), []);
    }
}
