//! The sockets that the instances need: shared, opened and closed as interfaces come and go, and who
//! a datagram is for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, Family, IfIndex, Instant, Vrid};
use model::{Global, Instance, InstanceId, Model};
use smallvec::SmallVec;
use vrrp::config::{Auth, Peers};
use vrrp::io::Datagram;
use wire::vrrp::{DecodeError, peek_vrid};

use crate::io::{Effect, Event, OpError, OpId, SocketId, SocketKind, SocketSpec};
use crate::kernel::view::View;
use crate::links::SocketState;
use crate::out::Out;
use crate::timers::Timers;

/// IP protocol numbers.
const PROTOCOL_VRRP: u8 = 112;
const PROTOCOL_AH: u8 = 51;

/// The first retry after a socket could not be opened; each further one after twice the time.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// The longest time between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(16);

/// What sockets are shared by. The filter and buffer of a socket can change, this can't.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    protocol: u8,
    link: Option<IfIndex>,
    kind: SocketKind,
}

impl Place {
    /// Where `instance` sends and listens; `None` while its interface or source is missing.
    pub(crate) fn of(instance: &Instance, source: Option<IpAddr>, view: &View) -> Option<Self> {
        let link = match instance.link {
            Some(name) => Some(view.index(name)?),
            None => None,
        };
        let protocol = match instance.protocol.auth {
            Auth::Ah(_) => PROTOCOL_AH,
            Auth::None | Auth::Pass(_) => PROTOCOL_VRRP,
        };
        let kind = match &instance.protocol.peers {
            Peers::Multicast(group) => SocketKind::Multicast { group: *group },
            Peers::Unicast { .. } => {
                // IPv4 packets carry their own TTL.
                let hop_limit =
                    instance.protocol.hop_limit.filter(|_| instance.protocol.family == Family::V6);
                SocketKind::Unicast { source: source?, hop_limit }
            }
        };
        Some(Self { protocol, link, kind })
    }
}

/// The instances that listen on one place, and the state of their socket.
#[derive(Debug, Default)]
struct Entry {
    members: BTreeSet<InstanceId>,
    open: Option<(SocketId, SocketSpec)>,
    opening: Option<(OpId, SocketId, SocketSpec)>,
    failed: Option<(Instant, u32)>,
}

/// A socket that datagrams can come from.
#[derive(Debug)]
struct Listener {
    place: Place,
    /// Nearly always one instance for a VRID; unicast ones can share it.
    instances: BTreeMap<u8, SmallVec<[InstanceId; 1]>>,
}

/// Who a datagram is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// An instance.
    To(InstanceId),
    /// None: no instance has this VRID here.
    Unknown {
        /// The VRID.
        vrid: u8,
        /// The interface of the socket.
        link: Option<IfIndex>,
    },
    /// It could not be read so far.
    Unreadable(DecodeError),
    /// The socket was closed meanwhile.
    Closed,
}

/// All sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    entries: BTreeMap<Place, Entry>,
    listeners: BTreeMap<SocketId, Listener>,
    by_op: BTreeMap<OpId, (Place, SocketId)>,
    /// By instance.
    places: Vec<Option<Place>>,
    /// By instance: the socket to send through.
    via: Vec<Option<SocketId>>,
    retries: Timers<Place>,
    dirty: BTreeSet<Place>,
    numbers: u32,
}

impl Sockets {
    pub(crate) fn new(instances: usize) -> Self {
        Self { places: vec![None; instances], via: vec![None; instances], ..Self::default() }
    }

    /// Instance ids change with a new model: who lives on keeps its place.
    pub(crate) fn renumber(&mut self, instances: &[Option<InstanceId>]) {
        let old = std::mem::take(&mut self.places);
        self.places =
            instances.iter().map(|from| from.and_then(|id| old.get(id.index()).copied()?)).collect();
        self.via = vec![None; instances.len()];
        for (place, entry) in &mut self.entries {
            entry.members.clear();
            self.dirty.insert(*place);
        }
        for (index, place) in self.places.iter().enumerate() {
            if let Some(entry) = place.and_then(|p| self.entries.get_mut(&p)) {
                entry.members.insert(InstanceId::from_index(index));
            }
        }
    }

