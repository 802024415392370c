//! The kernel's objects: what others do to them, and how they look.

use std::time::Duration;

use lab::harness::Outcome;
use lab::{Change, Cut, Kind, LabError, Result, Signal, ensure};

use crate::stage::{
    BOUND, SECOND, Stage, VIP, instance, ip, iproute, log_length, read, simple, start_master, told, vips,
    vrrp_of,
};

/// What somebody else takes away is put back within this time.
const PUT_BACK: Duration = Duration::from_millis(10);

fn route() -> &'static str {
    " virtual_routes {\n  198.51.100.0/24 via 192.0.2.1 dev eth0\n }\n"
}

/// An address as `ip` shows it on a device, without its lifetimes.
fn shown(stage: &Stage, address: &str) -> Result<String> {
    let all = iproute(stage.r1(), "-o addr show")?;
    let line = all.lines().find(|l| l.contains(address)).unwrap_or_default();
    Ok(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn routes(stage: &Stage) -> Result<String> {
    iproute(stage.r1(), "route show proto 18")
}

pub(crate) fn put_back() -> Result<Outcome> {
    let stage = Stage::new("put-back", 1)?;
    let r1 = stage.r1();
    let excluded = " virtual_ipaddress_excluded {\n  192.0.2.120/24\n  2001:db8::120/64\n }\n";
    let lines = format!("{}{excluded}{}", vips(&["192.0.2.100/24", "192.0.2.101/24"]), route());
    let daemon = start_master(&stage, &instance("VI_1", 51, 150, &lines))?;
    iproute(r1, "addr add 192.0.2.200/24 dev eth0")?;
    iproute(r1, "route add 203.0.113.0/24 via 192.0.2.1")?;
    stage.lab.pass(6 * SECOND);
    let from = stage.next_advert(51)?;

    // One by one.
    for address in ["192.0.2.100", "192.0.2.101", "192.0.2.120", "2001:db8::120"] {
        let prefix = if address.contains(':') { 64 } else { 24 };
        let at = stage.lab.now();
        iproute(r1, &format!("addr del {address}/{prefix} dev eth0"))?;
        r1.wait_ip(ip(address), true, PUT_BACK)?;
        lab::wait("it is announced again", PUT_BACK, || {
            let announced = |e: &lab::Event| match e.kind {
                Kind::Garp(a) => ip(address) == a,
                Kind::Na(a) => ip(address) == a,
                Kind::Advert { .. } => false,
            };
            Ok(stage.capture.events().iter().any(|e| e.at >= at && announced(e)))
        })?;
    }
    iproute(r1, "route del 198.51.100.0/24")?;
    lab::wait("the route is back", PUT_BACK, || Ok(routes(&stage)?.contains("198.51.100.0/24")))?;
    told(&daemon, "(VI_1) ip address 192.0.2.101/24 dev eth0, no longer exist", 0, SECOND)?;
    stage.regular(51, from, SECOND)?;

    // Counted: four addresses and a route.
    daemon.signal(Signal::SIGUSR1)?;
    let counted = "Objects put back = 5";
    lab::wait(counted, SECOND, || Ok(read(r1, "/tmp/keepalived.data")?.contains(counted)))?;

    // Everything at once. The primary addresses go, too, so it stops to be master.
    iproute(r1, "addr flush dev eth0 scope global")?;
    told(&daemon, "(VI_1) Entering FAULT STATE", 0, SECOND)?;
    iproute(r1, "addr add 192.0.2.11/24 dev eth0")?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    ensure(!r1.has_ip(ip("192.0.2.200"))?, "what is not ours is not put back")?;
    iproute(r1, "addr add 192.0.2.200/24 dev eth0")?;
    iproute(r1, "route add 203.0.113.0/24 via 192.0.2.1")?;
    for address in ["192.0.2.101", "192.0.2.120", "2001:db8::120"] {
        ensure(r1.has_ip(ip(address))?, format_args!("{address} is there"))?;
    }
    ensure(routes(&stage)?.contains("198.51.100.0/24"), "the route is there")?;

    // The end touches nothing that is not ours.
    daemon.stop(BOUND)?;
    ensure(r1.has_ip(ip("192.0.2.200"))?, "the address of somebody else stays")?;
    let other = iproute(r1, "route show 203.0.113.0/24")?;
    ensure(!other.is_empty(), "the route of somebody else stays")?;
    ensure(routes(&stage)?.is_empty(), "ours goes")?;
    Ok(Outcome::Passed)
}

pub(crate) fn links() -> Result<Outcome> {
    let stage = Stage::new("links", 2)?;
    let (r1, r2) = (stage.r1(), stage.r2());
    let lines = format!("{}{}", vips(&[&format!("{VIP}/24")]), route());
    let conf = format!("global_defs {{\n dynamic_interfaces\n}}\n{}", instance("VI_1", 51, 150, &lines));
    let daemon = start_master(&stage, &conf)?;
    let _other = r2.vipd(&simple(100))?;
    let back = |what: &str| -> Result<()> {
        r1.wait_ip(ip(VIP), true, BOUND)?;
        r2.wait_ip(ip(VIP), false, SECOND)?;
        lab::wait("the route is there", SECOND, || Ok(routes(&stage)?.contains("198.51.100.0/24")))?;
        stage.lab.pass(2 * SECOND);
        let after = stage.lab.now();
        stage.lab.pass(3 * SECOND);
        stage.regular(51, after, SECOND).map(drop).map_err(|e| LabError::Expectation(format!("{what}: {e}")))
    };
    for cut in [Cut::Switch, Cut::Node] {
        let (after, at) = (log_length(&daemon)?, stage.lab.now());
        r1.link("eth0", false, cut)?;
        told(&daemon, "Netlink reports eth0 down", after, SECOND / 10)?;
        told(&daemon, "(VI_1) Entering FAULT STATE", after, SECOND / 10)?;
        r1.wait_ip(ip(VIP), false, SECOND / 10)?;
        let sent = stage.adverts(51, at).iter().filter(|a| a.source == ip("192.0.2.11")).count();
        ensure(sent <= 1, "nothing but a farewell could be sent")?;
        r2.wait_ip(ip(VIP), true, BOUND)?;
        let after = log_length(&daemon)?;
        r1.link("eth0", true, cut)?;
        told(&daemon, "Netlink reports eth0 up", after, SECOND)?;
        back("a link that came back")?;
    }

    // The address to send from.
    let after = log_length(&daemon)?;
    iproute(r1, "addr del 192.0.2.11/24 dev eth0")?;
    told(&daemon, "(VI_1) Entering FAULT STATE", after, SECOND / 10)?;
    r1.wait_ip(ip(VIP), false, SECOND / 10)?;
    r2.wait_ip(ip(VIP), true, BOUND)?;
    iproute(r1, "addr add 192.0.2.11/24 dev eth0")?;
    back("an address that came back")?;

    // The device itself.
    let (after, old) = (log_length(&daemon)?, vrrp_of(r1, &daemon)?);
    iproute(r1, "link del eth0")?;
    told(&daemon, "Interface eth0 deleted", after, SECOND)?;
    told(&daemon, "(VI_1) Entering FAULT STATE", after, SECOND)?;
    r2.wait_ip(ip(VIP), true, BOUND)?;
    r1.attach(&stage.lan, "eth0", &["192.0.2.11/24"], None)?;
    told(&daemon, "Interface eth0 added", after, SECOND)?;
    back("a device that was made again")?;
    ensure(vrrp_of(r1, &daemon)? == old, "it is still the same process")?;
    daemon.stop(BOUND)?;
    Ok(Outcome::Passed)
}

/// Interfaces that come later, get another hardware address, another name, or are only looked at.
pub(crate) fn changes() -> Result<Outcome> {
    let stage = Stage::new("changes", 1)?;
    let r1 = stage.r1();
    let late = stage.lab.lan("lan1")?;
    let conf = format!(
        "global_defs {{\n dynamic_interfaces\n}}\n{}{}",
        simple(150),
        instance("VI_2", 52, 150, &vips(&["203.0.113.100/24"])).replace("eth0", "eth7")
    );
    let daemon = start_master(&stage, &conf)?;
    told(&daemon, "(VI_2) Entering FAULT STATE (init)", 0, SECOND)?;
    let after = log_length(&daemon)?;
    r1.attach(&late, "eth7", &["203.0.113.11/24"], None)?;
    told(&daemon, "Interface eth7 added", after, SECOND)?;
    told(&daemon, "(VI_2) Entering BACKUP STATE", after, SECOND)?;
    r1.wait_ip(ip("203.0.113.100"), true, BOUND)?;

    // Hosts shall know the new hardware address at once.
    let from = stage.next_advert(51)?;
    iproute(r1, "link set eth0 address 02:00:00:00:99:99")?;
    let mac = base::Mac([2, 0, 0, 0, 0x99, 0x99]);
    lab::wait("an announcement of the new address", SECOND / 10, || {
        let vip = |e: &lab::Event| matches!(e.kind, Kind::Garp(a) if ip(VIP) == a);
        Ok(stage.capture.events().iter().any(|e| e.at >= from && e.sender == mac && vip(e)))
    })?;
    iproute(r1, "link set eth0 mtu 1400")?;
    stage.lab.pass(3 * SECOND);
    stage.regular(51, from, SECOND)?;

    // Another name is another interface, and the old one is gone; then it is back.
    let after = log_length(&daemon)?;
    iproute(r1, "link set eth7 down")?;
    iproute(r1, "link set eth7 name eth8")?;
    told(&daemon, "Interface eth7 deleted", after, SECOND)?;
    ensure(!r1.has_ip(ip("203.0.113.100"))?, "the address stays on no other interface")?;
    iproute(r1, "link set eth8 name eth7")?;
    iproute(r1, "link set eth7 up")?;
    r1.wait_ip(ip("203.0.113.100"), true, BOUND)?;
    daemon.stop(BOUND)?;
    ensure(!r1.has_ip(ip(VIP))? && !r1.has_ip(ip("203.0.113.100"))?, "all is gone at the end")?;
    Ok(Outcome::Passed)
}

/// The owner of an address has it before the daemon and keeps it after.
pub(crate) fn owner() -> Result<Outcome> {
    let stage = Stage::new("owner", 1)?;
    let r1 = stage.r1();
    let conf = instance("VI_1", 51, 255, &vips(&["192.0.2.11/24", "192.0.2.100/24"]))
        .replace("state BACKUP", "state MASTER");
    let monitor = r1.monitor()?;
    let daemon = r1.vipd(&conf)?;
    r1.wait_ip(ip(VIP), true, SECOND)?;
    let from = stage.next_advert(51)?;
    stage.lab.pass(3 * SECOND);
    stage.regular(51, from, SECOND)?;
    let sources = stage.adverts(51, from);
    ensure(sources.iter().all(|a| a.source == ip("192.0.2.11")), format_args!("{sources:?}"))?;
    // A crash and a new life.
    vrrp_of(r1, &daemon)?.signal(Signal::SIGKILL)?;
    let killed = stage.lab.now();
    stage.lab.pass(3 * SECOND);
    let again = stage.adverts(51, killed).len();
    ensure(again >= 3, format_args!("it is master again at once, but {again} adverts came"))?;
    daemon.stop(BOUND)?;
    let gone = |n: &lab::Notice| match &n.change {
        Change::Address { exists: false, net, .. } => net.addr() == ip("192.0.2.11"),
        _ => false,
    };
    ensure(!monitor.stop()?.iter().any(gone), "its own address never went")?;
    ensure(r1.has_ip(ip("192.0.2.11"))? && !r1.has_ip(ip(VIP))?, "it keeps its own and no other")?;
    Ok(Outcome::Passed)
}

pub(crate) fn overrun() -> Result<Outcome> {
    let stage = Stage::new("overrun", 1)?;
    let r1 = stage.r1();
    let conf = format!(
        "global_defs {{\n vrrp_netlink_monitor_rcv_bufs 4096\n}}\n{}",
        instance("VI_1", 51, 150, &format!("{}{}", vips(&[&format!("{VIP}/24"), "192.0.2.101/24"]), route()))
    );
    let daemon = start_master(&stage, &conf)?;
    stage.lab.pass(6 * SECOND);
    let vrrp = vrrp_of(r1, &daemon)?;
    let from = stage.next_advert(51)?;
    // While it does not run, hundreds of changes happen, and among them some that matter.
    let flap: String = (0..400)
        .flat_map(|n| ["add", "del"].map(|v| format!("addr {v} 10.{}.{}.1/32 dev eth0\n", n / 200, n % 200)))
        .collect();
    let harm = "addr del 192.0.2.101/24 dev eth0\nroute del 198.51.100.0/24\n";
    vrrp.signal(Signal::SIGSTOP)?;
    crate::stage::write(r1, "/run/flap", &format!("{flap}{harm}{flap}"))?;
    iproute(r1, "-b /run/flap")?;
    vrrp.signal(Signal::SIGCONT)?;
    told(&daemon, "Netlink: notifications were lost - reading everything again", 0, SECOND)?;
    lab::wait("all is right again", SECOND / 10, || {
        Ok(r1.has_ip(ip("192.0.2.101"))? && routes(&stage)?.contains("198.51.100.0/24"))
    })?;
    stage.lab.pass(3 * SECOND);
    stage.regular(51, from, SECOND)?;
    daemon.stop(BOUND)?;
    ensure(!r1.has_ip(ip(VIP))? && !r1.has_ip(ip("192.0.2.101"))?, "and all is gone at the end")?;
    Ok(Outcome::Passed)
}

pub(crate) fn details() -> Result<Outcome> {
    let stage = Stage::new("details", 1)?;
    let r1 = stage.r1();
    let second = stage.lab.lan("lan1")?;
    r1.attach(&second, "eth1", &["203.0.113.11/24"], None)?;
    let addresses = [
        "192.0.2.100/24 brd 192.0.2.255 label eth0:vip",
        "198.18.1.101/24 brd + scope link",
        "192.0.2.102 peer 192.0.2.202/32",
        "192.0.2.103",
        "203.0.113.100/24 dev eth1",
        "198.18.2.104/24 brd - scope host",
    ];
    let conf = format!(
        "global_defs {{\n vip_lease off\n}}\nstatic_ipaddress {{\n 192.0.2.150/24 dev eth0 label eth0:st\n}}\n\
         static_routes {{\n 198.18.0.0/15 via 192.0.2.1 dev eth0\n}}\n{}{}",
        instance(
            "VI_1",
            51,
            150,
            &format!(
                "{}{}",
                vips(&addresses),
                " virtual_routes {\n  198.51.100.0/24 via 192.0.2.1 dev eth0 src 192.0.2.100 metric 77\n }\n"
            )
        ),
        instance(
            "VI_6",
            56,
            150,
            &vips(&[
                "fe80::100/64",
                "2001:db8::100/64",
                "2001:db8::101/128",
                "2001:db8::102/64 preferred_lft 0"
            ])
        ),
    );
    let monitor = r1.monitor()?;
    let daemon = r1.vipd(&conf)?;
    lab::wait("the static address", SECOND, || r1.has_ip(ip("192.0.2.150")))?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    r1.wait_ip(ip("2001:db8::100"), true, BOUND)?;
    r1.wait_ip(ip("203.0.113.100"), true, SECOND)?;
    let expected = [
        ("192.0.2.100/24", "brd 192.0.2.255 scope global secondary eth0:vip"),
        ("198.18.1.101/24", "brd 198.18.1.255 scope link"),
        ("192.0.2.102", "peer 192.0.2.202/32 scope global"),
        ("192.0.2.103/32", "scope global eth0"),
        ("203.0.113.100/24", "eth1 inet"),
        ("198.18.2.104/24", "brd 198.18.2.0 scope host"),
        ("192.0.2.150/24", "scope global secondary eth0:st"),
        ("2001:db8::100/64", "nodad"),
        ("2001:db8::101/128", "deprecated"),
        ("2001:db8::102/64", "deprecated"),
        ("fe80::100/64", "nodad"),
    ];
    for (address, want) in expected {
        let line = shown(&stage, address)?;
        ensure(line.contains(want), format_args!("{address}: {line}, not {want}"))?;
        ensure(!line.contains("tentative"), format_args!("{address} is tentative: {line}"))?;
    }
    let routes = routes(&stage)?;
    for want in ["198.18.0.0/15 via 192.0.2.1", "src 192.0.2.100 metric 77"] {
        ensure(routes.contains(want), format_args!("{want}: {routes}"))?;
    }
    // Advert, address, route, gratuitous ARP.
    let notices = monitor.notices();
    let at = |wanted: &dyn Fn(&Change) -> bool| notices.iter().position(|n| wanted(&n.change));
    let address = at(&|c| matches!(c, Change::Address { net, exists: true, .. } if net.addr() == ip(VIP)));
    let route = at(
        &|c| matches!(c, Change::Route { destination, exists: true, .. } if destination == "198.51.100.0/24"),
    );
    ensure(address.is_some() && address < route, format_args!("route before address: {notices:?}"))?;
    let after = notices.len();

    // The static ones are put back, too.
    iproute(r1, "addr del 192.0.2.150/24 dev eth0")?;
    r1.wait_ip(ip("192.0.2.150"), true, PUT_BACK)?;
    daemon.stop(BOUND)?;
    let notices = monitor.stop()?.split_off(after);
    let at = |wanted: &dyn Fn(&Change) -> bool| notices.iter().position(|n| wanted(&n.change));
    let address = at(&|c| matches!(c, Change::Address { net, exists: false, .. } if net.addr() == ip(VIP)));
    let route = at(
        &|c| matches!(c, Change::Route { destination, exists: false, .. } if destination == "198.51.100.0/24"),
    );
    ensure(route.is_some() && route < address, format_args!("address before route: {notices:?}"))?;
    let left: Vec<&str> =
        expected.iter().map(|(a, _)| *a).filter(|a| shown(&stage, a).is_ok_and(|l| !l.is_empty())).collect();
    ensure(left.is_empty(), format_args!("left at the end: {left:?}"))?;
    Ok(Outcome::Passed)
}

/// Adverts come from the node's own address although a left-over stands before it.
pub(crate) fn source() -> Result<Outcome> {
    let stage = Stage::new("source", 1)?;
    let r1 = stage.r1();
    iproute(r1, "addr flush dev eth0 scope global")?;
    // It is the primary address, the node's own one a secondary, which goes with it by default.
    iproute(r1, &format!("addr add {VIP}/24 dev eth0"))?;
    iproute(r1, "addr add 192.0.2.11/24 dev eth0")?;
    let from = stage.lab.now();
    let daemon = r1.vipd(&simple(255).replace("advert_int 1", "advert_int 1\n promote_secondaries"))?;
    lab::wait("adverts", BOUND, || Ok(stage.adverts(51, from).len() >= 3))?;
    for advert in stage.adverts(51, from) {
        ensure(advert.source == ip("192.0.2.11"), format_args!("{advert:?}"))?;
    }
    ensure(r1.has_ip(ip("192.0.2.11"))?, "its own address is still there")?;
    ensure(r1.has_ip(ip(VIP))?, "the owner has its address")?;
    daemon.stop(BOUND)?;
    ensure(!r1.has_ip(ip(VIP))? && r1.has_ip(ip("192.0.2.11"))?, "the virtual one goes, its own stays")?;
    Ok(Outcome::Passed)
}
