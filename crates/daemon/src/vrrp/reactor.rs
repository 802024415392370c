//! The loop around the engine.

use std::collections::VecDeque;
use std::sync::Arc;

use base::{Duration, Machine};
use engine::Engine;
use engine::io::{Effect, Event, Input, OpError, OpId, Outcome, SocketId};
use linux::OsError;
use linux::clock;
use linux::ipvs::Ipvs;
use linux::kernel::{Kernel, KernelConfig, News, op_error};
use linux::poll::{Interest, Poll, Ready};
use linux::process;
use linux::signals::Signals;
use linux::timer::Timer;
use model::{Model, TrackerId};

use super::sockets::Sockets;
use super::{approach, sockets_of};
use crate::ipc::{ProcessReport, Report};
use crate::log::Line;
use crate::observe;
use crate::process::lateness::Histogram;
use crate::process::links::{Links, Order};
use crate::process::schedule;
use crate::process::scripts::{self, Told};
use crate::process::supervisor::Supervisor;

/// What the poll set calls its descriptors. Sockets of the engine follow from [`token::SOCKETS`] on.
mod token {
    pub(super) use crate::process::links::token::*;

    pub(super) const TIMER: u64 = OWN;
    pub(super) const KERNEL: u64 = OWN + 1;
    pub(super) const SYNC: u64 = OWN + 2;
    pub(super) const SOCKETS: u64 = 1 << 32;
}

/// One engine and everything that it acts through.
///
/// A turn: wait; hear the supervisor, the network, the kernel and the scripts process; then let the
/// engine do what is due; then change the kernel, one chunk; then tell what happened. Packets come
/// before timers: after a pause of the process the adverts that arrived meanwhile are still in the
/// sockets, and a backup that looked at its timer first would take over from a master that is alive.
pub struct Reactor<'s> {
    engine: Engine,
    model: Arc<Model>,
    generation: u64,
    poll: Poll,
    timer: Timer,
    kernel: Kernel,
    sockets: Sockets,
    links: Links<'s>,
    /// What has happened in the turn. It is told at its end: each log line is a system call, and
    /// adverts, addresses and announcements shall not wait for that.
    events: VecDeque<Event>,
    /// Answers that the engine has not heard yet.
    answers: VecDeque<(OpId, Result<(), OpError>)>,
    route_protocols: Vec<u8>,
    primed: bool,
    stopping: bool,
    stopped: bool,
    turns: Histogram,
    timers: Histogram,
}

/// Protocols of the routes that the kernel shall tell about, other than our own.
fn route_protocols(model: &Model) -> Vec<u8> {
    let virtual_ones = model.instances.iter().flat_map(|i| &i.routes);
    let mut all: Vec<u8> = virtual_ones.chain(&model.static_routes).map(|r| r.protocol).collect();
    all.sort_unstable();
    all.dedup();
    all
}

impl<'s> Reactor<'s> {
    /// Opens everything that the engine acts through. The first dump of the kernel is on its way.
    pub fn new(
        model: Arc<Model>,
        generation: u64,
        supervisor: &'s mut Supervisor,
        signals: Signals,
    ) -> Result<Self, OsError> {
        let mut poll = Poll::new()?;
        let timer = Timer::new()?;
        let route_protocols = route_protocols(&model);
        let bytes = |n: Option<u32>| n.and_then(|n| usize::try_from(n).ok());
        let kernel = Kernel::open(&KernelConfig {
            monitor_buffer: bytes(model.global.netlink_monitor_buffer),
            command_buffer: bytes(model.global.netlink_command_buffer),
            route_protocols: route_protocols.clone(),
            ipvs_namespace: model.lvs.settings.namespace.clone(),
        })?;
        let mut links = Links::new(supervisor, signals, &mut poll)?;
        poll.add(&timer, token::TIMER, Interest::READ)?;
        poll.add(kernel.monitor(), token::KERNEL, Interest::READ)?;
        poll.add(kernel.sync_bell(), token::SYNC, Interest::READ)?;
        links.scripts.configure(scripts::for_vrrp(&model, generation));
        Ok(Self {
            engine: Engine::new(model.clone(), clock::now()),
            model,
            generation,
            poll,
            timer,
            kernel,
            sockets: Sockets::new()?,
            links,
            events: VecDeque::new(),
            answers: VecDeque::new(),
            route_protocols,
            primed: false,
            stopping: false,
            stopped: false,
            turns: Histogram::default(),
            timers: Histogram::default(),
        })
    }

    /// See [`Kernel::use_ipvs`].
    pub fn use_ipvs(&mut self, ipvs: Ipvs) {
        self.kernel.use_ipvs(ipvs);
    }

    /// Another daemon runs beside this one: see [`Engine::leave_strangers`].
    pub fn leave_strangers(&mut self) {
        self.engine.leave_strangers();
    }

    /// Logs a line.
    pub fn log(&mut self, line: Line) {
        self.links.supervisor.log(line);
    }

