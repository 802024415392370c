//! The demo's way for users who aren't root. Without the test harness, whose threads forbid it.

extern crate vipd_linux as linux;

use linux::Errno;
use linux::netlink::{Commands, LinkKind, LinkSpec, Request, RouteFilter, Snapshot};
use linux::netns::{Isolation, NsThread, become_root_in_user_namespace};
use linux::process::{self, Exit, Spawn};

fn main() {
    if process::role().is_some() || !nix::unistd::geteuid().is_root() {
        return unprivileged();
    }
    let mut spawn = Spawn::again("unprivileged");
    spawn.identity(65534, 65534, &[]);
    spawn.stdio(std::process::Stdio::null(), std::process::Stdio::inherit(), std::process::Stdio::inherit());
    assert_eq!(spawn.spawn().unwrap().wait().unwrap(), Exit::Code(0));
}

fn unprivileged() {
    // Not yet: nobody may make a network namespace just so.
    let refused = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET);
    assert_eq!(refused, Err(Errno::EPERM));
    become_root_in_user_namespace().unwrap();
    assert!(nix::unistd::geteuid().is_root());
    let isolation = Isolation { private_directories: Some(vec!["/run".into()]), ..Isolation::default() };
    let (a, b) = (NsThread::new(isolation.clone()).unwrap(), NsThread::new(isolation).unwrap());
    let other = b.netns().clone();
    let name = |n: &str| base::IfName::new(n).unwrap();
    let peer = LinkKind::Veth { peer: name("b0"), peer_netns: Some(other) };
    let spec = LinkSpec::named(name("a0"));
    a.run(move || Commands::open(None).unwrap().execute(Request::AddLink(peer, spec)).unwrap());
    for (host, link) in [(&a, "a0"), (&b, "b0")] {
        host.run(move || {
            assert!(Snapshot::take(RouteFilter::None).unwrap().link(link).is_some());
            std::fs::write("/run/vipd.pid", "1\n").unwrap();
        });
    }
    println!("user namespace: ok");
}
