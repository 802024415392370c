//! The keywords of `global_defs` about load balancing.

use std::net::IpAddr;

use base::{Duration, IfName};
use model::global::Scheduling;
use model::lvs::{Flush, Timeouts};

use super::{
    FifoDraft, GlobalDraft, REALTIME, RTTIME, cpus, fifo, keyword, name, rttime, secs_of, u8_of, u32_of,
};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range, SecondsRange, value};
use crate::lang::{Node, Word};

/// What `global_defs` says about load balancing, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct LvsGlobalDraft {
    /// `net_namespace_ipvs`; without a name that of the host.
    pub(crate) namespace: Option<Option<base::Name>>,
    pub(crate) process_name: Option<base::Name>,
    pub(crate) process: Scheduling,
    pub(crate) log_all_failures: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) flush: bool,
    pub(crate) flush_on_stop: Flush,
    pub(crate) sync: Option<SyncDraft>,
    pub(crate) nftables: Option<Option<Word>>,
    pub(crate) nftables_priority: Option<i32>,
    pub(crate) nftables_first_mark: Option<u32>,
    pub(crate) command_buffer: Option<u32>,
    pub(crate) monitor_buffer: Option<u32>,
    pub(crate) fifo: FifoDraft,
    pub(crate) init_notifies: bool,
    pub(crate) no_shared_checks: bool,
    pub(crate) panic_guard: Option<Duration>,
}

/// `lvs_sync_daemon` as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SyncDraft {
    pub(crate) link: IfName,
    pub(crate) instance: Option<Word>,
    pub(crate) id: Option<u8>,
    pub(crate) max_len: Option<u16>,
    pub(crate) port: Option<u16>,
    pub(crate) ttl: Option<u8>,
    pub(crate) group: Option<IpAddr>,
}

impl SyncDraft {
    /// A daemon on `link` that follows `instance`.
    pub(crate) fn following(link: IfName, instance: Word) -> Self {
        Self { link, instance: Some(instance), id: None, max_len: None, port: None, ttl: None, group: None }
    }
}

