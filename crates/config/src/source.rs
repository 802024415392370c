//! What a load may ask of the world outside, and an answer book for tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base::IpNet;
use serde::{Deserialize, Serialize};

/// Everything that a load can learn from outside. The crate asks nothing else.
///
/// The daemon answers from the file system and the kernel; [`MapSource`] answers from maps;
/// [`crate::Bundle`] answers as another source did before.
pub trait Source {
    /// The bytes of the file at `path`.
    ///
    /// # Errors
    /// Says why there are none.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError>;

    /// The files that match the shell pattern `pattern` (`*`, `?`, `[..]`, no braces), sorted by
    /// name. A pattern that doesn't start with `/` is relative to the directory `base`.
    fn glob(&self, pattern: &str, base: &str) -> Vec<Match>;

    /// The value of an environment variable, for `${_ENV NAME}`.
    fn env(&self, name: &str) -> Option<String>;

    /// The name that `@id` lines are compared with: the option `-i`, else the first label of the
    /// host name.
    fn config_id(&self) -> String;

    /// The name of the host: the default of `router_id`.
    fn host_name(&self) -> String;

    /// The seed of `${_RANDOM}` if the file sets no `random_seed`.
    fn seed(&self) -> u64;

    /// What is known of the network interface `name`; `None` if it doesn't exist.
    fn interface(&self, name: &str) -> Option<Interface>;

    /// The account `name`, or the account with that number.
    fn user(&self, name: &str) -> Option<Account>;

    /// The number of the group `name`, or `name` itself if it is a number.
    fn group(&self, name: &str) -> Option<u32>;

    /// Looks a command up as a script of `account` would be executed.
    ///
    /// # Errors
    /// Says why it can't be executed.
    fn program(&self, command: &str, account: Account) -> Result<Program, ProgramError>;

    /// The addresses of the interface `name`; none if they are not known. Only advice asks for them.
    fn addresses(&self, name: &str) -> Vec<IpNet> {
        let _ = name;
        Vec::new()
    }

    /// Which part of the path of an insecure [`Program`] can be changed, and by whom; `None` if that is not
    /// known. Only advice asks for it.
    fn weak_part(&self, path: &str) -> Option<WeakPart> {
        let _ = path;
        None
    }

    /// Whether somebody else than its owner may read or write a file; `false` if that is not known. Only advice
    /// asks for it.
    fn is_open(&self, path: &str) -> bool {
        let _ = path;
        false
    }
}

/// A part of a path that somebody else than root can change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeakPart {
    /// The file or directory.
    pub path: String,
    /// Who can change it: "the user `web`", "the group `ops`", "everybody".
    pub who: String,
}

/// The largest file in bytes. A real server takes some 110 bytes, so that this is room for 150,000.
pub const MAX_FILE: usize = 16 << 20;

/// Why a file cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ReadError {
    /// It does not exist.
    NotFound,
    /// Its permissions forbid it.
    Permission,
    /// It is a directory, a device or a socket.
    NotAFile,
    /// It is larger than [`MAX_FILE`].
    TooLarge,
    /// Anything else.
    Other,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "it does not exist",
            Self::Permission => "its permissions forbid it",
            Self::NotAFile => "it is not a regular file",
            Self::TooLarge => "it is larger than 16 MiB",
            Self::Other => "it cannot be read",
        })
    }
}

impl std::error::Error for ReadError {}

/// A file found by [`Source::glob`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Match {
    /// Its path, absolute or relative to the working directory of the process.
    pub path: String,
    /// Whether it is a regular file that nobody may execute: only those are included.
    pub plain: bool,
}

/// What the configuration needs to know of a network interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Interface {
    /// It is the loopback interface.
    pub loopback: bool,
    /// It can send multicast packets.
    pub multicast: bool,
    /// The largest packet in bytes.
    pub mtu: u32,
}

impl Default for Interface {
    fn default() -> Self {
        Self { loopback: false, multicast: true, mtu: 1500 }
    }
}

/// Whom a script runs as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's own group.
    pub gid: u32,
}

