//! What counts as a picture: an `av.VideoFrame`, an array or other buffer, or one buffer for each plane.
//!
//! Getting hold of a plane takes longer than reading a marker, so each is asked for once, and none that is not
//! needed.

use crate::args::{FormatArg, SizeArg};
use crate::buffer::{ReadBuf, Slot, WriteBuf, frame_mut};
use crate::error::{invalid, value_error};
use arrayvec::ArrayVec;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple, PyType};
use realtime_fast_core::color::{Matrix, Range};
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::plane::Plane;
use realtime_fast_core::size::Size;

/// What the caller says about a picture beside the picture itself.
#[derive(Clone, Copy, Default)]
pub struct Described {
    /// Needed unless it is a frame.
    pub format: Option<PixelFormat>,
    /// Needed if it is a flat buffer.
    pub size: Option<Size>,
}

impl Described {
    /// From arguments.
    pub fn new(format: Option<FormatArg>, size: Option<SizeArg>) -> Self {
        Self { format: format.map(|FormatArg(format)| format), size: size.map(|SizeArg(size)| size) }
    }
}

/// A picture whose first plane is held; the others are as yet untouched.
pub struct Picture<'a> {
    pub format: PixelFormat,
    pub size: Size,
    first: ReadBuf<'a>,
    /// The first plane's stride, where its memory does not tell.
    stride: Option<usize>,
    home: Home<'a>,
}

/// Where the planes are.
enum Home<'a> {
    Frame(&'a Bound<'a, PyAny>),
    Tuple(Bound<'a, PyTuple>),
    /// All in the first one's buffer.
    Buffer,
}

/// A picture all of whose planes are held.
pub struct Held<Buffer> {
    pub format: PixelFormat,
    pub size: Size,
    pub buffers: ArrayVec<Buffer, 3>,
    strides: [Option<usize>; 3],
}

impl<'a> Home<'a> {
    /// Holds plane `index`, with its stride where the memory does not tell.
    #[inline(always)]
    fn hold<'b>(
        &self,
        slot: &'b mut Slot,
        format: PixelFormat,
        index: usize,
    ) -> PyResult<(ReadBuf<'b>, Option<usize>)>
    where
        'a: 'b,
    {
        let name = format.plane_names()[index];
        match self {
            Self::Frame(frame) => {
                // One entry of `frame.planes`.
                let plane = plane_type(frame.py())?.call1((*frame, index))?;
                let stride: isize = plane.getattr(intern!(frame.py(), "line_size"))?.extract()?;
                let stride = usize::try_from(stride).map_err(|_| {
                    invalid(format!("{name}: expected rows that run downwards, got a line size of {stride}"))
                })?;
                Ok((ReadBuf::get(slot, name, &plane)?, Some(stride)))
            }
            Self::Tuple(planes) => Ok((ReadBuf::get(slot, name, &*planes.get_borrowed_item(index)?)?, None)),
            Self::Buffer => unreachable!("its only buffer is held"),
        }
    }
}

impl<'a> Picture<'a> {
    /// Looks at `obj`. The format of arrays and planes is the usual one of their shape unless given.
    pub fn of(slot: &'a mut Slot, obj: &'a Bound<'a, PyAny>, described: Described) -> PyResult<Self> {
        if is_frame(obj)? {
            return Self::of_frame(slot, obj, described);
        }
        if let Ok(planes) = obj.cast::<PyTuple>() {
            return Self::of_planes(slot, planes.clone(), described);
        }
        if let Ok(planes) = obj.cast::<PyList>() {
            return Self::of_planes(slot, planes.to_tuple(), described);
        }
        let name = described.format.map_or("picture", PixelFormat::name);
        let first = ReadBuf::get(slot, name, obj)?;
        let (format, size) = match described {
            Described { format: Some(format), size: Some(size) } => (format, size),
            Described { format, .. } => of_shape(first.shape(), format)?,
        };
        Ok(Self { format, size, first, stride: None, home: Home::Buffer })
    }

