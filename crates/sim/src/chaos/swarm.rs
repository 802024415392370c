//! Random faults: which kinds there are differs from run to run, so that each combination has its turn.

use base::{Duration, IfName, Instant, IpNet, Name, Rng};
use engine::io::Outcome;
use model::TrackerSource;

use crate::fault::Fault;
use crate::host::errno;
use crate::hostile;
use crate::lan::{SegmentId, Weather};
use crate::node::NodeId;
use crate::world::World;

/// A kind of fault that can be switched on and off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the variants are explained by the faults that they make")]
pub enum Kind {
    Kill,
    Crash,
    Stop,
    Pause,
    Freeze,
    Power,
    Reload,
    ReloadSame,
    /// While something is on its way to the kernel.
    ReloadBusy,
    Clock,
    Late,
    Unplug,
    OneWay,
    Cut,
    Switch,
    Rain,
    Link,
    Recreate,
    Delete,
    Routes,
    Sync,
    Errors,
    Sockets,
    Lost,
    Missed,
    Script,
    File,
    Tracked,
    Hostile,
    Forged,
    Flood,
}

const ALL: &[Kind] = &[
    Kind::Kill,
    Kind::Crash,
    Kind::Stop,
    Kind::Pause,
    Kind::Freeze,
    Kind::Power,
    Kind::Reload,
    Kind::ReloadSame,
    Kind::ReloadBusy,
    Kind::Clock,
    Kind::Late,
    Kind::Unplug,
    Kind::OneWay,
    Kind::Cut,
    Kind::Switch,
    Kind::Rain,
    Kind::Link,
    Kind::Recreate,
    Kind::Delete,
    Kind::Routes,
    Kind::Sync,
    Kind::Errors,
    Kind::Sockets,
    Kind::Lost,
    Kind::Missed,
    Kind::Script,
    Kind::File,
    Kind::Tracked,
    Kind::Hostile,
    Kind::Forged,
    Kind::Flood,
];

/// The kinds of a run, and how often faults come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swarm {
    /// Which kinds.
    pub kinds: Vec<Kind>,
    /// The mean time between two faults.
    pub gap: Duration,
}

impl Swarm {
    /// Follows from the generator.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let kinds = ALL.iter().copied().filter(|_| rng.below(3) == 0).collect();
        Self { kinds, gap: Duration::from_millis(500 + rng.below(20_000)) }
    }

    /// Schedules the faults between `from` and `from + span`; how many.
    pub fn plan(&self, world: &mut World, rng: &mut Rng, from: Instant, span: Duration) -> u64 {
        let (faults, count) = self.timetable(world, rng, from, span);
        for (at, fault) in faults {
            world.schedule(at, fault);
        }
        count
    }

    /// The faults between `from` and `from + span`, each with its time, and how many there are apart from
    /// their ends.
    pub fn timetable(
        &self,
        world: &World,
        rng: &mut Rng,
        from: Instant,
        span: Duration,
    ) -> (Vec<(Instant, Fault)>, u64) {
        let end = from + span;
        let (mut at, mut count) = (from, 0);
        let mut timetable = Vec::new();
        if self.kinds.is_empty() {
            return (timetable, 0);
        }
        loop {
            at += Duration::from_nanos(rng.below(self.gap.as_nanos() * 2) + 1);
            if at >= end {
                return (timetable, count);
            }
            let kind = pick(&self.kinds, rng);
            // What ends after the chaos is ended by the healing.
            let faults = faults(kind, world, rng).into_iter();
            timetable.extend(faults.map(|(delay, fault)| (at + delay, fault)).filter(|(at, _)| *at < end));
            count += 1;
        }
    }
}

fn pick<T: Copy>(of: &[T], rng: &mut Rng) -> T {
    let at = usize::try_from(rng.below(of.len() as u64)).unwrap_or(0);
    of[at]
}

