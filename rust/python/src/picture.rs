//! What counts as a picture: an `av.VideoFrame` or a [`View`] of one, an array or other buffer, or one buffer for
//! each plane.
//!
//! Getting hold of a plane takes longer than reading a marker, so each is asked for once, and none that is not
//! needed.

use crate::args::{FormatArg, SizeArg};
use crate::buffer::{ReadBuf, Slot, WriteBuf, frame_mut};
use crate::error::{invalid, value_error};
use crate::frames::{View, colorspace_of, format_of, is_frame, plane_of, range_of, size_of};
use crate::shapes::of_shape;
use arrayvec::ArrayVec;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
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
    View(&'a Bound<'a, View>),
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
                let (plane, stride) = plane_of(frame, format, index)?;
                Ok((ReadBuf::get(slot, name, &plane)?, Some(stride)))
            }
            Self::View(view) => {
                let (plane, stride) = &view.get().planes[index];
                Ok((ReadBuf::get(slot, name, plane.bind(view.py()))?, Some(*stride)))
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
            let (format, _) = format_of(obj)?;
            let home = Home::Frame(obj);
            return Self::of_frame(slot, format, size_of(obj)?, home, described);
        }
        if let Ok(view) = obj.cast::<View>() {
            let View { format, size, .. } = *view.get();
            return Self::of_frame(slot, format, size, Home::View(view), described);
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
        if described.format.is_none() && !is_frame(obj)? && !obj.is_instance_of::<View>() {
            return Err(invalid("expected a format beside a picture that is not a frame, got none"));
        }
        Self::of(slot, obj, described)
    }

    fn of_frame(
        slot: &'a mut Slot,
        format: PixelFormat,
        size: Size,
        home: Home<'a>,
        described: Described,
    ) -> PyResult<Self> {
        if let Some(expected) = described.format.filter(|expected| *expected != format) {
            return Err(invalid(format!("expected a frame of {expected}, got {format}")));
        }
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
        let code = match self.home {
            Home::Frame(frame) => colorspace_of(frame)?,
            Home::View(view) => view.get().colorspace,
            Home::Tuple(_) | Home::Buffer => return Ok(None),
        };
        // AVColorSpace: ITU-T H.273, table 4. RGB says 0; what is not said is 2.
        match code {
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
        match self.home {
            Home::Frame(frame) => range_of(frame),
            Home::View(view) => Ok(view.get().range),
            Home::Tuple(_) | Home::Buffer => Ok(None),
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
