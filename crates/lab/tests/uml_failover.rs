//! How late a takeover is, with adverts each 100 ms: on a real clock within 10 ms at the median, in virtual
//! time, where nothing else runs, within 2 ms each time.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Event, Kind, Lab, Result, ensure};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100));
const INTERVAL: Duration = Duration::from_millis(100);
const HIGH: u8 = 150;
const LOW: u8 = 100;
const ROUNDS: usize = 9;
const BOUND: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    use Daemon::{Keepalived, Vipd};
    let of = |name, r1, r2| Scenario::new(name, Needs::AnyClock, move || failovers(name, r1, r2));
    lab::harness::main(&[
        of("takeovers-keepalived-from-keepalived", Keepalived, Keepalived),
        of("takeovers-vipd-from-keepalived", Keepalived, Vipd),
        of("takeovers-keepalived-from-vipd", Vipd, Keepalived),
        of("takeovers-vipd-from-vipd", Vipd, Vipd),
    ])
}

/// `Active_Down_Interval` of the backup (RFC 9568 section 6.1).
fn formula() -> Duration {
    INTERVAL * 3 + INTERVAL * (256 - u32::from(LOW)) / 256
}

fn conf(priority: u8) -> String {
    format!(
        "global_defs {{\n vrrp_version 3\n}}\nvrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n \
         virtual_router_id 51\n priority {priority}\n advert_int 0.1\n virtual_ipaddress {{\n {VIP}/24\n }}\n}}\n"
    )
}

/// Cuts the power of router 1 again and again; how late router 2 takes over.
fn failovers(tag: &str, r1: Daemon, r2: Daemon) -> Result<Outcome> {
    for daemon in [r1, r2] {
        if let Err(e) = daemon.program() {
            return Ok(Outcome::Skipped(e.to_string()));
        }
    }
    let lab = Lab::new(tag)?;
    let lan = lab.lan("lan0")?;
    let (one, two) = (lab.node("r1")?, lab.node("r2")?);
    one.attach(&lan, "eth0", &["192.0.2.11/24"], None)?;
    two.attach(&lan, "eth0", &["192.0.2.12/24"], None)?;
    let _second = two.start(r2, "r2", &conf(LOW))?;
    let mut late = Vec::new();
    for round in 0..ROUNDS {
        one.power_on()?;
        let _first = one.start(r1, "r1", &conf(HIGH))?;
        one.wait_ip(VIP, true, BOUND)?;
        two.wait_ip(VIP, false, BOUND)?;
        let capture = lab.capture(&lan)?;
        // Not always at the same place between two adverts.
        let heard = 3 + round % 3;
        lab::wait("adverts of router 1", BOUND, || Ok(adverts(&capture.events(), HIGH).len() >= heard))?;
        lab.pass(INTERVAL / 10 * u32::try_from(round).unwrap_or(0));
        one.power_off()?;
        lab::wait("an advert of router 2", BOUND, || Ok(!adverts(&capture.events(), LOW).is_empty()))?;
        two.wait_ip(VIP, true, BOUND)?;
        let events = capture.events();
        let silence = adverts(&events, HIGH).last().copied().unwrap_or_default();
        let takeover = adverts(&events, LOW).first().copied().unwrap_or_default();
        let gap = takeover.saturating_sub(silence);
        let early = formula().saturating_sub(gap);
        ensure(early <= Duration::from_millis(1), format_args!("a takeover after {gap:?}, before its time"))?;
        late.push(gap.saturating_sub(formula()));
    }
    late.sort_unstable();
    let (median, most) = (late[late.len() / 2], late[late.len() - 1]);
    println!(
        "  {r2} takes over from {r1}: {median:?} late at the median, {most:?} at most, formula {:?}",
        formula()
    );
    if std::env::var(lab::harness::CLOCK_VARIABLE).is_ok_and(|c| c == "infinite") {
        ensure(most <= Duration::from_millis(2), format_args!("{most:?} late in virtual time"))?;
    }
    ensure(median <= Duration::from_millis(10), format_args!("{median:?} late at the median"))?;
    Ok(Outcome::Passed)
}

/// When adverts of this priority came.
fn adverts(events: &[Event], of: u8) -> Vec<Duration> {
    let mine = |e: &&Event| matches!(e.kind, Kind::Advert { priority, .. } if priority == of);
    events.iter().filter(mine).map(|e| e.at).collect()
}
