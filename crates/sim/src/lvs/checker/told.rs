//! How things stand by what the balancer says: its events, followed from the start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::lvs::news::{Event, PoolEvent, Way};
use model::Model;
use model::lvs::{CheckerId, Probe, Protocol, ServerId, ServiceId};

use crate::lvs::observe::{Asked, Seen, Turn, What};
use crate::lvs::shadow::Shadow;
use crate::lvs::shadow::pool::{ServerName, ServiceName, Standing, name};
use crate::lvs::shadow::task::Key;

/// A service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// The quorum is there; `None` before anything was said.
    pub up: Option<bool>,
    /// The sorry server serves.
    pub sorry: bool,
    /// Failing servers are kept.
    pub guarded: bool,
    /// Its servers.
    pub servers: BTreeMap<ServerName, Standing>,
}

/// A check of a server.
type Place = (ServiceName, ServerName, Key);

/// What was said last of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Past {
    /// It passes, or counts as if it did.
    up: bool,
    /// It was said, and not only taken for granted.
    said: bool,
}

/// What was said.
#[derive(Debug, Default)]
pub struct Told {
    /// The model that ids are in.
    model: Option<Arc<Model>>,
    /// Ways that are blamed.
    pub blamed: BTreeSet<Way>,
    /// The services.
    pub services: BTreeMap<ServiceName, Service>,
    /// The checks of each server.
    checks: BTreeMap<Place, Past>,
    /// Which of them are said in this turn to pass, or not: a server may have one check twice.
    saying: Vec<(Place, bool)>,
    /// What was said in this turn that was no news, or was taken back.
    pub complaints: Vec<String>,
    /// The lines that consumers should get for what was said in this turn.
    pub lines: Vec<String>,
    /// What was said in this turn: a change of this object.
    changed: Vec<(ServiceName, Option<ServerName>, u8)>,
    /// The first turn of all: what it brings comes on top of how things begin.
    begins: bool,
    /// The daemon ends: only services with `omega` tell of it.
    ends: bool,
}

impl Told {
    pub(super) fn see(&mut self, shadow: &Shadow, seen: &Seen) {
        match &seen.what {
            What::Started(model) => {
                *self = Self { begins: true, ..Self::default() };
                self.load(shadow, model);
            }
            What::Turn(turn) => {
                self.ends |= matches!(turn, Turn::Stop { .. });
                self.complaints.clear();
                self.lines.clear();
                self.changed.clear();
            }
            What::Asked(Asked::Event(Event::Reloaded)) => {
                if let Some(model) = shadow.model.clone() {
                    self.load(shadow, &model);
                }
            }
            What::Asked(Asked::Event(event)) => self.event(shadow, event),
            What::TurnEnd { .. } => {
                self.begins = false;
                self.settle();
            }
            _ => {}
        }
    }

    /// What was said of checks is their past from now on.
    fn settle(&mut self) {
        self.checks.extend(self.saying.drain(..).map(|(key, up)| (key, Past { up, said: true })));
    }

    /// What is new begins as checks do that were never made.
    fn load(&mut self, shadow: &Shadow, model: &Arc<Model>) {
        let mut before = std::mem::take(&mut self.services);
        for (place, configured) in model.lvs.services.iter().enumerate() {
            let named = name(model, &configured.service);
            let old = before.remove(&named).unwrap_or_default();
            let servers = configured.servers.iter().enumerate().map(|(index, server)| {
                let unheard = shadow.checks(place, index).iter().filter_map(|key| shadow.tasks.get(key));
                let alive = unheard.filter(|task| !task.heard).all(|task| task.up);
                let name = (server.address, server.port);
                let begins = Standing { alive, weight: server.weight };
                (name, old.servers.get(&name).copied().unwrap_or(begins))
            });
            let servers = servers.collect();
            self.services.insert(named, Service { servers, ..old });
        }
        self.model = Some(model.clone());
        self.settle();
        let past = std::mem::take(&mut self.checks);
        for (place, configured) in model.lvs.services.iter().enumerate() {
            for (index, server) in configured.servers.iter().enumerate() {
                let (of, server) = (name(model, &configured.service), (server.address, server.port));
                for key in shadow.checks(place, index) {
                    let before = shadow.before(key).map(|before| (of.clone(), server, before.clone()));
                    let said = before.and_then(|before| past.get(&before)).filter(|past| past.said);
                    let unheard = shadow.tasks.get(key).filter(|task| !task.heard);
                    let up = unheard.map_or(!key.schedule().alpha, |task| task.up);
                    let begins = Past { up, said: false };
                    self.checks.insert((of.clone(), server, key.clone()), said.copied().unwrap_or(begins));
                }
            }
        }
    }