impl Account {
    /// The super-user.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// A command that can be executed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Program {
    /// The path with symbolic links resolved.
    pub path: String,
    /// A part of the path can be changed by somebody else than root, or the file by its group or
    /// by others: it must not run as root.
    pub insecure: bool,
    /// The file itself gives the rights of root to whoever runs it (setuid or setgid).
    pub privileged: bool,
}

/// Why a command cannot be executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ProgramError {
    /// It was not found, at its path or in the search path.
    NotFound,
    /// Its account may not execute it.
    NotExecutable,
}

/// A world made of maps, for tests and for tools that have no file system.
///
/// Every interface exists until [`MapSource::interface`] names one; every command is found until
/// [`MapSource::without_program`] removes it.
#[derive(Clone, Debug, Default)]
pub struct MapSource {
    files: BTreeMap<String, Arc<[u8]>>,
    unreadable: BTreeMap<String, ReadError>,
    env: BTreeMap<String, String>,
    interfaces: BTreeMap<String, Interface>,
    users: BTreeMap<String, Account>,
    missing_programs: Vec<String>,
    insecure_programs: Vec<String>,
    open_files: Vec<String>,
    addresses: BTreeMap<String, Vec<IpNet>>,
    config_id: String,
}

impl MapSource {
    /// A world with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        let users = BTreeMap::from([("root".to_owned(), Account::ROOT)]);
        Self { users, config_id: "node1".to_owned(), ..Self::default() }
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_owned(), bytes.as_ref().into());
        self
    }

    /// Adds a file that is there but cannot be read.
    #[must_use]
    pub fn unreadable(mut self, path: &str, why: ReadError) -> Self {
        self.unreadable.insert(path.to_owned(), why);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the configuration id.
    #[must_use]
    pub fn config_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.config_id);
        self
    }

    /// Adds an interface. From now on only the added ones exist.
    #[must_use]
    pub fn interface(mut self, name: &str, interface: Interface) -> Self {
        self.interfaces.insert(name.to_owned(), interface);
        self
    }

    /// Adds an account.
    #[must_use]
    pub fn user(mut self, name: &str, account: Account) -> Self {
        self.users.insert(name.to_owned(), account);
        self
    }

    /// Says that a command isn't there.
    #[must_use]
    pub fn without_program(mut self, command: &str) -> Self {
        self.missing_programs.push(command.to_owned());
        self
    }

    /// Gives an address to an interface.
    #[must_use]
    pub fn address(mut self, interface: &str, address: IpNet) -> Self {
        self.addresses.entry(interface.to_owned()).or_default().push(address);
        self
    }

    /// Says that somebody else than root could change a command.
    #[must_use]
    pub fn insecure_program(mut self, command: &str) -> Self {
        self.insecure_programs.push(command.to_owned());
        self
    }

    /// Says that everybody may read a file.
    #[must_use]
    pub fn open_file(mut self, path: &str) -> Self {
        self.open_files.push(path.to_owned());
        self
    }
}

impl Source for MapSource {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        match self.unreadable.get(path) {
            Some(&why) => Err(why),
            None => self.files.get(path).cloned().ok_or(ReadError::NotFound),
        }
    }

    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        let full = join_path(base, pattern);
        let Ok(pattern) = glob::Pattern::new(&full) else { return Vec::new() };
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let all = self.files.keys().chain(self.unreadable.keys());
        let mut found: Vec<_> = all
            .filter(|path| pattern.matches_with(path, options))
            .map(|path| Match { path: path.clone(), plain: true })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn config_id(&self) -> String {
        self.config_id.clone()
    }

    fn host_name(&self) -> String {
        "node1".to_owned()
    }

    fn seed(&self) -> u64 {
        1
    }

    fn interface(&self, name: &str) -> Option<Interface> {
        match self.interfaces.get(name) {
            Some(&known) => Some(known),
            None if self.interfaces.is_empty() && name == "lo" => {
                Some(Interface { loopback: true, multicast: false, mtu: 65_536 })
            }
            None if self.interfaces.is_empty() => Some(Interface::default()),
            None => None,
        }
    }

    fn user(&self, name: &str) -> Option<Account> {
        self.users.get(name).copied()
    }

    fn group(&self, name: &str) -> Option<u32> {
        self.users.get(name).map(|account| account.gid).or_else(|| name.parse().ok())
    }

    fn program(&self, command: &str, _: Account) -> Result<Program, ProgramError> {
        if self.missing_programs.iter().any(|missing| missing == command) {
            return Err(ProgramError::NotFound);
        }
        let insecure = self.insecure_programs.iter().any(|known| known == command);
        Ok(Program { path: command.to_owned(), insecure, privileged: false })
    }

    fn addresses(&self, name: &str) -> Vec<IpNet> {
        self.addresses.get(name).cloned().unwrap_or_default()
    }

    fn weak_part(&self, path: &str) -> Option<WeakPart> {
        let known = self.insecure_programs.iter().any(|known| known == path);
        known.then(|| WeakPart { path: path.to_owned(), who: "everybody".to_owned() })
    }

    fn is_open(&self, path: &str) -> bool {
        self.open_files.iter().any(|known| known == path)
    }
}

