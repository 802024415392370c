//! Lines about results of checks.

use engine::lvs::io::Failure;
use engine::lvs::names;
use linux::Errno;
use model::lvs::{Checker, Http, Probe};

use super::Place;
use crate::log::Line;

/// How a check ended, and what that means.
pub struct Result<'a> {
    /// Why it failed.
    pub failure: Option<&'a Failure>,
    /// So many failures in a row.
    pub failures: u32,
    /// Whether it counted as passing before.
    pub was: bool,
    /// Whether its verdict changed.
    pub changed: bool,
}

/// The lines that tell of it: first what happened, then the verdict.
pub fn checked(place: &Place<'_>, checker: &Checker, url: usize, result: &Result<'_>) -> Vec<Line> {
    if let Probe::Misc(check) = &checker.probe {
        return vec![Line::info(misc(place, checker, &check.command.text, result))];
    }
    if let Probe::Bfd(id) = checker.probe {
        let name = place.lvs.bfds.get(id.index()).map_or("?", |name| &**name);
        let state = if result.failure.is_none() { "UP" } else { "DOWN" };
        return vec![Line::info(format!("BFD check of [{name}] RS({}) is {state}", place.name))];
    }
    if let Probe::File(check) = &checker.probe {
        let file = place.lvs.files.get(check.file.index()).map_or("?", |file| &*file.name);
        let state = if result.failure.is_none() { "leaving" } else { "now" };
        // What was taken for granted is no news.
        let news = result.was == result.failure.is_some();
        let line = || Line::info(format!("({}): tracked file {file} {state} FAULT state", place.name));
        return news.then(line).into_iter().collect();
    }
    let Some(failure) = result.failure else { return passed(place, checker, url, result) };
    // One that is down already fails without a word.
    let last_words = result.changed && matches!(checker.probe, Probe::Smtp(..) | Probe::Dns(..));
    let each =
        checker.schedule.log_all_failures && (result.changed || result.failures <= checker.schedule.retry);
    let reason = reason(place, &checker.probe, failure, result).filter(|_| last_words || each);
    let mut lines: Vec<Line> = reason.map(Line::info).into_iter().collect();
    if let (Some(verdict), true) = (verdict(place, &checker.probe, result.failures), result.changed) {
        // keepalived has no word for the first failure of one of HTTP with alpha.
        let silent = !result.was && matches!(checker.probe, Probe::Http(..) | Probe::Ssl(..));
        lines.extend((!silent).then(|| Line::info(verdict)));
        let why = explain(&checker.probe, url, failure);
        let mut explained = Line::info(format!("{} {}: {why}", checker.probe.keyword(), place.name));
        // One more `-D` than keepalived's own detail: no rule expects it.
        explained.detail = 2;
        lines.push(explained);
    }
    lines
}

fn passed(place: &Place<'_>, checker: &Checker, url: usize, result: &Result<'_>) -> Vec<Line> {
    let name = &place.name;
    let text = match &checker.probe {
        Probe::Tcp(_) => format!("TCP connection to {name} success."),
        Probe::Ping(_) => format!("ICMP connection to {name} success."),
        Probe::Udp(..) => format!("UDP connection to {name} success."),
        Probe::Smtp(..) => format!("Remote SMTP server {name} succeed on service."),
        Probe::Http(_, http) | Probe::Ssl(_, http) => {
            // Of each url only as long as not all are known to be well.
            let path = http.urls.get(url).map_or("?", |url| &*url.path);
            let one = || format!("{} success to {name} url({path})", judged(http, url));
            let all = || format!("Remote Web server {name} succeed on service.");
            let lines = [(!result.was).then(one), result.changed.then(all)];
            return lines.into_iter().flatten().map(Line::info).collect();
        }
        Probe::Dns(..) | Probe::Misc(_) | Probe::File(_) | Probe::Bfd(_) => return Vec::new(),
    };
    vec![Line::info(text)]
}

