//! `vrrp_instance NAME { .. }`.

pub(crate) mod pending;
mod table;

pub(crate) use table::TABLE;

use std::net::IpAddr;

use base::{Duration, Family, Vrid};
use vrrp::config::Version;

use crate::block::Seen;
use crate::block::address::{self, AddressDraft};
use crate::block::authentication::AuthDraft;
use crate::block::global_defs::u8_of;
use crate::block::lease::LeaseDraft;
use crate::block::notify::NotifyDraft;
use crate::block::route::RouteDraft;
use crate::block::track::TrackDraft;
use crate::block::unicast::PeerDraft;
use crate::block::virtual_link::{self, VirtualDraft};
use crate::block::vrrp_instance::pending::HeldDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range, SecondsRange, value};
use crate::lang::tree::Line;
use crate::lang::{Node, Word};
use crate::span::Span;

/// An instance as written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct InstanceDraft {
    pub(crate) name: Word,
    pub(crate) seen: Seen,
    /// `state`: whether it was MASTER.
    pub(crate) state: Option<bool>,
    pub(crate) interface: Option<Word>,
    pub(crate) vrid: Option<(Vrid, Span)>,
    pub(crate) priority: Option<u8>,
    pub(crate) version: Option<Version>,
    pub(crate) advert_int: Option<(Duration, Span)>,
    pub(crate) nopreempt: bool,
    pub(crate) preempt_delay: Option<Duration>,
    pub(crate) source: Option<(IpAddr, Span)>,
    pub(crate) group: Option<(IpAddr, Span)>,
    /// Some keyword of unicast was used.
    pub(crate) unicast: bool,
    pub(crate) peers: Vec<PeerDraft>,
    pub(crate) fault_no_peer: bool,
    pub(crate) check_unicast_src: bool,
    pub(crate) unicast_ttl: Option<(u8, Span)>,
    pub(crate) native_ipv6: bool,
    pub(crate) track_source: bool,
    pub(crate) dont_track_primary: bool,
    pub(crate) tracks: Vec<TrackDraft>,
    pub(crate) addresses: Vec<AddressDraft>,
    pub(crate) excluded: Vec<AddressDraft>,
    pub(crate) no_addresses: bool,
    pub(crate) routes: Vec<RouteDraft>,
    pub(crate) promote_secondaries: bool,
    pub(crate) v3_checksum_as_v2: Option<bool>,
    pub(crate) skip_check_adv_addr: Option<bool>,
    pub(crate) strict: Option<bool>,
    pub(crate) accept: bool,
    pub(crate) garp_delay: Option<Duration>,
    pub(crate) garp_repeat: Option<u32>,
    pub(crate) garp_refresh: Option<Duration>,
    pub(crate) garp_refresh_repeat: Option<u32>,
    pub(crate) garp_lower_prio_delay: Option<Duration>,
    pub(crate) garp_lower_prio_repeat: Option<u32>,
    pub(crate) down_timer_adverts: Option<u8>,
    pub(crate) vip_lease: Option<LeaseDraft>,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: Option<bool>,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) auth: Option<Box<AuthDraft>>,
    pub(crate) notify: NotifyDraft,
    pub(crate) virtual_link: Option<Box<VirtualDraft>>,
    pub(crate) held: Option<Box<HeldDraft>>,
}

impl InstanceDraft {
    pub(crate) fn new(name: Word, seen: Seen) -> Self {
        Self {
            name,
            seen,
            state: None,
            interface: None,
            vrid: None,
            priority: None,
            version: None,
            advert_int: None,
            nopreempt: false,
            preempt_delay: None,
            source: None,
            group: None,
            unicast: false,
            peers: Vec::new(),
            fault_no_peer: false,
            check_unicast_src: false,
            unicast_ttl: None,
            native_ipv6: false,
            track_source: false,
            dont_track_primary: false,
            tracks: Vec::new(),
            addresses: Vec::new(),
            excluded: Vec::new(),
            no_addresses: false,
            routes: Vec::new(),
            promote_secondaries: false,
            v3_checksum_as_v2: None,
            skip_check_adv_addr: None,
            strict: None,
            accept: false,
            garp_delay: None,
            garp_repeat: None,
            garp_refresh: None,
            garp_refresh_repeat: None,
            garp_lower_prio_delay: None,
            garp_lower_prio_repeat: None,
            down_timer_adverts: None,
            vip_lease: None,
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            owner_ignore_adverts: None,
            receive_buffer: None,
            auth: None,
            notify: NotifyDraft::default(),
            virtual_link: None,
            held: None,
        }
    }

