//! `~SEQ`, `~SEQx` and `~LST`: a line that is read several times.

use std::sync::Arc;

use crate::lang::text::{Text, is_blank};
use crate::span::Span;

/// The most steps of a sequence, chained sequences multiplied.
pub(crate) const MAX_STEPS: u64 = 1 << 17;

/// The head of a repetition, before anything in it was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// The bytes between the parentheses.
    pub(crate) inside: (usize, usize),
    /// Where the text to repeat starts.
    pub(crate) rest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Decimal,
    Hex,
    List,
}

/// Why a repetition makes no sense, for people.
pub(crate) type Fault = String;

/// Whether `line` starts a repetition; `Err` if it has no end.
pub(crate) fn head(line: &str) -> Option<Result<Head, Fault>> {
    let (kind, after) = [("~SEQx", Kind::Hex), ("~SEQ", Kind::Decimal), ("~LST", Kind::List)]
        .into_iter()
        .find_map(|(word, kind)| line.strip_prefix(word).map(|after| (kind, after)))?;
    let Some(args) = after.trim_start_matches(is_blank).strip_prefix('(') else {
        return Some(Err("a `(` must follow".to_owned()));
    };
    let Some(len) = args.find(')') else {
        return Some(Err("the closing `)` is missing".to_owned()));
    };
    let start = line.len() - args.len();
    Some(Ok(Head { kind, inside: (start, start + len), rest: start + len + 1 }))
}

/// The values that a repetition runs through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    Range { next: i64, step: i64, left: u64, hex: bool },
    List { tuples: Vec<Vec<String>>, next: usize },
}

impl Values {
    /// How many steps are to come.
    pub(crate) fn left(&self) -> u64 {
        match self {
            Self::Range { left, .. } => *left,
            Self::List { tuples, next } => {
                u64::try_from(tuples.len().saturating_sub(*next)).unwrap_or(u64::MAX)
            }
        }
    }

    /// The values of the next step, one for each variable.
    fn step(&mut self) -> Option<Vec<String>> {
        match self {
            Self::Range { left: 0, .. } => None,
            Self::Range { next, step, left, hex } => {
                let value = *next;
                *left -= 1;
                *next = next.saturating_add(*step);
                Some(vec![if *hex { format!("{value:x}") } else { value.to_string() }])
            }
            Self::List { tuples, next } => {
                let tuple = tuples.get(*next)?.clone();
                *next += 1;
                Some(tuple)
            }
        }
    }
}

/// A repetition under way.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    /// The names that each step defines.
    pub(crate) names: Vec<Arc<str>>,
    values: Values,
    /// The text to repeat.
    pub(crate) text: Text,
    /// The whole head: the place of the values.
    pub(crate) span: Span,
    /// Steps of this one, times those of the ones that it is chained to.
    pub(crate) total: u64,
}

impl Repeat {
    pub(crate) fn new(names: Vec<Arc<str>>, values: Values, text: Text, span: Span, chained_to: u64) -> Self {
        let total = values.left().saturating_mul(chained_to);
        Self { names, values, text, span, total }
    }

    /// Each name with its value in the next step.
    pub(crate) fn step(&mut self) -> Option<Vec<(Arc<str>, String)>> {
        let values = self.values.step()?;
        let padded = values.into_iter().chain(std::iter::repeat_with(String::new));
        Some(self.names.iter().cloned().zip(padded).collect())
    }
}

/// Reads what stands between the parentheses.
pub(crate) fn parse(kind: Kind, inside: &str) -> Result<(Vec<Arc<str>>, Values), Fault> {
    match kind {
        Kind::List => list(inside),
        Kind::Decimal | Kind::Hex => range(inside, kind == Kind::Hex),
    }
}

/// A name that can be defined: a letter or `_`, then letters, digits and `_`.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn name(text: &str) -> Result<Arc<str>, Fault> {
    if is_name(text) { Ok(text.into()) } else { Err(format!("`{text}` cannot be the name of a definition")) }
}

/// A number as C's `strtol` reads it with base 0.
pub(crate) fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        (hex, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (digits, 8)
    } else {
        (digits, 10)
    };
    // `from_str_radix` would take a second sign.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

fn range(inside: &str, hex: bool) -> Result<(Vec<Arc<str>>, Values), Fault> {
    let mut parts = inside.split(',').map(str::trim);
    let name = name(parts.next().unwrap_or(""))?;
    let numbers: Vec<i64> = parts
        .map(|text| number(text).ok_or_else(|| format!("`{text}` is not a number")))
        .collect::<Result<_, _>>()?;
    let towards = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match numbers[..] {
        [end] => {
            let start = if end < 0 { -1 } else { 1 };
            (start, towards(start, end), end)
        }
        [start, end] => (start, towards(start, end), end),
        [start, step, end] => (start, step, end),
        _ => return Err(format!("one to three numbers must follow the name, not {}", numbers.len())),
    };
    if hex && (start < 0 || end < 0) {
        return Err("`~SEQx` needs numbers that are not negative".to_owned());
    }
    let distance = i128::from(end) - i128::from(start);
    if step == 0 || (distance != 0 && (distance < 0) != (step < 0)) {
        return Err(format!("a step of {step} never leads from {start} to {end}"));
    }
    let left = u64::try_from(distance / i128::from(step) + 1).unwrap_or(u64::MAX);
    Ok((vec![name], Values::Range { next: start, step, left, hex }))
}