/// `path` as seen from the directory `base`.
#[must_use]
pub fn join_path(base: &str, path: &str) -> String {
    if path.starts_with('/') || base.is_empty() {
        path.to_owned()
    } else {
        format!("{}/{path}", base.trim_end_matches('/'))
    }
}

/// The directory of the file at `path`; empty for a bare name.
#[must_use]
pub fn parent_of(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(end) => path.get(..end).unwrap_or(""),
        None => "",
    }
}

/// All the answers of one load, so that another process can repeat it without asking the world.
///
/// The supervisor loads the configuration through a [`Recording`], hands the bytes of the bundle to
/// its children, and these load from the bundle: all processes see the same files, even when
/// somebody edits them in between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    files: BTreeMap<String, Result<Arc<[u8]>, ReadError>>,
    globs: BTreeMap<(String, String), Vec<Match>>,
    env: BTreeMap<String, Option<String>>,
    config_id: String,
    host_name: String,
    seed: u64,
    interfaces: BTreeMap<String, Option<Interface>>,
    users: BTreeMap<String, Option<Account>>,
    groups: BTreeMap<String, Option<u32>>,
    programs: BTreeMap<(String, Account), Result<Program, ProgramError>>,
}

/// The bytes are no bundle of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BundleError;

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a configuration bundle of this version")
    }
}

impl std::error::Error for BundleError {}

/// Starts every serialised bundle, so that bytes of another version are refused.
const BUNDLE_MAGIC: [u8; 8] = *b"vipdcfg1";

impl Bundle {
    /// The bundle as bytes, for [`Bundle::from_bytes`].
    ///
    /// # Errors
    /// Only when memory is short.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        postcard::to_extend(self, BUNDLE_MAGIC.to_vec()).map_err(|_| BundleError)
    }

    /// Reads what [`Bundle::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let body = bytes.strip_prefix(&BUNDLE_MAGIC).ok_or(BundleError)?;
        postcard::from_bytes(body).map_err(|_| BundleError)
    }
}

/// Answers as the recorded source did. What was not asked then does not exist now.
impl Source for Bundle {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        self.files.get(path).cloned().unwrap_or(Err(ReadError::NotFound))
    }

    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        self.globs.get(&(pattern.to_owned(), base.to_owned())).cloned().unwrap_or_default()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned().flatten()
    }

    fn config_id(&self) -> String {
        self.config_id.clone()
    }

    fn host_name(&self) -> String {
        self.host_name.clone()
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn interface(&self, name: &str) -> Option<Interface> {
        self.interfaces.get(name).copied().flatten()
    }

    fn user(&self, name: &str) -> Option<Account> {
        self.users.get(name).copied().flatten()
    }

    fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied().flatten()
    }

    fn program(&self, command: &str, account: Account) -> Result<Program, ProgramError> {
        self.programs.get(&(command.to_owned(), account)).cloned().unwrap_or(Err(ProgramError::NotFound))
    }
}

/// Passes every question on and remembers the answers.
pub struct Recording<'a> {
    inner: &'a dyn Source,
    bundle: RefCell<Bundle>,
}

