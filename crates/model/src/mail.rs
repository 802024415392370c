//! Mail about changes of state.

use std::net::SocketAddr;

use base::{Duration, Secret};

/// The mail keywords of `global_defs`. Who sends mail at all is resolved into the objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// `smtp_server HOST [PORT]`; no mail without it.
    pub server: Option<MailServer>,
    /// `notification_email`: the recipients; no mail without any.
    pub recipients: Vec<Box<str>>,
    /// `notification_email_from`; the user and host of the daemon if not set.
    pub from: Option<Box<str>>,
    /// `smtp_helo_name`; the host's name if not set.
    pub helo_name: Option<Box<str>>,
    /// `smtp_connect_timeout` of each step: whole seconds, at least 1.
    pub timeout: Duration,
    /// `smtp_alert_vrrp`, else `smtp_alert`: instances and groups send mail where they don't say.
    pub alert_vrrp: bool,
    /// Not `no_email_faults`: mail about the state FAULT, too.
    pub about_faults: bool,
    /// `no_checker_emails`: mail only when a real server changes as a whole.
    pub only_whole_servers: bool,
    /// `smtp_tls` (vipd's own).
    pub tls: MailTls,
    /// `smtp_auth USER PASSWORD` (vipd's own): who hands the mail in.
    pub login: Option<MailLogin>,
}

/// `smtp_tls`: whether the way to the mail server is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MailTls {
    /// `off`: as keepalived does it. The default, unless somebody has to say who he is (`smtp_auth`).
    #[default]
    Off,
    /// `opportunistic`: by STARTTLS if the server offers it; its certificate isn't looked at. With `smtp_auth` it has
    /// to offer it.
    Opportunistic,
    /// `starttls`: by STARTTLS or not at all, to a server with a certificate for its name.
    StartTls,
    /// `wrapped`: from the first byte, to a server with a certificate for its name.
    Wrapped,
}

impl MailTls {
    /// All of them, each with its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("opportunistic", Self::Opportunistic),
        ("starttls", Self::StartTls),
        ("wrapped", Self::Wrapped),
    ];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, tls)| *tls == self).map_or("", |(name, _)| name)
    }
}

/// Who hands mail in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailLogin {
    /// The user.
    pub user: Box<str>,
    /// The password.
    pub password: Secret<Vec<u8>>,
}

/// Where mail is handed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MailServer {
    /// An address and a port.
    Address(SocketAddr),
    /// A name, which is looked up when mail is sent, and a port.
    Name(Box<str>, u16),
}

impl Mail {
    /// Whether any mail can be sent.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        self.server.is_some() && !self.recipients.is_empty()
    }
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: None,
            recipients: Vec::new(),
            from: None,
            helo_name: None,
            timeout: Duration::from_secs(30),
            alert_vrrp: false,
            about_faults: true,
            only_whole_servers: false,
            tls: MailTls::Off,
            login: None,
        }
    }
}
