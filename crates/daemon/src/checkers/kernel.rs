//! The way to the kernel's table of virtual servers: a queue of what is to be done, worked off in chunks.

use std::collections::VecDeque;

use base::Name;
use engine::io::OpId;
use engine::lvs::io::{Input, Operation};
use linux::OsError;
use linux::ipvs::{Ipvs, Reading};
use linux::kernel::op_error;
use model::lvs::{IpvsNamespace, Settings};

/// So many operations go out in one turn: probes and signals wait that long.
const CHUNK: usize = 16;

/// So many entries of the table are read in one turn, a little more with the servers of the last service. Each takes
/// some 5 us.
const PIECE: usize = 128;

enum Work {
    /// With the table of marks of this name, and with the halves of the sync daemon.
    Dump(Option<Name>, bool),
    Change(OpId, Operation),
}

/// The kernel's table, if it can be had.
///
/// A kernel without virtual servers may get them later (somebody loads the module), so that they are looked
/// for with each dump.
pub struct Kernel {
    namespace: IpvsNamespace,
    receive_buffer: Option<usize>,
    ipvs: Result<Ipvs, OsError>,
    queue: VecDeque<Work>,
    /// The table is being read, and all that is queued waits for it.
    reading: Option<Reading>,
}

impl Kernel {
    /// Opens the way.
    pub fn open(settings: &Settings) -> Self {
        let namespace = settings.namespace.clone();
        let receive_buffer = settings.netlink_command_buffer.and_then(|n| usize::try_from(n).ok());
        let ipvs = Ipvs::open(&namespace, receive_buffer).map(|mut ipvs| {
            // What there is to say about a failure is said when the table is to be read.
            let _ = ipvs.load();
            ipvs
        });
        Self { namespace, receive_buffer, ipvs, queue: VecDeque::new(), reading: None }
    }

    /// Will read the table, with that of `marks` and the halves of the `sync` daemon, after what was submitted
    /// before; answered by [`Input::Table`].
    pub fn dump(&mut self, marks: Option<Name>, sync: bool) {
        self.queue.push_back(Work::Dump(marks, sync));
    }

    /// Will change it; answered by [`Input::Done`].
    pub fn submit(&mut self, op: OpId, operation: Operation) {
        self.queue.push_back(Work::Change(op, operation));
    }

    /// Whether [`Kernel::pump`] is due.
    pub fn has_work(&self) -> bool {
        self.reading.is_some() || !self.queue.is_empty()
    }

    /// Does the next piece of work, and returns the answers.
    pub fn pump(&mut self) -> Vec<Input> {
        if let Some(reading) = self.reading.take() {
            return self.read_on(reading);
        }
        let (mut ops, mut operations) = (Vec::new(), Vec::new());
        while operations.len() < CHUNK {
            match self.queue.pop_front() {
                Some(Work::Change(op, operation)) => {
                    ops.push(op);
                    operations.push(operation);
                }
                Some(Work::Dump(marks, sync)) if operations.is_empty() => {
                    return self.read(marks.as_deref(), sync);
                }
                Some(dump @ Work::Dump(..)) => {
                    self.queue.push_front(dump);
                    break;
                }
                None => break,
            }
        }
        let results = match &mut self.ipvs {
            Ok(ipvs) => ipvs.apply_all(&operations),
            Err(e) => operations.iter().map(|_| Err(e.clone())).collect(),
        };
        let done = |(op, result): (OpId, linux::Result<()>)| Input::Done {
            op,
            result: result.map_err(|e| op_error(&e)),
        };
        ops.into_iter().zip(results).map(done).collect()
    }

    /// Begins to read the table; the answer if there is one already.
    fn read(&mut self, marks: Option<&str>, sync: bool) -> Vec<Input> {
        if self.ipvs.is_err() {
            // The right to enter another namespace is given up; to stay in our own takes none.
            self.ipvs = Ipvs::open(&self.namespace, self.receive_buffer);
        }
        let begun = match &mut self.ipvs {
            Ok(ipvs) => ipvs.begin(marks, sync),
            Err(e) => Err(e.clone()),
        };
        match begun {
            Ok(reading) => {
                self.reading = Some(reading);
                Vec::new()
            }
            Err(e) => vec![Input::Table(Err(op_error(&e)))],
        }
    }

    fn read_on(&mut self, reading: Reading) -> Vec<Input> {
        let read = match &mut self.ipvs {
            Ok(ipvs) => ipvs.go_on(reading, PIECE),
            Err(e) => Err(e.clone()),
        };
        match read {
            Ok(Ok(table)) => vec![Input::Table(Ok(table))],
            Ok(Err(rest)) => {
                self.reading = Some(rest);
                Vec::new()
            }
            Err(e) => vec![Input::Table(Err(op_error(&e)))],
        }
    }
}
