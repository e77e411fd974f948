//! Luma and chroma to pixels. Comments count pixels of a vector of `B` = `S::BYTES` bytes.

use super::WIDEST;
use super::ops::Simd;
use crate::color::Decode;
use crate::kernels::rows::Chroma;
use std::slice::ChunksExact;

/// [`Rows::decode`](crate::kernels::rows::Rows::decode).
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
        (Chroma::Planar(u, v), true) => decoder.rows::<N, P, true>(s, luma, Chroma::Planar(u, v), out),
        (Chroma::Planar(u, v), false) => decoder.rows::<N, P, true>(s, luma, Chroma::Planar(v, u), out),
        (Chroma::Interleaved(uv), true) => decoder.rows::<N, P, true>(s, luma, Chroma::Interleaved(uv), out),
        (Chroma::Interleaved(uv), false) => {
            decoder.rows::<N, P, false>(s, luma, Chroma::Interleaved(uv), out)
        }
        (Chroma::Neutral, _) => decoder.rows::<N, P, true>(s, luma, Chroma::Neutral, out),
    }
}

impl Chroma<&[u8]> {
    /// What stands from pair `at` on, copied into scratch rows.
    #[inline(always)]
    fn tail<'s>(
        &self,
        at: usize,
        first: &'s mut [u8; WIDEST],
        second: &'s mut [u8; WIDEST],
    ) -> Chroma<&'s [u8]> {
        match self {
            Self::Planar(u, v) => {
                let left = u.len() - at;
                first[..left].copy_from_slice(&u[at..]);
                second[..left].copy_from_slice(&v[at..]);
                Chroma::Planar(first, second)
            }
            Self::Interleaved(uv) => {
                let left = uv.len() - 2 * at;
                first[..left].copy_from_slice(&uv[2 * at..]);
                Chroma::Interleaved(first)
            }
            Self::Neutral => Chroma::Neutral,
        }
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
    fn rows<const N: usize, const P: usize, const FIRST: bool>(
        &self,
        s: S,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        mut out: [&mut [u8]; N],
    ) {
        self.blocks::<N, P, FIRST>(s, luma, chroma, &mut out);
        // What fills no vector goes through scratch rows, so that nothing outside the row is touched.
        let width = luma[0].len();
        let left = width % S::BYTES;
        if left == 0 {
            return;
        }
        let whole = width - left;
        let (mut first, mut second) = ([0; WIDEST], [0; WIDEST]);
        let chroma = chroma.tail(whole / 2, &mut first, &mut second);
        let (mut from, mut to) = ([[0; WIDEST]; N], [[0; 4 * WIDEST]; N]);
        for (from, luma) in from.iter_mut().zip(luma) {
            from[..left].copy_from_slice(&luma[whole..]);
        }
        let mut rows = to.each_mut().map(|row| &mut row[..S::BYTES * P]);
        self.blocks::<N, P, FIRST>(s, from.each_ref().map(|row| &row[..S::BYTES]), chroma, &mut rows);
        for (out, to) in out.iter_mut().zip(&to) {
            out[whole * P..].copy_from_slice(&to[..left * P]);
        }
    }

    /// All pixels that fill vectors.
    #[inline(always)]
    fn blocks<const N: usize, const P: usize, const FIRST: bool>(
        &self,
        s: S,
        luma: [&[u8]; N],
        chroma: Chroma<&[u8]>,
        out: &mut [&mut [u8]; N],
    ) {
        let mut luma = luma.map(|row| row.chunks_exact(S::BYTES));
        let mut out = out.each_mut().map(|row| row.chunks_exact_mut(S::BYTES * P));
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
