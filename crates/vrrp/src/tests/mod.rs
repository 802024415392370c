//! The rules, one test each, by the sentence that it holds.

mod convergence;
mod election;
mod faults;
mod groups;
mod owner;
mod pause;
mod property;
mod receive;
mod reload;
