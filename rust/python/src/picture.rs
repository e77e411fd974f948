//! What the marker's functions take for a picture: an `av.VideoFrame`, an array, or a sequence of planes.
//!
//! Getting hold of a plane takes longer than reading a marker, so each is asked for once, and none that is not
//! needed.

use crate::buffer::{ReadBuf, Slot, frame_mut, refuse_overlap};
use crate::error::{invalid, value_error};
use arrayvec::ArrayVec;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple, PyType};
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::FrameMut;
use realtime_fast_core::marker::Levels;
use realtime_fast_core::plane::Plane;
use realtime_fast_core::size::Size;

/// `AVCOL_RANGE_UNSPECIFIED` and `AVCOL_RANGE_JPEG`, FFmpeg's names for "not said" and "all 256 values".
const UNSPECIFIED: u8 = 0;
const FULL: u8 = 2;

/// A picture whose first plane is held; the others are as yet untouched.
pub struct Picture<'a> {
    pub format: PixelFormat,
    pub size: Size,
    pub levels: Levels,
    first: ReadBuf<'a>,
    /// The first plane's stride, where its memory does not tell.
    stride: Option<usize>,
    /// None for an array, which is all there is.
    planes: Option<Planes<'a>>,
}

enum Planes<'a> {
    /// A frame of PyAV.
    Frame(&'a Bound<'a, PyAny>),
    Tuple(Bound<'a, PyTuple>),
}

impl<'a> Planes<'a> {
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
                    invalid(format!("picture: expected rows that run downwards, got a line size of {stride}"))
                })?;
                Ok((ReadBuf::get(slot, name, &plane)?, Some(stride)))
            }
            Self::Tuple(planes) => {
                let plane = planes.get_borrowed_item(index)?;
                Ok((ReadBuf::get(slot, name, &plane)?, None))
            }
        }
    }
}

impl<'a> Picture<'a> {
    /// Looks at `obj`; `format` and `full_range` say what the object itself does not.
    pub fn of(
        slot: &'a mut Slot,
        obj: &'a Bound<'a, PyAny>,
        format: Option<&str>,
        full_range: Option<bool>,
    ) -> PyResult<Self> {
        if obj.is_exact_instance(frame_type(obj.py())?) {
            return Self::of_frame(slot, obj, format, full_range);
        }
        let format = format.map(parse_format).transpose()?;
        let levels = if full_range == Some(true) { Levels::FULL } else { Levels::LIMITED };
        if let Ok(planes) = obj.cast::<PyTuple>() {
            return Self::of_planes(slot, planes.clone(), format, levels);
        }
        if let Ok(planes) = obj.cast::<PyList>() {
            return Self::of_planes(slot, planes.to_tuple(), format, levels);
        }
        let first = ReadBuf::get(slot, "picture", obj)?;
        let (format, size) = of_shape(first.shape(), format)?;
        let levels = if format.is_rgb() { Levels::FULL } else { levels };
        Ok(Self { format, size, levels, first, stride: None, planes: None })
    }

    fn of_frame(
        slot: &'a mut Slot,
        frame: &'a Bound<'a, PyAny>,
        format: Option<&str>,
        full_range: Option<bool>,
    ) -> PyResult<Self> {
        let py = frame.py();
        if let Some(format) = format {
            return Err(invalid(format!(
                "format: expected none for a frame, which has its own, got {format:?}"
            )));
        }
        let name = frame.getattr(intern!(py, "format"))?.getattr(intern!(py, "name"))?;
        let name = name.cast::<PyString>()?.to_str()?;
        let (name, is_full) = match name {
            "yuvj420p" => ("yuv420p", true),
            "gray" => ("gray8", true),
            name => (name, false),
        };
        let format = parse_format(name)?;
        let full_range = match full_range {
            _ if format.is_rgb() => true,
            Some(full_range) => full_range,
            None => match frame.getattr(intern!(py, "color_range"))?.extract::<u8>()? {
                UNSPECIFIED => is_full,
                range => range == FULL,
            },
        };
        let levels = if full_range { Levels::FULL } else { Levels::LIMITED };
        let width = frame.getattr(intern!(py, "width"))?.extract()?;
        let height = frame.getattr(intern!(py, "height"))?.extract()?;
        let size = Size::new(width, height).map_err(value_error)?;
        let planes = Planes::Frame(frame);
        let (first, stride) = planes.hold(slot, format, 0)?;
        Ok(Self { format, size, levels, first, stride, planes: Some(planes) })
    }

