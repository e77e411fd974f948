//! The kernels, for any instruction set. Comments count pixels of a vector of `B` = `S::BYTES` bytes.

use super::Simd;
use crate::color::{CHROMA_BIAS, Decode, Encode};
use crate::convert::rows::{Chroma, ChromaMut, Rows};

/// The widest vector, in bytes: sizes the scratch space for the pixels that fill no vector.
const WIDEST: usize = 64;

/// 128 in both bytes.
const CENTRE8: i16 = 0x8080_u16 as i16;

/// The row bodies of a vector level.
#[derive(Clone, Copy)]
pub(crate) struct Vector<S>(pub S);

impl<S: Simd> Rows for Vector<S> {
    #[inline(always)]
    fn decode<const N: usize, const P: usize>(
        self,
        k: &Decode,
        luma: [&[u8]; N],
        chroma: Chroma<'_>,
        mut out: [&mut [u8]; N],
    ) {
        let s = self.0;
        let width = luma[0].len();
        let decoder = Decoder::new(s, k);
        let whole = width - width % S::BYTES;
        // Which is asked once, not for every block.
        match chroma {
            Chroma::Planar(u, v) => decoder.blocks::<N, P>(s, luma, Chroma::Planar(u, v), &mut out),
            Chroma::Interleaved(uv) => decoder.blocks::<N, P>(s, luma, Chroma::Interleaved(uv), &mut out),
            Chroma::Neutral => decoder.blocks::<N, P>(s, luma, Chroma::Neutral, &mut out),
        }
        // What fills no vector goes through scratch rows, so that nothing outside the row is touched.
        let left = width - whole;
        if left > 0 {
            let (mut first, mut second) = ([0; WIDEST], [0; WIDEST]);
            let offsets = decoder.offsets(s, chroma.tail(whole / 2, &mut first, &mut second), 0);
            for (luma, out) in luma.iter().zip(&mut out) {
                let (mut from, mut to) = ([0; WIDEST], [0; 4 * WIDEST]);
                from[..left].copy_from_slice(&luma[whole..]);
                decoder.block::<P>(s, &from[..S::BYTES], &offsets, &mut to[..S::BYTES * P]);
                out[whole * P..].copy_from_slice(&to[..left * P]);
            }
        }
    }

    #[inline(always)]
    fn encode<const N: usize, const P: usize>(
        self,
        k: &Encode,
        rgb: [&[u8]; N],
        mut luma: [&mut [u8]; N],
        mut chroma: ChromaMut<'_>,
    ) {
        let s = self.0;
        let width = luma[0].len();
        let encoder = Encoder::new(s, k);
        let whole = width - width % S::BYTES;
        let mut x = 0;
        while x < whole {
            let mut sums = encoder.no_sums;
            for (rgb, luma) in rgb.iter().zip(&mut luma) {
                let rgb = &rgb[x * P..(x + S::BYTES) * P];
                encoder.block::<P>(s, rgb, &mut luma[x..x + S::BYTES], &mut sums);
            }
            encoder.chroma::<N>(s, sums, &mut chroma, x / 2);
            x += S::BYTES;
        }
        let left = width - whole;
        if left > 0 {
            let mut sums = encoder.no_sums;
            for (rgb, luma) in rgb.iter().zip(&mut luma) {
                let (mut from, mut to) = ([0; 4 * WIDEST], [0; WIDEST]);
                from[..left * P].copy_from_slice(&rgb[whole * P..]);
                // An odd last pixel stands for the one that is missing beside it.
                from.copy_within((left - 1) * P..left * P, left * P);
                encoder.block::<P>(s, &from[..S::BYTES * P], &mut to[..S::BYTES], &mut sums);
                luma[whole..].copy_from_slice(&to[..left]);
            }
            let (mut first, mut second) = ([0; WIDEST], [0; WIDEST]);
            let mut tail = match chroma {
                ChromaMut::Planar(..) => ChromaMut::Planar(&mut first, &mut second),
                ChromaMut::Interleaved(_) => ChromaMut::Interleaved(&mut first),
                ChromaMut::Discard => ChromaMut::Discard,
            };
            encoder.chroma::<N>(s, sums, &mut tail, 0);
            let at = whole / 2;
            match &mut chroma {
                ChromaMut::Planar(u, v) => {
                    let left = u.len() - at;
                    u[at..].copy_from_slice(&first[..left]);
                    v[at..].copy_from_slice(&second[..left]);
                }
                ChromaMut::Interleaved(uv) => {
                    let left = uv.len() - 2 * at;
                    uv[2 * at..].copy_from_slice(&first[..left]);
                }
                ChromaMut::Discard => {}
            }
        }
    }
}

