//! What is balanced besides TCP over IPv4: UDP packet by packet, SCTP, IPv6, and what bears a mark.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use lab::balanced::{Balanced, Forwarding, GATEWAY, VIP};
use lab::harness::{Needs, Outcome, Scenario};
use lab::{LabError, Node, Process, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};

const BOUND: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const SERVERS: [&str; 2] = ["w1", "w2"];
/// `IPPROTO_SCTP`.
const SCTP: i32 = 132;

fn main() -> ExitCode {
    let of = |name, run: fn() -> Result<Outcome>| Scenario::new(name, Needs::VirtualTime, run);
    lab::harness::main(&[
        of("packets-of-udp-are-scheduled-one-by-one-on-request", udp),
        of("associations-of-sctp-are-shared", sctp),
        of("ipv6-is-served-through-nat", ipv6),
        of("what-bears-a-mark-is-one-service", mark),
    ])
}

/// A director that has the service's address and is the gateway of the servers.
fn conf(services: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n virtual_router_id 51\n priority 150\n advert_int 0.2\n \
         virtual_ipaddress {{\n  {VIP}/24\n  {GATEWAY}/24 dev eth1\n }}\n}}\n{services}"
    )
}

fn service(head: &str, lines: &str, servers: [&str; 2]) -> String {
    let server = |address: &&str| format!(" real_server {address} {{\n  weight 1\n }}\n");
    let servers: String = servers.iter().map(server).collect();
    format!(
        "virtual_server {head} {{\n delay_loop 1\n lvs_sched rr\n lvs_method NAT\n {lines}\n{servers}}}\n"
    )
}

/// Starts the director and waits until the services have their servers.
fn start(all: &Balanced, services: &str, servers: usize) -> Result<Process> {
    let director = &all.directors[0];
    let daemon = director.vipd(&conf(services))?;
    director.wait_ip(IpAddr::V4(GATEWAY), true, BOUND)?;
    let there =
        || Ok(director.ip_vs()?.lines().filter(|line| line.starts_with("  -> ")).count() == servers + 1);
    lab::wait("the table", BOUND, there)
        .map_err(|e| LabError::Expectation(format!("{e}\n{}", daemon.log().unwrap_or_default())))?;
    Ok(daemon)
}

/// An expectation about input or output.
fn io<T>(what: &str, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|e| LabError::Expectation(format!("{what}: {e}")))
}

/// Answers each packet with the server's name, until the lab ends.
fn answer_udp(node: &Node) -> Result<()> {
    let socket = io("a server of UDP", node.inside_run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 53)))?)?;
    let name = node.name().to_owned();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(name.as_bytes(), from);
        }
    });
    Ok(())
}

fn udp() -> Result<Outcome> {
    let all = Balanced::new("udp", Forwarding::Nat)?;
    all.servers.iter().try_for_each(answer_udp)?;
    let servers = ["10.0.0.21 53", "10.0.0.22 53"];
    let one_by_one = service(&format!("{VIP} 53"), "protocol UDP\n ops", servers);
    let by_flow = service(&format!("{VIP} 54"), "protocol UDP", servers);
    let _daemon = start(&all, &(one_by_one + &by_flow), 4)?;
    let client = io("a client", all.client.inside_run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 4000)))?)?;
    io("a bound", client.set_read_timeout(Some(SECOND)))?;
    let ask = |port: u16| {
        io("a question", client.send_to(b"who?", (VIP, port)))?;
        let mut buffer = [0; 64];
        let (length, _) = io("an answer", client.recv_from(&mut buffer))?;
        Ok::<_, LabError>(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    let mut got = [ask(53)?, ask(53)?, ask(53)?, ask(53)?];
    ensure(got[0] != got[1] && got[0] == got[2] && got[1] == got[3], format_args!("with ops: {got:?}"))?;
    got = [ask(54)?, ask(54)?, ask(54)?, ask(54)?];
    ensure(got.iter().all(|name| *name == got[0]), format_args!("without: {got:?}"))?;
    Ok(Outcome::Passed)
}

fn sctp_socket() -> std::io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::from(SCTP)))
}

fn serve_sctp(node: &Node) -> Result<()> {
    let listen = || {
        let socket = sctp_socket()?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 2905)).into())?;
        socket.listen(8)?;
        Ok::<_, std::io::Error>(socket)
    };
    let listener = io("a server of SCTP", node.inside_run(listen)?)?;
    let name = node.name().to_owned();
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let _ = socket.write_all(name.as_bytes());
        }
    });
    Ok(())
}

