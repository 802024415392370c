//! `global_defs { .. }`, and the keywords of the root that set something of the daemon.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::Duration;
use model::Global;
use vrrp::config::Version;

use crate::block::command::{CommandDraft, ScriptRules};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range, SecondsRange, Table, value};
use crate::lang::tree::{BlockId, Shape};
use crate::lang::{Node, Word};

/// `global_defs` as written: what the model keeps, and the defaults of instances.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct GlobalDraft {
    /// What needs no further checks.
    pub(crate) out: Global,
    pub(crate) router_id: Option<Word>,
    pub(crate) version: Version,
    pub(crate) group4: Ipv4Addr,
    pub(crate) group6: Ipv6Addr,
    pub(crate) garp_delay: Option<Duration>,
    pub(crate) garp_repeat: Option<u32>,
    pub(crate) garp_refresh: Option<Duration>,
    pub(crate) garp_refresh_repeat: u32,
    pub(crate) garp_lower_prio_delay: Option<Duration>,
    pub(crate) garp_lower_prio_repeat: Option<u32>,
    pub(crate) min_garp: bool,
    pub(crate) down_timer_adverts: u8,
    pub(crate) strict: bool,
    pub(crate) check_unicast_src: bool,
    pub(crate) skip_check_adv_addr: bool,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: bool,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) v3_checksum_as_v2: bool,
    pub(crate) notify_priority_changes: bool,
    pub(crate) scripts: ScriptRules,
    pub(crate) fifo: FifoDraft,
    pub(crate) vrrp_fifo: FifoDraft,
    pub(crate) startup: Option<CommandDraft>,
    pub(crate) startup_timeout: Duration,
    pub(crate) shutdown: Option<CommandDraft>,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) receive: Option<Receive>,
    pub(crate) receive_multiplier: u32,
    pub(crate) default_interface: Option<Word>,
    pub(crate) process_names: bool,
}

/// A FIFO as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FifoDraft {
    pub(crate) path: Option<Word>,
    pub(crate) owner: Vec<Word>,
    pub(crate) script: Option<CommandDraft>,
}

/// `vrrp_rx_bufs_policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Receive {
    /// Some multiple of the interface's MTU.
    Mtu,
    /// Some multiple of the size of an advert.
    Advert,
    /// So many bytes.
    Bytes(u32),
}

impl Default for GlobalDraft {
    fn default() -> Self {
        Self {
            out: Global::default(),
            router_id: None,
            version: Version::V2,
            group4: Ipv4Addr::new(224, 0, 0, 18),
            group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            garp_delay: None,
            garp_repeat: None,
            garp_refresh: None,
            garp_refresh_repeat: 1,
            garp_lower_prio_delay: None,
            garp_lower_prio_repeat: None,
            min_garp: false,
            down_timer_adverts: 3,
            strict: false,
            check_unicast_src: false,
            skip_check_adv_addr: false,
            lower_prio_no_advert: None,
            higher_prio_send_advert: false,
            owner_ignore_adverts: None,
            v3_checksum_as_v2: false,
            notify_priority_changes: false,
            scripts: ScriptRules::default(),
            fifo: FifoDraft::default(),
            vrrp_fifo: FifoDraft::default(),
            startup: None,
            startup_timeout: Duration::from_secs(10),
            shutdown: None,
            shutdown_timeout: Duration::from_secs(10),
            receive: None,
            receive_multiplier: 3,
            default_interface: None,
            process_names: false,
        }
    }
}

