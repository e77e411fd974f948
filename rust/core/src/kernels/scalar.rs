//! Row bodies in plain integer arithmetic: the reference for every level, and the only level on other
//! architectures.

use super::rows::{Chroma, Rows, nearest};
use super::windows::{Group, WIDTH, Weigh, Window, Windows};
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
        let width = luma[0].len();
        for pair in 0..width.div_ceil(2) {
            let (u, v) = chroma.at(pair);
            let (p, q) = if k.blue_first { (u, v) } else { (v, u) };
            let bias = i32::from(k.bias);
            let offsets = [
                bias + scale(p, k.first),
                bias + scale(p, k.green[0]) + scale(q, k.green[1]),
                bias + scale(q, k.last),
            ];
            for (luma, out) in luma.iter().zip(&mut out) {
                for x in pair * 2..width.min(pair * 2 + 2) {
                    let pixel = &mut out[x * P..(x + 1) * P];
                    for (channel, offset) in pixel.iter_mut().zip(offsets) {
                        *channel = k.channel(luma[x], offset);
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

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        windows.weigh::<PAIRS>(self, row, out);
    }
}

impl Weigh for Scalar {
    #[inline(always)]
    fn two<const PAIRS: usize>(
        self,
        groups: &[Group; 2],
        weights: &[[Window; PAIRS]; 2],
        step: usize,
        row: &[f32],
    ) -> [u8; 8] {
        let mut samples = [0; 8];
        for (at, sample) in samples.iter_mut().enumerate() {
            let (group, weights, place) = (&groups[at / 4], &weights[at / 4], at % 4 * 2);
            let mut sums = [0.0; 2];
            for (pair, weights) in weights.iter().enumerate() {
                let window = group.window(row, pair, step);
                for side in 0..2 {
                    sums[side] += window[group.index[place + side] as usize % WIDTH] * weights[place + side];
                }
            }
            *sample = nearest(sums[0] + sums[1]);
        }
        samples
    }
}
