//! What tests and benches need and nobody else.

use pyo3::prelude::*;
use realtime_fast_core::level::Level;

/// Names of the levels of this CPU, lowest first.
#[pyfunction]
pub fn levels() -> Vec<&'static str> {
    Level::available().into_iter().map(Level::name).collect()
}
