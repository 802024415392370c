//! Which files the dumps go to, and how they are written.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::Global;

/// Only the owner may read a dump: it tells commands and paths.
const MODE: u32 = 0o600;

/// The files of one daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The state of the vrrp process.
    pub vrrp: PathBuf,
    /// The state of the supervisor.
    pub parent: PathBuf,
    /// The state of the checkers process.
    pub checkers: PathBuf,
    /// The statistics.
    pub stats: PathBuf,
    /// JSON.
    pub json: PathBuf,
}

impl Files {
    /// The files that `global` asks for; `directory` is the one for files that nobody named.
    ///
    /// `state_dump_file` names the state files only: a path, a name in `directory`, or, ending in
    /// `/`, a directory. `data_use_instance` puts namespace and instance into their names.
    pub fn new(global: &Global, directory: &str) -> Self {
        let named = match global.dumps.state.as_deref() {
            None => format!("{directory}/keepalived.data"),
            Some(path) => {
                let path =
                    if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
                if path.ends_with('/') { format!("{path}keepalived.data") } else { path }
            }
        };
        let names = [global.net_namespace.as_deref(), global.instance.as_deref()];
        let names: Vec<&str> = names.into_iter().flatten().collect();
        let instance = match &*names {
            [_, ..] if global.dumps.use_instance => format!(".{}", names.join("_")),
            _ => String::new(),
        };
        Self {
            vrrp: with_suffix(&named, &instance),
            parent: with_suffix(&named, &format!("_parent{instance}")),
            checkers: with_suffix(&named, &format!("_check{instance}")),
            stats: format!("{directory}/keepalived.stats").into(),
            json: format!("{directory}/keepalived.json").into(),
        }
    }
}

/// Puts `suffix` before the last dot of the file's name, or at its end.
fn with_suffix(path: &str, suffix: &str) -> PathBuf {
    let name = path.rfind('/').map_or(0, |i| i + 1);
    let dot = path.rfind('.').filter(|dot| *dot > name).unwrap_or(path.len());
    let (stem, extension) = path.split_at(dot);
    format!("{stem}{suffix}{extension}").into()
}

/// Writes `text` to `path` so that a reader sees the old file or the new one, never a part, and that
/// nobody who may write to the directory can have it written elsewhere: a new file, which must not
/// exist, is made beside it and then takes its place. A link at `path` is replaced, not followed.
///
/// # Errors
/// Of the file system; then the old file is as it was.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    // One of ours that was not finished, or a trap: `create_new` doesn't follow links either.
    match std::fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // Best effort: the first error is the one to tell.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Name;
    use std::os::unix::fs::PermissionsExt;

    fn files(state: Option<&str>, instance: Option<&str>) -> Files {
        let mut global = Global { instance: instance.map(Name::from), ..Global::default() };
        global.dumps.state = state.map(Into::into);
        global.dumps.use_instance = true;
        Files::new(&global, "/tmp")
    }

    #[test]
    fn files_are_named_as_keepalived_names_them() {
        let f = files(None, None);
        assert_eq!(f.vrrp, Path::new("/tmp/keepalived.data"));
        assert_eq!(f.parent, Path::new("/tmp/keepalived_parent.data"));
        assert_eq!(f.checkers, Path::new("/tmp/keepalived_check.data"));
        assert_eq!(f.stats, Path::new("/tmp/keepalived.stats"));
        assert_eq!(f.json, Path::new("/tmp/keepalived.json"));
        let f = files(Some("/var/lib/ka/"), Some("x"));
        assert_eq!(f.parent, Path::new("/var/lib/ka/keepalived_parent.x.data"));
        assert_eq!(files(Some("/var.d/ka"), None).parent, Path::new("/var.d/ka_parent"));
        assert_eq!(files(Some("ka.txt"), None).vrrp, Path::new("/tmp/ka.txt"));
    }

    #[test]
    fn a_link_is_replaced_and_its_target_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = (dir.path().join("stats"), dir.path().join("precious"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        write(&path, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        let meta = std::fs::symlink_metadata(&path).unwrap();
        assert!(meta.is_file() && meta.permissions().mode() & 0o777 == 0o600);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats");
        std::fs::create_dir(&path).unwrap();
        assert!(write(&path, "text").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write(&dir.path().join("no/where"), "text").is_err());
    }
}
