//! The state file (SIGUSR1): everything that is configured and how it stands, for people.
//!
//! Sections and ` Key = value` lines as keepalived's, whose keys change between versions, too; the
//! order is that of the configuration.

use std::fmt::{Display, Write as _};

use base::Duration;
use engine::{Held, Snapshot, TrackerSnapshot};
use model::{Command, Garp, Instance, Model, Notify, Script, TrackFile, TrackerId, TrackerSource};
use vrrp::config::{Auth, Peers, Preempt, Version};
use vrrp::io::State;

use super::{Calendar, text};

/// The text of a state file while it grows.
#[derive(Debug, Default)]
pub struct Dump {
    out: String,
}

impl Dump {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a section.
    pub fn section(&mut self, title: &str) {
        let _ = writeln!(self.out, "------< {title} >------");
    }

    /// A line ` key = value`; `depth` 0 is the object itself, deeper ones are its parts.
    pub fn line(&mut self, depth: usize, key: &str, value: impl Display) {
        let _ = writeln!(self.out, "{} {key} = {value}", "  ".repeat(depth));
    }

    /// A line without a value: an element of a list, or its heading.
    pub fn item(&mut self, depth: usize, text: impl Display) {
        let _ = writeln!(self.out, "{} {text}", "  ".repeat(depth));
    }

    /// The text.
    pub fn finish(self) -> String {
        self.out
    }
}

/// The vrrp process's file.
pub fn vrrp(model: &Model, snapshot: &Snapshot, calendar: &Calendar) -> Dump {
    let mut dump = Dump::new();
    global(&mut dump, model);
    statics(&mut dump, model);
    dump.section("VRRP Topology");
    for instance in &model.instances {
        self::instance(&mut dump, model, snapshot, calendar, instance);
    }
    dump.section("VRRP Sockpool");
    dump.line(0, "Sockets", snapshot.sockets);
    groups(&mut dump, model, snapshot);
    trackers(&mut dump, model, snapshot);
    interfaces(&mut dump, snapshot);
    kernel(&mut dump, snapshot);
    dump
}

/// `global_defs`, which the supervisor's own file (`keepalived_parent.data`) consists of.
pub fn global(dump: &mut Dump, model: &Model) {
    let g = &model.global;
    dump.section("Global definitions");
    let named = |name: &Option<base::Name>, other: &str| {
        name.as_ref().map_or_else(|| other.to_owned(), ToString::to_string)
    };
    dump.line(0, "Network namespace", named(&g.net_namespace, "(default)"));
    dump.line(0, "Router ID", &g.router_id);
    dump.line(0, "Instance", named(&g.instance, "(none)"));
    if let Some(link) = g.default_interface {
        dump.line(0, "Default interface", link);
    }
    dump.line(0, "Dynamic interfaces", g.dynamic_interfaces);
    dump.line(0, "Log unknown VRIDs", g.log_unknown_vrids);
    dump.line(0, "FIFO write vrrp states on reload", g.fifo_write_states_on_reload);
    let fifos = [("Global", &g.notify_fifo), ("VRRP", &g.vrrp_notify_fifo)];
    for (kind, fifo) in fifos.into_iter().filter_map(|(kind, f)| f.as_ref().map(|f| (kind, f))) {
        let owner = fifo.owner.map_or_else(|| "ours".to_owned(), |u| format!("{}:{}", u.uid, u.gid));
        dump.line(0, &format!("{kind} notify fifo"), format_args!("{}, uid:gid {owner}", fifo.path));
        if let Some(script) = &fifo.script {
            dump.line(0, &format!("{kind} notify fifo script"), run_as(script));
        }
    }
    for (kind, script) in [("Startup", &g.startup_script), ("Shutdown", &g.shutdown_script)] {
        if let Some((command, timeout)) = script {
            let value = format!("{}, timeout {}", run_as(command), seconds(*timeout));
            dump.line(0, &format!("{kind} script"), value);
        }
    }
    dump.line(0, "Gratuitous ARP interval", seconds(g.garp_interval));
    dump.line(0, "Gratuitous NA interval", seconds(g.gna_interval));
    dump.line(0, "vrrp_startup_delay", seconds(g.startup_delay));
    let process = &g.vrrp_process;
    dump.line(0, "VRRP process priority", process.nice.unwrap_or(0));
    dump.line(0, "VRRP realtime priority", process.realtime.unwrap_or(0));
    dump.line(0, "VRRP don't swap", process.no_swap);
}

fn statics(dump: &mut Dump, model: &Model) {
    if !model.static_addresses.is_empty() {
        dump.section("Static Addresses");
        for address in &model.static_addresses {
            dump.item(0, text::address(address, Held::No));
        }
    }
    if !model.static_routes.is_empty() {
        dump.section("Static Routes");
        for route in &model.static_routes {
            dump.item(0, text::route(route));
        }
    }
}

