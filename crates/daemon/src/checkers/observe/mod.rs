//! keepalived's log lines of load balancing, wording and level; what is ours comes behind them, as a detail.

mod checks;
mod table;

#[cfg(test)]
mod tests;

use engine::lvs::names;
use engine::lvs::news::{Event, PoolEvent};
use model::lvs::{
    AddressRange, CheckerId, Destination, GroupEntry, Lvs, Probe, Protocol, RealServer, ServerId, ServiceId,
    VirtualServer,
};

use crate::log::Line;

/// The lines that tell of `event`. `stopping`: the daemon ends.
pub fn render(lvs: &Lvs, event: &Event, stopping: bool) -> Vec<Line> {
    match event {
        Event::Checked { service, server, checker, url, failure, was, failures, changed } => {
            let Some(place) = Place::new(lvs, *service, *server) else { return Vec::new() };
            let Some(checker) = place.server.checkers.get(checker.index()) else { return Vec::new() };
            let (failures, was, changed) = (*failures, *was, *changed);
            let result = checks::Result { failure: failure.as_ref(), failures, was, changed };
            checks::checked(&place, checker, *url, &result)
        }
        Event::Unable { service, server, checker, error } => {
            let keyword = probe(lvs, *service, *server, *checker).map_or("check", Probe::keyword);
            let place = Place::new(lvs, *service, *server);
            let name = place.map_or_else(String::new, |p| format!(" of {}", p.name));
            vec![Line::error(format!("{keyword}{name} could not be made: {}", error.message))]
        }
        Event::Pool(event) => pool(lvs, *event),
        Event::Suspended { service, suspended } => rests(lvs, *service, *suspended),
        Event::Gone { service, server: None, .. } => {
            let server = lvs.services.get(service.index()).filter(|_| !stopping);
            let text = |server| format!("Removing Virtual Server {}", service_name(lvs, server));
            server.map_or_else(Vec::new, |server| info(text(server)))
        }
        Event::Gone { service, server: Some(server), whole, weight } => {
            let place = Place::new(lvs, *service, *server);
            place.map_or_else(Vec::new, |place| gone(&place, *whole, *weight, stopping))
        }
        Event::Way { way, blamed, checks } => table::way(way, *blamed, *checks),
        Event::OperationFailed { operation, error, retry } => table::failed(operation, error, *retry),
        Event::NoTable(error) => table::missing(error),
        Event::TableBack => info("IPVS: the table of virtual servers can be read now"),
        Event::Repaired { objects } => vec![Line::warning(format!(
            "IPVS: {objects} of our services, servers, timeouts, sync daemons or tables of marks were changed by somebody else, putting them back"
        ))],
        Event::Entry { service, entry, added } => {
            let of = lvs.services.get(service.index());
            of.and_then(|of| entry_of(lvs, of, entry, *added)).into_iter().collect()
        }
        Event::Reloaded => Vec::new(),
    }
}

fn pool(lvs: &Lvs, event: PoolEvent) -> Vec<Line> {
    match event {
        PoolEvent::Server { service, server, alive } => {
            Place::new(lvs, service, server).map(|p| joins(&p, alive)).into_iter().collect()
        }
        PoolEvent::Weight { service, server, from, to, alive } => {
            let Some(Place { name, service, .. }) = Place::new(lvs, service, server) else {
                return Vec::new();
            };
            let state = if alive { "active" } else { "inactive" };
            info(format!("Changing weight from {from} to {to} for {state} service {name} of VS {service}"))
        }
        PoolEvent::Quorum { service, up, initial, weight } => quorum(lvs, service, up, initial, weight),
        PoolEvent::Sorry { service, active } => sorry(lvs, service, active),
        PoolEvent::Guard { service, active, living, known } => {
            table::guard(lvs, service, active, living, known)
        }
    }
}

/// What is told when checks begin: one line for each that asks somebody, as with keepalived. Of those that wait for an
/// address (`ha_suspend`) it is told when it is known whether that is there.
pub fn activating(lvs: &Lvs) -> impl Iterator<Item = Line> {
    lvs.services.iter().flat_map(move |of| {
        of.servers.iter().flat_map(move |server| {
            server.checkers.iter().filter_map(move |checker| match checker.probe {
                Probe::Bfd(_) => Some(Line::info("Activating BFD healthchecker")),
                Probe::File(_) => None,
                _ if of.service.ha_suspend => None,
                _ => Some(healthchecker("Activating", lvs, of, server)),
            })
        })
    })
}

/// What is told of a service whose checks rest at first.
pub fn deactivating(lvs: &Lvs, service: ServiceId) -> impl Iterator<Item = Line> {
    let asks = |probe: &Probe| !matches!(probe, Probe::Bfd(_) | Probe::File(_));
    lvs.services.get(service.index()).into_iter().flat_map(move |of| {
        of.servers.iter().flat_map(move |server| {
            let asking = server.checkers.iter().filter(move |checker| asks(&checker.probe));
            asking.map(move |_| healthchecker("Deactivating", lvs, of, server))
        })
    })
}

fn healthchecker(what: &str, lvs: &Lvs, of: &VirtualServer, server: &RealServer) -> Line {
    let name = names::server(&of.service, server);
    Line::info(format!("{what} healthchecker for service {name} for VS {}", service_name(lvs, of)))
}

