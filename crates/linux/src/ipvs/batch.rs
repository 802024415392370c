//! Operations in order, many at a time.

use engine::lvs::io::Operation;
use engine::lvs::table::{SyncHalf, SyncSettings};

use super::encode::Change;
use super::{Ipvs, name};
use crate::error::{Errno, Result};

/// The kernel acts on messages while they are sent; with more than this at once its answers might not fit
/// the default receive buffer.
const CHUNK: usize = 64;

impl Ipvs {
    /// Does several things in order, and tells of each how it went. Those behind one that fails are done
    /// all the same.
    pub fn apply_all(&mut self, operations: &[Operation]) -> Vec<Result<()>> {
        if let Err(e) = self.find() {
            return operations.iter().map(|_| Err(e.clone())).collect();
        }
        let mut out = Vec::with_capacity(operations.len());
        let mut rest = operations;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(chunk(rest));
            rest = later;
            self.chunk(now, &mut out);
        }
        out
    }

    /// Does operations that don't depend on each other's second try.
    fn chunk(&mut self, operations: &[Operation], out: &mut Vec<Result<()>>) {
        let changes: Option<Vec<Change<'_>>> = operations.iter().map(change).collect();
        let Some(changes) = changes else {
            // The one kind that isn't said in messages of this family comes alone.
            out.extend(operations.iter().map(|o| self.marks(o)));
            return;
        };
        let answers = self.socket.act(&changes, Change::encode);
        for ((operation, change), answer) in operations.iter().zip(&changes).zip(answers) {
            let answer = answer.or_else(|errno| self.second(change, errno));
            out.push(answer.map_err(|errno| name::error(operation, errno)));
        }
    }

    /// What is so already has worked; what is otherwise than thought is met as it is.
    fn second(&mut self, change: &Change<'_>, errno: Errno) -> std::result::Result<(), Errno> {
        let instead = match (change, errno) {
            (Change::AddService(key, settings), Errno::EEXIST) => Change::EditService(key, settings),
            (Change::EditService(key, settings), Errno::ESRCH) => Change::AddService(key, settings),
            (Change::AddServer(key, s, settings), Errno::EEXIST) => Change::EditServer(key, s, settings),
            (Change::EditServer(key, s, settings), Errno::ENOENT) => Change::AddServer(key, s, settings),
            (Change::DelService(_) | Change::DelServer(..), Errno::ESRCH | Errno::ENOENT) => return Ok(()),
            (Change::StopSync(half), errno) => return self.stopped(*half, errno),
            (Change::StartSync(half, wanted), Errno::EEXIST) => return self.restart(*half, wanted),
            _ => return Err(errno),
        };
        self.one(instead)
    }

    /// A half that runs already: as it is wanted, or it is started again.
    fn restart(&mut self, half: SyncHalf, wanted: &SyncSettings) -> std::result::Result<(), Errno> {
        let daemons = self.sync_daemons().map_err(|e| e.errno)?;
        if daemons.get(&half).is_some_and(|has| wanted.are_met_by(half, has)) {
            return Ok(());
        }
        self.one(Change::StopSync(half)).or_else(|errno| self.stopped(half, errno))?;
        self.one(Change::StartSync(half, wanted))
    }

    /// Whether a half that could not be stopped runs at all. A half that is stopped before its thread has
    /// run for the first time ends with `EINTR`, which the kernel takes for a reason not to answer.
    fn stopped(&mut self, half: SyncHalf, errno: Errno) -> std::result::Result<(), Errno> {
        match errno {
            Errno::ESRCH => Ok(()),
            Errno::EPROTO => {
                let daemons = self.sync_daemons().map_err(|e| e.errno)?;
                if daemons.contains_key(&half) { Err(errno) } else { Ok(()) }
            }
            _ => Err(errno),
        }
    }

    fn marks(&mut self, operation: &Operation) -> Result<()> {
        let nft = self.marks.as_mut().map_err(|e| e.clone())?;
        match operation {
            Operation::SetMarks(table) => nft.set_marks(table),
            Operation::DelMarks(name) => nft.delete_marks(name),
            _ => Ok(()),
        }
    }

    fn one(&mut self, change: Change<'_>) -> std::result::Result<(), Errno> {
        self.socket.act(&[change], Change::encode).pop().unwrap_or(Err(Errno::EPROTO))
    }
}

/// How many operations may be sent at once: each sees what those before it did, but not what their second
/// try does.
fn chunk(operations: &[Operation]) -> usize {
    let mut count = 0;
    for operation in operations.iter().take(CHUNK) {
        let before = operations.get(..count).unwrap_or_default();
        if before.iter().any(|b| depends(b, operation)) {
            break;
        }
        count += 1;
    }
    count
}

/// Whether `later` must not be sent before `earlier` is settled.
fn depends(earlier: &Operation, later: &Operation) -> bool {
    let (Some(a), Some(b)) = (earlier.service(), later.service()) else { return true };
    if a != b {
        return false;
    }
    match (earlier, later) {
        // A service that is there already can be given servers whatever its settings are.
        (Operation::AddService(..), Operation::AddServer(..) | Operation::EditServer(..)) => false,
        (
            Operation::AddServer(_, a, _) | Operation::EditServer(_, a, _) | Operation::DelServer(_, a),
            Operation::AddServer(_, b, _) | Operation::EditServer(_, b, _) | Operation::DelServer(_, b),
        ) => a == b,
        _ => true,
    }
}

/// `None` for what isn't said in messages of this family.
fn change(operation: &Operation) -> Option<Change<'_>> {
    Some(match operation {
        Operation::AddService(key, settings) => Change::AddService(key, settings),
        Operation::EditService(key, settings) => Change::EditService(key, settings),
        Operation::DelService(key) => Change::DelService(key),
        Operation::AddServer(key, s, settings) => Change::AddServer(key, s, settings),
        Operation::EditServer(key, s, settings) => Change::EditServer(key, s, settings),
        Operation::DelServer(key, s) => Change::DelServer(key, s),
        Operation::Flush => Change::Flush,
        Operation::SetTimeouts(t) => Change::SetTimeouts(t),
        Operation::StartSync(half, settings) => Change::StartSync(*half, settings),
        Operation::StopSync(half, _) => Change::StopSync(*half),
        Operation::SetMarks(_) | Operation::DelMarks(_) => return None,
    })
}
