//! For tests and benches only: the same calls on a level of their choice.

use crate::args::{FilterArg, FormatArg, MatrixArg, RangeArg, SizeArg};
use crate::convert::{Wanted, convert_on};
use crate::error::invalid;
use crate::picture::Described;
use pyo3::prelude::*;
use realtime_fast_core::level::Level;

/// Names of the levels of this CPU, lowest first.
#[pyfunction]
pub fn levels() -> Vec<&'static str> {
    Level::available().into_iter().map(Level::name).collect()
}

/// `convert` on the level of that name.
#[pyfunction]
#[pyo3(signature = (
    level, source, target, *, source_format=None, target_format=None, source_size=None, target_size=None,
    matrix=None, range=None, filter=None
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn convert(
    py: Python<'_>,
    level: &str,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    source_format: Option<FormatArg>,
    target_format: Option<FormatArg>,
    source_size: Option<SizeArg>,
    target_size: Option<SizeArg>,
    matrix: Option<MatrixArg>,
    range: Option<RangeArg>,
    filter: Option<FilterArg>,
) -> PyResult<()> {
    let Some(level) = Level::available().into_iter().find(|known| known.name() == level) else {
        return Err(invalid(format!("expected a level of this CPU, one of {:?}, got '{level}'", levels())));
    };
    let source = (source, Described::new(source_format, source_size));
    let target = (target, Described::new(target_format, target_size));
    convert_on(py, level, source, target, Wanted { matrix, range, filter })
}
