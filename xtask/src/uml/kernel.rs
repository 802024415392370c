//! Building the kernel once per (configuration, source, compiler).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};

use crate::apt;

/// What the lab's kernel contains; everything else is off. As small as it can be, it builds in minutes.
const CONFIG: &str = include_str!("kernel.config");
/// Makes this kernel run on processors that are younger than it.
const XSTATE_HEADER: &str = include_str!("xstate.h");
const SOURCE_PACKAGE: &str = "linux-source-6.1";
const SOURCE_ARCHIVE: &str = "/usr/src/linux-source-6.1.tar.xz";
const PACKAGES: &[&str] = &[SOURCE_PACKAGE, "flex", "bison", "bc", "xz-utils", "gcc", "make", "libc6-dev"];

/// The key of the kernel in the cache.
///
/// # Errors
/// The packages are missing and cannot be installed, or there is no compiler.
pub(crate) fn key() -> Result<String, String> {
    apt::ensure(PACKAGES)?;
    let source = apt::version(SOURCE_PACKAGE).ok_or_else(|| format!("{SOURCE_PACKAGE} is not installed"))?;
    let gcc = Command::new("gcc").arg("-dumpfullversion").output().map_err(|e| format!("gcc: {e}"))?;
    let gcc = String::from_utf8_lossy(&gcc.stdout).trim().to_owned();
    Ok(format!("{:016x}", fnv1a(&[CONFIG, XSTATE_HEADER, &source, &gcc])))
}

/// The path of the kernel; builds it when the cache does not have it.
///
/// # Errors
/// Says what failed: a package, the configuration, the compiler (with the end of its output).
pub(crate) fn ensure() -> Result<PathBuf, String> {
    let dir = cache_dir()?.join(key()?);
    let kernel = dir.join("linux");
    if kernel.exists() {
        return Ok(kernel);
    }
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    // Two builds at once would do the same work twice on the same processors.
    let lock = File::create(dir.join("lock")).map_err(|e| format!("{}: {e}", dir.display()))?;
    let _lock =
        Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| format!("{}: {e}", dir.display()))?;
    if kernel.exists() {
        return Ok(kernel);
    }
    eprintln!("building the lab's kernel (once, about four minutes)");
    build(&kernel)?;
    Ok(kernel)
}

fn cache_dir() -> Result<PathBuf, String> {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) => PathBuf::from(home).join(".cache"),
        _ => return Err("neither XDG_CACHE_HOME nor HOME is set".to_owned()),
    };
    Ok(base.join("vipd/uml"))
}

fn build(kernel: &Path) -> Result<(), String> {
    // 1.6 GB, too much for a /tmp in memory.
    let scratch = tempfile::Builder::new()
        .prefix("vipd-uml-build")
        .tempdir_in("/var/tmp")
        .map_err(|e| format!("/var/tmp: {e}"))?;
    let log_path = scratch.path().join("log");
    let run = |program: &str, args: &[&str], dir: &Path| step(program, args, dir, &log_path);
    run("tar", &["xJf", SOURCE_ARCHIVE], scratch.path())?;
    let tree = scratch.path().join(SOURCE_PACKAGE);
    let fragment = scratch.path().join("fragment");
    fs::write(&fragment, CONFIG).map_err(|e| format!("{}: {e}", fragment.display()))?;
    let header = scratch.path().join("xstate.h");
    fs::write(&header, XSTATE_HEADER).map_err(|e| format!("{}: {e}", header.display()))?;
    let all_config = format!("KCONFIG_ALLCONFIG={}", fragment.display());
    run("make", &["ARCH=um", "SUBARCH=x86_64", "allnoconfig", &all_config], &tree)?;
    refused_options(&fs::read_to_string(tree.join(".config")).map_err(|e| format!(".config: {e}"))?)?;
    let include = format!("CFLAGS_registers.o=-include {}", header.display());
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    run("make", &["ARCH=um", "SUBARCH=x86_64", &format!("-j{jobs}"), &include, "linux"], &tree)?;
    // A half-written kernel must never be found: strip to the side, then rename.
    let partial = kernel.with_extension("partial");
    run("strip", &["-o", &partial.to_string_lossy(), "linux"], &tree)?;
    fs::rename(&partial, kernel).map_err(|e| format!("{}: {e}", kernel.display()))
}

/// One step of the build, its output in the log; the log's end is the error message.
fn step(program: &str, args: &[&str], dir: &Path, log_path: &Path) -> Result<(), String> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log_path)
        .map_err(|e| format!("{}: {e}", log_path.display()))?;
    let errors = log.try_clone().map_err(|e| format!("{}: {e}", log_path.display()))?;
    let status = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("KBUILD_BUILD_TIMESTAMP", "2020-01-01")
        .env("KBUILD_BUILD_USER", "lab")
        .env("KBUILD_BUILD_HOST", "lab")
        // cargo's own job server and flags are not for this make.
        .env_remove("MAKEFLAGS")
        .env_remove("CARGO_MAKEFLAGS")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .status()
        .map_err(|e| format!("{program}: {e}"))?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read(log_path).unwrap_or_default();
    let tail = text.get(text.len().saturating_sub(3000)..).unwrap_or_default();
    Err(format!("{program} {}: {status}\n{}", args.join(" "), String::from_utf8_lossy(tail)))
}

/// Refuses a configuration from which Kconfig dropped options: a lab without them would skip tests,
/// or fail far away from the cause.
fn refused_options(result: &str) -> Result<(), String> {
    let missing: Vec<&str> = CONFIG
        .lines()
        .filter(|line| line.ends_with("=y") && !result.lines().any(|have| have == *line))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("the kernel's source refuses {}", missing.join(" ")))
    }
}

/// FNV-1a, 64 bits: a name for a cache entry, not a defence.
fn fnv1a(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        // A separator, so that moving a byte from one part to the next changes the key.
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::fnv1a;

    #[test]
    fn each_part_of_the_key_counts() {
        let key = fnv1a(&["a", "b", "c"]);
        for other in [["x", "b", "c"], ["a", "x", "c"], ["a", "b", "x"], ["ab", "", "c"]] {
            assert_ne!(key, fnv1a(&other));
        }
    }
}
