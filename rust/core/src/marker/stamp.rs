//! Writes a marker straight on the planes of a picture.

use super::code::{self, CELLS, ROWS};
use super::{Levels, check_size, sampling};
use crate::Error;
use crate::frame::{FrameMut, PixelFormat};

/// No colour.
const NEUTRAL: u8 = 128;
/// The widest pixel, in bytes.
const MAX_STEP: usize = 4;

/// Stamps `seq` on the bottom-left corner; chroma under it becomes neutral, alpha opaque.
///
/// Where the height is odd, or a chroma row lies half under the marker, the whole chroma row counts as under it.
///
/// # Errors
/// [`Error::TooSmall`] if the picture cannot hold 24x4 pixels.
pub fn stamp(frame: &mut FrameMut<'_>, levels: Levels, seq: u16) -> Result<(), Error> {
    let (format, size) = (frame.format(), frame.size());
    check_size(size)?;
    let (step, _) = sampling(format);
    let row = cells(format, levels, code::encode(seq));
    let [first, chroma @ ..] = frame.planes_mut() else { return Ok(()) };
    for y in size.height - ROWS..size.height {
        first.row_mut(y)[..CELLS * step].copy_from_slice(&row[..CELLS * step]);
    }
    for plane in chroma {
        let bytes = if format == PixelFormat::Nv12 { CELLS } else { CELLS / 2 };
        for y in (size.height - ROWS) / 2..plane.rows() {
            plane.row_mut(y)[..bytes].fill(NEUTRAL);
        }
    }
    Ok(())
}

/// One row of the marker as bytes of the first plane.
fn cells(format: PixelFormat, levels: Levels, bits: u32) -> [u8; CELLS * MAX_STEP] {
    let mut row = [0; CELLS * MAX_STEP];
    let (step, _) = sampling(format);
    for (i, pixel) in row.chunks_exact_mut(step).take(CELLS).enumerate() {
        let value = if bits >> (CELLS - 1 - i) & 1 == 1 { levels.high } else { levels.low };
        pixel.fill(value);
        match format {
            PixelFormat::Yuyv422 => pixel[1] = NEUTRAL,
            PixelFormat::Rgba | PixelFormat::Bgra => pixel[3] = u8::MAX,
            _ => {}
        }
    }
    row
}
