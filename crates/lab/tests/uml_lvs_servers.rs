//! Checks of servers that people run: nginx with and without TLS, dnsmasq, and an SMTP server. Two directors
//! with one configuration, vipd and keepalived, look at the same servers and must come to the same table.
//!
//! ```text
//!  d1 10.0.0.11 (vipd) ---+--- lan0 ---+--- servers 10.0.0.21 and .22
//!  d2 10.0.0.12 (keepalived) ---+
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Lab, LabError, Node, Process, Result, ensure};

const BOUND: Duration = Duration::from_secs(20);
const SERVER: &str = "10.0.0.21";
/// Speaks no more than TLS 1.0.
const OLD: &str = "10.0.0.22";

fn main() -> ExitCode {
    let of = |name, run: fn() -> Result<Outcome>| Scenario::new(name, Needs::VirtualTime, run);
    lab::harness::main(&[
        of("nginx-is-checked-as-keepalived-does", web),
        of("tls-of-nginx-is-checked-as-keepalived-does", tls),
        of("dnsmasq-is-checked-as-keepalived-does", dns),
        of("an-smtp-server-is-checked-as-keepalived-does", smtp),
        of("genhash-says-of-nginx-what-keepalived-says", genhash),
    ])
}

/// One check: a service of its own with one server, so that the table shows how it ended.
struct Case {
    what: &'static str,
    /// Address and port of the server.
    at: String,
    check: String,
    well: Well,
}

/// For whom the check succeeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Well {
    Both,
    Neither,
    /// What keepalived can't do.
    OnlyVipd,
}

impl Case {
    fn new(what: &'static str, at: (&str, u16), check: impl Into<String>, well: Well) -> Self {
        Self { what, at: format!("{} {}", at.0, at.1), check: check.into(), well }
    }
}

/// The configuration of all cases; services are told apart by their ports.
fn conf(global: &str, cases: &[Case]) -> String {
    let service = |(n, case): (usize, &Case)| {
        format!(
            "virtual_server 192.0.2.10 {n} {{\n delay_loop 1\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n alpha\n \
             real_server {} {{\n  weight 1\n  {}\n }}\n}}\n",
            case.at, case.check
        )
    };
    format!("{global}{}", (1..).zip(cases).map(service).collect::<String>())
}

/// `HTTP_GET` or `SSL_GET` of one page.
fn get(keyword: &str, lines: &str, url: &str) -> String {
    format!(
        "{keyword} {{\n connect_timeout 2\n retry 0\n delay_before_retry 1\n {lines}\n url {{\n {url}\n }}\n }}"
    )
}

struct Stage {
    vipd: Node,
    keepalived: Node,
    servers: Node,
    lab: Lab,
}

