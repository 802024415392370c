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
    /// Opens a socket to the virtual servers of a namespace, with a receive buffer of about
    /// `receive_buffer` bytes if given. If the kernel has none, `modprobe` is run and waited for. The
    /// calling thread is in the namespace meanwhile.
    ///
    /// # Errors
    /// The namespace can't be entered; `EPROTONOSUPPORT` if the kernel has no virtual servers even then.
    pub fn open(namespace: &IpvsNamespace, receive_buffer: Option<usize>) -> Result<Self> {
        Self::open_or(namespace, receive_buffer, load)
    }

    /// As [`Ipvs::open`], without having anything loaded: for those who can't wait, or have waited once.
    pub fn open_loaded(namespace: &IpvsNamespace, receive_buffer: Option<usize>) -> Result<Self> {
        Self::open_or(namespace, receive_buffer, || "may load it".to_owned())
    }

    fn open_or(
        namespace: &IpvsNamespace,
        receive_buffer: Option<usize>,
        load: impl FnOnce() -> String,
    ) -> Result<Self> {
        let netns = match namespace {
            IpvsNamespace::Same => None,
            IpvsNamespace::Host => Some(Netns::of_process(1)?),
            IpvsNamespace::Named(name) => Some(Netns::open(format!("/run/netns/{name}"))?),
        };
        // Until both sockets are open, or nothing comes of it.
        let _there = netns.as_ref().map(Netns::guard).transpose()?;
        let open = || Generic::open(FAMILY, VERSION, receive_buffer);
        let mut socket = open()?;
        let mut how = String::new();
        if socket.is_none() {
            how = load();
            socket = open()?;
        }
        let socket = socket.ok_or_else(|| {
            let what =
                format!("IP Virtual Server in the kernel (module {MODULE}; `modprobe {MODULE}` {how})");
            OsError::new("find", what, Errno::EPROTONOSUPPORT)
        })?;
        Ok(Self { socket, marks: Nft::open() })
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
