//! The language of `keepalived.conf`: text to nodes, without knowing what any keyword means.
//!
//! Stages, each on demand, so that a large configuration never stands in memory as a whole:
//! file bytes -> lines without comments ([`comment`]) -> conditions, definitions, sequences and
//! includes ([`reader`]) -> words and braces ([`words`]) -> nodes ([`tree`]).

pub(crate) mod comment;
pub(crate) mod include;
pub(crate) mod plain;
pub(crate) mod reader;
pub(crate) mod repeat;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod words;

#[cfg(test)]
mod tests;

pub(crate) use tree::{Body, Node, Word};
