//! Which differences of verdict are meant.
//!
//! A difference is explained line by line: each line of the one who is stricter must be one that the other is
//! known not to have, so that nothing hides behind a known difference.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, ENDLESS, Verdict};
use crate::table::Table;

/// Whose line it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    Keepalived,
    Vipd,
}
use Only::{Keepalived, Vipd};

/// One kind of line.
struct Known {
    /// Its entry in `tests/oracle/DIVERGENCES.toml`.
    id: &'static str,
    only: Only,
    /// The exit statuses of keepalived and of vipd.
    codes: (i32, i32),
    /// Part of the configuration; with `!` before it what is no part of it.
    conf: &'static str,
    /// Part of the line.
    line: &'static str,
    /// Part of what the other one says, where both refuse the file.
    other: &'static str,
    /// The other one has an error in a line of which this one says that it doesn't know its keyword.
    lost: bool,
    /// A keyword that stands in a block twice.
    twice: &'static str,
    /// What follows in its log is a consequence: it has lost count of the braces, or the object is gone.
    derails: bool,
}

impl Known {
    const fn derailing(self) -> Self {
        Self { derails: true, ..self }
    }

    const fn and_other(self, other: &'static str) -> Self {
        Self { other, ..self }
    }

    const fn where_twice(self, keyword: &'static str) -> Self {
        Self { twice: keyword, ..self }
    }

    const fn where_lost(self) -> Self {
        Self { lost: true, ..self }
    }
}

const fn known(
    id: &'static str,
    only: Only,
    codes: (i32, i32),
    conf: &'static str,
    line: &'static str,
) -> Known {
    Known { id, only, codes, conf, line, other: "", lost: false, twice: "", derails: false }
}

/// The exit statuses of what a signal ends.
const ABORT: i32 = 128 + 6;
const SEGV: i32 = 128 + 11;

/// What keepalived says when a script would run and nobody asked for its security.
const INSECURE: &str = "script_security not enabled";

/// What vipd says then.
const NOT_SECURE: &str = "[script-security]";

/// In a namespace that isn't there, keepalived does not judge. What it says without the keyword counts.
pub(crate) const NAMESPACE: &str = "config-namespace";

/// Of keywords that the installed keepalived does not know, the table tells.
const NEWER: &str = "config-newer-keyword";

