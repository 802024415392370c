//! State, statistics and JSON files.
