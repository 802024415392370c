//! Mail: a queue, and a thread that hands it in.
//!
//! A mail server is far away and slow, and its name may have to be looked up: that is done by a thread
//! of its own, one mail after another, each with a connection of its own as keepalived has it. The
//! thread is started with the first mail. Nobody waits for it but the end of the daemon, and that not
//! for long.

mod text;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::mail::Message;
use lettre::Transport;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, SmtpTransport};
use linux::{Errno, OsError, clock};

use crate::ipc::{MailConfig, MailHost, MailSecurity, Part};
use crate::log::Line;

/// So many mails may wait. A mail server that is away for minutes while instances flap makes that many.
const ROOM: usize = 1024;

/// The queue.
pub struct Mailer {
    config: Option<std::sync::Arc<MailConfig>>,
    worker: Option<Worker>,
    /// Handed to the worker and not answered for.
    waiting: usize,
    /// Dropped since the queue was full, not told yet.
    lost: u64,
    wake: UnixStream,
    /// The other end, of which each worker has a copy.
    waker: UnixStream,
}

struct Worker {
    jobs: SyncSender<Job>,
    done: Receiver<(Part, Vec<Line>)>,
}

struct Job {
    /// Who sends it.
    part: Part,
    config: std::sync::Arc<MailConfig>,
    message: Message,
    /// Seconds since 1970 when it happened, and of the local time zone.
    at: (i64, i64),
}

impl Mailer {
    /// Empty, with nobody to send mail to.
    ///
    /// # Errors
    /// A descriptor cannot be had.
    pub fn new() -> Result<Self, OsError> {
        let (wake, waker) = UnixStream::pair().map_err(|e| failed("open", &e))?;
        wake.set_nonblocking(true).map_err(|e| failed("set up", &e))?;
        Ok(Self { config: None, worker: None, waiting: 0, lost: 0, wake, waker })
    }

    /// From now on, mail goes there. What is queued already goes where it was to go.
    pub fn configure(&mut self, config: Option<MailConfig>) {
        self.config = config.map(Into::into);
    }

    /// Queues a mail of `part`. Returns a line for the log if it has to be dropped for the first time in a row.
    pub fn send(&mut self, part: Part, message: Message) -> Option<Line> {
        let config = self.config.clone()?;
        if self.worker.is_none() {
            match self.start() {
                Ok(worker) => self.worker = Some(worker),
                Err(e) => return Some(Line::error(format!("Mail cannot be sent: {e}"))),
            }
        }
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        let seconds = i64::try_from(seconds).unwrap_or(0);
        let job = Job { part, config, message, at: (seconds, clock::utc_offset(seconds)) };
        match self.worker.as_ref()?.jobs.try_send(job) {
            Ok(()) => {
                self.waiting += 1;
                let lost = std::mem::take(&mut self.lost);
                (lost > 0).then(|| Line::warning(format!("{lost} mails were dropped")))
            }
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                let text = || format!("{ROOM} mails wait for the SMTP server - dropping others");
                (self.lost == 1).then(|| Line::warning(text()))
            }
            Err(TrySendError::Disconnected(_)) => Some(self.worker_died()),
        }
    }

    /// It panicked, which is a mistake of the program: what it had to do is lost, and the next mail has another
    /// one.
    fn worker_died(&mut self) -> Line {
        self.worker = None;
        let lost = std::mem::take(&mut self.waiting) + 1;
        Line::error(format!("What hands mail in has failed - {lost} mails are lost"))
    }

    fn start(&mut self) -> std::io::Result<Worker> {
        let waker = self.waker.try_clone()?;
        let (jobs, queue) = sync_channel(ROOM);
        let (answers, done) = channel();
        std::thread::Builder::new().name("mail".into()).spawn(move || work(&queue, &answers, waker))?;
        Ok(Worker { jobs, done })
    }

    /// What there is to log about mails that were handed in or refused since the last call, and whose they were.
    pub fn finished(&mut self) -> Vec<(Part, Vec<Line>)> {
        let mut wakes = [0; 64];
        while matches!((&self.wake).read(&mut wakes), Ok(1..)) {}
        let Some(worker) = &self.worker else { return Vec::new() };
        let answers: Vec<(Part, Vec<Line>)> = worker.done.try_iter().collect();
        self.waiting = self.waiting.saturating_sub(answers.len());
        answers
    }

    /// Whether no mail is on its way.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0
    }
}

