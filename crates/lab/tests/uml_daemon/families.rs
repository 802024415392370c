//! IPv6, and what is harder on reloads: other keys, protocols and trackers.

use lab::harness::Outcome;
use lab::{Change, Cut, Daemon, Kind, Process, Result, Signal, ensure};

use crate::stage::{
    BOUND, SECOND, Stage, VIP, instance, ip, iproute, log_length, nothing_left, script, start_master, told,
    vips,
};

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

fn reload(stage: &Stage, daemon: &Process, conf: &str) -> Result<usize> {
    stage.next_advert(51)?;
    stage.lab.pass(SECOND / 3);
    stage.r1().write("vipd.conf", conf)?;
    let after = log_length(daemon)?;
    daemon.signal(Signal::SIGHUP)?;
    told(daemon, "Reload complete", after, SECOND / 2)?;
    Ok(after)
}

/// What must not cost a master its place does not; what makes another router of it does.
pub(crate) fn keys() -> Result<Outcome> {
    let stage = Stage::new("keys", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/good.sh", "exit 0")?;
    script(r1, "/run/bad.sh", "exit 1")?;
    let base = instance("VI_1", 51, 150, &vips(&[&format!("{VIP}/24")]));
    let daemon = start_master(&stage, &base)?;
    let track = |path: &str, weight: &str| {
        format!("vrrp_script chk {{\n script {path}\n interval 1\n{weight}\n}}\n")
            + &base.replace(" virtual_ipaddress", " track_script {\n  chk\n }\n virtual_ipaddress")
    };
    let kept = [
        ("another name", base.replace("VI_1", "VI_A")),
        ("another interval", base.replace("advert_int 1", "advert_int 2")),
        (
            "a password",
            base.replace(
                "advert_int 1",
                "advert_int 1\n authentication {\n auth_type PASS\n auth_pass abc\n }",
            ),
        ),
        ("another version", base.replace("advert_int 1", "advert_int 1\n version 3")),
        ("a script with weight", track("/run/good.sh", " weight 5")),
        ("a script without weight", track("/run/good.sh", "")),
        ("a group", format!("vrrp_sync_group G {{\n group {{\n  VI_1\n }}\n}}\n{base}")),
        ("back again", base.clone()),
    ];
    for (what, conf) in &kept {
        let monitor = r1.monitor()?;
        let at = stage.lab.now();
        let after = reload(&stage, &daemon, conf)?;
        stage.lab.pass(3 * SECOND);
        let log = daemon.log()?;
        let log = log.get(after..).unwrap_or_default();
        ensure(!log.contains("STATE"), format_args!("{what}: it changed its state:\n{log}"))?;
        let changes: Vec<_> =
            monitor.stop()?.into_iter().filter(|n| matches!(n.change, Change::Address { .. })).collect();
        ensure(changes.is_empty(), format_args!("{what}: {changes:?}"))?;
        // A gap never longer than the longest interval.
        let adverts = stage.adverts(51, at);
        let worst = adverts.windows(2).map(|p| p[1].at.saturating_sub(p[0].at)).max();
        ensure(worst.is_some_and(|w| w <= 2 * SECOND + SECOND / 100), format_args!("{what}: {adverts:?}"))?;
        ensure(adverts.iter().all(|a| a.priority > 0), format_args!("{what}: a farewell: {adverts:?}"))?;
    }
    // A script without weight that fails from its first run.
    let after = reload(&stage, &daemon, &track("/run/bad.sh", ""))?;
    told(&daemon, "(VI_1) Entering FAULT STATE", after, SECOND)?;
    r1.wait_ip(ip(VIP), false, SECOND / 10)?;
    r1.write("vipd.conf", &base)?;
    daemon.signal(Signal::SIGHUP)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    // Another router id is another router: the old one says farewell.
    let at = stage.lab.now();
    reload(&stage, &daemon, &base.replace("virtual_router_id 51", "virtual_router_id 55"))?;
    let last = stage.adverts(51, at).last().map(|a| a.priority);
    ensure(last == Some(0), format_args!("the farewell of the old one: {last:?}"))?;
    lab::wait("adverts of the new one", BOUND, || Ok(!stage.adverts(55, at).is_empty()))?;
    r1.wait_ip(ip(VIP), true, SECOND / 10)?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}

/// The scripts process dies while scripts hang: nobody changes state, and nothing is left at the end.
pub(crate) fn orphans() -> Result<Outcome> {
    let stage = Stage::new("orphans", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/hang.sh", "[ -e /run/hang ] && { trap '' TERM; sleep 1234 & sleep 1234; }\nexit 0")?;
    let lines = format!(" track_script {{\n  chk\n }}\n{}", vips(&[&format!("{VIP}/24")]));
    let conf = format!(
        "vrrp_script chk {{\n script /run/hang.sh\n interval 1\n timeout 30\n}}\n{}",
        instance("VI_1", 51, 150, &lines)
    );
    let daemon = start_master(&stage, &conf)?;
    crate::stage::write(r1, "/run/hang", "")?;
    let hanging = || -> Result<usize> {
        Ok(r1.processes()?.iter().filter(|p| p.words.contains(&"1234".to_owned())).count())
    };
    lab::wait("the script hangs", 3 * SECOND, || Ok(hanging()? == 2))?;
    r1.run("rm", &["/run/hang"])?;
    let (from, after) = (stage.next_advert(51)?, log_length(&daemon)?);
    let scripts = crate::stage::family(r1, &daemon)?.scripts;
    scripts.map_or(Ok(()), |p| p.signal(Signal::SIGKILL))?;
    told(&daemon, "died: Respawning", after, SECOND)?;
    stage.lab.pass(4 * SECOND);
    stage.regular(51, from, SECOND)?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}
