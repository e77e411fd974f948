//! The kernels for NEON, which takes pixels apart and puts them together on its own. Every aarch64 CPU has it.
//!
//! Sixteen pixels at a time: eight pairs, which share their chroma.

use super::blockwise::Blocks;
use super::rows::{Chroma, ROUND};
use super::windows::{Group, Weigh, Window, Windows};
use crate::color::{CHROMA_BIAS, Decode, Encode};
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(crate) struct Neon;

/// The first `N` bytes.
#[inline(always)]
fn bytes<const N: usize>(from: &[u8]) -> &[u8; N] {
    from.first_chunk().expect("a whole block")
}

/// The first `N` bytes.
#[inline(always)]
fn bytes_mut<const N: usize>(to: &mut [u8]) -> &mut [u8; N] {
    to.first_chunk_mut().expect("a whole block")
}

impl Blocks for Neon {
    const PIXELS: usize = 16;

    #[inline(always)]
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        out: [&mut [u8]; N],
    ) {
        let mut luma = luma.map(|row| row.chunks_exact(16));
        let mut out = out.map(|row| row.chunks_exact_mut(16 * P));
        let mut chroma = chroma.chunks(8);
        loop {
            let (u, v) = match &mut chroma {
                Chroma::Planar(u, v) => {
                    let (Some(u), Some(v)) = (u.next(), v.next()) else { return };
                    // SAFETY: loads of arrays of eight bytes.
                    unsafe { (vld1_u8(bytes::<8>(u).as_ptr()), vld1_u8(bytes::<8>(v).as_ptr())) }
                }
                Chroma::Interleaved(uv) => {
                    let Some(uv) = uv.next() else { return };
                    // SAFETY: a load of an array of sixteen bytes.
                    let uint8x8x2_t(u, v) = unsafe { vld2_u8(bytes::<16>(uv).as_ptr()) };
                    (u, v)
                }
                Chroma::Neutral => (neutral(), neutral()),
            };
            let offsets = offsets(k, if k.blue_first { (u, v) } else { (v, u) });
            for (luma, out) in luma.iter_mut().zip(&mut out) {
                let (Some(luma), Some(out)) = (luma.next(), out.next()) else { return };
                decode_block::<P>(k, bytes(luma), offsets, out);
            }
        }
    }

    #[inline(always)]
    fn encode<const N: usize, const P: usize>(
        self,
        k: &Encode,
        rgb: [&[u8]; N],
        luma: [&mut [u8]; N],
        chroma: Chroma<&mut [u8]>,
    ) {
        let mut rgb = rgb.map(|row| row.chunks_exact(16 * P));
        let mut luma = luma.map(|row| row.chunks_exact_mut(16));
        let mut chroma = chroma.chunks_mut(8);
        loop {
            let mut sums = [zero(); 3];
            for (rgb, luma) in rgb.iter_mut().zip(&mut luma) {
                let (Some(rgb), Some(luma)) = (rgb.next(), luma.next()) else { return };
                let channels = channels::<P>(rgb);
                encode_luma(k, channels, bytes_mut(luma));
                sums = add_pairs(sums, channels);
            }
            let (u, v) = encode_chroma::<N>(k, sums);
            match &mut chroma {
                Chroma::Planar(us, vs) => {
                    let (Some(us), Some(vs)) = (us.next(), vs.next()) else { return };
                    // SAFETY: stores to arrays of eight bytes.
                    unsafe {
                        vst1_u8(bytes_mut::<8>(us).as_mut_ptr(), u);
                        vst1_u8(bytes_mut::<8>(vs).as_mut_ptr(), v);
                    }
                }
                Chroma::Interleaved(uv) => {
                    let Some(uv) = uv.next() else { return };
                    // SAFETY: a store to an array of sixteen bytes.
                    unsafe { vst2_u8(bytes_mut::<16>(uv).as_mut_ptr(), uint8x8x2_t(u, v)) }
                }
                Chroma::Neutral => {}
            }
        }
    }

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        windows.weigh::<PAIRS>(self, row, out);
    }
}

impl Weigh for Neon {
    #[inline(always)]
    fn two<const PAIRS: usize>(
        self,
        groups: &[Group; 2],
        weights: &[[Window; PAIRS]; 2],
        step: usize,
        row: &[f32],
    ) -> [u8; 8] {
        let first = weigh_group(&groups[0], &weights[0], step, row);
        low_bytes(first, weigh_group(&groups[1], &weights[1], step, row))
    }
}

