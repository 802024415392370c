//! What a daemon asks of the kernel's virtual servers, counted by a library that is preloaded into it.
//! Where the kernel has none, the library says yes in its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SOURCE: &str = include_str!("standin.c");

/// Commands of the family that change nothing: `GET_SERVICE`, `GET_DEST`, `GET_DAEMON`, `GET_CONFIG`,
/// `GET_INFO`.
const READS: &[usize] = &[4, 8, 11, 13, 15];
/// `NEW_SERVICE` and `NEW_DEST`.
const ADDITIONS: &[usize] = &[1, 5];

/// The library, and the file of its counters.
pub(super) struct StandIn {
    library: PathBuf,
    counters: PathBuf,
    /// Whether the kernel has virtual servers itself.
    pub kernel: bool,
}

/// What has been asked so far.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// What changes something.
    pub writes: u64,
    /// What does not.
    pub reads: u64,
    /// New services and servers; part of the writes.
    pub additions: u64,
    /// Instant of the last write; wall clock, nanoseconds.
    pub last_write: u64,
}

impl StandIn {
    /// Builds the library in `dir`.
    pub(super) fn build(dir: &Path) -> Result<Self, String> {
        let (source, library) = (dir.join("standin.c"), dir.join("standin.so"));
        fs::write(&source, SOURCE).map_err(|e| format!("{}: {e}", source.display()))?;
        let output = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source)
            .arg("-ldl")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("cc: {e}"))?;
        if !output.status.success() {
            return Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let kernel = Path::new("/proc/net/ip_vs").exists();
        Ok(Self { library, counters: dir.join("asked"), kernel })
    }

    /// Begins to count anew, and says what a daemon needs in its environment for that.
    pub(super) fn begin(&self) -> Result<Vec<String>, String> {
        if self.counters.exists() {
            fs::remove_file(&self.counters).map_err(|e| format!("{}: {e}", self.counters.display()))?;
        }
        let mut environment = vec![
            format!("LD_PRELOAD={}", self.library.display()),
            format!("VIPD_BENCH_COUNT={}", self.counters.display()),
        ];
        if self.kernel {
            environment.push("VIPD_BENCH_KERNEL=1".to_owned());
        }
        Ok(environment)
    }

    /// What has been asked since [`StandIn::begin`].
    pub(super) fn asked(&self) -> Asked {
        // There is no file before the daemon has asked for anything.
        Asked::of(&fs::read(&self.counters).unwrap_or_default())
    }

    /// Waits, for `bound`, until what has been asked is as wished.
    pub(super) fn wait(&self, bound: Duration, wished: impl Fn(Asked) -> bool) -> Result<Asked, String> {
        let began = Instant::now();
        loop {
            let asked = self.asked();
            if wished(asked) {
                return Ok(asked);
            }
            if began.elapsed() > bound {
                return Err(format!("not done after {bound:?}: {asked:?}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Asked {
    fn of(file: &[u8]) -> Self {
        let (words, _) = file.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
        let mut asked = Self { last_write: words.next().unwrap_or(0), ..Self::default() };
        for (command, count) in words.enumerate() {
            if READS.contains(&command) {
                asked.reads += count;
            } else {
                asked.writes += count;
            }
            if ADDITIONS.contains(&command) {
                asked.additions += count;
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_told_from_writes() {
        let words: Vec<u8> = [9_u64, 0, 1, 0, 0, 4, 3, 2].iter().flat_map(|w| w.to_ne_bytes()).collect();
        assert_eq!(Asked::of(&words), Asked { writes: 6, reads: 4, additions: 4, last_write: 9 });
        assert_eq!(Asked::of(&[]), Asked::default());
    }
}
