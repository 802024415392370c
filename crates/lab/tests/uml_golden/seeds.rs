//! Configurations that users have published, run as they are: with the devices and the addresses that they
//! name. What keepalived does with them, mistakes included, is what vipd must do.

/// One router, and the configuration that its user gave it.
pub(crate) struct Seed {
    pub conf: &'static str,
    pub device: &'static str,
    /// Address with prefix length of the device.
    pub address: &'static str,
    /// What must be replaced, because the file was published for another router than this.
    pub replace: &'static [(&'static str, &'static str)],
}

/// A published set of routers.
pub(crate) struct Set {
    pub name: &'static str,
    pub routers: &'static [Seed],
    /// The addresses that they share.
    pub vips: &'static [&'static str],
}

macro_rules! seed {
    ($file:literal, $device:literal, $address:literal $(, $from:literal => $to:literal)*) => {
        Seed {
            conf: include_str!(concat!("../../../../tests/corpus/seeds/", $file, ".conf")),
            device: $device,
            address: $address,
            replace: &[$(($from, $to)),*],
        }
    };
}

/// All sets. (The reference files among the corpus describe the language, not a router.)
pub(crate) const SETS: &[Set] = &[
    Set {
        name: "seed-minimal",
        routers: &[
            seed!("minimal-master", "eth0", "192.168.31.11/24"),
            seed!("minimal-backup", "eth0", "192.168.31.12/24"),
        ],
        vips: &["192.168.31.100"],
    },
    // The two name different multicast groups, so they do not hear each other.
    Set {
        name: "seed-single-instance",
        routers: &[
            seed!("single-instance-node1", "eth0", "172.16.1.11/24"),
            seed!("single-instance-node2", "eth0", "172.16.1.12/24"),
        ],
        vips: &["172.16.1.30"],
    },
    Set {
        name: "seed-two-instances",
        routers: &[
            seed!("two-instances-node1", "eth0", "172.16.1.11/24"),
            seed!("two-instances-node2", "eth0", "172.16.1.12/24"),
        ],
        vips: &["172.16.1.100", "172.16.1.200"],
    },
    // Both files were published with the addresses of the same router.
    Set {
        name: "seed-dual-master",
        routers: &[
            seed!("dual-master-unicast-node1", "eth0", "172.20.45.132/24"),
            seed!("dual-master-unicast-node2", "eth0", "172.20.45.131/24",
                "45.132" => "45.own", "45.131" => "45.132", "45.own" => "45.131"),
        ],
        vips: &["172.20.45.248", "172.20.45.249"],
    },
    Set {
        name: "seed-three-nodes",
        routers: &[
            seed!("notify-scripts", "eth0", "172.20.45.131/24",
                "172.20.45.132\n" => "172.20.45.132\n        172.20.45.133\n"),
            seed!("nopreempt-unicast-node2", "eth0", "172.20.45.132/24",
                "nopreempt\n" => "\n", "172.20.45.131\n" => "172.20.45.131\n        172.20.45.133\n"),
            seed!("three-nodes-third", "eth0", "172.20.45.133/24"),
        ],
        vips: &["172.20.45.248"],
    },
    Set {
        name: "seed-nopreempt",
        routers: &[
            seed!("nopreempt-unicast-node1", "eth0", "172.20.45.132/24"),
            seed!("nopreempt-unicast-node2", "eth0", "172.20.45.131/24",
                "45.132" => "45.own", "45.131" => "45.132", "45.own" => "45.131"),
        ],
        vips: &["172.20.45.248"],
    },
    Set {
        name: "seed-notify",
        routers: &[
            seed!("notify-scripts", "eth0", "172.20.45.131/24"),
            seed!("nopreempt-unicast-node2", "eth0", "172.20.45.132/24"),
        ],
        vips: &["172.20.45.248"],
    },
    Set {
        name: "seed-manual-switch",
        routers: &[
            seed!("manual-switch-track-script", "eth0", "172.16.1.11/24"),
            seed!("single-instance-node2", "eth0", "172.16.1.12/24", "224.18.0.10\n" => "224.18.0.100\n"),
        ],
        vips: &["172.16.1.30"],
    },
    Set {
        name: "seed-apiserver",
        routers: &[
            seed!("apiserver-track-script", "em1", "192.168.20.11/24"),
            seed!("apiserver-track-script", "em1", "192.168.20.12/24",
                "state MASTER" => "state BACKUP", "priority 100" => "priority 90"),
        ],
        vips: &["192.168.20.111"],
    },
];

impl Seed {
    /// The text for this router.
    pub(crate) fn text(&self) -> String {
        self.replace.iter().fold(self.conf.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}
