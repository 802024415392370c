//! `HTTP_GET { .. }` and `SSL_GET { .. }`.

use model::lvs::{HttpVersion, RegexOptions, StatusCodes};

use crate::block::global_defs::{keyword, u32_of};
use crate::block::lvs::checker::{CheckerDraft, Own, own};
use crate::block::lvs::{self, id};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Nodes, Range, Table, value, works};
use crate::lang::tree::Shape;
use crate::lang::{Node, Word};
use crate::span::Span;

/// What only these checks have, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct HttpDraft {
    /// `SSL_GET`.
    pub(crate) tls: bool,
    pub(crate) urls: Vec<UrlDraft>,
    pub(crate) virtualhost: Option<Box<str>>,
    pub(crate) version: HttpVersion,
    pub(crate) enable_sni: bool,
    pub(crate) sni_name: Option<Box<str>>,
    pub(crate) fast_recovery: bool,
    pub(crate) tls_compliant: bool,
}

/// `url` as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UrlDraft {
    pub(crate) span: Span,
    pub(crate) path: Option<Box<str>>,
    pub(crate) digest: Option<[u8; 16]>,
    /// None set are the usual ones.
    pub(crate) status: StatusCodes,
    pub(crate) virtualhost: Option<Box<str>>,
    pub(crate) tls_compliant: Option<bool>,
    pub(crate) regex: RegexDraft,
}

/// `regex` and its kin as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RegexDraft {
    pub(crate) pattern: Option<Box<str>>,
    pub(crate) inverted: bool,
    pub(crate) options: RegexOptions,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
    pub(crate) stack: Option<(u32, u32)>,
}

const RETRIES: Range = Range::new(0, u32::MAX as i64, "");

/// The keywords of both checks.
pub(crate) const OWN: &[Keyword<CheckerDraft>] = &[
    keyword!("nb_get_retry", Kind::Line("NUMBER", nb_get_retry), "retry", "the older name of retry"),
    keyword!(
        "virtualhost",
        Kind::Line("NAME", |c, node, cx| {
            let name = lvs::text(node, cx, "HTTP_GET virtualhost name missing");
            own!(c, Http, |http| http.virtualhost = name.or(http.virtualhost.take()));
        }),
        "that of the real server",
        "the name that is asked for"
    ),
    keyword!("http_protocol", Kind::Line("1.0 | 1.0C | 1.1", version), "1.0", "version of the requests"),
    keyword!(
        "enable_sni",
        Kind::Switch(|c, on| own!(c, Http, |http| http.enable_sni = on)),
        "off",
        "name the host in the greeting of TLS"
    ),
    keyword!(
        "sni_name",
        Kind::Line("[NAME]", |c, node, _| {
            let name = node.words.first().map(|word| word.text.as_str().into());
            own!(c, Http, |http| (http.enable_sni, http.sni_name) = (true, name));
        }),
        "virtualhost",
        "that name",
        "after 2.2.7"
    ),
    keyword!(
        "fast_recovery",
        Kind::Switch(|c, on| own!(c, Http, |http| http.fast_recovery = on)),
        "off",
        "no delay between the pages while the server is down"
    ),
];

/// `url` of `HTTP_GET`.
pub(crate) const HTTP_URL: &[Keyword<CheckerDraft>] = &[keyword!(
    "url",
    Kind::Block("", id::HTTP_URL, |c, node, nodes, cx| url(&URL, c, node, nodes, cx)),
    "",
    "a page; all must be good"
)];

/// What only `SSL_GET` has.
pub(crate) const SSL_OWN: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "url",
        Kind::Block("", id::SSL_URL, |c, node, nodes, cx| url(&SSL_URL, c, node, nodes, cx)),
        "",
        "a page; all must be good"
    ),
    keyword!(
        "tls_compliant",
        Kind::Switch(|c, on| own!(c, Http, |http| http.tls_compliant = on)),
        "off",
        "end TLS as the RFC says",
        "after 2.2.7"
    ),
];

pub(crate) const URL: Table<UrlDraft> =
    Table { path: "virtual_server/real_server/HTTP_GET/url", id: id::HTTP_URL, keywords: &[works(URL_OWN)] };

pub(crate) const SSL_URL: Table<UrlDraft> = Table {
    path: "virtual_server/real_server/SSL_GET/url",
    id: id::SSL_URL,
    keywords: &[works(URL_OWN), works(SSL_URL_OWN)],
};

