//! Random configurations of load balancing, as text that users could have written, and what becomes of
//! them from one reload to the next.

mod change;
mod text;

use std::sync::Arc;

use base::Rng;
use config::{MapSource, Options, load};
use model::Model;

/// Texts of one director, one after the other: the first is what it starts with and ends with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    /// The texts.
    pub texts: Vec<String>,
}

/// A configuration before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    settings: Vec<&'static str>,
    /// Seconds of `lvs_panic_guard`; 0 is off.
    guard: u64,
    /// What stands after `lvs_sync_daemon`.
    sync: Option<&'static str>,
    nftables: bool,
    /// With this each check has a timeout of its own, so that none is the same as another.
    unshared: bool,
    /// Lines of the only group.
    group: Vec<&'static str>,
    services: Vec<Service>,
}

#[derive(Clone, Debug)]
struct Service {
    to: To,
    udp: bool,
    lines: Vec<&'static str>,
    method: &'static str,
    delay_loop: u64,
    retry: Option<u64>,
    quorum: u64,
    hysteresis: u64,
    sorry: Option<(u64, bool)>,
    panic: u64,
    servers: Vec<Server>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum To {
    V4(u64),
    V6(u64),
    Mark(u64),
    Group,
}

#[derive(Clone, Debug)]
struct Server {
    number: u64,
    weight: u64,
    inhibit: bool,
    thresholds: bool,
    checks: Vec<Check>,
}

#[derive(Clone, Debug)]
struct Check {
    kind: Kind,
    timeout: u64,
    /// Which way it takes, if it connects.
    way: &'static str,
    more: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Tcp,
    /// A host that several servers depend on.
    Gateway(u64),
    Http(u64),
    Misc(u64),
    File(u64),
    Bfd(u64),
    Udp,
}

impl Family {
    /// A random one.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let first = Spec::random(rng);
        let mut texts = vec![first.text()];
        let mut spec = first.clone();
        for _ in 0..3 {
            // Some changes add up, some are made to the first one.
            if rng.below(2) == 0 {
                spec = first.clone();
            }
            for _ in 0..=rng.below(3) {
                spec.change(rng);
            }
            texts.push(spec.text());
        }
        Self { texts }
    }

    /// What they mean. A text that can't be run is a fault of whoever made it.
    ///
    /// # Errors
    ///
    /// What is said of the first text that can't be run.
    pub fn models(&self) -> Result<Vec<Arc<Model>>, String> {
        let model = |text: &String| {
            let loaded = load(&MapSource::new().file("/k.conf", text.clone()), &Options::new("/k.conf"));
            let shown = loaded.render(false);
            loaded.model.map(Arc::new).ok_or_else(|| format!("{text}\n{shown}"))
        };
        self.texts.iter().map(model).collect()
    }
}

fn chance(rng: &mut Rng, one_in: u64) -> bool {
    rng.below(one_in) == 0
}

fn of<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    let at = usize::try_from(rng.below(from.len() as u64)).unwrap_or(0);
    from[at]
}

impl Spec {
    fn random(rng: &mut Rng) -> Self {
        let mut settings = Vec::new();
        if chance(rng, 4) {
            settings.push("lvs_timeouts tcp 300 tcpfin 60");
        }
        if chance(rng, 6) {
            settings.push("lvs_flush");
        }
        settings.extend(match rng.below(6) {
            0 => Some("lvs_flush_on_stop"),
            1 | 2 => Some("lvs_flush_on_stop VS"),
            _ => None,
        });
        let unshared = chance(rng, 8);
        if unshared {
            settings.push("no_shared_checks");
        }
        let mut spec = Self {
            settings,
            guard: of(rng, GUARDS),
            sync: of(rng, SYNCS),
            nftables: chance(rng, 5),
            unshared,
            group: GROUPS[0].to_vec(),
            services: Vec::new(),
        };
        spec.group = of(rng, GROUPS).to_vec();
        let services = of(rng, &[1, 1, 1, 2, 2, 3]);
        for _ in 0..services {
            let mut service = Service::random(rng);
            // The same servers and checks for something else that clients ask.
            if let Some(first) = spec.services.first().filter(|_| chance(rng, 3)) {
                let Service { to, udp, sorry, .. } = service;
                service = Service { to, udp, sorry, ..first.clone() };
                service.toggle(of(rng, &["ha_suspend", "inhibit_on_failure"]));
            }
            spec.add(service);
        }
        spec
    }

