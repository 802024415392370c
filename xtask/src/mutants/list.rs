//! The list of mutants, `tests/mutants.toml`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Where the list is.
const FILE: &str = "tests/mutants.toml";

/// One small mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// A name in words.
    pub name: String,
    /// The file, from the root of the workspace.
    pub file: String,
    /// What stands there, exactly once.
    pub find: String,
    /// What is to stand there.
    pub replace: String,
    /// What goes wrong by it.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// Reads the list.
pub(super) fn read(root: &Path) -> Result<Vec<Mutant>, String> {
    let path = root.join(FILE);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let list: List = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(list.mutant)
}

impl Mutant {
    /// The kind of random worlds that can tell, as the simulator names it; `None` for both.
    pub(super) fn world(&self) -> Option<&'static str> {
        const HOMES: [(&str, &str); 3] =
            [("crates/vrrp/", "vrrp"), ("crates/check/", "lvs"), ("crates/engine/src/lvs/", "lvs")];
        HOMES.iter().find(|(home, _)| self.file.starts_with(home)).map(|(_, world)| *world)
    }

    /// Whether `part` is in its name, or in that of its file.
    pub(super) fn is_called(&self, part: &str) -> bool {
        self.name.contains(part) || self.file.contains(part)
    }

    /// The text of its file with the mistake in it.
    pub(super) fn edited(&self, root: &Path) -> Result<String, String> {
        let path = root.join(&self.file);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        match text.matches(&self.find).count() {
            1 if self.find != self.replace => Ok(text.replacen(&self.find, &self.replace, 1)),
            1 => Err(format!("{FILE}: \"{}\" changes nothing", self.name)),
            n => Err(format!("{FILE}: what \"{}\" looks for stands {n} times in {}", self.name, self.file)),
        }
    }
}
