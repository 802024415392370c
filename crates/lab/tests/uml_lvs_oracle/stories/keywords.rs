//! Keywords of services and servers that no other story has.

use lab::Result;

use crate::Story;
use crate::conf::{at_once, each, global, real, real_at, service, url};
use crate::servers::Answer::Silence;
use crate::servers::web;
use crate::stage::Stage;

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("lvs-times-are-set-at-three-levels", times),
    ("lvs-each-kind-of-check-has-times-of-its-own", defaults),
    ("lvs-all-schedulers-and-their-flags", schedulers),
    ("lvs-all-ways-of-forwarding", forwarding),
    ("lvs-groups-have-ranges-of-each-form", ranges),
    ("lvs-servers-may-say-otherwise-than-their-service", otherwise),
    ("lvs-mail-has-levels", mail),
    ("lvs-commands-have-words-and-users", commands),
    ("lvs-misc-check-has-words-and-a-user", misc),
    ("lvs-files-weigh-in-each-way", files),
    ("lvs-a-service-may-lack-nearly-everything", bare),
];

/// Retries, their delay, the interval and the timeout, at the service, the server and the check.
fn times(s: &mut Stage) -> Result<()> {
    (1..=6).try_for_each(|n| s.open(n, Silence))?;
    let all = "retry 2\n delay_before_retry 0.5\n delay_loop 4\n connect_timeout 1.5\n warmup 0";
    let tcp = |lines: &str| format!("TCP_CHECK {{\n {lines}\n }}");
    let of =
        |n: u8, lines: &str, server: &str| service(&format!("192.0.2.10 8{n}"), lines, &[real(n, server)]);
    let conf = [
        of(1, all, &tcp("")),
        of(2, all, &format!("retry 1\n delay_before_retry 2\n delay_loop 3\n {}", tcp(""))),
        of(3, all, &format!("retry 1\n delay_loop 3\n {}", tcp("retry 0\n delay_loop 1.25"))),
        of(4, all, &tcp("log_all_failures")),
        of(5, all, &format!("connect_timeout 3\n {}", tcp("delay_before_retry 0.25\n log_all_failures off"))),
        of(6, all, &tcp("connect_timeout 0.75")),
    ];
    s.start(&(global("") + &conf.concat()))?;
    s.rest(2.0)?;
    (1..=4).for_each(|n| s.close(n));
    // These two are gone without a word.
    for n in [5, 6] {
        s.farm.run("ip", &["address", "delete", &format!("10.0.0.2{n}/24"), "dev", "eth0"])?;
    }
    s.farm.run("ip", &["neigh", "flush", "all"])?;
    s.rest(20.2)
}

/// What holds of retries without a word, of each kind.
fn defaults(s: &mut Stage) -> Result<()> {
    s.script("/run/misc", "exit $(cat /run/status)")?;
    s.write("/run/status", "0")?;
    s.open(1, web())?;
    s.open(2, Silence)?;
    s.open_at("10.0.0.23:25", crate::servers::Answer::Smtp(220, 250))?;
    s.open_udp("10.0.0.24:53", crate::servers::Answer::Dns(0))?;
    s.open_udp("10.0.0.25:53", Silence)?;
    let servers = [
        real(1, &format!("HTTP_GET {{\n {} }}\n", url("/", ""))),
        real(2, "TCP_CHECK {\n }\n"),
        real_at("10.0.0.23 25", "SMTP_CHECK {\n }\n"),
        real(4, "MISC_CHECK {\n misc_path /run/misc\n }\n"),
        real(6, "PING_CHECK {\n }\n"),
    ];
    let datagrams =
        [real_at("10.0.0.24 53", "DNS_CHECK {\n }\n"), real_at("10.0.0.25 53", "UDP_CHECK {\n }\n")];
    s.start(&(global("") + &each("TCP", &servers) + &each("UDP", &datagrams)))?;
    s.rest(2.5)?;
    s.close(1);
    s.close(2);
    s.close_at("10.0.0.23:25");
    s.write("/run/status", "1")?;
    s.close_udp("10.0.0.24:53");
    s.close_udp("10.0.0.25:53");
    s.farm.run("sysctl", &["-q", "net.ipv4.icmp_echo_ignore_all=1"])?;
    s.rest(29.5)
}

