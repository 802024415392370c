//! The configurations that are measured: N instances on one interface, one address each.

use std::fmt::Write;

/// What the instances of one router have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Load {
    /// How many, with virtual router identifiers from 1 on; at most 255.
    pub instances: u16,
    /// Advertisement interval in milliseconds.
    pub advert_ms: u64,
    /// VRRP version, 2 or 3. Version 2 has whole seconds only.
    pub version: u8,
}

/// The role that a router is meant to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Priority 200.
    Master,
    /// Priority 100.
    Backup,
}

impl Role {
    fn keyword(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
        }
    }

    /// The priority.
    pub(super) fn priority(self) -> u16 {
        match self {
            Self::Master => 200,
            Self::Backup => 100,
        }
    }
}

impl Load {
    /// Such as `255 x 10 ms v3`.
    pub(super) fn name(&self) -> String {
        format!("{} x {} v{}", self.instances, interval_name(self.advert_ms), self.version)
    }

    /// Skew_Time of a router of `role`, in milliseconds (RFC 3768 section 6.1: of a second; RFC 9568
    /// section 6.1: of the interval).
    pub(super) fn skew_ms(&self, role: Role) -> f64 {
        let of = if self.version == 2 { 1000.0 } else { self.advert_ms as f64 };
        of * f64::from(256 - role.priority()) / 256.0
    }

    /// The file. `garp_delay` is when the second burst of gratuitous ARP comes, in seconds after the
    /// first (5 if nobody says so).
    pub(super) fn text(&self, role: Role, garp_delay: Option<u32>) -> String {
        let mut text = format!("global_defs {{\n  router_id bench\n  vrrp_version {}\n", self.version);
        if let Some(seconds) = garp_delay {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  vrrp_garp_master_delay {seconds}");
        }
        text.push_str("}\n");
        let interval = seconds_text(self.advert_ms);
        for vrid in 1..=self.instances {
            let _ = write!(
                text,
                "vrrp_instance VI_{vrid} {{\n  state {}\n  interface eth0\n  virtual_router_id {vrid}\n  \
                 priority {}\n  advert_int {interval}\n  virtual_ipaddress {{\n    10.100.1.{vrid}/32\n  }}\n}}\n",
                role.keyword(),
                role.priority(),
            );
        }
        text
    }
}

/// `1 s`, `100 ms`.
pub(super) fn interval_name(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}

fn seconds_text(ms: u64) -> String {
    if ms.is_multiple_of(1000) { (ms / 1000).to_string() } else { format!("{}.{:03}", ms / 1000, ms % 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skew_is_of_a_second_in_version_2_and_of_the_interval_in_version_3() {
        let load = |version| Load { instances: 1, advert_ms: 100, version };
        assert_eq!(load(2).skew_ms(Role::Backup), 609.375);
        assert_eq!(load(3).skew_ms(Role::Backup), 60.9375);
    }

    #[test]
    fn intervals_below_a_second_are_written_as_fractions() {
        let text = Load { instances: 2, advert_ms: 10, version: 3 }.text(Role::Backup, Some(1));
        assert!(text.contains("advert_int 0.010\n") && text.contains("vrrp_version 3"));
        assert_eq!(text.matches("vrrp_instance").count(), 2);
    }
}
