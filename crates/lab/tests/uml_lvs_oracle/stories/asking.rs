//! What servers are asked, and from where.

use lab::Result;

use crate::Story;
use crate::conf::{check, each, global, real, real_at, service, url};
use crate::servers::Answer::{Datagram, Dns, Http, Silence, Smtp};
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-checks-go-where-they-are-told-and-come-from-there", ways),
    ("lvs-http-get-asks-as-it-is-told", requests),
    ("lvs-names-and-types-of-dns-check", dns),
    ("lvs-udp-check-sends-bytes-and-compares-some", udp),
    ("lvs-smtp-check-greets-by-name-and-has-hosts", smtp),
];

/// The options of a connection, of each kind of check: what the servers see, and whether they are reached.
fn ways(s: &mut Stage) -> Result<()> {
    s.listen();
    for line in [
        "ip address add 10.0.0.12/24 dev eth1",
        "ip address add 10.0.0.13/24 dev eth1",
        "ip address add 2001:db8:1::12/64 dev eth1 nodad",
        // What has this mark has another source.
        "ip route add 10.0.0.0/24 dev eth1 src 10.0.0.13 table 7",
        "ip rule add fwmark 7 lookup 7",
    ] {
        s.run(line)?;
    }
    s.farm.run("nft", &["add table ip t; add chain ip t c { type filter hook input priority 0; }"])?;
    s.farm.run(
        "nft",
        &["add rule ip t c icmp type echo-request ip daddr 10.0.0.25 ip saddr != 10.0.0.12 drop"],
    )?;
    s.farm.run(
        "nft",
        &["add rule ip t c icmp type echo-request ip daddr 10.0.0.26 ip saddr != 10.0.0.13 drop"],
    )?;
    s.open(1, web())?;
    s.open_at("10.0.0.22:8080", web())?;
    s.open_at("10.0.0.23:25", Smtp(220, 250))?;
    s.open_at("[2001:db8:1::21]:80", web())?;
    s.open_udp("10.0.0.21:53", Dns(0))?;
    s.open_udp("10.0.0.22:53", Datagram(b"pong"))?;
    let get =
        |lines: &str| check("HTTP_GET", &format!("retry 0\n {lines}\n {}", url("/", "status_code 200")));
    let tcp = |lines: &str| check("TCP_CHECK", &format!("retry 0\n {lines}"));
    let udp = |lines: &str| check("UDP_CHECK", &format!("retry 0\n require_reply\n {lines}"));
    let dns = |lines: &str| check("DNS_CHECK", &format!("retry 0\n type A\n name lab.example\n {lines}"));
    let smtp = |lines: &str| check("SMTP_CHECK", &format!("retry 0\n helo_name lab\n {lines}"));
    let ping = |lines: &str| check("PING_CHECK", &format!("retry 0\n {lines}"));
    let servers = [
        real(1, &tcp("bindto 10.0.0.12")),
        real(1, &tcp("bindto 10.0.0.12\n bind_port 1111")),
        real(1, &tcp("bind_port 1112")),
        real(1, &tcp("fwmark 7")),
        real(4, &tcp("connect_ip 10.0.0.21")),
        real(4, &tcp("connect_ip 10.0.0.22\n connect_port 8080")),
        real(1, &tcp("bind_if eth1")),
        real(1, &tcp("bind_if eth0")),
        real(1, &tcp("connect_ip 2001:db8:1::21\n bindto 2001:db8:1::12")),
        real_at("10.0.0.22 81", &get("connect_port 8080\n bindto 10.0.0.12\n bind_port 1113")),
        real(4, &get("connect_ip 10.0.0.22\n connect_port 8080\n fwmark 7")),
        real(4, &get("connect_ip 2001:db8:1::21")),
        real(3, &smtp("connect_port 25\n bindto 10.0.0.12")),
        real(4, &smtp("connect_ip 10.0.0.23\n connect_port 25\n fwmark 7\n bind_port 1114")),
        real(5, &ping("bindto 10.0.0.12")),
        real(5, &ping("")),
        real(6, &ping("fwmark 7")),
        real(6, &ping("bind_if eth0")),
        real(4, &ping("connect_ip 10.0.0.21")),
    ];
    let datagrams = [
        real_at("10.0.0.21 53", &dns("bindto 10.0.0.12")),
        real_at("10.0.0.21 53", &dns("bindto 10.0.0.12\n bind_port 1115")),
        real_at("10.0.0.24 54", &dns("connect_ip 10.0.0.21\n connect_port 53\n fwmark 7")),
        real_at("10.0.0.22 53", &udp("bindto 10.0.0.12\n bind_port 1116")),
        real_at("10.0.0.24 54", &udp("connect_ip 10.0.0.22\n connect_port 53\n fwmark 7")),
        real_at("10.0.0.22 53", &udp("bind_if eth0")),
    ];
    s.start(&(global("") + &each("TCP", &servers) + &each("UDP", &datagrams)))?;
    s.rest(2.9)?;
    s.rest(9.5)
}