impl Stage {
    fn new(tag: &str) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let lan = lab.lan("lan0")?;
        let (vipd, keepalived, servers) = (lab.node("d1")?, lab.node("d2")?, lab.node("servers")?);
        vipd.attach(&lan, "eth0", &["10.0.0.11/24"], None)?;
        keepalived.attach(&lan, "eth0", &["10.0.0.12/24"], None)?;
        servers.attach(&lan, "eth0", &["10.0.0.21/24", "10.0.0.22/24"], None)?;
        Ok(Self { vipd, keepalived, servers, lab })
    }

    /// Waits until somebody listens.
    fn wait_open(&self, address: &str, port: u16) -> Result<()> {
        let ip: Ipv4Addr = address.parse().map_err(|e| LabError::Expectation(format!("{address}: {e}")))?;
        let to = SocketAddr::new(IpAddr::V4(ip), port);
        lab::wait(&format!("somebody listens at {to}"), BOUND, || {
            Ok(self.vipd.connect(to, Duration::from_secs(1)).is_ok())
        })
        .map(drop)
    }

    /// The hash of a page, as `vipd genhash` prints it.
    fn digest(&self, arguments: &str) -> Result<String> {
        let mut words = vec!["genhash"];
        words.extend(arguments.split_whitespace());
        let program = Daemon::Vipd.program()?.display().to_string();
        let text = String::from_utf8_lossy(&self.vipd.run(&program, &words)?.stdout).into_owned();
        let digest = text.trim();
        ensure(digest.len() == 32, format_args!("genhash {arguments}: {text}"))?;
        Ok(digest.to_owned())
    }

    /// Starts both daemons.
    fn start(&self, conf: &str) -> Result<[Process; 2]> {
        Ok([
            self.vipd.start(Daemon::Vipd, "vipd", conf)?,
            self.keepalived.start(Daemon::Keepalived, "keepalived", conf)?,
        ])
    }

    /// The two agree while the server is well, when it has stopped, and when it is there again.
    fn follow(
        &self,
        conf: &str,
        cases: &[Case],
        server: &Process,
        serve: impl Fn() -> Result<Process>,
    ) -> Result<Outcome> {
        let daemons = self.start(conf)?;
        self.agree(cases, true, &daemons)?;
        server.stop(BOUND)?;
        self.agree(cases, false, &daemons)?;
        let _again = serve()?;
        self.agree(cases, true, &daemons)?;
        Ok(Outcome::Passed)
    }

    /// Waits until both tables are what is expected, and sees whether they stay so for a few checks.
    fn agree(&self, cases: &[Case], served: bool, daemons: &[Process]) -> Result<()> {
        let each = [(&self.vipd, Daemon::Vipd), (&self.keepalived, Daemon::Keepalived)];
        for (node, daemon) in each {
            let (what, wanted) = (format!("the table of {}", node.name()), ports(cases, served, daemon));
            lab::wait(&what, BOUND, || Ok(servers(node)? == wanted)).map_err(|e| {
                let missing: Vec<&str> = (1..)
                    .zip(cases)
                    .filter(|(n, _)| servers(node).is_ok_and(|have| have.contains(n) != wanted.contains(n)))
                    .map(|(_, case)| case.what)
                    .collect();
                let log = |p: &Process| p.log().unwrap_or_default();
                let logs: Vec<String> = daemons.iter().map(log).collect();
                LabError::Expectation(format!("{e}: {missing:?}\n{}", logs.join("\n--\n")))
            })?;
        }
        self.lab.pass(Duration::from_secs(4));
        for (node, daemon) in each {
            let (have, wanted) = (servers(node)?, ports(cases, served, daemon));
            ensure(have == wanted, format_args!("{daemon:?}: {have:?} instead of {wanted:?}"))?;
        }
        Ok(())
    }
}

/// The ports of services that have their server.
fn ports(cases: &[Case], served: bool, daemon: Daemon) -> Vec<usize> {
    let well = |case: &Case| match case.well {
        Well::Both => served,
        Well::OnlyVipd => served && daemon == Daemon::Vipd,
        Well::Neither => false,
    };
    (1..).zip(cases).filter(|(_, case)| well(case)).map(|(n, _)| n).collect()
}

/// The same, as the kernel has them.
fn servers(node: &Node) -> Result<Vec<usize>> {
    let mut ports = Vec::new();
    let mut service = None;
    // The port of a service is in hexadecimal digits; servers follow their service.
    for line in node.ip_vs()?.lines() {
        if let Some(address) = line.strip_prefix("TCP  ") {
            let port = address.split([':', ' ']).nth(1);
            service = port.and_then(|port| usize::from_str_radix(port, 16).ok());
        } else if line.starts_with("  -> ") {
            ports.extend(service);
        }
    }
    ports.sort_unstable();
    Ok(ports)
}

// --- nginx ---

/// Starts nginx with some `server` blocks; `DIR` in them is the node's directory, which has a page for each host.
fn nginx(stage: &Stage, blocks: &str) -> Result<Process> {
    let node = &stage.servers;
    for (name, page) in
        [("one", "page of one"), ("two", "page of two"), ("tree", "<!--# echo var=\"x\" -->page")]
    {
        std::fs::create_dir_all(node.dir().join(name)).map_err(|e| LabError::Expectation(e.to_string()))?;
        node.write(&format!("{name}/index.html"), page)?;
    }
    // By default it writes into the machine's own directories.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.map(|of| format!(" {of}_temp_path DIR/{of};\n")).concat();
    let text = format!(
        "user root;\ndaemon off;\npid DIR/nginx.pid;\nerror_log stderr;\nevents {{\n}}\nhttp {{\n access_log off;\n{temporary}{blocks}}}\n"
    );
    let conf = node.write("nginx.conf", &text.replace("DIR", &node.dir().display().to_string()))?;
    node.spawn("nginx", "nginx", &["-c", &conf.display().to_string(), "-e", "stderr"])
}

