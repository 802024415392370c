//! Every keyword of the table with values that fit, every word of the lines in value blocks, and for each
//! the values that no keyword likes.

use base::Rng;

use crate::case::Case;
use crate::places::{PLACES, Place};
use crate::table::Table;

/// What may follow any keyword by mistake.
const NONSENSE: &[&str] = &[
    "",
    "abc",
    "-1",
    "0",
    "1",
    "2",
    "3",
    "254",
    "255",
    "256",
    "1.5",
    "0.004",
    "1.0000005",
    "1x",
    "0x10",
    "010",
    "+1",
    "99999999999",
    "4294967296",
    "1 2",
    "1 2 3 4 5",
    "on",
    "yes",
    "off",
    "True",
    "maybe",
    "192.0.2.7",
    "192.0.2.7/33",
    "300.1.1.1",
    "224.0.0.99",
    "::1",
    "fe80::1",
    "ff02::99",
    "2001:db8::1/129",
    "eth0",
    "eth1",
    "eth9",
    "a_name_of_more_than_fifteen_bytes",
    "\"1\"",
    "\"1",
    "\"\"",
    "{",
    "}",
    "{ }",
    "$NOBODY",
    "${_RANDOM 1 1}",
    "1 # a comment",
    "1 ! a comment",
    "/bin/true",
    "\"/bin/true 1\"",
    "/nowhere/x",
    "root",
    "nobody_such",
];

/// A place with all that can stand there.
pub(crate) struct Words {
    place: &'static Place,
    /// Each with the values that fit.
    words: Vec<(String, Vec<String>)>,
}

/// The places of `PLACES`, and for those that are blocks the keywords of the table.
pub(crate) fn places(table: &Table) -> Vec<Words> {
    let special =
        |&(word, values): &(&str, &str)| (word.to_owned(), values.split('|').map(str::to_owned).collect());
    PLACES
        .iter()
        .map(|place| {
            let mut words: Vec<(String, Vec<String>)> = place.words.iter().map(special).collect();
            for keyword in table.keywords.iter().filter(|k| Some(k.block.as_str()) == place.block) {
                if !place.words.iter().any(|(word, _)| *word == keyword.name) {
                    words.push((keyword.name.clone(), keyword.values()));
                }
            }
            Words { place, words }
        })
        .collect()
}

impl Words {
    fn case(&self, word: &str, value: &str) -> Case {
        let text = format!("{}{word} {value}\n{}", self.place.before, self.place.after);
        Case::new(format!("{}: {word} {value}", self.place.name), text)
    }

    /// Each keyword with each value that fits.
    pub(crate) fn fitting(&self) -> impl Iterator<Item = Case> {
        self.words.iter().flat_map(|(word, values)| values.iter().map(|value| self.case(word, value)))
    }

    /// Each keyword with each value that no keyword likes.
    pub(crate) fn nonsense(&self) -> impl Iterator<Item = Case> {
        self.words.iter().flat_map(|(word, _)| NONSENSE.iter().map(|value| self.case(word, value)))
    }

    /// Several of the keywords at once: what one says about another.
    pub(crate) fn mixture(&self, rng: &mut Rng, number: usize) -> Case {
        let mut body = String::new();
        for _ in 0..2 + rng.below(4) {
            let (word, values) = pick(rng, &self.words);
            body += &format!("{word} {}\n", pick(rng, values));
        }
        let text = format!("{}{body}{}", self.place.before, self.place.after);
        Case::new(format!("mixture {number} ({})", self.place.name), text)
    }
}

/// A random line, with the keyword and the values of any place.
pub(crate) fn line(rng: &mut Rng, places: &[Words]) -> String {
    let place = pick(rng, places);
    let (word, values) = pick(rng, &place.words);
    let value = if rng.below(2) == 0 { pick(rng, values).as_str() } else { value(rng) };
    format!("{word} {value}\n")
}

/// A random value.
pub(crate) fn value(rng: &mut Rng) -> &'static str {
    pick::<&str>(rng, NONSENSE)
}

/// One of the items, of which there is at least one.
pub(crate) fn pick<'a, T>(rng: &mut Rng, items: &'a [T]) -> &'a T {
    let index = rng.below(items.len() as u64);
    &items[usize::try_from(index).unwrap_or(0)]
}
