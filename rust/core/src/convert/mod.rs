//! Converts pictures from one pixel format to another at the same size.
//!
//! # Exactness
//! Every channel is within one level of the same formula in real numbers, rounded; on most inputs it is equal.
//! Every CPU level gives the same bytes. Both are proven by tests over all inputs.
//!
//! # Chroma
//! One chroma sample stands for the 2x2 (or 2x1) pixels it lies in the middle of: it is used for all of them
//! and made from their mean, or from the mean of those that exist at an odd edge.
//!
//! # How
//! The walk over rows is compiled once per level, and the [`kernels`](crate::kernels) for the rows with it.

mod repack;
mod walk;

use crate::color::Color;
use crate::error::Error;
use crate::frame::{Frame, FrameMut};
use crate::kernels::{Rows, Work, on_level};
use crate::level::Level;

/// Converts `src` into `dst`, which has the same size.
///
/// `color` is the colour space of whichever picture is not RGB. Between YUV formats codes are kept.
///
/// # Errors
/// [`Error::SizeMismatch`].
pub fn convert(src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color) -> Result<(), Error> {
    convert_with(Level::detect(), src, dst, color)
}

/// [`convert`] on a given level: the door for tests and benches.
#[doc(hidden)]
pub fn convert_with(
    level: Level,
    src: &Frame<'_>,
    dst: &mut FrameMut<'_>,
    color: Color,
) -> Result<(), Error> {
    if src.size() != dst.size() {
        return Err(Error::SizeMismatch { expected: src.size().into(), got: dst.size().into() });
    }
    on_level(level, Convert { src, dst, color });
    Ok(())
}

struct Convert<'a, 'b, 'c> {
    src: &'a Frame<'b>,
    dst: &'a mut FrameMut<'c>,
    color: Color,
}

impl Work for Convert<'_, '_, '_> {
    #[inline(always)]
    fn run(self, rows: impl Rows) {
        walk::walk(rows, self.src, self.dst, self.color);
    }
}
