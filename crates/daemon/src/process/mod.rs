//! What the processes around an engine have in common: how they begin and end, their links to the
//! supervisor and to the scripts process, their rights and how they are scheduled.

pub mod lateness;
pub mod links;
pub mod schedule;
pub mod scripts;
pub mod supervisor;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;

use base::Duration;
use linux::memfd::Memfd;
use linux::poll::{Interest, Poll};
use linux::seqpacket::Channel as Socket;
use linux::signals::Signals;
use linux::{Errno, OsError, clock, heap, program};
use model::Model;
use nix::sys::signal::Signal;

use self::supervisor::Supervisor;
use crate::cli::Options;
use crate::configuration;
use crate::exit::Exit;
use crate::ipc::{FromEngine, Part, ToEngine, Wish, encode};
use crate::log::{Level, Line, cpu_time};

/// Runs `work` as the process of `part`, whose supervisor is at the other end of `socket`.
pub fn main(
    part: Part,
    options: Options,
    socket: Socket,
    work: impl FnOnce(&mut Supervisor) -> Result<(), Failure>,
) -> ExitCode {
    heap::settle();
    tell_panics(&socket);
    let mut supervisor = Supervisor::new(part, socket, options);
    let exit = match work(&mut supervisor) {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            supervisor.log(Line::error(failure.message));
            failure.exit
        }
    };
    finish(supervisor);
    exit.into()
}

/// The signals that such a process hears.
///
/// # Errors
/// They can't be collected.
pub fn signals() -> Result<Signals, OsError> {
    let numbers: Vec<i32> = Wish::signals().chain([Signal::SIGXCPU as i32]).collect();
    let signals = Signals::new(&numbers)?;
    linux::signals::ignore(Signal::SIGPIPE as i32)?;
    Ok(signals)
}

/// A panic is a mistake in the program. It ends the process, which is started again; the log says where
/// it was, which standard error can't if there is none.
fn tell_panics(socket: &Socket) {
    let Ok(copy) = socket.as_fd().try_clone_to_owned().map(Socket::from) else { return };
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let line = Line::new(Level::Alert, info.to_string());
        if let Ok(message) = encode(&FromEngine::Log(line)) {
            // There is no other way to tell.
            let _ = copy.send(&message, &[]);
        }
        print(info);
    }));
}

/// Why the process can't go on.
pub struct Failure {
    /// For the log.
    pub message: String,
    /// The exit status.
    pub exit: Exit,
}

impl From<OsError> for Failure {
    fn from(e: OsError) -> Self {
        let exit =
            if matches!(e.errno, Errno::EPERM | Errno::EACCES) { Exit::Permission } else { Exit::Fatal };
        Self { message: e.to_string(), exit }
    }
}

/// Waits for the first message. `None` if the daemon stops before it has begun.
pub fn first_configuration(
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
                (ToEngine::Configure { generation }, Some(file)) => return Ok(Some((generation, file))),
                (ToEngine::Stop { .. }, _) => return Ok(None),
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

/// Loads what the process of `part` needs of the configuration that the supervisor recorded.
pub fn load(part: Part, file: OwnedFd) -> Result<Arc<Model>, Failure> {
    let refuse = |message: String, exit| Failure { message, exit };
    let bytes =
        Memfd::adopt(file).and_then(|m| m.read()).map_err(|e| refuse(e.to_string(), Exit::Software))?;
    let model = match part {
        Part::Vrrp => configuration::replay(&bytes).map(Model::for_routing),
        // What there is of it lies between what it was made from: that, all in all, goes as soon as there is a copy.
        Part::Checkers => {
            heap::elsewhere(|| configuration::replay(&bytes)).map(|model| model.for_balancing())
        }
    };
    // What has read it is not needed for what follows.
    program::release();
    model.map(Arc::new).map_err(|message| refuse(message, Exit::Config))
}

/// Gives back to the system what was needed for something large that won't be done again soon: the memory that was
/// freed, and the part of the program that did it.
pub fn give_back() {
    heap::trim();
    program::release();
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
