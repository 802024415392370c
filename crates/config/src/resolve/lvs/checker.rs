//! Checks: what the real server and the service hand down to them.

use std::net::IpAddr;

use base::Duration;
use model::lvs::{
    Checker, Connect, DnsCheck, DnsType, FileCheck, Http, MiscCheck, Offsets, Origin, Probe, Regex, Schedule,
    SmtpCheck, Sni, StatusCodes, UdpCheck, Url,
};

use super::Pools;
use super::service::Basics;
use crate::block::command;
use crate::block::lvs::checker::http::{HttpDraft, RegexDraft, UrlDraft};
use crate::block::lvs::checker::misc::MiscDraft;
use crate::block::lvs::checker::{CheckerDraft, Own};
use crate::block::lvs::real_server::RealServerDraft;
use crate::block::lvs::timing::Timing;
use crate::block::lvs::virtual_server::family_of;
use crate::diag::{Code, Diagnostic};

const DELAY_LOOP: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const HELO_NAME: &str = "smtpchecker.keepalived.org";

/// Makes a check of the server, whose port in the kernel's table is `port`; `None` if there can be none,
/// which has then been told.
pub(super) fn checker(
    p: &mut Pools<'_, '_, '_>,
    it: &Basics<'_>,
    server: &RealServerDraft,
    port: u16,
    mut draft: CheckerDraft,
) -> Option<Checker> {
    let mut timing = std::mem::take(&mut draft.timing);
    if let Some(rare) = server.rare() {
        timing = timing.or(&rare.timing);
    }
    let timing = timing.or(&it.draft.timing);
    let schedule = schedule(p, it, server, &draft, &timing);
    let own = std::mem::replace(&mut draft.own, Own::Tcp);
    let probe = match own {
        Own::Tcp => Probe::Tcp(connect(p, server, port, &draft, &timing)),
        Own::Ping => Probe::Ping(Connect { port: 0, ..connect(p, server, port, &draft, &timing) }),
        Own::Udp(udp) => {
            let check =
                UdpCheck { payload: udp.payload, reply: udp.reply, min_reply: udp.min, max_reply: udp.max };
            Probe::Udp(connect(p, server, port, &draft, &timing), Box::new(check))
        }
        Own::Dns(dns) => {
            let kind = dns.kind.unwrap_or(DnsType::Soa);
            let check = DnsCheck { kind, name: dns.name.unwrap_or_else(|| ".".into()) };
            Probe::Dns(connect(p, server, port, &draft, &timing), Box::new(check))
        }
        Own::Smtp(smtp) => {
            let check = SmtpCheck { helo_name: smtp.helo_name.unwrap_or_else(|| HELO_NAME.into()) };
            Probe::Smtp(connect(p, server, port, &draft, &timing), Box::new(check))
        }
        Own::Http(http) => {
            let connect = connect(p, server, port, &draft, &timing);
            let tls = http.tls;
            let check = p.requests.share(self::http(it, server, *http));
            if tls { Probe::Ssl(connect, check) } else { Probe::Http(connect, check) }
        }
        Own::Misc(misc) => Probe::Misc(Box::new(self::misc(p, *misc, &schedule)?)),
        Own::File(file) => {
            let (id, weight, reverse) = p.file(file.file.as_ref()?, it.draft.seen.0)?;
            let weight = file.weight.unwrap_or(weight);
            Probe::File(FileCheck { file: id, weight, reverse: file.reverse.unwrap_or(reverse) })
        }
        Own::Bfd(name) => Probe::Bfd(p.bfd(name.as_ref()?, it.draft.seen.1)?),
    };
    Some(Checker { schedule, probe })
}

fn schedule(
    p: &Pools<'_, '_, '_>,
    it: &Basics<'_>,
    server: &RealServerDraft,
    draft: &CheckerDraft,
    timing: &Timing,
) -> Schedule {
    let alpha = draft.alpha.or(server.alpha).unwrap_or(it.draft.alpha);
    if matches!(draft.own, Own::File(_) | Own::Bfd(_)) {
        // What follows another event has no times: those of the service are nothing to it.
        return Schedule {
            delay_loop: DELAY_LOOP,
            retry: 0,
            delay_before_retry: Duration::ZERO,
            warmup: Duration::ZERO,
            alpha,
            log_all_failures: false,
        };
    }
    let delay_loop = timing.delay_loop.unwrap_or(DELAY_LOOP);
    let (retry, delay_before_retry) = match &draft.own {
        Own::Dns(_) => (3, delay_loop),
        Own::Misc(_) => (0, Duration::from_secs(1)),
        Own::Http(_) => (1, Duration::from_secs(3)),
        _ => (1, Duration::from_secs(1)),
    };
    Schedule {
        delay_loop,
        retry: timing.retry.unwrap_or(retry),
        delay_before_retry: timing.delay_before_retry.unwrap_or(delay_before_retry),
        warmup: timing.warmup.unwrap_or(delay_loop),
        alpha,
        log_all_failures: draft.log_all_failures.unwrap_or(p.r.global.lvs.log_all_failures),
    }
}

