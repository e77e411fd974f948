//! The operations of an instruction set that the kernels are made of.

use crate::kernels::scalar::Scalar;
use crate::kernels::windows::Windows;

/// A value of an implementing type is the proof that the CPU has the instructions.
///
/// Names end in the bits of the elements that a vector is treated as. A lane is 16 bytes; "of each lane" means
/// that nothing crosses from one into another.
pub(crate) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Bytes in a vector.
    const BYTES: usize;
    /// Constants for shuffling.
    type Tables: Copy;

    /// The constants.
    fn tables(self) -> Self::Tables;

    /// Weaves three channels into `BYTES` pixels of three bytes. A channel is given as 16-bit elements of even and
    /// of odd pixels, which saturate.
    fn store3(self, tables: &Self::Tables, to: &mut [u8], channels: [[Self::V; 2]; 3]);
    /// As [`Simd::store3`], with a fourth byte of 255.
    fn store4(self, tables: &Self::Tables, to: &mut [u8], channels: [[Self::V; 2]; 3]);

    /// `BYTES` pixels of `P` bytes as four vectors of quads: for two pixels, the first channel and green of each,
    /// then the last channel and green of each. Which pixels are in which lane, [`Simd::sort`] knows.
    fn quads<const P: usize>(self, tables: &Self::Tables, from: &[u8]) -> [Self::V; 4];
    /// In the order of pixels, what each lane has as four bytes of each of the four vectors of [`Simd::quads`].
    fn sort<const P: usize>(self, tables: &Self::Tables, a: Self::V) -> Self::V;

    /// The first `BYTES` bytes.
    fn load(self, from: &[u8]) -> Self::V;
    /// Into the first `BYTES` bytes.
    fn store(self, to: &mut [u8], a: Self::V);
    /// The first `BYTES / 2` bytes, each in the upper half of a 16-bit element, zero below.
    fn load_high(self, from: &[u8]) -> Self::V;
    /// Even and odd bytes, `BYTES / 2` each, in the order of [`Simd::sort`].
    fn store_apart<const P: usize>(self, tables: &Self::Tables, even: &mut [u8], odd: &mut [u8], a: Self::V);

    /// All elements the same.
    fn splat16(self, value: i16) -> Self::V;
    /// All elements the same.
    fn splat32(self, value: i32) -> Self::V;
    /// All elements the same.
    fn splat64(self, value: i64) -> Self::V;
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    fn add16(self, a: Self::V, b: Self::V) -> Self::V;
    fn add32(self, a: Self::V, b: Self::V) -> Self::V;
    /// `(a * b + 2^14) >> 15`, signed.
    fn mulhrs16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a[2i] * b[2i] + a[2i + 1] * b[2i + 1]`, of unsigned by signed bytes to 16 bits.
    fn maddubs(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a[2i] * b[2i] + a[2i + 1] * b[2i + 1]`, signed, of 16 bits to 32.
    fn madd16(self, a: Self::V, b: Self::V) -> Self::V;
    fn shl16<const N: u32>(self, a: Self::V) -> Self::V;
    fn shr16<const N: u32>(self, a: Self::V) -> Self::V;
    /// Signed.
    fn sar16<const N: u32>(self, a: Self::V) -> Self::V;
    fn shr32<const N: u32>(self, a: Self::V) -> Self::V;
    /// Signed 16-bit elements to unsigned bytes, saturating: of each lane, `a` then `b`.
    fn packus16(self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed 16-bit elements to signed bytes, saturating: of each lane, `a` then `b`.
    fn packs16(self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed 32-bit elements to 16 bits, saturating: of each lane, `a` then `b`.
    fn packs32(self, a: Self::V, b: Self::V) -> Self::V;
    /// Even elements of `a` and odd elements of `b`.
    fn blend16(self, a: Self::V, b: Self::V) -> Self::V;
    /// Of each lane, elements 0 and 2 of `a`, then those of `b`.
    fn even32(self, a: Self::V, b: Self::V) -> Self::V;
    /// Of each lane, elements 1 and 3 of `a`, then those of `b`.
    fn odd32(self, a: Self::V, b: Self::V) -> Self::V;

    /// [`Windows::weigh`].
    #[inline(always)]
    fn weigh<const PAIRS: usize>(self, windows: &Windows, row: &[f32], out: &mut [u8]) {
        windows.weigh::<PAIRS>(Scalar, row, out);
    }
}

/// Methods that are one instruction on two vectors.
macro_rules! instructions {
    ($v:ty: $($name:ident = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name(self, a: $v, b: $v) -> $v {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $intrinsic(a, b) }
        }
    )*};
}

/// Methods that shift elements by a constant, with an intrinsic that takes it as a vector.
macro_rules! shifts {
    ($v:ty: $($name:ident = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name<const N: u32>(self, a: $v) -> $v {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $intrinsic(a, _mm_cvtsi32_si128(N as i32)) }
        }
    )*};
}

/// Methods that shift elements by a constant, with an intrinsic that takes it as one.
macro_rules! const_shifts {
    ($v:ty: $($name:ident = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name<const N: u32>(self, a: $v) -> $v {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $intrinsic::<N>(a) }
        }
    )*};
}

/// Methods that fill a vector with one value.
macro_rules! splats {
    ($v:ty: $($name:ident($element:ty) = $intrinsic:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $name(self, value: $element) -> $v {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $intrinsic(value) }
        }
    )*};
}

/// Methods that are an instruction for floats, of which each takes two elements of either vector.
macro_rules! picks {
    ($v:ty: $shuffle:ident, $from:ident, $to:ident) => {
        #[inline(always)]
        fn even32(self, a: $v, b: $v) -> $v {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $to($shuffle::<0b10_00_10_00>($from(a), $from(b))) }
        }

        #[inline(always)]
        fn odd32(self, a: $v, b: $v) -> $v {
            // SAFETY: `self` is the proof that the CPU has the instruction.
            unsafe { $to($shuffle::<0b11_01_11_01>($from(a), $from(b))) }
        }
    };
}

pub(super) use {const_shifts, instructions, picks, shifts, splats};