fn sctp() -> Result<Outcome> {
    let all = Balanced::new("sctp", Forwarding::Nat)?;
    all.servers.iter().try_for_each(serve_sctp)?;
    let servers = ["10.0.0.21 2905", "10.0.0.22 2905"];
    let _daemon = start(&all, &service(&format!("{VIP} 2905"), "protocol SCTP", servers), 2)?;
    let ask = || {
        let connect = || {
            let socket = sctp_socket()?;
            socket.set_read_timeout(Some(SECOND))?;
            socket.connect_timeout(&SocketAddr::from((VIP, 2905)).into(), SECOND)?;
            Ok::<_, std::io::Error>(socket)
        };
        let mut socket = io("an association", all.client.inside_run(connect)?)?;
        let mut buffer = [0; 64];
        let length = io("a name", socket.read(&mut buffer))?;
        Ok::<_, LabError>(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    let mut got = vec![ask()?, ask()?, ask()?, ask()?];
    got.sort();
    ensure(got == ["w1", "w1", "w2", "w2"], format_args!("{got:?}"))?;
    Ok(Outcome::Passed)
}

/// Addresses of IPv6, and ways back for the servers.
fn ipv6() -> Result<Outcome> {
    let all = Balanced::new("ipv6", Forwarding::Nat)?;
    let add = |node: &Node, address: &str, device: &str| {
        node.run("ip", &["-6", "address", "add", address, "dev", device, "nodad"]).map(drop)
    };
    add(&all.client, "2001:db8:1::100/64", "eth0")?;
    add(&all.directors[0], "2001:db8:1::10/64", "eth0")?;
    add(&all.directors[0], "2001:db8:2::1/64", "eth1")?;
    all.directors[0].run("sysctl", &["-qw", "net.ipv6.conf.all.forwarding=1"])?;
    let mut webs = Vec::new();
    for (server, address) in all.servers.iter().zip(["2001:db8:2::21", "2001:db8:2::22"]) {
        add(server, &format!("{address}/64"), "eth0")?;
        server.run("ip", &["-6", "route", "add", "default", "via", "2001:db8:2::1"])?;
        webs.push(server.serve(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 80), server.name())?);
    }
    let servers = ["2001:db8:2::21 80", "2001:db8:2::22 80"];
    let _daemon = start(&all, &service("2001:db8:1::10 80", "protocol TCP", servers), 2)?;
    shared(&all, "[2001:db8:1::10]:80", 4)
}

/// Who answers `count` requests: each server as often as the other.
fn shared(all: &Balanced, service: &str, count: usize) -> Result<Outcome> {
    let service: SocketAddr =
        service.parse().map_err(|e| LabError::Expectation(format!("{service}: {e}")))?;
    let mut got = Vec::new();
    for _ in 0..count {
        got.push(all.client.fetch(service, SECOND)?.unwrap_or_else(|| "-".to_owned()));
    }
    for name in SERVERS {
        let times = got.iter().filter(|server| *server == name).count();
        ensure(times * 2 == count, format_args!("{got:?}"))?;
    }
    Ok(Outcome::Passed)
}

/// Two ports are one service: a client stays with its server on both.
fn mark() -> Result<Outcome> {
    let all = Balanced::new("mark", Forwarding::Nat)?;
    let director = &all.directors[0];
    let rules = format!(
        "table ip own {{ chain in {{ type filter hook prerouting priority -150; ip daddr {VIP} tcp dport {{ 80, 8080 }} \
         meta mark set 7; }}; }}"
    );
    director.run("nft", &[rules])?;
    let mut webs = Vec::new();
    for server in &all.servers {
        for port in [80, 8080] {
            webs.push(server.serve(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port), server.name())?);
        }
    }
    let servers = ["10.0.0.21 0", "10.0.0.22 0"];
    let _daemon = start(&all, &service("fwmark 7", "protocol TCP\n persistence_timeout 60", servers), 2)?;
    let ask = |port| all.client.fetch(SocketAddr::new(IpAddr::V4(VIP), port), SECOND);
    let got = [ask(80)?, ask(8080)?, ask(80)?, ask(8080)?];
    ensure(got[0].is_some() && got.iter().all(|name| *name == got[0]), format_args!("{got:?}"))?;
    Ok(Outcome::Passed)
}
