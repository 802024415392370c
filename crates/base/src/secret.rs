//! Values that must not be printed.

use core::fmt;

use zeroize::Zeroize;

/// A value whose `Debug` shows nothing and whose memory is cleared when it is dropped.
///
/// There is no `Display`. Reading it takes a call that a reviewer can search for:
/// [`reveal`](Self::reveal).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Puts `value` under cover.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for a computation, never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new(*b"admin123")), "********");
    }
}
