//! The end: masters say priority 0, and everything that is ours is removed.

use base::{Duration, Instant, Machine};
use vrrp::io::Input;

use crate::io::Effect;
use crate::kernel::desired::Owner;
use crate::machine::{Engine, Phase};

/// The kernel gets that long to remove what is ours; the supervisor's patience is 5 s.
const PATIENCE: Duration = Duration::from_secs(2);

impl Engine {
    /// Stops the protocol and has everything removed, or left where it is if `keep`.
    pub(crate) fn stop(&mut self, now: Instant, keep: bool) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Stopped) {
            return;
        }
        self.phase = Phase::Stopping { until: now + PATIENCE };
        self.keep = keep;
        self.next_model = None;
        self.scripts.stop(&mut self.out);
        if keep {
            self.kernel.keep_for_ever(now, &mut self.out);
            self.kernel.freeze();
            self.sync.freeze();
        } else {
            self.kernel.claim(Owner::Static, false);
            // An instance that never started may have been spared a left-over.
            for id in self.ids() {
                if self.core.is_none() {
                    self.kernel.claim(Owner::Instance(id), false);
                }
            }
        }
        if let Some(core) = &mut self.core {
            core.handle_input(now, Input::Stop);
        }
    }

    /// Says so when nothing is left to do, or when it took too long.
    pub(crate) fn stopped_if_done(&mut self, now: Instant) {
        let Phase::Stopping { until } = self.phase else { return };
        let busy = self.kernel.waiting() > 0
            || self.kernel.next_timeout().is_some()
            || self.sockets.opening() > 0
            || self.sync.is_busy();
        if busy && now < until {
            return;
        }
        self.kernel.freeze();
        self.sync.freeze();
        self.sockets.close(&mut self.out);
        self.phase = Phase::Stopped;
        self.out.push(Effect::Stopped);
    }
}
