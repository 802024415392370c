//! `vipd check --cluster`: what is wrong between the files of several nodes.

use config::cluster::{Finding, Node, compare};
use config::{EXIT_OK, EXIT_TEST_FAILED, Level};

use super::{Checked, WARNED, summary};

/// The files together.
pub(super) struct Cluster<'a> {
    /// Those that were compared: a file that no daemon runs with is left out.
    pub(super) nodes: Vec<Node<'a>>,
    /// The names of those left out.
    pub(super) left_out: Vec<&'a str>,
    pub(super) found: Vec<Finding>,
    /// The exit status for what is between the files.
    pub(super) status: u8,
}

impl<'a> Cluster<'a> {
    /// Compares them.
    pub(super) fn of(checked: &'a [Checked], strict: bool) -> Self {
        let (runs, refused): (Vec<_>, Vec<_>) = checked.iter().partition(|c| c.loaded.model.is_some());
        let nodes: Vec<Node<'a>> =
            runs.into_iter().map(|c| Node { name: &c.file, loaded: &c.loaded }).collect();
        let found = compare(&nodes);
        let has = |level| found.iter().any(|finding| finding.code.level == level);
        let status = if has(Level::Error) {
            EXIT_TEST_FAILED
        } else if strict && has(Level::Warning) {
            WARNED
        } else {
            EXIT_OK
        };
        Self { nodes, left_out: refused.into_iter().map(|c| c.file.as_str()).collect(), found, status }
    }

    /// For people: each finding with the lines of its files, and a summary.
    pub(super) fn text(&self, colours: bool) -> String {
        let mut out: String =
            self.found.iter().map(|finding| finding.render(&self.nodes, colours) + "\n").collect();
        for file in &self.left_out {
            out.push_str(&format!("{file}: not compared, no daemon runs with it\n"));
        }
        let count = |level| self.found.iter().filter(|finding| finding.code.level == level).count();
        out.push_str(&format!("{} files together: {}\n", self.nodes.len(), summary(count)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{MapSource, Options};

    use crate::source::{Elsewhere, System};

    fn text(priority: u8, version: u8) -> String {
        format!(
            "vrrp_instance A {{\n interface eth0\n virtual_router_id 1\n priority {priority}\n version {version}\n \
             virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        )
    }

    /// The files of a cluster, checked.
    fn checked(files: &[(&str, &str)]) -> Vec<Checked> {
        let one = |(name, text): &(&str, &str)| {
            let loaded = config::load(&MapSource::new().file(name, text), &Options::new(*name).with_advice());
            Checked::new(name, loaded, false)
        };
        files.iter().map(one).collect()
    }

    #[test]
    fn what_is_between_the_files_fails_and_is_told_after_each_file() {
        let (a, b, tie) = (text(150, 3), text(100, 2), text(150, 3));
        let files = checked(&[("/a.conf", &a), ("/b.conf", &b)]);
        let cluster = Cluster::of(&files, false);
        assert_eq!((cluster.found.len(), cluster.status), (1, EXIT_TEST_FAILED));
        let told = cluster.text(false);
        assert!(told.contains("/a.conf:5:2") && told.contains("/b.conf:5:2"), "{told}");
        assert!(told.ends_with("2 files together: 1 error\n"), "{told}");
        let files = checked(&[("/a.conf", &a), ("/b.conf", &tie)]);
        assert_eq!(Cluster::of(&files, false).status, EXIT_OK, "a warning");
        assert_eq!(Cluster::of(&files, true).status, WARNED);
    }

    #[test]
    fn what_another_machine_has_is_not_looked_up_here() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.conf");
        let script = "vrrp_script s {\n script /none/such\n user nobody-at-all\n}\n";
        let tracked = text(150, 3).replace("interface eth0", "interface none.such\n track_script {\n s\n }");
        std::fs::write(&path, script.to_owned() + &tracked).unwrap();
        let options = Options::new(path.to_str().unwrap()).with_advice();
        assert!(config::load(&System::new(None), &options).model.is_none());
        let loaded = config::load(&Elsewhere::with_everything(&System::new(None)), &options);
        let model = loaded.model.as_ref().unwrap();
        assert_eq!(model.trackers.len(), 1, "{}", loaded.render(false));
    }

    #[test]
    fn a_file_that_nothing_runs_with_is_named_and_left_out() {
        let a = text(150, 3);
        let files = checked(&[("/a.conf", &a), ("/b.conf", "vrrp_instance A {\n priority\n}\n")]);
        let cluster = Cluster::of(&files, false);
        let told = cluster.text(false);
        assert!(told.contains("/b.conf: not compared") && cluster.found.is_empty(), "{told}");
    }
}
