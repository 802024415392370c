//! `HTTP_GET` and `SSL_GET`; what `genhash` asks is asked here, too.

use std::fmt::Write;
use std::net::IpAddr;

use engine::lvs::io::{Answer, Failure};
use linux::poll::Interest;
use md5::{Digest, Md5};
use model::lvs::{Connect, Http, HttpVersion, Url};
use nix::errno::Errno;

use super::stream::{self, Stream, Turn};
use super::{Deadline, LengthMismatch, Outcome, Prober, SCRATCH, regex, tls, unable};

/// The longest head of a reply, in bytes; keepalived's is 4096.
const HEAD: usize = 16 * 1024;
/// The longest body whose digest is made, in bytes.
const DIGESTED: u64 = 16 * 1024 * 1024;
/// So much of a reply is searched for a pattern, in bytes; and so much of a body is read if nothing depends on it.
const SEARCHED: usize = 1024 * 1024;

/// The request, byte for byte that of keepalived.
#[must_use]
pub fn request(version: HttpVersion, path: &str, host: Option<&str>, address: IpAddr, port: u16) -> String {
    let (number, close) = match version {
        HttpVersion::V1_0 => ("1.0", ""),
        HttpVersion::V1_0Close => ("1.0", "Connection: close\r\n"),
        HttpVersion::V1_1 => ("1.1", "Connection: close\r\n"),
    };
    let mut text = String::with_capacity(128 + path.len());
    // Writing to a string can't fail.
    let _ = write!(text, "GET {path} HTTP/{number}\r\nUser-Agent: KeepAliveClient\r\n{close}Host: ");
    let _ = match (host, address) {
        (Some(host), _) => write!(text, "{host}"),
        (None, IpAddr::V4(address)) => write!(text, "{address}:{port}"),
        (None, IpAddr::V6(address)) => write!(text, "[{address}]:{port}"),
    };
    text.push_str("\r\n\r\n");
    text
}

/// A question.
pub struct Question<'a> {
    /// To whom.
    pub to: &'a Connect,
    /// What.
    pub request: &'a str,
    /// Within TLS, greeting with this name.
    pub tls: Option<Option<&'a str>>,
    /// TLS is ended with `close_notify`.
    pub announce_end: bool,
}

/// A reply as it is read.
#[derive(Default)]
pub struct Reply {
    /// The head, as long as its end has not come.
    head: Vec<u8>,
    in_body: bool,
    /// Whether it ended, instead of being left.
    ended: bool,
    /// The status, if the first line has one.
    pub status: Option<u16>,
    /// `Content-Length`.
    pub length: Option<u64>,
    /// So many bytes of the body came.
    pub received: u64,
    /// In a place of its own: few checks have one, and thousands of replies are awaited at once.
    digest: Option<Box<Md5>>,
    /// The beginning of all, its head included, if a pattern is looked for: keepalived searches what it
    /// has read, and counts offsets from there.
    text: Option<Vec<u8>>,
    /// Everything as it came, if somebody wants it.
    raw: Option<Vec<u8>>,
}

impl Reply {
    /// A reply of which all is wanted: its digest and its bytes.
    #[must_use]
    pub fn recorded() -> Self {
        Self { digest: Some(Box::default()), raw: Some(Vec::new()), ..Self::default() }
    }

    /// One of which that is wanted what `url` asks for.
    fn wanted(url: &Url) -> Self {
        let digest = url.digest.is_some().then(Box::default);
        let text = url.regex.is_some().then(Vec::new);
        Self { digest, text, ..Self::default() }
    }

    /// Takes what came next. `true`: the rest does not matter.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(bytes);
        }
        if self.in_body {
            return self.take_body(bytes);
        }
        if self.head.is_empty()
            && let Some(at) = wire::http::body_at(bytes, 0)
        {
            // Nearly always: nothing is copied.
            return self.begin_body(bytes, at);
        }
        let seen = self.head.len();
        self.head.extend_from_slice(bytes);
        let head = std::mem::take(&mut self.head);
        match wire::http::body_at(&head, seen) {
            Some(at) => self.begin_body(&head, at),
            None if head.len() > HEAD => Err(Failure::Malformed(TOO_LONG)),
            None => {
                self.head = head;
                Ok(false)
            }
        }
    }

    fn begin_body(&mut self, bytes: &[u8], at: usize) -> Result<bool, Failure> {
        let (head, body) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
        if head.len() > HEAD {
            return Err(Failure::Malformed(TOO_LONG));
        }
        self.status = wire::http::status(head);
        self.length = wire::http::content_length(head);
        self.in_body = true;
        if let Some(text) = &mut self.text {
            text.extend_from_slice(head);
        }
        self.take_body(body)
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        if let Some(digest) = &mut self.digest {
            let most = self.length.unwrap_or(u64::MAX).saturating_sub(self.received);
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            digest.update(bytes.get(..most).unwrap_or(bytes));
        }
        self.received = self.received.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut searched = true;
        if let Some(text) = &mut self.text {
            let room = SEARCHED - text.len();
            text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            searched = text.len() == SEARCHED;
        }
        // Whoever has said all that was announced need not close, and often doesn't. What says more is read to its
        // end: its length is told of as wrong.
        let whole = self.length == Some(self.received);
        match self.digest {
            Some(_) if self.received > DIGESTED => {
                Err(Failure::Malformed("the body is too long for a digest"))
            }
            Some(_) => Ok(whole),
            None => Ok(whole || searched && self.received >= SEARCHED as u64),
        }
    }

    /// Whether all that was announced is there.
    fn is_whole(&self) -> bool {
        self.in_body && self.length.is_some_and(|length| self.received >= length)
    }

    /// No more comes.
    fn end(&mut self) -> Result<(), Failure> {
        if !self.in_body {
            // Whoever breaks off within the head is not well, whatever the first line says.
            let nothing = self.head.is_empty();
            return Err(if nothing {
                Failure::NoData
            } else {
                Failure::Malformed("the head of the reply does not end")
            });
        }
        self.ended = true;
        Ok(())
    }

    /// The digest of the body.
    #[must_use]
    pub fn digest(&mut self) -> Option<[u8; 16]> {
        self.digest.take().map(|digest| (*digest).finalize().into())
    }

    /// Head and body of a reply that was recorded; the body up to its announced length.
    #[must_use]
    pub fn parts(&self) -> (&[u8], &[u8]) {
        let raw = self.raw.as_deref().unwrap_or_default();
        let at = wire::http::body_at(raw, 0).unwrap_or(raw.len());
        let (head, body) = raw.split_at_checked(at).unwrap_or((raw, &[]));
        let most = self.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        (head, body.get(..most).unwrap_or(body))
    }

    fn mismatch(&self) -> Option<LengthMismatch> {
        let announced = self.length.filter(|length| self.ended && *length != self.received)?;
        Some(LengthMismatch { announced, received: self.received })
    }
}

