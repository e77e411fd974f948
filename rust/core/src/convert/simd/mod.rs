//! Vector levels. The kernels are written once, over [`Simd`]; an instruction set implements its operations.
//!
//! Even and odd pixels are worked on apart, as the lower and the upper bytes of 16-bit elements: no shuffle is
//! needed for that, and both have the same chroma. What packs them again stays within lanes of 16 bytes in
//! AVX2 and AVX-512; weaving channels into pixels has to shuffle anyway and puts that right in passing. Each
//! instruction set weaves in its own best way.

mod avx2;
mod avx512;
mod kernels;
mod lanes;
mod sse41;

pub(crate) use kernels::Vector;

/// The operations of an instruction set. A value of an implementing type is the proof that the CPU has it.
///
/// Names ending in 8 and 16 treat a vector as elements of so many bits. A pixel's channels are three vectors
/// of bytes, in the order of memory.
pub(crate) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Bytes in a vector.
    const BYTES: usize;
    /// Constants for weaving.
    type Weave: Copy;

    /// The constants for the four below.
    fn weave(self) -> Self::Weave;
    /// `BYTES` pixels of three bytes.
    fn load3(self, weave: &Self::Weave, from: &[u8]) -> [Self::V; 3];
    /// [`Simd::load3`] backwards, but of each lane of 16 pixels the even ones come first, then the odd ones.
    fn store3(self, weave: &Self::Weave, to: &mut [u8], channels: [Self::V; 3]);
    /// `BYTES` pixels of four bytes, without the fourth.
    fn load4(self, weave: &Self::Weave, from: &[u8]) -> [Self::V; 3];
    /// As [`Simd::store3`], with a fourth byte of 255.
    fn store4(self, weave: &Self::Weave, to: &mut [u8], channels: [Self::V; 3]);

    /// The first `BYTES` bytes.
    fn load(self, from: &[u8]) -> Self::V;
    /// Into the first `BYTES` bytes.
    fn store(self, to: &mut [u8], a: Self::V);
    /// The first `BYTES / 2` bytes, each in the upper half of a 16-bit element, zero below.
    fn load_high(self, from: &[u8]) -> Self::V;
    /// Two vectors of 16-bit elements in `0..=255`, as `BYTES / 2` bytes each.
    fn store_packed(self, to_a: &mut [u8], to_b: &mut [u8], a: Self::V, b: Self::V);

    /// All elements the same.
    fn splat16(self, value: i16) -> Self::V;
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    fn add16(self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed, saturating.
    fn adds16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `(a * b + 2^14) >> 15`, signed.
    fn mulhrs16(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a[2i] * b[2i] + a[2i + 1] * b[2i + 1]`, of unsigned by signed bytes.
    fn maddubs(self, a: Self::V, b: Self::V) -> Self::V;
    fn shl16<const N: u32>(self, a: Self::V) -> Self::V;
    fn shr16<const N: u32>(self, a: Self::V) -> Self::V;
    /// Signed 16-bit elements to unsigned bytes, saturating: of each lane, `a` then `b`.
    fn packus16(self, a: Self::V, b: Self::V) -> Self::V;
}
