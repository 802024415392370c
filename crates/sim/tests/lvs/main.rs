//! Load balancing in the virtual world: random worlds, checkers that bite, and faults seen in the field.

mod bites;
mod faults;
mod random;
mod stage;
