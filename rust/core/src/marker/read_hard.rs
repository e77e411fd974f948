//! The reference reader: thresholds and votes, as every implementation of the service does.

use super::cells;
use super::code::{self, ROWS, Reading};
use super::levels::{Cell, Levels, check_first, check_size};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::plane::Plane;
use crate::size::Size;

/// Reads a picture's first plane: its luma, or its red channel. Of larger cells, the pixel in the middle counts.
///
/// # Errors
/// [`Error::TooSmall`] if the picture cannot hold 24x4 cells, [`Error::PlaneShape`] if the plane is not
/// the first of a picture of that format and size.
pub fn read_hard(
    first: Plane<'_>,
    format: PixelFormat,
    size: Size,
    levels: Levels,
    cell: Cell,
) -> Result<Reading, Error> {
    check_size(size, cell)?;
    check_first(first, format, size)?;
    let top = size.height - ROWS * cell.side() + cell.side() / 2;
    let rows = std::array::from_fn(|i| first.row(top + i * cell.side()));
    Ok(code::decode(cells::read(format, levels, cell, rows)))
}