const KNOWN: &[Known] = &[
    known(
        "config-newer-keyword",
        Keepalived,
        (5, 0),
        "no_virtual_ipaddress",
        "No VIP specified; at least one is",
    ),
    known(
        "config-newer-keyword",
        Keepalived,
        (5, 0),
        "include_check readable",
        "Unknown include_check type 'readable'",
    ),
    known("config-newer-decimals", Keepalived, (5, 0), "interval ", "vrrp script interval"),
    known("config-newer-decimals", Keepalived, (5, 0), "timeout ", "vrrp script timeout"),
    known("config-newer-decimals", Keepalived, (5, 0), "vrrp_script", "invalid number"),
    known("config-newer-definition", Keepalived, (5, 0), "${_HASH}", "routerid name missing"),
    known("config-newer-definition", Keepalived, (5, 0), "${_ENV ", "Unexpected '{'").derailing(),
    known("config-undefined-in-braces", Keepalived, (5, 0), "${", "Unexpected '{'").derailing(),
    known("config-numeric-user", Keepalived, (5, 0), "script_user ", "Error setting global script uid/gid"),
    known("config-numeric-user", Keepalived, (5, 0), "user ", "Unable to set uid/gid for script").derailing(),
    known("config-unicast-interface", Keepalived, (5, 0), "unicast_src_ip", "Unknown interface!"),
    known("config-escaped-comment", Keepalived, (6, 0), "\\#", INSECURE),
    known("config-fifo-script-alone", Keepalived, (6, 0), "notify_fifo_script", INSECURE),
    known("config-unusable-command", Keepalived, (6, 0), "", INSECURE),
    known("config-braces-in-command", Keepalived, (5, 0), "'{ echo", "Unexpected '{'").derailing(),
    known("config-two-names", Keepalived, (5, 0), "", "vrrp_instance must have a name"),
    known("config-lost-brace", Keepalived, (5, 6), "", "missing '}'s or extra '{'s").and_other(NOT_SECURE),
    known("config-lost-brace", Keepalived, (5, 6), "", "Group list already specified").and_other(NOT_SECURE),
    known("config-lost-brace", Keepalived, (5, 6), "", "Unexpected '{'").and_other(NOT_SECURE),
    // vipd takes what follows for a part of the block that it does not know.
    known("config-lost-brace", Vipd, (6, 5), "{", "[unknown-keyword]").and_other(INSECURE),
    known("config-lost-brace", Vipd, (6, 5), "\"", "[unterminated-quote]").and_other(INSECURE),
    known("config-newer-keyword", Vipd, (5, 2), "global_defs", "needs a value"),
    known("config-lost-brace", Keepalived, (5, 2), "", "Unexpected '{'")
        .and_other("[missing-parameter]")
        .where_lost(),
    known("config-numeric-user", Keepalived, (5, 6), "user ", "Failed to set uid/gid"),
    known("config-nothing-there", Vipd, (5, 6), "!vrrp_instance", "[script-security]"),
    known("config-definition-of-itself", Keepalived, (ENDLESS, 5), "$P=$P", ""),
    known("config-include-directory", Keepalived, (6, 0), "includer sub", "is a directory - skipping"),
    known("config-include-quoted", Keepalived, (6, 0), "", "missing '\"part.conf\"'"),
    known("config-nul-in-comment", Vipd, (0, 5), "", "holds a byte 0"),
    known("config-route-word", Keepalived, (2, 5), "_routes", "is missing a parameter after keyword")
        .derailing(),
    known(
        "config-route-word",
        Keepalived,
        (2, 5),
        "virtual_server_group",
        "is missing a parameter at word position 1",
    )
    .derailing(),
    known("config-garp-group-twice", Keepalived, (2, 5), "garp_group", "garp_group already specified for"),
    known(
        "config-garp-group-twice",
        Keepalived,
        (2, 5),
        "garp_group",
        "is missing a parameter after keyword",
    )
    .derailing(),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "not ``"),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "`` is not a weight"),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "must be from 1 to 4294967295 bytes"),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "names no command"),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "there is no script `s` to track"),
    known(
        "config-empty-buffer",
        Vipd,
        (0, 5),
        " 0
",
        "must be from 1 to 4294967295 bytes",
    ),
    known("config-debug", Keepalived, (5, 0), "debug ", "invalid number"),
    known("config-debug", Keepalived, (5, 0), "debug ", "negative number"),
    known("config-debug", Keepalived, (5, 0), "debug ", "outside range [0, 4]"),
    known("config-debug", Keepalived, (5, 0), "debug ", "outside unsigned integer range"),
    known("config-debug", Keepalived, (5, 0), "debug ", "Debug value"),
    known("config-switch-nonsense", Vipd, (0, 5), "", "is not a switch for `vrrp_strict`"),
    known("config-switch-nonsense", Vipd, (0, 5), "", "is not a switch for `vrrp_skip_check_adv_addr`"),
    known("config-tracker-twice", Vipd, (0, 5), "", "there are two `vrrp_script`"),
    known("config-tracker-twice", Vipd, (0, 5), "", "there are two `track_file`"),
    known("config-owner-weight", Keepalived, (5, 0), "weight", "due to address owner"),
    known("config-peer-of-address", Keepalived, (5, 0), "peer ", "when specifying peer address"),
    known("config-peer-of-address", Keepalived, (5, 0), "peer ", "parsed invalid IP"),
    known("config-peer-of-address", Keepalived, (5, 0), "peer ", "Invalid peer"),
    known("config-processor", Keepalived, (5, 0), "cpu_affinity", "outside range"),
    known("config-processor", Keepalived, (5, 0), "cpu_affinity", "Invalid cpu_id"),
    known("config-interface-name", Vipd, (0, 5), "", "cannot be the name of an interface"),
    known(
        "config-many-words",
        Keepalived,
        (5, 0),
        "kernel_rx_buf_size",
        "invalid kernel_rx_buf_size specified",
    ),
    known(
        "config-many-words",
        Keepalived,
        (5, 0),
        "vrrp_rx_bufs_multiplier",
        "Invalid vrrp_rx_bufs_multiplier",
    ),
    known("config-many-words", Keepalived, (5, 0), "umask", "Extra parameter(s) to umask option"),
    known("config-many-words", Keepalived, (5, 0), "startup_script", "Invalid startup script"),
    known("config-many-words", Keepalived, (5, 0), "shutdown_script", "Invalid shutdown script"),
    known("config-signed-number", Keepalived, (5, 0), "umask +", "Unknown umask bit"),
    known("config-signed-number", Keepalived, (5, 0), "init_file +", "Unknown track file init option"),
    known("config-seed", Keepalived, (5, 0), "random_seed", "outside unsigned integer range"),
    known("config-seed", Keepalived, (5, 0), "random_seed", "random_seed"),
    known("config-empty-password", Keepalived, (5, 0), "auth_pass \"\"", "no password given"),
    known("config-init-file", Keepalived, (5, 0), "init_file", "is outside sensible range [-254, 254]"),
    known("config-huge-number", Vipd, (0, 5), "", "is not the name of a scope"),
    known("config-huge-number", Vipd, (0, 5), "", "is not the name of a routing table"),
    known("config-huge-number", Vipd, (0, 5), "", "is not the name of a type of service"),
    known("config-huge-number", Vipd, (0, 5), "repeat", "must be from 1 to 2147483647"),
    known("config-huge-number", Vipd, (0, 5), "garp_master_refresh", "must be from 0 to 4294 s"),
    known("config-huge-number", Vipd, (0, 5), "vrrp_rx_bufs_multiplier", "must be from 1 to 65535"),
    known("config-route-address", Vipd, (0, 5), "virtual_routes", "means nothing in a route line"),
    known("config-gap", Keepalived, (5, 0), "garp_group", "outside range [0.000000, 2147.483647]"),
    known("config-gap", Keepalived, (5, 0), "garp_group", "_interval '4294' invalid"),
    known("config-gap", Keepalived, (5, 0), "garp_group", "does not have any delay set"),
    known("config-gap", Vipd, (0, 5), "garp_group", "this group has no interval"),
    known("config-no-iptables", Keepalived, (5, 0), "vrrp_iptables", "iptables not supported"),
    known("config-no-iptables", Keepalived, (5, 0), "vrrp_ipsets", "Unknown keyword 'vrrp_ipsets'"),
    known("config-vmac", Keepalived, (5, 0), "use_", "VMAC MAC address not allowed to be RFC5798 address"),
    known("config-vmac", Keepalived, (5, 0), "use_", "promote_secondaries is automatically set for vmacs"),
    known("config-vmac", Keepalived, (5, 0), "use_", "unicast with use_vmac requires vmac_xmit_base"),
    known("config-vmac", Keepalived, (5, 0), "use_", "ipvlan requires a source ip address"),
    known("config-vmac", Keepalived, (5, 0), "use_", "vmac_xmit_base is only valid with a vmac"),
    known("config-vmac", Keepalived, (5, 0), "use_", "already exists and is not a private macvlan"),
    known("config-said-twice", Keepalived, (5, 0), "BFD_CHECK", "already specified as"),
    known("config-said-twice", Keepalived, (5, 0), "BFD_CHECK", "not configured"),
    known("config-said-twice", Keepalived, (5, 0), "FILE_CHECK", "not found"),
    known("config-said-twice", Keepalived, (5, 0), "DNS_CHECK", "name already specified"),
    known("config-said-twice", Keepalived, (5, 0), "url", "is a duplicate"),
    known("config-said-twice", Keepalived, (5, 0), "SSL", "SSL certfile already specified - replacing"),
    known("config-said-twice", Keepalived, (5, 0), "SSL", "SSL cafile already specified - replacing"),
    known("config-said-twice", Keepalived, (5, 0), "SSL", "SSL keyfile already specified - replacing"),
    known("config-said-twice", Keepalived, (5, 0), "SSL", "SSL password already specified - replacing"),
    known("config-other-family", Vipd, (0, 5), "bindto", "cannot talk to"),
    known(
        "config-many-words",
        Keepalived,
        (5, 0),
        "snmp_socket",
        "Too many parameters specified for snmp_socket",
    ),
    known(
        "config-signed-number",
        Keepalived,
        (5, 0),
        "persistence_granularity +",
        "Invalid IPv4 persistence_granularity specified",
    ),
    known("config-vmac", Keepalived, (5, 0), "use_", "already exists and is not an l2 ipvlan"),
    known("config-vmac", Vipd, (0, 5), "use_ipvlan", "`use_vmac` and `use_ipvlan` exclude each other"),
    known("config-short-label", Keepalived, (5, 0), "DNS_CHECK", "has empty label - ignoring"),
    known("config-instance-name", Vipd, (0, 5), "instance ", "cannot be the name of an instance"),
    known("config-tracker-twice", Vipd, (0, 5), "", "there are two `vrrp_track_process`"),
    known("config-lost-brace", Keepalived, (2, 6), "", "Group list already specified").and_other(NOT_SECURE),
    known("config-group-family", Vipd, (0, 5), "virtual_server_group", "has no addresses"),
    known("config-crash", Keepalived, (SEGV, 5), "", "Unterminated quote").and_other("[unterminated-quote]"),
    known("config-crash", Keepalived, (SEGV, 6), "", "Unterminated quote").and_other("[unterminated-quote]"),
    known("config-crash", Keepalived, (SEGV, 2), "bfd_instance", "")
        .and_other("`bfd_instance` needs a value"),
    known("config-crash", Keepalived, (SEGV, 2), "neighbor_ip", "").and_other("`neighbor_ip` needs a value"),
    known("config-crash", Keepalived, (SEGV, 2), "neighbour_ip", "")
        .and_other("`neighbour_ip` needs a value"),
    known("config-fifo-script-alone", Keepalived, (6, 5), "notify_fifo_script", INSECURE),
    known("config-missing-twice", Keepalived, (5, 0), "interface", "doesn't exist").where_twice("interface"),
    known("config-missing-twice", Keepalived, (5, 0), "interface", "Non-existent interface specified")
        .where_twice("interface"),
    known("config-granularity", Vipd, (0, 5), "persistence_granularity", "is not a granularity for"),
    known(
        "config-delay-of-nobody",
        Keepalived,
        (4, 5),
        "interface_up_down_delays",
        "unknown interface eth9 specified for up/down delay",
    ),
    known("config-nothing-there", Vipd, (0, 5), "!vrrp_instance", "[script-not-found]"),
    known("config-nothing-there", Vipd, (0, 5), "!vrrp_instance", "has no command"),
    known("config-nothing-there", Vipd, (0, 5), "!real_server", "this virtual server has no"),
    known("config-nothing-there", Vipd, (0, 5), "!real_server", "without a port a virtual serve"),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "`` is not a number"),
    known("config-empty-number", Vipd, (0, 5), "\"\"", "the name `` has an empty part"),
    known("config-missing-delay", Vipd, (0, 5), "interface_up_down_delays", "needs a delay"),
    known("config-group-family", Vipd, (0, 5), "virtual_server_group", "`port` must be from"),
    known("config-many-words", Keepalived, (5, 0), "reload_time_file", "reload_time_file invalid"),
    known("config-many-words", Keepalived, (5, 0), "lb_kind", "Invalid tunnel option"),
    known("config-elsewhere", Keepalived, (5, 0), "config_save_dir", "Unable to create config_save_dir"),
    known("config-elsewhere", Keepalived, (5, 0), "config_save_dir", "exists and is not a directory"),
    known("config-elsewhere", Keepalived, (5, 0), "smtp_server", "Invalid smtp server"),
    known("config-crash", Keepalived, (SEGV, 6), "", "checker has no urls specified"),
    known("config-crash", Keepalived, (SEGV, 5), "", "checker has no urls specified"),
    known("config-crash", Keepalived, (SEGV, 5), "notify_", ""),
    known("config-crash", Keepalived, (SEGV, 5), "", "Missing '{' at beginning of configuration block"),
    known("config-crash", Keepalived, (ABORT, 5), "", "Missing '{' at beginning of configuration block"),
    known("config-group-family", Vipd, (0, 5), "virtual_server_group", "this virtual server has no"),
    known("config-group-family", Vipd, (0, 5), "virtual_server_group", "is not of the family of"),
];

