//! Luma and chroma to pixels. Comments count pixels of a vector of `B` = `S::BYTES` bytes.

use super::ops::Simd;
use crate::color::Decode;
use crate::kernels::rows::Chroma;
use std::slice::ChunksExact;

/// [`Blocks::decode`](crate::kernels::blockwise::Blocks::decode).
#[inline(always)]
pub(super) fn decode<S: Simd, const N: usize, const P: usize>(
    s: S,
    k: &Decode,
    luma: [&[u8]; N],
    chroma: Chroma<&[u8]>,
    out: [&mut [u8]; N],
) {
    let decoder = Decoder::new(s, k);
    // Which kind of chroma, and which is the first channel's, is asked once, not for every block.
    match (chroma, k.blue_first) {
        (Chroma::Planar(u, v), true) => decoder.blocks::<N, P, true>(s, luma, Chroma::Planar(u, v), out),
        (Chroma::Planar(u, v), false) => decoder.blocks::<N, P, true>(s, luma, Chroma::Planar(v, u), out),
        (Chroma::Interleaved(uv), true) => {
            decoder.blocks::<N, P, true>(s, luma, Chroma::Interleaved(uv), out);
        }
        (Chroma::Interleaved(uv), false) => {
            decoder.blocks::<N, P, false>(s, luma, Chroma::Interleaved(uv), out);
        }
        (Chroma::Neutral, _) => decoder.blocks::<N, P, true>(s, luma, Chroma::Neutral, out),
    }
}

/// Constants of [`Decode`] in vectors.
struct Decoder<S: Simd> {
    /// The coefficient of luma for even pixels, zero for odd ones, and the other way round.
    even: S::V,
    odd: S::V,
    unit: S::V,
    bias: S::V,
    first: S::V,
    green: [S::V; 2],
    last: S::V,
    /// 128 in the upper byte of each 16-bit element.
    centre: S::V,
    high: S::V,
    tables: S::Tables,
}

impl<S: Simd> Decoder<S> {
    #[inline(always)]
    fn new(s: S, k: &Decode) -> Self {
        Self {
            even: s.splat16(k.luma),
            odd: s.splat16(k.luma << 8),
            unit: s.splat16(k.unit),
            bias: s.splat16(k.bias),
            first: s.splat16(k.first),
            green: [s.splat16(k.green[0]), s.splat16(k.green[1])],
            last: s.splat16(k.last),
            centre: s.splat16(i16::MIN),
            high: s.splat16(0xff00_u16 as i16),
            tables: s.tables(),
        }
    }

    /// `N` rows. `FIRST`: of chroma, what comes first belongs to the first channel.
    #[inline(always)]
    fn blocks<const N: usize, const P: usize, const FIRST: bool>(
        &self,
        s: S,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        out: [&mut [u8]; N],
    ) {
        let mut luma = luma.map(|row| row.chunks_exact(S::BYTES));
        let mut out = out.map(|row| row.chunks_exact_mut(S::BYTES * P));
        let mut chroma = chroma.chunks(S::BYTES / 2);
        loop {
            let Some(offsets) = self.offsets::<FIRST>(s, &mut chroma) else { return };
            for (luma, out) in luma.iter_mut().zip(&mut out) {
                let (Some(luma), Some(out)) = (luma.next(), out.next()) else { return };
                self.block::<P>(s, luma, &offsets, out);
            }
        }
    }

    /// What the next chroma adds to the three channels of `B` pixels.
    #[inline(always)]
    fn offsets<const FIRST: bool>(
        &self,
        s: S,
        chroma: &mut Chroma<ChunksExact<'_, u8>>,
    ) -> Option<[S::V; 3]> {
        let (p, q) = match chroma {
            Chroma::Planar(p, q) => (s.load_high(p.next()?), s.load_high(q.next()?)),
            Chroma::Interleaved(pq) => {
                let pq = s.load(pq.next()?);
                let (even, odd) = (s.shl16::<8>(pq), s.and(pq, self.high));
                if FIRST { (even, odd) } else { (odd, even) }
            }
            Chroma::Neutral => (self.centre, self.centre),
        };
        let (p, q) = (s.xor(p, self.centre), s.xor(q, self.centre));
        let green = s.add16(s.mulhrs16(p, self.green[0]), s.mulhrs16(q, self.green[1]));
        Some([
            s.add16(s.mulhrs16(p, self.first), self.bias),
            s.add16(green, self.bias),
            s.add16(s.mulhrs16(q, self.last), self.bias),
        ])
    }

    /// A channel of even and of odd pixels, which have their chroma in common.
    #[inline(always)]
    fn channel(&self, s: S, [even, odd]: [S::V; 2], offset: S::V) -> [S::V; 2] {
        [s.mulhrs16(s.add16(even, offset), self.unit), s.mulhrs16(s.add16(odd, offset), self.unit)]
    }

    /// `B` pixels.
    #[inline(always)]
    fn block<const P: usize>(&self, s: S, luma: &[u8], offsets: &[S::V; 3], out: &mut [u8]) {
        let y = s.load(luma);
        let y = [s.maddubs(y, self.even), s.maddubs(y, self.odd)];
        let channels =
            [self.channel(s, y, offsets[0]), self.channel(s, y, offsets[1]), self.channel(s, y, offsets[2])];
        if P == 3 {
            s.store3(&self.tables, out, channels);
        } else {
            s.store4(&self.tables, out, channels);
        }
    }
}
