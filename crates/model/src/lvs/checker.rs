//! Health checks: when, where to, and what counts as healthy.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfName};

use super::{CheckBfdId, CheckFileId, Http, Schedule};
use crate::script::Command;

/// A check of a real server. Its whole content makes it the same check after a reload.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Checker {
    /// When it runs. What follows another event instead (a file, a BFD session) has no use for more
    /// than [`Schedule::alpha`].
    pub schedule: Schedule,
    /// What it does.
    pub probe: Probe,
}

/// What a check does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Probe {
    /// `TCP_CHECK`: a connection.
    Tcp(Connect),
    /// `PING_CHECK`: an ICMP echo.
    Ping(Connect),
    /// `HTTP_GET`. What is asked is most often the same for many servers, who share it then.
    Http(Connect, Arc<Http>),
    /// `SSL_GET`: the same within TLS.
    Ssl(Connect, Arc<Http>),
    /// `SMTP_CHECK`: greeting, HELO, QUIT.
    Smtp(Connect, Box<SmtpCheck>),
    /// `DNS_CHECK`: a query.
    Dns(Connect, Box<DnsCheck>),
    /// `UDP_CHECK`: a datagram.
    Udp(Connect, Box<UdpCheck>),
    /// `MISC_CHECK`: a command.
    Misc(Box<MiscCheck>),
    /// `FILE_CHECK`: a number in a file.
    File(FileCheck),
    /// `BFD_CHECK`: the state of a BFD session.
    Bfd(CheckBfdId),
}

impl Probe {
    /// The keyword.
    #[must_use]
    pub const fn keyword(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "TCP_CHECK",
            Self::Ping(_) => "PING_CHECK",
            Self::Http(..) => "HTTP_GET",
            Self::Ssl(..) => "SSL_GET",
            Self::Smtp(..) => "SMTP_CHECK",
            Self::Dns(..) => "DNS_CHECK",
            Self::Udp(..) => "UDP_CHECK",
            Self::Misc(_) => "MISC_CHECK",
            Self::File(_) => "FILE_CHECK",
            Self::Bfd(_) => "BFD_CHECK",
        }
    }

    /// Its connection, if it makes one.
    #[must_use]
    pub const fn connect(&self) -> Option<&Connect> {
        match self {
            Self::Tcp(to)
            | Self::Ping(to)
            | Self::Http(to, _)
            | Self::Ssl(to, _)
            | Self::Smtp(to, _)
            | Self::Dns(to, _)
            | Self::Udp(to, _) => Some(to),
            Self::Misc(_) | Self::File(_) | Self::Bfd(_) => None,
        }
    }
}

/// The connection of a check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Connect {
    /// `connect_ip`: the real server's by default.
    pub address: IpAddr,
    /// `connect_port`: the real server's by default, or the service's if that has none. 0 if there is
    /// none at all, and where ports mean nothing.
    pub port: u16,
    /// `connect_timeout` of each step; more than 0.
    pub timeout: Duration,
    /// `bindto` and its kin, if there is any.
    pub origin: Option<Box<Origin>>,
}

/// Where the packets of a check come from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Origin {
    /// `bindto`: of the family of the destination.
    pub address: Option<IpAddr>,
    /// `bind_port`.
    pub port: Option<u16>,
    /// `bind_if`.
    pub link: Option<IfName>,
    /// `fwmark` on each packet; 0 for none.
    pub mark: u32,
}

/// `SMTP_CHECK`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SmtpCheck {
    /// `helo_name`.
    pub helo_name: Box<str>,
}

/// `DNS_CHECK`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DnsCheck {
    /// `type`.
    pub kind: DnsType,
    /// `name`: labels with dots between them, none empty; `.` for the root.
    pub name: Box<str>,
}

macro_rules! dns_types {
    ($($id:ident = $number:literal, $name:literal;)*) => {
        /// The type of record that is asked for.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum DnsType {
            $(#[doc = $name] $id,)*
        }

        impl DnsType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }

            /// IANA's number.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$id => $number,)*
                }
            }
        }
    };
}

dns_types! {
    A = 1, "A";
    Ns = 2, "NS";
    Cname = 5, "CNAME";
    Soa = 6, "SOA";
    Mx = 15, "MX";
    Txt = 16, "TXT";
    Aaaa = 28, "AAAA";
    Rrsig = 46, "RRSIG";
    Dnskey = 48, "DNSKEY";
}

/// `MISC_CHECK`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MiscCheck {
    /// `misc_path`, `user`.
    pub command: Command,
    /// `misc_timeout`: the longest run; the interval by default.
    pub timeout: Duration,
    /// `misc_dynamic`: exit statuses from 2 set the weight to 2 less.
    pub dynamic: bool,
}

/// `UDP_CHECK`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UdpCheck {
    /// `payload`; `None` for the default of 32 bytes.
    pub payload: Option<Box<[u8]>>,
    /// `require_reply`: silence is a failure, and so is an answer that differs from these bytes. No
    /// bytes: any answer does.
    pub reply: Option<Box<[MaskedByte]>>,
    /// `min_reply_length` in bytes; looked at only if the reply's bytes are.
    pub min_reply: u16,
    /// `max_reply_length` in bytes; looked at only if the reply's bytes are.
    pub max_reply: u16,
}

/// A byte of which some bits count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MaskedByte {
    /// The bits; 0 where they don't count.
    pub value: u8,
    /// Which of them count.
    pub mask: u8,
}

/// `FILE_CHECK`: the number in the file times the weight is added to the weight of the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileCheck {
    /// `track_file`.
    pub file: CheckFileId,
    /// `weight`: -2147483647 to 2147483647; that of the file by default. 0 makes every other number
    /// than 0 a failure.
    pub weight: i32,
    /// `reverse`: the sign is changed.
    pub reverse: bool,
}
