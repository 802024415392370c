//! `SSL`, `virtual_server_group`, `virtual_server` and `real_server`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{Duration, Family};
use model::lvs::{
    AddressGroup, AddressRange, Checker, Destination, Forwarding, GroupEntry, Lvs, Persistence, Probe,
    Protocol, Quorum, RealServer, SchedulerFlags, Service, SorryServer, Tls, Tunnel, TunnelChecksum,
    TunnelKind, VirtualServer,
};

use super::Printer;
use super::checker::{DELAY_LOOP, Inherited};
use super::http;
use super::tree::{Lines, Words, seconds, word};

impl Printer<'_> {
    pub(super) fn services(&self, lvs: &Lvs, out: &mut Lines) {
        let Lvs { settings, groups, services, files: _, bfds: _ } = lvs;
        if let Some(Tls { password, authorities, certificate, key }) = &settings.tls {
            let mut block = Lines::default();
            if let Some(password) = password {
                block.line("password", self.secret(&String::from_utf8_lossy(password.reveal())));
            }
            block.word("ca", authorities.as_deref());
            block.word("certificate", certificate.as_deref());
            block.word("key", key.as_deref());
            out.block("SSL", "", block);
        }
        for AddressGroup { name, entries } in groups {
            let lines = entries.iter().map(|entry| {
                let mut line = Words::default();
                match *entry {
                    GroupEntry::Addresses(range, port) => {
                        line.add(self::range(range));
                        if port != 0 {
                            line.add(port);
                        }
                    }
                    GroupEntry::Mark(mark, family) => {
                        line.add("fwmark").add(mark);
                        if let Some(family) = family {
                            line.add(self::family(family));
                        }
                    }
                }
                line.into_entry()
            });
            out.block("virtual_server_group", word(name), Lines(lines.collect()));
        }
        for service in services {
            self.virtual_server(lvs, service, out);
        }
    }

    fn virtual_server(&self, lvs: &Lvs, server: &VirtualServer, out: &mut Lines) {
        let VirtualServer { service, servers } = server;
        let Service {
            destination,
            family,
            scheduler,
            flags,
            one_packet,
            persistence,
            quorum,
            quorum_up,
            quorum_down,
            sorry,
            omega,
            ha_suspend,
            smtp_alert,
            panic_threshold,
            snmp_name,
        } = service;
        let mut block = Lines::default();
        let (head, protocol, port) = match *destination {
            Destination::Address { address, port, protocol } => {
                (with_port(address, port), Some(protocol), Some(port))
            }
            Destination::Mark(mark) => (format!("fwmark {mark}"), None, None),
            Destination::Group { group, protocol } => {
                let name = lvs.group(group).map_or_else(String::new, |group| word(&group.name));
                (format!("group {name}"), protocol, None)
            }
        };
        if port.is_none() {
            block.line("ip_family", self::family(*family));
        }
        block.some("protocol", protocol.map(self::protocol));
        block.line("lvs_sched", scheduler.name());
        let SchedulerFlags { one, two, three } = *flags;
        block.flag("flag-1", one);
        block.flag("flag-2", two);
        block.flag("flag-3", three);
        block.flag("ops", *one_packet);
        let method = servers.first().map_or(Forwarding::Nat, |server| server.forwarding);
        block.line("lvs_method", forwarding(method));
        if let Some(Persistence { timeout, granularity, engine }) = persistence {
            block.word("persistence_engine", engine.as_deref());
            block.line("persistence_timeout", seconds(*timeout));
            match family {
                Family::V4 if *granularity == u32::MAX => {}
                Family::V4 => block.line("persistence_granularity", Ipv4Addr::from_bits(*granularity)),
                Family::V6 => block.unless(128, "persistence_granularity", *granularity),
            }
        }
        // The first check's period stands for all that don't say.
        let checkers = || servers.iter().flat_map(|server| &*server.checkers);
        let delay_loop = checkers()
            .find(|checker| !matches!(checker.probe, Probe::File(_) | Probe::Bfd(_)))
            .map_or(DELAY_LOOP, |checker| checker.schedule.delay_loop);
        block.time(DELAY_LOOP, "delay_loop", delay_loop);
        block.word("virtualhost", checkers().find_map(|checker| http::host_of_service(checker)));
        let Quorum { weight, hysteresis } = *quorum;
        // A pool without weight has a quorum of 0 whatever is written.
        block.some("quorum", Some(weight).filter(|weight| *weight > 1));
        block.unless(0, "hysteresis", hysteresis);
        self.command_line("quorum_up", quorum_up.as_deref(), &mut block);
        self.command_line("quorum_down", quorum_down.as_deref(), &mut block);
        block.flag("omega", *omega);
        block.flag("ha_suspend", *ha_suspend);
        block.flag("smtp_alert", *smtp_alert);
        block.unless(0, "panic_threshold", *panic_threshold);
        block.word("snmp_name", snmp_name.as_deref());
        if let Some(SorryServer { address, port, forwarding: own, inhibit }) = *sorry {
            block.line("sorry_server", with_port(address, port));
            if own != method {
                block.line("sorry_server_lvs_method", forwarding(own));
            }
            block.flag("sorry_server_inhibit", inhibit);
        }
        for server in servers {
            let portless = matches!(destination, Destination::Mark(_));
            self.real_server(server, method, portless, delay_loop, &mut block);
        }
        out.block("virtual_server", head, block);
    }

    /// `portless`: the service is a mark, and has no port.
    fn real_server(
        &self,
        server: &RealServer,
        method: Forwarding,
        portless: bool,
        delay_loop: Duration,
        out: &mut Lines,
    ) {
        let RealServer {
            address,
            port,
            weight,
            forwarding: own,
            upper_threshold,
            lower_threshold,
            inhibit,
            smtp_alert,
            notify_up,
            notify_down,
            snmp_name,
            checkers,
        } = server;
        let shown_port = match own {
            Forwarding::Direct | Forwarding::Tunnel(_) if portless => port_of_checks(checkers),
            _ => *port,
        };
        let mut block = Lines::default();
        block.unless(1, "weight", *weight);
        if *own != method {
            block.line("lvs_method", forwarding(*own));
        }
        block.unless(0, "uthreshold", *upper_threshold);
        block.unless(0, "lthreshold", *lower_threshold);
        block.flag("inhibit_on_failure", *inhibit);
        block.switch("smtp_alert", *smtp_alert, true);
        self.command_line("notify_up", notify_up.as_deref(), &mut block);
        self.command_line("notify_down", notify_down.as_deref(), &mut block);
        block.word("snmp_name", snmp_name.as_deref());
        block.word("virtualhost", checkers.iter().find_map(|checker| http::host_of_server(checker)));
        // Only the server can say it of a check that follows a file.
        let alpha =
            checkers.iter().any(|checker| matches!(checker.probe, Probe::File(_)) && checker.schedule.alpha);
        block.flag("alpha", alpha);
        let inherited = Inherited { delay_loop, alpha, address: *address, port: shown_port };
        for checker in checkers {
            self.checker(checker, &inherited, &mut block);
        }
        out.block("real_server", with_port(*address, shown_port), block);
    }
}

