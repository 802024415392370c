//! vipd: virtual IP addresses that stay up.
//!
//! One binary, several processes: [`supervisor`] is what the user starts, [`vrrp`] and [`scripts`]
//! are its children. Started as `keepalived` it takes that program's place.
//!
//! The supervisor, vrrp and scripts processes are single threaded, each with a plain epoll loop and
//! without an async runtime: they only wait for descriptors and one deadline. A runtime comes with
//! the checkers, which hold many conversations at once.

#![allow(unreachable_pub, reason = "everything of a binary is unreachable; `pub` tells what a module offers")]

mod check;
mod checkers;
mod cli;
mod colour;
mod configuration;
mod demo;
mod diff;
mod dump;
mod exit;
mod genhash;
mod help;
mod ipc;
mod language_server;
mod log;
mod observe;
mod pid_paths;
mod print;
mod process;
mod scripts;
mod simulate;
mod source;
mod subcommand;
mod supervisor;
mod version;
mod vrrp;

use std::process::ExitCode;

use cli::Command;
use exit::Exit;
use ipc::{Part, Role, Wish};
use linux::seqpacket::Channel as Socket;

fn main() -> ExitCode {
    let mut words = Vec::new();
    for word in std::env::args_os() {
        match word.into_string() {
            Ok(word) => words.push(word),
            Err(word) => {
                eprintln!("Argument {} is not valid UTF-8", word.to_string_lossy());
                return Exit::Fatal.into();
            }
        }
    }
    let program = words.first().map_or("vipd", |w| w.rsplit('/').next().unwrap_or(w)).to_owned();
    let args = words.get(1..).unwrap_or_default();
    if let Some(role) = linux::process::role() {
        // Otherwise it would be called by the name of the link that it was started by. That it can't
        // be named is no harm.
        let _ = linux::process::set_name(&program);
        return child(&role, args);
    }
    if program == "genhash" {
        return genhash::main(args);
    }
    // Subcommands are vipd's own: keepalived has none, and a drop-in shall not have more.
    let own = program != "keepalived";
    if own && let Some(command) = args.first().and_then(|word| subcommand::find(word)) {
        return (command.run)(args.get(1..).unwrap_or_default());
    }
    let parsed = cli::parse(args);
    for message in &parsed.messages {
        eprintln!("{message}");
    }
    match parsed.command {
        Command::Run(options) => supervisor::main(&words, *options, &parsed.warnings),
        Command::Wrong => Exit::Fatal.into(),
        Command::Version => {
            eprint!("{}", version::text());
            Exit::Ok.into()
        }
        Command::Help => {
            eprint!("{}", cli::help(&program));
            if own {
                eprint!("\n{}", subcommand::list());
            }
            Exit::Ok.into()
        }
        Command::SignalNumber(name) => match Wish::named(&name) {
            Some(wish) => {
                println!("{}", wish.signal());
                Exit::Ok.into()
            }
            None => {
                eprintln!("Unknown sigfunc {name}");
                Exit::Fatal.into()
            }
        },
        Command::Genhash => genhash::main(args.get(1..).unwrap_or_default()),
    }
}

/// A process that the supervisor started, with the words of its own command line.
fn child(role: &str, args: &[String]) -> ExitCode {
    let Command::Run(options) = cli::parse(args).command else { return Exit::Software.into() };
    let socket = linux::process::inherited(ipc::SUPERVISOR_CHANNEL).map(Socket::from);
    match (Role::named(role), socket) {
        (Some(Role::Engine(Part::Vrrp)), Ok(socket)) => vrrp::main(*options, socket),
        (Some(Role::Engine(Part::Checkers)), Ok(socket)) => checkers::main(*options, socket),
        (Some(Role::Scripts), Ok(socket)) => scripts::main(socket),
        (None, _) => {
            eprintln!("vipd: no such role: {role}");
            Exit::Software.into()
        }
        (_, Err(e)) => {
            eprintln!("vipd: {e}");
            Exit::Software.into()
        }
    }
}