/// Names of hosts at each level, versions, ports, paths.
fn requests(s: &mut Stage) -> Result<()> {
    s.listen();
    let pages = || {
        let names = ["/", "/a", "/b", "/c?d=e&f", "/%20x", "*", "a", "http://other.example/"];
        Http(names.map(|name| (name, 200, "fine\n")).to_vec())
    };
    (1..=6).try_for_each(|n| s.open(n, pages()))?;
    s.open_at("10.0.0.21:8080", pages())?;
    s.open_at("10.0.0.21:443", pages())?;
    s.open_at("[2001:db8:1::21]:80", pages())?;
    s.open_at("[2001:db8:1::21]:8080", pages())?;
    let get = |lines: &str, urls: &str| check("HTTP_GET", &format!("retry 0\n {lines}\n {urls}"));
    let own = |n: u8, lines: &str, server: String| service(&format!("192.0.2.10 8{n}"), lines, &[server]);
    let all = url("/", "") + &url("/a", "virtualhost of.url") + &url("/b", "");
    let six = service(
        "2001:db8::10 80",
        "",
        &[
            real_at("2001:db8:1::21 80", &get("", &url("/", ""))),
            real_at("2001:db8:1::21 8080", &get("", &url("/", ""))),
        ],
    );
    let conf = [
        own(1, "virtualhost of.service", real(1, &get("", &all))),
        own(2, "virtualhost of.service", real(2, &format!("virtualhost of.server\n {}", get("", &all)))),
        own(
            3,
            "virtualhost of.service",
            real(3, &format!("virtualhost of.server\n {}", get("virtualhost of.check", &all))),
        ),
        own(4, "", real(4, &get("http_protocol 1.0", &url("/c?d=e&f", "")))),
        own(5, "", real(5, &get("http_protocol 1.0C", &(url("/%20x", "") + &url("*", ""))))),
        own(6, "", real(6, &get("http_protocol 1.1\n virtualhost of.check", &url("a", "")))),
        own(7, "", real_at("10.0.0.21 8080", &get("http_protocol 1.1", &url("/", "")))),
        own(8, "", real_at("10.0.0.21 443", &get("http_protocol 1.1", &url("http://other.example/", "")))),
        own(9, "", real_at("10.0.0.21 81", &get("connect_port 8080\n http_protocol 1.0c", &url("/a", "")))),
        six,
    ];
    s.start(&(global("") + &conf.concat()))?;
    s.rest(9.5)
}

