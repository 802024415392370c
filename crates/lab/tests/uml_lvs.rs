//! Load balancing on a real kernel: a director in front of two web servers, through NAT.
//!
//! What the kernel's table is, `ipvsadm` says.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use lab::balanced::{Balanced, Forwarding, VIP};
use lab::harness::{Needs, Outcome, Scenario};
use lab::{LabError, Node, Process, Result, Running, Signal, Web, ensure};

const BOUND: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const W1: &str = "10.0.0.21:80";
const W2: &str = "10.0.0.22:80";

/// Checks of the tests: each `delay_loop`, `connect_timeout`, one retry after `delay_before_retry`, all
/// of a second.
const RETRIES: u32 = 1;
/// When a dead server has to be out of the table at the latest: `delay_loop + (retry + 1) *
/// (connect_timeout + delay_before_retry)`, and what a guest may be late.
const OUT_WITHIN: Duration = Duration::from_millis(1_000 + 2 * 2_000 + 250);
/// When one that is back has to be in again: the same once.
const IN_WITHIN: Duration = Duration::from_millis(3_250);

fn main() -> ExitCode {
    let of = |name, run: fn() -> Result<Outcome>| Scenario::new(name, Needs::VirtualTime, run);
    lab::harness::main(&[
        of("connections-are-shared-and-a-dead-server-is-out-in-time", shares),
        of("a-sorry-server-serves-while-nobody-else-does", sorry),
        of("a-reload-of-the-same-file-writes-nothing-to-the-table", same_reload),
        of("a-killed-checkers-process-leaves-no-gap", killed),
        of("what-a-daemon-that-dies-too-often-left-in-the-table-is-removed", orphaned),
        of("a-director-that-stops-leaves-an-empty-table", stops),
        of("parts-begin-and-end-with-reloads", parts),
        of("a-table-of-marks-that-somebody-deletes-is-put-back", marks),
        of("the-state-file-tells-how-checks-stand", state_file),
        of("commands-fifo-and-misc-checks-work-for-servers", scripts),
    ])
}

/// Part of a configuration: the router that holds the service's address and the servers' gateway.
fn router() -> String {
    format!(
        "vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n virtual_router_id 51\n priority 150\n \
         advert_int 0.2\n virtual_ipaddress {{\n  {VIP}/24\n  10.0.0.1/24 dev eth1\n }}\n}}\n"
    )
}

fn http() -> String {
    checked("HTTP_GET {\n   url {\n    path /\n    status_code 200\n   }\n")
}

fn tcp() -> String {
    checked("TCP_CHECK {\n")
}

fn checked(begin: &str) -> String {
    format!("  {begin}   connect_timeout 1\n   retry {RETRIES}\n   delay_before_retry 1\n  }}\n")
}

fn server(address: &str, weight: u32, lines: &str) -> String {
    let address = address.replace(':', " ");
    format!(" real_server {address} {{\n  weight {weight}\n{lines} }}\n")
}

fn service(lines: &str) -> String {
    format!(
        "virtual_server {VIP} 80 {{\n delay_loop 1\n warmup 0\n lvs_sched rr\n lvs_method NAT\n \
         protocol TCP\n{lines}}}\n"
    )
}

fn both() -> String {
    format!("{}{}", router(), service(&format!("{}{}", server(W1, 3, &http()), server(W2, 3, &tcp()))))
}

/// A stage with a running director.
struct Stage {
    all: Balanced,
    webs: [Option<Web>; 2],
    daemon: Process,
}

