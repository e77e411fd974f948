//! Vector levels. The kernels are written once, over [`Simd`]; an instruction set implements its operations.
//!
//! A vector is one or more lanes of 16 bytes. As in AVX2, packing, unpacking and shuffling stay within a
//! lane; [`Simd::load_lanes`] and [`Simd::store_lanes`] put consecutive pixels where that is harmless.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod kernels;
#[cfg(target_arch = "x86_64")]
mod sse41;

#[cfg(target_arch = "x86_64")]
pub(crate) use kernels::Vector;

/// The operations of an instruction set. A value of an implementing type is the proof that the CPU has it.
///
/// Names ending in 8, 16, 32 and 64 treat a vector as elements of so many bits.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "no implementation on this architecture"))]
pub(crate) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Bytes in a vector.
    const BYTES: usize;

    /// The first `BYTES` bytes.
    fn load(self, from: &[u8]) -> Self::V;
    /// Into the first `BYTES` bytes.
    fn store(self, to: &mut [u8], a: Self::V);
    /// Lane `i` from `from[at + i * step..]`.
    fn load_lanes(self, from: &[u8], at: usize, step: usize) -> Self::V;
    /// Lane `i` to `to[at + i * step..]`.
    fn store_lanes(self, to: &mut [u8], at: usize, step: usize, a: Self::V);
    /// The first `BYTES / 2` bytes, each in the upper half of a 16-bit element, zero below.
    fn load_high(self, from: &[u8]) -> Self::V;
    /// Two vectors of 16-bit elements in `0..=255`, as `BYTES / 2` bytes each.
    fn store_packed(self, to_a: &mut [u8], to_b: &mut [u8], a: Self::V, b: Self::V);

    /// All elements the same.
    fn splat16(self, value: i16) -> Self::V;
    /// All lanes the same.
    fn lanes(self, value: &[u8; 16]) -> Self::V;

    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    fn add16(self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed, saturating.
    fn adds16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `(a * b) >> 16`, unsigned.
    fn mulhi_u16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `(a * b + 2^14) >> 15`, signed.
    fn mulhrs16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a[2i] * b[2i] + a[2i + 1] * b[2i + 1]`, of unsigned by signed bytes.
    fn maddubs(self, a: Self::V, b: Self::V) -> Self::V;
    fn shl16<const N: i32>(self, a: Self::V) -> Self::V;
    fn shr16<const N: i32>(self, a: Self::V) -> Self::V;
    /// Shifts the sign in.
    fn sar16<const N: i32>(self, a: Self::V) -> Self::V;
    /// Signed 16-bit elements to unsigned bytes, saturating: of each lane, `a` then `b`.
    fn packus16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo8(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi8(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo32(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi32(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo64(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi64(self, a: Self::V, b: Self::V) -> Self::V;
    /// Of each lane, the bytes that `table` names.
    fn shuffle(self, a: Self::V, table: Self::V) -> Self::V;
    /// Bytes of `b` where `mask` has its top bit set, else of `a`.
    fn blend(self, a: Self::V, b: Self::V, mask: Self::V) -> Self::V;
}
