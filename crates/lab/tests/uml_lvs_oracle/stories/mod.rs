//! The stories. Each name is a sentence.

mod alpha;
mod asking;
mod checkers;
mod ends;
mod keywords;
mod kinds;
mod options;
mod pages;
mod reloads;
mod usage;
mod verdicts;

use crate::Story;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, Story)> {
    let all = [
        verdicts::STORIES,
        alpha::STORIES,
        checkers::STORIES,
        kinds::STORIES,
        reloads::STORIES,
        ends::STORIES,
        options::STORIES,
        asking::STORIES,
        pages::STORIES,
        keywords::STORIES,
        usage::STORIES,
    ];
    all.into_iter().flatten().copied()
}
