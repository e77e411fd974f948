//! The corner under cells of several pixels as a picture of one pixel a cell: what weighs that, weighs both.
//!
//! Only the middle of a cell counts, half of it either way. Scalers and codecs blur its edges.

use super::code::{CELLS, ROWS};
use super::levels::sampling;
use crate::error::Error;
use crate::format::PixelFormat;
use crate::frame::Frame;
use crate::plane::Plane;
use crate::size::Size;
use std::ops::Range;

/// Rows above the marker that say how natural content would go on.
pub(super) const ABOVE: usize = 3;

const MOST_ROWS: usize = ROWS + ABOVE;
/// What rounding may cost a side, in pixels.
const SLACK: f32 = 1e-3;

/// Means of luma or red, row by row.
pub(super) struct Middles {
    means: [u8; CELLS * MOST_ROWS],
    rows: usize,
}

impl Middles {
    /// Of smaller cells nothing can be left out.
    pub const LEAST: f32 = 2.0;

    /// Of cells of so many pixels; `None` if the marker is larger than the picture.
    pub fn of(
        first: Plane<'_>,
        format: PixelFormat,
        size: Size,
        (width, height): (f32, f32),
    ) -> Option<Self> {
        let rows = ((size.height as f32 + SLACK) / height) as usize;
        if rows < ROWS || CELLS as f32 * width > size.width as f32 + SLACK {
            return None;
        }
        let rows = rows.min(MOST_ROWS);
        let columns: [_; CELLS] = std::array::from_fn(|column| middle(column, width, size.width));
        let (step, offset) = sampling(format);
        let mut means = [0; CELLS * MOST_ROWS];
        for (row, means) in means.chunks_exact_mut(CELLS).take(rows).enumerate() {
            let up = middle(rows - 1 - row, height, size.height);
            for (mean, columns) in means.iter_mut().zip(&columns) {
                let mut sum = 0;
                for up in up.clone() {
                    let line = first.row(size.height - 1 - up);
                    sum += columns.clone().map(|x| usize::from(line[x * step + offset])).sum::<usize>();
                }
                let count = up.len() * columns.len();
                *mean = ((sum + count / 2) / count) as u8;
            }
        }
        Some(Self { means, rows })
    }

    /// As a gray picture.
    pub fn frame(&self) -> Result<Frame<'_>, Error> {
        Frame::packed(PixelFormat::Gray8, Size::new(CELLS, self.rows)?, &self.means[..CELLS * self.rows])
    }
}

/// The pixels in the middle of a cell, one at least.
fn middle(index: usize, pixels: f32, side: usize) -> Range<usize> {
    let at = |quarter: f32| ((index as f32 + quarter) * pixels).round() as usize;
    let start = at(0.25).min(side - 1);
    start..at(0.75).clamp(start + 1, side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_lie_in_their_cells() {
        for pixels in (200..1700).map(|hundredths| hundredths as f32 / 100.0) {
            let side = (pixels * CELLS as f32 - SLACK).ceil() as usize;
            for index in 0..CELLS {
                let middle = middle(index, pixels, side);
                assert!(!middle.is_empty() && middle.end <= side, "{middle:?} of {side}");
                let (start, end) = (index as f32 * pixels, (index + 1) as f32 * pixels);
                assert!(middle.start as f32 >= start - SLACK, "{middle:?} of {start} to {end}");
                assert!(middle.end as f32 <= end + SLACK, "{middle:?} of {start} to {end}");
            }
        }
    }
}
