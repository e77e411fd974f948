//! Pictures from one pixel format to another, of the same size.
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
//! The walk over rows and the row bodies are compiled once per level: [`scalar`] says in plain integer maths
//! what is computed, [`simd`] does the same on vectors.

mod repack;
mod rows;
mod scalar;
mod simd;
mod walk;

use crate::color::Color;
use crate::error::Error;
use crate::frame::{Frame, FrameMut};
use crate::level::{Kind, Level};
use rows::Rows;

/// Converts `src` into `dst`, which has the same size.
///
/// `color` is the colour space of whichever of the two is not RGB; from one YUV format to another it stays
/// what it is.
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
        return Err(Error::SizeMismatch { expected: src.size(), got: dst.size() });
    }
    match level.0 {
        Kind::Scalar => walk::walk(scalar::Scalar, src, dst, color),
        #[cfg(target_arch = "x86_64")]
        Kind::Sse41(proof) => {
            #[target_feature(enable = "sse4.1,ssse3")]
            fn shell(rows: impl Rows, src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color) {
                walk::walk(rows, src, dst, color);
            }
            // SAFETY: `proof` exists on CPUs with SSE4.1 only, and those have SSSE3.
            unsafe { shell(simd::Vector(proof), src, dst, color) }
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => {
            #[target_feature(enable = "avx2")]
            fn shell(rows: impl Rows, src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color) {
                walk::walk(rows, src, dst, color);
            }
            // SAFETY: `proof` exists on CPUs with AVX2 only.
            unsafe { shell(simd::Vector(proof), src, dst, color) }
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => {
            #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
            fn shell(rows: impl Rows, src: &Frame<'_>, dst: &mut FrameMut<'_>, color: Color) {
                walk::walk(rows, src, dst, color);
            }
            // SAFETY: `proof` exists on CPUs with these three only.
            unsafe { shell(simd::Vector(proof), src, dst, color) }
        }
    }
    Ok(())
}
