//! The end: checks end, and what is ours is removed.

use base::{Duration, Instant};
use check::io::Input as ToCore;
use model::lvs::{Flush, ServerId, ServiceId};

use super::balancer::{Balancer, Phase};
use super::io::Effect;
use super::news::Event;
use super::notify::Gone;

/// The kernel gets that long to remove what is ours; the supervisor's patience is 5 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a script that tells of the end may take.
const SCRIPTS: Duration = Duration::from_secs(1);

impl Balancer {
    /// Ends everything; `keep` leaves the kernel's table where it is.
    pub(super) fn stop(&mut self, now: Instant, keep: bool) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Stopped) {
            return;
        }
        self.phase = Phase::Stopping { until: now + PATIENCE };
        self.hand(now, ToCore::Stop);
        // One that may take for ever is ended with the daemon, and might not even begin.
        self.out.script_limit = Some(SCRIPTS);
        let each = self.model.lvs.settings.flush_on_stop == Flush::Each;
        for index in 0..self.model.lvs.services.len() {
            let service = ServiceId::from_index(index);
            let Some(server) = self.model.lvs.services.get(index) else { continue };
            // What stays in the table serves on: nobody is told of an end.
            if server.service.omega && !keep {
                self.tell_service_gone(service, Gone::Stopped);
            } else if each && !keep {
                // Nobody is told but the log.
                for server in (0..server.servers.len()).map(ServerId::from_index) {
                    let weight = self.wanted_weight(service, server);
                    self.out.event(Event::Gone { service, server: Some(server), whole: true, weight });
                }
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
