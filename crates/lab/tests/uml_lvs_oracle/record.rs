//! What a run showed, and the comparison of two runs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Where an event was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stream {
    /// A line of the kernel's table at a rest point.
    Table,
    /// A line of `lvs_notify_fifo`.
    Lvs,
    /// A line of `notify_fifo`.
    All,
    /// The arguments of a script.
    Script,
    /// A mail.
    Mail,
    /// A line of the log.
    Log,
    /// What a server was asked, whenever it was.
    Asked,
}

impl Stream {
    /// As the list of divergences names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Lvs => "lvs",
            Self::All => "all",
            Self::Script => "script",
            Self::Mail => "mail",
            Self::Log => "log",
            Self::Asked => "asked",
        }
    }
}

/// Something that was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    /// When, counted from the start of the daemon.
    pub at: Duration,
    pub stream: Stream,
    pub text: String,
}

/// In what two runs differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// keepalived has it, vipd has not.
    Missing,
    /// vipd has it, keepalived has not.
    Extra,
    /// Both have it, at different times.
    Time,
    /// Both have it, but in another order in its stream.
    Order,
}

impl Class {
    /// As the list of divergences names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Time => "time",
            Self::Order => "order",
        }
    }
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    pub class: Class,
    pub stream: Stream,
    pub text: String,
    /// The instants, for readers.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.class.name(), self.stream.name(), self.text, self.detail)
    }
}

/// All differences of `other` from `yardstick`: events of one text are paired in the order of time.
pub(crate) fn compare(yardstick: &[Event], other: &[Event], tolerance: Duration) -> Vec<Difference> {
    let (want, have) = (by_text(yardstick), by_text(other));
    let mut keys: Vec<_> = want.keys().chain(have.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut found = Vec::new();
    let mut pairs = Vec::new();
    for key in keys {
        let side = |map: &BTreeMap<_, Vec<usize>>| map.get(key).cloned().unwrap_or_default();
        let add = |class, detail| Difference { class, stream: key.0, text: key.1.to_owned(), detail };
        let (mut want, mut have) = (side(&want), side(&have));
        // Events in time belong together, wherever another is missing.
        want.retain(|&w| {
            let near = |&h: &usize| yardstick[w].at.abs_diff(other[h].at) <= tolerance;
            let Some(place) = have.iter().position(near) else { return true };
            pairs.push((w, have.remove(place)));
            false
        });
        let both = want.len().min(have.len());
        for (&w, &h) in want.iter().zip(&have) {
            found.push(add(Class::Time, format!("{:?} instead of {:?}", other[h].at, yardstick[w].at)));
        }
        let rest = |list: &[usize], events: &[Event], class| -> Vec<Difference> {
            list.iter().skip(both).map(|&i| add(class, format!("at {:?}", events[i].at))).collect()
        };
        found.extend(rest(&want, yardstick, Class::Missing));
        found.extend(rest(&have, other, Class::Extra));
    }
    found.extend(order(yardstick, other, pairs));
    found
}

/// The places of events of each stream and text.
fn by_text(events: &[Event]) -> BTreeMap<(Stream, &str), Vec<usize>> {
    let mut map: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        map.entry((event.stream, event.text.as_str())).or_default().push(i);
    }
    map
}

/// Pairs in time that follow each other in another order than in the yardstick.
fn order(yardstick: &[Event], other: &[Event], mut pairs: Vec<(usize, usize)>) -> Vec<Difference> {
    pairs.sort_unstable();
    let mut last: BTreeMap<(Stream, &str), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (w, h) in pairs {
        let event = &yardstick[w];
        let Some(subject) = subject(event) else { continue };
        match last.get(&(event.stream, subject)) {
            Some(&before) if before > h => found.push(Difference {
                class: Class::Order,
                stream: event.stream,
                text: event.text.clone(),
                detail: format!("before \"{}\" at {:?}", other[before].text, event.at),
            }),
            _ => {
                last.insert((event.stream, subject), h);
            }
        }
    }
    found
}

/// What an event is about, if the order of those about it is a promise: of a FIFO the service, of the
/// log the first server or service of the line. Scripts and mails go their ways beside each other.
fn subject(event: &Event) -> Option<&str> {
    let text = &event.text;
    match event.stream {
        Stream::Lvs | Stream::All => text.split_whitespace().rev().nth(1),
        Stream::Log => {
            let name = |word: &&str| word.starts_with('[') && word.contains("]:");
            Some(text.split_whitespace().find(name).unwrap_or_default().trim_end_matches('.'))
        }
        Stream::Table | Stream::Script | Stream::Mail | Stream::Asked => None,
    }
}