/// A server of a service, with their names.
struct Place<'a> {
    lvs: &'a Lvs,
    server: &'a RealServer,
    /// That of the server.
    name: String,
    /// That of the service.
    service: String,
}

impl<'a> Place<'a> {
    fn new(lvs: &'a Lvs, service: ServiceId, server: ServerId) -> Option<Self> {
        let virtual_server = lvs.services.get(service.index())?;
        let server = virtual_server.servers.get(server.index())?;
        let name = names::server(&virtual_server.service, server).to_string();
        Some(Self { lvs, server, name, service: service_name(lvs, virtual_server) })
    }
}

fn service_name(lvs: &Lvs, server: &VirtualServer) -> String {
    names::service(lvs, &server.service).to_string()
}

fn probe(lvs: &Lvs, service: ServiceId, server: ServerId, checker: CheckerId) -> Option<&Probe> {
    let server = lvs.services.get(service.index())?.servers.get(server.index())?;
    Some(&server.checkers.get(checker.index())?.probe)
}

fn info(text: impl Into<String>) -> Vec<Line> {
    vec![Line::info(text)]
}

fn joins(Place { server, name, service, .. }: &Place<'_>, alive: bool) -> Line {
    let (what, of) = match (server.inhibit, alive) {
        (true, true) => ("Enabling", "of"),
        (true, false) => ("Disabling", "of"),
        (false, true) => ("Adding", "to"),
        (false, false) => ("Removing", "from"),
    };
    Line::info(format!("{what} service {name} {of} VS {service}"))
}

fn quorum(lvs: &Lvs, id: ServiceId, up: bool, initial: bool, weight: u64) -> Vec<Line> {
    let Some(server) = lvs.services.get(id.index()) else { return Vec::new() };
    let (quorum, name) = (server.service.quorum, service_name(lvs, server));
    let (wanted, hysteresis) = (u64::from(quorum.weight), u64::from(quorum.hysteresis));
    info(if up {
        let at = wanted + hysteresis;
        format!("Gained quorum {wanted}+{hysteresis}={at} <= {weight} for VS {name}")
    } else {
        let what = if initial { "Starting with quorum down" } else { "Lost quorum" };
        let at = wanted.saturating_sub(hysteresis);
        format!("{what} {wanted}-{hysteresis}={at} > {weight} for VS {name}")
    })
}

/// The pool goes before the sorry server comes, and comes after that has gone.
fn sorry(lvs: &Lvs, id: ServiceId, active: bool) -> Vec<Line> {
    let Some(server) = lvs.services.get(id.index()) else { return Vec::new() };
    let Some(sorry) = &server.service.sorry else { return Vec::new() };
    let service = service_name(lvs, server);
    let name = names::sorry(&server.service, sorry).to_string();
    let line = |what: &str, of: &str| Line::info(format!("{what} sorry server {name} {of} VS {service}"));
    let (coming, going) = if sorry.inhibit { ("Enabling", "Disabling") } else { ("Adding", "Removing") };
    if active {
        vec![Line::info(format!("Removing alive servers from the pool for VS {service}")), line(coming, "to")]
    } else {
        vec![line(going, "from"), Line::info(format!("Adding alive servers to the pool for VS {service}"))]
    }
}

/// As keepalived, which calls a mark that goes by its number alone.
fn entry_of(lvs: &Lvs, of: &VirtualServer, entry: &GroupEntry, added: bool) -> Option<Line> {
    let Destination::Group { group, protocol } = of.service.destination else { return None };
    let group = lvs.group(group).map_or("", |group| &group.name);
    let name = match entry {
        GroupEntry::Addresses(AddressRange { first, last }, port) => {
            let range = if first == last { String::new() } else { format!("-{last}") };
            format!("[{first}]:{}:{port}{range}", protocol.map_or("none", Protocol::name))
        }
        GroupEntry::Mark(mark, _) if added => format!("FWM {mark}"),
        GroupEntry::Mark(mark, _) => mark.to_string(),
    };
    Some(Line::info(if added {
        format!("VS [{name}] added into group {group}")
    } else {
        format!("VS [{name}] in group {group} no longer exists")
    }))
}

fn rests(lvs: &Lvs, id: ServiceId, suspended: bool) -> Vec<Line> {
    let Some(server) = lvs.services.get(id.index()) else { return Vec::new() };
    let what = if suspended { "Suspending" } else { "Activating" };
    let checked = server.servers.iter().filter(|s| !s.checkers.is_empty());
    checked.map(|s| healthchecker(what, lvs, server, s)).collect()
}

/// What leaves the kernel's table is told of, and at the end what was not in it, too.
fn gone(place: &Place<'_>, whole: bool, weight: Option<u32>, stopping: bool) -> Vec<Line> {
    let Place { server, name, service, .. } = place;
    let inhibited = if server.inhibit && weight == Some(0) { "(inhibited) " } else { "" };
    let leaves = |what: &str| format!("{what} {inhibited}service {name} from VS {service}");
    if stopping {
        return info(leaves("Shutting down"));
    }
    let ends = (!whole).then(|| format!("service {name} no longer exist"));
    let leaves = weight.is_some().then(|| leaves("Removing"));
    ends.into_iter().chain(leaves).map(Line::info).collect()
}
