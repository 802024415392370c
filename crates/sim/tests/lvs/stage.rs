//! A director with a configuration of our own, and questions that tests ask.

use std::sync::Arc;

use base::Duration;
use config::{MapSource, Options, load};
use engine::lvs::news::Event;
use engine::lvs::table::ServiceKey;
use model::Model;
use model::lvs::Protocol;
use vipd_sim::lvs::checker::{Judge, Rest};
use vipd_sim::lvs::sources::{State, Target};
use vipd_sim::lvs::{Asked, Fault, Seen, What, World};

/// A world that is watched by all checkers, and what happened in it.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) judge: Judge,
    pub(crate) seen: Vec<Seen>,
}

pub(crate) fn model(text: &str) -> Arc<Model> {
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    let rendered = loaded.render(false);
    Arc::new(loaded.model.unwrap_or_else(|| panic!("{text}\n{rendered}")))
}

/// A service at 10.0.0.1 with what `head` says and servers 10.1.0.1, .2, .. that have what each text says.
pub(crate) fn service(head: &str, servers: &[&str]) -> String {
    let mut text = format!(
        "global_defs {{\n lvs_notify_fifo /run/lvs\n}}\n\
         virtual_server 10.0.0.1 80 {{\n delay_loop 5\n warmup 0\n lvs_sched rr\n lvs_method NAT\n \
         protocol TCP\n {head}\n"
    );
    for (index, lines) in servers.iter().enumerate() {
        text.push_str(&format!(" real_server 10.1.0.{} 80 {{\n {lines}\n }}\n", index + 1));
    }
    text.push_str("}\n");
    text
}

pub(crate) const TCP: &str = "TCP_CHECK {\n connect_timeout 2\n }";

pub(crate) fn pair() -> String {
    service("", &[TCP, TCP])
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn host(n: u8) -> Target {
    Target::Host([10, 1, 0, n].into(), 80)
}

pub(crate) fn vip() -> ServiceKey {
    ServiceKey::Address { protocol: Protocol::Tcp, address: [10, 0, 0, 1].into(), port: 80 }
}

impl Stage {
    /// The texts that the file has one after the other. Nothing runs yet.
    pub(crate) fn still(texts: &[String]) -> Self {
        let models = texts.iter().map(|text| model(text)).collect();
        Self { world: World::new(models, 7), judge: Judge::new(), seen: Vec::new() }
    }

    /// It runs, with the first of the texts.
    pub(crate) fn of(texts: &[String]) -> Self {
        let mut stage = Self::still(texts);
        stage.now(Fault::Start(0));
        stage
    }

    /// It has run for a while.
    pub(crate) fn settled(texts: &[String]) -> Self {
        let mut stage = Self::of(texts);
        stage.secs(20);
        stage.seen.clear();
        stage
    }

    pub(crate) fn now(&mut self, fault: Fault) {
        self.world.schedule(self.world.now(), fault);
    }

    pub(crate) fn after(&mut self, time: Duration, fault: Fault) {
        self.world.schedule(self.world.now() + time, fault);
    }

    pub(crate) fn set(&mut self, n: u8, state: State) {
        self.now(Fault::Target(host(n), state));
    }

    /// Lets time pass; every checker must be content.
    #[track_caller]
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.world.now() + time;
        let seen = &mut self.seen;
        let well = self.judge.watch(&mut self.world, until, |it| seen.push(it.clone()));
        assert!(well, "{:?}", self.judge.found());
    }

    #[track_caller]
    pub(crate) fn secs(&mut self, n: u64) {
        self.run(Duration::from_secs(n));
    }

    #[track_caller]
    pub(crate) fn rest(&mut self, rest: Rest) {
        assert!(self.judge.rest(&self.world, rest), "{:?}", self.judge.found());
    }

    /// The service in the kernel, in few words: the last number of each server's address, and its weight.
    pub(crate) fn table(&self) -> Vec<(u8, u32)> {
        let entry = self.world.kernel.table.services.get(&vip());
        let servers = entry.into_iter().flat_map(|entry| &entry.servers);
        servers
            .map(|(server, settings)| {
                let last = server.address.to_string().rsplit('.').next().and_then(|n| n.parse().ok());
                (last.unwrap_or(0), settings.weight)
            })
            .collect()
    }

    pub(crate) fn asked(&self, which: impl Fn(&Asked) -> bool) -> usize {
        self.seen.iter().filter(|seen| matches!(&seen.what, What::Asked(asked) if which(asked))).count()
    }

    pub(crate) fn events(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.asked(|asked| matches!(asked, Asked::Event(event) if which(event)))
    }

    pub(crate) fn writes(&self) -> usize {
        self.asked(|asked| matches!(asked, Asked::Kernel(..)))
    }
}
