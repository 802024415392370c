//! Random configurations, as text that users could have written: a few nodes with the same virtual routers.

use std::fmt::Write;
use std::sync::Arc;

use base::Rng;
use config::{MapSource, Options, load};
use model::Model;

use crate::setup::Plan;

/// Nodes with the texts of their configurations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    /// For each node the texts that it has one after the other: the first is what it starts with and ends
    /// with.
    pub texts: Vec<Vec<String>>,
}

/// What all nodes of a virtual router share.
#[derive(Clone, Debug)]
struct Router {
    number: u8,
    v6: bool,
    version: u8,
    unicast: bool,
    /// Hundredths of a second.
    interval: u64,
    auth: Option<&'static str>,
    addresses: u64,
    excluded: bool,
    route: bool,
    nopreempt: bool,
    preempt_delay: u64,
    flags: &'static [&'static str],
}

/// What one node makes of it.
#[derive(Clone, Debug)]
struct Part {
    priority: u64,
    master: bool,
    tracks: String,
    /// Version 3 learns the interval of the master, which may be so many times as long.
    slower: u64,
}

/// How a later configuration of a node differs from its first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    /// In nothing.
    Nothing,
    /// Lower priorities.
    Priority,
    /// An address more for each router.
    OneMore,
    /// Nothing is tracked.
    NoTracks,
    /// There is no group.
    NoGroup,
    /// The last of several routers isn't there.
    FewerRouters,
    /// The addresses are the same, but not their attributes.
    Attributes,
    /// The check script has another command.
    Script,
    /// The last router has taken an address of the first one.
    Moved,
}

/// All of them, the first one of a node first.
const CHANGES: &[Change] = &[
    Change::Nothing,
    Change::Priority,
    Change::OneMore,
    Change::NoTracks,
    Change::NoGroup,
    Change::FewerRouters,
    Change::Attributes,
    Change::Script,
    Change::Moved,
];

/// Keywords of `vrrp_instance` that change details.
const FLAGS: &[&[&str]] = &[
    &[],
    &[],
    &[],
    &["garp_master_refresh 5"],
    &["garp_master_delay 1", "garp_master_repeat 2"],
    &["track_src_ip"],
    &["dont_track_primary"],
    &["promote_secondaries"],
    &["skip_check_adv_addr on"],
    &["higher_prio_send_advert on"],
    &["lower_prio_no_advert on"],
    &["down_timer_adverts 2"],
    &["down_timer_adverts 5"],
    &["vip_lease off"],
    &["vip_lease off", "garp_master_refresh 7"],
];

fn one_in(n: u64, rng: &mut Rng) -> bool {
    rng.below(n) == 0
}

fn pick<T: Copy>(of: &[T], rng: &mut Rng) -> T {
    let at = usize::try_from(rng.below(of.len() as u64)).unwrap_or(0);
    of[at]
}

impl Router {
    fn random(number: u8, rng: &mut Rng) -> Self {
        let v6 = one_in(4, rng);
        let version = if v6 { 3 } else { pick(&[2, 2, 3], rng) };
        let interval =
            if version == 2 { pick(&[100, 100, 200], rng) } else { pick(&[100, 100, 300, 50, 20], rng) };
        let auth = if version == 2 { pick(&[None, None, Some("PASS"), Some("AH")], rng) } else { None };
        Self {
            number,
            v6,
            version,
            unicast: one_in(5, rng),
            interval,
            auth,
            addresses: 1 + rng.below(3),
            excluded: one_in(4, rng),
            route: one_in(4, rng),
            nopreempt: one_in(4, rng),
            preempt_delay: if one_in(5, rng) { 1 + rng.below(6) } else { 0 },
            flags: pick(FLAGS, rng),
        }
    }

    fn address(&self, n: u64) -> String {
        if self.v6 {
            format!("2001:db8:{:x}::{n:x}", self.number)
        } else {
            format!("10.1.{}.{n}", self.number)
        }
    }

    /// One of its addresses as a configuration names it.
    fn virtual_address(&self, n: u64) -> String {
        format!("{}/{}", self.address(n), if self.v6 { 64 } else { 24 })
    }

