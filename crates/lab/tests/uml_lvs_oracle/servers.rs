//! Servers to be checked: over TCP and UDP, well or ill, and a sink for mail.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab::{LabError, Node, Result};
use nix::sys::socket::{Shutdown, SockaddrStorage, recvfrom, setsockopt, shutdown, sockopt};

/// A client that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a server does with who comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Takes connections and datagrams, and says nothing.
    Silence,
    /// Takes connections and breaks them at once.
    Reset,
    /// Answers requests of HTTP: path, status, body. Other paths have 404.
    Http(Vec<(&'static str, u16, &'static str)>),
    /// As that, but leaves it to the client to close the connection.
    HttpOpen(Vec<(&'static str, u16, &'static str)>),
    /// Answers each request of HTTP with these bytes, and closes the connection.
    Raw(&'static [u8]),
    /// Looks at the greeting of TLS, and breaks the connection.
    Hello,
    /// Greets and answers as a mail server, with these codes for the greeting and for `HELO`.
    Smtp(u16, u16),
    /// Answers each datagram with this.
    Datagram(&'static [u8]),
    /// Answers questions of DNS with this code.
    Dns(u8),
}

/// The answer of a web server that is well.
pub(crate) fn web() -> Answer {
    Answer::Http(vec![("/", 200, "fine\n")])
}

/// What servers were asked, if somebody wants to know: each once, since how often is a matter of time.
#[derive(Clone, Default)]
pub(crate) struct Asked(Option<Arc<Mutex<BTreeSet<String>>>>);

impl Asked {
    /// One that is wanted.
    pub(crate) fn wanted() -> Self {
        Self(Some(Arc::default()))
    }

    /// Everything so far.
    pub(crate) fn all(&self) -> BTreeSet<String> {
        self.0.as_ref().map(|all| locked(all).clone()).unwrap_or_default()
    }

    /// Takes down what `peer` asked of `server`. A port that it didn't choose says nothing.
    fn note(&self, server: Option<SocketAddr>, peer: Option<SocketAddr>, text: &str) {
        /// The first port that the kernel hands out.
        const CHOSEN: u16 = 32768;
        if let (Some(all), Some(server), Some(mut peer)) = (&self.0, server, peer) {
            if peer.port() >= CHOSEN {
                peer.set_port(0);
            }
            locked(all).insert(format!("{server} by {peer}: {}", text.trim_end()));
        }
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    socket: Socket,
    answer: Arc<Mutex<Answer>>,
    thread: Option<JoinHandle<()>>,
}

enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Server {
    /// Starts one for TCP.
    pub(crate) fn tcp(node: &Node, address: SocketAddr, answer: Answer, asked: &Asked) -> Result<Self> {
        let listener = node.inside_run(move || TcpListener::bind(address))?;
        let listener = listener.map_err(|e| failed(address, &e))?;
        let answer = Arc::new(Mutex::new(answer));
        let accepting = listener.try_clone().map_err(|e| failed(address, &e))?;
        let (shared, asked) = (Arc::clone(&answer), asked.clone());
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let (answer, asked) = (locked(&shared).clone(), asked.clone());
                // A client that can't be served sees its connection end.
                std::thread::spawn(move || serve(&stream, &answer, &asked));
            }
        });
        Ok(Self { socket: Socket::Tcp(listener), answer, thread: Some(thread) })
    }

    /// Starts one for UDP.
    pub(crate) fn udp(node: &Node, address: SocketAddr, answer: Answer, asked: &Asked) -> Result<Self> {
        let socket = node.inside_run(move || UdpSocket::bind(address))?;
        let socket = socket.map_err(|e| failed(address, &e))?;
        let answer = Arc::new(Mutex::new(answer));
        let answering = socket.try_clone().map_err(|e| failed(address, &e))?;
        let (shared, asked) = (Arc::clone(&answer), asked.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            // A wait that was ended gives an empty datagram from nobody, which the standard library's
            // own function can't stand.
            while let Ok((length, Some(from))) =
                recvfrom::<SockaddrStorage>(answering.as_raw_fd(), &mut buffer)
            {
                let Some(from) = peer(&from) else { break };
                let question = buffer.get(..length).unwrap_or_default();
                // A question of DNS begins with a number that is never the same.
                let same = if matches!(*locked(&shared), Answer::Dns(_)) { 2 } else { 0 };
                let same = question.get(same..).unwrap_or_default();
                asked.note(answering.local_addr().ok(), Some(from), &same.escape_ascii().to_string());
                if let Some(reply) = datagram(question, &locked(&shared)) {
                    // Who asked may be gone.
                    let _ = answering.send_to(&reply, from);
                }
            }
        });
        Ok(Self { socket: Socket::Udp(socket), answer, thread: Some(thread) })
    }

    /// What it does from now on.
    pub(crate) fn set(&self, answer: Answer) {
        *locked(&self.answer) = answer;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let fd = match &self.socket {
            Socket::Tcp(listener) => listener.as_raw_fd(),
            Socket::Udp(socket) => socket.as_raw_fd(),
        };
        // Ends the wait of the thread. On a socket for UDP without a peer it says so, and works.
        let _ = shutdown(fd, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // A panic there has told of itself.
            let _ = thread.join();
        }
    }
}

