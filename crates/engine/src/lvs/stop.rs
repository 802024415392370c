//! The end: checks end, and what is ours is removed.

use base::{Duration, Instant};

use super::balancer::{Balancer, Phase};
use super::io::Effect;

/// The kernel gets that long to remove what is ours; the supervisor's patience is 5 s.
const PATIENCE: Duration = Duration::from_secs(4);

impl Balancer {
    /// Ends everything; `keep` leaves the kernel's table where it is.
    pub(super) fn stop(&mut self, now: Instant, keep: bool) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Stopped) {
            return;
        }
        self.phase = Phase::Stopping { until: now + PATIENCE };
        self.kernel.stop(&self.model.lvs.settings, keep);
    }

    /// Says so when nothing is left to do, or when it took too long.
    pub(super) fn stopped_if_done(&mut self, now: Instant) {
        let Phase::Stopping { until } = self.phase else { return };
        if !self.kernel.is_stopped() && now < until {
            return;
        }
        self.kernel.freeze();
        self.phase = Phase::Stopped;
        self.out.tell(Effect::Stopped);
    }
}