    /// The address that it can do without.
    fn gives(&self) -> Option<String> {
        (self.addresses > 1).then(|| self.virtual_address(self.addresses))
    }

    /// The text of one node; `change` makes a variant of it, in which it has `taken` an address of another one.
    fn text(
        &self,
        (node, nodes): (usize, usize),
        part: &Part,
        change: Change,
        taken: Option<String>,
    ) -> String {
        let mut out = String::new();
        let n = self.number;
        let mut line = |text: String| {
            let _ = writeln!(out, "    {text}");
        };
        line(format!("state {}", if part.master && !self.nopreempt { "MASTER" } else { "BACKUP" }));
        line("interface eth0".into());
        line(format!("virtual_router_id {n}"));
        let priority =
            if change == Change::Priority { part.priority.saturating_sub(7).max(1) } else { part.priority };
        line(format!("priority {priority}"));
        line(format!("version {}", self.version));
        let interval = if self.version == 3 { self.interval * part.slower } else { self.interval };
        line(format!("advert_int {}.{:02}", interval / 100, interval % 100));
        if self.nopreempt {
            line("nopreempt".into());
        } else if self.preempt_delay > 0 {
            line(format!("preempt_delay {}", self.preempt_delay));
        }
        if let Some(auth) = self.auth {
            line(format!("authentication {{\n        auth_type {auth}\n        auth_pass secret{n}\n    }}"));
        }
        if self.unicast {
            let own = |node: usize| self.address(200 + node as u64);
            line(format!("unicast_src_ip {}", own(node)));
            let peers: Vec<_> = (0..nodes).filter(|other| *other != node).map(own).collect();
            line(format!("unicast_peer {{\n        {}\n    }}", peers.join("\n        ")));
        }
        for flag in self.flags {
            line((*flag).to_owned());
        }
        let own = match change {
            Change::OneMore => self.addresses + 1,
            Change::Moved if self.gives().is_some() => self.addresses - 1,
            _ => self.addresses,
        };
        let other = match (change, self.v6) {
            (Change::Attributes, false) => format!(" brd 10.1.{n}.255 label eth0:v"),
            (Change::Attributes, true) => " home".into(),
            _ => String::new(),
        };
        let all: Vec<_> = (1..=own).map(|a| self.virtual_address(a) + &other).collect();
        line(format!("virtual_ipaddress {{\n        {}\n    }}", all.join("\n        ")));
        let excluded = self.excluded.then(|| self.virtual_address(99));
        let excluded: Vec<_> = excluded.into_iter().chain(taken).collect();
        if !excluded.is_empty() {
            line(format!("virtual_ipaddress_excluded {{\n        {}\n    }}", excluded.join("\n        ")));
        }
        if self.route && !self.v6 {
            line(format!(
                "virtual_routes {{\n        10.9.{n}.0/24 via {} dev eth0\n    }}",
                self.address(1)
            ));
        }
        for event in ["master", "backup", "fault", "stop"] {
            line(format!("notify_{event} \"/bin/told {n} {event}\""));
        }
        if n == 1 {
            line("notify_priority_changes".into());
        }
        if change != Change::NoTracks {
            out.push_str(&part.tracks);
        }
        out
    }
}

impl Part {
    fn random(rng: &mut Rng) -> Self {
        let priority = match rng.below(12) {
            0 => 255,
            1 => 254,
            2 | 3 => 100,
            _ => 1 + rng.below(254),
        };
        let mut tracks = String::new();
        if one_in(3, rng) {
            let weight = pick(&["", " weight 20", " weight -30"], rng);
            let _ = write!(tracks, "    track_script {{\n        check{weight}\n    }}\n");
        }
        if one_in(4, rng) {
            let weight = pick(&["", " weight 10", " weight -60"], rng);
            let _ = write!(tracks, "    track_interface {{\n        eth1{weight}\n    }}\n");
        }
        if one_in(4, rng) {
            let _ = write!(
                tracks,
                "    track_file {{\n        number weight {}\n    }}\n",
                pick(&[1, 2, -1], rng)
            );
        }
        let slower = pick(&[1, 1, 1, 2], rng);
        Self { priority, master: one_in(3, rng), tracks, slower }
    }
}

