//! Kinds of services: protocols, families, marks, groups, forwarding.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, global, real, real_at, service, tcp};
use crate::servers::Answer::Silence;
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-marks-are-services", fwmark),
    ("lvs-groups-have-addresses-ranges-and-marks", groups),
    ("lvs-persistence-schedulers-and-flags", options),
    ("lvs-one-packet-scheduling-for-udp", ops),
    ("lvs-direct-routing-has-the-port-of-the-service", direct),
    ("lvs-tunnels-of-each-kind", tunnels),
    ("lvs-ipv6-and-ipv4-behind-it", ipv6),
    ("lvs-thresholds-reach-the-kernel", thresholds),
    ("lvs-ssl-get-speaks-tls", tls),
    ("lvs-suspended-checks-wait-for-the-address", ha_suspend),
    ("lvs-checks-whose-address-is-there-begin-at-once", ha_suspend_there),
    ("lvs-the-sync-daemon-follows-its-instance", sync_daemon),
];

fn fwmark(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open_at("[2001:db8:1::22]:80", Silence)?;
    let four = service("fwmark 7", "", &[real(1, &at_once()), real(2, &at_once())]);
    let six = service("fwmark 8", "ip_family inet6", &[real_at("2001:db8:1::22 80", &at_once())]);
    s.start(&(global("") + &four + &six))?;
    s.rest(5.5)?;
    s.close(1);
    s.close_at("[2001:db8:1::22]:80");
    s.rest(9.5)?;
    s.open(1, Silence)?;
    s.rest(13.5)
}

fn groups(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let group = "virtual_server_group web {\n 192.0.2.20 80\n 192.0.2.30-33 81\n fwmark 9\n}\n";
    let servers = [real(1, &at_once()), real(2, &at_once())];
    let conf = global("") + group + &service("group web", "quorum 2", &servers);
    s.start(&conf)?;
    s.rest(3.5)?;
    s.close(2);
    s.rest(7.5)?;
    // An entry goes, another comes.
    s.until(8.0);
    let changed = conf.replace("192.0.2.20 80", "192.0.2.21 80").replace("30-33", "31-34");
    s.reload(&changed.replace("fwmark 9", "fwmark 10"))?;
    s.rest(13.5)?;
    s.open(2, Silence)?;
    s.rest(17.5)
}

fn options(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let servers = [real(1, &at_once())];
    let all = [
        ("192.0.2.20 80", "persistence_timeout 600\n persistence_granularity 255.255.255.0"),
        ("192.0.2.21 80", "persistence_timeout"),
        ("192.0.2.22", ""),
        ("192.0.2.23 80", "lvs_sched sh\n flag-1\n flag-2"),
        ("192.0.2.24 80", "lvs_sched mh\n mh-port\n mh-fallback"),
        ("192.0.2.25 80", "lvs_sched wlc\n hashed"),
        ("192.0.2.26 80", "lvs_sched lblcr"),
        ("192.0.2.27 80", "lvs_sched fo"),
        ("192.0.2.28 5060", "protocol UDP\n ops\n persistence_timeout 30\n persistence_engine sip"),
        ("192.0.2.29 80", "protocol SCTP"),
    ];
    let services = all.map(|(name, lines)| service(name, lines, &servers));
    s.start(&(global("") + &services.concat()))?;
    s.rest(3.5)?;
    s.close(1);
    s.rest(7.5)
}

fn ops(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let server = [real(1, &at_once())];
    let one = service("192.0.2.20 53", "protocol UDP\n ops", &server);
    // Not for TCP.
    let other = service("192.0.2.21 53", "ops", &server);
    s.start(&(global("") + &one + &other))?;
    s.rest(3.5)
}

fn direct(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open_at("10.0.0.22:8080", Silence)?;
    let servers = [real(1, &at_once()), real_at("10.0.0.22 8080", &at_once())];
    s.start(&(global("") + &tcp("lvs_method DR", &servers)))?;
    s.rest(3.5)?;
    s.close_at("10.0.0.22:8080");
    s.rest(7.5)
}

fn tunnels(s: &mut Stage) -> Result<()> {
    let server = |n, kind: &str| real(n, &format!("lvs_method TUN {kind}\n {}", at_once()));
    (1..=6).try_for_each(|n| s.open(n, Silence))?;
    let servers = [
        server(1, ""),
        server(2, "type ipip"),
        server(3, "type gue port 6080"),
        server(4, "type gue port 6081 csum"),
        server(5, "type gre"),
        server(6, "type gre csum"),
    ];
    s.start(&(global("") + &tcp("lvs_method TUN", &servers)))?;
    s.look(3.5, &["-Ln", "--tun-info"])?;
    s.close(3);
    s.rest(7.5)?;
    s.open(3, Silence)?;
    s.look(11.5, &["-Ln", "--tun-info"])
}

