//! Scripts that decide and scripts that are told; files, interfaces and groups that are tracked.

use std::time::Duration;

use lab::harness::{CLOCK_VARIABLE, Outcome};
use lab::{Cut, Node, Process, Result, Signal, ensure};

use crate::stage::{
    BOUND, EXACT, SECOND, Stage, TOLD, VIP, family, instance, ip, log_length, nothing_left, read, script,
    simple, start_master, told, vips, write,
};

/// A script that fails while `/run/bad` is there, and hangs with a child while `/run/hang` is.
const CHECK: &str = "if [ -e /run/hang ]; then trap '' TERM; sleep 1234 & sleep 1234; fi\n[ ! -e /run/bad ]";

fn tracking(name: &str, vrid: u8, vip: &str, script: &str) -> String {
    let lines = format!(" track_script {{\n  {script}\n }}\n{}", vips(&[&format!("{vip}/24")]));
    instance(name, vrid, 150, &lines)
}

fn touch(node: &Node, path: &str) -> Result<()> {
    write(node, path, "")
}

fn remove(node: &Node, path: &str) -> Result<()> {
    let path = path.to_owned();
    crate::stage::inside(node, "removing a file", move || std::fs::remove_file(path))
}

/// Waits for a line and checks when it came.
fn told_after(
    stage: &Stage,
    daemon: &Process,
    text: &str,
    after: usize,
    range: std::ops::RangeInclusive<Duration>,
) -> Result<()> {
    let asked = stage.lab.now();
    told(daemon, text, after, *range.end() + BOUND)?;
    let took = stage.lab.now().saturating_sub(asked);
    ensure(range.contains(&took), format_args!("\"{text}\" after {took:?}, not within {range:?}"))
}

pub(crate) fn verdicts() -> Result<Outcome> {
    let stage = Stage::new("verdicts", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/check.sh", CHECK)?;
    let check = |name: &str, lines: &str| {
        format!("vrrp_script {name} {{\n script /run/check.sh\n interval 1\n timeout 2\n{lines}\n}}\n")
    };
    let conf = [
        check("soft", " weight -20\n rise 2\n fall 3"),
        check("hard", " rise 3\n fall 2"),
        tracking("VI_1", 51, VIP, "soft"),
        tracking("VI_2", 52, "192.0.2.101", "hard"),
    ]
    .concat();
    let daemon = start_master(&stage, &conf)?;
    r1.wait_ip(ip("192.0.2.101"), true, BOUND)?;

    // fall: three bad results lower the priority, two are a fault. They come each second.
    let from = stage.next_advert(51)?;
    let after = log_length(&daemon)?;
    touch(r1, "/run/bad")?;
    told_after(&stage, &daemon, "(VI_2) Entering FAULT STATE", after, SECOND..=2 * SECOND + 10 * EXACT)?;
    r1.wait_ip(ip("192.0.2.101"), false, SECOND / 10)?;
    told_after(
        &stage,
        &daemon,
        "(VI_1) Changing effective priority from 150 to 130",
        after,
        SECOND - 10 * EXACT..=SECOND + 10 * EXACT,
    )?;
    told(&daemon, "VRRP_Script(soft) failed (exited with status 1)", after, SECOND)?;
    told(&daemon, "VRRP_Script(hard) failed (exited with status 1)", after, SECOND)?;

    // rise: two good ones, and three.
    let after = log_length(&daemon)?;
    remove(r1, "/run/bad")?;
    told_after(
        &stage,
        &daemon,
        "(VI_1) Changing effective priority from 130 to 150",
        after,
        SECOND..=2 * SECOND + 10 * EXACT,
    )?;
    told(&daemon, "VRRP_Script(soft) succeeded", after, SECOND)?;
    told_after(
        &stage,
        &daemon,
        "(VI_2) Entering BACKUP STATE",
        after,
        SECOND - 10 * EXACT..=SECOND + 10 * EXACT,
    )?;
    r1.wait_ip(ip("192.0.2.101"), true, BOUND)?;

    // Hanging scripts that ignore SIGTERM: SIGTERM after 2 s, SIGKILL 2 s later, for the children, too.
    let after = log_length(&daemon)?;
    touch(r1, "/run/hang")?;
    let hanging = || -> Result<usize> {
        Ok(r1.processes()?.iter().filter(|p| p.words.contains(&"1234".into())).count())
    };
    lab::wait("both scripts hang, each with a child", 2 * SECOND, || Ok(hanging()? == 4))?;
    told(&daemon, "VRRP_Script(hard) timed_out", after, BOUND)?;
    told(&daemon, "(VI_2) Entering FAULT STATE", after, SECOND)?;
    remove(r1, "/run/hang")?;
    lab::wait("all of the group is killed", 5 * SECOND, || Ok(hanging()? == 0))?;
    told(&daemon, "(VI_2) Entering BACKUP STATE", after, BOUND)?;

    // Adverts were never late, whatever the priority. (A change of priority moves none.)
    let adverts = stage.adverts(51, from);
    for pair in adverts.windows(2) {
        let gap = pair[1].at.saturating_sub(pair[0].at);
        ensure(gap.abs_diff(SECOND) <= EXACT, format_args!("{gap:?} between {pair:?}"))?;
    }
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP, "192.0.2.101"])?;
    Ok(Outcome::Passed)
}

