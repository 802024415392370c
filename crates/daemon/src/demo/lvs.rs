//! The story of load balancing: two directors, two web servers, and a client.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use base::{Duration as Span, Priority};
use lab::balanced::{Balanced, Forwarding, GATEWAY, VIP};
use lab::{LabError, Process, Result, Signal, Talk, Web};
use vrrp::config::Version;
use vrrp::timers::skew;

use super::table::Row;
use super::timeline::{Actor, Timeline};

/// `delay_loop`, `connect_timeout`, `delay_before_retry` in the configurations.
const DELAY_LOOP: Span = Span::from_secs(2);
const TIMEOUT: Span = Span::from_secs(1);
const BEFORE_RETRY: Span = Span::from_secs(1);
const RETRY: u64 = 1;
const ADVERT: Span = Span::from_secs(1);
const PRIORITIES: [u8; 2] = [150, 100];
/// How often the client looks.
const ASK: Duration = Duration::from_millis(20);
/// A request that takes longer has failed.
const REQUEST: Duration = Duration::from_millis(500);
/// No step takes longer than this, or something is wrong.
const BOUND: Duration = Duration::from_secs(30);

const W1: Actor = Actor::new("w1", "35");
const W2: Actor = Actor::new("w2", "34");

struct Story {
    all: Balanced,
    timeline: Timeline,
    daemons: [Option<Process>; 2],
    /// How much of each log was told.
    told: [usize; 2],
    webs: [Option<Web>; 2],
    /// When the client last had an answer, and the longest time without since the step began.
    answered: Instant,
    silent: Duration,
}

struct Finding {
    what: &'static str,
    formula: &'static str,
    expected: Span,
    took: Duration,
}

/// A step: its heading, its name in the table, and what happens.
type Step = (&'static str, &'static str, fn(&mut Story) -> Result<Finding>);

const STEPS: [Step; 7] = [
    ("Both directors start", "directors start", Story::start),
    ("The web server on w1 is stopped", "w1 stopped", Story::stop_w1),
    ("The web server on w1 is started again", "w1 started", Story::start_w1),
    ("w2 answers with status 500", "w2 unwell", Story::spoil_w2),
    ("w2 is well again", "w2 well", Story::mend_w2),
    ("A, the active director, loses its power", "A without power", Story::kill_a),
    ("B is stopped", "B stopped (SIGTERM)", Story::stop_b),
];

/// Tells it; the rows of the table.
pub fn tell() -> Result<Vec<Row>> {
    let mut story = Story::set_up()?;
    let mut rows = Vec::new();
    for (number, (heading, step, happen)) in (1..).zip(STEPS) {
        story.timeline.heading(&format!("{number}. {heading}"));
        (story.answered, story.silent) = (Instant::now(), Duration::ZERO);
        let Finding { what, formula, expected, took } = happen(&mut story)?;
        let client = Span::from(story.silent);
        rows.push(Row { step, what, formula, expected, measured: took.into(), exact: false, client });
    }
    Ok(rows)
}

impl Story {
    fn set_up() -> Result<Self> {
        let all = Balanced::new("demo-lvs", Forwarding::Nat)?;
        let webs = [Some(all.serve(0)?), Some(all.serve(1)?)];
        let timeline = Timeline::new(Instant::now());
        timeline.heading(&format!(
            "Two directors, A and B, share {VIP} port 80 and balance it between two web servers, w1 and w2, which\n\
             they ask for / every {} s. Connections are told to the standby. A client asks every {} ms.\n\
             Configurations and logs: {}",
            DELAY_LOOP.as_secs(),
            ASK.as_millis(),
            all.lab.dir().display()
        ));
        let now = Instant::now();
        Ok(Self {
            all,
            timeline,
            daemons: [None, None],
            told: [0, 0],
            webs,
            answered: now,
            silent: Duration::ZERO,
        })
    }

