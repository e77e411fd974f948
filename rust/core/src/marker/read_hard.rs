//! The reference reader: thresholds and votes, as every implementation of the service does.

use super::cells;
use super::code::{self, ROWS, Reading};
use super::levels::{Levels, check_first, check_size};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::plane::Plane;
use crate::size::Size;

/// Reads a picture's first plane: its luma, or its red channel.
///
/// # Errors
/// [`Error::TooSmall`] if the picture cannot hold 24x4 pixels, [`Error::PlaneShape`] if the plane is not
/// the first of a picture of that format and size.
pub fn read_hard(
    first: Plane<'_>,
    format: PixelFormat,
    size: Size,
    levels: Levels,
) -> Result<Reading, Error> {
    check_size(size)?;
    check_first(first, format, size)?;
    let top = size.height - ROWS;
    let rows = std::array::from_fn(|i| first.row(top + i));
    Ok(code::decode(cells::read(format, levels, rows)))
}
