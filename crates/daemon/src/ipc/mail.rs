//! Where mail goes, for the scripts process.

use std::fmt;
use std::net::SocketAddr;

use base::{Duration, Secret};
use model::Mail;
use model::mail::{MailServer, MailTls};
use serde::{Deserialize, Serialize};

/// How mail is handed in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MailConfig {
    /// The server.
    pub host: MailHost,
    /// Whether the way there is encrypted.
    pub security: MailSecurity,
    /// User and password, if the server wants them.
    pub login: Option<(String, Password)>,
    /// The name that the server is told.
    pub helo_name: String,
    /// Who mail is from.
    pub from: String,
    /// Who it is for; not empty.
    pub recipients: Vec<String>,
    /// The longest time of each step.
    pub timeout: Duration,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MailHost {
    /// An address and a port.
    Address(SocketAddr),
    /// A name, which is looked up for each mail, and a port.
    Name(String, u16),
}

/// [`MailTls`] on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are those of MailTls")]
pub enum MailSecurity {
    Off,
    Opportunistic,
    StartTls,
    Wrapped,
}

/// A password that shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Secret<Vec<u8>>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Password {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.reveal().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| Self(Secret::new(bytes)))
    }
}

impl MailConfig {
    /// What `mail` asks for on a host called `host_name` where the daemon is `user`; `None` if no mail can
    /// be sent.
    pub fn of(mail: &Mail, host_name: &str, user: &str) -> Option<Self> {
        let server = mail.server.as_ref().filter(|_| !mail.recipients.is_empty())?;
        Some(Self {
            host: match server {
                MailServer::Address(to) => MailHost::Address(*to),
                MailServer::Name(name, port) => MailHost::Name(name.to_string(), *port),
            },
            security: match mail.tls {
                MailTls::Off => MailSecurity::Off,
                MailTls::Opportunistic => MailSecurity::Opportunistic,
                MailTls::StartTls => MailSecurity::StartTls,
                MailTls::Wrapped => MailSecurity::Wrapped,
            },
            login: mail.login.as_ref().map(|l| (l.user.to_string(), Password(l.password.clone()))),
            helo_name: mail.helo_name.as_deref().unwrap_or(host_name).to_owned(),
            from: mail.from.as_deref().map_or_else(|| format!("{user}@{host_name}"), str::to_owned),
            recipients: mail.recipients.iter().map(|to| to.to_string()).collect(),
            timeout: mail.timeout,
        })
    }

    /// What `mail` asks for on this host.
    pub fn here(mail: &Mail) -> Option<Self> {
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        let user = user.map_or_else(|| "root".to_owned(), |user| user.name);
        Self::of(mail, host.as_deref().unwrap_or("localhost"), &user)
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            host: MailHost::Name("localhost".into(), 25),
            security: MailSecurity::Off,
            login: None,
            helo_name: "lb1".into(),
            from: "lb1@example.org".into(),
            recipients: vec!["ops@example.org".into()],
            timeout: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let login = Some(("user".into(), Password(Secret::new(b"hunter2".to_vec()))));
        let text = format!("{:?}", MailConfig { login, ..MailConfig::example() });
        assert!(!text.contains("hunter2") && !text.contains("104"), "{text}");
    }

    #[test]
    fn defaults_are_the_names_of_host_and_user() {
        let mut mail = Mail::default();
        assert_eq!(MailConfig::of(&mail, "lb1", "root"), None);
        mail.server = Some(MailServer::Name("mail".into(), 25));
        mail.recipients = vec!["a@b.example".into()];
        let config = MailConfig::of(&mail, "lb1", "root").unwrap();
        assert_eq!((&*config.from, &*config.helo_name), ("root@lb1", "lb1"));
    }
}