impl Chroma<'_> {
    /// What stands from pair `at` on, copied into scratch rows.
    #[inline(always)]
    fn tail<'s>(&self, at: usize, first: &'s mut [u8; WIDEST], second: &'s mut [u8; WIDEST]) -> Chroma<'s> {
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
    weave: S::Weave,
    blue_first: bool,
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
            weave: s.weave(),
            blue_first: k.blue_first,
        }
    }

    /// All pixels that fill vectors.
    #[inline(always)]
    fn blocks<const N: usize, const P: usize>(
        &self,
        s: S,
        luma: [&[u8]; N],
        chroma: Chroma<'_>,
        out: &mut [&mut [u8]; N],
    ) {
        let whole = luma[0].len() - luma[0].len() % S::BYTES;
        let mut x = 0;
        while x < whole {
            let offsets = self.offsets(s, chroma, x / 2);
            for (luma, out) in luma.iter().zip(out.iter_mut()) {
                let out = &mut out[x * P..(x + S::BYTES) * P];
                self.block::<P>(s, &luma[x..x + S::BYTES], &offsets, out);
            }
            x += S::BYTES;
        }
    }

    /// What chroma adds to the three channels of `B` pixels, from pair `at` on.
    #[inline(always)]
    fn offsets(&self, s: S, chroma: Chroma<'_>, at: usize) -> [S::V; 3] {
        let (u, v) = match chroma {
            Chroma::Planar(u, v) => {
                (s.load_high(&u[at..at + S::BYTES / 2]), s.load_high(&v[at..at + S::BYTES / 2]))
            }
            Chroma::Interleaved(uv) => {
                let uv = s.load(&uv[2 * at..2 * at + S::BYTES]);
                (s.shl16::<8>(uv), s.and(uv, self.high))
            }
            Chroma::Neutral => (self.centre, self.centre),
        };
        let (u, v) = (s.xor(u, self.centre), s.xor(v, self.centre));
        let (p, q) = if self.blue_first { (u, v) } else { (v, u) };
        let green = s.add16(s.mulhrs16(p, self.green[0]), s.mulhrs16(q, self.green[1]));
        [
            s.add16(s.mulhrs16(p, self.first), self.bias),
            s.add16(green, self.bias),
            s.add16(s.mulhrs16(q, self.last), self.bias),
        ]
    }

    /// A channel of even and of odd pixels, which have their chroma in common.
    ///
    /// Where the sum saturates, the channel is 255.
    #[inline(always)]
    fn channel(&self, s: S, (even, odd): (S::V, S::V), offset: S::V) -> S::V {
        s.packus16(
            s.mulhrs16(s.adds16(even, offset), self.unit),
            s.mulhrs16(s.adds16(odd, offset), self.unit),
        )
    }

    /// `B` pixels.
    #[inline(always)]
    fn block<const P: usize>(&self, s: S, luma: &[u8], offsets: &[S::V; 3], out: &mut [u8]) {
        let y = s.load(luma);
        let y = (s.maddubs(y, self.even), s.maddubs(y, self.odd));
        let a = self.channel(s, y, offsets[0]);
        let b = self.channel(s, y, offsets[1]);
        let c = self.channel(s, y, offsets[2]);
        if P == 3 {
            s.store3(&self.weave, out, [a, b, c]);
        } else {
            s.store4(&self.weave, out, [a, b, c]);
        }
    }
}