pub(crate) fn beginnings() -> Result<Outcome> {
    let stage = Stage::new("beginnings", 1)?;
    let r1 = stage.r1();
    // The first result decides at once, whatever rise and fall say.
    script(r1, "/run/good.sh", "exit 0")?;
    script(r1, "/run/bad.sh", "exit 3")?;
    script(r1, "/run/slow.sh", "sleep 2; exit 0")?;
    let check = |name: &str, lines: &str| {
        format!("vrrp_script {name} {{\n script /run/{name}.sh\n interval 5\n rise 3\n fall 3\n{lines}\n}}\n")
    };
    let conf = [
        check("good", ""),
        check("bad", ""),
        check("slow", ""),
        tracking("VI_1", 51, VIP, "good"),
        tracking("VI_2", 52, "192.0.2.101", "bad"),
        tracking("VI_3", 53, "192.0.2.102", "slow"),
    ]
    .concat();
    let daemon = r1.vipd(&conf)?;
    let began = stage.lab.now();
    told(&daemon, "(VI_1) Entering BACKUP STATE (init)", 0, SECOND / 2)?;
    told(&daemon, "(VI_2) Entering FAULT STATE", 0, SECOND / 2)?;
    ensure(!daemon.log()?.contains("(VI_3)"), "who waits for its script says nothing")?;
    told(&daemon, "(VI_3) Entering BACKUP STATE", 0, 3 * SECOND)?;
    let took = stage.lab.now().saturating_sub(began);
    ensure(took >= 2 * SECOND, format_args!("VI_3 began after {took:?}, before its script's result"))?;
    r1.wait_ip(ip("192.0.2.102"), true, BOUND)?;
    ensure(!r1.has_ip(ip("192.0.2.101"))?, "VI_2 stays in fault")?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP, "192.0.2.102"])?;
    Ok(Outcome::Passed)
}

