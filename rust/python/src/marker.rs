//! The marker's functions, as `realtime_fast.marker` shows them.

use crate::args::{Natural, number};
use crate::buffer::Slot;
use crate::error::{invalid, value_error};
use crate::picture::Picture;
use crate::probes::ProbeLedger;
use pyo3::intern;
use pyo3::prelude::*;
use realtime_fast_core::marker::{self, Evidence, Reading, SoftReading};
use realtime_fast_core::size::Size;

/// Writes the number `seq` into the bottom-left corner of a picture, in place.
#[pyfunction]
#[pyo3(signature = (picture, seq, *, format=None, full_range=None))]
pub fn stamp(
    picture: &Bound<'_, PyAny>,
    seq: &Bound<'_, PyAny>,
    format: Option<&str>,
    full_range: Option<bool>,
) -> PyResult<()> {
    let seq = number("seq", "0 to 65535", seq)?;
    let mut slot = Slot::EMPTY;
    let picture = Picture::of(&mut slot, picture, format, full_range)?;
    let levels = picture.levels;
    picture.write(|frame| marker::stamp(frame, levels, seq))
}

/// Reads the number back.
#[pyfunction]
#[pyo3(signature = (
    picture, method="hard", *, in_flight=None, now=None, stamped_size=None, format=None, full_range=None
))]
pub fn read<'py>(
    picture: &Bound<'py, PyAny>,
    method: &str,
    in_flight: Option<&Bound<'py, PyAny>>,
    now: Option<&Bound<'_, PyAny>>,
    stamped_size: Option<(Natural, Natural)>,
    format: Option<&str>,
    full_range: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = picture.py();
    let now = now.map(seconds).transpose()?;
    let reading = match method {
        "hard" => {
            let mut slot = Slot::EMPTY;
            let picture = Picture::of(&mut slot, picture, format, full_range)?;
            picture
                .read(|plane| marker::read_hard(plane, picture.format, picture.size, picture.levels))?
                .map_err(value_error)?
        }
        "soft" => soft(picture, in_flight, now, stamped_size, format, full_range)?.reading,
        _ => return Err(invalid(format!("method: expected 'hard' or 'soft', got {method:?}"))),
    };
    to_python(py, reading)
}

/// Reads the number back from a picture that was encoded or scaled, and says how sure that is.
#[pyfunction]
#[pyo3(signature = (picture, *, in_flight=None, now=None, stamped_size=None, format=None, full_range=None))]
pub fn read_soft<'py>(
    picture: &Bound<'py, PyAny>,
    in_flight: Option<&Bound<'py, PyAny>>,
    now: Option<&Bound<'_, PyAny>>,
    stamped_size: Option<(Natural, Natural)>,
    format: Option<&str>,
    full_range: Option<bool>,
) -> PyResult<(Bound<'py, PyAny>, f32)> {
    let now = now.map(seconds).transpose()?;
    let found = soft(picture, in_flight, now, stamped_size, format, full_range)?;
    Ok((to_python(picture.py(), found.reading)?, found.confidence))
}

fn soft(
    picture: &Bound<'_, PyAny>,
    in_flight: Option<&Bound<'_, PyAny>>,
    now: Option<f64>,
    stamped_size: Option<(Natural, Natural)>,
    format: Option<&str>,
    full_range: Option<bool>,
) -> PyResult<SoftReading> {
    let mut slot = Slot::EMPTY;
    let picture = Picture::of(&mut slot, picture, format, full_range)?;
    let stamped =
        stamped_size.map(|(width, height)| Size::new(width.0, height.0)).transpose().map_err(value_error)?;
    let evidence = picture
        .read(|plane| Evidence::new(plane, picture.format, picture.size, picture.levels, stamped))?
        .map_err(value_error)?;
    let Some(in_flight) = in_flight else {
        return Ok(marker::read_soft(&evidence, None));
    };
    if let Ok(ledger) = in_flight.cast::<ProbeLedger>() {
        let now =
            now.ok_or_else(|| invalid("now: expected the time of the frame beside a ledger, got None"))?;
        return Ok(ledger.get().lock().read(&evidence, now));
    }
    let numbers = in_flight
        .try_iter()?
        .map(|seq| number("in_flight", "numbers of 0 to 65535", &seq?))
        .collect::<PyResult<Vec<u16>>>()?;
    Ok(marker::read_soft(&evidence, Some(&numbers)))
}

fn seconds(now: &Bound<'_, PyAny>) -> PyResult<f64> {
    number("now", "seconds as a float", now)
}

fn to_python(py: Python<'_>, reading: Reading) -> PyResult<Bound<'_, PyAny>> {
    Ok(match reading {
        Reading::Number(seq) => seq.into_pyobject(py)?.into_any(),
        Reading::Corrupted => intern!(py, "corrupted").clone().into_any(),
        Reading::Absent => py.None().into_bound(py),
    })
}
