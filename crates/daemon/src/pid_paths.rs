//! Where pid files are.

use model::Global;

use crate::cli::Options;
use crate::ipc::Part;

/// The pid files of a daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PidPaths {
    /// Of the supervisor.
    pub supervisor: String,
    /// Of the vrrp process.
    pub vrrp: String,
    /// Of the checkers process.
    pub checkers: String,
    /// A directory to make for them.
    pub directory: Option<String>,
}

/// Where they are.
pub const RUN: &str = "/run";
/// Where those of daemons are that are not the only one.
pub const DIRECTORY: &str = "/run/keepalived";

impl PidPaths {
    /// Those of a daemon with these options and this configuration. Options win; daemons with an
    /// instance name or `use_pid_dir` have theirs in a directory, those in a namespace in one of its
    /// name below that (keepalived mounts it over the directory, so that it is there for others, too).
    pub fn new(options: &Options, global: &Global) -> Self {
        let namespace = options.namespace.as_deref().or(global.net_namespace.as_deref());
        let separate = global.use_pid_dir || global.instance.is_some() || namespace.is_some();
        let directory = separate.then(|| match namespace {
            Some(namespace) => format!("{DIRECTORY}/{namespace}"),
            None => DIRECTORY.to_owned(),
        });
        let suffix = global.instance.as_ref().map(|i| format!("_{i}")).unwrap_or_default();
        let path = |given: &Option<String>, name: &str| {
            let directory = directory.as_deref().unwrap_or(RUN);
            given.clone().unwrap_or_else(|| format!("{directory}/{name}{suffix}.pid"))
        };
        let (supervisor, vrrp) = (path(&options.pid, "keepalived"), path(&options.vrrp_pid, "vrrp"));
        let checkers = path(&options.checkers_pid, "checkers");
        Self { supervisor, vrrp, checkers, directory }
    }

    /// That of the process of a part.
    pub fn of(&self, part: Part) -> &str {
        match part {
            Part::Checkers => &self.checkers,
            Part::Vrrp => &self.vrrp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(options: &Options, global: &Global) -> (String, String) {
        let p = PidPaths::new(options, global);
        (p.supervisor, p.vrrp)
    }

    #[test]
    fn pid_files_are_where_scripts_expect_them() {
        let own = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let mut global = Global::default();
        let plain = Options::default();
        assert_eq!(paths(&plain, &global), own("/run/keepalived.pid", "/run/vrrp.pid"));
        let given = Options { pid: Some("/x.pid".into()), ..Options::default() };
        assert_eq!(paths(&given, &global), own("/x.pid", "/run/vrrp.pid"));
        global.use_pid_dir = true;
        assert_eq!(paths(&plain, &global), own("/run/keepalived/keepalived.pid", "/run/keepalived/vrrp.pid"));
        global.use_pid_dir = false;
        global.instance = Some("left".into());
        let left = own("/run/keepalived/keepalived_left.pid", "/run/keepalived/vrrp_left.pid");
        assert_eq!(paths(&plain, &global), left);
    }

    #[test]
    fn daemons_in_different_namespaces_have_different_pid_files() {
        let one = Options { namespace: Some("one".into()), ..Options::default() };
        let two = Options { namespace: Some("two".into()), ..Options::default() };
        let global = Global::default();
        assert_ne!(paths(&one, &global).0, paths(&two, &global).0);
        assert_eq!(paths(&one, &global).0, "/run/keepalived/one/keepalived.pid");
    }
}