fn millis(least: u64, most: u64, rng: &mut Rng) -> Duration {
    // Short ones are as interesting as long ones.
    let most = least + (most - least) / (1 << rng.below(6));
    Duration::from_millis(least + rng.below(most - least + 1)) + Duration::from_nanos(rng.below(1_000_000))
}

/// One fault of a kind, with its end.
fn faults(kind: Kind, world: &World, rng: &mut Rng) -> Vec<(Duration, Fault)> {
    let id = NodeId(usize::try_from(rng.below(world.nodes().len() as u64)).unwrap_or(0));
    let other = NodeId((id.0 + 1) % world.nodes().len());
    let link = link(world, id, 0);
    let now = Duration::ZERO;
    let span = millis(1, 20_000, rng);
    let whole = |begin: Fault, end: Fault| vec![(now, begin), (span, end)];
    let segment = SegmentId(usize::try_from(rng.below(world.lan().segments.len() as u64)).unwrap_or(0));
    match kind {
        Kind::Kill => whole(Fault::Kill(id), Fault::Start(id)),
        Kind::Crash => vec![(now, Fault::Crash(id))],
        Kind::Stop => whole(Fault::Stop(id), Fault::Start(id)),
        Kind::Pause => whole(Fault::Pause(id), Fault::Resume(id)),
        Kind::Freeze => whole(Fault::Freeze(id), Fault::Thaw(id)),
        Kind::Power => whole(Fault::PowerOff(id), Fault::PowerOn(id)),
        Kind::Reload => {
            let models = world.node(id).models.len() as u64;
            let model = usize::try_from(rng.below(models)).unwrap_or(0);
            whole(Fault::Reload { node: id, model }, Fault::Reload { node: id, model: 0 })
        }
        Kind::ReloadSame => {
            let model = 0;
            whole(Fault::Reload { node: id, model }, Fault::Reload { node: id, model })
        }
        Kind::ReloadBusy => {
            // What somebody takes away is just being put back.
            let soon = Duration::from_nanos(rng.below(150_000));
            let models = world.node(id).models.len() as u64;
            let model = usize::try_from(rng.below(models)).unwrap_or(0);
            let mut faults = vec![(soon, Fault::Reload { node: id, model })];
            faults.push((span.max(soon), Fault::Reload { node: id, model: 0 }));
            let deleted = virtual_address(world, id, rng);
            faults.extend(deleted.map(|net| (now, Fault::DeleteAddress(id, net.addr()))));
            faults
        }
        Kind::Clock => {
            let ppm = pick(&[-500, -50, 50, 500], rng);
            whole(Fault::ClockRate { node: id, ppm }, Fault::ClockRate { node: id, ppm: 0 })
        }
        Kind::Late => {
            let most = millis(1, 800, rng);
            whole(Fault::Lateness { node: id, most }, Fault::Lateness { node: id, most: now })
        }
        Kind::Unplug => whole(Fault::Unplug(id, link), Fault::Plug(id, link)),
        Kind::OneWay => {
            let begin = if rng.below(2) == 0 { Fault::Mute(id, link) } else { Fault::Deafen(id, link) };
            whole(begin, Fault::Hear(id, link))
        }
        Kind::Cut => whole(Fault::Cut(id, other), Fault::Mend(id, other)),
        Kind::Switch => whole(Fault::SegmentDown(segment), Fault::SegmentUp(segment)),
        Kind::Rain => {
            let weather = Weather {
                delay: (Duration::from_micros(20), millis(1, 30, rng)),
                loss: pick(&[0, 10_000, 200_000, 500_000], rng),
                duplicates: pick(&[0, 100_000], rng),
                reorders: rng.below(2) == 0,
            };
            whole(Fault::Weather(segment, weather), Fault::Weather(segment, Weather::FAIR))
        }
        Kind::Link => whole(Fault::LinkDown(id, link), Fault::LinkUp(id, link)),
        Kind::Recreate => whole(Fault::LinkDelete(id, link), Fault::LinkCreate(id, link)),
        Kind::Delete => match virtual_address(world, id, rng) {
            Some(net) => vec![(now, Fault::DeleteAddress(id, net.addr()))],
            None => Vec::new(),
        },
        Kind::Routes => vec![(now, Fault::DeleteRoutes(id))],
        // Who never looks never learns of it.
        Kind::Sync if world.node(id).models.iter().any(|m| m.global.resync.is_zero()) => Vec::new(),
        Kind::Sync if rng.below(2) == 0 => vec![(now, Fault::StopSync(id))],
        Kind::Sync => vec![(now, Fault::StartSync(id, link, u32::try_from(rng.below(3)).unwrap_or(0) * 9))],
        Kind::Errors => {
            let (times, errno) =
                (1 + u32::try_from(rng.below(5)).unwrap_or(0), pick(&[errno::EBUSY, errno::ENOMEM], rng));
            vec![(now, Fault::FailOperations { node: id, times, errno })]
        }
        Kind::Sockets => vec![(now, Fault::FailSockets { node: id, times: 1 })],
        Kind::Lost => vec![(now, Fault::LoseNews(id, millis(1, 2_000, rng)))],
        // Who never looks never learns of it.
        Kind::Missed if world.node(id).models.iter().any(|m| m.global.resync.is_zero()) => Vec::new(),
        Kind::Missed => vec![(now, Fault::MissNews(id, millis(1, 2_000, rng)))],
        Kind::Script => {
            let takes = Duration::from_millis(5);
            let outcome = pick(&[Outcome::Exited(1), Outcome::TimedOut, Outcome::Signaled(9)], rng);
            let script = |outcome| Fault::Script { node: id, name: tracker(world, id, true), outcome, takes };
            whole(script(outcome), script(Outcome::Exited(0)))
        }
        Kind::File => {
            let value = pick(&[0, 1, -20, 50, 300, -300], rng);
            let file = |value| Fault::File { node: id, name: tracker(world, id, false), value };
            whole(file(value), file(0))
        }
        Kind::Hostile => match hostile::refused(world, rng) {
            Some(stranger) => vec![(now, Fault::Stranger(stranger.into()))],
            None => Vec::new(),
        },
        Kind::Forged => match hostile::forged(world, rng) {
            Some(stranger) => vec![(now, Fault::Stranger(stranger.into()))],
            None => Vec::new(),
        },
        Kind::Flood => match hostile::refused(world, rng) {
            Some(stranger) => hostile::flood(stranger, 1 + rng.below(300), millis(1, 1_000, rng)),
            None => Vec::new(),
        },
        Kind::Tracked => {
            let link = self::link(world, id, 1);
            whole(Fault::LinkDown(id, link), Fault::LinkUp(id, link))
        }
    }
}

