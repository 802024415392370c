//! Configurations of users, damaged at random as people damage them.

use base::Rng;

use crate::case::Case;
use crate::keywords::{Words, line, pick, value};

macro_rules! seeds {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../tests/corpus/seeds/", $name, ".conf")))),*]
    };
}

const SEEDS: &[(&str, &str)] = seeds![
    "apiserver-track-script",
    "dual-master-unicast-node1",
    "dual-master-unicast-node2",
    "lvs-nat-master",
    "lvs-nat-nopreempt-node1",
    "lvs-nat-nopreempt-node2",
    "manual-switch-track-script",
    "minimal-backup",
    "minimal-master",
    "nopreempt-unicast-node1",
    "nopreempt-unicast-node2",
    "notify-scripts",
    "reference-global-and-static",
    "reference-vrrp-with-typos",
    "single-instance-node1",
    "single-instance-node2",
    "three-nodes-third",
    "two-instances-node1",
    "two-instances-node2",
];

/// The files as published; the interfaces have the names of the lab's.
pub(crate) fn seeds() -> Vec<Case> {
    SEEDS.iter().map(|(name, text)| Case::new(*name, renamed(text))).collect()
}

fn renamed(text: &str) -> String {
    let device = |name: &str| ["em1", "ens192", "ens32", "ens33", "ens160"].contains(&name);
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let name = word.trim_end();
            if device(name) { word.replace(name, "eth0") } else { word.to_owned() }
        })
        .collect()
}

/// What is damaged: all but the references, which have a fault in most lines.
fn bases() -> Vec<String> {
    SEEDS.iter().filter(|(name, _)| !name.starts_with("reference")).map(|(_, text)| renamed(text)).collect()
}

/// One or two damages to one of the seeds.
pub(crate) fn damaged(rng: &mut Rng, places: &[Words], number: usize) -> Case {
    let bases = bases();
    let mut text = pick(rng, &bases).clone();
    let mut name = format!("damage {number}:");
    for _ in 0..=rng.below(2) {
        let (what, damage) = pick(rng, DAMAGES);
        text = damage(rng, places, &text);
        name += &format!(" {what}");
    }
    Case::new(name, text)
}

type Damage = (&'static str, fn(&mut Rng, &[Words], &str) -> String);

const DAMAGES: &[Damage] = &[
    ("line-lost", |rng, _, text| edit(rng, text, |_, _| String::new())),
    ("line-twice", |rng, _, text| edit(rng, text, |_, line| line.repeat(2))),
    ("value-lost", |rng, _, text| {
        edit(rng, text, |_, line| format!("{}\n", line.split_whitespace().next().unwrap_or("")))
    }),
    ("value-changed", |rng, _, text| {
        edit(rng, text, |rng, line| {
            format!("{} {}\n", line.split_whitespace().next().unwrap_or(""), value(rng))
        })
    }),
    ("value-more", |rng, _, text| {
        edit(rng, text, |rng, line| format!("{} {}\n", line.trim_end(), value(rng)))
    }),
    ("keyword-lost", |rng, _, text| {
        edit(rng, text, |_, line| {
            format!("{}\n", line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
        })
    }),
    ("typo", |rng, _, text| {
        edit(rng, text, |rng, line| {
            let letters: Vec<char> = line.trim_end().chars().collect();
            let lost = usize::try_from(rng.below(letters.len() as u64)).unwrap_or(0);
            let kept = letters.iter().enumerate().filter(|&(i, _)| i != lost).map(|(_, c)| c);
            kept.chain(&['\n']).collect()
        })
    }),
    ("comment", |rng, _, text| {
        edit(rng, text, |rng, line| format!("{}{line}", pick(rng, &["#", "!", "//", ";"])))
    }),
    ("quote", |rng, _, text| edit(rng, text, |_, line| format!("{}\"\n", line.trim_end()))),
    ("quoted", |rng, _, text| edit(rng, text, |_, line| format!("\"{}\"\n", line.trim()))),
    ("close", |rng, _, text| edit(rng, text, |_, line| format!("}}\n{line}"))),
    ("open", |rng, _, text| edit(rng, text, |_, line| format!("{{\n{line}"))),
    ("open-at-end", |rng, _, text| edit(rng, text, |_, line| format!("{} {{\n", line.trim_end()))),
    ("brace-lost", |rng, _, text| {
        let braces: Vec<usize> = text.match_indices(['{', '}']).map(|(i, _)| i).collect();
        let mut text = text.to_owned();
        if !braces.is_empty() {
            text.remove(*pick(rng, &braces));
        }
        text
    }),
    ("brace-below", |_, _, text| text.replace(" {", "\n{")),
    ("one-line", |_, _, text| text.replace("{\n", "{ ").replace("\n}", " }")),
    ("crlf", |_, _, text| text.replace('\n', "\r\n")),
    ("cut", |rng, _, text| {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let end = usize::try_from(rng.below(lines.len() as u64)).unwrap_or(0);
        lines.get(..end).unwrap_or(&[]).concat()
    }),
    ("swap", |rng, _, text| {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let last = lines.len().saturating_sub(1);
        let (a, b) = (rng.below(last as u64), rng.below(last as u64));
        lines.swap(usize::try_from(a).unwrap_or(0), usize::try_from(b).unwrap_or(0));
        lines.concat()
    }),
    ("other-line", |rng, places, text| edit(rng, text, |rng, old| format!("{old}{}", line(rng, places)))),
    ("all-twice", |_, _, text| text.repeat(2)),
    ("word-doubled", |rng, _, text| {
        edit(rng, text, |_, line| {
            format!("{} {}\n", line.split_whitespace().next().unwrap_or(""), line.trim())
        })
    }),
    ("unknown", |rng, _, text| edit(rng, text, |_, line| format!("{line}not_a_keyword 1\n"))),
    ("unknown-block", |rng, _, text| {
        edit(rng, text, |_, line| format!("{line}not_a_block x {{\n y 1\n}}\n"))
    }),
];

/// Replaces one of the lines that are not blank.
fn edit(rng: &mut Rng, text: &str, change: impl Fn(&mut Rng, &str) -> String) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let full: Vec<usize> = (0..lines.len()).filter(|&i| !lines[i].trim().is_empty()).collect();
    if full.is_empty() {
        return text.to_owned();
    }
    let chosen = *pick(rng, &full);
    let change = change(rng, lines[chosen]);
    lines.iter().enumerate().map(|(i, line)| if i == chosen { change.as_str() } else { *line }).collect()
}
