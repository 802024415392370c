//! The file system and the machine as the configuration sees them, without patterns, users other than
//! root and checks of scripts: to be replaced by the complete one.

use std::io::ErrorKind;
use std::sync::Arc;

use config::{Account, Interface, Match, Program, ProgramError, ReadError, Source, join_path};

/// This machine.
pub struct System {
    config_id: Option<String>,
}

impl System {
    /// This machine, with the configuration id of the command line.
    pub fn new(config_id: Option<String>) -> Self {
        Self { config_id }
    }
}

impl Source for System {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        std::fs::read(path).map(Into::into).map_err(|e| match e.kind() {
            ErrorKind::NotFound => ReadError::NotFound,
            ErrorKind::PermissionDenied => ReadError::Permission,
            _ => ReadError::Other,
        })
    }

    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        let path = join_path(base, pattern);
        let plain = std::fs::metadata(&path).is_ok_and(|m| m.is_file());
        if plain { vec![Match { path, plain }] } else { Vec::new() }
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn config_id(&self) -> String {
        let host = self.host_name();
        self.config_id.clone().unwrap_or_else(|| host.split('.').next().unwrap_or_default().to_owned())
    }

    fn host_name(&self) -> String {
        nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok()).unwrap_or_default()
    }

    fn seed(&self) -> u64 {
        linux::clock::now().as_nanos()
    }

    fn interface(&self, name: &str) -> Option<Interface> {
        let there = std::path::Path::new("/sys/class/net").join(name).exists();
        there.then(|| Interface { loopback: name == "lo", ..Interface::default() })
    }

    fn user(&self, name: &str) -> Option<Account> {
        matches!(name, "root" | "0").then_some(Account::ROOT)
    }

    fn group(&self, name: &str) -> Option<u32> {
        matches!(name, "root" | "0").then_some(0)
    }

    fn program(&self, command: &str, _: Account) -> Result<Program, ProgramError> {
        if std::fs::metadata(command).is_ok_and(|m| m.is_file()) {
            Ok(Program { path: command.to_owned(), insecure: false, privileged: false })
        } else {
            Err(ProgramError::NotFound)
        }
    }
}
