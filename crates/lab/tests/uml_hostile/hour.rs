//! An hour of three routers that are killed, cut off and paused at random.

use std::net::IpAddr;
use std::time::Duration;

use base::Rng;
use lab::harness::Outcome;
use lab::{Cut, Event, Kind, LabError, Process, Result, Running, Signal, ensure};

use crate::stage::{BOUND, SECOND, Stage, VIP, family, instance, ip, vips, vrrp_of};

const SEED: u64 = 3600;
const HOUR: Duration = Duration::from_secs(3600);
const PRIORITIES: [u8; 3] = [200, 150, 100];
/// After this everybody agrees again: three intervals, the skew, a restart of a process.
const SETTLED: Duration = Duration::from_secs(12);

/// What may happen to a router; each ends when the round ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    KillVrrp,
    KillSupervisor,
    PowerOff,
    Partition,
    Mute,
    Deaf,
    Pause,
    Cable,
    Reload,
}
use Fault::{Cable, Deaf, KillSupervisor, KillVrrp, Mute, Partition, Pause, PowerOff, Reload};

const FAULTS: [Fault; 9] = [KillVrrp, KillSupervisor, PowerOff, Partition, Mute, Deaf, Pause, Cable, Reload];

struct World {
    stage: Stage,
    daemons: Vec<Process>,
}

/// How much memory a process occupies for itself, in KiB: pages of its program come and go.
pub(crate) fn memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).map_err(|e| LabError::Expectation(format!("{path}: {e}")))?;
    let field =
        text.lines().find_map(|l| l.strip_prefix("RssAnon:")?.split_whitespace().next()?.parse().ok());
    field.ok_or_else(|| LabError::Expectation(format!("{path} has no RssAnon")))
}

pub(crate) fn hour() -> Result<Outcome> {
    let stage = Stage::new("hour", 3)?;
    let daemons = (0..3).map(|n| stage.routers[n].vipd(&conf(n))).collect::<Result<_>>()?;
    let mut world = World { stage, daemons };
    world.stage.lab.pass(2 * SETTLED);
    world.agreed("at the start")?;
    let begun = world.burden()?;
    let mut rng = Rng::new(SEED);
    let (mut rounds, mut met) = (0_u32, Vec::new());
    while world.stage.lab.now() < HOUR {
        let first = below(&mut rng, 3);
        let mut plan = vec![(first, FAULTS[below(&mut rng, FAULTS.len())])];
        if rng.below(2) == 0 {
            plan.push(((first + 1 + below(&mut rng, 2)) % 3, FAULTS[below(&mut rng, FAULTS.len())]));
        }
        for (n, fault) in &plan {
            world.strike(*n, *fault)?;
            met.push(*fault);
            world.stage.lab.pass(Duration::from_millis(rng.below(9_000)));
        }
        world.repair(&plan)?;
        world.stage.lab.pass(SETTLED + Duration::from_millis(rng.below(50_000)));
        world.agreed(&format!("after round {rounds} with {plan:?}"))?;
        rounds += 1;
    }
    ensure(
        FAULTS.iter().all(|f| met.contains(f)),
        format_args!("in {rounds} rounds not everything happened"),
    )?;
    world.stage.lab.pass(2 * SETTLED);
    for (n, (now, was)) in world.burden()?.into_iter().zip(begun).enumerate() {
        for (now, was) in now.into_iter().zip(was) {
            let fits = now.0 == was.0 && now.1 <= was.1 + 768;
            ensure(fits, format_args!("r{}: (descriptors, KiB) were {was:?} and are {now:?}", n + 1))?;
        }
    }
    for router in &world.stage.routers {
        let mut processes = router.processes()?;
        processes.retain(|p| !p.zombie);
        ensure(processes.len() == 3, format_args!("{}: {processes:?}", router.name()))?;
    }
    Ok(Outcome::Passed)
}

