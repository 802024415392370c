//! Each kind of check, with answers that it takes and that it does not.

use lab::Result;

use crate::Story;
use crate::conf::{check, global, real, real_at, service, tcp};
use crate::servers::Answer::{self, Datagram, Dns, Http, HttpOpen, Reset, Silence, Smtp};
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-tcp-check-waits-for-an-answer", tcp_check),
    ("lvs-http-get-looks-at-the-status", http_status),
    ("lvs-http-get-looks-at-the-body", http_body),
    ("lvs-http-get-wants-all-urls", http_urls),
    ("lvs-http-get-waits-so-long-and-no-longer", http_silence),
    ("lvs-http-get-is-content-with-one-success", http_success),
    ("lvs-http-get-need-not-see-the-end", http_open),
    ("lvs-misc-check-runs-a-script", misc),
    ("lvs-misc-check-changes-weights", misc_dynamic),
    ("lvs-file-check-changes-weights", file),
    ("lvs-smtp-check-greets", smtp),
    ("lvs-dns-check-asks", dns),
    ("lvs-udp-check-sends-and-may-want-an-answer", udp),
    ("lvs-ping-check-pings", ping),
    ("lvs-a-server-needs-all-its-checks", several),
    ("lvs-all-failures-are-logged-on-request", all_failures),
];

/// Opens two servers, starts, and lets the first answer so and so every four seconds.
fn play(s: &mut Stage, conf: &str, well: &Answer, answers: &[Answer]) -> Result<()> {
    s.open(1, well.clone())?;
    s.open(2, well.clone())?;
    s.start(conf)?;
    s.rest(3.5)?;
    let mut now = 3.5;
    for answer in answers {
        s.set(1, answer.clone());
        now += 4.0;
        s.rest(now)?;
        s.set(1, well.clone());
        now += 4.0;
        s.rest(now)?;
    }
    Ok(())
}

/// Two servers with a check of HTTP.
fn http(lines: &str) -> String {
    let lines = format!("retry 0\n delay_before_retry 1\n {lines}");
    let server = |n| real(n, &check("HTTP_GET", &lines));
    global("") + &tcp("", &[server(1), server(2)])
}

fn tcp_check(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open_at("10.0.0.23:8080", Silence)?;
    // Nobody has the second address, and the third one's port is another.
    let other = check("TCP_CHECK", "retry 1\n connect_port 8080");
    let nobody = real_at("10.0.0.99 80", &check("TCP_CHECK", "retry 1"));
    s.start(&(global("") + &tcp("", &[real(1, &check("TCP_CHECK", "")), nobody, real(3, &other)])))?;
    s.rest(9.5)?;
    s.set(1, Reset);
    s.close_at("10.0.0.23:8080");
    s.rest(15.5)?;
    s.farm.run("ip", &["address", "delete", "10.0.0.21/24", "dev", "eth0"])?;
    s.rest(29.5)?;
    s.farm.run("ip", &["address", "add", "10.0.0.21/24", "dev", "eth0"])?;
    s.rest(45.5)
}

fn http_status(s: &mut Stage) -> Result<()> {
    let page = |status| Http(vec![("/", status, "fine\n")]);
    let conf = http("url {\n path /\n status_code 200-204\n }");
    play(s, &conf, &web(), &[page(500), page(204), page(301), Reset])
}

fn http_body(s: &mut Stage) -> Result<()> {
    let page = |body| Http(vec![("/", 200, body), ("/regex", 200, body)]);
    // The digest is that of "fine\n".
    let conf = http(
        "url {\n path /\n digest 9fba564e229a2c83496c7ee12d96bb64\n }\n \
         url {\n path /regex\n regex \"f[a-z]+e\"\n }",
    );
    play(s, &conf, &page("fine\n"), &[page("fine fine\n"), page("wine\n")])
}

fn http_urls(s: &mut Stage) -> Result<()> {
    let pages = |a, b| Http(vec![("/a", a, "a\n"), ("/b", b, "b\n")]);
    let conf = http("url {\n path /a\n status_code 200\n }\n url {\n path /b\n status_code 200\n }");
    play(s, &conf, &pages(200, 200), &[pages(200, 500), pages(500, 200), pages(500, 500)])
}

