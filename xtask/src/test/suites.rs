//! The test programs of the lab: those test targets whose names begin with `uml_` or `host_`, in any
//! crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const PREFIX: &str = "uml_";
/// Those that run on the host's kernel only: they compare what takes no time.
const HOST_PREFIX: &str = "host_";

/// One test program.
pub(super) struct Suite {
    pub name: String,
    pub program: PathBuf,
}

/// All of them, and the daemon that they test.
pub(super) struct Suites {
    pub all: Vec<Suite>,
    pub vipd: PathBuf,
    logs: PathBuf,
}

/// The cargo that runs us, in the workspace.
pub(super) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Builds them.
pub(super) fn build(root: &Path) -> Result<Suites, String> {
    let metadata = crate::tidy::metadata(root)?;
    let mut args: Vec<String> =
        ["test", "--no-run", "--message-format", "json-render-diagnostics"].map(str::to_owned).into();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let targets = package["targets"].as_array().into_iter().flatten();
        let names: Vec<&str> = targets
            .filter(|t| t["kind"][0] == "test")
            .filter_map(|t| t["name"].as_str())
            .filter(|n| n.starts_with(PREFIX) || n.starts_with(HOST_PREFIX))
            .collect();
        if let (Some(package), false) = (package["name"].as_str(), names.is_empty()) {
            args.extend(["--package".to_owned(), package.to_owned()]);
            args.extend(names.iter().flat_map(|n| ["--test".to_owned(), (*n).to_owned()]));
        }
    }
    let all = executables(root, &args)?;
    let all = all.into_iter().map(|(name, program)| Suite { name, program }).collect();
    let daemon =
        ["build", "--package", "vipd", "--bin", "vipd", "--message-format", "json-render-diagnostics"];
    let (_, vipd) = executables(root, &daemon.map(str::to_owned))?.pop().ok_or("cargo built no vipd")?;
    let target = metadata["target_directory"].as_str().unwrap_or("target");
    let logs = Path::new(target).join("lab");
    Ok(Suites { all, vipd, logs })
}

/// Runs cargo; names and paths of the programs that it built.
///
/// # Errors
/// Cargo can't be run, or fails.
pub(crate) fn executables(root: &Path, args: &[String]) -> Result<Vec<(String, PathBuf)>, String> {
    let output = cargo(root)
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo {}: {e}", args[0]))?;
    if !output.status.success() {
        return Err(format!("cargo {}: {}", args.join(" "), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
    Ok(messages
        .filter_map(|m| {
            Some((m["target"]["name"].as_str()?.to_owned(), PathBuf::from(m["executable"].as_str()?)))
        })
        .collect())
}

impl Suites {
    /// An empty directory for the logs and captures of a scenario. They stay, to be looked at.
    pub(super) fn lab_dir(&self, name: &str) -> Result<PathBuf, String> {
        let dir = self.logs.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        }
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(dir)
    }
}

impl Suite {
    /// Whether it also runs in guests.
    pub(super) fn for_guests(&self) -> bool {
        self.name.starts_with(PREFIX)
    }

    /// The names of its scenarios: all, or those that run in real time, too.
    pub(super) fn scenarios(&self, real_time: bool) -> Result<Vec<String>, String> {
        let mut command = Command::new(&self.program);
        command.arg("--list").args(real_time.then_some("--any-clock"));
        let output = command.output().map_err(|e| format!("{}: {e}", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|l| l.strip_suffix(": test")).map(str::to_owned).collect())
    }
}
