//! Vector levels. The kernels are written once, over the operations of [`Simd`]; an instruction set implements
//! those, and weaves channels into pixels in its own best way.
//!
//! Decoding works on even and odd pixels apart, as the lower and the upper bytes of 16-bit elements: no shuffle is
//! needed for that, and both have the same chroma. Weaving has to shuffle anyway and puts pixels in order in
//! passing. Encoding multiplies bytes, two channels of a pixel at a time.

mod avx2;
mod avx512;
mod decode;
mod encode;
mod lanes;
mod ops;
mod sse41;
mod weigh;

use super::blockwise::Blocks;
use super::rows::Chroma;
use super::windows::Windows;
use crate::color::{Decode, Encode};
use ops::Simd;

/// The row bodies of a vector level.
#[derive(Clone, Copy)]
pub(crate) struct Vector<S>(pub S);

impl<S: Simd> Blocks for Vector<S> {
    const PIXELS: usize = S::BYTES;

    #[inline(always)]
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        out: [&mut [u8]; N],
    ) {
        decode::decode::<S, N, P>(self.0, k, luma, chroma, out);
    }

    #[inline(always)]
    fn encode<const N: usize, const P: usize>(
        self,
        k: &Encode,
        rgb: [&[u8]; N],
        luma: [&mut [u8]; N],
        chroma: Chroma<&mut [u8]>,
    ) {
        encode::encode::<S, N, P>(self.0, k, rgb, luma, chroma);
    }

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        self.0.weigh::<PAIRS>(windows, row, out);
    }
}
