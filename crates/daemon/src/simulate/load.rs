//! The files: configurations as on the machines that they were written for, and scenarios.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use base::Name;
use sim::setup::Plan;

use crate::source::{Elsewhere, System};

/// The longest name that a node takes from its file.
const LONGEST: usize = 12;

/// A configuration file that was loaded.
pub struct File {
    /// As it was written on the command line.
    pub path: String,
    /// How many complaints there are about it.
    pub complaints: usize,
}

/// What was loaded.
pub struct Loaded {
    /// The nodes.
    pub plans: Vec<Plan>,
    /// Their files.
    pub files: Vec<File>,
}

/// Loads all files, each as the configuration of a node.
///
/// # Errors
/// What is wrong with them.
pub fn all(paths: &[String]) -> Result<Loaded, String> {
    let system = System::new(None);
    let (mut plans, mut files) = (Vec::new(), Vec::new());
    for (path, name) in paths.iter().zip(names(paths)) {
        let absolute = std::path::absolute(path).map_err(|e| format!("{path}: {e}"))?;
        let Some(absolute) = absolute.to_str() else { return Err(format!("{path} is not UTF-8")) };
        let loaded = config::load(&Elsewhere::with_everything(&system), &config::Options::new(absolute));
        let complaints = loaded.diagnostics.iter().count();
        let report = loaded.render(false);
        let Some(model) = loaded.model else {
            return Err(format!("{path} cannot be run:\n\n{report}"));
        };
        if model.instances.is_empty() {
            return Err(format!("{path} has no vrrp_instance, so there is nothing to simulate"));
        }
        plans.push(Plan { name, models: vec![Arc::new(model)] });
        files.push(File { path: path.clone(), complaints });
    }
    Ok(Loaded { plans, files })
}

/// The text of a scenario.
///
/// # Errors
/// Why it can't be read.
pub fn scenario(file: &str) -> Result<String, String> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(|e| format!("standard input: {e}"))?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))
}

/// Names of nodes: of their files, if those are short and different; of their directories, if those are;
/// letters otherwise.
pub fn names(paths: &[String]) -> Vec<Name> {
    let stem = |path: &String| Some(Path::new(path).file_stem()?.to_str()?.to_owned());
    let directory = |path: &String| Some(Path::new(path).parent()?.file_name()?.to_str()?.to_owned());
    let usable = |names: Option<Vec<String>>| {
        let names = names?;
        let plain = |n: &String| {
            !n.is_empty() && n.len() <= LONGEST && n.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
        };
        let different = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        (different && names.iter().all(plain)).then(|| names.into_iter().map(Name::from).collect())
    };
    let stems: Option<Vec<String>> = paths.iter().map(stem).collect();
    let directories: Option<Vec<String>> = paths.iter().map(directory).collect();
    usable(stems).or_else(|| usable(directories)).unwrap_or_else(|| {
        (b'A'..=b'Z').map(|letter| Name::from(char::from(letter).to_string())).take(paths.len()).collect()
    })
}
