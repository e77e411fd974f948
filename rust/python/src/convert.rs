//! Conversion of pictures.

use crate::args::{FilterArg, FormatArg, LevelArg, MatrixArg, RangeArg, SizeArg};
use crate::buffer::{Slot, refuse_overlap};
use crate::error::value_error;
use crate::gil::detach_if_large;
use crate::picture::{Described, Picture};
use pyo3::prelude::*;
use realtime_fast_core::color::{Color, Matrix, Range};
use realtime_fast_core::convert::convert_with;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::level::Level;
use realtime_fast_core::resize::resize_with;

/// Converts the picture `source` into the memory of `target`, as `realtime_fast.frames.convert` says; on the CPU's
/// highest level, but tests and benches may ask for another.
#[pyfunction]
#[pyo3(signature = (
    source, target, *, source_format=None, target_format=None, source_size=None, target_size=None, matrix=None,
    range=None, filter=None, level=None
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn convert(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    target: &Bound<'_, PyAny>,
    source_format: Option<FormatArg>,
    target_format: Option<FormatArg>,
    source_size: Option<SizeArg>,
    target_size: Option<SizeArg>,
    matrix: Option<MatrixArg>,
    range: Option<RangeArg>,
    filter: Option<FilterArg>,
    level: Option<LevelArg>,
) -> PyResult<()> {
    let level = level.map_or_else(Level::detect, |LevelArg(level)| level);
    let [mut source_slot, mut target_slot] = [Slot::EMPTY; 2];
    let source = Picture::of_format(&mut source_slot, source, Described::new(source_format, source_size))?;
    let target = Picture::of_format(&mut target_slot, target, Described::new(target_format, target_size))?;
    let color = color(&source, &target, matrix, range)?;
    let (mut source_slots, mut target_slots) = ([Slot::EMPTY; 2], [Slot::EMPTY; 2]);
    let source = source.hold(&mut source_slots)?;
    let mut target = target.hold(&mut target_slots)?.writable()?;
    refuse_overlap(&source.buffers, &target.buffers)?;
    let bytes =
        source.format.packed_bytes(source.size).saturating_add(target.format.packed_bytes(target.size));
    let (source, mut target) = (source.frame()?, target.frame_mut()?);
    detach_if_large(py, bytes, || match filter {
        Some(FilterArg(filter)) => resize_with(level, &source, &mut target, color, filter),
        None => convert_with(level, &source, &mut target, color),
    })
    .map_err(value_error)
}

/// The colour space of whichever of the two is YUV: as the caller says, else as it says itself. Beside a YUV picture
/// gray says nothing about it.
fn color(
    source: &Picture<'_>,
    target: &Picture<'_>,
    matrix: Option<MatrixArg>,
    range: Option<RangeArg>,
) -> PyResult<Color> {
    let by_target =
        source.format.is_rgb() || (source.format == PixelFormat::Gray8 && !target.format.is_rgb());
    let yuv = if by_target { target } else { source };
    let matrix = match matrix {
        Some(MatrixArg(matrix)) => Some(matrix),
        None if source.format.is_rgb() != target.format.is_rgb() => yuv.matrix()?,
        // Codes stay as they are.
        None => None,
    };
    let range = match range {
        Some(RangeArg(range)) => Some(range),
        None => yuv.range()?,
    };
    let usual = if yuv.format == PixelFormat::Gray8 { Range::Full } else { Range::Limited };
    Ok(Color { matrix: matrix.unwrap_or(Matrix::Bt601), range: range.unwrap_or(usual) })
}
