//! The operations of SSE4.1.

use super::Simd;
use super::lanes::{Lanes, Weave};
use crate::level::Sse41;
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

impl Simd for Sse41 {
    type V = __m128i;
    const BYTES: usize = 16;
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
    fn store_packed(self, to_a: &mut [u8], to_b: &mut [u8], a: Self::V, b: Self::V) {
        let to_a: &mut [u8; 8] = (&mut to_a[..8]).try_into().expect("8 bytes");
        let to_b: &mut [u8; 8] = (&mut to_b[..8]).try_into().expect("8 bytes");
        let packed = self.packus16(a, b);
        // SAFETY: unaligned stores to arrays of 8 bytes; `self` is the proof of the instructions.
        unsafe {
            _mm_storel_epi64(to_a.as_mut_ptr().cast(), packed);
            _mm_storel_epi64(to_b.as_mut_ptr().cast(), _mm_unpackhi_epi64(packed, packed));
        }
    }

    #[inline(always)]
    fn splat16(self, value: i16) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm_set1_epi16(value) }
    }

    instructions! {
        and = _mm_and_si128,
        or = _mm_or_si128,
        xor = _mm_xor_si128,
        add16 = _mm_add_epi16,
        adds16 = _mm_adds_epi16,
        mulhrs16 = _mm_mulhrs_epi16,
        maddubs = _mm_maddubs_epi16,
        packus16 = _mm_packus_epi16,
    }

    shifts! {
        shl16 = _mm_sll_epi16,
        shr16 = _mm_srl_epi16,
    }
}

impl Lanes for Sse41 {
    #[inline(always)]
    fn load_lanes(self, from: &[u8], at: usize, _step: usize) -> Self::V {
        self.load(&from[at..])
    }

    #[inline(always)]
    fn store_lanes(self, to: &mut [u8], at: usize, _step: usize, a: Self::V) {
        self.store(&mut to[at..], a);
    }

    #[inline(always)]
    fn lanes(self, value: &[u8; 16]) -> Self::V {
        self.load(value)
    }

    #[inline(always)]
    fn blend(self, a: Self::V, b: Self::V, mask: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm_blendv_epi8(a, b, mask) }
    }

    instructions! {
        unpacklo8 = _mm_unpacklo_epi8,
        unpackhi8 = _mm_unpackhi_epi8,
        unpacklo16 = _mm_unpacklo_epi16,
        unpackhi16 = _mm_unpackhi_epi16,
        unpacklo32 = _mm_unpacklo_epi32,
        unpackhi32 = _mm_unpackhi_epi32,
        unpacklo64 = _mm_unpacklo_epi64,
        unpackhi64 = _mm_unpackhi_epi64,
        shuffle = _mm_shuffle_epi8,
    }
}