pub(crate) fn notified() -> Result<Outcome> {
    let stage = Stage::new("notified", 2)?;
    let (r1, r2) = (stage.r1(), stage.r2());
    script(r1, "/run/n.sh", &format!("echo \"$*\" >>{TOLD}"))?;
    let scripts = |of: &str| -> String {
        ["master", "backup", "fault", "stop"]
            .map(|s| format!(" notify_{s} \"/run/n.sh {of}-{s} 'two words'\"\n"))
            .concat()
            + " notify \"/run/n.sh any\"\n"
    };
    let conf = format!(
        "global_defs {{\n vrrp_notify_fifo /run/fifo\n}}\n\
         vrrp_sync_group G {{\n group {{\n  VI_1\n }}\n{}}}\n{}",
        scripts("G"),
        instance("VI_1", 51, 150, &format!("{}{}", scripts("VI_1"), vips(&[&format!("{VIP}/24")])))
    );
    let _other = r2.vipd(&simple(100))?;
    let daemon = start_master(&stage, &conf)?;
    r1.link("eth0", false, Cut::Node)?;
    told(&daemon, "(VI_1) Entering FAULT STATE", 0, SECOND)?;
    r2.wait_ip(ip(VIP), true, BOUND)?;
    r1.link("eth0", true, Cut::Node)?;
    r1.wait_ip(ip(VIP), true, BOUND)?;
    stage.lab.pass(SECOND);
    // The FIFO holds what nobody has read.
    let fifo = read_fifo(r1, "/run/fifo")?;
    daemon.stop(BOUND)?;
    let lines = read(r1, TOLD)?;
    let of = |mark: &str| -> Vec<String> {
        lines.lines().filter(|l| l.starts_with(mark) || l.contains(mark)).map(str::to_owned).collect()
    };
    let states = ["backup", "master", "fault", "backup", "master", "stop"];
    for object in ["VI_1", "G"] {
        let want: Vec<String> = states.iter().map(|s| format!("{object}-{s} two words")).collect();
        let have = of(&format!("{object}-"));
        ensure(have == want, format_args!("{object} was told {have:?}, not {want:?}"))?;
    }
    let kinds = [("INSTANCE VI_1", "150"), ("GROUP G", "0")];
    for (object, priority) in kinds {
        let want: Vec<String> =
            states.iter().map(|s| format!("any {object} {} {priority}", s.to_uppercase())).collect();
        let have = of(&format!("any {object} "));
        ensure(have == want, format_args!("{object} was told {have:?}, not {want:?}"))?;
    }
    let want: Vec<String> =
        states[..5].iter().map(|s| format!("INSTANCE \"VI_1\" {} 150", s.to_uppercase())).collect();
    let have: Vec<&str> = fifo.lines().filter(|l| l.starts_with("INSTANCE")).collect();
    ensure(have == want, format_args!("the FIFO said {have:?}, not {want:?}"))?;
    let groups: Vec<&str> = fifo.lines().filter(|l| l.starts_with("GROUP")).collect();
    let want: Vec<String> =
        states[..5].iter().map(|s| format!("GROUP \"G\" {} 0", s.to_uppercase())).collect();
    ensure(groups == want, format_args!("the FIFO said {groups:?}, not {want:?}"))?;
    // Each line of the group follows or precedes that of its member, never another state's.
    ensure(fifo.lines().count() == 10, format_args!("ten lines: {fifo}"))?;
    nothing_left(r1, &[VIP])?;
    ensure(r1.run("ls", &["/run/fifo"]).is_err(), "a FIFO that we made goes at the end")?;
    Ok(Outcome::Passed)
}

/// Reads what waits in a FIFO.
fn read_fifo(node: &Node, path: &str) -> Result<String> {
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    let path = path.to_owned();
    crate::stage::inside(node, "a FIFO", move || {
        let mut fifo = std::fs::File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
        let mut bytes = vec![0; 65_536];
        let length = fifo.read(&mut bytes)?;
        Ok(String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned())
    })
}

