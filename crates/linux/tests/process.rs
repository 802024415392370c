//! Processes: what they inherit, how they end, and that nothing of them is left.

extern crate vipd_linux as linux;

mod common;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;

use base::Duration;
use common::{need_root, wait_for};
use linux::Errno;
use linux::netns::{Isolation, Netns, NsThread};
use linux::poll::{Interest, Poll};
use linux::process::{Child, Exit, Spawn};

const TERM: i32 = 15;
const KILL: i32 = 9;

fn shell(script: &str) -> Spawn {
    let mut s = Spawn::new("/bin/sh");
    s.args(["-c", script]);
    s
}

/// What `spawn` writes to its standard output until all who hold it have ended.
fn output(mut spawn: Spawn) -> String {
    let (mut read, write) = std::io::pipe().unwrap();
    spawn.stdio(Stdio::null(), write.into(), Stdio::inherit());
    let mut child = spawn.spawn().unwrap();
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap(), Exit::Code(0), "{text}");
    text
}

/// Waits for the end of `child` by its descriptor.
fn wait_for_end(child: &Child) -> Exit {
    let mut poll = Poll::new().unwrap();
    poll.add(child, 0, Interest::READ).unwrap();
    assert_eq!(poll.wait(Some(Duration::from_secs(10))).unwrap().len(), 1, "waited too long for its end");
    child.peek().unwrap().unwrap()
}

