//! What is done to the rows of pictures, on each CPU level.
//!
//! [`scalar`] defines the results in plain arithmetic; `simd` (x86) and `neon` (aarch64) compute the same on vectors.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod blockwise;
#[cfg(target_arch = "aarch64")]
mod neon;
mod rows;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod simd;
mod windows;

pub(crate) use rows::{Chroma, Rows, nearest};
pub(crate) use windows::{Group, WIDTH, Windows};

use crate::level::{Kind, Level};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use blockwise::Blockwise;

/// Work that is compiled once per level. `run` and everything it calls must be `inline(always)`, without
/// closures in inner loops: what is not inlined into the level's shell is compiled for the baseline CPU.
pub(crate) trait Work {
    /// Does the work with the row bodies of the level.
    fn run(self, rows: impl Rows);
}

/// Runs `work` compiled for `level`.
pub(crate) fn on_level(level: Level, work: impl Work) {
    /// A function that is compiled with these features. Calling it takes proof that the CPU has them.
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
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => work.run(Blockwise(neon::Neon)),
        // SAFETY: `proof` exists on CPUs with SSE4.1 only, and those have SSSE3.
        #[cfg(target_arch = "x86_64")]
        Kind::Sse41(proof) => unsafe { shell!("sse4.1,ssse3")(Blockwise(simd::Vector(proof)), work) },
        // SAFETY: `proof` exists on CPUs with AVX2 only.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => unsafe { shell!("avx2")(Blockwise(simd::Vector(proof)), work) },
        // SAFETY: `proof` exists on CPUs with these three only.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => unsafe {
            shell!("avx512f,avx512bw,avx512vbmi")(Blockwise(simd::Vector(proof)), work)
        },
    }
}