pub(crate) fn groups() -> Result<Outcome> {
    let stage = Stage::new("groups", 2)?;
    let second = stage.lab.lan("lan1")?;
    let third = stage.lab.lan("lan2")?;
    for (i, router) in stage.routers.iter().enumerate() {
        router.attach(&second, "eth1", &[&format!("203.0.113.{}/24", i + 11)], None)?;
        router.attach(&third, "eth2", &[], None)?;
    }
    let other = "203.0.113.100";
    let conf = |priority| {
        format!(
            "vrrp_track_file tf {{\n file /run/tf\n weight 1\n}}\n\
             vrrp_sync_group G {{\n group {{\n  VI_1\n  VI_2\n }}\n}}\n{}{}{}",
            instance(
                "VI_1",
                51,
                priority,
                &format!(" track_interface {{\n  eth2\n }}\n{}", vips(&[&format!("{VIP}/24")]))
            ),
            instance("VI_2", 52, priority, &vips(&[&format!("{other}/24")]))
                .replace("interface eth0", "interface eth1"),
            instance(
                "VI_3",
                53,
                priority,
                &format!(" track_file {{\n  tf\n }}\n{}", vips(&["192.0.2.103/24"]))
            ),
        )
    };
    let (r1, r2) = (stage.r1(), stage.r2());
    for router in &stage.routers {
        write(router, "/run/tf", "0\n")?;
    }
    let daemon = start_master(&stage, &conf(150))?;
    let _second = r2.vipd(&conf(100))?;
    r1.wait_ip(ip(other), true, SECOND)?;
    stage.lab.pass(SECOND);
    for device in ["eth1", "eth2", "eth0"] {
        r1.link(device, false, Cut::Switch)?;
        // All within one advert, and the others follow.
        r1.wait_ip(ip(VIP), false, SECOND / 10)?;
        r1.wait_ip(ip(other), false, SECOND / 100)?;
        r2.wait_ip(ip(VIP), true, 5 * SECOND)?;
        r2.wait_ip(ip(other), true, SECOND / 100)?;
        r1.link(device, true, Cut::Switch)?;
        r1.wait_ip(ip(VIP), true, BOUND)?;
        r1.wait_ip(ip(other), true, SECOND / 100)?;
        r2.wait_ip(ip(VIP), false, SECOND / 10)?;
        r2.wait_ip(ip(other), false, SECOND / 10)?;
        stage.lab.pass(2 * SECOND);
    }
    told(&daemon, "VRRP_Group(G) Syncing instances to FAULT state", 0, SECOND)?;
    told(&daemon, "VRRP_Group(G) Syncing instances to MASTER state", 0, SECOND)?;

    // A tracked file: its number is added at once, also when it is replaced or vanishes.
    r1.wait_ip(ip("192.0.2.103"), true, BOUND)?;
    let changes = [("-60\n", "from 150 to 90"), ("5", "from 90 to 155"), ("nonsense", "from 155 to 150")];
    for (text, change) in changes {
        let after = log_length(&daemon)?;
        write(r1, "/run/tf.new", text)?;
        crate::stage::inside(r1, "renaming", || std::fs::rename("/run/tf.new", "/run/tf"))?;
        told(&daemon, &format!("(VI_3) Changing effective priority {change}"), after, SECOND / 10)?;
    }
    write(r1, "/run/tf", "-60")?;
    r2.wait_ip(ip("192.0.2.103"), true, 5 * SECOND)?;
    remove(r1, "/run/tf")?;
    r1.wait_ip(ip("192.0.2.103"), true, 5 * SECOND)?;
    Ok(Outcome::Passed)
}

/// How many scripts start at one instant.
const CROWD: usize = 255;

/// How late an advert may be among them. A real clock has other programs to serve, too.
fn tolerance() -> Duration {
    let exact = std::env::var(CLOCK_VARIABLE).is_ok_and(|c| c == "infinite");
    if exact { EXACT } else { Duration::from_millis(50) }
}

