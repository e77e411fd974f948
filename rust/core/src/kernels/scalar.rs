//! Row bodies in plain integer arithmetic: the reference for every level, and the only level on other
//! architectures.

use super::rows::{Chroma, Rows};
use crate::color::{Decode, Encode, scale};

#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Rows for Scalar {
    #[inline(always)]
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        mut out: [&mut [u8]; N],
    ) {
        let pairs = luma[0].len().div_ceil(2);
        for pair in 0..pairs {
            let (u, v) = chroma.at(pair);
            let (p, q) = if k.blue_first { (u, v) } else { (v, u) };
            let bias = i32::from(k.bias);
            let offsets = [
                bias + scale(p, k.first),
                bias + scale(p, k.green[0]) + scale(q, k.green[1]),
                bias + scale(q, k.last),
            ];
            for (luma, out) in luma.iter().zip(&mut out) {
                let pixels = out[pair * 2 * P..].chunks_exact_mut(P).take(2);
                for (&y, pixel) in luma[pair * 2..].iter().zip(pixels) {
                    for (channel, offset) in pixel.iter_mut().zip(offsets) {
                        *channel = k.channel(y, offset);
                    }
                    if P == 4 {
                        pixel[3] = 255;
                    }
                }
            }
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
        for pair in 0..width.div_ceil(2) {
            let (left, right) = (pair * 2, (pair * 2 + 1).min(width - 1));
            let mut differences = [0; 2];
            for (rgb, luma) in rgb.iter().zip(&mut luma) {
                for x in [left, right] {
                    let pixel = [rgb[x * P], rgb[x * P + 1], rgb[x * P + 2]];
                    luma[x] = k.luma(pixel);
                    differences[0] += i32::from(pixel[0]) - i32::from(pixel[1]);
                    differences[1] += i32::from(pixel[2]) - i32::from(pixel[1]);
                }
            }
            // One row stands for two that are alike.
            let differences = differences.map(|sum| sum * 2 / N as i32);
            chroma.set(pair, Encode::chroma(differences, k.u), Encode::chroma(differences, k.v));
        }
    }
}
