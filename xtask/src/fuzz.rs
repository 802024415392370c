//! `cargo xtask fuzz`: the targets of the crate `vipd-fuzz` under libFuzzer.
//!
//! It works with the stable compiler: the flags below make what libFuzzer asks for, and `libfuzzer-sys`
//! brings libFuzzer itself as C++ source.

mod output;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::apt;
use output::Outcome;

/// The compiler that libFuzzer is built with.
pub(crate) const PACKAGES: &[&str] = &["g++"];

/// Counters and comparisons that libFuzzer looks at.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// How long a target runs unless told otherwise.
const SECONDS: u64 = 60;
/// An input that takes longer is a finding.
const SLOW: u64 = 20;
/// A target that needs more memory is a finding, in MiB.
const MEMORY: u64 = 2_048;

/// The longest inputs, in bytes: long enough for everything, short enough to be run often.
const LONGEST: &[(&str, u32)] =
    &[("config_text", 4_096), ("engine_ops", 600), ("lvs_ops", 600), ("vrrp_ops", 600)];
const LONGEST_PACKET: u32 = 1_500;

/// So many inputs are kept for each target: `cargo test` runs them all.
const MOST_KEPT: usize = 200;

/// A target and how long it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Job {
    pub target: String,
    pub seconds: u64,
}

/// Entry point.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    let root = crate::workspace_root();
    let all = targets(&root)?;
    let usage = || {
        let known = all.join(" | ");
        format!("usage: cargo xtask fuzz [TARGET..] [--seconds N] [--jobs N] [--minimise], TARGET = {known}")
    };
    let (mut chosen, mut seconds, mut jobs, mut minimise) = (Vec::new(), SECONDS, processors(), false);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 0);
        match word.as_str() {
            "--seconds" => seconds = number().ok_or_else(usage)?,
            "--jobs" => jobs = number().and_then(|n| usize::try_from(n).ok()).ok_or_else(usage)?,
            "--minimise" => minimise = true,
            target if all.iter().any(|known| known == target) => chosen.push(target.to_owned()),
            _ => return Err(usage()),
        }
    }
    let chosen = if chosen.is_empty() { all } else { chosen };
    apt::ensure(PACKAGES)?;
    let programs = build(&root)?;
    if minimise {
        for target in &chosen {
            programs.minimise(target)?;
        }
        return Ok(0);
    }
    let jobs_list = chosen.into_iter().map(|target| Job { target, seconds }).collect();
    let outcomes = programs.run(jobs_list, jobs);
    let failed = outcomes.iter().filter(|o| o.finding.is_some()).count();
    println!("{} targets, {failed} with a finding", outcomes.len());
    Ok(u8::from(failed > 0))
}

/// As many jobs as there are processors.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The names of all targets: those of their programs' sources.
pub(crate) fn targets(root: &Path) -> Result<Vec<String>, String> {
    let dir = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".rs").map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}

/// The programs of all targets.
pub(crate) struct Programs {
    root: PathBuf,
    /// Where everything goes that is not kept.
    work: PathBuf,
    bin: PathBuf,
}

/// Builds them all.
pub(crate) fn build(root: &Path) -> Result<Programs, String> {
    let metadata = crate::tidy::metadata(root)?;
    let triple = host()?;
    let work = Path::new(metadata["target_directory"].as_str().unwrap_or("target")).join("fuzz");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["build", "--package", "vipd-fuzz", "--features", "libfuzzer", "--bins", "--profile", "fuzz"])
        // With a target named, build scripts are spared the flags.
        .args(["--target", &triple, "--target-dir"])
        .arg(&work)
        .env("RUSTFLAGS", FLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .status()
        .map_err(|e| format!("cargo build: {e}"))?;
    if !status.success() {
        return Err(format!("cargo build of the fuzz targets: {status}"));
    }
    let bin = work.join(triple).join("fuzz");
    Ok(Programs { root: root.to_owned(), work, bin })
}