pub(crate) fn crowd() -> Result<Outcome> {
    let stage = Stage::new("crowd", 1)?;
    let r1 = stage.r1();
    let scripts: String = (0..CROWD)
        .map(|n| format!("vrrp_script s{n} {{\n script /bin/true\n interval 2\n weight -1\n}}\n"))
        .collect();
    let names: String = (0..CROWD).map(|n| format!("  s{n}\n")).collect();
    let lines = format!(" track_script {{\n{names} }}\n{}", vips(&[&format!("{VIP}/24")]));
    let conf = format!("{scripts}{}", instance("VI_1", 51, 150, &lines));
    let daemon = start_master(&stage, &conf)?;
    let from = stage.next_advert(51)?;
    stage.lab.pass(6 * SECOND);
    let gaps: Vec<Duration> =
        stage.adverts(51, from).windows(2).map(|p| p[1].at.saturating_sub(p[0].at)).collect();
    let worst = gaps.iter().map(|g| g.abs_diff(SECOND)).max().unwrap_or_default();
    println!("  {CROWD} scripts at once move an advert by {worst:?} at most");
    ensure(gaps.len() >= 4, format_args!("adverts: {gaps:?}"))?;
    ensure(worst <= tolerance(), format_args!("an advert was {worst:?} from its instant"))?;
    daemon.signal(Signal::SIGTERM)?;
    daemon.wait(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}

/// The script that reads a FIFO gets its path and each line, and ends with the daemon.
pub(crate) fn reader() -> Result<Outcome> {
    let stage = Stage::new("reader", 1)?;
    let r1 = stage.r1();
    script(
        r1,
        "/run/reader.sh",
        &format!("echo \"$*\" >>{TOLD}\nwhile read -r line; do echo \"$line\" >>{TOLD}; done <\"$2\""),
    )?;
    let conf = format!(
        "global_defs {{\n vrrp_notify_fifo /run/fifo\n vrrp_notify_fifo_script \"/run/reader.sh own\"\n \
         vrrp_notify_priority_changes\n}}\n{}",
        simple(150)
    );
    let daemon = start_master(&stage, &conf)?;
    let lines = |n: usize| -> Result<()> {
        lab::wait("the reader has read", SECOND, || Ok(read(r1, TOLD)?.lines().count() >= n)).map(drop)
    };
    lines(3)?;
    r1.write("vipd.conf", &conf.replace("priority 150", "priority 160"))?;
    daemon.signal(Signal::SIGHUP)?;
    lines(4)?;
    let all = read(r1, TOLD)?;
    let want = "own /run/fifo\nINSTANCE \"VI_1\" BACKUP 150\nINSTANCE \"VI_1\" MASTER 150\n\
                INSTANCE \"VI_1\" MASTER_PRIORITY 160\n";
    ensure(all == want, format_args!("the reader read {all}"))?;
    daemon.stop(BOUND)?;
    let all = read(r1, TOLD)?;
    ensure(all == format!("{want}INSTANCE \"VI_1\" STOP 160\n"), format_args!("the end: {all}"))?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}

/// The scripts process dies while scripts hang: nobody changes state, and nothing is left at the end.
pub(crate) fn orphans() -> Result<Outcome> {
    let stage = Stage::new("orphans", 1)?;
    let r1 = stage.r1();
    script(r1, "/run/hang.sh", "[ -e /run/hang ] && { trap '' TERM; sleep 1234 & sleep 1234; }\nexit 0")?;
    let lines = format!(" track_script {{\n  chk\n }}\n{}", vips(&[&format!("{VIP}/24")]));
    let conf = format!(
        "vrrp_script chk {{\n script /run/hang.sh\n interval 1\n timeout 30\n}}\n{}",
        instance("VI_1", 51, 150, &lines)
    );
    let daemon = start_master(&stage, &conf)?;
    write(r1, "/run/hang", "")?;
    let hanging = || -> Result<usize> {
        Ok(r1.processes()?.iter().filter(|p| p.words.contains(&"1234".to_owned())).count())
    };
    lab::wait("the script hangs", 3 * SECOND, || Ok(hanging()? == 2))?;
    r1.run("rm", &["/run/hang"])?;
    let (from, after) = (stage.next_advert(51)?, log_length(&daemon)?);
    let scripts = family(r1, &daemon)?.scripts;
    scripts.map_or(Ok(()), |p| p.signal(Signal::SIGKILL))?;
    told(&daemon, "died: Respawning", after, SECOND)?;
    stage.lab.pass(4 * SECOND);
    stage.regular(51, from, SECOND)?;
    daemon.stop(BOUND)?;
    nothing_left(r1, &[VIP])?;
    Ok(Outcome::Passed)
}