    /// As [`Picture::of`], but the format of what is not a frame must be given.
    pub fn of_format(slot: &'a mut Slot, obj: &'a Bound<'a, PyAny>, described: Described) -> PyResult<Self> {
        if described.format.is_none() && !is_frame(obj)? {
            return Err(invalid("expected a format beside a picture that is not a frame, got none"));
        }
        Self::of(slot, obj, described)
    }

    fn of_frame(slot: &'a mut Slot, frame: &'a Bound<'a, PyAny>, described: Described) -> PyResult<Self> {
        let py = frame.py();
        let name = frame.getattr(intern!(py, "format"))?.getattr(intern!(py, "name"))?;
        let name = name.cast::<PyString>()?.to_str()?;
        let Some(format) = PixelFormat::from_name(if name == "yuvj420p" { "yuv420p" } else { name }) else {
            return Err(invalid(format!(
                "expected a frame of {}, got {name}; frame.reformat(format=…) makes one",
                FormatArg::names()
            )));
        };
        if let Some(expected) = described.format.filter(|expected| *expected != format) {
            return Err(invalid(format!("expected a frame of {expected}, got {name}")));
        }
        let width = frame.getattr(intern!(py, "width"))?.extract()?;
        let height = frame.getattr(intern!(py, "height"))?.extract()?;
        let size = Size::new(width, height).map_err(value_error)?;
        let home = Home::Frame(frame);
        let (first, stride) = home.hold(slot, format, 0)?;
        Ok(Self { format, size, first, stride, home })
    }

    fn of_planes(slot: &'a mut Slot, planes: Bound<'a, PyTuple>, described: Described) -> PyResult<Self> {
        let format = match (described.format, planes.len()) {
            (Some(format), _) => format,
            (None, 1) => PixelFormat::Gray8,
            (None, 2) => PixelFormat::Nv12,
            (None, 3) => PixelFormat::Yuv420p,
            (None, got) => return Err(invalid(format!("picture: expected 1 to 3 planes, got {got}"))),
        };
        let expected = format.plane_names().len();
        if planes.len() != expected {
            return Err(invalid(format!("expected {expected} plane(s) for {format}, got {}", planes.len())));
        }
        let home = Home::Tuple(planes);
        let (first, stride) = home.hold(slot, format, 0)?;
        let size = match described.size {
            Some(size) => size,
            None => {
                let luma = if expected > 1 { PixelFormat::Gray8 } else { format };
                of_shape(first.shape(), Some(luma))?.1
            }
        };
        Ok(Self { format, size, first, stride, home })
    }

    /// The matrix that it says it has.
    pub fn matrix(&self) -> PyResult<Option<Matrix>> {
        let Home::Frame(frame) = self.home else { return Ok(None) };
        // AVColorSpace: ITU-T H.273, table 4. RGB says 0; what is not said is 2.
        match frame.getattr(intern!(frame.py(), "colorspace"))?.extract::<i64>()? {
            0 | 2 => Ok(None),
            1 => Ok(Some(Matrix::Bt709)),
            5 | 6 => Ok(Some(Matrix::Bt601)),
            other => Err(invalid(format!(
                "expected a frame in BT.601 or BT.709, got colour space {other} (ITU-T H.273, table 4); \
                 matrix=… overrides it"
            ))),
        }
    }

    /// The range that it says it has.
    pub fn range(&self) -> PyResult<Option<Range>> {
        let Home::Frame(frame) = self.home else { return Ok(None) };
        let py = frame.py();
        match frame.getattr(intern!(py, "color_range"))?.extract::<i64>()? {
            1 => Ok(Some(Range::Limited)),
            2 => Ok(Some(Range::Full)),
            // Two formats are full range by name.
            _ if self.format == PixelFormat::Gray8 => Ok(Some(Range::Full)),
            _ => {
                let name = frame.getattr(intern!(py, "format"))?.getattr(intern!(py, "name"))?;
                Ok((name.cast::<PyString>()?.to_str()? == "yuvj420p").then_some(Range::Full))
            }
        }
    }