/// Who sent a datagram.
fn peer(from: &SockaddrStorage) -> Option<SocketAddr> {
    let four = from.as_sockaddr_in().map(|a| SocketAddr::new(a.ip().into(), a.port()));
    four.or_else(|| from.as_sockaddr_in6().map(|a| SocketAddr::new(a.ip().into(), a.port())))
}

fn locked<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(address: SocketAddr, error: &io::Error) -> LabError {
    LabError::Expectation(format!("server on {address}: {error}"))
}

/// Serves one connection to its end.
fn serve(stream: &TcpStream, answer: &Answer, asked: &Asked) -> io::Result<()> {
    let note = |text: &str| asked.note(stream.local_addr().ok(), stream.peer_addr().ok(), text);
    stream.set_read_timeout(Some(PATIENCE))?;
    match answer {
        Answer::Reset => {
            note("connection");
            // An end without delay is a reset.
            Ok(setsockopt(stream, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 })?)
        }
        Answer::Http(pages) => http(stream, pages).map(|request| note(&request)),
        Answer::HttpOpen(pages) => {
            note(&http(stream, pages)?);
            BufReader::new(stream).lines().try_for_each(|line| line.map(drop))
        }
        Answer::Raw(reply) => {
            note(&head(stream)?);
            let mut stream = stream;
            stream.write_all(reply)
        }
        Answer::Hello => {
            note(&hello(stream)?);
            Ok(())
        }
        Answer::Smtp(greeting, hello) => {
            let said = |verb: &str| match verb {
                "" => *greeting,
                "QUIT" => 221,
                _ => *hello,
            };
            smtp(stream, said).map(|lines| note(&lines.join(" | ")))
        }
        Answer::Silence | Answer::Datagram(_) | Answer::Dns(_) => {
            note("connection");
            BufReader::new(stream).lines().try_for_each(|line| line.map(drop))
        }
    }
}

