//! The arithmetic of the quorum, all of it: every pool of up to four servers with weights up to 3, every
//! quorum and hysteresis, every change of the living servers.

mod common;

use common::{S0, World, schedule, service};
use vipd_check::config::{BfdId, Config, Kind, Quorum, Server, ServerId, Sorry, Task, TaskId};
use vipd_check::io::{Event, Input, PoolEvent};

/// The pool as the rules say, with signed numbers and sets as masks.
struct Model {
    weights: Vec<u32>,
    quorum: i64,
    hysteresis: i64,
    sorry: Option<Sorry>,
    inhibit: bool,
    alive: u32,
    up: bool,
}

impl Model {
    fn is_alive(&self, index: usize) -> bool {
        self.alive >> index & 1 == 1
    }

    fn living(&self) -> i64 {
        (0..self.weights.len()).filter(|i| self.is_alive(*i)).map(|i| i64::from(self.weights[i])).sum()
    }

    /// Flips one server and judges if the weight changed.
    fn flip(&mut self, index: usize) {
        let before = self.living();
        self.alive ^= 1 << index;
        let after = self.living();
        if before == after {
            return;
        }
        self.up = match self.up {
            true => !(after == 0 || after < self.quorum - self.hysteresis),
            false => after >= self.quorum + self.hysteresis,
        };
    }

    fn wanted(&self) -> (Vec<Option<u32>>, Option<u32>) {
        let sorry_serves = self.sorry.is_some() && !self.up;
        let mut servers: Vec<Option<u32>> = (0..self.weights.len())
            .map(|i| match (self.is_alive(i) && !sorry_serves, self.inhibit) {
                (true, _) => Some(self.weights[i]),
                (false, true) => Some(0),
                (false, false) => None,
            })
            .collect();
        let Some(sorry) = self.sorry else { return (servers, None) };
        let same = sorry.same_as.map(ServerId::index);
        if sorry_serves {
            if let Some(same) = same {
                servers[same] = None;
            }
            return (servers, Some(1));
        }
        let there = same.is_some_and(|same| servers[same].is_some());
        (servers, (sorry.inhibit && !there).then_some(0))
    }
}

/// Through all sets of living servers and all single changes of each; returns how many.
fn walk(mut model: Model) -> u64 {
    let n = model.weights.len();
    let config = Config {
        tasks: (0..n)
            .map(|i| Task {
                schedule: schedule(),
                kind: Kind::Bfd { session: BfdId::from_index(i) },
                link: None,
            })
            .collect(),
        services: vec![vipd_check::config::Service {
            quorum: Quorum {
                weight: u32::try_from(model.quorum).unwrap(),
                hysteresis: u32::try_from(model.hysteresis).unwrap(),
            },
            sorry: model.sorry,
            ..service(
                model
                    .weights
                    .iter()
                    .enumerate()
                    .map(|(i, weight)| Server {
                        weight: *weight,
                        inhibit: model.inhibit,
                        checks: [TaskId::from_index(i)].into_iter().collect(),
                    })
                    .collect(),
            )
        }],
        link_window: None,
    };
    let mut world = World::new(config);
    assert_eq!(world.checks.quorum_up(S0), Some(model.up));
    let mut steps = 0;
    let mut flip = |model: &mut Model, index: usize| {
        let (before, was_up) = (model.wanted(), model.up);
        model.flip(index);
        world.take();
        world.changed.clear();
        let up = model.is_alive(index);
        world.tell(Input::Bfd { session: BfdId::from_index(index), up });
        assert_eq!(world.checks.quorum_up(S0), Some(model.up));
        assert_eq!(world.wanted(S0), model.wanted());
        assert_eq!(!world.changed.is_empty(), before != model.wanted());
        let told = world
            .take()
            .into_iter()
            .filter(|event| matches!(event, Event::Pool(PoolEvent::Quorum { .. })))
            .count();
        assert_eq!(told, usize::from(was_up != model.up));
        steps += 1;
    };
    for set in 0..1_u32 << n {
        for change in 0..n {
            for index in 0..n {
                if (set ^ model.alive) >> index & 1 == 1 {
                    flip(&mut model, index);
                }
            }
            flip(&mut model, change);
        }
    }
    steps
}

fn pools(servers: usize, weight: u32) -> Vec<Vec<u32>> {
    (0..servers).fold(vec![Vec::new()], |pools, _| {
        pools.iter().flat_map(|pool| (0..=weight).map(|w| [pool.as_slice(), &[w]].concat())).collect()
    })
}

#[test]
fn the_quorum_and_the_table_follow_the_rules_for_every_small_pool() {
    let mut steps = 0;
    for weights in (1..=4).flat_map(|servers| pools(servers, 3)) {
        let total: i64 = weights.iter().map(|w| i64::from(*w)).sum();
        for quorum in 0..=total {
            for hysteresis in 0..quorum.max(1) {
                for sorry in [None, Some(Sorry { inhibit: false, same_as: None })] {
                    steps += walk(Model {
                        quorum,
                        hysteresis,
                        sorry,
                        inhibit: false,
                        alive: (1 << weights.len()) - 1,
                        up: total >= quorum + hysteresis,
                        weights: weights.clone(),
                    });
                }
            }
        }
    }
    assert!(steps > 1_000_000, "{steps} steps");
}

#[test]
fn inhibited_servers_and_every_kind_of_sorry_server_follow_the_rules() {
    for weights in (1..=3).flat_map(|servers| pools(servers, 2)) {
        let total: i64 = weights.iter().map(|w| i64::from(*w)).sum();
        let same = (0..weights.len()).map(|i| Some(ServerId::from_index(i)));
        let sorries: Vec<Option<Sorry>> = std::iter::once(None)
            .chain(same)
            .flat_map(|same_as| [true, false].map(|inhibit| Some(Sorry { inhibit, same_as })))
            .chain([None])
            .collect();
        for (quorum, sorry) in (0..=total).flat_map(|q| sorries.iter().map(move |s| (q, *s))) {
            for inhibit in [true, false] {
                walk(Model {
                    quorum,
                    hysteresis: 0,
                    sorry,
                    inhibit,
                    alive: (1 << weights.len()) - 1,
                    up: true,
                    weights: weights.clone(),
                });
            }
        }
    }
}
