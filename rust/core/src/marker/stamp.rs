//! Writes a marker straight on the planes of a picture.

use super::cells;
use super::code::{self, CELLS, ROWS};
use super::levels::{Levels, NEUTRAL, check_size};
use crate::error::Error;
use crate::format::PixelFormat;
use crate::frame::FrameMut;

/// Stamps `seq` on the bottom-left corner; chroma under it becomes neutral, alpha opaque.
///
/// Where the height is odd, or a chroma row lies half under the marker, the whole chroma row counts as under it.
///
/// # Errors
/// [`Error::TooSmall`] if the picture cannot hold 24x4 pixels.
pub fn stamp(frame: &mut FrameMut<'_>, levels: Levels, seq: u16) -> Result<(), Error> {
    let (format, size) = (frame.format(), frame.size());
    check_size(size)?;
    let [first, chroma @ ..] = frame.planes_mut() else { return Ok(()) };
    cells::write(format, levels, code::encode(seq), |row| {
        for y in size.height - ROWS..size.height {
            first.row_mut(y)[..row.len()].copy_from_slice(row);
        }
    });
    let top = (size.height - ROWS) / 2;
    for plane in chroma {
        for y in top..plane.rows() {
            let row = plane.row_mut(y);
            // Of known lengths, these are two stores; of others, a call.
            match format {
                PixelFormat::Nv12 => row[..CELLS].fill(NEUTRAL),
                _ => row[..CELLS / 2].fill(NEUTRAL),
            }
        }
    }
    Ok(())
}
