//! Which differences of verdict are meant.

use std::collections::BTreeMap;

use crate::case::{Case, ENDLESS, Verdict};

/// One kind of difference. All that is given must fit.
struct Known {
    /// Its entry in `tests/oracle/DIVERGENCES.toml`.
    id: &'static str,
    /// The exit statuses of keepalived and of vipd.
    codes: (i32, i32),
    /// Part of the configuration.
    conf: &'static str,
    /// Each line that keepalived says must contain one of these, so that nothing else hides behind it.
    keepalived: &'static [&'static str],
    /// Each error and warning of vipd must contain one of these; if there are none, it must have none.
    vipd: &'static [&'static str],
}

const fn known(
    id: &'static str,
    codes: (i32, i32),
    conf: &'static str,
    keepalived: &'static [&'static str],
    vipd: &'static [&'static str],
) -> Known {
    Known { id, codes, conf, keepalived, vipd }
}

/// What keepalived says when a script would run and nobody asked for its security.
const INSECURE: &[&str] = &["script_security not enabled"];
const EMPTY: &[&str] = &["not ``", "`` is not a weight"];
const DEBUG: &[&str] = &["invalid number", "outside range", "Debug value"];
const NEWER: &[&str] = &[
    "Unknown keyword 'no_virtual_ipaddress'",
    "Unknown keyword 'v3_checksum_as_v2'",
    "Unknown keyword 'owner_ignore_adverts'",
    "Unknown keyword 'json_version'",
    "No VIP specified; at least one is",
];

