//! Two routers with an instance of each kind, and the question whether anything has moved them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use base::Mac;
use lab::{Event, Kind, Node, Process, Result, Signal, ensure};

use crate::attacker::{self, Attacker};
use crate::stage::{BOUND, EXACT, SECOND, Stage, family, inside, instance, ip, log_length, read, vips};

/// The instances, by their VRID.
pub(crate) const V3: u8 = 51;
pub(crate) const V2: u8 = 61;
pub(crate) const PASS: u8 = 62;
pub(crate) const AH: u8 = 63;
pub(crate) const UNICAST: u8 = 64;
pub(crate) const V6: u8 = 65;
pub(crate) const MESSAGE_ONLY: u8 = 66;
pub(crate) const ALL: [u8; 7] = [V3, V2, PASS, AH, UNICAST, V6, MESSAGE_ONLY];

/// Both addresses of an instance.
pub(crate) fn addresses(vrid: u8) -> [IpAddr; 2] {
    if vrid == V6 {
        return [ip("fe80::100"), ip("2001:db8::100")];
    }
    [vrid + 50, vrid + 150].map(|last| IpAddr::from([192, 0, 2, last]))
}

/// The address of router `n`, from 1.
pub(crate) fn router(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, 10 + n])
}

fn conf(n: u8, priority: u8) -> String {
    let one = |vrid: u8| {
        let prefix = if vrid == V6 { 64 } else { 24 };
        let addresses = addresses(vrid).map(|a| format!("{a}/{prefix}"));
        let addresses = vips(&addresses.each_ref().map(String::as_str));
        let auth = |kind: &str| format!("authentication {{\n auth_type {kind}\n auth_pass secret\n }}");
        let lines = match vrid {
            V2 => "version 2".to_owned(),
            PASS => format!("version 2\n {}", auth("PASS")),
            AH => format!("version 2\n {}", auth("AH")),
            UNICAST => {
                format!("version 3\n unicast_src_ip {}\n unicast_peer {{\n {}\n }}", router(n), router(3 - n))
            }
            MESSAGE_ONLY => "version 3\n v3_checksum_as_v2".to_owned(),
            _ => "version 3".to_owned(),
        };
        instance(&name(vrid), vrid, priority, &format!(" {lines}\n{addresses}"))
    };
    ALL.map(one).concat()
}

fn name(vrid: u8) -> String {
    format!("VI_{vrid}")
}

/// A master (`r1`) and a backup (`r2`) of everything, and who attacks them.
pub(crate) struct Target {
    pub stage: Stage,
    pub attacker: Attacker,
    pub daemons: [Process; 2],
    pub macs: [Mac; 2],
    began: Began,
}

/// How it was before the attack.
struct Began {
    at: Duration,
    logs: [usize; 2],
    processes: [[(u32, usize); 2]; 2],
}

impl Target {
    pub(crate) fn new(tag: &str) -> Result<Self> {
        let stage = Stage::new(tag, 2)?;
        let attacker = Attacker::new(&stage)?;
        let macs = [attacker::mac(stage.r1())?, attacker::mac(stage.r2())?];
        let daemons = [stage.r1().vipd(&conf(1, 200))?, stage.r2().vipd(&conf(2, 100))?];
        for vrid in ALL {
            stage.r1().wait_ip(addresses(vrid)[1], true, BOUND)?;
        }
        let began = Began { at: Duration::ZERO, logs: [0; 2], processes: [[(0, 0); 2]; 2] };
        let mut target = Self { stage, attacker, daemons, macs, began };
        // The announcements after five seconds belong to the beginning.
        target.stage.lab.pass(8 * SECOND);
        target.begin()?;
        Ok(target)
    }

    /// What comes from now on is the attack.
    pub(crate) fn begin(&mut self) -> Result<()> {
        // Between two adverts of each instance.
        let adverts = self.stage.adverts(V3, Duration::ZERO);
        let last = adverts.iter().rev().find(|a| a.source == router(1)).map(|a| a.at).unwrap_or_default();
        self.stage.lab.pass_until(last + SECOND * 3 / 2);
        self.began = Began {
            at: self.stage.lab.now(),
            logs: [log_length(&self.daemons[0])?, log_length(&self.daemons[1])?],
            processes: [self.processes(0)?, self.processes(1)?],
        };
        Ok(())
    }

    pub(crate) fn node(&self, n: usize) -> &Node {
        &self.stage.routers[n]
    }