fn neutral() -> uint8x8_t {
    // SAFETY: NEON is there.
    unsafe { vdup_n_u8(128) }
}

fn zero() -> uint16x8_t {
    // SAFETY: NEON is there.
    unsafe { vdupq_n_u16(0) }
}

/// What the chroma of the first and of the last channel adds to the three channels of eight pairs.
#[inline(always)]
fn offsets(k: &Decode, (first, last): (uint8x8_t, uint8x8_t)) -> [int16x8_t; 3] {
    // SAFETY: NEON is there.
    unsafe {
        // 256 times the distance from 128.
        let centre = vdupq_n_u16(0x8000);
        let first = vreinterpretq_s16_u16(veorq_u16(vshlq_n_u16::<8>(vmovl_u8(first)), centre));
        let last = vreinterpretq_s16_u16(veorq_u16(vshlq_n_u16::<8>(vmovl_u8(last)), centre));
        let bias = vdupq_n_s16(k.bias);
        let green = vaddq_s16(vqrdmulhq_n_s16(first, k.green[0]), vqrdmulhq_n_s16(last, k.green[1]));
        [
            vaddq_s16(vqrdmulhq_n_s16(first, k.first), bias),
            vaddq_s16(green, bias),
            vaddq_s16(vqrdmulhq_n_s16(last, k.last), bias),
        ]
    }
}

#[inline(always)]
fn decode_block<const P: usize>(k: &Decode, luma: &[u8; 16], offsets: [int16x8_t; 3], out: &mut [u8]) {
    // SAFETY: NEON is there; the load is of sixteen bytes, the stores are to arrays of three and four times as many.
    unsafe {
        let uint8x8x2_t(even, odd) = vld2_u8(luma.as_ptr());
        let coefficient = vdup_n_u8(k.luma as u8);
        let even = vreinterpretq_s16_u16(vmull_u8(even, coefficient));
        let odd = vreinterpretq_s16_u16(vmull_u8(odd, coefficient));
        let [a, b, c] = offsets;
        let (a, b, c) = (channel(k, even, odd, a), channel(k, even, odd, b), channel(k, even, odd, c));
        if P == 3 {
            vst3q_u8(bytes_mut::<48>(out).as_mut_ptr(), uint8x16x3_t(a, b, c));
        } else {
            vst4q_u8(bytes_mut::<64>(out).as_mut_ptr(), uint8x16x4_t(a, b, c, vdupq_n_u8(255)));
        }
    }
}

/// A channel of sixteen pixels, in order.
#[inline(always)]
fn channel(k: &Decode, even: int16x8_t, odd: int16x8_t, offset: int16x8_t) -> uint8x16_t {
    // SAFETY: NEON is there.
    unsafe {
        let even = vqmovun_s16(vqrdmulhq_n_s16(vaddq_s16(even, offset), k.unit));
        let odd = vqmovun_s16(vqrdmulhq_n_s16(vaddq_s16(odd, offset), k.unit));
        vcombine_u8(vzip1_u8(even, odd), vzip2_u8(even, odd))
    }
}

/// The three channels of sixteen pixels.
#[inline(always)]
fn channels<const P: usize>(rgb: &[u8]) -> [uint8x16_t; 3] {
    // SAFETY: NEON is there; the loads are of arrays of three and four times sixteen bytes.
    unsafe {
        if P == 3 {
            let uint8x16x3_t(a, b, c) = vld3q_u8(bytes::<48>(rgb).as_ptr());
            [a, b, c]
        } else {
            let uint8x16x4_t(a, b, c, _) = vld4q_u8(bytes::<64>(rgb).as_ptr());
            [a, b, c]
        }
    }
}

#[inline(always)]
fn encode_luma(k: &Encode, [a, b, c]: [uint8x16_t; 3], luma: &mut [u8; 16]) {
    // SAFETY: NEON is there; the store is of sixteen bytes.
    unsafe {
        let low = luma_of(k, [vget_low_u8(a), vget_low_u8(b), vget_low_u8(c)]);
        let high = luma_of(k, [vget_high_u8(a), vget_high_u8(b), vget_high_u8(c)]);
        vst1q_u8(luma.as_mut_ptr(), vcombine_u8(low, high));
    }
}

