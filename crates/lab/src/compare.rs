//! Two captures of the same scenario, compared field by field and by time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base::Mac;

use crate::event::Event;

/// In what two captures differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// An event of the yardstick is not there.
    Missing,
    /// An event is there that the yardstick has not.
    Extra,
    /// An event has another value in a field.
    Field,
    /// An event comes at another time.
    Time,
    /// Events come at their times, but the other way round.
    Order,
}

/// One difference, and how often it occurs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// In what.
    pub class: Class,
    /// Who sent the event.
    pub sender: Mac,
    /// Kind of the event: `advert`, `garp` or `na`.
    pub event: &'static str,
    /// The field, for [`Class::Field`].
    pub field: Option<&'static str>,
    /// What the first of them is.
    pub detail: String,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.map(|n| format!(" {n}")).unwrap_or_default();
        write!(f, "{:?}: {} of {}{field}: {}", self.class, self.event, self.sender, self.detail)?;
        if self.count > 1 { write!(f, " (and {} more)", self.count - 1) } else { Ok(()) }
    }
}

/// All differences of `other` from `yardstick`. Instants are compared as they are, counted from the
/// beginning of the lab, so both must have been made by the same script.
#[must_use]
pub fn compare(yardstick: &[Event], other: &[Event], tolerance: Duration) -> Vec<Difference> {
    let mut all = Differences::default();
    let (want, have) = (by_stream(yardstick), by_stream(other));
    let mut streams: Vec<_> = want.keys().chain(have.keys()).collect();
    streams.sort();
    streams.dedup();
    for stream in streams {
        let side = |map: &BTreeMap<_, Vec<usize>>| map.get(stream).cloned().unwrap_or_default();
        compare_stream(yardstick, &side(&want), other, &side(&have), tolerance, &mut all);
    }
    let pairs = std::mem::take(&mut all.pairs);
    compare_order(yardstick, other, pairs, &mut all);
    all.found
}

/// Events of one kind by one sender, in the order of time.
fn by_stream(events: &[Event]) -> BTreeMap<(Mac, &'static str), Vec<usize>> {
    let mut map: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        map.entry((event.sender, event.kind_name())).or_default().push(i);
    }
    map
}

/// An event that is further away from its instant is another event.
const LATE: Duration = Duration::from_millis(500);

/// Whether an event of the yardstick and another belong together.
type Fits<'a> = &'a dyn Fn(&Event, &Event) -> bool;

/// Pairs the events of two streams: first those that are equal and in time, then equal ones that are
/// late or early, then those in time with another content. What is left is missing or extra.
fn compare_stream(
    yardstick: &[Event],
    want: &[usize],
    other: &[Event],
    have: &[usize],
    tolerance: Duration,
    all: &mut Differences,
) {
    let near = |a: &Event, b: &Event| a.at.abs_diff(b.at) <= tolerance;
    let rounds: [Fits<'_>; 3] = [&|a, b| a.fields == b.fields && near(a, b), &|a, b| near(a, b), &|a, b| {
        a.fields == b.fields && a.at.abs_diff(b.at) <= LATE
    }];
    let (mut want, mut have) = (want.to_vec(), have.to_vec());
    for fits in rounds {
        want.retain(|&w| {
            let Some(position) = have.iter().position(|&h| fits(&yardstick[w], &other[h])) else {
                return true;
            };
            let h = have.remove(position);
            if near(&yardstick[w], &other[h]) {
                all.pairs.push((w, h));
            }
            all.pair(&yardstick[w], &other[h], tolerance);
            false
        });
    }
    for w in want {
        all.add(Class::Missing, &yardstick[w], None, yardstick[w].to_string());
    }
    for h in have {
        all.add(Class::Extra, &other[h], None, other[h].to_string());
    }
}

/// Whether the pairs that are in time follow each other, per sender, as in the yardstick. Events of
/// different senders may cross.
fn compare_order(
    yardstick: &[Event],
    other: &[Event],
    mut pairs: Vec<(usize, usize)>,
    all: &mut Differences,
) {
    pairs.sort_unstable();
    let mut last: BTreeMap<Mac, usize> = BTreeMap::new();
    for (w, h) in pairs {
        let sender = yardstick[w].sender;
        if let Some(&before) = last.get(&sender)
            && before > h
        {
            all.add(
                Class::Order,
                &yardstick[w],
                None,
                format!("{} comes before {}", other[h], other[before]),
            );
            continue;
        }
        last.insert(sender, h);
    }
}

#[derive(Default)]
struct Differences {
    found: Vec<Difference>,
    pairs: Vec<(usize, usize)>,
}

