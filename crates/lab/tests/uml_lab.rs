//! The lab itself: what it promises about nodes, links, power and captures.

use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Cut, Daemon, Kind, Lab, Node, Result, ensure};

const VIP: [u8; 4] = [192, 0, 2, 100];

fn main() -> ExitCode {
    lab::harness::main(&[Scenario::new("keepalived-fails-over-when-the-power-goes", Needs::AnyClock, power)])
}

fn conf(priority: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
         advert_int 1\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n}}\n"
    )
}

fn pair(lab: &Lab) -> Result<(Node, Node, lab::Lan)> {
    let lan = lab.lan("lan0")?;
    let routers = [1, 2].map(|i| {
        let node = lab.node(&format!("r{i}"))?;
        node.attach(&lan, "eth0", &[&format!("192.0.2.1{i}/24"), &format!("2001:db8::1{i}/64")], None)?;
        Ok(node)
    });
    let [r1, r2] = routers;
    Ok((r1?, r2?, lan))
}

fn power() -> Result<Outcome> {
    let lab = Lab::new("power")?;
    let (r1, r2, lan) = pair(&lab)?;
    let capture = lab.capture(&lan)?;
    let _k1 = r1.start(Daemon::Keepalived, "keepalived", &conf(150))?;
    let _k2 = r2.start(Daemon::Keepalived, "keepalived", &conf(100))?;
    let bound = Duration::from_secs(10);
    r1.wait_ip(VIP.into(), true, bound)?;
    r1.power_off()?;
    ensure(!r1.has_ip(VIP.into())?, "a node without power has no address")?;
    r2.wait_ip(VIP.into(), true, bound)?;
    r1.power_on()?;
    ensure(!r1.has_ip(VIP.into())?, "a rebooted node has no address of its former life")?;
    r2.link("eth0", false, Cut::Switch)?;
    r2.wait_ip(VIP.into(), false, bound)?;
    let events = capture.events();
    ensure(events.iter().any(|e| matches!(e.kind, Kind::Garp(_))), "the capture sees gratuitous ARP")?;
    Ok(Outcome::Passed)
}