    fn add(&mut self, service: Service) {
        let same =
            |other: &Service| other.to == service.to && (other.udp == service.udp || service.to != To::Group);
        if !self.services.iter().any(same) {
            self.services.push(service);
        }
    }
}

const GUARDS: &[u64] = &[0, 0, 2, 20, 60];

const SYNCS: &[Option<&str>] =
    &[None, None, Some("eth1"), Some("eth1 id 5 port 8849"), Some("eth0 id 5 maxlen 1400 ttl 3")];

const GROUPS: &[&[&str]] = &[
    &["10.0.1.1 80"],
    &["10.0.1.1 80", "10.0.1.4-6 80"],
    &["10.0.1.1-2 80", "fwmark 77"],
    &["fwmark 77", "fwmark 78"],
];

impl Service {
    fn random(rng: &mut Rng) -> Self {
        let to = match rng.below(8) {
            0 => To::V6(rng.below(3)),
            1 => To::Mark(10 + rng.below(3)),
            2 | 3 => To::Group,
            _ => To::V4(rng.below(4)),
        };
        let mut lines = Vec::new();
        for line in SERVICE_LINES {
            if chance(rng, 6) {
                lines.push(*line);
            }
        }
        let mut service = Self {
            to,
            udp: chance(rng, 4),
            lines,
            method: of(rng, &["NAT", "NAT", "DR", "TUN"]),
            delay_loop: of(rng, &[3, 5, 10, 10, 20]),
            retry: if chance(rng, 2) { Some(rng.below(4)) } else { None },
            quorum: 1,
            hysteresis: 0,
            sorry: if chance(rng, 2) { Some((rng.below(8), chance(rng, 3))) } else { None },
            panic: of(rng, &[0, 0, 0, 50, 34]),
            servers: Vec::new(),
        };
        for _ in 0..of(rng, &[1, 2, 2, 2, 3, 3, 4, 6]) {
            let server = Server::random(rng);
            service.add(server);
        }
        service.judge_by(rng);
        service
    }

    /// A line comes, or goes.
    fn toggle(&mut self, line: &'static str) {
        match self.lines.iter().position(|known| *known == line) {
            Some(at) => {
                self.lines.remove(at);
            }
            None => self.lines.push(line),
        }
    }

    fn add(&mut self, server: Server) {
        if !self.servers.iter().any(|other| other.number == server.number) {
            self.servers.push(server);
        }
    }

    /// A quorum that fits the servers, mostly.
    fn judge_by(&mut self, rng: &mut Rng) {
        let total: u64 = self.servers.iter().map(|server| server.weight).sum();
        self.quorum = 1 + rng.below(total.max(1));
        self.hysteresis = rng.below(self.quorum).min(total.saturating_sub(self.quorum));
        if chance(rng, 2) {
            (self.quorum, self.hysteresis) = (1, 0);
        }
    }
}

/// Lines that change details of a service, or of all its servers.
const SERVICE_LINES: &[&str] = &[
    "alpha",
    "omega",
    "inhibit_on_failure",
    "ha_suspend",
    "persistence_timeout 50",
    "warmup 3",
    "warmup 0",
    "delay_before_retry 2",
    "quorum_up /bin/true",
    "quorum_down /bin/true",
    "log_all_failures",
];

impl Server {
    fn random(rng: &mut Rng) -> Self {
        let mut checks = Vec::new();
        for _ in 0..of(rng, &[0, 1, 1, 1, 1, 2, 2, 3]) {
            checks.push(Check::random(rng));
        }
        Self {
            number: rng.below(8),
            weight: of(rng, &[1, 1, 1, 2, 3, 10, 100, 0]),
            inhibit: chance(rng, 4),
            thresholds: chance(rng, 8),
            checks,
        }
    }
}

impl Check {
    fn random(rng: &mut Rng) -> Self {
        let kind = match rng.below(12) {
            0 | 1 => Kind::Http(1 + rng.below(3)),
            2 | 3 => Kind::Misc(rng.below(3)),
            4 => Kind::File(rng.below(2)),
            5 => Kind::Bfd(rng.below(2)),
            6 => Kind::Udp,
            7 => Kind::Gateway(rng.below(2)),
            _ => Kind::Tcp,
        };
        let way = of(rng, &["", "", "", "", "", "bind_if eth1"]);
        // Some last longer than the time to the next one.
        Self { kind, timeout: of(rng, &[1, 2, 3, 4, 9]), way, more: of(rng, CHECK_LINES) }
    }
}

const CHECK_LINES: &[&str] = &["", "", "", "retry 0", "retry 2", "delay_loop 4", "alpha", "log_all_failures"];
