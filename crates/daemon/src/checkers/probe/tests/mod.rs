//! Probes against real servers on the loopback interface of a namespace of their own.

mod datagrams;
mod http;
mod mail;
mod tcp;
mod tls;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration as StdDuration;

use base::{Duration, IfName};
use engine::lvs::io::{Answer, Failure};
use linux::netlink::{Commands, LinkSpec, Request, RouteFilter, Snapshot};
use linux::netns::{Isolation, NsThread};
use model::lvs::{Checker, Connect, Http, HttpVersion, Probe, Schedule, Sni, StatusCodes, Url};

use super::{PASSED, Prober};

/// `connect_timeout` of checks that shall meet it.
const SHORT: Duration = Duration::from_millis(100);
/// `connect_timeout` of all others, and the longest that a server waits for something.
const LONG: Duration = Duration::from_secs(10);
const WAIT: StdDuration = StdDuration::from_secs(10);

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Runs `work` in a new namespace whose loopback interface is up. Threads that it starts live there, too.
fn in_namespace<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes a network namespace and needs root; `cargo xtask test` runs it so"
    );
    NsThread::new(Isolation::default()).expect("a namespace").run(|| {
        let index = Snapshot::take(RouteFilter::None).expect("a dump").link("lo").expect("lo").index;
        let mut commands = Commands::open(None).expect("netlink");
        let spec = LinkSpec { up: Some(true), ..LinkSpec::default() };
        commands.execute(Request::ChangeLink(index, spec)).expect("lo is switched on");
        work()
    })
}

/// Makes the check `probe` once.
fn run(probe: Probe) -> Answer {
    run_by(&Prober::new(None), probe)
}

fn run_by(prober: &Prober, probe: Probe) -> Answer {
    prober.waits.block_on(prober.run(&checker(probe), 0)).expect("it is waited for")
}

/// Makes the check once; how often it waited, too.
fn run_counting(probe: Probe) -> (Answer, usize) {
    let (prober, checker) = (Prober::new(None), checker(probe));
    let mut run = std::pin::pin!(prober.run(&checker, 0));
    let mut waits = 0;
    let counted = std::future::poll_fn(|cx| {
        let polled = run.as_mut().poll(cx);
        waits += usize::from(polled.is_pending());
        polled
    });
    let answer = prober.waits.block_on(counted).expect("it is waited for");
    (answer, waits)
}

fn checker(probe: Probe) -> Checker {
    let schedule = Schedule {
        delay_loop: Duration::from_secs(1),
        retry: 0,
        delay_before_retry: Duration::from_secs(1),
        warmup: Duration::ZERO,
        alpha: false,
        log_all_failures: false,
    };
    Checker { schedule, probe }
}

fn to(server: SocketAddr, timeout: Duration) -> Connect {
    Connect { address: server.ip(), port: server.port(), timeout, origin: None }
}

fn failed(failure: Failure) -> Answer {
    Answer::Failed(failure)
}

/// A server that treats one connection after the other as `script` says, for as long as the test's
/// process lives.
fn server(script: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    server_at(V4, script)
}

fn server_at(address: IpAddr, mut script: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).expect("a listener");
    let at = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(WAIT)).expect("a timeout");
            script(stream);
        }
    });
    at
}

/// Reads up to the end of `end`, and returns all that it read.
fn read_until(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(end) && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        all.push(byte[0]);
    }
    all
}

/// Waits until the other side is gone.
fn await_end(stream: &mut impl Read) {
    let mut buffer = [0; 512];
    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(StdDuration::ZERO)).expect("linger");
}

/// Sends `text` byte by byte, each a little after the other, while the other side listens.
fn drip(stream: &mut TcpStream, text: &[u8]) {
    let between = StdDuration::from_millis(20);
    stream.set_read_timeout(Some(between)).expect("a timeout");
    for byte in text {
        let gone = matches!(stream.read(&mut [0]), Ok(0));
        if gone || stream.write_all(&[*byte]).is_err() {
            return;
        }
    }
}

fn get(path: &str) -> Http {
    let url = Url {
        path: path.into(),
        host: None,
        own_host: false,
        status: StatusCodes::success(),
        digest: None,
        regex: None,
        tls_compliant: false,
    };
    Http { urls: vec![url], version: HttpVersion::V1_0, sni: Sni::Off, fast_recovery: false }
}
