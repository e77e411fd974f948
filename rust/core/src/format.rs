//! Pixel formats: which planes a picture has, and what a row of each holds.

use crate::error::Error;
use crate::size::Size;
use std::fmt;

/// How pixels lie in memory, under FFmpeg's names.
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

    /// Whether blue stands where RGB has red.
    pub(crate) fn is_blue_first(self) -> bool {
        matches!(self, Self::Bgr24 | Self::Bgra)
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

    /// Checks rows and bytes per row of plane `index`.
    pub(crate) fn check_shape(self, size: Size, index: usize, got: (usize, usize)) -> Result<(), Error> {
        let expected = self.plane_shape(size, index);
        if got == expected {
            return Ok(());
        }
        Err(Error::PlaneShape { plane: self.plane_names()[index], expected, got })
    }

    /// Checks a number of planes.
    pub(crate) fn check_count(self, got: usize) -> Result<(), Error> {
        let expected = self.plane_names().len();
        if got == expected { Ok(()) } else { Err(Error::PlaneCount { format: self.name(), expected, got }) }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_name(format.name()), Some(format));
        }
        assert_eq!(PixelFormat::from_name("gray"), Some(PixelFormat::Gray8));
        assert_eq!(PixelFormat::from_name("yuv444p"), None);
    }
}