fn web() -> Result<Outcome> {
    let stage = Stage::new("nginx")?;
    let blocks = format!(
        " server {{\n listen {SERVER}:80 default_server;\n server_name one.example;\n root DIR/one;\n \
         location /moved {{\n return 301 http://two.example/;\n }}\n location /closed {{\n return 444;\n }}\n \
         location /busy {{\n return 503;\n }}\n }}\n \
         server {{\n listen {SERVER}:80;\n server_name two.example;\n root DIR/two;\n }}\n \
         server {{\n listen {SERVER}:80;\n server_name tree.example;\n root DIR/tree;\n ssi on;\n }}\n"
    );
    let daemon = nginx(&stage, &blocks)?;
    stage.wait_open(SERVER, 80)?;
    let one = stage.digest(&format!("-s {SERVER} -p 80 -u /"))?;
    let two = stage.digest(&format!("-s {SERVER} -p 80 -u / -V two.example"))?;
    ensure(one != two, "two pages, one digest")?;
    let case = |what, lines: &str, url: String, well| {
        Case::new(what, (SERVER, 80), get("HTTP_GET", lines, &url), well)
    };
    let path = |path: &str, rest: &str| format!("path {path}\n {rest}");
    let cases = [
        case("a page", "", path("/", "status_code 200"), Well::Both),
        case("its digest", "", path("/", &format!("digest {one}")), Well::Both),
        case("the digest of another host's page", "", path("/", &format!("digest {two}")), Well::Neither),
        case("that host", "virtualhost two.example", path("/", &format!("digest {two}")), Well::Both),
        case(
            "a host of the url",
            "",
            path("/", &format!("virtualhost two.example\n digest {two}")),
            Well::Both,
        ),
        case("a redirection", "", path("/moved", "status_code 301"), Well::Both),
        case("a redirection that is not wanted", "", path("/moved", "status_code 200"), Well::Neither),
        case("a page that is missing", "", path("/missing", "status_code 200"), Well::Neither),
        case("a page that is to be missing", "", path("/missing", "status_code 404"), Well::Both),
        case("a range of codes", "", path("/busy", "status_code 200 500-599"), Well::Both),
        case("busy", "", path("/busy", "status_code 200"), Well::Neither),
        case("no answer", "", path("/closed", "status_code 200"), Well::Neither),
        case("a word of the page", "", path("/", "regex of.one"), Well::Both),
        case("a word that is not there", "", path("/", "regex of.two"), Well::Neither),
        case(
            "in chunks",
            "http_protocol 1.1\n virtualhost tree.example",
            path("/", "regex page"),
            Well::Both,
        ),
    ];
    stage.follow(&conf("", &cases), &cases, &daemon, || nginx(&stage, &blocks))
}

fn tls() -> Result<Outcome> {
    let stage = Stage::new("nginx-tls")?;
    let dir = stage.servers.dir().display().to_string();
    for name in ["one", "two", "client"] {
        let make = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={name}.example -keyout \
             {dir}/{name}.key -out {dir}/{name}.pem"
        );
        stage.servers.run("openssl", &make.split_whitespace().collect::<Vec<_>>())?;
    }
    let server = |listen: &str, name: &str, more: &str| {
        format!(
            " server {{\n listen {listen} ssl;\n server_name {name}.example;\n root DIR/{name};\n \
             ssl_certificate DIR/{name}.pem;\n ssl_certificate_key DIR/{name}.key;\n {more}\n }}\n"
        )
    };
    let blocks = [
        server(&format!("{SERVER}:443"), "one", ""),
        // Who names no host, or another one, is sent away.
        server(&format!("{SERVER}:444"), "one", "ssl_reject_handshake on;"),
        server(&format!("{SERVER}:444"), "two", ""),
        server(&format!("{SERVER}:445"), "one", "ssl_protocols TLSv1.3;"),
        server(
            &format!("{SERVER}:446"),
            "one",
            "ssl_client_certificate DIR/client.pem;\n ssl_verify_client on;",
        ),
        server(&format!("{OLD}:443"), "one", "ssl_protocols TLSv1;\n ssl_ciphers ALL:@SECLEVEL=0;"),
    ]
    .concat();
    let daemon = nginx(&stage, &blocks)?;
    stage.wait_open(SERVER, 443)?;
    let one = stage.digest(&format!("-S -s {SERVER} -p 443 -u /"))?;
    let page = |url: &str| format!("path /\n {url}");
    let case =
        |what, at, lines: &str, url: &str, well| Case::new(what, at, get("SSL_GET", lines, &page(url)), well);
    let ok = "status_code 200";
    let cases = [
        case("a page", (SERVER, 443), "", ok, Well::Both),
        case("its digest", (SERVER, 443), "", &format!("digest {one}"), Well::Both),
        case("without a name", (SERVER, 444), "", ok, Well::Neither),
        case("the wrong name", (SERVER, 444), "enable_sni\n virtualhost three.example", ok, Well::Neither),
        case("the right name", (SERVER, 444), "enable_sni\n virtualhost two.example", ok, Well::Both),
        case("TLS 1.3", (SERVER, 445), "", ok, Well::Both),
        case("our own certificate", (SERVER, 446), "", ok, Well::Both),
        case("TLS 1.0", (OLD, 443), "", ok, Well::OnlyVipd),
        Case::new("no TLS", (SERVER, 443), get("HTTP_GET", "", &page(ok)), Well::Neither),
    ];
    let own = format!("SSL {{\n certificate {dir}/client.pem\n key {dir}/client.key\n}}\n");
    stage.follow(&conf(&own, &cases), &cases, &daemon, || nginx(&stage, &blocks))
}