/// Old names of keywords, too.
fn schedulers(s: &mut Stage) -> Result<()> {
    let names = [
        "rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos", "none",
    ];
    let mut conf = global("");
    for (name, n) in names.iter().zip(20..) {
        conf += &format!(
            "virtual_server 192.0.2.{n} 80 {{\n lb_algo {name}\n lb_kind NAT\n protocol TCP\n \
             real_server 10.0.0.21 80 {{\n }}\n}}\n"
        );
    }
    let flags = [
        "lvs_sched sh\n sh-port",
        "lvs_sched sh\n sh-fallback\n sh-port",
        "lvs_sched sh\n hashed",
        "lvs_sched mh\n mh-port",
        "lvs_sched mh\n flag-3",
        "lvs_sched rr\n sh-port",
        "lvs_sched rr\n mh-fallback",
        "lvs_sched wlc\n flag-1\n flag-2\n flag-3",
        "sh-port\n lvs_sched sh",
        "lvs_sched sh\n flag-1\n lvs_sched mh",
        "persistence_timeout 0",
        "persistence_timeout 60\n persistence_granularity 24",
        "persistence_granularity 255.255.0.0",
        "persistence_engine sip",
        "ops",
    ];
    for (lines, n) in flags.iter().zip(50..) {
        conf += &service(&format!("192.0.2.{n} 80"), lines, &[real(1, "")]);
    }
    let six = [
        "persistence_timeout 60\n persistence_granularity 64",
        "persistence_granularity 120",
        "lvs_sched mh\n mh-port",
    ];
    for (lines, n) in six.iter().zip(20..) {
        conf += &service(&format!("2001:db8::{n} 80"), lines, &[real_at("2001:db8:1::21 80", "")]);
    }
    let marks = [
        "ops\n persistence_timeout 60",
        "persistence_granularity 255.255.255.0",
        "ip_family inet6\n persistence_granularity 48",
        "protocol UDP",
    ];
    for (lines, n) in marks.iter().zip(1..) {
        let at = if n == 3 { "2001:db8:1::21 80" } else { "10.0.0.21 80" };
        conf += &service(&format!("fwmark {n}"), lines, &[real_at(at, "")]);
    }
    s.start(&conf)?;
    s.rest(2.5)?;
    s.stop()?;
    s.rest(6.5)
}

fn forwarding(s: &mut Stage) -> Result<()> {
    let of = |n: u8, lines: &str, servers: &[String]| service(&format!("192.0.2.{n} 80"), lines, servers);
    let kinds = [
        "NAT",
        "DR",
        "TUN",
        "TUN type ipip nocsum",
        "TUN type ipip csum",
        "TUN type gue port 6080",
        "TUN type gue port 6080 nocsum",
        "TUN type gue port 6080 csum",
        "TUN type gue port 6080 remcsum",
        "TUN type gue",
        "TUN type gre",
        "TUN type gre nocsum",
        "TUN type gre csum",
        "TUN type gre remcsum",
        "TUN type gre port 6080",
        "TUN gue port 6080",
        "nat",
        "BRIDGE",
    ];
    let mut conf = global("");
    for (kind, n) in kinds.iter().zip(20..) {
        conf += &of(n, &format!("lb_kind {kind}"), &[real(1, "")]);
    }
    conf += &of(
        60,
        "lvs_method DR",
        &[real(1, "lvs_method NAT"), real(2, "lvs_method TUN type gre"), real_at("10.0.0.23 8080", "")],
    );
    // Of another family, which only tunnels bear.
    conf += &of(61, "lvs_method TUN", &[real_at("2001:db8:1::21 80", "")]);
    conf += &of(62, "lvs_method NAT", &[real(1, ""), real_at("2001:db8:1::21 80", "")]);
    for (lines, n) in [
        "sorry_server 10.0.0.26 8080\n sorry_server_lvs_method DR",
        "sorry_server 10.0.0.26 8080\n sorry_server_lvs_method TUN type gue port 6080",
        "sorry_server 10.0.0.26",
        "lvs_method DR\n sorry_server 10.0.0.26 8080",
        "sorry_server_inhibit\n sorry_server 10.0.0.26 81",
        "sorry_server 10.0.0.26 81\n sorry_server_inhibit\n sorry_server_lvs_method TUN",
    ]
    .iter()
    .zip(70..)
    {
        conf += &of(n, lines, &[real_at(&format!("10.0.0.29 80{n}"), &at_once())]);
    }
    s.start(&conf)?;
    s.look(0.9, &["-Ln", "--tun-info"])?;
    s.rest(0.9)?;
    s.rest(9.5)
}