    /// Reads the first plane.
    pub fn read<T>(&self, read: impl FnOnce(Plane<'_>) -> T) -> PyResult<T> {
        if self.is_packed() {
            let data = self.first.packed_bytes(self.format.name())?;
            let frame = Frame::packed(self.format, self.size, data).map_err(value_error)?;
            return Ok(read(frame.planes()[0]));
        }
        let name = self.format.plane_names()[0];
        let (rows, row_bytes) = self.format.plane_shape(self.size, 0);
        Ok(read(self.first.plane(name, row_bytes, rows, self.stride)?))
    }

    /// Several planes follow one another in one buffer.
    fn is_packed(&self) -> bool {
        matches!(self.home, Home::Buffer) && self.format.plane_names().len() > 1
    }

    /// Holds the other planes, too.
    #[inline(always)]
    pub fn hold<'b>(self, slots: &'b mut [Slot; 2]) -> PyResult<Held<ReadBuf<'b>>>
    where
        'a: 'b,
    {
        let (format, size) = (self.format, self.size);
        let (mut buffers, mut strides) = (ArrayVec::new(), [self.stride, None, None]);
        buffers.push(self.first);
        if !matches!(self.home, Home::Buffer) {
            for (slot, index) in slots.iter_mut().zip(1..format.plane_names().len()) {
                let (buffer, stride) = self.home.hold(slot, format, index)?;
                buffers.push(buffer);
                strides[index] = stride;
            }
        }
        Ok(Held { format, size, buffers, strides })
    }
}

impl<Buffer> Held<Buffer> {
    /// Several planes follow one another in one buffer.
    fn is_packed(&self) -> bool {
        self.buffers.len() < self.format.plane_names().len()
    }

    /// What errors call buffer `index`.
    fn name(&self, index: usize) -> &'static str {
        if self.is_packed() { self.format.name() } else { self.format.plane_names()[index] }
    }
}

impl<'a> Held<ReadBuf<'a>> {
    /// The picture, to read from.
    pub fn frame(&self) -> PyResult<Frame<'_>> {
        if self.is_packed() {
            let data = self.buffers[0].packed_bytes(self.name(0))?;
            return Frame::packed(self.format, self.size, data).map_err(value_error);
        }
        let mut planes = ArrayVec::<_, 3>::new();
        for (index, (buffer, &stride)) in self.buffers.iter().zip(&self.strides).enumerate() {
            let (rows, row_bytes) = self.format.plane_shape(self.size, index);
            planes.push(buffer.plane(self.name(index), row_bytes, rows, stride)?);
        }
        Frame::new(self.format, self.size, planes).map_err(value_error)
    }

    /// The same picture to write to, if it may be.
    #[inline(always)]
    pub fn writable(self) -> PyResult<Held<WriteBuf<'a>>> {
        let mut buffers = ArrayVec::new();
        let names = if self.is_packed() { &[self.format.name()] } else { self.format.plane_names() };
        for (buffer, name) in self.buffers.into_iter().zip(names) {
            buffers.push(buffer.writable(name)?);
        }
        Ok(Held { format: self.format, size: self.size, buffers, strides: self.strides })
    }
}

impl Held<WriteBuf<'_>> {
    /// The picture, to write to.
    #[inline(always)]
    pub fn frame_mut(&mut self) -> PyResult<FrameMut<'_>> {
        let (format, size) = (self.format, self.size);
        if self.is_packed() {
            let data = self.buffers[0].packed_bytes_mut(format.name())?;
            return FrameMut::packed(format, size, data).map_err(value_error);
        }
        frame_mut(format, size, &mut self.buffers, self.strides)
    }
}

/// Format and size of a picture.
#[pyfunction]
#[pyo3(signature = (picture, format=None, size=None))]
pub fn describe(
    picture: &Bound<'_, PyAny>,
    format: Option<FormatArg>,
    size: Option<SizeArg>,
) -> PyResult<(&'static str, (usize, usize))> {
    let mut slot = Slot::EMPTY;
    let picture = Picture::of_format(&mut slot, picture, Described::new(format, size))?;
    Ok((picture.format.name(), picture.size.into()))
}

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

/// Format and size of an array by its shape.
fn of_shape(shape: &[usize], format: Option<PixelFormat>) -> PyResult<(PixelFormat, Size)> {
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

fn is_frame(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
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