pub(super) const KEYWORDS: &[Keyword<GlobalDraft>] = &[
    keyword!(
        "checker_process_name",
        Kind::Word("NAME", |g, w, cx| g.lvs.process_name = name(w, cx)),
        "process_name",
        "name of the checkers' process, at most 15 bytes"
    ),
    keyword!(
        "lvs_process_name",
        Kind::Word("NAME", |g, w, cx| g.lvs.process_name = name(w, cx)),
        "process_name",
        "the older name of checker_process_name"
    ),
    keyword!(
        "checker_log_all_failures",
        Kind::Switch(|g, on| g.lvs.log_all_failures = on),
        "off",
        "log failures of checks that are tolerated, too"
    ),
    keyword!(
        "lvs_timeouts",
        Kind::Line("[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]", timeouts),
        "the kernel's",
        "how long connections without traffic are remembered"
    ),
    keyword!("lvs_flush", Kind::Flag(|g| g.lvs.flush = true), "off", "empty the kernel's table at the start"),
    keyword!(
        "lvs_flush_on_stop",
        Kind::Line("[VS]", flush_on_stop),
        "off",
        "empty the kernel's table at the end, or with VS remove services as a whole"
    ),
    keyword!(
        "lvs_flush_onstop",
        Kind::Line("[VS]", flush_on_stop),
        "off",
        "the older name of lvs_flush_on_stop"
    ),
    keyword!(
        "lvs_sync_daemon",
        Kind::Line(
            "IF [inst INSTANCE] [id NUMBER] [maxlen BYTES] [port NUMBER] [ttl NUMBER] [group ADDRESS]",
            sync_daemon
        ),
        "",
        "tell connections to other directors"
    ),
    keyword!(
        "nftables_ipvs",
        Kind::Line("[TABLE]", |g, node, _| g.lvs.nftables = Some(node.words.first().cloned())),
        "off; keepalived_ipvs without a name",
        "serve groups by marks that nftables sets"
    ),
    keyword!(
        "nftables_ipvs_priority",
        Kind::Number {
            range: Range::new(i32::MIN as i64, i32::MAX as i64, ""),
            set: |g, n| g.lvs.nftables_priority = i32::try_from(n).ok()
        },
        "-1",
        "priority of the chain in that table"
    ),
    keyword!(
        "nftables_ipvs_start_fwmark",
        Kind::Number {
            range: Range::new(1, u32::MAX as i64, ""),
            set: |g, n| g.lvs.nftables_first_mark = Some(u32_of(n))
        },
        "1000",
        "the first of those marks"
    ),
    keyword!(
        "lvs_notify_fifo",
        Kind::Line("PATH [USER [GROUP]]", |g, node, cx| fifo(&mut g.lvs.fifo, node, cx)),
        "",
        "FIFO that is told events of load balancing"
    ),
    keyword!(
        "lvs_notify_fifo_script",
        Kind::Script(|g, c| g.lvs.fifo.script = Some(c)),
        "",
        "script that reads lvs_notify_fifo"
    ),
    keyword!(
        "checker_priority",
        Kind::Number {
            range: Range::new(-20, 19, ""),
            set: |g, n| g.lvs.process.nice = i8::try_from(n).ok()
        },
        "0",
        "nice value of the checkers' process"
    ),
    keyword!(
        "checker_no_swap",
        Kind::Flag(|g| g.lvs.process.no_swap = true),
        "off",
        "keep the checkers' process in memory"
    ),
    keyword!(
        "checker_rt_priority",
        Kind::Number { range: REALTIME, set: |g, n| g.lvs.process.realtime = u8::try_from(n).ok() },
        "",
        "real-time priority of the checkers' process"
    ),
    keyword!(
        "checker_cpu_affinity",
        Kind::Line("CPU ..", |g, node, cx| cpus(&mut g.lvs.process.cpus, node, cx)),
        "all",
        "CPUs of the checkers' process"
    ),
    keyword!(
        "checker_rlimit_rttime",
        Kind::Number { range: RTTIME, set: |g, n| g.lvs.process.rlimit_rttime = rttime(n) },
        "10000",
        "longest real-time run of the checkers' process without a pause"
    ),
    keyword!(
        "checker_rlimit_rtime",
        Kind::Number { range: RTTIME, set: |g, n| g.lvs.process.rlimit_rttime = rttime(n) },
        "10000",
        "the older name of checker_rlimit_rttime"
    ),
    keyword!(
        "lvs_netlink_cmd_rcv_bufs",
        Kind::Number { range: BUFFER, set: |g, n| g.lvs.command_buffer = Some(u32_of(n)).filter(|n| *n > 0) },
        "the kernel's",
        "receive buffer of the checkers for answers of the kernel"
    ),
    keyword!(
        "lvs_netlink_cmd_rcv_bufs_force",
        Kind::Switch(|_, _| ()),
        "on",
        "the buffer may exceed the kernel's limit; it always does"
    ),
    keyword!(
        "lvs_netlink_monitor_rcv_bufs",
        Kind::Number { range: BUFFER, set: |g, n| g.lvs.monitor_buffer = Some(u32_of(n)).filter(|n| *n > 0) },
        "the kernel's",
        "receive buffer of the checkers for events of the kernel"
    ),
    keyword!(
        "lvs_netlink_monitor_rcv_bufs_force",
        Kind::Switch(|_, _| ()),
        "on",
        "the buffer may exceed the kernel's limit; it always does"
    ),
    keyword!(
        "rs_init_notifies",
        Kind::Switch(|g, on| g.lvs.init_notifies = on),
        "off",
        "tell real servers that are up from the start"
    ),
    keyword!(
        "no_shared_checks",
        Kind::Switch(|g, on| g.lvs.no_shared_checks = on),
        "off",
        "checks that are the same run once for each server, not once for all",
        "vipd only"
    ),
    keyword!(
        "lvs_panic_guard",
        Kind::Seconds { range: GUARD, set: |g, t| g.lvs.panic_guard = Some(t).filter(|t| !t.is_zero()) },
        "off",
        "if all checks through one interface fail within that time, their servers stay",
        "vipd only"
    ),
];

/// 0 leaves it to the kernel.
const BUFFER: Range = Range::new(0, u32::MAX as i64, "bytes");
const TIMEOUT: Range = Range::new(0, 2_678_400, "s");
/// Of `lvs_panic_guard`; 0 is off.
const GUARD: SecondsRange = SecondsRange::new(Duration::ZERO, Duration::from_secs(3_600), 6);

fn timeouts(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.len() < 2 {
        let d = Diagnostic::new(Code::VALUE, "`lvs_timeouts` needs at least one time")
            .at(node.line)
            .label("ignored")
            .help("write `tcp SECONDS`, `tcpfin SECONDS` or `udp SECONDS`")
            .log("lvs_timeouts requires at least one option");
        cx.report(d);
        return;
    }
    let mut words = node.words.iter();
    while let Some(word) = words.next() {
        let timeouts = &mut global.lvs.timeouts;
        let place = match word.text.as_str() {
            "tcp" => &mut timeouts.tcp,
            "tcpfin" => &mut timeouts.tcp_fin,
            "udp" => &mut timeouts.udp,
            other => {
                let d = Diagnostic::new(Code::VALUE, format!("`{other}` means nothing to `lvs_timeouts`"))
                    .at(word.span)
                    .label("ignored")
                    .help("write `tcp SECONDS`, `tcpfin SECONDS` or `udp SECONDS`")
                    .log(format!("Unknown option {other} specified for lvs_timeouts"));
                cx.report(d);
                continue;
            }
        };
        let Some(number) = words.next() else {
            let message = format!("`{}` needs a number of seconds", word.text);
            cx.bad_value(word, message, "add the number");
            return;
        };
        if let Some(seconds) = cx.number("lvs_timeouts", number, TIMEOUT) {
            *place = (seconds > 0).then(|| secs_of(seconds));
        }
    }
}

