//! Arguments: short strings to the core's enums, tuples to pictures.

use crate::buffer::{ReadBuf, Slot, WriteBuf, frame_mut};
use crate::error::{invalid, value_error};
use arrayvec::ArrayVec;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use realtime_fast_core::color::{Color, Matrix, Range};
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::resize::Filter;
use realtime_fast_core::size::Size;

/// Declares how a word of Python stands for a value of the core.
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
                        concat!("expected a ", $what, " of ", $("'", $word, "' ",)+ "but got {}"),
                        obj.repr()?
                    ))),
                }
            }
        }
    };
}

words!(MatrixArg(Matrix), "matrix": "bt601" = Matrix::Bt601, "bt709" = Matrix::Bt709);
words!(RangeArg(Range), "range": "limited" = Range::Limited, "full" = Range::Full);
words!(FilterArg(Filter), "filter": "bilinear" = Filter::Bilinear, "area" = Filter::Area);
words!(FormatArg(PixelFormat), "pixel format":
    "yuv420p" = PixelFormat::Yuv420p, "nv12" = PixelFormat::Nv12, "yuyv422" = PixelFormat::Yuyv422,
    "gray8" = PixelFormat::Gray8, "rgb24" = PixelFormat::Rgb24, "bgr24" = PixelFormat::Bgr24,
    "rgba" = PixelFormat::Rgba, "bgra" = PixelFormat::Bgra
);

/// A colour space.
pub fn color(matrix: MatrixArg, range: RangeArg) -> Color {
    Color { matrix: matrix.0, range: range.0 }
}

/// A picture as Python describes it: format, width, height, and planes with their strides. A stride of `None`
/// is the buffer's own. One plane for a format that has more holds them all, without padding.
type Description<'py> = (FormatArg, Natural, Natural, Vec<(Bound<'py, PyAny>, Option<Natural>)>);

/// An integer from 0 up.
#[derive(Clone, Copy)]
pub struct Natural(pub usize);

impl<'a, 'py> FromPyObject<'a, 'py> for Natural {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match obj.extract::<usize>() {
            Ok(value) => Ok(Self(value)),
            Err(_) => Err(invalid(format!("expected an integer of at least 0, got {}", obj.repr()?))),
        }
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
        // Python does not write out integers of thousands of digits.
        let got = obj.repr().map_or_else(|_| "one far larger".to_owned(), |repr| repr.to_string());
        invalid(format!("{name}: expected {expected}, got {got}"))
    })
}

/// A picture whose buffers are held.
pub struct Picture<Buffer> {
    pub format: PixelFormat,
    pub size: Size,
    pub buffers: ArrayVec<Buffer, 3>,
    strides: [Option<usize>; 3],
}

impl<Buffer> Picture<Buffer> {
    fn get<'a>(
        slots: &'a mut [Slot; 3],
        description: Description<'a>,
        get: impl Fn(&'a mut Slot, &str, &Bound<'a, PyAny>) -> PyResult<Buffer>,
    ) -> PyResult<Self> {
        let (FormatArg(format), width, height, planes) = description;
        let size = Size::new(width.0, height.0).map_err(value_error)?;
        let names = format.plane_names();
        if planes.len() != 1 && planes.len() != names.len() {
            return Err(invalid(format!(
                "expected {} plane(s) for {format}, got {}",
                names.len(),
                planes.len()
            )));
        }
        let (mut buffers, mut strides) = (ArrayVec::new(), [None; 3]);
        for (index, (slot, (obj, stride))) in slots.iter_mut().zip(&planes).enumerate() {
            let name = if planes.len() == 1 { format.name() } else { names[index] };
            buffers.push(get(slot, name, obj)?);
            strides[index] = stride.map(|stride| stride.0);
        }
        Ok(Self { format, size, buffers, strides })
    }

    fn is_packed(&self) -> bool {
        self.buffers.len() < self.format.plane_names().len()
    }
}

impl<'a> Picture<ReadBuf<'a>> {
    /// Holds a picture to read from.
    pub fn read(slots: &'a mut [Slot; 3], description: &Bound<'a, PyAny>) -> PyResult<Self> {
        Self::get(slots, description.extract()?, ReadBuf::get)
    }

    /// The picture.
    pub fn frame(&self) -> PyResult<Frame<'_>> {
        if self.is_packed() {
            let data = self.buffers[0].packed_bytes(self.format.name())?;
            return Frame::packed(self.format, self.size, data).map_err(value_error);
        }
        let mut planes = ArrayVec::<_, 3>::new();
        for (index, (buffer, &stride)) in self.buffers.iter().zip(&self.strides).enumerate() {
            let (rows, row_bytes) = self.format.plane_shape(self.size, index);
            planes.push(buffer.plane(self.format.plane_names()[index], row_bytes, rows, stride)?);
        }
        Frame::new(self.format, self.size, planes).map_err(value_error)
    }
}

impl<'a> Picture<WriteBuf<'a>> {
    /// Holds a picture to write to.
    pub fn write(slots: &'a mut [Slot; 3], description: &Bound<'a, PyAny>) -> PyResult<Self> {
        Self::get(slots, description.extract()?, WriteBuf::get)
    }

    /// The picture.
    pub fn frame_mut(&mut self) -> PyResult<FrameMut<'_>> {
        let (format, size) = (self.format, self.size);
        if self.is_packed() {
            let data = self.buffers[0].packed_bytes_mut(format.name())?;
            return FrameMut::packed(format, size, data).map_err(value_error);
        }
        frame_mut(format, size, &mut self.buffers, self.strides)
    }
}
