//! The statistics file (SIGUSR2): its lines are parsed by monitoring, so they are keepalived's.

use std::fmt::Write as _;

use engine::Snapshot;
use model::Model;

/// The whole file.
pub fn stats(model: &Model, snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for instance in &model.instances {
        let c = super::protocol(super::standing(snapshot, instance), instance).counters;
        let _ = writeln!(out, "VRRP Instance: {}", instance.protocol.name);
        // A key without a value begins a block.
        let lines: [(&str, Option<u64>); 25] = [
            ("  Advertisements", None),
            ("    Received", Some(c.advert_rcvd)),
            ("    Sent", Some(c.advert_sent)),
            ("  Became master", Some(c.become_master)),
            ("  Released master", Some(c.release_master)),
            ("  Packet Errors", None),
            ("    Length", Some(c.packet_len_err)),
            ("    TTL", Some(c.ip_ttl_err)),
            ("    Invalid Type", Some(c.invalid_type_rcvd)),
            ("    Advertisement Interval", Some(c.advert_interval_err)),
            ("    Address List", Some(c.addr_list_err)),
            ("  Authentication Errors", None),
            ("    Invalid Type", Some(c.invalid_authtype)),
            ("    Type Mismatch", Some(c.authtype_mismatch)),
            // The core counts a sequence number that was seen before among the failures, too.
            ("    Failure", Some(c.auth_failure)),
            // Nobody signs with auth_hmac here, so nothing can be wrong with it.
            ("  Authentication Extension Errors", None),
            ("    Missing", Some(0)),
            ("    Malformed", Some(0)),
            ("    Unknown Key", Some(0)),
            ("    Invalid HMAC", Some(0)),
            ("    Stale", Some(0)),
            ("    Replay", Some(0)),
            ("  Priority Zero", None),
            ("    Received", Some(c.pri_zero_rcvd)),
            ("    Sent", Some(c.pri_zero_sent)),
        ];
        for (key, value) in lines {
            let _ = match value {
                Some(n) => writeln!(out, "{key}: {n}"),
                None => writeln!(out, "{key}:"),
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_blocks_and_their_indentation_are_keepalived_s() {
        let model = crate::observe::fixture::model();
        let text = stats(&model, &fixture::snapshot());
        let first = text.split("VRRP Instance: VI_2").next().unwrap();
        assert_eq!(
            first,
            "VRRP Instance: VI_1
  Advertisements:
    Received: 7
    Sent: 15
  Became master: 3
  Released master: 2
  Packet Errors:
    Length: 0
    TTL: 4
    Invalid Type: 0
    Advertisement Interval: 0
    Address List: 0
  Authentication Errors:
    Invalid Type: 0
    Type Mismatch: 0
    Failure: 3
  Authentication Extension Errors:
    Missing: 0
    Malformed: 0
    Unknown Key: 0
    Invalid HMAC: 0
    Stale: 0
    Replay: 0
  Priority Zero:
    Received: 0
    Sent: 2
"
        );
        assert!(text.ends_with("  Priority Zero:\n    Received: 0\n    Sent: 0\n"));
    }
}
