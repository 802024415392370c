//! The whole vocabulary of load balancing: inputs, effects.

use std::net::IpAddr;
use std::sync::Arc;

use model::Model;
use model::lvs::{CheckBfdId, CheckFileId, Checker};

use super::table::{
    MarkTable, ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncHalf, SyncSettings, Table,
    Timeouts,
};
pub use crate::io::{FifoKind, Notification, OpError, OpId, RunId};
pub use crate::mail::Message;

/// What can happen.
#[derive(Debug)]
pub enum Input {
    /// The answer to [`Effect::Dump`]. An error says that the kernel has no virtual servers, or not for us.
    Table(Result<Table, OpError>),
    /// The answer to [`Effect::Kernel`], exactly one each.
    Done {
        /// Which.
        op: OpId,
        /// How it went.
        result: Result<(), OpError>,
    },
    /// The answer to [`Effect::Probe`], exactly one each, also after [`Effect::Cancel`].
    Probed {
        /// Which run.
        run: RunId,
        /// How it went.
        answer: Answer,
    },
    /// The number in a file that a `FILE_CHECK` follows: at the start and after each change; 0 if there
    /// is no such file.
    File {
        /// Which.
        file: CheckFileId,
        /// The number.
        value: i32,
    },
    /// The state of a BFD session that a `BFD_CHECK` follows.
    Bfd {
        /// Which.
        session: CheckBfdId,
        /// Up?
        up: bool,
    },
    /// An address appeared on this host or vanished from it (for `ha_suspend`); at the start once for
    /// each that is there.
    Address {
        /// Which.
        address: IpAddr,
        /// Is it there now?
        exists: bool,
    },
    /// A new configuration, already validated.
    Reload(Arc<Model>),
    /// The daemon stops: what is ours is removed.
    Stop {
        /// `--dont-release-ipvs`: services, servers and marks stay as they are.
        keep: bool,
    },
}

/// How a run of a probe ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The server is well.
    Passed {
        /// The exit status of a `MISC_CHECK`; 0 for all else.
        status: u8,
    },
    /// It isn't.
    Failed(Failure),
    /// The probe could not be made, for a reason on our side, which says nothing about the server.
    Unable(OpError),
}

/// Why a probe failed. Text is made at the edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// No connection within the time.
    ConnectTimeout,
    /// Connection refused, or no way to the server.
    Connect {
        /// `errno`.
        errno: i32,
    },
    /// The handshake of TLS failed, in the words of the library.
    Tls(Box<str>),
    /// The request could not be sent.
    Send {
        /// `errno`.
        errno: i32,
    },
    /// No answer, or no whole answer, within the time.
    ReadTimeout,
    /// The connection broke while the answer was read.
    Read {
        /// `errno`; 0 if it isn't known.
        errno: i32,
    },
    /// The connection ended before there was any answer.
    NoData,
    /// The answer can't be read, or is larger than it may be.
    Malformed(&'static str),
    /// Another HTTP status than those that are wanted.
    Status(u16),
    /// Another digest.
    Digest,
    /// The pattern does not match (or does, if it may not), or its limits were met.
    Regex,
    /// SMTP: another reply than the one that this step wants.
    Reply {
        /// `greeting`, `HELO`, `QUIT`.
        step: &'static str,
        /// The code, if there was one.
        code: Option<u16>,
    },
    /// DNS: another response code than 0.
    Rcode(u8),
    /// UDP: another reply than the one that is wanted.
    Mismatch,
    /// A command exited with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled(u8),
    /// It ran longer than its timeout.
    TimedOut,
    /// It could not be started.
    NotStarted,
    /// What the check follows says so: the number in a file, the state of a BFD session.
    Told,
}

/// What is wanted done, in order.
#[derive(Debug)]
pub enum Effect {
    /// Read the kernel's whole table; answered by [`Input::Table`].
    Dump {
        /// And the table of marks that has this name.
        marks: Option<base::Name>,
        /// And which halves of the sync daemon run.
        sync: bool,
    },
    /// Change the kernel; answered by [`Input::Done`].
    Kernel {
        /// To be answered.
        op: OpId,
        /// What.
        operation: Operation,
    },
    /// Make a check once; answered by [`Input::Probed`].
    Probe {
        /// To be answered.
        run: RunId,
        /// Which check: never a `FILE_CHECK` or a `BFD_CHECK`.
        checker: Arc<Checker>,
        /// Which of the urls of `HTTP_GET` or `SSL_GET`; 0 for all else.
        url: usize,
    },
    /// End a run; it is still answered.
    Cancel(RunId),
    /// Run a notify script: in order per object, without an answer.
    Notify(Notification),
    /// Write a line to a FIFO: in order, without an answer.
    Fifo {
        /// Which.
        fifo: FifoKind,
        /// The line, with its line feed.
        line: String,
    },
    /// Send a mail, without an answer.
    Mail(Message),
    /// Something happened.
    Event(super::news::Event),
    /// Everything that [`Input::Stop`] asked for is done.
    Stopped,
}

/// A change to the kernel's table. An addition of what is there and a removal of what isn't succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Add a service.
    AddService(ServiceKey, ServiceSettings),
    /// Change a service.
    EditService(ServiceKey, ServiceSettings),
    /// Remove a service with all its servers.
    DelService(ServiceKey),
    /// Add a server.
    AddServer(ServiceKey, ServerKey, ServerSettings),
    /// Change a server.
    EditServer(ServiceKey, ServerKey, ServerSettings),
    /// Remove a server.
    DelServer(ServiceKey, ServerKey),
    /// Empty the whole table, that of others included.
    Flush,
    /// Set the timeouts of connections.
    SetTimeouts(Timeouts),
    /// Start one half of the sync daemon.
    StartSync(SyncHalf, SyncSettings),
    /// Stop one half of the sync daemon.
    StopSync(SyncHalf, SyncSettings),
    /// Make the table of marks be this one.
    SetMarks(MarkTable),
    /// Remove the table of marks.
    DelMarks(base::Name),
}

impl Operation {
    /// The service that it is about; `None` if it is about none.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceKey> {
        match self {
            Self::AddService(key, _)
            | Self::EditService(key, _)
            | Self::DelService(key)
            | Self::AddServer(key, ..)
            | Self::EditServer(key, ..)
            | Self::DelServer(key, _) => Some(key),
            Self::Flush
            | Self::SetTimeouts(_)
            | Self::StartSync(..)
            | Self::StopSync(..)
            | Self::SetMarks(_)
            | Self::DelMarks(_) => None,
        }
    }
}
