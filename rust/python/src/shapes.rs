//! The shapes of arrays that are pictures.

use crate::args::{FormatArg, SizeArg};
use crate::error::{invalid, value_error};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::size::Size;

/// The shape of an array for a picture of that size.
#[pyfunction]
pub fn array_shape(py: Python<'_>, format: FormatArg, size: SizeArg) -> PyResult<Bound<'_, PyTuple>> {
    let (FormatArg(format), SizeArg(Size { width, height, .. })) = (format, size);
    match format {
        PixelFormat::Yuv420p | PixelFormat::Nv12 if width % 2 == 0 && height % 2 == 0 => {
            (height / 2 * 3, width).into_pyobject(py)
        }
        PixelFormat::Yuv420p | PixelFormat::Nv12 => Err(invalid(format!(
            "expected even sides for an array of {format}, got {width}x{height}; convert() into a tuple of planes \
             takes any size"
        ))),
        PixelFormat::Yuyv422 if width % 2 == 1 => {
            Err(invalid(format!("expected an even width for an array of {format}, got {width}x{height}")))
        }
        PixelFormat::Gray8 => (height, width).into_pyobject(py),
        _ => (height, width, channels(format)).into_pyobject(py),
    }
}

/// Format and size of an array by its shape.
pub fn of_shape(shape: &[usize], format: Option<PixelFormat>) -> PyResult<(PixelFormat, Size)> {
    let usual = match *shape {
        [_, _] => Some(PixelFormat::Gray8),
        [_, _, 2] => Some(PixelFormat::Yuyv422),
        [_, _, 3] => Some(PixelFormat::Rgb24),
        [_, _, 4] => Some(PixelFormat::Rgba),
        _ => None,
    };
    let format = format.or(usual).ok_or_else(|| {
        invalid(format!(
            "picture: expected an array of (height, width) for gray8, (height, width, 2) for yuyv422, \
             (height, width, 3) for rgb24 and bgr24, (height, width, 4) for rgba and bgra, got {shape:?}"
        ))
    })?;
    let (width, height) = match (format, shape) {
        (PixelFormat::Yuv420p | PixelFormat::Nv12, &[rows, width]) if rows % 3 == 0 && width % 2 == 0 => {
            (width, rows / 3 * 2)
        }
        (PixelFormat::Gray8, &[height, width]) => (width, height),
        (PixelFormat::Yuyv422, &[_, width, _]) if width % 2 == 1 => return Err(shape_error(format, shape)),
        (_, &[height, width, got]) if Some(got) == channels(format) => (width, height),
        _ => return Err(shape_error(format, shape)),
    };
    Ok((format, Size::new(width, height).map_err(value_error)?))
}

/// The last axis of an array, in the formats that have one.
fn channels(format: PixelFormat) -> Option<usize> {
    match format {
        PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => None,
        PixelFormat::Yuyv422 => Some(2),
        PixelFormat::Rgb24 | PixelFormat::Bgr24 => Some(3),
        PixelFormat::Rgba | PixelFormat::Bgra => Some(4),
    }
}

fn shape_error(format: PixelFormat, shape: &[usize]) -> PyErr {
    let expected = match (format, channels(format)) {
        (PixelFormat::Gray8, _) => "(height, width)".to_owned(),
        (_, None) => "(even height * 3 // 2, even width)".to_owned(),
        (PixelFormat::Yuyv422, Some(channels)) => format!("(height, even width, {channels})"),
        (_, Some(channels)) => format!("(height, width, {channels})"),
    };
    let got = match shape {
        [length] => format!("({length},)"),
        shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let hint = if shape.len() > 1 { "" } else { "; a flat buffer needs its size beside it" };
    invalid(format!("expected {expected} for {format}, got shape {got}{hint}"))
}
