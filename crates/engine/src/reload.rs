//! A new model takes the place of the old one: what did not change notices nothing.

use std::sync::Arc;

use base::{Instant, Machine};
use model::{InstanceId, Model, TrackerId};
use vrrp::io::{self as core, State};

use crate::io::{Effect, Event};
use crate::kernel::desired::{Desired, Owner};
use crate::links::Links;
use crate::machine::{Engine, Phase};

impl Engine {
    /// Puts `model` in force. Before the protocol runs it waits, and the newest one wins.
    pub(crate) fn reload(&mut self, now: Instant, model: Arc<Model>) {
        match self.phase {
            Phase::Waiting => self.model = model,
            Phase::Opening => self.next_model = Some(model),
            Phase::Running => self.switch(now, model),
            Phase::Stopping { .. } | Phase::Stopped => return,
        }
        if self.phase != Phase::Opening {
            self.out.event(Event::Reloaded);
        }
        if self.phase == Phase::Running && self.model.global.fifo_write_states_on_reload {
            let Self { notifier, core, model, out, .. } = self;
            let priority = |id| core.as_ref().and_then(|c| c.snapshot(id)).map_or(0, |s| s.priority.0);
            notifier.repeat(model, priority, out);
        }
    }

    fn switch(&mut self, now: Instant, model: Arc<Model>) {
        // What came before is told in the old ids.
        self.pump(now);
        let diff = model::diff(&self.model, &model);
        if diff.is_empty() {
            self.model = model;
            return;
        }
        let (instances, groups) = (diff.carried_instances(), diff.carried_groups());
        let trackers = diff.carried_trackers();
        self.end_instances(now, &model, &instances, &trackers, diff.instances_gone.len());

        let mut renumbered: Vec<Option<InstanceId>> = vec![None; self.model.instances.len()];
        for (index, from) in instances.iter().enumerate() {
            if let Some(place) = from.and_then(|old| renumbered.get_mut(old.index())) {
                *place = Some(InstanceId::from_index(index));
            }
        }
        let new_id = |old: InstanceId| renumbered.get(old.index()).copied().flatten();

        let before = std::mem::replace(&mut self.model, model);
        let model = self.model.clone();
        let mut desired = Desired::new(&model);
        desired.inherit(std::mem::take(&mut self.kernel.desired), |owner| match owner {
            Owner::Static => Some(Owner::Static),
            Owner::Instance(id) => new_id(id).map(Owner::Instance),
        });
        self.kernel.desired = desired;
        self.kernel.renumber(|owner| match owner {
            Owner::Static => Some(Owner::Static),
            Owner::Instance(id) => new_id(id).map(Owner::Instance),
        });
        let mut links = Links::new(&model);
        links.inherit(&self.links, &instances, &trackers);
        self.links = links;
        self.sockets.renumber(&instances);
        self.scripts.renumber(now, &before, &model, &trackers, &mut self.out);
        self.announcer.renumber(now, &model, new_id);
        self.notifier.renumber(&instances, &groups);
        let state = |from: &Option<InstanceId>| from.and_then(|id| self.states.get(id.index()).copied());
        self.states = instances.iter().map(|from| state(from).unwrap_or(State::Init)).collect();
        let files = std::mem::take(&mut self.files);
        self.files = trackers
            .iter()
            .enumerate()
            .filter_map(|(index, from)| Some((TrackerId::from_index(index), *files.get(&(*from)?)?)))
            .collect();

        self.kernel.claim(Owner::Static, true);
        let masters: Vec<_> =
            self.ids().filter(|id| self.states.get(id.index()) == Some(&State::Master)).collect();
        for id in masters {
            self.kernel.claim(Owner::Instance(id), true);
        }
        self.promote_secondaries(Some(&before));
        if before.global.resync != model.global.resync {
            self.resync.every(now, model.global.resync);
        }
        self.tell_trackers(now);
        let ids: Vec<_> = self.ids().collect();
        self.reassess(now, &ids);
        self.scripts.handle_timeout(now, &model, &mut self.out);
    }

    /// Has the core take over the new configuration, and lets the instances end that are gone: what
    /// the core says about them comes first, in the old ids.
    fn end_instances(
        &mut self,
        now: Instant,
        model: &Model,
        instances: &[Option<InstanceId>],
        trackers: &[Option<TrackerId>],
        gone: usize,
    ) {
        let Some(core) = &mut self.core else { return };
        let priorities: Vec<u8> = (0..self.model.instances.len())
            .map(|index| core.snapshot(InstanceId::from_index(index)).map_or(0, |s| s.priority.0))
            .collect();
        let (config, instances, trackers) = (model.protocol(), instances.to_vec(), trackers.to_vec());
        core.handle_input(now, core::Input::Reload(Box::new(core::Reload { config, instances, trackers })));
        let mut ended = Vec::new();
        while ended.len() < gone {
            let Some(output) = self.core.as_mut().and_then(Machine::poll_output) else { break };
            match output {
                core::Output::Transmit { instance, destination, packet } => {
                    if let Some(socket) = self.sockets.via(instance) {
                        self.out.push(Effect::Send { socket, destination, packet });
                    }
                }
                core::Output::Event(event) => {
                    let id = match &event {
                        core::Event::State { instance, from, to: State::Deleted, .. } => {
                            Some((*instance, *from))
                        }
                        _ => None,
                    };
                    self.out.event(Event::Vrrp(event));
                    ended.extend(id);
                }
            }
        }
        for (id, from) in ended {
            if from == State::Master {
                self.announcer.leave(id);
                self.tell_objects(id, false);
            }
            let priority = priorities.get(id.index()).copied().unwrap_or(0);
            self.notifier.instance(&self.model, id, State::Deleted, priority, &mut self.out);
        }
    }
}