fn ranges(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let groups = [
        "192.0.2.20-22 80\n 192.0.2.30-192.0.2.32 81\n 192.0.2.40 80",
        "192.0.2.64/30 80",
        "fwmark 5\n fwmark 6",
        "2001:db8::20-22 80\n 2001:db8::f-11 81",
        "192.0.2.50 80\n 192.0.2.50 80\n 192.0.2.51 80",
        "192.0.2.70 80\n 2001:db8::70 80",
        "fwmark 8 inet\n fwmark 9 inet",
        "192.0.2.80-79 80\n 192.0.2.81 80",
        "192.0.2.90 http",
        "192.0.2.91",
    ];
    let mut conf = global("");
    for (lines, n) in groups.iter().zip(1..) {
        conf += &format!("virtual_server_group g{n} {{\n {lines}\n}}\n");
    }
    for n in 1..=groups.len() {
        let server = if n == 4 { real_at("2001:db8:1::21 80", "") } else { real(1, "") };
        conf += &service(&format!("group g{n}"), "", &[server]);
    }
    // One group in two services that differ in their protocol; and one that is nowhere.
    conf += &service("group g1", "protocol UDP", &[real(2, "")]);
    conf += &service("group nowhere", "", &[real(2, "")]);
    conf += &service("group g6", "protocol UDP\n lvs_method TUN", &[real(2, "")]);
    s.start(&conf)?;
    s.rest(2.5)?;
    s.stop()?;
    s.rest(6.5)
}

fn otherwise(s: &mut Stage) -> Result<()> {
    (1..=9).try_for_each(|n| s.open_at(&format!("10.0.0.21:808{n}"), Silence))?;
    let check = at_once();
    // Each service has a server of its own, which tells who is meant.
    let one = |n: u8, lines: &str| real_at(&format!("10.0.0.21 808{n}"), lines);
    let conf = [
        service("192.0.2.10 81", "inhibit_on_failure", &[one(1, &check), real(2, &check)]),
        service(
            "192.0.2.10 82",
            "inhibit_on_failure",
            &[one(2, &check), real(3, &format!("inhibit_on_failure off\n {check}"))],
        ),
        service(
            "192.0.2.10 83",
            "alpha",
            &[one(3, &format!("alpha off\n {check}")), real(4, &format!("alpha no\n {check}"))],
        ),
        service(
            "192.0.2.10 84",
            "",
            &[one(4, &format!("alpha\n {check}")), real(5, &format!("alpha yes\n {check}"))],
        ),
        service("192.0.2.10 85", "weight 7", &[one(5, ""), real(6, "weight 0"), real(2, "weight 65535")]),
        service(
            "192.0.2.10 86",
            "uthreshold 9\n lthreshold 3",
            &[one(6, "uthreshold 10\n lthreshold 20"), real(2, "lthreshold 5"), real(3, "uthreshold 5")],
        ),
        service("192.0.2.10 87", "quorum 3\n hysteresis 3", &[one(7, &check), real(2, "weight 9")]),
        service("192.0.2.10 88", "quorum 30", &[one(8, "weight 4")]),
        service("192.0.2.10 89", "weight 0\n quorum 0", &[one(9, ""), real(2, "weight 2147483647")]),
    ];
    s.start(&(global("") + &conf.concat()))?;
    s.rest(0.5)?;
    s.look(0.5, &["-Ln", "--thresholds"])?;
    s.rest(4.5)?;
    (1..=9).for_each(|n| s.close_at(&format!("10.0.0.21:808{n}")));
    s.rest(9.5)
}

