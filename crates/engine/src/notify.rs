//! Events as notify scripts, FIFO lines and mail, in keepalived's order and with its rules of silence.

use base::Duration;
use model::{Command, GroupId, InstanceId, Model, Notify};
use vrrp::io::State;

use crate::io::{Effect, FifoKind, Notification, Object};
use crate::mail::Mailed;
use crate::out::Out;

/// A script that tells of the end of the daemon gets that long.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What was told so far.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    instances: Vec<Option<State>>,
    groups: Vec<Option<State>>,
    mailed_instances: Mailed,
    mailed_groups: Mailed,
}

/// The name of a state in arguments and FIFO lines; `None` if it isn't told.
fn word(state: State, notify: &Notify) -> Option<&'static str> {
    Some(match state {
        State::Init => return None,
        State::Backup => "BACKUP",
        State::Master => "MASTER",
        State::Fault => "FAULT",
        State::Stopped => "STOP",
        // Older configurations know no such state.
        State::Deleted => {
            if notify.tell_deleted {
                "DELETED"
            } else {
                "FAULT"
            }
        }
    })
}

fn script(state: State, notify: &Notify) -> Option<&Command> {
    match state {
        State::Init => None,
        State::Backup => notify.backup.as_deref(),
        State::Master => notify.master.as_deref(),
        State::Fault => notify.fault.as_deref(),
        State::Stopped => notify.stop.as_deref(),
        State::Deleted if notify.tell_deleted => notify.deleted.as_deref(),
        State::Deleted => notify.fault.as_deref(),
    }
}

/// The first argument of a generic script, and the first word of a FIFO line.
fn kind(object: &Object) -> (&'static str, &str) {
    match object {
        Object::Instance(name) => ("INSTANCE", name),
        Object::Group(name) => ("GROUP", name),
        Object::Service(name) => ("VS", name),
        Object::Server { server, .. } => ("RS", server),
    }
}

fn fifo(model: &Model, object: &Object, word: &str, priority: u8, out: &mut Out) {
    let global = &model.global;
    let fifos = [(FifoKind::Global, &global.notify_fifo), (FifoKind::Vrrp, &global.vrrp_notify_fifo)];
    for (fifo, _) in fifos.into_iter().filter(|(_, configured)| configured.is_some()) {
        let (kind, name) = kind(object);
        let line = format!("{kind} \"{name}\" {word} {priority}\n");
        out.push(Effect::Fifo { fifo, line });
    }
}

fn tell(model: &Model, object: &Object, notify: &Notify, state: State, priority: u8, out: &mut Out) {
    let Some(word) = word(state, notify) else { return };
    let limit = (state == State::Stopped).then_some(STOP_LIMIT);
    if let Some(command) = script(state, notify) {
        let (object, command) = (object.clone(), command.clone());
        out.push(Effect::Notify(Notification { object, command, extra: Vec::new(), limit }));
    }
    if let Some(command) = notify.any.as_deref() {
        let (kind, name) = kind(object);
        let extra = vec![kind.into(), name.into(), word.into(), priority.to_string().into()];
        let (object, command) = (object.clone(), command.clone());
        out.push(Effect::Notify(Notification { object, command, extra, limit }));
    }
    fifo(model, object, word, priority, out);
}

impl Notifier {
    pub(crate) fn new(model: &Model) -> Self {
        let (instances, groups) = (model.instances.len(), model.groups.len());
        Self {
            instances: vec![None; instances],
            groups: vec![None; groups],
            mailed_instances: Mailed::new(instances),
            mailed_groups: Mailed::new(groups),
        }
    }

