//! A small web server, and a client, for scenarios that need something to balance.
//!
//! The server says its name: to a request of HTTP in the body of the answer, to anything else before
//! each line that it repeats, for as long as the connection lasts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};

use crate::error::{Context, Result};
use crate::node::Node;

/// A client that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that runs until it is dropped. Connections that are open then are left to their ends.
pub struct Web {
    listener: TcpListener,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    name: String,
    status: AtomicU16,
    requests: AtomicU64,
}

impl Node {
    /// Starts a server in this node that calls itself `name`.
    ///
    /// # Errors
    /// The node is off, or the address can't be listened to.
    pub fn serve(&self, address: SocketAddr, name: &str) -> Result<Web> {
        let what = || format!("{}: server on {address}", self.name());
        let listener = self.inside_run(move || TcpListener::bind(address))?.during(what)?;
        let state = Arc::new(State {
            name: name.to_owned(),
            status: AtomicU16::new(200),
            requests: AtomicU64::new(0),
        });
        let (accepting, shared) = (listener.try_clone().during(what)?, Arc::clone(&state));
        let thread = std::thread::Builder::new().name(format!("web {name}"));
        let thread = thread.spawn(move || accept(&accepting, &shared)).during(what)?;
        Ok(Web { listener, state, thread: Some(thread) })
    }

    /// Opens a connection from this node.
    ///
    /// # Errors
    /// The node is off, or there is no connection within `bound`.
    pub fn connect(&self, to: SocketAddr, bound: Duration) -> Result<Talk> {
        let what = || format!("{}: connecting to {to}", self.name());
        let stream = self.inside_run(move || TcpStream::connect_timeout(&to, bound))?.during(what)?;
        stream.set_read_timeout(Some(bound)).during(what)?;
        stream.set_write_timeout(Some(bound)).during(what)?;
        let reader = BufReader::new(stream.try_clone().during(what)?);
        Ok(Talk { stream, reader })
    }

    /// Asks a server for its name, by HTTP. `None` if it isn't there, or isn't well.
    ///
    /// # Errors
    /// The node is off.
    pub fn fetch(&self, from: SocketAddr, bound: Duration) -> Result<Option<String>> {
        if self.first_pid().is_none() {
            return Err(crate::LabError::Off(self.name().to_owned()));
        }
        let Ok(talk) = self.connect(from, bound) else { return Ok(None) };
        Ok(talk.fetch().ok().flatten())
    }
}

impl Web {
    /// What it answers from now on.
    pub fn set_status(&self, status: u16) {
        self.state.status.store(status, Ordering::Relaxed);
    }

    /// How many requests of HTTP it has answered.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // Ends the wait of the thread. It can only fail if that has happened.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // A panic there has told of itself.
            let _ = thread.join();
        }
    }
}

/// A connection.
pub struct Talk {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Talk {
    /// Our port; 0 if the connection is gone.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.stream.local_addr().map_or(0, |address| address.port())
    }

    /// Sends a line and returns the line that comes back.
    ///
    /// # Errors
    /// The connection is broken, or silent.
    pub fn say(&mut self, line: &str) -> io::Result<String> {
        self.stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        if self.reader.read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer.trim_end().to_owned())
    }

    /// The body of the answer to a request, if the status is 200.
    fn fetch(mut self) -> io::Result<Option<String>> {
        self.stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        self.reader.read_to_string(&mut answer)?;
        let good = answer.starts_with("HTTP/1.0 200 ");
        Ok(answer.split_once("\r\n\r\n").filter(|_| good).map(|(_, body)| body.trim_end().to_owned()))
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    while let Ok((stream, _)) = listener.accept() {
        let state = Arc::clone(state);
        // A client that can't be served sees its connection end.
        let _ = std::thread::Builder::new().spawn(move || answer(&stream, &state));
    }
}

/// Serves one connection to its end.
fn answer(stream: &TcpStream, state: &State) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut writer = stream;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        if !line.starts_with("GET ") {
            writer.write_all(format!("{}: {line}\n", state.name).as_bytes())?;
            continue;
        }
        while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        let (status, body) = (state.status.load(Ordering::Relaxed), format!("{}\n", state.name));
        state.requests.fetch_add(1, Ordering::Relaxed);
        let head = format!("HTTP/1.0 {status} Whatever\r\nContent-Length: {}\r\n\r\n", body.len());
        return writer.write_all((head + &body).as_bytes());
    }
    Ok(())
}
