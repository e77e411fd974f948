//! The ledger of probes in flight.

use pyo3::prelude::*;
use realtime_fast_core::marker::Probes;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The numbers of the markers in flight, for `realtime_fast.latency`.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct ProbeLedger(Mutex<Probes>);

impl ProbeLedger {
    /// The ledger itself; nothing in it can be left half-done by a panic.
    pub fn lock(&self) -> MutexGuard<'_, Probes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl ProbeLedger {
    #[new]
    fn new(timeout: f64) -> Self {
        Self(Mutex::new(Probes::new(timeout)))
    }

    /// The number for a frame stamped at `now`, and the number that was dropped for it, if any.
    fn stamp(&self, now: f64) -> (u16, Option<u16>) {
        self.lock().stamp(now)
    }

    /// Settles a number: (seconds since its stamp, whether a later number arrived before), or None if not in
    /// flight.
    fn arrive(&self, seq: u16, now: f64) -> Option<(f64, bool)> {
        self.lock().arrive(seq, now).map(|arrival| (arrival.latency, arrival.reordered))
    }

    /// Notes a marker without a legible number; False if nothing is in flight that it could belong to.
    fn corrupt(&self, now: f64) -> bool {
        self.lock().corrupt(now)
    }

    /// Removes the numbers that have timed out.
    fn lost(&self, now: f64) -> Vec<u16> {
        let mut probes = self.lock();
        std::iter::from_fn(|| probes.next_lost(now)).collect()
    }

    /// Forgets everything in flight.
    fn drop_in_flight(&self) {
        self.lock().drop_in_flight();
    }

    /// The numbers in flight, oldest first.
    fn in_flight(&self) -> Vec<u16> {
        self.lock().in_flight().collect()
    }

    fn __len__(&self) -> usize {
        self.lock().pending()
    }
}
