//! Starting, watching and ending processes, and setting up the own one.
//!
//! A [`Spawn`] describes a process to be started, a [`Child`] is one that was. The functions here act
//! on the calling process itself.

mod child;
mod own;
mod spawn;

pub use child::{Child, Exit, kill_orphaned_groups, reap_orphans};
pub use own::{
    Capability, become_subreaper, bind_to_cpus, daemonize, die_with_parent, forbid_new_privileges,
    keep_capabilities, limit_files, limit_realtime, lock_memory, run_realtime, set_name, set_nice,
    thread_count, touch_memory,
};
pub use spawn::{Spawn, inherited, role};
