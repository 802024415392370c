//! Searches in replies: compiled patterns, and a bound for the time that they take.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use engine::lvs::io::Failure;
use linux::regex::{PatternError, Regex, Step, Subject};

use super::waits::Waits;

/// All steps of a search together.
const BUDGET: Duration = Duration::from_millis(250);
/// A step that is quicker is followed by a longer one.
const QUICK: Duration = Duration::from_millis(1);
/// In how many places a step looks for a match: first, and at most.
const PLACES: (usize, usize) = (64, 4096);

type Compiled = Result<Rc<Regex>, PatternError>;

/// Patterns that were compiled before.
#[derive(Default)]
pub(super) struct Cache(RefCell<HashMap<model::lvs::Regex, Compiled>>);

impl Cache {
    pub(super) fn get(&self, regex: &model::lvs::Regex) -> Compiled {
        if let Some(known) = self.0.borrow().get(regex) {
            return known.clone();
        }
        let new = Regex::compile(regex).map(Rc::new);
        self.0.borrow_mut().insert(regex.clone(), new.clone());
        new
    }

    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Whether `text`, or its beginning if it isn't `whole`, has a match. Other checks get their turn between its steps.
///
/// # Errors
/// [`Failure::Regex`] if limits were met: then nobody knows.
pub(super) async fn search(waits: &Waits, regex: &Regex, text: &[u8], whole: bool) -> Result<bool, Failure> {
    let began = Instant::now();
    let subject = Subject { bytes: text, ends: whole };
    let (mut at, mut places) = (regex.start(), PLACES.0);
    loop {
        let step_began = Instant::now();
        match regex.step(subject, at, places) {
            Step::Found => return Ok(true),
            Step::Absent => return Ok(false),
            Step::Limit => return Err(Failure::Regex),
            Step::Next(next) => at = next,
        }
        let took = step_began.elapsed();
        places = if took < QUICK { (places * 2).min(PLACES.1) } else { (places / 2).max(1) };
        if began.elapsed() > BUDGET {
            return Err(Failure::Regex);
        }
        if took >= QUICK {
            waits.turn().await;
        }
    }
}
