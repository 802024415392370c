//! Laws, on random tables and histories.
