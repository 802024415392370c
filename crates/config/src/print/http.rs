//! What only `HTTP_GET` and `SSL_GET` have.

use model::lvs::{Checker, Http, HttpVersion, Offsets, Probe, Regex, Sni, StatusCodes, Url};

use super::tree::{Lines, Words, script};

fn http(checker: &Checker) -> Option<&Http> {
    match &checker.probe {
        Probe::Http(_, http) | Probe::Ssl(_, http) => Some(http),
        _ => None,
    }
}

/// The name that pages without one of their own are asked by.
fn host_of_pages(http: &Http) -> Option<Option<&str>> {
    http.urls.iter().find(|url| !url.own_host).map(|url| url.host.as_deref())
}

/// The name in the greeting of TLS, if it is another one than that of the pages. It then comes from the
/// service, and that of the pages from the server.
fn other_sni(http: &Http) -> Option<Option<&str>> {
    let Sni::VirtualHost(name) = &http.sni else { return None };
    host_of_pages(http).filter(|pages| *pages != name.as_deref()).map(|_| name.as_deref())
}

/// `virtualhost` that the real server must have.
pub(super) fn host_of_server(checker: &Checker) -> Option<&str> {
    let http = http(checker)?;
    other_sni(http)?;
    host_of_pages(http)?
}

/// `virtualhost` that the virtual server must have.
pub(super) fn host_of_service(checker: &Checker) -> Option<&str> {
    other_sni(http(checker)?)?
}

pub(super) fn lines(http: &Http, out: &mut Lines) {
    let Http { urls, version, sni, fast_recovery } = http;
    let own = match (other_sni(http), sni) {
        (Some(_), _) => None,
        (None, Sni::VirtualHost(name)) => name.as_deref(),
        (None, Sni::Off | Sni::Name(_)) => host_of_pages(http).flatten(),
    };
    out.word("virtualhost", own);
    match version {
        HttpVersion::V1_0 => {}
        HttpVersion::V1_0Close => out.line("http_protocol", "1.0C"),
        HttpVersion::V1_1 => out.line("http_protocol", "1.1"),
    }
    match sni {
        Sni::Off => {}
        Sni::VirtualHost(_) => out.line("enable_sni", ""),
        Sni::Name(name) => out.word("sni_name", Some(name)),
    }
    out.flag("fast_recovery", *fast_recovery);
    for one in urls {
        out.block("url", "", url(one));
    }
}

fn url(url: &Url) -> Lines {
    let Url { path, host, own_host, status, digest, regex, tls_compliant } = url;
    let mut block = Lines::default();
    block.word("path", Some(path));
    block.word("virtualhost", host.as_deref().filter(|_| *own_host));
    if *status != StatusCodes::success() {
        let mut words = Words::default();
        for (first, last) in status.ranges() {
            if first == last {
                words.add(first);
            } else {
                words.add(format!("{first}-{last}"));
            }
        }
        block.line("status_code", words.into_text());
    }
    block.some("digest", digest.map(|md5| md5.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    if let Some(regex) = regex {
        let Regex { pattern, inverted, options, offsets, stack } = &**regex;
        let Offsets { min, max } = offsets;
        block.line("regex", script(pattern));
        block.flag("regex_no_match", *inverted);
        let options: Vec<&str> = options.names().collect();
        if !options.is_empty() {
            block.line("regex_options", options.join(" "));
        }
        block.unless(0, "regex_min_offset", *min);
        block.some("regex_max_offset", *max);
        block.some("regex_stack", stack.map(|(start, max)| format!("{start} {max}")));
    }
    block.flag("tls_compliant", *tls_compliant);
    block
}