fn ipv6(s: &mut Stage) -> Result<()> {
    s.open_at("[2001:db8:1::21]:80", web())?;
    s.open_at("[2001:db8:1::22]:80", Silence)?;
    let get = "HTTP_GET {\n connect_timeout 2\n retry 0\n url {\n path /\n status_code 200\n }\n }";
    let servers = [
        real_at("2001:db8:1::21 80", get),
        real_at("2001:db8:1::22 80", &at_once()),
        real_at("2001:db8:1::23 80", "PING_CHECK {\n connect_timeout 2\n }"),
    ];
    s.start(&(global("") + &service("2001:db8::10 80", "", &servers)))?;
    s.rest(5.5)?;
    s.close_at("[2001:db8:1::21]:80");
    s.rest(9.5)?;
    s.open_at("[2001:db8:1::21]:80", web())?;
    s.close_at("[2001:db8:1::22]:80");
    s.rest(13.5)
}

fn thresholds(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let with = format!("uthreshold 100\n lthreshold 50\n {}", at_once());
    let conf = global("") + &tcp("", &[real(1, &with), real(2, &at_once())]);
    s.start(&conf)?;
    s.look(3.5, &["-Ln", "--thresholds"])?;
    s.reload(&conf.replace("uthreshold 100", "uthreshold 200"))?;
    s.look(7.5, &["-Ln", "--thresholds"])
}

fn tls(s: &mut Stage) -> Result<()> {
    let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=lab \
                -keyout /run/key -out /run/cert";
    s.farm.run("openssl", &make.split_whitespace().collect::<Vec<_>>())?;
    let serve = |s: &Stage, n: u8| {
        let line = format!("s_server -quiet -accept 10.0.0.2{n}:443 -key /run/key -cert /run/cert -www");
        s.farm.spawn("tls", "openssl", &line.split_whitespace().collect::<Vec<_>>())
    };
    let (one, _two) = (serve(s, 1)?, serve(s, 2)?);
    let get = "SSL_GET {\n connect_timeout 2\n retry 0\n delay_before_retry 1\n url {\n path /\n \
               status_code 200\n }\n }";
    let server = |n| real_at(&format!("10.0.0.2{n} 443"), get);
    // The third one does not speak it.
    s.open_at("10.0.0.23:443", web())?;
    let conf = service("192.0.2.10 443", "", &[server(1), server(2), server(3)]);
    s.start(&(global("") + &conf))?;
    s.rest(5.5)?;
    one.signal(lab::Signal::SIGKILL)?;
    one.wait(std::time::Duration::from_secs(5))?;
    s.rest(9.5)?;
    let _one = serve(s, 1)?;
    s.rest(13.5)
}

fn ha_suspend(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.start(&(global("") + &tcp("ha_suspend", &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(5.5)?;
    s.run("ip address add 192.0.2.10/32 dev eth0")?;
    s.rest(11.5)?;
    s.run("ip address delete 192.0.2.10/32 dev eth0")?;
    s.until(12.5);
    s.close(1);
    s.open(2, Silence)?;
    s.rest(17.5)?;
    s.run("ip address add 192.0.2.10/32 dev eth0")?;
    s.rest(23.5)
}

fn ha_suspend_there(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.run("ip address add 192.0.2.10/32 dev eth0")?;
    s.start(&(global("") + &tcp("ha_suspend", &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(5.5)?;
    // Nobody waits for this one.
    s.run("ip address add 192.0.2.77/32 dev eth0")?;
    s.run("ip address delete 192.0.2.10/32 dev eth0")?;
    s.rest(9.5)
}

fn sync_daemon(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let instance = "vrrp_instance VI_1 {\n state BACKUP\n interface eth0\n virtual_router_id 51\n \
                    priority 100\n advert_int 1\n virtual_ipaddress {\n 192.0.2.10/24\n }\n}\n";
    let conf =
        global("lvs_sync_daemon eth0 inst VI_1 id 7 maxlen 1400\n lvs_timeouts tcp 700 tcpfin 60 udp 200");
    s.start(&(conf + instance + &tcp("", &[real(1, &at_once())])))?;
    s.look(2.0, &["-Ln", "--daemon"])?;
    s.look(8.5, &["-Ln", "--daemon"])?;
    s.look(8.6, &["-Ln", "--timeout"])?;
    s.rest(8.7)?;
    s.stop()?;
    s.look(14.5, &["-Ln", "--daemon"])?;
    s.look(14.6, &["-Ln", "--timeout"])?;
    s.rest(14.7)
}
