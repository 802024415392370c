//! `cargo xtask mutants`: do the checkers of the simulator bite?
//!
//! Each entry of `tests/mutants.toml` is one small mistake in the code, as an edit of its source. It is made in
//! a copy of the tree, the simulator is built there, and random worlds run until a checker complains. A
//! mutant that survives is a missing checker.

mod list;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use list::Mutant;

/// So many random worlds a mutant has to live through.
const SEEDS: u32 = 2_000;

/// Virtual minutes of each.
const MINUTES: u32 = 10;

/// What a mutant does to the simulator may be an endless loop.
const LIMIT_SECONDS: &str = "240";

/// Entry point.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = crate::workspace_root();
    let all = list::read(&root)?;
    let chosen: Vec<&Mutant> = match words.as_slice() {
        [] => all.iter().collect(),
        ["--list"] => {
            all.iter().for_each(|m| println!("{:<44} {}", m.name, m.file));
            return Ok(0);
        }
        ["--only", parts @ ..] if !parts.is_empty() => {
            all.iter().filter(|m| parts.iter().any(|part| m.is_called(part))).collect()
        }
        _ => return Err("usage: cargo xtask mutants [--list | --only PART-OF-A-NAME-OR-FILE..]".to_owned()),
    };
    let place = Place::new(&root)?;
    // The unchanged tree must be sound, or every mutant would seem to be caught.
    if let Fate::Caught(how) = place.trial(None)? {
        return Err(format!("the unchanged tree fails: {how}"));
    }
    let mut survivors = Vec::new();
    for mutant in &chosen {
        let began = Instant::now();
        let fate = place.with(mutant)?;
        let seconds = began.elapsed().as_secs_f64();
        match fate {
            Fate::Caught(how) => println!("caught    {:<44} {how} ({seconds:.0} s)", mutant.name),
            Fate::Survived => {
                println!("SURVIVED  {:<44} {} ({seconds:.0} s)", mutant.name, mutant.why);
                survivors.push(mutant.name.clone());
            }
        }
    }
    let caught = chosen.len() - survivors.len();
    println!("{caught} of {} mutants caught within {SEEDS} seeds of {MINUTES} virtual minutes", chosen.len());
    Ok(u8::from(!survivors.is_empty()))
}

/// Checks that every entry still fits the code: for `cargo xtask tidy`.
pub(crate) fn stale(root: &Path) -> Result<Vec<(String, String)>, String> {
    Ok(list::read(root)?.iter().filter_map(|m| Some((m.name.clone(), m.edited(root).err()?))).collect())
}

/// What became of a mutant.
enum Fate {
    Caught(String),
    Survived,
}

/// A copy of the tree to make mistakes in.
struct Place {
    tree: PathBuf,
    target: PathBuf,
}

impl Place {
    fn new(root: &Path) -> Result<Self, String> {
        let home = root.join("target/mutants");
        let (tree, target) = (home.join("tree"), home.join("target"));
        let fail = |e: std::io::Error| format!("{}: {e}", tree.display());
        if tree.exists() {
            fs::remove_dir_all(&tree).map_err(fail)?;
        }
        fs::create_dir_all(&tree).map_err(fail)?;
        let listed =
            Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root).output();
        let listed = listed.map_err(|e| format!("git ls-files: {e}"))?;
        for name in String::from_utf8_lossy(&listed.stdout).lines() {
            let (from, to) = (root.join(name), tree.join(name));
            if let Some(dir) = to.parent() {
                fs::create_dir_all(dir).map_err(fail)?;
            }
            if from.is_file() {
                fs::copy(&from, &to).map_err(fail)?;
            }
        }
        Ok(Self { tree, target })
    }

    /// Makes the mistake, looks what comes of it, and takes it back.
    fn with(&self, mutant: &Mutant) -> Result<Fate, String> {
        let path = self.tree.join(&mutant.file);
        let sound = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let wrong = mutant.edited(&self.tree)?;
        let write = |text: &str| fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()));
        write(&wrong)?;
        let fate = self.trial(mutant.world()).map_err(|e| format!("{}: {e}", mutant.name));
        write(&sound)?;
        fate
    }

    /// Builds the simulator and lets it run: all kinds of worlds, or one.
    fn trial(&self, only: Option<&str>) -> Result<Fate, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--profile", "mutants", "--package", "vipd-sim", "--bin", "chaos"])
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("RUSTFLAGS", "-Awarnings")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("cargo: {e}"))?;
        if !built.status.success() {
            return Err(format!("it does not build:\n{}", String::from_utf8_lossy(&built.stderr)));
        }
        let (seeds, minutes) = (SEEDS.to_string(), MINUTES.to_string());
        let ran = Command::new("timeout")
            .arg(LIMIT_SECONDS)
            .arg(self.target.join("mutants/chaos"))
            .args(["--seeds", &seeds, "--minutes", &minutes, "--first"])
            .args(only.iter().flat_map(|only| ["--only", only]))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("timeout: {e}"))?;
        if ran.status.success() {
            return Ok(Fate::Survived);
        }
        let out = String::from_utf8_lossy(&ran.stdout);
        let first = out.lines().find(|l| l.starts_with("seed ")).map(str::to_owned);
        let how = first.unwrap_or_else(|| match ran.status.code() {
            Some(124) => format!("no end within {LIMIT_SECONDS} s"),
            _ => String::from_utf8_lossy(&ran.stderr).lines().nth(1).unwrap_or("a panic").to_owned(),
        });
        Ok(Fate::Caught(how.chars().take(120).collect()))
    }
}
