//! Samples of scaled rows, where a permutation picks from a window of eight numbers.

use crate::kernels::rows::ROUND;
use crate::kernels::windows::{Group, Weigh, Window};
use crate::level::Avx2;
use std::arch::x86_64::*;

impl Weigh for Avx2 {
    #[inline(always)]
    fn two<const PAIRS: usize>(
        self,
        groups: &[Group; 2],
        weights: &[[Window; PAIRS]; 2],
        step: usize,
        row: &[f32],
    ) -> [u8; 8] {
        let first = sums(self, &groups[0], &weights[0], step, row);
        rounded(self, first, sums(self, &groups[1], &weights[1], step, row))
    }
}

/// Of each sample, the sums of its even and of its odd taps.
#[inline(always)]
fn sums<const PAIRS: usize>(
    _proof: Avx2,
    group: &Group,
    weights: &[Window; PAIRS],
    step: usize,
    row: &[f32],
) -> __m256 {
    // SAFETY: `_proof` is that of the instructions; unaligned loads of arrays of eight.
    unsafe {
        let index = _mm256_loadu_si256(group.index.as_ptr().cast());
        let mut sums = weighed(index, group.window(row, 0, step), &weights[0]);
        for (pair, weights) in weights.iter().enumerate().skip(1) {
            sums = _mm256_add_ps(sums, weighed(index, group.window(row, pair, step), weights));
        }
        sums
    }
}

/// What `index` names of the window, times the weights.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
unsafe fn weighed(index: __m256i, window: &Window, weights: &Window) -> __m256 {
    // SAFETY: the caller's promise; unaligned loads of arrays of eight.
    unsafe {
        let taken = _mm256_permutevar8x32_ps(_mm256_loadu_ps(window.as_ptr()), index);
        _mm256_mul_ps(taken, _mm256_loadu_ps(weights.as_ptr()))
    }
}

/// The sums of even and odd taps of two groups, added and rounded: four bytes of each.
#[inline(always)]
fn rounded(_proof: Avx2, first: __m256, second: __m256) -> [u8; 8] {
    let mut bytes = [0; 8];
    // SAFETY: `_proof` is that of the instructions; the store is of eight bytes.
    unsafe {
        let even = _mm256_shuffle_ps::<0b10_00_10_00>(first, second);
        let odd = _mm256_shuffle_ps::<0b11_01_11_01>(first, second);
        let sums = _mm256_add_ps(_mm256_add_ps(even, odd), _mm256_set1_ps(ROUND));
        // Of each lane two samples of the first group, then two of the second; the low byte of each.
        let low = _mm256_set1_epi32(0x0c08_0400);
        let sums = _mm256_shuffle_epi8(_mm256_castps_si256(sums), low);
        let (a, b) = (_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        _mm_storel_epi64(bytes.as_mut_ptr().cast(), _mm_unpacklo_epi16(a, b));
    }
    bytes
}
