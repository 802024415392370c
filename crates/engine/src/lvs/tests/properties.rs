//! Laws, on random tables and histories: what is ours becomes as it should be, whatever the kernel and
//! other people do; nothing else is touched; nobody is left without a server on the way.

use std::collections::BTreeMap;

use model::lvs::{Forwarding, Lvs, SchedulerFlags};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::{group, ip, lvs, model, of_group, range, secs, service, sorry};
use super::world::{Ipvs, World, at, key, show};
use crate::lvs::io::Input;
use crate::lvs::table::{Entry, ServerSettings, ServiceSettings, Table};
use crate::tests::build::ms;

const SERVERS: [&str; 4] = ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4"];
const FOREIGN: &str = "10.9.9.9";

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Kill(usize),
    Revive(usize),
    Reload(Box<Lvs>),
    /// So many operations fail.
    Fail(usize),
    /// From now on answers of the kernel wait, or don't any more.
    Slow(bool),
    /// Somebody empties the table, but for what is theirs.
    Clear,
    /// Somebody sets the weight of one of our servers.
    Weigh(u32),
    /// Somebody removes one of our servers.
    Remove,
}

fn pool() -> impl Strategy<Value = model::lvs::VirtualServer> {
    let member = (0..SERVERS.len(), 1..4_u32, any::<bool>());
    (
        1..6_u8,
        prop::collection::btree_set(0..SERVERS.len(), 1..4),
        vec(member, 4),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(n, which, members, quorum, inhibit)| {
            let names: Vec<&str> = which.iter().map(|i| SERVERS[*i]).collect();
            let mut pool = if n == 5 { of_group(0, &names) } else { service(&format!("10.0.0.{n}"), &names) };
            for (server, (_, weight, inhibit)) in pool.servers.iter_mut().zip(members) {
                server.weight = weight;
                server.inhibit = inhibit;
            }
            pool.service.quorum.weight = if quorum { 2 } else { 1 };
            let total: u32 = pool.servers.iter().map(|s| s.weight).sum();
            pool.service.quorum.weight = pool.service.quorum.weight.min(total);
            pool.service.sorry = Some(model::lvs::SorryServer { inhibit, ..sorry("10.1.0.9") });
            pool
        })
}

fn config() -> impl Strategy<Value = Lvs> {
    vec(pool(), 0..4).prop_map(|pools| {
        let mut seen = Vec::new();
        let mut lvs = lvs(Vec::new());
        for pool in pools {
            // The same destination twice is for other tests.
            if !seen.contains(&pool.service.destination) {
                seen.push(pool.service.destination);
                lvs.services.push(pool);
            }
        }
        lvs.groups = vec![group("g", &[range("10.0.0.4", "10.0.0.7", 80)])];
        lvs
    })
}

fn step(foreign: bool) -> impl Strategy<Value = Step> {
    let own = prop_oneof![
        4 => (1..30_000_u64).prop_map(Step::Wait),
        2 => (0..SERVERS.len()).prop_map(Step::Kill),
        2 => (0..SERVERS.len()).prop_map(Step::Revive),
        2 => config().prop_map(|lvs| Step::Reload(Box::new(lvs))),
        1 => (1..5_usize).prop_map(Step::Fail),
        1 => any::<bool>().prop_map(Step::Slow),
    ];
    let other = prop_oneof![Just(Step::Clear), (0..9_u32).prop_map(Step::Weigh), Just(Step::Remove)];
    if foreign { prop_oneof![3 => own, 1 => other].boxed() } else { own.boxed() }
}

fn foreign() -> Entry {
    let settings = ServiceSettings {
        scheduler: None,
        flags: SchedulerFlags::default(),
        one_packet: false,
        persistence: None,
    };
    let server =
        ServerSettings { weight: 3, forwarding: Forwarding::Direct, upper_threshold: 0, lower_threshold: 0 };
    Entry { settings, servers: [(at("10.9.0.1"), server)].into() }
}

/// Of several that want a server the first one with a weight counts.
fn want(servers: &mut BTreeMap<String, u32>, server: String, weight: u32) {
    let known = servers.entry(server).or_default();
    if *known == 0 {
        *known = weight;
    }
}

impl World {
    fn take(&mut self, step: &Step) {
        let own = |table: &mut Table| -> Option<_> {
            let entry = table.services.iter_mut().find(|(k, e)| **k != key(FOREIGN) && !e.servers.is_empty());
            entry.map(|(_, entry)| entry.servers.first_entry().map(|e| *e.key())).and_then(|server| {
                let server = server?;
                let (key, _) = table.services.iter().find(|(_, e)| e.servers.contains_key(&server))?;
                Some((*key, server))
            })
        };
        match step {
            Step::Wait(millis) => self.run(ms(*millis)),
            Step::Kill(n) => {
                self.dead.insert(ip(SERVERS[*n]));
            }
            Step::Revive(n) => {
                self.dead.remove(&ip(SERVERS[*n]));
            }
            Step::Reload(lvs) => self.reload(lvs.as_ref().clone()),
            Step::Fail(n) => self.ipvs.failing = *n,
            Step::Slow(slow) => {
                self.slow = *slow;
                self.settle();
            }
            Step::Clear => self.ipvs.table.services.retain(|k, _| *k == key(FOREIGN)),
            Step::Weigh(weight) => {
                if let Some((service, server)) = own(&mut self.ipvs.table) {
                    let entry = self.ipvs.table.services.get_mut(&service).unwrap();
                    entry.servers.get_mut(&server).unwrap().weight = *weight;
                }
            }
            Step::Remove => {
                if let Some((service, server)) = own(&mut self.ipvs.table) {
                    self.ipvs.table.services.get_mut(&service).unwrap().servers.remove(&server);
                }
            }
        }
    }