/// Who gets mail of whom, from whom.
fn mail(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.open(2, Silence)?;
    let silent = format!("smtp_alert no\n {}", at_once());
    let told = format!("smtp_alert on\n {}", at_once());
    let of = |port: u16, lines: &str, n: u8, server: &str| {
        service(&format!("192.0.2.10 {port}"), lines, &[real(n, server)])
    };
    let conf = |alerts: &str| {
        let global = global(alerts)
            .replace("admin@example.com", "admin@example.com\n second@example.com third@example.com");
        [
            global,
            of(81, "", 1, &at_once()),
            of(82, "smtp_alert", 1, &silent),
            of(83, "smtp_alert off", 2, &told),
            of(84, "smtp_alert false", 2, &silent),
        ]
        .concat()
    };
    s.start(&conf(""))?;
    let mut now = 4.0;
    for alerts in [
        "smtp_alert",
        "smtp_alert off",
        "smtp_alert_checker",
        "smtp_alert\n smtp_alert_checker off",
        "smtp_alert off\n smtp_alert_checker on",
    ] {
        s.until(now);
        s.close(1);
        s.close(2);
        s.until(now + 4.0);
        s.open(1, Silence)?;
        s.open(2, Silence)?;
        s.until(now + 8.0);
        s.reload(&conf(alerts))?;
        now += 10.0;
    }
    s.until(now);
    s.close(1);
    s.close(2);
    s.rest(now + 4.0)
}

/// Commands with words, quotes and users; FIFOs with readers.
fn commands(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    s.script("/run/who", "echo \"$(id -un):$(id -gn) $(umask) $# $*\" >/run/told")?;
    s.script("/run/reader", "echo \"reader $# $*\" >/run/told\n while read -r line; do echo \"read $line\" >/run/told; done <\"$1\"")?;
    s.run("chmod 666 /run/told")?;
    let lines = |n: u8| {
        format!(
            " real_server 10.0.0.2{n} 80 {{\n notify_up \"/run/who up 'two words' three\" nobody\n \
             notify_down \"/run/who down\" nobody daemon\n {}\n }}\n",
            at_once()
        )
    };
    let conf = format!(
        "virtual_server 192.0.2.10 80 {{\n delay_loop 2\n lvs_sched rr\n protocol TCP\n warmup 0\n quorum 2\n \
         quorum_up \"/run/who gained\" nobody\n quorum_down '/run/who lost'\n{}{}}}\n",
        lines(1),
        lines(2)
    );
    let global = global("lvs_notify_fifo_script \"/run/reader extra\" nobody\n rs_init_notifies")
        .replace("lvs_notify_fifo /run/lvs.fifo", "lvs_notify_fifo /run/other.fifo nobody");
    s.start(&(global + &conf))?;
    s.rest(4.5)?;
    s.show(4.5, "stat -c %A-%U-%G /run/other.fifo")?;
    s.open(2, Silence)?;
    s.rest(9.5)?;
    s.stop()?;
    s.rest(15.5)?;
    s.show(15.5, "find /run -name other.fifo")
}

fn misc(s: &mut Stage) -> Result<()> {
    s.script("/run/who", "echo \"$(id -un):$(id -gn) $# $*\" >/run/told; exit ${1:-0}")?;
    s.run("chmod 666 /run/told")?;
    s.write("/run/plain", "no program\n")?;
    let misc = |lines: &str| format!("MISC_CHECK {{\n {lines}\n }}\n");
    let servers = [
        real(1, &misc("misc_path \"/run/who 0 'two words'\"\n user nobody")),
        real(2, &misc("misc_path \"/run/who 1 other\" nobody daemon")),
        real(3, &misc("misc_path '/run/who 9 dynamic'\n misc_dynamic\n user nobody daemon")),
        real(4, &misc("misc_path /run/nowhere")),
        real(5, &misc("misc_path /run/plain")),
        real(6, &misc("misc_path \"/run/who 0\"\n user nosuchuser")),
        real(7, &misc("misc_path true")),
        real(8, &misc("misc_timeout 3")),
        real(9, &misc("misc_path \"/bin/sh -c 'kill -9 $$'\"")),
    ];
    s.start(&(global("") + &each("TCP", &servers)))?;
    s.rest(2.5)?;
    s.rest(4.5)
}

