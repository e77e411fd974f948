//! The operations of AVX2.

use super::lanes::{Lanes, Tables, weave_by_lanes};
use super::ops::{Simd, instructions, picks, shifts, splats};
use crate::kernels::windows::Windows;
use crate::level::Avx2;
use std::arch::x86_64::*;

impl Simd for Avx2 {
    type V = __m256i;
    const BYTES: usize = 32;
    weave_by_lanes!();

    #[inline(always)]
    fn sort<const P: usize>(self, _tables: &Self::Tables, a: Self::V) -> Self::V {
        if P == 3 {
            return a;
        }
        // Even fours of pixels are in the first lane, odd ones in the second.
        // SAFETY: `self` is the proof that the CPU has the instructions.
        unsafe { _mm256_permutevar8x32_epi32(a, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)) }
    }

    #[inline(always)]
    fn load(self, from: &[u8]) -> Self::V {
        let from: &[u8; 32] = from[..32].try_into().expect("32 bytes");
        // SAFETY: unaligned load of an array of 32 bytes; `self` is the proof of the instruction.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, to: &mut [u8], a: Self::V) {
        let to: &mut [u8; 32] = (&mut to[..32]).try_into().expect("32 bytes");
        // SAFETY: unaligned store to an array of 32 bytes; `self` is the proof of the instruction.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), a) }
    }

    #[inline(always)]
    fn load_high(self, from: &[u8]) -> Self::V {
        let from: &[u8; 16] = from[..16].try_into().expect("16 bytes");
        // SAFETY: unaligned load of an array of 16 bytes; `self` is the proof of the instructions.
        unsafe {
            let both = _mm256_broadcastsi128_si256(_mm_loadu_si128(from.as_ptr().cast()));
            // Bytes 0 to 7 in the first lane, 8 to 15 in the second.
            let high = _mm256_setr_epi64x(
                0x0380_0280_0180_0080,
                0x0780_0680_0580_0480,
                0x0b80_0a80_0980_0880,
                0x0f80_0e80_0d80_0c80,
            );
            _mm256_shuffle_epi8(both, high)
        }
    }

    #[inline(always)]
    fn store_apart<const P: usize>(self, tables: &Self::Tables, even: &mut [u8], odd: &mut [u8], a: Self::V) {
        let even: &mut [u8; 16] = (&mut even[..16]).try_into().expect("16 bytes");
        let odd: &mut [u8; 16] = (&mut odd[..16]).try_into().expect("16 bytes");
        // SAFETY: unaligned stores to arrays of 16 bytes; `self` is the proof of the instructions.
        unsafe {
            let apart = tables.unzip(self, a);
            let (first, second) = (_mm256_castsi256_si128(apart), _mm256_extracti128_si256::<1>(apart));
            // The lanes' pairs of bytes stand in turn, or one lane's after the other's: see `sort`.
            let (evens, odds) = if P == 3 {
                (_mm_unpacklo_epi64(first, second), _mm_unpackhi_epi64(first, second))
            } else {
                (_mm_unpacklo_epi16(first, second), _mm_unpackhi_epi16(first, second))
            };
            _mm_storeu_si128(even.as_mut_ptr().cast(), evens);
            _mm_storeu_si128(odd.as_mut_ptr().cast(), odds);
        }
    }

    #[inline(always)]
    fn blend16(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_blend_epi16::<0b1010_1010>(a, b) }
    }

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        windows.weigh::<PAIRS>(self, row, out);
    }

    shifts! {
        __m256i:
        shl16 = _mm256_sll_epi16,
        shr16 = _mm256_srl_epi16,
        sar16 = _mm256_sra_epi16,
        shr32 = _mm256_srl_epi32,
    }

    picks! { __m256i: _mm256_shuffle_ps, _mm256_castsi256_ps, _mm256_castps_si256 }

    splats! {
        __m256i:
        splat16(i16) = _mm256_set1_epi16,
        splat32(i32) = _mm256_set1_epi32,
        splat64(i64) = _mm256_set1_epi64x,
    }

    instructions! {
        __m256i:
        and = _mm256_and_si256,
        xor = _mm256_xor_si256,
        add16 = _mm256_add_epi16,
        add32 = _mm256_add_epi32,
        mulhrs16 = _mm256_mulhrs_epi16,
        maddubs = _mm256_maddubs_epi16,
        madd16 = _mm256_madd_epi16,
        packus16 = _mm256_packus_epi16,
        packs16 = _mm256_packs_epi16,
        packs32 = _mm256_packs_epi32,
    }
}

impl Avx2 {
    /// The first lanes of `a` and `b`.
    #[inline(always)]
    fn first(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_permute2x128_si256::<0x20>(a, b) }
    }

    /// The second lanes of `a` and `b`.
    #[inline(always)]
    fn second(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_permute2x128_si256::<0x31>(a, b) }
    }
}

impl Lanes for Avx2 {
    #[inline(always)]
    fn load_lanes(self, from: &[u8], at: usize, step: usize) -> Self::V {
        let low: &[u8; 16] = from[at..at + 16].try_into().expect("16 bytes");
        let high: &[u8; 16] = from[at + step..at + step + 16].try_into().expect("16 bytes");
        // SAFETY: unaligned loads of arrays of 16 bytes; `self` is the proof of the instructions.
        unsafe { _mm256_loadu2_m128i(high.as_ptr().cast(), low.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_lanes3(self, to: &mut [u8], [a, b, c]: [Self::V; 3]) {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        let middle = unsafe { _mm256_blend_epi32::<0b1111_0000>(c, a) };
        self.store(&mut to[..32], self.first(a, b));
        self.store(&mut to[32..64], middle);
        self.store(&mut to[64..96], self.second(b, c));
    }

    #[inline(always)]
    fn store_lanes4(self, to: &mut [u8], [a, b, c, d]: [Self::V; 4]) {
        self.store(&mut to[..32], self.first(a, b));
        self.store(&mut to[32..64], self.first(c, d));
        self.store(&mut to[64..96], self.second(a, b));
        self.store(&mut to[96..128], self.second(c, d));
    }

    #[inline(always)]
    fn lanes(self, value: &[u8; 16]) -> Self::V {
        // SAFETY: unaligned load of an array of 16 bytes; `self` is the proof of the instructions.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(value.as_ptr().cast())) }
    }

    #[inline(always)]
    fn choose16(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_blend_epi16::<0b0010_0100>(_mm256_blend_epi16::<0b1001_0010>(a, b), c) }
    }

    instructions! {
        __m256i:
        unpacklo8 = _mm256_unpacklo_epi8,
        unpackhi8 = _mm256_unpackhi_epi8,
        unpacklo16 = _mm256_unpacklo_epi16,
        unpackhi16 = _mm256_unpackhi_epi16,
        unpacklo32 = _mm256_unpacklo_epi32,
        unpackhi32 = _mm256_unpackhi_epi32,
        shuffle = _mm256_shuffle_epi8,
    }
}
