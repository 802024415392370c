//! A program that starts itself again in another role. One test only: the second process runs it, too.

extern crate vipd_linux as linux;

mod common;

use std::os::fd::AsFd;

use base::Duration;
use linux::memfd::Memfd;
use linux::poll::{Interest, Poll};
use linux::process::{self, Exit, Spawn};
use linux::seqpacket::{Channel, Received};

#[test]
fn a_child_of_the_same_program_gets_its_role_its_arguments_and_its_descriptors() {
    match process::role().as_deref() {
        Some("child") => std::process::exit(child()),
        Some(other) => panic!("unknown role {other}"),
        None => {}
    }
    let (ours, theirs) = Channel::pair().unwrap();
    let memory = Memfd::sealed("configuration", b"global_defs").unwrap();
    let mut spawn = Spawn::again("child");
    spawn.pass("channel", theirs.as_fd()).unwrap();
    spawn.pass("configuration", memory.as_fd()).unwrap();
    spawn.env("PARENT", std::process::id().to_string()).die_with_parent(15);
    spawn.stdio(std::process::Stdio::null(), std::process::Stdio::null(), std::process::Stdio::inherit());
    let mut child = spawn.spawn().unwrap();
    drop(theirs);
    let mut buffer = [0; 4096];
    let mut poll = Poll::new().unwrap();
    poll.add(&ours, 0, Interest::READ).unwrap();
    assert_eq!(poll.wait(Some(Duration::from_secs(10))).unwrap().len(), 1, "no answer of the child");
    let Received::Message(length, _) = ours.receive(&mut buffer).unwrap() else { panic!("no message") };
    let args: Vec<String> = std::env::args().collect();
    let expected = format!("global_defs vrrp_child {args:?} 1");
    assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), expected);
    assert_eq!(child.wait().unwrap(), Exit::Code(0));
}

fn child() -> i32 {
    let parent = std::env::var("PARENT").unwrap().parse().unwrap();
    process::die_with_parent(15, parent).unwrap();
    assert!(process::die_with_parent(15, parent + 1).is_err());
    process::set_name("vrrp_child").unwrap();
    process::become_subreaper().unwrap();
    let channel = Channel::from(process::inherited("channel").unwrap());
    assert!(process::inherited("channel").is_err(), "only once");
    let config = Memfd::adopt(process::inherited("configuration").unwrap()).unwrap().read().unwrap();

    // A script leaves something behind, which becomes ours, and then ends.
    let mut script = Spawn::new("/bin/sh");
    script.args(["-c", "test -z \"$_VIPD_ROLE$_VIPD_FD_channel\" || exit 1; (sleep 0.05; exit 3) &"]);
    let mut script = script.spawn().unwrap();
    assert_eq!(script.wait().unwrap(), Exit::Code(0), "it sees nothing that isn't for it");
    let own = process::Spawn::new("/bin/true").spawn().unwrap();
    let mut poll = Poll::new().unwrap();
    poll.add(&own, 0, Interest::READ).unwrap();
    poll.wait(Some(Duration::from_secs(10))).unwrap();
    // The known one, which has ended and waits for us, must not hide the orphan.
    let mut orphans = 0;
    common::wait_for("the orphan", || {
        orphans += process::reap_orphans(|pid| pid == own.pid()).unwrap();
        orphans > 0
    });
    assert_eq!(own.peek().unwrap(), Some(Exit::Code(0)));
    let comm = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    let args: Vec<String> = std::env::args().collect();
    let told = format!("{} {} {args:?} {orphans}", String::from_utf8(config).unwrap(), comm.trim());
    channel.send(told.as_bytes(), &[]).unwrap();
    0
}
