//! `ha_suspend`: checks rest while no address of their service is on this host.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::Family;
use model::lvs::{AddressRange, Destination, GroupEntry, Lvs, ServiceId};

/// Which addresses are on this host, and which services wait for them.
#[derive(Debug, Default)]
pub(super) struct Suspension {
    /// How often each address is there: it may be on several interfaces.
    present: BTreeMap<IpAddr, u32>,
    single: BTreeMap<IpAddr, Vec<ServiceId>>,
    ranges: Vec<(AddressRange, ServiceId)>,
    /// For each service how many of its addresses are there; `None` for one that doesn't wait.
    here: Vec<Option<u32>>,
}

impl Suspension {
    /// Another model: who waits is found anew.
    pub(super) fn load(&mut self, lvs: &Lvs) {
        self.single.clear();
        self.ranges.clear();
        self.here.clear();
        for (index, server) in lvs.services.iter().enumerate() {
            let (id, service) = (ServiceId::from_index(index), &server.service);
            if !service.ha_suspend {
                self.here.push(None);
                continue;
            }
            match service.destination {
                Destination::Address { address, .. } => self.single.entry(address).or_default().push(id),
                Destination::Mark(_) => {}
                Destination::Group { group, .. } => {
                    let entries = lvs.group(group).into_iter().flat_map(|group| &group.entries);
                    self.ranges.extend(entries.filter_map(|entry| match entry {
                        GroupEntry::Addresses(range, _) => Some((*range, id)),
                        GroupEntry::Mark(..) => None,
                    }));
                }
            }
            self.here.push(Some(0));
        }
        let present: Vec<IpAddr> = self.present.keys().copied().collect();
        for address in present {
            for id in self.concerned(address) {
                self.count(id, true);
            }
        }
    }

    /// Whether each service that waits rests now.
    pub(super) fn all(&self) -> impl Iterator<Item = (ServiceId, bool)> + '_ {
        let waits =
            |(index, here): (usize, &Option<u32>)| Some((ServiceId::from_index(index), (*here)? == 0));
        self.here.iter().enumerate().filter_map(waits)
    }

    /// An address appeared or vanished. The services that rest now, or don't any more.
    pub(super) fn change(&mut self, address: IpAddr, exists: bool) -> Vec<(ServiceId, bool)> {
        let times = self.present.entry(address).or_default();
        let before = *times;
        *times = if exists { before.saturating_add(1) } else { before.saturating_sub(1) };
        let (was, is) = (before > 0, *times > 0);
        if !is {
            self.present.remove(&address);
        }
        if was == is {
            return Vec::new();
        }
        let concerned = self.concerned(address);
        concerned.into_iter().filter(|id| self.count(*id, is)).map(|id| (id, !is)).collect()
    }

    /// Whether a service rests without this address.
    pub(super) fn waits_for(&self, address: IpAddr) -> bool {
        !self.concerned(address).is_empty()
    }

    fn concerned(&self, address: IpAddr) -> Vec<ServiceId> {
        let single = self.single.get(&address).into_iter().flatten().copied();
        let within = self.ranges.iter().filter(|(range, _)| contains(range, address)).map(|(_, id)| *id);
        single.chain(within).collect()
    }

    /// One address more or less is there; whether that is the first, or was the last.
    fn count(&mut self, id: ServiceId, more: bool) -> bool {
        let Some(Some(here)) = self.here.get_mut(id.index()) else { return false };
        let before = *here;
        *here = if more { before.saturating_add(1) } else { before.saturating_sub(1) };
        (before == 0) != (*here == 0)
    }
}

fn contains(range: &AddressRange, address: IpAddr) -> bool {
    let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
    range.family() == family && (range.first..=range.last).contains(&address)
}
