//! The operations of AVX2.

use super::lanes::{Lanes, Tables};
use super::ops::{Simd, instructions, splats};
use super::weigh;
use crate::kernels::windows::Windows;
use crate::level::Avx2;
use std::arch::x86_64::*;

impl Simd for Avx2 {
    type V = __m256i;
    const BYTES: usize = 32;
    type Tables = Tables<Self>;

    #[inline(always)]
    fn tables(self) -> Self::Tables {
        Tables::new(self)
    }

    #[inline(always)]
    fn store3(self, tables: &Self::Tables, to: &mut [u8], channels: [[Self::V; 2]; 3]) {
        tables.store3(self, to, channels);
    }

    #[inline(always)]
    fn store4(self, tables: &Self::Tables, to: &mut [u8], channels: [[Self::V; 2]; 3]) {
        tables.store4(self, to, channels);
    }

    #[inline(always)]
    fn quads<const P: usize>(self, tables: &Self::Tables, from: &[u8]) -> [Self::V; 4] {
        if P == 3 { tables.quads3(self, from) } else { tables.quads4(self, from) }
    }

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
        unsafe { _mm256_slli_epi16::<8>(_mm256_cvtepu8_epi16(_mm_loadu_si128(from.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_apart(self, tables: &Self::Tables, even: &mut [u8], odd: &mut [u8], a: Self::V) {
        let even: &mut [u8; 16] = (&mut even[..16]).try_into().expect("16 bytes");
        let odd: &mut [u8; 16] = (&mut odd[..16]).try_into().expect("16 bytes");
        // SAFETY: unaligned stores to arrays of 16 bytes; `self` is the proof of the instructions.
        unsafe {
            let apart = _mm256_permute4x64_epi64::<0b11_01_10_00>(tables.unzip(self, a));
            _mm_storeu_si128(even.as_mut_ptr().cast(), _mm256_castsi256_si128(apart));
            _mm_storeu_si128(odd.as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(apart));
        }
    }

    #[inline(always)]
    fn shl16<const N: u32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_sll_epi16(a, _mm_cvtsi32_si128(N as i32)) }
    }

    #[inline(always)]
    fn shr16<const N: u32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_srl_epi16(a, _mm_cvtsi32_si128(N as i32)) }
    }

    #[inline(always)]
    fn sar16<const N: u32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_sra_epi16(a, _mm_cvtsi32_si128(N as i32)) }
    }

    #[inline(always)]
    fn shr32<const N: u32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_srl_epi32(a, _mm_cvtsi32_si128(N as i32)) }
    }

    #[inline(always)]
    fn blend16(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe { _mm256_blend_epi16::<0b1010_1010>(a, b) }
    }

    #[inline(always)]
    fn even32(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe {
            _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(
                _mm256_castsi256_ps(a),
                _mm256_castsi256_ps(b),
            ))
        }
    }

    #[inline(always)]
    fn odd32(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` is the proof that the CPU has the instruction.
        unsafe {
            _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(
                _mm256_castsi256_ps(a),
                _mm256_castsi256_ps(b),
            ))
        }
    }

    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        weigh::weigh::<PAIRS>(self, windows, row, out);
    }

    splats! {
        splat16(i16) = _mm256_set1_epi16,
        splat32(i32) = _mm256_set1_epi32,
        splat64(i64) = _mm256_set1_epi64x,
    }

    instructions! {
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
        unpacklo8 = _mm256_unpacklo_epi8,
        unpackhi8 = _mm256_unpackhi_epi8,
        unpacklo16 = _mm256_unpacklo_epi16,
        unpackhi16 = _mm256_unpackhi_epi16,
        unpacklo32 = _mm256_unpacklo_epi32,
        unpackhi32 = _mm256_unpackhi_epi32,
        shuffle = _mm256_shuffle_epi8,
    }
}
