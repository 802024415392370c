//! The sequence number of the authentication header.
//!
//! keepalived keeps one counter per virtual router, shared by all who send: who becomes master goes
//! on from the highest number that it accepted from anybody. A number that is not higher is a
//! replay; there is no window. The counter moves only after the whole advert was found good.

/// Above this the counter starts again, and the master makes room for another one.
const LAST: u32 = 0xffff_fffd;

/// The counter of one virtual router.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sequence {
    highest: u32,
    /// It wrapped: the next number that is accepted sets it, whatever it is.
    resync: bool,
}

impl Sequence {
    /// The number of the next advert. The first is 1.
    pub(crate) const fn next(&mut self) -> u32 {
        self.highest = self.highest.saturating_add(1);
        self.highest
    }

    /// Whether no number is left.
    pub(crate) const fn is_exhausted(self) -> bool {
        self.highest >= LAST
    }

    /// Starts again and waits for somebody else's number.
    pub(crate) const fn wrap(&mut self) {
        *self = Self { highest: 0, resync: true };
    }

    /// The highest number so far if `received` is a replay of it or of an earlier one.
    pub(crate) const fn refuses(self, received: u32) -> Option<u32> {
        if !self.resync && received <= self.highest { Some(self.highest) } else { None }
    }

    /// `received` came in an advert that was accepted.
    pub(crate) const fn accept(&mut self, received: u32) {
        *self = Self { highest: received, resync: false };
    }

    /// A master answers a lower advert with a number that leaves one out.
    pub(crate) const fn skip(&mut self) {
        self.highest = self.highest.saturating_add(1);
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
}