    /// Gives back what its lists have room for: there may be many instances, and they wait for the end of
    /// the configuration.
    pub(crate) fn shrink(&mut self) {
        self.tracks.shrink_to_fit();
        self.addresses.shrink_to_fit();
        self.excluded.shrink_to_fit();
        self.routes.shrink_to_fit();
        self.peers.shrink_to_fit();
    }

    /// What the keywords of [`pending`] say.
    pub(crate) fn held(&mut self) -> &mut HeldDraft {
        self.held.get_or_insert_default()
    }

    /// The same, if any of them was written.
    pub(crate) fn held_if_any(&self) -> Option<&HeldDraft> {
        self.held.as_deref()
    }
}

const ADVERT_INT: SecondsRange = SecondsRange::new(Duration::from_millis(10), Duration::from_secs(255), 6);
const PREEMPT_DELAY: SecondsRange = SecondsRange::new(Duration::ZERO, Duration::from_secs(1_000), 6);

fn state(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    let master = word.text == "MASTER";
    if !master && word.text != "BACKUP" {
        let help = match value::nearest(&word.text.to_ascii_uppercase(), ["MASTER", "BACKUP"].into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write `MASTER` or `BACKUP`".to_owned(),
        };
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a state to start in", word.text))
            .at(word.span)
            .label("BACKUP is used")
            .help(help)
            .log(format!("({}) unknown state '{}', defaulting to BACKUP", cx.object, word.text));
        cx.report(d);
    }
    if instance.state == Some(true) && !master {
        let d = Diagnostic::new(Code::CONFLICT, "`state` was MASTER before")
            .at(word.span)
            .label("ignored")
            .help("remove one of the two lines")
            .log(format!("({}) state previously set as MASTER - ignoring BACKUP", cx.object));
        cx.report(d);
        return;
    }
    instance.state = Some(master);
}

fn vrid(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    let number = cx.number("virtual_router_id", word, Range::new(1, 255, ""));
    if let Some(vrid) = number.and_then(|n| u8::try_from(n).ok()).and_then(Vrid::new) {
        instance.vrid = Some((vrid, word.span));
    }
}

fn priority(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    if let Some(n) = cx.number("priority", word, Range::new(1, 255, "")) {
        instance.priority = Some(u8_of(n));
    } else {
        // keepalived goes on with the default, and forgets an earlier one.
        instance.priority = Some(100);
    }
}

fn advert_int(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    if let Some(time) = cx.seconds("advert_int", word, ADVERT_INT) {
        instance.advert_int = Some((time, word.span));
    }
}

fn source(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    match cx.host(word) {
        Some(address) => instance.source = Some((address, word.span)),
        None => {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a source address", word.text))
                .at(word.span)
                .label("ignored")
                .help("write an address of the interface, without a prefix length")
                .log(format!(
                    "Configuration error: VRRP instance[{}] malformed src address[{}]. Skipping...",
                    cx.object, word.text
                ));
            cx.report(d);
        }
    }
}

fn mcast_dst_ip(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    match cx.host(word) {
        Some(address) if address.is_multicast() => instance.group = Some((address, word.span)),
        _ => {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a multicast address", word.text))
                .at(word.span)
                .label("ignored")
                .help("use an address from 224.0.0.0/24 or ff02::/16")
                .log(format!("({}) mcast_dst_ip {} not multicast. Skipping...", cx.object, word.text));
            cx.report(d);
        }
    }
}

fn unicast_ttl(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    if let Some(n) = cx.number("unicast_ttl", word, Range::new(0, 255, "")) {
        instance.unicast_ttl = Some((u8_of(n), word.span));
    }
}

fn addresses(list: &mut Vec<AddressDraft>, lines: &[Line], cx: &mut Cx<'_>) {
    for line in lines {
        list.extend(address::parse(line, false, cx));
    }
}

/// Without a command it only changes the name of the event.
fn notify_deleted(instance: &mut InstanceDraft, node: &Node, _: &mut Cx<'_>) {
    instance.notify.tell_deleted = true;
    if !node.words.is_empty() {
        instance.notify.deleted = Some(Box::new(crate::block::command::CommandDraft::new(node)));
    }
}

impl InstanceDraft {
    /// The family: that of the first address, else of the source, else of the first peer, else of
    /// the first excluded address, else IPv4.
    pub(crate) fn family(&self) -> Family {
        if self.native_ipv6 {
            return Family::V6;
        }
        let first = self.addresses.first().map(|a| a.net.family());
        first
            .or_else(|| self.source.map(|(address, _)| Family::of(&address)))
            .or_else(|| self.peers.first().map(|p| Family::of(&p.address)))
            .or_else(|| self.virtual_link.as_ref().and_then(|link| virtual_link::family(link)))
            .or_else(|| self.excluded.first().map(|a| a.net.family()))
            .unwrap_or(Family::V4)
    }
}
