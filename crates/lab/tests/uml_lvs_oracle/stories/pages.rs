//! What of a page and of TLS counts.

use lab::Result;

use crate::Story;
use crate::conf::{check, each, global, real_at, service, url};
use crate::servers::Answer::{Hello, Http, Raw};
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-status-codes-digests-and-patterns-of-pages", pages),
    ("lvs-pages-that-are-not-as-a-server-should-send-them", odd),
    ("lvs-ssl-get-greets-with-the-name-of-the-host", names),
    ("lvs-ssl-get-shows-its-certificate", certificate),
];

/// `HTTP_GET` of one page.
fn get(path: &str, lines: &str) -> String {
    check("HTTP_GET", &format!("retry 0\n {}", url(path, lines)))
}

/// One check for each way to look at a page, and who of them is content.
fn pages(s: &mut Stage) -> Result<()> {
    const TEXT: &str = "First Line\nsecond line\nThird x=1\n";
    let pages = [
        ("/200", 200, "fine\n"),
        ("/204", 204, ""),
        ("/207", 207, "fine\n"),
        ("/299", 299, "fine\n"),
        ("/302", 302, "fine\n"),
        ("/404", 404, "fine\n"),
        ("/599", 599, "fine\n"),
        ("/text", 200, TEXT),
    ];
    let some = "status_code 200 204-206 404";
    let digest = "digest 9fba564e229a2c83496c7ee12d96bb64";
    let mut all: Vec<(&str, String)> = [
        ("/204", some),
        ("/207", some),
        ("/404", some),
        ("/299", ""),
        ("/302", ""),
        ("/599", "status_code 599"),
        ("/404", "status_code 200-299\n status_code 404"),
        ("/200", digest),
        ("/200", "digest 9FBA564E229A2C83496C7EE12D96BB64"),
        ("/207", digest),
        ("/404", digest),
        ("/204", "digest d41d8cd98f00b204e9800998ecf8427e"),
        ("/text", digest),
        ("/200", "digest 9fba564e229a2c83496c7ee12d96bb64\n regex \"fine\""),
        ("/200", "digest 9fba564e229a2c83496c7ee12d96bb64\n regex \"wine\""),
    ]
    .map(|(path, lines)| (path, lines.to_owned()))
    .to_vec();
    let patterns = [
        ("second", ""),
        ("SECOND", ""),
        ("SECOND", "regex_options caseless"),
        ("^second", ""),
        ("^second", "regex_options multiline"),
        ("First.*second", ""),
        ("First.*second", "regex_options dotall"),
        ("FIRST.*second", "regex_options dotall caseless"),
        ("sec ond", ""),
        ("sec ond", "regex_options extended"),
        ("x=\\\\d", ""),
        ("x=1$", ""),
        ("x=1$", "regex_options dollar_endonly"),
        ("third|Line", "regex_options firstline"),
        ("second", "regex_options firstline"),
        ("\\\\Asecond", ""),
        ("(?i)SECOND", ""),
        ("no such thing", "regex_no_match"),
        ("line", "regex_no_match"),
        ("Third", "regex_max_offset 10"),
        ("Third", "regex_max_offset 23"),
        ("First", "regex_min_offset 1"),
        ("ine", "regex_min_offset 9"),
        ("second", "regex_min_offset 11\n regex_max_offset 11"),
        ("second", "regex_stack 1024 65536"),
        ("second", "regex_options nonsense"),
        ("^First", ""),
        ("First", "regex_max_offset 0"),
        ("First", "regex_max_offset 1"),
        ("First", "regex_max_offset 44"),
        ("First", "regex_max_offset 45"),
        ("First", "regex_max_offset 46"),
        ("First", "regex_min_offset 44"),
        ("First", "regex_min_offset 45"),
        ("First", "regex_min_offset 46"),
        ("Third", "regex_max_offset 60"),
        ("Third", "regex_max_offset 67"),
        ("Third", "regex_max_offset 68"),
        ("Third", "regex_max_offset 69"),
        ("x=1\\n", ""),
        ("Third.*", ""),
        ("First.*?second", "regex_options dotall"),
        ("Line", "regex_options firstline"),
        ("Whatever", ""),
    ];
    all.extend(patterns.map(|(pattern, lines)| ("/text", format!("regex \"{pattern}\"\n {lines}"))));
    let mut servers = Vec::new();
    // Each has a port of its own, which tells who is meant.
    for ((path, lines), port) in all.iter().zip(8001..) {
        s.open_at(&format!("10.0.0.21:{port}"), Http(pages.to_vec()))?;
        servers.push(real_at(&format!("10.0.0.21 {port}"), &get(path, lines)));
    }
    s.start(&(global("") + &each("TCP", &servers)))?;
    s.rest(2.5)
}