impl Differences {
    fn pair(&mut self, want: &Event, have: &Event, tolerance: Duration) {
        if want.at.abs_diff(have.at) > tolerance {
            let (sign, gap) =
                if have.at > want.at { ("later", have.at - want.at) } else { ("earlier", want.at - have.at) };
            self.add(Class::Time, want, None, format!("{gap:?} {sign} than {want}"));
        }
        if want.fields == have.fields {
            return;
        }
        // A field of the one that the other has not counts as an empty value.
        let mut names: Vec<&'static str> = want.fields.iter().chain(&have.fields).map(|(n, _)| *n).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (a, b) = (values(want, name), values(have, name));
            if a != b {
                self.add(
                    Class::Field,
                    want,
                    Some(name),
                    format!("\"{b}\" instead of \"{a}\" at {:?}", want.at),
                );
            }
        }
    }

    fn add(&mut self, class: Class, event: &Event, field: Option<&'static str>, detail: String) {
        let (sender, kind) = (event.sender, event.kind_name());
        let same = |d: &&mut Difference| {
            d.class == class && d.sender == sender && d.event == kind && d.field == field
        };
        match self.found.iter_mut().find(same) {
            Some(known) => known.count += 1,
            None => self.found.push(Difference { class, sender, event: kind, field, detail, count: 1 }),
        }
    }
}

/// All values of a field that can occur more than once.
fn values(event: &Event, name: &str) -> String {
    event.fields.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{Class, compare};
    use crate::event::{Event, Kind};
    use base::Mac;
    use std::time::Duration;

    const TOLERANCE: Duration = Duration::from_millis(2);

    fn garp(millis: u64, sender: u8, op: &str) -> Event {
        Event {
            at: Duration::from_millis(millis),
            sender: Mac([2, 0, 0, 0, sender, 0]),
            kind: Kind::Garp([192, 0, 2, 1].into()),
            fields: vec![("arp.op", op.to_owned())],
        }
    }

    fn advert(millis: u64, priority: u8) -> Event {
        let source = [192, 0, 2, 11].into();
        let kind = Kind::Advert { version: 3, vrid: 1, priority, source };
        Event { kind, fields: vec![("vrrp.priority", priority.to_string())], ..garp(millis, 1, "") }
    }

    fn classes(want: &[Event], have: &[Event]) -> Vec<(Class, usize)> {
        compare(want, have, TOLERANCE).iter().map(|d| (d.class, d.count)).collect()
    }

    #[test]
    fn equal_within_the_tolerance_is_equal() {
        let want = [garp(10, 1, "1"), garp(20, 1, "1"), advert(30, 100)];
        let have = [garp(12, 1, "1"), garp(18, 1, "1"), advert(30, 100)];
        assert_eq!(classes(&want, &have), []);
        assert_eq!(classes(&[], &[]), []);
    }

    #[test]
    fn one_late_event_is_one_time_difference() {
        let want = [garp(10, 1, "1"), garp(20, 1, "1"), garp(30, 1, "1")];
        let have = [garp(10, 1, "1"), garp(23, 1, "1"), garp(30, 1, "1")];
        assert_eq!(classes(&want, &have), [(Class::Time, 1)]);
    }

    #[test]
    fn an_event_at_quite_another_time_is_another_event() {
        assert_eq!(
            classes(&[garp(10, 1, "1")], &[garp(900, 1, "1")]),
            [(Class::Missing, 1), (Class::Extra, 1)]
        );
    }

    #[test]
    fn another_value_is_a_difference_in_that_field() {
        let found = compare(&[advert(10, 100)], &[advert(11, 101)], TOLERANCE);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].field), (Class::Field, Some("vrrp.priority")));
        assert!(found[0].detail.contains("\"101\" instead of \"100\""), "{}", found[0]);
    }

    #[test]
    fn what_is_missing_and_what_is_extra_is_counted() {
        let want = [garp(10, 1, "1"), garp(20, 1, "1"), garp(30, 1, "1")];
        assert_eq!(classes(&want, &want[..1]), [(Class::Missing, 2)]);
        assert_eq!(classes(&want[..1], &want), [(Class::Extra, 2)]);
        assert_eq!(
            classes(&[garp(10, 1, "1")], &[garp(10, 2, "1")]),
            [(Class::Missing, 1), (Class::Extra, 1)]
        );
    }

    #[test]
    fn an_announcement_before_its_advert_is_out_of_order() {
        let want = [advert(10, 100), garp(10, 1, "1")];
        let have = [garp(10, 1, "1"), advert(10, 100)];
        assert_eq!(classes(&want, &have), [(Class::Order, 1)]);
        let two_senders = [garp(10, 1, "1"), garp(10, 2, "1")];
        let crossed = [garp(10, 2, "1"), garp(10, 1, "1")];
        assert_eq!(classes(&two_senders, &crossed), []);
    }
}