/// Whole seconds that fit the kernel's and keepalived's microseconds.
pub(crate) const WHOLE_SECONDS: Range = Range::new(0, 4_294, "s");
/// How many gratuitous ARPs: 0 is raised to 1.
pub(crate) const REPEAT: Range = Range::new(1, i32::MAX as i64, "").clamped();
/// How many gratuitous ARPs, where 0 means none.
pub(crate) const REPEAT_OR_NONE: Range = Range::new(0, i32::MAX as i64, "");
/// Intervals that may be missed.
pub(crate) const DOWN_TIMER: Range = Range::new(1, 100, "intervals");
const BYTES: Range = Range::new(1, u32::MAX as i64, "bytes");
const GAP: SecondsRange = SecondsRange::new(Duration::from_micros(1), Duration::from_secs(4_294), 6);
const DELAY: SecondsRange = SecondsRange::new(Duration::from_millis(1), Duration::from_secs(4_294_967), 3);
const SCRIPT_TIMEOUT: Range = Range::new(1, 1_000, "s");

/// A number of a range that fits the type; 0 never comes out of a range that excludes it.
pub(crate) fn u32_of(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(crate) fn u8_of(n: i64) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

pub(crate) fn secs_of(n: i64) -> Duration {
    Duration::from_secs(u64::try_from(n).unwrap_or(0))
}

macro_rules! keyword {
    ($name:literal, $kind:expr, $default:literal, $doc:literal) => {
        Keyword { name: $name, kind: $kind, default: $default, doc: $doc }
    };
}
pub(crate) use keyword;

pub(crate) const TABLE: Table<GlobalDraft> = Table {
    path: "global_defs",
    id: BlockId(1),
    keywords: &[
        keyword!("router_id", Kind::Line("NAME", router_id), "the host's name", "the name of this router"),
        keyword!(
            "process_names",
            Kind::Flag(|g| g.process_names = true),
            "off",
            "give processes names of their own"
        ),
        keyword!(
            "process_name",
            Kind::Word("NAME", |g, w, _| g.out.process_name = name(w)),
            "",
            "name of the first process, at most 15 bytes"
        ),
        keyword!(
            "vrrp_process_name",
            Kind::Word("NAME", |g, w, _| g.out.vrrp_process_name = name(w)),
            "",
            "name of the VRRP process, at most 15 bytes"
        ),
        keyword!(
            "startup_script",
            Kind::Script(|g, c| g.startup = Some(c)),
            "",
            "run before anything else starts"
        ),
        keyword!(
            "startup_script_timeout",
            Kind::Number { range: SCRIPT_TIMEOUT, set: |g, n| g.startup_timeout = secs_of(n) },
            "10",
            "longest time of startup_script"
        ),
        keyword!(
            "shutdown_script",
            Kind::Script(|g, c| g.shutdown = Some(c)),
            "",
            "run after everything has stopped"
        ),
        keyword!(
            "shutdown_script_timeout",
            Kind::Number { range: SCRIPT_TIMEOUT, set: |g, n| g.shutdown_timeout = secs_of(n) },
            "10",
            "longest time of shutdown_script"
        ),
        keyword!(
            "dynamic_interfaces",
            Kind::Line("[allow_if_changes]", dynamic_interfaces),
            "off",
            "interfaces may appear after the start"
        ),
        keyword!(
            "default_interface",
            Kind::Word("IF", |g, w, _| g.default_interface = Some(w.clone())),
            "eth0",
            "interface of static addresses without `dev`"
        ),
        keyword!(
            "v3_checksum_as_v2",
            Kind::Line("", |g, _, _| g.v3_checksum_as_v2 = true),
            "off",
            "checksum of version 3 over IPv4 without pseudo-header"
        ),
        keyword!("vrrp_mcast_group4", Kind::Address(group4), "224.0.0.18", "where IPv4 adverts go"),
        keyword!("vrrp_mcast_group6", Kind::Address(group6), "ff02::12", "where IPv6 adverts go"),
        keyword!(
            "vrrp_garp_master_delay",
            Kind::Number { range: WHOLE_SECONDS, set: |g, n| g.garp_delay = Some(secs_of(n)) },
            "5",
            "from the first burst of gratuitous ARPs to the second"
        ),
        keyword!(
            "vrrp_garp_master_repeat",
            Kind::Number { range: REPEAT, set: |g, n| g.garp_repeat = Some(u32_of(n)) },
            "5",
            "gratuitous ARPs per address and burst"
        ),
        keyword!(
            "vrrp_garp_master_refresh",
            Kind::Number { range: WHOLE_SECONDS, set: |g, n| g.garp_refresh = Some(secs_of(n)) },
            "0",
            "period of gratuitous ARPs of a master; 0 for never"
        ),
        keyword!(
            "vrrp_garp_master_refresh_repeat",
            Kind::Number { range: REPEAT, set: |g, n| g.garp_refresh_repeat = u32_of(n) },
            "1",
            "gratuitous ARPs per address and period"
        ),
        keyword!(
            "vrrp_garp_lower_prio_delay",
            Kind::Number { range: WHOLE_SECONDS, set: |g, n| g.garp_lower_prio_delay = Some(secs_of(n)) },
            "vrrp_garp_master_delay",
            "second burst after an advert of lower priority"
        ),
        keyword!(
            "vrrp_garp_lower_prio_repeat",
            Kind::Number { range: REPEAT_OR_NONE, set: |g, n| g.garp_lower_prio_repeat = Some(u32_of(n)) },
            "vrrp_garp_master_repeat",
            "gratuitous ARPs after an advert of lower priority"
        ),
        keyword!(
            "vrrp_down_timer_adverts",
            Kind::Number { range: DOWN_TIMER, set: |g, n| g.down_timer_adverts = u8_of(n) },
            "3",
            "adverts that may be missed"
        ),
        keyword!(
            "vrrp_garp_interval",
            Kind::Seconds { range: GAP, set: |g, t| g.out.garp_interval = t },
            "0",
            "shortest time between two gratuitous ARPs on an interface"
        ),
        keyword!(
            "vrrp_gna_interval",
            Kind::Seconds { range: GAP, set: |g, t| g.out.gna_interval = t },
            "0",
            "shortest time between two neighbour advertisements on an interface"
        ),
        keyword!(
            "vrrp_min_garp",
            Kind::Switch(|g, on| g.min_garp = on),
            "off",
            "one gratuitous ARP only, where nothing else is set"
        ),
        keyword!(
            "vrrp_lower_prio_no_advert",
            Kind::Switch(|g, on| g.lower_prio_no_advert = Some(on)),
            "off, on if strict",
            "a master does not answer adverts of lower priority"
        ),
        keyword!(
            "vrrp_higher_prio_send_advert",
            Kind::Switch(|g, on| g.higher_prio_send_advert = on),
            "off",
            "a master sends an advert before it gives way"
        ),
        keyword!(
            "vrrp_version",
            Kind::Number { range: Range::new(2, 3, ""), set: |g, n| g.version = version(n) },
            "2",
            "version of VRRP over IPv4"
        ),
        keyword!(
            "vrrp_check_unicast_src",
            Kind::Flag(|g| g.check_unicast_src = true),
            "off",
            "take unicast adverts from configured peers only"
        ),
        keyword!(
            "vrrp_skip_check_adv_addr",
            Kind::Switch(|g, on| g.skip_check_adv_addr = on),
            "off",
            "compare addresses of adverts only when the sender changes"
        ),
        keyword!("vrrp_strict", Kind::Switch(|g, on| g.strict = on), "off", "hold to the letter of the RFC"),
        keyword!(
            "vrrp_priority",
            Kind::Number {
                range: Range::new(-20, 19, ""),
                set: |g, n| g.out.vrrp_process.nice = i8::try_from(n).ok()
            },
            "0",
            "nice value of the VRRP process"
        ),
        keyword!(
            "vrrp_no_swap",
            Kind::Flag(|g| g.out.vrrp_process.no_swap = true),
            "off",
            "keep the VRRP process in memory"
        ),
        keyword!(
            "vrrp_rt_priority",
            Kind::Number {
                range: Range::new(1, 99, "").clamped(),
                set: |g, n| g.out.vrrp_process.realtime = u8::try_from(n).ok()
            },
            "",
            "real-time priority of the VRRP process"
        ),
        keyword!("vrrp_cpu_affinity", Kind::Line("CPU ..", cpus), "all", "CPUs of the VRRP process"),
        keyword!(
            "vrrp_rlimit_rttime",
            Kind::Number {
                range: Range::new(2, u32::MAX as i64, "µs").clamped(),
                set: |g, n| g.out.vrrp_process.rlimit_rttime = Some(u32_of(n))
            },
            "10000",
            "longest real-time run of the VRRP process without a pause"
        ),
        keyword!(
            "vrrp_rlimit_rtime",
            Kind::Number {
                range: Range::new(2, u32::MAX as i64, "µs").clamped(),
                set: |g, n| g.out.vrrp_process.rlimit_rttime = Some(u32_of(n))
            },
            "10000",
            "the older name of vrrp_rlimit_rttime"
        ),
        keyword!(
            "notify_fifo",
            Kind::Line("PATH [USER [GROUP]]", |g, node, cx| fifo(&mut g.fifo, node, cx)),
            "",
            "FIFO that is told all events"
        ),
        keyword!(
            "notify_fifo_script",
            Kind::Script(|g, c| g.fifo.script = Some(c)),
            "",
            "script that reads notify_fifo"
        ),
        keyword!(
            "vrrp_notify_fifo",
            Kind::Line("PATH [USER [GROUP]]", |g, node, cx| fifo(&mut g.vrrp_fifo, node, cx)),
            "",
            "FIFO that is told events of VRRP"
        ),
        keyword!(
            "vrrp_notify_fifo_script",
            Kind::Script(|g, c| g.vrrp_fifo.script = Some(c)),
            "",
            "script that reads vrrp_notify_fifo"
        ),
        keyword!(
            "vrrp_notify_priority_changes",
            Kind::Switch(|g, on| g.notify_priority_changes = on),
            "off",
            "tell changes of priority through the FIFOs"
        ),
        keyword!(
            "fifo_write_vrrp_states_on_reload",
            Kind::Flag(|g| g.out.fifo_write_states_on_reload = true),
            "off",
            "tell all states again after a reload"
        ),
        keyword!(
            "script_user",
            Kind::Line("USER [GROUP]", script_user),
            "keepalived_script if it exists, else root",
            "who runs scripts"
        ),
        keyword!(
            "enable_script_security",
            Kind::Flag(|g| g.scripts.security = true),
            "off",
            "do not run scripts as root that others could change"
        ),
        keyword!(
            "vrrp_netlink_cmd_rcv_bufs",
            Kind::Number { range: BYTES, set: |g, n| g.out.netlink_command_buffer = Some(u32_of(n)) },
            "the kernel's",
            "receive buffer for answers of the kernel"
        ),
        keyword!(
            "vrrp_netlink_cmd_rcv_bufs_force",
            Kind::Switch(|_, _| ()),
            "on",
            "the buffer may exceed the kernel's limit; it always does"
        ),
        keyword!(
            "vrrp_netlink_monitor_rcv_bufs",
            Kind::Number { range: BYTES, set: |g, n| g.out.netlink_monitor_buffer = Some(u32_of(n)) },
            "the kernel's",
            "receive buffer for events of the kernel"
        ),
        keyword!(
            "vrrp_netlink_monitor_rcv_bufs_force",
            Kind::Switch(|_, _| ()),
            "on",
            "the buffer may exceed the kernel's limit; it always does"
        ),
        keyword!(
            "vrrp_rx_bufs_policy",
            Kind::Line("MTU | ADVERT | BYTES", receive_policy),
            "the kernel's",
            "receive buffer for adverts"
        ),
        keyword!(
            "vrrp_rx_bufs_multiplier",
            Kind::Number { range: Range::new(1, 65_535, ""), set: |g, n| g.receive_multiplier = u32_of(n) },
            "3",
            "how many packets of that policy the buffer holds"
        ),
        keyword!(
            "vrrp_startup_delay",
            Kind::Seconds { range: DELAY, set: |g, t| g.out.startup_delay = t },
            "0",
            "no VRRP until so long after the start"
        ),
        keyword!(
            "vrrp_delay_after_boot",
            Kind::Seconds { range: DELAY, set: |g, t| g.out.delay_after_boot = t },
            "0",
            "no VRRP until so long after boot"
        ),
        keyword!(
            "log_unknown_vrids",
            Kind::Flag(|g| g.out.log_unknown_vrids = true),
            "off",
            "log adverts of virtual routers that are not configured"
        ),
        keyword!(
            "vrrp_owner_ignore_adverts",
            Kind::Switch(|g, on| g.owner_ignore_adverts = Some(on)),
            "off, on if strict",
            "the owner of the addresses ignores adverts"
        ),
        keyword!("umask", Kind::Line("MODE", umask), "0177", "mode bits that new files lack"),
        keyword!(
            "random_seed",
            Kind::Special("NUMBER", Shape::RandomSeed, random_seed),
            "changes with each start",
            "makes ${_RANDOM} repeatable"
        ),
        keyword!(
            "reload_check_config",
            Kind::Line("[FILE]", |g, node, _| {
                g.out.reload_check_config = Some(node.words.first().map(|w| w.text.as_str().into()));
            }),
            "off",
            "refuse configurations with any error"
        ),
        keyword!(
            "state_dump_file",
            Kind::Word("PATH", |g, w, _| g.out.dumps.state = Some(w.text.as_str().into())),
            "/tmp/keepalived.data",
            "where the dump of the state goes"
        ),
        keyword!(
            "data_use_instance",
            Kind::Switch(|g, on| g.out.dumps.use_instance = on),
            "off",
            "add namespace and instance to names of dumps"
        ),
        keyword!(
            "json_version",
            Kind::Number { range: Range::new(1, 2, ""), set: |g, n| g.out.dumps.json_version = u8_of(n) },
            "1",
            "layout of the JSON dump"
        ),
        keyword!(
            "include_check",
            Kind::Special(
                "[+|-][read] [match] [wildcard_match] [brace_match]",
                Shape::IncludeCheck,
                |_, _, _| ()
            ),
            "what -e says",
            "how strict the includes of the rest of this file are"
        ),
    ],
};

fn version(n: i64) -> Version {
    if n == 3 { Version::V3 } else { Version::V2 }
}

/// The name of a process: the kernel keeps 15 bytes.
fn name(word: &Word) -> Option<base::Name> {
    let end = (0..=word.text.len().min(15)).rev().find(|&i| word.text.is_char_boundary(i)).unwrap_or(0);
    word.text.get(..end).map(Into::into)
}

/// A missing name is told, and nothing more: keepalived goes on with the host's.
fn router_id(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if let Some(word) = node.words.first() {
        global.router_id = Some(word.clone());
        return;
    }
    let d = Diagnostic::new(Code::VALUE, "`router_id` needs a name")
        .at(node.line)
        .label("the host's name is used")
        .help("add a name, or remove the line")
        .log("routerid name missing - ignoring");
    cx.report(d);
}

fn dynamic_interfaces(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    global.out.dynamic_interfaces = true;
    match node.words.first() {
        Some(word) if word.text == "allow_if_changes" => cx.word_not_yet("`dynamic_interfaces`", word),
        Some(word) => {
            let message = format!("`{}` means nothing to `dynamic_interfaces`", word.text);
            cx.bad_value(word, message, "write `allow_if_changes`, or nothing");
        }
        None => {}
    }
}

fn group4(global: &mut GlobalDraft, address: IpAddr, word: &Word, cx: &mut Cx<'_>) {
    match address {
        IpAddr::V4(address) if address.is_multicast() => global.group4 = address,
        _ => not_multicast("vrrp_mcast_group4", word, cx),
    }
}

fn group6(global: &mut GlobalDraft, address: IpAddr, word: &Word, cx: &mut Cx<'_>) {
    match address {
        IpAddr::V6(address) if address.is_multicast() => {
            global.group6 = address;
            if address.octets()[1] & 0xf != 2 {
                let d = Diagnostic::new(
                    Code::CONFLICT,
                    format!("`{address}` is not a multicast address of the link"),
                );
                cx.report(
                    d.at(word.span)
                        .label("used all the same")
                        .help("use an address that starts with `ff02::`"),
                );
            }
        }
        _ => not_multicast("vrrp_mcast_group6", word, cx),
    }
}

fn not_multicast(keyword: &str, word: &Word, cx: &mut Cx<'_>) {
    let d =
        Diagnostic::new(Code::VALUE, format!("`{}` is not a multicast address for `{keyword}`", word.text))
            .at(word.span)
            .label("ignored")
            .help("use an address from 224.0.0.0/24 or ff02::/16")
            .log(format!("{keyword} [{}] is not multicast. Skipping", word.text));
    cx.report(d);
}

fn cpus(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        cx.missing(node, 2);
    }
    for word in &node.words {
        if let Some(n) = cx.number(&node.keyword.text, word, Range::new(0, 1_023, "")) {
            global.out.vrrp_process.cpus.extend(u16::try_from(n));
        }
    }
}

