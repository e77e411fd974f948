//! The operations of AVX-512 (F, BW and VBMI), whose byte permutations weave across the whole vector.

use super::Simd;
use crate::level::Avx512;
use std::arch::x86_64::*;

/// Methods that are one register-only instruction.
macro_rules! instructions {
    ($($name:ident = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name(self, a: __m512i, b: __m512i) -> __m512i {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $intrinsic(a, b) }
        }
    )*};
}

/// Methods that shift 16-bit elements.
macro_rules! shifts {
    ($($name:ident = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name<const N: u32>(self, a: Self::V) -> Self::V {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $intrinsic::<N>(a) }
        }
    )*};
}

/// Positions for the byte permutations: one of 64 bytes of the first vector, or 64 more of the second.
type Positions = [u8; 64];

/// Where pixel `i` stands in a channel whose lanes have even pixels first.
const fn place(i: usize) -> u8 {
    (i / 16 * 16 + i % 2 * 8 + i % 16 / 2) as u8
}

/// For three channels to three vectors: where to find the byte of the first or second channel, that of the
/// third, and which bytes are the third's.
const JOIN: [(Positions, Positions, u64); 3] = {
    let mut tables = [([0; 64], [0; 64], 0); 3];
    let mut at = 0;
    while at < 192 {
        let (vector, byte, channel, pixel) = (at / 64, at % 64, at % 3, place(at / 3));
        tables[vector].0[byte] = if channel == 1 { 64 + pixel } else { pixel };
        tables[vector].1[byte] = pixel;
        if channel == 2 {
            tables[vector].2 |= 1 << byte;
        }
        at += 1;
    }
    tables
};

/// For three vectors to three channels: where to find the bytes of the first or second vector, those of the
/// third, and which bytes are in the third.
const SPLIT: [(Positions, Positions, u64); 3] = {
    let mut tables = [([0; 64], [0; 64], 0); 3];
    let mut at = 0;
    while at < 192 {
        let (vector, byte, channel, pixel) = (at / 64, at % 64, at % 3, at / 3);
        if vector == 2 {
            tables[channel].1[pixel] = byte as u8;
            tables[channel].2 |= 1 << pixel;
        } else {
            tables[channel].0[pixel] = at as u8;
        }
        at += 1;
    }
    tables
};

/// Groups of four pixels, rows to columns, and pixels in order: so that unpacking by lanes gives vectors of
/// consecutive pixels.
const QUADS: Positions = {
    let mut table = [0; 64];
    let mut at = 0;
    while at < 64 {
        let (lane, quad, pixel) = (at / 16, at % 16 / 4, at % 4);
        table[at] = place(4 * (4 * quad + lane) + pixel);
        at += 1;
    }
    table
};

/// Groups of four bytes, rows to columns: what lies by lanes comes in order.
const TRANSPOSE: [i32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/// Constants of weaving.
#[derive(Clone, Copy)]
pub(crate) struct Weave {
    join: [(__m512i, __m512i, u64); 3],
    split: [(__m512i, __m512i, u64); 3],
    quads: __m512i,
    transpose: __m512i,
    group: __m512i,
    opaque: __m512i,
}

impl Avx512 {
    #[inline(always)]
    fn tables(self, from: &[(Positions, Positions, u64); 3]) -> [(__m512i, __m512i, u64); 3] {
        let [a, b, c] = from;
        [
            (self.load(&a.0), self.load(&a.1), a.2),
            (self.load(&b.0), self.load(&b.1), b.2),
            (self.load(&c.0), self.load(&c.1), c.2),
        ]
    }

    /// Bytes of `a` and `b`, or of `c`, by the positions of `table`.
    #[inline(always)]
    fn pick(self, table: (__m512i, __m512i, u64), [a, b, c]: [__m512i; 3]) -> __m512i {
        // SAFETY: `self` is the proof that the CPU has the instructions.
        unsafe { _mm512_mask_permutexvar_epi8(_mm512_permutex2var_epi8(a, table.0, b), table.2, table.1, c) }
    }

    #[inline(always)]
    fn transpose(self, weave: &Weave, a: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_permutexvar_epi32(weave.transpose, a) }
    }

    #[inline(always)]
    fn quads(self, weave: &Weave, a: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_permutexvar_epi8(weave.quads, a) }
    }

    #[inline(always)]
    fn group(self, weave: &Weave, from: &[u8]) -> __m512i {
        let pixels = self.load(from);
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_shuffle_epi8(pixels, weave.group) }
    }

    instructions! {
        unpacklo8 = _mm512_unpacklo_epi8,
        unpackhi8 = _mm512_unpackhi_epi8,
        unpacklo16 = _mm512_unpacklo_epi16,
        unpackhi16 = _mm512_unpackhi_epi16,
        unpacklo32 = _mm512_unpacklo_epi32,
        unpackhi32 = _mm512_unpackhi_epi32,
        unpacklo64 = _mm512_unpacklo_epi64,
        unpackhi64 = _mm512_unpackhi_epi64,
    }
}

