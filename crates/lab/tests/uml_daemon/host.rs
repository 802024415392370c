//! What the rest of the host hears: the system log, the service manager; and namespaces.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use lab::harness::Outcome;
use lab::{Change, Daemon, LabError, Node, Notice, Result, Signal, ensure};

use crate::stage::{BOUND, SECOND, Stage, VIP, inside, ip, iproute, read, simple};

/// A socket inside the node that others send to.
fn listen(node: &Node, path: &str) -> Result<UnixDatagram> {
    let path = path.to_owned();
    inside(node, "a socket", move || {
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })
}

/// Everything that came.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    let mut buffer = vec![0; 65_536];
    let next = || socket.recv(&mut buffer).ok().map(|n| String::from_utf8_lossy(&buffer[..n]).into_owned());
    std::iter::from_fn(next).collect()
}

/// The parts of a syslog line that rules look at: the number and the identifier.
fn mark(line: &str) -> String {
    // `<30>Nov 14 22:13:20 Keepalived_vrrp[5]: `
    let (number, rest) = line.split_once('>').unwrap_or_default();
    let ident = rest.get(16..).and_then(|r| r.split_once('[')).map_or("", |(ident, _)| ident);
    format!("{number}> {ident}")
}

pub(crate) fn system_log() -> Result<Outcome> {
    let stage = Stage::new("system-log", 1)?;
    let r1 = stage.r1();
    let mut marks = Vec::new();
    for daemon in [Daemon::Keepalived, Daemon::Vipd] {
        let log = listen(r1, "/dev/log")?;
        let conf = r1.write("one.conf", &simple(150))?.display().to_string();
        let process = r1.spawn(&daemon.to_string(), daemon.program()?, &["-f", &conf, "-n", "-S", "3"])?;
        let mut lines = Vec::new();
        // keepalived waits for whoever does not read its log.
        let mut read_until = |what: &str, done: &dyn Fn() -> Result<bool>| {
            lab::wait(what, BOUND, || {
                lines.extend(heard(&log));
                done()
            })
        };
        read_until("the address", &|| r1.has_ip(ip(VIP)))?;
        process.signal(Signal::SIGTERM)?;
        read_until("the end", &|| Ok(process.ended()?.is_some()))?;
        let of = |text: &str| {
            let line = lines.iter().find(|l| l.contains(text));
            line.map(|l| mark(l))
                .ok_or_else(|| LabError::Expectation(format!("{daemon}: no \"{text}\": {lines:?}")))
        };
        marks.push([
            of("Starting Keepalived")?,
            of("(VI_1) Entering MASTER STATE")?,
            of("Startup complete")?,
        ]);
        ensure(process.log()?.is_empty(), format_args!("nothing on standard error: {}", process.log()?))?;
    }
    ensure(marks[0] == marks[1], format_args!("keepalived: {:?}, vipd: {:?}", marks[0], marks[1]))?;

    // A system log that takes nothing delays neither an advert nor the end.
    let _deaf = listen(r1, "/dev/log")?;
    let conf = r1.write("one.conf", &simple(150))?.display().to_string();
    let process = r1.spawn("vipd", Daemon::Vipd.program()?, &["-f", &conf, "-n", "-D"])?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let from = stage.next_advert(51)?;
    stage.lab.pass(5 * SECOND);
    stage.regular(51, from, SECOND)?;
    process.signal(Signal::SIGTERM)?;
    process.wait(2 * SECOND)?;
    Ok(Outcome::Passed)
}