    /// What should be there by what the balancer says of its servers, found without its kernel part.
    fn expected(&self) -> Vec<String> {
        let snapshot = self.balancer.snapshot();
        let mut table: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
        for (pool, stands) in self.balancer.model().lvs.services.iter().zip(&snapshot.services) {
            let addresses: Vec<String> = match pool.service.destination {
                model::lvs::Destination::Address { address, .. } => vec![address.to_string()],
                _ => (4..8).map(|n| format!("10.0.0.{n}")).collect(),
            };
            let down = !stands.up;
            let inhibit = pool.service.sorry.unwrap().inhibit;
            for address in addresses {
                let entry = table.entry(format!("{address}:80")).or_default();
                for (server, stands) in pool.servers.iter().zip(&stands.servers) {
                    if let Some(weight) = stands.wanted {
                        want(entry, format!("{}:80", server.address), weight);
                    }
                }
                if down || inhibit {
                    want(entry, "10.1.0.9:80".to_owned(), u32::from(down));
                }
            }
        }
        let line = |(service, servers): (&String, &BTreeMap<String, u32>)| {
            let servers: Vec<String> = servers.iter().map(|(s, w)| format!("{s}*{w}")).collect();
            format!("{service} = {}", servers.join(" "))
        };
        table.iter().map(line).collect()
    }

    fn ours(&self) -> Vec<String> {
        let mut table = self.ipvs.table.clone();
        table.services.remove(&key(FOREIGN));
        show(&table)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Q1, K7: whatever happens, the table is as it should be one period later, and what is foreign stays.
    #[test]
    fn the_table_becomes_what_is_wanted(first in config(), steps in vec(step(true), 0..25)) {
        let mut ipvs = Ipvs::default();
        ipvs.table.services.insert(key(FOREIGN), foreign());
        let mut world = World::of(model(first), ipvs);
        for step in &steps {
            world.take(step);
        }
        world.ipvs.failing = 0;
        world.slow = false;
        world.run(secs(130));
        let expected: Vec<String> = world.expected();
        prop_assert_eq!(world.ours(), expected);
        prop_assert_eq!(world.ipvs.table.services.get(&key(FOREIGN)), Some(&foreign()));
        prop_assert!(world.balancer.snapshot().in_order);
        world.input(Input::Stop { keep: false });
        prop_assert!(world.stopped);
        prop_assert_eq!(world.ours(), Vec::<String>::new());
        prop_assert_eq!(world.ipvs.table.services.len(), 1);
    }

    /// Q4: with a sorry server nobody is without a destination, at no operation.
    #[test]
    fn nobody_is_left_without_a_server(first in config(), steps in vec(step(false), 0..25)) {
        let mut world = World::new(first);
        world.no_gaps = true;
        for step in &steps {
            world.take(step);
        }
        world.slow = false;
        world.run(secs(60));
    }

    /// R1: the same model again has no effect, whatever state things are in.
    #[test]
    fn the_same_again_has_no_effect(first in config(), steps in vec(step(false), 0..12)) {
        let mut world = World::new(first);
        for step in &steps {
            world.take(step);
        }
        world.ipvs.failing = 0;
        world.slow = false;
        world.run(secs(60));
        world.take_operations();
        let probed = world.probed;
        let next = base::Machine::poll_timeout(&world.balancer);
        let same = world.balancer.model().lvs.clone();
        world.reload(same);
        prop_assert_eq!(world.take_operations(), vec![]);
        prop_assert_eq!(world.probed, probed);
        prop_assert_eq!(base::Machine::poll_timeout(&world.balancer), next);
    }

    /// R2: a reload to a model comes to the same table as a start with it.
    #[test]
    fn a_reload_comes_to_what_a_start_comes_to(first in config(), second in config(), dead in vec(0..SERVERS.len(), 0..3)) {
        let mut reloaded = World::new(first);
        let mut started = World::new(second.clone());
        for n in dead {
            reloaded.dead.insert(ip(SERVERS[n]));
            started.dead.insert(ip(SERVERS[n]));
        }
        reloaded.run(secs(30));
        reloaded.reload(second);
        reloaded.run(secs(60));
        started.run(secs(60));
        prop_assert_eq!(reloaded.ipvs.table, started.ipvs.table);
    }
}
