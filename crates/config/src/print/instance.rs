//! `vrrp_instance`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Duration, Family, Secret};
use model::hmac::{AntiReplay, AuthHmac, HmacKey, HmacMode};
use model::instance::{GarpExtra, UnicastChecksum};
use model::virtual_link::{Ipvlan, IpvlanMode, VirtualLink, Vmac};
use model::{Garp, Held, Instance, InstanceId, Model, Notify, lease};
use vrrp::config::{Auth, ChecksumKind, Instance as Protocol, Peer, Peers, Preempt, Track, Version};

use super::address::{self, Place};
use super::tree::{Lines, Words, seconds, word};
use super::{Printer, route, rule};

/// The multicast groups of adverts.
const GROUP4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

/// The lease of an instance that says nothing about it.
fn usual_lease(instance: &Instance) -> Option<u32> {
    let fitting = lease::lifetime(&instance.protocol);
    fitting.filter(|_| instance.protocol.advert_interval >= lease::DEFAULT_FROM)
}

/// Whether instances with the usual lease need no `vip_lease`: not if there are so many addresses that they
/// would then have none.
pub(super) fn leases_by_default(model: &Model) -> bool {
    let usual = model.instances.iter().filter(|i| i.lease.is_some() && i.lease == usual_lease(i));
    let cost = |i: &Instance| lease::renewals(&i.protocol, i.addresses.len() + i.excluded.len());
    usual.map(cost).sum::<u64>() / 1_000 <= lease::MOST_A_SECOND
}