    /// Runs until everything is undone after a request to stop.
    ///
    /// # Errors
    /// Waiting itself fails, which nothing can repair.
    pub fn run(mut self) -> Result<(), OsError> {
        let mut ready = Vec::new();
        let mut now = clock::now();
        while !self.stopped {
            let deadline = self.engine.poll_timeout();
            self.timer.set(deadline.map(|at| approach::wake_at(at, now)))?;
            let idle = if self.kernel.has_work() { Some(Duration::ZERO) } else { None };
            self.links.watch(&mut self.poll)?;
            self.wait(idle, &mut ready)?;
            let begin = clock::now();
            self.turn(&ready);
            now = clock::now();
            // What is only counted is counted when nothing waits for it.
            if let Some(deadline) = deadline.filter(|d| *d <= begin) {
                self.timers.record(begin.since(deadline));
            }
            self.turns.record(now.since(begin));
        }
        Ok(())
    }

    /// Collects everything that is ready, not only as much as fits one call: the timer must not be
    /// heard before sockets that the kernel would have told of in a second call.
    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> Result<(), OsError> {
        /// Beyond this many descriptors a turn gets long enough to look at the timer first.
        const MOST: usize = 1024;
        ready.clear();
        let mut timeout = timeout;
        loop {
            let new = self.poll.wait(timeout)?;
            // The set is level triggered and hands out its members in turn: one that was told
            // already means that all have been.
            let round = new.iter().any(|r| ready.iter().any(|known| known.token == r.token));
            let full = new.len() >= Poll::BATCH;
            for r in new {
                if !ready.iter().any(|known| known.token == r.token) {
                    ready.push(*r);
                }
            }
            if !full || round || ready.len() >= MOST {
                return Ok(());
            }
            timeout = Some(Duration::ZERO);
        }
    }