    /// What a check is said to be: with `alpha` it begins as one that fails, and yet its first failure is told as
    /// the end of its server, unless it asks by HTTP or doesn't ask.
    fn check(
        &mut self,
        shadow: &Shadow,
        (service, server, checker): (ServiceId, ServerId, CheckerId),
        (was, passes): (bool, bool),
        changed: bool,
    ) {
        let Some((of, name)) = self.server(service, server) else { return };
        let Some(key) = shadow.checks(service.index(), server.index()).get(checker.index()) else { return };
        let check = (of, name, key.clone());
        let Some(past) = self.checks.get(&check).copied() else { return };
        // A server that has a check once more than before: that one begins, though the other one goes on.
        let twice =
            shadow.checks(service.index(), server.index()).iter().filter(|other| *other == key).count() > 1;
        let begins = twice && changed && was != key.schedule().alpha;
        if was != past.up && !begins {
            self.complaints.push(format!("the past of a check is told as {was}: {check:?}"));
        }
        if !changed {
            return;
        }
        if !past.said && !past.up && !passes && tells_first_failure(key) {
            self.line_of_server(service, server, false);
        }
        self.saying.push((check, passes));
    }

    fn find(&self, service: ServiceId) -> Option<(Arc<Model>, ServiceName)> {
        let model = self.model.clone()?;
        let service = name(&model, &model.lvs.services.get(service.index())?.service);
        Some((model, service))
    }

    fn server(&self, service: ServiceId, server: ServerId) -> Option<(ServiceName, ServerName)> {
        let (model, named) = self.find(service)?;
        let server = model.lvs.services.get(service.index())?.servers.get(server.index())?;
        Some((named, (server.address, server.port)))
    }

    /// Each object changes at most once in a turn.
    fn change(&mut self, what: (ServiceName, Option<ServerName>, u8), news: bool) {
        if !news {
            self.complaints.push(format!("what is no news is told: {what:?}"));
        }
        if self.changed.contains(&what) && !self.begins {
            self.complaints.push(format!("two changes in one turn: {what:?}"));
        }
        self.changed.push(what);
    }

    fn event(&mut self, shadow: &Shadow, event: &Event) {
        match *event {
            Event::Checked { service, server, checker, ref failure, was, changed, .. } => {
                let said = (was, failure.is_none());
                self.check(shadow, (service, server, checker), said, changed);
            }
            Event::Pool(event) => self.pool(event),
            Event::Way { way, blamed, .. } => {
                let news = if blamed { self.blamed.insert(way) } else { self.blamed.remove(&way) };
                if !news {
                    self.complaints.push(format!("what is no news is told: {way:?} is blamed: {blamed}"));
                }
            }
            Event::Gone { service, server: Some(server), .. } => {
                let Some((of, name)) = self.server(service, server) else { return };
                self.settle();
                self.checks.retain(|(service, server, _), _| (service, server) != (&of, &name));
                let gone = self.services.get_mut(&of).and_then(|s| s.servers.remove(&name));
                if gone.is_some_and(|server| server.alive) && self.tells_of_losses(service) {
                    self.line_of_server(service, server, false);
                }
            }
            Event::Gone { service, server: None, .. } => {
                let Some((_, of)) = self.find(service) else { return };
                let was_up = self.services.remove(&of).is_some_and(|service| service.up == Some(true));
                if was_up && self.tells_of_losses(service) {
                    self.line_of_service(service, false);
                }
            }
            _ => {}
        }
    }

