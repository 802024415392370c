//! The rules, one test each, by the sentence that it holds.

mod election;