impl Printer<'_> {
    pub(super) fn instance(
        &self,
        id: InstanceId,
        instance: &Instance,
        of_group: Option<&Vec<Track>>,
        out: &mut Lines,
    ) {
        let Instance {
            protocol,
            link,
            source,
            track_source,
            track_link,
            addresses,
            excluded,
            routes,
            garp,
            lease,
            promote_secondaries,
            receive_buffer,
            notify,
            held,
        } = instance;
        let Protocol {
            name: _,
            vrid,
            family,
            version,
            priority,
            wants_master,
            advert_interval,
            down_timer_adverts,
            preempt,
            peers,
            hop_limit,
            auth,
            checksum,
            // Those of `virtual_ipaddress`.
            addresses: _,
            skip_check_adv_addr,
            lower_prio_no_advert,
            higher_prio_send_advert,
            owner_ignore_adverts,
            tracks,
            // The group names its members.
            group: _,
        } = protocol;
        let Held {
            virtual_link,
            rules,
            drops_packets,
            hmac,
            tracks: held_tracks,
            vrf,
            unicast_checksum,
            late_backup,
            garp_extra,
        } = held;
        let unicast = matches!(peers, Peers::Unicast { .. });
        let mut block = Lines::default();
        block.line("state", if *wants_master { "MASTER" } else { "BACKUP" });
        block.word("interface", link.as_ref().map(|link| link.as_str()));
        block.word("vrf", vrf.as_ref().map(|link| link.as_str()));
        self.virtual_link(virtual_link.as_deref(), protocol, unicast, &mut block);
        block.line("virtual_router_id", vrid);
        block.line("priority", priority);
        let usual = if *family == Family::V4 { Version::V2 } else { Version::V3 };
        block.unless(usual.number(), "version", version.number());
        block.flag("native_ipv6", *family == Family::V6 && family_of_lines(instance) != Family::V6);
        block.line("advert_int", seconds(*advert_interval));
        block.unless(3, "down_timer_adverts", *down_timer_adverts);
        match preempt {
            Preempt::Never => block.line("nopreempt", ""),
            Preempt::After(delay) => block.time(Duration::ZERO, "preempt_delay", *delay),
        }
        block.some("timer_expired_backup", *late_backup);
        block.some(if unicast { "unicast_src_ip" } else { "mcast_src_ip" }, *source);
        block.flag("track_src_ip", *track_source);
        block.flag("dont_track_primary", !track_link);
        self::peers(peers, *family, &mut block);
        if unicast {
            let usual = if *family == Family::V4 { Some(255) } else { None };
            block.some("unicast_ttl", hop_limit.filter(|_| *hop_limit != usual));
        }
        self.auth(auth, &mut block);
        self.hmac(hmac.as_deref(), *advert_interval, &mut block);
        block.flag("v3_checksum_as_v2", *checksum == ChecksumKind::MessageOnly);
        match unicast_checksum {
            UnicastChecksum::Auto => {}
            UnicastChecksum::Old => block.line("old_unicast_checksum", ""),
            UnicastChecksum::Rfc => block.line("old_unicast_checksum", "never"),
        }
        block.flag("skip_check_adv_addr", *skip_check_adv_addr);
        block.flag("lower_prio_no_advert", *lower_prio_no_advert);
        block.flag("higher_prio_send_advert", *higher_prio_send_advert);
        block.flag("owner_ignore_adverts", *owner_ignore_adverts);
        block.flag("no_accept", *drops_packets);
        block.some("kernel_rx_buf_size", *receive_buffer);
        if *lease != usual_lease(instance) || !(self.leases_by_default || lease.is_none()) {
            block.line("vip_lease", lease.map_or_else(|| "off".to_owned(), |seconds| seconds.to_string()));
        }
        self::garp(garp, &mut block);
        if let Some(GarpExtra { period, all }) = garp_extra {
            let all = if *all { "all " } else { "" };
            block.line("garp_extra_if", format!("{all}{}", seconds(*period)));
        }
        block.flag("promote_secondaries", *promote_secondaries);
        let own = |track: &&Track| of_group.is_none_or(|group| !group.contains(track));
        self.tracks(tracks.iter().chain(held_tracks).filter(own), &mut block);
        let lines = |addresses: &[model::Address]| {
            Lines(addresses.iter().map(|one| address::line(one, &Place::Instance(*link))).collect())
        };
        block.flag("no_virtual_ipaddress", addresses.is_empty());
        block.block_if_any("virtual_ipaddress", lines(addresses));
        block.block_if_any("virtual_ipaddress_excluded", lines(excluded));
        block
            .block_if_any("virtual_routes", Lines(routes.iter().map(|one| route::line(one, None)).collect()));
        block.block_if_any("virtual_rules", Lines(rules.iter().map(|one| rule::line(one, None)).collect()));
        self.notify(notify, &mut block);
        out.block("vrrp_instance", self.instance_name(id), block);
    }

    /// `notify*` and `smtp_alert` of an instance or a group.
    pub(super) fn notify(&self, notify: &Notify, out: &mut Lines) {
        let Notify {
            master,
            backup,
            fault,
            stop,
            deleted,
            tell_deleted,
            any,
            master_rx_lower_pri,
            priority_changes,
            smtp_alert,
        } = notify;
        self.command_line("notify_master", master.as_deref(), out);
        self.command_line("notify_backup", backup.as_deref(), out);
        self.command_line("notify_fault", fault.as_deref(), out);
        self.command_line("notify_stop", stop.as_deref(), out);
        match deleted {
            Some(command) => self.command_line("notify_deleted", Some(command), out),
            None => out.flag("notify_deleted", *tell_deleted),
        }
        self.command_line("notify", any.as_deref(), out);
        self.command_line("notify_master_rx_lower_pri", master_rx_lower_pri.as_deref(), out);
        out.flag("notify_priority_changes", *priority_changes);
        out.switch("smtp_alert", *smtp_alert, self.model.mail.alert_vrrp);
    }

    fn auth(&self, auth: &Auth, out: &mut Lines) {
        let (kind, key): (_, &Secret<[u8; 8]>) = match auth {
            Auth::None => return,
            Auth::Pass(key) => ("PASS", key),
            Auth::Ah(key) => ("AH", key),
        };
        let mut block = Lines::default();
        block.line("auth_type", kind);
        block.line("auth_pass", self.secret(&password(key.reveal())));
        out.block("authentication", "", block);
    }

    fn hmac(&self, hmac: Option<&AuthHmac>, interval: Duration, out: &mut Lines) {
        let Some(AuthHmac { keys, active, window, replay, mode }) = hmac else { return };
        let mut block = Lines::default();
        for HmacKey { id, secret } in keys {
            let hex: String = secret.reveal().iter().map(|byte| format!("{byte:02x}")).collect();
            block.line("key", format!("{id} {}", self.secret(&format!("hex:{hex}"))));
        }
        block.line("active_key", active);
        block.time((interval * 3).max(Duration::from_secs(5)), "time_window", *window);
        match replay {
            AntiReplay::Time => {}
            AntiReplay::Monotonic => block.line("anti_replay", "monotonic"),
        }
        match mode {
            HmacMode::Enforce => {}
            HmacMode::Permissive => block.line("mode", "permissive"),
            HmacMode::ReceiveOnly => block.line("mode", "receive-only"),
        }
        out.block("auth_hmac", "", block);
    }

    fn virtual_link(&self, link: Option<&VirtualLink>, protocol: &Protocol, unicast: bool, out: &mut Lines) {
        // A name that looks like another word of the line needs one before it.
        let name = |name: &str, words: &mut Words| {
            let taken = ["name", "group", "netlink_notify_msg", "bridge", "private", "vepa"].contains(&name);
            words.flag("name", taken || name.parse::<IpAddr>().is_ok()).add(word(name));
        };
        let mut words = Words::default();
        match link {
            None => {}
            Some(VirtualLink::Macvlan(Vmac { name: link, address, notify_again, group, send_below })) => {
                name(link.as_str(), &mut words);
                let kind = if protocol.family == Family::V4 { 1 } else { 2 };
                if *address != [0, 0, 0x5e, 0, kind, protocol.vrid.get()] {
                    words.add(base::Mac(*address));
                }
                words.flag("netlink_notify_msg", *notify_again).some("group", *group);
                out.line("use_vmac", words.into_text());
                out.flag("vmac_xmit_base", *send_below && !unicast);
            }
            Some(VirtualLink::Ipvlan(Ipvlan { name: link, address, mode, group })) => {
                name(link.as_str(), &mut words);
                if let Some(address) = address {
                    words.add(address::net(address));
                }
                match mode {
                    IpvlanMode::Bridge => {}
                    IpvlanMode::Private => {
                        words.add("private");
                    }
                    IpvlanMode::Vepa => {
                        words.add("vepa");
                    }
                }
                words.some("group", *group);
                out.line("use_ipvlan", words.into_text());
            }
        }
    }
}

