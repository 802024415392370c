//! What the service manager is told (`sd_notify(3)`). Without one, nothing happens.

use sd_notify::NotifyState;

/// The daemon runs.
pub fn ready() {
    tell(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
}

/// A new configuration is being read; [`ready`] follows in any case.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The daemon ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    // Nobody to tell, or nobody who listens: neither is a reason to do anything else.
    let _ = sd_notify::notify(state);
}
