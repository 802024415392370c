//! The processes that ask: the vrrp process and the checkers process, each with its channel and what its
//! configuration wants to be there.

use base::Instant;
use engine::io::FifoKind;
use linux::OsError;
use linux::seqpacket::Channel as Socket;

use super::files::Files;
use crate::ipc::{Channel, FifoConfig, FromScripts, Part, ScriptsConfig, ToScripts};

/// So many answers may wait for such a process.
const ROOM: usize = 4096;

/// A process that asks, or that did until it ended and will be started again.
pub struct Client {
    /// Which.
    pub part: Part,
    /// Counts the processes that asked: run ids are those of one of them.
    pub number: u64,
    /// To it; without a socket while it is gone.
    pub channel: Channel<FromScripts, ToScripts>,
    /// What it asks for.
    pub config: ScriptsConfig,
    /// Its files.
    pub files: Files,
    /// Notifications that it could not send, as far as told.
    pub missed: u64,
}

/// All of them, one of each part.
pub struct Clients {
    clients: Vec<Client>,
    last: u64,
}

impl Clients {
    /// None is there yet.
    ///
    /// # Errors
    /// Files can't be watched.
    pub fn new() -> Result<Self, OsError> {
        let mut clients = Vec::new();
        for part in Part::ALL {
            let (channel, config, files) =
                (Channel::new(None, ROOM), ScriptsConfig::default(), Files::new()?);
            clients.push(Client { part, number: 0, channel, config, files, missed: 0 });
        }
        Ok(Self { clients, last: 0 })
    }

    /// A process of `part` begins, at the other end of `socket`. What the one before asked for stays
    /// until the new one asks, but nobody waits for answers to that one any more.
    pub fn begin(&mut self, part: Part, socket: Option<Socket>) {
        self.last += 1;
        let number = self.last;
        if let Some(client) = self.get_mut(part) {
            let channel = Channel::new(socket, ROOM);
            (client.number, client.channel, client.missed) = (number, channel, 0);
        }
    }

    /// The process of `part`.
    pub fn get_mut(&mut self, part: Part) -> Option<&mut Client> {
        self.clients.iter_mut().find(|c| c.part == part)
    }

    /// The process with that number, if it is there.
    pub fn numbered(&mut self, number: u64) -> Option<&mut Client> {
        self.clients.iter_mut().find(|c| c.number == number)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }

    /// The FIFOs that somebody asks for, one of each kind: while one process knows a newer configuration
    /// than the other, that one says what the FIFO of both is.
    pub fn fifos(&self) -> Vec<FifoConfig> {
        let of_kind = |kind| {
            let asked =
                self.clients.iter().flat_map(|c| c.config.fifos.iter().map(|f| (c.config.generation, f)));
            asked.filter(|(_, f)| f.kind == kind).max_by_key(|(generation, _)| *generation)
        };
        let all = [FifoKind::Global, FifoKind::Vrrp, FifoKind::Lvs].into_iter().filter_map(of_kind);
        all.map(|(_, fifo)| fifo.clone()).collect()
    }

    /// Sends what there is room for.
    pub fn flush(&mut self) {
        for client in &mut self.clients {
            client.channel.flush();
        }
    }

    /// When files of any of them want to be looked at.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clients.iter().filter_map(|c| c.files.poll_timeout()).min()
    }
}