    fn start(&mut self) -> Result<Finding> {
        let own = std::env::current_exe().map_err(|e| cannot("this program's path", &e))?;
        let began = Instant::now();
        for (n, (node, priority)) in self.all.directors.iter().zip(PRIORITIES).enumerate() {
            let conf = node.write("keepalived.conf", &configuration(n))?.display().to_string();
            self.timeline.say(director(n), &format!("vipd starts, priority {priority}"));
            self.daemons[n] = Some(node.spawn("vipd", &own, &["-f", &conf, "-n", "-l", "-D", "-G"])?);
        }
        self.until("the client is served", |s| Ok(s.answered > began))?;
        let took = began.elapsed();
        let seen = self.ask(4)?;
        self.timeline.say(Actor::CLIENT, &format!("four requests are answered by {}", seen.join(", ")));
        if seen.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(LabError::Expectation(format!("{seen:?}: requests do not alternate")));
        }
        self.show_table(0)?;
        Ok(Finding {
            what: "start to the first answer",
            formula: "3 A + skew(150)",
            expected: ADVERT * 3 + skew(Version::V2, Priority(PRIORITIES[0]), ADVERT),
            took,
        })
    }

    fn stop_w1(&mut self) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "stop the web server on w1");
        self.webs[0] = None;
        self.leaves(0)
    }

    fn start_w1(&mut self) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "start the web server on w1");
        self.webs[0] = Some(self.all.serve(0)?);
        self.comes(0)
    }

    fn spoil_w2(&mut self) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "w2 answers 500 from now on");
        self.webs[1].iter().for_each(|web| web.set_status(500));
        self.leaves(1)
    }

    fn mend_w2(&mut self) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "w2 answers 200 again");
        self.webs[1].iter().for_each(|web| web.set_status(200));
        self.comes(1)
    }

    fn leaves(&mut self, n: usize) -> Result<Finding> {
        let took = self.table_shows(n, false)?;
        self.timeline.say(server(n), "is out of the table of the active director");
        self.show_table(0)?;
        Ok(Finding {
            what: "failure to its removal",
            formula: "d + (r + 1)(t + b)",
            expected: DELAY_LOOP + (TIMEOUT + BEFORE_RETRY) * (RETRY + 1),
            took,
        })
    }

    fn comes(&mut self, n: usize) -> Result<Finding> {
        let took = self.table_shows(n, true)?;
        self.timeline.say(server(n), "is in the table again, with its weight");
        self.show_table(0)?;
        Ok(Finding { what: "recovery to its return", formula: "d + t", expected: DELAY_LOOP + TIMEOUT, took })
    }

    fn kill_a(&mut self) -> Result<Finding> {
        let mut talk = self.all.client.connect(self.all.service(), REQUEST)?;
        // A connection is told to the standby once it has had some packets.
        let mut with = String::new();
        for word in ["one", "two", "three", "four"] {
            with = say(&mut talk, word)?;
        }
        self.timeline.say(Actor::CLIENT, &format!("holds a connection: {with:?}"));
        let port = talk.port();
        self.until("the standby hears of the connection", |s| s.all.directors[1].balances(port))?;
        self.timeline.say(Actor::B, "has been told of it");
        self.timeline.say(Actor::YOU, "cut the power of A");
        let began = Instant::now();
        self.all.directors[0].power_off()?;
        self.daemons[0] = None;
        (self.answered, self.silent) = (began, Duration::ZERO);
        self.until("B serves the client", |s| Ok(s.answered > began))?;
        let took = began.elapsed();
        let answer = say(&mut talk, "still there")?;
        self.timeline.say(Actor::CLIENT, &format!("its connection goes on: {answer:?}"));
        if answer.split(':').next() != with.split(':').next() {
            let text = format!("{answer:?}: the connection went to another server");
            return Err(LabError::Expectation(text));
        }
        self.show_table(1)?;
        Ok(Finding {
            what: "power cut to the next answer",
            formula: "3 A + skew(100)",
            expected: ADVERT * 3 + skew(Version::V2, Priority(PRIORITIES[1]), ADVERT),
            took,
        })
    }

    fn stop_b(&mut self) -> Result<Finding> {
        self.timeline.say(Actor::YOU, "SIGTERM to B");
        let began = Instant::now();
        if let Some(daemon) = self.daemons[1].take() {
            daemon.signal(Signal::SIGTERM)?;
            daemon.wait(BOUND)?;
        }
        let took = began.elapsed();
        self.tell_news()?;
        let left = services(&self.all.directors[1].ip_vs()?);
        if !left.is_empty() {
            return Err(LabError::Expectation(format!("B left {left:?} in its table")));
        }
        self.timeline.say(Actor::B, "has stopped and left an empty table");
        Ok(Finding { what: "SIGTERM to its end", formula: "1 s", expected: Span::from_secs(1), took })
    }

    /// Waits until server `n` is (or isn't) in the table of A with its weight; the time that it took.
    fn table_shows(&mut self, n: usize, there: bool) -> Result<Duration> {
        let began = Instant::now();
        let address = self.server_address(n);
        self.until("the table of A follows", |s| {
            Ok(services(&s.all.directors[0].ip_vs()?).iter().any(|line| line.contains(&address)) == there)
        })?;
        Ok(began.elapsed())
    }

    fn server_address(&self, n: usize) -> String {
        format!("10.0.0.2{}:80", n + 1)
    }

    fn show_table(&self, n: usize) -> Result<()> {
        for line in services(&self.all.directors[n].ip_vs()?) {
            self.timeline.say(director(n), &format!("  {line}"));
        }
        Ok(())
    }

    /// The answers to so many requests.
    fn ask(&mut self, count: usize) -> Result<Vec<String>> {
        (0..count)
            .map(|_| {
                let answer = self.all.client.fetch(self.all.service(), REQUEST)?;
                answer.ok_or_else(|| LabError::Expectation("a request failed".to_owned()))
            })
            .collect()
    }

    /// Waits for a condition while the client goes on asking and the timeline goes on.
    fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        loop {
            self.tell_news()?;
            if self.all.client.fetch(self.all.service(), REQUEST)?.is_some() {
                self.answered = Instant::now();
            }
            self.silent = self.silent.max(self.answered.elapsed());
            if condition(self)? {
                return self.tell_news();
            }
            if began.elapsed() > BOUND {
                return Err(LabError::Expectation(format!("{what}: not within {BOUND:?}\n{}", self.tails())));
            }
            std::thread::park_timeout(ASK);
        }
    }

    fn tell_news(&mut self) -> Result<()> {
        for n in 0..2 {
            let Some(daemon) = &self.daemons[n] else { continue };
            let log = daemon.log()?;
            let news = log.get(self.told[n]..).unwrap_or_default();
            // Only whole lines.
            let Some(end) = news.rfind('\n') else { continue };
            for line in news.get(..end).unwrap_or_default().lines().filter(|line| matters(line)) {
                // Behind the date.
                let text = line.splitn(6, ' ').last().unwrap_or(line);
                self.timeline.say(director(n), text);
            }
            self.told[n] += end + 1;
        }
        Ok(())
    }

    fn tails(&self) -> String {
        let tail = |daemon: &Process| {
            let log = daemon.log().unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
        };
        self.daemons.iter().flatten().map(tail).collect::<Vec<_>>().join("\n")
    }
}

