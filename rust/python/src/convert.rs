//! Conversion of pictures.

use crate::args::{MatrixArg, Picture, RangeArg, color};
use crate::buffer::refuse_overlap;
use crate::error::value_error;
use crate::gil::detach_if_large;
use pyo3::prelude::*;
use realtime_fast_core::color::Color;
use realtime_fast_core::convert::convert_with;
use realtime_fast_core::level::Level;

/// Converts the picture `source` into the picture `target`.
#[pyfunction]
pub fn convert(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    matrix: MatrixArg,
    range: RangeArg,
) -> PyResult<()> {
    convert_on(py, Level::detect(), source, target, color(matrix, range))
}

/// [`convert`] on a given level.
pub fn convert_on(
    py: Python<'_>,
    level: Level,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    color: Color,
) -> PyResult<()> {
    let source = Picture::read(source)?;
    let mut target = Picture::write(target)?;
    refuse_overlap(&source.buffers, &target.buffers)?;
    let bytes = target.format.packed_bytes(target.size);
    let (source, mut target) = (source.frame()?, target.frame_mut()?);
    detach_if_large(py, bytes, || convert_with(level, &source, &mut target, color)).map_err(value_error)
}