#[inline(always)]
fn luma_of(k: &Encode, [a, b, c]: [uint8x8_t; 3]) -> uint8x8_t {
    // SAFETY: NEON is there.
    unsafe {
        let sum = vmull_u8(a, vdup_n_u8(k.luma[0]));
        let sum = vmlal_u8(sum, b, vdup_n_u8(k.luma[1]));
        let sum = vreinterpretq_s16_u16(vmlal_u8(sum, c, vdup_n_u8(k.luma[2])));
        let scaled = vqrdmulhq_n_s16(vaddq_s16(sum, vdupq_n_s16(k.luma_offset)), k.unit);
        veor_u8(vreinterpret_u8_s8(vshrn_n_s16::<7>(scaled)), vdup_n_u8(128))
    }
}

/// Adds the two pixels of each pair to the sums of each channel.
#[inline(always)]
fn add_pairs([a, b, c]: [uint16x8_t; 3], channels: [uint8x16_t; 3]) -> [uint16x8_t; 3] {
    // SAFETY: NEON is there.
    unsafe { [vpadalq_u8(a, channels[0]), vpadalq_u8(b, channels[1]), vpadalq_u8(c, channels[2])] }
}

/// U and V of eight pairs from their channels' sums over `N` rows.
#[inline(always)]
fn encode_chroma<const N: usize>(
    k: &Encode,
    [first, green, last]: [uint16x8_t; 3],
) -> (uint8x8_t, uint8x8_t) {
    // SAFETY: NEON is there.
    unsafe {
        let first = vreinterpretq_s16_u16(vsubq_u16(first, green));
        let last = vreinterpretq_s16_u16(vsubq_u16(last, green));
        // One row stands for two that are alike.
        let (first, last) =
            if N == 1 { (vaddq_s16(first, first), vaddq_s16(last, last)) } else { (first, last) };
        (chroma_of(first, last, k.u), chroma_of(first, last, k.v))
    }
}

#[inline(always)]
fn chroma_of(first: int16x8_t, last: int16x8_t, k: [i16; 2]) -> uint8x8_t {
    // SAFETY: NEON is there.
    unsafe {
        let bias = vdupq_n_s32(CHROMA_BIAS);
        let low = vmlal_n_s16(bias, vget_low_s16(first), k[0]);
        let low = vmlal_n_s16(low, vget_low_s16(last), k[1]);
        let high = vmlal_n_s16(bias, vget_high_s16(first), k[0]);
        let high = vmlal_n_s16(high, vget_high_s16(last), k[1]);
        vqmovun_s16(vcombine_s16(vshrn_n_s32::<16>(low), vshrn_n_s32::<16>(high)))
    }
}

/// The samples of a group, rounded to the low byte of each element.
#[inline(always)]
fn weigh_group<const PAIRS: usize>(
    group: &Group,
    weights: &[Window; PAIRS],
    step: usize,
    row: &[f32],
) -> uint32x4_t {
    // SAFETY: NEON is there; the loads are of halves of arrays of eight.
    unsafe {
        // The four bytes of each number that is named.
        let table = |half: &[u32]| {
            let index = vld1q_u32(half.as_ptr());
            vreinterpretq_u8_u32(vaddq_u32(vmulq_n_u32(index, 0x0404_0404), vdupq_n_u32(0x0302_0100)))
        };
        let (low, high) = group.index.split_at(4);
        let tables = [table(low), table(high)];
        let mut sums = [vdupq_n_f32(0.0); 2];
        for (pair, weights) in weights.iter().enumerate() {
            let window = group.window(row, pair, step);
            let window = uint8x16x2_t(
                vreinterpretq_u8_f32(vld1q_f32(window[..4].as_ptr())),
                vreinterpretq_u8_f32(vld1q_f32(window[4..].as_ptr())),
            );
            for half in 0..2 {
                let taken = vreinterpretq_f32_u8(vqtbl2q_u8(window, tables[half]));
                let weighed = vmulq_f32(taken, vld1q_f32(weights[4 * half..4 * half + 4].as_ptr()));
                sums[half] = vaddq_f32(sums[half], weighed);
            }
        }
        vreinterpretq_u32_f32(vaddq_f32(vpaddq_f32(sums[0], sums[1]), vdupq_n_f32(ROUND)))
    }
}

#[inline(always)]
fn low_bytes(first: uint32x4_t, second: uint32x4_t) -> [u8; 8] {
    let mut bytes = [0; 8];
    // SAFETY: NEON is there; the store is of eight bytes.
    unsafe {
        let halves = vcombine_u16(vmovn_u32(first), vmovn_u32(second));
        vst1_u8(bytes.as_mut_ptr(), vmovn_u16(halves));
    }
    bytes
}