fn fifo(fifo: &mut FifoDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(path) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    if fifo.path.is_some() {
        let d = Diagnostic::new(Code::DUPLICATE, format!("`{}` is set twice", node.keyword.text));
        cx.report(d.at(node.line).label("this one is ignored").help("remove one of the two lines"));
        return;
    }
    fifo.path = Some(path.clone());
    fifo.owner = node.words.iter().skip(1).take(2).cloned().collect();
}

fn script_user(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        cx.missing(node, 2);
        return;
    }
    global.scripts.user = Some(node.words.clone());
}

fn receive_policy(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    global.receive = if word.text.eq_ignore_ascii_case("mtu") {
        Some(Receive::Mtu)
    } else if word.text.eq_ignore_ascii_case("advert") {
        Some(Receive::Advert)
    } else {
        cx.number(&node.keyword.text, word, BYTES).map(|n| Receive::Bytes(u32_of(n)))
    };
}

/// Names of mode bits.
const MODE_BITS: &[(&str, u32)] = &[
    ("IRUSR", 0o400),
    ("IWUSR", 0o200),
    ("IXUSR", 0o100),
    ("IRGRP", 0o040),
    ("IWGRP", 0o020),
    ("IXGRP", 0o010),
    ("IROTH", 0o004),
    ("IWOTH", 0o002),
    ("IXOTH", 0o001),
    ("IRWXU", 0o700),
    ("IRWXG", 0o070),
    ("IRWXO", 0o007),
];

