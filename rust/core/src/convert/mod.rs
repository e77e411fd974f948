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
#[cfg(target_arch = "x86_64")]
mod simd;
mod walk;

use crate::color::Color;
use crate::error::Error;
use crate::frame::{Frame, FrameMut};
use crate::level::{Kind, Level};
pub(crate) use rows::Rows;

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

/// What is compiled once per level. `run` and all it calls must be inlined always, and closures kept out of
/// inner loops: what is not inlined into the level's shell is compiled for the least CPU.
pub(crate) trait Work {
    /// Does it, by the row bodies of the level.
    fn run(self, rows: impl Rows);
}

/// Runs `work` compiled for `level`.
pub(crate) fn on_level(level: Level, work: impl Work) {
    /// A function that may use the features, for whoever can prove that the CPU has them.
    #[cfg(target_arch = "x86_64")]
    macro_rules! shell {
        ($features:literal) => {{
            #[target_feature(enable = $features)]
            fn shell(rows: impl Rows, work: impl Work) {
                work.run(rows);
            }
            shell
        }};
    }
    match level.0 {
        Kind::Scalar => work.run(scalar::Scalar),
        // SAFETY: `proof` exists on CPUs with SSE4.1 only, and those have SSSE3.
        #[cfg(target_arch = "x86_64")]
        Kind::Sse41(proof) => unsafe { shell!("sse4.1,ssse3")(simd::Vector(proof), work) },
        // SAFETY: `proof` exists on CPUs with AVX2 only.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => unsafe { shell!("avx2")(simd::Vector(proof), work) },
        // SAFETY: `proof` exists on CPUs with these three only.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => unsafe { shell!("avx512f,avx512bw,avx512vbmi")(simd::Vector(proof), work) },
    }
}
