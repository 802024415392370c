//! The keywords of `global_defs` about processes and their files.

use base::Duration;
use model::global::AutoPriorityLimit;

use super::observers::passed_over;
use super::{BYTES, GlobalDraft, keyword, name, u32_of};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range};
use crate::lang::{Node, Word};

/// 1 is raised to 2: half of it must be something.
const RTTIME: Range = Range::new(1, u32::MAX as i64, "µs");

fn set_rttime(global: &mut GlobalDraft, n: i64) {
    global.out.bfd_process.rlimit_rttime = Some(u32_of(n).max(2));
}

pub(super) const KEYWORDS: &[Keyword<GlobalDraft>] = &[
    keyword!(
        "bfd_process_name",
        Kind::Word("NAME", |g, w, cx| g.out.bfd_process_name = name(w, cx)),
        "",
        "name of the BFD process, at most 15 bytes"
    ),
    keyword!(
        "bfd_priority",
        Kind::Number {
            range: Range::new(-20, 19, ""),
            set: |g, n| g.out.bfd_process.nice = i8::try_from(n).ok()
        },
        "0",
        "nice value of the BFD process"
    ),
    keyword!(
        "bfd_no_swap",
        Kind::Flag(|g| g.out.bfd_process.no_swap = true),
        "off",
        "keep the BFD process in memory"
    ),
    keyword!(
        "bfd_rt_priority",
        Kind::Number {
            range: Range::new(1, 99, "").clamped(),
            set: |g, n| g.out.bfd_process.realtime = u8::try_from(n).ok()
        },
        "",
        "real-time priority of the BFD process"
    ),
    keyword!("bfd_cpu_affinity", Kind::Line("CPU ..", cpus), "all", "CPUs of the BFD process"),
    keyword!(
        "bfd_rlimit_rttime",
        Kind::Number { range: RTTIME, set: set_rttime },
        "10000",
        "longest real-time run of the BFD process without a pause"
    ),
    keyword!(
        "bfd_rlimit_rtime",
        Kind::Number { range: RTTIME, set: set_rttime },
        "10000",
        "the older name of bfd_rlimit_rttime"
    ),
    keyword!(
        "max_auto_priority",
        Kind::Line("[NUMBER (-1 to 99)]", max_auto_priority),
        "0; the kernel's limit",
        "real-time priority that a late process may get; -1 for none, without a word"
    ),
    keyword!(
        "min_auto_priority_delay",
        Kind::Line("NUMBER (1 to 10000000 µs)", min_auto_priority_delay),
        "1000000",
        "how late a process must be for that"
    ),
    keyword!(
        "use_symlink_paths",
        Kind::Switch(|g, on| g.out.use_symlink_paths = on),
        "off",
        "run scripts by their path as written, not by where its links lead",
        "after 2.2.7"
    ),
    keyword!(
        "set_supplementary_groups",
        Kind::Switch(|g, on| g.out.supplementary_groups = on),
        "off",
        "scripts get all groups of their user",
        "after 2.2.7"
    ),
    keyword!(
        "process_monitor_rcv_bufs",
        Kind::Number { range: BYTES, set: |g, n| g.out.process_monitor_buffer = Some(u32_of(n)) },
        "the kernel's",
        "receive buffer for news of processes"
    ),
    keyword!(
        "process_monitor_rcv_bufs_force",
        Kind::Switch(|g, on| g.out.process_monitor_force = on),
        "off",
        "the buffer may exceed the kernel's limit"
    ),
    keyword!(
        "reload_time_file",
        Kind::Line("PATH", |g, node, cx| match node.words.first() {
            Some(word) => g.out.reload.time_file = Some(word.text.as_str().into()),
            None => passed_over(node, "reload_time_file invalid", cx),
        }),
        "",
        "a file with the time of the next reload"
    ),
    keyword!(
        "reload_repeat",
        Kind::Flag(|g| g.out.reload.repeat = true),
        "off",
        "a time of day in reload_time_file counts each day"
    ),
    keyword!(
        "reload_file",
        Kind::Line("[PATH]", |g, node, _| {
            g.out.reload.file = Some(node.words.first().map(|w| w.text.as_str().into()));
        }),
        "off; beside the pid file",
        "a file that is there while a configuration is read"
    ),
    keyword!(
        "config_save_dir",
        Kind::Word("DIRECTORY", |g, w, _| g.out.config_save_dir = Some(w.text.as_str().into())),
        "",
        "keep configurations and dumps of each reload there"
    ),
    keyword!(
        "tmp_config_directory",
        Kind::Line("DIRECTORY", |g, node, cx| match node.words.first() {
            Some(word) => g.out.tmp_config_directory = Some(word.text.as_str().into()),
            None => passed_over(node, "tmp_config_directory missing directory name", cx),
        }),
        "memory",
        "where processes find the configuration that was read"
    ),
    keyword!(
        "stats_dump_file",
        Kind::Word("PATH", |g, w, _| g.out.dumps.stats = Some(w.text.as_str().into())),
        "/tmp/keepalived.stats",
        "where the dump of statistics goes",
        "after 2.2.7"
    ),
    keyword!(
        "json_dump_file",
        Kind::Word("PATH", |g, w, _| g.out.dumps.json = Some(w.text.as_str().into())),
        "/tmp/keepalived.json",
        "where the JSON dump goes",
        "after 2.2.7"
    ),
];

/// Keywords that do what they say.
pub(super) const IN_EFFECT: &[Keyword<GlobalDraft>] = &[
    keyword!(
        "iproute_usr_dir",
        Kind::Word("DIRECTORY", |_, w, cx| cx.name_directories[0].clone_from(&w.text)),
        "/usr/share/iproute2",
        "where names of tables, scopes and the like are; a later use of such a name sees it",
        "after 2.2.7"
    ),
    keyword!(
        "iproute_etc_dir",
        Kind::Word("DIRECTORY", |_, w, cx| cx.name_directories[1].clone_from(&w.text)),
        "/etc/iproute2",
        "where names that win over those in iproute_usr_dir are",
        "after 2.2.7"
    ),
];

fn cpus(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        passed_over(node, "No bfd cpu_id set specified", cx);
    }
    for word in &node.words {
        if let Some(n) = cx.number(node.keyword.text, word, Range::new(0, 1_023, "")) {
            global.out.bfd_process.cpus.extend(u16::try_from(n));
        }
    }
}

fn max_auto_priority(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let read = |word: &Word, cx: &mut Cx<'_>| cx.number("max_auto_priority", word, Range::new(-1, 99, ""));
    let limit = match node.words.first() {
        None => AutoPriorityLimit::Kernel,
        Some(word) => match read(word, cx) {
            None => return,
            Some(0) => AutoPriorityLimit::Never,
            Some(n) => u8::try_from(n).map_or(AutoPriorityLimit::Silent, AutoPriorityLimit::At),
        },
    };
    global.out.auto_priority.most = limit;
}

fn min_auto_priority_delay(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        let d = Diagnostic::new(Code::NO_VALUE, "`min_auto_priority_delay` needs a time").at(node.line);
        let d = d.label("ignored").help("add a number of microseconds");
        cx.report(d.log("min_auto_priority_delay requires delay time"));
        return;
    };
    if let Some(n) = cx.number("min_auto_priority_delay", word, Range::new(1, 10_000_000, "µs")) {
        global.out.auto_priority.late = Duration::from_micros(u64::try_from(n).unwrap_or(0));
    }
}
