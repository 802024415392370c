//! The sequence number of the authentication header.
//!
//! keepalived keeps one counter per virtual router, shared by all who send: who becomes master goes
//! on from the highest number that it accepted from anybody. A number that is not higher is a
//! replay; there is no window. The counter moves only after the whole advert was found good.
//!
//! Two that become masters at the same instant use the same numbers from then on. Neither would ever hear
//! the other if these counted as replays, so the number that was sent here last is accepted once from
//! somebody else: nobody can have recorded it before.

/// Above this the counter starts again, and the master makes room for another one.
const LAST: u32 = 0xffff_fffd;

/// The counter of one virtual router.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sequence {
    highest: u32,
    /// It wrapped: the next number that is accepted sets it, whatever it is.
    resync: bool,
    /// The highest number was sent from here.
    ours: bool,
}

impl Sequence {
    /// The number of the next advert. The first is 1.
    pub(crate) const fn next(&mut self) -> u32 {
        self.highest = self.highest.saturating_add(1);
        self.ours = true;
        self.highest
    }

    /// Whether no number is left.
    pub(crate) const fn is_exhausted(self) -> bool {
        self.highest >= LAST
    }

    /// Starts again and waits for somebody else's number.
    pub(crate) const fn wrap(&mut self) {
        *self = Self { highest: 0, resync: true, ours: false };
    }

    /// The highest number so far if `received` is a replay of it or of an earlier one.
    pub(crate) const fn refuses(self, received: u32) -> Option<u32> {
        let used = received < self.highest || received == self.highest && !self.ours;
        if !self.resync && used { Some(self.highest) } else { None }
    }

    /// `received` came in an advert that was accepted.
    pub(crate) const fn accept(&mut self, received: u32) {
        *self = Self { highest: received, resync: false, ours: false };
    }

    /// A master answers a lower advert with a number that leaves one out.
    pub(crate) const fn skip(&mut self) {
        self.highest = self.highest.saturating_add(1);
        self.ours = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_1_and_an_accepted_one_is_continued() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.next(), 1);
        sequence.accept(40);
        assert_eq!(sequence.next(), 41);
    }

    #[test]
    fn equal_and_lower_numbers_are_replays() {
        let mut sequence = Sequence::default();
        sequence.accept(7);
        assert_eq!(sequence.refuses(7), Some(7));
        assert_eq!(sequence.refuses(1), Some(7));
        assert_eq!(sequence.refuses(8), None);
    }

    #[test]
    fn after_a_wrap_any_number_is_taken_once() {
        let mut sequence = Sequence::default();
        sequence.accept(LAST);
        assert!(sequence.is_exhausted());
        sequence.wrap();
        assert_eq!(sequence.refuses(0), None);
        sequence.accept(3);
        assert_eq!(sequence.refuses(3), Some(3));
    }

    #[test]
    fn a_second_master_may_use_our_last_number_once_and_no_earlier_one() {
        let mut sequence = Sequence::default();
        sequence.accept(52);
        let ours = sequence.next();
        assert_eq!((ours, sequence.refuses(53), sequence.refuses(52)), (53, None, Some(53)));
        sequence.accept(53);
        assert_eq!(sequence.refuses(53), Some(53));
    }
}
