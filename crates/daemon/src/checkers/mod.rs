//! The checkers process: one balancer, and as many probes at once as are due.
//!
//! Its loop is the vrrp process's: wait, hear, let the engine do what is due, change the kernel in small
//! chunks, tell what happened. Each probe is a conversation of its own, hence a task that the loop lets go on
//! when it can (`tasks`). It forks nothing and writes no file; scripts run in the scripts process, logs and
//! dumps are written by the supervisor.

mod addresses;
mod kernel;
mod observe;
pub mod probe;
mod probes;
mod reactor;
mod tasks;

use std::process::ExitCode;

use linux::process::{self, Capability};
use linux::seqpacket::Channel as Socket;
use model::Model;
use model::lvs::Probe;

use self::reactor::Reactor;
use crate::cli::Options;
use crate::ipc::Part;
use crate::process::supervisor::Supervisor;
use crate::process::{Failure, first_configuration, load, schedule, signals};

/// Runs the checkers process, whose supervisor is at the other end of `socket`.
pub fn main(options: Options, socket: Socket) -> ExitCode {
    crate::process::main(Part::Checkers, options, socket, run)
}

fn run(supervisor: &mut Supervisor) -> Result<(), Failure> {
    let signals = signals()?;
    let Some((generation, file)) = first_configuration(supervisor, &signals)? else { return Ok(()) };
    let model = load(Part::Checkers, file)?;
    let settings = &model.lvs.settings;
    if let Some(name) = &settings.process_name {
        process::set_name(name)?;
    }
    let complaints = [schedule::apply(&settings.process), schedule::allow_files(descriptors_of(&model))];
    for complaint in complaints.into_iter().flatten() {
        supervisor.log(complaint);
    }
    let mut reactor = Reactor::new(model.clone(), generation, supervisor, signals)?;
    // Behind the table of virtual servers, which may be that of another namespace, and behind scheduling:
    // both need other rights.
    for complaint in schedule::confine(&settings.process, RIGHTS) {
        reactor.log(complaint);
    }
    Ok(reactor.run()?)
}

/// Virtual servers, the marks, interfaces and privileged ports of probes, and keys that are not root's.
const RIGHTS: &[Capability] =
    &[Capability::NET_ADMIN, Capability::NET_RAW, Capability::NET_BIND_SERVICE, Capability::DAC_READ_SEARCH];

/// So many descriptors can the checks of `model` need at once: one each, and at a reload one that is
/// ending beside it.
fn descriptors_of(model: &Model) -> u64 {
    let servers = model.lvs.services.iter().flat_map(|service| &service.servers);
    let checkers = servers.flat_map(|server| &server.checkers);
    let count = checkers.filter(|checker| !matches!(checker.probe, Probe::File(_) | Probe::Bfd(_))).count();
    u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(2)
}
