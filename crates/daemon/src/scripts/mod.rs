//! The scripts process: every script, FIFO and tracked file.