/// What an answer was judged by last.
fn judged(http: &Http, url: usize) -> &'static str {
    match http.urls.get(url) {
        Some(url) if url.regex.is_some() => "Regex match",
        Some(url) if url.digest.is_some() => "MD5 digest",
        _ => "HTTP status code",
    }
}

/// `X_CHECK on service RS failed after N retries.`, where keepalived has such a line.
fn verdict(place: &Place<'_>, probe: &Probe, failures: u32) -> Option<String> {
    let name = &place.name;
    let after = after(failures);
    let what = match probe {
        Probe::Tcp(_) => "TCP_CHECK",
        Probe::Udp(..) => "UDP_CHECK",
        Probe::Http(..) => "HTTP_CHECK",
        Probe::Ssl(..) => "SSL_CHECK",
        Probe::Ping(_) if !after.is_empty() => {
            return Some(format!("ICMP CHECK on service {name} of {} failed{after}.", place.service));
        }
        Probe::Ping(_) => "ICMP CHECK",
        // Its last words are those of the failure itself.
        Probe::Smtp(..) | Probe::Dns(..) | Probe::Misc(_) | Probe::File(_) | Probe::Bfd(_) => return None,
    };
    Some(format!("{what} on service {name} failed{after}."))
}

/// ` after N retries`, if there were any.
fn after(failures: u32) -> String {
    match failures.saturating_sub(1) {
        0 => String::new(),
        n => format!(" after {n} retries"),
    }
}

/// keepalived's line for a failure of a kind of check.
fn reason(place: &Place<'_>, probe: &Probe, failure: &Failure, result: &Result<'_>) -> Option<String> {
    let name = &place.name;
    match probe {
        Probe::Tcp(_) => Some(match failure {
            Failure::ConnectTimeout => format!("TCP connection to {name} timeout."),
            _ => format!("TCP connection to {name} failed."),
        }),
        Probe::Udp(..) => Some(match failure {
            Failure::Mismatch => format!("UDP check to {name} reply data mismatch."),
            _ => format!("UDP connection to {name} failed."),
        }),
        Probe::Ping(_) => Some(match failure {
            Failure::ReadTimeout | Failure::ConnectTimeout => {
                format!("ICMP connection to address {name} timeout.")
            }
            _ => format!("ICMP connection to {name} of {} failed.", place.service),
        }),
        Probe::Dns(..) => {
            let after = if result.changed { after(result.failures) } else { String::new() };
            Some(format!("DNS_CHECK ({name}) {}{after}", dns(failure)))
        }
        // It may ask another host than the server.
        Probe::Smtp(to, ..) => {
            Some(format!("SMTP_CHECK {} server [{}]:{}", names::smtp_failure(failure), to.address, to.port))
        }
        Probe::Http(..) => Some(format!("{} server {name}.", web(failure, "Timeout HTTP read"))),
        Probe::Ssl(..) => Some(format!("{} server {name}.", web(failure, "Timeout SSL read"))),
        Probe::Misc(_) | Probe::File(_) | Probe::Bfd(_) => None,
    }
}

fn dns(failure: &Failure) -> String {
    match failure {
        Failure::ReadTimeout | Failure::ConnectTimeout => "read timeout from socket".to_owned(),
        Failure::Rcode(code) => format!("read error occurred. (rcode = {code})"),
        Failure::Connect { .. } => "connection error.".to_owned(),
        Failure::Read { errno } if *errno != 0 => {
            format!("failed to read socket; errno {errno} ({})", Errno::from_raw(*errno).desc())
        }
        _ => "read error occurred.".to_owned(),
    }
}

