//! The runtime of probes: tasks, each of which waits for one socket, ended by dropping them.
//!
//! A task that begins to wait is *fresh*: all those are looked at with one call in the next turn, by when
//! most have what they wait for. The others are left to the poll set and to a queue of deadlines.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;

use base::{Duration, Instant};
use linux::OsError;
use linux::poll::{Poll, Ready};
use linux::wait::{Awaited, Glance};

use super::probe::waits::{Wait, Waits};

/// A task: the place where it stands, and how many there were before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TaskId(u64);

impl TaskId {
    /// Set in what the poll set calls the socket of a task, and in nothing else.
    const TOKEN: u64 = 1 << 63;
    /// The part that is the place.
    const PLACE: u64 = (1 << 32) - 1;

    fn new(place: usize, before: u32) -> Self {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        Self((u64::from(before) << 32 | place & Self::PLACE) & !Self::TOKEN)
    }

    fn place(self) -> usize {
        usize::try_from(self.0 & Self::PLACE).unwrap_or(usize::MAX)
    }

    fn token(self) -> u64 {
        self.0 | Self::TOKEN
    }

    fn of_token(token: u64) -> Option<Self> {
        (token & Self::TOKEN != 0).then_some(Self(token & !Self::TOKEN))
    }
}

/// Tasks that end with a `T`.
pub struct Tasks<T> {
    places: Vec<Place<T>>,
    free: Vec<usize>,
    /// So many have been started.
    started: u32,
    /// Those that can go on, and perhaps some that have been cancelled since.
    queue: VecDeque<TaskId>,
    fresh: Vec<(TaskId, Awaited)>,
    /// Of those that the poll set knows.
    deadlines: BTreeSet<(Instant, TaskId)>,
    glance: Glance,
    /// The poll set had no room for some of the fresh ones.
    crowded: bool,
    /// Empty between two looks.
    ready: Vec<Ready>,
}

struct Place<T> {
    id: TaskId,
    task: Option<Task<T>>,
}

struct Task<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    state: State,
}

/// What a task waits for: its turn, or a socket until then.
enum State {
    /// `None`: it has just begun, or time was over.
    Queued(Option<Ready>),
    Fresh(Instant),
    Watched(Instant),
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            started: 0,
            queue: VecDeque::new(),
            fresh: Vec::new(),
            deadlines: BTreeSet::new(),
            glance: Glance::default(),
            crowded: false,
            ready: Vec::new(),
        }
    }
}

impl<T> Tasks<T> {
    /// Takes a task, which begins at the next [`Tasks::run`].
    pub fn start(&mut self, future: impl Future<Output = T> + 'static) -> TaskId {
        let task = Task { future: Box::pin(future), state: State::Queued(None) };
        let index = self.free.pop().unwrap_or(self.places.len());
        self.started = self.started.wrapping_add(1);
        let id = TaskId::new(index, self.started);
        let place = Place { id, task: Some(task) };
        match self.places.get_mut(index) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        self.queue.push_back(id);
        id
    }

    /// Drops a task that has not ended.
    pub fn cancel(&mut self, id: TaskId) {
        match self.take(id) {
            // Its socket's number may soon be another's.
            Some(State::Fresh(_)) => self.fresh.retain(|(fresh, _)| *fresh != id),
            Some(State::Watched(until)) => {
                self.deadlines.remove(&(until, id));
            }
            Some(State::Queued(_)) | None => {}
        }
    }

    /// Lets up to `most` tasks go on, and tells of those that end.
    pub fn run(&mut self, waits: &Waits, most: usize, mut ended: impl FnMut(T)) {
        for _ in 0..most.min(self.queue.len()) {
            let Some(id) = self.queue.pop_front() else { return };
            let Some(task) = task(&mut self.places, id) else { continue };
            let State::Queued(news) = &mut task.state else { continue };
            match waits.poll(task.future.as_mut(), news.take()) {
                Err(Wait::Turn) => self.queue.push_back(id),
                Err(Wait::Socket(awaited, until)) => {
                    task.state = State::Fresh(until);
                    self.fresh.push((id, awaited));
                }
                Ok(value) => {
                    self.take(id);
                    ended(value);
                }
            }
        }
    }

    /// Gives back the room of tasks that have ended, for when there are far fewer than there were.
    pub fn shrink(&mut self) {
        let Self { places, free, started: _, queue, fresh, deadlines: _, glance, crowded: _, ready } = self;
        let used = places.iter().rposition(|place| place.task.is_some()).map_or(0, |last| last + 1);
        places.truncate(used);
        free.retain(|place| *place < used);
        places.shrink_to_fit();
        free.shrink_to_fit();
        queue.shrink_to_fit();
        fresh.shrink_to_fit();
        ready.shrink_to_fit();
        glance.shrink();
    }