fn conf(n: usize) -> String {
    // A script, so that all three processes are there.
    let lines = format!(" version 3\n track_script {{\n  well\n }}\n{}", vips(&[&format!("{VIP}/24")]));
    let script =
        "global_defs {\n script_user root\n}\nvrrp_script well {\n script \"/bin/true\"\n interval 60\n}\n";
    format!("{script}{}", instance("VI_1", 51, PRIORITIES[n], &lines))
}

impl World {
    /// Exactly one master, which is the best, and the address on exactly that one.
    fn agreed(&self, when: &str) -> Result<()> {
        for (n, router) in self.stage.routers.iter().enumerate() {
            let has = router.has_ip(ip(VIP))?;
            ensure(has == (n == 0), format_args!("{when}: r{} has the address: {has}", n + 1))?;
        }
        let from = self.stage.lab.now().saturating_sub(5 * SECOND);
        // An hour has many frames: only the last ones are read.
        let recent = self.stage.capture.frames().into_iter().rev().take_while(|f| f.at >= from);
        let adverts = recent.filter_map(|f| match Event::of(&f)?.kind {
            Kind::Advert { source, priority, .. } => Some((source, priority)),
            _ => None,
        });
        let heard: Vec<(IpAddr, u8)> = adverts.collect();
        let own = |a: &(IpAddr, u8)| *a == (ip("192.0.2.11"), PRIORITIES[0]);
        let fine = (4..=6).contains(&heard.len()) && heard.iter().all(own);
        ensure(fine, format_args!("{when}: adverts of the last 5 s: {heard:?}"))
    }

    /// All processes of all daemons: descriptors and memory.
    fn burden(&self) -> Result<Vec<Vec<(usize, u64)>>> {
        let of = |(router, daemon)| {
            let members = family(router, daemon)?;
            let all = [Some(members.supervisor), members.vrrp, members.scripts];
            all.into_iter().flatten().map(|p| Ok((p.descriptors()?, memory(p.pid)?))).collect()
        };
        self.stage.routers.iter().zip(&self.daemons).map(of).collect()
    }

    fn members(&self, n: usize) -> Result<Vec<Running>> {
        let members = family(&self.stage.routers[n], &self.daemons[n])?;
        Ok([Some(members.supervisor), members.vrrp, members.scripts].into_iter().flatten().collect())
    }

    fn strike(&self, n: usize, fault: Fault) -> Result<()> {
        let (node, daemon) = (&self.stage.routers[n], &self.daemons[n]);
        let (lab, lan) = (&self.stage.lab, &self.stage.lan);
        let others: Vec<_> = (0..3).filter(|o| *o != n).map(|o| &self.stage.routers[o]).collect();
        match fault {
            KillVrrp => vrrp_of(node, daemon)?.signal(Signal::SIGKILL),
            KillSupervisor => daemon.signal(Signal::SIGKILL),
            PowerOff => node.power_off(),
            Partition => lab.partition(lan, &[node], &others),
            Mute => lab.block(lan, &[node], &others),
            Deaf => lab.block(lan, &others, &[node]),
            Pause => self.members(n)?.iter().try_for_each(|p| p.signal(Signal::SIGSTOP)),
            Cable => node.link("eth0", false, Cut::Switch),
            Reload => daemon.signal(Signal::SIGHUP),
        }
    }

    fn repair(&mut self, plan: &[(usize, Fault)]) -> Result<()> {
        self.stage.lab.heal()?;
        for &(n, fault) in plan {
            let node = &self.stage.routers[n];
            match fault {
                KillSupervisor => {
                    // The first process of a node reaps nobody.
                    let gone = || Ok(node.processes()?.iter().all(|p| p.zombie));
                    lab::wait("the rest of a daemon goes", BOUND, gone)?;
                    self.daemons[n] = node.vipd(&conf(n))?;
                }
                PowerOff => {
                    node.power_on()?;
                    self.daemons[n] = node.vipd(&conf(n))?;
                }
                Pause => self.members(n)?.iter().try_for_each(|p| p.signal(Signal::SIGCONT))?,
                Cable => node.link("eth0", true, Cut::Switch)?,
                KillVrrp | Partition | Mute | Deaf | Reload => {}
            }
        }
        Ok(())
    }
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or_default()
}
