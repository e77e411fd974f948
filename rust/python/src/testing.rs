//! A door for tests only: the same calls on a level of their choice.

use crate::args::{FilterArg, MatrixArg, RangeArg};
use crate::convert::convert_on;
use crate::error::invalid;
use pyo3::prelude::*;
use realtime_fast_core::level::Level;

/// Names of the levels of this CPU, lowest first.
#[pyfunction]
pub fn levels() -> Vec<&'static str> {
    Level::available().into_iter().map(Level::name).collect()
}

/// `convert` on the level of that name.
#[pyfunction]
#[pyo3(signature = (level, source, target, matrix, range, filter=None))]
pub fn convert(
    py: Python<'_>,
    level: &str,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    matrix: MatrixArg,
    range: RangeArg,
    filter: Option<FilterArg>,
) -> PyResult<()> {
    let Some(level) = Level::available().into_iter().find(|known| known.name() == level) else {
        return Err(invalid(format!("expected a level of this CPU, one of {:?}, got '{level}'", levels())));
    };
    convert_on(py, level, source, target, (matrix, range), filter)
}
