//! The operations of SSE4.1.

use super::lanes::{Lanes, Tables, weave_by_lanes};
use super::ops::{Simd, instructions, picks, shifts, splats};
use crate::level::Sse41;
use std::arch::x86_64::*;

impl Simd for Sse41 {
    type V = __m128i;
    const BYTES: usize = 16;
    weave_by_lanes!();

    #[inline(always)]
    fn sort<const P: usize>(self, _tables: &Self::Tables, a: Self::V) -> Self::V {
        a
    }

    #[inline(always)]
    fn load(self, from: &[u8]) -> Self::V {
        let from: &[u8; 16] = from[..16].try_into().expect("16 bytes");
        // SAFETY: unaligned load of an array of 16 bytes; `self` is the proof of the instruction.
        unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, to: &mut [u8], a: Self::V) {
        let to: &mut [u8; 16] = (&mut to[..16]).try_into().expect("16 bytes");
        // SAFETY: unaligned store to an array of 16 bytes; `self` is the proof of the instruction.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), a) }
    }

    #[inline(always)]
    fn load_high(self, from: &[u8]) -> Self::V {
        let from: &[u8; 8] = from[..8].try_into().expect("8 bytes");
        // SAFETY: unaligned load of an array of 8 bytes; `self` is the proof of the instructions.
        unsafe { _mm_unpacklo_epi8(_mm_setzero_si128(), _mm_loadl_epi64(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn store_apart<const P: usize>(self, tables: &Self::Tables, even: &mut [u8], odd: &mut [u8], a: Self::V) {
        let even: &mut [u8; 8] = (&mut even[..8]).try_into().expect("8 bytes");
        let odd: &mut [u8; 8] = (&mut odd[..8]).try_into().expect("8 bytes");
        let apart = tables.unzip(self, a);
        // SAFETY: unaligned stores to arrays of 8 bytes; `self` is the proof of the instructions.
        unsafe {
            _mm_storel_epi64(even.as_mut_ptr().cast(), apart);
            _mm_storel_epi64(odd.as_mut_ptr().cast(), _mm_unpackhi_epi64(apart, apart));
        }
    }

    #[inline(always)]
    fn blend16(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm_blend_epi16::<0b1010_1010>(a, b) }
    }

    shifts! {
        __m128i:
        shl16 = _mm_sll_epi16,
        shr16 = _mm_srl_epi16,
        sar16 = _mm_sra_epi16,
        shr32 = _mm_srl_epi32,
    }

    picks! { __m128i: _mm_shuffle_ps, _mm_castsi128_ps, _mm_castps_si128 }

    splats! {
        __m128i:
        splat16(i16) = _mm_set1_epi16,
        splat32(i32) = _mm_set1_epi32,
        splat64(i64) = _mm_set1_epi64x,
    }

    instructions! {
        __m128i:
        and = _mm_and_si128,
        xor = _mm_xor_si128,
        add16 = _mm_add_epi16,
        add32 = _mm_add_epi32,
        mulhrs16 = _mm_mulhrs_epi16,
        maddubs = _mm_maddubs_epi16,
        madd16 = _mm_madd_epi16,
        packus16 = _mm_packus_epi16,
        packs16 = _mm_packs_epi16,
        packs32 = _mm_packs_epi32,
    }
}

impl Lanes for Sse41 {
    #[inline(always)]
    fn load_lanes(self, from: &[u8], at: usize, _step: usize) -> Self::V {
        self.load(&from[at..at + 16])
    }

    #[inline(always)]
    fn store_lanes3(self, to: &mut [u8], [a, b, c]: [Self::V; 3]) {
        self.store(&mut to[..16], a);
        self.store(&mut to[16..32], b);
        self.store(&mut to[32..48], c);
    }

    #[inline(always)]
    fn store_lanes4(self, to: &mut [u8], [a, b, c, d]: [Self::V; 4]) {
        self.store_lanes3(to, [a, b, c]);
        self.store(&mut to[48..64], d);
    }

    #[inline(always)]
    fn lanes(self, value: &[u8; 16]) -> Self::V {
        self.load(value)
    }

    #[inline(always)]
    fn choose16(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm_blend_epi16::<0b0010_0100>(_mm_blend_epi16::<0b1001_0010>(a, b), c) }
    }

    instructions! {
        __m128i:
        unpacklo8 = _mm_unpacklo_epi8,
        unpackhi8 = _mm_unpackhi_epi8,
        unpacklo16 = _mm_unpacklo_epi16,
        unpackhi16 = _mm_unpackhi_epi16,
        unpacklo32 = _mm_unpacklo_epi32,
        unpackhi32 = _mm_unpackhi_epi32,
        shuffle = _mm_shuffle_epi8,
    }
}