fn web(failure: &Failure, read_timeout: &'static str) -> &'static str {
    match failure {
        Failure::ConnectTimeout => "Timeout connecting",
        Failure::Connect { .. } => "Connection failed",
        Failure::Tls(_) => "SSL handshake/communication error connecting to",
        Failure::Send { .. } => "Cannot send get request to",
        Failure::ReadTimeout => read_timeout,
        Failure::NoData => "Read, no data received from ",
        Failure::Status(_) => "HTTP status code error to",
        Failure::Digest => "MD5 digest error to",
        Failure::Regex => "Regex match failed",
        _ => "Read error with",
    }
}

/// `Misc check for [RS VS VS] by [SCRIPT] failed after 2 retries (exited with status 1).`
fn misc(place: &Place<'_>, checker: &Checker, script: &str, result: &Result<'_>) -> String {
    let (what, detail) = match result.failure {
        None => ("succeeded", None),
        Some(Failure::TimedOut) => ("timed out", None),
        Some(Failure::Exited(status)) => ("failed", Some(format!("exited with status {status}"))),
        Some(Failure::Signaled(signal)) => ("failed", Some(format!("due to signal {signal}"))),
        Some(_) => ("failed", Some("it could not be run".to_owned())),
    };
    let limit = checker.schedule.retry;
    let retries = match result.failure {
        None => String::new(),
        Some(_) => match (limit, result.failures.saturating_sub(1), result.changed) {
            (0, ..) => " with retry disabled".to_owned(),
            (_, 0, true) => String::new(),
            (_, n, true) => format!(" after {n} {}", plural(n)),
            (_, 0, false) => format!(", will do {limit} {}", plural(limit)),
            (_, n, false) => format!(" on retry {n}/{limit}"),
        },
    };
    let detail = detail.map(|d| format!(" ({d})")).unwrap_or_default();
    format!("Misc check for [{} VS {}] by [{script}] {what}{retries}{detail}.", place.name, place.service)
}

fn plural(n: u32) -> &'static str {
    if n == 1 { "retry" } else { "retries" }
}

/// The whole cause, in plain words.
fn explain(probe: &Probe, url: usize, failure: &Failure) -> String {
    let errno = |n: i32| Errno::from_raw(n).desc();
    let seconds = probe.connect().map_or_else(String::new, |to| format!(" within {}", to.timeout));
    let what = match failure {
        Failure::ConnectTimeout => format!("no connection{seconds}"),
        Failure::Connect { errno: n } => format!("no connection: {}", errno(*n)),
        Failure::Tls(why) => format!("no TLS: {why}"),
        Failure::Send { errno: n } => format!("the request could not be sent: {}", errno(*n)),
        Failure::ReadTimeout => format!("no whole answer{seconds}"),
        Failure::Read { errno: 0 } => "the connection broke while the answer was read".to_owned(),
        Failure::Read { errno: n } => format!("the answer could not be read: {}", errno(*n)),
        Failure::NoData => "the connection ended before there was an answer".to_owned(),
        Failure::Malformed(why) => format!("the answer makes no sense: {why}"),
        Failure::Status(status) => format!("status {status}"),
        Failure::Digest => "another digest than the one that is wanted".to_owned(),
        Failure::Regex => "the pattern decided against it".to_owned(),
        Failure::Reply { step, code: Some(code) } => format!("reply {code} to {step}"),
        Failure::Reply { step, code: None } => format!("no reply code to {step}"),
        Failure::Rcode(code) => format!("response code {code}"),
        Failure::Mismatch => "another reply than the one that is wanted".to_owned(),
        Failure::Exited(status) => format!("exit status {status}"),
        Failure::Signaled(signal) => format!("ended by signal {signal}"),
        Failure::TimedOut => "it ran too long".to_owned(),
        Failure::NotStarted => "it could not be started".to_owned(),
        Failure::Told => "what it follows says so".to_owned(),
    };
    match probe {
        Probe::Http(_, http) | Probe::Ssl(_, http) if http.urls.len() > 1 => {
            let path = http.urls.get(url).map_or("?", |url| &*url.path);
            format!("{what} (url {path})")
        }
        _ => what,
    }
}
