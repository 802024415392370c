//! Values of keywords: numbers, times, switches, addresses.

use std::net::IpAddr;

use base::Duration;

/// A number that was read from the start of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lenient<T> {
    pub(crate) value: T,
    /// Whether the word had more than the number.
    pub(crate) more: bool,
}

/// A whole number at the start of `word`, with a sign or without.
///
/// keepalived takes the number and complains about the rest.
pub(crate) fn whole(word: &str) -> Option<Lenient<i64>> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let end = word.len() - digits.len() + len;
    let number = word.get(..end)?;
    if len == 0 {
        return None;
    }
    let low = number.starts_with('-');
    let value = number.parse().unwrap_or(if low { i64::MIN } else { i64::MAX });
    Some(Lenient { value, more: end < word.len() })
}

/// Seconds with decimals at the start of `word`, not negative. Digits beyond `decimals` are rounded
/// half up, which counts as "more".
pub(crate) fn seconds(word: &str, decimals: u32) -> Option<Lenient<Duration>> {
    let unsigned = word.strip_prefix('+').unwrap_or(word);
    let (whole, rest) = split_digits(unsigned);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let secs: u64 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    let keep = usize::try_from(decimals).unwrap_or(usize::MAX);
    let kept = fraction.get(..keep).unwrap_or(fraction);
    let mut units: u64 = if kept.is_empty() { 0 } else { kept.parse().unwrap_or(0) };
    for _ in kept.len()..keep {
        units = units.saturating_mul(10);
    }
    let cut = fraction.get(keep..).unwrap_or("");
    if cut.starts_with(|c: char| c >= '5') {
        units = units.saturating_add(1);
    }
    let unit = Duration::from_nanos(10_u64.saturating_pow(9_u32.saturating_sub(decimals)));
    let value = Duration::from_secs(secs) + unit * units;
    Some(Lenient { value, more: !rest.is_empty() || !cut.is_empty() })
}

fn split_digits(text: &str) -> (&str, &str) {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(len).unwrap_or(("", text))
}

/// `on`, `true`, `yes`, `off`, `false`, `no`; in lower case only.
pub(crate) fn switch(word: &str) -> Option<bool> {
    match word {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// An IPv4 or IPv6 address.
pub(crate) fn address(word: &str) -> Option<IpAddr> {
    word.parse().ok()
}

/// The words of `known` that are spelled almost like `word`, the nearest one first.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let most = (word.chars().count() / 3).max(1);
    let scored = known.filter_map(|k| distance(word, k, most).map(|d| (d, k)));
    scored.min_by_key(|&(d, k)| (d, k)).map(|(_, k)| k)
}

/// How many letters must be added, removed, changed or swapped with their neighbour to make `b` of
/// `a`; `None` if more than `most`.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&last, j) + usize::from(ca != cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|&d| d <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_taken_from_the_start_of_a_word() {
        assert_eq!(whole("100"), Some(Lenient { value: 100, more: false }));
        assert_eq!(whole("-2"), Some(Lenient { value: -2, more: false }));
        assert_eq!(whole("100abc"), Some(Lenient { value: 100, more: true }));
        assert_eq!(whole("2.5"), Some(Lenient { value: 2, more: true }));
        assert_eq!(whole("abc"), None);
        assert_eq!(whole("-"), None);
        assert_eq!(whole("99999999999999999999").map(|n| n.value), Some(i64::MAX));
    }

    #[test]
    fn seconds_keep_their_decimals_and_round_half_up() {
        let value = |word, decimals| seconds(word, decimals).map(|n| (n.value, n.more));
        assert_eq!(value("1.5", 6), Some((Duration::from_millis(1_500), false)));
        assert_eq!(value(".01", 6), Some((Duration::from_millis(10), false)));
        assert_eq!(value("1.0005", 3), Some((Duration::from_millis(1_001), true)));
        assert_eq!(value("2x", 6), Some((Duration::from_secs(2), true)));
        assert_eq!(value("-1", 6), None);
        assert_eq!(value("x", 6), None);
        assert_eq!(value("99999999999999999999", 6), Some((Duration::MAX, false)));
    }

    #[test]
    fn switches_know_six_words() {
        assert_eq!(switch("on"), Some(true));
        assert_eq!(switch("no"), Some(false));
        assert_eq!(switch("1"), None);
        assert_eq!(switch("True"), None);
    }

    #[test]
    fn a_misspelt_word_finds_the_one_that_was_meant() {
        let known = ["auth_pass", "auth_type", "preempt_delay", "nopreempt", "priority"];
        let find = |word| nearest(word, known.into_iter());
        assert_eq!(find("autp_pass"), Some("auth_pass"));
        assert_eq!(find("preemtp_delay"), Some("preempt_delay"));
        assert_eq!(find("prioritty"), Some("priority"));
        assert_eq!(find("weight"), None);
    }
}
