//! What comes from outside.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{Duration, Instant};
use engine::lvs::Balancer;
use engine::lvs::table::{
    Entry, ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncSettings, Timeouts,
};
use model::Model;
use model::lvs::{Forwarding, Protocol, SchedulerFlags};

use super::{Event, Given, Process, World};
use crate::lvs::fault::{Edit, Fault};
use crate::lvs::kernel::{Mood, told};
use crate::lvs::observe::What;
use crate::lvs::sources::{Source, State, Target};

/// Addresses of what isn't ours.
const FOREIGN_NET: [u8; 2] = [203, 0];

fn foreign(n: u64) -> IpAddr {
    let [a, b] = FOREIGN_NET;
    IpAddr::V4(Ipv4Addr::new(a, b, 113, u8::try_from(n % 8).unwrap_or(0)))
}

impl World {
    pub(super) fn act(&mut self, fault: Fault) {
        match fault {
            Fault::Start(which) => self.start(which),
            Fault::Kill => self.kill(),
            Fault::Stop { keep } => self.give(Given::Stop(keep)),
            Fault::Reload(which) => {
                self.ordered = which;
                self.give(Given::Reload(which));
            }
            Fault::Again => self.give(Given::Reload(self.ordered)),
            Fault::Stall(time) => {
                let until = self.now + time;
                if let Some(process) = &mut self.process {
                    process.stalled = process.stalled.max(until);
                }
            }
            Fault::Target(target, state) => {
                let now = self.now;
                self.target(&target, |source| (source.state, source.since) = (state, now));
            }
            Fault::Url(target, url, fails) => self.target(&target, |source| {
                if fails {
                    source.bad_urls.insert(url);
                } else {
                    source.bad_urls.remove(&url);
                }
            }),
            Fault::Status(target, status) => self.target(&target, |source| source.status = status),
            Fault::File(path, value) => {
                self.sources.files.insert(path.clone(), value);
                self.give(Given::File(path));
            }
            Fault::Bfd(name, up) => {
                self.sources.bfds.insert(name.clone(), up);
                self.give(Given::Bfd(name));
            }
            Fault::Address(address, exists) => self.address(address, exists),
            Fault::Unable(unable) => self.sources.unable = unable,
            Fault::Mood(mood) => self.kernel.mood = mood,
            Fault::Edit(edit) => self.edit(edit),
            Fault::Heal => self.heal(),
        }
    }

    fn target(&mut self, target: &Target, change: impl FnOnce(&mut Source)) {
        if let Some(source) = self.sources.targets.get_mut(target) {
            change(source);
        }
    }

    /// Hands something to the daemon, if it runs.
    fn give(&mut self, given: Given) {
        if let Some(life) = self.process.as_ref().map(|process| process.life) {
            self.enqueue(self.now, Event::Input(life, Box::new(given)));
        }
    }

    fn address(&mut self, address: IpAddr, exists: bool) {
        let news = if exists { self.addresses.insert(address) } else { self.addresses.remove(&address) };
        if news {
            self.give(Given::Address(address, exists));
        }
    }

    fn start(&mut self, which: usize) {
        if self.process.is_some() {
            return;
        }
        let Some(model) = self.models.get(which).cloned() else { return };
        self.ordered = which;
        self.lives += 1;
        let balancer = Balancer::new(model.clone(), self.now, self.rng.next_u64());
        let process = Process {
            balancer,
            life: self.lives,
            runs: std::collections::BTreeMap::new(),
            stalled: Instant::ZERO,
        };
        self.process = Some(process);
        self.see(What::Started(model.clone()));
        for address in self.addresses.clone() {
            self.give(Given::Address(address, true));
        }
        self.tell_followed(&model, None);
    }

    /// Tells the numbers and states that the daemon hasn't had under `before`.
    pub(super) fn tell_followed(&mut self, model: &Arc<Model>, before: Option<&Arc<Model>>) {
        for file in &model.lvs.files {
            if before.is_none_or(|b| b.lvs.files.iter().all(|old| old.path != file.path)) {
                self.give(Given::File(file.path.clone()));
            }
        }
        for name in &model.lvs.bfds {
            if before.is_none_or(|b| !b.lvs.bfds.contains(name)) {
                self.give(Given::Bfd(name.clone()));
            }
        }
    }

