//! Pixels to luma and chroma. Comments count pixels of a vector of `B` = `S::BYTES` bytes.

use super::ops::Simd;
use crate::color::{CHROMA_BIAS, Encode};
use crate::kernels::rows::Chroma;

/// [`Blocks::encode`](crate::kernels::blockwise::Blocks::encode).
#[inline(always)]
pub(super) fn encode<S: Simd, const N: usize, const P: usize>(
    s: S,
    k: &Encode,
    rgb: [&[u8]; N],
    luma: [&mut [u8]; N],
    chroma: Chroma<&mut [u8]>,
) {
    let encoder = Encoder::new(s, k);
    // Which kind of chroma is asked once, not for every block.
    match chroma {
        Chroma::Planar(u, v) => encoder.blocks::<N, P>(s, rgb, luma, Chroma::Planar(u, v)),
        Chroma::Interleaved(uv) => encoder.blocks::<N, P>(s, rgb, luma, Chroma::Interleaved(uv)),
        Chroma::Neutral => encoder.blocks::<N, P>(s, rgb, luma, Chroma::Neutral),
    }
}

/// Constants of [`Encode`] in vectors.
struct Encoder<S: Simd> {
    /// Of luma, for a quad.
    luma: S::V,
    luma_offset: S::V,
    unit: S::V,
    centre8: S::V,
    /// 1 and -1.
    difference: S::V,
    ones: S::V,
    u: S::V,
    v: S::V,
    chroma_bias: S::V,
    nothing: [S::V; 4],
    tables: S::Tables,
}

impl<S: Simd> Encoder<S> {
    #[inline(always)]
    fn new(s: S, k: &Encode) -> Self {
        let [first, green, last] = k.luma;
        // Green stands twice in a quad and more than a signed byte has for it.
        let (half, rest) = (green / 2, green - green / 2);
        let quad = i64::from_le_bytes([first, rest, first, rest, last, half, last, half]);
        let pair = |[low, high]: [i16; 2]| i32::from(low) & 0xffff | i32::from(high) << 16;
        Self {
            luma: s.splat64(quad),
            luma_offset: s.splat16(k.luma_offset),
            unit: s.splat16(k.unit),
            centre8: s.splat16(0x8080_u16 as i16),
            difference: s.splat16(i16::from_le_bytes([1, -1_i8 as u8])),
            ones: s.splat16(1),
            u: s.splat32(pair(k.u)),
            v: s.splat32(pair(k.v)),
            chroma_bias: s.splat32(CHROMA_BIAS),
            nothing: [s.splat16(0); 4],
            tables: s.tables(),
        }
    }

    /// `N` rows.
    #[inline(always)]
    fn blocks<const N: usize, const P: usize>(
        &self,
        s: S,
        rgb: [&[u8]; N],
        luma: [&mut [u8]; N],
        chroma: Chroma<&mut [u8]>,
    ) {
        let mut rgb = rgb.map(|row| row.chunks_exact(S::BYTES * P));
        let mut luma = luma.map(|row| row.chunks_exact_mut(S::BYTES));
        let mut chroma = chroma.chunks_mut(S::BYTES / 2);
        loop {
            let mut sums = self.nothing;
            for (rgb, luma) in rgb.iter_mut().zip(&mut luma) {
                let (Some(rgb), Some(luma)) = (rgb.next(), luma.next()) else { return };
                let quads = s.quads::<P>(&self.tables, rgb);
                s.store(luma, s.sort::<P>(&self.tables, self.luma(s, quads)));
                for (sum, quads) in sums.iter_mut().zip(quads) {
                    *sum = s.add16(*sum, s.maddubs(quads, self.difference));
                }
            }
            match &mut chroma {
                Chroma::Planar(u, v) => {
                    let (Some(u), Some(v)) = (u.next(), v.next()) else { return };
                    s.store_apart::<P>(&self.tables, u, v, self.chroma::<N>(s, sums));
                }
                Chroma::Interleaved(uv) => {
                    let Some(uv) = uv.next() else { return };
                    s.store(uv, s.sort::<P>(&self.tables, self.chroma::<N>(s, sums)));
                }
                Chroma::Neutral => {}
            }
        }
    }

    /// Luma of `B` pixels, to be sorted.
    #[inline(always)]
    fn luma(&self, s: S, quads: [S::V; 4]) -> S::V {
        let [a, b, c, d] = quads;
        s.xor(s.packs16(self.scaled(s, a, b), self.scaled(s, c, d)), self.centre8)
    }

    #[inline(always)]
    fn scaled(&self, s: S, a: S::V, b: S::V) -> S::V {
        let (a, b) = (s.maddubs(a, self.luma), s.maddubs(b, self.luma));
        let sum = s.add16(s.even32(a, b), s.odd32(a, b));
        s.sar16::<7>(s.mulhrs16(s.add16(sum, self.luma_offset), self.unit))
    }

    /// U and V in turn of `B / 2` pairs, to be sorted, from the differences summed over `N` rows.
    #[inline(always)]
    fn chroma<const N: usize>(&self, s: S, sums: [S::V; 4]) -> S::V {
        let [a, b, c, d] = sums;
        s.packus16(self.weighed::<N>(s, a, b), self.weighed::<N>(s, c, d))
    }

    #[inline(always)]
    fn weighed<const N: usize>(&self, s: S, a: S::V, b: S::V) -> S::V {
        let sums = s.packs32(s.madd16(a, self.ones), s.madd16(b, self.ones));
        // One row stands for two that are alike.
        let sums = if N == 1 { s.add16(sums, sums) } else { sums };
        let u = s.add32(s.madd16(sums, self.u), self.chroma_bias);
        let v = s.add32(s.madd16(sums, self.v), self.chroma_bias);
        s.blend16(s.shr32::<16>(u), v)
    }
}
