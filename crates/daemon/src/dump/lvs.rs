//! The checkers process's state file (SIGUSR1): every virtual server, how it is configured and how it
//! stands.

use base::Instant;
use engine::lvs::{ServerSnapshot, ServiceSnapshot, Snapshot, TaskSnapshot, names};
use model::Model;
use model::lvs::{Checker, Forwarding, Probe, RealServer, Service, VirtualServer};

use super::state::Dump;

/// The text as far as it is about servers.
pub fn lvs(model: &Model, snapshot: &Snapshot, now: Instant) -> Dump {
    let mut dump = Dump::new();
    super::state::global(&mut dump, model);
    if let Some(tls) = &model.lvs.settings.tls {
        dump.section("SSL definitions");
        let or_none = |path: &Option<Box<str>>| path.as_deref().unwrap_or("(none)").to_owned();
        dump.line(0, "CA file", or_none(&tls.authorities));
        dump.line(0, "Certificate file", or_none(&tls.certificate));
        dump.line(0, "Key file", or_none(&tls.key));
    }
    dump.section("LVS Topology");
    for server in &model.lvs.services {
        let name = names::service(&model.lvs, &server.service).to_string();
        // By name: a reload may have come in between.
        let stands = snapshot.services.iter().find(|s| s.name == name);
        virtual_server(&mut dump, server, &name, stands);
    }
    dump.section("Health checkers");
    for VirtualServer { service, servers } in &model.lvs.services {
        let service_name = names::service(&model.lvs, service).to_string();
        let stands = snapshot.services.iter().find(|s| s.name == service_name);
        for server in servers {
            let name = names::server(service, server).to_string();
            let stands = stands.and_then(|s| s.servers.iter().find(|s| s.name == name));
            let known = stands.map(|s| s.checks.as_slice()).unwrap_or_default();
            for (index, check) in server.checkers.iter().enumerate() {
                dump.item(0, format_args!("{service_name} -> {name}"));
                checker(&mut dump, check);
                if let Some(stands) = known.get(index) {
                    standing(&mut dump, check, stands, now);
                }
            }
        }
    }
    kernel(&mut dump, snapshot);
    dump
}

fn virtual_server(dump: &mut Dump, server: &VirtualServer, name: &str, stands: Option<&ServiceSnapshot>) {
    let VirtualServer { service, servers } = server;
    dump.line(0, "VS", name);
    dump.line(1, "Scheduler", service.scheduler.name());
    if let Some(persistence) = &service.persistence {
        dump.line(1, "Persistence timeout", persistence.timeout);
    }
    dump.line(1, "One packet scheduling", service.one_packet);
    dump.line(
        1,
        "Quorum",
        format_args!("{}, hysteresis = {}", service.quorum.weight, service.quorum.hysteresis),
    );
    dump.line(1, "Quorum up", stands.map_or("unknown", |s| if s.up { "yes" } else { "no" }));
    dump.line(1, "Alpha, omega", format_args!("{}, {}", alpha(servers), service.omega));
    dump.line(1, "Suspend checks without the address", service.ha_suspend);
    if let Some(sorry) = &service.sorry {
        dump.line(1, "Sorry server", names::sorry(service, sorry));
    }
    for server in servers {
        let name = names::server(service, server).to_string();
        let stands = stands.and_then(|s| s.servers.iter().find(|s| s.name == name));
        real_server(dump, service, server, stands);
    }
}

fn alpha(servers: &[RealServer]) -> bool {
    servers.iter().flat_map(|s| &s.checkers).any(|c| c.schedule.alpha)
}

