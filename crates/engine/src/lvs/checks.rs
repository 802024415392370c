//! What the core of verdicts is told: a [`Lvs`] as its configuration, and what of it goes on at a reload.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use check::Checks;
use check::config::{self as core, Config, Kind, Link, LinkId, ServerId, ServiceId, TaskId};
use check::io::Reload;
use model::diff::lvs::{ServerSlot, ServiceSlot};
use model::diff::{LvsDiff, Slot};
use model::lvs::{Checker, CheckerId, Destination, Lvs, Probe, RealServer, VirtualServer};

use super::news::Way;
use super::wanted::port_in_kernel;

/// The checks that run: each once, however many servers it stands for.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What each task does: the Model's own.
    checkers: Vec<Arc<Checker>>,
    ways: Vec<Way>,
}

impl Plan {
    /// The tasks of `lvs`, and what the core is told of it.
    pub(super) fn new<'l>(lvs: &'l Lvs) -> (Self, Config) {
        let mut plan = Self::default();
        let mut tasks = Vec::new();
        let mut known: HashMap<&'l Checker, TaskId> = HashMap::new();
        let mut ways = Ways::default();
        let mut task_of = |checker: &'l Arc<Checker>, plan: &mut Self| {
            let mut make = || {
                let id = TaskId::from_index(tasks.len());
                let link = lvs.settings.panic_guard.and_then(|_| ways.link(checker));
                tasks.push(core::Task { schedule: checker.schedule, kind: kind(&checker.probe), link });
                plan.checkers.push(checker.clone());
                id
            };
            if lvs.settings.no_shared_checks { make() } else { *known.entry(checker).or_insert_with(make) }
        };
        let mut services = Vec::with_capacity(lvs.services.len());
        for server in &lvs.services {
            services.push(service(server, |checker| task_of(checker, &mut plan)));
        }
        plan.checkers.shrink_to_fit();
        let mut ways: Vec<(LinkId, Way)> = ways.links.into_iter().map(|(way, id)| (id, way)).collect();
        ways.sort_unstable();
        plan.ways = ways.into_iter().map(|(_, way)| way).collect();
        let config = Config { tasks, services, link_window: lvs.settings.panic_guard };
        (plan, config)
    }

    pub(super) fn checker(&self, task: TaskId) -> Option<&Arc<Checker>> {
        self.checkers.get(task.index())
    }

    /// What the core calls by a number.
    pub(super) fn way(&self, link: LinkId) -> Way {
        self.ways.get(link.index()).copied().unwrap_or_default()
    }

    /// What of `old`, which `core` has in force, goes on in this one, whose configuration is `config`.
    pub(super) fn carry(&self, old: &Self, core: &Checks, config: Config, diff: &LvsDiff) -> Reload {
        let services: Vec<Option<ServiceId>> = diff.services.iter().map(ServiceSlot::old).collect();
        let mut servers = Vec::with_capacity(services.len());
        // For each task what of the old ones it may continue, the first that its servers have.
        let mut exact: Vec<Option<TaskId>> = vec![None; self.checkers.len()];
        let mut alike = exact.clone();
        for (slot, new) in diff.services.iter().zip(&config.services) {
            let of = |index| carried_server(slot, ServerId::from_index(index));
            let carried: Vec<Option<Carried<'_>>> = (0..new.servers.len()).map(of).collect();
            for (new, carried) in new.servers.iter().zip(&carried) {
                let (Some(service), Some(carried)) = (slot.old(), carried) else { continue };
                for (index, task) in new.checks.iter().enumerate() {
                    let before = carried
                        .check(CheckerId::from_index(index))
                        .and_then(|check| core.task_of(service, carried.server, check));
                    let Some(before) = before else { continue };
                    let schedule = |plan: &Self, task: TaskId| plan.checker(task).map(|it| it.schedule);
                    let places =
                        if schedule(self, *task) == schedule(old, before) { &mut exact } else { &mut alike };
                    if let Some(place) = places.get_mut(task.index()) {
                        place.get_or_insert(before);
                    }
                }
            }
            servers.push(carried.iter().map(|c| c.as_ref().map(|c| c.server)).collect());
        }
        let (tasks, alike) = shared_out(old.checkers.len(), exact, alike);
        let files = diff.files.iter().map(Slot::old).collect();
        let bfds = diff.bfds.iter().map(Slot::old).collect();
        Reload { config, tasks, alike, services, servers, files, bfds }
    }
}

