//! The keywords of `global_defs`.

use super::*;
use crate::block::lease;
use crate::keyword::{Keyword, Kind, Range, Table, pending, works};
use crate::lang::tree::{BlockId, Shape};

pub(crate) const TABLE: Table<GlobalDraft> = Table {
    path: "global_defs",
    id: BlockId(1),
    keywords: &[
        works(&[
            keyword!(
                "router_id",
                Kind::Line("NAME", router_id),
                "the host's name",
                "the name of this router"
            ),
            keyword!(
                "process_names",
                Kind::Flag(|g| g.process_names = true),
                "off",
                "give processes names of their own"
            ),
            keyword!(
                "process_name",
                Kind::Word("NAME", |g, w, cx| g.out.process_name = name(w, cx)),
                "",
                "name of the first process, at most 15 bytes"
            ),
            keyword!(
                "vrrp_process_name",
                Kind::Word("NAME", |g, w, cx| g.out.vrrp_process_name = name(w, cx)),
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
                "checksum of version 3 over IPv4 without pseudo-header",
                "after 2.2.7"
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
                Kind::Number {
                    range: REPEAT_OR_NONE,
                    set: |g, n| g.garp_lower_prio_repeat = Some(u32_of(n))
                },
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
                "vip_lease",
                Kind::Line(lease::ARGS, |g, node, cx| g.vip_lease =
                    lease::parse(node, cx).or(g.vip_lease.take())),
                "on for intervals of 1 s or more, where the formula leaves room",
                "the kernel removes virtual addresses of a dead daemon before a backup takes over",
                "vipd only"
            ),
            keyword!(
                "resync",
                Kind::Number { range: WHOLE_SECONDS, set: |g, n| g.out.resync = secs_of(n) },
                "60",
                "how often the kernel is compared with what is known about it, as news may be lost without a sign; 0 for never",
                "vipd only"
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
            keyword!(
                "vrrp_strict",
                Kind::Switch(|g, on| g.strict = on),
                "off",
                "hold to the letter of the RFC"
            ),
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
                    range: REALTIME,
                    set: |g, n| g.out.vrrp_process.realtime = u8::try_from(n).ok()
                },
                "",
                "real-time priority of the VRRP process"
            ),
            keyword!(
                "vrrp_cpu_affinity",
                Kind::Line("CPU ..", |g, node, cx| cpus(&mut g.out.vrrp_process.cpus, node, cx)),
                "all",
                "CPUs of the VRRP process"
            ),
            keyword!(
                "vrrp_rlimit_rttime",
                Kind::Number { range: RTTIME, set: |g, n| g.out.vrrp_process.rlimit_rttime = rttime(n) },
                "10000",
                "longest real-time run of the VRRP process without a pause"
            ),
            keyword!(
                "vrrp_rlimit_rtime",
                Kind::Number { range: RTTIME, set: |g, n| g.out.vrrp_process.rlimit_rttime = rttime(n) },
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
                Kind::Number {
                    range: Range::new(1, 65_535, ""),
                    set: |g, n| g.receive_multiplier = u32_of(n)
                },
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
                "no VRRP until so long after boot",
                "after 2.2.7"
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
                "the owner of the addresses ignores adverts",
                "after 2.2.7"
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
                "where the dump of the state goes",
                "after 2.2.7"
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
                "layout of the JSON dump",
                "after 2.2.7"
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
        ]),
        works(lvs::KEYWORDS),
        works(mail::KEYWORDS),
        works(process::IN_EFFECT),
        pending(process::KEYWORDS),
        pending(firewall::KEYWORDS),
        pending(observers::KEYWORDS),
    ],
};
