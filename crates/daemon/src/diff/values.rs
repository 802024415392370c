//! What of an object changed: keywords with their old and new values.

use config::print::Entry;
use model::diff::{Change, Cost};
use serde::{Serialize, Serializer};

/// Values that are longer than this are not shown.
const SHORT: usize = 60;

/// A keyword whose value changes.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// The keyword.
    pub keyword: String,
    /// What the change costs.
    #[serde(serialize_with = "cost")]
    pub cost: Cost,
    /// The value before; `None` if it was not set or is the default, or is too long to be shown.
    pub old: Option<String>,
    /// The value after, likewise.
    pub new: Option<String>,
    /// Of a block: the lines that come.
    pub added: Vec<String>,
    /// Of a block: the lines that go.
    pub removed: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn cost<S: Serializer>(cost: &Cost, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match cost {
        Cost::Nothing => "unnoticed",
        Cost::Hot => "hot",
        Cost::Restart => "restarted",
        Cost::Refused => "refused",
    })
}

/// Keywords that set one part of the Model together, each under the one that names the change.
const RELATED: &[(&str, &[&str])] = &[
    ("nopreempt", &["nopreempt", "preempt_delay"]),
    ("accept", &["no_accept"]),
    ("mcast_src_ip", &["mcast_src_ip", "unicast_src_ip"]),
    ("unicast_peer", &["unicast_peer", "mcast_dst_ip", "check_unicast_src", "unicast_fault_no_peer"]),
    ("track_script", &["track_interface", "track_script", "track_file"]),
    ("track_process", &["track_process", "track_bfd"]),
    ("use_vmac", &["use_vmac", "vmac_xmit_base", "use_ipvlan"]),
    ("ttl", &["ttl", "hoplimit"]),
    ("vrrp", &["vrrp", "checker"]),
    ("checker", &["vrrp", "checker"]),
    ("persistence_timeout", &["persistence_timeout", "persistence_granularity", "persistence_engine"]),
    ("quorum", &["quorum", "hysteresis"]),
    ("flag-1", &["flag-1", "flag-2", "flag-3"]),
    ("sorry_server", &["sorry_server", "sorry_server_lvs_method", "sorry_server_inhibit"]),
    ("lvs_method", &["lvs_method"]),
    ("notify_fifo", &["notify_fifo", "notify_fifo_script"]),
    ("vrrp_notify_fifo", &["vrrp_notify_fifo", "vrrp_notify_fifo_script"]),
    ("lvs_notify_fifo", &["lvs_notify_fifo", "lvs_notify_fifo_script"]),
    ("startup_script", &["startup_script", "startup_script_timeout"]),
    ("shutdown_script", &["shutdown_script", "shutdown_script_timeout"]),
    (
        "vrrp_priority",
        &["vrrp_priority", "vrrp_rt_priority", "vrrp_rlimit_rttime", "vrrp_cpu_affinity", "vrrp_no_swap"],
    ),
    (
        "checker_priority",
        &[
            "checker_priority",
            "checker_rt_priority",
            "checker_rlimit_rttime",
            "checker_cpu_affinity",
            "checker_no_swap",
        ],
    ),
];

/// The values behind `changes`, each keyword once.
pub fn changes(old: Option<&Entry>, new: Option<&Entry>, changes: &[Change]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for Change { keyword, cost } in changes {
        let alone = [*keyword];
        let related = RELATED.iter().find(|(name, _)| name == keyword).map(|(_, all)| *all);
        let mut values: Vec<Value> =
            related.unwrap_or(&alone).iter().filter_map(|name| value(name, *cost, old, new)).collect();
        if values.is_empty() {
            // It is set elsewhere, or its value is not printed.
            values.push(Value {
                keyword: (*keyword).to_owned(),
                cost: *cost,
                old: None,
                new: None,
                added: Vec::new(),
                removed: Vec::new(),
            });
        }
        for value in values {
            match out.iter_mut().find(|known| known.keyword == value.keyword) {
                Some(known) => known.cost = known.cost.max(value.cost),
                None => out.push(value),
            }
        }
    }
    out
}

/// A keyword of both, if it is not the same.
fn value(keyword: &str, cost: Cost, old: Option<&Entry>, new: Option<&Entry>) -> Option<Value> {
    let (before, after) = (of(old, keyword), of(new, keyword));
    if before == after {
        return None;
    }
    let block = before.iter().chain(&after).any(|entry| entry.body.is_some());
    let mut out = Value {
        keyword: keyword.to_owned(),
        cost,
        old: None,
        new: None,
        added: Vec::new(),
        removed: Vec::new(),
    };
    if block {
        let (before, after) = (lines(&before), lines(&after));
        out.added = after.iter().filter(|line| !before.contains(line)).cloned().collect();
        out.removed = before.iter().filter(|line| !after.contains(line)).cloned().collect();
    } else {
        (out.old, out.new) = (words(&before), words(&after));
    }
    Some(out)
}

fn of<'e>(entry: Option<&'e Entry>, keyword: &str) -> Vec<&'e Entry> {
    let body = entry.and_then(|entry| entry.body.as_ref()).into_iter().flatten();
    body.filter(|entry| entry.keyword == keyword).collect()
}

/// The words of lines; a keyword alone is on.
fn words(entries: &[&Entry]) -> Option<String> {
    let words = entries.iter().map(|entry| if entry.words.is_empty() { "on" } else { entry.words.as_str() });
    let text = words.collect::<Vec<_>>().join("; ");
    match text.chars().count() {
        0 => None,
        1..=SHORT => Some(text),
        _ => Some("..".to_owned()),
    }
}

/// The lines in blocks, those of inner blocks after the keyword of the block.
fn lines(blocks: &[&Entry]) -> Vec<String> {
    let mut out = Vec::new();
    for entry in blocks.iter().filter_map(|block| block.body.as_ref()).flatten() {
        let line = format!("{} {}", entry.keyword, entry.words).trim_end().to_owned();
        match &entry.body {
            None => out.push(line),
            Some(_) => {
                let inner = lines(&[entry]);
                out.extend(inner.into_iter().map(|inner| format!("{line} {{ {inner} }}")));
            }
        }
    }
    out
}