fn connect(
    p: &mut Pools<'_, '_, '_>,
    server: &RealServerDraft,
    port: u16,
    draft: &CheckerDraft,
    timing: &Timing,
) -> Connect {
    let address = draft.ends().and_then(|ends| ends.address).map_or(server.address, |(address, _)| address);
    Connect {
        address,
        // As it is written, even where the kernel's table has none or, without NAT, another.
        port: draft.port.unwrap_or(if server.port == 0 { port } else { server.port }),
        timeout: timing.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        origin: origin(p, draft, address),
    }
}

/// Where the packets come from; `None` if nothing is set.
fn origin(p: &mut Pools<'_, '_, '_>, draft: &CheckerDraft, to: IpAddr) -> Option<Box<Origin>> {
    let ends = draft.ends()?;
    let mut address = None;
    match ends.bind_address {
        Some((bind, span)) if family_of(bind) != family_of(to) => {
            let d = Diagnostic::new(Code::VALUE, format!("`{bind}` cannot talk to `{to}`"))
                .at(span)
                .label("ignored")
                .help("use an address of the same family")
                .log(format!("bindto address {bind} does not match address family of connect_ip - skipping"));
            p.r.cx.report(d);
        }
        bind => address = bind.map(|(bind, _)| bind),
    }
    let origin = Origin { address, port: ends.bind_port, link: ends.link, mark: ends.mark };
    (origin != Origin::default()).then(|| Box::new(origin))
}

fn http(it: &Basics<'_>, server: &RealServerDraft, draft: HttpDraft) -> Http {
    let of_server = server.rare().and_then(|rare| rare.virtualhost.as_deref());
    let of_service = it.draft.virtualhost.as_deref();
    let own = draft.virtualhost.as_deref();
    let host = own.or(of_server).or(of_service);
    let sni = match draft.sni_name {
        Some(name) => Sni::Name(name),
        None if draft.enable_sni => Sni::VirtualHost(own.or(of_service).map(Box::from)),
        None => Sni::Off,
    };
    let urls = draft.urls.into_iter().map(|url| self::url(url, host, draft.tls_compliant)).collect();
    Http { urls, version: draft.version, sni, fast_recovery: draft.fast_recovery }
}

fn url(draft: UrlDraft, host: Option<&str>, tls_compliant: bool) -> Url {
    let own_host = draft.virtualhost.is_some();
    Url {
        path: draft.path.unwrap_or_default(),
        host: draft.virtualhost.or_else(|| host.map(Box::from)),
        own_host,
        status: if draft.status == StatusCodes::NONE { StatusCodes::success() } else { draft.status },
        digest: draft.digest,
        regex: regex(draft.regex).map(Box::new),
        tls_compliant: draft.tls_compliant.unwrap_or(tls_compliant),
    }
}

fn regex(draft: RegexDraft) -> Option<Regex> {
    Some(Regex {
        pattern: draft.pattern?,
        inverted: draft.inverted,
        options: draft.options,
        offsets: Offsets { min: draft.min, max: draft.max },
        stack: draft.stack,
    })
}

fn misc(p: &mut Pools<'_, '_, '_>, draft: MiscDraft, schedule: &Schedule) -> Option<MiscCheck> {
    let mut command = draft.command?;
    if !draft.user.is_empty() {
        // A user that does not exist is an error here, while one beside the command is not.
        command::account(&draft.user, p.r.cx, "user")?;
        command.owner = draft.user;
    }
    let command = p.commands.resolve(&command, p.r.cx)?;
    let timeout = draft.timeout.filter(|time| !time.is_zero()).unwrap_or(schedule.delay_loop);
    Some(MiscCheck { command, timeout, dynamic: draft.dynamic })
}