fn say(talk: &mut Talk, word: &str) -> Result<String> {
    talk.say(word).map_err(|e| cannot("the connection of the client", &e))
}

const fn director(n: usize) -> Actor {
    if n == 0 { Actor::A } else { Actor::B }
}

const fn server(n: usize) -> Actor {
    if n == 0 { W1 } else { W2 }
}

/// What the kernel says of services and servers, readable: it writes addresses in hexadecimal digits.
fn services(table: &str) -> Vec<String> {
    // A few lines of heading come first.
    table.lines().skip(3).map(readable).collect()
}

fn readable(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let Some((address, port)) = word.split_once(':') else { return word.to_owned() };
        let parsed = u32::from_str_radix(address, 16).ok().zip(u16::from_str_radix(port, 16).ok());
        match parsed.filter(|_| address.len() == 8) {
            Some((address, port)) => SocketAddr::new(IpAddr::V4(address.into()), port).to_string(),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Lines about what the directors decide; the rest is in the log.
fn matters(line: &str) -> bool {
    const WORDS: [&str; 11] = [
        "STATE",
        "failed after",
        "Removing service",
        "Adding service",
        "succeed on service",
        "quorum",
        "Disabling service",
        "Enabling service",
        "HTTP status code error",
        "Connection failed",
        "Stopped",
    ];
    WORDS.iter().any(|word| line.contains(word))
}

fn configuration(n: usize) -> String {
    let priority = PRIORITIES[n];
    let state = if n == 0 { "MASTER" } else { "BACKUP" };
    let instance = |name: &str, link: &str, vrid: u8, address: &str| {
        format!(
            "vrrp_instance {name} {{\n    state {state}\n    interface {link}\n    virtual_router_id {vrid}\n    \
             priority {priority}\n    advert_int 1\n    virtual_ipaddress {{\n        {address}/24\n    }}\n}}\n"
        )
    };
    let server = |address: &str| {
        format!(
            "    real_server {address} 80 {{\n        weight 1\n        HTTP_GET {{\n            url {{\n                \
             path /\n                status_code 200\n            }}\n            connect_timeout {}\n            retry \
             {RETRY}\n            delay_before_retry {}\n        }}\n    }}\n",
            TIMEOUT.as_secs(),
            BEFORE_RETRY.as_secs()
        )
    };
    [
        "global_defs {\n    lvs_sync_daemon eth1 FRONT\n}\n".to_owned(),
        "vrrp_sync_group G {\n    group {\n        FRONT\n        BACK\n    }\n}\n".to_owned(),
        instance("FRONT", "eth0", 51, &VIP.to_string()),
        instance("BACK", "eth1", 52, &GATEWAY.to_string()),
        format!(
            "virtual_server {VIP} 80 {{\n    delay_loop {}\n    lvs_sched rr\n    lvs_method NAT\n    protocol TCP\n",
            DELAY_LOOP.as_secs()
        ),
        server("10.0.0.21"),
        server("10.0.0.22"),
        "}\n".to_owned(),
    ]
    .concat()
}

fn cannot(what: &str, error: &dyn std::fmt::Display) -> LabError {
    LabError::Expectation(format!("{what}: {error}"))
}