fn flush_on_stop(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    global.lvs.flush_on_stop = match node.words.first() {
        None => Flush::All,
        Some(word) if word.text == "VS" => Flush::Services,
        Some(word) => {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a way to flush", word.text))
                .at(word.span)
                .label("ignored")
                .help("write `VS`, or nothing")
                .log(format!("Unknown lvs_flush_on_stop type {}", word.text));
            cx.report(d);
            return;
        }
    };
}

/// Tells that a value of the daemon's line is no good.
fn bad(word: &Word, message: String, label: &str, log: String, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::VALUE, message).at(word.span).label(label).help(
        "write `IF [inst INSTANCE] [id NUMBER] [maxlen BYTES] [port NUMBER] [ttl NUMBER] [group ADDRESS]`",
    );
    cx.report(d.log(log));
}

fn sync_daemon(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(first) = node.words.first() else {
        let d = Diagnostic::new(Code::NO_VALUE, "`lvs_sync_daemon` needs an interface")
            .at(node.line)
            .label("ignored")
            .help("name the interface that leads to the other directors")
            .log("lvs_sync_daemon requires interface");
        cx.report(d);
        return;
    };
    if let Some(known) = &global.lvs.sync {
        let log = format!("lvs_sync_daemon has already been specified as {} - ignoring", known.link);
        bad(first, "there is one `lvs_sync_daemon` already".to_owned(), "this one is ignored", log, cx);
        return;
    }
    let Some(link) = cx.if_name(first) else { return };
    let mut draft =
        SyncDraft { link, instance: None, id: None, max_len: None, port: None, ttl: None, group: None };
    let mut words = node.words.iter().skip(1).enumerate();
    while let Some((place, word)) = words.next() {
        let known = ["inst", "id", "maxlen", "port", "ttl", "group"].contains(&word.text.as_str());
        if !known {
            old_form(&mut draft, place, word, cx);
            continue;
        }
        let Some((_, value)) = words.next() else {
            // The keyword is at 1, the interface at 2.
            cx.missing_after(node, word, place + 4);
            return;
        };
        option(&mut draft, &word.text, value, cx);
    }
    global.lvs.sync = Some(draft);
}

/// `IF INSTANCE [ID]`, as it was written once.
fn old_form(draft: &mut SyncDraft, place: usize, word: &Word, cx: &mut Cx<'_>) {
    let number = word.text.bytes().all(|b| b.is_ascii_digit());
    if place == 1 && number {
        let d = Diagnostic::new(Code::VALUE, "an id without `id` before it is an old form")
            .at(word.span)
            .label("still understood")
            .help(format!("write `id {}`", word.text))
            .log("Please use keyword \"id\" before lvs_sync_daemon SYNCID");
        cx.report(d);
        option(draft, "id", word, cx);
    } else if place == 0 {
        draft.instance = Some(word.clone());
    } else {
        bad(
            word,
            format!("`{}` means nothing to `lvs_sync_daemon`", word.text),
            "ignored",
            format!("lvs_sync_daemon unknown option {}", word.text),
            cx,
        );
    }
}

fn option(draft: &mut SyncDraft, keyword: &str, word: &Word, cx: &mut Cx<'_>) {
    let small = |n: i64| u16::try_from(n).ok();
    match keyword {
        "inst" => match &draft.instance {
            None => draft.instance = Some(word.clone()),
            Some(known) => {
                let log = format!(
                    "lvs_sync_daemon vrrp instance has already been specified as {} - ignoring",
                    known.text
                );
                bad(word, "an instance is named already".to_owned(), "ignored", log, cx);
            }
        },
        "id" => draft.id = cx.number("id", word, Range::new(0, 255, "")).map(u8_of),
        "maxlen" => {
            draft.max_len = cx.number("maxlen", word, Range::new(1, 65_507, "bytes")).and_then(small);
        }
        "port" => draft.port = cx.number("port", word, Range::new(1, 65_535, "")).and_then(small),
        "ttl" => draft.ttl = cx.number("ttl", word, Range::new(1, 255, "")).map(u8_of),
        _ => match value::address(&word.text) {
            Some(address) if address.is_multicast() => draft.group = Some(address),
            Some(address) => {
                let log = format!("lvs_sync_daemon group address {address} is not multicast - ignoring");
                bad(word, format!("`{address}` is not a multicast address"), "ignored", log, cx);
            }
            None => {
                let log = format!("Invalid lvs_sync_daemon group ({}) - ignoring", word.text);
                bad(word, format!("`{}` is not an address", word.text), "ignored", log, cx);
            }
        },
    }
}