    fn pool(&mut self, event: PoolEvent) {
        match event {
            PoolEvent::Server { service, server, alive } => {
                let Some((of, name)) = self.server(service, server) else { return };
                self.line_of_server(service, server, alive);
                let known = self.services.get_mut(&of).and_then(|s| s.servers.get_mut(&name));
                let news = known.is_some_and(|s| std::mem::replace(&mut s.alive, alive) != alive);
                self.change((of, Some(name), 0), news);
            }
            PoolEvent::Weight { service, server, from, to, .. } => {
                let Some((of, name)) = self.server(service, server) else { return };
                let known = self.services.get_mut(&of).and_then(|s| s.servers.get_mut(&name));
                let news = known.is_some_and(|s| std::mem::replace(&mut s.weight, to) == from && from != to);
                self.change((of, Some(name), 1), news);
            }
            PoolEvent::Quorum { service, up, initial, .. } => {
                let Some((_, of)) = self.find(service) else { return };
                self.line_of_service(service, up);
                let known = self.services.get_mut(&of);
                let was = known.and_then(|s| s.up.replace(up));
                // How it begins is told with the first turn, whatever that brings.
                if !(initial && was.is_none()) {
                    self.change((of, None, 0), was == Some(!up) && !initial);
                }
            }
            PoolEvent::Sorry { service, active } => {
                let Some((_, of)) = self.find(service) else { return };
                let known = self.services.get_mut(&of);
                let news = known.is_some_and(|s| std::mem::replace(&mut s.sorry, active) != active);
                self.change((of, None, 1), news);
            }
            PoolEvent::Guard { service, active, .. } => {
                let Some((_, of)) = self.find(service) else { return };
                let known = self.services.get_mut(&of);
                let news = known.is_some_and(|s| std::mem::replace(&mut s.guarded, active) != active);
                self.change((of, None, 2), news);
            }
        }
    }

    /// A reload tells of what is gone; the end only with `omega`.
    fn tells_of_losses(&self, service: ServiceId) -> bool {
        let configured = self.model.as_ref().and_then(|model| model.lvs.services.get(service.index()));
        !self.ends || configured.is_some_and(|configured| configured.service.omega)
    }

    fn line_of_server(&mut self, service: ServiceId, server: ServerId, up: bool) {
        let Some((model, _)) = self.find(service) else { return };
        let Some(configured) = model.lvs.services.get(service.index()) else { return };
        let Some(real) = configured.servers.get(server.index()) else { return };
        let (_, protocol, port) = words(&model, &configured.service);
        let port = if real.port == 0 { port } else { real.port };
        let of = service_words(&model, &configured.service);
        self.lines.push(format!("RS [{}]:{protocol}:{port} {of} {}\n", real.address, word(up)));
    }

    fn line_of_service(&mut self, service: ServiceId, up: bool) {
        let Some((model, _)) = self.find(service) else { return };
        let Some(configured) = model.lvs.services.get(service.index()) else { return };
        self.lines.push(format!("VS {} {}\n", service_words(&model, &configured.service), word(up)));
    }
}

/// keepalived has the end of a server told by the first failure of a check of these kinds.
fn tells_first_failure(key: &Key) -> bool {
    match key {
        Key::Asks(checker) => !matches!(checker.probe, Probe::Http(..) | Probe::Ssl(..)),
        Key::File(..) | Key::Bfd(..) => false,
    }
}

const fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// What stands between the brackets, the protocol's word, the port.
fn words(model: &Model, service: &model::lvs::Service) -> (String, &'static str, u16) {
    match name(model, service) {
        ServiceName::Address(address, port, protocol) => (address.to_string(), protocol.name(), port),
        ServiceName::Mark(mark, _) => (mark.to_string(), "none", 0),
        ServiceName::Group(name, protocol) => (name.to_string(), protocol.map_or("none", Protocol::name), 0),
    }
}

fn service_words(model: &Model, service: &model::lvs::Service) -> String {
    let (what, protocol, port) = words(model, service);
    match name(model, service) {
        ServiceName::Address(..) => format!("[{what}]:{protocol}:{port}"),
        ServiceName::Mark(..) => format!("FWM {what}"),
        ServiceName::Group(..) => format!("[{what}]:0"),
    }
}
