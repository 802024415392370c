//! `vipd genhash` beside keepalived's own program.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use linux::netns::{Isolation, NsThread};

const REPLY: &[u8] =
    b"HTTP/1.0 200 OK\r\nServer: x\r\nContent-Length: 20\r\n\r\nhello, this is a page and more";

/// Does `work`, and what it starts, in a network of its own.
fn alone(work: impl FnOnce() + Send + 'static) {
    let host =
        NsThread::new(Isolation::default()).expect("root may make a namespace; `cargo xtask test` is run so");
    host.run(|| {
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        work();
    });
}

/// What a program that is called with `extra` says of a page, and the request that it sent.
fn page(program: &mut Command, extra: &[&str]) -> (Output, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut buffer = [0; 1024];
        let n = stream.read(&mut buffer).unwrap();
        stream.write_all(REPLY).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    });
    let out = program.args(["-s", "127.0.0.1", "-p", &port, "-u", "/x"]).args(extra).output().unwrap();
    let request = server.join().unwrap().replace(&port, "PORT");
    (out, request)
}

fn ours() -> Command {
    let mut vipd = Command::new(env!("CARGO_BIN_EXE_vipd"));
    vipd.arg("genhash");
    vipd
}

#[test]
fn the_digest_is_that_of_the_announced_part_of_the_page() {
    alone(|| {
        let (out, request) = page(&mut ours(), &[]);
        assert_eq!(String::from_utf8(out.stdout).unwrap(), "35e6ecdd810afde717aed152bc8248ee\n");
        assert!(out.status.success() && out.stderr.is_empty());
        assert_eq!(request, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:PORT\r\n\r\n");
    });
}

#[test]
fn output_and_request_are_those_of_keepalived_where_that_is_installed() {
    alone(|| {
        let theirs = Path::new("/usr/bin/genhash");
        if !theirs.exists() {
            eprintln!("keepalived is not installed: nothing to compare with");
            return;
        }
        for extra in [&[][..], &["-v"], &["-v", "-P", "1.1", "-V", "www.example"], &["-P", "1.0c"]] {
            let (mine, asked) = page(&mut ours(), extra);
            let (other, wanted) = page(&mut Command::new(theirs), extra);
            let text = |out: &Output| {
                let text = String::from_utf8(out.stdout.clone()).unwrap();
                let lines = text.lines().map(|line| line.split(" = ").next().unwrap_or_default().to_owned());
                lines.collect::<Vec<String>>()
            };
            assert_eq!(text(&mine), text(&other), "{extra:?}");
            assert_eq!((asked, mine.status.code()), (wanted, other.status.code()), "{extra:?}");
        }
    });
}

#[test]
fn a_connection_that_fails_is_told_and_a_wrong_option_is_an_error() {
    alone(|| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let out = ours().args(["-s", "127.0.0.1", "-p", &port, "-u", "/"]).output().unwrap();
        assert_eq!((out.status.code(), out.stdout), (Some(0), b"Connection failed\n".to_vec()));
        assert_eq!(ours().arg("-x").output().unwrap().status.code(), Some(1));
    });
}