impl Simd for Avx512 {
    type V = __m512i;
    const BYTES: usize = 64;
    type Weave = Weave;

    #[inline(always)]
    fn weave(self) -> Weave {
        // SAFETY: `self` is the proof of the instructions; the load is unaligned, of an array of 16 integers.
        let (transpose, group) = unsafe {
            let group = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            (_mm512_loadu_si512(TRANSPOSE.as_ptr().cast()), _mm512_broadcast_i32x4(group))
        };
        let (join, split) = (self.tables(&JOIN), self.tables(&SPLIT));
        Weave { join, split, quads: self.load(&QUADS), transpose, group, opaque: self.splat16(-1) }
    }

    #[inline(always)]
    fn load3(self, weave: &Weave, from: &[u8]) -> [__m512i; 3] {
        let vectors = [self.load(&from[..64]), self.load(&from[64..128]), self.load(&from[128..192])];
        [
            self.pick(weave.split[0], vectors),
            self.pick(weave.split[1], vectors),
            self.pick(weave.split[2], vectors),
        ]
    }

    #[inline(always)]
    fn store3(self, weave: &Weave, to: &mut [u8], channels: [__m512i; 3]) {
        self.store(&mut to[..64], self.pick(weave.join[0], channels));
        self.store(&mut to[64..128], self.pick(weave.join[1], channels));
        self.store(&mut to[128..192], self.pick(weave.join[2], channels));
    }

    #[inline(always)]
    fn load4(self, weave: &Weave, from: &[u8]) -> [__m512i; 3] {
        let (a, b) = (self.group(weave, &from[..64]), self.group(weave, &from[64..128]));
        let (c, d) = (self.group(weave, &from[128..192]), self.group(weave, &from[192..256]));
        let (low, high) = (self.unpacklo32(a, b), self.unpacklo32(c, d));
        let third = self.unpacklo64(self.unpackhi32(a, b), self.unpackhi32(c, d));
        [
            self.transpose(weave, self.unpacklo64(low, high)),
            self.transpose(weave, self.unpackhi64(low, high)),
            self.transpose(weave, third),
        ]
    }

    #[inline(always)]
    fn store4(self, weave: &Weave, to: &mut [u8], [a, b, c]: [__m512i; 3]) {
        let (a, b, c) = (self.quads(weave, a), self.quads(weave, b), self.quads(weave, c));
        let (ab, cd) = (self.unpacklo8(a, b), self.unpacklo8(c, weave.opaque));
        self.store(&mut to[..64], self.unpacklo16(ab, cd));
        self.store(&mut to[64..128], self.unpackhi16(ab, cd));
        let (ab, cd) = (self.unpackhi8(a, b), self.unpackhi8(c, weave.opaque));
        self.store(&mut to[128..192], self.unpacklo16(ab, cd));
        self.store(&mut to[192..256], self.unpackhi16(ab, cd));
    }

    #[inline(always)]
    fn load(self, from: &[u8]) -> Self::V {
        let from: &[u8; 64] = from[..64].try_into().expect("64 bytes");
        // SAFETY: unaligned load of an array of 64 bytes; `self` is the proof of the instruction.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, to: &mut [u8], a: Self::V) {
        let to: &mut [u8; 64] = (&mut to[..64]).try_into().expect("64 bytes");
        // SAFETY: unaligned store to an array of 64 bytes; `self` is the proof of the instruction.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), a) }
    }

    #[inline(always)]
    fn load_high(self, from: &[u8]) -> Self::V {
        let from: &[u8; 32] = from[..32].try_into().expect("32 bytes");
        // SAFETY: unaligned load of an array of 32 bytes; `self` is the proof of the instructions.
        unsafe { _mm512_slli_epi16::<8>(_mm512_cvtepu8_epi16(_mm256_loadu_si256(from.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_packed(self, to_a: &mut [u8], to_b: &mut [u8], a: Self::V, b: Self::V) {
        for (to, codes) in [(to_a, a), (to_b, b)] {
            let to: &mut [u8; 32] = (&mut to[..32]).try_into().expect("32 bytes");
            // SAFETY: unaligned store to an array of 32 bytes; `self` is the proof of the instructions.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi16_epi8(codes)) }
        }
    }

    #[inline(always)]
    fn splat16(self, value: i16) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_set1_epi16(value) }
    }

    instructions! {
        and = _mm512_and_si512,
        or = _mm512_or_si512,
        xor = _mm512_xor_si512,
        add16 = _mm512_add_epi16,
        adds16 = _mm512_adds_epi16,
        mulhrs16 = _mm512_mulhrs_epi16,
        maddubs = _mm512_maddubs_epi16,
        packus16 = _mm512_packus_epi16,
    }

    shifts! {
        shl16 = _mm512_slli_epi16,
        shr16 = _mm512_srli_epi16,
    }
}
