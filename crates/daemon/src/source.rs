//! The world as `config` asks for it: files, interfaces, accounts and programs of this machine.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use base::IpNet;
use config::{
    Account, Interface, MAX_FILE, Match, Program, ProgramError, ReadError, Source, WeakPart, join_path,
};
use linux::netlink::{LinkFlags, RouteFilter, Snapshot};
use nix::unistd::{Gid, Group, Uid, User};

/// Where commands are looked for if `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Answers for the network namespace of the calling thread. Interfaces are looked at once, so that
/// all questions of a load get answers of one moment: make a new one for each load.
#[derive(Debug)]
pub struct System {
    config_id: Option<String>,
    interfaces: OnceCell<BTreeMap<String, (Interface, Vec<IpNet>)>>,
}

impl System {
    /// With the configuration id of `-i`; without it the first label of the host's name counts.
    #[must_use]
    pub fn new(config_id: Option<String>) -> Self {
        Self { config_id, interfaces: OnceCell::new() }
    }

    fn interfaces(&self) -> &BTreeMap<String, (Interface, Vec<IpNet>)> {
        self.interfaces.get_or_init(|| {
            // Without an answer of the kernel no interface is known; the load then says so of each.
            let snapshot = Snapshot::take(RouteFilter::None).unwrap_or_default();
            let facts = |link: &linux::netlink::Link| Interface {
                loopback: link.flags.contains(LinkFlags::LOOPBACK),
                multicast: link.flags.contains(LinkFlags::MULTICAST),
                mtu: link.mtu,
            };
            let nets = |link: &linux::netlink::Link| {
                let all = snapshot.addresses.values().filter(|address| address.index == link.index);
                all.map(|address| address.net).collect()
            };
            let links = snapshot.links.values();
            links.map(|link| (link.name.as_str().to_owned(), (facts(link), nets(link)))).collect()
        })
    }
}

impl Source for System {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        let why = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => ReadError::NotFound,
            ErrorKind::PermissionDenied => ReadError::Permission,
            ErrorKind::IsADirectory => ReadError::NotAFile,
            _ => ReadError::Other,
        };
        // A FIFO must not hold the start up.
        let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
        let file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(why)?;
        let metadata = file.metadata().map_err(why)?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile);
        }
        let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
        if metadata.len() > most {
            return Err(ReadError::TooLarge);
        }
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(why)?;
        if bytes.len() > MAX_FILE {
            return Err(ReadError::TooLarge);
        }
        Ok(bytes.into())
    }

    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let full = join_path(&glob_literal(base), pattern);
        let Ok(paths) = glob::glob_with(&full, options) else { return Vec::new() };
        let found = paths.filter_map(Result::ok).filter_map(|path| {
            let plain = path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 == 0);
            Some(Match { path: path.to_str()?.to_owned(), plain })
        });
        found.collect()
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn config_id(&self) -> String {
        self.config_id.clone().unwrap_or_else(|| {
            let host = self.host_name();
            host.split('.').next().unwrap_or_default().to_owned()
        })
    }

    fn host_name(&self) -> String {
        nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn seed(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.as_secs().wrapping_mul(1_000_000_007) ^ u64::from(now.subsec_nanos())
    }

    fn interface(&self, name: &str) -> Option<Interface> {
        self.interfaces().get(name).map(|(interface, _)| *interface)
    }

    fn user(&self, name: &str) -> Option<Account> {
        let account = |user: User| Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() };
        if let Some(user) = User::from_name(name).ok().flatten() {
            return Some(account(user));
        }
        let uid: u32 = name.parse().ok()?;
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        // A number needs no entry; its group is then the one of the same number.
        Some(known.map_or(Account { uid, gid: uid }, account))
    }

    fn group(&self, name: &str) -> Option<u32> {
        let known = Group::from_name(name).ok().flatten();
        known.map(|group| Gid::as_raw(group.gid)).or_else(|| name.parse().ok())
    }

    fn program(&self, command: &str, account: Account) -> Result<Program, ProgramError> {
        if command.contains('/') {
            return look_at(Path::new(command), account);
        }
        let path = std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.to_owned());
        let mut worst = ProgramError::NotFound;
        for directory in path.split(':').filter(|directory| directory.starts_with('/')) {
            match look_at(&Path::new(directory).join(command), account) {
                Err(ProgramError::NotFound) => {}
                Err(why) => worst = why,
                found => return found,
            }
        }
        Err(worst)
    }

    fn addresses(&self, name: &str) -> Vec<IpNet> {
        self.interfaces().get(name).map(|(_, nets)| nets.clone()).unwrap_or_default()
    }

    fn weak_part(&self, path: &str) -> Option<WeakPart> {
        let path = Path::new(path);
        let (part, meta) = weakest(path).or_else(|| weakest(&path.canonicalize().ok()?))?;
        Some(WeakPart { path: part.to_str()?.to_owned(), who: who_changes(&meta?) })
    }

    fn is_open(&self, path: &str) -> bool {
        Path::new(path).metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
    }
}

