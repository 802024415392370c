//! The commands that tell about changes of state.

use crate::block::command::CommandDraft;

/// `notify*` as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NotifyDraft {
    pub(crate) master: Option<Box<CommandDraft>>,
    pub(crate) backup: Option<Box<CommandDraft>>,
    pub(crate) fault: Option<Box<CommandDraft>>,
    pub(crate) stop: Option<Box<CommandDraft>>,
    pub(crate) deleted: Option<Box<CommandDraft>>,
    pub(crate) tell_deleted: bool,
    pub(crate) any: Option<Box<CommandDraft>>,
    pub(crate) master_rx_lower_pri: Option<Box<CommandDraft>>,
    pub(crate) priority_changes: Option<bool>,
    pub(crate) smtp_alert: Option<bool>,
}
