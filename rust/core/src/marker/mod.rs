//! The pixel marker: a number written into the picture's bottom-left corner, and its readers.
//!
//! [`code`] is the layout in bits, [`stamp()`] writes it on the planes of a picture, [`read_hard()`] is the
//! reference reader and [`read_soft()`] the one for real channels, which weighs the [`Evidence`] of a corner.

mod cells;
pub mod code;
mod evidence;
mod read_hard;
mod sampler;
mod soft;
mod stamp;

pub use code::{CELLS, ROWS, Reading};
pub use evidence::Evidence;
pub use read_hard::read_hard;
pub(crate) use soft::decide;
pub use soft::{SoftReading, read_soft};
pub use stamp::stamp;

use crate::Error;
use crate::frame::{PixelFormat, Size};
use crate::plane::Plane;

/// No colour.
const NEUTRAL: u8 = 128;

/// What a cell is in a plane: the two values it is written with, and the least value read as high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    high: u8,
    low: u8,
    threshold: u8,
}

impl Levels {
    /// For RGB and full-range luma.
    pub const FULL: Self = Self { high: 200, low: 50, threshold: 128 };
    /// For limited-range luma: the same greys.
    pub const LIMITED: Self = Self { high: 188, low: 59, threshold: 126 };
}

/// Bytes from pixel to pixel, and to the byte that is read: luma, or red.
fn sampling(format: PixelFormat) -> (usize, usize) {
    match format {
        PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => (1, 0),
        PixelFormat::Yuyv422 => (2, 0),
        PixelFormat::Rgb24 => (3, 0),
        PixelFormat::Bgr24 => (3, 2),
        PixelFormat::Rgba => (4, 0),
        PixelFormat::Bgra => (4, 2),
    }
}

fn check_size(size: Size) -> Result<(), Error> {
    if size.width < CELLS || size.height < ROWS {
        let least = Size { width: CELLS, height: ROWS };
        return Err(Error::TooSmall { least, got: size });
    }
    Ok(())
}

/// Readers want the plane that holds luma or red.
fn check_first(first: Plane<'_>, format: PixelFormat, size: Size) -> Result<(), Error> {
    let got = (first.rows(), first.row_bytes());
    let expected = format.plane_shape(size, 0);
    if got != expected {
        return Err(Error::PlaneShape { plane: format.plane_names()[0], expected, got });
    }
    Ok(())
}