/// A directory's name as a pattern that matches only itself.
fn glob_literal(name: &str) -> String {
    glob::Pattern::escape(name)
}

/// Whether `account` may execute `path`, and whether it is safe to do so as root.
fn look_at(path: &Path, account: Account) -> Result<Program, ProgramError> {
    let resolved = path.canonicalize().map_err(|_| ProgramError::NotFound)?;
    let meta = resolved.metadata().map_err(|_| ProgramError::NotFound)?;
    if !meta.is_file() || !may_execute(&meta, account) {
        return Err(ProgramError::NotExecutable);
    }
    let Some(text) = resolved.to_str() else { return Err(ProgramError::NotFound) };
    let mode = meta.permissions().mode();
    let privileged = (mode & 0o4000 != 0 && meta.uid() == 0) || (mode & 0o2000 != 0 && meta.gid() == 0);
    let insecure = !only_roots(path) || !only_roots(&resolved);
    Ok(Program { path: text.to_owned(), insecure, privileged })
}

/// A machine with the files of this one, on which every interface exists; and, if wanted, every program and
/// every account.
pub struct Elsewhere<'a> {
    here: &'a dyn Source,
    programs: bool,
}

impl<'a> Elsewhere<'a> {
    /// Every interface exists.
    pub fn with_interfaces(here: &'a dyn Source) -> Self {
        Self { here, programs: false }
    }

    /// Every interface, program and account exists: the machine that a configuration was written for.
    pub fn with_everything(here: &'a dyn Source) -> Self {
        Self { here, programs: true }
    }
}

impl Source for Elsewhere<'_> {
    fn interface(&self, name: &str) -> Option<Interface> {
        Some(Interface { loopback: name == "lo", ..Interface::default() })
    }
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        self.here.read(path)
    }
    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        self.here.glob(pattern, base)
    }
    fn env(&self, name: &str) -> Option<String> {
        self.here.env(name)
    }
    fn config_id(&self) -> String {
        self.here.config_id()
    }
    fn host_name(&self) -> String {
        self.here.host_name()
    }
    fn seed(&self) -> u64 {
        self.here.seed()
    }
    fn user(&self, name: &str) -> Option<Account> {
        let stranger = || Account { uid: number_of_stranger(name), gid: number_of_stranger(name) };
        self.here.user(name).or_else(|| self.programs.then(stranger))
    }
    fn group(&self, name: &str) -> Option<u32> {
        self.here.group(name).or_else(|| self.programs.then(|| number_of_stranger(name)))
    }
    fn program(&self, command: &str, account: Account) -> Result<Program, ProgramError> {
        if self.programs {
            return Ok(Program { path: command.to_owned(), insecure: false, privileged: false });
        }
        self.here.program(command, account)
    }
}

/// A number for an account that only another machine knows: the same for the same name, another one for each
/// other, and none that is in use (FNV-1a, in the upper half).
fn number_of_stranger(name: &str) -> u32 {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash | 1 << 31
}

fn may_execute(meta: &Metadata, account: Account) -> bool {
    let mode = meta.permissions().mode();
    let bit = match account {
        Account { uid: 0, .. } => 0o111,
        Account { uid, .. } if uid == meta.uid() => 0o100,
        Account { gid, .. } if gid == meta.gid() => 0o010,
        _ => 0o001,
    };
    mode & bit != 0
}

/// Whether root owns every part of `path`, and nobody else may write to it.
fn only_roots(path: &Path) -> bool {
    weakest(path).is_none()
}

/// The first part of `path` that somebody else than root can change, with what is known of it.
fn weakest(path: &Path) -> Option<(PathBuf, Option<Metadata>)> {
    let Ok(absolute) = std::path::absolute(path) else { return Some((path.to_owned(), None)) };
    let mut part = PathBuf::new();
    absolute.components().find_map(|component| {
        part.push(component);
        let Ok(meta) = part.symlink_metadata() else { return Some((part.clone(), None)) };
        // The mode of a symbolic link means nothing; its owner can point it elsewhere.
        let safe = meta.is_symlink() && meta.uid() == 0
            || only_root_changes(meta.uid(), meta.gid(), meta.permissions().mode(), meta.is_dir());
        (!safe).then(|| (part.clone(), Some(meta)))
    })
}