impl Stage {
    fn new(tag: &str, conf: &str) -> Result<Self> {
        let all = Balanced::new(tag, Forwarding::Nat)?;
        let webs = [Some(all.serve(0)?), Some(all.serve(1)?)];
        for path in ["/run", "/tmp"] {
            all.directors[0].own_directory(path)?;
        }
        let daemon = all.directors[0].vipd(conf)?;
        let stage = Self { all, webs, daemon };
        stage.director().wait_ip(IpAddr::V4(VIP), true, BOUND)?;
        stage.director().wait_ip(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), true, BOUND)?;
        Ok(stage)
    }

    fn director(&self) -> &Node {
        &self.all.directors[0]
    }

    /// `ipvsadm -Sn`.
    fn table(&self) -> Result<Vec<String>> {
        let output = self.director().run("ipvsadm", &["-Sn"])?;
        let mut lines: Vec<String> =
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
        lines.sort();
        Ok(lines)
    }

    /// The servers in the table, with their weights, in the order of their addresses.
    fn servers(&self) -> Result<Vec<(String, u32)>> {
        let word_after = |line: &str, option: &str| {
            let mut words = line.split(' ').skip_while(|w| *w != option);
            words.nth(1).map(str::to_owned)
        };
        let server = |line: &String| {
            let weight = word_after(line, "-w")?.parse().ok()?;
            Some((word_after(line, "-r")?, weight))
        };
        Ok(self.table()?.iter().filter(|line| line.starts_with("-a ")).filter_map(server).collect())
    }

    /// Waits until these servers with these weights are in the table, and no others.
    fn wait_servers(&self, wanted: &[(&str, u32)], bound: Duration) -> Result<Duration> {
        let wanted: Vec<(String, u32)> = wanted.iter().map(|(s, w)| ((*s).to_owned(), *w)).collect();
        lab::wait(&format!("{wanted:?} in the table"), bound, || Ok(self.servers()? == wanted))
            .map_err(|e| LabError::Expectation(format!("{e}: {:?}\n{}", self.table(), tail(&self.daemon))))
    }

    /// Who answers so many requests of the client, sorted; `-` for nobody.
    fn answers(&self, count: usize) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for _ in 0..count {
            let name = self.all.client.fetch(self.all.service(), SECOND)?;
            names.push(name.unwrap_or_else(|| "-".to_owned()));
        }
        names.sort();
        Ok(names)
    }

    fn expect_answers(&self, wanted: &[&str]) -> Result<()> {
        let got = self.answers(wanted.len())?;
        ensure(got == wanted, format_args!("{got:?} answer, not {wanted:?}"))
    }

    fn told(&self, text: &str) -> Result<()> {
        let found = || Ok(self.daemon.log()?.contains(text));
        lab::wait(&format!("the log says \"{text}\""), BOUND, found).map(drop)
    }

    /// The process whose pid file this is.
    fn process(&self, pid_file: &str) -> Result<Option<Running>> {
        let path = format!("/run/{pid_file}.pid");
        let text = self.director().inside_run(move || std::fs::read_to_string(path).unwrap_or_default())?;
        let pid: Option<u32> = text.trim().parse().ok();
        Ok(self.director().processes()?.into_iter().find(|p| Some(p.inner) == pid && !p.zombie))
    }

    fn checkers(&self) -> Result<Running> {
        self.process("checkers")?.ok_or_else(|| LabError::Expectation("no checkers process".to_owned()))
    }

    /// How many operations on the table the checkers process has counted.
    fn operations(&self) -> Result<u64> {
        self.number("Operations")
    }

    /// A number in the state file.
    fn number(&self, key: &str) -> Result<u64> {
        let path = "/tmp/keepalived_check.data";
        self.director().inside_run(move || drop(std::fs::remove_file(path)))?;
        self.daemon.signal(Signal::SIGUSR1)?;
        let mut found = None;
        lab::wait(&format!("{key} in {path}"), BOUND, || {
            let text =
                self.director().inside_run(move || std::fs::read_to_string(path).unwrap_or_default())?;
            let value = |line: &str| line.trim().strip_prefix(key)?.strip_prefix(" = ")?.parse().ok();
            found = text.lines().find_map(value);
            Ok(found.is_some())
        })?;
        found.ok_or_else(|| LabError::Expectation(key.to_owned()))
    }

    fn reload(&self, conf: &str) -> Result<()> {
        self.director().write("vipd.conf", conf)?;
        let before = self.daemon.log()?.matches("Reload complete").count();
        self.daemon.signal(Signal::SIGHUP)?;
        let done = || Ok(self.daemon.log()?.matches("Reload complete").count() > before);
        lab::wait("the end of the reload", BOUND, done).map(drop)
    }
}

