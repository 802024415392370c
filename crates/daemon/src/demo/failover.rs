//! The story: two routers, a client, and what can go wrong.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use base::{Duration as Span, Priority};
use lab::{Capture, Cut, Event, Kind, Lab, LabError, Lan, Node, Pinger, Process, Result, Signal};
use vrrp::config::Version;
use vrrp::timers::skew;

use super::table::Row;
use super::timeline::{Actor, Timeline};

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const ADVERT: Span = Span::from_secs(1);
/// How long the kernel may keep the address of a dead daemon: the lease for such adverts is 2 s, and its end
/// may be late by 1 s if the host has other addresses with a lifetime. Alone it is late by 0.31 s at most.
const LEASE: Span = Span::from_secs(3);
/// How often the client asks.
const ASK: Duration = Duration::from_millis(10);
/// How long the audience may look at what a step did.
const PAUSE: Duration = Duration::from_millis(800);
/// No step takes longer than this, or something is wrong.
const BOUND: Duration = Duration::from_secs(12);

/// Router and what runs on it.
struct Router {
    actor: Actor,
    node: Node,
    address: IpAddr,
    priority: Priority,
    daemon: Option<Process>,
    /// How much of its log was told.
    told: usize,
}

struct Story {
    lab: Lab,
    a: Router,
    b: Router,
    /// Dropping it would switch it off.
    _client: Node,
    pinger: Pinger,
    capture: Capture,
    timeline: Timeline,
    silent: bool,
}

/// What a step found.
struct Finding {
    what: &'static str,
    formula: &'static str,
    expected: Span,
    /// `None`: the silence of the client is what counts.
    took: Option<Duration>,
    exact: bool,
}

/// A step: its heading, its name in the table, and what happens.
type Step = (&'static str, &'static str, fn(&mut Story, Duration) -> Result<Finding>);

const STEPS: [Step; 8] = [
    ("Both start", "both start", Story::start),
    ("Somebody deletes the address on A by hand", "address deleted on A", Story::delete_address),
    ("All processes of A's daemon are killed", "A killed (SIGKILL)", Story::kill_a),
    ("B takes over", "B takes over from A", Story::replace_a),
    ("B's cable is pulled", "cable of B pulled", Story::cut_b),
    ("A comes back", "A comes back", Story::return_of_a),
    ("B's cable is plugged in again", "cable of B plugged in", Story::plug_b),
    ("A is stopped", "A stopped (SIGTERM)", Story::stop_a),
];

/// Tells it; the rows of the table.
pub fn tell() -> Result<Vec<Row>> {
    let mut story = Story::set_up()?;
    let mut rows = Vec::new();
    for (number, (heading, step, happen)) in (1..).zip(STEPS) {
        story.timeline.heading(&format!("{number}. {heading}"));
        // Now, as the capture counts it.
        let began = story.lab.now();
        let Finding { what, formula, expected, took, exact } = happen(&mut story, began)?;
        // What comes next should find the client as this step left it, and the audience wants to look.
        story.watch(PAUSE)?;
        let client = span(story.pinger.longest_gap(began));
        rows.push(Row { step, what, formula, expected, measured: took.map_or(client, span), exact, client });
    }
    Ok(rows)
}

impl Story {
    fn set_up() -> Result<Self> {
        let lab = Lab::new("demo")?;
        let lan = lab.lan("lan0")?;
        let a = Router::new(&lab, &lan, Actor::A, "192.0.2.11", 150)?;
        let b = Router::new(&lab, &lan, Actor::B, "192.0.2.12", 100)?;
        let client = lab.node("client")?;
        client.attach(&lan, "eth0", &["192.0.2.100/24"], None)?;
        let capture = lab.capture(&lan)?;
        let began = Instant::now();
        let pinger = client.ping(VIP, ASK)?;
        let timeline = Timeline::new(began);
        timeline.heading(&format!(
            "Two routers share {VIP}. A (192.0.2.11) has priority 150, B (192.0.2.12) has 100; both send an\n\
             advert every second. A client asks {VIP} every 10 ms. Configurations and logs: {}",
            lab.dir().display()
        ));
        Ok(Self { lab, a, b, _client: client, pinger, capture, timeline, silent: true })
    }