/// Constants of [`Encode`] in vectors.
struct Encoder<S: Simd> {
    luma: [S::V; 3],
    luma_bias: S::V,
    centre8: S::V,
    u: [S::V; 3],
    v: [S::V; 3],
    chroma_bias: S::V,
    ones: S::V,
    high: S::V,
    no_sums: [S::V; 3],
    weave: S::Weave,
}

impl<S: Simd> Encoder<S> {
    #[inline(always)]
    fn new(s: S, k: &Encode) -> Self {
        let zero = s.splat16(0);
        Self {
            luma: [s.splat16(k.luma[0]), s.splat16(k.luma[1]), s.splat16(k.luma[2])],
            luma_bias: s.splat16(k.luma_bias),
            centre8: s.splat16(CENTRE8),
            u: [s.splat16(k.u[0]), s.splat16(k.u[1]), s.splat16(k.u[2])],
            v: [s.splat16(k.v[0]), s.splat16(k.v[1]), s.splat16(k.v[2])],
            chroma_bias: s.splat16(CHROMA_BIAS),
            ones: s.splat16(0x0101),
            high: s.splat16(0xff00_u16 as i16),
            no_sums: [zero; 3],
            weave: s.weave(),
        }
    }

    /// Luma of `B` pixels; their channels are added to `sums` pair by pair.
    #[inline(always)]
    fn block<const P: usize>(&self, s: S, rgb: &[u8], luma: &mut [u8], sums: &mut [S::V; 3]) {
        let channels = if P == 3 { s.load3(&self.weave, rgb) } else { s.load4(&self.weave, rgb) };
        let (mut even, mut odd) = (self.luma_bias, self.luma_bias);
        for (index, &channel) in channels.iter().enumerate() {
            let channel = s.xor(channel, self.centre8);
            even = s.add16(even, s.mulhrs16(s.shl16::<8>(channel), self.luma[index]));
            odd = s.add16(odd, s.mulhrs16(s.and(channel, self.high), self.luma[index]));
            sums[index] = s.add16(sums[index], s.maddubs(self.ones, channel));
        }
        s.store(luma, s.or(s.shr16::<7>(even), s.and(s.shl16::<1>(odd), self.high)));
    }

    /// Chroma of `B / 2` pairs from the sums over `N` rows.
    #[inline(always)]
    fn chroma<const N: usize>(&self, s: S, sums: [S::V; 3], out: &mut ChromaMut<'_>, at: usize) {
        match out {
            ChromaMut::Planar(u, v) => {
                let (u, v) = (&mut u[at..at + S::BYTES / 2], &mut v[at..at + S::BYTES / 2]);
                s.store_packed(u, v, self.weigh::<N>(s, sums, &self.u), self.weigh::<N>(s, sums, &self.v));
            }
            ChromaMut::Interleaved(uv) => {
                let joined =
                    s.or(self.weigh::<N>(s, sums, &self.u), s.shl16::<8>(self.weigh::<N>(s, sums, &self.v)));
                s.store(&mut uv[2 * at..2 * at + S::BYTES], joined);
            }
            ChromaMut::Discard => {}
        }
    }

    /// One chroma of `B / 2` pairs.
    #[inline(always)]
    fn weigh<const N: usize>(&self, s: S, sums: [S::V; 3], k: &[S::V; 3]) -> S::V {
        let mut chroma = s.splat16(0);
        for (sum, &k) in sums.into_iter().zip(k) {
            // The sum over four pixels times 32; one row stands for two that are alike.
            let sum = if N == 2 { s.shl16::<5>(sum) } else { s.shl16::<6>(sum) };
            chroma = s.add16(chroma, s.mulhrs16(sum, k));
        }
        s.shr16::<7>(s.adds16(chroma, self.chroma_bias))
    }
}