const KNOWN: &[Known] = &[
    known("config-newer-keyword", (5, 0), "", NEWER, &[]),
    known("config-newer-decimals", (5, 0), "interval ", &["invalid number", "vrrp script interval"], &[]),
    known("config-newer-decimals", (5, 0), "timeout ", &["invalid number", "vrrp script timeout"], &[]),
    known("config-fifo-script-alone", (6, 0), "notify_fifo_script", INSECURE, &[]),
    known("config-unicast-interface", (5, 0), "unicast_src_ip", &["Unknown interface!"], &[]),
    known("config-newer-keyword", (5, 0), "", NEWER, &["link-local"]),
    known(
        "config-newer-keyword",
        (5, 0),
        "include_check readable",
        &["Unknown include_check type 'readable'"],
        &[],
    ),
    known("config-newer-definition", (5, 0), "${_HASH}", &["routerid name missing"], &[]),
    known(
        "config-newer-definition",
        (5, 0),
        "${_ENV ",
        &["Unexpected '{'", "'_ENV'", "Unknown keyword '}'"],
        &[],
    ),
    known(
        "config-newer-decimals",
        (5, 0),
        "interval ",
        &["invalid number", "vrrp script interval"],
        &["nobody tracks"],
    ),
    known("config-newer-decimals", (5, 0), "timeout ", &["invalid number", "vrrp script timeout"], &[]),
    known(
        "config-undefined-in-braces",
        (5, 0),
        "${_BOGUS}",
        &["Unexpected '{'", "'_BOGUS'", "Unknown keyword '}'"],
        &[],
    ),
    known("config-escaped-comment", (6, 0), "\\#", INSECURE, &["the user `#`"]),
    known("config-unusable-command", (6, 0), "", INSECURE, &["cannot be executed"]),
    known("config-fifo-script-alone", (6, 0), "notify_fifo_script", INSECURE, &["search path"]),
    known(
        "config-braces-in-command",
        (5, 0),
        "'{ echo",
        &["Unexpected '{'", "Unknown keyword '", "No VIP specified"],
        &["the user `-c`"],
    ),
    known(
        "config-two-names",
        (5, 0),
        "vrrp_instance A B",
        &["vrrp_instance must have a name"],
        &["does not take that many words"],
    ),
    known("config-owner-weight", (5, 0), "weight", &["due to address owner"], &[]),
    known(
        "config-definition-of-itself",
        (ENDLESS, 5),
        "$P=$P",
        &[],
        &["needs itself", "needs a whole number"],
    ),
    known(
        "config-tracker-twice",
        (0, 5),
        "",
        &[],
        &["nobody tracks", "there are two `vrrp_script`", "there are two `track_file`"],
    ),
    known("config-include-directory", (6, 0), "includer sub", &["is a directory - skipping"], &[]),
    known("config-include-quoted", (6, 0), "", &["missing '\"part.conf\"'"], &[]),
    known("config-nul-in-comment", (0, 5), "", &[], &["holds a byte 0"]),
    known("config-empty-number", (0, 5), "\"\"", &[], EMPTY),
    known(
        "config-empty-number",
        (0, 5),
        "\"\"",
        &[],
        &["must be from 1 to 4294967295 bytes", "names no command"],
    ),
    known("config-empty-buffer", (0, 5), " 0\n", &[], &["must be from 1 to 4294967295 bytes"]),
    known("config-debug", (5, 0), "debug ", DEBUG, &[]),
    known(
        "config-switch-nonsense",
        (0, 5),
        "",
        &[],
        &["is not a switch for `vrrp_strict`", "that many words"],
    ),
    known(
        "config-switch-nonsense",
        (0, 5),
        "",
        &[],
        &["is not a switch for `vrrp_skip_check_adv_addr`", "that many words"],
    ),
    known(
        "config-route-word",
        (2, 5),
        "virtual_routes",
        &["is missing a parameter after keyword"],
        &[
            "means nothing in a route line",
            "this route has no destination",
            "quotation has no end",
            "does not belong here",
            "closes nothing",
        ],
    ),
    known("config-numeric-user", (5, 0), "user ", &["Error setting global script uid/gid"], &[]),
    known(
        "config-peer-of-address",
        (5, 0),
        "peer ",
        &["Invalid peer", "parsed invalid IP", "when specifying peer address"],
        &[],
    ),
    known("config-unicast-interface", (5, 0), "unicast_src_ip", &["Unknown interface!"], &["does not exist"]),
    known("config-processor", (5, 0), "vrrp_cpu_affinity", &["outside range", "Invalid cpu_id"], &[]),
    known(
        "config-default-interface",
        (0, 5),
        "default_interface",
        &[],
        &["cannot be the name of an interface"],
    ),
];

/// The id of the kind that a difference is of.
pub(crate) fn explain(case: &Case, keepalived: &Verdict, vipd: &Verdict) -> Option<&'static str> {
    if CRASHES.contains(&keepalived.code) {
        return Some("config-crash");
    }
    let conf = String::from_utf8_lossy(&case.text);
    let one_of = |line: &str, parts: &[&str]| parts.iter().any(|part| line.contains(part));
    let told = |line: &&str| line.starts_with("error[") || line.starts_with("warning[");
    let fits = |k: &&Known| {
        k.codes == (keepalived.code, vipd.code)
            && conf.contains(k.conf)
            && (k.codes.0 == ENDLESS || keepalived.text.lines().all(|line| one_of(line, k.keepalived)))
            && vipd.text.lines().any(|line| told(&line)) != k.vipd.is_empty()
            && vipd.text.lines().filter(told).all(|line| one_of(line, k.vipd))
    };
    KNOWN.iter().find(fits).map(|k| k.id)
}

/// Abort and segmentation fault: nothing can be compared with those.
const CRASHES: &[i32] = &[128 + 6, 128 + 11];

/// The ids of all.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|k| k.id).chain(["config-crash"])
}

/// What is listed and did not occur.
pub(crate) fn unused(occurred: &BTreeMap<&str, usize>) -> Vec<String> {
    let unused = KNOWN.iter().filter(|k| !occurred.contains_key(k.id));
    unused.map(|k| format!("listed, but does not occur: {}", k.id)).collect()
}
