//! Debian packages that building and the lab need: installed by name when missing and we may.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What building vipd needs besides the compiler: the libraries of its health checks. None of the
/// commands here needs them to be built itself.
pub(crate) const BUILD: &[&str] = &["libssl-dev", "libpcre2-dev", "pkg-config"];

/// `cargo xtask packages`.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    if !args.is_empty() {
        return Err("usage: cargo xtask packages".to_owned());
    }
    ensure(BUILD).map(|()| 0)
}

/// While this script is there and fails, no package starts its service on installation.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs those of `packages` that are missing.
///
/// # Errors
/// Says which packages are missing when this user cannot install them, or when apt fails.
pub(crate) fn ensure(packages: &[&str]) -> Result<(), String> {
    let missing: Vec<&str> = packages.iter().copied().filter(|p| !installed(p)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !nix::unistd::geteuid().is_root() {
        return Err(format!("these Debian packages are missing, and only root can install them: {list}"));
    }
    eprintln!("installing {list}");
    let own_policy = !Path::new(POLICY).exists();
    if own_policy {
        forbid_services().map_err(|e| format!("{POLICY}: {e}"))?;
    }
    // The lists may be missing on a fresh machine, or too old to find the package's version.
    let result = apt_get(&["update", "-qq"]).and_then(|()| {
        let mut args = vec!["install", "-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"];
        args.extend(&missing);
        apt_get(&args)
    });
    if own_policy {
        fs::remove_file(POLICY).map_err(|e| format!("{POLICY}: {e}"))?;
    }
    result
}

/// Whether dpkg says that the package is installed.
fn installed(package: &str) -> bool {
    version(package).is_some()
}

/// The installed version of a package.
pub(crate) fn version(package: &str) -> Option<String> {
    let out = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status} ${Version}", package])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    text.strip_prefix("installed ").map(str::to_owned)
}

fn apt_get(args: &[&str]) -> Result<(), String> {
    let status = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        // The closing lines of our own commands belong to standard output.
        .stdout(std::io::stderr())
        .status()
        .map_err(|e| format!("apt-get: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("apt-get {}: {status}", args.join(" "))) }
}

fn forbid_services() -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
}
