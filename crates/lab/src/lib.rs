//! Topologies of namespaces, faults, captures, peers and the user-mode Linux runner, for tests and the demo.