/// An interface of a node by its place, or its last one.
fn link(world: &World, id: NodeId, place: usize) -> IfName {
    let links: Vec<IfName> = world.node(id).host.own_links().map(|(name, _)| name).collect();
    let link = links.get(place).or(links.last()).copied();
    link.unwrap_or_else(|| IfName::new("eth0").unwrap_or_else(|_| unreachable!("it is a name")))
}

/// The name of the first script or file of a node; a name that nothing has if there is none.
fn tracker(world: &World, id: NodeId, script: bool) -> Name {
    let trackers = &world.node(id).in_force().trackers;
    let wanted = trackers.iter().find(|t| match t.source {
        TrackerSource::Script(_) => script,
        TrackerSource::File(_) => !script,
        TrackerSource::Interface(_) | TrackerSource::Process(_) | TrackerSource::Bfd(_) => false,
    });
    wanted.map_or_else(|| "none".into(), |t| t.name.clone())
}

/// A virtual address of a node.
fn virtual_address(world: &World, id: NodeId, rng: &mut Rng) -> Option<IpNet> {
    let model = world.node(id).in_force();
    let all: Vec<IpNet> = model.instances.iter().flat_map(|i| &i.addresses).map(|a| a.net).collect();
    let at = usize::try_from(rng.below(all.len() as u64)).unwrap_or(0);
    all.get(at).copied()
}
