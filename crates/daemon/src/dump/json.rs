//! The JSON file (SIGRTMIN+2): keys, order and types are keepalived's, which programs read.

use base::Duration;
use engine::Snapshot;
use engine::{Held, InstanceSnapshot};
use model::{Address, Instance, Model, TrackerSource};
use serde::Serialize;
use serde_json::Number;
use vrrp::config::{Auth, Preempt, Version};
use vrrp::io::State;

use super::{Calendar, text};

/// The whole file; `None` without instances, for which keepalived writes none.
pub fn json(model: &Model, snapshot: &Snapshot, calendar: &Calendar) -> Option<String> {
    if model.instances.is_empty() {
        return None;
    }
    let entries: Vec<Entry> = model.instances.iter().map(|i| entry(model, snapshot, calendar, i)).collect();
    if model.global.dumps.json_version == 2 {
        serde_json::to_string(&Version2 { vrrp: entries }).ok()
    } else {
        serde_json::to_string(&entries).ok()
    }
}

/// `json_version 2`; `track_process` would stand behind if any were configured.
#[derive(Serialize)]
struct Version2 {
    vrrp: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    data: Data,
    stats: Stats,
}

/// 0 or 1 where keepalived writes numbers.
type Bit = u8;

#[derive(Serialize)]
struct Data {
    iname: String,
    dont_track_primary: Bit,
    skip_check_adv_addr: Bit,
    strict_mode: Bit,
    vmac_ifname: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ifp_ifname: Option<String>,
    master_priority: u8,
    last_transition: Number,
    garp_delay: Number,
    garp_refresh: u64,
    garp_rep: u32,
    garp_refresh_rep: u32,
    garp_lower_prio_delay: Number,
    garp_lower_prio_rep: u32,
    lower_prio_no_advert: Bit,
    higher_prio_send_advert: Bit,
    vrid: u8,
    base_priority: u8,
    effective_priority: u8,
    vipset: bool,
    promote_secondaries: bool,
    adver_int: Number,
    master_adver_int: Number,
    accept: Bit,
    nopreempt: bool,
    preempt_delay: u64,
    state: u8,
    wantstate: u8,
    version: u8,
    smtp_alert: bool,
    notify_deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_deleted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master_rx_lower_pri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vroutes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_ifp: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_script: Vec<String>,
    auth_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_data: Option<&'static str>,
}

#[derive(Serialize)]
struct Stats {
    advert_rcvd: u64,
    advert_sent: u64,
    become_master: u64,
    release_master: u64,
    packet_len_err: u64,
    advert_interval_err: u64,
    ip_ttl_err: u64,
    invalid_type_rcvd: u64,
    addr_list_err: u64,
    invalid_authtype: u64,
    authtype_mismatch: u64,
    auth_failure: u64,
    auth_ext_missing: u64,
    auth_ext_malformed: u64,
    auth_ext_unknown_key: u64,
    auth_ext_invalid_hmac: u64,
    auth_ext_stale: u64,
    auth_ext_replay: u64,
    pri_zero_rcvd: u64,
    pri_zero_sent: u64,
}

fn entry(model: &Model, snapshot: &Snapshot, calendar: &Calendar, instance: &Instance) -> Entry {
    let standing = super::standing(snapshot, instance);
    let vrrp = super::protocol(standing, instance);
    let c = vrrp.counters;
    let stats = Stats {
        advert_rcvd: c.advert_rcvd,
        advert_sent: c.advert_sent,
        become_master: c.become_master,
        release_master: c.release_master,
        packet_len_err: c.packet_len_err,
        advert_interval_err: c.advert_interval_err,
        ip_ttl_err: c.ip_ttl_err,
        invalid_type_rcvd: c.invalid_type_rcvd,
        addr_list_err: c.addr_list_err,
        invalid_authtype: c.invalid_authtype,
        authtype_mismatch: c.authtype_mismatch,
        auth_failure: c.auth_failure,
        auth_ext_missing: 0,
        auth_ext_malformed: 0,
        auth_ext_unknown_key: 0,
        auth_ext_invalid_hmac: 0,
        auth_ext_stale: 0,
        auth_ext_replay: 0,
        pri_zero_rcvd: c.pri_zero_rcvd,
        pri_zero_sent: c.pri_zero_sent,
    };
    Entry { data: data(model, calendar, instance, standing, &vrrp), stats }
}

