//! The kernel's sync daemon and its timeouts: what somebody else does to them, and what the kernel refuses.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Lab, LabError, Node, Process, Result, Signal, ensure};

const BOUND: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
/// `resync` of the tests, and what a repair takes.
const RESYNC: Duration = Duration::from_millis(5_500);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

const MASTER: &str =
    "master sync daemon (mcast=eth1, syncid=51, maxlen=1400, group=224.0.0.81, port=8848, ttl=1)";
const BACKUP: &str =
    "backup sync daemon (mcast=eth1, syncid=51, maxlen=1400, group=224.0.0.81, port=8848, ttl=1)";

fn main() -> ExitCode {
    let of = |name, run: fn() -> Result<Outcome>| Scenario::new(name, Needs::VirtualTime, run);
    lab::harness::main(&[
        of("a-sync-daemon-that-somebody-stops-or-changes-is-put-right", repaired),
        of("a-sync-daemon-and-timeouts-of-somebody-else-stay", foreign),
        of("a-sync-daemon-goes-on-on-the-interface-that-takes-the-place-of-its-own", replaced),
        of("a-sync-daemon-that-cannot-start-is-tried-again-ever-more-slowly", refused),
    ])
}

/// A router with a service whose only server is not checked.
fn conf(global: &str) -> String {
    format!(
        "global_defs {{\n resync 5\n vrrp_version 3\n{global}}}\nvrrp_instance VI_1 {{\n state MASTER\n interface eth0\n \
         virtual_router_id 51\n priority 100\n advert_int 0.2\n virtual_ipaddress {{\n  {VIP}/24\n }}\n}}\n\
         virtual_server {VIP} 80 {{\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n real_server 10.0.0.21 80 {{\n }}\n}}\n"
    )
}

/// Waits for what takes seconds, and is looked at with a command.
fn wait(what: &str, bound: Duration, condition: impl FnMut() -> Result<bool>) -> Result<()> {
    lab::wait_looking(what, bound, SECOND / 4, condition).map(drop)
}

/// A director, alone.
struct Stage {
    lab: Lab,
    node: Node,
    daemon: Process,
}

impl Stage {
    fn new(tag: &str, global: &str) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let (front, back) = (lab.lan("lan0")?, lab.lan("lan1")?);
        let node = lab.node("d1")?;
        node.attach(&front, "eth0", &["192.0.2.11/24"], None)?;
        node.attach(&back, "eth1", &["10.0.0.11/24"], None)?;
        let daemon = node.start(Daemon::Vipd, "vipd", &conf(global))?;
        node.wait_ip(IpAddr::V4(VIP), true, BOUND)?;
        Ok(Self { lab, node, daemon })
    }

    fn ipvsadm(&self, words: &str) -> Result<String> {
        let output = self.node.run("ipvsadm", &words.split(' ').collect::<Vec<_>>())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn ip(&self, words: &str) -> Result<()> {
        self.node.run("ip", &words.split(' ').collect::<Vec<_>>()).map(drop)
    }

    /// Waits until these halves run, and nothing else.
    fn runs(&self, halves: &[&str], bound: Duration) -> Result<()> {
        self.comes("-L --daemon", &halves.join("\n"), bound)
    }

    fn comes(&self, question: &str, answer: &str, bound: Duration) -> Result<()> {
        wait(&format!("\"{answer}\""), bound, || Ok(self.ipvsadm(question)? == answer)).map_err(|e| {
            let log = self.daemon.log().unwrap_or_default();
            LabError::Expectation(format!("{e}: {:?}\n{log}", self.ipvsadm(question)))
        })
    }

    /// How often a line was logged that contains this.
    fn told(&self, text: &str) -> Result<usize> {
        Ok(self.daemon.log()?.lines().filter(|line| line.contains(text)).count())
    }

    /// How often the threads of the daemon's processes have gone to sleep so far.
    fn sleeps(&self) -> Result<u64> {
        let mut sum = 0;
        for process in self.node.processes()?.iter().filter(|p| p.words.iter().any(|w| w.contains("vipd"))) {
            let threads = fs::read_dir(format!("/proc/{}/task", process.pid)).into_iter().flatten().flatten();
            for status in threads.filter_map(|t| fs::read_to_string(t.path().join("status")).ok()) {
                let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
                sum += switches.filter_map(|l| l.split_whitespace().last()?.parse::<u64>().ok()).sum::<u64>();
            }
        }
        Ok(sum)
    }
}