/// The port of a server that has none in the kernel's table: that of its checks, if all have one.
fn port_of_checks(checkers: &[Arc<Checker>]) -> u16 {
    let connecting = checkers.iter().filter(|checker| !matches!(checker.probe, Probe::Ping(_)));
    let mut ports = connecting.filter_map(|checker| checker.probe.connect()).map(|to| to.port).peekable();
    let first = ports.peek().copied().unwrap_or(0);
    if ports.all(|port| port != 0) { first } else { 0 }
}

fn with_port(address: IpAddr, port: u16) -> String {
    if port == 0 { address.to_string() } else { format!("{address} {port}") }
}

fn range(AddressRange { first, last }: AddressRange) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

const fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "inet",
        Family::V6 => "inet6",
    }
}

const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

fn forwarding(forwarding: Forwarding) -> String {
    let mut words = Words::default();
    match forwarding {
        Forwarding::Nat => words.add("NAT"),
        Forwarding::Direct => words.add("DR"),
        Forwarding::Tunnel(Tunnel { kind, checksum }) => {
            words.add("TUN");
            match kind {
                TunnelKind::Ipip => {}
                TunnelKind::Gue(port) => {
                    words.add("type gue port").add(port);
                }
                TunnelKind::Gre => {
                    words.add("type gre");
                }
            }
            match checksum {
                TunnelChecksum::None => &mut words,
                TunnelChecksum::On => words.add("csum"),
                TunnelChecksum::Remote => words.add("remcsum"),
            }
        }
    };
    words.into_text()
}