impl<'a> Recording<'a> {
    /// Starts a recording of `inner`.
    #[must_use]
    pub fn new(inner: &'a dyn Source) -> Self {
        let bundle = Bundle {
            config_id: inner.config_id(),
            host_name: inner.host_name(),
            seed: inner.seed(),
            ..Bundle::default()
        };
        Self { inner, bundle: RefCell::new(bundle) }
    }

    /// The answers so far.
    #[must_use]
    pub fn into_bundle(self) -> Bundle {
        self.bundle.into_inner()
    }
}

impl Source for Recording<'_> {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        let mut bundle = self.bundle.borrow_mut();
        bundle.files.entry(path.to_owned()).or_insert_with(|| self.inner.read(path)).clone()
    }

    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        let key = (pattern.to_owned(), base.to_owned());
        let mut bundle = self.bundle.borrow_mut();
        bundle.globs.entry(key).or_insert_with(|| self.inner.glob(pattern, base)).clone()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.bundle.borrow_mut().env.entry(name.to_owned()).or_insert_with(|| self.inner.env(name)).clone()
    }

    fn config_id(&self) -> String {
        self.bundle.borrow().config_id.clone()
    }

    fn host_name(&self) -> String {
        self.bundle.borrow().host_name.clone()
    }

    fn seed(&self) -> u64 {
        self.bundle.borrow().seed
    }

    fn interface(&self, name: &str) -> Option<Interface> {
        let mut bundle = self.bundle.borrow_mut();
        *bundle.interfaces.entry(name.to_owned()).or_insert_with(|| self.inner.interface(name))
    }

    fn user(&self, name: &str) -> Option<Account> {
        *self.bundle.borrow_mut().users.entry(name.to_owned()).or_insert_with(|| self.inner.user(name))
    }

    fn group(&self, name: &str) -> Option<u32> {
        *self.bundle.borrow_mut().groups.entry(name.to_owned()).or_insert_with(|| self.inner.group(name))
    }

    fn program(&self, command: &str, account: Account) -> Result<Program, ProgramError> {
        let key = (command.to_owned(), account);
        let mut bundle = self.bundle.borrow_mut();
        bundle.programs.entry(key).or_insert_with(|| self.inner.program(command, account)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_answers_as_the_recorded_source_did() {
        let world = MapSource::new().file("/etc/a.conf", "x").env("HOME", "/root").without_program("/bin/no");
        let recording = Recording::new(&world);
        assert!(recording.read("/etc/a.conf").is_ok());
        assert!(recording.read("/etc/b.conf").is_err());
        assert_eq!(recording.glob("*.conf", "/etc").len(), 1);
        assert_eq!(recording.env("HOME").as_deref(), Some("/root"));
        assert!(recording.program("/bin/no", Account::ROOT).is_err());
        let bundle = recording.into_bundle();
        let bytes = bundle.to_bytes().unwrap();
        let copy = Bundle::from_bytes(&bytes).unwrap();
        assert_eq!(copy, bundle);
        assert_eq!(copy.read("/etc/a.conf").unwrap()[..], b"x"[..]);
        assert_eq!(copy.glob("*.conf", "/etc"), world.glob("*.conf", "/etc"));
        assert_eq!(copy.program("/bin/no", Account::ROOT), Err(ProgramError::NotFound));
    }

    #[test]
    fn bytes_that_are_no_bundle_are_refused() {
        assert_eq!(Bundle::from_bytes(b"vrrp_instance"), Err(BundleError));
        assert_eq!(Bundle::from_bytes(b"vipdcfg1\xff\xff\xff\xff\xff\xff"), Err(BundleError));
    }

    #[test]
    fn directories_of_paths() {
        assert_eq!(parent_of("/etc/keepalived/k.conf"), "/etc/keepalived");
        assert_eq!(parent_of("/k.conf"), "/");
        assert_eq!(parent_of("k.conf"), "");
        assert_eq!(join_path("/etc/", "x"), "/etc/x");
        assert_eq!(join_path("/etc", "/x"), "/x");
    }
}
