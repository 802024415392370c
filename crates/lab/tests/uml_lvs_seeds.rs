//! Load balancers that users have published, run as they are: two directors, two web servers, and clients in
//! front. Once both directors are vipd, once the second one is keepalived.
//!
//! ```text
//!  c1 172.32.10.101 ---+--- front ---+--- d1 172.32.10.16 / 192.168.10.16 ---+--- back ---+--- w1 192.168.10.114
//!  c2 172.32.10.102 ---+             +--- d2 172.32.10.17 / 192.168.10.17 ---+            +--- w2 192.168.10.121
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use lab::harness::{Needs, Outcome, Scenario};
use lab::{Daemon, Lab, LabError, Node, Process, Result, Web, ensure};

const BOUND: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
/// What the published files name.
const VIP: Ipv4Addr = Ipv4Addr::new(172, 32, 10, 18);
const PORT: u16 = 80;
/// The inner addresses of the directors.
const INNER: [&str; 2] = ["192.168.10.16", "192.168.10.17"];

/// The published file of one director, and the device that it names.
struct Published {
    conf: &'static str,
    device: &'static str,
}

macro_rules! published {
    ($file:literal, $device:literal) => {
        Published {
            conf: include_str!(concat!("../../../tests/corpus/seeds/", $file, ".conf")),
            device: $device,
        }
    };
}

const MASTER: Published = published!("lvs-nat-master", "ens192");
const NOPREEMPT: Published = published!("lvs-nat-nopreempt-node1", "ens192");
const SECOND_NODE: Published = published!("lvs-nat-nopreempt-node2", "ens32");

fn main() -> ExitCode {
    let of = |name, run: fn() -> Result<Outcome>| Scenario::new(name, Needs::VirtualTime, run);
    lab::harness::main(&[
        of("a-published-master-comes-back-to-its-service", || run("lvs-master", &MASTER, Daemon::Vipd)),
        of("a-published-master-works-with-keepalived-behind-it", || {
            run("lvs-master-k", &MASTER, Daemon::Keepalived)
        }),
        of("a-published-router-without-preemption-leaves-the-service-where-it-is", || {
            run("lvs-nopreempt", &NOPREEMPT, Daemon::Vipd)
        }),
        of("a-published-router-without-preemption-works-with-keepalived-behind-it", || {
            run("lvs-nopreempt-k", &NOPREEMPT, Daemon::Keepalived)
        }),
    ])
}

struct Stage {
    lab: Lab,
    clients: [Node; 2],
    directors: [Node; 2],
    servers: [Node; 2],
    _webs: [Web; 2],
}

