//! What this build is and has.

/// The version of vipd.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of keepalived whose behaviour this build has. Monitoring tools read it from `-v` to
/// learn which signals and files there are.
pub const COMPATIBLE: &str = "2.4.3";

/// What `-v` lists behind "Config options:": keepalived's names of optional parts, and only those
/// that are really here. Tools search it for `JSON` and the like.
pub const CONFIG_OPTIONS: &[&str] =
    &["VRRP", "VRRP_AUTH", "JSON", "OLD_CHKSUM_COMPAT", "FILE_LOGGING", "INIT=systemd", "SYSTEMD_NOTIFY"];

/// The name and version as log lines have it: `Keepalived v2.4.3 (vipd 0.1.0)`.
#[must_use]
pub fn banner() -> String {
    format!("Keepalived v{COMPATIBLE} (vipd {VERSION})")
}

/// The running kernel: name, release and version. The release alone is not enough for a report,
/// since distributions count in the version.
#[must_use]
pub fn kernel() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "Linux".to_owned(),
        |u| {
            let part = |s: &std::ffi::OsStr| s.to_string_lossy().into_owned();
            format!("{} {} {}", part(u.sysname()), part(u.release()), part(u.version()))
        },
    )
}

/// The text of `-v`.
#[must_use]
pub fn text() -> String {
    format!(
        "{}\n\nvipd {VERSION}, which behaves as Keepalived v{COMPATIBLE} where it has the same parts.\n\
         Running on {}\n\nConfig options:  {}\n",
        banner(),
        kernel(),
        CONFIG_OPTIONS.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_find_version_and_options_where_they_look() {
        let text = text();
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("Keepalived v2.") && first.ends_with(')'), "{first}");
        let options = text.lines().find_map(|l| l.strip_prefix("Config options:")).unwrap();
        assert!(options.split(' ').any(|o| o == "JSON"));
    }
}
