//! Lines that wait for a sink with no room.

use std::collections::VecDeque;

/// How a sink took what it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Took {
    /// So many bytes of it, at least one.
    Bytes(usize),
    /// Nothing now.
    Later,
    /// Nothing, ever: the line is lost.
    Never,
}

/// Something that takes lines without ever waiting.
pub trait Sink {
    /// So many bytes of several lines may be given to it as if they were one; 0 if each line comes alone.
    const AT_ONCE: usize;
    /// Takes the line, or the rest of it.
    fn take(&mut self, line: &[u8]) -> Took;
    /// The line that tells that `n` lines were lost here.
    fn lost(&self, n: u64) -> Vec<u8>;
}

/// A sink behind a bounded queue. When the queue is full, the newest lines are dropped and counted:
/// those that tell how the trouble began are the more precious ones. The gap is told in the place
/// where it is, once there is room.
#[derive(Debug)]
pub struct Queue<S> {
    sink: S,
    waiting: VecDeque<Vec<u8>>,
    /// Bytes of the front line that are written already.
    written: usize,
    lost: u64,
}

impl<S: Sink> Queue<S> {
    /// So many lines may wait.
    pub const ROOM: usize = 2048;

    /// An empty queue in front of `sink`.
    pub fn new(sink: S) -> Self {
        Self { sink, waiting: VecDeque::new(), written: 0, lost: 0 }
    }

    /// Will write a line with the next flush.
    pub fn post(&mut self, line: Vec<u8>) {
        if self.lost > 0 || self.waiting.len() >= Self::ROOM {
            self.flush();
        }
        if self.waiting.len() >= Self::ROOM {
            self.lost += 1;
            return;
        }
        if self.lost > 0 {
            self.waiting.push_back(self.sink.lost(self.lost));
            self.lost = 0;
        }
        self.waiting.push_back(line);
    }

    /// Writes what there is room for.
    pub fn flush(&mut self) {
        let mut together = Vec::new();
        while let Some(first) = self.waiting.front() {
            let rest = first.get(self.written..).unwrap_or_default();
            together.clear();
            if self.waiting.len() > 1 && rest.len() < S::AT_ONCE {
                together.extend_from_slice(rest);
                for line in self.waiting.iter().skip(1) {
                    if together.len() + line.len() > S::AT_ONCE {
                        break;
                    }
                    together.extend_from_slice(line);
                }
            }
            match self.sink.take(if together.is_empty() { rest } else { &together }) {
                Took::Bytes(n) => self.written += n,
                Took::Later => return,
                Took::Never => self.written = first.len(),
            }
            while let Some(line) = self.waiting.front().filter(|line| self.written >= line.len()) {
                self.written -= line.len();
                self.waiting.pop_front();
            }
        }
    }

    /// Whether lines wait for room.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What is behind the queue.
    pub fn sink(&self) -> &S {
        &self.sink
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `step` bytes a call, and `room` bytes in all.
    struct Pipe {
        step: usize,
        room: usize,
        out: Vec<u8>,
        calls: usize,
    }

    impl Sink for Pipe {
        const AT_ONCE: usize = 6;

        fn take(&mut self, line: &[u8]) -> Took {
            self.calls += 1;
            let n = line.len().min(self.step).min(self.room);
            if n == 0 {
                return Took::Later;
            }
            self.out.extend_from_slice(&line[..n]);
            self.room -= n;
            Took::Bytes(n)
        }

        fn lost(&self, n: u64) -> Vec<u8> {
            format!("[{n} lost]").into_bytes()
        }
    }

    #[test]
    fn a_line_is_never_torn_by_a_slow_reader() {
        let mut q = Queue::new(Pipe { step: 2, room: 5, out: Vec::new(), calls: 0 });
        q.post(b"abcd".to_vec());
        q.flush();
        q.post(b"efgh".to_vec());
        q.flush();
        assert!(q.is_waiting());
        assert_eq!(q.sink().out, b"abcde");
        q.sink.room = 100;
        q.flush();
        assert_eq!((q.sink().out.as_slice(), q.is_waiting()), (&b"abcdefgh"[..], false));
    }

    #[test]
    fn lines_that_wait_together_are_written_together_as_far_as_the_sink_takes_them_at_once() {
        let mut q = Queue::new(Pipe { step: 9, room: 100, out: Vec::new(), calls: 0 });
        for line in ["ab", "cd", "ef", "gh", "12345678", "x"] {
            q.post(line.as_bytes().to_vec());
        }
        q.flush();
        assert_eq!((q.sink.out.as_slice(), q.is_waiting()), (&b"abcdefgh12345678x"[..], false));
        // abcdef, gh, 12345678, x: a line that is longer than that comes alone.
        assert_eq!(q.sink.calls, 4);
        (q.sink.room, q.sink.step) = (3, 9);
        for line in ["ab", "cd", "ef"] {
            q.post(line.as_bytes().to_vec());
        }
        q.flush();
        q.sink.room = 9;
        q.flush();
        assert!(q.sink.out.ends_with(b"xabcdef"), "what was taken of several lines is not written twice");
    }

    #[test]
    fn a_full_queue_tells_how_much_is_missing_and_where() {
        let mut q = Queue::new(Pipe { step: 9, room: 0, out: Vec::new(), calls: 0 });
        for _ in 0..Queue::<Pipe>::ROOM + 3 {
            q.post(b"x".to_vec());
        }
        q.sink.room = usize::MAX;
        q.post(b"y".to_vec());
        q.flush();
        let tail = q.sink.out.split_off(Queue::<Pipe>::ROOM - 1);
        assert_eq!(String::from_utf8(tail).unwrap(), "x[3 lost]y");
    }
}
