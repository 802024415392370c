//! Connections of checks, plain or within TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use base::Instant;
use engine::lvs::io::{Answer, Failure};
use linux::clock;
use linux::poll::Interest;
use model::lvs::Connect;
use openssl::ssl::{Error as SslError, ErrorCode, Ssl, SslStream};
use socket2::Socket;

use super::socket::{self, Kind, errno};
use super::waits::Waits;
use super::{Deadline, Outcome};

/// `TCP_CHECK`: a connection, which is closed at once.
pub(super) async fn check(waits: &Waits, to: &Connect) -> Outcome<()> {
    let (socket, established_already) = socket::connect(to, Kind::Stream)?;
    if established_already {
        // The kernel was as quick as that: there is nothing to wait for.
        return Ok(());
    }
    let until = Deadline::new(to).step();
    established(waits, &socket, until).await
}

/// Connects.
pub(super) async fn open<'w>(waits: &'w Waits, to: &Connect, deadline: &Deadline) -> Outcome<Stream<'w>> {
    let (socket, established_already) = socket::connect(to, Kind::Stream)?;
    if !established_already {
        established(waits, &socket, deadline.step()).await?;
    }
    Ok(Stream { waits, channel: Channel::Plain(socket.into()) })
}

async fn established(waits: &Waits, socket: &Socket, until: Instant) -> Outcome<()> {
    let failed = |e: &io::Error| Err(Answer::Failed(Failure::Connect { errno: errno(e) }));
    match waits.ready(socket, Interest::WRITE, until).await {
        None => Err(Answer::Failed(Failure::ConnectTimeout)),
        Some(ready) if !ready.error && !ready.hang_up => Ok(()),
        Some(_) => match socket.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(e)) | Err(e) => failed(&e),
        },
    }
}

/// What a try to go on came to.
pub(super) enum Turn<T> {
    /// It is done.
    Done(T),
    /// It can go on when the socket is ready for this.
    Wait(Interest),
}

/// A connection.
pub(super) struct Stream<'w> {
    waits: &'w Waits,
    channel: Channel,
}

enum Channel {
    /// Plain TCP.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<SslStream<TcpStream>>),
}

impl Stream<'_> {
    fn socket(&self) -> &TcpStream {
        match &self.channel {
            Channel::Plain(socket) => socket,
            Channel::Tls(tls) => tls.get_ref(),
        }
    }

    /// Tries `work` whenever the socket is ready for what it waits for, first for `wait`, or at once, until
    /// it is done.
    ///
    /// # Errors
    /// What `work` fails with; [`Failure::ReadTimeout`] at `until`, also if the socket is always ready.
    pub(super) async fn turn<T>(
        &mut self,
        until: Instant,
        mut wait: Option<Interest>,
        mut work: impl FnMut(&mut Self) -> Result<Turn<T>, Failure>,
    ) -> Result<T, Failure> {
        loop {
            if clock::now() >= until {
                return Err(Failure::ReadTimeout);
            }
            if let Some(wait) = wait
                && self.waits.ready(self.socket(), wait, until).await.is_none()
            {
                return Err(Failure::ReadTimeout);
            }
            match work(self)? {
                Turn::Done(value) => return Ok(value),
                Turn::Wait(next) => wait = Some(next),
            }
        }
    }

    /// Lets other checks have their turn.
    pub(super) async fn pause(&self) {
        self.waits.turn().await;
    }

    /// Makes it one within TLS.
    ///
    /// # Errors
    /// [`Failure::Tls`], or a timeout.
    pub(super) async fn encrypt(self, ssl: Ssl, until: Instant) -> Result<Self, Failure> {
        let Self { waits, channel: Channel::Plain(socket) } = self else { return Ok(self) };
        let tls = SslStream::new(ssl, socket).map_err(|e| Failure::Tls(words(&e)))?;
        let mut stream = Self { waits, channel: Channel::Tls(Box::new(tls)) };
        let handshake = |stream: &mut Self| match &mut stream.channel {
            Channel::Plain(_) => Ok(Turn::Done(())),
            Channel::Tls(tls) => match tls.connect() {
                Ok(()) => Ok(Turn::Done(())),
                Err(e) => wanted(&e).map(Turn::Wait).ok_or_else(|| Failure::Tls(reason(&e))),
            },
        };
        stream.turn(until, None, handshake).await?;
        Ok(stream)
    }

    /// Sends all of `bytes`.
    pub(super) async fn send(&mut self, bytes: &[u8], until: Instant) -> Result<(), Failure> {
        let mut rest = bytes;
        self.turn(until, None, |stream| {
            while !rest.is_empty() {
                match stream.try_write(rest)? {
                    Turn::Done(n) => rest = rest.get(n..).unwrap_or_default(),
                    Turn::Wait(wait) => return Ok(Turn::Wait(wait)),
                }
            }
            Ok(Turn::Done(()))
        })
        .await
    }

    fn try_write(&mut self, bytes: &[u8]) -> Result<Turn<usize>, Failure> {
        match &mut self.channel {
            Channel::Plain(socket) => match socket.write(bytes) {
                Ok(n) => Ok(Turn::Done(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Wait(Interest::WRITE)),
                Err(e) => Err(Failure::Send { errno: errno(&e) }),
            },
            Channel::Tls(tls) => tls.ssl_write(bytes).map(Turn::Done).or_else(|e| {
                let failed = || Failure::Send { errno: e.io_error().map_or(0, errno) };
                wanted(&e).map(Turn::Wait).ok_or_else(failed)
            }),
        }
    }

    /// Reads what there is into `buffer`; 0 is the end.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> Result<Turn<usize>, Failure> {
        match &mut self.channel {
            Channel::Plain(socket) => match socket.read(buffer) {
                Ok(n) => Ok(Turn::Done(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Wait(Interest::READ)),
                Err(e) => Err(Failure::Read { errno: errno(&e) }),
            },
            Channel::Tls(tls) => match tls.ssl_read(buffer) {
                Ok(n) => Ok(Turn::Done(n)),
                Err(e) => match (wanted(&e), e.code(), e.io_error()) {
                    (Some(wait), ..) => Ok(Turn::Wait(wait)),
                    // The end, and an end that was not announced.
                    (_, ErrorCode::ZERO_RETURN, _) | (_, ErrorCode::SYSCALL, None) => Ok(Turn::Done(0)),
                    (_, _, Some(io)) => Err(Failure::Read { errno: errno(io) }),
                    _ => Err(Failure::Tls(reason(&e))),
                },
            },
        }
    }

    /// Announces the end, if it is within TLS. Whether that arrives is not waited for.
    pub(super) fn close_notify(&mut self) {
        if let Channel::Tls(tls) = &mut self.channel {
            // There is nothing to be done about a failure: the connection is closed anyway.
            let _ = tls.shutdown();
        }
    }
}

fn wanted(error: &SslError) -> Option<Interest> {
    match error.code() {
        ErrorCode::WANT_READ => Some(Interest::READ),
        ErrorCode::WANT_WRITE => Some(Interest::WRITE),
        _ => None,
    }
}

fn reason(error: &SslError) -> Box<str> {
    match (error.ssl_error(), error.io_error()) {
        (Some(stack), _) if !stack.errors().is_empty() => words(stack),
        (_, Some(io)) => io.to_string().into(),
        _ => "the server closed the connection".into(),
    }
}

/// The last of the library's errors, which is the one that tells most.
fn words(stack: &openssl::error::ErrorStack) -> Box<str> {
    stack.errors().last().and_then(openssl::error::Error::reason).unwrap_or("unknown error of TLS").into()
}