/// Both programs with the same words: what they print and how they end.
fn genhash() -> Result<Outcome> {
    /// Where nobody is.
    const NOBODY: &str = "10.0.0.99";
    let stage = Stage::new("genhash")?;
    let dir = stage.servers.dir().display().to_string();
    let make = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=lab -keyout {dir}/key \
         -out {dir}/pem"
    );
    stage.servers.run("openssl", &make.split_whitespace().collect::<Vec<_>>())?;
    let server = |listen: &str, name: &str, more: &str| {
        format!(
            " server {{\n listen {SERVER}:{listen};\n server_name {name}.example;\n root DIR/{name};\n \
             ssl_certificate DIR/pem;\n ssl_certificate_key DIR/key;\n location /moved {{\n return 301 /;\n }}\n \
             location = /empty {{\n return 200;\n }}\n location /closed {{\n return 444;\n }}\n {more}\n }}\n"
        )
    };
    let blocks = [
        server("80", "one", ""),
        server("80", "two", ""),
        server("80", "tree", "ssi on;"),
        server("443 ssl", "one", ""),
        server("443 ssl", "two", ""),
        server("444 ssl", "one", "ssl_reject_handshake on;"),
        server("444 ssl", "two", ""),
    ]
    .concat();
    let _daemon = nginx(&stage, &blocks)?;
    stage.wait_open(SERVER, 80)?;
    stage.wait_open(SERVER, 444)?;
    let at = |server: &str, port: u16, rest: &[&str]| -> Vec<String> {
        rest.iter().map(|rest| format!("-s {server} -p {port} -u {rest}")).collect()
    };
    let plain = [
        "/",
        "/moved",
        "/missing",
        "/empty",
        "/closed",
        "missing",
        "/ -P 1.0",
        "/ -P 1.0c",
        "/ -P 1.0C",
        "/ -P 1.1",
        "/ -P 2",
        "/ -V two.example",
        "/ -V tree.example -P 1.1",
        "/ -v",
        "/empty -v",
        "/missing -v -v",
        "/ -S",
        "/ -m 7",
        "/ -m 0x7",
        "/ -t 5",
        "/ -t x",
        "/ -t -1",
        "/ extra",
        "/ -x",
        "/ --bogus",
        "/ -p 65536",
        "/ -p http",
        "/ -p 0",
        "/ -s localhost",
        "/ -u /missing",
        "/ --use-v two.example",
        "/ --protoc=1.1",
    ];
    let within_tls = ["/", "/ -V two.example", "/ -I", "/ -I -V two.example", "/ -v", "/closed", "/ -P 1.1"];
    let within_tls: Vec<String> = within_tls.iter().map(|rest| format!("{rest} -S")).collect();
    let within_tls: Vec<&str> = within_tls.iter().map(String::as_str).collect();
    let cases = [
        at(SERVER, 80, &plain),
        at(SERVER, 443, &within_tls),
        at(SERVER, 443, &["/ -I", "/ -v"]),
        at(SERVER, 444, &within_tls[..4]),
        at(SERVER, 81, &["/", "/ -v", "/ -S", "/ -S -v"]),
        at(NOBODY, 80, &["/", "/ -t 1", "/ -t 1 -v", "/ -S -t 1"]),
        at("192.0.2.9", 80, &["/"]),
        vec!["-u /".to_owned(), format!("-s {SERVER} -p 80"), format!("-s {SERVER} -u /")],
    ]
    .concat();
    let program = Daemon::Vipd.program()?.display().to_string();
    let run = |program: &str, words: &str| -> Result<(Option<i32>, String)> {
        // What fails is as welcome here as what does not. Who asked before may have found that nobody is there.
        let before = if words.contains(NOBODY) { "ip neigh flush all; " } else { "" };
        let line = format!("{before}{program} {words}; echo \"status $?\"");
        let text = stage.vipd.run("sh", &["-c", &line])?.stdout;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (said, status) = text.rsplit_once("status ").unwrap_or((&text, ""));
        // The time of a question and that of its answer differ.
        let kept =
            said.lines().filter(|l| !l.starts_with("Date:") && !l.starts_with("00") && !l.starts_with("01"));
        let kept: Vec<&str> = kept.map(|l| l.split(" = ").next().unwrap_or_default()).collect();
        Ok((status.trim().parse().ok(), kept.join("\n")))
    };
    for case in &cases {
        let (ours, theirs) = (run(&format!("{program} genhash"), case)?, run("/usr/bin/genhash", case)?);
        ensure(theirs.0.is_some(), format_args!("genhash {case}: no status"))?;
        ensure(ours == theirs, format_args!("genhash {case}:\n{ours:?}\n{theirs:?}"))?;
    }
    println!("  {} times the same output and status", cases.len());
    Ok(Outcome::Passed)
}

