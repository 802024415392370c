//! The commands that tell about changes of state.

use crate::block::command::CommandDraft;

/// `notify*` as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NotifyDraft {
    pub(crate) master: Option<CommandDraft>,
    pub(crate) backup: Option<CommandDraft>,
    pub(crate) fault: Option<CommandDraft>,
    pub(crate) stop: Option<CommandDraft>,
    pub(crate) deleted: Option<CommandDraft>,
    pub(crate) tell_deleted: bool,
    pub(crate) any: Option<CommandDraft>,
    pub(crate) master_rx_lower_pri: Option<CommandDraft>,
    pub(crate) priority_changes: Option<bool>,
    pub(crate) smtp_alert: Option<bool>,
}