/// Living processes of a process group.
fn group_members(group: u32) -> usize {
    let stat = |e: std::fs::DirEntry| std::fs::read_to_string(e.path().join("stat")).ok();
    let member = |text: String| {
        let mut fields = text.rsplit(") ").next()?.split(' ').map(str::to_owned);
        let (state, number) = (fields.next()?, fields.nth(1)?);
        (state != "Z" && number == group.to_string()).then_some(())
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(stat).filter_map(member).count()
}

#[test]
fn a_script_that_ignores_its_end_is_killed_with_all_that_it_started() {
    let mut spawn = shell("trap '' TERM; (trap '' TERM; sleep 1000) & sleep 1000 & wait");
    spawn.own_group();
    let mut child = spawn.spawn().unwrap();
    wait_for("its children", || group_members(child.pid()) == 4 || group_members(child.pid()) == 3);
    child.signal_group(TERM).unwrap();
    wait_for("the one that listens", || group_members(child.pid()) < 4);
    assert_eq!(child.peek().unwrap(), None, "it ignores that");
    child.signal_group(KILL).unwrap();
    assert_eq!(wait_for_end(&child), Exit::Signal(KILL));
    wait_for("the end of its group", || group_members(child.pid()) == 0);
    // Dead, but not reaped: the number is still taken, so this hits nobody else.
    child.signal_group(KILL).unwrap();
    assert_eq!(child.reap().unwrap(), Some(Exit::Signal(KILL)));
    assert!(child.signal_group(KILL).is_err(), "the number may be somebody else's now");
    child.signal(KILL).unwrap();
}

#[test]
fn the_end_of_a_process_says_how() {
    for (script, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 255", Exit::Code(255)),
        ("kill -9 $$", Exit::Signal(9)),
        ("kill -36 $$", Exit::Signal(36)),
    ] {
        let mut child = shell(script).spawn().unwrap();
        assert_eq!(wait_for_end(&child), exit);
        assert_eq!(child.reap().unwrap(), Some(exit));
        assert_eq!((child.peek().unwrap(), child.wait().unwrap()), (Some(exit), exit), "it stays so");
    }
}

#[test]
fn what_cannot_be_executed_is_an_error_that_names_it() {
    let e = Spawn::new("/no/such/script").spawn().unwrap_err();
    assert_eq!(e.to_string(), "start /no/such/script: No such file or directory");
    assert_eq!(Spawn::new("/etc/passwd").spawn().unwrap_err().errno, Errno::EACCES);
}

#[test]
fn a_process_inherits_nothing_but_what_it_is_passed() {
    let file = File::open("/etc/hostname").unwrap();
    // One that somebody forgot to mark.
    let leak = nix::unistd::dup(&file).unwrap();
    nix::fcntl::fcntl(&leak, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let list = "ls -1 /proc/$$/fd";
    assert_eq!(output(shell(list)), "0\n1\n2\n");
    let mut spawn = shell(&format!("{list}; echo $_VIPD_FD_config"));
    spawn.pass("config", file.as_fd()).unwrap();
    let told = output(spawn);
    let told: Vec<i32> = told.lines().map(|l| l.parse().unwrap()).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told[3] == told[4] && told[3] != leak.as_raw_fd(), "{told:?}");
    assert_eq!(linux::process::inherited("config").unwrap_err().errno, Errno::EBADF);
}

#[test]
fn signals_and_scheduling_are_back_to_normal() {
    need_root();
    linux::signals::ignore(libc_sighup()).unwrap();
    let text = std::thread::spawn(|| {
        linux::signals::block(&[TERM, 36]).unwrap();
        linux::process::set_nice(-5).unwrap();
        linux::process::run_realtime(1).unwrap();
        linux::process::limit_realtime(1_000_000).unwrap();
        output(shell("cat /proc/self/status; cat /proc/self/stat; cat /proc/self/limits"))
    });
    let text = text.join().unwrap();
    for field in ["SigBlk:\t", "SigIgn:\t"] {
        let line = text.lines().find_map(|l| l.strip_prefix(field)).unwrap();
        // But for 32 and 33, which the C library keeps to itself.
        assert_eq!(u64::from_str_radix(line, 16).unwrap() & !(3 << 31), 0, "{field}{line}");
    }
    let stat = text.lines().find(|l| l.contains("(cat)")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // Nice value; real-time priority; policy.
    assert_eq!((fields[16], fields[37], fields[38]), ("0", "0", "0"), "{stat}");
    let limit = text.lines().find(|l| l.starts_with("Max realtime timeout")).unwrap();
    // To raise the hard limit takes a right that root in a container may lack.
    let words: Vec<&str> = limit.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{limit}");
}

/// Makes a bridge in this thread's namespace.
fn add_bridge(name: &str) {
    use linux::netlink::{Commands, LinkKind, LinkSpec, Request};
    let spec = LinkSpec::named(common::name(name));
    Commands::open(None).unwrap().execute(Request::AddLink(LinkKind::Bridge, spec)).unwrap();
}

/// SIGHUP.
fn libc_sighup() -> i32 {
    1
}

#[test]
fn a_script_runs_as_its_user_with_that_users_groups_only() {
    need_root();
    let mut spawn = shell("id -u; id -g; id -G; cat /proc/self/status | grep NoNewPrivs");
    spawn.identity(65534, 65533, &[65532]).no_new_privileges();
    assert_eq!(output(spawn), "65534\n65533\n65533 65532\nNoNewPrivs:\t1\n");
    let mut spawn = shell("id -G");
    spawn.identity(65534, 65533, &[]);
    assert_eq!(output(spawn), "65533\n");
}

#[test]
fn a_process_can_be_started_in_a_namespace() {
    need_root();
    let netns = Netns::create().unwrap();
    {
        let _guard = netns.guard().unwrap();
        add_bridge("only-there");
    }
    let list = "cat /proc/self/net/dev";
    let mut spawn = shell(list);
    spawn.netns(&netns);
    assert!(output(spawn).contains("only-there:"));
    assert!(!output(shell(list)).contains("only-there:"));
    let here = Netns::current().unwrap();
    assert!(!here.is_same(&netns).unwrap(), "and we stay where we are");
    {
        let _guard = netns.guard().unwrap();
        assert!(Netns::current().unwrap().is_same(&netns).unwrap());
    }
    assert!(Netns::current().unwrap().is_same(&here).unwrap());
}

#[test]
fn processes_end_with_the_thread_that_started_them_if_they_asked_for_it() {
    need_root();
    let thread = NsThread::new(Isolation::default()).unwrap();
    let mut child = thread.run(|| {
        let mut spawn = shell("sleep 1000");
        spawn.die_with_parent(KILL);
        spawn.spawn().unwrap()
    });
    assert_eq!(child.peek().unwrap(), None);
    drop(thread);
    assert_eq!(wait_for_end(&child), Exit::Signal(KILL));
    child.reap().unwrap();
}

#[test]
fn a_host_of_the_lab_has_a_world_of_its_own_that_ends_with_its_first_process() {
    need_root();
    let isolation = Isolation {
        private_directories: Some(vec!["/run".into()]),
        hostname: Some("router-a".into()),
        processes: true,
        ..Isolation::default()
    };
    let host = NsThread::new(isolation).unwrap();
    let (mut first, mut second) = host.run(|| {
        assert_eq!(std::fs::read_dir("/run").unwrap().count(), 0);
        std::fs::write("/run/only-here", "x").unwrap();
        assert_eq!(nix::unistd::gethostname().unwrap(), "router-a");
        add_bridge("only-here");
        assert!(std::path::Path::new("/sys/class/net/only-here").exists());
        (shell("exec sleep 1000").spawn().unwrap(), shell("exec sleep 1000").spawn().unwrap())
    });
    for path in ["/run/only-here", "/sys/class/net/only-here"] {
        assert!(!std::path::Path::new(path).exists());
    }
    assert_ne!(nix::unistd::gethostname().unwrap(), "router-a");
    first.signal(KILL).unwrap();
    assert_eq!(wait_for_end(&second), Exit::Signal(KILL));
    assert_eq!(first.peek().unwrap(), None, "the first one's end waits for that of the others");
    second.reap().unwrap();
    assert_eq!(wait_for_end(&first), Exit::Signal(KILL));
    first.reap().unwrap();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.run(|| panic!("inside"))));
    assert!(panic.is_err(), "a panic comes through");
    assert_eq!(host.run(|| 7), 7, "and the thread survives it");
}

#[test]
fn a_namespace_can_be_given_a_name_and_lose_it() {
    need_root();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("router");
    let netns = Netns::create().unwrap();
    netns.pin(&path).unwrap();
    assert!(Netns::open(&path).unwrap().is_same(&netns).unwrap());
    assert_eq!(netns.pin(&path).unwrap_err().errno, Errno::EEXIST);
    Netns::unpin(&path).unwrap();
    assert!(!path.exists());
}
