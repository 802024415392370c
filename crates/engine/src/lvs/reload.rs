//! A new model takes the place of the old one: what did not change notices nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Instant, Machine};
use check::io::Input as ToCore;
use model::Model;
use model::diff::LvsDiff;
use model::diff::lvs::ServiceSlot;
use model::lvs::{GroupEntry, Lvs, ServerId, ServiceId};

use super::balancer::{Balancer, Phase};
use super::checks::Plan;
use super::news::{Event, Way};
use super::notify::{self, Gone};
use super::verdicts::{self, Cause};
use super::wanted::Member;

/// A service of a group whose entries are others now.
struct Regrouped {
    old: ServiceId,
    new: ServiceId,
    gone: Vec<GroupEntry>,
    added: Vec<GroupEntry>,
}

/// The services that go on with another list of entries.
fn regrouped<'a>(old: &'a Lvs, new: &'a Lvs, diff: &'a LvsDiff) -> impl Iterator<Item = Regrouped> + 'a {
    diff.services.iter().zip(&new.services).enumerate().filter_map(|(index, (slot, service))| {
        let before = slot.old()?;
        let (was, is) =
            (old.entries(&old.services.get(before.index())?.service)?, new.entries(&service.service)?);
        let missing = |of: &[GroupEntry], from: &[GroupEntry]| {
            let known: BTreeSet<&GroupEntry> = from.iter().collect();
            of.iter().filter(|entry| !known.contains(entry)).copied().collect()
        };
        let (gone, added) =
            if was == is { (Vec::new(), Vec::new()) } else { (missing(was, is), missing(is, was)) };
        Some(Regrouped { old: before, new: ServiceId::from_index(index), gone, added })
    })
}

impl Balancer {
    /// Puts `model` in force.
    pub(super) fn reload(&mut self, now: Instant, model: Arc<Model>) {
        if self.phase != Phase::Running {
            return;
        }
        self.kernel.resync(model.global.resync);
        let diff = model::diff(&self.model, &model).lvs;
        if diff.is_empty() {
            self.model = model;
            self.out.event(Event::Reloaded);
            return;
        }
        self.tell_gone(&diff);
        let regrouped: Vec<Regrouped> = regrouped(&self.model.lvs, &model.lvs, &diff).collect();
        for of in &regrouped {
            self.tell_entries(of.old, &of.gone, false);
        }
        let blamed = self.blamed_ways();
        let (plan, config) = Plan::new(&model.lvs);
        let before = std::mem::replace(&mut self.plan, plan);
        let reload = self.plan.carry(&before, &self.core, config, &diff);
        self.core.handle_input(now, ToCore::Reload(Box::new(reload)));
        let services = model.lvs.services.len();
        let old = std::mem::replace(&mut self.model, model);
        self.out.event(Event::Reloaded);
        for of in &regrouped {
            self.tell_entries(of.new, &of.added, true);
        }
        let still = self.blamed_ways();
        for way in blamed.difference(&still).copied() {
            self.out.event(Event::Way { way, blamed: false, checks: 0 });
        }
        self.drain_events();
        self.suspension.load(&self.model.lvs);
        self.tell_suspension(now, &old, &diff);
        self.pools = verdicts::pools(&mut self.core, services);
        self.kernel.reload(&self.model.lvs, &self.pools);
    }

    fn tell_entries(&mut self, service: ServiceId, entries: &[GroupEntry], added: bool) {
        for entry in entries {
            self.out.event(Event::Entry { service, entry: *entry, added });
        }
    }

    fn blamed_ways(&self) -> BTreeSet<Way> {
        self.core.blamed_links().map(|link| self.plan.way(link)).collect()
    }

    /// As [`Balancer::drain`], but what the core wants of the kernel isn't asked for yet.
    pub(super) fn drain_events(&mut self) {
        let pools = std::mem::take(&mut self.pools);
        self.drain(&Cause::None);
        self.pools = pools;
    }

    /// Which services rest: those that wait for an address, and those that don't wait any more.
    fn tell_suspension(&mut self, now: Instant, old: &Model, diff: &LvsDiff) {
        let resting: Vec<(ServiceId, bool)> = self.suspension.all().collect();
        let released = diff.services.iter().zip(&self.model.lvs.services).enumerate();
        let released: Vec<(ServiceId, bool)> = released
            .filter_map(|(index, (slot, new))| {
                let before = old.lvs.services.get(slot.old()?.index())?;
                let waits_no_more = before.service.ha_suspend && !new.service.ha_suspend;
                waits_no_more.then_some((ServiceId::from_index(index), false))
            })
            .collect();
        for (service, suspended) in resting.into_iter().chain(released) {
            self.core.handle_input(now, ToCore::Suspend { service, suspended });
            self.drain_events();
        }
    }

    /// What goes with the old model is told of in its ids.
    fn tell_gone(&mut self, diff: &LvsDiff) {
        for service in &diff.services_gone {
            self.tell_service_gone(*service, Gone::Removed);
        }
        for slot in &diff.services {
            if let ServiceSlot::Changed { old, servers_gone, .. } = slot {
                for server in servers_gone {
                    self.tell_server_gone(*old, *server, false, Gone::Removed);
                }
            }
        }
    }

    /// The weight that a server shall have in the kernel's table; `None` if it shall not be there.
    pub(super) fn wanted_weight(&self, service: ServiceId, server: ServerId) -> Option<u32> {
        self.pools.get(service.index())?.weight(Member::Server(server))
    }

    /// A service goes, with all its servers.
    pub(super) fn tell_service_gone(&mut self, service: ServiceId, gone: Gone) {
        let servers = self.model.lvs.services.get(service.index()).map_or(0, |s| s.servers.len());
        for index in 0..servers {
            self.tell_server_gone(service, ServerId::from_index(index), true, gone);
        }
        self.out.event(Event::Gone { service, server: None, whole: true, weight: None });
        if self.core.quorum_up(service) == Some(true) {
            notify::quorum(&self.model, service, false, &mut self.out);
        }
    }

    fn tell_server_gone(&mut self, service: ServiceId, server: ServerId, whole: bool, gone: Gone) {
        let weight = self.wanted_weight(service, server);
        self.out.event(Event::Gone { service, server: Some(server), whole, weight });
        if self.core.server(service, server).is_some_and(|server| server.alive) {
            notify::server(&self.model, service, server, false, &mut self.out);
            notify::gone_mail(&self.model, service, server, gone, &mut self.out);
        }
    }
}
