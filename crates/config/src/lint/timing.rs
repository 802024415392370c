//! Checks and their clocks.

use base::Duration;
use model::lvs::{Checker, Probe};
use model::tracker::TrackerSource;

use super::{Facts, advice};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Block;

/// A run that may last longer than the time until the next one.
pub(super) fn slow_check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for tracker in &facts.model.trackers {
        let TrackerSource::Script(script) = &tracker.source else { continue };
        if script.timeout > script.interval {
            let block = facts.places.named("vrrp_script", &tracker.name);
            let what = format!("a run of the script `{}`", tracker.name);
            found.push(told(&what, script.timeout, script.interval, block, "timeout", "interval"));
        }
    }
    for (service, places) in facts.model.lvs.services.iter().zip(facts.services) {
        for (server, places) in service.servers.iter().zip(&places.servers) {
            for (check, span) in server.checkers.iter().zip(&places.checks) {
                let Some((timeout, keyword)) = timeout(check) else { continue };
                let loops = check.schedule.delay_loop;
                if timeout <= loops {
                    continue;
                }
                let what = format!("a run of `{}` for `{}`", check.probe.keyword(), server.address);
                let mut d = told(&what, timeout, loops, facts.places.block_at(*span), keyword, "delay_loop");
                d.span = d.span.or(Some(*span));
                found.push(d);
            }
        }
    }
}

/// How long a run may last, and which keyword says so.
fn timeout(check: &Checker) -> Option<(Duration, &'static str)> {
    match &check.probe {
        Probe::Tcp(connect)
        | Probe::Ping(connect)
        | Probe::Udp(connect, _)
        | Probe::Dns(connect, _)
        | Probe::Smtp(connect, _)
        | Probe::Http(connect, _)
        | Probe::Ssl(connect, _) => Some((connect.timeout, "connect_timeout")),
        Probe::Misc(misc) => Some((misc.timeout, "misc_timeout")),
        Probe::File(_) | Probe::Bfd(_) => None,
    }
}

fn told(
    what: &str,
    timeout: Duration,
    period: Duration,
    block: Option<Block<'_>>,
    keyword: &str,
    period_keyword: &str,
) -> Diagnostic {
    let message = format!("{what} may last {timeout}, longer than the {period} until the next one");
    let mut d = advice(Code::SLOW_CHECK, block.and_then(|block| block.place_of(keyword)), message)
        .label("what hangs is noticed later than the period says")
        .help(format!("write a `{keyword}` below {period}, or a longer `{period_keyword}`"));
    if let Some(span) = block.and_then(|block| block.keyword(period_keyword)).and_then(Block::head) {
        d = d.other(span, "the period");
    }
    d
}

/// A server that nobody checks, beside others that are.
pub(super) fn no_check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (service, places) in facts.model.lvs.services.iter().zip(facts.services) {
        if service.servers.iter().all(|server| server.checkers.is_empty()) && service.servers.len() > 1 {
            found.push(
                advice(Code::NO_CHECK, Some(places.span), "no real server of this virtual server is checked")
                    .label("a dead one gets its share of the connections")
                    .help("add a check to each, such as `TCP_CHECK { connect_timeout 3 }`"),
            );
            continue;
        }
        for (server, places) in service.servers.iter().zip(&places.servers) {
            if server.checkers.is_empty() && service.servers.len() > 1 {
                let message = format!("the real server `{}` is not checked", server.address);
                found.push(
                    advice(Code::NO_CHECK, Some(places.span), message)
                        .label("it stays in service if it is dead, while the others are checked")
                        .help("add a check, such as `TCP_CHECK { connect_timeout 3 }`"),
                );
            }
        }
    }
}