const SSL_URL_OWN: &[Keyword<UrlDraft>] = &[keyword!(
    "tls_compliant",
    Kind::Switch(|u, on| u.tls_compliant = Some(on)),
    "that of the check",
    "end TLS as the RFC says",
    "after 2.2.7"
)];

const URL_OWN: &[Keyword<UrlDraft>] = &[
    keyword!(
        "path",
        Kind::Word("PATH", |u, word, _| u.path = Some(word.text.as_str().into())),
        "",
        "the page"
    ),
    keyword!("digest", Kind::Word("MD5", digest), "", "MD5 of the page, in hexadecimal digits"),
    keyword!("status_code", Kind::Line("NUMBER[-NUMBER] ..", status), "200-299", "statuses that are good"),
    keyword!(
        "virtualhost",
        Kind::Line("NAME", |u, node, cx| {
            let name = lvs::text(node, cx, "Missing HTTP_GET virtualhost name");
            u.virtualhost = name.or(u.virtualhost.take());
        }),
        "that of the check",
        "the name that is asked for"
    ),
    keyword!(
        "regex",
        Kind::Special("PATTERN", Shape::Script, |u, node, cx| {
            if let Some(word) = useful(node, cx) {
                u.regex.pattern = Some(word.text.as_str().into());
            }
        }),
        "",
        "what must be found in the reply, its head included, in the language of PCRE2"
    ),
    keyword!("regex_no_match", Kind::Flag(|u| u.regex.inverted = true), "off", "it must not be found"),
    keyword!("regex_options", Kind::Line("OPTION ..", options), "", "options of PCRE2"),
    keyword!(
        "regex_min_offset",
        Kind::Line("BYTES", |u, node, cx| u.regex.min = offset(node, 0, cx).unwrap_or(u.regex.min)),
        "0",
        "where in the reply, its head included, it may start at the earliest"
    ),
    keyword!(
        "regex_max_offset",
        Kind::Line("BYTES", |u, node, cx| u.regex.max = offset(node, 0, cx).or(u.regex.max)),
        "",
        "where in the reply, its head included, it may start at the latest"
    ),
    keyword!("regex_stack", Kind::Line("START MAX", stack), "that of PCRE2", "bytes of stack for the search"),
];

fn nb_get_retry(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::DEPRECATED, "`nb_get_retry` is an old name")
        .at(node.keyword.span)
        .label("still understood")
        .help("write `retry`")
        .log("nb_get_retry is deprecated - please use 'retry'");
    cx.report(d);
    match node.words.first() {
        None => cx.missing(node, 2),
        Some(word) => {
            if let Some(n) = cx.number("nb_get_retry", word, RETRIES) {
                checker.timing.retry = Some(u32_of(n));
            }
        }
    }
}

fn version(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = lvs::text(node, cx, "Missing http_protocol version") else { return };
    let version = match &*word {
        "1.0" => HttpVersion::V1_0,
        "1.0C" | "1.0c" => HttpVersion::V1_0Close,
        "1.1" => HttpVersion::V1_1,
        other => {
            let d = Diagnostic::new(Code::VALUE, format!("`{other}` is not a version that can be asked for"))
                .at(node.line)
                .label("ignored")
                .help("write `1.0`, `1.0C` or `1.1`")
                .log(format!("Invalid http_protocol version {other}"));
            cx.report(d);
            return;
        }
    };
    own!(checker, Http, |http| http.version = version);
}

fn url(
    table: &Table<UrlDraft>,
    checker: &mut CheckerDraft,
    node: &Node,
    nodes: &mut Nodes<'_, '_>,
    cx: &mut Cx<'_>,
) {
    let mut url = UrlDraft {
        span: node.keyword.span,
        path: None,
        digest: None,
        status: StatusCodes::NONE,
        virtualhost: None,
        tls_compliant: None,
        regex: RegexDraft::default(),
    };
    table.apply(&mut url, nodes, cx);
    if url.path.is_none() {
        let d = Diagnostic::new(Code::VALUE, "this `url` has no path")
            .at(url.span)
            .label("it is ignored")
            .help("add `path /PAGE`")
            .log("HTTP/SSL_GET checker url has no path - ignoring");
        cx.report(d);
        return;
    }
    own!(checker, Http, |http| http.urls.push(url));
}