    fn start(&mut self, began: Duration) -> Result<Finding> {
        self.b.start(&self.timeline)?;
        self.return_of_a(began)
    }

    fn delete_address(&mut self, _began: Duration) -> Result<Finding> {
        self.timeline.say(Actor::YOU, &format!("ip address del {VIP}/24 dev eth0"));
        self.a.node.run("ip", &["address", "del", &format!("{VIP}/24"), "dev", "eth0"])?;
        let deleted = Instant::now();
        self.until("the address is back", |s| s.a.node.has_ip(VIP.into()))?;
        Ok(at_once("deletion to repair", Some(deleted.elapsed())))
    }

    fn kill_a(&mut self, _began: Duration) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "kill -9 every process of the daemon on A");
        self.a.kill()?;
        self.timeline.say(
            Actor::A,
            "dead. Nobody is left to take its address away, but nobody renews its lease of 2 s either",
        );
        self.until("A's kernel removes the address", |s| Ok(!s.a.node.has_ip(VIP.into())?))?;
        let gone = self.lab.now();
        self.timeline.say(Actor::A, "its kernel has removed the address by itself");
        if self.b.node.has_ip(VIP.into())? {
            return Err(LabError::Expectation("B had the address before A had lost it".to_owned()));
        }
        Ok(Finding {
            what: "last advert of A to its address gone",
            formula: "L + 1 s (L = 2 s)",
            expected: LEASE,
            took: Some(gone.saturating_sub(self.last_advert(Actor::A)?)),
            exact: false,
        })
    }

    fn replace_a(&mut self, _began: Duration) -> Result<Finding> {
        let last = self.last_advert(Actor::A)?;
        let first = self.first_advert(Actor::B, last)?;
        self.until_answered(first.at)?;
        Ok(Finding {
            what: "last advert of A to first of B",
            formula: "3 A + skew(100)",
            expected: ADVERT * 3 + self.b.skew(),
            took: Some(first.at.saturating_sub(last)),
            exact: true,
        })
    }

    fn cut_b(&mut self, _began: Duration) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "pull the cable of B");
        self.b.node.link("eth0", false, Cut::Switch)?;
        let pulled = Instant::now();
        self.until("B lets go of the address", |s| Ok(!s.b.node.has_ip(VIP.into())?))?;
        Ok(at_once("no carrier to address gone", Some(pulled.elapsed())))
    }

    fn return_of_a(&mut self, began: Duration) -> Result<Finding> {
        self.a.start(&self.timeline)?;
        let first = self.first_advert(Actor::A, began)?;
        self.until_answered(first.at)?;
        Ok(Finding {
            what: "start of A to its first advert",
            formula: "3 A + skew(150)",
            expected: ADVERT * 3 + self.a.skew(),
            took: Some(first.at.saturating_sub(began)),
            exact: false,
        })
    }

    fn plug_b(&mut self, began: Duration) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "plug in the cable of B");
        self.b.node.link("eth0", true, Cut::Switch)?;
        self.watch(Duration::from_millis(1_700))?;
        if self.adverts(Actor::B).into_iter().any(|e| e.at > began) {
            return Err(LabError::Expectation("B claimed the address of a living master".to_owned()));
        }
        Ok(Finding { formula: "nothing happens", ..at_once("B stands by; silence of the client", None) })
    }

    fn stop_a(&mut self, began: Duration) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "SIGTERM to A");
        self.a.signal(Signal::SIGTERM)?;
        let first = self.first_advert(Actor::B, began)?;
        let farewell = self
            .adverts(Actor::A)
            .into_iter()
            .rfind(|e| e.at > began && matches!(e.kind, Kind::Advert { priority: 0, .. }))
            .ok_or_else(|| LabError::Expectation("A said no farewell (priority 0)".to_owned()))?;
        self.until_answered(first.at)?;
        Ok(Finding {
            what: "farewell of A to first advert of B",
            formula: "skew(100)",
            expected: self.b.skew(),
            took: Some(first.at.saturating_sub(farewell.at)),
            exact: true,
        })
    }

    fn router(&self, actor: Actor) -> &Router {
        if actor == Actor::A { &self.a } else { &self.b }
    }

    fn adverts(&self, of: Actor) -> Vec<Event> {
        let from = self.router(of).address;
        let mut events = self.capture.events();
        events.retain(|e| matches!(e.kind, Kind::Advert { source, .. } if source == from));
        events
    }

    fn last_advert(&self, of: Actor) -> Result<Duration> {
        let last = self.adverts(of).last().map(|event| event.at);
        last.ok_or_else(|| LabError::Expectation("it never sent an advert".to_owned()))
    }

    /// Waits for the first advert of a router after `began`.
    fn first_advert(&mut self, of: Actor, began: Duration) -> Result<Event> {
        let mut found = None;
        let mut look = Instant::now();
        let what = format!("{} sends an advert", of.name());
        self.until(&what, |story| {
            // A look at the capture copies it: not too often.
            if look.elapsed() >= Duration::from_millis(50) {
                look = Instant::now();
                found = story.adverts(of).into_iter().find(|e| e.at > began);
            }
            Ok(found.is_some())
        })?;
        found.ok_or(LabError::Expectation(what))
    }

    /// Waits until the client gets an answer that came after `since`.
    fn until_answered(&mut self, since: Duration) -> Result<()> {
        self.until("the client gets an answer", |s| Ok(s.pinger.last_answer().is_some_and(|at| at > since)))
    }

    /// Waits for a condition while the timeline goes on.
    fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        loop {
            self.tell_news()?;
            if condition(self)? {
                return self.tell_news();
            }
            if began.elapsed() > BOUND {
                let logs = [&self.a, &self.b].map(Router::tail).join("\n");
                return Err(LabError::Expectation(format!("{what}: not within {BOUND:?}\n{logs}")));
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Lets time pass while the timeline goes on: this is a show.
    fn watch(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        self.until("time passes", |_| Ok(Instant::now() >= end))
    }

    fn tell_news(&mut self) -> Result<()> {
        for router in [&mut self.a, &mut self.b] {
            router.tell_news(&self.timeline)?;
        }
        let now = self.timeline.now();
        let last = self.pinger.last_answer();
        let answered = last.is_some_and(|at| now.saturating_sub(at) < Duration::from_millis(60));
        if answered && self.silent {
            self.timeline.say(Actor::CLIENT, &format!("{VIP} answers"));
        }
        if !answered && !self.silent {
            self.timeline.say(Actor::CLIENT, &format!("{VIP} is silent"));
        }
        self.silent = !answered;
        Ok(())
    }
}

impl Router {
    fn new(lab: &Lab, lan: &Lan, actor: Actor, address: &str, priority: u8) -> Result<Self> {
        let node = lab.node(actor.name())?;
        node.attach(lan, "eth0", &[&format!("{address}/24")], None)?;
        let address =
            address.parse().map_err(|_| LabError::Expectation(format!("{address} is no address")))?;
        Ok(Self { actor, node, address, priority: Priority(priority), daemon: None, told: 0 })
    }

    fn skew(&self) -> Span {
        skew(Version::V2, self.priority, ADVERT)
    }

    fn configuration(&self) -> String {
        let state = if self.actor == Actor::A { "MASTER" } else { "BACKUP" };
        let priority = self.priority;
        format!(
            "vrrp_instance VI_1 {{\n    state {state}\n    interface eth0\n    virtual_router_id 51\n    \
             priority {priority}\n    advert_int 1\n    authentication {{\n        auth_type PASS\n        \
             auth_pass 1111\n    }}\n    virtual_ipaddress {{\n        {VIP}/24\n    }}\n}}\n"
        )
    }

    fn start(&mut self, timeline: &Timeline) -> Result<()> {
        let own = std::env::current_exe().map_err(|e| cannot("this program's path", &e))?;
        let conf = self.node.write("keepalived.conf", &self.configuration())?;
        let conf = conf.display().to_string();
        timeline.say(self.actor, &format!("vipd starts, priority {}", self.priority));
        self.daemon = Some(self.node.spawn("vipd", own, &["-f", &conf, "-n", "-l", "-D", "-D", "-G"])?);
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.daemon.as_ref().map_or(Ok(()), |daemon| daemon.signal(signal))
    }

    /// SIGKILL for the whole tree. It is stopped first, so that nobody of it can say good-bye: the
    /// children get SIGTERM when their parent dies.
    fn kill(&mut self) -> Result<()> {
        let Some(daemon) = self.daemon.take() else { return Ok(()) };
        let tree = descendants(daemon.pid());
        for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
            daemon_first(signal, &daemon, &tree)?;
        }
        daemon.wait(BOUND).map(drop)
    }

    /// Tells the new lines of its log that matter to the audience.
    fn tell_news(&mut self, timeline: &Timeline) -> Result<()> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let log = daemon.log()?;
        let Some(news) = log.get(self.told..) else { return Ok(()) };
        // Only whole lines.
        let Some(end) = news.rfind('\n') else { return Ok(()) };
        for line in news.get(..end).unwrap_or_default().lines() {
            if let Some(text) = line.split_once("(VI_1) ").map(|(_, text)| text).filter(|t| matters(t)) {
                timeline.say(self.actor, text);
            }
        }
        self.told += end + 1;
        Ok(())
    }

    fn tail(&self) -> String {
        let log = self.daemon.as_ref().and_then(|d| d.log().ok()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }
}

