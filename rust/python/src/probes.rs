//! The ledger of probes in flight.

use crate::args::{number, seconds};
use crate::marker::ReadingArg;
use pyo3::prelude::*;
use realtime_fast_core::marker::{Outcome, Probes};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// When the frame of an outcome came, and what was read: number, seconds since its stamp, whether out of order.
type Ended = (f64, Option<(u16, f64, bool)>);

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
    fn new(timeout: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Mutex::new(Probes::new(number("timeout", "seconds as a float", timeout)?))))
    }

    /// The number for a frame stamped at `now`, and the number that was dropped for it, if any.
    fn stamp(&self, now: &Bound<'_, PyAny>) -> PyResult<(u16, Option<u16>)> {
        let now = seconds(now)?;
        Ok(self.lock().stamp(now))
    }

    /// Takes the reading of a frame that came at `now`, a number, "corrupted" or None: each outcome known by it as
    /// (time of its frame, None for a corrupted marker or (number, seconds since its stamp, whether a later number
    /// arrived before)).
    fn observe(&self, reading: ReadingArg, now: &Bound<'_, PyAny>) -> PyResult<Vec<Ended>> {
        let now = seconds(now)?;
        let outcomes = self.lock().observe(reading.0, now);
        Ok(outcomes
            .map(|Outcome { at, arrival }| {
                (at, arrival.map(|found| (found.seq, found.latency, found.reordered)))
            })
            .collect())
    }

    /// Removes the numbers that have timed out.
    fn lost(&self, now: &Bound<'_, PyAny>) -> PyResult<Vec<u16>> {
        let now = seconds(now)?;
        let mut probes = self.lock();
        Ok(std::iter::from_fn(|| probes.next_lost(now)).collect())
    }

    /// Forgets everything in flight; returns how much that was.
    fn drop_in_flight(&self) -> usize {
        self.lock().drop_in_flight()
    }

    /// The numbers in flight, oldest first.
    fn in_flight(&self) -> Vec<u16> {
        self.lock().in_flight().collect()
    }

    fn __len__(&self) -> usize {
        self.lock().pending()
    }
}
