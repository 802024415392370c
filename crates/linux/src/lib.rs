//! What the daemon, its supervisor, its script runner and the lab ask of Linux.
//!
//! The only crate with `unsafe` code, and one without protocol decisions: it moves bytes, facts and
//! results between the kernel and its callers. Nothing here blocks unless its documentation says so,
//! every descriptor is closed on exec, and every error names the operation and its object.
//!
//! * Waiting: [`clock`], [`timer`], [`poll`], [`wait`], [`signals`], [`inotify`].
//! * The network's configuration: [`netlink`], [`sysctl`], [`netns`].
//! * Both as the engine wants them: [`kernel`].
//! * Virtual servers: [`ipvs`], [`nft`].
//! * Packets: [`vrrp_socket`], [`packet_socket`].
//! * Processes: [`process`], [`seqpacket`], [`memfd`], [`pidfile`], [`heap`], [`program`].
//! * A library in C: [`regex`].

pub mod clock;
pub mod error;
pub mod heap;
pub mod inotify;
pub mod ipvs;
pub mod kernel;
pub mod memfd;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod packet_socket;
pub mod pidfile;
pub mod poll;
pub mod process;
pub mod program;
pub mod regex;
pub mod seqpacket;
pub mod signals;
mod sys;
pub mod sysctl;
pub mod timer;
pub mod vrrp_socket;
pub mod wait;

pub use error::{Errno, OsError, Result};
