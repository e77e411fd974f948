//! Rows of any width, for kernels that take a number of pixels at a time.

use super::rows::{Chroma, Rows};
use super::windows::Windows;
use crate::color::{Decode, Encode};

/// The most pixels of a block: sizes the scratch space for those that fill none.
const MOST: usize = 64;

/// [`Rows`] whose widths are multiples of a block.
pub(crate) trait Blocks: Copy {
    /// Pixels of a block: even, and at most 64.
    const PIXELS: usize;

    /// As [`Rows::decode`]; pixels beyond the last whole block stay as they are.
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        out: [&mut [u8]; N],
    );

    /// As [`Rows::encode`]; pixels beyond the last whole block are left out.
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

/// Takes what fills no block through scratch rows, so that nothing outside the row is touched.
#[derive(Clone, Copy)]
pub(crate) struct Blockwise<B>(pub B);

impl<B: Blocks> Rows for Blockwise<B> {
    #[inline(always)]
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        mut out: [&mut [u8]; N],
    ) {
        let width = luma[0].len();
        let left = width % B::PIXELS;
        let whole = width - left;
        if whole > 0 {
            self.0.decode::<N, P>(k, luma, chroma, out.each_mut().map(|row| &mut row[..]));
        }
        if left == 0 {
            return;
        }
        let (mut first, mut second) = ([0; MOST], [0; MOST]);
        let at = whole / 2;
        let chroma = match chroma {
            Chroma::Planar(u, v) => {
                first[..u.len() - at].copy_from_slice(&u[at..]);
                second[..v.len() - at].copy_from_slice(&v[at..]);
                Chroma::Planar(&first[..], &second[..])
            }
            Chroma::Interleaved(uv) => {
                first[..uv.len() - 2 * at].copy_from_slice(&uv[2 * at..]);
                Chroma::Interleaved(&first[..])
            }
            Chroma::Neutral => Chroma::Neutral,
        };
        let (mut from, mut to) = ([[0; MOST]; N], [[0; 4 * MOST]; N]);
        for (from, luma) in from.iter_mut().zip(luma) {
            from[..left].copy_from_slice(&luma[whole..]);
        }
        let rows = from.each_ref().map(|row| &row[..B::PIXELS]);
        self.0.decode::<N, P>(k, rows, chroma, to.each_mut().map(|row| &mut row[..B::PIXELS * P]));
        for (out, to) in out.iter_mut().zip(&to) {
            out[whole * P..].copy_from_slice(&to[..left * P]);
        }
    }

    #[inline(always)]
    fn encode<const N: usize, const P: usize>(
        self,
        k: &Encode,
        rgb: [&[u8]; N],
        mut luma: [&mut [u8]; N],
        mut chroma: Chroma<&mut [u8]>,
    ) {
        let width = luma[0].len();
        let left = width % B::PIXELS;
        let whole = width - left;
        if whole > 0 {
            let rows = luma.each_mut().map(|row| &mut row[..]);
            self.0.encode::<N, P>(k, rgb, rows, chroma.reborrow());
        }
        if left == 0 {
            return;
        }
        let (mut from, mut to) = ([[0; 4 * MOST]; N], [[0; MOST]; N]);
        for (from, rgb) in from.iter_mut().zip(rgb) {
            from[..left * P].copy_from_slice(&rgb[whole * P..]);
            // An odd last pixel stands for the one that is missing beside it.
            from.copy_within((left - 1) * P..left * P, left * P);
        }
        let (mut first, mut second) = ([0; MOST], [0; MOST]);
        let tail = match chroma {
            Chroma::Planar(..) => Chroma::Planar(&mut first[..], &mut second[..]),
            Chroma::Interleaved(_) => Chroma::Interleaved(&mut first[..]),
            Chroma::Neutral => Chroma::Neutral,
        };
        let rows = from.each_ref().map(|row| &row[..B::PIXELS * P]);
        self.0.encode::<N, P>(k, rows, to.each_mut().map(|row| &mut row[..B::PIXELS]), tail);
        for (luma, to) in luma.iter_mut().zip(&to) {
            luma[whole..].copy_from_slice(&to[..left]);
        }
        let at = whole / 2;
        match chroma {
            Chroma::Planar(u, v) => {
                let left = u.len() - at;
                u[at..].copy_from_slice(&first[..left]);
                v[at..].copy_from_slice(&second[..left]);
            }
            Chroma::Interleaved(uv) => {
                let left = uv.len() - 2 * at;
                uv[2 * at..].copy_from_slice(&first[..left]);
            }
            Chroma::Neutral => {}
        }
    }

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        self.0.weigh::<PAIRS>(windows, row, out);
    }
}
