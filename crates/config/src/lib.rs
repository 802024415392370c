//! keepalived.conf to Model, with diagnostics.
