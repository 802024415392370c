//! What the balancer does, told in sentences.

mod build;
mod kernel;
mod properties;
mod verdicts;
mod world;
