//! Writes a marker straight on the planes of a picture.

use super::cells;
use super::code::{self, CELLS, ROWS};
use super::levels::{Cell, Levels, NEUTRAL, check_size};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::frame::FrameMut;

/// The most bytes of a row of cells.
const LONGEST: usize = CELLS * Cell::MAX_SIDE * 4;

/// Stamps `seq` on the bottom-left corner; chroma under it becomes neutral, alpha opaque.
///
/// Where the height is odd, or a chroma row lies half under the marker, the whole chroma row counts as under it.
///
/// # Errors
/// [`Error::TooSmall`] if the picture cannot hold 24x4 cells.
pub fn stamp(frame: &mut FrameMut<'_>, levels: Levels, cell: Cell, seq: u16) -> Result<(), Error> {
    check_size(frame.size(), cell)?;
    match cell {
        // Compiled apart: of known lengths, chroma takes two stores a row; of others, a call.
        Cell::PIXEL => write(frame, levels, 1, seq),
        cell => write(frame, levels, cell.side(), seq),
    }
    Ok(())
}

#[inline(always)]
fn write(frame: &mut FrameMut<'_>, levels: Levels, side: usize, seq: u16) {
    let (format, height) = (frame.format(), frame.size().height);
    let [first, chroma @ ..] = frame.planes_mut() else { return };
    let top = height - ROWS * side;
    cells::write(format, levels, code::encode(seq), |row| {
        let mut wide = [0; LONGEST];
        let row = if side == 1 { row } else { widened(row, side, &mut wide) };
        for y in top..height {
            first.row_mut(y)[..row.len()].copy_from_slice(row);
        }
    });
    for plane in chroma {
        for y in top / 2..plane.rows() {
            let row = plane.row_mut(y);
            match format {
                PixelFormat::Nv12 => row[..CELLS * side].fill(NEUTRAL),
                _ => row[..CELLS / 2 * side].fill(NEUTRAL),
            }
        }
    }
}

/// A row of pixels with each of them repeated.
fn widened<'w>(row: &[u8], side: usize, wide: &'w mut [u8; LONGEST]) -> &'w [u8] {
    let step = row.len() / CELLS;
    let wide = &mut wide[..row.len() * side];
    for (pixel, cell) in row.chunks_exact(step).zip(wide.chunks_exact_mut(step * side)) {
        cell.chunks_exact_mut(step).for_each(|copy| copy.copy_from_slice(pixel));
    }
    wide
}