fn instance(dump: &mut Dump, model: &Model, snapshot: &Snapshot, calendar: &Calendar, instance: &Instance) {
    let standing = super::standing(snapshot, instance);
    let vrrp = super::protocol(standing, instance);
    let p = &instance.protocol;
    dump.line(0, "VRRP Instance", &p.name);
    dump.line(1, "VRRP Version", if p.version == Version::V2 { 2 } else { 3 });
    if let Some(group) = p.group.and_then(|g| model.groups.get(g.index())) {
        dump.line(1, "Sync group", &group.protocol.name);
    }
    dump.line(1, "State", state(vrrp.state));
    dump.line(1, "Wantstate", state(vrrp.wants));
    dump.line(1, "Kernel as wanted", standing.is_some_and(|s| s.in_order));
    let since = calendar.since_1970(vrrp.since);
    let ago = calendar.now.since(vrrp.since);
    dump.line(
        1,
        "Last transition",
        format_args!(
            "{}.{:06} ({}.{:03} s ago)",
            since.as_secs(),
            since.as_micros() % 1_000_000,
            ago.as_secs(),
            ago.as_millis() % 1000
        ),
    );
    if let Some((master, priority)) = vrrp.master {
        dump.line(1, "Master router", master);
        dump.line(1, "Master priority", priority);
    }
    dump.line(1, "Master advert interval", format_args!("{} milli-sec", vrrp.master_interval.as_millis()));
    if let Some(link) = instance.link {
        dump.line(1, "Interface", link);
    }
    let configured = if instance.source.is_some() { " (from configuration)" } else { "" };
    match vrrp.source {
        Some(source) => dump.line(1, "Using src_ip", format_args!("{source}{configured}")),
        None => dump.line(1, "Using src_ip", "(none)"),
    }
    peers(dump, &p.peers);
    garp(dump, &instance.garp);
    dump.line(1, "Down timer adverts", p.down_timer_adverts);
    dump.line(1, "Send advert after receive lower priority advert", !p.lower_prio_no_advert);
    dump.line(1, "Send advert after receive higher priority advert", p.higher_prio_send_advert);
    dump.line(1, "Virtual Router ID", p.vrid);
    dump.line(1, "Priority", p.priority);
    dump.line(1, "Effective priority", vrrp.priority);
    dump.line(1, "Advert interval", format_args!("{} milli-sec", p.advert_interval.as_millis()));
    match p.preempt {
        Preempt::Never => dump.line(1, "Preempt", "disabled"),
        Preempt::After(delay) => {
            dump.line(1, "Preempt", "enabled");
            if !delay.is_zero() {
                dump.line(1, "Preempt delay", format_args!("{} secs", seconds(delay)));
            }
        }
    }
    dump.line(1, "Promote_secondaries", enabled(instance.promote_secondaries));
    match p.auth {
        Auth::None => {}
        Auth::Pass(_) => dump.line(1, "Authentication type", "SIMPLE_PASSWORD"),
        Auth::Ah(_) => dump.line(1, "Authentication type", "IPSEC_AH"),
    }
    for (title, list) in [("Virtual IP", &instance.addresses), ("Virtual IP Excluded", &instance.excluded)] {
        if !list.is_empty() {
            dump.item(1, format_args!("{title} ({}):", list.len()));
            for address in list {
                dump.item(2, text::address(address, super::held(standing, address)));
            }
        }
    }
    if !instance.routes.is_empty() {
        dump.item(1, format_args!("Virtual Routes ({}):", instance.routes.len()));
        for route in &instance.routes {
            dump.item(2, text::route(route));
        }
    }
    tracks(dump, model, instance);
    notify(dump, &instance.notify);
}

fn peers(dump: &mut Dump, peers: &Peers) {
    match peers {
        Peers::Multicast(group) => dump.line(1, "Multicast address", group),
        Peers::Unicast { peers, check_source } => {
            dump.line(1, "Check unicast src", if *check_source { "yes" } else { "no" });
            dump.item(1, format_args!("Unicast Peer ({}):", peers.len()));
            for p in peers {
                dump.item(2, format_args!("{} min_ttl {} max_ttl {}", p.address, p.min_ttl, p.max_ttl));
            }
        }
    }
}

fn garp(dump: &mut Dump, garp: &Garp) {
    dump.line(1, "Gratuitous ARP delay", seconds(garp.delay));
    dump.line(1, "Gratuitous ARP repeat", garp.repeat);
    dump.line(1, "Gratuitous ARP refresh", seconds(garp.refresh));
    dump.line(1, "Gratuitous ARP refresh repeat", garp.refresh_repeat);
    dump.line(1, "Gratuitous ARP lower priority delay", seconds(garp.lower_prio_delay));
    dump.line(1, "Gratuitous ARP lower priority repeat", garp.lower_prio_repeat);
}

