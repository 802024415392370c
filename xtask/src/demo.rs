//! `cargo xtask demo [lvs]`: builds vipd and shows a failover, or load balancing.

use std::process::Command;

use crate::apt;
use crate::uml::{self, Clock, Job};

/// What the demo calls: `ip`, to delete an address by hand.
const PACKAGES: &[&str] = &["iproute2"];

/// Entry point. `lvs` runs in user-mode Linux: few kernels have `ip_vs` at hand.
pub(crate) fn command(args: &[String]) -> Result<u8, String> {
    apt::ensure(apt::BUILD)?;
    apt::ensure(PACKAGES)?;
    let root = crate::workspace_root();
    let build = ["build", "--release", "--package", "vipd", "--bin", "vipd", "--message-format"];
    let build: Vec<String> =
        build.into_iter().chain(["json-render-diagnostics"]).map(str::to_owned).collect();
    let (_, vipd) = crate::test::executables(&root, &build)?.pop().ok_or("cargo built no vipd")?;
    if args.first().is_some_and(|word| word == "lvs") {
        let mut job = Job::new(vec![vipd.display().to_string(), "demo".to_owned()]);
        job.command.extend(args.iter().cloned());
        job.clock = Clock::Infinite;
        return job.run(&uml::ensure_kernel()?);
    }
    let status = Command::new(&vipd).current_dir(root).arg("demo").args(args).status();
    let status = status.map_err(|e| format!("{}: {e}", vipd.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
