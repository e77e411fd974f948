//! Conversion of pictures.

use crate::args::{FilterArg, MatrixArg, Picture, RangeArg, color};
use crate::buffer::{Slot, refuse_overlap};
use crate::error::value_error;
use crate::gil::detach_if_large;
use pyo3::prelude::*;
use realtime_fast_core::convert::convert_with;
use realtime_fast_core::level::Level;
use realtime_fast_core::resize::resize_with;

/// Converts the picture `source` into the picture `target`. With a filter, sizes may differ.
#[pyfunction]
#[pyo3(signature = (source, target, matrix, range, filter=None))]
pub fn convert(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    matrix: MatrixArg,
    range: RangeArg,
    filter: Option<FilterArg>,
) -> PyResult<()> {
    convert_on(py, Level::detect(), source, target, (matrix, range), filter)
}

/// [`convert`] on a given level.
pub fn convert_on(
    py: Python<'_>,
    level: Level,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    (matrix, range): (MatrixArg, RangeArg),
    filter: Option<FilterArg>,
) -> PyResult<()> {
    let (mut source_slots, mut target_slots) = ([Slot::EMPTY; 3], [Slot::EMPTY; 3]);
    let source = Picture::read(&mut source_slots, source)?;
    let mut target = Picture::write(&mut target_slots, target)?;
    refuse_overlap(&source.buffers, &target.buffers)?;
    let bytes = source.format.packed_bytes(source.size) + target.format.packed_bytes(target.size);
    let (source, mut target) = (source.frame()?, target.frame_mut()?);
    let color = color(matrix, range);
    detach_if_large(py, bytes, || match filter {
        Some(FilterArg(filter)) => resize_with(level, &source, &mut target, color, filter),
        None => convert_with(level, &source, &mut target, color),
    })
    .map_err(value_error)
}
