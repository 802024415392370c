//! The kernel's table as desired state.
//!
//! [`objects`] has what should be there and what is, [`extras`] what there is only once, [`work`] the way
//! from here to there, [`dump`] how it is learnt what is there. One path serves a verdict, a reload, a
//! start over left-overs, and somebody who empties the table.
//!
//! The order within a service: it is there before its servers; servers come, or get more, before others
//! go or get less; the last one that serves isn't taken out while one that shall serve isn't there yet.
//! Services go last of all.

mod dump;
mod extras;
mod objects;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::{Duration, Instant, Name};
use model::lvs::{Lvs, ServerId, ServiceId, Settings};

pub use self::dump::Counts;
pub(super) use self::dump::Found;
use self::dump::Reading;
use self::extras::{Extra, ExtraObject};
use self::objects::{Progress, Services};
use self::work::Pending;
use super::io::OpId;
use super::table::{ServerKey, ServerSettings, ServiceKey, SyncHalf, Timeouts};
use super::wanted::{self, Layout, Marks, Member, Pool};
use crate::timers::Timers;

/// Operations that may be on their way at once: enough to keep the interpreter busy, few enough that
/// something urgent needn't wait for a whole table.
const WINDOW: usize = 64;

/// The first retry comes that long after a failure; each further one after twice the time.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// The longest time between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// What an operation is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Target {
    Service(ServiceKey),
    Server(ServiceKey, ServerKey),
    Extra(Extra),
    Table,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Mode {
    /// What is wanted is brought about.
    #[default]
    Running,
    /// Everything goes, once; what fails isn't tried again.
    Stopping,
    /// Nothing is started any more.
    Frozen,
}

/// The kernel's table as it is, as it should be, and the way from here to there.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    services: Services,
    layout: Layout,
    marks: Marks,
    /// What the table of marks is called, if there may be one.
    marks_table: Option<Name>,
    /// Services to look at.
    queue: VecDeque<ServiceKey>,
    /// Services that go when nothing else is to be done.
    going: BTreeSet<ServiceKey>,
    extras: [ExtraObject; Extra::ALL.len()],
    ops: BTreeMap<OpId, Pending>,
    retries: Timers<Target>,
    reading: Reading,
    mode: Mode,
    /// `lvs_flush_on_stop VS` is being done: services take their servers with them.
    whole_services: bool,
    /// `lvs_flush_on_stop` is to be done.
    flush: bool,
    /// The end has come, and services stay.
    keep: bool,
    /// One failure at the end was told of.
    told_at_end: bool,
    /// The timeouts that there were before us.
    first_timeouts: Option<Timeouts>,
}

impl Kernel {
    /// All that `lvs` names, wanted as `pools` say.
    pub(super) fn new(lvs: &Lvs, resync: Duration, pools: &[Pool]) -> Self {
        let mut kernel = Self::default();
        kernel.reading.every(resync);
        kernel.layout = Layout::new(lvs, &mut kernel.marks);
        kernel.services = objects::build(lvs, &kernel.layout, pools);
        kernel.reading.flush = lvs.settings.flush;
        kernel.want_extras(&lvs.settings);
        kernel
    }

    /// How often the table is read although nothing is wrong; 0 for never.
    pub(super) fn resync(&mut self, every: Duration) {
        self.reading.every(every);
    }

    /// Another model takes the place of the present one.
    pub(super) fn reload(&mut self, lvs: &Lvs, pools: &[Pool]) {
        self.layout = Layout::new(lvs, &mut self.marks);
        let mut before = std::mem::replace(&mut self.services, objects::build(lvs, &self.layout, pools));
        for (key, object) in &mut self.services {
            if let Some(old) = before.remove(key) {
                object.inherit(*old);
            }
            if object.needs_work() {
                object.queued = true;
                self.queue.push_back(*key);
            }
        }
        // What is left over was ours and isn't any more.
        for (key, mut object) in before {
            object.disown();
            if object.is_forgotten() {
                continue;
            }
            self.going.insert(key);
            self.services.insert(key, object);
        }
        self.queue.retain({
            let mut seen = BTreeSet::new();
            let services = &self.services;
            move |key| services.get(key).is_some_and(|s| s.queued) && seen.insert(*key)
        });
        self.going.retain(|key| self.services.get(key).is_some_and(|s| s.wanted.is_none()));
        self.want_extras(&lvs.settings);
    }

    fn want_extras(&mut self, settings: &Settings) {
        self.marks_table = settings.nftables.as_ref().map(|nftables| nftables.table.clone());
        let timeouts = extras::timeouts(settings, self.first_timeouts);
        self.want(Extra::Timeouts, timeouts);
        self.want(Extra::Master, extras::sync(settings, SyncHalf::Master));
        self.want(Extra::Backup, extras::sync(settings, SyncHalf::Backup));
        self.want(Extra::Marks, self.layout.marks.clone().map(extras::Value::Marks));
    }

