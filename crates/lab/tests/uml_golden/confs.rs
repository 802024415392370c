//! Configurations of the scenarios.

use std::fmt::Write;

/// An instance; the rest is as in keepalived's defaults.
#[derive(Clone, Debug)]
pub(crate) struct Conf {
    pub version: u8,
    pub priority: u8,
    /// As written: seconds, with decimals in version 3.
    pub advert: &'static str,
    pub vips: Vec<String>,
    pub excluded: Vec<String>,
    /// Lines of the instance.
    pub extra: Vec<String>,
    /// Lines of `global_defs`.
    pub global: Vec<String>,
}

pub(crate) const VIP: &str = "192.0.2.100";
pub(crate) const VIP6: &str = "2001:db8::100";
pub(crate) const LINK_LOCAL_VIP: &str = "fe80::100";

impl Conf {
    /// Version 2, one address, adverts each second; router 1 has priority 150, router 2 has 100.
    pub(crate) fn of_router(router: u8) -> Self {
        Self {
            version: 2,
            priority: if router == 1 { 150 } else { 100 },
            advert: "1",
            vips: vec![format!("{VIP}/24")],
            excluded: Vec::new(),
            extra: Vec::new(),
            global: Vec::new(),
        }
    }

    pub(crate) fn v3(mut self) -> Self {
        self.version = 3;
        self
    }

    pub(crate) fn advert(mut self, text: &'static str) -> Self {
        self.advert = text;
        self
    }

    pub(crate) fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    pub(crate) fn ipv6(mut self) -> Self {
        self.vips = vec![LINK_LOCAL_VIP.to_owned(), format!("{VIP6}/64")];
        self
    }

    pub(crate) fn line(mut self, text: impl Into<String>) -> Self {
        self.extra.push(text.into());
        self
    }

    pub(crate) fn auth(self, kind: &str, password: &str) -> Self {
        self.line(format!("authentication {{\n auth_type {kind}\n auth_pass {password}\n }}"))
    }

    /// Unicast from this router to the other.
    pub(crate) fn unicast(self, router: u8, v6: bool) -> Self {
        let address = |i: u8| if v6 { format!("2001:db8::1{i}") } else { format!("192.0.2.1{i}") };
        let (own, peer) = (address(router), address(3 - router));
        self.line(format!("unicast_src_ip {own}\n unicast_peer {{\n {peer}\n }}"))
    }

    fn instance(&self, name: &str, vrid: u8) -> String {
        let mut text = format!(
            "vrrp_instance {name} {{\n state BACKUP\n interface eth0\n virtual_router_id {vrid}\n priority {}\n advert_int {}\n",
            self.priority, self.advert
        );
        for line in &self.extra {
            let _ = writeln!(text, " {line}");
        }
        for (block, list) in
            [("virtual_ipaddress", &self.vips), ("virtual_ipaddress_excluded", &self.excluded)]
        {
            if !list.is_empty() {
                let _ = writeln!(text, " {block} {{\n  {}\n }}", list.join("\n  "));
            }
        }
        text.push_str("}\n");
        text
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        let mut text =
            format!("global_defs {{\n router_id r{}\n vrrp_version {}\n", self.priority, self.version);
        for line in &self.global {
            let _ = writeln!(text, " {line}");
        }
        text.push_str("}\n");
        text + &self.instance("VI_1", 51)
    }

    /// The file with a second instance, for the addresses of IPv6. Its priority is another, so that its
    /// timers end at other instants: what ends at one instant has no order.
    pub(crate) fn text_with_ipv6_instance(&self) -> String {
        self.text() + &self.clone().ipv6().priority(self.priority - 10).instance("VI_6", 52)
    }
}

/// FRR's configuration for the same virtual router.
pub(crate) fn frr(version: u8, priority: u8, v6: bool) -> String {
    let vrrp = "vrrp 51";
    let addresses = if v6 {
        format!(" {vrrp} ipv6 {LINK_LOCAL_VIP}\n {vrrp} ipv6 {VIP6}\n")
    } else {
        format!(" {vrrp} ip {VIP}\n")
    };
    format!(
        "interface eth0\n {vrrp} version {version}\n {vrrp} priority {priority}\n {vrrp} advertisement-interval 1000\n{addresses}exit\n"
    )
}
