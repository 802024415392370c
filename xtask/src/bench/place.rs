//! Where it is measured: two routers on one LAN, and copies of the binaries for each of them.
//!
//! Copies, because memory is counted by shares: two routers that run the same file would each be
//! charged half of its pages, which on machines of their own they would not be.

use std::fs;
use std::path::{Path, PathBuf};

use lab::{Lab, Node};

/// A daemon to be measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Binary {
    /// What the report calls it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Two routers, `a` at 10.100.0.1 and `b` at 10.100.0.2, each with `eth0`.
pub(super) struct Place {
    /// The one that is meant to be master.
    pub a: Node,
    /// The one that is meant to be backup; adverts are seen at its interface.
    pub b: Node,
    programs: Vec<[PathBuf; 2]>,
    // Last: the switch outlives what is plugged into it.
    lab: Lab,
}

/// One of the routers of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Router {
    /// [`Place::a`]
    A,
    /// [`Place::b`]
    B,
}

impl Place {
    /// Makes it.
    pub(super) fn new(tag: &str, binaries: &[Binary]) -> Result<Self, String> {
        let make = || -> lab::Result<(Node, Node, Lab)> {
            let lab = Lab::new(tag)?;
            let lan = lab.lan("lan0")?;
            let (a, b) = (lab.node("a")?, lab.node("b")?);
            a.attach(&lan, "eth0", &["10.100.0.1/16"], None)?;
            b.attach(&lan, "eth0", &["10.100.0.2/16"], None)?;
            Ok((a, b, lab))
        };
        let (a, b, lab) = make().map_err(|e| e.to_string())?;
        let mut programs = Vec::new();
        for (index, binary) in binaries.iter().enumerate() {
            let copy = |router| copy(&binary.path, &lab.dir().join(format!("bin{index}{router}")));
            programs.push([copy('a')?, copy('b')?]);
        }
        Ok(Self { a, b, programs, lab })
    }

    /// Where the routers' logs and configurations are.
    pub(super) fn dir(&self) -> &Path {
        self.lab.dir()
    }

    /// The copy of a binary for a router.
    pub(super) fn program(&self, binary: usize, router: Router) -> Result<&Path, String> {
        let [a, b] = self.programs.get(binary).ok_or("no such binary")?;
        Ok(match router {
            Router::A => a,
            Router::B => b,
        })
    }

    /// Makes both routers as new: no process, no address but their own.
    pub(super) fn reset(&self) -> Result<(), String> {
        let reset = || -> lab::Result<()> {
            for node in [&self.a, &self.b] {
                node.power_off()?;
                node.power_on()?;
            }
            Ok(())
        };
        reset().map_err(|e| e.to_string())
    }
}

/// Copies a program into `dir`.
pub(super) fn copy(from: &Path, dir: &Path) -> Result<PathBuf, String> {
    let name = from.file_name().ok_or(format!("{}: no file", from.display()))?;
    let to = dir.join(name);
    let copied = fs::create_dir_all(dir).and_then(|()| fs::copy(from, &to));
    copied.map_err(|e| format!("copying {}: {e}", from.display()))?;
    Ok(to)
}
