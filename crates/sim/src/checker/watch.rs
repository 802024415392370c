//! What several checkers keep about each node: who is in which state, under which configuration, and since
//! when nobody interfered. Everything is learned from observations, nothing asked of an engine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfIndex, IfName, Instant, IpNet};
use engine::facts::{AddressFacts, KernelEvent, RouteFacts};
use engine::io::Event;
use model::{Address, InstanceId, Model, Route};
use vrrp::io::State;

use super::successor;
use crate::fault::Fault;
use crate::host::route_facts;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// The mark of our objects in the kernel (`rt_protos`, `rt_addrprotos`).
pub(super) const OURS: u8 = 18;

/// The longest pause before the kernel is asked again after failures.
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Something that a configuration names, and for whom (`None` for a static one).
pub(super) type For<T> = (Option<InstanceId>, T);

/// What a configuration names.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    addresses: BTreeMap<(IfName, IpAddr), Vec<For<Address>>>,
    routes: Vec<For<Route>>,
    objects: u64,
}

impl Names {
    pub(super) fn of(model: &Model) -> Self {
        let mut names = Self::default();
        let statics = model.static_addresses.iter().map(|a| (None, a));
        let virtuals = model.instances.iter().enumerate().flat_map(|(index, instance)| {
            let id = Some(InstanceId::from_index(index));
            instance.addresses.iter().chain(&instance.excluded).map(move |a| (id, a))
        });
        for (id, address) in statics.chain(virtuals) {
            names.objects += 1;
            let key = (address.link, address.net.addr());
            names.addresses.entry(key).or_default().push((id, address.clone()));
        }
        names.routes.extend(model.static_routes.iter().map(|r| (None, r.clone())));
        for (index, instance) in model.instances.iter().enumerate() {
            let id = Some(InstanceId::from_index(index));
            names.routes.extend(instance.routes.iter().map(|r| (id, r.clone())));
        }
        names.objects += u64::try_from(names.routes.len()).unwrap_or(u64::MAX);
        names
    }

    /// Who names an address of an interface, and how.
    pub(super) fn address(&self, link: IfName, address: IpAddr) -> &[For<Address>] {
        self.addresses.get(&(link, address)).map_or(&[], Vec::as_slice)
    }

    /// All addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &For<Address>> {
        self.addresses.values().flatten()
    }

    /// All routes.
    pub(super) fn routes(&self) -> &[For<Route>] {
        &self.routes
    }

    /// How many objects there are.
    pub(super) const fn objects(&self) -> u64 {
        self.objects
    }
}

/// The network that the kernel shows for an address: its peer's length counts.
pub(super) fn shown(address: &Address) -> IpNet {
    let prefix = address.peer.map_or(address.net.prefix(), |peer| peer.prefix());
    IpNet::new(address.net.addr(), prefix).unwrap_or(address.net)
}

/// What is known about a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The configuration in whose ids everything is; `None` while no process runs.
    pub(super) model: Option<Arc<Model>>,
    /// What it names.
    pub(super) names: Names,
    /// The state of each instance, and since when.
    pub(super) states: Vec<(State, Instant)>,
    /// When something from outside last touched the node, its kernel or its process.
    pub(super) disturbed: Instant,
    /// When a kernel operation last failed.
    pub(super) failed: Option<Instant>,
}

impl Seen {
    /// The state of an instance.
    pub(super) fn state(&self, id: InstanceId) -> Option<State> {
        self.states.get(id.index()).map(|(state, _)| *state)
    }

    /// Whether `owner` wants its objects: a static one always, an instance as MASTER.
    pub(super) fn claims(&self, owner: Option<InstanceId>) -> bool {
        self.model.is_some() && owner.is_none_or(|id| self.state(id) == Some(State::Master))
    }

    /// Whether the configuration wants this address to be there now.
    pub(super) fn wants_address(&self, link: IfName, net: IpNet) -> bool {
        let named = self.names.address(link, net.addr()).iter();
        named.filter(|(_, address)| shown(address) == net).any(|(owner, _)| self.claims(*owner))
    }