/// A number in C's notation, or names of bits with `|` between them.
fn umask(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(first) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    let text: String = node.words.iter().map(Word::as_str).collect();
    let number = crate::lang::repeat::number(&text).and_then(|n| u32::try_from(n).ok());
    let bits = || {
        text.split('|').try_fold(0, |all, name| {
            let bit = MODE_BITS.iter().find(|(known, _)| *known == name.trim())?;
            Some(all | bit.1)
        })
    };
    match number.or_else(bits).filter(|&mode| mode <= 0o777) {
        Some(mode) => global.out.umask = Some(mode),
        None => {
            let d = Diagnostic::new(Code::VALUE, format!("`{text}` is not a file mode"))
                .at(first.span)
                .label("ignored")
                .help("write a number such as `0177`, or names such as `IRWXG|IRWXO`")
                .log(format!("invalid umask value {text}"));
            cx.report(d);
        }
    }
}

/// The parser has set it; here it is only checked.
fn random_seed(_: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    match node.words.first() {
        None => cx.missing(node, 2),
        Some(word) if value::whole(&word.text).is_none_or(|n| n.more || n.value < 0) => {
            let message = format!("`random_seed` needs a whole number, not `{}`", word.text);
            cx.bad_value(word, message, "write a number from 0");
        }
        Some(_) => {}
    }
}