fn data(
    model: &Model,
    calendar: &Calendar,
    instance: &Instance,
    standing: Option<&InstanceSnapshot>,
    vrrp: &vrrp::io::Snapshot,
) -> Data {
    let (p, garp, notify) = (&instance.protocol, &instance.garp, &instance.notify);
    let command = |c: &Option<Box<model::Command>>| c.as_deref().map(text::command);
    let addresses = |list: &[Address]| -> Vec<String> {
        // keepalived knows only "set" and nothing.
        let held = |a| if super::held(standing, a) == Held::Yes { Held::Yes } else { Held::No };
        list.iter().map(|a| text::address(a, held(a))).collect()
    };
    let tracked = |wanted: fn(&TrackerSource) -> Option<String>| -> Vec<String> {
        let trackers = p.tracks.iter().filter_map(|t| model.trackers.get(t.tracker.index()));
        trackers.filter_map(|t| wanted(&t.source)).collect()
    };
    let auth_type = match p.auth {
        Auth::None => 0,
        Auth::Pass(_) => 1,
        Auth::Ah(_) => 2,
    };
    Data {
        iname: p.name.to_string(),
        dont_track_primary: Bit::from(!instance.track_link),
        skip_check_adv_addr: Bit::from(p.skip_check_adv_addr),
        strict_mode: 0,
        vmac_ifname: "",
        ifp_ifname: instance.link.map(|l| l.to_string()),
        master_priority: vrrp.master.map_or(0, |(_, priority)| priority.0),
        last_transition: decimal(calendar.since_1970(vrrp.since)),
        garp_delay: decimal(garp.delay),
        garp_refresh: garp.refresh.as_secs(),
        garp_rep: garp.repeat,
        garp_refresh_rep: garp.refresh_repeat,
        garp_lower_prio_delay: decimal(garp.lower_prio_delay),
        garp_lower_prio_rep: garp.lower_prio_repeat,
        lower_prio_no_advert: Bit::from(p.lower_prio_no_advert),
        higher_prio_send_advert: Bit::from(p.higher_prio_send_advert),
        vrid: p.vrid.get(),
        base_priority: p.priority.0,
        effective_priority: vrrp.priority.0,
        vipset: standing.is_some_and(|s| s.addresses.iter().any(|(_, _, held)| *held == Held::Yes)),
        promote_secondaries: instance.promote_secondaries,
        adver_int: decimal(p.advert_interval),
        master_adver_int: decimal(vrrp.master_interval),
        // Its opposite needs a firewall, which nobody has here.
        accept: 1,
        nopreempt: p.preempt == Preempt::Never,
        preempt_delay: match p.preempt {
            Preempt::After(delay) => delay.as_secs(),
            Preempt::Never => 0,
        },
        state: number(vrrp.state),
        wantstate: number(vrrp.wants),
        version: match p.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
        smtp_alert: notify.smtp_alert,
        notify_deleted: notify.tell_deleted,
        script_backup: command(&notify.backup),
        script_master: command(&notify.master),
        script_fault: command(&notify.fault),
        script_stop: command(&notify.stop),
        script_deleted: command(&notify.deleted),
        script: command(&notify.any),
        script_master_rx_lower_pri: command(&notify.master_rx_lower_pri),
        vips: addresses(&instance.addresses),
        evips: addresses(&instance.excluded),
        vroutes: instance.routes.iter().map(text::route).collect(),
        track_ifp: tracked(|source| match source {
            TrackerSource::Interface(link) => Some(link.to_string()),
            _ => None,
        }),
        // Commands, not names.
        track_script: tracked(|source| match source {
            TrackerSource::Script(script) => Some(text::command(&script.command)),
            _ => None,
        }),
        auth_type,
        auth_data: (auth_type != 0).then_some("********"),
    }
}