    /// Whether the configuration wants this route to be there now.
    pub(super) fn wants_route(&self, world: &World, node: NodeId, facts: &RouteFacts) -> bool {
        let wanted = self.names.routes.iter().filter(|(owner, _)| self.claims(*owner));
        wanted.filter_map(|(_, route)| on(world, node, route)).any(|route| same(&route, facts))
    }
}

/// A route as the kernel would show it; `None` if one of its interfaces isn't there.
pub(super) fn on(world: &World, node: NodeId, route: &Route) -> Option<RouteFacts> {
    let host = &world.node(node).host;
    let index = |link: Option<IfName>| match link {
        None => Some(None),
        Some(name) => host.named(name).map(|l| Some(l.index)),
    };
    let links: Option<Vec<Option<IfIndex>>> = route.hops.iter().map(|hop| index(hop.link)).collect();
    Some(route_facts(route, &links?))
}

/// Whether two routes are the same object of the kernel.
pub(super) fn same(a: &RouteFacts, b: &RouteFacts) -> bool {
    (a.destination, a.table, a.metric, a.tos, a.kind, a.protocol)
        == (b.destination, b.table, b.metric, b.tos, b.kind, b.protocol)
}

/// What is known about all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    nodes: Vec<Seen>,
    /// When the wires last changed.
    pub(super) wires: Instant,
}

impl Watch {
    pub(super) fn new(world: &World) -> Self {
        Self { nodes: world.ids().map(|_| Seen::default()).collect(), wires: Instant::ZERO }
    }

    /// What is known about a node.
    pub(super) fn node(&self, id: NodeId) -> &Seen {
        &self.nodes[id.0]
    }

    /// Takes an observation over. To be called first, so that what comes with it is as it is after it.
    pub(super) fn see(&mut self, world: &World, seen: &Observation) {
        match &seen.what {
            What::Fault(fault) => self.fault(seen.at, fault),
            What::Event(Event::Vrrp(vrrp::io::Event::State { instance, to, .. })) => {
                let Some(node) = seen.node else { return };
                if let Some(state) = self.nodes[node.0].states.get_mut(instance.index()) {
                    *state = (*to, seen.at);
                }
            }
            What::Booted => {
                let Some(node) = seen.node else { return };
                let model = world.node(node).in_force().clone();
                let known = &mut self.nodes[node.0];
                known.names = Names::of(&model);
                known.states = vec![(State::Init, seen.at); model.instances.len()];
                (known.model, known.disturbed) = (Some(model), seen.at);
            }
            What::Ended { .. } => {
                let Some(node) = seen.node else { return };
                let known = &mut self.nodes[node.0];
                (known.model, known.disturbed) = (None, seen.at);
                known.states.clear();
            }
            What::Configured(model) => {
                let Some(node) = seen.node else { return };
                let known = &mut self.nodes[node.0];
                let was = known.model.replace(model.clone());
                let carried = was.map(|was| successor::instances(&was, model));
                let state = |old: Option<InstanceId>| known.states.get(old?.index()).copied();
                known.states = (0..model.instances.len())
                    .map(|index| {
                        let old = carried.as_ref().and_then(|c| c.get(index).copied().flatten());
                        state(old).unwrap_or((State::Init, seen.at))
                    })
                    .collect();
                known.names = Names::of(model);
                known.disturbed = seen.at;
            }
            What::Answered { result: Err(_), .. } => {
                let Some(node) = seen.node else { return };
                let known = &mut self.nodes[node.0];
                (known.disturbed, known.failed) = (seen.at, Some(seen.at));
            }
            What::Kernel(KernelEvent::Link(_) | KernelEvent::LinkGone(_)) => {
                let Some(node) = seen.node else { return };
                self.nodes[node.0].disturbed = seen.at;
            }
            _ => {}
        }
    }

    fn fault(&mut self, at: Instant, fault: &Fault) {
        match touched(fault) {
            Touched::Node(node) => {
                if let Some(known) = self.nodes.get_mut(node.0) {
                    known.disturbed = at;
                }
            }
            Touched::Wires => self.wires = at,
            Touched::All => {
                self.wires = at;
                for known in &mut self.nodes {
                    known.disturbed = at;
                }
            }
        }
    }
}