fn http_silence(s: &mut Stage) -> Result<()> {
    let conf = http("url {\n path /\n status_code 200\n }");
    s.open(1, Silence)?;
    s.open(2, web())?;
    s.start(&conf)?;
    s.rest(9.5)?;
    s.set(1, web());
    s.rest(15.5)?;
    s.set(1, Silence);
    s.rest(25.5)?;
    s.set(1, web());
    s.rest(31.5)
}

/// One url, and two; with `fast_recovery`, too.
fn http_success(s: &mut Stage) -> Result<()> {
    let url = |path: &str| format!("url {{\n path {path}\n status_code 200\n }}\n");
    let pages = || Http(vec![("/a", 200, "a\n"), ("/b", 200, "b\n")]);
    // Each has a service of its own: what happens at one instant to two of them has no order.
    let of = |n: u8, lines: &str| {
        let get = check("HTTP_GET", &format!("retry 0\n delay_before_retry 1\n {lines}"));
        service(&format!("192.0.2.10 8{n}"), "", &[real(n, &get)])
    };
    let (one, two) = (url("/a"), url("/a") + &url("/b"));
    let services = [
        of(1, &one),
        of(2, &two),
        of(3, &format!("fast_recovery\n {one}")),
        of(4, &format!("fast_recovery\n {two}")),
    ];
    (1..=4).try_for_each(|n| s.open(n, pages()))?;
    s.start(&(global("") + &services.concat()))?;
    s.rest(7.5)?;
    (1..=4).for_each(|n| s.close(n));
    s.rest(11.5)?;
    (1..=4).try_for_each(|n| s.open(n, pages()))?;
    s.rest(21.5)
}

/// A server that has said all and leaves it to the client to close the connection.
fn http_open(s: &mut Stage) -> Result<()> {
    let page = || HttpOpen(vec![("/", 200, "fine\n")]);
    let conf = http("url {\n path /\n status_code 200\n }");
    s.open(1, page())?;
    s.open(2, web())?;
    s.start(&conf)?;
    s.rest(9.5)?;
    s.set(1, web());
    s.rest(15.5)?;
    s.set(1, page());
    s.rest(25.5)
}

fn misc(s: &mut Stage) -> Result<()> {
    s.script("/run/misc", "exit $(cat /run/status)")?;
    s.write("/run/status", "0")?;
    let misc =
        |lines: &str| format!("MISC_CHECK {{\n misc_path \"/run/misc\"\n misc_timeout 5\n{lines}\n }}");
    let retry = misc("retry 2\n delay_before_retry 1");
    // They don't end at the same instant.
    let servers = [real(1, &misc("")), real(2, &format!("delay_loop 3\n {retry}"))];
    s.start(&(global("") + &tcp("", &servers)))?;
    s.rest(3.5)?;
    s.write("/run/status", "1")?;
    s.rest(9.5)?;
    s.write("/run/status", "7")?;
    s.rest(13.5)?;
    s.write("/run/status", "0")?;
    s.rest(17.5)?;
    s.script("/run/misc", "sleep 60")?;
    s.rest(31.5)?;
    s.script("/run/misc", "exit 0")?;
    s.rest(41.5)
}

fn misc_dynamic(s: &mut Stage) -> Result<()> {
    s.script("/run/misc", "exit $(cat /run/status)")?;
    s.write("/run/status", "0")?;
    let misc = "weight 5\n MISC_CHECK {\n misc_path \"/run/misc\"\n misc_timeout 5\n misc_dynamic\n }";
    let other = format!("delay_loop 3\n {misc}");
    s.start(&(global("") + &tcp("", &[real(1, misc), real(2, &other)])))?;
    s.rest(3.5)?;
    let mut now = 3.5;
    for status in ["12", "2", "1", "255", "0"] {
        s.write("/run/status", status)?;
        now += 4.0;
        s.rest(now)?;
    }
    Ok(())
}

fn file(s: &mut Stage) -> Result<()> {
    s.write("/run/weight", "3")?;
    let track = "track_file load {\n file /run/weight\n weight 2\n}\n";
    let server =
        |n, lines: &str| real(n, &format!("weight 4\n FILE_CHECK {{\n track_file load\n {lines}\n }}"));
    let conf = global("") + track + &tcp("", &[server(1, ""), server(2, "weight -1")]);
    s.start(&conf)?;
    s.rest(3.5)?;
    let mut now = 3.5;
    for value in ["0", "-1", "100", "-20", "5"] {
        s.write("/run/weight", value)?;
        now += 2.0;
        s.rest(now)?;
    }
    Ok(())
}

