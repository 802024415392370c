//! The supervisor: the process that the user starts.

mod backoff;