    fn kill(&mut self) {
        if self.process.take().is_none() {
            return;
        }
        // What the kernel has begun it ends.
        let begun = usize::try_from(self.rng.below(1 + self.jobs.len() as u64)).unwrap_or(0);
        self.jobs.truncate(begun);
        self.see(What::Died);
    }

    fn heal(&mut self) {
        self.sources.heal(self.now);
        self.kernel.mood = Mood::default();
        self.kernel.refuse.clear();
        for path in self.sources.files.keys().cloned().collect::<Vec<_>>() {
            self.act(Fault::File(path, 0));
        }
        for name in self.sources.bfds.keys().cloned().collect::<Vec<_>>() {
            self.act(Fault::Bfd(name, true));
        }
    }

    // --- somebody else ---

    fn edit(&mut self, edit: Edit) {
        let services = &mut self.kernel.table.services;
        match edit {
            Edit::Clear => services.clear(),
            Edit::DelService(n) => {
                if let Some(key) = pick(services.keys(), n).copied() {
                    services.remove(&key);
                }
            }
            Edit::DelServer(n) => {
                if let Some(entry) = pick(services.values_mut(), n)
                    && let Some(key) = pick(entry.servers.keys(), n).copied()
                {
                    entry.servers.remove(&key);
                }
            }
            Edit::Weight(n, weight) => {
                let servers = services.values_mut().flat_map(|entry| entry.servers.values_mut());
                if let Some(server) = pick(servers, n) {
                    server.weight = weight;
                }
            }
            Edit::Settings(n) => {
                if let Some(entry) = pick(services.values_mut(), n) {
                    entry.settings = plain();
                }
            }
            Edit::AddService => {
                let server = ServerKey { address: foreign(1), port: 25 };
                let entry = Entry { settings: plain(), servers: [(server, settings(4))].into() };
                services.insert(foreign_service(), entry);
            }
            Edit::AddServer(n) => {
                if let Some(entry) = pick(services.values_mut(), n) {
                    entry.servers.insert(ServerKey { address: foreign(n), port: 81 }, settings(2));
                }
            }
            Edit::Timeouts => {
                let second = Duration::from_secs(1);
                let changed = Timeouts { tcp: second * 11, tcp_fin: second * 12, udp: second * 13 };
                self.kernel.table.timeouts = Some(changed);
            }
            Edit::StopSync(half) => {
                self.kernel.sync.remove(&half);
            }
            Edit::StartSync(half, n) => {
                let runs = self.kernel.sync.remove(&half);
                self.kernel.sync.insert(half, otherwise(runs, n));
            }
        }
    }

    /// Every state that a target may have.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.sources.targets.values().all(|source| source.state == State::Up && source.bad_urls.is_empty())
    }
}

/// The service of somebody else.
#[must_use]
fn foreign_service() -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: foreign(0), port: 25 }
}

/// Another way to run a half of the sync daemon than this one.
fn otherwise(runs: Option<SyncSettings>, n: u64) -> SyncSettings {
    let link = |name| base::IfName::new(name).ok();
    let plain = || {
        let link = link("eth7")?;
        Some(SyncSettings { link, id: 99, max_len: None, port: None, ttl: None, group: None })
    };
    let Some(mut other) = runs.or_else(plain).map(|settings| told(&settings)) else {
        unreachable!("the name of an interface")
    };
    match n % 5 {
        0 => other.id = other.id.wrapping_add(1),
        1 => other.port = other.port.map(|port| port ^ 1),
        2 => other.ttl = other.ttl.map(|ttl| ttl ^ 64),
        3 => other.group = Some([224, 0, 0, 82].into()),
        _ => other.link = link("eth8").unwrap_or(other.link),
    }
    other
}

const fn plain() -> ServiceSettings {
    ServiceSettings {
        scheduler: None,
        flags: SchedulerFlags { one: true, two: false, three: false },
        one_packet: false,
        persistence: None,
    }
}

const fn settings(weight: u32) -> ServerSettings {
    ServerSettings { weight, forwarding: Forwarding::Direct, upper_threshold: 0, lower_threshold: 0 }
}

fn pick<T>(from: impl Iterator<Item = T>, n: u64) -> Option<T> {
    let mut all: Vec<T> = from.collect();
    if all.is_empty() {
        return None;
    }
    let at = usize::try_from(n).unwrap_or(0) % all.len();
    Some(all.swap_remove(at))
}
