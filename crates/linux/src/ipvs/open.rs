//! Finding the kernel's virtual servers, and getting their module loaded.

use std::fs;
use std::path::PathBuf;

use model::lvs::IpvsNamespace;

use super::Ipvs;
use super::attributes::{FAMILY, VERSION};
use crate::error::{Errno, OsError, Result};
use crate::netlink::generic::Generic;
use crate::netns::Netns;
use crate::nft::Nft;
use crate::process::{Exit, Spawn};

/// The module, and with it the command that loads it.
const MODULE: &str = "ip_vs";

impl Ipvs {
    /// Opens sockets in a namespace, with a receive buffer of about `receive_buffer` bytes if given. The
    /// calling thread is in the namespace meanwhile, which takes a right; nothing later does. Whether the
    /// kernel has virtual servers at all shows when they are first used.
    ///
    /// # Errors
    /// The namespace can't be entered.
    pub fn open(namespace: &IpvsNamespace, receive_buffer: Option<usize>) -> Result<Self> {
        let netns = match namespace {
            IpvsNamespace::Same => None,
            IpvsNamespace::Host => Some(Netns::of_process(1)?),
            IpvsNamespace::Named(name) => Some(Netns::open(format!("/run/netns/{name}"))?),
        };
        // Until both sockets are open, or nothing comes of it.
        let _there = netns.as_ref().map(Netns::guard).transpose()?;
        let how = "may load it".to_owned();
        Ok(Self { socket: Generic::open(receive_buffer)?, marks: Nft::open(), how })
    }

    /// If the kernel has no virtual servers, runs `modprobe` and waits for it: for those who can wait, and
    /// have the right.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` if the kernel has none even then.
    pub fn load(&mut self) -> Result<()> {
        if self.find().is_err_and(|e| e.errno == Errno::EPROTONOSUPPORT) {
            self.how = load();
        }
        self.find()
    }

    /// Looks whether the kernel has virtual servers by now, as it has ever after.
    pub(super) fn find(&mut self) -> Result<()> {
        if self.socket.find(FAMILY, VERSION)? {
            return Ok(());
        }
        let how = &self.how;
        let what = format!("IP Virtual Server in the kernel (module {MODULE}; `modprobe {MODULE}` {how})");
        Err(OsError::new("find", what, Errno::EPROTONOSUPPORT))
    }
}

/// Has the module loaded; how that went, in words.
fn load() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/modprobe").unwrap_or_default();
    let program = Some(told.trim()).filter(|p| !p.is_empty()).unwrap_or("/sbin/modprobe");
    let mut modprobe = Spawn::new(PathBuf::from(program));
    modprobe.args([MODULE]);
    match modprobe.spawn().and_then(|mut child| child.wait()) {
        Ok(Exit::Code(status)) => format!("exited with status {status}"),
        Ok(Exit::Signal(number)) => format!("was ended by signal {number}"),
        Err(e) => format!("could not be run: {e}"),
    }
}
