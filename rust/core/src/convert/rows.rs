//! What a level can do: rows of YUV to rows of RGB, and back.

use crate::color::{Decode, Encode};

/// Chroma of a row, or of two rows that share it.
#[derive(Clone, Copy)]
pub(crate) enum Chroma<'a> {
    /// U and V apart.
    Planar(&'a [u8], &'a [u8]),
    /// U and V in turn.
    Interleaved(&'a [u8]),
    /// No colour.
    Neutral,
}

impl Chroma<'_> {
    /// U and V of pixels `2 * pair` and `2 * pair + 1`.
    #[inline(always)]
    pub fn at(&self, pair: usize) -> (u8, u8) {
        match self {
            Self::Planar(u, v) => (u[pair], v[pair]),
            Self::Interleaved(uv) => (uv[2 * pair], uv[2 * pair + 1]),
            Self::Neutral => (128, 128),
        }
    }
}

/// Chroma of a row, or of two rows that share it, to be written.
pub(crate) enum ChromaMut<'a> {
    /// U and V apart.
    Planar(&'a mut [u8], &'a mut [u8]),
    /// U and V in turn.
    Interleaved(&'a mut [u8]),
    /// Not wanted.
    Discard,
}

impl ChromaMut<'_> {
    /// Sets U and V of pixels `2 * pair` and `2 * pair + 1`.
    #[inline(always)]
    pub fn set(&mut self, pair: usize, u: u8, v: u8) {
        match self {
            Self::Planar(us, vs) => (us[pair], vs[pair]) = (u, v),
            Self::Interleaved(uv) => (uv[2 * pair], uv[2 * pair + 1]) = (u, v),
            Self::Discard => {}
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
        chroma: Chroma<'_>,
        out: [&mut [u8]; N],
    );

    /// Pixels to luma and chroma. Chroma is the mean over the 2x2 pixels it stands for, or those that exist.
    fn encode<const N: usize, const P: usize>(
        self,
        k: &Encode,
        rgb: [&[u8]; N],
        luma: [&mut [u8]; N],
        chroma: ChromaMut<'_>,
    );
}
