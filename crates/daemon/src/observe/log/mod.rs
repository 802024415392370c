//! Events as log lines, in keepalived's words wherever it has some: people's rules match them.
//!
//! The wording is that of keepalived 2.4; what 2.2 shows only with `-D` is shown only with `-D`.
//! Three rules for what keepalived doesn't say:
//!
//! * A cause that keepalived leaves out is added as a line of its own, only with `-D`, and in words
//!   that none of its lines has. So a rule that counts its lines counts the same.
//! * An instance that starts in FAULT always says why, as keepalived does at start.
//! * What keepalived cannot do (an address put back, left-overs found) is always shown.
//!
//! [`Event::Reloaded`] gives no line: the supervisor tells the story of a reload.

mod instance;
mod kernel;
mod packet;
mod script;

use engine::io::Event;
use model::Model;

use crate::log::Line;

/// The lines for `event`, in order; most events have one, some have none. The caller leaves out
/// those that need more detail than is asked for ([`Line::detail`]).
pub fn render(model: &Model, event: &Event) -> Vec<Line> {
    match event {
        Event::Vrrp(event) => instance::lines(model, event),
        Event::Script { tracker, outcome, up, changed, other_outcome } => {
            script::ended(super::tracker(model, *tracker), *outcome, *up, *changed, *other_outcome)
        }
        Event::ScriptBusy { tracker } => script::busy(super::tracker(model, *tracker)),
        Event::UnknownVrid { vrid, link, source } => packet::unknown_vrid(model, *vrid, *link, *source),
        Event::Unreadable { source, error } => packet::unreadable(*source, *error),
        Event::StartupDelay(Some(delay)) => {
            vec![Line::info(format!("Delaying startup for {} seconds", seconds(*delay)))]
        }
        Event::StartupDelay(None) => vec![Line::info("Delayed start completed")],
        Event::Reloaded => Vec::new(),
        other => kernel::lines(model, other),
    }
}

/// Seconds with as many decimals as are needed.
fn seconds(d: base::Duration) -> String {
    d.to_string().trim_end_matches('s').to_owned()
}

#[cfg(test)]
mod tests;
