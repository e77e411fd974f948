//! The marker's functions, as `realtime_fast.marker` shows them.

use crate::args::{CellArg, FormatArg, SizeArg, number, seconds};
use crate::buffer::{Slot, refuse_overlap};
use crate::error::{invalid, value_error};
use crate::picture::{Described, Picture};
use crate::probes::ProbeLedger;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use realtime_fast_core::color::Range;
use realtime_fast_core::marker::{self, Cell, Evidence, Levels, Reading, SoftReading};

/// Unless the caller says otherwise.
const ONE_PIXEL: CellArg = CellArg(Cell::PIXEL);

/// A marker without a legible number, as `realtime_fast.marker.CORRUPTED` names it.
const CORRUPTED: &str = "corrupted";
/// All the numbers there are.
const MOST_NUMBERS: usize = 1 << 16;

/// Writes the number `seq` into the bottom-left corner of a picture, in place.
///
/// The marker covers 24x4 cells; chroma under it becomes neutral and alpha opaque. Stamp only what nobody else
/// holds: `stamped_copy` is for frames that may be sent again.
///
/// Args:
///     picture: An `av.VideoFrame`; an array of (height, width) for gray8 or luma, (height, width, 2) for yuyv422,
///         (height, width, 3) for rgb24, (height, width, 4) for rgba; or a tuple of planes, `(y, u, v)` or `(y, uv)`.
///     seq: 0 to 65535.
///     cell: The side of a cell in pixels, 1 to 16.
///     format: Of an array, if its shape does not tell, such as "bgra". A frame has its own.
///     full_range: Whether luma is 0 to 255 instead of 16 to 235. As the frame says by default, else limited; RGB
///         is always full range.
///
/// Raises:
///     InvalidInputError: A `ValueError`: the picture is smaller than 24x4 cells, read-only or not in a known
///         format, or `seq` or `cell` is out of range; it says what was expected and what came.
#[pyfunction]
#[pyo3(
    signature = (picture, seq, *, cell=ONE_PIXEL, format=None, full_range=None),
    text_signature = "(picture, seq, *, cell=1, format=None, full_range=None)"
)]
pub fn stamp(
    picture: &Bound<'_, PyAny>,
    seq: &Bound<'_, PyAny>,
    cell: CellArg,
    format: Option<FormatArg>,
    full_range: Option<bool>,
) -> PyResult<()> {
    let seq = number("seq", "0 to 65535", seq)?;
    let mut slot = Slot::EMPTY;
    let picture = Picture::of(&mut slot, picture, Described::new(format, None))?;
    let levels = levels(&picture, full_range)?;
    let mut slots = [Slot::EMPTY; 2];
    let mut held = picture.hold(&mut slots)?.writable()?;
    refuse_overlap(&[], &held.buffers)?;
    marker::stamp(&mut held.frame_mut()?, levels, cell.0, seq).map_err(value_error)
}

/// Reads the number in the bottom-left corner of a picture.
///
/// Args:
///     picture: As for `stamp`; the luma plane alone will do. Only its first plane is read.
///     method: "hard" is the reference reader, for pictures as they were stamped: it thresholds cells and takes the
///         majority of the rows. "soft" is for pictures that were encoded or scaled since.
///     in_flight: For "soft": the numbers that may come, as `PixelProbes.in_flight` or an iterable of numbers, the
///         likeliest first. Without it every number may come, which takes longer and needs a clearer picture. The
///         ledger learns from each frame which number to expect of the next: show it every received frame once, in
///         order.
///     now: When the frame arrived, in seconds of the ledger's clock. Needed beside a ledger.
///     stamped_size: For "soft": (width, height) in pixels when it was stamped. Without it the scales 1, 3/4, 2/3
///         and 1/2 are tried.
///     cell: The side of a cell in pixels, 1 to 16: for "hard" in this picture, for "soft" as it was stamped.
///     format: As for `stamp`.
///     full_range: As for `stamp`.
///
/// Returns:
///     The number; `CORRUPTED` where a marker is but its number cannot be told; None where no marker is.
///
/// Raises:
///     InvalidInputError: A `ValueError`: the picture is smaller than 24x4 cells ("hard") or not in a known format, or
///         an argument is out of range; it says what was expected and what came.
#[pyfunction]
#[pyo3(
    signature = (
        picture, method="hard", *, in_flight=None, now=None, stamped_size=None, cell=ONE_PIXEL, format=None,
        full_range=None
    ),
    text_signature = "(picture, method=\"hard\", *, in_flight=None, now=None, stamped_size=None, cell=1, format=None, \
                      full_range=None)"
)]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn read<'py>(
    picture: &Bound<'py, PyAny>,
    method: &str,
    in_flight: Option<&Bound<'py, PyAny>>,
    now: Option<&Bound<'_, PyAny>>,
    stamped_size: Option<SizeArg>,
    cell: CellArg,
    format: Option<FormatArg>,
    full_range: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = picture.py();
    let now = now.map(seconds).transpose()?;
    let reading = match method {
        "hard" => {
            let mut slot = Slot::EMPTY;
            let picture = Picture::of(&mut slot, picture, Described::new(format, None))?;
            let levels = levels(&picture, full_range)?;
            picture
                .read(|plane| marker::read_hard(plane, picture.format, picture.size, levels, cell.0))?
                .map_err(value_error)?
        }
        "soft" => soft(picture, in_flight, now, stamped_size, cell, format, full_range)?.reading,
        _ => return Err(invalid(format!("method: expected 'hard' or 'soft', got {method:?}"))),
    };
    to_python(py, reading)
}

