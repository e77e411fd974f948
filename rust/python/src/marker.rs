//! The marker's functions, as `realtime_fast.marker` shows them.

use crate::error::{invalid, value_error};
use crate::picture::Picture;
use pyo3::intern;
use pyo3::prelude::*;
use realtime_fast_core::marker::{self, Reading};

/// Writes the number `seq` into the bottom-left corner of a picture, in place.
#[pyfunction]
#[pyo3(signature = (picture, seq, *, format=None, full_range=None))]
pub fn stamp(
    picture: &Bound<'_, PyAny>,
    seq: i64,
    format: Option<&str>,
    full_range: Option<bool>,
) -> PyResult<()> {
    let seq = u16::try_from(seq).map_err(|_| invalid(format!("seq: expected 0 to 65535, got {seq}")))?;
    let picture = Picture::of(picture, format, full_range)?;
    picture.write(|frame| marker::stamp(frame, picture.levels, seq))
}

/// Reads the number back.
#[pyfunction]
#[pyo3(signature = (picture, method="hard", *, format=None, full_range=None))]
pub fn read<'py>(
    picture: &Bound<'py, PyAny>,
    method: &str,
    format: Option<&str>,
    full_range: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = picture.py();
    if method != "hard" {
        return Err(invalid(format!("method: expected 'hard', got {method:?}")));
    }
    let picture = Picture::of(picture, format, full_range)?;
    let reading = picture
        .first(|plane| marker::read_hard(plane, picture.format, picture.size, picture.levels))?
        .map_err(value_error)?;
    to_python(py, reading)
}

fn to_python(py: Python<'_>, reading: Reading) -> PyResult<Bound<'_, PyAny>> {
    Ok(match reading {
        Reading::Number(seq) => seq.into_pyobject(py)?.into_any(),
        Reading::Corrupted => intern!(py, "corrupted").clone().into_any(),
        Reading::Absent => py.None().into_bound(py),
    })
}