impl AsFd for Mailer {
    /// Readable when there may be something in [`Mailer::finished`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

fn failed(operation: &'static str, e: &std::io::Error) -> OsError {
    OsError::new(operation, "socket pair", Errno::from_raw(e.raw_os_error().unwrap_or(0)))
}

/// The thread.
fn work(queue: &Receiver<Job>, answers: &Sender<(Part, Vec<Line>)>, mut waker: UnixStream) {
    for job in queue {
        let told = (job.part, hand_in(&job));
        // Who doesn't listen any more has ended.
        if answers.send(told).is_err() || waker.write_all(&[1]).is_err() {
            return;
        }
    }
}

/// Hands one mail in.
fn hand_in(job: &Job) -> Vec<Line> {
    let config = &*job.config;
    let server = match &config.host {
        MailHost::Address(to) => to.to_string(),
        MailHost::Name(name, port) => format!("{name}:{port}"),
    };
    let mut lines = Vec::new();
    let mut address = |text: &str| {
        let parsed = text::bare_address(text).parse::<Address>();
        if let Err(e) = &parsed {
            lines.push(Line::error(format!("Mail address {text:?} cannot be used: {e}")));
        }
        parsed.ok()
    };
    let from = address(&config.from);
    let to: Vec<Address> = config.recipients.iter().filter_map(|to| address(to)).collect();
    let result = Envelope::new(from, to).map_err(|e| e.to_string()).and_then(|envelope| {
        let bytes = text::message(config, &job.message, job.at);
        let transport = transport(config).map_err(|e| describe(&e, &server))?;
        transport.send_raw(&envelope, &bytes).map_err(|e| describe(&e, &server))
    });
    lines.push(match result {
        Ok(_) => Line::info("SMTP alert successfully sent.").detailed(),
        Err(text) => Line::error(text),
    });
    lines
}

fn transport(config: &MailConfig) -> Result<SmtpTransport, Error> {
    let (host, port) = match &config.host {
        MailHost::Address(SocketAddr::V6(to)) => (to.ip().to_string(), to.port()),
        MailHost::Address(SocketAddr::V4(to)) => (to.ip().to_string(), to.port()),
        MailHost::Name(name, port) => (name.clone(), *port),
    };
    let checked = || TlsParameters::new(host.clone());
    let unchecked = || {
        let parameters = TlsParameters::builder(host.clone()).dangerous_accept_invalid_certs(true);
        parameters.dangerous_accept_invalid_hostnames(true).build()
    };
    let tls = match config.security {
        MailSecurity::Off => Tls::None,
        // A password does not go over the network in the clear.
        MailSecurity::Opportunistic if config.login.is_some() => Tls::Required(unchecked()?),
        MailSecurity::Opportunistic => Tls::Opportunistic(unchecked()?),
        MailSecurity::StartTls => Tls::Required(checked()?),
        MailSecurity::Wrapped => Tls::Wrapper(checked()?),
    };
    let mut builder = SmtpTransport::builder_dangerous(host)
        .port(port)
        .tls(tls)
        .hello_name(ClientId::Domain(config.helo_name.clone()))
        .timeout(Some(Duration::from_nanos(config.timeout.as_nanos())));
    if let Some((user, password)) = &config.login {
        let password = String::from_utf8_lossy(password.0.reveal()).into_owned();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}

/// In the words of keepalived's log where it has some.
fn describe(e: &Error, server: &str) -> String {
    let causes = || std::iter::successors(std::error::Error::source(e), |e| e.source());
    // A socket whose time is over says that there is nothing to be had yet.
    let waited = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::WouldBlock)
    };
    if causes().any(waited) {
        return format!("Timeout talking to SMTP server [{server}].");
    }
    if e.is_timeout() {
        let (host, port) = server.rsplit_once(':').unwrap_or((server, "25"));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        return format!("Timeout opening connection to remote SMTP server [{host}]:{port}.");
    }
    let mut text = format!("Error sending mail to SMTP server [{server}]: {e}");
    for cause in causes().map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