/// A check without pages is none.
pub(crate) fn finish(checker: CheckerDraft, cx: &mut Cx<'_>) -> Option<CheckerDraft> {
    if matches!(&checker.own, Own::Http(http) if !http.urls.is_empty()) {
        return Some(checker);
    }
    let d = Diagnostic::new(Code::VALUE, "this check asks for no page")
        .at(checker.span)
        .label("it is ignored")
        .help("add `url { path / }`")
        .log("HTTP/SSL_GET checker has no urls specified - ignoring");
    cx.report(d);
    None
}

fn digest(url: &mut UrlDraft, word: &Word, cx: &mut Cx<'_>) {
    let text = word.text.as_str();
    let mut digest = [0; 16];
    let mut digits = text.chars();
    let mut read = || {
        for byte in &mut digest {
            let mut digit = || digits.next()?.to_digit(16).and_then(|n| u8::try_from(n).ok());
            *byte = digit()? << 4 | digit()?;
        }
        Some(())
    };
    if text.len() == 32 && read().is_some() {
        url.digest = Some(digest);
        return;
    }
    let log = match text.chars().position(|c| !c.is_ascii_hexdigit()) {
        Some(at) if text.len() == 32 => {
            let even = at / 2 * 2;
            format!("Unable to interpret hex digit in '{text}' at offset {even}/{}", even + 1)
        }
        _ => format!("digest '{text}' character length should be 32 rather than {}", text.len()),
    };
    let d = Diagnostic::new(Code::VALUE, format!("`{text}` is not an MD5 digest"))
        .at(word.span)
        .label("ignored")
        .help("write 32 hexadecimal digits, as `genhash` prints them")
        .log(log);
    cx.report(d);
}

fn status(url: &mut UrlDraft, node: &Node, cx: &mut Cx<'_>) {
    for word in &node.words {
        let (first, last) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let known = |n: &u16| (StatusCodes::MIN..=StatusCodes::MAX).contains(n);
            text.parse::<u16>().ok().filter(|n| digits && known(n))
        };
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => url.status.insert(first, last),
            _ => {
                let d = Diagnostic::new(
                    Code::VALUE,
                    format!("`{}` is not a status or a range of them", word.text),
                )
                .at(word.span)
                .label("ignored")
                .help("write numbers from 100 to 599, such as `200-299 404`")
                .log(format!("Invalid HTTP_GET status code '{}'", word.text));
                cx.report(d);
            }
        }
    }
}

/// keepalived says nothing about what it cannot use of a pattern's keywords; we do, and go on.
fn useless(node: &Node, cx: &mut Cx<'_>, help: &str) {
    let d =
        Diagnostic::new(Code::POINTLESS, format!("`{}` has no value that can be used", node.keyword.text));
    cx.report(d.at(node.line).label("ignored").help(help));
}

fn useful<'n>(node: &'n Node, cx: &mut Cx<'_>) -> Option<&'n Word> {
    let word = node.words.first();
    if word.is_none() {
        useless(node, cx, "add a value, or remove the line");
    }
    word
}

fn options(url: &mut UrlDraft, node: &Node, cx: &mut Cx<'_>) {
    for word in &node.words {
        if !url.regex.options.insert(&word.text) {
            let help = value::nearest(&word.text, RegexOptions::NAMES.iter().copied()).map_or_else(
                || "see the manual of PCRE2".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let d =
                Diagnostic::new(Code::POINTLESS, format!("`{}` is not an option of a pattern", word.text));
            cx.report(d.at(word.span).label("ignored").help(help));
        }
    }
}

/// The number at `place` among the words.
fn offset(node: &Node, place: usize, cx: &mut Cx<'_>) -> Option<u32> {
    let number = node.words.get(place).and_then(|word| word.text.parse().ok());
    if number.is_none() {
        useless(node, cx, "write a number of bytes");
    }
    number
}

fn stack(url: &mut UrlDraft, node: &Node, cx: &mut Cx<'_>) {
    let (Some(start), Some(max)) = (offset(node, 0, cx), offset(node, 1, cx)) else { return };
    if start > max {
        useless(node, cx, "write the smaller number first");
        return;
    }
    url.regex.stack = Some((start, max));
}
