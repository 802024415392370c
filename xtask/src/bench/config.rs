//! How long the configuration test of each daemon takes for large configurations, and how much memory; and how
//! long the comparison of two takes.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use lab::{Lab, Node};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::place::Binary;
use super::report::{Book, Goal, Metric};
use super::{Options, workspace_root};

/// The command line of a single measurement, in a process of its own: the kernel tells the memory of children
/// only as the largest of all.
pub(super) const ONE: &str = "config-one";

const PEAK: Metric = Metric::judged("peak memory", "MB", Goal::AtMost(1.0));
const CPU: Metric = Metric::told("CPU", "s");
const TIME: Metric = Metric::told("time", "s");
const NO_SLOWER: Metric = Metric::judged("time", "s", Goal::AtMost(1.0));

/// The comparison of two configurations.
const COMPARISON: &str = "comparison of 40,000 real servers";

/// Who needs longer is stopped: what it took until then are lower bounds.
const LIMIT: Duration = Duration::from_secs(100);

/// A configuration, and what is asked of its test.
struct Plan {
    name: &'static str,
    text: fn() -> String,
    time: Metric,
    /// One thread computes all the time: what it takes on a machine of its own. The time is its neighbours', too.
    cpu: Metric,
    /// Runs, and those of `--quick`, in which 0 leaves it out.
    runs: (usize, usize),
}

const PLANS: &[Plan] = &[
    Plan {
        name: "10,000 virtual servers of 4",
        text: || services(None),
        time: Metric::judged("time", "s", Goal::AtMost(0.25)),
        cpu: CPU,
        runs: (9, 3),
    },
    Plan { name: "4,000 instances", text: || instances(4_000), time: NO_SLOWER, cpu: CPU, runs: (5, 1) },
    Plan { name: "16,000 instances", text: || instances(16_000), time: NO_SLOWER, cpu: CPU, runs: (3, 1) },
    Plan {
        name: "16,256 instances out of a sequence",
        text: || sequence(64),
        time: NO_SLOWER,
        cpu: CPU,
        runs: (1, 0),
    },
    Plan {
        name: "65,024 instances out of a sequence",
        text: || sequence(256),
        time: TIME,
        cpu: Metric::judged("CPU", "s", Goal::Under(1.0)),
        runs: (1, 0),
    },
];

/// Interfaces of the node, `eth0` to `eth255`.
const LINKS: u32 = 256;
/// Instances on each interface, unless there are more.
const PER_LINK: u32 = 250;

/// The comparison.
pub(super) fn measure(options: &Options, binaries: &[Binary]) -> Result<Book, String> {
    let mut book = Book::new("config", binaries.iter().map(|b| b.name.clone()).collect());
    let plans = PLANS.iter().filter(|plan| options.wants(plan.name));
    let lab = Lab::new("benchconf").map_err(|e| e.to_string())?;
    let node = node(&lab).map_err(|e| e.to_string())?;
    for plan in plans {
        let runs = if options.quick { plan.runs.1 } else { plan.runs.0 };
        let file = node.write("bench.conf", &(plan.text)()).map_err(|e| e.to_string())?;
        eprintln!("{}", plan.name);
        // The first round warms the caches, unless it is the only one.
        for round in 0..runs + usize::from(runs > 1) {
            for (index, binary) in binaries.iter().enumerate() {
                let used = measured(&node, &binary.path, &[Path::new("-t"), Path::new("-f"), &file])?;
                if used.status != Some(0) && round == 0 {
                    let status = used.status;
                    let status =
                        status.map_or("did not end in time".to_owned(), |s| format!("ends with status {s}"));
                    eprintln!("  {} {status}", binary.name);
                }
                if round > 0 || runs == 1 {
                    used.note(&mut book, plan.name, index, [&plan.time, &plan.cpu, &PEAK]);
                }
            }
        }
    }
    if options.wants(COMPARISON) {
        eprintln!("{COMPARISON}");
        comparison(&mut book)?;
        if let Some(ours) = binaries.first() {
            difference(&mut book, &node, &ours.path, if options.quick { 3 } else { 9 })?;
        }
    }
    let _ = std::fs::remove_dir_all(lab.dir());
    Ok(book)
}

