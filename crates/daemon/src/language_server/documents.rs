//! What is open in the editor, and the world as it is with that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base::IpNet;
use config::{Account, Interface, MAX_FILE, Match, Program, ProgramError, ReadError, Source, WeakPart};

use crate::source::System;

/// More open files than an editor has.
const MAX_DOCUMENTS: usize = 1_000;

/// An open file.
pub(super) struct Document {
    pub(super) uri: String,
    /// What the editor has, saved or not.
    pub(super) text: String,
    pub(super) version: Option<i64>,
}

/// All open files, by their paths.
#[derive(Default)]
pub(super) struct Documents {
    by_path: BTreeMap<String, Document>,
}

impl Documents {
    /// Opens a file, or gives it another text. `false` if there are too many.
    pub(super) fn set(&mut self, document: Document) -> bool {
        let path = path_of(&document.uri);
        let room = self.by_path.len() < MAX_DOCUMENTS || self.by_path.contains_key(&path);
        if room {
            self.by_path.insert(path, document);
        }
        room
    }

    pub(super) fn close(&mut self, uri: &str) {
        self.by_path.remove(&path_of(uri));
    }

    pub(super) fn get(&self, uri: &str) -> Option<&Document> {
        self.by_path.get(&path_of(uri))
    }

    /// All paths with their documents.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.by_path.iter().map(|(path, document)| (path.as_str(), document))
    }

    /// The document of the file at `path`, by whatever name it is called there.
    pub(super) fn at(&self, path: &str) -> Option<&Document> {
        self.by_path.get(path).or_else(|| self.by_path.get(&canonical(path)?))
    }
}

/// The path that stands for a document: that of its file with symbolic links resolved, or what
/// identifies one that is no file yet.
pub(super) fn path_of(uri: &str) -> String {
    let path = uri.strip_prefix("file://").map_or_else(
        || uri.to_owned(),
        // A host's name may stand before the path; there is only one host.
        |rest| decode(rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(rest)),
    );
    canonical(&path).unwrap_or(path)
}

fn canonical(path: &str) -> Option<String> {
    let whole = Path::new(path).canonicalize().ok()?;
    whole.to_str().map(str::to_owned)
}

/// The URI of the file at `path`.
pub(super) fn uri_of(path: &str) -> String {
    let mut out = "file://".to_owned();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A text with `%2F` and its kin made bytes.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut ahead = rest.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// This machine, with the open files in place of those on disk.
pub(super) struct World<'a> {
    pub(super) here: System,
    pub(super) open: &'a Documents,
}

impl Source for World<'_> {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        match self.open.at(path) {
            Some(document) if document.text.len() > MAX_FILE => Err(ReadError::TooLarge),
            Some(document) => Ok(document.text.as_bytes().into()),
            None => self.here.read(path),
        }
    }
    fn glob(&self, pattern: &str, base: &str) -> Vec<Match> {
        // The file that is being edited is itself, however it is called, saved or not.
        if self.open.by_path.contains_key(pattern) {
            return vec![Match { path: pattern.to_owned(), plain: true }];
        }
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
    fn interface(&self, name: &str) -> Option<Interface> {
        self.here.interface(name)
    }
    fn user(&self, name: &str) -> Option<Account> {
        self.here.user(name)
    }
    fn group(&self, name: &str) -> Option<u32> {
        self.here.group(name)
    }
    fn program(&self, command: &str, account: Account) -> Result<Program, ProgramError> {
        self.here.program(command, account)
    }

    fn addresses(&self, name: &str) -> Vec<IpNet> {
        self.here.addresses(name)
    }

    fn weak_part(&self, path: &str) -> Option<WeakPart> {
        self.here.weak_part(path)
    }

    fn is_open(&self, path: &str) -> bool {
        self.here.is_open(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris_and_come_back() {
        for path in ["/etc/keepalived/none.conf", "/a b/%/\u{e9}#?.conf"] {
            assert_eq!(path_of(&uri_of(path)), path);
        }
        assert_eq!(path_of("file://host/none%20x"), "/none x");
        assert_eq!(path_of("file:///a%2"), "/a%2");
        assert_eq!(path_of("untitled:Untitled-1"), "untitled:Untitled-1");
    }
}
