//! Arguments: short strings to the core's enums, numbers within their bounds.

use crate::error::{invalid, is_ordinary, value_error};
use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use realtime_fast_core::color::{Matrix, Range};
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::level::Level;
use realtime_fast_core::marker::Cell;
use realtime_fast_core::resize::Filter;
use realtime_fast_core::size::{MAX_SIDE, Size};

/// Declares how words of Python stand for values of the core.
macro_rules! words {
    ($name:ident($target:ty), $what:literal: $($word:literal = $value:expr),+) => {
        #[doc = concat!("A ", $what, " by its word.")]
        #[derive(Clone, Copy)]
        pub struct $name(pub $target);

        impl<'a, 'py> FromPyObject<'a, 'py> for $name {
            type Error = PyErr;

            fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
                match obj.extract::<&str>() {
                    $(Ok($word) => Ok(Self($value)),)+
                    _ => Err(invalid(format!(
                        concat!("expected a ", $what, " of {}, got {}"),
                        $crate::args::alternatives(&[$($word),+]),
                        obj.repr()?
                    ))),
                }
            }
        }
    };
}
pub(crate) use words;

/// `'a', 'b' or 'c'`.
pub fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("'{only}'"),
        [first @ .., last] => {
            let first = first.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>();
            format!("{} or '{last}'", first.join(", "))
        }
    }
}

words!(MatrixArg(Matrix), "matrix": "bt601" = Matrix::Bt601, "bt709" = Matrix::Bt709);
words!(RangeArg(Range), "range": "limited" = Range::Limited, "full" = Range::Full);
words!(FilterArg(Filter), "filter": "bilinear" = Filter::Bilinear, "area" = Filter::Area);

/// A pixel format by its name.
#[derive(Clone, Copy)]
pub struct FormatArg(pub PixelFormat);

impl FormatArg {
    /// All names, for errors.
    pub fn names() -> String {
        PixelFormat::ALL.map(PixelFormat::name).join(", ")
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for FormatArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let format = obj.extract::<&str>().ok().and_then(PixelFormat::from_name);
        match format {
            Some(format) => Ok(Self(format)),
            None => Err(invalid(format!("expected a format of {}, got {}", Self::names(), obj.repr()?))),
        }
    }
}

/// A CPU level by its name.
#[derive(Clone, Copy)]
pub struct LevelArg(pub Level);

impl<'a, 'py> FromPyObject<'a, 'py> for LevelArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let levels = Level::available();
        let name = obj.extract::<&str>().ok();
        match levels.iter().find(|level| Some(level.name()) == name) {
            Some(level) => Ok(Self(*level)),
            None => Err(invalid(format!("expected a level of this CPU, {levels:?}, got {}", obj.repr()?))),
        }
    }
}

/// The side of a marker's cells.
#[derive(Clone, Copy)]
pub struct CellArg(pub Cell);

impl<'a, 'py> FromPyObject<'a, 'py> for CellArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let side = number("cell", "1 to 16", &obj)?;
        Cell::new(side).map(Self).map_err(value_error)
    }
}

/// Width and height of a picture.
#[derive(Clone, Copy)]
pub struct SizeArg(pub Size);

impl<'a, 'py> FromPyObject<'a, 'py> for SizeArg {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // One more than there may be: an iterator can be endless.
        let sides = obj
            .try_iter()
            .and_then(|sides| sides.take(3).map(|side| Side::of(&side?)).collect::<PyResult<Vec<_>>>());
        match sides.as_deref() {
            Err(error) if !is_ordinary(obj.py(), error) => Err(error.clone_ref(obj.py())),
            Ok([width, height]) => Size::new(width.pixels, height.pixels).map(Self).map_err(|_| {
                invalid(format!(
                    "expected a picture of 1x1 to {MAX_SIDE}x{MAX_SIDE} pixels, got {}x{}",
                    width.written, height.written
                ))
            }),
            _ => Err(invalid(format!(
                "expected a size of two whole numbers (width, height), got {}",
                written(&obj)?
            ))),
        }
    }
}

/// A whole number.
struct Side {
    /// 0 for what is negative or beyond memory: as a picture's side that is out of bounds as well.
    pixels: usize,
    written: String,
}

impl Side {
    fn of(side: &Bound<'_, PyAny>) -> PyResult<Self> {
        let pixels = match side.extract::<usize>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(side.py()) => 0,
            pixels => pixels?,
        };
        Ok(Self { pixels, written: written(side)? })
    }
}

/// For errors. Python does not write out integers of thousands of digits.
fn written(obj: &Bound<'_, PyAny>) -> PyResult<String> {
    match obj.repr() {
        Ok(repr) => Ok(repr.to_string()),
        Err(error) if is_ordinary(obj.py(), &error) => Ok("one far larger".to_owned()),
        Err(error) => Err(error),
    }
}

/// A number by the name of its argument. One that is too large or too small is invalid input like any other;
/// a wrong type stays a `TypeError`.
pub fn number<'py, T>(name: &str, expected: &str, obj: &Bound<'py, PyAny>) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    obj.extract().map_err(|error: PyErr| {
        if !error.is_instance_of::<PyOverflowError>(obj.py()) {
            return error;
        }
        match written(obj) {
            Ok(got) => invalid(format!("{name}: expected {expected}, got {got}")),
            Err(error) => error,
        }
    })
}

/// The time of a call.
pub fn seconds(now: &Bound<'_, PyAny>) -> PyResult<f64> {
    number("now", "seconds as a float", now)
}

/// A pair from a dict.
type Item<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The pairs of a dict. PyO3's iterator panics when the dict changes meanwhile, which reading a value may bring about;
/// Python's own raises a `RuntimeError`.
pub fn items<'py>(dict: &Bound<'py, PyDict>) -> PyResult<impl Iterator<Item = PyResult<Item<'py>>>> {
    let items = dict.as_any().call_method0(intern!(dict.py(), "items"))?.try_iter()?;
    Ok(items.map(|item| item?.extract()))
}