fn tracks(dump: &mut Dump, model: &Model, instance: &Instance) {
    let title = |source: &TrackerSource| match source {
        TrackerSource::Interface(_) => "Tracked interfaces :",
        TrackerSource::Script(_) => "Tracked scripts :",
        TrackerSource::File(_) => "Tracked files :",
        TrackerSource::Process(_) => "Tracked processes :",
        TrackerSource::Bfd(_) => "Tracked BFD instances :",
    };
    let headings = [
        "Tracked interfaces :",
        "Tracked scripts :",
        "Tracked files :",
        "Tracked processes :",
        "Tracked BFD instances :",
    ];
    for heading in headings {
        let trackers = instance.protocol.tracks.iter().filter_map(|t| {
            let tracker = model.trackers.get(t.tracker.index())?;
            (title(&tracker.source) == heading).then_some((t, tracker))
        });
        let mut empty = true;
        for (track, tracker) in trackers {
            if std::mem::take(&mut empty) {
                dump.item(1, heading);
            }
            let reverse = if track.reverse { " reverse" } else { "" };
            dump.item(2, format_args!("{} weight {}{reverse}", tracker.name, track.weight));
        }
    }
}

fn notify(dump: &mut Dump, notify: &Notify) {
    dump.line(1, "Using smtp notification", if notify.smtp_alert { "yes" } else { "no" });
    dump.line(1, "Notify deleted", if notify.tell_deleted { "Deleted" } else { "Fault" });
    let scripts = [
        ("Backup", &notify.backup),
        ("Master", &notify.master),
        ("Fault", &notify.fault),
        ("Stop", &notify.stop),
        ("Deleted", &notify.deleted),
        ("Generic", &notify.any),
        ("Master rx lower priority", &notify.master_rx_lower_pri),
    ];
    for (kind, command) in scripts.into_iter().filter_map(|(k, c)| c.as_ref().map(|c| (k, c))) {
        dump.line(1, &format!("{kind} state transition script"), run_as(command));
    }
    dump.line(1, "Notify priority changes", notify.priority_changes);
}

fn groups(dump: &mut Dump, model: &Model, snapshot: &Snapshot) {
    if model.groups.is_empty() {
        return;
    }
    dump.section("VRRP Sync groups");
    for group in &model.groups {
        let name = &group.protocol.name;
        let standing = snapshot.groups.iter().find(|s| s.name == *name).and_then(|s| s.state);
        dump.line(0, "VRRP Sync Group", format_args!("{name}, {}", standing.map_or("INIT", state)));
        dump.item(1, "VRRP member instances :");
        for member in &group.protocol.members {
            dump.item(2, model.instance_name(*member));
        }
        notify(dump, &group.notify);
    }
}

fn trackers(dump: &mut Dump, model: &Model, snapshot: &Snapshot) {
    let standing = |name: &str| snapshot.trackers.iter().find(|s| &*s.name == name);
    let mut first = true;
    for (index, tracker) in model.trackers.iter().enumerate() {
        if let TrackerSource::Script(script) = &tracker.source {
            if std::mem::take(&mut first) {
                dump.section("VRRP Scripts");
            }
            self::script(dump, script, standing(&tracker.name));
            tracking(dump, model, TrackerId::from_index(index));
        }
    }
    first = true;
    for (index, tracker) in model.trackers.iter().enumerate() {
        if let TrackerSource::File(file) = &tracker.source {
            if std::mem::take(&mut first) {
                dump.section("VRRP Track files");
            }
            self::file(dump, file, standing(&tracker.name));
            tracking(dump, model, TrackerId::from_index(index));
        }
    }
}

fn script(dump: &mut Dump, script: &Script, standing: Option<&TrackerSnapshot>) {
    dump.line(0, "VRRP Script", &script.name);
    dump.line(1, "Command", text::command(&script.command));
    dump.line(1, "Interval", format_args!("{} sec", seconds(script.interval)));
    dump.line(1, "Timeout", format_args!("{} sec", seconds(script.timeout)));
    dump.line(1, "Rise", script.rise);
    dump.line(1, "Fall", script.fall);
    if let Some(counter) = standing.and_then(|s| s.value) {
        dump.line(1, "Result", counter);
    }
    dump.line(1, "Init state", if script.init_fail { "failed" } else { "unknown" });
    dump.line(
        1,
        "Status",
        match standing.and_then(|s| s.up) {
            Some(true) => "GOOD",
            Some(false) => "BAD",
            None => "unknown",
        },
    );
    let user = script.command.user;
    dump.line(1, "Script uid:gid", format_args!("{}:{}", user.uid, user.gid));
}

