//! The one shape of every protocol core.

use crate::Instant;

/// A state machine without input or output of its own.
///
/// The caller hands it an instant and an input, then drains its outputs. It never reads a clock,
/// never blocks and never learns where an input came from. The contract:
///
/// * after every `handle_*`, call [`poll_output`](Self::poll_output) until it returns `None`;
/// * after the drain that follows [`handle_timeout`](Self::handle_timeout),
///   [`poll_timeout`](Self::poll_timeout) is `None` or later than its `now`. An input may leave
///   timers due: what else came before goes first, so that a process that wakes up late hears all
///   its packets before it believes that nobody sent any;
/// * `now` never goes backwards;
/// * a spurious [`handle_timeout`](Self::handle_timeout) does nothing.
pub trait Machine {
    /// What can happen to it.
    type Input<'a>;
    /// What it wants done, in order.
    type Output;

    /// Something happened at `now`.
    fn handle_input(&mut self, now: Instant, input: Self::Input<'_>);

    /// Time has passed: do what is due at `now`.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing that it wants done.
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// When it wants [`handle_timeout`](Self::handle_timeout) to be called next.
    fn poll_timeout(&self) -> Option<Instant>;
}