fn smtp(s: &mut Stage) -> Result<()> {
    let server =
        |n| real(n, "SMTP_CHECK {\n connect_timeout 2\n retry 0\n delay_before_retry 1\n helo_name lab\n }");
    let conf = global("") + &tcp("", &[server(1), server(2)]);
    play(s, &conf, &Smtp(220, 250), &[Smtp(554, 250), Smtp(220, 500), Reset])
}

fn dns(s: &mut Stage) -> Result<()> {
    let server = |n| {
        real_at(
            &format!("10.0.0.2{n} 53"),
            "DNS_CHECK {\n connect_timeout 2\n retry 1\n type A\n name lab.example\n }",
        )
    };
    s.open_udp("10.0.0.21:53", Dns(0))?;
    s.open_udp("10.0.0.22:53", Dns(0))?;
    let udp = service("192.0.2.10 53", "protocol UDP", &[server(1), server(2)]);
    s.start(&(global("") + &udp))?;
    s.rest(3.5)?;
    s.open_udp("10.0.0.21:53", Dns(2))?;
    s.rest(9.5)?;
    s.open_udp("10.0.0.21:53", Dns(0))?;
    s.rest(15.5)?;
    s.open_udp("10.0.0.21:53", Silence)?;
    s.rest(25.5)?;
    s.open_udp("10.0.0.21:53", Dns(0))?;
    s.rest(31.5)?;
    s.close_udp("10.0.0.21:53");
    s.rest(39.5)
}

fn udp(s: &mut Stage) -> Result<()> {
    let server = |n, lines: &str| {
        real_at(&format!("10.0.0.2{n} 53"), &check("UDP_CHECK", &format!("retry 0\n {lines}")))
    };
    s.open_udp("10.0.0.21:53", Silence)?;
    s.open_udp("10.0.0.22:53", Datagram(b"pong"))?;
    let servers = [server(1, "payload 70696e67"), server(2, "payload 70696e67\n require_reply 706f6e67")];
    s.start(&(global("") + &service("192.0.2.10 53", "protocol UDP", &servers)))?;
    s.rest(5.5)?;
    s.close_udp("10.0.0.21:53");
    s.open_udp("10.0.0.22:53", Datagram(b"gong"))?;
    s.rest(11.5)?;
    s.open_udp("10.0.0.21:53", Silence)?;
    s.open_udp("10.0.0.22:53", Datagram(b"pong"))?;
    s.rest(17.5)?;
    s.open_udp("10.0.0.22:53", Silence)?;
    s.rest(25.5)
}

fn ping(s: &mut Stage) -> Result<()> {
    let server = |n| real(n, &check("PING_CHECK", "retry 1"));
    s.start(
        &(global("") + &tcp("", &[server(1), server(2), real_at("10.0.0.99 80", &check("PING_CHECK", ""))])),
    )?;
    s.rest(9.5)?;
    s.farm.run("sysctl", &["-q", "net.ipv4.icmp_echo_ignore_all=1"])?;
    s.rest(21.5)?;
    s.farm.run("sysctl", &["-q", "net.ipv4.icmp_echo_ignore_all=0"])?;
    s.rest(29.5)
}

fn several(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open_at("10.0.0.21:8080", Silence)?;
    let both = check("TCP_CHECK", "retry 0") + &check("TCP_CHECK", "retry 0\n connect_port 8080");
    s.start(&(global("") + &tcp("", &[real(1, &both)])))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)?;
    s.close_at("10.0.0.21:8080");
    s.rest(11.5)?;
    s.open(1, Silence)?;
    s.rest(15.5)?;
    s.open_at("10.0.0.21:8080", Silence)?;
    s.rest(19.5)
}

fn all_failures(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, web())?;
    let tcp_check = check("TCP_CHECK", "retry 2");
    let http_get = check("HTTP_GET", "retry 2\n delay_before_retry 1\n url {\n path /\n status_code 200\n }");
    s.start(&(global("checker_log_all_failures") + &tcp("", &[real(1, &tcp_check), real(2, &http_get)])))?;
    s.rest(3.5)?;
    s.close(1);
    s.close(2);
    s.rest(15.5)?;
    s.open(1, Silence)?;
    s.open(2, web())?;
    s.rest(21.5)
}
