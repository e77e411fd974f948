//! Pictures: a pixel format, a size, and the planes that go with them.
//!
//! Chroma of odd sizes is rounded up: a 5x3 picture in `yuv420p` has chroma planes of 3x2.

use crate::error::Error;
use crate::format::PixelFormat;
use crate::plane::{Bytes, PlaneMut, PlaneView};
use crate::size::Size;

/// A picture whose planes have the rows and row lengths that its format and size call for.
#[derive(Clone, Copy, Debug)]
pub struct FrameView<B> {
    format: PixelFormat,
    size: Size,
    planes: [PlaneView<B>; 3],
}

/// A picture to read from.
pub type Frame<'a> = FrameView<&'a [u8]>;

/// A picture to write to.
pub type FrameMut<'a> = FrameView<&'a mut [u8]>;

impl<B: Bytes> FrameView<B> {
    /// A picture made of planes, in the order of [`PixelFormat::plane_names`].
    ///
    /// # Errors
    /// [`Error::PlaneCount`] or [`Error::PlaneShape`] if the planes are not those of the format and size.
    pub fn new(
        format: PixelFormat,
        size: Size,
        planes: impl IntoIterator<Item = PlaneView<B>>,
    ) -> Result<Self, Error> {
        Self::collect(format, size, planes, |index, plane| {
            format.check_shape(size, index, (plane.rows(), plane.row_bytes()))?;
            Ok(plane)
        })
    }

    /// A picture made of the bytes of its planes and their strides, in the order of [`PixelFormat::plane_names`].
    ///
    /// # Errors
    /// [`Error::PlaneCount`] if there are too few or too many, and those of [`PlaneView::new`].
    #[inline]
    pub fn strided(
        format: PixelFormat,
        size: Size,
        planes: impl IntoIterator<Item = (B, usize)>,
    ) -> Result<Self, Error> {
        Self::collect(format, size, planes, |index, (data, stride)| {
            let (rows, row_bytes) = format.plane_shape(size, index);
            PlaneView::new(format.plane_names()[index], data, row_bytes, rows, stride)
        })
    }

    /// A picture whose planes follow one another in `data` without padding.
    ///
    /// # Errors
    /// [`Error::Length`] if `data` is too short.
    pub fn packed(format: PixelFormat, size: Size, data: B) -> Result<Self, Error> {
        let (expected, got) = (format.packed_bytes(size), data.len());
        if got < expected {
            return Err(Error::Length { plane: format.name(), expected, got });
        }
        let mut rest = data;
        Self::collect(format, size, format.plane_names().iter().enumerate(), |_, (index, name)| {
            let (rows, row_bytes) = format.plane_shape(size, index);
            let (head, tail) = std::mem::take(&mut rest).split(rows * row_bytes);
            rest = tail;
            PlaneView::new(name, head, row_bytes, rows, row_bytes)
        })
    }

    #[inline(always)]
    fn collect<T>(
        format: PixelFormat,
        size: Size,
        planes: impl IntoIterator<Item = T>,
        mut view: impl FnMut(usize, T) -> Result<PlaneView<B>, Error>,
    ) -> Result<Self, Error> {
        let mut held: [PlaneView<B>; 3] = Default::default();
        let mut count = 0;
        for plane in planes {
            if count < format.plane_names().len() {
                held[count] = view(count, plane)?;
            }
            count += 1;
        }
        format.check_count(count)?;
        Ok(Self { format, size, planes: held })
    }

    /// How the pixels lie in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The planes, in the order of [`PixelFormat::plane_names`].
    pub fn planes(&self) -> &[PlaneView<B>] {
        &self.planes[..self.format.plane_names().len()]
    }

    /// The same picture, for reading.
    pub fn as_frame(&self) -> Frame<'_> {
        let [a, b, c] = &self.planes;
        Frame { format: self.format, size: self.size, planes: [a.as_plane(), b.as_plane(), c.as_plane()] }
    }
}

impl<'a> FrameMut<'a> {
    /// The planes, in the order of [`PixelFormat::plane_names`].
    pub fn planes_mut(&mut self) -> &mut [PlaneMut<'a>] {
        &mut self.planes[..self.format.plane_names().len()]
    }

    /// The picture from row `top`, which must be even, for `rows` rows, an even number unless they are the last.
    pub(crate) fn rows_mut(&mut self, top: usize, rows: usize) -> FrameMut<'_> {
        let size = Size { width: self.size.width, height: rows };
        let (format, full) = (self.format, self.size.height);
        let mut planes: [PlaneMut<'_>; 3] = Default::default();
        for (index, plane) in self.planes_mut().iter_mut().enumerate() {
            let top = if plane.rows() == full { top } else { top / 2 };
            planes[index] = plane.rows_mut(top, format.plane_shape(size, index).0);
        }
        FrameMut { format, size, planes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Plane;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let size = Size::new(5, 3).unwrap();
        assert_eq!(PixelFormat::Yuv420p.packed_bytes(size), 15 + 2 * 6);
        assert_eq!(PixelFormat::Nv12.plane_shape(size, 1), (2, 6));
        assert_eq!(PixelFormat::Yuyv422.plane_shape(size, 0), (3, 12));
        let data = [0; 27];
        let frame = Frame::packed(PixelFormat::Yuv420p, size, &data).unwrap();
        assert_eq!(frame.planes().len(), 3);
        assert_eq!(frame.planes()[2].rows(), 2);
        assert_eq!(
            Frame::packed(PixelFormat::Yuv420p, size, &data[1..]).unwrap_err(),
            Error::Length { plane: "yuv420p", expected: 27, got: 26 }
        );
    }

    #[test]
    fn planes_must_be_those_of_the_format() {
        let size = Size::new(4, 4).unwrap();
        let data = [0; 16];
        let luma = Plane::new("Y", &data, 4, 4, 4).unwrap();
        let chroma = Plane::new("U", &data, 2, 2, 2).unwrap();
        assert!(Frame::new(PixelFormat::Yuv420p, size, [luma, chroma, chroma]).is_ok());
        assert_eq!(
            Frame::new(PixelFormat::Yuv420p, size, [luma, chroma]).unwrap_err(),
            Error::PlaneCount { format: "yuv420p", expected: 3, got: 2 }
        );
        assert_eq!(
            Frame::new(PixelFormat::Yuv420p, size, [luma, luma, chroma]).unwrap_err(),
            Error::PlaneShape { plane: "U", expected: (2, 2), got: (4, 4) }
        );
    }
}
