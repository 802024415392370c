//! Mail about changes of state arrives at a real SMTP server.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Lab, LabError, Node, Process, Result, Signal, ensure};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100));
const SERVER: &str = "192.0.2.25";
const BOUND: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    lab::harness::main(&[
        Scenario::new("mail-tells-who-is-master-and-that-it-stops", Needs::AnyClock, || told("", &[])),
        Scenario::new("mail-is-handed-in-over-starttls", Needs::AnyClock, || {
            told("smtp_tls opportunistic", &["--tlscert", "cert.pem", "--tlskey", "key.pem"])
        }),
        Scenario::new("a-certificate-for-another-name-is-refused", Needs::AnyClock, refused),
    ])
}

/// A router, and a mail server that prints what it gets.
struct Mailing {
    _lab: Lab,
    router: Node,
    server: Node,
    program: Process,
}

impl Mailing {
    fn new(tag: &str, arguments: &[&str]) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let lan = lab.lan("lan0")?;
        let (router, server) = (lab.node("r1")?, lab.node("mail")?);
        router.attach(&lan, "eth0", &["192.0.2.11/24"], None)?;
        server.attach(&lan, "eth0", &[&format!("{SERVER}/24")], None)?;
        let file = |name: &str| server.dir().join(name).display().to_string();
        if !arguments.is_empty() {
            let (key, certificate) = (file("key.pem"), file("cert.pem"));
            let mut words = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj"];
            words.extend(["/CN=elsewhere.example", "-keyout", &key, "-out", &certificate]);
            server.run("openssl", &words)?;
        }
        let listen = format!("{SERVER}:25");
        // It is to print at once, also into a file.
        let words = ["PYTHONUNBUFFERED=1", "aiosmtpd", "-n", "-l", &listen];
        let mut words: Vec<String> = words.map(str::to_owned).to_vec();
        words.extend(arguments.iter().map(|w| if w.ends_with(".pem") { file(w) } else { (*w).to_owned() }));
        let program = server.spawn("aiosmtpd", "env", &words)?;
        lab::wait("the mail server listens", BOUND, || {
            let to = std::net::SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 25)), 25);
            Ok(router.connect(to, Duration::from_secs(1)).is_ok())
        })?;
        Ok(Self { _lab: lab, router, server, program })
    }

    fn start(&self, tls: &str) -> Result<Process> {
        let conf = format!(
            "global_defs {{\n router_id lb1\n smtp_server {SERVER}\n smtp_alert\n notification_email {{\n  \
             ops@example.org\n  \"Night <night@example.org>\"\n }}\n notification_email_from lb1@example.org\n {tls}\n}}\n\
             vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n virtual_router_id 51\n priority 150\n \
             advert_int 1\n virtual_ipaddress {{\n  {VIP}/24\n }}\n}}\n"
        );
        self.router.start(Daemon::Vipd, "vipd", &conf)
    }
}

/// Waits until the log of a process holds `text`.
fn wait_for(process: &Process, text: &str) -> Result<()> {
    lab::wait(&format!("{text:?} in a log"), BOUND, || Ok(process.log()?.contains(text)))
        .map(drop)
        .map_err(|e| LabError::Expectation(format!("{e}\n{}", process.log().unwrap_or_default())))
}

fn told(tls: &str, arguments: &[&str]) -> Result<Outcome> {
    let tag = if tls.is_empty() { "mail" } else { "mail-tls" };
    let all = Mailing::new(tag, arguments)?;
    let daemon = all.start(tls)?;
    wait_for(&all.program, "Subject: [lb1] VRRP Instance VI_1 - Entering MASTER state")?;
    wait_for(&all.program, "=> VRRP Instance is now owning VRRP VIPs <=")?;
    daemon.signal(Signal::SIGTERM)?;
    daemon.wait(BOUND)?;
    wait_for(&all.program, "Subject: [lb1] VRRP Instance VI_1 - Stopping")?;
    let mails = all.program.log()?;
    for line in
        ["From: lb1@example.org", "X-Mailer: Keepalived", "To: ops@example.org, Night <night@example.org>"]
    {
        ensure(mails.contains(line), format_args!("no {line:?} in\n{mails}"))?;
    }
    let subjects: Vec<&str> = mails.lines().filter(|line| line.starts_with("Subject: ")).collect();
    let wanted = ["Entering BACKUP state", "Entering MASTER state", "Stopping"];
    let wanted = wanted.map(|text| format!("Subject: [lb1] VRRP Instance VI_1 - {text}"));
    ensure(subjects == wanted, format_args!("{subjects:?}"))?;
    drop(all.server);
    Ok(Outcome::Passed)
}

fn refused() -> Result<Outcome> {
    let all = Mailing::new("mail-refused", &["--tlscert", "cert.pem", "--tlskey", "key.pem"])?;
    let daemon = all.start("smtp_tls starttls\n smtp_auth lb1 secret-word")?;
    wait_for(&daemon, "Error sending mail to SMTP server [192.0.2.25:25]")?;
    all.router.wait_ip(VIP, true, BOUND)?;
    let log = daemon.log()?;
    ensure(!log.contains("secret-word"), format_args!("a password in the log:\n{log}"))?;
    ensure(!all.program.log()?.contains("Subject:"), "mail went to a server that can't prove its name")?;
    Ok(Outcome::Passed)
}
