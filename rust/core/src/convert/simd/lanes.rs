//! Weaving where shuffles stay within lanes of 16 bytes: SSE4.1 has one lane, AVX2 two.
//!
//! Lane `i` takes the pixels from `16 * i` on, so that each lane does what a vector of 16 bytes would.

use super::Simd;

/// What weaving by lanes needs beyond [`Simd`].
pub(crate) trait Lanes: Simd {
    /// Lane `i` from `from[at + i * step..]`.
    fn load_lanes(self, from: &[u8], at: usize, step: usize) -> Self::V;
    /// Lane `i` to `to[at + i * step..]`.
    fn store_lanes(self, to: &mut [u8], at: usize, step: usize, a: Self::V);
    /// All lanes the same.
    fn lanes(self, value: &[u8; 16]) -> Self::V;
    /// Of each lane, the bytes that `table` names.
    fn shuffle(self, a: Self::V, table: Self::V) -> Self::V;
    /// Bytes of `b` where `mask` has its top bit set, else of `a`.
    fn blend(self, a: Self::V, b: Self::V, mask: Self::V) -> Self::V;
    fn unpacklo8(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi8(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo32(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi32(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo64(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi64(self, a: Self::V, b: Self::V) -> Self::V;
}

/// How pixels are woven from channels and taken apart, lane by lane.
///
/// Sixteen pixels of three bytes fill three lanes; byte `i` of channel `c` stands at `3 * i + c` of those 48.
///
/// Since 3 and 16 have no common factor, the positions `(3 * i + c) % 16` of one channel are all different:
/// one shuffle brings every byte of a channel to its place within a lane, and what is left is to choose,
/// byte by byte, from which of the three vectors each lane takes it.
#[derive(Clone, Copy)]
pub(crate) struct Weave<S: Lanes> {
    place: [S::V; 3],
    unplace: [S::V; 3],
    /// Bytes of a first lane that belong to the second and to the third channel.
    second: S::V,
    third: S::V,
    /// Brings the channels of four pixels of four bytes side by side.
    group: S::V,
    /// Puts even and odd pixels in order.
    zip: S::V,
    opaque: S::V,
}

impl<S: Lanes> Weave<S> {
    #[inline(always)]
    pub fn new(s: S) -> Self {
        const TABLES: [[[u8; 16]; 3]; 3] = {
            let (mut place, mut unplace, mut owner) = ([[0; 16]; 3], [[0; 16]; 3], [[0; 16]; 3]);
            let mut c = 0;
            while c < 3 {
                let mut i = 0;
                while i < 16 {
                    let at = (3 * i + c) % 16;
                    // Even pixels stand in the lower half.
                    place[c][at] = (i % 2 * 8 + i / 2) as u8;
                    unplace[c][i] = at as u8;
                    owner[c][i] = if i % 3 == c { 0xff } else { 0 };
                    i += 1;
                }
                c += 1;
            }
            [place, unplace, owner]
        };
        let [place, unplace, owner] = TABLES;
        Self {
            place: [s.lanes(&place[0]), s.lanes(&place[1]), s.lanes(&place[2])],
            unplace: [s.lanes(&unplace[0]), s.lanes(&unplace[1]), s.lanes(&unplace[2])],
            second: s.lanes(&owner[1]),
            third: s.lanes(&owner[2]),
            group: s.lanes(&[0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]),
            zip: s.lanes(&[0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]),
            opaque: s.splat16(-1),
        }
    }

    /// Of each lane: bytes 0, 3, … of `a`, 1, 4, … of `b` and 2, 5, … of `c`.
    #[inline(always)]
    fn choose(&self, s: S, a: S::V, b: S::V, c: S::V) -> S::V {
        s.blend(s.blend(a, b, self.second), c, self.third)
    }

    /// Three channels to three vectors of pixels.
    ///
    /// 16 = 1 (mod 3): the second lane starts with the second channel, the third with the third.
    #[inline(always)]
    fn join(&self, s: S, a: S::V, b: S::V, c: S::V) -> [S::V; 3] {
        let (a, b, c) =
            (s.shuffle(a, self.place[0]), s.shuffle(b, self.place[1]), s.shuffle(c, self.place[2]));
        [self.choose(s, a, b, c), self.choose(s, b, c, a), self.choose(s, c, a, b)]
    }

    /// Three vectors of pixels to three channels: [`Weave::join`] backwards, but with pixels in order.
    #[inline(always)]
    fn split(&self, s: S, a: S::V, b: S::V, c: S::V) -> [S::V; 3] {
        let (first, second, third) =
            (self.choose(s, a, c, b), self.choose(s, b, a, c), self.choose(s, c, b, a));
        [
            s.shuffle(first, self.unplace[0]),
            s.shuffle(second, self.unplace[1]),
            s.shuffle(third, self.unplace[2]),
        ]
    }

    #[inline(always)]
    pub fn load3(&self, s: S, from: &[u8]) -> [S::V; 3] {
        let (a, b) = (s.load_lanes(from, 0, 48), s.load_lanes(from, 16, 48));
        self.split(s, a, b, s.load_lanes(from, 32, 48))
    }

    #[inline(always)]
    pub fn store3(&self, s: S, to: &mut [u8], [a, b, c]: [S::V; 3]) {
        let [first, second, third] = self.join(s, a, b, c);
        s.store_lanes(to, 0, 48, first);
        s.store_lanes(to, 16, 48, second);
        s.store_lanes(to, 32, 48, third);
    }

    #[inline(always)]
    pub fn load4(&self, s: S, from: &[u8]) -> [S::V; 3] {
        let a = s.shuffle(s.load_lanes(from, 0, 64), self.group);
        let b = s.shuffle(s.load_lanes(from, 16, 64), self.group);
        let c = s.shuffle(s.load_lanes(from, 32, 64), self.group);
        let d = s.shuffle(s.load_lanes(from, 48, 64), self.group);
        let (low, high) = (s.unpacklo32(a, b), s.unpacklo32(c, d));
        let third = s.unpacklo64(s.unpackhi32(a, b), s.unpackhi32(c, d));
        [s.unpacklo64(low, high), s.unpackhi64(low, high), third]
    }

    #[inline(always)]
    pub fn store4(&self, s: S, to: &mut [u8], [a, b, c]: [S::V; 3]) {
        let (a, b, c) = (s.shuffle(a, self.zip), s.shuffle(b, self.zip), s.shuffle(c, self.zip));
        let (ab, cd) = (s.unpacklo8(a, b), s.unpacklo8(c, self.opaque));
        s.store_lanes(to, 0, 64, s.unpacklo16(ab, cd));
        s.store_lanes(to, 16, 64, s.unpackhi16(ab, cd));
        let (ab, cd) = (s.unpackhi8(a, b), s.unpackhi8(c, self.opaque));
        s.store_lanes(to, 32, 64, s.unpacklo16(ab, cd));
        s.store_lanes(to, 48, 64, s.unpackhi16(ab, cd));
    }
}