    /// Whether [`Tasks::run`] has something to do.
    pub fn can_go_on(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether [`Tasks::look`] is worth it.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Whether fresh ones have been looked at and are still there, so that to look again at once is no use.
    pub fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// When the time of a task is over, unless it is a fresh one.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Takes a report of the poll set, if it is about a task.
    pub fn hear(&mut self, ready: Ready) {
        let Some(id) = TaskId::of_token(ready.token) else { return };
        let Some(task) = task(&mut self.places, id) else { return };
        // Else it is about something that it no longer waits for.
        if let State::Watched(until) = task.state {
            task.state = State::Queued(Some(ready));
            self.deadlines.remove(&(until, id));
            self.queue.push_back(id);
        }
    }

    /// Finds the fresh ones that can go on; the others stay fresh.
    ///
    /// # Errors
    /// The kernel doesn't say what is ready.
    pub fn glance(&mut self) -> Result<(), OsError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let awaited = self.fresh.iter().map(|(id, awaited)| (id.token(), *awaited));
        self.glance.look(awaited, Some(Duration::ZERO), &mut self.ready)?;
        let mut ready = self.ready.drain(..).peekable();
        self.fresh.retain(|(id, _)| {
            let Some(news) = ready.next_if(|ready| ready.token == id.token()) else { return true };
            if let Some(task) = task(&mut self.places, *id) {
                task.state = State::Queued(Some(news));
                self.queue.push_back(*id);
            }
            false
        });
        Ok(())
    }

    /// Finds the fresh ones that can go on, and those whose time is over; the rest of the fresh ones is
    /// left to `poll`, whose reports are for [`Tasks::hear`].
    ///
    /// # Errors
    /// As [`Tasks::glance`].
    pub fn look(&mut self, now: Instant, poll: &mut Poll) -> Result<(), OsError> {
        self.glance()?;
        self.fresh.retain(|(id, awaited)| {
            let Some(task) = task(&mut self.places, *id) else { return false };
            let State::Fresh(until) = task.state else { return false };
            // If there is no room for it, it stays among those that are looked at.
            if until > now && poll.once(*awaited, id.token()).is_err() {
                return true;
            }
            // Those whose time is over already are found below.
            task.state = State::Watched(until);
            self.deadlines.insert((until, *id));
            false
        });
        self.crowded = !self.fresh.is_empty();
        while let Some((until, id)) = self.deadlines.first().copied()
            && until <= now
        {
            self.deadlines.pop_first();
            if let Some(task) = task(&mut self.places, id) {
                task.state = State::Queued(None);
                self.queue.push_back(id);
            }
        }
        Ok(())
    }

    /// Ends a task: what it waited for.
    fn take(&mut self, id: TaskId) -> Option<State> {
        let place = self.places.get_mut(id.place()).filter(|place| place.id == id)?;
        let task = place.task.take()?;
        self.free.push(id.place());
        Some(task.state)
    }
}