    /// `instance` belongs to `place` from now on.
    pub(crate) fn assign(&mut self, instance: InstanceId, place: Option<Place>) {
        let Some(current) = self.places.get_mut(instance.index()) else { return };
        if *current == place {
            return;
        }
        let old = std::mem::replace(current, place);
        if let Some(old) = old {
            if let Some(entry) = self.entries.get_mut(&old) {
                entry.members.remove(&instance);
            }
            self.dirty.insert(old);
        }
        if let Some(via) = self.via.get_mut(instance.index()) {
            *via = None;
        }
        if let Some(new) = place {
            self.entries.entry(new).or_default().members.insert(instance);
            self.dirty.insert(new);
        }
    }

    /// Opens and closes what the assignments call for. A socket whose filter changes is replaced: the
    /// new one is open before the old one is closed.
    pub(crate) fn flush(&mut self, now: Instant, model: &Model, out: &mut Out) {
        for place in std::mem::take(&mut self.dirty) {
            let Some(entry) = self.entries.get_mut(&place) else { continue };
            if entry.members.is_empty() {
                if let Some((socket, _)) = entry.open.take() {
                    self.listeners.remove(&socket);
                    out.push(Effect::CloseSocket(socket));
                }
                if entry.opening.is_none() {
                    self.entries.remove(&place);
                }
                continue;
            }
            let spec = spec(&place, &entry.members, model);
            if entry.open.as_ref().is_some_and(|(_, open)| *open == spec) {
                self.listen(&place, model);
            } else if entry.opening.is_none() && entry.failed.is_none_or(|(until, _)| until <= now) {
                let op = out.operation();
                self.numbers += 1;
                let socket = SocketId(self.numbers);
                entry.opening = Some((op, socket, spec.clone()));
                self.by_op.insert(op, (place, socket));
                out.push(Effect::OpenSocket { op, socket, spec });
                // The old socket serves on until the new one is open.
                if entry.open.is_some() {
                    self.listen(&place, model);
                }
            }
        }
    }

    /// Makes the tables that datagrams and adverts find their way by.
    fn listen(&mut self, place: &Place, model: &Model) {
        let Some(entry) = self.entries.get(place) else { return };
        let Some((socket, _)) = entry.open else { return };
        let mut instances: BTreeMap<u8, SmallVec<[InstanceId; 1]>> = BTreeMap::new();
        for id in &entry.members {
            let Some(instance) = model.instances.get(id.index()) else { continue };
            instances.entry(instance.protocol.vrid.get()).or_default().push(*id);
            if let Some(via) = self.via.get_mut(id.index()) {
                *via = Some(socket);
            }
        }
        self.listeners.insert(socket, Listener { place: *place, instances });
    }

    /// An operation was answered. `None` if it was none of these, else the instances whose socket has
    /// a new state.
    pub(crate) fn done(
        &mut self,
        now: Instant,
        op: OpId,
        result: Result<(), OpError>,
        model: &Model,
        out: &mut Out,
    ) -> Option<Vec<InstanceId>> {
        let (place, socket) = self.by_op.remove(&op)?;
        let entry = self.entries.get_mut(&place);
        let Some((entry, (_, _, spec))) = entry.and_then(|e| e.opening.take().map(|o| (e, o))) else {
            // Nobody wants it any more.
            if result.is_ok() {
                out.push(Effect::CloseSocket(socket));
            }
            return Some(Vec::new());
        };
        self.dirty.insert(place);
        match result {
            Ok(()) => {
                entry.failed = None;
                if let Some((old, _)) = entry.open.replace((socket, spec)) {
                    self.listeners.remove(&old);
                    out.push(Effect::CloseSocket(old));
                }
                self.listen(&place, model);
            }
            Err(error) => {
                let failures = entry.failed.map_or(0, |(_, n)| n).saturating_add(1);
                let times = 1u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
                let until = now + (FIRST_RETRY * times).min(LONGEST_RETRY);
                entry.failed = Some((until, failures));
                self.retries.set(place, until);
                if failures.is_power_of_two() {
                    out.event(Event::SocketFailed { spec, error });
                }
            }
        }
        Some(self.entries.get(&place).map_or_else(Vec::new, |e| e.members.iter().copied().collect()))
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.retries.next()
    }