    fn processes(&self, n: usize) -> Result<[(u32, usize); 2]> {
        let members = family(self.node(n), &self.daemons[n])?;
        let look = |running: Option<lab::Running>| match running {
            Some(process) => Ok((process.pid, process.descriptors()?)),
            None => Err(lab::LabError::Expectation(format!("a process of r{} is gone", n + 1))),
        };
        Ok([look(Some(members.supervisor))?, look(members.vrrp)?])
    }

    /// What a router has logged since the attack began.
    pub(crate) fn log(&self, n: usize) -> Result<String> {
        Ok(self.daemons[n].log()?.get(self.began.logs[n]..).unwrap_or_default().to_owned())
    }

    /// Same processes with as many descriptors, same master, same addresses, and its adverts came as
    /// if there were no attack. `answers` tells that the master had to answer, out of turn.
    pub(crate) fn unmoved(&self, answers: bool) -> Result<()> {
        for n in 0..2 {
            let now = self.processes(n)?;
            let was = self.began.processes[n];
            ensure(now == was, format_args!("r{}: processes were {was:?} and are {now:?}", n + 1))?;
            for address in ALL.into_iter().flat_map(addresses) {
                let has = self.node(n).has_ip(address)?;
                ensure(has == (n == 0), format_args!("r{}: {address} there: {has}", n + 1))?;
            }
            let log = self.log(n)?;
            ensure(!log.contains("Entering"), format_args!("r{} was moved:\n{log}", n + 1))?;
        }
        let now = self.stage.lab.now();
        let events: Vec<Event> =
            self.stage.capture.events().into_iter().filter(|e| e.at >= self.began.at).collect();
        for vrid in ALL {
            let of = |mac: Mac| -> Vec<(Duration, u8)> {
                let advert = |e: &Event| match e.kind {
                    Kind::Advert { vrid: v, priority, .. } if v == vrid && e.sender == mac => {
                        Some((e.at, priority))
                    }
                    _ => None,
                };
                events.iter().filter_map(advert).collect()
            };
            let (master, backup) = (of(self.macs[0]), of(self.macs[1]));
            ensure(backup.is_empty(), format_args!("the backup of {vrid} sent {backup:?}"))?;
            let due = now.saturating_sub(self.began.at).as_secs();
            ensure(
                master.len() as u64 + 1 >= due,
                format_args!("{vrid}: {} of {due} adverts", master.len()),
            )?;
            ensure(master.iter().all(|a| a.1 == 200), format_args!("{vrid}: {master:?}"))?;
            let late = |pair: &&[(Duration, u8)]| (pair[1].0 - pair[0].0).abs_diff(SECOND) > EXACT;
            let late: Vec<_> = master.windows(2).filter(late).collect();
            ensure(answers || late.is_empty(), format_args!("{vrid}: irregular adverts: {late:?}"))?;
        }
        Ok(())
    }

    /// What the statistics file of a router says, as "VRRP Instance/block/line".
    pub(crate) fn statistics(&self, n: usize) -> Result<BTreeMap<String, u64>> {
        const FILE: &str = "/tmp/keepalived.stats";
        let node = self.node(n);
        inside(node, "the old statistics", || match std::fs::remove_file(FILE) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })?;
        self.daemons[n].signal(Signal::SIGUSR2)?;
        let last = format!("VRRP Instance: {}", name(ALL[ALL.len() - 1]));
        lab::wait("statistics", SECOND, || {
            let text = read(node, FILE)?;
            Ok(text.split_once(&last).is_some_and(|(_, own)| own.matches("Sent: ").count() == 2))
        })?;
        let (mut found, mut instance, mut block) = (BTreeMap::new(), String::new(), String::new());
        for line in read(node, FILE)?.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            match value.trim().parse() {
                _ if key == "VRRP Instance" => value.trim().clone_into(&mut instance),
                Ok(number) if key.starts_with("    ") => {
                    found.insert(format!("{instance}/{block}/{}", key.trim()), number);
                }
                Ok(_) => {}
                Err(_) => key.trim().clone_into(&mut block),
            }
        }
        Ok(found)
    }
}

/// The lines of the statistics that grew, with how much; adverts that were sent and received aside.
pub(crate) fn grown(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let grew = |(key, now): (&String, &u64)| {
        let by = now - before.get(key).copied().unwrap_or_default();
        (by > 0 && !key.contains("/Advertisements/")).then(|| (key.clone(), by))
    };
    after.iter().filter_map(grew).collect()
}
