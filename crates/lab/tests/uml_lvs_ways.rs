//! The ways to a server: through NAT, over the link, in a tunnel; and what becomes of connections when the
//! active director dies.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use lab::balanced::{Balanced, Forwarding, GATEWAY, Tunnel, VIP};
use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, LabError, Node, Process, Result, Talk, ensure};

const BOUND: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let way = |name, forwarding, method| {
        Scenario::new(name, Needs::VirtualTime, move || serves(name, forwarding, method))
    };
    let tunnel = Forwarding::Tunnel;
    lab::harness::main(&[
        way("clients-are-served-through-nat", Forwarding::Nat, "NAT"),
        way("clients-are-served-by-direct-routing", Forwarding::Direct, "DR"),
        way("clients-are-served-through-tunnels", tunnel(Tunnel::Ipip), "TUN"),
        way("clients-are-served-through-gre", tunnel(Tunnel::Gre { checksum: false }), "TUN type gre"),
        way(
            "clients-are-served-through-gre-with-checksums",
            tunnel(Tunnel::Gre { checksum: true }),
            "TUN type gre csum",
        ),
        way("clients-are-served-through-gue", tunnel(Tunnel::Gue), "TUN type gue port 6080"),
        way(
            "clients-are-served-through-gue-with-checksums",
            tunnel(Tunnel::Gue),
            "TUN type gue port 6080 csum",
        ),
        way(
            "clients-are-served-through-gue-with-remote-checksums",
            tunnel(Tunnel::Gue),
            "TUN type gue port 6080 remcsum",
        ),
        Scenario::new("connections-outlive-their-director", Needs::VirtualTime, outlive),
        Scenario::new(
            "pings-are-allowed-while-they-check-and-forbidden-afterwards",
            Needs::VirtualTime,
            pings,
        ),
        Scenario::new("checks-rest-while-the-address-is-elsewhere", Needs::VirtualTime, rest),
    ])
}

fn instance(name: &str, link: &str, vrid: u8, priority: u8, address: Ipv4Addr) -> String {
    format!(
        "vrrp_instance {name} {{\n state BACKUP\n interface {link}\n virtual_router_id {vrid}\n priority \
         {priority}\n advert_int 0.5\n virtual_ipaddress {{\n  {address}/24\n }}\n}}\n"
    )
}

fn service(method: &str, check: &str) -> String {
    let server = |n: u8| format!(" real_server 10.0.0.2{n} 80 {{\n  weight 1\n  {check}\n }}\n");
    format!(
        "virtual_server {VIP} 80 {{\n delay_loop 1\n lvs_sched rr\n lvs_method {method}\n protocol TCP\n{}{}}}\n",
        server(1),
        server(2)
    )
}

const TCP: &str = "TCP_CHECK {\n   connect_timeout 1\n   retry 1\n   delay_before_retry 1\n  }";

fn conf(priority: u8, more: &str, service: &str) -> String {
    [
        format!("global_defs {{\n vrrp_version 3\n{more}}}\n"),
        "vrrp_sync_group G {\n group {\n  FRONT\n  BACK\n }\n}\n".to_owned(),
        instance("FRONT", "eth0", 51, priority, VIP),
        instance("BACK", "eth1", 52, priority, GATEWAY),
        service.to_owned(),
    ]
    .concat()
}

/// Waits until `count` servers are in a director's table.
fn wait_servers(node: &Node, count: usize) -> Result<()> {
    let servers = || Ok(node.ip_vs()?.lines().filter(|line| line.trim_start().starts_with("-> ")).count());
    lab::wait(&format!("{count} servers in the table of {}", node.name()), BOUND, || {
        // One line of the heading begins like that, too.
        Ok(servers()? == count + 1)
    })
    .map(drop)
}

fn served(all: &Balanced, count: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(all.client.fetch(all.service(), SECOND)?.unwrap_or_else(|| "-".to_owned()));
    }
    names.sort();
    Ok(names)
}

fn explain(daemons: &[&Process], error: LabError) -> LabError {
    let tail = |process: &&Process| {
        let log = process.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    };
    LabError::Expectation(format!("{error}\n{}", daemons.iter().map(tail).collect::<Vec<_>>().join("\n--\n")))
}

fn serves(tag: &str, forwarding: Forwarding, method: &str) -> Result<Outcome> {
    let all = Balanced::new(tag, forwarding)?;
    let _webs = [all.serve(0)?, all.serve(1)?];
    let daemon = all.directors[0].start(Daemon::Vipd, "vipd", &conf(150, "", &service(method, TCP)))?;
    all.directors[0].wait_ip(IpAddr::V4(VIP), true, BOUND)?;
    wait_servers(&all.directors[0], 2).map_err(|e| explain(&[&daemon], e))?;
    let got = served(&all, 6)?;
    let wanted = ["w1", "w1", "w1", "w2", "w2", "w2"];
    ensure(got == wanted, format_args!("{got:?}\n{}\n{}", all.directors[0].ip_vs()?, daemon.log()?))?;
    Ok(Outcome::Passed)
}

