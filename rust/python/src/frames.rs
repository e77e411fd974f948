//! Frames of PyAV: what they say of themselves, their planes, and views of them.

use crate::args::{FormatArg, SizeArg};
use crate::error::{invalid, value_error};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};
use realtime_fast_core::color::Range;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::size::Size;

/// A frame whose planes were looked up once.
///
/// PyAV makes an object for a plane whenever it is asked for one, which takes longer than to stamp or read a marker.
/// Every function of `realtime_fast.frames` and `realtime_fast.marker` takes a view in place of the frame. It holds the
/// frame's memory; what the frame says about colour is as it was when the view was made.
///
/// Args:
///     frame: The frame, of a format that `convert` takes.
///
/// Raises:
///     InvalidInputError: A `ValueError`: it is no frame, of another format, or its rows run upwards.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct View {
    pub format: PixelFormat,
    pub size: Size,
    pub colorspace: i64,
    pub range: Option<Range>,
    /// With their strides in bytes.
    pub planes: Vec<(Py<PyAny>, usize)>,
}

#[pymethods]
impl View {
    #[new]
    fn new(frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !is_frame(frame)? {
            return Err(invalid(format!("expected an av.VideoFrame, got {}", frame.get_type().name()?)));
        }
        let (format, _) = format_of(frame)?;
        let plane = |index| plane_of(frame, format, index).map(|(plane, stride)| (plane.unbind(), stride));
        Ok(Self {
            format,
            size: size_of(frame)?,
            colorspace: colorspace_of(frame)?,
            range: range_of(frame)?,
            planes: (0..format.plane_names().len()).map(plane).collect::<PyResult<_>>()?,
        })
    }

    /// The pixel format.
    #[getter]
    fn format(&self) -> &'static str {
        self.format.name()
    }

    /// Pixels per row.
    #[getter]
    fn width(&self) -> usize {
        self.size.width
    }

    /// Rows.
    #[getter]
    fn height(&self) -> usize {
        self.size.height
    }
}

/// The format of a frame, and whether its name says that it is full range.
pub fn format_of(frame: &Bound<'_, PyAny>) -> PyResult<(PixelFormat, bool)> {
    let py = frame.py();
    let name = frame.getattr(intern!(py, "format"))?.getattr(intern!(py, "name"))?;
    let name = name.cast::<PyString>()?.to_str()?;
    if name == "yuvj420p" {
        return Ok((PixelFormat::Yuv420p, true));
    }
    match PixelFormat::from_name(name) {
        Some(format) => Ok((format, format == PixelFormat::Gray8)),
        None => Err(invalid(format!(
            "expected a frame of {}, got {name}; frame.reformat(format=…) makes one",
            FormatArg::names()
        ))),
    }
}

/// Width and height of a frame.
pub fn size_of(frame: &Bound<'_, PyAny>) -> PyResult<Size> {
    let py = frame.py();
    let side = |name| frame.getattr(name)?.extract();
    Size::new(side(intern!(py, "width"))?, side(intern!(py, "height"))?).map_err(value_error)
}

/// The AVColorSpace of a frame.
pub fn colorspace_of(frame: &Bound<'_, PyAny>) -> PyResult<i64> {
    frame.getattr(intern!(frame.py(), "colorspace"))?.extract()
}

/// The range of a frame: AVColorRange, or by its format.
pub fn range_of(frame: &Bound<'_, PyAny>) -> PyResult<Option<Range>> {
    match frame.getattr(intern!(frame.py(), "color_range"))?.extract::<i64>()? {
        1 => Ok(Some(Range::Limited)),
        2 => Ok(Some(Range::Full)),
        _ => Ok(format_of(frame)?.1.then_some(Range::Full)),
    }
}

/// One entry of `frame.planes`, and its stride.
#[inline(always)]
pub fn plane_of<'py>(
    frame: &Bound<'py, PyAny>,
    format: PixelFormat,
    index: usize,
) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let plane = plane_type(frame.py())?.call1((frame, index))?;
    let stride: isize = plane.getattr(intern!(frame.py(), "line_size"))?.extract()?;
    let stride = usize::try_from(stride).map_err(|_| {
        let name = format.plane_names()[index];
        invalid(format!("{name}: expected rows that run downwards, got a line size of {stride}"))
    })?;
    Ok((plane, stride))
}

/// A new `av.VideoFrame`.
#[pyfunction]
pub fn new_frame<'py>(py: Python<'py>, format: FormatArg, size: SizeArg) -> PyResult<Bound<'py, PyAny>> {
    let (FormatArg(format), SizeArg(size)) = (format, size);
    frame_type(py)?.call1((size.width, size.height, format.name())).map_err(|cause| {
        if !cause.is_instance_of::<PyValueError>(py) {
            return cause;
        }
        let error = invalid(format!("expected a frame that FFmpeg can hold, got {size} {format}"));
        error.set_cause(py, Some(cause));
        error
    })
}

/// Whether it is an `av.VideoFrame`.
pub fn is_frame(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = frame_type(obj.py())?;
    Ok(obj.is_exact_instance(class) || obj.is_instance(class)?)
}

/// `av.VideoFrame`.
fn frame_type<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    TYPE.import(py, "av.video.frame", "VideoFrame")
}

/// The class of its planes.
fn plane_type<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    TYPE.import(py, "av.video.plane", "VideoPlane")
}
