//! Pictures: a pixel format, a size, and the planes that go with them.
//!
//! Chroma of odd sizes is rounded up: a 5x3 picture in `yuv420p` has chroma planes of 3x2.

use crate::error::Error;
use crate::plane::{Plane, PlaneMut};
use std::fmt;

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: usize = 65_535;

/// Width and height in pixels. Only [`Size::new`] makes one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// A size with both sides in `1..=MAX_SIDE`.
    ///
    /// # Errors
    /// [`Error::Size`] otherwise.
    pub fn new(width: usize, height: usize) -> Result<Self, Error> {
        let fits = |side| (1..=MAX_SIDE).contains(&side);
        if fits(width) && fits(height) {
            Ok(Self { width, height })
        } else {
            Err(Error::Size { width, height })
        }
    }

    /// The size of a plane with one sample for 2x2 pixels.
    pub fn halved(self) -> Self {
        Self { width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// How pixels lie in memory, by FFmpeg's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Planes Y, U and V; one U and one V for 2x2 pixels.
    Yuv420p,
    /// Planes Y and UV; U and V interleaved, one pair for 2x2 pixels.
    Nv12,
    /// One plane of Y U Y V; one U and one V for two pixels of a row.
    Yuyv422,
    /// One plane of luma.
    Gray8,
    /// R G B.
    Rgb24,
    /// B G R.
    Bgr24,
    /// R G B A. Written with A = 255; read without A.
    Rgba,
    /// B G R A. Written with A = 255; read without A.
    Bgra,
}

impl PixelFormat {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Yuv420p,
        Self::Nv12,
        Self::Yuyv422,
        Self::Gray8,
        Self::Rgb24,
        Self::Bgr24,
        Self::Rgba,
        Self::Bgra,
    ];

    /// FFmpeg's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yuv420p => "yuv420p",
            Self::Nv12 => "nv12",
            Self::Yuyv422 => "yuyv422",
            Self::Gray8 => "gray8",
            Self::Rgb24 => "rgb24",
            Self::Bgr24 => "bgr24",
            Self::Rgba => "rgba",
            Self::Bgra => "bgra",
        }
    }

    /// The format of that name; `gray`, as FFmpeg writes it, is `gray8`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "gray" => Some(Self::Gray8),
            _ => Self::ALL.into_iter().find(|format| format.name() == name),
        }
    }

    /// Whether the pixels are red, green and blue.
    pub fn is_rgb(self) -> bool {
        matches!(self, Self::Rgb24 | Self::Bgr24 | Self::Rgba | Self::Bgra)
    }

    /// Names of the planes, in order.
    pub fn plane_names(self) -> &'static [&'static str] {
        match self {
            Self::Yuv420p => &["Y", "U", "V"],
            Self::Nv12 => &["Y", "UV"],
            Self::Gray8 => &["Y"],
            Self::Yuyv422 => &["YUYV"],
            Self::Rgb24 => &["RGB"],
            Self::Bgr24 => &["BGR"],
            Self::Rgba => &["RGBA"],
            Self::Bgra => &["BGRA"],
        }
    }

    /// Rows and bytes per row of plane `index` in a picture of `size`.
    #[inline]
    pub fn plane_shape(self, size: Size, index: usize) -> (usize, usize) {
        let (full, half) = (size, size.halved());
        match (self, index) {
            (Self::Yuv420p, 1 | 2) => (half.height, half.width),
            (Self::Nv12, 1) => (half.height, 2 * half.width),
            (Self::Yuv420p | Self::Nv12 | Self::Gray8, _) => (full.height, full.width),
            (Self::Yuyv422, _) => (full.height, 4 * half.width),
            (Self::Rgb24 | Self::Bgr24, _) => (full.height, 3 * full.width),
            (Self::Rgba | Self::Bgra, _) => (full.height, 4 * full.width),
        }
    }

    /// Bytes of plane `index` that belong to one sample position.
    pub(crate) fn plane_channels(self, index: usize) -> usize {
        match self {
            Self::Nv12 if index == 1 => 2,
            Self::Yuv420p | Self::Nv12 | Self::Gray8 => 1,
            Self::Rgb24 | Self::Bgr24 => 3,
            Self::Yuyv422 | Self::Rgba | Self::Bgra => 4,
        }
    }

    /// Bytes of a picture of `size` whose planes follow one another without padding; `usize::MAX` if no memory
    /// has so many, as on 32 bits.
    pub fn packed_bytes(self, size: Size) -> usize {
        (0..self.plane_names().len())
            .map(|index| self.plane_shape(size, index))
            .fold(0, |bytes, (rows, row_bytes)| bytes.saturating_add(rows.saturating_mul(row_bytes)))
    }

    fn check_shape(self, size: Size, index: usize, got: (usize, usize)) -> Result<(), Error> {
        let expected = self.plane_shape(size, index);
        if got == expected {
            return Ok(());
        }
        Err(Error::PlaneShape { plane: self.plane_names()[index], expected, got })
    }

    fn check_count(self, got: usize) -> Result<(), Error> {
        let expected = self.plane_names().len();
        if got == expected { Ok(()) } else { Err(Error::PlaneCount { format: self, expected, got }) }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A picture to read from. Every plane has the rows and row length that format and size ask for.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    format: PixelFormat,
    size: Size,
    planes: [Plane<'a>; 3],
}

impl<'a> Frame<'a> {
    /// A picture made of planes, in the order of [`PixelFormat::plane_names`].
    ///
    /// # Errors
    /// [`Error::PlaneCount`] or [`Error::PlaneShape`] if the planes are not those of the format and size.
    pub fn new(format: PixelFormat, size: Size, planes: &[Plane<'a>]) -> Result<Self, Error> {
        format.check_count(planes.len())?;
        let mut held = [Plane::default(); 3];
        for (index, plane) in planes.iter().enumerate() {
            format.check_shape(size, index, (plane.rows(), plane.row_bytes()))?;
            held[index] = *plane;
        }
        Ok(Self { format, size, planes: held })
    }

    /// A picture whose planes follow one another in `data` without padding.
    ///
    /// # Errors
    /// [`Error::Length`] if `data` is too short.
    pub fn packed(format: PixelFormat, size: Size, data: &'a [u8]) -> Result<Self, Error> {
        check_packed(format, size, data.len())?;
        let (mut planes, mut rest) = ([Plane::default(); 3], data);
        for (index, name) in format.plane_names().iter().enumerate() {
            let (rows, row_bytes) = format.plane_shape(size, index);
            let (head, tail) = rest.split_at(rows * row_bytes);
            planes[index] = Plane::new(name, head, row_bytes, rows, row_bytes)?;
            rest = tail;
        }
        Ok(Self { format, size, planes })
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
    pub fn planes(&self) -> &[Plane<'a>] {
        &self.planes[..self.format.plane_names().len()]
    }
}

/// A picture to write to. Every plane has the rows and row length that format and size ask for.
#[derive(Debug)]
pub struct FrameMut<'a> {
    format: PixelFormat,
    size: Size,
    planes: [PlaneMut<'a>; 3],
}

impl<'a> FrameMut<'a> {
    /// As [`Frame::new`], for writing.
    ///
    /// # Errors
    /// [`Error::PlaneCount`] or [`Error::PlaneShape`] if the planes are not those of the format and size.
    pub fn new(
        format: PixelFormat,
        size: Size,
        planes: impl IntoIterator<Item = PlaneMut<'a>>,
    ) -> Result<Self, Error> {
        let mut held: [PlaneMut<'a>; 3] = Default::default();
        let mut count = 0;
        for plane in planes {
            if count < format.plane_names().len() {
                format.check_shape(size, count, (plane.rows(), plane.row_bytes()))?;
                held[count] = plane;
            }
            count += 1;
        }
        format.check_count(count)?;
        Ok(Self { format, size, planes: held })
    }

    /// A picture made of the bytes of its planes and their strides, in the order of [`PixelFormat::plane_names`].
    ///
    /// # Errors
    /// [`Error::PlaneCount`] if there are too few or too many, and those of [`PlaneMut::new`].
    #[inline]
    pub fn strided(
        format: PixelFormat,
        size: Size,
        planes: impl IntoIterator<Item = (&'a mut [u8], usize)>,
    ) -> Result<Self, Error> {
        let mut held: [PlaneMut<'a>; 3] = Default::default();
        let mut count = 0;
        for (data, stride) in planes {
            if let Some(name) = format.plane_names().get(count) {
                let (rows, row_bytes) = format.plane_shape(size, count);
                held[count] = PlaneMut::new(name, data, row_bytes, rows, stride)?;
            }
            count += 1;
        }
        format.check_count(count)?;
        Ok(Self { format, size, planes: held })
    }

    /// As [`Frame::packed`], for writing.
    ///
    /// # Errors
    /// [`Error::Length`] if `data` is too short.
    pub fn packed(format: PixelFormat, size: Size, data: &'a mut [u8]) -> Result<Self, Error> {
        check_packed(format, size, data.len())?;
        let mut planes: [PlaneMut<'a>; 3] = Default::default();
        let mut rest = data;
        for (index, name) in format.plane_names().iter().enumerate() {
            let (rows, row_bytes) = format.plane_shape(size, index);
            let (head, tail) = rest.split_at_mut(rows * row_bytes);
            planes[index] = PlaneMut::new(name, head, row_bytes, rows, row_bytes)?;
            rest = tail;
        }
        Ok(Self { format, size, planes })
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

    /// The same picture, for reading.
    pub fn as_frame(&self) -> Frame<'_> {
        let [a, b, c] = &self.planes;
        Frame { format: self.format, size: self.size, planes: [a.as_plane(), b.as_plane(), c.as_plane()] }
    }
}

fn check_packed(format: PixelFormat, size: Size, got: usize) -> Result<(), Error> {
    let expected = format.packed_bytes(size);
    if got >= expected { Ok(()) } else { Err(Error::Length { plane: format.name(), expected, got }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_bounded() {
        for (width, height) in [(0, 0), (0, 1), (1, 0), (100_000, 1), (1, MAX_SIDE + 1), (usize::MAX, 2)] {
            assert_eq!(Size::new(width, height), Err(Error::Size { width, height }));
        }
        assert!(Size::new(MAX_SIDE, 1).is_ok());
    }

    #[test]
    fn names_round_trip() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_name(format.name()), Some(format));
        }
        assert_eq!(PixelFormat::from_name("gray"), Some(PixelFormat::Gray8));
        assert_eq!(PixelFormat::from_name("yuv444p"), None);
    }

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
        assert!(Frame::new(PixelFormat::Yuv420p, size, &[luma, chroma, chroma]).is_ok());
        assert_eq!(
            Frame::new(PixelFormat::Yuv420p, size, &[luma, chroma]).unwrap_err(),
            Error::PlaneCount { format: PixelFormat::Yuv420p, expected: 3, got: 2 }
        );
        assert_eq!(
            Frame::new(PixelFormat::Yuv420p, size, &[luma, luma, chroma]).unwrap_err(),
            Error::PlaneShape { plane: "U", expected: (2, 2), got: (4, 4) }
        );
    }
}