impl Stage {
    fn new(tag: &str, first: &Published) -> Result<Self> {
        let lab = Lab::new(tag)?;
        let (front, back) = (lab.lan("front")?, lab.lan("back")?);
        let client = |n: u8| {
            let node = lab.node(&format!("c{n}"))?;
            node.attach(&front, "eth0", &[&format!("172.32.10.10{n}/24")], None)?;
            Ok::<_, LabError>(node)
        };
        let director = |name: &str, device: &str, outer: &str, inner: &str| {
            let node = lab.node(name)?;
            node.attach(&front, device, &[outer], None)?;
            node.attach(&back, "eth1", &[&format!("{inner}/24")], None)?;
            node.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"])?;
            Ok::<_, LabError>(node)
        };
        let server = |name: &str, address: &str| {
            let node = lab.node(name)?;
            node.attach(&back, "eth0", &[&format!("{address}/24")], None)?;
            Ok::<_, LabError>(node)
        };
        let directors = [
            director("d1", first.device, "172.32.10.16/24", INNER[0])?,
            director("d2", SECOND_NODE.device, "172.32.10.17/24", INNER[1])?,
        ];
        let servers = [server("w1", "192.168.10.114")?, server("w2", "192.168.10.121")?];
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT);
        let webs = [servers[0].serve(any, "w1")?, servers[1].serve(any, "w2")?];
        Ok(Self { clients: [client(1)?, client(2)?], directors, servers, _webs: webs, lab })
    }

    /// The published files have no address for the servers to answer through: their users have their servers
    /// answer through the director that is active.
    fn answer_through(&self, director: usize) -> Result<()> {
        self.servers.iter().try_for_each(|server| {
            server.run("ip", &["route", "replace", "default", "via", INNER[director]]).map(drop)
        })
    }

    /// Waits until a director has the service's address and the other doesn't.
    fn wait_active(&self, director: usize) -> Result<()> {
        self.directors[director].wait_ip(IpAddr::V4(VIP), true, BOUND)?;
        self.directors[1 - director].wait_ip(IpAddr::V4(VIP), false, BOUND)?;
        self.answer_through(director)
    }

    /// What the two clients get, each asking twice: `persistence_timeout` keeps a client with its server.
    fn served(&self) -> Result<[[Option<String>; 2]; 2]> {
        let service = SocketAddr::new(IpAddr::V4(VIP), PORT);
        let ask = |client: &Node| {
            Ok::<_, LabError>([client.fetch(service, SECOND)?, client.fetch(service, SECOND)?])
        };
        Ok([ask(&self.clients[0])?, ask(&self.clients[1])?])
    }

    /// Both clients are served, by a server each, and keep it.
    fn serves(&self) -> Result<()> {
        let got = self.served()?;
        let both = got.iter().all(|[first, second]| first.is_some() && first == second);
        ensure(both && got[0] != got[1], format_args!("{got:?}"))
    }
}

/// `ipvsadm -Sn`.
fn table(director: &Node) -> Result<String> {
    Ok(String::from_utf8_lossy(&director.run("ipvsadm", &["-Sn"])?.stdout).into_owned())
}

const TABLE: &str = "\
-A -t 172.32.10.18:80 -s rr -p 50
-a -t 172.32.10.18:80 -r 192.168.10.114:80 -m -w 1
-a -t 172.32.10.18:80 -r 192.168.10.121:80 -m -w 1
";

fn run(tag: &str, first: &Published, behind: Daemon) -> Result<Outcome> {
    let stage = Stage::new(tag, first)?;
    let start_first = || stage.directors[0].start(Daemon::Vipd, "vipd", first.conf);
    let one = start_first()?;
    stage.wait_active(0)?;
    let two = stage.directors[1].start(behind, "second", SECOND_NODE.conf)?;
    follow(&stage, first, &start_first).map_err(|e| explain(&[&one, &two], &e))?;
    Ok(Outcome::Passed)
}

fn follow(stage: &Stage, first: &Published, start_first: &dyn Fn() -> Result<Process>) -> Result<()> {
    // The standby has the table, too.
    for director in &stage.directors {
        lab::wait(&format!("the table of {}", director.name()), BOUND, || Ok(table(director)? == TABLE))?;
    }
    stage.serves()?;
    stage.directors[0].power_off()?;
    stage.wait_active(1)?;
    stage.serves()?;
    stage.directors[0].power_on()?;
    stage.directors[0].run("ipvsadm", &["-C"])?;
    let again = start_first()?;
    let preempts = first.conf.contains("state MASTER");
    if preempts {
        stage.wait_active(0)?;
    } else {
        lab::wait("d1 is a backup", BOUND, || Ok(again.log()?.contains("Entering BACKUP STATE")))?;
        // Three adverts later it still is one.
        stage.lab.pass(3 * SECOND);
        stage.wait_active(1)?;
    }
    lab::wait("the table of d1", BOUND, || Ok(table(&stage.directors[0])? == TABLE))?;
    stage.serves()?;
    again.stop(BOUND)?;
    ensure(table(&stage.directors[0])?.is_empty(), "d1 has left something in the table")?;
    stage.wait_active(1)?;
    stage.serves()
}

fn explain(daemons: &[&Process], error: &LabError) -> LabError {
    let logs: Vec<String> = daemons.iter().map(|daemon| daemon.log().unwrap_or_default()).collect();
    LabError::Expectation(format!("{error}\n{}", logs.join("\n--\n")))
}
