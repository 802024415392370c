//! A configuration to be judged, and the verdicts.

use std::fmt;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// One configuration: the file that is named on the command line, and those that it may include.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub name: String,
    pub text: Vec<u8>,
    pub others: Vec<(&'static str, String)>,
    /// Further words of the command line.
    pub args: &'static [&'static str],
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), text: text.into(), others: Vec::new(), args: &[] }
    }

    pub(crate) fn with(mut self, file: &'static str, text: impl Into<String>) -> Self {
        self.others.push((file, text.into()));
        self
    }

    pub(crate) fn args(mut self, args: &'static [&'static str]) -> Self {
        self.args = args;
        self
    }

    /// The same file without `net_namespace`, if it names one. In the lab there is none.
    pub(crate) fn without_namespace(&self) -> Option<Self> {
        let text = String::from_utf8(self.text.clone()).ok()?;
        let names = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some("net_namespace") && words.next().is_some()
        };
        // An empty line keeps the numbers of the others.
        let other = |line: &str| if names(line) { "\n".to_owned() } else { line.to_owned() };
        let bare: String = text.split_inclusive('\n').map(other).collect();
        (bare != text).then(|| Self { text: bare.into_bytes(), ..self.clone() })
    }

    /// Writes its files.
    pub(crate) fn write(&self, dir: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join(MAIN), &self.text)?;
        self.others.iter().try_for_each(|(name, text)| {
            let path = dir.join(name);
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(path, text)
        })
    }
}

/// The name of the file of the command line.
pub(crate) const MAIN: &str = "main.conf";

/// An instance that works, with a body of its own.
pub(crate) fn instance(name: &str, vrid: u8, body: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {body}\n \
         virtual_ipaddress {{\n  192.0.2.{}/24\n }}\n}}\n",
        u16::from(vrid) + 50
    )
}

/// What a daemon says about a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// The exit status; the signal plus 128.
    pub code: i32,
    pub text: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.code)?;
        self.text.lines().try_for_each(|line| writeln!(f, "      {line}"))
    }
}

/// Stands for the exit status of a daemon that comes to no end.
pub(crate) const ENDLESS: i32 = -2;
/// What is no end.
const BOUND: Duration = Duration::from_secs(4);

/// A daemon that has been asked with `-t`.
pub(crate) struct Question {
    child: Child,
    dir: PathBuf,
    output: PathBuf,
}

impl Question {
    pub(crate) fn ask(program: &Path, dir: &Path, name: &str, args: &[&str]) -> std::io::Result<Self> {
        let output = dir.join(format!("{name}.log"));
        let child = Command::new(program)
            .arg("-t")
            .arg("-f")
            .arg(dir.join(MAIN))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&output)?)
            .spawn()?;
        Ok(Self { child, dir: dir.to_owned(), output })
    }

    pub(crate) fn answer(mut self) -> std::io::Result<Verdict> {
        let mut status = self.child.try_wait()?;
        if status.is_none() {
            let child = &mut self.child;
            let ended = lab::wait("a verdict", BOUND, || {
                status = child.try_wait().unwrap_or_default();
                Ok(status.is_some())
            });
            if ended.is_err() {
                self.child.kill()?;
                self.child.wait()?;
            }
        }
        let code = status.map_or(ENDLESS, |s| s.code().or(s.signal().map(|n| n + 128)).unwrap_or(-1));
        let text = std::fs::read(&self.output)?;
        let text = String::from_utf8_lossy(&text).replace(&format!("{}/", self.dir.display()), "");
        Ok(Verdict { code, text })
    }
}
