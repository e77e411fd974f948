//! Benches of the core beside its peers: `make bench-core`.