fn tail(process: &Process) -> String {
    let log = process.log().unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

fn shares() -> Result<Outcome> {
    let mut stage = Stage::new("shares", &both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    stage.told(&format!("Activating healthchecker for service [10.0.0.21]:tcp:80 for VS [{VIP}]:tcp:80"))?;
    stage.expect_answers(&["w1", "w1", "w1", "w2", "w2", "w2"])?;

    stage.webs[0] = None;
    stage.wait_servers(&[(W2, 3)], OUT_WITHIN)?;
    stage.expect_answers(&["w2", "w2", "w2"])?;
    stage.told("HTTP_CHECK on service [10.0.0.21]:tcp:80 failed after 1 retries.")?;
    stage.told(&format!("Removing service [10.0.0.21]:tcp:80 from VS [{VIP}]:tcp:80"))?;

    stage.webs[0] = Some(stage.all.serve(0)?);
    stage.wait_servers(&[(W1, 3), (W2, 3)], IN_WITHIN)?;
    stage.told("Remote Web server [10.0.0.21]:tcp:80 succeed on service.")?;
    stage.told(&format!("Adding service [10.0.0.21]:tcp:80 to VS [{VIP}]:tcp:80"))?;
    stage.expect_answers(&["w1", "w1", "w2", "w2"])?;

    // A server that says that it isn't well is as good as dead.
    if let Some(web) = &stage.webs[0] {
        web.set_status(500);
    }
    stage.wait_servers(&[(W2, 3)], OUT_WITHIN)?;
    let told = "HTTP_CHECK on service [10.0.0.21]:tcp:80 failed after 1 retries.";
    lab::wait("it is told again", BOUND, || Ok(stage.daemon.log()?.matches(told).count() == 2))?;
    Ok(Outcome::Passed)
}

fn sorry() -> Result<Outcome> {
    let lines = format!(" sorry_server 10.0.0.22 80\n{}", server(W1, 1, &tcp()));
    let mut stage = Stage::new("sorry", &format!("{}{}", router(), service(&lines)))?;
    stage.wait_servers(&[(W1, 1)], BOUND)?;
    stage.expect_answers(&["w1", "w1"])?;
    stage.webs[0] = None;
    stage.wait_servers(&[(W2, 1)], OUT_WITHIN)?;
    stage.told(&format!("Lost quorum 1-0=1 > 0 for VS [{VIP}]:tcp:80"))?;
    stage.told(&format!("Adding sorry server [10.0.0.22]:tcp:80 to VS [{VIP}]:tcp:80"))?;
    stage.expect_answers(&["w2", "w2"])?;
    stage.webs[0] = Some(stage.all.serve(0)?);
    stage.wait_servers(&[(W1, 1)], IN_WITHIN)?;
    stage.told(&format!("Gained quorum 1+0=1 <= 1 for VS [{VIP}]:tcp:80"))?;
    stage.told(&format!("Removing sorry server [10.0.0.22]:tcp:80 from VS [{VIP}]:tcp:80"))?;
    stage.expect_answers(&["w1", "w1"])?;
    Ok(Outcome::Passed)
}

fn same_reload() -> Result<Outcome> {
    let stage = Stage::new("same", &both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    stage.expect_answers(&["w1", "w2"])?;
    let (table, operations, process) = (stage.table()?, stage.operations()?, stage.checkers()?.pid);
    for _ in 0..3 {
        stage.reload(&both())?;
        stage.all.lab.pass(2 * SECOND);
    }
    let after = stage.operations()?;
    ensure(after == operations, format_args!("{} operations for nothing", after - operations))?;
    ensure(stage.table()? == table, "the table is as it was")?;
    ensure(stage.checkers()?.pid == process, "the process is the same")?;
    // One change is one operation.
    stage.reload(&both().replacen("weight 3", "weight 5", 1))?;
    stage.wait_servers(&[(W1, 5), (W2, 3)], BOUND)?;
    let last = stage.operations()?;
    ensure(last == after + 1, format_args!("{} operations for one change", last - after))?;
    Ok(Outcome::Passed)
}

fn killed() -> Result<Outcome> {
    let stage = Stage::new("killed", &both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    let mut talk = stage.all.client.connect(stage.all.service(), SECOND)?;
    let said = |talk: &mut lab::Talk| {
        talk.say("hello").map_err(|e| LabError::Expectation(format!("the connection breaks: {e}")))
    };
    said(&mut talk)?;
    let table = stage.table()?;
    let first = stage.checkers()?;
    first.signal(Signal::SIGKILL)?;
    let mut other = None;
    for _ in 0..40 {
        ensure(stage.table()? == table, "the table stays as it is")?;
        ensure(stage.answers(1)? != ["-"], "each request is answered")?;
        other = stage.process("checkers")?.filter(|p| p.pid != first.pid).or(other);
        stage.all.lab.pass(SECOND / 20);
    }
    ensure(other.is_some(), "another one is there")?;
    said(&mut talk)?;
    stage.told("Healthcheck child process(")?;
    // It has adopted what it found, and checks.
    let operations = stage.operations()?;
    ensure(operations == 0, format_args!("{operations} operations for what was there"))?;
    drop(stage.webs);
    Ok(Outcome::Passed)
}

fn orphaned() -> Result<Outcome> {
    let stage = Stage::new("orphaned", &both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    // The second death in a row is answered with a delay; the daemon stops within it.
    for _ in 0..2 {
        let process = stage.checkers()?;
        process.signal(Signal::SIGKILL)?;
        let gone = || Ok(stage.process("checkers")?.is_none_or(|p| p.pid != process.pid));
        lab::wait("its end", BOUND, gone)?;
        stage.all.lab.pass(SECOND / 4);
    }
    ensure(!stage.table()?.is_empty(), "what it left is there")?;
    let status = stage.daemon.stop(BOUND)?;
    ensure(status.code() == Some(0), format_args!("it ends with {status}"))?;
    let table = stage.table()?;
    ensure(table.is_empty(), format_args!("the table is {table:?}\n{}", tail(&stage.daemon)))?;
    ensure(
        stage.daemon.log()?.contains("Removing what the Healthcheck process left behind"),
        "another one removes it",
    )?;
    Ok(Outcome::Passed)
}

fn stops() -> Result<Outcome> {
    let stage = Stage::new("stops", &both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    // Somebody else's service stays.
    stage.director().run("ipvsadm", &["-A", "-t", "192.0.2.11:8080", "-s", "rr"])?;
    let status = stage.daemon.stop(BOUND)?;
    ensure(status.code() == Some(0), format_args!("it ends with {status}"))?;
    let table = stage.table()?;
    ensure(table == ["-A -t 192.0.2.11:8080 -s rr"], format_args!("the table is {table:?}"))?;
    ensure(!stage.director().has_ip(IpAddr::V4(VIP))?, "the address is gone")?;
    for name in ["keepalived", "vrrp", "checkers"] {
        ensure(stage.process(name)?.is_none(), format_args!("{name} is gone"))?;
    }
    Ok(Outcome::Passed)
}

fn parts() -> Result<Outcome> {
    let stage = Stage::new("parts", &router())?;
    ensure(stage.process("checkers")?.is_none(), "nothing to check, no process")?;
    stage.reload(&both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    let vrrp = stage.process("vrrp")?.map(|p| p.pid);
    // A service less, then none.
    stage.reload(&router())?;
    ensure(stage.table()?.is_empty(), "the table is empty")?;
    ensure(stage.process("checkers")?.is_none(), "and its process gone")?;
    ensure(stage.process("vrrp")?.map(|p| p.pid) == vrrp, "the other one stays")?;
    ensure(stage.director().has_ip(IpAddr::V4(VIP))?, "with its address")?;
    Ok(Outcome::Passed)
}

fn marks() -> Result<Outcome> {
    let conf = format!(
        "global_defs {{\n nftables_ipvs marks\n resync 5\n}}\n{}\
         virtual_server_group web {{\n {VIP} 80\n 192.0.2.30-33 80\n}}\n{}",
        router(),
        service(&format!("{}{}", server(W1, 3, &tcp()), server(W2, 3, &tcp())))
            .replace(&format!("virtual_server {VIP} 80"), "virtual_server group web")
    );
    let stage = Stage::new("marks", &conf)?;
    let rules = || {
        let output = stage.director().run("nft", &["-s", "list", "ruleset"])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    lab::wait("the table of marks", BOUND, || Ok(rules()?.contains("tcp_map")))?;
    stage.all.lab.pass(2 * SECOND);
    stage.expect_answers(&["w1", "w2"])?;
    let before = rules()?;
    let operations = stage.operations()?;
    for (count, edit) in (1..).zip(["delete table ip marks", "flush chain ip marks in"]) {
        stage.director().run("nft", &[edit])?;
        ensure(rules()? != before, "it is gone")?;
        lab::wait("it is put back", 6 * SECOND, || Ok(rules()? == before))?;
        let line = "IPVS: 1 of our services, servers, timeouts, sync daemons or tables of marks were changed by somebody else";
        lab::wait("it is told once", SECOND, || Ok(stage.daemon.log()?.matches(line).count() == count))?;
    }
    ensure(stage.operations()? == operations + 2, "each takes one operation")?;
    stage.expect_answers(&["w1", "w2"])?;
    // One that dies leaves it; its successor finds it as it should be.
    stage.checkers()?.signal(Signal::SIGKILL)?;
    stage.told("Healthcheck child process(")?;
    stage.all.lab.pass(3 * SECOND);
    let operations = stage.operations()?;
    ensure(operations == 0, format_args!("{operations} operations for what was there"))?;
    ensure(rules()? == before, "it is as it was")?;
    stage.daemon.stop(BOUND)?;
    let left = rules()?;
    ensure(left.is_empty(), format_args!("it is left: {left}"))?;
    Ok(Outcome::Passed)
}

fn state_file() -> Result<Outcome> {
    let mut stage = Stage::new("state-file", &both())?;
    stage.wait_servers(&[(W1, 3), (W2, 3)], BOUND)?;
    stage.all.lab.pass(3 * SECOND);
    stage.webs[0] = None;
    stage.wait_servers(&[(W2, 3)], OUT_WITHIN)?;
    stage.number("Operations")?;
    let read = || std::fs::read_to_string("/tmp/keepalived_check.data").unwrap_or_default();
    let text = stage.director().inside_run(read)?;
    let of = |server: &str| {
        let heading = format!(" [{VIP}]:tcp:80 -> [{server}]:tcp:80");
        let lines = text.lines().skip_while(|line| *line != heading).skip(1);
        lines.take_while(|line| line.starts_with("  ")).map(str::trim).collect::<Vec<_>>()
    };
    for (server, lines) in [
        ("10.0.0.21", ["Up = no", "Verdict = failing", "Failures in a row = 2", "Next url = /"].as_slice()),
        ("10.0.0.22", &["Up = yes", "Verdict = passing", "Failures in a row = 0", "Has run = yes"]),
    ] {
        let told = of(server);
        for line in lines {
            ensure(told.contains(line), format_args!("no \"{line}\" of {server} in\n{text}"))?;
        }
        let next = told.iter().any(|line| line.starts_with("Next run = in 0.") || *line == "Next run = now");
        ensure(next, format_args!("{server} is tried within a second:\n{text}"))?;
    }
    Ok(Outcome::Passed)
}

fn scripts() -> Result<Outcome> {
    let misc = "  MISC_CHECK {\n   misc_path \"/run/check.sh\"\n   misc_timeout 1\n   misc_dynamic\n   user root\n  }\n\
                \x20 notify_up \"/run/note.sh up\" root\n  notify_down \"/run/note.sh down\" root\n";
    let conf = format!(
        "global_defs {{\n script_user root\n enable_script_security\n lvs_notify_fifo /run/lvs.fifo\n}}\n{}{}",
        router(),
        service(&format!("{}{}", server(W1, 10, misc), server(W2, 3, &tcp())))
    );
    let all = Balanced::new("scripts", Forwarding::Nat)?;
    let director = &all.directors[0];
    for path in ["/run", "/tmp"] {
        director.own_directory(path)?;
    }
    for (path, body) in
        [("/run/check.sh", "exit $(cat /run/status)"), ("/run/note.sh", "echo $1 >> /run/notes")]
    {
        let text = format!("#!/bin/sh\n{body}\n");
        director
            .inside_run(move || {
                use std::os::unix::fs::PermissionsExt;
                std::fs::write(path, text)
                    .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)))
            })?
            .map_err(|e| LabError::Expectation(format!("{path}: {e}")))?;
    }
    let exits_with = |director: &Node, status: u8| {
        director.inside_run(move || std::fs::write("/run/status", status.to_string()).unwrap_or(()))
    };
    exits_with(director, 0)?;
    let webs = [Some(all.serve(0)?), Some(all.serve(1)?)];
    let daemon = director.vipd(&conf)?;
    let stage = Stage { all, webs, daemon };
    stage.director().wait_ip(IpAddr::V4(VIP), true, BOUND)?;
    stage.wait_servers(&[(W1, 10), (W2, 3)], BOUND)?;
    stage.all.lab.pass(3 * SECOND);
    // A status from 2 on is a weight.
    exits_with(stage.director(), 22)?;
    stage.wait_servers(&[(W1, 20), (W2, 3)], 3 * SECOND)?;
    stage.told(&format!(
        "Changing weight from 10 to 20 for active service [10.0.0.21]:tcp:80 of VS [{VIP}]:tcp:80"
    ))?;
    exits_with(stage.director(), 1)?;
    stage.wait_servers(&[(W2, 3)], 4 * SECOND)?;
    stage
        .told(&format!("Misc check for [[10.0.0.21]:tcp:80 VS [{VIP}]:tcp:80] by [/run/check.sh] failed"))?;
    let notes = || stage.director().inside_run(|| std::fs::read_to_string("/run/notes").unwrap_or_default());
    lab::wait("the command about a loss", BOUND, || Ok(notes()? == "down\n"))?;
    exits_with(stage.director(), 0)?;
    stage.wait_servers(&[(W1, 10), (W2, 3)], 3 * SECOND)?;
    lab::wait("the command about a gain", BOUND, || Ok(notes()? == "down\nup\n"))?;
    let fifo = stage.director().inside_run(|| {
        use std::io::Read;
        use std::os::unix::fs::OpenOptionsExt;
        let mut bytes = vec![0; 4096];
        let file = std::fs::OpenOptions::new().read(true).custom_flags(0o4000).open("/run/lvs.fifo");
        let n = file.and_then(|mut file| file.read(&mut bytes)).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..n]).replace('\0', "")
    })?;
    let line = |state: &str| format!("RS [10.0.0.21]:tcp:80 [{VIP}]:tcp:80 {state}");
    let lines: Vec<&str> = fifo.lines().filter(|l| l.starts_with("RS ")).collect();
    ensure(lines == [line("DOWN"), line("UP")], format_args!("the FIFO has {fifo:?}"))?;
    Ok(Outcome::Passed)
}