impl Family {
    /// Follows from the generator.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let nodes = if one_in(4, rng) { 2 } else { 3 };
        let count = pick(&[1, 1, 2, 3], rng);
        let routers: Vec<_> = (1..=count).map(|number| Router::random(number, rng)).collect();
        let grouped = count > 1 && one_in(2, rng);
        let (interval, rise, fall) = (1 + rng.below(3), 1 + rng.below(2), 1 + rng.below(3));
        let resync = pick(&[0, 1, 4, 9], rng);
        let delay = if one_in(8, rng) { "1\n    vrrp_startup_delay 3.5" } else { "1" };
        let sync = pick(&[None, None, Some(""), Some(" id 9 ttl 2")], rng);
        // The daemon changes with other things: its interface, its instance, and whether there is one.
        let sync = |change| match (sync, change) {
            (None, _) | (_, Change::NoTracks) => String::new(),
            (Some(more), Change::Attributes) => format!("    lvs_sync_daemon eth1 inst VI_1{more}\n"),
            (Some(more), Change::Priority) => format!("    lvs_sync_daemon eth0 inst VI_{count}{more}\n"),
            (Some(more), _) => format!("    lvs_sync_daemon eth0 inst VI_1{more}\n"),
        };
        let head = |change| {
            let sync = sync(change);
            let command = if change == Change::Script { "/bin/other" } else { "/bin/true" };
            format!(
                "global_defs {{\n    router_id r{delay}\n    resync {resync}\n    vrrp_notify_fifo /run/told\n{sync}}}\nvrrp_script check {{\n    \
                 script {command}\n    interval {interval}\n    rise {rise}\n    fall {fall}\n}}\n\
                 track_file number {{\n    file /var/number\n}}\n"
            )
        };
        let mut texts = Vec::new();
        for node in 0..nodes {
            let parts: Vec<_> = routers.iter().map(|_| Part::random(rng)).collect();
            let text = |change: Change| {
                let mut text = head(change);
                let there =
                    if change == Change::FewerRouters { routers.len().div_ceil(2) } else { routers.len() };
                let moved = routers.first().filter(|_| change == Change::Moved && count > 1);
                for (router, part) in routers.iter().zip(&parts).take(there) {
                    let taken = moved.filter(|_| router.number == count).and_then(Router::gives);
                    // Only the first one gives.
                    let gives = moved.is_some() && router.number == 1;
                    let change = if change == Change::Moved && !gives { Change::Nothing } else { change };
                    let body = router.text((node, nodes), part, change, taken);
                    let _ = write!(text, "vrrp_instance VI_{} {{\n{body}}}\n", router.number);
                }
                if grouped && change != Change::NoGroup {
                    let names: Vec<_> =
                        routers.iter().take(there).map(|r| format!("VI_{}", r.number)).collect();
                    let _ = write!(
                        text,
                        "vrrp_sync_group G {{\n    group {{\n        {}\n    }}\n}}\n",
                        names.join("\n        ")
                    );
                }
                text
            };
            texts.push(CHANGES.iter().copied().map(text).collect());
        }
        Self { texts }
    }

    /// Compiled.
    ///
    /// # Panics
    /// If a text can't be run: the generator is wrong then.
    #[must_use]
    pub fn plans(&self) -> Vec<Plan> {
        let of = |(index, texts): (usize, &Vec<String>)| Plan {
            name: format!("n{}", index + 1).into(),
            models: texts.iter().map(|text| compile(text)).collect(),
        };
        self.texts.iter().enumerate().map(of).collect()
    }
}

/// The model of a text.
///
/// # Panics
/// If the text can't be run.
fn compile(text: &str) -> Arc<Model> {
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    let rendered = loaded.render(false);
    match loaded.model {
        Some(model) => Arc::new(model),
        None => panic!("a random configuration can't be run:\n{text}\n{rendered}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_configurations_have_nothing_wrong() {
        for seed in 0..200 {
            let family = Family::random(&mut Rng::new(seed));
            for text in family.texts.iter().flatten() {
                let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
                assert!(loaded.model.is_some(), "{text}\n{}", loaded.render(false));
            }
        }
    }
}