/// Each type, names that are odd, and codes of an answer.
fn dns(s: &mut Stage) -> Result<()> {
    s.listen();
    (1..=6).try_for_each(|n| s.open_udp(&format!("10.0.0.2{n}:53"), Dns(n - 1)))?;
    let dns = |lines: &str| check("DNS_CHECK", &format!("retry 0\n {lines}"));
    let types = ["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY", "aaaa"];
    let mut servers: Vec<String> = types
        .iter()
        .map(|kind| real_at("10.0.0.21 53", &dns(&format!("type {kind}\n name lab.example"))))
        .collect();
    let names = ["", "name .", "name lab.example.", "name UPPER.example", "name \"a b.example\"", "name x"];
    servers.extend(names.map(|name| real_at("10.0.0.21 53", &dns(name))));
    servers.extend((2..=6).map(|n| real_at(&format!("10.0.0.2{n} 53"), &dns(""))));
    // What holds without a word.
    servers.push(real_at("10.0.0.29 53", "DNS_CHECK {\n }\n"));
    s.start(&(global("") + &each("UDP", &servers)))?;
    s.rest(3.5)?;
    s.rest(39.5)
}

/// The payload, and what is compared of an answer.
fn udp(s: &mut Stage) -> Result<()> {
    s.listen();
    s.open_udp("10.0.0.21:53", Datagram(b"pong"))?;
    s.open_udp("10.0.0.22:53", Datagram(b""))?;
    s.open_udp("10.0.0.23:53", Datagram(&[b'x'; 300]))?;
    s.open_udp("10.0.0.24:53", Silence)?;
    let udp = |n: u8, lines: &str| {
        real_at(&format!("10.0.0.2{n} 53"), &check("UDP_CHECK", &format!("retry 0\n {lines}")))
    };
    let pong = [
        "",
        "require_reply",
        "payload 70 69 6E 67\n require_reply 706f6e67",
        "payload 00ff0a\n require_reply 70XX6e67",
        "require_reply 7Xx0",
        "require_reply 706f6e6768",
        "require_reply 706f",
        "require_reply xxxxxxxx\n min_reply_length 4",
        "require_reply 70\n min_reply_length 5",
        "require_reply\n min_reply_length 5",
        "require_reply 70\n max_reply_length 3",
        "require_reply 70\n max_reply_length 4",
    ];
    let mut servers: Vec<String> = pong.iter().map(|lines| udp(1, lines)).collect();
    servers.extend(["", "require_reply", "require_reply 70"].map(|lines| udp(2, lines)));
    let long = ["", "require_reply 78", "require_reply 78\n max_reply_length 400"];
    servers.extend(long.map(|lines| udp(3, lines)));
    servers.extend(["", "require_reply"].map(|lines| udp(4, lines)));
    s.start(&(global("") + &each("UDP", &servers)))?;
    s.rest(3.5)?;
    s.rest(11.5)
}

/// Names, and the old way to give several destinations.
fn smtp(s: &mut Stage) -> Result<()> {
    s.listen();
    for at in ["10.0.0.21:25", "10.0.0.22:25", "10.0.0.22:26", "10.0.0.23:25"] {
        s.open_at(at, Smtp(220, 250))?;
    }
    let smtp = |lines: &str| check("SMTP_CHECK", &format!("retry 0\n {lines}"));
    let servers = [
        real_at("10.0.0.21 25", &smtp("")),
        real_at("10.0.0.21 25", &smtp("helo_name mail.example")),
        real_at(
            "10.0.0.22 25",
            &smtp(
                "helo_name hosts\n host {\n connect_port 26\n connect_timeout 2\n retry 0\n }\n host {\n connect_timeout 2\n retry 0\n bindto 10.0.0.11\n }",
            ),
        ),
        real_at(
            "10.0.0.24 25",
            &smtp(
                "host {\n connect_ip 10.0.0.22\n connect_port 25\n connect_timeout 2\n }\n host {\n connect_timeout 2\n connect_ip 10.0.0.23\n }\n helo_name after",
            ),
        ),
        real_at("10.0.0.23 80", &smtp("")),
    ];
    s.start(&(global("") + &each("TCP", &servers)))?;
    s.rest(4.5)?;
    s.close_at("10.0.0.22:26");
    s.close_at("10.0.0.23:25");
    s.rest(13.5)
}
