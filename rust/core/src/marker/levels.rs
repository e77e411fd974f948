//! What a marker is on a plane: the values of its cells, and where they are.

use super::code::{CELLS, ROWS};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::plane::Plane;
use crate::size::Size;

/// No colour.
pub(super) const NEUTRAL: u8 = 128;

/// The values of cells in a plane: the two that are written, and the least that is read as high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub(super) high: u8,
    pub(super) low: u8,
    pub(super) threshold: u8,
}

impl Levels {
    /// For RGB and full-range luma.
    pub const FULL: Self = Self { high: 200, low: 50, threshold: 128 };
    /// For limited-range luma: the same greys.
    pub const LIMITED: Self = Self { high: 188, low: 59, threshold: 126 };
}

/// Bytes from one pixel to the next, and from a pixel's start to the byte that is read: luma or red.
pub(super) fn sampling(format: PixelFormat) -> (usize, usize) {
    match format {
        PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => (1, 0),
        PixelFormat::Yuyv422 => (2, 0),
        PixelFormat::Rgb24 => (3, 0),
        PixelFormat::Bgr24 => (3, 2),
        PixelFormat::Rgba => (4, 0),
        PixelFormat::Bgra => (4, 2),
    }
}

/// Refuses pictures that cannot hold a marker.
pub(super) fn check_size(size: Size) -> Result<(), Error> {
    if size.width < CELLS || size.height < ROWS {
        return Err(Error::TooSmall { least: (CELLS, ROWS), got: size.into() });
    }
    Ok(())
}

/// Refuses planes that are not the first of such a picture.
pub(super) fn check_first(first: Plane<'_>, format: PixelFormat, size: Size) -> Result<(), Error> {
    format.check_shape(size, 0, (first.rows(), first.row_bytes()))
}
