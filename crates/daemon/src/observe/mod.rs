//! What people see of events: [`log`] makes keepalived's lines of them, [`why`] plain sentences.
//!
//! Everything here is a pure function of the model and of one event, so that an observer can be
//! added or changed without touching a core.

pub mod log;
pub mod why;

use model::{GroupId, InstanceId, Model, TrackerId};

/// The name of an instance; `?` for an id of another model.
fn instance(model: &Model, id: InstanceId) -> &str {
    model.instances.get(id.index()).map_or("?", |i| &*i.protocol.name)
}

/// The name of a sync group; `?` for an id of another model.
fn group(model: &Model, id: GroupId) -> &str {
    model.groups.get(id.index()).map_or("?", |g| &*g.protocol.name)
}

/// The name of a tracker; `?` for an id of another model.
fn tracker(model: &Model, id: TrackerId) -> &str {
    model.trackers.get(id.index()).map_or("?", |t| &*t.name)
}

#[cfg(test)]
pub(crate) mod fixture;
