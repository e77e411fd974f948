//! The interface of a level: rows of YUV to rows of RGB, and back.

use super::windows::Windows;
use crate::color::{Decode, Encode};

use std::slice::{ChunksExact, ChunksExactMut};

/// Chroma of a row, or of two rows that share it: to be read, or to be written.
#[derive(Clone, Copy)]
pub(crate) enum Chroma<B> {
    /// U and V apart.
    Planar(B, B),
    /// U and V in turn.
    Interleaved(B),
    /// None: no colour when read, not wanted when written.
    Neutral,
}

impl<'a> Chroma<&'a [u8]> {
    /// U and V of pixels `2 * pair` and `2 * pair + 1`.
    #[inline(always)]
    pub fn at(&self, pair: usize) -> (u8, u8) {
        match self {
            Self::Planar(u, v) => (u[pair], v[pair]),
            Self::Interleaved(uv) => (uv[2 * pair], uv[2 * pair + 1]),
            Self::Neutral => (128, 128),
        }
    }

    /// Whole runs of so many pairs.
    #[inline(always)]
    pub fn chunks(self, pairs: usize) -> Chroma<ChunksExact<'a, u8>> {
        match self {
            Self::Planar(u, v) => Chroma::Planar(u.chunks_exact(pairs), v.chunks_exact(pairs)),
            Self::Interleaved(uv) => Chroma::Interleaved(uv.chunks_exact(2 * pairs)),
            Self::Neutral => Chroma::Neutral,
        }
    }
}

impl<'a> Chroma<&'a mut [u8]> {
    /// Sets U and V of pixels `2 * pair` and `2 * pair + 1`.
    #[inline(always)]
    pub fn set(&mut self, pair: usize, u: u8, v: u8) {
        match self {
            Self::Planar(us, vs) => (us[pair], vs[pair]) = (u, v),
            Self::Interleaved(uv) => (uv[2 * pair], uv[2 * pair + 1]) = (u, v),
            Self::Neutral => {}
        }
    }

    /// The same, for a while.
    #[inline(always)]
    pub fn reborrow(&mut self) -> Chroma<&mut [u8]> {
        match self {
            Self::Planar(u, v) => Chroma::Planar(u, v),
            Self::Interleaved(uv) => Chroma::Interleaved(uv),
            Self::Neutral => Chroma::Neutral,
        }
    }

    /// Whole runs of so many pairs.
    #[inline(always)]
    pub fn chunks_mut(self, pairs: usize) -> Chroma<ChunksExactMut<'a, u8>> {
        match self {
            Self::Planar(u, v) => Chroma::Planar(u.chunks_exact_mut(pairs), v.chunks_exact_mut(pairs)),
            Self::Interleaved(uv) => Chroma::Interleaved(uv.chunks_exact_mut(2 * pairs)),
            Self::Neutral => Chroma::Neutral,
        }
    }
}

/// The row bodies of one level, for `N` rows (1 or 2) that share their chroma and pixels of `P` bytes (3 or 4).
///
/// Rows of luma have the picture's width, chroma half of it rounded up, pixels `P` times it.
pub(crate) trait Rows: Copy {
    /// Luma and chroma to pixels; a fourth byte becomes 255.
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        out: [&mut [u8]; N],
    );

    /// Pixels to luma and chroma. Chroma is the mean over the 2x2 pixels it stands for, or those that exist.
    fn encode<const N: usize, const P: usize>(
        self,
        k: &Encode,
        rgb: [&[u8]; N],
        luma: [&mut [u8]; N],
        chroma: Chroma<&mut [u8]>,
    );

    /// [`Windows::weigh`].
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]);
}

/// A sum of at most 255 to the nearest integer: adding 2^23 leaves it in the low bits.
#[inline(always)]
pub(crate) fn nearest(sum: f32) -> u8 {
    (sum + ROUND).to_bits() as u8
}

/// See [`nearest`].
pub(super) const ROUND: f32 = 8_388_608.0;
