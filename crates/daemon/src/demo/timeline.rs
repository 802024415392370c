//! The live timeline: who says what, as it happens.

use std::io::Write;
use std::time::{Duration, Instant};

/// Prints lines with the time since the beginning.
pub struct Timeline {
    began: Instant,
    colour: bool,
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Actor {
    name: &'static str,
    /// The parameters of the escape sequence for its colour.
    style: &'static str,
}

impl Actor {
    /// The one who does the damage.
    pub const YOU: Self = Self { name: "you", style: "1" };
    /// The first router.
    pub const A: Self = Self { name: "A", style: "32" };
    /// The second router.
    pub const B: Self = Self { name: "B", style: "36" };
    /// The client.
    pub const CLIENT: Self = Self { name: "client", style: "33" };

    /// Somebody else, in a colour of an escape sequence.
    pub const fn new(name: &'static str, style: &'static str) -> Self {
        Self { name, style }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl Timeline {
    /// A timeline that begins now. Colours on a terminal, unless `NO_COLOR` is set.
    pub fn new(began: Instant) -> Self {
        let colour = crate::colour::wanted(&std::io::stdout());
        Self { began, colour }
    }

    /// The time since the beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Prints a line for now.
    pub fn say(&self, actor: Actor, text: &str) {
        let Actor { name, style } = actor;
        let at = self.now();
        let mut out = std::io::stdout().lock();
        // A closed pipe ends the story's audience, not the story.
        let _ = if self.colour {
            writeln!(
                out,
                "{:>7}.{:03}  \x1b[{style}m{name:<6}  {text}\x1b[0m",
                at.as_secs(),
                at.subsec_millis()
            )
        } else {
            writeln!(out, "{:>7}.{:03}  {name:<6}  {text}", at.as_secs(), at.subsec_millis())
        };
        let _ = out.flush();
    }

    /// Prints a heading.
    pub fn heading(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = if self.colour { writeln!(out, "\n\x1b[1m{text}\x1b[0m") } else { writeln!(out, "\n{text}") };
    }
}