/// Which of `old` tasks each one continues, and else which one it begins like. Nobody is continued twice, and who
/// did not change at all comes first: a check of one server that is made at other times takes nothing away from
/// the same check of another server.
fn shared_out(
    old: usize,
    exact: Vec<Option<TaskId>>,
    alike: Vec<Option<TaskId>>,
) -> (Vec<Option<TaskId>>, Vec<Option<TaskId>>) {
    let mut tasks: Vec<Option<TaskId>> = vec![None; exact.len()];
    let mut taken = vec![false; old];
    for wishes in [&exact, &alike] {
        for (place, wish) in tasks.iter_mut().zip(wishes).filter(|(place, _)| place.is_none()) {
            *place = wish.filter(|wish| {
                taken.get_mut(wish.index()).is_some_and(|taken| !std::mem::replace(taken, true))
            });
        }
    }
    let begins = exact.into_iter().zip(alike).map(|(exact, alike)| exact.or(alike));
    let begins = begins.zip(&tasks).map(|(wish, place)| wish.filter(|_| place.is_none())).collect();
    (tasks, begins)
}

/// The old server that goes on, and its checks.
struct Carried<'a> {
    server: ServerId,
    /// `None`: all go on, in their places.
    checks: Option<&'a [Option<CheckerId>]>,
}

impl Carried<'_> {
    fn check(&self, new: CheckerId) -> Option<CheckerId> {
        match self.checks {
            None => Some(new),
            Some(checks) => checks.get(new.index()).copied().flatten(),
        }
    }
}

fn carried_server(slot: &ServiceSlot, new: ServerId) -> Option<Carried<'_>> {
    match slot {
        ServiceSlot::Kept(_) => Some(Carried { server: new, checks: None }),
        ServiceSlot::Changed { servers, .. } => match servers.get(new.index())? {
            ServerSlot::Kept(old) => Some(Carried { server: *old, checks: None }),
            ServerSlot::Changed { old, checkers, .. } => {
                Some(Carried { server: *old, checks: Some(checkers) })
            }
            ServerSlot::Added(_) => None,
        },
        ServiceSlot::Added(_) => None,
    }
}

fn service<'l>(server: &'l VirtualServer, mut task: impl FnMut(&'l Arc<Checker>) -> TaskId) -> core::Service {
    let VirtualServer { service, servers } = server;
    let sorry = service.sorry.as_ref().map(|sorry| {
        let own = match service.destination {
            Destination::Address { port, .. } => port,
            Destination::Mark(_) | Destination::Group { .. } => 0,
        };
        let here = (sorry.address, port_in_kernel(own, sorry.port, sorry.forwarding));
        let same =
            |real: &RealServer| (real.address, port_in_kernel(own, real.port, real.forwarding)) == here;
        core::Sorry {
            inhibit: sorry.inhibit,
            same_as: servers.iter().position(same).map(ServerId::from_index),
        }
    });
    core::Service {
        quorum: service.quorum,
        servers: servers
            .iter()
            .map(|server| core::Server {
                weight: server.weight,
                inhibit: server.inhibit,
                checks: server.checkers.iter().map(&mut task).collect(),
            })
            .collect(),
        sorry,
        ha_suspend: service.ha_suspend,
        panic_threshold: service.panic_threshold,
    }
}

fn kind(probe: &Probe) -> Kind {
    match probe {
        Probe::Tcp(_) | Probe::Ping(_) | Probe::Smtp(..) | Probe::Dns(..) | Probe::Udp(..) => {
            Kind::Probe { steps: 1, fast_recovery: false }
        }
        Probe::Http(_, http) | Probe::Ssl(_, http) => Kind::Probe {
            steps: u32::try_from(http.urls.len()).unwrap_or(u32::MAX),
            fast_recovery: http.fast_recovery,
        },
        Probe::Misc(misc) => Kind::Command { dynamic: misc.dynamic },
        Probe::File(file) => Kind::File { file: file.file, weight: file.weight, reverse: file.reverse },
        Probe::Bfd(session) => Kind::Bfd { session: *session },
    }
}

/// The ways that checks take, as far as the configuration tells: by the interface or the source that
/// they are bound to, all others together.
#[derive(Default)]
struct Ways {
    links: BTreeMap<Way, LinkId>,
    targets: BTreeMap<IpAddr, u32>,
}

impl Ways {
    fn link(&mut self, checker: &Checker) -> Option<Link> {
        let to = checker.probe.connect()?;
        let origin = to.origin.as_ref();
        let way = Way { link: origin.and_then(|o| o.link), source: origin.and_then(|o| o.address) };
        let links = LinkId::from_index(self.links.len());
        let targets = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        let link = *self.links.entry(way).or_insert(links);
        Some(Link { link, target: *self.targets.entry(to.address).or_insert(targets) })
    }
}
