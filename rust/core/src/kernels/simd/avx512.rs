//! The operations of AVX-512 (F, BW and VBMI), whose byte permutations weave across the whole vector.

use super::ops::{Simd, const_shifts, instructions, picks, splats};
use crate::kernels::windows::Windows;
use crate::level::Avx512;
use std::arch::x86_64::*;

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

/// Where the bytes of quads are in 64 bytes of pixels of three bytes that begin at `start`.
const fn quads(start: usize) -> Positions {
    let mut table = [0; 64];
    let mut at = 0;
    while at < 64 {
        let channel = if at % 2 == 1 { 1 } else { at / 4 % 2 * 2 };
        let pixel = at / 8 * 2 + at / 2 % 2;
        table[at] = (start + pixel * 3 + channel) as u8;
        at += 1;
    }
    table
}

/// Groups of four pixels, rows to columns, and pixels in order: so that unpacking by lanes gives vectors of
/// consecutive pixels.
const ZIP: Positions = {
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

/// Constants of shuffling.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    join: [(__m512i, __m512i, u64); 3],
    zip: __m512i,
    opaque: __m512i,
    /// Quads of pixels of three bytes, and of those that begin at the 17th byte.
    quads3: [__m512i; 2],
    quads4: __m512i,
    transpose: __m512i,
}

impl Avx512 {
    /// Bytes of `a` and `b`, or of `c`, by the positions of `table`.
    #[inline(always)]
    fn pick(self, table: (__m512i, __m512i, u64), [a, b, c]: [__m512i; 3]) -> __m512i {
        // SAFETY: `self` is the proof that the CPU has the instructions.
        unsafe { _mm512_mask_permutexvar_epi8(_mm512_permutex2var_epi8(a, table.0, b), table.2, table.1, c) }
    }

    #[inline(always)]
    fn permute(self, table: __m512i, a: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_permutexvar_epi8(table, a) }
    }

    instructions! {
        __m512i:
        shuffle = _mm512_shuffle_epi8,
        unpacklo8 = _mm512_unpacklo_epi8,
        unpackhi8 = _mm512_unpackhi_epi8,
        unpacklo16 = _mm512_unpacklo_epi16,
        unpackhi16 = _mm512_unpackhi_epi16,
    }
}

impl Simd for Avx512 {
    type V = __m512i;
    const BYTES: usize = 64;
    type Tables = Tables;

    #[inline(always)]
    fn tables(self) -> Tables {
        let [a, b, c] = &JOIN;
        // SAFETY: `self` is the proof of the instructions; the load is unaligned, of an array of 16 integers.
        let (transpose, quads4) = unsafe {
            let quads = _mm_setr_epi8(0, 1, 4, 5, 2, 1, 6, 5, 8, 9, 12, 13, 10, 9, 14, 13);
            (_mm512_loadu_si512(TRANSPOSE.as_ptr().cast()), _mm512_broadcast_i32x4(quads))
        };
        Tables {
            join: [
                (self.load(&a.0), self.load(&a.1), a.2),
                (self.load(&b.0), self.load(&b.1), b.2),
                (self.load(&c.0), self.load(&c.1), c.2),
            ],
            zip: self.load(&ZIP),
            opaque: self.splat16(-1),
            quads3: [self.load(&const { quads(0) }), self.load(&const { quads(16) })],
            quads4,
            transpose,
        }
    }

    #[inline(always)]
    fn store3(self, tables: &Tables, to: &mut [u8], [a, b, c]: [[__m512i; 2]; 3]) {
        let channels = [self.packus16(a[0], a[1]), self.packus16(b[0], b[1]), self.packus16(c[0], c[1])];
        self.store(&mut to[..64], self.pick(tables.join[0], channels));
        self.store(&mut to[64..128], self.pick(tables.join[1], channels));
        self.store(&mut to[128..192], self.pick(tables.join[2], channels));
    }

    #[inline(always)]
    fn store4(self, tables: &Tables, to: &mut [u8], [a, b, c]: [[__m512i; 2]; 3]) {
        let a = self.permute(tables.zip, self.packus16(a[0], a[1]));
        let b = self.permute(tables.zip, self.packus16(b[0], b[1]));
        let c = self.permute(tables.zip, self.packus16(c[0], c[1]));
        let (ab, cd) = (self.unpacklo8(a, b), self.unpacklo8(c, tables.opaque));
        self.store(&mut to[..64], self.unpacklo16(ab, cd));
        self.store(&mut to[64..128], self.unpackhi16(ab, cd));
        let (ab, cd) = (self.unpackhi8(a, b), self.unpackhi8(c, tables.opaque));
        self.store(&mut to[128..192], self.unpacklo16(ab, cd));
        self.store(&mut to[192..256], self.unpackhi16(ab, cd));
    }

    #[inline(always)]
    fn quads<const P: usize>(self, tables: &Tables, from: &[u8]) -> [__m512i; 4] {
        if P == 3 {
            let [start, later] = tables.quads3;
            // The last sixteen pixels would take a vector beyond the end.
            [
                self.permute(start, self.load(&from[..64])),
                self.permute(start, self.load(&from[48..112])),
                self.permute(start, self.load(&from[96..160])),
                self.permute(later, self.load(&from[128..192])),
            ]
        } else {
            [
                self.shuffle(self.load(&from[..64]), tables.quads4),
                self.shuffle(self.load(&from[64..128]), tables.quads4),
                self.shuffle(self.load(&from[128..192]), tables.quads4),
                self.shuffle(self.load(&from[192..256]), tables.quads4),
            ]
        }
    }

    #[inline(always)]
    fn sort<const P: usize>(self, tables: &Tables, a: __m512i) -> __m512i {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_permutexvar_epi32(tables.transpose, a) }
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
    fn store_apart<const P: usize>(self, tables: &Tables, even: &mut [u8], odd: &mut [u8], a: Self::V) {
        let a = self.sort::<P>(tables, a);
        for (to, codes) in [(even, a), (odd, self.shr16::<8>(a))] {
            let to: &mut [u8; 32] = (&mut to[..32]).try_into().expect("32 bytes");
            // SAFETY: unaligned store to an array of 32 bytes; `self` is the proof of the instructions.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi16_epi8(codes)) }
        }
    }

    #[inline(always)]
    fn blend16(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm512_mask_blend_epi16(0xaaaa_aaaa, a, b) }
    }

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        windows.weigh::<PAIRS>(self.avx2(), row, out);
    }

    const_shifts! {
        __m512i:
        shl16 = _mm512_slli_epi16,
        shr16 = _mm512_srli_epi16,
        sar16 = _mm512_srai_epi16,
        shr32 = _mm512_srli_epi32,
    }

    picks! { __m512i: _mm512_shuffle_ps, _mm512_castsi512_ps, _mm512_castps_si512 }

    splats! {
        __m512i:
        splat16(i16) = _mm512_set1_epi16,
        splat32(i32) = _mm512_set1_epi32,
        splat64(i64) = _mm512_set1_epi64,
    }

    instructions! {
        __m512i:
        and = _mm512_and_si512,
        xor = _mm512_xor_si512,
        add16 = _mm512_add_epi16,
        add32 = _mm512_add_epi32,
        mulhrs16 = _mm512_mulhrs_epi16,
        maddubs = _mm512_maddubs_epi16,
        madd16 = _mm512_madd_epi16,
        packus16 = _mm512_packus_epi16,
        packs16 = _mm512_packs_epi16,
        packs32 = _mm512_packs_epi32,
    }
}
