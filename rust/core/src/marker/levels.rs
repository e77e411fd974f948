//! What a marker is on a plane: the values and the size of its cells, and where they are.

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

/// The side of a cell in pixels, where it is stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell(usize);

impl Cell {
    /// One pixel.
    pub const PIXEL: Self = Self(1);
    /// The longest side.
    pub const MAX_SIDE: usize = 16;

    /// A cell of so many pixels by as many.
    ///
    /// # Errors
    /// [`Error::CellSide`] if it is none of 1 to 16.
    pub fn new(side: usize) -> Result<Self, Error> {
        match side {
            1..=Self::MAX_SIDE => Ok(Self(side)),
            _ => Err(Error::CellSide { longest: Self::MAX_SIDE, got: side }),
        }
    }

    /// Pixels from one edge to the other.
    #[must_use]
    pub const fn side(self) -> usize {
        self.0
    }

    /// Width and height of a marker of such cells.
    #[must_use]
    pub const fn marker(self) -> (usize, usize) {
        (CELLS * self.0, ROWS * self.0)
    }
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
pub(super) fn check_size(size: Size, cell: Cell) -> Result<(), Error> {
    let (width, height) = cell.marker();
    if size.width < width || size.height < height {
        return Err(Error::TooSmall { least: (width, height), got: size.into() });
    }
    Ok(())
}

/// Refuses planes that are not the first of such a picture.
pub(super) fn check_first(first: Plane<'_>, format: PixelFormat, size: Size) -> Result<(), Error> {
    format.check_shape(size, 0, (first.rows(), first.row_bytes()))
}
