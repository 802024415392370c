//! The checkers process's state file (SIGUSR1): every virtual server, how it is configured and how it
//! stands.

use engine::lvs::{ServerSnapshot, ServiceSnapshot, Snapshot, names};
use model::Model;
use model::lvs::{Checker, Forwarding, RealServer, Service, VirtualServer};

use super::state::Dump;

/// The text as far as it is about servers.
pub fn lvs(model: &Model, snapshot: &Snapshot) -> Dump {
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
        for server in servers {
            for check in &server.checkers {
                checker(&mut dump, &names::server(service, server).to_string(), check);
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

fn checker(dump: &mut Dump, server: &str, checker: &Checker) {
    dump.line(0, "RS", server);
    dump.line(1, "Keepalive method", checker.probe.keyword());
    if let Some(to) = checker.probe.connect() {
        dump.line(1, "Connection dest", format_args!("[{}]:{}", to.address, to.port));
        dump.line(1, "Connection timeout", to.timeout);
    }
    let schedule = &checker.schedule;
    dump.line(1, "Delay loop", schedule.delay_loop);
    dump.line(1, "Retry count", schedule.retry);
    dump.line(1, "Retry delay", schedule.delay_before_retry);
    dump.line(1, "Warmup", schedule.warmup);
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
