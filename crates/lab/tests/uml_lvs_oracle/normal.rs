//! Lines of the log and mails without what differs from run to run.

/// What says something about the process or the machine, not about load balancing.
const OWN: &[&str] = &[
    "Starting Keepalived",
    "Stopped Keepalived",
    "Running on",
    "Command line:",
    "Stopped",
    "CPU usage",
    "Configuration file",
    "Starting Healthcheck child",
    "Starting VRRP child",
    "Starting scripts child",
    "Startup complete",
    "Stopping",
    "Opening file",
    "Got SIG",
    "Reloading",
    "Reload complete",
    "NOTICE: setting config option max_auto_priority",
    "Registering Kernel netlink",
    "(VI_1)",
    "Sending gratuitous ARP",
    "Assigned address",
    "VRRP sockpool",
    "Registering gratuitous ARP",
];

/// A line of the log as it is compared, if it is.
pub(crate) fn line(line: &str) -> Option<String> {
    /// `Tue Nov 14 22:13:20 2023: `
    const STAMP: usize = 26;
    let text = line.get(STAMP..)?;
    let own = text.is_empty() || text.starts_with("  ") || OWN.iter().any(|own| text.starts_with(own));
    (!own).then(|| without_file(text).to_owned())
}

/// A complaint about the configuration without its path, which only one of both tells: `(Line 3) ..`.
fn without_file(text: &str) -> &str {
    match text.split_once(": Line ") {
        Some((file, _)) if file.starts_with('(') && !file.contains(' ') => {
            text.get(file.len() + 2..).unwrap_or(text)
        }
        _ => text.strip_prefix('(').filter(|t| t.starts_with("Line ")).unwrap_or(text),
    }
}

/// A mail as it is compared: envelope, subject and body.
pub(crate) fn mail(lines: &[String]) -> String {
    let kept = lines.iter().filter(|l| !l.starts_with("Date:") && !l.starts_with("X-Mailer:"));
    // An empty line at the end says nothing. Who may encrypt asks for it with the longer greeting.
    kept.map(|l| l.replace("EHLO ", "HELO "))
        .collect::<Vec<_>>()
        .join(" | ")
        .trim_end_matches([' ', '|'])
        .to_owned()
}