    /// Marks what is to be tried again by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, place)) = self.retries.due(now) {
            if let Some(entry) = self.entries.get_mut(&place)
                && let Some((until, _)) = &entry.failed
                && *until <= now
            {
                self.dirty.insert(place);
            }
        }
    }

    /// How the socket of `instance` stands.
    pub(crate) fn state(&self, instance: InstanceId) -> SocketState {
        let place = self.places.get(instance.index()).copied().flatten();
        let Some(entry) = place.and_then(|p| self.entries.get(&p)) else { return SocketState::NotNeeded };
        if entry.open.is_some() {
            SocketState::Open
        } else if entry.failed.is_some() {
            SocketState::Failed
        } else {
            SocketState::Opening
        }
    }

    /// Sockets that wait to be opened.
    pub(crate) fn opening(&self) -> usize {
        self.by_op.len()
    }

    /// Open sockets.
    pub(crate) fn open(&self) -> usize {
        self.listeners.len()
    }

    /// The socket to send through for `instance`.
    pub(crate) fn via(&self, instance: InstanceId) -> Option<SocketId> {
        self.via.get(instance.index()).copied().flatten()
    }

    /// Finds the instance that a datagram is for.
    pub(crate) fn dispatch(&self, socket: SocketId, datagram: &Datagram<'_>, model: &Model) -> Dispatch {
        let Some(listener) = self.listeners.get(&socket) else { return Dispatch::Closed };
        let vrid = match peek_vrid(Family::of(&datagram.source), datagram.bytes) {
            Ok(vrid) => vrid,
            Err(error) => return Dispatch::Unreadable(error),
        };
        let ids = listener.instances.get(&vrid).map_or(&[][..], SmallVec::as_slice);
        let found = match ids {
            [] | [_] => ids.first(),
            several => several.iter().find(|id| is_peer(model, **id, datagram.source)).or(several.first()),
        };
        match found {
            Some(id) => Dispatch::To(*id),
            None => Dispatch::Unknown { vrid, link: listener.place.link },
        }
    }

    /// Closes everything.
    pub(crate) fn close(&mut self, out: &mut Out) {
        for socket in std::mem::take(&mut self.listeners).into_keys() {
            out.push(Effect::CloseSocket(socket));
        }
        self.entries.clear();
        self.retries.clear();
        self.dirty.clear();
        self.via.fill(None);
        self.places.fill(None);
    }
}

fn is_peer(model: &Model, id: InstanceId, source: IpAddr) -> bool {
    model.instances.get(id.index()).is_some_and(|i| match &i.protocol.peers {
        Peers::Unicast { peers, .. } => peers.iter().any(|p| p.address == source),
        Peers::Multicast(_) => false,
    })
}

fn spec(place: &Place, members: &BTreeSet<InstanceId>, model: &Model) -> SocketSpec {
    let Place { protocol, link, kind } = *place;
    let Global { log_unknown_vrids, receive_buffer, .. } = model.global;
    let instances = || members.iter().filter_map(|id| model.instances.get(id.index()));
    let vrids: BTreeSet<Vrid> =
        if log_unknown_vrids { BTreeSet::new() } else { instances().map(|i| i.protocol.vrid).collect() };
    SocketSpec {
        protocol,
        link,
        kind,
        vrids: vrids.into_iter().collect(),
        receive_buffer: instances()
            .filter_map(|i| i.receive_buffer)
            .max()
            .or(receive_buffer)
            .or_else(|| enough_for(members.len())),
    }
}

/// A receive buffer that holds a few adverts of each of many instances; `None` where the kernel's own
/// size is enough.
///
/// Masters of one daemon that began together send together: all their adverts arrive at once, and a
/// full buffer would drop those at the end of the burst each time, always of the same instances. The
/// kernel counts less than 1 KiB for a short packet, and by default has room for some 270 of them.
fn enough_for(instances: usize) -> Option<u32> {
    const EACH: u32 = 4096;
    const MANY: usize = 32;
    let instances = u32::try_from(instances).ok().filter(|_| instances > MANY)?;
    Some(instances.saturating_mul(EACH))
}

#[cfg(test)]
mod tests {
    use super::enough_for;

    #[test]
    fn a_burst_of_many_instances_fits_the_buffer_and_few_leave_it_to_the_kernel() {
        assert_eq!(enough_for(1), None);
        assert_eq!(enough_for(32), None);
        assert_eq!(enough_for(255), Some(1_044_480));
    }
}