/// Replies that are not quite of HTTP.
fn odd(s: &mut Stage) -> Result<()> {
    let replies: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfine\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nfine\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nfine\nand more",
        b"HTTP/1.0 200 OK\r\nContent-Length: 50\r\n\r\nfine\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nfine\nand more",
        b"HTTP/1.0 200\r\n\r\nfine\n",
        b"HTTP/1.0 200 \r\n\r\nfine\n",
        b"HTTP/1.0 200 OK\n\nfine\n",
        b"ICY 200 OK\r\n\r\nfine\n",
        b"HTTP/1.0 2000 OK\r\n\r\nfine\n",
        b"HTTP/1.0  200 OK\r\n\r\nfine\n",
        b"HTTP/9.9 200 OK\r\n\r\nfine\n",
        b"HTTP/1.0 20 OK\r\n\r\nfine\n",
        b"HTTP/1.0 200 OK\r\nA: b",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nfine\n",
        b"fine\n",
        b"",
    ];
    let ports = (8001_u16..).take(replies.len());
    let mut servers = Vec::new();
    for (reply, port) in replies.iter().zip(ports) {
        s.open_at(&format!("10.0.0.21:{port}"), Raw(reply))?;
        let at = format!("10.0.0.21 {port}");
        servers.push(real_at(&at, &get("/", "")));
        servers.push(real_at(&at, &get("/", "digest 9fba564e229a2c83496c7ee12d96bb64")));
        servers.push(real_at(&at, &get("/", "regex \"fine\"")));
    }
    s.start(&(global("") + &each("TCP", &servers)))?;
    s.rest(2.5)?;
    s.rest(7.5)
}

/// The name in the greeting, from each level; nobody answers it.
fn names(s: &mut Stage) -> Result<()> {
    s.listen();
    (1..=6).try_for_each(|n| s.open_at(&format!("10.0.0.2{n}:443"), Hello))?;
    (1..=6).try_for_each(|n| s.open_at(&format!("10.0.0.2{n}:444"), Hello))?;
    let get = |lines: &str, of_url: &str| {
        let lines = format!("retry 0\n {lines}\n {}", url("/", of_url));
        check("SSL_GET", &lines)
    };
    let of = |n: u8, port: u16, lines: &str, server: &str| {
        service(&format!("192.0.2.10 {port}{n}"), lines, &[real_at(&format!("10.0.0.2{n} {port}"), server)])
    };
    let host = "virtualhost of.service";
    let sni = "enable_sni";
    let conf = [
        of(1, 443, host, &get("", "")),
        of(2, 443, host, &get(sni, "")),
        of(3, 443, host, &format!("virtualhost of.server\n {}", get(sni, ""))),
        of(4, 443, host, &get("enable_sni\n virtualhost of.check", "")),
        of(5, 443, host, &get("enable_sni\n virtualhost of.check", "virtualhost of.url")),
        of(6, 443, "", &get(sni, "")),
        of(1, 444, "", &format!("virtualhost of.server\n {}", get(sni, ""))),
        of(2, 444, "", &get("enable_sni no\n virtualhost of.check", "")),
        of(3, 444, "", &get("enable_sni yes", "virtualhost of.url:8443")),
        of(4, 444, "", &get("enable_sni true\n virtualhost 10.0.0.24", "")),
    ];
    s.start(&(global("") + &conf.concat()))?;
    s.rest(4.5)
}

/// Two servers, of which one wants a certificate of who asks.
fn certificate(s: &mut Stage) -> Result<()> {
    let openssl = |node: &lab::Node, line: &str| {
        node.run("openssl", &line.split_whitespace().collect::<Vec<_>>()).map(drop)
    };
    let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 9 -subj /CN=lab";
    openssl(&s.farm, &format!("{make} -nodes -keyout /run/key -out /run/cert"))?;
    openssl(&s.director, &format!("{make} -passout pass:secret -keyout /run/own.key -out /run/own.cert"))?;
    let serve = |n: u8, lines: &str| {
        let line =
            format!("s_server -quiet -accept 10.0.0.2{n}:443 -key /run/key -cert /run/cert -www {lines}");
        s.farm.spawn("tls", "openssl", &line.split_whitespace().collect::<Vec<_>>())
    };
    let _servers = (serve(1, "")?, serve(2, "-Verify 2")?);
    let get = "SSL_GET {\n connect_timeout 2\n retry 0\n delay_before_retry 1\n url {\n path /\n \
               status_code 200\n }\n }";
    let services = |names: &[u8]| {
        let of =
            |n: &u8| service(&format!("192.0.2.10 44{n}"), "", &[real_at(&format!("10.0.0.2{n} 443"), get)]);
        names.iter().map(of).collect::<String>()
    };
    let ssl =
        "SSL {\n password secret\n ca /run/own.cert\n certificate /run/own.cert\n key /run/own.key\n}\n";
    s.start(&(global("") + &services(&[1, 2])))?;
    s.until(4.0);
    s.reload(&(global("") + ssl + &services(&[1, 2])))?;
    s.rest(12.5)
}
