//! The end: checks end, and what is ours is removed.

use base::{Duration, Instant};
use check::io::Input as ToCore;
use model::lvs::ServiceId;

use super::balancer::{Balancer, Phase};
use super::io::Effect;
use super::notify::Gone;

/// The kernel gets that long to remove what is ours; the supervisor's patience is 5 s.
const PATIENCE: Duration = Duration::from_secs(4);

impl Balancer {
    /// Ends everything; `keep` leaves the kernel's table where it is.
    pub(super) fn stop(&mut self, now: Instant, keep: bool) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Stopped) {
            return;
        }
        self.phase = Phase::Stopping { until: now + PATIENCE };
        self.hand(now, ToCore::Stop);
        for index in 0..self.model.lvs.services.len() {
            if self.model.lvs.services.get(index).is_some_and(|server| server.service.omega) {
                self.tell_service_gone(ServiceId::from_index(index), Gone::Stopped);
            }
        }
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