/// Whom a fault concerns.
pub(super) enum Touched {
    /// A node: its kernel or its process.
    Node(NodeId),
    /// What nodes hear of each other.
    Wires,
    /// Everybody.
    All,
}

pub(super) const fn touched(fault: &Fault) -> Touched {
    match fault {
        Fault::Kill(node)
        | Fault::Crash(node)
        | Fault::Start(node)
        | Fault::Stop(node)
        | Fault::Pause(node)
        | Fault::Resume(node)
        | Fault::Freeze(node)
        | Fault::Thaw(node)
        | Fault::PowerOff(node)
        | Fault::PowerOn(node)
        | Fault::Reload { node, .. }
        | Fault::ClockRate { node, .. }
        | Fault::Lateness { node, .. }
        | Fault::LinkDown(node, _)
        | Fault::LinkUp(node, _)
        | Fault::LinkDelete(node, _)
        | Fault::LinkCreate(node, _)
        | Fault::DeleteAddress(node, _)
        | Fault::AddAddress(node, _, _)
        | Fault::DeleteRoutes(node)
        | Fault::StopSync(node)
        | Fault::StartSync(node, _, _)
        | Fault::FailOperations { node, .. }
        | Fault::FailSockets { node, .. }
        | Fault::LoseNews(node, _)
        | Fault::MissNews(node, _)
        | Fault::Script { node, .. }
        | Fault::File { node, .. } => Touched::Node(*node),
        Fault::Unplug(..)
        | Fault::Plug(..)
        | Fault::Mute(..)
        | Fault::Deafen(..)
        | Fault::Hear(..)
        | Fault::Cut(..)
        | Fault::Mend(..)
        | Fault::SegmentDown(_)
        | Fault::SegmentUp(_)
        | Fault::Weather(..)
        | Fault::Stranger(_)
        | Fault::Replay(_) => Touched::Wires,
        Fault::Heal => Touched::All,
    }
}

/// Whether nothing holds up the node now: it runs, and its kernel does what it is told.
pub(super) fn is_calm(world: &World, id: NodeId) -> bool {
    let node = world.node(id);
    let told = node
        .process
        .as_ref()
        .is_some_and(|p| p.deaf_until.is_none_or(|until| until <= world.now()) && p.missed.is_none());
    node.is_live() && node.failing.0 == 0 && told
}

/// `w`: the longest time in which a node that is not held up has one set of changes in its kernel, all that
/// waits before it included. Twice, since what is on its way in the other direction is waited for.
pub(super) fn changes(world: &World, id: NodeId, names: &Names) -> Duration {
    let (node, pace) = (world.node(id), world.pace());
    let waiting = u64::try_from(node.operations.len()).unwrap_or(u64::MAX);
    let turn = lateness(world, id) + pace.operation.1;
    (pace.operation.1 * (waiting + names.objects()) + turn) * 2
}

/// `sigma`: the longest time from an event to the turn that hears of it.
pub(super) fn lateness(world: &World, id: NodeId) -> Duration {
    world.pace().sigma() + world.node(id).lateness
}

/// `delta`: the longest delay of any wire.
pub(super) fn delay(world: &World) -> Duration {
    world.lan().segments.iter().map(|s| s.weather.delay.1).max().unwrap_or_default()
}

/// Whether an address is one that the host itself has on that interface when all is well.
pub(super) fn is_own(world: &World, node: NodeId, link: IfName, address: IpAddr) -> bool {
    let mut own = world.node(node).host.own_links();
    own.any(|(name, nets)| name == link && nets.iter().any(|net| net.addr() == address))
}

/// The address of this interface in the kernel, with the same network.
pub(super) fn found(world: &World, node: NodeId, link: IfName, net: IpNet) -> Option<&AddressFacts> {
    let host = &world.node(node).host;
    let index = host.named(link)?.index;
    let mut held = host.addresses.iter().map(|held| &held.facts);
    held.find(|facts| facts.link == index && facts.net == net)
}

/// The name of an interface of a node.
pub(super) fn name(world: &World, node: NodeId, link: IfIndex) -> Option<IfName> {
    world.node(node).host.links.get(&link).map(|l| l.name)
}
