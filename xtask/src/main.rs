//! The commands of this workspace: `cargo xtask help`.

mod apt;
mod bench;
mod demo;
mod docs;
mod fuzz;
mod mutants;
mod test;
mod tidy;
mod uml;

use std::path::PathBuf;
use std::process::ExitCode;

/// One command: its name, what it does in one line, and its entry point.
struct Command {
    name: &'static str,
    what: &'static str,
    run: fn(&[String]) -> Result<u8, String>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "packages",
        what: "install the Debian packages that building vipd needs",
        run: apt::command,
    },
    Command {
        name: "bench",
        what: "vrrp | config | lvs: measure vipd beside keepalived, and judge",
        run: bench::command,
    },
    Command {
        name: "tidy",
        what: "check the laws of the tree: crate edges, no_std, unsafe, floats, file sizes",
        run: tidy::command,
    },
    Command {
        name: "docs",
        what: "write the pages that are made from the code; --check: are they up to date?",
        run: docs::command,
    },
    Command {
        name: "fuzz",
        what: "hand inputs that nobody thought of to every reader and every state machine",
        run: fuzz::command,
    },
    Command {
        name: "uml",
        what: "build | run: the user-mode Linux kernel of the lab, and a command inside it",
        run: uml::command,
    },
    Command {
        name: "mutants",
        what: "plant small mistakes and see whether the simulator finds each; --list, --only NAME",
        run: mutants::command,
    },
    Command {
        name: "demo",
        what: "build vipd and watch a failover, measured against its bounds",
        run: demo::command,
    },
    Command {
        name: "test",
        what: "every kind of test: unit, host (real time), uml (virtual time), oracle; --only NAME",
        run: test::command,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args.first().map_or("help", String::as_str);
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        let known = matches!(name, "help" | "-h" | "--help");
        let list: String = COMMANDS.iter().map(|c| format!("  {:<8} {}\n", c.name, c.what)).collect();
        let text = format!("usage: cargo xtask COMMAND [ARGS]\n\n{list}");
        if known {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        eprint!("xtask: no command named \"{name}\"\n\n{text}");
        return ExitCode::from(2);
    };
    match (command.run)(args.get(1..).unwrap_or_default()) {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            eprintln!("xtask {name}: {message}");
            ExitCode::from(1)
        }
    }
}

/// The root of the workspace: the directory above this crate.
fn workspace_root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or(own.clone(), PathBuf::from)
}
