//! IPv6: put back, in fault, and back again; with keepalived as the other router.

use lab::harness::Outcome;
use lab::{Cut, Daemon, Kind, Result, ensure};

use crate::stage::{BOUND, SECOND, Stage, instance, ip, iproute, log_length, nothing_left, told, vips};

const VIP6: &str = "2001:db8::100";

fn conf6(priority: u8) -> String {
    instance("VI_6", 61, priority, &vips(&["fe80::100/64", &format!("{VIP6}/64")]))
}

pub(crate) fn ipv6() -> Result<Outcome> {
    let stage = Stage::new("ipv6", 2)?;
    let (r1, r2) = (stage.r1(), stage.r2());
    let daemon = r1.vipd(&conf6(150))?;
    r1.wait_ip(ip(VIP6), true, BOUND)?;
    let _other = r2.start(Daemon::Keepalived, "keepalived", &conf6(100))?;
    // Put back, and announced again.
    for address in ["fe80::100", VIP6] {
        let at = stage.lab.now();
        iproute(r1, &format!("addr del {address}/64 dev eth0"))?;
        r1.wait_ip(ip(address), true, SECOND / 100)?;
        lab::wait("an announcement", SECOND / 100, || {
            Ok(stage
                .capture
                .events()
                .iter()
                .any(|e| e.at >= at && matches!(e.kind, Kind::Na(a) if ip(address) == a)))
        })?;
    }
    // The link-local address is the source: without it there is nothing to send from.
    let links = iproute(r1, "-6 -o addr show dev eth0 scope link")?;
    let own = links.split_whitespace().find(|w| w.starts_with("fe80::ff:")).unwrap_or_default().to_owned();
    let after = log_length(&daemon)?;
    iproute(r1, &format!("addr del {own} dev eth0"))?;
    told(&daemon, "(VI_6) Entering FAULT STATE", after, SECOND / 10)?;
    r1.wait_ip(ip(VIP6), false, SECOND / 10)?;
    r2.wait_ip(ip(VIP6), true, BOUND)?;
    iproute(r1, &format!("addr add {own} dev eth0"))?;
    r1.wait_ip(ip(VIP6), true, BOUND)?;
    r2.wait_ip(ip(VIP6), false, SECOND)?;
    // The kernel takes all IPv6 addresses away when a device goes down.
    r1.link("eth0", false, Cut::Node)?;
    r1.wait_ip(ip(VIP6), false, SECOND / 10)?;
    r2.wait_ip(ip(VIP6), true, BOUND)?;
    r1.link("eth0", true, Cut::Node)?;
    r1.wait_ip(ip(VIP6), true, BOUND)?;
    r2.wait_ip(ip(VIP6), false, SECOND)?;
    let list = iproute(r1, "-6 -o addr show dev eth0")?;
    ensure(!list.contains("tentative"), format_args!("a tentative address: {list}"))?;
    daemon.stop(BOUND)?;
    r2.wait_ip(ip(VIP6), true, SECOND)?;
    nothing_left(r1, &[VIP6, "fe80::100"])?;
    Ok(Outcome::Passed)
}