/// The standby has been told of the connection, and goes on with it.
fn outlive() -> Result<Outcome> {
    let all = Balanced::new("outlive", Forwarding::Nat)?;
    let _webs = [all.serve(0)?, all.serve(1)?];
    let text = |priority| conf(priority, " lvs_sync_daemon eth1 FRONT\n", &service("NAT", TCP));
    let first = all.directors[0].start(Daemon::Vipd, "vipd", &text(150))?;
    all.directors[0].wait_ip(IpAddr::V4(VIP), true, BOUND)?;
    let second = all.directors[1].start(Daemon::Vipd, "vipd", &text(100))?;
    for director in &all.directors {
        wait_servers(director, 2).map_err(|e| explain(&[&first, &second], e))?;
    }
    let mut talk = all.client.connect(all.service(), 5 * SECOND)?;
    let say = |talk: &mut Talk, word: &str| {
        talk.say(word).map_err(|e| LabError::Expectation(format!("the connection breaks: {e}")))
    };
    let mut before = String::new();
    for word in ["one", "two", "three", "four"] {
        before = say(&mut talk, word)?;
    }
    // The kernel collects for some seconds what it tells.
    let heard = || all.directors[1].balances(talk.port());
    lab::wait("the standby hears of the connection", BOUND, heard)
        .map_err(|e| explain(&[&first, &second], e))?;
    all.directors[0].power_off()?;
    all.directors[1].wait_ip(IpAddr::V4(VIP), true, BOUND)?;
    all.directors[1].wait_ip(IpAddr::V4(GATEWAY), true, BOUND)?;
    let after = say(&mut talk, "still there").map_err(|e| explain(&[&second], e))?;
    let server = |line: &str| line.split(':').next().map(str::to_owned);
    ensure(server(&before) == server(&after), format_args!("{before:?}, then {after:?}"))?;
    let daemon =
        String::from_utf8_lossy(&all.directors[1].run("ipvsadm", &["-L", "--daemon"])?.stdout).into_owned();
    ensure(daemon.contains("master sync daemon"), format_args!("the new master tells nobody: {daemon:?}"))?;
    Ok(Outcome::Passed)
}

fn ping_groups(node: &Node) -> Result<String> {
    let text = node.inside_run(|| linux_setting("net/ipv4/ping_group_range"))?;
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A thread of a node sees the settings of its network.
fn linux_setting(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default()
}

fn pings() -> Result<Outcome> {
    let all = Balanced::new("pings", Forwarding::Nat)?;
    let director = &all.directors[0];
    let before = ping_groups(director)?;
    let check = "PING_CHECK {\n   connect_timeout 1\n   retry 1\n   delay_before_retry 1\n  }";
    let daemon = director.start(Daemon::Vipd, "vipd", &conf(150, "", &service("NAT", check)))?;
    let up = "ICMP connection to [10.0.0.21]:tcp:80 success.";
    lab::wait(up, BOUND, || Ok(daemon.log()?.contains(up))).map_err(|e| explain(&[&daemon], e))?;
    ensure(ping_groups(director)? == "0 0", format_args!("{} while it pings", ping_groups(director)?))?;
    all.servers[0].link("eth0", false, lab::Cut::Node)?;
    wait_servers(director, 1).map_err(|e| explain(&[&daemon], e))?;
    daemon.stop(BOUND)?;
    ensure(ping_groups(director)? == before, format_args!("{} afterwards", ping_groups(director)?))?;
    Ok(Outcome::Passed)
}

/// `ha_suspend`.
fn rest() -> Result<Outcome> {
    let all = Balanced::new("rest", Forwarding::Nat)?;
    let webs = [all.serve(0)?, all.serve(1)?];
    let check = "HTTP_GET {\n   url {\n    path /\n    status_code 200\n   }\n   connect_timeout 1\n  }";
    let text = |priority| {
        conf(priority, "", &service("NAT", check)).replacen(
            "delay_loop 1\n",
            "delay_loop 1\n ha_suspend\n",
            1,
        )
    };
    let first = all.directors[0].start(Daemon::Vipd, "vipd", &text(150))?;
    all.directors[0].wait_ip(IpAddr::V4(VIP), true, BOUND)?;
    let asked = || webs[0].requests() + webs[1].requests();
    lab::wait("the active director checks", BOUND, || Ok(asked() >= 4)).map_err(|e| explain(&[&first], e))?;
    first.stop(BOUND)?;
    // Alone and without the address: its instances are told to wait for a priority that nobody has.
    let standby = text(100).replace("advert_int 0.5", "advert_int 0.5\n track_file {\n  never weight 0\n }");
    let standby = format!("track_file never {{\n file /tmp/never\n init_file 1\n}}\n{standby}");
    let second = all.directors[1].start(Daemon::Vipd, "vipd", &standby)?;
    lab::wait("the standby is up", BOUND, || Ok(second.log()?.contains("Startup complete")))
        .map_err(|e| explain(&[&second], e))?;
    let before = asked();
    all.lab.pass(6 * SECOND);
    let log = second.log()?;
    ensure(asked() == before, format_args!("{} requests without the address\n{log}", asked() - before))?;
    ensure(!all.directors[1].has_ip(IpAddr::V4(VIP))?, "the standby has no address")?;
    Ok(Outcome::Passed)
}