/// What the greeting of a client says: the name in it (RFC 6066 section 3).
fn hello(mut stream: &TcpStream) -> io::Result<String> {
    /// Where the length of the session's number is: behind the heads of the record and of the message, a
    /// version and random bytes (RFC 8446 sections 4.1.2 and 5.1).
    const SESSION: usize = 5 + 4 + 2 + 32;
    let mut record = [0; 5];
    stream.read_exact(&mut record)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
    stream.read_exact(&mut bytes)?;
    bytes.splice(..0, record);
    let number = |at: usize| Some(usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
    let name = || {
        let ciphers = SESSION + 1 + usize::from(*bytes.get(SESSION)?);
        let compression = ciphers + 2 + number(ciphers)?;
        let mut at = compression + 1 + usize::from(*bytes.get(compression)?) + 2;
        while number(at)? != 0 {
            at += 4 + number(at + 2)?;
        }
        // The lengths of the extension and of its list, the kind of name, and the length of the name.
        let name = at + 4 + 2 + 1 + 2;
        Some(String::from_utf8_lossy(bytes.get(name..name + number(name - 2)?)?).into_owned())
    };
    Ok(format!("hello to {}", name().unwrap_or_default()))
}

/// The head of a request: its lines.
fn head(stream: &TcpStream) -> io::Result<String> {
    let lines = BufReader::new(stream).lines();
    let head: io::Result<Vec<String>> =
        lines.take_while(|line| line.as_ref().is_ok_and(|l| !l.is_empty())).collect();
    Ok(head?.join(" | "))
}

/// Serves one request, which is returned.
fn http(mut stream: &TcpStream, pages: &[(&str, u16, &str)]) -> io::Result<String> {
    let request = head(stream)?;
    if request.is_empty() {
        return Ok(request);
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = pages.iter().find(|(name, ..)| *name == path);
    let (_, status, body) = page.copied().unwrap_or((path, 404, "none\n"));
    let head = format!("HTTP/1.0 {status} Whatever\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())?;
    Ok(request)
}

/// Talks as a mail server until the client goes. `said` gives the code for a verb; "" is the greeting.
/// What came after `DATA`, and from whom to whom.
fn smtp(mut stream: &TcpStream, said: impl Fn(&str) -> u16) -> io::Result<Vec<String>> {
    let mut all = Vec::new();
    let mut lines = BufReader::new(stream).lines();
    stream.write_all(format!("{} lab\r\n", said("")).as_bytes())?;
    while let Some(line) = lines.next().transpose()? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        stream.write_all(format!("{} so be it\r\n", said(&verb)).as_bytes())?;
        match verb.as_str() {
            "QUIT" => break,
            "DATA" => {
                while let Some(line) = lines.next().transpose()?.filter(|l| l != ".") {
                    all.push(line);
                }
                stream.write_all(b"250 taken\r\n")?;
            }
            _ => all.push(line),
        }
    }
    Ok(all)
}

/// A mail server that hands on what it gets: when, and its lines.
pub(crate) fn mail_sink(node: &Node, address: SocketAddr, to: Sender<(Instant, Vec<String>)>) -> Result<()> {
    let listener = node.inside_run(move || TcpListener::bind(address))?;
    let listener = listener.map_err(|e| failed(address, &e))?;
    let code = |verb: &str| match verb {
        "" => 220,
        "QUIT" => 221,
        "DATA" => 354,
        _ => 250,
    };
    // It lives as long as this program does.
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let to = to.clone();
            std::thread::spawn(move || {
                let mail = smtp(&stream, code).unwrap_or_else(|e| vec![format!("broken: {e}")]);
                // Nobody listens any more at the end.
                let _ = to.send((Instant::now(), mail));
            });
        }
    });
    Ok(())
}

/// The answer to a datagram.
fn datagram(question: &[u8], answer: &Answer) -> Option<Vec<u8>> {
    match answer {
        Answer::Datagram(reply) => Some(reply.to_vec()),
        Answer::Dns(code) => {
            // The question, marked as an answer (RFC 1035 section 4.1.1).
            let mut reply = question.to_vec();
            *reply.get_mut(2)? |= 0x80;
            *reply.get_mut(3)? = *code;
            Some(reply)
        }
        Answer::Silence
        | Answer::Reset
        | Answer::Http(_)
        | Answer::HttpOpen(_)
        | Answer::Raw(_)
        | Answer::Hello
        | Answer::Smtp(..) => None,
    }
}