/// The machine that the compiler is for, as it calls it.
fn host() -> Result<String, String> {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .map_err(|e| format!("rustc: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say which machine it is for".to_owned())
}

impl Programs {
    /// Runs jobs, so many at a time, and prints how each went.
    pub(crate) fn run(&self, jobs: Vec<Job>, at_a_time: usize) -> Vec<Outcome> {
        let queue = Mutex::new(VecDeque::from(jobs));
        let outcomes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..at_a_time {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some(job) = next else { return };
                        let outcome = self.run_one(&job).unwrap_or_else(|e| Outcome::broken(&job.target, e));
                        println!("{outcome}");
                        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                    }
                });
            }
        });
        outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, target: &str) -> PathBuf {
        self.root.join("fuzz/corpus").join(target)
    }

    fn fresh(&self, kind: &str, target: &str) -> Result<PathBuf, String> {
        let dir = self.work.join(kind).join(target);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        }
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(dir)
    }

    /// Runs one target on its kept inputs. What it finds on the way stays in the build directory; the
    /// next run starts with the kept inputs and with that.
    fn run_one(&self, job: &Job) -> Result<Outcome, String> {
        let Job { target, seconds } = job;
        let found = self.work.join("found").join(target);
        fs::create_dir_all(&found).map_err(|e| format!("{}: {e}", found.display()))?;
        let crashes = self.fresh("crashes", target)?;
        let longest = LONGEST.iter().find(|(name, _)| name == target).map_or(LONGEST_PACKET, |(_, n)| *n);
        let program = self.bin.join(target);
        let output = Command::new(&program)
            .args([&found, &self.kept(target)])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={longest}"))
            // Long inputs early: events of long ago matter to those of now.
            .arg("-len_control=20")
            .arg(format!("-timeout={SLOW}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .arg("-print_final_stats=1")
            .current_dir(&self.work)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stderr);
        Ok(Outcome::read(target, &program, &text, output.status))
    }

    /// Puts into the corpus of `target` as few inputs as reach what the kept ones and those found by
    /// earlier runs reach.
    fn minimise(&self, target: &str) -> Result<(), String> {
        let kept = self.kept(target);
        let merged = self.fresh("merged", target)?;
        let found = self.work.join("found").join(target);
        let status = Command::new(self.bin.join(target))
            .arg("-set_cover_merge=1")
            .arg(&merged)
            .args([Some(&kept), Some(&found)].into_iter().flatten().filter(|dir| dir.exists()))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|e| format!("{target}: {e}"))?;
        if !status.success() {
            return Err(format!("{target}: the merge ended with {status}"));
        }
        fs::create_dir_all(&kept).map_err(|e| format!("{}: {e}", kept.display()))?;
        // Inputs with a name of their own are findings of old: they stay.
        for file in files(&kept)?.iter().filter(|f| is_hash(f)) {
            fs::remove_file(file).map_err(|e| format!("{}: {e}", file.display()))?;
        }
        // The longest reach the most.
        let mut all = files(&merged)?;
        all.sort_by_key(|f| std::cmp::Reverse(fs::metadata(f).map_or(0, |m| m.len())));
        all.truncate(MOST_KEPT);
        for file in &all {
            if let Some(name) = file.file_name() {
                let name = kept.join(name);
                fs::copy(file, &name).map_err(|e| format!("{}: {e}", name.display()))?;
            }
        }
        println!("{target}: {} inputs kept in {}", all.len(), kept.display());
        Ok(())
    }
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

/// Whether a file has the name that libFuzzer gives: 40 hexadecimal digits.
fn is_hash(file: &Path) -> bool {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, targets};

    #[test]
    fn limits_are_of_targets_that_exist() {
        let known = targets(&crate::workspace_root()).unwrap();
        assert!(known.len() >= 8 && known.contains(&"config_text".to_owned()), "{known:?}");
        assert!(LONGEST.iter().all(|(name, _)| known.iter().any(|k| k == name)));
    }
}
