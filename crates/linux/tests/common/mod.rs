//! Namespaces with cables between them.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(unreachable_pub, reason = "a module of a test binary has no outside")]

use std::time::{Duration, Instant};

use base::{IfIndex, IfName};
use linux::netlink::{Commands, Link, LinkKind, LinkSpec, OperState, Request, RouteFilter, Snapshot};
use linux::netns::{Isolation, NsThread};

/// Fails loudly rather than passing without having tested anything.
pub fn need_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes network namespaces and needs root; `cargo xtask test` runs it so"
    );
}

/// A host without a cable.
pub fn host() -> NsThread {
    need_root();
    NsThread::new(Isolation::default()).expect("a namespace")
}

pub fn name(n: &str) -> IfName {
    IfName::new(n).expect("a name")
}

/// Two hosts with a cable between them, `eth0` on both ends, switched on and with carrier.
pub fn pair() -> (NsThread, NsThread) {
    let (a, b) = (host(), host());
    let other = b.netns().clone();
    a.run(move || {
        let mut c = Commands::open(None).unwrap();
        let kind = LinkKind::Veth { peer: name("eth0"), peer_netns: Some(other) };
        c.execute(Request::AddLink(kind, LinkSpec::named(name("eth0")))).unwrap();
    });
    for h in [&a, &b] {
        h.run(|| up("eth0"));
    }
    for h in [&a, &b] {
        h.run(|| {
            wait_for("carrier", || link("eth0").oper_state == OperState::Up);
            // Whatever the kernel still does to it is done when this is.
            up("eth0");
        });
    }
    (a, b)
}

/// The interface of that name in this thread's namespace.
pub fn link(name: &str) -> Link {
    Snapshot::take(RouteFilter::None).unwrap().link(name).expect("the interface").clone()
}

pub fn index(name: &str) -> IfIndex {
    link(name).index
}

/// Switches the interface on.
pub fn up(name: &str) {
    let mut c = Commands::open(None).unwrap();
    let spec = LinkSpec { up: Some(true), ..LinkSpec::default() };
    c.execute(Request::ChangeLink(index(name), spec)).unwrap();
}

/// Waits until `state` holds, for at most 10 seconds.
pub fn wait_for(what: &str, mut state: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !state() {
        assert!(Instant::now() < end, "waited too long for {what}");
        // Not a wait for time to pass: a look at the state now and then.
        std::thread::sleep(Duration::from_millis(1));
    }
}
