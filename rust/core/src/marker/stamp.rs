//! Writes a marker straight on the planes of a picture.

use super::code::{self, CELLS, ROWS};
use super::{Levels, NEUTRAL, cells, check_size, sampling};
use crate::Error;
use crate::frame::{FrameMut, PixelFormat};

/// Stamps `seq` on the bottom-left corner; chroma under it becomes neutral, alpha opaque.
///
/// Where the height is odd, or a chroma row lies half under the marker, the whole chroma row counts as under it.
///
/// # Errors
/// [`Error::TooSmall`] if the picture cannot hold 24x4 pixels.
pub fn stamp(frame: &mut FrameMut<'_>, levels: Levels, seq: u16) -> Result<(), Error> {
    let (format, size) = (frame.format(), frame.size());
    check_size(size)?;
    let bytes = CELLS * sampling(format).0;
    let row = cells::write(format, levels, code::encode(seq));
    let [first, chroma @ ..] = frame.planes_mut() else { return Ok(()) };
    for y in size.height - ROWS..size.height {
        first.row_mut(y)[..bytes].copy_from_slice(&row[..bytes]);
    }
    for plane in chroma {
        let bytes = if format == PixelFormat::Nv12 { CELLS } else { CELLS / 2 };
        for y in (size.height - ROWS) / 2..plane.rows() {
            plane.row_mut(y)[..bytes].fill(NEUTRAL);
        }
    }
    Ok(())
}