    /// An instance is in `state` now.
    pub(crate) fn instance(
        &mut self,
        model: &Model,
        id: InstanceId,
        state: State,
        priority: u8,
        out: &mut Out,
    ) {
        let Some(instance) = model.instances.get(id.index()) else { return };
        let group = instance.protocol.group.and_then(|g| self.groups.get(g.index()).copied().flatten());
        let Some(told) = self.instances.get_mut(id.index()) else { return };
        // Its group has told this state already.
        if told.is_some() && group == Some(state) {
            return;
        }
        *told = Some(state);
        let object = Object::Instance(instance.protocol.name.clone());
        tell(model, &object, &instance.notify, state, priority, out);
        if instance.notify.smtp_alert {
            let mail = self.mailed_instances.about(model, id.index(), &object, state);
            mail.into_iter().for_each(|mail| out.push(Effect::Mail(mail)));
        }
    }

    /// A sync group is in `state` now.
    pub(crate) fn group(&mut self, model: &Model, id: GroupId, state: State, out: &mut Out) {
        let Some(group) = model.groups.get(id.index()) else { return };
        if let Some(told) = self.groups.get_mut(id.index()) {
            *told = Some(state);
        }
        let object = Object::Group(group.protocol.name.clone());
        tell(model, &object, &group.notify, state, 0, out);
        if group.notify.smtp_alert {
            let mail = self.mailed_groups.about(model, id.index(), &object, state);
            mail.into_iter().for_each(|mail| out.push(Effect::Mail(mail)));
        }
    }

    /// A master heard an advert of lower priority.
    pub(crate) fn lower_priority(&self, model: &Model, id: InstanceId, priority: u8, out: &mut Out) {
        let Some(instance) = model.instances.get(id.index()) else { return };
        let object = Object::Instance(instance.protocol.name.clone());
        if let Some(command) = instance.notify.master_rx_lower_pri.as_deref() {
            let (object, command) = (object.clone(), command.clone());
            out.push(Effect::Notify(Notification { object, command, extra: Vec::new(), limit: None }));
        }
        fifo(model, &object, "MASTER_RX_LOWER_PRI", priority, out);
    }

    /// The effective priority of an instance changed.
    pub(crate) fn priority(&self, model: &Model, id: InstanceId, state: State, priority: u8, out: &mut Out) {
        let Some(instance) = model.instances.get(id.index()).filter(|i| i.notify.priority_changes) else {
            return;
        };
        let word = match state {
            State::Master => "MASTER_PRIORITY",
            State::Backup => "BACKUP_PRIORITY",
            State::Init | State::Fault | State::Stopped | State::Deleted => return,
        };
        fifo(model, &Object::Instance(instance.protocol.name.clone()), word, priority, out);
    }

    /// Writes all states to the FIFOs again: groups, then instances.
    pub(crate) fn repeat(&self, model: &Model, priority: impl Fn(InstanceId) -> u8, out: &mut Out) {
        for (group, state) in model.groups.iter().zip(&self.groups) {
            if let Some(word) = state.and_then(|s| word(s, &group.notify)) {
                fifo(model, &Object::Group(group.protocol.name.clone()), word, 0, out);
            }
        }
        for (index, (instance, state)) in model.instances.iter().zip(&self.instances).enumerate() {
            if let Some(word) = state.and_then(|s| word(s, &instance.notify)) {
                let object = Object::Instance(instance.protocol.name.clone());
                fifo(model, &object, word, priority(InstanceId::from_index(index)), out);
            }
        }
    }

    /// Ids change with a new model: who lives on has been told what it was told.
    pub(crate) fn renumber(&mut self, instances: &[Option<InstanceId>], groups: &[Option<GroupId>]) {
        self.mailed_instances.renumber(instances.iter().map(|id| id.map(InstanceId::index)));
        self.mailed_groups.renumber(groups.iter().map(|id| id.map(GroupId::index)));
        let of_instances = |id: &Option<InstanceId>| self.instances.get(id.as_ref()?.index()).copied()?;
        let of_groups = |id: &Option<GroupId>| self.groups.get(id.as_ref()?.index()).copied()?;
        let (instances, groups) =
            (instances.iter().map(of_instances).collect(), groups.iter().map(of_groups).collect());
        (self.instances, self.groups) = (instances, groups);
    }
}