fn real_server(dump: &mut Dump, service: &Service, server: &RealServer, stands: Option<&ServerSnapshot>) {
    dump.line(1, "RS", names::server(service, server));
    dump.line(2, "Forwarding method", forwarding(server.forwarding));
    dump.line(2, "Configured weight", server.weight);
    if let Some(stands) = stands {
        let or_none = |weight: Option<u32>| weight.map_or_else(|| "none".to_owned(), |w| w.to_string());
        dump.line(2, "Alive", stands.alive);
        dump.line(2, "Weight", stands.weight);
        dump.line(2, "Failed checks", stands.failed);
        dump.line(2, "Weight wanted in the kernel", or_none(stands.wanted));
        dump.line(2, "Weight in the kernel", or_none(stands.there));
    }
    if server.upper_threshold > 0 {
        dump.line(2, "Connections", format_args!("{} to {}", server.lower_threshold, server.upper_threshold));
    }
    dump.line(2, "Inhibit on failure", server.inhibit);
    for (key, command) in [("Notify up", &server.notify_up), ("Notify down", &server.notify_down)] {
        if let Some(command) = command {
            dump.line(2, key, &command.text);
        }
    }
}

fn forwarding(method: Forwarding) -> &'static str {
    match method {
        Forwarding::Nat => "NAT",
        Forwarding::Direct => "DR",
        Forwarding::Tunnel(_) => "TUN",
    }
}

fn checker(dump: &mut Dump, checker: &Checker) {
    dump.line(1, "Keepalive method", checker.probe.keyword());
    if let Some(to) = checker.probe.connect() {
        dump.line(1, "Connection dest", format_args!("[{}]:{}", to.address, to.port));
        dump.line(1, "Connection timeout", to.timeout);
    }
    let schedule = &checker.schedule;
    dump.line(1, "Alpha", yes_no(schedule.alpha));
    dump.line(1, "Delay loop", schedule.delay_loop);
    dump.line(1, "Retries", schedule.retry);
    dump.line(1, "Delay before retry", schedule.delay_before_retry);
    dump.line(1, "Warmup", schedule.warmup);
    dump.line(1, "Log all failures", yes_no(schedule.log_all_failures));
}

/// What is known by a check, and when it runs next.
fn standing(dump: &mut Dump, checker: &Checker, stands: &TaskSnapshot, now: Instant) {
    // What it follows is told; nothing runs.
    let follows = matches!(checker.probe, Probe::File(_) | Probe::Bfd(_));
    let enabled = follows || stands.running.is_some() || stands.next.is_some();
    dump.line(1, "Enabled", yes_no(enabled));
    dump.line(1, "Has run", yes_no(stands.heard));
    dump.line(1, "Up", yes_no(stands.up));
    let verdict = match (stands.heard, stands.up) {
        (false, true) => "none yet, taken for passing",
        (false, false) => "none yet, taken for failing",
        (true, true) if stands.failures > 0 => "passing, being tried again",
        (true, true) => "passing",
        (true, false) if stands.blamed => "failing, its way is blamed",
        (true, false) => "failing",
    };
    dump.line(1, "Verdict", verdict);
    dump.line(1, "Failures in a row", stands.failures);
    if let Probe::Http(_, http) | Probe::Ssl(_, http) = &checker.probe {
        let step = usize::try_from(stands.step).unwrap_or(usize::MAX);
        if let Some(url) = http.urls.get(step) {
            dump.line(1, "Next url", &url.path);
        }
    }
    if let Probe::Misc(misc) = &checker.probe
        && misc.dynamic
    {
        dump.line(1, "Last exit status", stands.status);
    }
    if follows {
        return;
    }
    match (stands.running, stands.next) {
        (Some(_), _) => dump.line(1, "Next run", "now"),
        (None, Some(at)) => {
            let left = at.since(now);
            dump.line(1, "Next run", format_args!("in {}.{:03} s", left.as_secs(), left.as_millis() % 1000));
        }
        (None, None) => dump.line(1, "Next run", "when it no longer rests"),
    }
}

fn yes_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn kernel(dump: &mut Dump, snapshot: &Snapshot) {
    dump.section("Kernel");
    let available = snapshot.available.map_or("not known yet", |a| if a { "yes" } else { "no" });
    dump.line(0, "Virtual servers in the kernel", available);
    dump.line(0, "As wanted", snapshot.in_order);
    dump.line(0, "Operations under way", snapshot.operations);
    dump.line(0, "Looks at its table", snapshot.counts.dumps);
    dump.line(0, "Operations", snapshot.counts.operations);
    dump.line(0, "Operations that failed", snapshot.counts.failures);
    dump.line(0, "Repairs", snapshot.counts.repaired);
}