pub(crate) fn service() -> Result<Outcome> {
    let stage = Stage::new("service", 1)?;
    let r1 = stage.r1();
    let socket = listen(r1, "/run/notify")?;
    let conf = r1.write("one.conf", &simple(150))?.display().to_string();
    let vipd = Daemon::Vipd.program()?.display().to_string();
    let process =
        r1.spawn("vipd", "env", &["NOTIFY_SOCKET=/run/notify", &vipd, "-f", &conf, "-n", "-l", "-D", "-G"])?;
    let mut all = String::new();
    let mut says = |text: &str, bound: Duration| {
        lab::wait(&format!("the service manager hears {text}"), bound, || {
            all += &heard(&socket).join("\n");
            all += "\n";
            Ok(all.contains(text))
        })?;
        let at = all.find(text).unwrap_or_default();
        all = all.split_off(at + text.len());
        Ok::<(), LabError>(())
    };
    says("READY=1", SECOND)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    process.signal(Signal::SIGHUP)?;
    says("RELOADING=1", SECOND)?;
    says("READY=1", SECOND)?;
    // Also when the new file is no good.
    r1.write("one.conf", "vrrp_instance VI_1 {\n interface eth9\n}\n")?;
    process.signal(Signal::SIGHUP)?;
    says("RELOADING=1", SECOND)?;
    says("READY=1", SECOND)?;
    process.signal(Signal::SIGTERM)?;
    says("STOPPING=1", SECOND)?;
    process.wait(BOUND)?;
    Ok(Outcome::Passed)
}

pub(crate) fn namespaces() -> Result<Outcome> {
    let stage = Stage::new("namespaces", 1)?;
    let r1 = stage.r1();
    iproute(r1, "netns add blue")?;
    iproute(r1, "link add veth0 type veth peer name eth0 netns blue")?;
    iproute(r1, "link set veth0 up")?;
    iproute(r1, "-n blue addr add 203.0.113.11/24 dev eth0")?;
    iproute(r1, "-n blue link set eth0 up")?;
    // One in the namespace, one with a name of its own, one plain: they don't disturb each other.
    let start = |name: &str, words: &[&str], conf: &str| {
        let path = r1.write(&format!("{name}.conf"), conf)?.display().to_string();
        let mut args = vec!["-f", path.as_str(), "-n", "-l", "-D", "-G"];
        args.extend(words);
        r1.spawn(name, Daemon::Vipd.program()?, &args)
    };
    let blue = simple(150).replace("192.0.2.", "203.0.113.");
    let other = simple(150).replace("51", "52").replace("192.0.2.100", "192.0.2.101");
    let first = start("named", &[], &format!("instance left\n{other}"))?;
    r1.wait_ip(ip("192.0.2.101"), true, BOUND)?;
    let monitor = r1.monitor()?;
    let daemons = [start("blue", &["-s", "blue"], &blue)?, start("plain", &[], &simple(150))?, first];
    r1.wait_ip(ip(VIP), true, BOUND)?;
    let gone = |n: &Notice| matches!(n.change, Change::Address { exists: false, .. });
    ensure(!monitor.stop()?.iter().any(gone), "nobody takes what another daemon put in")?;
    let inside = || iproute(r1, "-n blue -o addr show dev eth0");
    lab::wait("the address in the namespace", BOUND, || Ok(inside()?.contains("203.0.113.100/24")))?;
    ensure(!r1.has_ip(ip("203.0.113.100"))?, "it is nowhere else")?;
    let files = [
        "/run/keepalived/blue/keepalived.pid",
        "/run/keepalived/blue/vrrp.pid",
        "/run/keepalived/keepalived_left.pid",
        "/run/keepalived/vrrp_left.pid",
        "/run/keepalived.pid",
        "/run/vrrp.pid",
    ];
    for file in files {
        ensure(!read(r1, file)?.is_empty(), format_args!("there is no {file}"))?;
    }
    for daemon in &daemons {
        ensure(daemon.stop(BOUND)?.code() == Some(0), "each ends well")?;
    }
    ensure(!inside()?.contains("203.0.113.100"), "gone there, too")?;
    for file in files {
        ensure(read(r1, file)?.is_empty(), format_args!("{file} is left"))?;
    }
    ensure(r1.processes()?.is_empty(), "no process is left")?;
    Ok(Outcome::Passed)
}