fn files(s: &mut Stage) -> Result<()> {
    s.write("/run/a", "3")?;
    s.write("/run/b", "5")?;
    let track = "track_file a {\n file /run/a\n weight 1\n}\ntrack_file b {\n file /run/b\n}\n\
                 track_file c {\n file /run/c\n weight 2 reverse\n init_file 4\n}\n";
    let of = |name: &str, lines: &str| format!("FILE_CHECK {{\n track_file {name}\n {lines}\n }}\n");
    let server = |n: u8, checks: &str| real(n, &format!("weight 10\n {checks}"));
    let servers = [
        server(1, &of("a", "weight 2 reverse")),
        server(2, &(of("a", "") + &of("b", "weight 3"))),
        server(3, &of("b", "")),
        server(4, &of("c", "")),
        server(5, &of("nowhere", "weight 1")),
        server(6, &(of("a", "weight -2") + &at_once())),
        server(7, &of("c", "weight 1 noreverse")),
    ];
    s.open(6, Silence)?;
    s.start(&(global("") + track + &each("TCP", &servers)))?;
    s.rest(3.5)?;
    for (file, text, now) in [
        ("/run/a", "0", 5.5),
        ("/run/b", "0", 7.5),
        ("/run/a", "-7", 9.5),
        ("/run/c", "1", 11.5),
        ("/run/a", "nonsense", 13.5),
        ("/run/b", "99999999999", 15.5),
        ("/run/a", "2147483647", 17.5),
    ] {
        s.write(file, text)?;
        s.rest(now)?;
    }
    s.run("rm /run/a")?;
    s.rest(19.5)
}

/// Services of few words, and of odd ones.
fn bare(s: &mut Stage) -> Result<()> {
    s.open(1, Silence)?;
    let conf = [
        "virtual_server 192.0.2.20 80 {\n real_server 10.0.0.21 80 {\n }\n}\n",
        "virtual_server 192.0.2.21 80 {\n protocol TCP\n}\n",
        "virtual_server 192.0.2.22 80 {\n protocol TCP\n sorry_server 10.0.0.26 80\n}\n",
        "virtual_server 192.0.2.23 80 {\n protocol ICMP\n real_server 10.0.0.21 80 {\n }\n}\n",
        "virtual_server 192.0.2.24 80 {\n protocol tcp\n lvs_sched nosuch\n real_server 10.0.0.21 80 {\n }\n}\n",
        "virtual_server 192.0.2.25 {\n protocol udp\n real_server 10.0.0.21 {\n }\n}\n",
        "virtual_server 192.0.2.26 0 {\n protocol tcp\n persistence_timeout 50\n real_server 10.0.0.21 0 {\n }\n}\n",
        "virtual_server 192.0.2.27 80 {\n protocol tcp\n real_server 10.0.0.21 80 {\n }\n real_server 10.0.0.21 80 {\n \
         weight 2\n }\n}\n",
        "virtual_server 192.0.2.28 80 {\n real_server 10.0.0.21 80 {\n weight 3\n }\n lvs_method DR\n weight 5\n \
         real_server 10.0.0.22 80 {\n }\n lvs_sched lc\n protocol TCP\n}\n",
        "virtual_server 192.0.2.29 80 { # comment\n protocol TCP ! another\n ! whole\n lvs_sched \"rr\"\n \
         real_server 10.0.0.21 80 {\n weight 4 } \n}\n",
        "virtual_server 192.0.2.20 80 {\n protocol UDP\n real_server 10.0.0.22 80 {\n }\n}\n",
        "virtual_server fwmark 3 {\n real_server 10.0.0.21 80 {\n }\n}\n",
        "virtual_server 192.0.2.30 80 {\n protocol TCP\n unknown_keyword 5\n real_server 10.0.0.21 80 {\n nonsense\n \
         TCP_CHECK {\n connect_timeout 2\n more_nonsense\n }\n }\n}\n",
        "virtual_server 192.0.2.31 http {\n protocol TCP\n real_server 10.0.0.21 80 {\n }\n}\n",
        "virtual_server 192.0.2.32 80 {\n protocol TCP\n delay_loop 0\n quorum 0\n real_server 10.0.0.21 http {\n weight -1\n }\n}\n",
    ];
    s.start(&(global("") + &conf.concat()))?;
    s.rest(2.5)?;
    s.stop()?;
    s.rest(6.5)
}
