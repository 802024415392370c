//! `cargo xtask demo`: builds vipd and shows a failover.

use std::process::Command;

use crate::apt;

/// What the demo calls: `ip`, to delete an address by hand.
const PACKAGES: &[&str] = &["iproute2"];

/// Entry point.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    apt::ensure(apt::BUILD)?;
    apt::ensure(PACKAGES)?;
    let root = crate::workspace_root();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["run", "--release", "--package", "vipd", "--", "demo"])
        .args(args)
        .status()
        .map_err(|e| format!("cargo run: {e}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
