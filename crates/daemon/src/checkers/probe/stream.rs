//! Connections of checks, plain or within TLS.

use std::io::{self, Read, Write};

use engine::lvs::io::{Answer, Failure};
use model::lvs::Connect;
use openssl::ssl::{Error as SslError, ErrorCode, Ssl, SslStream};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::socket::{self, Kind, errno};
use super::{Deadline, Outcome};

/// `TCP_CHECK`: a connection, which is closed at once.
pub(super) async fn check(to: &Connect) -> Outcome<()> {
    match socket::connect(to, Kind::Stream)? {
        // The kernel was as quick as that: there is nothing to wait for.
        (_, true) => Ok(()),
        (socket, false) => established(socket, Deadline::new(to).step()).await.map(drop),
    }
}

/// Connects.
pub(super) async fn open(to: &Connect, deadline: &Deadline) -> Outcome<Stream> {
    let (socket, established_already) = socket::connect(to, Kind::Stream)?;
    if established_already { watched(socket) } else { established(socket, deadline.step()).await }
        .map(Stream::Plain)
}

fn watched(socket: socket2::Socket) -> Outcome<TcpStream> {
    TcpStream::from_std(socket.into()).map_err(|e| socket::refused(&e, "watch socket"))
}

async fn established(socket: socket2::Socket, until: Instant) -> Outcome<TcpStream> {
    let stream = watched(socket)?;
    let failed = |e: &io::Error| Answer::Failed(Failure::Connect { errno: errno(e) });
    match timeout_at(until, stream.writable()).await {
        Err(_) => Err(Answer::Failed(Failure::ConnectTimeout)),
        Ok(Err(e)) => Err(failed(&e)),
        Ok(Ok(())) => match stream.take_error() {
            Ok(None) => Ok(stream),
            Ok(Some(e)) | Err(e) => Err(failed(&e)),
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
pub(super) enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<SslStream<Socket>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.get_ref().0,
        }
    }

    /// Tries `work` whenever the socket is ready for what it waits for, first for `wait`, until it is
    /// done.
    ///
    /// # Errors
    /// What `work` fails with; [`Failure::ReadTimeout`] at `until`, also if the socket is always ready.
    pub(super) async fn turn<T>(
        &mut self,
        until: Instant,
        mut wait: Interest,
        mut work: impl FnMut(&mut Self) -> Result<Turn<T>, Failure>,
    ) -> Result<T, Failure> {
        loop {
            if Instant::now() >= until {
                return Err(Failure::ReadTimeout);
            }
            match timeout_at(until, self.socket().ready(wait)).await {
                Err(_) => return Err(Failure::ReadTimeout),
                Ok(Err(e)) => return Err(Failure::Read { errno: errno(&e) }),
                Ok(Ok(_)) => {}
            }
            match work(self)? {
                Turn::Done(value) => return Ok(value),
                Turn::Wait(next) => wait = next,
            }
        }
    }

    /// Makes it one within TLS.
    ///
    /// # Errors
    /// [`Failure::Tls`], or a timeout.
    pub(super) async fn encrypt(self, ssl: Ssl, until: Instant) -> Result<Self, Failure> {
        let Self::Plain(socket) = self else { return Ok(self) };
        let tls = SslStream::new(ssl, Socket(socket)).map_err(|e| Failure::Tls(words(&e)))?;
        let mut stream = Self::Tls(Box::new(tls));
        let handshake = |stream: &mut Self| match stream {
            Self::Plain(_) => Ok(Turn::Done(())),
            Self::Tls(tls) => match tls.connect() {
                Ok(()) => Ok(Turn::Done(())),
                Err(e) => wanted(&e).map(Turn::Wait).ok_or_else(|| Failure::Tls(reason(&e))),
            },
        };
        stream.turn(until, Interest::WRITABLE, handshake).await?;
        Ok(stream)
    }

    /// Sends all of `bytes`.
    pub(super) async fn send(&mut self, bytes: &[u8], until: Instant) -> Result<(), Failure> {
        let mut rest = bytes;
        self.turn(until, Interest::WRITABLE, |stream| {
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
        match self {
            Self::Plain(socket) => match socket.try_write(bytes) {
                Ok(n) => Ok(Turn::Done(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Wait(Interest::WRITABLE)),
                Err(e) => Err(Failure::Send { errno: errno(&e) }),
            },
            Self::Tls(tls) => tls.ssl_write(bytes).map(Turn::Done).or_else(|e| {
                let failed = || Failure::Send { errno: e.io_error().map_or(0, errno) };
                wanted(&e).map(Turn::Wait).ok_or_else(failed)
            }),
        }
    }

    /// Reads what there is into `buffer`; 0 is the end.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> Result<Turn<usize>, Failure> {
        match self {
            Self::Plain(socket) => match socket.try_read(buffer) {
                Ok(n) => Ok(Turn::Done(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Wait(Interest::READABLE)),
                Err(e) => Err(Failure::Read { errno: errno(&e) }),
            },
            Self::Tls(tls) => match tls.ssl_read(buffer) {
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
        if let Self::Tls(tls) = self {
            // There is nothing to be done about a failure: the connection is closed anyway.
            let _ = tls.shutdown();
        }
    }
}

/// The connection below TLS, whose library asks for bytes when it likes.
pub(super) struct Socket(TcpStream);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wanted(error: &SslError) -> Option<Interest> {
    match error.code() {
        ErrorCode::WANT_READ => Some(Interest::READABLE),
        ErrorCode::WANT_WRITE => Some(Interest::WRITABLE),
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
