//! What observers see of events.
