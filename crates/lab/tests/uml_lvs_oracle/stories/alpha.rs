//! Servers that are down until they have shown that they are well.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, check, global, real, real_at, service, tcp};
use crate::servers::Answer::{Datagram, Dns, Http, Silence, Smtp};
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-alpha-waits-for-success-and-omega-tells-the-end", alpha_omega),
    ("lvs-alpha-tells-the-first-failure", first_failure),
    ("lvs-alpha-wants-all-checks", several),
    ("lvs-alpha-of-each-kind-of-check", kinds),
    ("lvs-each-kind-of-check-may-fail-at-first", kinds_without),
    ("lvs-alpha-with-numbers-in-files", files),
    ("lvs-alpha-with-a-sorry-server-and-inhibited-servers", sorry),
    ("lvs-alpha-with-a-quorum", quorum),
    ("lvs-alpha-through-reloads", reloads),
    ("lvs-alpha-ends-before-a-verdict", ends),
];

fn alpha_omega(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.start(&(global("") + &tcp("alpha\n omega", &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(0.9)?;
    s.rest(3.5)?;
    s.open(2, Silence)?;
    s.rest(7.5)?;
    s.close(1);
    s.rest(11.5)?;
    s.stop()?;
    s.rest(15.5)
}

/// With and without retries and scripts; one that never comes, one that does, and goes.
fn first_failure(s: &mut Stage) -> Result<()> {
    s.open(5, Silence)?;
    let retries = check("TCP_CHECK", "retry 2\n delay_before_retry 1");
    let silent = format!(" real_server 10.0.0.24 80 {{\n {}\n }}\n", at_once());
    let servers = [real(1, &at_once()), real(2, &retries), real(3, &at_once()), silent, real(5, &retries)];
    s.start(&(global("") + &tcp("alpha\n smtp_alert", &servers)))?;
    s.rest(0.9)?;
    s.rest(9.5)?;
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    s.close(5);
    s.rest(17.5)?;
    s.close(1);
    s.close(2);
    s.rest(25.5)
}

/// A server with two checks of which both, the first or the second fail; and that of one service alone
/// has it.
fn several(s: &mut Stage) -> Result<()> {
    s.open(2, Silence)?;
    s.open_at("10.0.0.23:8080", Silence)?;
    s.open(4, Silence)?;
    s.open_at("10.0.0.24:8080", Silence)?;
    let other = check("TCP_CHECK", "retry 0\n connect_port 8080");
    let both = at_once() + &other;
    let servers = [real(1, &both), real(2, &both), real(3, &both), real(4, &both)];
    let without = service("192.0.2.10 81", "", &[real(5, &both)]);
    s.start(&(global("") + &tcp("alpha", &servers) + &without))?;
    s.rest(5.5)?;
    // One after the other.
    s.open(1, Silence)?;
    s.rest(9.5)?;
    s.open_at("10.0.0.21:8080", Silence)?;
    s.open_at("10.0.0.22:8080", Silence)?;
    s.close_at("10.0.0.24:8080");
    s.rest(13.5)?;
    s.close(2);
    s.close_at("10.0.0.22:8080");
    s.close(4);
    s.rest(17.5)
}

/// Each kind of check that fails at first, with retries; then all is well.
fn kinds(s: &mut Stage) -> Result<()> {
    at_first(s, "alpha")
}

/// The same without alpha.
fn kinds_without(s: &mut Stage) -> Result<()> {
    at_first(s, "")
}

fn at_first(s: &mut Stage, lines: &str) -> Result<()> {
    s.script("/run/misc", "exit $(cat /run/status)")?;
    s.write("/run/status", "1")?;
    s.farm.run("sysctl", &["-q", "net.ipv4.icmp_echo_ignore_all=1"])?;
    let url = |path: &str| format!("url {{\n path {path}\n status_code 200\n }}\n");
    let check = |kind: &str, lines: &str| check(kind, &format!("retry 2\n delay_before_retry 1\n {lines}"));
    let misc = "MISC_CHECK {\n misc_path \"/run/misc\"\n misc_timeout 5\n retry 2\n delay_before_retry 1\n }";
    // Each has a service of its own: what happens at one instant to two of them has no order.
    let of = |n: u8, check: &str| service(&format!("192.0.2.10 8{n}"), lines, &[real(n, check)]);
    let udp = |n: u8, check: &str| {
        let server = real_at(&format!("10.0.0.2{n} 53"), check);
        service(&format!("192.0.2.10 5{n}"), &format!("protocol UDP\n {lines}"), &[server])
    };
    let services = [
        of(1, &check("HTTP_GET", &url("/"))),
        of(2, &check("HTTP_GET", &(url("/") + &url("/other")))),
        of(3, misc),
        of(4, &check("SMTP_CHECK", "helo_name lab")),
        of(5, &check("PING_CHECK", "")),
        of(6, &check("TCP_CHECK", "")),
        udp(1, &check("DNS_CHECK", "type A\n name lab.example")),
        udp(2, &check("UDP_CHECK", "payload 70696e67\n require_reply 706f6e67")),
    ];
    s.open(2, web())?;
    s.start(&(global("") + &services.concat()))?;
    s.rest(15.5)?;
    s.open(1, web())?;
    s.set(2, Http(vec![("/", 200, "a\n"), ("/other", 200, "b\n")]));
    s.write("/run/status", "0")?;
    s.open(4, Smtp(220, 250))?;
    s.farm.run("sysctl", &["-q", "net.ipv4.icmp_echo_ignore_all=0"])?;
    s.open(6, Silence)?;
    s.open_udp("10.0.0.21:53", Dns(0))?;
    s.open_udp("10.0.0.22:53", Datagram(b"pong"))?;
    s.rest(27.5)
}

/// Numbers in files are known before any check is made.
fn files(s: &mut Stage) -> Result<()> {
    s.write("/run/weight", "1")?;
    let track = "track_file load {\n file /run/weight\n weight 2\n}\n";
    let fails = "FILE_CHECK {\n track_file load\n weight 0\n }\n";
    let works = "FILE_CHECK {\n track_file load\n weight 1\n }\n";
    let both = fails.to_owned() + &at_once();
    let servers = [real(1, fails), real(2, works), real(3, &both)];
    let without = service("192.0.2.10 81", "", &[real(4, fails)]);
    s.start(&(global("") + track + &tcp("alpha", &servers) + &without))?;
    s.rest(3.5)?;
    s.write("/run/weight", "0")?;
    s.rest(7.5)?;
    s.write("/run/weight", "1")?;
    s.rest(11.5)
}

fn sorry(s: &mut Stage) -> Result<()> {
    let lines = format!("inhibit_on_failure\n {}", at_once());
    let conf = tcp("alpha\n omega\n sorry_server 10.0.0.23 80", &[real(1, &lines), real(2, &at_once())]);
    s.start(&(global("") + &conf))?;
    s.rest(0.9)?;
    s.rest(5.5)?;
    s.open(1, Silence)?;
    s.rest(9.5)?;
    s.close(1);
    s.rest(13.5)?;
    s.stop()?;
    s.rest(17.5)
}

fn quorum(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = tcp(
        "alpha\n smtp_alert\n quorum 2\n hysteresis 1",
        &[real(1, &at_once()), real(2, &at_once()), real(3, &at_once())],
    );
    s.start(&(global("rs_init_notifies") + &conf))?;
    s.rest(5.5)?;
    s.open(2, Silence)?;
    s.rest(9.5)?;
    s.open(3, Silence)?;
    s.rest(13.5)?;
    s.close(1);
    s.close(2);
    s.rest(17.5)
}

/// A server that joins, one whose failure was told, and one that gets alpha when it is up and when it is
/// down.
fn reloads(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |lines: &str, list: &[u8]| {
        let servers: Vec<String> = list.iter().map(|n| real(*n, &at_once())).collect();
        global("") + &tcp(lines, &servers)
    };
    s.start(&conf("alpha", &[1, 2]))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf("alpha", &[1, 2]))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf("alpha", &[1, 2, 3]))?;
    s.rest(11.5)?;
    s.until(12.0);
    s.reload(&conf("", &[1, 2, 3]))?;
    s.rest(15.5)?;
    s.until(16.0);
    s.reload(&conf("alpha", &[1, 2, 4]))?;
    s.rest(17.5)?;
    s.until(18.0);
    s.reload(&conf("alpha", &[1]))?;
    s.rest(21.5)
}

/// Nobody was told of a server.
fn ends(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.start(&(global("") + &tcp("alpha\n omega", &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(0.9)?;
    s.stop()?;
    s.rest(5.5)
}