/// Reads as `read(picture, "soft", ...)` does, and says how probable the reading is.
///
/// Args:
///     picture: As for `read`.
///     in_flight: As for `read`.
///     now: As for `read`.
///     stamped_size: As for `read`.
///     cell: As for `read`.
///     format: As for `stamp`.
///     full_range: As for `stamp`.
///
/// Returns:
///     The reading of `read`, and its probability from 0 to 1, be it a number or none.
///
/// Raises:
///     InvalidInputError: As `read`.
#[pyfunction]
#[pyo3(
    signature = (
        picture, *, in_flight=None, now=None, stamped_size=None, cell=ONE_PIXEL, format=None, full_range=None
    ),
    text_signature = "(picture, *, in_flight=None, now=None, stamped_size=None, cell=1, format=None, full_range=None)"
)]
pub fn read_soft<'py>(
    picture: &Bound<'py, PyAny>,
    in_flight: Option<&Bound<'py, PyAny>>,
    now: Option<&Bound<'_, PyAny>>,
    stamped_size: Option<SizeArg>,
    cell: CellArg,
    format: Option<FormatArg>,
    full_range: Option<bool>,
) -> PyResult<(Bound<'py, PyAny>, f32)> {
    let now = now.map(seconds).transpose()?;
    let found = soft(picture, in_flight, now, stamped_size, cell, format, full_range)?;
    Ok((to_python(picture.py(), found.reading)?, found.confidence))
}

fn soft(
    picture: &Bound<'_, PyAny>,
    in_flight: Option<&Bound<'_, PyAny>>,
    now: Option<f64>,
    stamped_size: Option<SizeArg>,
    cell: CellArg,
    format: Option<FormatArg>,
    full_range: Option<bool>,
) -> PyResult<SoftReading> {
    let mut slot = Slot::EMPTY;
    let picture = Picture::of(&mut slot, picture, Described::new(format, None))?;
    let levels = levels(&picture, full_range)?;
    let stamped = stamped_size.map(|SizeArg(size)| size);
    let evidence = picture
        .read(|plane| Evidence::new(plane, picture.format, picture.size, levels, cell.0, stamped))?
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
        .take(MOST_NUMBERS + 1) // an iterator can be endless
        .map(|seq| number("in_flight", "numbers of 0 to 65535", &seq?))
        .collect::<PyResult<Vec<u16>>>()?;
    if numbers.len() > MOST_NUMBERS {
        return Err(invalid(format!("in_flight: expected at most {MOST_NUMBERS} numbers, got more")));
    }
    Ok(marker::read_soft(&evidence, Some(&numbers)))
}

/// What cells are in a picture: as the caller says, else as a frame does, else of limited range.
fn levels(picture: &Picture<'_>, full_range: Option<bool>) -> PyResult<Levels> {
    let is_full = match full_range {
        _ if picture.format.is_rgb() => true,
        Some(full_range) => full_range,
        None => picture.range()? == Some(Range::Full),
    };
    Ok(if is_full { Levels::FULL } else { Levels::LIMITED })
}

fn to_python(py: Python<'_>, reading: Reading) -> PyResult<Bound<'_, PyAny>> {
    Ok(match reading {
        Reading::Number(seq) => seq.into_pyobject(py)?.into_any(),
        Reading::Corrupted => intern!(py, CORRUPTED).clone().into_any(),
        Reading::Absent => py.None().into_bound(py),
    })
}

/// A reading, in the form in which `read` returns it.
pub struct ReadingArg(pub Reading);

impl<'py> FromPyObject<'_, 'py> for ReadingArg {
    type Error = PyErr;

    fn extract(reading: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if reading.is_none() {
            return Ok(Self(Reading::Absent));
        }
        if reading.cast::<PyString>().is_ok_and(|text| text.to_str().is_ok_and(|text| text == CORRUPTED)) {
            return Ok(Self(Reading::Corrupted));
        }
        Ok(Self(Reading::Number(number("reading", "a number of 0 to 65535, CORRUPTED or None", &reading)?)))
    }
}
