//! The daemons that run in nodes: keepalived, vipd and FRR.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Context, LabError, Result, ensure};
use crate::node::Node;
use crate::process::Process;

/// Names vipd's binary, if it does not stand in the build directory of the running program.
pub const VIPD_VARIABLE: &str = "VIPD_BIN";
/// Names keepalived's binary, if it is not the distribution's.
pub const KEEPALIVED_VARIABLE: &str = "KEEPALIVED_BIN";

const FRR_DIR: &str = "/usr/lib/frr";
const FRR_RUN: &str = "/run/frr";
const FRR_USER: &str = "frr";

/// A daemon that reads `keepalived.conf`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Daemon {
    /// The distribution's keepalived.
    Keepalived,
    /// Ours.
    Vipd,
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Keepalived => "keepalived",
            Self::Vipd => "vipd",
        })
    }
}

impl Daemon {
    /// Its binary.
    ///
    /// # Errors
    /// It is not there, and where it was looked for.
    pub fn program(self) -> Result<PathBuf> {
        let path = match self {
            Self::Keepalived => Some(keepalived_path()),
            Self::Vipd => vipd_path(),
        };
        match path {
            Some(path) if path.is_file() => Ok(path),
            Some(path) => Err(LabError::Expectation(format!("there is no {self} at {}", path.display()))),
            None => Err(LabError::Expectation(format!("where {self} is, nobody said: set {VIPD_VARIABLE}"))),
        }
    }
}

pub(crate) fn keepalived_path() -> PathBuf {
    std::env::var_os(KEEPALIVED_VARIABLE).map_or_else(|| PathBuf::from("/usr/sbin/keepalived"), PathBuf::from)
}

/// The binary of the variable, or the one that cargo built beside this program: tests and examples
/// stand one directory below it.
pub(crate) fn vipd_path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(VIPD_VARIABLE) {
        return Some(PathBuf::from(path));
    }
    let own = std::env::current_exe().ok()?;
    let beside = own.parent()?;
    [Some(beside), beside.parent()].into_iter().flatten().map(|dir| dir.join("vipd")).find(|p| p.is_file())
}

impl Node {
    /// Starts a daemon with a configuration, in the foreground, with all details in its log.
    ///
    /// `log` names the configuration's and the log's files: `LOG.conf` and `LOG.log`.
    ///
    /// # Errors
    /// The binary is not there, or the node is off.
    pub fn start(&self, daemon: Daemon, log: &str, conf: &str) -> Result<Process> {
        let program = daemon.program()?;
        let conf = self.write(&format!("{log}.conf"), conf)?;
        self.spawn(log, program, &["-f", &path_text(&conf)?, "-n", "-l", "-D", "-G"])
    }

    /// Starts keepalived.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn keepalived(&self, conf: &str) -> Result<Process> {
        self.start(Daemon::Keepalived, "keepalived", conf)
    }

    /// Starts vipd.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn vipd(&self, conf: &str) -> Result<Process> {
        self.start(Daemon::Vipd, "vipd", conf)
    }

    /// Starts zebra and one more daemon of FRR with one configuration.
    ///
    /// # Errors
    /// FRR is not installed, the node is off, or a daemon does not open its socket in time.
    pub fn frr(&self, daemon: &str, conf: &str) -> Result<Frr> {
        let program = Path::new(FRR_DIR).join(daemon);
        ensure(program.is_file(), format_args!("FRR's {daemon} is not installed"))?;
        let conf = conf.to_owned();
        let file = Path::new(FRR_RUN).join("frr.conf");
        let written = file.clone();
        self.inside_run(move || prepare_frr(&written, &conf))?
            .during(|| format!("{}: {FRR_RUN}", self.name()))?;
        let conf = path_text(&file)?;
        let start = |name: &str| {
            let pid_file = format!("{FRR_RUN}/{name}.pid");
            let api = format!("{FRR_RUN}/zserv.api");
            let args = ["-u", FRR_USER, "-g", FRR_USER, "-i", &pid_file, "-z", &api, "--vty_socket", FRR_RUN];
            let args: Vec<&str> = args.into_iter().chain(["-f", &conf, "--log", "stdout"]).collect();
            let process = self.spawn(name, Path::new(FRR_DIR).join(name), &args)?;
            let socket = format!("{FRR_RUN}/{name}.vty");
            crate::wait(&format!("{name} listens"), Duration::from_secs(20), || {
                let socket = socket.clone();
                self.inside_run(move || Path::new(&socket).exists())
            })?;
            Ok(process)
        };
        Ok(Frr { zebra: start("zebra")?, daemon: start(daemon)? })
    }

    /// Asks FRR with vtysh.
    ///
    /// # Errors
    /// vtysh failed, or the node is off.
    pub fn vtysh(&self, command: &str) -> Result<String> {
        let output = self.run("vtysh", &["--vty_socket", FRR_RUN, "-c", command])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// FRR's daemons on a node.
#[derive(Debug)]
pub struct Frr {
    /// The one that knows the kernel's interfaces.
    pub zebra: Process,
    /// The one that speaks the protocol.
    pub daemon: Process,
}

/// FRR's daemons drop to a user of their own, to whom their directory must belong.
fn prepare_frr(file: &Path, conf: &str) -> std::io::Result<()> {
    let user = nix::unistd::User::from_name(FRR_USER)?.ok_or(std::io::ErrorKind::NotFound)?;
    let dir = Path::new(FRR_RUN);
    std::fs::create_dir_all(dir)?;
    std::fs::write(file, conf)?;
    for path in [dir, file] {
        nix::unistd::chown(path, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}

fn path_text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| LabError::Expectation(format!("{}: not UTF-8", path.display())))
}
