//! What the marker's functions take for a picture: an `av.VideoFrame`, an array, or a sequence of planes.
//!
//! Looking at all planes of a frame takes longer than reading a marker, so planes are made one by one.

use crate::buffer::{ReadBuf, WriteBuf, refuse_overlap};
use crate::error::{invalid, value_error};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple, PyType};
use realtime_fast_core::frame::{FrameMut, PixelFormat, Size};
use realtime_fast_core::marker::Levels;

/// `AVCOL_RANGE_UNSPECIFIED` and `AVCOL_RANGE_JPEG`, FFmpeg's names for "not said" and "all 256 values".
const UNSPECIFIED: u8 = 0;
const FULL: u8 = 2;

/// A picture whose planes have not been touched yet.
pub struct Picture<'py> {
    pub format: PixelFormat,
    pub size: Size,
    pub levels: Levels,
    planes: Planes<'py>,
}

enum Planes<'py> {
    /// A frame of PyAV and its class of planes: `cls(frame, index)` is one entry of `frame.planes`.
    Frame(Bound<'py, PyAny>, &'py Bound<'py, PyType>),
    Tuple(Bound<'py, PyTuple>),
    Array(Bound<'py, PyAny>),
}

impl<'py> Picture<'py> {
    /// Looks at `obj`; `format` and `full_range` say what the object itself does not.
    pub fn of(obj: &Bound<'py, PyAny>, format: Option<&str>, full_range: Option<bool>) -> PyResult<Self> {
        let py = obj.py();
        let (frame_type, plane_type) = av_types(py)?;
        if obj.is_exact_instance(frame_type) {
            return Self::of_frame(obj, format, full_range, plane_type);
        }
        let format = format.map(parse_format).transpose()?;
        let levels = if full_range == Some(true) { Levels::FULL } else { Levels::LIMITED };
        if obj.is_instance_of::<PyTuple>() || obj.is_instance_of::<PyList>() {
            let planes = obj.extract::<Vec<Bound<'py, PyAny>>>()?;
            return Self::of_planes(PyTuple::new(py, planes)?, format, levels);
        }
        let shape = ReadBuf::get("picture", obj)?.shape().to_vec();
        let (format, size) = of_shape(&shape, format)?;
        let levels = if format.is_rgb() { Levels::FULL } else { levels };
        Ok(Self { format, size, levels, planes: Planes::Array(obj.clone()) })
    }

    fn of_frame(
        frame: &Bound<'py, PyAny>,
        format: Option<&str>,
        full_range: Option<bool>,
        plane_type: &'py Bound<'py, PyType>,
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
        let width = frame.getattr(intern!(py, "width"))?.extract()?;
        let height = frame.getattr(intern!(py, "height"))?.extract()?;
        Ok(Self {
            format,
            size: Size::new(width, height).map_err(value_error)?,
            levels: if full_range { Levels::FULL } else { Levels::LIMITED },
            planes: Planes::Frame(frame.clone(), plane_type),
        })
    }

    fn of_planes(planes: Bound<'py, PyTuple>, format: Option<PixelFormat>, levels: Levels) -> PyResult<Self> {
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
        let first = ReadBuf::get(format.plane_names()[0], &planes.get_item(0)?)?;
        let luma = if expected > 1 { PixelFormat::Gray8 } else { format };
        let (_, size) = of_shape(first.shape(), Some(luma))?;
        Ok(Self { format, size, levels, planes: Planes::Tuple(planes) })
    }

    /// The memory of plane `index` and its stride, where that is not told by the memory's own shape.
    fn plane(&self, index: usize) -> PyResult<(Bound<'py, PyAny>, Option<usize>)> {
        match &self.planes {
            Planes::Frame(frame, plane_type) => {
                let plane = plane_type.call1((frame, index))?;
                let stride: isize = plane.getattr(intern!(frame.py(), "line_size"))?.extract()?;
                let stride = usize::try_from(stride).map_err(|_| {
                    invalid(format!("picture: expected rows that run downwards, got a line size of {stride}"))
                })?;
                Ok((plane, Some(stride)))
            }
            Planes::Tuple(planes) => Ok((planes.get_item(index)?, None)),
            Planes::Array(array) => Ok((array.clone(), None)),
        }
    }

    /// Reads the first plane.
    pub fn first<T>(&self, read: impl FnOnce(realtime_fast_core::plane::Plane<'_>) -> T) -> PyResult<T> {
        let name = self.format.plane_names()[0];
        let (rows, row_bytes) = self.format.plane_shape(self.size, 0);
        let (memory, stride) = self.plane(0)?;
        Ok(read(ReadBuf::get(name, &memory)?.plane(name, row_bytes, rows, stride)?))
    }

    /// Writes on all planes.
    pub fn write(
        &self,
        write: impl FnOnce(&mut FrameMut<'_>) -> Result<(), realtime_fast_core::Error>,
    ) -> PyResult<()> {
        let names = self.format.plane_names();
        let mut buffers = Vec::with_capacity(names.len());
        let mut strides = [None; 3];
        for (index, name) in names.iter().enumerate() {
            let (memory, stride) = self.plane(index)?;
            buffers.push(WriteBuf::get(name, &memory)?);
            strides[index] = stride;
        }
        refuse_overlap(&[], &buffers)?;
        let mut planes = Vec::with_capacity(names.len());
        for (index, buffer) in buffers.iter_mut().enumerate() {
            let (rows, row_bytes) = self.format.plane_shape(self.size, index);
            planes.push(buffer.plane_mut(names[index], row_bytes, rows, strides[index])?);
        }
        let mut frame = FrameMut::new(self.format, self.size, planes).map_err(value_error)?;
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

/// `av.VideoFrame` and its class of planes.
fn av_types<'py>(py: Python<'py>) -> PyResult<(&'py Bound<'py, PyType>, &'py Bound<'py, PyType>)> {
    static FRAME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static PLANE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok((FRAME.import(py, "av.video.frame", "VideoFrame")?, PLANE.import(py, "av.video.plane", "VideoPlane")?))
}