/// Who besides root can change a file that is not [root's alone](only_root_changes).
fn who_changes(meta: &Metadata) -> String {
    let mode = meta.permissions().mode();
    if meta.uid() != 0 {
        let known = User::from_uid(Uid::from_raw(meta.uid())).ok().flatten();
        let name = known.map_or_else(|| meta.uid().to_string(), |user| user.name);
        format!("its owner, the user `{name}`,")
    } else if mode & 0o002 != 0 {
        "everybody".to_owned()
    } else {
        let known = Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten();
        let name = known.map_or_else(|| meta.gid().to_string(), |group| group.name);
        format!("the group `{name}`")
    }
}

/// Whether nobody but root can change a file or directory, by the rule that keepalived 2.2.7 was seen
/// to follow: the group may write if it is root's, and anybody may add files to a sticky directory
/// (such as `/tmp`), since what root has there nobody else can remove.
fn only_root_changes(uid: u32, gid: u32, mode: u32, directory: bool) -> bool {
    let by_others = mode & 0o002 != 0 || (mode & 0o020 != 0 && gid != 0);
    uid == 0 && (!by_others || (directory && mode & 0o1000 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_change_is_judged_as_keepalived_judges_it() {
        let safe = only_root_changes;
        for (gid, mode) in [(0, 0o755), (0, 0o775), (0, 0o1777), (0, 0o1775), (100, 0o3775)] {
            assert!(safe(0, gid, mode, true), "{gid} {mode:o}");
        }
        for (gid, mode) in [(0, 0o777), (100, 0o2775)] {
            assert!(!safe(0, gid, mode, true), "{gid} {mode:o}");
        }
        assert!(safe(0, 0, 0o775, false));
        assert!(!safe(0, 0, 0o1777, false) && !safe(0, 100, 0o775, false) && !safe(1, 0, 0o755, true));
    }

    fn file(dir: &tempfile::TempDir, name: &str, mode: u32) -> String {
        let path = dir.path().join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn files_are_found_by_pattern_and_directories_are_no_files() {
        let dir = tempfile::tempdir().unwrap();
        file(&dir, "b.conf", 0o644);
        file(&dir, "a.conf", 0o644);
        file(&dir, "run.conf", 0o755);
        std::fs::create_dir(dir.path().join("d.conf")).unwrap();
        let system = System::new(None);
        let base = dir.path().to_str().unwrap();
        let found = system.glob("*.conf", base);
        let plain: Vec<_> =
            found.iter().filter(|m| m.plain).map(|m| m.path.rsplit('/').next().unwrap()).collect();
        assert_eq!(plain, ["a.conf", "b.conf"]);
        assert_eq!(found.len(), 4);
        assert_eq!(system.read(&format!("{base}/d.conf")), Err(ReadError::NotAFile));
        assert_eq!(system.read(&format!("{base}/none")), Err(ReadError::NotFound));
        assert_eq!(&*system.read(&format!("{base}/a.conf")).unwrap(), b"#!/bin/sh\n");
    }

    #[test]
    fn a_program_must_be_executable_for_its_user() {
        let dir = tempfile::tempdir().unwrap();
        let system = System::new(None);
        let nobody = Account { uid: 65_534, gid: 65_534 };
        let script = file(&dir, "s", 0o644);
        assert_eq!(system.program(&script, Account::ROOT), Err(ProgramError::NotExecutable));
        let script = file(&dir, "t", 0o700);
        assert_eq!(system.program(&script, nobody), Err(ProgramError::NotExecutable));
        let script = file(&dir, "u", 0o757);
        assert!(system.program(&script, Account::ROOT).is_ok_and(|p| p.insecure), "others may write it");
        let weak = system.weak_part(&script).unwrap();
        assert_eq!((weak.path.as_str(), weak.who.as_str()), (script.as_str(), "everybody"));
        assert_eq!(system.weak_part("/bin/sh"), None);
        assert!(system.is_open(&script) && !system.is_open("/nowhere/x"));
        assert!(!system.is_open(&file(&dir, "key", 0o600)));
        assert_eq!(system.program("/nowhere/x", nobody), Err(ProgramError::NotFound));
        assert_eq!(system.program("no-such-command-at-all", nobody), Err(ProgramError::NotFound));
        let shell = system.program("sh", nobody).unwrap();
        assert!(shell.path.starts_with('/') && !shell.insecure, "{shell:?}");
    }

    #[test]
    fn the_loopback_interface_and_root_are_known() {
        let system = System::new(Some("id".to_owned()));
        assert!(system.interface("lo").is_some_and(|lo| lo.loopback));
        assert!(system.addresses("lo").iter().all(|net| net.addr().is_loopback()));
        assert_eq!(system.interface("none.such"), None);
        assert_eq!(system.user("root"), Some(Account::ROOT));
        assert_eq!(system.user("4000000"), Some(Account { uid: 4_000_000, gid: 4_000_000 }));
        assert_eq!(system.group("root"), Some(0));
        assert_eq!(system.config_id(), "id");
        assert!(!System::new(None).config_id().contains('.'));
    }
}
