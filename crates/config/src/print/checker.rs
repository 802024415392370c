//! Checks of real servers.

use std::fmt::Write;
use std::net::IpAddr;

use base::Duration;
use model::lvs::{
    Checker, Connect, DnsCheck, FileCheck, MaskedByte, MiscCheck, Origin, Probe, Schedule, SmtpCheck,
    UdpCheck,
};

use super::Printer;
use super::tree::{Lines, script, word};
use crate::resolve::HELO_NAME;

/// The period of checks that nobody set.
pub(super) const DELAY_LOOP: Duration = Duration::from_secs(60);

/// What a check has of its server and service.
pub(super) struct Inherited {
    pub(super) delay_loop: Duration,
    pub(super) alpha: bool,
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

impl Printer<'_> {
    pub(super) fn checker(&self, checker: &Checker, of_server: &Inherited, out: &mut Lines) {
        let Checker { schedule, probe } = checker;
        let mut block = Lines::default();
        match probe {
            Probe::Tcp(to) => connect(to, of_server, &mut block),
            // An echo has no port.
            Probe::Ping(to) => connect(to, &Inherited { port: to.port, ..*of_server }, &mut block),
            Probe::Http(to, http) | Probe::Ssl(to, http) => {
                connect(to, of_server, &mut block);
                super::http::lines(http, &mut block);
            }
            Probe::Smtp(to, smtp) => {
                connect(to, of_server, &mut block);
                let SmtpCheck { helo_name } = &**smtp;
                block.word("helo_name", Some(&**helo_name).filter(|name| *name != HELO_NAME));
            }
            Probe::Dns(to, dns) => {
                connect(to, of_server, &mut block);
                let DnsCheck { kind, name } = &**dns;
                block.line("type", kind.name());
                block.word("name", Some(&**name).filter(|name| *name != "."));
            }
            Probe::Udp(to, udp) => {
                connect(to, of_server, &mut block);
                self::udp(udp, &mut block);
            }
            Probe::Misc(misc) => {
                let MiscCheck { command, timeout, dynamic } = &**misc;
                block.line("misc_path", script(&command.text));
                block.time(schedule.delay_loop, "misc_timeout", *timeout);
                block.flag("misc_dynamic", *dynamic);
                block.some("user", self.owner(command.user));
            }
            Probe::File(FileCheck { file, weight, reverse }) => {
                let name = self.model.lvs.files.get(file.index()).map(|file| &*file.name);
                block.word("track_file", name);
                if (*weight, *reverse) != (1, false) {
                    block.line("weight", format!("{weight}{}", if *reverse { " reverse" } else { "" }));
                }
            }
            Probe::Bfd(session) => {
                block.word("name", self.model.lvs.bfds.get(session.index()).map(|name| &**name));
                block.switch("alpha", schedule.alpha, of_server.alpha);
            }
        }
        match probe {
            Probe::File(_) | Probe::Bfd(_) => {}
            _ => times(schedule, probe, of_server, &mut block),
        }
        out.block(probe.keyword(), "", block);
    }
}

/// When a check runs; what a kind of check does without a word is left out.
fn times(schedule: &Schedule, probe: &Probe, of_server: &Inherited, out: &mut Lines) {
    let Schedule { delay_loop, retry, delay_before_retry, warmup, alpha, log_all_failures } = *schedule;
    let (usual_retry, usual_delay) = match probe {
        Probe::Dns(..) => (3, delay_loop),
        Probe::Misc(_) => (0, Duration::from_secs(1)),
        Probe::Http(..) | Probe::Ssl(..) => (1, Duration::from_secs(3)),
        _ => (1, Duration::from_secs(1)),
    };
    out.time(of_server.delay_loop, "delay_loop", delay_loop);
    out.unless(usual_retry, "retry", retry);
    out.time(usual_delay, "delay_before_retry", delay_before_retry);
    out.time(delay_loop, "warmup", warmup);
    out.switch("alpha", alpha, of_server.alpha);
    out.flag("log_all_failures", log_all_failures);
}

fn connect(to: &Connect, of_server: &Inherited, out: &mut Lines) {
    let Connect { address, port, timeout, origin } = to;
    out.unless(of_server.address, "connect_ip", *address);
    out.unless(of_server.port, "connect_port", *port);
    if let Some(origin) = origin {
        let Origin { address, port, link, mark } = &**origin;
        out.some("bindto", *address);
        out.some("bind_port", *port);
        out.word("bind_if", link.as_ref().map(|link| link.as_str()));
        out.unless(0, "fwmark", *mark);
    }
    out.time(Duration::from_secs(5), "connect_timeout", *timeout);
}

fn udp(udp: &UdpCheck, out: &mut Lines) {
    let UdpCheck { payload, reply, min_reply, max_reply } = udp;
    let hex = |bytes: &mut dyn Iterator<Item = MaskedByte>| {
        let mut text = String::new();
        for MaskedByte { value, mask } in bytes {
            for shift in [4, 0] {
                let (digit, counts) = (value >> shift & 0xf, mask >> shift & 0xf != 0);
                // Writing to a string does not fail.
                let _ = if counts { write!(text, "{digit:x}") } else { write!(text, "x") };
            }
        }
        text
    };
    if let Some(payload) = payload {
        let mut bytes = payload.iter().map(|&value| MaskedByte { value, mask: 0xff });
        out.line("payload", word(&hex(&mut bytes)));
    }
    if let Some(reply) = reply {
        out.line("require_reply", hex(&mut reply.iter().copied()));
    }
    out.unless(0, "min_reply_length", *min_reply);
    out.unless(255, "max_reply_length", *max_reply);
}