/// What fails no test, and stands beside what does.
const HARMLESS: &[(Only, &str)] = &[
    (Vipd, "nobody tracks"),
    (Vipd, "[not-in-effect-yet]"),
    (Vipd, "[extra-words]"),
    (Vipd, "[no-effect-here]"),
];

/// The ids of the kinds that a difference is of; `None` if something of it is not known.
pub(crate) fn explain(
    case: &Case,
    table: &Table,
    keepalived: &Verdict,
    vipd: &Verdict,
) -> Option<BTreeSet<&'static str>> {
    let codes = (keepalived.code, vipd.code);
    let conf = String::from_utf8_lossy(&case.text);
    let only = if keepalived.code == 0 { Vipd } else { Keepalived };
    let told = |line: &&str| match only {
        Keepalived => true,
        Vipd => line.starts_with("error[") || line.starts_with("warning["),
    };
    let text = if only == Keepalived { &keepalived.text } else { &vipd.text };
    let harmless = |line: &&str| HARMLESS.iter().any(|(of, part)| *of == only && line.contains(part));
    let holds = |part: &str| match part.strip_prefix('!') {
        Some(absent) => !conf.contains(absent),
        None => conf.contains(part),
    };
    let fits = |k: &&Known, only: Only, line: &str| {
        k.only == only
            && k.codes == codes
            && holds(k.conf)
            && line.contains(k.line)
            && (k.twice.is_empty() || stands_twice(&conf, k.twice))
    };
    if keepalived.code != 0 && vipd.code != 0 {
        // Both refuse it. Who ended by a signal, or not at all, leaves only what it said before.
        let any = |k: &&Known| {
            let (text, other) = match k.only {
                Keepalived => (&keepalived.text, &vipd.text),
                Vipd => (&vipd.text, &keepalived.text),
            };
            (fits(k, k.only, "") || text.lines().any(|line| fits(k, k.only, line)))
                && other.contains(k.other)
                && (!k.lost || is_lost(&keepalived.text, &vipd.text))
        };
        let newer = || {
            let mut unknown = keepalived.text.lines().filter_map(unknown_keyword);
            unknown.any(|word| table.is_newer(word)) && is_lost(&keepalived.text, &vipd.text)
        };
        return KNOWN
            .iter()
            .find(any)
            .map(|k| k.id)
            .or_else(|| newer().then_some(NEWER))
            .map(|id| BTreeSet::from([id]));
    }
    let mut ids = BTreeSet::new();
    for line in text.lines().filter(told).filter(|line| !harmless(line)) {
        if only == Keepalived && unknown_keyword(line).is_some_and(|word| table.is_newer(word)) {
            ids.insert(NEWER);
            if unknown_keyword(line).is_some_and(|word| table.opens(word)) {
                break;
            }
            continue;
        }
        let known = KNOWN.iter().find(|k| fits(k, only, line))?;
        ids.insert(known.id);
        if known.derails {
            break;
        }
    }
    (!ids.is_empty()).then_some(ids)
}