/// A node with all the interfaces.
fn node(lab: &Lab) -> lab::Result<Node> {
    let node = lab.node("a")?;
    let mut batch = String::new();
    for n in (0..LINKS).step_by(2) {
        let (a, b) = (n, n + 1);
        // Writing to a string cannot fail.
        let _ = writeln!(batch, "link add eth{a} type veth peer name eth{b}");
        for n in [a, b] {
            let _ = writeln!(
                batch,
                "addr add 10.{}.{}.254/32 dev eth{n}\nlink set eth{n} up",
                100 + n / 250,
                n % 250
            );
        }
    }
    let batch = node.write("links", &batch)?;
    node.run("ip", &[Path::new("-batch"), &batch])?;
    Ok(node)
}

/// What a process took.
struct Used {
    /// Seconds.
    time: f64,
    cpu: f64,
    /// Megabytes.
    peak: f64,
    /// `None`: it was stopped.
    status: Option<i64>,
}

impl Used {
    /// Writes time, CPU and memory down. Who was stopped would have needed more of each.
    fn note(&self, book: &mut Book, case: &str, binary: usize, metrics: [&Metric; 3]) {
        for (metric, value) in metrics.into_iter().zip([self.time, self.cpu, self.peak]) {
            match self.status {
                Some(_) => book.add(case, metric, binary, value),
                None => book.add_at_least(case, metric, binary, value),
            }
        }
    }
}

/// One run of a program in the node.
fn measured(node: &Node, program: &Path, words: &[&Path]) -> Result<Used, String> {
    let this = std::env::current_exe().map_err(|e| e.to_string())?;
    let this = this.to_str().ok_or("the path of this program is no text")?;
    let words = [&[Path::new("bench"), Path::new(ONE), program], words].concat();
    let output = node.run(this, &words).map_err(|e| e.to_string())?;
    let figures: Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let figure = |name: &str| figures[name].as_f64().ok_or(format!("no {name}"));
    Ok(Used {
        time: figure("time")?,
        cpu: figure("cpu")?,
        peak: figure("peak")?,
        status: figures["status"].as_i64(),
    })
}

/// Runs a program and prints what it took: seconds, and megabytes at its largest.
pub(super) fn one(program: &str, words: &[String]) -> Result<u8, String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
    let pid = i32::try_from(child.id()).map(Pid::from_raw).map_err(|e| e.to_string())?;
    let (ended, wait) = channel::<()>();
    let guard = std::thread::spawn(move || {
        if wait.recv_timeout(LIMIT).is_err() {
            // It is gone, or it goes now.
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let status = child.wait().map_err(|e| format!("{program}: {e}"))?;
    let time = began.elapsed().as_secs_f64();
    // Nobody listens if the limit has passed.
    let _ = ended.send(());
    let _ = guard.join();
    // The kernel keeps the account of one that was killed, too.
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| e.to_string())?;
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    println!(
        "{}",
        json!({
            "time": time,
            "cpu": seconds(usage.user_time()) + seconds(usage.system_time()),
            // The kernel counts in units of 1024 bytes.
            "peak": usage.max_rss() as f64 * 1024.0 / 1e6,
            "status": status.code(),
        })
    );
    Ok(0)
}

/// Two Models of 40,000 real servers, without files and processes.
fn comparison(book: &mut Book) -> Result<(), String> {
    const DIFF: Metric = Metric::judged("model::diff, one server differs", "ms", Goal::Under(50.0));
    const SAME: Metric = Metric::judged("model::diff, nothing differs", "ms", Goal::Under(50.0));
    const LOAD: Metric = Metric::told("load", "ms");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["bench", "--quiet", "--package", "vipd-config", "--bench", "speed"])
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo bench: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<(&str, f64)> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(n, s)| Some((n, s.parse().ok()?)))
        .collect();
    for (name, metric) in [("diff", DIFF), ("diff of equal ones", SAME), ("load", LOAD)] {
        let (_, nanos) =
            figures.iter().find(|(n, _)| *n == name).ok_or(format!("cargo bench: {}", output.status))?;
        book.add(COMPARISON, &metric, 0, nanos / 1e6);
    }
    Ok(())
}