fn file(dump: &mut Dump, file: &TrackFile, standing: Option<&TrackerSnapshot>) {
    dump.line(0, "Track file", &file.name);
    dump.line(1, "File", &file.path);
    match standing.and_then(|s| s.value) {
        Some(value) => dump.line(1, "Status", value),
        None => dump.line(1, "Status", "unknown"),
    }
}

fn tracking(dump: &mut Dump, model: &Model, id: TrackerId) {
    dump.item(1, "Tracking instances :");
    for instance in &model.instances {
        for track in instance.protocol.tracks.iter().filter(|t| t.tracker == id) {
            dump.item(2, format_args!("{}, weight {}", instance.protocol.name, track.weight));
        }
    }
}

fn interfaces(dump: &mut Dump, snapshot: &Snapshot) {
    dump.section("Interfaces");
    for link in &snapshot.links {
        dump.line(0, "Name", &link.name);
        match link.index {
            Some(index) => {
                dump.line(1, "index", index);
                dump.line(1, "State", if link.up { "UP, RUNNING" } else { "DOWN" });
                dump.line(1, "MTU", link.mtu);
            }
            None => dump.line(1, "State", "missing"),
        }
        for net in &link.addresses {
            let family = base::Family::of(&net.addr());
            dump.line(1, &format!("{family} address"), net);
        }
    }
}

/// What keepalived has no section for: the work on the kernel.
fn kernel(dump: &mut Dump, snapshot: &Snapshot) {
    dump.section("Kernel");
    dump.line(0, "Running", snapshot.running);
    dump.line(0, "Objects put back", snapshot.repaired);
    dump.line(0, "Operations in progress", snapshot.operations);
    dump.line(0, "Announcements queued", snapshot.announcements);
    let counts = &snapshot.counts;
    dump.line(0, "Unknown VRIDs received", counts.unknown_vrid);
    dump.line(0, "Unreadable packets received", counts.unreadable);
    dump.line(0, "Adverts without a socket", counts.no_socket);
    dump.line(0, "Resynchronisations", counts.resyncs);
}

fn run_as(command: &Command) -> String {
    format!("{}, uid:gid {}:{}", text::command(command), command.user.uid, command.user.gid)
}

fn enabled(is: bool) -> &'static str {
    if is { "enabled" } else { "disabled" }
}

fn state(state: State) -> &'static str {
    match state {
        State::Init => "INIT",
        State::Backup => "BACKUP",
        State::Master => "MASTER",
        State::Fault => "FAULT",
        State::Stopped => "STOP",
        State::Deleted => "DELETED",
    }
}

/// Seconds without a unit.
fn seconds(d: Duration) -> String {
    d.to_string().trim_end_matches('s').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn text() -> String {
        let mut model = crate::observe::fixture::model();
        model.instances[0].protocol.auth = Auth::Pass(base::Secret::new(*b"geheim42"));
        vrrp(&model, &fixture::snapshot(), &fixture::calendar()).finish()
    }

    #[test]
    fn the_sections_come_in_order() {
        let text = text();
        let sections: Vec<&str> = text.lines().filter(|l| l.starts_with('-')).collect();
        assert_eq!(
            sections,
            [
                "------< Global definitions >------",
                "------< VRRP Topology >------",
                "------< VRRP Sockpool >------",
                "------< VRRP Sync groups >------",
                "------< VRRP Scripts >------",
                "------< VRRP Track files >------",
                "------< Interfaces >------",
                "------< Kernel >------",
            ]
        );
    }

    #[test]
    fn an_instance_tells_how_it_stands_and_never_its_password() {
        let text = text();
        for line in [
            " VRRP Instance = VI_1",
            "   State = MASTER",
            "   Last transition = 1795189555.552884 (10.000 s ago)",
            "   Effective priority = 80",
            "   Using src_ip = 192.0.2.11",
            "   Authentication type = SIMPLE_PASSWORD",
            "     192.0.2.100/24 dev eth0 scope global set",
            "     192.0.2.102 dev eth0 scope global missing",
            "     chk weight -20",
            "   Generic state transition script = '/etc/n.sh' 'arg', uid:gid 0:0",
            " VRRP Sync Group = G1, BACKUP",
            "   Status = GOOD",
            "   Status = -7",
            "     192.0.2.12 min_ttl 250 max_ttl 255",
        ] {
            assert!(text.lines().any(|l| l == line), "{line:?} is missing in\n{text}");
        }
        assert!(!text.contains("geheim"));
    }
}
