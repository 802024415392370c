//! The supervisor: the process that the user starts.
//!
//! It reads the configuration, starts the others and starts them again when they die, owns pid files
//! and signals, writes logs and dumps, and says to the service manager how things are. It has one
//! thread and waits only in its loop, except while it reads the configuration or writes a file;
//! nothing that a virtual address depends on waits for it.

mod backoff;
mod child;
mod dumps;
mod end;
mod reload;
mod run;
mod systemd;
mod workers;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;

use base::Duration;
use linux::pidfile::{PidFile, PidFileError};
use linux::process;
use linux::signals::Signals;
use linux::{Errno, heap};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};

use self::run::Daemon;
use crate::cli::{self, Options};
use crate::configuration::{self, Configuration};
use crate::exit::Exit;
use crate::ipc::Wish;
use crate::log::{Level, Line, Sinks, Writer};
use crate::pid_paths::PidPaths;
use crate::version;

/// The kernel's pattern for core files, which is restored at the end.
const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The mode bits that new files lack unless somebody says otherwise, as with keepalived: FIFOs, logs and dumps
/// are for their owner.
const UMASK: u32 = 0o177;
/// Sinks that take nothing for so long won't take the rest, either.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the daemon, or tests the configuration. `words` is the command line, `warnings` what is to be
/// said about it.
pub fn main(words: &[String], mut options: Options, warnings: &[String]) -> ExitCode {
    if let Some(log) = &options.test {
        return ExitCode::from(configuration::test(&options, log.as_deref()));
    }
    if !options.dont_fork
        && let Ok(directory) = std::env::current_dir()
    {
        // It is another one after the fork.
        options.resolve_paths(&directory);
    }
    heap::settle();
    let mut sinks = Sinks::new(&options);
    // A reload or a stop that is asked for before the loop begins waits for it. If signals can't be
    // blocked, they can't be collected later, and that will be told.
    let _ = linux::signals::block(&signal_numbers());
    let exit = start(words, options, warnings, &mut sinks);
    let exit = match exit {
        Ok(daemon) => daemon.run(sinks),
        Err(exit) => exit,
    };
    ExitCode::from(exit)
}

/// Everything up to the loop.
///
/// # Errors
/// The exit status, if the daemon can't run.
fn start(words: &[String], options: Options, warnings: &[String], sinks: &mut Sinks) -> Result<Daemon, u8> {
    let say = |sinks: &mut Sinks, line: Line| {
        sinks.write(Writer { part: None, pid: std::process::id() }, &line);
    };
    say(sinks, Line::info(format!("Starting {}", version::banner())));
    say(sinks, Line::info(format!("Running on {}", version::kernel())));
    for line in cli::command_line(words) {
        say(sinks, Line::info(line));
    }
    for warning in warnings {
        say(sinks, Line::warning(warning.as_str()));
    }
    let refused = |sinks: &mut Sinks, line: Line, exit: u8| {
        say(sinks, line);
        say(sinks, Line::info(format!("Stopped {}", version::banner())));
        sinks.finish(PATIENCE);
        exit
    };

    let (lines, read) = configuration::read_first(&options)
        .map_err(|e| refused(sinks, Line::error(e), Exit::Fatal.code()))?;
    for line in lines {
        say(sinks, line);
    }
    let configuration = read.map_err(|no| {
        // Whoever started it looks here, or the service manager's journal does.
        eprint!("{}", no.report);
        refused(sinks, Line::new(Level::Error, "The configuration cannot be run"), no.exit)
    })?;
    let global = &configuration.head.global;
    sinks.name(options.namespace.as_deref().or(global.net_namespace.as_deref()), global.instance.as_deref());
    let paths = PidPaths::new(&options, global);
    if options.core_dump
        && let Err(e) = setrlimit(Resource::RLIMIT_CORE, u64::MAX, u64::MAX)
    {
        say(sinks, Line::warning(format!("Core files cannot be allowed: {e}")));
    }
    prepare(&options, &configuration, &paths).map_err(|(line, exit)| refused(sinks, line, exit.code()))?;

    // Locked before the fork and kept over it: the lock belongs to the open file.
    let pid_file = match PidFile::lock(Path::new(&paths.supervisor)) {
        Ok(file) => file,
        Err(PidFileError::Running { .. }) => {
            say(sinks, Line::info("daemon is already running"));
            sinks.finish(PATIENCE);
            return Err(Exit::Ok.code());
        }
        Err(PidFileError::Os(e)) => {
            let exit = if e.errno == Errno::EACCES { Exit::Permission } else { Exit::Fatal };
            return Err(refused(sinks, Line::error(e.to_string()), exit.code()));
        }
    };
    become_daemon(options, configuration, pid_file, paths)
        .map_err(|e| refused(sinks, Line::error(e.to_string()), Exit::Fatal.code()))
}

/// The signals that the supervisor hears.
fn signal_numbers() -> Vec<i32> {
    Wish::signals().chain([Signal::SIGCHLD as i32]).collect()
}

/// Settings of the process that its children inherit.
fn prepare(options: &Options, configuration: &Configuration, paths: &PidPaths) -> Result<(), (Line, Exit)> {
    let fatal = |text: String| (Line::error(text), Exit::Fatal);
    let global = &configuration.head.global;
    if let Some(directory) = &paths.directory {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory);
        made.map_err(|e| fatal(format!("{directory} cannot be made: {e}")))?;
    }
    umask(Mode::from_bits_truncate(options.umask.or(global.umask).unwrap_or(UMASK)));
    Ok(())
}

fn become_daemon(
    options: Options,
    configuration: Configuration,
    mut pid_file: PidFile,
    paths: PidPaths,
) -> linux::Result<Daemon> {
    if !options.dont_fork {
        process::daemonize()?;
    }
    pid_file.write(std::process::id())?;
    if let Some(name) = &configuration.head.global.process_name {
        process::set_name(name)?;
    }
    let core_pattern = options.core_pattern.as_deref().and_then(|pattern| {
        let old = std::fs::read_to_string(CORE_PATTERN).ok()?;
        std::fs::write(CORE_PATTERN, pattern).ok()?;
        Some(old)
    });
    process::become_subreaper()?;
    linux::signals::ignore(Signal::SIGPIPE as i32)?;
    let signals = Signals::new(&signal_numbers())?;
    Daemon::new(options, configuration, signals, paths, pid_file, core_pattern)
}