    fn turn(&mut self, ready: &[Ready]) {
        let is_ready = |token| ready.iter().any(|r| r.token == token);
        if is_ready(token::SIGNALS) {
            while let Some(order) = self.links.signal() {
                self.obey(order);
            }
        }
        if is_ready(token::SUPERVISOR) {
            while let Some(order) = self.links.order(&mut self.poll, self.stopping) {
                self.obey(order);
            }
        }
        for r in ready.iter().filter(|r| r.token >= token::SOCKETS) {
            if let Ok(id) = u32::try_from(r.token - token::SOCKETS) {
                self.hear_network(SocketId(id));
            }
        }
        if is_ready(token::KERNEL) {
            self.hear_kernel();
        }
        if is_ready(token::SYNC) {
            let news = self.kernel.sync_answers().collect();
            self.take_news(news);
        }
        if is_ready(token::SCRIPTS) {
            self.hear_scripts();
        }
        if is_ready(token::TIMER) {
            self.timer.expired();
        }
        let now = clock::now();
        if self.engine.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_timeout(now);
            self.drain();
        }
        self.pump_kernel();
        while let Some(event) = self.events.pop_front() {
            self.event(&event);
        }
        if self.links.end_turn() {
            // A takeover needs more than what happens before it.
            process::touch_memory();
        }
    }

    /// Feeds one input and does what follows from it.
    fn input(&mut self, input: Input<'_>) {
        self.engine.handle_input(clock::now(), input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(effect) = self.engine.poll_output() {
                self.interpret(effect);
            }
            let Some((op, result)) = self.answers.pop_front() else { break };
            self.engine.handle_input(clock::now(), Input::Done { op, result });
        }
        self.send_adverts();
    }

    fn interpret(&mut self, effect: Effect) {
        // What comes after an advert in the engine's order comes after it on the wire.
        if !matches!(effect, Effect::Send { .. } | Effect::Event(_)) {
            self.send_adverts();
        }
        match effect {
            // The frequent one: adverts of one turn share a system call.
            Effect::Send { socket, destination, packet } => {
                self.sockets.push(socket, destination, &packet);
            }
            Effect::Event(event) => self.events.push_back(event),
            Effect::OpenSocket { op, socket, spec } => {
                let token = token::SOCKETS + u64::from(socket.0);
                let opened = self.sockets.open(&mut self.poll, token, socket, &spec);
                self.answers.push_back((op, opened.map_err(|e| op_error(&e))));
            }
            Effect::CloseSocket(socket) => self.sockets.close(socket),
            Effect::Frame { link, frame } => self.sockets.frame(link, &frame),
            Effect::Kernel { op, operation } => self.kernel.submit(op, &operation),
            Effect::Resync => {
                if let Err(e) = self.kernel.resync() {
                    self.links.supervisor.log(Line::error(format!("Cannot read the kernel's state: {e}")));
                }
            }
            Effect::ReadSync => self.kernel.read_sync(),
            Effect::Check { run, command, timeout } => {
                if !self.links.scripts.check(run, command, timeout) {
                    self.checked(run, Outcome::NotStarted);
                }
            }
            Effect::CancelCheck(run) => {
                if let Some(outcome) = self.links.scripts.cancel(run) {
                    self.checked(run, outcome);
                }
            }
            Effect::Notify(notification) => self.links.scripts.notify(notification),
            Effect::Fifo { fifo, line } => self.links.scripts.fifo(fifo, line),
            Effect::Mail(mail) => self.links.scripts.mail(mail),
            Effect::Stopped => self.stopped = true,
        }
    }

    /// Within [`Reactor::drain`], whose loop does what follows.
    fn checked(&mut self, run: engine::io::RunId, outcome: Outcome) {
        self.engine.handle_input(clock::now(), Input::Checked { run, outcome });
    }

    fn event(&mut self, event: &Event) {
        match event {
            // Ids are those of the new model from here on.
            Event::Reloaded => {
                self.model = self.engine.model().clone();
                self.links.configured(self.generation);
            }
            Event::Address { address, link, exists }
                if self.links.supervisor.options().address_monitoring =>
            {
                let what = if *exists { "added to" } else { "removed from" };
                let text = format!("Netlink reflector reports IP {} {what} {link}", address.net.addr());
                self.links.supervisor.log(Line::info(text));
            }
            _ => {}
        }
        for line in observe::log::render(&self.model, event) {
            self.links.supervisor.log(line);
        }
    }

    fn send_adverts(&mut self) {
        if !self.sockets.has_pending() {
            return;
        }
        self.sockets.flush(clock::now(), |line| self.links.supervisor.log(line));
    }

    fn hear_network(&mut self, socket: SocketId) {
        let Self { sockets, engine, .. } = self;
        // The engine's outputs wait until the batch is through: adverts go out at most a few
        // microseconds later, and the buffers need not be copied.
        // One instant for what came together.
        let now = clock::now();
        let heard = sockets.receive(socket, |d| {
            let datagram = vrrp::io::Datagram {
                source: d.source,
                destination: d.destination,
                hop_limit: d.hop_limit,
                bytes: d.bytes,
            };
            engine.handle_input(now, Input::Datagram { socket, datagram });
        });
        if let Err(e) = heard {
            self.links.supervisor.log(Line::info(e.to_string()).detailed());
        }
        self.drain();
    }

    fn hear_kernel(&mut self) {
        let mut news = VecDeque::new();
        if let Err(e) = self.kernel.read(|n| news.push_back(n)) {
            self.links.supervisor.log(Line::error(format!("Netlink: {e}")));
        }
        self.take_news(news);
    }

    fn pump_kernel(&mut self) {
        if !self.kernel.has_work() {
            return;
        }
        let mut news = VecDeque::new();
        if let Err(e) = self.kernel.pump(|n| news.push_back(n)) {
            self.links.supervisor.log(Line::error(format!("Netlink: {e}")));
        }
        self.take_news(news);
    }

    fn take_news(&mut self, news: VecDeque<News>) {
        for item in news {
            match item {
                News::Dump(dump) => {
                    self.input(Input::Dump(dump));
                    // An engine that was stopped before has looked at nothing: what an earlier process
                    // left behind is still there.
                    if !std::mem::replace(&mut self.primed, true) && !self.stopping {
                        self.links.configured(self.generation);
                    }
                }
                // What happens before the first dump is in it.
                News::Changed(_) if !self.primed => {}
                News::Changed(change) => self.input(Input::Kernel(change)),
                News::Overrun(_) => self.input(Input::Overrun),
                News::Done(op, result) => self.input(Input::Done { op, result }),
                News::SyncRead(halves) => self.input(Input::SyncRead(halves)),
            }
        }
    }

    fn hear_scripts(&mut self) {
        self.links.scripts.flush();
        while let Some(told) = self.links.scripts.receive() {
            match told {
                Told::Checked(run, outcome) => self.input(Input::Checked { run, outcome }),
                Told::File(file, value) => {
                    self.input(Input::File { tracker: TrackerId::from_index(file.0), value });
                }
                Told::Gone => return,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Configure { generation, model } => self.reload(generation, model),
            Order::Snapshot { request, clear } => {
                let report = Report { engine: self.engine.snapshot(), process: self.report() };
                self.links.supervisor.report(request, &report);
                if clear {
                    self.engine.clear_counters();
                    self.turns.clear();
                    self.timers.clear();
                }
            }
            Order::Stop { keep } => self.stop(keep),
        }
    }

    fn reload(&mut self, generation: u64, model: Arc<Model>) {
        for complaint in schedule::allow_files(sockets_of(&model)) {
            self.links.supervisor.log(complaint);
        }
        let protocols = route_protocols(&model);
        if protocols != self.route_protocols {
            let told = self.kernel.set_route_protocols(&protocols).and_then(|()| self.kernel.resync());
            if let Err(e) = told {
                self.links.supervisor.log(Line::error(format!("Netlink: {e}")));
            }
            self.route_protocols = protocols;
        }
        self.links.scripts.configure(scripts::for_vrrp(&model, generation));
        self.generation = generation;
        self.input(Input::Reload(model));
    }

    fn stop(&mut self, keep: bool) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.input(Input::Stop { keep });
    }

    fn report(&self) -> ProcessReport {
        ProcessReport {
            turns: self.turns.summary(),
            timers: self.timers.summary(),
            adverts_failed: self.sockets.adverts_failed,
            frames_failed: self.sockets.frames_failed,
            notifications_lost: self.links.scripts.lost(),
            log_lines_lost: self.links.supervisor.lost(),
        }
    }
}