    fn of_planes(
        slot: &'a mut Slot,
        planes: Bound<'a, PyTuple>,
        format: Option<PixelFormat>,
        levels: Levels,
    ) -> PyResult<Self> {
        let format = match (format, planes.len()) {
            (Some(format), _) => format,
            (None, 1) => PixelFormat::Gray8,
            (None, 2) => PixelFormat::Nv12,
            (None, 3) => PixelFormat::Yuv420p,
            (None, got) => return Err(invalid(format!("picture: expected 1 to 3 planes, got {got}"))),
        };
        let expected = format.plane_names().len();
        if planes.len() != expected {
            return Err(invalid(format!(
                "picture: expected {expected} plane(s) for {format}, got {}",
                planes.len()
            )));
        }
        let planes = Planes::Tuple(planes);
        let (first, stride) = planes.hold(slot, format, 0)?;
        let luma = if expected > 1 { PixelFormat::Gray8 } else { format };
        let (_, size) = of_shape(first.shape(), Some(luma))?;
        Ok(Self { format, size, levels, first, stride, planes: Some(planes) })
    }

    /// Reads the first plane.
    pub fn read<T>(&self, read: impl FnOnce(Plane<'_>) -> T) -> PyResult<T> {
        let name = self.format.plane_names()[0];
        let (rows, row_bytes) = self.format.plane_shape(self.size, 0);
        Ok(read(self.first.plane(name, row_bytes, rows, self.stride)?))
    }

    /// Writes on all planes.
    pub fn write(
        self,
        write: impl FnOnce(&mut FrameMut<'_>) -> Result<(), realtime_fast_core::Error>,
    ) -> PyResult<()> {
        let (format, size, names) = (self.format, self.size, self.format.plane_names());
        let mut slots = [Slot::EMPTY; 2];
        let mut strides = [self.stride, None, None];
        let mut buffers = ArrayVec::<_, 3>::new();
        buffers.push(self.first.writable(names[0])?);
        if let Some(planes) = &self.planes {
            for (slot, index) in slots.iter_mut().zip(1..names.len()) {
                let (buffer, stride) = planes.hold(slot, format, index)?;
                buffers.push(buffer.writable(names[index])?);
                strides[index] = stride;
            }
        }
        refuse_overlap(&[], &buffers)?;
        let mut frame = frame_mut(format, size, &mut buffers, strides)?;
        write(&mut frame).map_err(value_error)
    }
}

fn parse_format(name: &str) -> PyResult<PixelFormat> {
    PixelFormat::from_name(name).ok_or_else(|| {
        let names = PixelFormat::ALL.map(PixelFormat::name).join(", ");
        invalid(format!("picture: expected a format out of {names}, got {name:?}"))
    })
}

/// Format and size of an array by its shape.
fn of_shape(shape: &[usize], format: Option<PixelFormat>) -> PyResult<(PixelFormat, Size)> {
    let (natural, channels) = match *shape {
        [_, _] => (PixelFormat::Gray8, 1),
        [_, _, 2] => (PixelFormat::Yuyv422, 2),
        [_, _, 3] => (PixelFormat::Rgb24, 3),
        [_, _, 4] => (PixelFormat::Rgba, 4),
        _ => return Err(shape_error(shape)),
    };
    let format = format.unwrap_or(natural);
    let wanted = match format {
        PixelFormat::Gray8 => 1,
        PixelFormat::Yuyv422 => 2,
        PixelFormat::Rgb24 | PixelFormat::Bgr24 => 3,
        PixelFormat::Rgba | PixelFormat::Bgra => 4,
        PixelFormat::Yuv420p | PixelFormat::Nv12 => {
            return Err(invalid(format!(
                "picture: expected the planes of {format} as a tuple, got one array"
            )));
        }
    };
    if channels != wanted {
        return Err(shape_error(shape));
    }
    Ok((format, Size::new(shape[1], shape[0]).map_err(value_error)?))
}

fn shape_error(shape: &[usize]) -> PyErr {
    invalid(format!(
        "picture: expected an array of (height, width) for gray8, (height, width, 2) for yuyv422, (height, width, 3) \
         for rgb24 and bgr24, (height, width, 4) for rgba and bgra, got {shape:?}"
    ))
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
