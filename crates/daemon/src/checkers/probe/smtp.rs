//! `SMTP_CHECK`: greeting, HELO, QUIT.

use engine::lvs::io::{Answer, Failure};
use linux::poll::Interest;
use model::lvs::{Connect, SmtpCheck};
use wire::smtp::{self, Reply};

use super::stream::{self, Stream, Turn};
use super::{Deadline, Outcome, Prober};

/// The longest reply, in bytes, as with keepalived; RFC 5321 section 4.5.3.1.5 has it for a line.
const LONGEST: usize = 512;

impl Prober {
    /// `SMTP_CHECK`.
    pub(super) async fn smtp(&self, to: &Connect, check: &SmtpCheck) -> Outcome<()> {
        let deadline = Deadline::new(to);
        let mut stream = stream::open(&self.waits, to, &deadline).await?;
        self.dialog(&mut stream, &deadline, &check.helo_name).await.map_err(Answer::Failed)
    }

    async fn dialog(&self, stream: &mut Stream<'_>, deadline: &Deadline, name: &str) -> Result<(), Failure> {
        let mut unread = Vec::new();
        self.expect(stream, deadline, &mut unread, "greeting", 220).await?;
        stream.send(format!("HELO {name}\r\n").as_bytes(), deadline.step()).await?;
        self.expect(stream, deadline, &mut unread, "HELO", 250).await?;
        stream.send(b"QUIT\r\n", deadline.step()).await?;
        // The server is well. It is given the time to go first, and may do that as it likes.
        match self.reply(stream, deadline, &mut unread, "QUIT").await {
            Err(Failure::ReadTimeout) => Err(Failure::ReadTimeout),
            _ => Ok(()),
        }
    }

    async fn expect(
        &self,
        stream: &mut Stream<'_>,
        deadline: &Deadline,
        unread: &mut Vec<u8>,
        step: &'static str,
        wanted: u16,
    ) -> Result<(), Failure> {
        match self.reply(stream, deadline, unread, step).await? {
            code if code == wanted => Ok(()),
            code => Err(Failure::Reply { step, code: Some(code) }),
        }
    }

    /// Reads a reply and returns its code. `unread` is what came and belongs to no reply yet.
    async fn reply(
        &self,
        stream: &mut Stream<'_>,
        deadline: &Deadline,
        unread: &mut Vec<u8>,
        step: &'static str,
    ) -> Result<u16, Failure> {
        // One for the whole reply, however many pieces it comes in.
        let until = deadline.step();
        loop {
            match smtp::reply(unread) {
                Reply::Whole { code, length } => {
                    unread.drain(..length);
                    return Ok(code);
                }
                Reply::Malformed => return Err(Failure::Reply { step, code: None }),
                Reply::Partial if unread.len() >= LONGEST => {
                    return Err(Failure::Malformed("the reply is too long"));
                }
                Reply::Partial => {}
            }
            let read = stream.turn(until, Some(Interest::READ), |stream| {
                let mut scratch = self.scratch.borrow_mut();
                let room = LONGEST - unread.len();
                Ok(match stream.try_read(scratch.get_mut(..room).unwrap_or_default())? {
                    Turn::Done(n) => {
                        unread.extend_from_slice(scratch.get(..n).unwrap_or_default());
                        Turn::Done(n)
                    }
                    Turn::Wait(wait) => Turn::Wait(wait),
                })
            });
            if read.await? == 0 {
                return Err(Failure::NoData);
            }
        }
    }
}
