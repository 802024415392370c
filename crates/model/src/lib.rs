//! The typed configuration and the difference of two.
