//! What people do with a balancer that runs: odd, but real.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, check, global, real, service, tcp, url, with};
use crate::servers::Answer::{Dns, Silence};
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-a-reload-reorders-servers", reorder),
    ("lvs-a-reload-changes-the-protocol", protocol),
    ("lvs-a-reload-makes-an-address-a-mark", mark),
    ("lvs-a-reload-removes-the-only-check", no_check),
    ("lvs-two-reloads-come-at-once", twice),
    ("lvs-the-end-comes-right-after-a-reload", reload_and_end),
    ("lvs-killed-checkers-are-started-again", killed),
    ("lvs-the-state-can-be-searched", state),
    ("lvs-a-group-of-marks-has-no-protocol", marks),
    ("lvs-processes-run-as-the-globals-say", processes),
];

fn reorder(s: &mut Stage) -> Result<()> {
    (1..=2).try_for_each(|n| s.open(n, Silence))?;
    s.start(&with(&[1, 2, 3]))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&with(&[3, 2, 1]))?;
    s.rest(7.5)?;
    s.open(3, Silence)?;
    s.rest(11.5)?;
    s.close(1);
    s.rest(15.5)
}

fn protocol(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |protocol: &str| global("") + &tcp(&format!("protocol {protocol}"), &[real(1, &at_once())]);
    s.start(&conf("TCP"))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf("UDP"))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf("TCP"))?;
    s.rest(11.5)
}

fn mark(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |name: &str, protocol: &str| {
        let lines = service(name, "", &[real(1, &at_once()), real(2, &at_once())]);
        global("") + &lines.replace(" protocol TCP\n", protocol)
    };
    s.start(&conf("192.0.2.10 80", " protocol TCP\n"))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf("fwmark 7", ""))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf("192.0.2.10 80", " protocol TCP\n"))?;
    s.rest(11.5)
}

fn no_check(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = |two: &str| global("") + &tcp("", &[real(1, &at_once()), real(2, two)]);
    s.start(&conf(&at_once()))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&conf(""))?;
    s.rest(7.5)?;
    s.until(8.0);
    s.reload(&conf(&at_once()))?;
    s.rest(11.5)
}

fn twice(s: &mut Stage) -> Result<()> {
    (1..=3).try_for_each(|n| s.open(n, Silence))?;
    s.start(&with(&[1, 2]))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&with(&[1, 2, 3]))?;
    s.reload(&with(&[2, 3]))?;
    s.rest(7.5)?;
    s.close(2);
    s.rest(11.5)
}

fn reload_and_end(s: &mut Stage) -> Result<()> {
    (1..=2).try_for_each(|n| s.open(n, Silence))?;
    s.start(&with(&[1]))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.reload(&with(&[1, 2]))?;
    s.stop()?;
    s.rest(9.5)
}

fn killed(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.script("/run/kill", "kill -KILL $(cat /run/checkers.pid)")?;
    s.start(&(global("") + &tcp("", &[real(1, &at_once()), real(2, &at_once())])))?;
    s.rest(3.5)?;
    s.until(4.0);
    s.run("/run/kill")?;
    s.rest(4.2)?;
    s.rest(9.5)?;
    s.parts(9.5)?;
    s.open(2, Silence)?;
    s.rest(13.5)
}

/// What an engineer looks for in `keepalived_check.data`.
fn state(s: &mut Stage) -> Result<()> {
    s.open(1, web())?;
    s.open_udp("10.0.0.24:53", Dns(0))?;
    s.script("/run/ok", "exit 0")?;
    s.script("/run/ask", "kill -USR1 $(cat /run/keepalived.pid)")?;
    s.script(
        "/run/words",
        "for w in \"$@\"; do echo \"$w: $(grep -q -i -- \"$w\" /tmp/keepalived_check.data && echo yes)\"; done",
    )?;
    let get = format!("weight 7\n HTTP_GET {{\n {} }}\n", url("/", ""));
    let servers = [
        real(1, &get),
        real(2, &format!("weight 5\n {}", at_once())),
        real(3, "MISC_CHECK {\n misc_path /run/ok\n }\n"),
        real(4, &check("DNS_CHECK", "type A")),
    ];
    s.start(&(global("") + &tcp("sorry_server 10.0.0.26 81\n quorum 2", &servers)))?;
    s.until(3.0);
    s.run("/run/ask")?;
    let words = "192.0.2.10 10.0.0.21 10.0.0.22 10.0.0.26 HTTP_CHECK TCP_CHECK MISC_CHECK DNS_CHECK quorum weight.=.7 weight.=.5";
    s.show(4.0, &format!("/run/words {words}"))
}

fn marks(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let group =
        |name: &str, n: u8| format!("virtual_server_group {name} {{\n fwmark {n}\n fwmark {}\n}}\n", n + 1);
    let of = |name: &str, n: u8| {
        service(&format!("group {name}"), "", &[real(n, &at_once()), real(n + 1, &at_once())])
    };
    let without = of("plain", 3).replace(" protocol TCP\n", "");
    let conf = [global(""), group("marks", 5), group("plain", 7), of("marks", 1), without].concat();
    s.start(&conf)?;
    s.rest(3.5)?;
    s.open(2, Silence)?;
    s.close(1);
    s.rest(7.5)?;
    s.stop()?;
    s.rest(11.5)
}

/// What the kernel says of the checkers.
fn processes(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.script(
        "/run/look",
        "p=$(cat /run/checkers.pid)\n cut -d')' -f2- /proc/$p/stat | cut -d' ' -f17,18,39,40\n \
         grep -c 'VmLck:.* 0 kB' /proc/$p/status\n cat /proc/$p/oom_score_adj",
    )?;
    let conf = |lines: &str| global(lines) + &tcp("", &[real(1, &at_once())]);
    s.start(&conf("checker_priority -7\n checker_no_swap\n lvs_netlink_cmd_rcv_bufs 100000\n lvs_netlink_monitor_rcv_bufs 200000"))?;
    s.show(2.0, "/run/look")?;
    s.until(4.0);
    s.reload(&conf("checker_priority 0\n checker_rt_priority 20\n checker_rlimit_rttime 500000"))?;
    s.show(6.0, "/run/look")?;
    s.rest(7.5)
}