/// `vipd diff` of the files of two such configurations, from its start to its end.
fn difference(book: &mut Book, node: &Node, program: &Path, runs: usize) -> Result<(), String> {
    const TIME: Metric = Metric::told("vipd diff, one server differs: time", "ms");
    const CPU: Metric = Metric::told("vipd diff: CPU", "ms");
    const PEAK: Metric = Metric::told("vipd diff: peak memory", "MB");
    /// `vipd diff` says that they differ.
    const DIFFERENT: i64 = 1;
    let write = |name, text: &str| node.write(name, text).map_err(|e| e.to_string());
    let old = write("old.conf", &services(None))?;
    let new = write("new.conf", &services(Some(20_000)))?;
    // The first round warms the caches.
    for round in 0..=runs {
        let used = measured(node, program, &[Path::new("diff"), &old, &new])?;
        if used.status != Some(DIFFERENT) {
            // Of the daemons, only vipd has it.
            eprintln!("  {} diff ends with {:?}", program.display(), used.status);
            return Ok(());
        }
        if round > 0 {
            let used = Used { time: used.time * 1e3, cpu: used.cpu * 1e3, ..used };
            used.note(book, COMPARISON, 0, [&TIME, &CPU, &PEAK]);
        }
    }
    Ok(())
}

/// 10,000 virtual servers, each with four real servers that are checked; one of those may have another weight.
fn services(other: Option<u32>) -> String {
    let mut text = String::from("global_defs {\n  router_id bench\n}\n");
    for n in 0..10_000 {
        let _ = writeln!(
            text,
            "virtual_server 10.90.{}.{} 8080 {{\n  delay_loop 1\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP",
            n / 250,
            n % 250 + 1
        );
        for server in n * 4..n * 4 + 4 {
            let weight = if other == Some(server) { 2 } else { 1 };
            let _ = writeln!(
                text,
                "  real_server 10.{}.{}.{} 8080 {{\n    weight {weight}\n    TCP_CHECK {{\n      connect_timeout 2\n    }}\n  }}",
                78 + server / 62_500,
                server / 250 % 250,
                server % 250 + 1
            );
        }
        text.push_str("}\n");
    }
    text
}

/// Instances of one address each.
fn instances(count: u32) -> String {
    let mut text = String::from("global_defs {\n  router_id bench\n  vrrp_version 2\n}\n");
    for n in 0..count {
        let (link, vrid) = (n / PER_LINK, n % PER_LINK + 1);
        let _ = writeln!(
            text,
            "vrrp_instance VI_{n} {{\n  state BACKUP\n  interface eth{link}\n  virtual_router_id {vrid}\n  \
             priority 100\n  advert_int 1\n  virtual_ipaddress {{\n    10.{}.1.{vrid}/32\n  }}\n}}",
            100 + link
        );
    }
    text
}

/// 254 instances on each of some interfaces, as keepalived's manual writes them.
fn sequence(links: u32) -> String {
    const TEXT: &str = "global_defs {\n  router_id bench\n}\n\
     $VI4=vrrp_instance VI_${IF}_${ID} { \\\n  interface eth${IF} \\\n  virtual_router_id ${ID} \\\n  \
     priority 100 \\\n  virtual_ipaddress { \\\n    10.${IF}.1.${ID}/32 \\\n  } \\\n}\n\
     ~SEQ(IF, 0, LAST) ~SEQ(ID, 1, 254) $VI4\n";
    TEXT.replace("LAST", &links.saturating_sub(1).to_string())
}