fn repaired() -> Result<Outcome> {
    let cases: [(&str, &[&str], &str); 2] = [
        ("lvs_sync_daemon eth1 inst VI_1 id 51 maxlen 1400\n", &[MASTER], "was s"),
        ("lvs_sync_daemon eth1 id 51 maxlen 1400\n", &[MASTER, BACKUP], "were changed by somebody else"),
    ];
    for (line, halves, told) in cases {
        let stage = Stage::new("lvs-repaired", &format!(" lvs_timeouts tcp 300\n {line}"))?;
        stage.runs(halves, BOUND)?;
        stage.lab.pass(20 * SECOND);
        ensure(stage.told(told)? == 0, "as long as nobody touches it nothing is told")?;
        let edits = [
            "--stop-daemon master",
            "--start-daemon master --mcast-interface eth1 --syncid 9",
            "--start-daemon master --mcast-interface eth0 --syncid 51 --sync-maxlen 1400",
            "--start-daemon master --mcast-interface eth1 --syncid 51 --sync-maxlen 1300",
            "--start-daemon master --mcast-interface eth1 --syncid 51 --sync-maxlen 1400 --mcast-port 9000",
            "--start-daemon master --mcast-interface eth1 --syncid 51 --sync-maxlen 1400 --mcast-ttl 7",
            "--start-daemon master --mcast-interface eth1 --syncid 51 --sync-maxlen 1400 --mcast-group 224.0.0.99",
        ];
        for (count, edit) in (1..).zip(edits) {
            if edit.starts_with("--start") {
                stage.ipvsadm("--stop-daemon master")?;
            }
            stage.ipvsadm(edit)?;
            stage.runs(halves, RESYNC)?;
            wait("it is told once", SECOND, || Ok(stage.told(told)? == count))?;
        }
        // One that shall not run.
        if halves.len() == 1 {
            stage.ipvsadm("--start-daemon backup --mcast-interface eth1 --syncid 51")?;
            stage.runs(halves, RESYNC)?;
        }
        // What isn't configured of the timeouts is whoever's sets it.
        stage.ipvsadm("--set 100 50 60")?;
        stage.comes("-L --timeout", "Timeout (tcp tcpfin udp): 300 50 60", RESYNC)?;
        let daemon = stage.daemon.stop(BOUND)?;
        ensure(daemon.success(), format_args!("{daemon}"))?;
        stage.runs(&[], SECOND)?;
        stage.comes("-L --timeout", "Timeout (tcp tcpfin udp): 900 50 60", SECOND)?;
    }
    Ok(Outcome::Passed)
}

fn foreign() -> Result<Outcome> {
    let stage = Stage::new("lvs-foreign", "")?;
    stage.ipvsadm("--start-daemon master --mcast-interface eth1 --syncid 51 --sync-maxlen 1400")?;
    stage.ipvsadm("--set 100 50 60")?;
    stage.lab.pass(20 * SECOND);
    stage.runs(&[MASTER], SECOND)?;
    stage.comes("-L --timeout", "Timeout (tcp tcpfin udp): 100 50 60", SECOND)?;
    stage.daemon.stop(BOUND)?;
    stage.runs(&[MASTER], SECOND)?;
    stage.comes("-L --timeout", "Timeout (tcp tcpfin udp): 100 50 60", SECOND)?;
    Ok(Outcome::Passed)
}

/// The kernel's thread is bound to the interface that had the name when it began.
fn replaced() -> Result<Outcome> {
    let stage = Stage::new("lvs-replaced", " lvs_sync_daemon eth9 inst VI_1 id 51\n")?;
    // A router with a fault learns connections.
    stage.ip("link set eth0 down")?;
    let joined = || {
        let output = stage.node.run("ip", &["maddress", "show", "dev", "eth9"])?;
        Ok(String::from_utf8_lossy(&output.stdout).contains("224.0.0.81"))
    };
    for bound in [11 * SECOND, SECOND] {
        for words in ["link add eth9 type dummy", "address add 10.0.9.1/24 dev eth9", "link set eth9 up"] {
            stage.ip(words)?;
        }
        wait("the group is listened to", bound, joined)?;
        stage.ip("link delete eth9")?;
        stage.lab.pass(SECOND);
    }
    Ok(Outcome::Passed)
}

/// What the kernel refuses, and what has to be done that it doesn't any more.
fn refused() -> Result<Outcome> {
    const WHILE: Duration = Duration::from_secs(30);
    // An advert is two: the process wakes up before it is due.
    const WAKES: u64 = 30 * 5 * 2;
    let cases: [(&str, &[&str], &[&str]); 3] = [
        ("eth9", &[], &["link add eth9 type dummy", "address add 10.0.9.1/24 dev eth9", "link set eth9 up"]),
        ("eth9", &["link add eth9 type dummy"], &["address add 10.0.9.1/24 dev eth9", "link set eth9 up"]),
        ("eth9 group ff02::81", &["link add eth9 type dummy"], &["link set eth9 up"]),
    ];
    for (place, before, after) in cases {
        for instance in [" inst VI_1", ""] {
            let what = format!("{place}{instance} after {before:?}");
            let stage = Stage::new("lvs-refused", "")?;
            for words in before {
                stage.ip(words)?;
            }
            let conf = conf(&format!(" lvs_sync_daemon {place}{instance} id 51\n"));
            stage.node.write("vipd.conf", &conf)?;
            stage.daemon.signal(Signal::SIGHUP)?;
            let failed = "sync daemon (master) on eth9";
            wait(&format!("{what} fails"), BOUND, || Ok(stage.told(failed)? > 0))?;
            let (slept, lines) = (stage.sleeps()?, stage.daemon.log()?.lines().count());
            stage.lab.pass(WHILE);
            let (slept, lines) = (stage.sleeps()? - slept, stage.daemon.log()?.lines().count() - lines);
            println!("  {what}: {slept} wakes, {lines} lines in {WHILE:?}");
            ensure(slept < 2 * WAKES, format_args!("{what}: {slept} wakes in {WHILE:?}"))?;
            let log = stage.daemon.log()?;
            ensure(lines <= 8, format_args!("{what}: {lines} lines in {WHILE:?}\n{log}"))?;
            ensure(stage.told(failed)? == 1, format_args!("{what}: told more than once\n{log}"))?;
            for words in after {
                stage.ip(words)?;
            }
            // The checkers' longest pause between two tries.
            wait(&format!("{what} starts"), 31 * SECOND, || {
                Ok(stage.ipvsadm("-L --daemon")?.contains("master sync daemon"))
            })?;
            stage.daemon.stop(BOUND)?;
        }
    }
    Ok(Outcome::Passed)
}
