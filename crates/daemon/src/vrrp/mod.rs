//! The vrrp process: one engine, and a loop that never blocks.
//!
//! It forks nothing (but `modprobe` before it begins, if the sync daemon is configured), resolves
//! nothing and writes no file. What takes time is done by others: scripts and FIFOs by the scripts
//! process, logs and dumps by the supervisor. Operations on the kernel go out in small chunks between
//! other work.

mod approach;
mod neighbours;
mod reactor;
mod sockets;

use std::process::ExitCode;

use linux::ipvs::Ipvs;
use linux::process::{self, Capability};
use linux::seqpacket::Channel as Socket;
use model::Model;
use model::lvs::{IpvsNamespace, SyncDaemon, SyncRole};

use self::reactor::Reactor;
use crate::cli::Options;
use crate::ipc::Part;
use crate::log::Line;
use crate::pid_paths::PidPaths;
use crate::process::supervisor::Supervisor;
use crate::process::{Failure, first_configuration, load, schedule, signals};

/// Runs the vrrp process, whose supervisor is at the other end of `socket`.
pub fn main(options: Options, socket: Socket) -> ExitCode {
    crate::process::main(Part::Vrrp, options, socket, run)
}

fn run(supervisor: &mut Supervisor) -> Result<(), Failure> {
    let signals = signals()?;
    let Some((generation, file)) = first_configuration(supervisor, &signals)? else { return Ok(()) };
    let model = load(Part::Vrrp, file)?;
    if let Some(name) = &model.global.vrrp_process_name {
        process::set_name(name)?;
    }
    for complaint in schedule::apply(&model.global.vrrp_process) {
        supervisor.log(complaint);
    }
    for complaint in schedule::allow_files(sockets_of(&model)) {
        supervisor.log(complaint);
    }
    let ipvs = ipvs(&model, supervisor);
    // Behind scheduling, which needs other rights.
    for complaint in
        schedule::confine(&model.global.vrrp_process, &[Capability::NET_ADMIN, Capability::NET_RAW])
    {
        supervisor.log(complaint);
    }
    let neighbours = neighbours::exist(&PidPaths::new(supervisor.options(), &model.global));
    let mut reactor = Reactor::new(model, generation, supervisor, signals)?;
    if neighbours {
        reactor.leave_strangers();
    }
    if let Some(ipvs) = ipvs {
        reactor.use_ipvs(ipvs);
    }
    supervisor_lines(&mut reactor);
    Ok(reactor.run()?)
}

/// The kernel's virtual servers for a sync daemon that follows an instance. Their module and another namespace
/// need rights that are given up; a reload can't change the namespace, but it may bring the sync daemon.
fn ipvs(model: &Model, supervisor: &mut Supervisor) -> Option<Ipvs> {
    let settings = &model.lvs.settings;
    let follows = |daemon: &SyncDaemon| matches!(daemon.role, SyncRole::Follows(_));
    let wanted = settings.sync_daemon.as_ref().is_some_and(follows);
    if !wanted && settings.namespace == IpvsNamespace::Same {
        return None;
    }
    if wanted {
        supervisor.log(Line::new(crate::log::Level::Debug, "Initializing ipvs"));
    }
    let buffer = settings.netlink_command_buffer.and_then(|bytes| usize::try_from(bytes).ok());
    let mut opened = Ipvs::open(&settings.namespace, buffer);
    if wanted && let Err(e) = opened.as_mut().map_err(|e| e.clone()).and_then(Ipvs::load) {
        supervisor.log(Line::error(format!("lvs_sync_daemon: {e}")));
    }
    opened.ok()
}

fn supervisor_lines(reactor: &mut Reactor<'_>) {
    for text in ["Registering Kernel netlink reflector", "Registering Kernel netlink command channel"] {
        reactor.log(Line::info(text));
    }
}

/// So many sockets can `model` need: no two of its instances need share one, and at a reload the old
/// sockets are there beside the new ones.
fn sockets_of(model: &Model) -> u64 {
    u64::try_from(model.instances.len()).unwrap_or(u64::MAX).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration;
    use crate::ipc::{Channel, FromEngine, ToEngine};
    use linux::netns::{Isolation, NsThread};

    /// What a vrrp process says that finds `messages` behind its configuration.
    fn said(messages: &[ToEngine]) -> Vec<FromEngine> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.conf");
        std::fs::write(&file, "global_defs {\n router_id x\n}\n").unwrap();
        let options = Options { config: file.to_str().map(str::to_owned), ..Options::default() };
        let Ok(configuration) = configuration::read(&options).1 else { panic!("it can be run") };
        let (ours, theirs) = Socket::pair().unwrap();
        let mut ours: Channel<ToEngine, FromEngine> = Channel::new(Some(ours), 16);
        let message = ToEngine::Configure { generation: 1 };
        ours.must_send(&message, Some(configuration.recording.into())).unwrap();
        for message in messages {
            ours.must_send(message, None).unwrap();
        }
        assert!(run(&mut Supervisor::new(Part::Vrrp, theirs, options)).is_ok());
        let next = || ours.receive().ok().flatten().map(|received| received.message);
        std::iter::from_fn(next).filter(|message| !matches!(message, FromEngine::Log(_))).collect()
    }

    #[test]
    fn who_is_stopped_before_a_look_at_the_kernel_has_no_configuration_in_force() {
        assert!(nix::unistd::geteuid().is_root(), "this test makes a network namespace and needs root");
        // The answer to the first look is there as soon as it was asked for: both come in one turn. A
        // thread of its own also since it gives up its rights.
        let host = NsThread::new(Isolation::default()).unwrap();
        assert_eq!(host.run(|| said(&[ToEngine::Stop { keep: false }])), []);
    }
}
