//! The text of a configuration.

use std::fmt::Write;

use super::{Check, Kind, Server, Service, Spec, To};

impl Spec {
    /// As a user would write it.
    pub(super) fn text(&self) -> String {
        let mut out = String::from("global_defs {\n lvs_notify_fifo /run/lvs\n");
        for line in &self.settings {
            let _ = writeln!(out, " {line}");
        }
        if self.guard > 0 {
            let _ = writeln!(out, " lvs_panic_guard {}", self.guard);
        }
        if let Some(sync) = self.sync {
            let _ = writeln!(out, " lvs_sync_daemon {sync}");
        }
        if self.nftables {
            out.push_str(" nftables_ipvs vs\n");
        }
        out.push_str("}\n");
        let kinds = || self.services.iter().flat_map(|s| &s.servers).flat_map(|s| &s.checks).map(|c| c.kind);
        for file in 0..2 {
            if kinds().any(|kind| matches!(kind, Kind::File(n) if n == file)) {
                let _ = writeln!(out, "track_file f{file} {{\n file /run/f{file}\n weight 1\n}}");
            }
        }
        for bfd in 0..2 {
            if kinds().any(|kind| matches!(kind, Kind::Bfd(n) if n == bfd)) {
                let _ = writeln!(out, "bfd_instance b{bfd} {{\n neighbor_ip 10.8.0.{}\n}}", bfd + 1);
            }
        }
        if self.services.iter().any(|service| service.to == To::Group) {
            let _ = writeln!(out, "virtual_server_group g {{\n {}\n}}", self.group.join("\n "));
        }
        // Marks alone have no protocol: a second service of such a group would be the first one again.
        let marks_alone = self.group.iter().all(|line| line.starts_with("fwmark"));
        let mut groups = 0;
        for (place, service) in self.services.iter().enumerate() {
            groups += u32::from(service.to == To::Group);
            if service.to != To::Group || groups == 1 || !marks_alone {
                service.write(self, place, &mut out);
            }
        }
        out
    }
}

/// An address of a server.
fn address(v6: bool, number: u64) -> String {
    if v6 { format!("2001:db8:1::{}", number + 1) } else { format!("10.1.0.{}", number + 1) }
}

impl Service {
    fn write(&self, spec: &Spec, place: usize, out: &mut String) {
        let v6 = matches!(self.to, To::V6(_));
        let _ = match self.to {
            To::V4(n) => writeln!(out, "virtual_server 10.0.0.{} 80 {{", n + 1),
            To::V6(n) => writeln!(out, "virtual_server 2001:db8::{} 80 {{", n + 1),
            To::Mark(n) => writeln!(out, "virtual_server fwmark {n} {{"),
            To::Group => writeln!(out, "virtual_server group g {{"),
        };
        let Self { method, delay_loop, quorum, hysteresis, panic, .. } = self;
        let protocol = if self.udp { "UDP" } else { "TCP" };
        let _ = write!(
            out,
            " delay_loop {delay_loop}\n lvs_sched wrr\n lvs_method {method}\n protocol {protocol}\n"
        );
        let _ = write!(out, " quorum {quorum}\n hysteresis {hysteresis}\n panic_threshold {panic}\n");
        if let Some(retry) = self.retry {
            let _ = writeln!(out, " retry {retry}");
        }
        for line in &self.lines {
            let _ = writeln!(out, " {line}");
        }
        if let Some((number, inhibit)) = self.sorry {
            let _ = writeln!(out, " sorry_server {} 80", address(v6, number));
            if inhibit {
                out.push_str(" sorry_server_inhibit\n");
            }
        }
        for server in &self.servers {
            server.write(spec, (place, v6), out);
        }
        out.push_str("}\n");
    }
}

impl Server {
    fn write(&self, spec: &Spec, (place, v6): (usize, bool), out: &mut String) {
        let _ = writeln!(out, " real_server {} 80 {{\n  weight {}", address(v6, self.number), self.weight);
        if self.inhibit {
            out.push_str("  inhibit_on_failure\n");
        }
        if self.thresholds {
            out.push_str("  uthreshold 100\n  lthreshold 10\n");
        }
        for (index, check) in self.checks.iter().enumerate() {
            let own = (place * 64 + usize::try_from(self.number).unwrap_or(0) * 8 + index + 1, spec.unshared);
            check.write(v6, own, out);
        }
        out.push_str(" }\n");
    }
}

impl Check {
    fn write(&self, v6: bool, (own, unshared): (usize, bool), out: &mut String) {
        let Self { timeout, way, more, .. } = self;
        let whole = format!("{timeout}");
        let timeout = if unshared { format!("{timeout}.{own:03}") } else { whole.clone() };
        let other = if unshared { format!(" {own}") } else { String::new() };
        let _ = match self.kind {
            Kind::Tcp => {
                writeln!(out, "  TCP_CHECK {{\n   connect_timeout {timeout}\n   {way}\n   {more}\n  }}")
            }
            Kind::Udp => {
                writeln!(out, "  UDP_CHECK {{\n   connect_timeout {timeout}\n   {way}\n   {more}\n  }}")
            }
            Kind::Gateway(n) => {
                let to = if v6 { format!("2001:db8:9::{}", n + 1) } else { format!("10.9.0.{}", n + 1) };
                writeln!(
                    out,
                    "  TCP_CHECK {{\n   connect_ip {to}\n   connect_port 22\n   connect_timeout {timeout}\n   {more}\n  }}"
                )
            }
            Kind::Http(urls) => {
                let fast = if urls == 2 { "fast_recovery" } else { "" };
                let urls: String = (0..urls).map(|n| format!("   url {{\n    path /{n}\n   }}\n")).collect();
                writeln!(
                    out,
                    "  HTTP_GET {{\n{urls}   connect_timeout {timeout}\n   {way}\n   {fast}\n   {more}\n  }}"
                )
            }
            Kind::Misc(n) => {
                let dynamic = if n == 0 { "" } else { "misc_dynamic" };
                writeln!(
                    out,
                    "  MISC_CHECK {{\n   misc_path \"/bin/true {n}{other}\"\n   misc_timeout {whole}\n   {dynamic}\n   {more}\n  }}"
                )
            }
            Kind::File(n) => {
                let weight = if timeout.starts_with('1') { "weight 0" } else { "weight 2 reverse" };
                let weight = if timeout.starts_with('4') { "" } else { weight };
                writeln!(out, "  FILE_CHECK {{\n   track_file f{n}\n   {weight}\n  }}")
            }
            Kind::Bfd(n) => writeln!(out, "  BFD_CHECK {{\n   name b{n}\n  }}"),
        };
    }
}