fn task<T>(places: &mut [Place<T>], id: TaskId) -> Option<&mut Task<T>> {
    places.get_mut(id.place()).filter(|place| place.id == id)?.task.as_mut()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;

    use linux::clock;
    use linux::poll::Interest;

    use super::*;

    struct World {
        waits: Rc<Waits>,
        tasks: Tasks<Option<usize>>,
        poll: Poll,
        ended: Vec<Option<usize>>,
    }

    impl World {
        fn new() -> Self {
            let poll = Poll::new().expect("a poll set");
            Self { waits: Rc::default(), tasks: Tasks::default(), poll, ended: Vec::new() }
        }

        /// A task that ends with `number` when `socket` is ready, and with `None` at `until`.
        fn start(&mut self, number: usize, socket: UnixStream, interest: Interest, until: Instant) -> TaskId {
            let waits = self.waits.clone();
            self.tasks.start(async move { waits.ready(&socket, interest, until).await.map(|_| number) })
        }

        /// A turn at `now`, as the loop does it.
        fn turn(&mut self, now: Instant) {
            let ready = self.poll.wait(Some(Duration::ZERO)).expect("reports").to_vec();
            ready.into_iter().for_each(|ready| self.tasks.hear(ready));
            self.tasks.look(now, &mut self.poll).expect("a look");
            self.tasks.run(&self.waits, usize::MAX, |ended| self.ended.push(ended));
        }
    }

    #[test]
    fn what_is_ready_at_the_first_look_is_never_registered() {
        let mut world = World::new();
        let never = Instant::from_nanos(u64::MAX);
        let pairs: Vec<_> = (0..100).map(|_| UnixStream::pair().expect("sockets")).collect();
        let (theirs, ours): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        for (number, socket) in ours.into_iter().enumerate() {
            world.start(number, socket, Interest::WRITE, never);
        }
        let now = clock::now();
        world.turn(now);
        assert!(world.ended.is_empty() && world.tasks.has_fresh());
        world.turn(now);
        assert_eq!(world.ended, (0..100).map(Some).collect::<Vec<_>>(), "in the order of their begin");
        assert!(!world.tasks.has_fresh() && !world.tasks.can_go_on());
        assert_eq!(world.tasks.poll_timeout(), None);
        // Their places are used again.
        for socket in theirs {
            world.start(0, socket, Interest::READ, never);
        }
        assert_eq!(world.tasks.places.len(), 100);
    }

    #[test]
    fn what_takes_longer_is_registered_and_heard_of_or_meets_its_deadline() {
        let mut world = World::new();
        let begin = clock::now();
        let at = |secs| begin + Duration::from_secs(secs);
        let (mut writes, reads) = UnixStream::pair().expect("sockets");
        let (_open, silent) = UnixStream::pair().expect("sockets");
        world.start(1, reads, Interest::READ, at(10));
        world.start(2, silent, Interest::READ, at(20));
        for _ in 0..3 {
            world.turn(begin);
        }
        assert!(world.ended.is_empty() && !world.tasks.has_fresh() && !world.tasks.can_go_on());
        assert_eq!(world.tasks.poll_timeout(), Some(at(10)));
        writes.write_all(b"x").expect("it is written");
        world.turn(begin);
        assert_eq!(world.ended, [Some(1)]);
        assert_eq!(world.tasks.poll_timeout(), Some(at(20)));
        world.turn(at(20));
        assert_eq!(world.ended, [Some(1), None]);
        assert_eq!(world.tasks.poll_timeout(), None);
    }

    #[test]
    fn a_task_that_is_cancelled_is_dropped_whatever_it_waits_for() {
        let mut world = World::new();
        let until = clock::now() + Duration::from_secs(10);
        for turns in 0..3 {
            let (mut other, socket) = UnixStream::pair().expect("sockets");
            let task = world.start(turns, socket, Interest::READ, until);
            (0..turns).for_each(|_| world.turn(clock::now()));
            world.tasks.cancel(task);
            assert!(other.write_all(b"x").is_err(), "its socket is closed");
            // The one that has its place, and perhaps the number of its socket, is not taken for it.
            let (_open, socket) = UnixStream::pair().expect("sockets");
            let next = world.start(turns, socket, Interest::READ, until);
            (0..3).for_each(|_| world.turn(clock::now()));
            assert_eq!(world.tasks.poll_timeout(), Some(until));
            world.tasks.cancel(next);
            world.tasks.cancel(next);
            assert_eq!((world.tasks.poll_timeout(), world.tasks.places.len()), (None, 1));
        }
        world.turn(until);
        assert!(world.ended.is_empty());
    }

    #[test]
    fn room_that_is_given_back_is_taken_again_and_nobody_is_taken_for_another() {
        let mut world = World::new();
        let until = clock::now() + Duration::from_secs(10);
        let pairs: Vec<_> = (0..20).map(|_| UnixStream::pair().expect("sockets")).collect();
        let (mut theirs, ours): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let ids: Vec<TaskId> = ours
            .into_iter()
            .enumerate()
            .map(|(number, socket)| world.start(number, socket, Interest::READ, until))
            .collect();
        world.turn(clock::now());
        for id in ids.iter().enumerate().filter(|(number, _)| *number != 4).map(|(_, id)| *id) {
            world.tasks.cancel(id);
        }
        world.tasks.shrink();
        assert_eq!((world.tasks.places.len(), world.tasks.free.len()), (5, 4));
        let (_open, socket) = UnixStream::pair().expect("sockets");
        let next = world.start(30, socket, Interest::READ, until);
        assert!(!ids.contains(&next));
        theirs[4].write_all(b"x").expect("it is written");
        (0..3).for_each(|_| world.turn(clock::now()));
        assert_eq!(world.ended, [Some(4)]);
        world.tasks.cancel(next);
        world.tasks.shrink();
        assert_eq!((world.tasks.places.len(), world.tasks.free.len()), (0, 0));
    }

    #[test]
    fn those_that_need_several_turns_let_others_have_theirs() {
        let mut world = World::new();
        let waits = world.waits.clone();
        world.tasks.start(async move {
            waits.turn().await;
            Some(1)
        });
        world.tasks.start(async { Some(2) });
        world.turn(clock::now());
        assert_eq!(world.ended, [Some(2)]);
        world.turn(clock::now());
        assert_eq!(world.ended, [Some(2), Some(1)]);
    }

    #[test]
    fn what_finds_no_room_in_the_poll_set_is_looked_at_until_its_time_is_over() {
        use std::os::fd::AsFd;

        let mut world = World::new();
        // No set takes itself, and this one is never ready.
        let itself = world.poll.as_fd().try_clone_to_owned().expect("a descriptor");
        let begin = clock::now();
        let until = begin + Duration::from_secs(10);
        let waits = world.waits.clone();
        world.tasks.start(async move { waits.ready(&itself, Interest::READ, until).await.map(|_| 1) });
        world.turn(begin);
        assert!(world.tasks.has_fresh() && !world.tasks.is_crowded(), "nobody has looked yet");
        for _ in 0..3 {
            world.turn(begin);
            assert!(world.tasks.has_fresh() && world.tasks.is_crowded() && world.ended.is_empty());
        }
        world.turn(until);
        assert_eq!(world.ended, [None]);
        assert!(!world.tasks.has_fresh() && !world.tasks.is_crowded());
    }
}
