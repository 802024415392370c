//! The keywords of `vrrp_instance`.

use super::*;
use crate::block::authentication::{self};
use crate::block::global_defs::{
    DOWN_TIMER, REPEAT, REPEAT_OR_NONE, WHOLE_SECONDS, keyword, secs_of, u8_of, u32_of,
};
use crate::block::lease;
use crate::block::route::{self};
use crate::block::track::{self, What};
use crate::block::unicast::{self};
use crate::keyword::{Keyword, Kind, Range, Table, works};
use crate::lang::tree::{BlockId, Shape};
use vrrp::config::Version;

pub(crate) const TABLE: Table<InstanceDraft> = Table {
    path: "vrrp_instance",
    id: BlockId(2),
    keywords: &[
        works(&[
            keyword!(
                "state",
                Kind::Word("MASTER | BACKUP", state),
                "MASTER if the priority is 255",
                "the state that it wants to start in; only an owner gets it at once"
            ),
            keyword!(
                "interface",
                Kind::Word("IF", |i, w, _| i.interface = Some(w.clone())),
                "",
                "where adverts and addresses go"
            ),
            keyword!(
                "virtual_router_id",
                Kind::Word("NUMBER (1 to 255)", vrid),
                "",
                "number of the virtual router, the same on all routers"
            ),
            keyword!(
                "priority",
                Kind::Word("NUMBER (1 to 255)", priority),
                "100, or 255 for state MASTER",
                "the highest one becomes master; 255 owns the addresses"
            ),
            keyword!(
                "version",
                Kind::Number {
                    range: Range::new(2, 3, ""),
                    set: |i, n| i.version = Some(if n == 3 { Version::V3 } else { Version::V2 })
                },
                "vrrp_version; 3 for IPv6",
                "version of VRRP"
            ),
            keyword!(
                "advert_int",
                Kind::Word("SECONDS (0.01 to 255)", advert_int),
                "1",
                "time between adverts"
            ),
            keyword!(
                "preempt",
                Kind::Flag(|i| i.nopreempt = false),
                "on",
                "take over from a master of lower priority"
            ),
            keyword!(
                "nopreempt",
                Kind::Flag(|i| i.nopreempt = true),
                "off",
                "do not take over from a master of lower priority"
            ),
            keyword!(
                "preempt_delay",
                Kind::Seconds { range: PREEMPT_DELAY, set: |i, t| i.preempt_delay = Some(t) },
                "0",
                "wait before taking over from a master of lower priority"
            ),
            keyword!(
                "mcast_src_ip",
                Kind::Word("ADDRESS", source),
                "primary address of the interface",
                "source address of adverts"
            ),
            keyword!(
                "unicast_src_ip",
                Kind::Word("ADDRESS", |i, word, cx| {
                    i.unicast = true;
                    source(i, word, cx);
                }),
                "primary address of the interface",
                "source address of unicast adverts"
            ),
            keyword!(
                "mcast_dst_ip",
                Kind::Word("ADDRESS", mcast_dst_ip),
                "vrrp_mcast_group4 or vrrp_mcast_group6",
                "where adverts go"
            ),
            keyword!(
                "unicast_peer",
                Kind::Values("ADDRESS [min_ttl N] [max_ttl N] ..", |i, _, lines, cx| {
                    i.unicast = true;
                    i.check_unicast_src |= unicast::parse(lines, &mut i.peers, cx);
                }),
                "",
                "send adverts to these routers instead of to all"
            ),
            keyword!(
                "unicast_fault_no_peer",
                Kind::Flag(|i| (i.unicast, i.fault_no_peer) = (true, true)),
                "off",
                "no peer is a fault"
            ),
            keyword!(
                "check_unicast_src",
                Kind::Flag(|i| (i.unicast, i.check_unicast_src) = (true, true)),
                "vrrp_check_unicast_src",
                "take adverts from peers only"
            ),
            keyword!(
                "unicast_ttl",
                Kind::Word("NUMBER (0 to 255)", unicast_ttl),
                "255 for IPv4, the kernel's for IPv6",
                "hops that unicast adverts may take"
            ),
            keyword!("native_ipv6", Kind::Flag(|i| i.native_ipv6 = true), "", "IPv6 without an IPv6 address"),
            keyword!(
                "track_src_ip",
                Kind::Flag(|i| i.track_source = true),
                "off",
                "the loss of the source address is a fault"
            ),
            keyword!(
                "dont_track_primary",
                Kind::Flag(|i| i.dont_track_primary = true),
                "off",
                "trouble of the interface is no fault"
            ),
            keyword!(
                "track_interface",
                Kind::Values("IF [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
                    What::Interface,
                    lines,
                    &mut i.tracks,
                    cx
                )),
                "",
                "other interfaces to follow"
            ),
            keyword!(
                "track_script",
                Kind::Values("NAME [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
                    What::Script,
                    lines,
                    &mut i.tracks,
                    cx
                )),
                "",
                "scripts to follow"
            ),
            keyword!(
                "track_file",
                Kind::Values("NAME [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
                    What::File,
                    lines,
                    &mut i.tracks,
                    cx
                )),
                "",
                "files to follow"
            ),
            keyword!(
                "virtual_ipaddress",
                Kind::Values("ADDR[/LEN] [dev IF] [brd A] [label L] [scope S] ..", |i, _, lines, cx| {
                    addresses(&mut i.addresses, lines, cx)
                }),
                "",
                "the virtual addresses"
            ),
            keyword!(
                "virtual_ipaddress_excluded",
                Kind::Values("ADDR[/LEN] [dev IF] ..", |i, _, lines, cx| addresses(
                    &mut i.excluded,
                    lines,
                    cx
                )),
                "",
                "virtual addresses that adverts do not name"
            ),
            keyword!(
                "no_virtual_ipaddress",
                Kind::Flag(|i| i.no_addresses = true),
                "off",
                "it has no addresses on purpose",
                "after 2.2.7"
            ),
            keyword!(
                "virtual_routes",
                Kind::Values("DEST via ADDR dev IF ..", |i, _, lines, cx| {
                    for line in lines {
                        i.routes.extend(route::parse(line, false, cx));
                    }
                }),
                "",
                "routes that are there while it is master"
            ),
            keyword!(
                "promote_secondaries",
                Kind::Flag(|i| i.promote_secondaries = true),
                "off",
                "secondary addresses survive the loss of the primary one"
            ),
            keyword!(
                "v3_checksum_as_v2",
                Kind::Switch(|i, on| i.v3_checksum_as_v2 = Some(on)),
                "the global setting",
                "checksum of version 3 over IPv4 without pseudo-header",
                "after 2.2.7"
            ),
            keyword!(
                "accept",
                Kind::Flag(|i| i.accept = true),
                "on, off if strict",
                "packets to the virtual addresses are accepted"
            ),
            // Any word that is a switch turns it on, `no` included.
            keyword!(
                "skip_check_adv_addr",
                Kind::Switch(|i, _| i.skip_check_adv_addr = Some(true)),
                "the global setting",
                "compare addresses of adverts only when the sender changes"
            ),
            keyword!(
                "strict_mode",
                Kind::Switch(|i, on| i.strict = Some(on)),
                "vrrp_strict",
                "hold to the letter of the RFC"
            ),
            keyword!(
                "garp_master_delay",
                Kind::Number { range: WHOLE_SECONDS, set: |i, n| i.garp_delay = Some(secs_of(n)) },
                "the global setting",
                "from the first burst of gratuitous ARPs to the second"
            ),
            keyword!(
                "garp_master_repeat",
                Kind::Number { range: REPEAT, set: |i, n| i.garp_repeat = Some(u32_of(n)) },
                "the global setting",
                "gratuitous ARPs per address and burst"
            ),
            keyword!(
                "garp_master_refresh",
                Kind::Number { range: WHOLE_SECONDS, set: |i, n| i.garp_refresh = Some(secs_of(n)) },
                "the global setting",
                "period of gratuitous ARPs of a master; 0 for never"
            ),
            keyword!(
                "garp_master_refresh_repeat",
                Kind::Number { range: REPEAT, set: |i, n| i.garp_refresh_repeat = Some(u32_of(n)) },
                "the global setting",
                "gratuitous ARPs per address and period"
            ),
            keyword!(
                "garp_lower_prio_delay",
                Kind::Number { range: WHOLE_SECONDS, set: |i, n| i.garp_lower_prio_delay = Some(secs_of(n)) },
                "the global setting",
                "second burst after an advert of lower priority"
            ),
            keyword!(
                "garp_lower_prio_repeat",
                Kind::Number {
                    range: REPEAT_OR_NONE,
                    set: |i, n| i.garp_lower_prio_repeat = Some(u32_of(n))
                },
                "the global setting",
                "gratuitous ARPs after an advert of lower priority"
            ),
            keyword!(
                "down_timer_adverts",
                Kind::Number { range: DOWN_TIMER, set: |i, n| i.down_timer_adverts = Some(u8_of(n)) },
                "the global setting",
                "adverts that may be missed"
            ),
            keyword!(
                "vip_lease",
                Kind::Line(lease::ARGS, |i, node, cx| i.vip_lease =
                    lease::parse(node, cx).or(i.vip_lease.take())),
                "the global setting",
                "the kernel removes virtual addresses of a dead daemon before a backup takes over",
                "vipd only"
            ),
            keyword!(
                "lower_prio_no_advert",
                Kind::Switch(|i, on| i.lower_prio_no_advert = Some(on)),
                "the global setting",
                "do not answer adverts of lower priority"
            ),
            keyword!(
                "higher_prio_send_advert",
                Kind::Switch(|i, on| i.higher_prio_send_advert = Some(on)),
                "the global setting",
                "send an advert before giving way"
            ),
            keyword!(
                "owner_ignore_adverts",
                Kind::Switch(|i, on| i.owner_ignore_adverts = Some(on)),
                "the global setting",
                "the owner of the addresses ignores adverts",
                "after 2.2.7"
            ),
            keyword!(
                "kernel_rx_buf_size",
                Kind::Number {
                    range: Range::new(1, u32::MAX as i64, "bytes"),
                    set: |i, n| i.receive_buffer = Some(u32_of(n))
                },
                "vrrp_rx_bufs_policy",
                "receive buffer for adverts"
            ),
            keyword!(
                "authentication",
                Kind::Block("", authentication::TABLE.id, |i, node, nodes, cx| {
                    i.auth = Some(Box::new(authentication::parse(node, nodes, cx)));
                }),
                "",
                "the authentication of RFC 2338, for version 2 only"
            ),
            keyword!(
                "notify_backup",
                Kind::Script(|i, c| i.notify.backup = Some(Box::new(c))),
                "",
                "run when it becomes backup"
            ),
            keyword!(
                "notify_master",
                Kind::Script(|i, c| i.notify.master = Some(Box::new(c))),
                "",
                "run when it becomes master"
            ),
            keyword!(
                "notify_fault",
                Kind::Script(|i, c| i.notify.fault = Some(Box::new(c))),
                "",
                "run when it has a fault"
            ),
            keyword!(
                "notify_stop",
                Kind::Script(|i, c| i.notify.stop = Some(Box::new(c))),
                "",
                "run when the daemon stops, for 1 s at most"
            ),
            keyword!(
                "notify_deleted",
                Kind::Special("[COMMAND [USER [GROUP]]]", Shape::Script, notify_deleted),
                "notify_fault",
                "run when a reload removes it"
            ),
            keyword!(
                "notify",
                Kind::Script(|i, c| i.notify.any = Some(Box::new(c))),
                "",
                "run at every change, with INSTANCE, name, state and priority as further arguments"
            ),
            keyword!(
                "notify_master_rx_lower_pri",
                Kind::Script(|i, c| i.notify.master_rx_lower_pri = Some(Box::new(c))),
                "",
                "run when a master hears an advert of lower priority"
            ),
            keyword!(
                "notify_priority_changes",
                Kind::Switch(|i, on| i.notify.priority_changes = Some(on)),
                "the global setting",
                "tell changes of priority through the FIFOs"
            ),
            keyword!(
                "smtp_alert",
                Kind::Switch(|i, on| i.notify.smtp_alert = Some(on)),
                "smtp_alert_vrrp",
                "mail about changes of state"
            ),
            keyword!(
                "lvs_sync_daemon_interface",
                Kind::Line("IF", super::pending::lvs_sync_interface),
                "",
                "the older form of lvs_sync_daemon"
            ),
            keyword!("debug", Kind::Ignored("NUMBER", 1), "0", "nobody reads it"),
        ]),
        crate::keyword::pending(super::pending::KEYWORDS),
    ],
};