fn list(inside: &str) -> Result<(Vec<Arc<str>>, Values), Fault> {
    let items = split_items(inside)?;
    let Some((head, values)) = items.split_first() else { return Err("a name must come first".to_owned()) };
    if values.is_empty() {
        return Err("values must follow the name".to_owned());
    }
    let names: Vec<Arc<str>> = match head {
        Item::One(text) => vec![name(text)?],
        Item::Tuple(texts) => texts.iter().map(|text| name(text)).collect::<Result<_, _>>()?,
    };
    let mut tuples = Vec::with_capacity(values.len());
    for value in values {
        let tuple: Vec<String> = match value {
            Item::One(text) => vec![(*text).to_owned()],
            Item::Tuple(texts) => texts.iter().map(|&text| text.to_owned()).collect(),
        };
        if tuple.len() > names.len() {
            return Err(format!("{} values for {} name(s)", tuple.len(), names.len()));
        }
        tuples.push(tuple);
    }
    Ok((names, Values::List { tuples, next: 0 }))
}

enum Item<'a> {
    One(&'a str),
    Tuple(Vec<&'a str>),
}

/// Splits at commas; `{a,b}` is one item.
fn split_items(inside: &str) -> Result<Vec<Item<'_>>, Fault> {
    let mut items = Vec::new();
    let mut rest = inside.trim();
    loop {
        let after = if let Some(tuple) = rest.strip_prefix('{') {
            let Some((members, after)) = tuple.split_once('}') else {
                return Err("the closing `}` of a tuple is missing".to_owned());
            };
            items.push(Item::Tuple(members.split(',').map(str::trim).collect()));
            after.trim_start()
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            items.push(Item::One(rest.get(..end).unwrap_or("").trim()));
            rest.get(end..).unwrap_or("")
        };
        match after.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if after.is_empty() => return Ok(items),
            None => return Err(format!("a `,` must come before `{after}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Vec<String>, Fault> {
        let head = head(line).unwrap()?;
        let (names, mut values) = parse(head.kind, &line[head.inside.0..head.inside.1])?;
        if values.left() > 100 {
            return Ok(vec![format!("{} steps", values.left())]);
        }
        Ok(std::iter::from_fn(|| values.step())
            .map(|v| format!("{}={}", names.join(","), v.join(",")))
            .collect())
    }

    #[test]
    fn sequences_run_as_keepalived_runs_them() {
        assert_eq!(run("~SEQ(A,3)").unwrap(), ["A=1", "A=2", "A=3"]);
        assert_eq!(run("~SEQ(A,-2)").unwrap(), ["A=-1", "A=-2"]);
        assert_eq!(run("~SEQ(A,0)").unwrap(), ["A=1", "A=0"]);
        assert_eq!(run("~SEQ ( A , 5 , 4 ) x").unwrap(), ["A=5", "A=4"]);
        assert_eq!(run("~SEQ(A,1,3,8)").unwrap(), ["A=1", "A=4", "A=7"]);
        assert_eq!(run("~SEQ(A,0x10,021)").unwrap(), ["A=16", "A=17"]);
        assert_eq!(run("~SEQx(A,9,11)").unwrap(), ["A=9", "A=a", "A=b"]);
        assert_eq!(run("~SEQ(A,1,1000000000)").unwrap(), ["1000000000 steps"]);
    }

    #[test]
    fn lists_run_over_values_and_tuples() {
        assert_eq!(run("~LST(A,a, b ,c)").unwrap(), ["A=a", "A=b", "A=c"]);
        assert_eq!(run("~LST({A,B},{a,b},{c})").unwrap(), ["A,B=a,b", "A,B=c"]);
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (line, reason) in [
            ("~SEQ A", "`(` must follow"),
            ("~SEQ(A,1", "`)` is missing"),
            ("~SEQ(1A,1)", "cannot be the name"),
            ("~SEQ(A)", "one to three numbers"),
            ("~SEQ(A,1,2,3,4)", "one to three numbers"),
            ("~SEQ(A,x)", "not a number"),
            ("~SEQ(A,--1)", "not a number"),
            ("~SEQ(A,3,1,1)", "never leads"),
            ("~SEQ(A,1,0,3)", "never leads"),
            ("~SEQx(A,-1)", "not negative"),
            ("~LST({A,B},{a,b,c})", "3 values for 2"),
            ("~LST({A,B", "`)` is missing"),
            ("~LST({A,B)", "`}` of a tuple"),
            ("~LST(A,{a}b)", "`,` must come before"),
        ] {
            let fault = run(line).unwrap_err();
            assert!(fault.contains(reason), "{line}: {fault}");
        }
    }
}