const TOO_LONG: &str = "the head of the reply is too long";

impl Prober {
    /// Asks, and reads `reply` until it ends, or until its rest does not matter.
    ///
    /// # Errors
    /// What the check is answered.
    pub async fn ask(&self, question: &Question<'_>, reply: &mut Reply) -> Result<(), Answer> {
        let deadline = Deadline::new(question.to);
        let mut stream = stream::open(&self.waits, question.to, &deadline).await?;
        if let Some(name) = question.tls {
            let context = self.tls.borrow_mut().get().map_err(Answer::Unable)?;
            let ssl = tls::session(&context, name).map_err(|e| unable(Errno::EINVAL, e.to_string()))?;
            stream = stream.encrypt(ssl, deadline.step()).await.map_err(Answer::Failed)?;
        }
        let asked = async {
            stream.send(question.request.as_bytes(), deadline.step()).await?;
            self.read(&mut stream, &deadline, reply).await
        };
        let asked = asked.await;
        if question.announce_end {
            stream.close_notify();
        }
        asked.map_err(Answer::Failed)
    }

    async fn read(
        &self,
        stream: &mut Stream<'_>,
        deadline: &Deadline,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        let mut wait = Some(Interest::READ);
        loop {
            let got = stream.turn(deadline.step(), wait, |stream| {
                let mut scratch = self.scratch.borrow_mut();
                Ok(match stream.try_read(&mut scratch)? {
                    Turn::Done(n) => {
                        let bytes = scratch.get(..n).unwrap_or_default();
                        Turn::Done((n, reply.take(bytes)?))
                    }
                    Turn::Wait(wait) => Turn::Wait(wait),
                })
            });
            match got.await {
                Ok((0, _)) => return reply.end(),
                Ok((_, true)) => return Ok(()),
                Ok((n, false)) => {
                    // Mostly that was all, and the end is there already. There is always more of some.
                    wait = if wait.is_some() { None } else { Some(Interest::READ) };
                    if n == SCRATCH {
                        stream.pause().await;
                    }
                }
                // It said more than it announced, and does not go.
                Err(Failure::ReadTimeout | Failure::Read { .. }) if reply.is_whole() => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// `HTTP_GET`, `SSL_GET`.
    pub(super) async fn http(
        &self,
        to: &Connect,
        http: &Http,
        url: usize,
        encrypted: bool,
        mismatch: &mut Option<LengthMismatch>,
    ) -> Outcome<()> {
        let Some(url) = http.urls.get(url) else { return Err(unable(Errno::EINVAL, "no such url")) };
        // A pattern that is none is no fault of the server.
        let pattern = match &url.regex {
            Some(regex) => {
                let known = self.patterns.get(regex);
                Some((known.map_err(|e| unable(Errno::EINVAL, e.to_string()))?, regex.inverted))
            }
            None => None,
        };
        let request = request(http.version, &url.path, url.host.as_deref(), to.address, to.port);
        let question = Question {
            to,
            request: &request,
            tls: encrypted.then(|| tls::name(http, url)),
            announce_end: url.tls_compliant,
        };
        let mut reply = Reply::wanted(url);
        self.ask(&question, &mut reply).await?;
        *mismatch = reply.mismatch();
        let failed = |failure| Err(Answer::Failed(failure));
        match reply.status {
            None => return failed(Failure::Malformed("the first line of the reply has no status")),
            Some(status) if !url.status.contains(status) => return failed(Failure::Status(status)),
            Some(_) => {}
        }
        if url.digest.is_some() && reply.digest() != url.digest {
            return failed(Failure::Digest);
        }
        if let Some((pattern, inverted)) = pattern {
            let text = reply.text.unwrap_or_default();
            let found = regex::search(&self.waits, &pattern, &text, text.len() < SEARCHED)
                .await
                .map_err(Answer::Failed)?;
            if found == inverted {
                return failed(Failure::Regex);
            }
        }
        Ok(())
    }
}
