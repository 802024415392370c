//! A few nodes with configurations of our own, and questions that tests ask.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfName, Instant};
use config::{MapSource, Options, load};
use engine::io::Event;
use model::Model;
use vipd_sim::checker::Judge;
use vipd_sim::cluster::Router;
use vipd_sim::observe::{Observation, What};
use vipd_sim::setup::{Plan, world};
use vipd_sim::world::Pace;
use vipd_sim::{Fault, NodeId, World};
use vrrp::io::State;

pub(crate) const A: NodeId = NodeId(0);
pub(crate) const B: NodeId = NodeId(1);
pub(crate) const C: NodeId = NodeId(2);

/// A world that is watched by all checkers, and what happened in it.
pub(crate) struct Stage {
    pub(crate) world: World,
    judge: Judge,
    pub(crate) seen: Vec<Observation>,
}

pub(crate) fn model(text: &str) -> Arc<Model> {
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    let rendered = loaded.render(false);
    Arc::new(loaded.model.unwrap_or_else(|| panic!("{text}\n{rendered}")))
}

/// `VI_1` with VRID 51 and 192.0.2.10 on eth0, and what else `more` says.
pub(crate) fn one(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int 1\n \
         {more}\n virtual_ipaddress {{\n 192.0.2.10/24\n }}\n}}\n"
    )
}

pub(crate) fn vip() -> IpAddr {
    "192.0.2.10".parse().unwrap()
}

pub(crate) fn eth0() -> IfName {
    IfName::new("eth0").unwrap()
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Stage {
    /// Each node with the texts that its file has one after the other. All start together.
    pub(crate) fn with(texts: &[&[String]]) -> Self {
        let mut stage = Self::still(texts);
        for node in stage.world.ids() {
            stage.now(Fault::Start(node));
        }
        stage
    }

    /// As [`Stage::with`], but nobody starts.
    pub(crate) fn still(texts: &[&[String]]) -> Self {
        let plan = |(index, texts): (usize, &&[String])| Plan {
            name: ["A", "B", "C"][index].into(),
            models: texts.iter().map(|text| model(text)).collect(),
        };
        let plans: Vec<Plan> = texts.iter().enumerate().map(plan).collect();
        let world = world(&plans, Pace::FAIR, 1);
        let judge = Judge::new(&world);
        Self { world, judge, seen: Vec::new() }
    }

    /// Nodes with one file each.
    pub(crate) fn of(texts: &[String]) -> Self {
        let lists: Vec<&[String]> = texts.iter().map(std::slice::from_ref).collect();
        Self::with(&lists)
    }

    /// Something happens now.
    pub(crate) fn now(&mut self, fault: Fault) {
        self.world.schedule(self.world.now(), fault);
    }

    /// Something happens after `wait`.
    pub(crate) fn after(&mut self, wait: Duration, fault: Fault) {
        self.world.schedule(self.world.now() + wait, fault);
    }

    /// Lets time pass; whatever a checker complains of fails the test.
    pub(crate) fn run(&mut self, span: Duration) -> &mut Self {
        let Self { world, judge, seen } = self;
        let until = world.now() + span;
        let well = judge.watch(world, until, |_, o| seen.push(o.clone()));
        assert!(well, "{}", judge.found().iter().map(|v| format!("{v}\n")).collect::<String>());
        self
    }

    pub(crate) fn secs(&mut self, seconds: u64) -> &mut Self {
        self.run(Duration::from_secs(seconds))
    }

    /// Forgets what happened so far.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn router(&self, vrid: u8) -> Router {
        let all = Router::all(&self.world);
        all.into_iter().find(|r| r.vrid.get() == vrid).expect("some node has this virtual router")
    }

    pub(crate) fn masters(&self, vrid: u8) -> Vec<NodeId> {
        self.router(vrid).in_state(&self.world, State::Master)
    }

    /// Whose kernels answer for the address.
    pub(crate) fn holders(&self, address: IpAddr) -> Vec<NodeId> {
        let ids = self.world.ids();
        ids.filter(|n| self.world.node(*n).answers() && self.world.node(*n).host.holds(None, address))
            .collect()
    }

    pub(crate) fn state(&self, node: NodeId, name: &str) -> State {
        let process = self.world.node(node).process.as_ref().expect("it runs");
        let id = process.engine.model().instance_named(name).expect("it has this instance");
        process.engine.state(id).expect("it has this instance")
    }

    /// How often something of a node was seen since [`Stage::forget`].
    pub(crate) fn count(&self, node: NodeId, what: impl Fn(&What) -> bool) -> usize {
        self.seen.iter().filter(|o| o.node == Some(node) && what(&o.what)).count()
    }

    /// When something of a node was seen first since [`Stage::forget`].
    pub(crate) fn first(&self, node: NodeId, what: impl Fn(&What) -> bool) -> Option<Instant> {
        self.seen.iter().find(|o| o.node == Some(node) && what(&o.what)).map(|o| o.at)
    }

    /// The states that an instance of a node entered since [`Stage::forget`].
    pub(crate) fn states(&self, node: NodeId) -> Vec<State> {
        let entered = |o: &Observation| match &o.what {
            What::Event(Event::Vrrp(vrrp::io::Event::State { to, .. })) if o.node == Some(node) => Some(*to),
            _ => None,
        };
        self.seen.iter().filter_map(entered).collect()
    }

    /// Which node the hosts of the segment talk to for an address.
    pub(crate) fn believed(&self, address: IpAddr) -> Option<NodeId> {
        let segment = self.world.lan().segment_of((A, eth0()))?;
        let (mac, _) = self.world.lan().segments[segment.0].cache.get(&address)?;
        self.world
            .ids()
            .find(|n| self.world.node(*n).host.links.values().any(|link| link.mac.as_ref() == Some(mac)))
    }
}

pub(crate) fn is_advert(what: &What) -> bool {
    matches!(what, What::Advert(_))
}

pub(crate) fn is_write(what: &What) -> bool {
    matches!(what, What::Wanted { .. })
}

pub(crate) fn is_told(what: &What) -> bool {
    matches!(what, What::Notified(_) | What::Fifo(..))
}