    fn want(&mut self, extra: Extra, value: Option<extras::Value>) {
        let object = self.extra(extra);
        if object.wanted != value {
            object.wanted = value;
            if object.progress == Progress::Waiting {
                object.progress = Progress::Idle;
                self.retries.cancel(&Target::Extra(extra));
            }
        }
    }

    fn extra(&mut self, extra: Extra) -> &mut ExtraObject {
        let [timeouts, master, backup, marks] = &mut self.extras;
        match extra {
            Extra::Timeouts => timeouts,
            Extra::Master => master,
            Extra::Backup => backup,
            Extra::Marks => marks,
        }
    }

    /// A member of a pool shall have another weight.
    pub(super) fn weigh(&mut self, lvs: &Lvs, pools: &[Pool], service: ServiceId, member: Member) {
        let claim = wanted::Claim { service, member };
        let Some((address, port, how)) = wanted::member(lvs, claim) else { return };
        let Self { services, layout, queue, retries, .. } = self;
        for key in layout.keys(service) {
            let Some(named) = wanted::server_key(*key, address, port, how.forwarding) else { continue };
            let Some(object) = services.get_mut(key) else { continue };
            object.update(named, |server| {
                let wanted = wanted::server_settings(lvs, pools, &server.claims);
                if wanted != server.wanted && server.progress == Progress::Waiting {
                    server.progress = Progress::Idle;
                    retries.cancel(&Target::Server(*key, named));
                }
                server.wanted = wanted;
            });
            object.mark(named);
            object.wake();
            if !object.queued {
                object.queued = true;
                queue.push_back(*key);
            }
        }
    }

    /// Everything goes; `keep` leaves services, servers and marks where they are.
    pub(super) fn stop(&mut self, settings: &Settings, keep: bool) {
        use model::lvs::Flush;
        if keep && self.reading.counts.dumps == 0 {
            self.freeze();
            return;
        }
        self.mode = Mode::Stopping;
        self.keep = keep;
        self.reading.stop();
        self.reading.flush = false;
        self.flush = settings.flush_on_stop == Flush::All && !keep;
        self.whole_services = settings.flush_on_stop == Flush::Services && !keep;
        let timeouts = self.first_timeouts.map(extras::Value::Timeouts);
        self.want(Extra::Timeouts, timeouts);
        for extra in [Extra::Master, Extra::Backup] {
            self.want(extra, None);
        }
        self.retries.clear();
        if keep {
            self.extra(Extra::Marks).leave();
            self.leave_services();
            return;
        }
        self.want(Extra::Marks, None);
        for (key, object) in &mut self.services {
            object.disown();
            self.going.insert(*key);
            if !object.queued && !self.whole_services {
                object.queued = true;
                self.queue.push_back(*key);
            }
        }
        if self.whole_services {
            self.queue.clear();
        }
    }

    /// Services and servers stay as they are.
    fn leave_services(&mut self) {
        self.queue.clear();
        self.going.clear();
    }

    /// Nothing is started any more.
    pub(super) fn freeze(&mut self) {
        self.mode = Mode::Frozen;
        self.retries.clear();
    }

    /// When something that failed is tried again, or the table is read.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let reading = self.reading.next().filter(|_| self.mode == Mode::Running);
        [self.retries.next(), reading].into_iter().flatten().min()
    }

    /// Has looked at what is to be tried again by now.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, target)) = self.retries.due(now) {
            self.look_again(target);
        }
        if self.mode == Mode::Running && self.reading.next().is_some_and(|at| at <= now) {
            self.reading.ask();
        }
    }

    /// Operations without an answer.
    pub(super) fn waiting(&self) -> usize {
        self.ops.len()
    }

    /// What was counted.
    pub(super) const fn counts(&self) -> Counts {
        self.reading.counts
    }

    /// Whether the kernel's table could be read; `None` before the first answer.
    pub(super) const fn is_available(&self) -> Option<bool> {
        self.reading.available
    }

    /// How the kernel has a server of a service: the weight of each of its services where it is.
    pub(super) fn there(&self, lvs: &Lvs, service: ServiceId, server: ServerId) -> Option<ServerSettings> {
        let claim = wanted::Claim { service, member: Member::Server(server) };
        let (address, port, how) = wanted::member(lvs, claim)?;
        self.layout.keys(service).iter().find_map(|key| {
            let named = wanted::server_key(*key, address, port, how.forwarding)?;
            self.services.get(key)?.servers.get(&named)?.there
        })
    }

    /// Whether everything that is wanted is there, and nothing else of ours.
    pub(super) fn is_settled(&self) -> bool {
        self.ops.is_empty() && !self.reading.is_busy() && self.is_quiet() && self.retries.next().is_none()
    }

    /// Whether the end has come: nothing more can be done.
    pub(super) fn is_stopped(&self) -> bool {
        let nothing_to_do = self.mode == Mode::Frozen || self.reading.available == Some(false);
        self.ops.is_empty() && (nothing_to_do || !self.reading.is_busy() && self.is_quiet())
    }

    fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.going.is_empty() && self.extras.iter().all(ExtraObject::is_settled)
    }
}