/// The family that the lines of an instance tell.
fn family_of_lines(instance: &Instance) -> Family {
    let of_virtual = match instance.held.virtual_link.as_deref() {
        Some(VirtualLink::Ipvlan(ipvlan)) => ipvlan.address.map(|net| net.family()),
        Some(VirtualLink::Macvlan(_)) | None => None,
    };
    let of_peers = match &instance.protocol.peers {
        Peers::Multicast(_) => None,
        Peers::Unicast { peers, .. } => peers.first().map(|peer| Family::of(&peer.address)),
    };
    let first = |list: &[model::Address]| list.first().map(|address| address.net.family());
    first(&instance.addresses)
        .or(instance.source.as_ref().map(Family::of))
        .or(of_peers)
        .or(of_virtual)
        .or_else(|| first(&instance.excluded))
        .unwrap_or(Family::V4)
}

fn peers(peers: &Peers, family: Family, out: &mut Lines) {
    match peers {
        Peers::Multicast(group) => {
            let usual = match family {
                Family::V4 => IpAddr::V4(GROUP4),
                Family::V6 => IpAddr::V6(GROUP6),
            };
            out.unless(usual, "mcast_dst_ip", *group);
        }
        Peers::Unicast { peers, check_source } => {
            let mut limits = false;
            let mut lines = Lines::default();
            for Peer { address, min_ttl, max_ttl } in peers {
                let mut line = Words::default();
                line.add(address)
                    .some("min_ttl", Some(*min_ttl).filter(|ttl| *ttl != 0))
                    .some("max_ttl", Some(*max_ttl).filter(|ttl| *ttl != 255));
                limits |= (*min_ttl, *max_ttl) != (0, 255);
                lines.0.push(line.into_entry());
            }
            out.flag("unicast_fault_no_peer", peers.is_empty());
            out.flag("check_unicast_src", *check_source && !limits);
            out.block_if_any("unicast_peer", lines);
        }
    }
}

fn garp(garp: &Garp, out: &mut Lines) {
    let Garp { repeat, delay, refresh, refresh_repeat, lower_prio_repeat, lower_prio_delay } = garp;
    let delay_usual = Duration::from_secs(5);
    out.time(delay_usual, "garp_master_delay", *delay);
    out.unless(5, "garp_master_repeat", *repeat);
    out.time(Duration::ZERO, "garp_master_refresh", *refresh);
    out.unless(1, "garp_master_refresh_repeat", *refresh_repeat);
    out.time(delay_usual, "garp_lower_prio_delay", *lower_prio_delay);
    out.unless(5, "garp_lower_prio_repeat", *lower_prio_repeat);
}

/// A password of at most 8 bytes. One that was cut within a character is made whole again; it will be cut
/// at the same place.
fn password(key: &[u8]) -> String {
    let end = key.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut bytes = key.get(..end).unwrap_or_default().to_vec();
    for _ in 0..4 {
        match std::str::from_utf8(&bytes) {
            Ok(text) => return text.to_owned(),
            // Some first bytes allow less than all bytes after them.
            Err(_) => bytes.push(match bytes.last() {
                Some(0xe0) => 0xa0,
                Some(0xf0) => 0x90,
                _ => 0x80,
            }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_cut_within_a_character_is_cut_there_again() {
        for text in ["secret", "", "12345678", "1234567é", "123456€", "1234567€", "12345😀", "1234567😀"]
        {
            let mut key = [0; 8];
            key.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            let printed = password(&key);
            let mut again = [0; 8];
            again.iter_mut().zip(printed.bytes()).for_each(|(to, from)| *to = from);
            assert_eq!(again, key, "{text}: {printed}");
        }
    }
}