/// Lines about states and their causes; the rest is in the log.
fn matters(text: &str) -> bool {
    const NOISE: [&str; 8] = [
        "Sending",
        "setting",
        "removing",
        "received lower priority",
        "master set to",
        "Receive advertisement",
        "master changed",
        "ip address",
    ];
    !NOISE.iter().any(|noise| text.starts_with(noise))
}

fn daemon_first(signal: Signal, daemon: &Process, tree: &[nix::unistd::Pid]) -> Result<()> {
    let children = || {
        for pid in tree {
            // Gone already: then there is nothing to do.
            let _ = nix::sys::signal::kill(*pid, signal);
        }
    };
    if signal == Signal::SIGKILL {
        // Children first: the parent is stopped and can't notice.
        children();
        return daemon.signal(signal);
    }
    daemon.signal(signal)?;
    children();
    Ok(())
}

/// All processes below `root`, from `/proc`.
fn descendants(root: u32) -> Vec<nix::unistd::Pid> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name may hold anything, even `)`: the fields begin after the last one.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        if let Some(parent) = fields.split_whitespace().nth(1).and_then(|p| p.parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    let mut tree = vec![root];
    let mut seen = 0;
    while let Some(parent) = tree.get(seen).copied() {
        tree.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        seen += 1;
    }
    tree.into_iter()
        .skip(1)
        .filter_map(|pid| i32::try_from(pid).ok())
        .map(nix::unistd::Pid::from_raw)
        .collect()
}

/// What is allowed no more than the slack of the machine.
fn at_once(what: &'static str, took: Option<Duration>) -> Finding {
    Finding { what, formula: "at once", expected: Span::ZERO, took, exact: false }
}

fn span(d: Duration) -> Span {
    Span::from(d)
}

fn cannot(what: &str, error: &dyn std::fmt::Display) -> LabError {
    LabError::Expectation(format!("{what}: {error}"))
}