/// keepalived's numbers of states.
fn number(state: State) -> u8 {
    match state {
        State::Init => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
        State::Deleted => 97,
        State::Stopped => 98,
    }
}

/// Seconds with at most six decimals, and none if they are whole.
fn decimal(d: Duration) -> Number {
    let micros = d.as_micros();
    if micros.is_multiple_of(1_000_000) {
        return d.as_secs().into();
    }
    // Below 2^53, hence exact, until the year 2255.
    #[allow(clippy::cast_precision_loss, reason = "see above")]
    Number::from_f64(micros as f64 / 1e6).unwrap_or_else(|| d.as_secs().into())
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn an_instance_is_written_with_keepalived_s_keys_in_its_order() {
        let model = crate::observe::fixture::model();
        let text = json(&model, &fixture::snapshot(), &fixture::calendar()).unwrap();
        let data = r#"[{"data":{"iname":"VI_1","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"eth0","master_priority":150,"last_transition":1795189555.552884,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":51,"base_priority":100,"effective_priority":80,"vipset":true,"promote_secondaries":false,"adver_int":1,"master_adver_int":0.5,"accept":1,"nopreempt":false,"preempt_delay":5,"state":2,"wantstate":2,"version":2,"smtp_alert":false,"notify_deleted":false,"script":"'/etc/n.sh' 'arg'","vips":["192.0.2.100/24 dev eth0 scope global set"],"evips":["192.0.2.102 dev eth0 scope global"],"track_ifp":["eth1"],"track_script":["'/etc/chk.sh'"],"auth_type":0},"stats":{"advert_rcvd":7,"advert_sent":15,"become_master":3,"release_master":2,"packet_len_err":0,"advert_interval_err":0,"ip_ttl_err":4,"invalid_type_rcvd":0,"addr_list_err":0,"invalid_authtype":0,"authtype_mismatch":0,"auth_failure":3,"auth_ext_missing":0,"auth_ext_malformed":0,"auth_ext_unknown_key":0,"auth_ext_invalid_hmac":0,"auth_ext_stale":0,"auth_ext_replay":0,"pri_zero_rcvd":0,"pri_zero_sent":2}},{"data":"#;
        assert!(text.starts_with(data), "{text}");
    }

    #[test]
    fn version_2_names_the_list_and_no_instance_writes_nothing() {
        let mut model = crate::observe::fixture::model();
        model.global.dumps.json_version = 2;
        let text = json(&model, &fixture::snapshot(), &fixture::calendar()).unwrap();
        assert!(text.starts_with(r#"{"vrrp":[{"data":{"iname":"VI_1","#) && text.ends_with("}]}"));
        model.instances.clear();
        assert_eq!(json(&model, &fixture::snapshot(), &fixture::calendar()), None);
    }

    #[test]
    fn a_password_is_never_written() {
        let mut model = crate::observe::fixture::model();
        model.instances[0].protocol.auth = Auth::Pass(base::Secret::new(*b"geheim42"));
        let text = json(&model, &fixture::snapshot(), &fixture::calendar()).unwrap();
        assert!(text.contains(r#""auth_type":1,"auth_data":"********""#) && !text.contains("geheim"));
    }

    #[test]
    fn decimals_are_exact_to_the_microsecond() {
        assert_eq!(decimal(Duration::from_micros(1_795_189_555_552_884)).to_string(), "1795189555.552884");
        assert_eq!(decimal(Duration::from_millis(10)).to_string(), "0.01");
        assert_eq!(decimal(Duration::from_secs(40)).to_string(), "40");
    }
}
