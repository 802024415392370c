//! Events as notify scripts, FIFO lines and mail, in keepalived's order and with its rules of silence.

use base::Name;
use model::lvs::{Probe, RealServer, ServerId, Service, ServiceId, VirtualServer};
use model::{Command, Model};

use super::io::{Effect, Failure, FifoKind, Message, Notification};
use super::names;
use super::out::Out;
use crate::io::Object;

/// Why a service or a server is told of as down that was not found to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    /// The configuration does not name it any more.
    Removed,
    /// The daemon ends.
    Stopped,
}

fn find(model: &Model, service: ServiceId, server: ServerId) -> Option<(&Service, &RealServer)> {
    let VirtualServer { service, servers } = model.lvs.services.get(service.index())?;
    Some((service, servers.get(server.index())?))
}

const fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

fn script(object: impl FnOnce() -> Object, command: Option<&Command>, out: &mut Out) {
    let Some(command) = command else { return };
    let (command, limit) = (command.clone(), out.script_limit);
    let notification = Notification { object: object(), command, extra: Vec::new(), limit };
    out.tell(Effect::Notify(notification));
}

/// keepalived ends each line with a NUL after its line feed; we don't: readers go by lines.
fn fifo(model: &Model, line: impl Fn() -> String, out: &mut Out) {
    let fifos =
        [(FifoKind::Global, &model.global.notify_fifo), (FifoKind::Lvs, &model.lvs.settings.notify_fifo)];
    for (fifo, _) in fifos.into_iter().filter(|(_, configured)| configured.is_some()) {
        out.tell(Effect::Fifo { fifo, line: line() });
    }
}

/// A server is alive now, or isn't any more.
pub(super) fn server(model: &Model, id: ServiceId, server: ServerId, up: bool, out: &mut Out) {
    let Some((service, server)) = find(model, id, server) else { return };
    let command = if up { &server.notify_up } else { &server.notify_down };
    let object = || Object::Server {
        service: Name::from(names::service(&model.lvs, service).to_string()),
        server: Name::from(names::server(service, server).to_string()),
    };
    script(object, command.as_deref(), out);
    let line = || {
        let (rs, vs) = (names::server(service, server), names::service(&model.lvs, service));
        format!("RS {rs} {vs} {}\n", word(up))
    };
    fifo(model, line, out);
}

/// Whether the first failure of a check with `alpha` is told as the end of its server, which never was up: once for
/// each such check, as keepalived does. It tells so of all checks that ask by themselves but those of HTTP.
pub(super) const fn tells_first_failure(probe: &Probe) -> bool {
    match probe {
        Probe::Tcp(_)
        | Probe::Udp(..)
        | Probe::Ping(_)
        | Probe::Smtp(..)
        | Probe::Dns(..)
        | Probe::Misc(_) => true,
        Probe::Http(..) | Probe::Ssl(..) | Probe::File(_) | Probe::Bfd(_) => false,
    }
}

/// The quorum of a service is there now, or isn't any more.
pub(super) fn quorum(model: &Model, id: ServiceId, up: bool, out: &mut Out) {
    let Some(VirtualServer { service, .. }) = model.lvs.services.get(id.index()) else { return };
    let command = if up { &service.quorum_up } else { &service.quorum_down };
    let name = || names::service(&model.lvs, service);
    script(|| Object::Service(Name::from(name().to_string())), command.as_deref(), out);
    fifo(model, || format!("VS {} {}\n", name(), word(up)), out);
}

fn mail(model: &Model, about: &str, up: bool, body: String, out: &mut Out) {
    out.tell(Effect::Mail(Message::new(model, &format!("{about} - {}", word(up)), body)));
}

fn server_mail(model: &Model, id: ServiceId, server: ServerId, up: bool, body: String, out: &mut Out) {
    let Some((service, server)) = find(model, id, server).filter(|(_, server)| server.smtp_alert) else {
        return;
    };
    if model.mail.is_possible() {
        let (rs, vs) = (names::server(service, server), names::service(&model.lvs, service));
        mail(model, &format!("Realserver {rs} of virtual server {vs}"), up, body, out);
    }
}

/// Mail about a check of a server that changed its verdict; the server itself, which may have other
/// checks, is `alive` or isn't.
pub(super) fn check_mail(
    model: &Model,
    service: ServiceId,
    server: ServerId,
    probe: &Probe,
    failure: Option<&Failure>,
    alive: bool,
    out: &mut Out,
) {
    if let Some(body) = check_body(model, probe, failure) {
        server_mail(model, service, server, alive, body, out);
    }
}

/// Mail about a server that goes although it was alive.
pub(super) fn gone_mail(model: &Model, service: ServiceId, server: ServerId, gone: Gone, out: &mut Out) {
    let body = match gone {
        Gone::Removed => "=> Removing <=",
        Gone::Stopped => "=> Shutting down <=",
    };
    server_mail(model, service, server, false, body.to_owned(), out);
}

/// Mail about a quorum. keepalived shows the threshold as if it were that of a gain, always.
pub(super) fn quorum_mail(model: &Model, id: ServiceId, up: bool, initial: bool, weight: u64, out: &mut Out) {
    let Some(VirtualServer { service, .. }) = model.lvs.services.get(id.index()) else { return };
    if !service.smtp_alert || !model.mail.is_possible() {
        return;
    }
    let (quorum, hysteresis) = (u64::from(service.quorum.weight), u64::from(service.quorum.hysteresis));
    let what = match (initial, up) {
        (true, true) => "Starting with quorum up",
        (true, false) => "Starting with quorum down",
        (false, true) => "Gained quorum",
        (false, false) => "Lost quorum",
    };
    let threshold = if up { quorum + hysteresis } else { quorum.saturating_sub(hysteresis) };
    let body = format!("=> {what} {quorum}+{hysteresis}={threshold} <= {weight} <=");
    let vs = names::service(&model.lvs, service);
    mail(model, &format!("Virtualserver {vs}"), up, body, out);
}

/// The text about a check; `None` for those that keepalived sends no mail about.
fn check_body(model: &Model, probe: &Probe, failure: Option<&Failure>) -> Option<String> {
    let end = if failure.is_none() { "succeed" } else { "failed" };
    let check = |name: &str| Some(format!("=> {name} {end} on service <="));
    match (probe, failure) {
        (Probe::Tcp(_), _) => check("TCP CHECK"),
        (Probe::Udp(..), _) => check("UDP CHECK"),
        (Probe::Ping(_), _) => check("ICMP CHECK"),
        (Probe::Dns(..), _) => check("DNS_CHECK:"),
        (Probe::Http(..) | Probe::Ssl(..) | Probe::Smtp(..), None) => check("CHECK"),
        (Probe::Http(..) | Probe::Ssl(..), Some(_)) => {
            Some("=> CHECK failed on service : HTTP/SSL request failed <=".to_owned())
        }
        (Probe::Smtp(to, _), Some(failure)) => {
            let what = names::smtp_failure(failure);
            Some(format!("=> CHECK failed on service : {what} server [{}]:{} <=", to.address, to.port))
        }
        (Probe::Misc(_), failure) => {
            let end = match failure {
                None => "succeeded",
                Some(Failure::TimedOut) => "timed out",
                Some(_) => "failed",
            };
            Some(format!("=> MISC CHECK {end} on service <="))
        }
        (Probe::Bfd(session), failure) => {
            let name = model.lvs.bfds.get(session.index()).map_or("", |name| name);
            let end = if failure.is_none() { "succeeded" } else { "failed" };
            Some(format!("=> BFD CHECK {name} {end} on service <="))
        }
        (Probe::File(_), _) => None,
    }
}
