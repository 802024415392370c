//! All real servers in one thread: it answers checks and writes down when they came.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use lab::Node;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};

use super::conf::{self, Kind, PORT};
use super::place::{SERVERS_OWN, stay_on};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
/// What epoll calls the listener. Connections are called by their descriptors.
const LISTENER: u64 = u64::MAX;

/// The servers. Dropping it ends them.
pub(super) struct Responder {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What has come in.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Connections.
    pub connections: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Milliseconds between two connections to one server.
    pub gaps: Vec<f64>,
    /// The last connection to each server.
    last: Vec<Option<Instant>>,
}

impl Seen {
    /// How many servers somebody has connected to.
    pub(super) fn servers(&self) -> usize {
        self.last.iter().flatten().count()
    }

    fn accepted(&mut self, at: Instant, to: SocketAddr) {
        self.connections += 1;
        let SocketAddr::V4(to) = to else { return };
        let index = conf::index_of(*to.ip()).and_then(|index| usize::try_from(index).ok());
        let Some(last) = index.and_then(|index| self.last.get_mut(index)) else { return };
        if let Some(before) = last.replace(at) {
            self.gaps.push(at.duration_since(before).as_secs_f64() * 1e3);
        }
    }
}

impl Responder {
    /// Listens in a node, to all its addresses.
    pub(super) fn start(node: &Node, kind: Kind, servers: u32) -> Result<Self, String> {
        let listener = node.inside_run(listen).map_err(|e| e.to_string())?;
        let listener = listener.map_err(|e| format!("port {PORT}: {e}"))?;
        let last = (0..servers).map(|_| None).collect();
        let seen = Arc::new(Mutex::new(Seen { last, ..Seen::default() }));
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, ends) = (seen.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            stay_on(SERVERS_OWN);
            serve(&listener, kind, &theirs, &ends)
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Takes what has come in since the last time; what is known of the servers stays.
    pub(super) fn take(&self) -> Seen {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.last.clone();
        std::mem::replace(&mut *seen, Seen { last, ..Seen::default() })
    }

    /// How many connections there were since the last [`Responder::take`].
    pub(super) fn connections(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).connections
    }

    /// How many servers somebody has connected to.
    pub(super) fn servers(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).servers()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It looks at that every 0.1 s. If it has failed, there are no figures, which is told.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    socket.listen(65_535)?;
    Ok(socket.into())
}

fn serve(listener: &TcpListener, kind: Kind, seen: &Mutex<Seen>, stop: &AtomicBool) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut open: BTreeMap<u64, TcpStream> = BTreeMap::new();
    let mut events = [EpollEvent::empty(); 256];
    while !stop.load(Ordering::Relaxed) {
        let count = epoll.wait(&mut events, EpollTimeout::from(100_u8))?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter().take(count) {
            if event.data() != LISTENER {
                let Some(mut stream) = open.remove(&event.data()) else { continue };
                // A request of a check comes in one piece.
                let asked = stream.read(&mut [0; 2048]).is_ok_and(|n| n > 0);
                if asked && stream.write_all(ANSWER).is_ok() {
                    seen.answered += 1;
                }
                continue;
            }
            while let Ok((stream, _)) = listener.accept() {
                seen.accepted(Instant::now(), stream.local_addr()?);
                if kind == Kind::Http {
                    stream.set_nonblocking(true)?;
                    let Ok(name) = u64::try_from(stream.as_raw_fd()) else { continue };
                    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, name))?;
                    open.insert(name, stream);
                }
            }
        }
    }
    Ok(())
}