// --- others ---

fn dns() -> Result<Outcome> {
    let stage = Stage::new("dnsmasq")?;
    let line = format!(
        "--nofile=1024 dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --bind-interfaces \
         --listen-address={SERVER} --local=/example/ --host-record=www.example,192.0.2.80,2001:db8::80 \
         --mx-host=example,www.example --txt-record=example,text --cname=web.example,www.example"
    );
    let words: Vec<&str> = line.split_whitespace().collect();
    // It closes every descriptor that it might have, one by one.
    let serve = || stage.servers.spawn("dnsmasq", "prlimit", &words);
    let daemon = serve()?;
    stage.wait_open(SERVER, 53)?;
    let case = |what, lines: &str, well| {
        let check =
            format!("DNS_CHECK {{\n connect_timeout 2\n retry 0\n delay_before_retry 1\n {lines}\n }}");
        Case::new(what, (SERVER, 53), check, well)
    };
    let cases = [
        case("an address", "type A\n name www.example", Well::Both),
        case("an address of IPv6", "type AAAA\n name www.example", Well::Both),
        case("an exchange", "type MX\n name example", Well::Both),
        case("a text", "type TXT\n name example", Well::Both),
        case("an alias", "type CNAME\n name web.example", Well::Both),
        case("a name that does not exist", "type A\n name nobody.example", Well::Neither),
        case("a name that has nothing of the kind", "type MX\n name www.example", Well::Both),
        case("somebody else's name", "type A\n name www.elsewhere", Well::Neither),
        case("the root", "", Well::Neither),
    ];
    stage.follow(&conf("", &cases), &cases, &daemon, serve)
}

fn smtp() -> Result<Outcome> {
    let stage = Stage::new("smtp-check")?;
    let listen = format!("{SERVER}:25");
    let serve = || stage.servers.spawn("aiosmtpd", "aiosmtpd", &["-n", "-l", &listen]);
    let daemon = serve()?;
    stage.wait_open(SERVER, 25)?;
    let check = |lines: &str| {
        format!("SMTP_CHECK {{\n connect_timeout 4\n retry 0\n delay_before_retry 1\n {lines}\n }}")
    };
    let cases = [
        Case::new("a greeting", (SERVER, 25), check(""), Well::Both),
        Case::new("by name", (SERVER, 25), check("helo_name lb.example"), Well::Both),
        Case::new(
            "elsewhere",
            ("10.0.0.99", 80),
            check(&format!("connect_ip {SERVER}\n connect_port 25")),
            Well::Both,
        ),
        Case::new("a port where nobody listens", (SERVER, 26), check(""), Well::Neither),
    ];
    stage.follow(&conf("", &cases), &cases, &daemon, serve)
}
