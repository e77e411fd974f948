//! The operations of AVX2.

use super::Simd;
use super::lanes::{Lanes, Weave};
use crate::level::Avx2;
use std::arch::x86_64::*;

/// Methods that are one register-only instruction.
macro_rules! instructions {
    ($($name:ident = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name(self, a: Self::V, b: Self::V) -> Self::V {
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
            unsafe { $intrinsic(a, _mm_cvtsi32_si128(N as i32)) }
        }
    )*};
}

impl Simd for Avx2 {
    type V = __m256i;
    const BYTES: usize = 32;
    type Weave = Weave<Self>;

    #[inline(always)]
    fn weave(self) -> Self::Weave {
        Weave::new(self)
    }

    #[inline(always)]
    fn load3(self, weave: &Self::Weave, from: &[u8]) -> [Self::V; 3] {
        weave.load3(self, from)
    }

    #[inline(always)]
    fn store3(self, weave: &Self::Weave, to: &mut [u8], channels: [Self::V; 3]) {
        weave.store3(self, to, channels);
    }

    #[inline(always)]
    fn load4(self, weave: &Self::Weave, from: &[u8]) -> [Self::V; 3] {
        weave.load4(self, from)
    }

    #[inline(always)]
    fn store4(self, weave: &Self::Weave, to: &mut [u8], channels: [Self::V; 3]) {
        weave.store4(self, to, channels);
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
        unsafe { _mm256_slli_epi16::<8>(_mm256_cvtepu8_epi16(_mm_loadu_si128(from.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_packed(self, to_a: &mut [u8], to_b: &mut [u8], a: Self::V, b: Self::V) {
        // Of each lane `a` then `b`; bring the two halves of each together.
        let packed = self.packus16(a, b);
        // SAFETY: `self` is the proof of the instructions.
        let (a, b) = unsafe {
            let sorted = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
            (_mm256_castsi256_si128(sorted), _mm256_extracti128_si256::<1>(sorted))
        };
        for (to, half) in [(to_a, a), (to_b, b)] {
            let to: &mut [u8; 16] = (&mut to[..16]).try_into().expect("16 bytes");
            // SAFETY: unaligned store to an array of 16 bytes; `self` is the proof of the instruction.
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), half) }
        }
    }

    #[inline(always)]
    fn splat16(self, value: i16) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_set1_epi16(value) }
    }

    instructions! {
        and = _mm256_and_si256,
        or = _mm256_or_si256,
        xor = _mm256_xor_si256,
        add16 = _mm256_add_epi16,
        adds16 = _mm256_adds_epi16,
        mulhrs16 = _mm256_mulhrs_epi16,
        maddubs = _mm256_maddubs_epi16,
        packus16 = _mm256_packus_epi16,
    }

    shifts! {
        shl16 = _mm256_sll_epi16,
        shr16 = _mm256_srl_epi16,
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
    fn store_lanes(self, to: &mut [u8], at: usize, step: usize, a: Self::V) {
        // SAFETY: `self` is the proof of the instructions.
        let (low, high) = unsafe { (_mm256_castsi256_si128(a), _mm256_extracti128_si256::<1>(a)) };
        for (at, half) in [(at, low), (at + step, high)] {
            let to: &mut [u8; 16] = (&mut to[at..at + 16]).try_into().expect("16 bytes");
            // SAFETY: unaligned store to an array of 16 bytes; `self` is the proof of the instruction.
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), half) }
        }
    }

    #[inline(always)]
    fn lanes(self, value: &[u8; 16]) -> Self::V {
        // SAFETY: unaligned load of an array of 16 bytes; `self` is the proof of the instructions.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(value.as_ptr().cast())) }
    }

    #[inline(always)]
    fn blend(self, a: Self::V, b: Self::V, mask: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_blendv_epi8(a, b, mask) }
    }

    instructions! {
        unpacklo8 = _mm256_unpacklo_epi8,
        unpackhi8 = _mm256_unpackhi_epi8,
        unpacklo16 = _mm256_unpacklo_epi16,
        unpackhi16 = _mm256_unpackhi_epi16,
        unpacklo32 = _mm256_unpacklo_epi32,
        unpackhi32 = _mm256_unpackhi_epi32,
        unpacklo64 = _mm256_unpacklo_epi64,
        unpackhi64 = _mm256_unpackhi_epi64,
        shuffle = _mm256_shuffle_epi8,
    }
}
