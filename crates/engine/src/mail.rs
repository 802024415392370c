//! Mail about changes of state.

use base::Name;
use model::Model;
use serde::{Deserialize, Serialize};
use vrrp::io::State;

use crate::io::Object;

/// The longest subject in bytes, as keepalived has it.
const MAX_SUBJECT: usize = 255;

/// A mail to the recipients of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// `Subject`: at most 255 bytes, without line ends.
    pub subject: String,
    /// The text, one line.
    pub body: String,
}

impl Message {
    /// A mail whose subject is `subject` behind the name of this router.
    #[must_use]
    pub fn new(model: &Model, subject: &str, body: impl Into<String>) -> Self {
        let mut subject = format!("[{}] {subject}", model.global.router_id);
        subject.retain(|c| !c.is_control());
        subject.truncate(subject.floor_char_boundary(MAX_SUBJECT));
        Self { subject, body: body.into() }
    }
}

/// What mail has told: nobody is told the same state twice in a row.
#[derive(Debug, Default)]
pub(crate) struct Mailed(Vec<Option<State>>);

impl Mailed {
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![None; count])
    }

    /// Ids change with a new model: for each new place the old one.
    pub(crate) fn renumber(&mut self, old: impl Iterator<Item = Option<usize>>) {
        self.0 = old.map(|at| self.0.get(at?).copied().flatten()).collect();
    }

    /// The mail about `object`, which is number `index` and in `state` now, if there has to be one.
    pub(crate) fn about(
        &mut self,
        model: &Model,
        index: usize,
        object: &Object,
        state: State,
    ) -> Option<Message> {
        if !model.mail.is_possible() || (state == State::Fault && !model.mail.about_faults) {
            return None;
        }
        let told = self.0.get_mut(index)?;
        let (text, body) = words(object, state)?;
        if told.replace(state) == Some(state) {
            return None;
        }
        let (kind, name): (_, &Name) = match object {
            Object::Instance(name) => ("Instance", name),
            Object::Group(name) => ("Group", name),
            Object::Service(_) | Object::Server { .. } => return None,
        };
        Some(Message::new(model, &format!("VRRP {kind} {name} - {text}"), body))
    }
}

/// What the subject and the text say; nothing about a state that nobody is told of.
fn words(object: &Object, state: State) -> Option<(&'static str, &'static str)> {
    let text = match state {
        State::Init => return None,
        State::Master => "Entering MASTER state",
        State::Backup => "Entering BACKUP state",
        State::Fault => "Entering FAULT state",
        State::Stopped => "Stopping",
        State::Deleted => "Deleted",
    };
    let body = match (object, state) {
        (Object::Instance(_), State::Master) => "=> VRRP Instance is now owning VRRP VIPs <=",
        (Object::Instance(_), State::Stopped) => "=> VRRP Instance stopping <=",
        (_, State::Deleted) => "=> VRRP Deleted at reload <=",
        (Object::Instance(_), _) => "=> VRRP Instance is no longer owning VRRP VIPs <=",
        (Object::Group(_), State::Master) => "=> All VRRP group instances are now in MASTER state <=",
        (Object::Group(_), State::Backup) => "=> All VRRP group instances are now in BACKUP state <=",
        (Object::Group(_), State::Stopped) => "=> All VRRP group instances are now stopping <=",
        (Object::Service(_) | Object::Server { .. }, _) => return None,
        (Object::Group(_), _) => "=> All VRRP group instances are now in FAULT state <=",
    };
    Some((text, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_holds_no_line_end_and_is_cut_between_characters() {
        let model = Model::default();
        let long = format!("a\r\nBcc: x{}", "é".repeat(200));
        let message = Message::new(&model, &long, "text");
        assert!(message.subject.starts_with("[] aBcc: x"), "{}", message.subject);
        assert!(message.subject.len() <= MAX_SUBJECT && !message.subject.contains('\n'));
    }
}