/// Whether two lines of a block begin with `keyword`.
fn stands_twice(conf: &str, keyword: &str) -> bool {
    let mut lines = vec![0];
    for line in conf.lines() {
        if line.split_whitespace().next() == Some(keyword)
            && let Some(count) = lines.last_mut()
        {
            *count += 1;
            if *count > 1 {
                return true;
            }
        }
        for brace in line.chars() {
            match brace {
                '{' => lines.push(0),
                '}' => drop(lines.pop()),
                _ => {}
            }
        }
    }
    false
}

/// Whether each error of vipd stands in a line of which keepalived does not know the keyword.
fn is_lost(keepalived: &str, vipd: &str) -> bool {
    let unknown: BTreeSet<&str> = keepalived
        .lines()
        .filter(|line| unknown_keyword(line).is_some())
        .filter_map(|line| line.split_once("Line ")?.1.split_once(')'))
        .map(|(number, _)| number)
        .collect();
    let lines: Vec<&str> = vipd.lines().collect();
    let mut errors = lines.windows(2).filter(|pair| pair[0].starts_with("error[")).map(|pair| {
        // ` --> main.conf:LINE:COLUMN`
        pair[1].rsplit(':').nth(1).unwrap_or_default()
    });
    errors.clone().count() > 0 && errors.all(|line| unknown.contains(line))
}

/// The word of "Unknown keyword 'word'".
fn unknown_keyword(line: &str) -> Option<&str> {
    line.split_once("Unknown keyword '")?.1.strip_suffix('\'')
}

/// The ids of all.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|k| k.id).chain([NEWER, NAMESPACE])
}

/// What is listed and did not occur.
pub(crate) fn unused(occurred: &BTreeMap<&str, usize>) -> Vec<String> {
    let unused: BTreeSet<&str> = ids().filter(|id| !occurred.contains_key(id)).collect();
    unused.into_iter().map(|id| format!("listed, but does not occur: {id}")).collect()
}
